"""Posts (岗位): who holds which, where, when."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from events.organisation import PostEnded
from functions.organisation.structure import rules
from functions.organisation.structure.models import Delegation, PostAssignment, Secondment, StaffUnit
from functions.organisation.structure.problems import (
    AssignmentNotFound,
    AssignmentOver,
    LastAdministrator,
    NotTheirs,
    StaffNotActive,
)
from functions.organisation.structure.queries import credentials, people
from functions.organisation.structure.queries import posts as queries
from functions.organisation.structure.schemas.people import AssignPost, EndPost
from functions.organisation.structure.service.founding import posted
from functions.organisation.structure.service.holdings import check_post_licence, leaving_before, lock_posts
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.units import unit
from shared.identity.denied import KEPT
from shared.identity.posts import POSTS
from shared.ids import new_id
from shared.schemas import SHANGHAI
from shared.tables import DeniedSubject
from shared.tx import SamePerson, Tx


class Held(NamedTuple):
    """A post held at a moment: by an assignment, by a secondment or by a delegation (代班)."""

    assignment_id: UUID | None
    secondment_id: UUID | None
    staff_id: UUID
    campus_id: str
    post: str
    unit_id: UUID
    is_main: bool
    valid_from: datetime
    valid_to: datetime | None
    delegation_id: UUID | None = None


class Account(NamedTuple):
    """A person as identity needs to know them. `posts`: campus -> posts held now."""

    staff_no: str
    name: str
    staff_id: UUID
    posts: Mapping[str, frozenset[str]]
    enabled: bool


def assign_post(tx: Tx, command: AssignPost) -> PostAssignment:
    """Give a person a post at the acting campus (岗位任命), in one of their units there.

    At the home campus the unit is one the person belongs to; elsewhere the receiving unit of a secondment, within
    its term. A privileged post ends within 12 months. Raises UnknownPost, StaffNotFound, StaffNotActive, NotTheirs,
    IncompatiblePosts, LicenceMissing, SecondMainPost, PostHeldAlready, PrivilegedTooLong, SamePerson, PastChange.
    """
    return enter_post(tx, appointed(tx, command))


def appointed(
    tx: Tx, command: AssignPost, planned: Sequence[PostAssignment] = (), *, joins: bool = False
) -> PostAssignment:
    """The appointment a command asks for, checked and not yet entered; raises what `assign_post` raises, but for what
    the database alone decides. `planned`: appointments of the same person about to be entered before this one.
    `joins`: the person joins the unit along with it."""
    valid_from = command.valid_from or tx.now
    rules.not_before(valid_from, tx.now, "任职开始时间")
    valid_to = rules.check_post(command.post, valid_from, command.valid_to)
    if tx.actor.staff_id == command.staff_id:
        raise SamePerson("不能给本人任命岗位，请由其他人事人员办理。")
    held = lock_posts(tx, command.staff_id, valid_from)
    person = held.person
    if (
        person.status == "left"
        or (valid_to is None and person.leaves_at is not None)
        or leaving_before(person, valid_from)
    ):
        raise StaffNotActive("该职工已离职或即将离职，请核对任期。")
    if person.leaves_at is not None and valid_to is not None:
        valid_to = min(valid_to, person.leaves_at)
    secondment: Secondment | None = None
    if person.campus_id == tx.campus and joins and command.unit_id is not None:
        unit_id = command.unit_id
    elif person.campus_id == tx.campus:
        unit_id = _home_unit(tx, command, valid_from)
    else:
        secondment = _secondment_for(tx, held.secondments, command, valid_from)
        unit_id = secondment.unit_id
        valid_to = secondment.valid_to if valid_to is None else min(valid_to, secondment.valid_to)
    check_post_licence(tx, command.staff_id, command.post, valid_from)
    also = [rules.Holding(row.campus_id, row.post, row.valid_from, row.valid_to) for row in planned]
    rules.check_posts([*held.holdings, *also], [rules.Holding(tx.campus, command.post, valid_from, valid_to)])
    row = PostAssignment(
        assignment_id=new_id(),
        campus_id=tx.campus,
        staff_id=command.staff_id,
        post=command.post,
        unit_id=unit_id,
        is_main=command.is_main,
        secondment_id=secondment.secondment_id if secondment is not None else None,
        valid_from=valid_from,
        valid_to=valid_to,
        basis=command.basis or "",
        assigned_at=tx.now,
        assigned_by=tx.actor.subject,
    )
    rules.check_beside(_terms([*held.assignments, *planned]), *_terms([row]))
    return row


def enter_post(tx: Tx, row: PostAssignment) -> PostAssignment:
    """Enter an appointment that was checked, and tell of it."""
    tx.session.add(row)
    after = {"post": row.post, "unit_id": row.unit_id, "valid_from": row.valid_from, "valid_to": row.valid_to}
    record(tx, "post", row.assignment_id, "assigned", after={"staff_id": row.staff_id, **after}, reason=row.basis)
    tx.emit(posted(row))
    return row


def end_post(tx: Tx, assignment_id: UUID, command: EndPost) -> PostAssignment:
    """End a post of the acting campus (免职), now or at a later moment.

    Raises AssignmentNotFound, AssignmentOver, LastAdministrator.
    """
    at = command.at or tx.now
    rules.not_before(at, tx.now, "免职时间")
    before = tx.session.first(queries.ASSIGNMENT, assignment_id=assignment_id)
    if before is None or before.campus_id != tx.campus:
        raise AssignmentNotFound("本院区没有这条任职，请刷新后核对。")
    keep_administrators(tx, before.staff_id, [before.post])
    ended = tx.session.first(
        queries.END_POST, id_=assignment_id, until=at, now=tx.now, by=tx.actor.subject, why=command.reason
    )
    if ended is None:
        raise AssignmentOver("该任职已结束或结束得更早，请刷新后核对。")
    if command.immediate and at <= tx.now:
        tx.session.add(
            DeniedSubject(
                denial_id=new_id(),
                subject=str(before.staff_id),
                login_session=None,
                issued_before=tx.now,
                reason="post ended",
                expires_at=tx.now + KEPT,
            )
        )
    record(
        tx,
        "post",
        assignment_id,
        "ended",
        before={"staff_id": before.staff_id, "post": before.post, "valid_to": before.valid_to},
        after={"valid_to": ended.valid_to},
        reason=command.reason,
    )
    tx.emit(
        PostEnded(
            assignment_id=assignment_id,
            staff_id=before.staff_id,
            campus_code=before.campus_id,
            post=before.post,
            valid_to=at,
        )
    )
    return ended


def posts_of(tx: Tx, staff_id: UUID, at: datetime | None = None) -> list[Held]:
    """What a person holds at a moment, at every campus; secondments count on their days only."""
    moment = at or tx.now
    assignments = tx.session.send(queries.ASSIGNMENTS_SINCE, staff_id=staff_id, at=moment)
    secondments = tx.session.send(queries.SECONDMENTS_OF, staff_id=staff_id)
    delegations = tx.session.send(credentials.DELEGATIONS_SINCE, staff_id=staff_id, at=moment)
    rows = [row for row in assignments.all() if row.valid_from <= moment]
    standing_in = [row for row in delegations.all() if row.valid_from <= moment]
    return effective(rows, _in_force(secondments.all(), moment), standing_in)


def holders(tx: Tx, post: str, unit_id: UUID | None = None, at: datetime | None = None) -> list[Held]:
    """Who held a post of the acting campus at a moment, in one unit or in all (for audits and calling lists)."""
    moment = at or tx.now
    assignments = tx.session.send(queries.ASSIGNMENTS_AT, campus=tx.campus, post=post, at=moment)
    secondments = tx.session.send(queries.SECONDMENTS_TO_AT, campus=tx.campus, at=moment)
    delegations = tx.session.send(credentials.DELEGATIONS_TO_AT, campus=tx.campus, at=moment)
    held = effective(assignments.all(), _in_force(secondments.all(), moment), delegations.all())
    return [one for one in held if one.post == post and unit_id in {None, one.unit_id}]


def posts_ending(tx: Tx, days: int) -> list[PostAssignment]:
    """Assignments of the acting campus that end within some days: to be renewed or let go."""
    return tx.session.all(queries.ENDING_POSTS, campus=tx.campus, now=tx.now, until=tx.now + timedelta(days=days))


def staff_accounts(tx: Tx) -> list[Account]:
    """Everybody with the posts held at this moment, for the identity server. Leavers and the suspended are disabled."""
    staff = tx.session.send(people.ALL_STAFF)
    assignments = tx.session.send(queries.ALL_ASSIGNMENTS_AT, at=tx.now)
    secondments = tx.session.send(queries.ALL_SECONDMENTS_AT, at=tx.now)
    delegations = tx.session.send(credentials.ALL_DELEGATIONS_AT, at=tx.now)
    everybody = staff.all()
    rows = assignments.all()
    posts: dict[UUID, dict[str, set[str]]] = {}
    for held in effective(rows, _in_force(secondments.all(), tx.now), delegations.all()):
        posts.setdefault(held.staff_id, {}).setdefault(held.campus_id, set()).add(held.post)
    return [
        Account(
            staff_no=person.staff_no,
            name=person.name,
            staff_id=person.staff_id,
            posts={campus: frozenset(codes) for campus, codes in posts.get(person.staff_id, {}).items()},
            enabled=(
                person.status == "active" and person.engaged_on <= tx.today and not leaving_before(person, tx.now)
            ),
        )
        for person in everybody
    ]


def keep_administrators(
    tx: Tx, staff_id: UUID, posts: Collection[str] = rules.ADMINISTRATORS, *, without: Collection[UUID] = ()
) -> None:
    """Refuse to shut out the last person of one of the three administrators (三员): nobody could let anybody in again.

    `posts`: those the person is about to lose, by default all. `without`: people who do not count, because they are
    frozen. Raises LastAdministrator.
    """
    at_stake = rules.ADMINISTRATORS & set(posts) & {held.post for held in posts_of(tx, staff_id)}
    if not at_stake:
        return
    others = [one for one in staff_accounts(tx) if one.enabled and one.staff_id not in {staff_id, *without}]
    for post in sorted(at_stake):
        if not any(post in held for one in others for held in one.posts.values()):
            title = POSTS[post].title
            raise LastAdministrator(f"该职工是最后一名在任的{title}，请归口管理部门先任命继任者。", post=post)


# -- inside


def effective(
    assignments: Iterable[PostAssignment], secondments: Sequence[Secondment], delegations: Iterable[Delegation]
) -> list[Held]:
    """Assignments that count, the posts of the secondments in force, and those stood in for."""
    there = {row.secondment_id for row in secondments}
    held = [
        Held(
            row.assignment_id,
            row.secondment_id,
            row.staff_id,
            row.campus_id,
            row.post,
            row.unit_id,
            row.is_main,
            row.valid_from,
            row.valid_to,
        )
        for row in assignments
        if row.secondment_id is None or row.secondment_id in there
    ]
    held += [
        Held(
            None,
            row.secondment_id,
            row.staff_id,
            row.receiving_campus,
            post,
            row.unit_id,
            False,
            row.valid_from,
            row.valid_to,
        )
        for row in secondments
        for post in row.posts
    ]
    held += [
        Held(
            None,
            None,
            row.staff_id,
            row.campus_id,
            row.post,
            row.unit_id,
            False,
            row.valid_from,
            row.valid_to,
            row.delegation_id,
        )
        for row in delegations
    ]
    return held


def _in_force(secondments: Iterable[Secondment], moment: datetime) -> list[Secondment]:
    day = moment.astimezone(SHANGHAI).date()
    return [
        row
        for row in secondments
        if row.valid_from <= moment < row.valid_to and rules.acts_on(row.mode, row.weekdays, row.dates, day)
    ]


def _terms(rows: Iterable[PostAssignment]) -> list[rules.Term]:
    return [rules.Term(row.campus_id, row.unit_id, row.post, row.is_main, row.valid_from, row.valid_to) for row in rows]


def _home_unit(tx: Tx, command: AssignPost, valid_from: datetime) -> UUID:
    day = valid_from.astimezone(SHANGHAI).date()
    mine = [row for row in tx.session.all(people.UNITS_OF_STAFF, staff_id=command.staff_id) if _on(row, day)]
    if command.unit_id is None:
        primary = next((row.unit_id for row in mine if row.is_primary), None)
        if primary is None:
            raise NotTheirs("该职工当日没有主属科室，请先办理入科。")
        return primary
    if command.unit_id not in {row.unit_id for row in mine}:
        name = unit(tx, command.unit_id, day).name
        raise NotTheirs(f"该职工当日不属于“{name}”，请先办理入科或派驻。")
    return command.unit_id


def _on(row: StaffUnit, day: object) -> bool:
    return row.valid_from <= day and (row.valid_to is None or row.valid_to > day)  # type: ignore[operator]


def _secondment_for(tx: Tx, secondments: Iterable[Secondment], command: AssignPost, valid_from: datetime) -> Secondment:
    for row in secondments:
        covers = row.valid_from <= valid_from < row.valid_to
        if row.receiving_campus == tx.campus and covers and command.unit_id in {None, row.unit_id}:
            return row
    raise NotTheirs("该职工不是本院区职工，且此时没有派驻到该科室，请先办理派驻。")
