"""Inputs and outputs of sign-on. A token or secret appears in the one answer it is made for, and nowhere else."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.schemas import Code, Input, LongText, Moment, Text, View

Pin = Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
CardNo = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{6,40}$")]
DeviceCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,30}$")]
WeChatCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,128}$")]
DocumentNo = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9A-Za-z]{5,20}$")]
PhoneNo = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^1\d{10}$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\x00]{3,200}$")]
EntityId = Annotated[str, StringConstraints(pattern=r"^(https?://|urn:)[^\s\x00*]{3,200}$")]


class TokensView(View):
    """What a sign-on yields. `access_token` and `refresh_token` are empty in the answer to a repeated command."""

    state: str
    """done, or pending in the answer to a repeated command."""
    account_id: UUID | None
    access_token: str
    refresh_token: str
    expires_in: int


PENDING = TokensView(state="pending", account_id=None, access_token="", refresh_token="", expires_in=0)
"""What is kept of a sign-on: the tokens are in its one answer."""


class SignPatientOn(Input):
    """The code wx.login() gave to the mini-program: good for one exchange within five minutes."""

    code: WeChatCode


class BindSelf(Input):
    """Real-name check (实名核验): all three must be those of the index."""

    document_no: DocumentNo
    name: Text
    phone: PhoneNo


class BindChild(Input):
    """A child one is the guardian of, as the index knows it."""

    document_no: DocumentNo
    name: Text


class LinkView(View):
    link_id: UUID
    patient_id: UUID
    """The record that speaks for the person now."""
    relation: str
    relation_label: str
    name: str
    bound_at: Moment
    until: Moment | None


class EndLink(Input):
    reason: Text


class SwitchUser(Input):
    """Badge and PIN at a shared workstation (换班登录)."""

    card_no: CardNo
    pin: Pin


class IssueBadge(Input):
    card_no: CardNo
    pin: Pin


class BadgeView(View):
    badge_id: UUID
    staff_id: UUID
    issued_at: Moment
    locked_until: Moment | None
    ended_at: Moment | None


class WorkstationSessionView(View):
    session_id: UUID
    workstation: str
    staff_id: UUID
    opened_at: Moment
    ended_at: Moment | None
    end_reason: str | None


class EndSessions(Input):
    reason: Text


class EndSessionsHere(Input):
    """The campus once more, so that nobody signs a whole hospital off by a slip."""

    campus: Code
    reason: Text


class EndedView(View):
    sessions: int
    """Sessions the realm ended; of a whole campus, people signed off. Tokens are refused within a minute anyway."""
    told: bool
    """False while the realm is out of reach: it will be told."""


class RecoverAccount(Input):
    """Who was checked and how: 工号 and face, ID card, or the head of the department on the telephone."""

    reason: Text


class RecoveryView(View):
    """An account somebody can sign on to again (重置密码、解锁、重置动态口令)."""

    staff_id: UUID
    username: str
    password: str | None
    """For one sign-on, shown in this one answer and kept nowhere; null where none was given."""
    found: int
    """Locks or second factors that were taken away."""


class SessionView(View):
    session_id: str
    address: str
    started_at: Moment
    last_seen_at: Moment
    clients: list[str]


class IdleAccountView(View):
    """Somebody who may sign on and has not for long (长期未登录账号); `last_login` null: never, as far as kept."""

    staff_id: UUID
    staff_no: str
    name: str
    posts: dict[str, list[str]]
    last_login: Moment | None


class LoginEventView(View):
    at: Moment
    kind: str
    client: str | None
    address: str | None
    error: str | None


class EnrolDevice(Input):
    code: DeviceCode
    kind: Literal["kiosk", "signage", "bridge", "miniprogram", "workstation"]
    title: Text
    owner: Text


class RotateDevice(Input):
    version: int


class DeviceView(View):
    device_id: UUID
    campus_id: str
    code: str
    kind: str
    title: str
    owner: str
    state: str
    client_id: str
    valid_to: Moment
    former_until: Moment | None
    secret: str | None
    """Shown once, in the answer to enrolling or rotating; null everywhere else."""
    version: int


class RegisterPartner(Input):
    """A program of another maker: who answers for it and what it learns are part of the registration."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,30}$")]
    title: Text
    owner: Text
    shared_data: LongText
    """Of a CAS program: which of 工号、姓名、院区、科室、岗位, in these words; it is told exactly that."""
    protocol: Literal["oidc", "saml", "cas"] = "oidc"
    entity_id: EntityId | None = None
    """Of a SAML program: what it calls itself."""
    redirect_uris: list[Address] = Field(min_length=1, max_length=5)
    """Of a SAML program: where it takes assertions (ACS), of a CAS program its service addresses, to the letter."""
    backchannel_logout_url: Address | None = None
    """Where it hears of a sign-out: OpenID Connect back-channel, or SAML single logout by POST; a CAS program that
    names none hears of it at the address of the ticket."""
    valid_to: Moment


class PartnerView(View):
    partner_id: UUID
    code: str
    title: str
    owner: str
    shared_data: str
    protocol: str
    entity_id: str | None
    redirect_uris: list[str]
    state: str
    client_id: str
    metadata_url: str | None
    """Of a SAML program: where it reads our signing keys; they change every 90 days, so it reads anew when it meets one
    it does not know."""
    cas_url: str | None
    """Of a CAS program: the prefix of /login, /logout, /serviceValidate and /p3/serviceValidate it is set up with."""
    valid_to: Moment
    secret: str | None
    """Shown once to who registers; a SAML program has none."""
    version: int


class AskEmergency(Input):
    reason: Text


class OpenEmergency(Input):
    version: int


class EmergencyView(View):
    access_id: UUID
    campus_id: str
    state: str
    reason: str
    asked_at: Moment
    opened_at: Moment | None
    until: Moment | None
    sealed_at: Moment | None
    username: str
    password: str | None
    """Shown once to the one who opens it; null everywhere else."""
    version: int


class RealmStateView(View):
    """Whether the realm knows what the hospital knows."""

    waiting: int
    waiting_since: Moment | None
