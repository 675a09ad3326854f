"""Delegations (代班): a named person holds a post of a unit for some days."""

from uuid import UUID

from events.organisation import DelegationEnded, DelegationStarted
from functions.organisation.structure.models import Delegation
from functions.organisation.structure.problems import (
    NotTheirs,
    StaffNotActive,
    UnitNotFound,
    UnknownPost,
)
from functions.organisation.structure.problems.credentials import (
    DelegationInvalid,
    DelegationNotFound,
    DelegationOver,
)
from functions.organisation.structure.queries import credentials as queries
from functions.organisation.structure.queries import people, posts
from functions.organisation.structure.rules import Holding, check_posts, not_before
from functions.organisation.structure.rules.credentials import DELEGATION_TERM
from functions.organisation.structure.schemas.credentials import Delegate, EndDelegation
from functions.organisation.structure.service.holdings import check_post_licence, leaving_before, lock_posts
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.units import unit
from shared.identity.posts import POSTS
from shared.ids import new_id
from shared.problems import Stale
from shared.tx import SamePerson, Tx

A_MINUTES_WORK = 200


def delegate(tx: Tx, command: Delegate) -> Delegation:
    """Let a person hold a post of a unit of the acting campus, for 14 days at most.

    The head of a unit delegates its posts; personnel any unit's. Privileges are never delegated, nor are privileged
    and consortium-wide posts. Raises DelegationInvalid, UnknownPost, NotTheirs, IncompatiblePosts, LicenceMissing,
    DelegationOverlaps, StaffNotActive, SamePerson, PastChange.
    """
    valid_from = command.valid_from or tx.now
    not_before(valid_from, tx.now, "代班开始时间")
    if not valid_from < command.valid_to <= valid_from + DELEGATION_TERM:
        raise DelegationInvalid("代班结束须晚于开始，一次最长 14 天。")
    post = POSTS.get(command.post)
    if post is None:
        raise UnknownPost(f"没有岗位“{command.post}”，请从岗位表中选择。")
    if post.privileged or post.consortium_wide:
        raise DelegationInvalid(f"“{post.title}”不能代班，请由人事正式任命。")
    if tx.actor.staff_id == command.staff_id:
        raise SamePerson("不能给本人授权代班，请由其他负责人办理。")
    _check_unit(tx, command)
    held = lock_posts(tx, command.staff_id, valid_from)
    if held.person.status != "active" or leaving_before(held.person, command.valid_to):
        raise StaffNotActive("该职工不在岗或代班期间离职，请另选他人。")
    here = held.person.campus_id == tx.campus or any(
        row.receiving_campus == tx.campus and row.valid_from <= valid_from and command.valid_to <= row.valid_to
        for row in held.secondments
    )
    if not here:
        raise NotTheirs("该职工不是本院区职工，代班期间也没有派驻到本院区。")
    check_post_licence(tx, command.staff_id, command.post, valid_from)
    check_posts(held.holdings, [Holding(tx.campus, command.post, valid_from, command.valid_to)])
    row = Delegation(
        delegation_id=new_id(),
        campus_id=tx.campus,
        staff_id=command.staff_id,
        post=command.post,
        unit_id=command.unit_id,
        valid_from=valid_from,
        valid_to=command.valid_to,
        reason=command.reason,
        status="active" if valid_from <= tx.now else "planned",
        delegated_at=tx.now,
        delegated_by=tx.actor.subject,
    )
    tx.session.add(row)
    record(tx, "delegation", row.delegation_id, "delegated", after=command.model_dump(mode="json"))
    if row.status == "active":
        _tell_started(tx, row)
    tx.session.flush()
    return row


def end_delegation(tx: Tx, delegation_id: UUID, command: EndDelegation) -> Delegation:
    """End a delegation now, or withdraw one that has not begun. Raises DelegationNotFound, DelegationOver."""
    row = tx.session.first(queries.DELEGATION, delegation_id=delegation_id)
    if row is None or row.campus_id != tx.campus:
        raise DelegationNotFound("本院区没有这条代班，请刷新后核对。")
    if row.status not in ("planned", "active"):
        raise DelegationOver("该代班已结束或已撤回。")
    _check_authority(tx, row.unit_id)
    after = _finish(tx, row, command.reason, command.version)
    record(tx, "delegation", delegation_id, after.status, reason=command.reason)
    return after


def delegations_of_campus(tx: Tx, before: UUID, limit: int) -> list[Delegation]:
    """Delegations of the acting campus, latest first."""
    return tx.session.all(queries.DELEGATIONS_OF_CAMPUS, campus=tx.campus, before=before, limit=limit)


def end_delegations_of(tx: Tx, staff_id: UUID, reason: str) -> None:
    """A person leaves: what was delegated at the acting campus ends."""
    for row in tx.session.all(queries.DELEGATIONS_SINCE, staff_id=staff_id, at=tx.now):
        if row.campus_id == tx.campus and row.status in ("planned", "active"):
            _finish(tx, row, reason, row.version)


def turn_delegations(tx: Tx) -> int:
    """Tell of delegations of the acting campus whose first or last moment has come. Run every minute.

    Rights don't wait for this: they follow the period itself.
    """
    due = tx.session.all(queries.DELEGATIONS_DUE, campus=tx.campus, now=tx.now, limit=A_MINUTES_WORK)
    for row in due:
        begun = row
        if row.status == "planned":
            begun = _step(tx, row, "active", row.version)
            _tell_started(tx, begun)
        if begun.valid_to <= tx.now:
            _tell_ended(tx, _step(tx, begun, "ended", begun.version))
    return len(due)


# -- inside


def _check_unit(tx: Tx, command: Delegate) -> None:
    there = unit(tx, command.unit_id)
    if there.campus_id != tx.campus:
        raise UnitNotFound("本院区没有这个科室，请核对后重新选择。")
    if tx.session.first(posts.POST_OF_UNIT, unit_id=command.unit_id, post=command.post) is None:
        raise DelegationInvalid(f"“{there.name}”没有设“{POSTS[command.post].title}”岗位，不能代班。")
    _check_authority(tx, command.unit_id)


def _check_authority(tx: Tx, unit_id: UUID) -> None:
    """The head of a unit is of that unit; personnel is responsible for all."""
    if tx.actor.kind == "system" or tx.actor.may("organisation.structure.assign_post", tx.campus):
        return
    mine = [] if tx.actor.staff_id is None else tx.session.all(people.UNITS_OF_STAFF, staff_id=tx.actor.staff_id)
    today = tx.today
    if not any(
        row.unit_id == unit_id and row.valid_from <= today and (row.valid_to is None or row.valid_to > today)
        for row in mine
    ):
        raise NotTheirs("只能安排本科室岗位的代班。")


def _finish(tx: Tx, row: Delegation, reason: str, seen: int) -> Delegation:
    begun = row.valid_from <= tx.now
    after = _step(tx, row, "ended" if begun else "withdrawn", seen, reason)
    if begun:
        _tell_ended(tx, after)
    return after


def _step(tx: Tx, row: Delegation, to: str, seen: int, reason: str | None = None) -> Delegation:
    after = tx.session.first(
        queries.STEP_DELEGATION,
        id_=row.delegation_id,
        seen=seen,
        from_=row.status,
        to=to,
        until=tx.now if reason is not None else None,
        ended=tx.now if reason is not None else None,
        by=tx.actor.subject if reason is not None else None,
        why=reason,
    )
    if after is None:
        raise Stale("该代班已被他人修改，请刷新后再操作。", current_version=row.version)
    return after


def _tell_started(tx: Tx, row: Delegation) -> None:
    tx.emit(
        DelegationStarted(
            delegation_id=row.delegation_id,
            staff_id=row.staff_id,
            campus_code=row.campus_id,
            unit_id=row.unit_id,
            post=row.post,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
        )
    )


def _tell_ended(tx: Tx, row: Delegation) -> None:
    tx.emit(
        DelegationEnded(
            delegation_id=row.delegation_id,
            staff_id=row.staff_id,
            campus_code=row.campus_id,
            unit_id=row.unit_id,
            post=row.post,
            ended_at=row.valid_to,
        )
    )
