"""Routes: record access, break-glass, confidentiality, who looked."""

from datetime import timedelta
from uuid import UUID

from functions.patients.index import service
from functions.patients.index.api.routing import (
    LAST,
    Cursor,
    Limit,
    moment_cursor,
    read_cursor,
    read_moment_cursor,
    router,
)
from functions.patients.index.schemas.care import (
    AccessLogEntry,
    BreakGlass,
    GrantView,
    OpeningView,
    ReviewOpening,
    SetConfidentiality,
)
from functions.patients.index.schemas.people import PatientView
from functions.patients.index.service import LogEntry
from shared.command import command, query
from shared.schemas import Page
from shared.tx import Tx


@router.post("/patients/{patient_id}/break-glass", status_code=201)
@command("patients.index.break_glass")
def break_glass(tx: Tx, patient_id: UUID, body: BreakGlass) -> OpeningView:
    """Open a person's records in an emergency (紧急调阅), after signing on anew."""
    return service.break_glass(tx, patient_id, body)


@router.get("/break-glass")
@query("patients.index.review_access")
def list_openings(tx: Tx, reviewed_too: bool = False, limit: Limit = 50, cursor: Cursor = None) -> Page[OpeningView]:
    """Emergency openings by staff of the acting campus, newest first."""
    found = service.openings(tx, reviewed_too=reviewed_too, before=read_cursor(cursor, LAST), limit=limit)
    return Page[OpeningView](
        items=[OpeningView.model_validate(opening) for opening in found],
        next=str(found[-1].opening_id) if len(found) == limit else None,
    )


@router.post("/break-glass/{opening_id}/review")
@command("patients.index.review_access")
def review_opening(tx: Tx, opening_id: UUID, body: ReviewOpening) -> OpeningView:
    """Judge an emergency opening (审查)."""
    return service.review_opening(tx, opening_id, body)


@router.get("/patients/{patient_id}/access")
@query("patients.index.review_access")
def list_grants(tx: Tx, patient_id: UUID) -> list[GrantView]:
    """Grants for a person that are in force or lie ahead (调阅授权)."""
    return [
        GrantView(
            grant_id=grant.grant_id,
            patient_id=grant.patient_id,
            reader_campus_id=grant.reader_campus_id,
            basis=grant.basis,
            valid_from=grant.valid_from,
            valid_to=grant.valid_to,
            personal=grant.reader_subject is not None,
        )
        for grant in service.grants(tx, patient_id)
    ]


@router.post("/patients/{patient_id}/confidentiality")
@command("patients.index.review_access")
def set_confidentiality(tx: Tx, patient_id: UUID, body: SetConfidentiality) -> PatientView:
    """Restrict a person's record or lift it (受限)."""
    return service.set_confidentiality(tx, patient_id, body)


@router.get("/patients/{patient_id}/access-log")
@query("patients.index.review_access")
def read_access_log(tx: Tx, patient_id: UUID, limit: Limit = 50, cursor: Cursor = None) -> Page[AccessLogEntry]:
    """Who read or changed a person's record, newest first."""
    before, before_id = read_moment_cursor(cursor) if cursor else (tx.now + timedelta(days=1), LAST)
    found = service.access_log(tx, patient_id, before, before_id, limit)
    tx.audit("access_log.read", "patient", patient_id, patient_id=patient_id)
    return log_page(tx, found, limit)


def log_page(tx: Tx, found: list[LogEntry], limit: int) -> Page[AccessLogEntry]:
    """A window of the register, in words."""
    return Page[AccessLogEntry](
        items=service.log_views(tx, found),
        next=moment_cursor(found[-1].at, found[-1].entry_id) if len(found) == limit else None,
    )
