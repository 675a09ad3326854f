"""HTTP routes of patients' sign-on by phone code, of messages sent and of outages."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.platform.sso import service
from functions.platform.sso.schemas import TokensView
from functions.platform.sso.schemas_phones import (
    AskPhoneCode,
    PhoneCodeView,
    SignOnByPhone,
    TextMessageView,
    WayOutageView,
)
from shared.command import command, query
from shared.http import Router
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
LAST = UUID(int=2**128 - 1)


@router.post("/phone-codes", status_code=202)
@command("platform.sso.self")
def ask_phone_code(tx: Tx, body: AskPhoneCode) -> PhoneCodeView:
    """Have a code sent to a phone; for the mini-program's gateway (获取手机验证码)."""
    return service.ask_phone_code(tx, body)


@router.post("/phone-logins", status_code=201)
@command("platform.sso.self")
def sign_on_by_phone(tx: Tx, body: SignOnByPhone) -> TokensView:
    """Sign a patient on by the code; for the mini-program's gateway (手机验证码登录)."""
    return service.sign_on_by_phone(tx, body)  # type: ignore[return-value]


@router.get("/text-messages")
@query("platform.sso.read")
def list_text_messages(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[TextMessageView]:
    """Messages that were to be sent and what became of them, latest first (短信发送记录)."""
    found = service.text_messages(tx, cursor or LAST, limit)
    return Page[TextMessageView](
        items=[TextMessageView.model_validate(row) for row in found],
        next=str(found[-1].message_id) if len(found) == limit else None,
    )


@router.get("/sign-on-outages")
@query("platform.sso.read")
def list_outages(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[WayOutageView]:
    """When WeChat or messages did not work, latest first (登录方式故障)."""
    found = service.outages(tx, cursor or LAST, limit)
    return Page[WayOutageView](
        items=[service.outage_view(row) for row in found],
        next=str(found[-1].outage_id) if len(found) == limit else None,
    )
