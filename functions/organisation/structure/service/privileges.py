"""Clinical privileges (处方权、手术权限、报告审核权等): granted, suspended, resumed, taken back.

medical_affairs/antibiotics and medical_affairs/surgery_grading call these at the end of their own workflow.
"""

from datetime import datetime
from uuid import UUID

from events.organisation import PrivilegeGranted, PrivilegeRevoked, PrivilegeSuspended
from functions.organisation.structure.models import Privilege, PrivilegeSuspension
from functions.organisation.structure.problems import CampusNotFound, StaffNotActive
from functions.organisation.structure.problems.credentials import (
    PrivilegeNotEarned,
    PrivilegeNotFound,
    PrivilegeNotSuspended,
    PrivilegeOver,
)
from functions.organisation.structure.queries import credentials as queries
from functions.organisation.structure.queries import people
from functions.organisation.structure.rules import credentials as rules
from functions.organisation.structure.rules import not_before, title_rank
from functions.organisation.structure.schemas.credentials import EndPrivilege, GrantPrivilege, SuspendPrivilege
from functions.organisation.structure.service.consortium import campuses
from functions.organisation.structure.service.judgement import facts_of
from functions.organisation.structure.service.log import record
from shared.ids import new_id
from shared.tx import SamePerson, Tx


def privileges_of(tx: Tx, staff_id: UUID) -> tuple[list[Privilege], list[PrivilegeSuspension]]:
    """Every privilege a person has or had, earliest first, with the suspensions."""
    privileges = tx.session.send(queries.PRIVILEGES_OF, staff_id=staff_id)
    suspensions = tx.session.send(queries.SUSPENSIONS_OF, staff_id=staff_id)
    return privileges.all(), suspensions.all()


def privilege_holders(tx: Tx, kind: str, at: datetime | None, after: UUID, limit: int) -> list[Privilege]:
    """Privileges of a kind granted by the acting campus that are in force at a moment."""
    return tx.session.all(queries.HOLDERS_OF, campus=tx.campus, kind=kind, at=at or tx.now, after=after, limit=limit)


def grant_privilege(tx: Tx, staff_id: UUID, command: GrantPrivilege) -> Privilege:
    """Grant a privilege by the acting campus, from now or a later moment on.

    It rests on a licence valid at its beginning whose practice place covers each campus, and on a title: antibiotics of
    the special grade need a senior one. Raises PrivilegeUnknown, LicenceMissing, PrivilegeNotEarned, PrivilegeHeld,
    StaffNotActive, SamePerson.
    """
    valid_from = command.valid_from or tx.now
    not_before(valid_from, tx.now, "授权开始时间")
    if tx.actor.staff_id == staff_id:
        raise SamePerson("不能给本人授权，请由医务部门其他人员办理。")
    facts = facts_of(tx, staff_id)
    person = tx.session.one(people.STAFF, staff_id=staff_id)
    refused = rules.judge_person(facts, valid_from)
    if refused is not None:
        raise StaffNotActive(refused.reason)
    valid = [licence.kind for licence in facts.licences if licence.period.at(valid_from)]
    rules.check_earned(command.kind, command.level, title_rank(person.title_code), valid)
    at = sorted(set(command.campuses)) or [tx.campus]
    known = {campus.code for campus in campuses(tx)}
    if not known.issuperset(at):
        raise CampusNotFound(f"没有院区“{'、'.join(sorted(set(at) - known))}”，请核对院区代码。")
    for code in at:
        verdict = rules.judge_licence(facts, rules.PRIVILEGES[command.kind].licences, code, valid_from)
        if not verdict.allowed:
            raise PrivilegeNotEarned(f"{verdict.reason}（院区 {code}）", reason_code=verdict.code)
    row = Privilege(
        privilege_id=new_id(),
        campus_id=tx.campus,
        staff_id=staff_id,
        kind=command.kind,
        level=command.level,
        campuses=at,
        procedures=sorted(set(command.procedures)),
        valid_from=valid_from,
        valid_to=command.valid_to,
        evidence=command.evidence,
        source=command.source or "",
        granted_at=tx.now,
        granted_by=tx.actor.subject,
    )
    tx.session.add(row)
    after = command.model_dump(mode="json", exclude_none=True)
    record(tx, "privilege", row.privilege_id, "granted", after={"staff_id": staff_id, **after})
    _tell_granted(tx, row, resumed=False)
    tx.session.flush()
    return row


def suspend_privilege(tx: Tx, privilege_id: UUID, command: SuspendPrivilege) -> PrivilegeSuspension:
    """Suspend a privilege from now or a later moment on (暂停); what was signed before stands.

    Raises PrivilegeNotFound, PrivilegeOver, PrivilegeSuspendedAlready.
    """
    since = command.valid_from or tx.now
    not_before(since, tx.now, "暂停开始时间")
    row = _own(tx, privilege_id)
    if row.valid_to is not None and row.valid_to <= since:
        raise PrivilegeOver("该权限届时已收回或到期，无需暂停。")
    pause = PrivilegeSuspension(
        suspension_id=new_id(),
        campus_id=tx.campus,
        privilege_id=privilege_id,
        staff_id=row.staff_id,
        valid_from=since,
        valid_to=command.valid_to,
        reason=command.reason,
        source=command.source or "",
        suspended_at=tx.now,
        suspended_by=tx.actor.subject,
    )
    tx.session.add(pause)
    record(tx, "privilege", privilege_id, "suspended", after={"valid_from": since}, reason=command.reason)
    tx.emit(
        PrivilegeSuspended(
            privilege_id=privilege_id,
            staff_id=row.staff_id,
            kind=row.kind,
            level=row.level,
            campuses=row.campuses,
            cause="decision",
            suspended_from=since,
        )
    )
    tx.session.flush()
    return pause


def resume_privilege(tx: Tx, privilege_id: UUID, command: EndPrivilege) -> Privilege:
    """Let a suspended privilege count again from now on (恢复). Raises PrivilegeNotSuspended."""
    row = _own(tx, privilege_id)
    lifted = tx.session.all(
        queries.LIFT_SUSPENSION, id_=privilege_id, now=tx.now, by=tx.actor.subject, why=command.reason
    )
    if not lifted:
        raise PrivilegeNotSuspended("该权限没有暂停，无需恢复。")
    record(tx, "privilege", privilege_id, "resumed", reason=command.reason)
    _tell_granted(tx, row, resumed=True)
    return row


def revoke_privilege(tx: Tx, privilege_id: UUID, command: EndPrivilege) -> Privilege:
    """Take a privilege back, now or at a later moment (收回). Raises PrivilegeNotFound, PrivilegeOver."""
    at = command.at or tx.now
    not_before(at, tx.now, "收回时间")
    _own(tx, privilege_id)
    ended = tx.session.first(
        queries.END_PRIVILEGE, id_=privilege_id, until=at, now=tx.now, by=tx.actor.subject, why=command.reason
    )
    if ended is None:
        raise PrivilegeOver("该权限已收回或到期得更早，请刷新后核对。")
    record(tx, "privilege", privilege_id, "revoked", after={"valid_to": at}, reason=command.reason)
    _tell_revoked(tx, ended, at)
    return ended


def end_privileges_of(tx: Tx, staff_id: UUID, at: datetime, why: str) -> None:
    """A person leaves: the privileges the campus granted end with that minute."""
    for row in tx.session.all(
        queries.END_PRIVILEGES_OF_STAFF,
        id_=staff_id,
        campus=tx.campus,
        until=at,
        now=tx.now,
        by=tx.actor.subject,
        why=why,
    ):
        _tell_revoked(tx, row, at)


# -- inside


def _own(tx: Tx, privilege_id: UUID) -> Privilege:
    row = tx.session.first(queries.PRIVILEGE, privilege_id=privilege_id)
    if row is None or row.campus_id != tx.campus:
        raise PrivilegeNotFound("本院区没有授予过这项权限，请刷新后核对。")
    return row


def _tell_granted(tx: Tx, row: Privilege, *, resumed: bool) -> None:
    tx.emit(
        PrivilegeGranted(
            privilege_id=row.privilege_id,
            staff_id=row.staff_id,
            kind=row.kind,
            level=row.level,
            campuses=row.campuses,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            resumed=resumed,
        )
    )


def _tell_revoked(tx: Tx, row: Privilege, at: datetime) -> None:
    tx.emit(
        PrivilegeRevoked(
            privilege_id=row.privilege_id,
            staff_id=row.staff_id,
            kind=row.kind,
            level=row.level,
            campuses=row.campuses,
            revoked_at=at,
        )
    )
