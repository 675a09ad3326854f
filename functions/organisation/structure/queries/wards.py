"""Beds, workstations, the calendar, successions and codes of units, imported sheets."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Date, DateTime, and_, bindparam, func, literal_column, null, or_, select, update

from functions.organisation.structure.models import (
    Bed,
    BedVersion,
    CalendarDay,
    Campus,
    Place,
    StaffMember,
    StaffUnit,
    UnitCode,
    Workstation,
)
from functions.organisation.structure.queries.structure import Rows
from shared.database.periods import in_force, lasts
from shared.database.query import Query, among, constant, one_of

_AT = bindparam("at", type_=BedVersion.valid_from.type)
_DAY = bindparam("day", type_=UnitCode.valid_from.type)

COUNTED_CAUSES = ("disinfection", "minor_repair")
"""Beds out of service for these still count as open (全国卫生资源统计调查制度: 实际开放总床日数)."""

# -- beds


class BedInfo(NamedTuple):
    """A bed as at a moment. `status` is in_service or out_of_service; a retired bed has no row."""

    bed_id: UUID
    campus_id: str
    ward_id: UUID
    room_id: UUID | None
    room: str | None
    number: str
    bed_class: str
    established: bool
    open: bool
    gender: str
    price_class: str | None
    nursing_group: str | None
    status: str
    out_cause: str | None
    valid_from: datetime
    version: int


def _beds() -> Rows:
    return (
        select(
            Bed.bed_id,
            Bed.campus_id,
            BedVersion.ward_id,
            BedVersion.room_id,
            Place.name,
            BedVersion.number,
            BedVersion.bed_class,
            BedVersion.established,
            BedVersion.open,
            BedVersion.gender,
            BedVersion.price_class,
            BedVersion.nursing_group,
            BedVersion.status,
            BedVersion.out_cause,
            BedVersion.valid_from,
            Bed.version,
        )
        .join_from(BedVersion, Bed, Bed.bed_id == BedVersion.bed_id)
        .outerjoin(Place, Place.place_id == BedVersion.room_id)
    )


BED_AT = Query(BedInfo, _beds().where(BedVersion.bed_id == bindparam("bed_id"), in_force(BedVersion, _AT)))
BEDS_OF_WARD = Query(
    BedInfo,
    _beds()
    .where(BedVersion.ward_id == bindparam("ward_id"), in_force(BedVersion, _AT))
    .order_by(func.length(BedVersion.number), BedVersion.number),
)
BEDS_OF_CAMPUS = Query(
    BedInfo,
    _beds()
    .where(BedVersion.campus_id == bindparam("campus"), in_force(BedVersion, _AT))
    .order_by(BedVersion.ward_id, BedVersion.number),
)
BED_VERSION_AT = Query(
    BedVersion, select(BedVersion).where(BedVersion.bed_id == bindparam("bed_id"), in_force(BedVersion, _AT))
)
BED_HISTORY = Query(
    BedVersion,
    select(BedVersion)
    .where(BedVersion.bed_id == bindparam("bed_id"), BedVersion.superseded_at.is_(null()))
    .order_by(BedVersion.valid_from),
)
BED_EXISTS = Query(Bed, select(Bed).where(Bed.bed_id == bindparam("bed_id")))
LOCK_BED = Query(Bed, select(Bed).where(Bed.bed_id == bindparam("bed_id")).with_for_update())
"""Held while a bed changes, and by inpatient/adt while a patient is put into it."""
LOCK_BEDS_OF_WARD = Query(
    Bed,
    select(Bed)
    .join(BedVersion, BedVersion.bed_id == Bed.bed_id)
    .where(BedVersion.ward_id == bindparam("ward_id"), in_force(BedVersion, _AT))
    .order_by(Bed.bed_id)
    .with_for_update(of=Bed),
)
BUMP_BED = Query(
    int,
    update(Bed)
    .where(Bed.bed_id == bindparam("id_"), Bed.version == bindparam("seen"))
    .values(version=Bed.version + 1)
    .returning(Bed.version),
)
END_BED_VERSION = Query(
    UUID,
    update(BedVersion)
    .where(BedVersion.row_id == bindparam("row"), BedVersion.superseded_at.is_(null()))
    .values(valid_to=bindparam("until"))
    .returning(BedVersion.row_id),
)
SUPERSEDE_BED_VERSION = Query(
    UUID,
    update(BedVersion)
    .where(BedVersion.row_id == bindparam("row"), BedVersion.superseded_at.is_(null()))
    .values(superseded_at=bindparam("now"))
    .returning(BedVersion.row_id),
)
ESTABLISHED_AT = Query(
    int,
    select(func.count())
    .select_from(BedVersion)
    .where(BedVersion.campus_id == bindparam("campus"), BedVersion.established, in_force(BedVersion, _AT)),
)
LICENSED_BEDS = Query(Campus, select(Campus).where(Campus.code == bindparam("campus")).with_for_update(key_share=True))
BEDS_IN_UNIT = Query(
    str,
    select(BedVersion.number)
    .where(
        BedVersion.ward_id == bindparam("unit_id"),
        BedVersion.superseded_at.is_(null()),
        lasts(BedVersion, _AT),
    )
    .order_by(BedVersion.number)
    .limit(10),
)


class BedCount(NamedTuple):
    """Beds of a ward at a moment: 编制, 开放 (as statistics count them), 加床, out of service, all."""

    ward_id: UUID
    established: int
    open: int
    extra: int
    out_of_service: int
    total: int


_OPEN = and_(
    BedVersion.open,
    or_(BedVersion.status == constant("in_service"), one_of(BedVersion.out_cause, *COUNTED_CAUSES)),
)
BED_COUNTS = Query(
    BedCount,
    select(
        BedVersion.ward_id,
        func.count().filter(BedVersion.established),
        func.count().filter(_OPEN),
        func.count().filter(BedVersion.bed_class == constant("extra")),
        func.count().filter(BedVersion.status == constant("out_of_service")),
        func.count(),
    )
    .where(BedVersion.campus_id == bindparam("campus"), in_force(BedVersion, _AT))
    .group_by(BedVersion.ward_id)
    .order_by(BedVersion.ward_id),
)


class BedDays(NamedTuple):
    """实际开放总床日数 of a ward over days, each counted at 24:00."""

    ward_id: UUID
    days: int


def _bed_days() -> Rows:
    midnights = select(
        func.generate_series(
            bindparam("first", type_=DateTime(timezone=True)),
            bindparam("last", type_=DateTime(timezone=True)),
            literal_column("interval '1 day'"),
        ).label("night")
    ).subquery()
    counted: Rows = (
        select(BedVersion.ward_id, func.count())
        .join_from(midnights, BedVersion, in_force(BedVersion, midnights.c.night))
        .where(BedVersion.campus_id == bindparam("campus"), _OPEN)
        .group_by(BedVersion.ward_id)
        .order_by(BedVersion.ward_id)
    )
    return counted


BED_DAYS = Query(BedDays, _bed_days())

# -- workstations

_ACTIVE = Workstation.status == constant("active")
WORKSTATION = Query(Workstation, select(Workstation).where(Workstation.workstation_id == bindparam("workstation_id")))
WORKSTATION_BY_HOST = Query(Workstation, select(Workstation).where(Workstation.host == bindparam("host"), _ACTIVE))
WORKSTATION_BY_CERTIFICATE = Query(
    Workstation, select(Workstation).where(Workstation.certificate == bindparam("certificate"), _ACTIVE)
)
WORKSTATIONS = Query(
    Workstation,
    select(Workstation)
    .where(Workstation.campus_id == bindparam("campus"), _ACTIVE, Workstation.code > bindparam("after"))
    .order_by(Workstation.code)
    .limit(bindparam("limit")),
)
CHANGE_WORKSTATION = Query(
    Workstation,
    update(Workstation)
    .where(Workstation.workstation_id == bindparam("id_"), Workstation.version == bindparam("seen"), _ACTIVE)
    .values(
        name=bindparam("name_"),
        host=bindparam("host_"),
        certificate=bindparam("certificate_"),
        unit_id=bindparam("unit_"),
        place_id=bindparam("place_"),
        printers=bindparam("printers_", type_=Workstation.printers.type),
        card_readers=bindparam("readers_", type_=Workstation.card_readers.type),
        status=bindparam("status_"),
        version=Workstation.version + 1,
    )
    .returning(Workstation),
)

# -- calendar

CALENDAR = Query(
    CalendarDay,
    select(CalendarDay)
    .where(
        CalendarDay.day >= bindparam("first", type_=Date()),
        CalendarDay.day <= bindparam("last", type_=Date()),
        CalendarDay.superseded_at.is_(null()),
        or_(CalendarDay.campus_id == bindparam("campus"), CalendarDay.everywhere),
    )
    .order_by(CalendarDay.day),
)
SUPERSEDE_DAYS = Query(
    UUID,
    update(CalendarDay)
    .where(
        CalendarDay.campus_id == bindparam("campus"),
        CalendarDay.everywhere == bindparam("everywhere_"),
        among(CalendarDay.day, "days"),
        CalendarDay.superseded_at.is_(null()),
    )
    .values(superseded_at=bindparam("now"))
    .returning(CalendarDay.row_id),
)

# -- lists and ratios


class Ratio(NamedTuple):
    """Head count of a category at a campus."""

    category: str
    people: int


PEOPLE_BY_CATEGORY = Query(
    Ratio,
    select(StaffMember.category, func.count())
    .where(StaffMember.campus_id == bindparam("campus"), StaffMember.status == constant("active"))
    .group_by(StaffMember.category),
)
NURSES_BY_WARD = Query(
    BedDays,
    select(StaffUnit.unit_id, func.count())
    .join_from(StaffUnit, StaffMember, StaffMember.staff_id == StaffUnit.staff_id)
    .where(
        StaffUnit.campus_id == bindparam("campus"),
        StaffUnit.is_primary,
        in_force(StaffUnit, _DAY),
        StaffMember.category == constant("nurse"),
        StaffMember.status == constant("active"),
    )
    .group_by(StaffUnit.unit_id),
)
