"""HTTP routes of signing on while the line is down (应急登录)."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.platform.sso import service
from functions.platform.sso.schemas_offline import (
    IssueView,
    OfflineSessionView,
    TellOfflineSignOns,
    ToldView,
    VerifierIssueView,
)
from shared.command import command, query
from shared.http import Router
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
LAST = UUID(int=2**128 - 1)


@router.post("/verifier-issues", status_code=201)
@command("platform.sso.contingency")
def issue_verifiers(tx: Tx) -> VerifierIssueView:
    """Verifiers of badge and PIN for the campus's bridge, good for 72 hours (领取离线登录凭据)."""
    return service.issue_verifiers(tx)  # type: ignore[return-value]


@router.get("/verifier-issues")
@query("platform.sso.read")
def list_issues(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[IssueView]:
    """What the bridges of the acting campus were given, latest first (离线登录凭据下发记录)."""
    found = service.verifier_issues(tx, cursor or LAST, limit)
    return Page[IssueView](
        items=[
            IssueView(
                issue_id=row.issue_id,
                bridge=row.bridge,
                issued_at=row.issued_at,
                valid_to=row.valid_to,
                people=len(row.staff_ids),
            )
            for row in found
        ],
        next=str(found[-1].issue_id) if len(found) == limit else None,
    )


@router.post("/offline-sessions")
@command("platform.sso.contingency")
def tell_offline_sign_ons(tx: Tx, body: TellOfflineSignOns) -> ToldView:
    """Sign-ons at the bridge while the line was down (回传离线登录记录)."""
    return service.tell_offline_sign_ons(tx, body)


@router.get("/offline-sessions")
@query("platform.sso.read")
def list_offline_sessions(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[OfflineSessionView]:
    """Who worked at the bridges of the acting campus, last received first (离线登录记录)."""
    found = service.offline_sessions(tx, cursor or LAST, limit)
    tx.audit("offline_sessions.read", "campus", tx.campus, sessions=len(found))
    return Page[OfflineSessionView](
        items=[OfflineSessionView.model_validate(row) for row in found],
        next=str(found[-1].session_id) if len(found) == limit else None,
    )
