"""Routes: identity checks with the police."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.patients.index import service
from functions.patients.index.api.routing import LAST, Cursor, Limit, read_cursor, router
from functions.patients.index.schemas.checks import CheckView
from shared.command import command, query
from shared.schemas import Page
from shared.tx import Tx

Status = Annotated[str, Parameter(pattern="^(waiting|matched|mismatched|unknown|outdated)$")]


@router.post("/patients/{patient_id}/police-check", status_code=201)
@command("patients.index.write")
def check_identity(tx: Tx, patient_id: UUID) -> CheckView:
    """Ask the police whether name and number belong together (公安核验)."""
    return service.check_identity(tx, patient_id)  # type: ignore[return-value]


@router.get("/police-checks")
@query("patients.index.write")
def list_checks(tx: Tx, status: Status = "waiting", limit: Limit = 50, cursor: Cursor = None) -> Page[CheckView]:
    """Checks asked at this campus, latest first; those waiting are the list 待核验."""
    found = service.checks(tx, status, read_cursor(cursor, LAST), limit)
    return Page[CheckView](
        items=[CheckView.model_validate(one) for one in found],
        next=str(found[-1].check_id) if len(found) == limit else None,
    )
