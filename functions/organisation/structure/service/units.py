"""Units (科室): the tree of a campus over time."""

from datetime import date
from typing import Any
from uuid import UUID

from events.organisation import UnitChanged
from functions.organisation.structure import rules
from functions.organisation.structure.gates import UnitToClose, before_close_unit
from functions.organisation.structure.models import Unit, UnitVersion
from functions.organisation.structure.problems import (
    CampusNotFound,
    RootStays,
    UnitInUse,
    UnitNotFound,
    UnitNotInForce,
)
from functions.organisation.structure.queries import credentials, people, posts, wards
from functions.organisation.structure.queries import structure as queries
from functions.organisation.structure.queries.structure import UnitInfo
from functions.organisation.structure.schemas.structure import (
    ChangeUnit,
    CloseUnit,
    CreateUnit,
    MoveUnit,
    UnitKind,
)
from functions.organisation.structure.service.log import record
from shared.gates import Objection
from shared.ids import new_id
from shared.problems import Invalid, Stale
from shared.schemas import midnight
from shared.tx import Tx


def unit(tx: Tx, unit_id: UUID, at: date | None = None) -> UnitInfo:
    """A unit of any campus as on a day, by default today.

    Raises UnitNotFound, or UnitNotInForce when it was not there on that day (not yet, or closed).
    """
    found = tx.session.first(queries.UNIT_ON, unit_id=unit_id, day=at or tx.today)
    if found is not None:
        return found
    if tx.session.first(queries.UNIT_EXISTS, unit_id=unit_id) is None:
        raise UnitNotFound("没有这个科室，请核对后重新选择。")
    raise UnitNotInForce(f"该科室在 {at or tx.today:%Y-%m-%d} 未启用或已关闭，请另选科室。")


def unit_campus(tx: Tx, unit_id: UUID) -> str:
    """The campus of a unit that is or ever was. Raises UnitNotFound."""
    found = tx.session.first(queries.UNIT_EXISTS, unit_id=unit_id)
    if found is None:
        raise UnitNotFound("没有这个科室，请核对后重新选择。")
    return found.campus_id


def unit_by_code(tx: Tx, code: str, campus: str | None = None, at: date | None = None) -> UnitInfo:
    """A unit by its code, at the acting campus and today unless told otherwise. Raises UnitNotFound."""
    found = tx.session.first(queries.UNIT_BY_CODE, campus=campus or tx.campus, code=code, day=at or tx.today)
    if found is None:
        raise UnitNotFound(f"没有科室“{code}”，请核对科室代码。")
    return found


def unit_tree(tx: Tx, campus: str | None = None, at: date | None = None) -> list[UnitInfo]:
    """Every unit of a campus in force on a day, in order of code; one of them, the root, has no parent."""
    return tx.session.all(queries.TREE_ON, campus=campus or tx.campus, day=at or tx.today)


def unit_history(tx: Tx, unit_id: UUID) -> list[UnitInfo]:
    """A unit's life, earliest first. Raises UnitNotFound."""
    found = tx.session.all(queries.UNIT_HISTORY, unit_id=unit_id)
    if not found:
        raise UnitNotFound("没有这个科室，请核对后重新选择。")
    return found


def create_unit(tx: Tx, command: CreateUnit) -> UnitInfo:
    """Create a unit of the acting campus from a day on.

    Raises UnitCodeTaken, ParentNotInForce (the parent is not there all that time), SecondRoot.
    """
    since = command.valid_from or tx.today
    row = plant(tx, command, _future(tx, since), since)
    return tx.session.one(queries.UNIT_ON, unit_id=row.unit_id, day=since)


def plant(tx: Tx, command: CreateUnit, future: list[UnitVersion], since: date) -> UnitVersion:
    """Put a unit into a tree whose future is read and locked; for several units at once, `future` grows with each."""
    if command.kind is UnitKind.CAMPUS:
        raise RootStays("院区根科室随院区开设而建立，不能另建。")
    parent = command.parent_id or _root(future)
    row = UnitVersion(
        row_id=new_id(),
        campus_id=tx.campus,
        unit_id=new_id(),
        parent_id=parent,
        name=command.name,
        short_name=command.short_name or command.name,
        initials=rules.initials(command.name),
        kind=command.kind.value,
        subject_code=command.subject_code,
        location=command.location,
        phone=command.phone,
        valid_from=since,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
    )
    rules.check_tree([*_nodes(future), _node(row)], since)
    tx.session.add(Unit(unit_id=row.unit_id, campus_id=tx.campus, code=command.code), row)
    record(tx, "unit", row.unit_id, "created", after=command.model_dump(mode="json", exclude_none=True))
    _tell(tx, row, "created", since)
    future.append(row)
    return row


def locked_future(tx: Tx, since: date) -> list[UnitVersion]:
    """What is in force from a day on, with the campus's tree locked until the commit."""
    return _future(tx, since)


def change_unit(tx: Tx, unit_id: UUID, command: ChangeUnit) -> UnitInfo:
    """Rename a unit, or change its kind, subject code, location or phone, from today or a later day on."""
    given = command.model_dump(exclude={"effective_on", "version", "reason"}, exclude_unset=True)
    if any(given.get(name, "") is None for name in ("name", "short_name", "kind")):
        raise Invalid("科室名称、简称和类别不能清空。")
    if "name" in given:
        given["initials"] = rules.initials(given["name"])
    if "kind" in given:
        given["kind"] = given["kind"].value
    return _rewrite(tx, unit_id, command.effective_on, command.version, command.reason, "changed", given)


def move_unit(tx: Tx, unit_id: UUID, command: MoveUnit) -> UnitInfo:
    """Put a unit under another one from today or a later day on. Raises UnitCycle, ParentNotInForce, RootStays."""
    return _rewrite(
        tx,
        unit_id,
        command.effective_on,
        command.version,
        command.reason,
        "moved",
        {"parent_id": command.parent_id},
    )


def close_unit(tx: Tx, unit_id: UUID, command: CloseUnit) -> list[Objection]:
    """Close a unit from a day on. Returns what others had to say about it.

    Raises RootStays, UnitInUse (units below it, people, posts, secondments, beds), or what the gate before_close_unit
    says: open visits, published sessions, inpatients, unsettled money, stock.
    """
    day = command.closes_on
    rules.not_before(day, tx.today, "关闭日期")
    future = _future(tx, day)
    row = _covering(tx, unit_id, day, future)
    _bump(tx, unit_id, command.version)
    if row.parent_id is None:
        raise RootStays("院区根科室不能单独关闭。")
    moment = max(midnight(day), tx.now)
    below = [other.name for other in future if other.parent_id == unit_id]
    staffed = tx.session.send(people.UNIT_STILL_STAFFED, unit_id=unit_id, day=day)
    held = tx.session.send(people.POST_STILL_HELD, unit_id=unit_id, at=moment)
    seconded = tx.session.send(posts.SECONDMENT_IN_UNIT, unit_id=unit_id, at=moment)
    delegated = tx.session.send(credentials.DELEGATION_IN_UNIT, unit_id=unit_id, at=moment)
    beds = tx.session.send(wards.BEDS_IN_UNIT, unit_id=unit_id, at=moment)
    members = tx.session.send(people.STAFF_OF_UNIT, unit_id=unit_id, day=day, after="", limit=10)
    holds = [f"下级科室：{'、'.join(below[:10])}"] if below else []
    if staffed.first() is not None:
        holds.append(f"在岗人员：{'、'.join(member.name for member in members.all()) or '已安排入科'}")
    if held.first() is not None:
        holds.append("未结束的岗位任命")
    if seconded.first() is not None:
        holds.append("派驻到本科室的人员")
    if delegated.first() is not None:
        holds.append("未结束的代班")
    numbers = beds.all()
    if numbers:
        holds.append(f"床位：{'、'.join(numbers)}")
    if holds:
        raise UnitInUse(f"该科室还不能关闭，请先处理：{'；'.join(holds)}。", holds=holds)
    said = before_close_unit.ask(tx, UnitToClose(unit_id, tx.campus, day), command.confirmed)
    _end(tx, row, day)
    for later in (other for other in future if other.unit_id == unit_id and other.valid_from > day):
        tx.session.execute(queries.SUPERSEDE_UNIT, row=later.row_id, now=tx.now)
    record(tx, "unit", unit_id, "closed", after={"closes_on": day}, reason=command.reason)
    _tell(tx, row, "closed", day)
    return said


# -- inside


def _future(tx: Tx, since: date) -> list[UnitVersion]:
    """What is in force from a day on, with the campus's tree locked until the commit."""
    locked = tx.session.send(queries.LOCK_CAMPUS, code=tx.campus)
    if locked.first() is None:
        raise CampusNotFound(f"没有院区“{tx.campus}”，请核对院区代码。")
    return tx.session.all(queries.VERSIONS_SINCE, campus=tx.campus, since=since)


def _root(future: list[UnitVersion]) -> UUID | None:
    return next((row.unit_id for row in future if row.parent_id is None), None)


def _node(row: UnitVersion) -> rules.Node:
    return rules.Node(row.unit_id, row.parent_id, row.valid_from, row.valid_to)


def _nodes(rows: list[UnitVersion]) -> list[rules.Node]:
    return [_node(row) for row in rows]


def _covering(tx: Tx, unit_id: UUID, day: date, future: list[UnitVersion]) -> UnitVersion:
    found = next((row for row in future if row.unit_id == unit_id and row.valid_from <= day), None)
    if found is not None:
        return found
    known = tx.session.first(queries.UNIT_EXISTS, unit_id=unit_id)
    if known is None or known.campus_id != tx.campus:
        raise UnitNotFound("本院区没有这个科室，请核对后重新选择。")
    raise UnitNotInForce(f"该科室在 {day:%Y-%m-%d} 未启用或已关闭，请核对生效日期。")


def _bump(tx: Tx, unit_id: UUID, seen: int) -> None:
    if tx.session.first(queries.BUMP_UNIT, id_=unit_id, seen=seen) is None:
        tree = [
            {"unit_id": str(row.unit_id), "parent_id": str(row.parent_id), "name": row.name} for row in unit_tree(tx)
        ]
        current = tx.session.one(queries.UNIT_EXISTS, unit_id=unit_id)
        raise Stale("该科室已被他人修改，请按当前科室树核对后再操作。", current_version=current.version, tree=tree)


def _end(tx: Tx, row: UnitVersion, day: date) -> None:
    if row.valid_from == day:
        tx.session.execute(queries.SUPERSEDE_UNIT, row=row.row_id, now=tx.now)
    else:
        tx.session.execute(queries.SHORTEN_UNIT, row=row.row_id, until=day)


def _rewrite(tx: Tx, unit_id: UUID, day: date, seen: int, reason: str, change: str, given: dict[str, Any]) -> UnitInfo:
    """From a day on the unit is otherwise; a change already planned for later stays."""
    rules.not_before(day, tx.today, "生效日期")
    future = _future(tx, day)
    row = _covering(tx, unit_id, day, future)
    _bump(tx, unit_id, seen)
    if row.parent_id is None and "parent_id" in given:
        raise RootStays("院区根科室不能移动。")
    if (row.kind == UnitKind.CAMPUS.value) != (given.get("kind", row.kind) == UnitKind.CAMPUS.value):
        raise RootStays("只有院区根科室的类别是“院区”。")
    fields = {name: given.get(name, getattr(row, name)) for name in _FIELDS}
    after = UnitVersion(
        row_id=new_id(),
        campus_id=tx.campus,
        unit_id=unit_id,
        valid_from=day,
        valid_to=row.valid_to,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
        reason=reason,
        **fields,
    )
    others = [_node(other) for other in future if other.row_id != row.row_id]
    rules.check_tree([*others, _node(after)], day)
    _end(tx, row, day)
    tx.session.add(after)
    before = {name: getattr(row, name) for name in given}
    record(tx, "unit", unit_id, change, before=before, after={**given, "effective_on": day}, reason=reason)
    return _done(tx, after, change, day)


_FIELDS = ("parent_id", "name", "short_name", "initials", "kind", "subject_code", "location", "phone")


def _done(tx: Tx, row: UnitVersion, change: str, day: date) -> UnitInfo:
    _tell(tx, row, change, day)
    return tx.session.one(queries.UNIT_ON, unit_id=row.unit_id, day=day)


def _tell(tx: Tx, row: UnitVersion, change: str, day: date) -> None:
    tx.emit(
        UnitChanged(
            unit_id=row.unit_id,
            campus_code=row.campus_id,
            change=change,
            kind=row.kind,
            parent_id=row.parent_id,
            effective_on=day,
        )
    )
