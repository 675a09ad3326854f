"""Successions and codes of units, shared centres, imported sheets."""

from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, bindparam, null, select

from functions.organisation.structure.models import (
    BedVersion,
    Place,
    SheetImport,
    StaffMember,
    Unit,
    UnitCode,
    UnitServes,
    UnitSuccession,
    UnitVersion,
)
from functions.organisation.structure.queries.structure import Rows
from functions.organisation.structure.rules.successions import Succession
from shared.database.periods import ended, in_force
from shared.database.query import Query, among, constant, one_of

_AT = bindparam("at", type_=BedVersion.valid_from.type)
_DAY = bindparam("day", type_=UnitCode.valid_from.type)

COUNTED_CAUSES = ("disinfection", "minor_repair")
"""Beds out of service for these still count as open (全国卫生资源统计调查制度: 实际开放总床日数)."""

# -- successions and codes of units

SUCCESSIONS = Query(
    Succession,
    select(
        UnitSuccession.effective_on,
        UnitSuccession.from_unit_id,
        UnitSuccession.to_unit_id,
        UnitSuccession.share,
        UnitSuccession.back_share,
    )
    .where(UnitSuccession.campus_id == bindparam("campus"), UnitSuccession.superseded_at.is_(null()))
    .order_by(UnitSuccession.effective_on, UnitSuccession.row_id),
)


class CodedUnit(NamedTuple):
    """A unit with one of its codes; `system` and `code` are null for a unit without any."""

    unit_id: UUID
    unit_code: str
    name: str
    kind: str
    system: str | None
    code: str | None
    code_name: str | None


def _coded(extra: Any = None) -> Rows:
    joined = [UnitCode.unit_id == Unit.unit_id, in_force(UnitCode, _DAY)]
    if extra is not None:
        joined.append(extra)
    coded: Rows = (
        select(
            Unit.unit_id,
            Unit.code,
            UnitVersion.name,
            UnitVersion.kind,
            UnitCode.system,
            UnitCode.code,
            UnitCode.name,
        )
        .join_from(UnitVersion, Unit, Unit.unit_id == UnitVersion.unit_id)
        .outerjoin(UnitCode, and_(*joined))
        .where(UnitVersion.campus_id == bindparam("campus"), in_force(UnitVersion, _DAY))
        .order_by(Unit.code, UnitCode.system)
    )
    return coded


CODED_UNITS = Query(CodedUnit, _coded())
UNITS_WITHOUT = Query(
    CodedUnit,
    _coded(UnitCode.system == bindparam("system")).where(
        UnitCode.code.is_(null()), one_of(UnitVersion.kind, "clinical", "medtech", "pharmacy", "nursing")
    ),
)
UNIT_CODES_OF = Query(
    UnitCode,
    select(UnitCode)
    .where(UnitCode.unit_id == bindparam("unit_id"), UnitCode.superseded_at.is_(null()))
    .order_by(UnitCode.system, UnitCode.valid_from),
)
UNITS_BY_CODE = Query(
    UnitCode,
    select(UnitCode).where(
        among(UnitCode.campus_id, "campuses"),
        UnitCode.system == bindparam("system"),
        UnitCode.code == bindparam("code"),
        in_force(UnitCode, _DAY),
    ),
)
END_UNIT_CODE = Query(
    UUID,
    ended(
        UnitCode,
        UnitCode.unit_id == bindparam("id_"),
        UnitCode.system == bindparam("system_"),
        UnitCode.superseded_at.is_(null()),
    ).returning(UnitCode.row_id),
)


class Served(NamedTuple):
    """A shared centre and a campus it works for."""

    unit_id: UUID
    campus_id: str
    code: str
    name: str
    serves_campus: str
    valid_from: date
    valid_to: date | None


CENTRES_FOR = Query(
    Served,
    select(
        Unit.unit_id,
        Unit.campus_id,
        Unit.code,
        UnitVersion.name,
        UnitServes.serves_campus,
        UnitServes.valid_from,
        UnitServes.valid_to,
    )
    .join_from(UnitServes, Unit, Unit.unit_id == UnitServes.unit_id)
    .join(UnitVersion, and_(UnitVersion.unit_id == Unit.unit_id, in_force(UnitVersion, _DAY)))
    .where(UnitServes.serves_campus == bindparam("campus"), in_force(UnitServes, _DAY))
    .order_by(Unit.campus_id, Unit.code),
)
END_SERVES = Query(
    UUID,
    ended(
        UnitServes,
        UnitServes.unit_id == bindparam("id_"),
        UnitServes.serves_campus == bindparam("campus_"),
        UnitServes.superseded_at.is_(null()),
    ).returning(UnitServes.row_id),
)

# -- imports

IMPORTS = Query(
    SheetImport,
    select(SheetImport)
    .where(
        SheetImport.campus_id == bindparam("campus"),
        SheetImport.import_id < bindparam("before", type_=SheetImport.import_id.type),
    )
    .order_by(SheetImport.import_id.desc())
    .limit(bindparam("limit")),
)
KNOWN_STAFF_NOS = Query(str, select(StaffMember.sign_on_name).where(among(StaffMember.sign_on_name, "staff_nos")))


class Numbered(NamedTuple):
    """A person by number."""

    sign_on_name: str
    staff_id: UUID
    campus_id: str
    status: str


STAFF_BY_NOS = Query(
    Numbered,
    select(StaffMember.sign_on_name, StaffMember.staff_id, StaffMember.campus_id, StaffMember.status).where(
        among(StaffMember.sign_on_name, "staff_nos")
    ),
)
KNOWN_UNIT_CODES = Query(str, select(Unit.code).where(Unit.campus_id == bindparam("campus"), among(Unit.code, "codes")))
ROOMS_BY_CODE = Query(
    Place,
    select(Place).where(
        Place.campus_id == bindparam("campus"), among(Place.code, "codes"), Place.status == constant("active")
    ),
)
