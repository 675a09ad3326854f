"""Units split and merged (科室拆分、合并), and the map between old and new for statistics."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from events.organisation import PostEnded, StaffChanged
from functions.organisation.structure.models import PostAssignment, StaffUnit, UnitSuccession
from functions.organisation.structure.problems import UnitNotFound
from functions.organisation.structure.problems.wards import SuccessionInvalid
from functions.organisation.structure.queries import people, posts, structure, unit_codes
from functions.organisation.structure.queries.structure import UnitInfo
from functions.organisation.structure.rules import not_before
from functions.organisation.structure.rules import successions as rules
from functions.organisation.structure.rules.successions import ONE, Succession
from functions.organisation.structure.schemas.structure import CloseUnit, CreateUnit, MoveUnit, UnitKind
from functions.organisation.structure.schemas.wards import MergeUnits, NewUnit, SplitUnit
from functions.organisation.structure.service.beds import move_beds
from functions.organisation.structure.service.founding import posted
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.units import close_unit, create_unit, move_unit, unit
from shared.gates import Objection
from shared.ids import new_id
from shared.schemas import midnight
from shared.tx import Tx


def successions(tx: Tx, campus: str | None = None) -> list[Succession]:
    """Every split and merger of a campus, earliest first."""
    return tx.session.all(unit_codes.SUCCESSIONS, campus=campus or tx.campus)


def units_told_on(tx: Tx, unit_id: UUID, day: date, seen_on: date, campus: str | None = None) -> dict[UUID, Decimal]:
    """What counted for a unit on `seen_on`, in the structure of `day`: unit -> share, together 1. Both ways."""
    return rules.told_on(successions(tx, campus), unit_id, day, seen_on)


def retell(tx: Tx, counts: Iterable[tuple[UUID, date, int]], day: date, campus: str | None = None) -> dict[UUID, int]:
    """Counts (unit, day counted, how many) of a campus in the structure of one day; the sum stays.

    For a report over a split: `day` before it tells everything by the old unit, `day` after it by the new ones.
    """
    return rules.retell(counts, successions(tx, campus), day)


def split_unit(tx: Tx, unit_id: UUID, command: SplitUnit) -> tuple[list[UnitInfo], list[Objection]]:
    """Split a unit into new ones from a day on; the old one closes.

    People and beds named go where they are named for, the others to the first. Units below go to the first. Raises
    SuccessionInvalid, what create_unit and close_unit raise, and the gate before_close_unit.
    """
    day = command.effective_on
    not_before(day, tx.today, "拆分日期")
    old = _own(tx, unit_id, day)
    shares = _shares([one.share for one in command.into])
    _check_named(command.into)
    made = [
        create_unit(
            tx,
            CreateUnit(
                code=one.code,
                name=one.name,
                kind=UnitKind(old.kind),
                parent_id=old.parent_id,
                subject_code=old.subject_code,
                location=old.location,
                valid_from=day,
            ),
        )
        for one in command.into
    ]
    first, *others = [info.unit_id for info in made]
    for one, target in zip(command.into[1:], others, strict=True):
        _move_people(tx, unit_id, target, day, set(one.staff_ids), set())
        if one.bed_ids:
            move_beds(tx, unit_id, target, _moment(tx, day), set(one.bed_ids), command.reason)
    _move_people(tx, unit_id, first, day, None, set())
    move_beds(tx, unit_id, first, _moment(tx, day), None, command.reason)
    _move_below(tx, unit_id, first, day, command.reason)
    said = close_unit(
        tx,
        unit_id,
        CloseUnit(closes_on=day, version=command.version, reason=command.reason, confirmed=command.confirmed),
    )
    for info, share in zip(made, shares, strict=True):
        tx.session.add(_succession(tx, day, "split", unit_id, info.unit_id, share, ONE, command.reason))
    into = [{"unit_id": str(info.unit_id), "share": str(share)} for info, share in zip(made, shares, strict=True)]
    record(tx, "unit", unit_id, "split", after={"into": into, "effective_on": day}, reason=command.reason)
    return made, said


def merge_units(tx: Tx, command: MergeUnits) -> tuple[UnitInfo, list[Objection]]:
    """Merge units into a new one from a day on; the old ones close, people and beds go along."""
    day = command.effective_on
    not_before(day, tx.today, "合并日期")
    ids = [one.unit_id for one in command.units]
    if len(set(ids)) != len(ids):
        raise SuccessionInvalid("同一科室只能列出一次。")
    olds = [_own(tx, unit_id, day) for unit_id in ids]
    if any(old.parent_id in ids for old in olds):
        raise SuccessionInvalid("被合并的科室之间有隶属关系，请先调整隶属再合并。")
    if command.parent_id in ids:
        raise SuccessionInvalid("新科室不能隶属于被合并的科室，请另选上级科室。")
    parent = command.parent_id or olds[0].parent_id
    shares = _shares([one.back_share for one in command.units])
    made = create_unit(
        tx,
        CreateUnit(
            code=command.code,
            name=command.name,
            kind=command.kind,
            parent_id=parent,
            subject_code=command.subject_code,
            valid_from=day,
        ),
    )
    said: list[Objection] = []
    joined: set[object] = set()
    for unit_id in ids:
        _move_people(tx, unit_id, made.unit_id, day, None, joined)
        move_beds(tx, unit_id, made.unit_id, _moment(tx, day), None, command.reason)
        _move_below(tx, unit_id, made.unit_id, day, command.reason)
    for one, share in zip(command.units, shares, strict=True):
        close = CloseUnit(closes_on=day, version=one.version, reason=command.reason, confirmed=command.confirmed)
        said += close_unit(tx, one.unit_id, close)
        tx.session.add(_succession(tx, day, "merge", one.unit_id, made.unit_id, ONE, share, command.reason))
        after = {"into": made.unit_id, "back_share": str(share), "effective_on": day}
        record(tx, "unit", one.unit_id, "merged", after=after, reason=command.reason)
    return made, said


# -- inside


def _own(tx: Tx, unit_id: UUID, day: date) -> UnitInfo:
    found = unit(tx, unit_id, day)
    if found.campus_id != tx.campus:
        raise UnitNotFound("本院区没有这个科室，请核对后重新选择。")
    if found.parent_id is None:
        raise SuccessionInvalid("院区根科室不能拆分或合并。")
    return found


def _moment(tx: Tx, day: date) -> datetime:
    """The beginning of a day, or now when it has begun."""
    return max(midnight(day), tx.now)


def _shares(given: Sequence[Decimal | None]) -> list[Decimal]:
    named = [share for share in given if share is not None]
    if not named:
        return rules.equal_shares(len(given))
    if len(named) != len(given):
        raise SuccessionInvalid("份额须全部填写，或全部留空（平均分配）。")
    rules.check_shares(named)
    return named


def _check_named(into: Sequence[NewUnit]) -> None:
    for named in ([one.staff_ids for one in into], [one.bed_ids for one in into]):
        flat = [each for ids in named for each in ids]
        if len(set(flat)) != len(flat):
            raise SuccessionInvalid("同一人员或床位只能分到一个新科室。")


def _move_people(tx: Tx, unit_id: UUID, target: UUID, day: date, chosen: set[UUID] | None, joined: set[object]) -> None:
    """Members and posts of a unit go to another one from a day on; `joined` keeps who and what is in the target."""
    members = tx.session.send(people.MEMBERS_SINCE, unit_id=unit_id, day=day)
    held = tx.session.send(posts.ASSIGNMENTS_IN_UNIT, unit_id=unit_id, at=midnight(day))
    rows = [row for row in members.all() if chosen is None or row.staff_id in chosen]
    posts_held = [row for row in held.all() if chosen is None or row.staff_id in chosen]
    missing = (chosen or set()) - {row.staff_id for row in rows}
    if missing:
        raise SuccessionInvalid("名单中有人当日不属于该科室，请核对人员。", staff_ids=sorted(map(str, missing)))
    for row in rows:
        _rejoin(tx, row, target, day, joined)
    for assignment in posts_held:
        _repost(tx, assignment, target, _moment(tx, day), joined)


def _rejoin(tx: Tx, row: StaffUnit, target: UUID, day: date, joined: set[object]) -> None:
    if row.valid_from >= day:
        tx.session.execute(people.SUPERSEDE_MEMBERSHIP, row=row.row_id, now=tx.now)
    else:
        tx.session.execute(people.SHORTEN_MEMBERSHIP, row=row.row_id, until=day)
    if row.staff_id in joined and not row.is_primary:
        return
    joined.add(row.staff_id)
    tx.session.add(
        StaffUnit(
            row_id=new_id(),
            campus_id=tx.campus,
            staff_id=row.staff_id,
            unit_id=target,
            is_primary=row.is_primary,
            valid_from=max(day, row.valid_from),
            valid_to=row.valid_to,
            recorded_at=tx.now,
            recorded_by=tx.actor.subject,
            reason="科室拆分合并",
        )
    )
    tx.emit(StaffChanged(staff_id=row.staff_id, campus_code=tx.campus, fields=["units"], status="active"))


def _repost(tx: Tx, row: PostAssignment, target: UUID, at: datetime, joined: set[object]) -> None:
    since = max(at, row.valid_from)
    tx.session.execute(
        posts.END_POST,
        id_=row.assignment_id,
        until=since,
        now=tx.now,
        by=tx.actor.subject,
        why="科室拆分合并",
    )
    tx.emit(
        PostEnded(
            assignment_id=row.assignment_id,
            staff_id=row.staff_id,
            campus_code=row.campus_id,
            post=row.post,
            valid_to=since,
        )
    )
    if (row.staff_id, row.post) in joined and not row.is_main:
        return
    joined.add((row.staff_id, row.post))
    moved = PostAssignment(
        assignment_id=new_id(),
        campus_id=tx.campus,
        staff_id=row.staff_id,
        post=row.post,
        unit_id=target,
        is_main=row.is_main,
        secondment_id=row.secondment_id,
        valid_from=since,
        valid_to=row.valid_to,
        basis=row.basis,
        assigned_at=tx.now,
        assigned_by=tx.actor.subject,
    )
    tx.session.add(moved)
    tx.emit(posted(moved))


def _move_below(tx: Tx, unit_id: UUID, target: UUID, day: date, reason: str) -> None:
    for below in tx.session.all(structure.CHILDREN_ON, unit_id=unit_id, day=day):
        move = MoveUnit(parent_id=target, effective_on=day, version=below.version, reason=reason)
        move_unit(tx, below.unit_id, move)


def _succession(
    tx: Tx, day: date, kind: str, old: UUID, new: UUID, share: Decimal, back: Decimal, reason: str
) -> UnitSuccession:
    return UnitSuccession(
        row_id=new_id(),
        campus_id=tx.campus,
        effective_on=day,
        kind=kind,
        from_unit_id=old,
        to_unit_id=new,
        share=share,
        back_share=back,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
        reason=reason,
    )
