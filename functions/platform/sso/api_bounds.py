"""HTTP routes of what bounds a sign-on: sessions at once, hours and places."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.platform.sso import service
from functions.platform.sso.schemas_bounds import (
    EnterSession,
    PolicyView,
    SessionNoticeView,
    SessionStateView,
    SetPolicy,
    SetSignOnRule,
    SignOnRuleView,
)
from shared.command import command, query
from shared.http import Router
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
LAST = UUID(int=2**128 - 1)


# -- the own session


@router.get("/my/session")
@query("platform.sso.self")
def session_state(tx: Tx) -> SessionStateView:
    """The session I work in: its lock timer, whether it is about to end and why (会话状态、下线通知)."""
    return service.session_state(tx)


@router.post("/my/session", status_code=201)
@command("platform.sso.self")
def enter_session(tx: Tx, body: EnterSession) -> SessionStateView:
    """Come in after a sign-on: counted, hours and place judged (登录准入)."""
    return service.enter_session(tx, body.end_others)  # type: ignore[return-value]


# -- bounds


@router.get("/session-policies")
@query("platform.sso.read")
def list_policies(tx: Tx) -> list[PolicyView]:
    """How many sessions at once, by post and kind of account (同时在线数规定)."""
    return service.policies(tx)


@router.post("/session-policies", status_code=201)
@command("platform.sso.limit")
def set_policy(tx: Tx, body: SetPolicy) -> PolicyView:
    """Set how many sessions at once (设置同时在线数)."""
    return service.set_policy(tx, body)


@router.post("/session-policies/{policy_id}/end")
@command("platform.sso.limit")
def end_policy(tx: Tx, policy_id: UUID) -> PolicyView:
    """Back to the product's start value (撤销同时在线数规定)."""
    return service.end_policy(tx, policy_id)


@router.get("/sign-on-rules")
@query("platform.sso.read")
def list_rules(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[SignOnRuleView]:
    """Hours and networks the acting campus bound posts to, latest first (登录时间地点限制)."""
    found = service.rules_here(tx, cursor or LAST, limit)
    return Page[SignOnRuleView](
        items=[service.rule_view(row) for row in found],
        next=str(found[-1].rule_id) if len(found) == limit else None,
    )


@router.post("/sign-on-rules", status_code=201)
@command("platform.sso.limit")
def set_rule(tx: Tx, body: SetSignOnRule) -> SignOnRuleView:
    """Bind a post's sign-on to hours and networks (设置登录限制)."""
    return service.set_rule(tx, body)


@router.post("/sign-on-rules/{rule_id}/end")
@command("platform.sso.limit")
def end_rule(tx: Tx, rule_id: UUID) -> SignOnRuleView:
    """A bound no longer holds (撤销登录限制)."""
    return service.end_rule(tx, rule_id)


@router.get("/session-notices")
@query("platform.sso.read")
def list_notices(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[SessionNoticeView]:
    """Sessions ended by a bound, latest first (下线记录)."""
    found = service.notices(tx, cursor or LAST, limit)
    tx.audit("session_notices.read", "campus", tx.campus, notices=len(found))
    return Page[SessionNoticeView](
        items=[SessionNoticeView.model_validate(row) for row in found],
        next=str(found[-1].notice_id) if len(found) == limit else None,
    )
