"""Staff: engaging, changing, suspending, leaving; their units."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from events.organisation import PostEnded, StaffChanged, StaffLeft
from functions.organisation.structure import rules
from functions.organisation.structure.models import StaffMember, StaffSuspension, StaffUnit
from functions.organisation.structure.problems import (
    StaffNotActive,
    StaffNotFound,
    UnitNotFound,
    UnitNotInForce,
)
from functions.organisation.structure.queries import credentials, posts, signatures
from functions.organisation.structure.queries import people as queries
from functions.organisation.structure.queries.people import Member, StaffInfo
from functions.organisation.structure.schemas.people import (
    ChangePrimaryUnit,
    ChangeStaff,
    EndStaff,
    EngageStaff,
    JoinUnit,
    SuspendStaff,
)
from functions.organisation.structure.service import delegations, handover, identities, privileges, secondments
from functions.organisation.structure.service.joining import check_title, join, membership
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.posts import keep_administrators
from functions.organisation.structure.service.units import unit_history
from functions.organisation.structure.service.whose import own_staff
from shared.ids import new_id
from shared.problems import Invalid, Stale
from shared.schemas import SHANGHAI
from shared.tables import DeniedSubject
from shared.tx import Tx

DENIED_FOR = timedelta(days=366)
"""How long a withdrawn sign-on stays on the deny list; the account itself is disabled within minutes."""
A_MINUTES_WORK = 100
"""Leavers signed off in one minute at most; the rest follows in the next."""
SUSPENDED = "staff suspended"
LEFT = "staff left"


def staff_member(tx: Tx, staff_id: UUID) -> StaffInfo:
    """A person of any campus, leavers too: they remain the authors of what they wrote. Raises StaffNotFound."""
    found = tx.session.first(queries.STAFF_INFO, staff_id=staff_id)
    if found is None:
        raise StaffNotFound("没有这位职工，请核对后重新选择。")
    return found


def staff_members(tx: Tx, staff_ids: Sequence[UUID]) -> dict[UUID, StaffInfo]:
    """Several people in one exchange; an unknown id is simply not in the answer."""
    return {found.staff_id: found for found in tx.session.all(queries.STAFF_INFOS, staff_ids=list(staff_ids))}


def staff_by_no(tx: Tx, staff_no: str) -> StaffInfo:
    """A person by staff number (工号), whatever its case. Raises StaffNotFound."""
    found = tx.session.first(queries.STAFF_BY_NO, staff_no=staff_no.lower())
    if found is None:
        raise StaffNotFound(f"没有工号“{staff_no}”，请核对。")
    return found


def staff_of_unit(tx: Tx, unit_id: UUID, at: date | None, after: str, limit: int) -> list[Member]:
    """Who belonged to a unit on a day, in order of staff number."""
    return tx.session.all(queries.STAFF_OF_UNIT, unit_id=unit_id, day=at or tx.today, after=after, limit=limit)


def engage_staff(tx: Tx, command: EngageStaff) -> StaffMember:
    """Engage a person at the acting campus with a primary unit.

    Raises StaffNoTaken, UnitNotFound, TitleUnknown, IdNumberTaken.
    """
    since = command.engaged_on or tx.today
    check_title(command.title_code)
    _check_unit(tx, command.unit_id, since, None)
    if command.id_number is not None:
        identities.require_free(tx, command.id_number)
    return add_person(tx, command, since)


def add_person(tx: Tx, command: EngageStaff, since: date) -> StaffMember:
    """Engage a person whose title, unit and ID number have been checked."""
    row = join(tx, tx.campus, command, command.unit_id, since)
    if command.id_number is not None:
        identities.seal_number(tx, row.staff_id, command.id_number)
    record(tx, "staff", row.staff_id, "engaged", after=command.model_dump(mode="json", exclude={"mobile", "id_number"}))
    return row


def change_staff(tx: Tx, staff_id: UUID, command: ChangeStaff) -> StaffMember:
    """Change what is given of a person of the acting campus; the rest stays."""
    before = own_staff(tx, staff_id)
    given = command.model_dump(exclude={"version", "reason", "mobile"}, exclude_unset=True)
    if any(given.get(name, "") is None for name in ("name", "category", "employment")):
        raise Invalid("姓名、人员类别和用工性质不能清空。")
    check_title(command.title_code)
    values: dict[str, Any] = {name: given.get(name, getattr(before, name)) for name in _CHANGEABLE}
    values["category"] = str(values["category"])
    values["employment"] = str(values["employment"])
    values["initials"] = rules.initials(values["name"], person=True)
    seen = tx.session.first(
        queries.CHANGE_STAFF,
        id_=staff_id,
        seen=command.version,
        **{f"{name}_": value for name, value in values.items()},
    )
    if seen is None:
        raise _stale(before)
    fields = [name for name in given if values[name] != getattr(before, name)]
    if "mobile" in command.model_fields_set:
        tx.session.execute(queries.CHANGE_CONTACT, id_=staff_id, mobile_=command.mobile)
        fields.append("mobile")
    public = [name for name in fields if name != "mobile"]
    record(
        tx,
        "staff",
        staff_id,
        "changed",
        before={name: getattr(before, name) for name in public},
        after={name: values[name] for name in public},
        reason=command.reason,
    )
    _tell_changed(tx, before, fields, before.status)
    return tx.session.one(queries.STAFF, staff_id=staff_id)


_CHANGEABLE = ("name", "category", "title_code", "employment", "office_phone")


def join_unit(tx: Tx, staff_id: UUID, command: JoinUnit) -> StaffMember:
    """Belong to a further unit over a period (兼属科室). Raises AlreadyInUnit."""
    person = own_staff(tx, staff_id)
    since = command.valid_from or tx.today
    rules.not_before(since, tx.today, "兼属起始日期")
    if command.valid_to is not None and command.valid_to <= since:
        raise Invalid("兼属结束日期须晚于起始日期。")
    _check_unit(tx, command.unit_id, since, command.valid_to)
    tx.session.add(
        membership(tx, tx.campus, staff_id, command.unit_id, since, is_primary=False, until=command.valid_to)
    )
    record(tx, "staff", staff_id, "joined_unit", after=command.model_dump(mode="json"))
    _tell_changed(tx, person, ["units"], person.status)
    return person


def change_primary_unit(tx: Tx, staff_id: UUID, command: ChangePrimaryUnit) -> StaffMember:
    """Another primary unit (调科) from today or a later day on. Of two at once, one is told to look again."""
    person = own_staff(tx, staff_id)
    day = command.effective_on
    rules.not_before(day, tx.today, "调科日期")
    if tx.session.first(queries.BUMP_STAFF, id_=staff_id, seen=command.version) is None:
        raise _stale(person)
    rows = tx.session.all(queries.UNITS_OF_STAFF, staff_id=staff_id)
    here = [row for row in rows if row.valid_from <= day and (row.valid_to is None or row.valid_to > day)]
    current = next((row for row in here if row.is_primary), None)
    if current is None:
        raise StaffNotActive("该职工在此日期没有主属科室（尚未入职或已离职），请核对日期。")
    _check_unit(tx, command.unit_id, day, current.valid_to)
    for row in here:
        if row is current or row.unit_id == command.unit_id:
            _end_membership(tx, row, day)
    tx.session.add(
        membership(
            tx,
            tx.campus,
            staff_id,
            command.unit_id,
            day,
            is_primary=True,
            until=current.valid_to,
            reason=command.reason,
        )
    )
    record(
        tx,
        "staff",
        staff_id,
        "primary_unit_changed",
        before={"unit_id": current.unit_id},
        after={"unit_id": command.unit_id, "effective_on": day},
        reason=command.reason,
    )
    _tell_changed(tx, person, ["units"], person.status)
    return tx.session.one(queries.STAFF, staff_id=staff_id)


def suspend_staff(tx: Tx, staff_id: UUID, command: SuspendStaff) -> StaffMember:
    """Suspend a person (停职): every token is refused within a minute, the account is disabled, posts stay."""
    keep_administrators(tx, staff_id)
    person = _step(tx, staff_id, command.version, "active", "suspended")
    _deny(tx, staff_id, SUSPENDED)
    tx.session.add(
        StaffSuspension(
            suspension_id=new_id(),
            campus_id=tx.campus,
            staff_id=staff_id,
            valid_from=tx.now,
            valid_to=None,
            suspended_by=tx.actor.subject,
        )
    )
    record(tx, "staff", staff_id, "suspended", reason=command.reason)
    _tell_changed(tx, person, ["status"], "suspended")
    return tx.session.one(queries.STAFF, staff_id=staff_id)


def resume_staff(tx: Tx, staff_id: UUID, command: SuspendStaff) -> StaffMember:
    """Let a suspended person work again (复职)."""
    person = _step(tx, staff_id, command.version, "suspended", "active")
    tx.session.execute(queries.LIFT_SUSPENSION, subject_=str(staff_id), reason_=SUSPENDED, now=tx.now)
    tx.session.execute(credentials.END_STAFF_SUSPENSION, id_=staff_id, now=tx.now, by=tx.actor.subject)
    record(tx, "staff", staff_id, "resumed", reason=command.reason)
    _tell_changed(tx, person, ["status"], "active")
    return tx.session.one(queries.STAFF, staff_id=staff_id)


def end_staff(tx: Tx, staff_id: UUID, command: EndStaff) -> StaffMember:
    """A person leaves (离职), now or at a later minute.

    Posts and privileges of the home campus and memberships get that end at once. When the minute has come - here, or
    in `sign_off_leavers` - the status becomes `left`, secondments, delegations and the signature specimen end and every
    token is refused within 60 s. What the person leaves open goes on the hand-over list; nobody is kept by it.
    """
    at = command.at or tx.now
    rules.not_before(at, tx.now - timedelta(minutes=5), "离职时间")
    person = own_staff(tx, staff_id)
    if person.status == "left":
        raise StaffNotActive("该职工已离职。")
    keep_administrators(tx, staff_id)
    handover.list_handover(tx, person, at)
    seen = tx.session.first(
        queries.SET_STATUS,
        id_=staff_id,
        seen=command.version,
        from_=person.status,
        to=person.status,
        leaves=at,
    )
    if seen is None:
        raise _stale(person)
    why = f"离职：{command.reason}"
    ended = tx.session.all(
        posts.END_POSTS_OF_STAFF, id_=staff_id, campus=tx.campus, until=at, now=tx.now, by=tx.actor.subject, why=why
    )
    for row in ended:
        tx.emit(
            PostEnded(
                assignment_id=row.assignment_id,
                staff_id=staff_id,
                campus_code=row.campus_id,
                post=row.post,
                valid_to=at,
            )
        )
    privileges.end_privileges_of(tx, staff_id, at, why)
    after = at.astimezone(SHANGHAI).date() + timedelta(days=1)
    for held in tx.session.all(queries.UNITS_OF_STAFF, staff_id=staff_id):
        if held.valid_to is None or held.valid_to > after:
            _end_membership(tx, held, after)
    record(tx, "staff", staff_id, "leaving", after={"leaves_at": at}, reason=command.reason)
    if at <= tx.now:
        _sign_off(tx, tx.session.one(queries.STAFF, staff_id=staff_id))
    return tx.session.one(queries.STAFF, staff_id=staff_id)


def sign_off_leavers(tx: Tx) -> int:
    """Sign off the people of the acting campus whose last minute has come. Run every minute; returns how many."""
    due = tx.session.all(queries.LEAVERS_DUE, campus=tx.campus, now=tx.now, limit=A_MINUTES_WORK)
    for person in due:
        _sign_off(tx, person)
    return len(due)


# -- inside


def _sign_off(tx: Tx, person: StaffMember) -> None:
    left_at = person.leaves_at or tx.now
    tx.session.execute(
        queries.SET_STATUS,
        id_=person.staff_id,
        seen=person.version,
        from_=person.status,
        to="left",
        leaves=left_at,
    )
    secondments.end_all_of(tx, person.staff_id, LEFT)
    delegations.end_delegations_of(tx, person.staff_id, LEFT)
    identities.end_identity(tx, person)
    tx.session.execute(
        signatures.END_SIGNATURE,
        id_=person.staff_id,
        campus=tx.campus,
        until=left_at,
        now=tx.now,
        by=tx.actor.subject,
        why=LEFT,
    )
    _deny(tx, person.staff_id, LEFT)
    record(tx, "staff", person.staff_id, "left", after={"left_at": left_at})
    tx.emit(StaffLeft(staff_id=person.staff_id, campus_code=person.campus_id, left_at=left_at))


def _deny(tx: Tx, staff_id: UUID, reason: str) -> None:
    tx.session.add(
        DeniedSubject(
            denial_id=new_id(),
            subject=str(staff_id),
            login_session=None,
            issued_before=None,
            reason=reason,
            expires_at=tx.now + DENIED_FOR,
        )
    )


def _step(tx: Tx, staff_id: UUID, seen: int, before: str, after: str) -> StaffMember:
    person = own_staff(tx, staff_id)
    if person.status != before:
        raise StaffNotActive(f"该职工当前状态为“{_STATUS[person.status]}”，不能办理此操作。", status_now=person.status)
    changed = tx.session.first(queries.SET_STATUS, id_=staff_id, seen=seen, from_=before, to=after, leaves=None)
    if changed is None:
        raise _stale(person)
    return person


_STATUS = {"active": "在岗", "suspended": "停职", "left": "离职"}


def _stale(person: StaffMember) -> Stale:
    return Stale("该职工档案已被他人修改，请刷新后再操作。", current_version=person.version)


def _check_unit(tx: Tx, unit_id: UUID, since: date, until: date | None) -> None:
    """The unit is of the acting campus and there all that time."""
    history = unit_history(tx, unit_id)
    if history[0].campus_id != tx.campus:
        raise UnitNotFound("本院区没有这个科室，请核对后重新选择。")
    if not rules.covers([(part.valid_from, part.valid_to) for part in history], since, until):
        raise UnitNotInForce("该科室在此期间未启用或将关闭，请核对日期或另选科室。")


def _end_membership(tx: Tx, row: StaffUnit, day: date) -> None:
    if row.valid_from >= day:
        tx.session.execute(queries.SUPERSEDE_MEMBERSHIP, row=row.row_id, now=tx.now)
    else:
        tx.session.execute(queries.SHORTEN_MEMBERSHIP, row=row.row_id, until=day)


def _tell_changed(tx: Tx, person: StaffMember, fields: list[str], status: str) -> None:
    tx.emit(StaffChanged(staff_id=person.staff_id, campus_code=person.campus_id, fields=fields, status=status))
