"""HTTP routes of adult relatives: in the mini-program, and at the window."""

from uuid import UUID

from functions.platform.sso import service
from functions.platform.sso.schemas import EndLink
from functions.platform.sso.schemas_family import (
    AgreeAtWindow,
    AskFamily,
    ConfirmFamily,
    EndAtWindow,
    EndedRelativeView,
    FamilyRequestView,
    FindRelatives,
    RelativeView,
)
from shared.command import command, query
from shared.http import Router
from shared.tx import Tx

router = Router()


# -- the mini-program


@router.post("/my/persons/adults", status_code=201)
@command("platform.sso.self")
def ask_family(tx: Tx, body: AskFamily) -> FamilyRequestView:
    """Ask to act for an adult relative (申请绑定成年家属)."""
    return service.ask_family(tx, body)


@router.post("/my/persons/adults/{request_id}/confirm")
@command("platform.sso.self")
def confirm_family(tx: Tx, request_id: UUID, body: ConfirmFamily) -> FamilyRequestView:
    """Confirm by the code the relative was sent (家属验证码确认)."""
    return service.confirm_family(tx, request_id, body.code)  # type: ignore[return-value]


@router.get("/my/relatives")
@query("platform.sso.self")
def my_relatives(tx: Tx) -> list[RelativeView]:
    """Who may act for me by my consent (谁绑定了我)."""
    return service.my_relatives(tx)


@router.post("/my/relatives/{link_id}/end")
@command("platform.sso.self")
def end_relative(tx: Tx, link_id: UUID, body: EndLink) -> EndedRelativeView:
    """Take my consent back, at once (解除他人对我的绑定)."""
    return service.end_relative(tx, link_id, body.reason)  # type: ignore[return-value]


# -- the window


@router.post("/family-agreements", status_code=201)
@command("platform.sso.bind_family")
def agree_at_window(tx: Tx, body: AgreeAtWindow) -> FamilyRequestView:
    """Both were seen with their documents: the relative's request stands (窗口确认家属绑定)."""
    return service.agree_at_window(tx, body)


@router.post("/relatives/find")
@command("platform.sso.bind_family")
def relatives_at_window(tx: Tx, body: FindRelatives) -> list[RelativeView]:
    """Who may act for the adult at the window (窗口查询家属绑定)."""
    return service.relatives_at_window(tx, body)


@router.post("/relatives/{link_id}/end")
@command("platform.sso.bind_family")
def end_relative_at_window(tx: Tx, link_id: UUID, body: EndAtWindow) -> EndedRelativeView:
    """Take the consent of the adult at the window back (窗口解除家属绑定)."""
    return service.end_relative_at_window(tx, link_id, body)  # type: ignore[return-value]
