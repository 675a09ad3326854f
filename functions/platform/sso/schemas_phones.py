"""Inputs and outputs of patients' sign-on by phone code, of messages and outages. A code is in no answer."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, StringConstraints

from functions.platform.sso.schemas import PhoneNo
from shared.schemas import Input, Moment, View


def _address(value: str) -> str:
    from ipaddress import ip_address

    try:
        return str(ip_address(value))
    except ValueError as error:
        raise ValueError("来源地址须为 IPv4 或 IPv6 地址") from error


PhoneCodeText = Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
ClientAddress = Annotated[str, StringConstraints(max_length=45), AfterValidator(_address)]


class AskPhoneCode(Input):
    """`address`: where the request came from, as the mini-program's gateway saw it."""

    phone: PhoneNo
    address: ClientAddress


class PhoneCodeView(View):
    """The same for every phone, whether an account belongs to it or not."""

    valid_seconds: int
    wait_seconds: int
    message: str


class SignOnByPhone(Input):
    phone: PhoneNo
    code: PhoneCodeText
    address: ClientAddress


class TextMessageView(View):
    """A message that was to be sent: of what kind and what became of it; never to whom or what it said."""

    message_id: UUID
    kind: str
    state: str
    """due, sent, failed, late."""
    tries: int
    sent_at: Moment | None
    receipt: str | None
    error: str | None


class WayOutageView(View):
    outage_id: UUID
    way: str
    way_label: str
    since: Moment
    last_at: Moment
    failures: int
    alarmed_at: Moment | None
    ended_at: Moment | None
