"""Codes other systems know units and people by, and which campuses a shared centre works for."""

from datetime import date
from uuid import UUID

from events.organisation import StaffChanged, UnitChanged
from functions.organisation.structure.models import StaffCode, UnitCode, UnitServes
from functions.organisation.structure.problems import CampusNotFound, UnitNotFound
from functions.organisation.structure.problems.credentials import LicenceInvalid
from functions.organisation.structure.problems.wards import NotACentre
from functions.organisation.structure.queries import signatures, unit_codes
from functions.organisation.structure.queries.structure import UnitInfo
from functions.organisation.structure.queries.unit_codes import CodedUnit, Served
from functions.organisation.structure.rules import not_before
from functions.organisation.structure.rules.codes import check_system
from functions.organisation.structure.rules.credentials import STAFF_SYSTEMS
from functions.organisation.structure.schemas.credentials import SetStaffCode
from functions.organisation.structure.schemas.structure import UnitKind
from functions.organisation.structure.schemas.wards import SetServes, SetUnitCode
from functions.organisation.structure.service.consortium import open_campuses
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.units import unit
from functions.organisation.structure.service.whose import own_staff
from shared.ids import new_id
from shared.problems import Invalid
from shared.tx import Tx


def set_unit_code(tx: Tx, unit_id: UUID, system: str, command: SetUnitCode) -> list[UnitCode]:
    """The code another system knows a unit of the acting campus by, from a day on; null ends it."""
    check_system(system)
    since = command.valid_from or tx.today
    not_before(since, tx.today, "对照生效日期")
    mapped = _own_unit(tx, unit_id)
    tx.session.execute(unit_codes.END_UNIT_CODE, id_=unit_id, system_=system, until=since)
    if command.code is not None:
        tx.session.add(
            UnitCode(
                row_id=new_id(),
                campus_id=tx.campus,
                unit_id=unit_id,
                system=system,
                code=command.code,
                name=command.name or "",
                valid_from=since,
                valid_to=None,
                recorded_at=tx.now,
                recorded_by=tx.actor.subject,
            )
        )
    after = {"system": system, "code": command.code, "valid_from": since}
    record(tx, "unit", unit_id, "code_set", after=after)
    _tell(tx, mapped, since)
    return unit_codes_of(tx, unit_id)


def unit_codes_of(tx: Tx, unit_id: UUID) -> list[UnitCode]:
    """Every code a unit has or had, by system and time."""
    return [row for row in tx.session.all(unit_codes.UNIT_CODES_OF, unit_id=unit_id) if row.valid_from != row.valid_to]


def unit_code(tx: Tx, unit_id: UUID, system: str, at: date | None = None) -> str | None:
    """The code another system knows a unit by on a day, by default today; None without one."""
    check_system(system)
    day = at or tx.today
    return next(
        (
            row.code
            for row in unit_codes_of(tx, unit_id)
            if row.system == system and row.valid_from <= day and (row.valid_to is None or row.valid_to > day)
        ),
        None,
    )


def coded_units(tx: Tx, campus: str | None = None, at: date | None = None) -> list[CodedUnit]:
    """Every unit of a campus with its codes on a day, one line a code (科室代码对照表)."""
    return tx.session.all(unit_codes.CODED_UNITS, campus=campus or tx.campus, day=at or tx.today)


def units_by_code(tx: Tx, system: str, code: str, at: date | None = None) -> list[UnitCode]:
    """Units of every open campus that a system knows by one code: the same standard clinic here and there."""
    check_system(system)
    campuses = [campus.code for campus in open_campuses(tx)]
    return tx.session.all(unit_codes.UNITS_BY_CODE, campuses=campuses, system=system, code=code, day=at or tx.today)


def set_staff_code(tx: Tx, staff_id: UUID, system: str, command: SetStaffCode) -> list[StaffCode]:
    """The code another system knows a person of the acting campus by (医保医师代码), from a day on; null ends it.

    Raises StaffCodeTaken when it is somebody else's.
    """
    if system not in STAFF_SYSTEMS:
        raise LicenceInvalid(f"没有人员代码“{system}”；可用的：{'、'.join(STAFF_SYSTEMS)}。")
    since = command.valid_from or tx.today
    not_before(since, tx.today, "代码生效日期")
    person = own_staff(tx, staff_id)
    tx.session.execute(signatures.END_STAFF_CODE, id_=staff_id, system_=system, until=since)
    if command.code is not None:
        tx.session.add(
            StaffCode(
                row_id=new_id(),
                campus_id=tx.campus,
                staff_id=staff_id,
                system=system,
                code=command.code,
                valid_from=since,
                valid_to=None,
                recorded_at=tx.now,
                recorded_by=tx.actor.subject,
            )
        )
    after = {"system": system, "code": command.code, "valid_from": since}
    record(tx, "staff", staff_id, "code_set", after=after)
    tx.emit(
        StaffChanged(staff_id=staff_id, campus_code=person.campus_id, fields=[f"code.{system}"], status=person.status)
    )
    return staff_codes_of(tx, staff_id)


def staff_codes_of(tx: Tx, staff_id: UUID) -> list[StaffCode]:
    """Every code a person has or had, by system and time."""
    rows = tx.session.all(signatures.STAFF_CODES_OF, staff_id=staff_id)
    return [row for row in rows if row.valid_from != row.valid_to]


def staff_code(tx: Tx, staff_id: UUID, system: str, at: date | None = None) -> str | None:
    """The code another system knows a person by on a day, by default today; None without one."""
    return tx.session.first(signatures.STAFF_CODE_ON, staff_id=staff_id, system=system, day=at or tx.today)


def set_serves(tx: Tx, unit_id: UUID, command: SetServes) -> list[Served]:
    """A shared centre of the acting campus works for another campus from a day on, or no longer."""
    since = command.valid_from or tx.today
    not_before(since, tx.today, "服务起始日期")
    centre = _own_unit(tx, unit_id)
    if centre.kind != UnitKind.SHARED_CENTRE.value:
        raise NotACentre(f"“{centre.name}”不是共享中心，不能服务其他院区。")
    if command.campus == tx.campus:
        raise Invalid("共享中心本来就服务本院区，请选择其他院区。")
    if command.campus not in {campus.code for campus in open_campuses(tx)}:
        raise CampusNotFound(f"没有院区“{command.campus}”，请核对院区代码。")
    if command.serves:
        tx.session.add(
            UnitServes(
                row_id=new_id(),
                campus_id=tx.campus,
                unit_id=unit_id,
                serves_campus=command.campus,
                valid_from=since,
                valid_to=None,
                recorded_at=tx.now,
                recorded_by=tx.actor.subject,
            )
        )
    else:
        tx.session.execute(unit_codes.END_SERVES, id_=unit_id, campus_=command.campus, until=since)
    after = {"campus": command.campus, "serves": command.serves, "valid_from": since}
    record(tx, "unit", unit_id, "serves_set", after=after)
    _tell(tx, centre, since)
    return centres_for(tx, command.campus, since)


def centres_for(tx: Tx, campus: str | None = None, at: date | None = None) -> list[Served]:
    """Shared centres of other campuses that work for a campus on a day."""
    return tx.session.all(unit_codes.CENTRES_FOR, campus=campus or tx.campus, day=at or tx.today)


def _own_unit(tx: Tx, unit_id: UUID) -> UnitInfo:
    found = unit(tx, unit_id)
    if found.campus_id != tx.campus:
        raise UnitNotFound("本院区没有这个科室，请核对后重新选择。")
    return found


def _tell(tx: Tx, row: UnitInfo, day: date) -> None:
    tx.emit(
        UnitChanged(
            unit_id=row.unit_id,
            campus_code=row.campus_id,
            change="changed",
            kind=row.kind,
            parent_id=row.parent_id,
            effective_on=day,
        )
    )
