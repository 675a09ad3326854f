"""The sealed account (应急账号): for the day nobody else can get in. Opened by two, reported, sealed again."""

import secrets
from datetime import timedelta
from uuid import UUID, uuid5

from events.platform import LoginRiskFound
from functions.platform.permissions import service as permissions
from functions.platform.sso import directory, queries, rules
from functions.platform.sso.models import EmergencyAccess
from functions.platform.sso.problems import EmergencyState, RealmOutOfReach
from functions.platform.sso.schemas import EmergencyView
from functions.platform.sso.service.realm import asks_second_factor
from functions.platform.sso.service.sessions import refuse_before
from shared.command import Onward
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.steps import Steps
from shared.tx import Tx

_NAMESPACE = UUID("6f1d2f5e-8a0c-4d58-9a7e-3c0f5b1f6b11")


def ask_emergency(tx: Tx, reason: str) -> EmergencyAccess:
    """The first of two asks for the sealed account of the acting campus. Raises EmergencyOpen."""
    row = EmergencyAccess(
        access_id=new_id(),
        campus_id=tx.campus,
        state="asked",
        reason=reason,
        asked_at=tx.now,
        asked_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("emergency.asked", "emergency_access", row.access_id)
    return row


def open_emergency(tx: Tx, access_id: UUID, version: int) -> Onward[EmergencyView]:
    """The second of two opens it for some hours; the password is in this one answer, and security is alarmed.

    Raises SamePerson, EmergencyState, Stale, RealmOutOfReach.
    """
    row = _own(tx, access_id)
    tx.assert_distinct([row.asked_by], "应急账号须由两人开启，请由另一人确认。")
    if row.state != "asked":
        raise EmergencyState("该应急账号已开启或已封存。", state_now=row.state)
    hours = int(permissions.parameter(tx, "platform.sso.emergency_hours").value)
    after = tx.session.first(
        queries.OPEN_EMERGENCY,
        id_=access_id,
        seen=version,
        now=tx.now,
        by=tx.actor.subject,
        until_=tx.now + timedelta(hours=hours),
    )
    if after is None:
        raise Stale("该应急账号已由他人办理，请刷新后再操作。", current_version=row.version)
    tx.audit("emergency.opened", "emergency_access", access_id, hours=hours)
    _alarm(tx, after)

    def go_on(steps: Steps) -> EmergencyView:
        password = f"{secrets.token_urlsafe(12)}-Aa1"
        try:
            door = directory.Directory()
            who, strong = account_id(row.campus_id), asks_second_factor(directory.configuration())
            door.open_emergency(row.campus_id, rules.EMERGENCY_POSTS, who, password, strong)
        except RealmOutOfReach:
            steps.step(lambda tx: _sealed(tx, access_id))
            raise
        return emergency_view(after, password)

    return Onward(emergency_view(after), go_on)


def seal_emergency(tx: Tx, access_id: UUID) -> Onward[EmergencyView]:
    """Seal it again before its time; what was signed on with it is refused at once. Raises EmergencyState,
    RealmOutOfReach (then it stays due, and the refusal stands)."""
    row = _own(tx, access_id)
    if row.state == "sealed":
        raise EmergencyState("该应急账号已封存。", state_now=row.state)
    refuse_before(tx, str(account_id(row.campus_id)), "emergency account sealed")
    tx.audit("emergency.sealing", "emergency_access", access_id)

    def go_on(steps: Steps) -> EmergencyView:
        directory.Directory().seal_emergency(row.campus_id)  # first where it counts
        return emergency_view(steps.step(lambda tx: _sealed(tx, access_id)))

    return Onward(emergency_view(row), go_on)


def emergencies_over(tx: Tx) -> list[EmergencyAccess]:
    """Open accounts of the acting campus whose time is over. They are sealed at the realm first, then here."""
    return tx.session.all(queries.EMERGENCIES_OVER, campus=tx.campus, now=tx.now)


def seal_over(steps: Steps, over: list[EmergencyAccess]) -> None:
    """Seal at the realm what is over; while the realm is out of reach it stays due."""
    for row in over:
        try:
            directory.Directory().seal_emergency(row.campus_id)
        except RealmOutOfReach:
            return
        steps.step(lambda tx, access_id=row.access_id: _sealed(tx, access_id))  # type: ignore[misc]


def emergencies(tx: Tx, before: UUID, limit: int) -> list[EmergencyAccess]:
    """Openings of the acting campus's sealed account, latest first."""
    return tx.session.all(queries.EMERGENCIES, campus=tx.campus, before=before, limit=limit)


def account_id(campus: str) -> UUID:
    """Whose name stands in the audit when the sealed account of a campus acts."""
    return uuid5(_NAMESPACE, campus)


def emergency_view(row: EmergencyAccess, password: str | None = None) -> EmergencyView:
    """An opening as security sees it."""
    names = [name for name in EmergencyView.model_fields if name not in {"username", "password"}]
    return EmergencyView(
        username=f"{directory.EMERGENCY}{row.campus_id}",
        password=password,
        **{name: getattr(row, name) for name in names},
    )


def _own(tx: Tx, access_id: UUID) -> EmergencyAccess:
    row = tx.session.first(queries.EMERGENCY, id_=access_id)
    if row is None or row.campus_id != tx.campus:
        raise NotFound("本院区没有这份应急账号申请，请刷新后核对。")
    return row


def _sealed(tx: Tx, access_id: UUID) -> EmergencyAccess:
    row = tx.session.first(queries.SEAL_EMERGENCY, id_=access_id, now=tx.now)
    if row is None:
        raise EmergencyState("该应急账号已封存。", state_now="sealed")
    refuse_before(tx, str(account_id(row.campus_id)), "emergency account sealed")
    tx.audit("emergency.sealed", "emergency_access", access_id)
    return row


def _alarm(tx: Tx, row: EmergencyAccess) -> None:
    key = f"{directory.EMERGENCY}{row.campus_id}"
    tx.emit(LoginRiskFound(subject_key=key, staff_id=None, cause="emergency_account_opened", score=100))
