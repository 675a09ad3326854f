"""Parameters (系统参数): resolved from the desk upwards, set with a reason, risky ones by two."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from events.platform import FeatureSwitched, ParameterChanged
from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries
from functions.platform.permissions.models import ParameterValue
from functions.platform.permissions.parameters import LEVELS, PARAMETERS, Parameter, checked, declared
from functions.platform.permissions.problems import LevelNotAllowed, ParameterOverlaps, ValueNotFound, WrongState
from functions.platform.permissions.schemas import SetValue
from shared.ids import new_id
from shared.numbers import NUMBERINGS
from shared.problems import Invalid, Stale
from shared.tx import Tx

CHANGE_NUMBERS = NUMBERINGS["platform.parameter_change"]


class Resolved(NamedTuple):
    """The value that counts and the level it comes from: workstation, department, campus, system or default."""

    parameter: Parameter
    value: Any
    level: str
    since: datetime | None


class Carried(NamedTuple):
    """A value a configuration package brings, or brings back; None ends what is set at that level."""

    key: str
    level: str
    level_id: str
    value: Any
    reason: str
    asked_at: datetime
    asked_by: str
    approved_by: str


def parameter(
    tx: Tx, key: str, unit_id: UUID | None = None, place_id: UUID | None = None, at: datetime | None = None
) -> Resolved:
    """What a parameter is at the acting campus, for a department or one workstation there. Raises UnknownParameter."""
    known = declared(key)
    rows = tx.session.all(
        queries.VALUES_FOR,
        key=key,
        campus=tx.campus,
        unit=str(unit_id) if unit_id else "",
        place=str(place_id) if place_id else "",
        at=at or tx.now,
    )
    return _nearest(known, rows)


def parameters(tx: Tx) -> list[Resolved]:
    """Every declared parameter with what counts at the acting campus as a whole."""
    rows: dict[str, list[ParameterValue]] = {}
    for row in tx.session.all(queries.ALL_VALUES_AT, at=tx.now):
        if row.level == "system" or (row.level == "campus" and row.level_id == tx.campus):
            rows.setdefault(row.key, []).append(row)
    return [_nearest(known, rows.get(key, [])) for key, known in PARAMETERS.items()]


def set_value(tx: Tx, key: str, command: SetValue) -> ParameterValue:
    """Give a parameter another value at a level of the acting campus, or for the system at the head hospital.

    A risky one waits for a second person. Raises UnknownParameter, ParameterInvalid, LevelNotAllowed.
    """
    known = declared(key)
    value = checked(known, command.level, command.value)
    level_id = _level_id(tx, command)
    valid_from = command.valid_from or tx.now
    if valid_from < tx.now:
        raise Invalid("参数的生效时间不能早于现在。")
    row = ParameterValue(
        value_id=new_id(),
        key=key,
        level=command.level,
        level_id=level_id,
        value=value,
        state="asked" if known.risky else "effective",
        reason=command.reason,
        asked_at=tx.now,
        asked_by=tx.actor.subject,
        asked_name=tx.actor.name,
        approved_at=None,
        approved_by=None,
        valid_from=valid_from,
        valid_to=None,
    )
    if known.risky:
        row = _numbered(tx, row, None, organisation.campus(tx).letter)
        tx.session.add(row)
        tx.audit("parameter.asked", "parameter", key, level=row.level, level_id=level_id)
        return row
    until = _make_room(tx, row)
    row = _numbered(tx, row, until, organisation.campus(tx).letter)
    tx.session.add(row)
    _told(tx, known, row)
    return row


def approve_value(tx: Tx, value_id: UUID, version: int) -> ParameterValue:
    """The second person, of the campus it is about, agrees with a risky change.

    Raises ValueNotFound, LevelNotAllowed, SamePerson, WrongState, Stale.
    """
    row = _asked(tx, value_id)
    tx.assert_distinct([row.asked_by], "高风险参数须由两人办理，请由另一人复核。")
    at = max(row.valid_from, tx.now)
    until = _make_room(tx, row, at)
    after = tx.session.first(
        queries.DECIDE_VALUE,
        id_=value_id,
        seen=version,
        to="effective",
        now=tx.now,
        by=tx.actor.subject,
        name=tx.actor.name,
    )
    if after is None:
        raise Stale("该参数变更已由他人办理，请刷新后再操作。", current_version=row.version)
    if until is not None:
        tx.session.execute(queries.SHORTEN_VALUE, id_=value_id, until=until)
    _told(tx, declared(row.key), after)
    return after


def carry_values(tx: Tx, values: Iterable[Carried]) -> None:
    """Put values in force that two people have agreed on in a package; planned later values stay planned.

    Room is made for all of them before the first is numbered, so that nobody who sets one of them waits crosswise.
    """
    made: list[tuple[Carried, ParameterValue, datetime | None]] = []
    for carried in values:
        row = ParameterValue(
            value_id=new_id(),
            key=carried.key,
            level=carried.level,
            level_id=carried.level_id,
            value=carried.value,
            state="effective",
            reason=carried.reason,
            asked_at=carried.asked_at,
            asked_by=carried.asked_by,
            approved_at=tx.now,
            approved_by=carried.approved_by,
            valid_from=tx.now,
            valid_to=None,
        )
        made.append((carried, row, _make_room(tx, row)))
    letter = organisation.campus(tx).letter
    for carried, row, until in made:
        if carried.value is not None:
            tx.session.add(_numbered(tx, row, until, letter))
        _told(tx, declared(carried.key), row)


def refuse_value(tx: Tx, value_id: UUID, version: int) -> ParameterValue:
    """A risky change is not made. Raises ValueNotFound, LevelNotAllowed, SamePerson, WrongState, Stale."""
    row = _asked(tx, value_id)
    tx.assert_distinct([row.asked_by], "高风险参数须由两人办理，请由另一人复核。")
    after = tx.session.first(
        queries.DECIDE_VALUE,
        id_=value_id,
        seen=version,
        to="refused",
        now=tx.now,
        by=tx.actor.subject,
        name=tx.actor.name,
    )
    if after is None:
        raise Stale("该参数变更已由他人办理，请刷新后再操作。", current_version=row.version)
    tx.audit("parameter.refused", "parameter", row.key, value_id=str(value_id))
    return after


def history(tx: Tx, key: str, before: UUID, limit: int) -> list[ParameterValue]:
    """Every value a parameter was ever given, latest first. Raises UnknownParameter."""
    declared(key)
    return tx.session.all(queries.VALUES_OF, key=key, before=before, limit=limit)


def waiting_values(tx: Tx) -> list[ParameterValue]:
    """Risky changes of the acting campus that wait for a second person; at the head hospital those for all, too."""
    found = tx.session.all(queries.VALUES_ASKED, campus=tx.campus)
    if any(row.level == "system" for row in found) and not organisation.campus(tx).is_head:
        return [row for row in found if row.level != "system"]
    return found


# -- inside


def _nearest(known: Parameter, rows: Sequence[ParameterValue]) -> Resolved:
    by_level = {row.level: row for row in rows}
    for level in LEVELS:
        if level in by_level:
            return Resolved(known, by_level[level].value, level, by_level[level].valid_from)
    return Resolved(known, known.default, "default", None)


def _level_id(tx: Tx, command: SetValue) -> str:
    """The id at the level, of the acting campus. Raises LevelNotAllowed, and what organisation refuses."""
    if command.level == "system":
        if not organisation.campus(tx).is_head:
            raise LevelNotAllowed("系统级参数由总院设置，请切换到总院。")
        return ""
    if command.level == "campus":
        if command.level_id not in {"", tx.campus}:
            raise LevelNotAllowed("只能设置本院区的参数，请切换到相应院区。")
        return tx.campus
    try:
        wanted = UUID(command.level_id)
    except ValueError as error:
        raise Invalid("请选择科室或工作站。", errors=[{"field": "level_id", "message": "编号格式不正确"}]) from error
    if command.level == "department":
        owner = organisation.unit(tx, wanted).campus_id
    else:
        owner = organisation.place(tx, wanted).campus_id
    if owner != tx.campus:
        raise LevelNotAllowed("只能设置本院区科室、工作站的参数，请切换到相应院区。")
    return str(wanted)


def _make_room(tx: Tx, row: ParameterValue, at: datetime | None = None) -> datetime | None:
    """End what holds at that level from the moment on; the end of the new value, when a later one is planned."""
    since = at or row.valid_from
    rows = tx.session.all(queries.VALUES_AT_LEVEL, key=row.key, level=row.level, level_id=row.level_id, at=since)
    until: datetime | None = None
    for other in rows:
        if other.valid_from > since:
            until = other.valid_from if until is None else min(until, other.valid_from)
        elif other.valid_from == since:
            if until is None and other.valid_to is not None:
                until = other.valid_to
            tx.session.execute(queries.SUPERSEDE_VALUE, id_=other.value_id, now=tx.now)
        else:
            tx.session.execute(queries.SHORTEN_VALUE, id_=other.value_id, until=since)
    if until is not None and until <= since:
        raise ParameterOverlaps()
    return until


def _numbered(tx: Tx, row: ParameterValue, until: datetime | None, letter: str) -> ParameterValue:
    """The value with its end and the number of its change, taken last because its lock lasts until the commit."""
    return ParameterValue(
        value_id=row.value_id,
        key=row.key,
        level=row.level,
        level_id=row.level_id,
        value=row.value,
        state=row.state,
        reason=row.reason,
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        asked_name=row.asked_name,
        approved_at=row.approved_at,
        approved_by=row.approved_by,
        valid_from=row.valid_from,
        valid_to=until,
        change_no=tx.document_number(CHANGE_NUMBERS, letter),
    )


def _asked(tx: Tx, value_id: UUID) -> ParameterValue:
    row = tx.session.first(queries.VALUE, value_id=value_id)
    if row is None or (row.level == "campus" and row.level_id != tx.campus):
        raise ValueNotFound("本院区没有这条参数变更，请刷新后核对。")
    if row.level == "system" and not organisation.campus(tx).is_head:
        raise LevelNotAllowed("系统级参数由总院归口管理部门复核，请切换到总院。")
    if row.state != "asked":
        raise WrongState("该参数变更已办理，请刷新后核对。", state_now=row.state)
    return row


def _told(tx: Tx, known: Parameter, row: ParameterValue) -> None:
    tx.audit("parameter.set", "parameter", row.key, level=row.level, level_id=row.level_id, value_id=str(row.value_id))
    tx.emit(ParameterChanged(key=row.key, level=row.level, level_id=row.level_id, valid_from=row.valid_from))
    if known.feature:
        tx.emit(
            FeatureSwitched(
                key=row.key,
                campus_code=row.level_id if row.level == "campus" else "",
                on=bool(known.default if row.value is None else row.value),
                valid_from=row.valid_from,
            )
        )
