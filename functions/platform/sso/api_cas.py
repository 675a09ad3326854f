"""HTTP routes of old programs that sign their users on by tickets (CAS 3.0), and the list of whom they let in."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.platform.sso import rules_cas as rules
from functions.platform.sso import service
from functions.platform.sso.pages import refused
from functions.platform.sso.schemas_cas import CasTicketView
from functions.platform.sso.visitors import Asked, Reply, visited
from shared.command import query
from shared.http import Router
from shared.problems import Problem
from shared.schemas import Page
from shared.steps import Steps
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
LAST = UUID(int=2**128 - 1)
XML, JSON, TEXT = "application/xml; charset=utf-8", "application/json", "text/plain; charset=utf-8"


def _as_json(given: Mapping[str, str]) -> bool:
    return given.get("format", "").upper() == "JSON"


def _failed(problem: Problem, given: Mapping[str, str]) -> Reply:
    """A program reads its protocol, never a problem document."""
    code: rules.Code = "INVALID_REQUEST" if problem.status < 500 else "INTERNAL_ERROR"
    failure = rules.Failure(code, "the request can't be read" if problem.status < 500 else "try again in a moment")
    as_json = _as_json(given)
    return Reply(200, rules.answer(failure, attributes=False, as_json=as_json), JSON if as_json else XML)


def _failed_plainly(problem: Problem, given: Mapping[str, str]) -> Reply:
    return Reply(200, rules.plain_answer(rules.Failure("INTERNAL_ERROR", "")), TEXT)


def _validated(steps: Steps, asked: Asked, *, attributes: bool) -> Reply:
    verdict, as_json = service.cas_validate(steps, asked), _as_json(asked.parameters)
    return Reply(200, rules.answer(verdict, attributes=attributes, as_json=as_json), JSON if as_json else XML)


# -- the browser


@router.get("/cas/login", include_in_schema=False)
@visited(refused)
def cas_login(steps: Steps, asked: Asked) -> Reply:
    """Sign on for an old program (CAS 登录)."""
    return service.cas_login(steps, asked)


@router.get("/cas/back", include_in_schema=False)
@visited(refused)
def cas_back(steps: Steps, asked: Asked) -> Reply:
    """Back from the realm's login page, on to the program (CAS 登录返回)."""
    return service.cas_back(steps, asked)


@router.get("/cas/logout", include_in_schema=False)
@visited(refused)
def cas_logout(steps: Steps, asked: Asked) -> Reply:
    """Sign out of everything (CAS 退出)."""
    return service.cas_logout(steps, asked)


# -- the program


@router.get("/cas/validate", include_in_schema=False)
@visited(_failed_plainly)
def cas_validate_plainly(steps: Steps, asked: Asked) -> Reply:
    """Is this ticket good? Yes or no (CAS 1.0)."""
    return Reply(200, rules.plain_answer(service.cas_validate(steps, asked)), TEXT)


@router.get("/cas/serviceValidate", include_in_schema=False)
@visited(_failed)
def cas_validate(steps: Steps, asked: Asked) -> Reply:
    """Whose ticket is this? (CAS 2.0)"""
    return _validated(steps, asked, attributes=False)


@router.get("/cas/p3/serviceValidate", include_in_schema=False)
@visited(_failed)
def cas_validate_with_attributes(steps: Steps, asked: Asked) -> Reply:
    """Whose ticket is this, with what is shared of the person (CAS 3.0)."""
    return _validated(steps, asked, attributes=True)


@router.get("/cas/proxyValidate", include_in_schema=False)
@visited(_failed)
def cas_validate_proxied(steps: Steps, asked: Asked) -> Reply:
    """As /serviceValidate; a proxy ticket is none of ours (CAS 2.0)."""
    return _validated(steps, asked, attributes=False)


@router.get("/cas/p3/proxyValidate", include_in_schema=False)
@visited(_failed)
def cas_validate_proxied_with_attributes(steps: Steps, asked: Asked) -> Reply:
    """As /p3/serviceValidate; a proxy ticket is none of ours (CAS 3.0)."""
    return _validated(steps, asked, attributes=True)


@router.get("/cas/proxy", include_in_schema=False)
@visited(_failed)
def cas_proxy(steps: Steps, asked: Asked) -> Reply:
    """A proxy ticket: refused to everybody (CAS 2.0)."""
    if not asked.text("pgt") or not asked.text("targetService"):
        body = rules.proxy_refused("INVALID_REQUEST", "'pgt' and 'targetService' parameters are both required")
    else:
        body = rules.proxy_refused("UNAUTHORIZED_SERVICE", "no service may act for a person at another one")
    return Reply(200, body, XML)


# -- the realm


@router.post("/cas/signed-out", include_in_schema=False)
@visited(refused)
def cas_told(steps: Steps, asked: Asked) -> Reply:
    """A session of the realm has ended (认证服务退出通知)."""
    return service.cas_told(steps, asked)


# -- the list


@router.get("/partners/{partner_id}/tickets")
@query("platform.sso.read")
def list_cas_tickets(tx: Tx, partner_id: UUID, limit: Limit = 50, cursor: UUID | None = None) -> Page[CasTicketView]:
    """Whom an old program let in, latest first (CAS 登录记录)."""
    found = service.cas_tickets(tx, partner_id, cursor or LAST, limit)
    return Page[CasTicketView](
        items=[CasTicketView.model_validate(row) for row in found],
        next=str(found[-1].ticket_id) if len(found) == limit else None,
    )
