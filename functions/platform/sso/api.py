"""HTTP routes of sign-on. Signing on itself is the realm's login page; here is what the realm cannot know."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.platform.sso import (
    api_bounds,
    api_cas,
    api_certificates,
    api_family,
    api_locks,
    api_offline,
    api_own,
    api_passwords,
    api_phones,
    api_records,
    api_reset,
    api_trust,
    service,
)
from functions.platform.sso.models import Badge
from functions.platform.sso.schemas import (
    AskEmergency,
    BadgeView,
    BindChild,
    BindSelf,
    DeviceView,
    EmergencyView,
    EndedView,
    EndLink,
    EndSessions,
    EndSessionsHere,
    EnrolDevice,
    IdleAccountView,
    IssueBadge,
    LinkView,
    LoginEventView,
    OpenEmergency,
    PartnerView,
    RealmStateView,
    RecoverAccount,
    RecoveryView,
    RegisterPartner,
    RotateDevice,
    SessionView,
    SignPatientOn,
    SwitchUser,
    TokensView,
    WorkstationSessionView,
)
from shared.command import command, query
from shared.database.engine import REPORT
from shared.http import Router
from shared.schemas import Moment, Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
LAST = UUID(int=2**128 - 1)
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


# -- patients


@router.post("/patient-logins", status_code=201)
@command("platform.sso.self")
def sign_patient_on(tx: Tx, body: SignPatientOn) -> TokensView:
    """Sign a patient on by the code of WeChat; for the mini-program's gateway (微信登录)."""
    return service.sign_patient_on(tx, body)  # type: ignore[return-value]


@router.get("/my/persons")
@query("platform.sso.self")
def my_persons(tx: Tx) -> list[LinkView]:
    """Persons bound to my account (就诊人)."""
    return service.my_persons(tx)


@router.post("/my/persons/self", status_code=201)
@command("platform.sso.self")
def bind_self(tx: Tx, body: BindSelf) -> LinkView:
    """Bind myself after the real-name check (本人实名绑定)."""
    return service.bind_self(tx, body)


@router.post("/my/persons/children", status_code=201)
@command("platform.sso.self")
def bind_child(tx: Tx, body: BindChild) -> LinkView:
    """Bind a child I am the guardian of (绑定子女)."""
    return service.bind_child(tx, body)


@router.post("/my/persons/{link_id}/end", status_code=204)
@command("platform.sso.self")
def end_link(tx: Tx, link_id: UUID, body: EndLink) -> None:
    """Unbind a person (解除绑定)."""
    service.end_link(tx, link_id, body.reason)


# -- workstations and badges


@router.post("/switches", status_code=201)
@command("platform.sso.self")
def switch_user(tx: Tx, body: SwitchUser) -> TokensView:
    """Change the user of a shared workstation by badge and PIN (换班登录)."""
    return service.switch_user(tx, body)  # type: ignore[return-value]


@router.post("/my/badge/lost")
@command("platform.sso.self")
def report_badge_lost(tx: Tx) -> BadgeView:
    """Report the own card lost (挂失本人胸卡)."""
    return _badge(service.report_own_badge_lost(tx))


@router.post("/staff/{staff_id}/badge", status_code=201)
@command("platform.sso.enrol")
def issue_badge(tx: Tx, staff_id: UUID, body: IssueBadge) -> BadgeView:
    """Give a member of staff a card and a PIN (发放胸卡)."""
    return _badge(service.issue_badge(tx, staff_id, body))


@router.post("/staff/{staff_id}/badge/end")
@command("platform.sso.enrol")
def end_badge(tx: Tx, staff_id: UUID) -> BadgeView:
    """Take a card out of use (停用胸卡)."""
    return _badge(service.end_badge(tx, staff_id))


@router.get("/workstation-sessions")
@query("platform.sso.read")
def list_workstation_sessions(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[WorkstationSessionView]:
    """Who worked at the shared workstations of the acting campus, latest first (工作站使用记录)."""
    found = service.workstation_sessions(tx, cursor or LAST, limit)
    return Page[WorkstationSessionView](
        items=[WorkstationSessionView.model_validate(row) for row in found],
        next=str(found[-1].session_id) if len(found) == limit else None,
    )


# -- sessions


@router.post("/my/sign-out")
@command("platform.sso.self")
def sign_out(tx: Tx) -> EndedView:
    """Sign out of everything this sign-on opened (单点登出)."""
    return service.sign_out(tx)  # type: ignore[return-value]


@router.get("/staff/{staff_id}/sessions")
@query("platform.sso.read")
def list_sessions(tx: Tx, staff_id: UUID) -> list[SessionView]:
    """Running sessions of a member of staff (在线会话)."""
    return service.sessions_of(tx, staff_id)  # type: ignore[return-value]


@router.post("/staff/{staff_id}/end-sessions")
@command("platform.sso.end_sessions")
def end_sessions(tx: Tx, staff_id: UUID, body: EndSessions) -> EndedView:
    """End every session of a member of staff (强制下线)."""
    return service.end_sessions_of(tx, staff_id, body.reason)  # type: ignore[return-value]


@router.post("/campus/end-sessions")
@command("platform.sso.end_sessions")
def end_sessions_here(tx: Tx, body: EndSessionsHere) -> EndedView:
    """End every session at the acting campus but one's own (全院区下线)."""
    return service.end_sessions_here(tx, body.campus, body.reason)


@router.post("/staff/{staff_id}/password")
@command("platform.sso.enrol")
def give_password(tx: Tx, staff_id: UUID, body: RecoverAccount) -> RecoveryView:
    """A first or new password for one sign-on; shown once (发放初始密码、重置密码)."""
    return service.give_password(tx, staff_id, body.reason)  # type: ignore[return-value]


@router.post("/staff/{staff_id}/unlock")
@command("platform.sso.enrol")
def unlock_account(tx: Tx, staff_id: UUID, body: RecoverAccount) -> RecoveryView:
    """Let somebody try again whom wrong passwords locked out (解锁账号)."""
    return service.unlock_account(tx, staff_id, body.reason)  # type: ignore[return-value]


@router.post("/staff/{staff_id}/second-factor/reset")
@command("platform.sso.enrol")
def forget_second_factor(tx: Tx, staff_id: UUID, body: RecoverAccount) -> RecoveryView:
    """The telephone is lost: bind another at the next sign-on (重置动态口令)."""
    return service.forget_second_factor(tx, staff_id, body.reason)  # type: ignore[return-value]


@router.get("/staff/{staff_id}/logins")
@query("platform.sso.read")
def list_logins(tx: Tx, staff_id: UUID, limit: Limit = 50, cursor: Moment | None = None) -> Page[LoginEventView]:
    """Successes and failures of a member of staff, latest first (登录记录)."""
    tx.audit("logins.read", "staff", staff_id)
    return _logins(tx, str(staff_id), limit, cursor)


@router.get("/idle-accounts")
@query("platform.sso.read", REPORT)
def list_idle_accounts(
    tx: Tx,
    days: Annotated[int, Parameter(ge=7, le=366)] = 90,
    limit: Limit = 100,
    cursor: Annotated[str | None, Parameter(max_length=20)] = None,
) -> Page[IdleAccountView]:
    """Who holds a post here and has not signed on for so many days, by staff number (长期未登录账号)."""
    found = [one for one in service.idle_accounts(tx, days) if one.staff_no > (cursor or "")][:limit]
    return Page[IdleAccountView](
        items=[IdleAccountView(**one._asdict()) for one in found],
        next=found[-1].staff_no if len(found) == limit else None,
    )


@router.get("/my/logins")
@query("platform.sso.self")
def my_logins(tx: Tx, limit: Limit = 20, cursor: Moment | None = None) -> Page[LoginEventView]:
    """My own sign-ons, latest first (我的登录记录)."""
    return _logins(tx, tx.actor.subject, limit, cursor)


@router.get("/realm")
@query("platform.sso.read")
def realm_state(tx: Tx) -> RealmStateView:
    """Whether the realm knows what the hospital knows (待同步)."""
    found = service.waiting(tx)
    return RealmStateView(waiting=found.changes, waiting_since=found.since)


# -- devices and programs


@router.get("/devices")
@query("platform.sso.devices")
def list_devices(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[DeviceView]:
    """Devices of the acting campus (接入设备)."""
    found = service.devices_here(tx, cursor or LAST, limit)
    return Page[DeviceView](
        items=[service.device_view(row) for row in found],
        next=str(found[-1].device_id) if len(found) == limit else None,
    )


@router.post("/devices", status_code=201)
@command("platform.sso.devices")
def enrol_device(tx: Tx, body: EnrolDevice) -> DeviceView:
    """Enrol a device; its secret is shown once (登记设备)."""
    return service.enrol_device(tx, body)  # type: ignore[return-value]


@router.post("/devices/{device_id}/rotate")
@command("platform.sso.devices")
def rotate_device(tx: Tx, device_id: UUID, body: RotateDevice) -> DeviceView:
    """A new secret; the old one lasts another day (轮换密钥)."""
    return service.rotate_device(tx, device_id, body.version)  # type: ignore[return-value]


@router.post("/devices/{device_id}/end")
@command("platform.sso.devices")
def end_device(tx: Tx, device_id: UUID) -> DeviceView:
    """Take a device out of service (停用设备)."""
    return service.end_device(tx, device_id)


@router.get("/partners")
@query("platform.sso.devices")
def list_partners(tx: Tx) -> list[PartnerView]:
    """Other makers' programs that sign on here (第三方系统)."""
    return [service.partner_view(row) for row in service.partners(tx)]


@router.post("/partners", status_code=201)
@command("platform.sso.devices")
def register_partner(tx: Tx, body: RegisterPartner) -> PartnerView:
    """Register another maker's program; its secret is shown once (登记第三方系统)."""
    return service.register_partner(tx, body)  # type: ignore[return-value]


@router.post("/partners/{partner_id}/end")
@command("platform.sso.devices")
def end_partner(tx: Tx, partner_id: UUID) -> PartnerView:
    """Shut another maker's program out (停用第三方系统)."""
    return service.end_partner(tx, partner_id)


# -- emergency accounts


@router.get("/emergency-accesses")
@query("platform.sso.read")
def list_emergencies(tx: Tx, limit: Limit = 20, cursor: UUID | None = None) -> Page[EmergencyView]:
    """Openings of the sealed account of the acting campus (应急账号记录)."""
    found = service.emergencies(tx, cursor or LAST, limit)
    return Page[EmergencyView](
        items=[service.emergency_view(row) for row in found],
        next=str(found[-1].access_id) if len(found) == limit else None,
    )


@router.post("/emergency-accesses", status_code=201)
@command("platform.sso.end_sessions")
def ask_emergency(tx: Tx, body: AskEmergency) -> EmergencyView:
    """Ask for the sealed account (申请应急账号)."""
    return service.emergency_view(service.ask_emergency(tx, body.reason))


@router.post("/emergency-accesses/{access_id}/open")
@command("platform.sso.enrol")
def open_emergency(tx: Tx, access_id: UUID, body: OpenEmergency) -> EmergencyView:
    """The second person opens it; the password is shown once (开启应急账号)."""
    return service.open_emergency(tx, access_id, body.version)  # type: ignore[return-value]


@router.post("/emergency-accesses/{access_id}/seal")
@command("platform.sso.end_sessions")
def seal_emergency(tx: Tx, access_id: UUID) -> EmergencyView:
    """Seal it again (封存应急账号)."""
    return service.seal_emergency(tx, access_id)  # type: ignore[return-value]


def _badge(row: Badge) -> BadgeView:
    return BadgeView.model_validate(row)


def _logins(tx: Tx, account_id: str, limit: int, cursor: datetime | None) -> Page[LoginEventView]:
    found = service.login_history(tx, account_id, cursor or FOR_EVER, limit)
    return Page[LoginEventView](
        items=[LoginEventView.model_validate(row) for row in found],
        next=found[-1].at.isoformat() if len(found) == limit else None,
    )


for part in (
    api_bounds,
    api_cas,
    api_certificates,
    api_family,
    api_locks,
    api_offline,
    api_own,
    api_passwords,
    api_phones,
    api_records,
    api_reset,
    api_trust,
):
    router.include_router(part.router)
