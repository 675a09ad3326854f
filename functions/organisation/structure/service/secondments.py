"""Secondments (派驻, 县管乡用): a person of one campus acts at another."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from events.organisation import SecondmentEnded, SecondmentStarted
from functions.organisation.structure import rules
from functions.organisation.structure.models import Secondment, SecondmentApproval
from functions.organisation.structure.problems import (
    NotTheirs,
    PracticeNotFiled,
    SecondmentInvalid,
    SecondmentNotFound,
    SecondmentState,
    StaffNotActive,
    UnitNotFound,
    UnknownPost,
)
from functions.organisation.structure.queries import posts as queries
from functions.organisation.structure.schemas.people import (
    ApproveSecondment,
    EndSecondment,
    FilePractice,
    ProposeSecondment,
    RenewSecondment,
    SecondmentKind,
)
from functions.organisation.structure.service.consortium import campus
from functions.organisation.structure.service.holdings import check_post_licence, lock_posts
from functions.organisation.structure.service.judgement import licence_at
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.units import unit
from shared.identity.posts import POSTS
from shared.ids import new_id
from shared.problems import Stale
from shared.schemas import SHANGHAI, midnight
from shared.tx import Tx

SIDES = ("home", "hr", "receiving")
A_MINUTES_WORK = 200
_CLINICAL = {"technical", "circuit", "rotation", "support"}


def secondment(tx: Tx, secondment_id: UUID) -> tuple[Secondment, list[str]]:
    """A secondment and the sides that have agreed. Only the two campuses and the head hospital see it."""
    row = tx.session.first(queries.SECONDMENT, secondment_id=secondment_id)
    if row is None or not _concerned(tx, row):
        raise SecondmentNotFound("没有这条派驻，请刷新后核对。")
    return row, [found.side for found in tx.session.all(queries.APPROVALS, secondment_ids=[secondment_id])]


def secondments_of_campus(tx: Tx, before: UUID, limit: int) -> list[tuple[Secondment, list[str]]]:
    """Secondments from and to the acting campus, latest first."""
    rows = tx.session.all(queries.SECONDMENTS_OF_CAMPUS, campus=tx.campus, before=before, limit=limit)
    sides: dict[UUID, list[str]] = {row.secondment_id: [] for row in rows}
    for found in tx.session.all(queries.APPROVALS, secondment_ids=list(sides)):
        sides[found.secondment_id].append(found.side)
    return [(row, sides[row.secondment_id]) for row in rows]


def renew_secondment(tx: Tx, secondment_id: UUID, command: RenewSecondment) -> tuple[Secondment, list[str]]:
    """Propose to go on with a secondment from its end (续派), for 12 months at most; all three consent again.

    Raises SecondmentState unless it is approved, active or ended, and what propose_secondment raises.
    """
    row, _ = secondment(tx, secondment_id)
    if row.status not in queries.IN_FORCE:
        raise SecondmentState("该派驻未批准或已撤回，不能续派；请重新提出派驻。", status_now=row.status)
    given = command.model_dump(exclude={"to_day"}, exclude_none=True)
    kept = {name: given.get(name, getattr(row, name)) for name in _RENEWED}
    proposal = ProposeSecondment(
        staff_id=row.staff_id,
        receiving_campus=row.receiving_campus,
        unit_id=row.unit_id,
        kind=SecondmentKind(row.kind),
        posts=row.posts,
        from_day=max(row.valid_to.astimezone(SHANGHAI).date(), tx.today),
        to_day=command.to_day,
        practice_filed=row.practice_filed,
        **kept,
    )
    return propose_secondment(tx, proposal, renews=secondment_id)


_RENEWED = ("mode", "weekdays", "dates", "cost_share", "performance_share")


def propose_secondment(
    tx: Tx, command: ProposeSecondment, *, renews: UUID | None = None
) -> tuple[Secondment, list[str]]:
    """Propose a secondment; the proposing campus agrees with it by proposing.

    Raises SecondmentInvalid (longer than 12 months, backwards, no days, privileged posts), IncompatiblePosts,
    StaffNotActive, UnitNotFound, NotTheirs (neither campus is the acting one).
    """
    valid_from, valid_to = _term(tx, command)
    held = lock_posts(tx, command.staff_id, valid_from)
    person = held.person
    if person.status != "active" or person.leaves_at is not None:
        raise StaffNotActive("该职工不在岗或即将离职，不能派驻。")
    if person.campus_id == command.receiving_campus:
        raise SecondmentInvalid("派驻院区就是本人所在院区，请直接任命岗位。")
    if tx.campus not in (person.campus_id, command.receiving_campus):
        raise NotTheirs("派驻由派出院区或接收院区提出，请切换到相应院区办理。")
    receiving = campus(tx, command.receiving_campus)
    there = unit(tx, command.unit_id, command.from_day)
    if there.campus_id != receiving.code or receiving.status != "open":
        raise UnitNotFound("接收院区没有这个科室，请核对后重新选择。")
    _check_posts(command.posts)
    new = [rules.Holding(receiving.code, post, valid_from, valid_to) for post in dict.fromkeys(command.posts)]
    rules.check_posts(held.holdings, new)
    row = Secondment(
        secondment_id=new_id(),
        staff_id=command.staff_id,
        home_campus=person.campus_id,
        receiving_campus=receiving.code,
        unit_id=command.unit_id,
        kind=command.kind.value,
        posts=list(dict.fromkeys(command.posts)),
        mode=command.mode,
        weekdays=sorted(set(command.weekdays)),
        dates=sorted(set(command.dates)),
        valid_from=valid_from,
        valid_to=valid_to,
        practice_filed=command.practice_filed,
        cost_share=command.cost_share,
        performance_share=command.performance_share,
        status="proposed",
        proposed_at=tx.now,
        proposed_by=tx.actor.subject,
        renews=renews,
    )
    side: Literal["home", "receiving"] = "home" if tx.campus == person.campus_id else "receiving"
    tx.session.add(row, _approval(tx, row.secondment_id, side))
    record(tx, "secondment", row.secondment_id, "proposed", after=command.model_dump(mode="json"))
    return row, [side]


def approve_secondment(tx: Tx, secondment_id: UUID, command: ApproveSecondment) -> tuple[Secondment, list[str]]:
    """Agree for one side: each campus for itself, the head hospital's personnel office for the consortium.

    With the third consent the secondment is approved, and active when its first day has come. Raises AlreadyApproved,
    SamePerson (the consortium's consent is another person's), PracticeNotFiled, SecondmentOverlaps,
    IncompatiblePosts, SecondmentState.
    """
    row, sides = secondment(tx, secondment_id)
    if tx.campus != _campus_of(tx, row, command.side):
        raise SecondmentNotFound("该派驻不由本院区审批，请切换到相应院区。")
    if row.status != "proposed":
        raise SecondmentState("该派驻已审批完毕或已撤回。", status_now=row.status)
    if row.version != command.version:
        raise Stale("该派驻已被他人修改，请刷新后再操作。", current_version=row.version)
    if command.side == "hr":
        earlier = tx.session.all(queries.APPROVALS, secondment_ids=[secondment_id])
        tx.assert_distinct([found.approved_by for found in earlier], "院区审批与医共体人事审批须由不同人员办理。")
    rules.not_before(row.valid_to, tx.now, "派驻结束日期")
    held = lock_posts(tx, row.staff_id, tx.now)
    if (
        row.kind in _CLINICAL
        and held.person.category == "doctor"
        and not (row.practice_filed or _filed_on_licence(tx, row))
    ):
        raise PracticeNotFiled("该医师在接收院区未完成多机构执业备案，请先备案并登记。")
    for post in row.posts:
        check_post_licence(tx, row.staff_id, post, max(row.valid_from, tx.now), secondment=row)
    new = [rules.Holding(row.receiving_campus, post, row.valid_from, row.valid_to) for post in row.posts]
    rules.check_posts(held.holdings, new)
    tx.session.add(_approval(tx, secondment_id, command.side))
    tx.session.flush()  # one consent a side, decided before anything follows from it
    agreed = sorted({*sides, command.side})
    to = "proposed" if len(agreed) < len(SIDES) else "active" if row.valid_from <= tx.now else "approved"
    after = _step(tx, row, to)
    record(tx, "secondment", secondment_id, f"{command.side}_approved", after={"status": to})
    if to == "active":
        _tell_started(tx, after)
    return after, agreed


def file_practice(tx: Tx, secondment_id: UUID, command: FilePractice) -> tuple[Secondment, list[str]]:
    """Record that the doctor's practice at the receiving campus is filed (多机构备案)."""
    row, sides = secondment(tx, secondment_id)
    if tx.campus not in (row.home_campus, row.receiving_campus) or row.status != "proposed":
        raise SecondmentState("该派驻当前不能登记备案。", status_now=row.status)
    after = _step(tx, row, row.status, seen=command.version, filed=True)
    record(tx, "secondment", secondment_id, "practice_filed")
    return after, sides


def end_secondment(tx: Tx, secondment_id: UUID, command: EndSecondment) -> tuple[Secondment, list[str]]:
    """End a secondment before its time, or withdraw one that has not begun. Either campus may."""
    row, sides = secondment(tx, secondment_id)
    if tx.campus not in (row.home_campus, row.receiving_campus):
        raise SecondmentNotFound("该派驻不由本院区办理，请切换到相应院区。")
    if row.status not in ("proposed", "approved", "active"):
        raise SecondmentState("该派驻已结束或已撤回。", status_now=row.status)
    after = _finish(tx, row, seen=command.version)
    record(tx, "secondment", secondment_id, after.status, reason=command.reason)
    return after, sides


def end_all_of(tx: Tx, staff_id: UUID, reason: str) -> None:
    """A person leaves: nothing remains of the secondments."""
    for row in tx.session.all(queries.LOCK_SECONDMENTS_OF, staff_id=staff_id):
        if row.status != "ended":
            after = _finish(tx, row)
            record(tx, "secondment", row.secondment_id, after.status, reason=reason)


def turn_secondments(tx: Tx) -> int:
    """Tell of secondments whose first or last moment has come. Run every minute; returns how many turned.

    Rights don't wait for this: they follow the period itself.
    """
    starting = tx.session.all(queries.SECONDMENTS_TO_START, now=tx.now, limit=A_MINUTES_WORK)
    for row in starting:
        _tell_started(tx, _step(tx, row, "active"))
    ending = tx.session.all(queries.SECONDMENTS_TO_END, now=tx.now, limit=A_MINUTES_WORK)
    for row in ending:
        _tell_ended(tx, _step(tx, row, "ended"))
    return len(starting) + len(ending)


# -- inside


def _filed_on_licence(tx: Tx, row: Secondment) -> bool:
    """Whether the doctor's own licence lists the receiving campus as a practice place when the secondment begins."""
    begins = max(row.valid_from, tx.now)
    return licence_at(tx, row.staff_id, "physician", begins, campus=row.receiving_campus).allowed


def _term(tx: Tx, command: ProposeSecondment) -> tuple[datetime, datetime]:
    rules.not_before(command.from_day, tx.today, "派驻开始日期")
    if command.to_day < command.from_day:
        raise SecondmentInvalid("派驻结束日期不能早于开始日期。")
    if command.to_day + timedelta(days=1) - command.from_day > rules.SECONDMENT_TERM:
        raise SecondmentInvalid("一次派驻最长 12 个月，到期可续派。")
    if command.mode == "weekdays" and not command.weekdays:
        raise SecondmentInvalid("按星期派驻须选择星期几。")
    if command.mode == "dates" and not command.dates:
        raise SecondmentInvalid("按日期派驻须列出日期。")
    return midnight(command.from_day), midnight(command.to_day + timedelta(days=1))


def _check_posts(posts: list[str]) -> None:
    for post in posts:
        if post not in POSTS:
            raise UnknownPost(f"没有岗位“{post}”，请从岗位表中选择。")
        if POSTS[post].privileged or POSTS[post].consortium_wide:
            raise SecondmentInvalid(f"“{POSTS[post].title}”不能随派驻授予。")


def _concerned(tx: Tx, row: Secondment) -> bool:
    return tx.campus in (row.home_campus, row.receiving_campus) or campus(tx).is_head


def _campus_of(tx: Tx, row: Secondment, side: str) -> str:
    if side == "hr":
        return tx.campus if campus(tx).is_head else ""
    return row.home_campus if side == "home" else row.receiving_campus


def _approval(tx: Tx, secondment_id: UUID, side: str) -> SecondmentApproval:
    return SecondmentApproval(
        secondment_id=secondment_id,
        side=side,
        campus_id=tx.campus,
        approved_at=tx.now,
        approved_by=tx.actor.subject,
    )


def _step(
    tx: Tx,
    row: Secondment,
    to: str,
    *,
    seen: int | None = None,
    filed: bool = False,
    until: datetime | None = None,
) -> Secondment:
    after = tx.session.first(
        queries.STEP_SECONDMENT,
        id_=row.secondment_id,
        seen=row.version if seen is None else seen,
        from_=row.status,
        to=to,
        filed=filed,
        until=until,
    )
    if after is None:
        raise Stale("该派驻已被他人修改，请刷新后再操作。", current_version=row.version)
    return after


def _finish(tx: Tx, row: Secondment, seen: int | None = None) -> Secondment:
    begun = row.status == "active" or (row.status == "approved" and row.valid_from <= tx.now)
    after = _step(tx, row, "ended" if begun else "withdrawn", seen=seen, until=tx.now)
    if begun:
        _tell_ended(tx, after)
    return after


def _tell_started(tx: Tx, row: Secondment) -> None:
    tx.emit(
        SecondmentStarted(
            secondment_id=row.secondment_id,
            staff_id=row.staff_id,
            home_campus=row.home_campus,
            receiving_campus=row.receiving_campus,
            unit_id=row.unit_id,
            posts=row.posts,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
        )
    )


def _tell_ended(tx: Tx, row: Secondment) -> None:
    tx.emit(
        SecondmentEnded(
            secondment_id=row.secondment_id,
            staff_id=row.staff_id,
            home_campus=row.home_campus,
            receiving_campus=row.receiving_campus,
            ended_at=row.valid_to,
        )
    )
