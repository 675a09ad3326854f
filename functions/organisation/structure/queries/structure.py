"""Campuses, settings, units and places."""

from datetime import date, datetime
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, bindparam, case, func, literal, null, select, update
from sqlalchemy.orm import aliased

from functions.organisation.structure.models import (
    Campus,
    CampusPriceLevel,
    CampusSetting,
    ChangeLogEntry,
    Place,
    Unit,
    UnitVersion,
)
from shared.database.periods import in_force, lasts
from shared.database.query import Query, constant

Rows = Select[*tuple[Any, ...]]


def price_level_of(campus: Any, at: ColumnElement[datetime]) -> ColumnElement[str]:
    """The price level of a campus at a moment, to be put into a statement of another module."""
    level = select(CampusPriceLevel.price_level).where(CampusPriceLevel.campus_code == campus)
    return level.where(in_force(CampusPriceLevel, at)).scalar_subquery()


_AT = bindparam("at", type_=CampusPriceLevel.valid_from.type)
_DAY = bindparam("day", type_=UnitVersion.valid_from.type)


class CampusInfo(NamedTuple):
    """A campus as it is now. `price_level` is tertiary, secondary or primary; `status` is open or closed."""

    code: str
    name: str
    short_name: str
    letter: str
    price_level: str
    status: str
    address: str
    is_head: bool
    grade: str | None
    licence_no: str | None
    licence_valid_to: date | None
    uscc: str | None
    institution_code: str | None
    insurance_code: str | None
    phone: str | None
    opened_on: date
    version: int
    licensed_beds: int | None = None
    edge_identity: str | None = None


_CAMPUS = select(
    Campus.code,
    Campus.name,
    Campus.short_name,
    Campus.letter,
    func.coalesce(price_level_of(Campus.code, _AT), literal("", Text)),
    Campus.status,
    Campus.address,
    Campus.is_head,
    Campus.grade,
    Campus.licence_no,
    Campus.licence_valid_to,
    Campus.uscc,
    Campus.institution_code,
    Campus.insurance_code,
    Campus.phone,
    Campus.opened_on,
    Campus.version,
    Campus.licensed_beds,
    Campus.edge_identity,
)
CAMPUS = Query(CampusInfo, _CAMPUS.where(Campus.code == bindparam("code")))
CAMPUSES = Query(CampusInfo, _CAMPUS.order_by(Campus.code))

LOCK_CAMPUS = Query(Campus, select(Campus).where(Campus.code == bindparam("code")).with_for_update())
"""Held while a campus's tree changes, so that two sound changes can't make an unsound tree together."""

CHANGE_CAMPUS = Query(
    int,
    update(Campus)
    .where(Campus.code == bindparam("code_"), Campus.version == bindparam("seen"))
    .values(
        name=bindparam("name_"),
        short_name=bindparam("short_name_"),
        grade=bindparam("grade_"),
        licence_no=bindparam("licence_no_"),
        licence_valid_to=bindparam("licence_valid_to_"),
        uscc=bindparam("uscc_"),
        institution_code=bindparam("institution_code_"),
        insurance_code=bindparam("insurance_code_"),
        address=bindparam("address_"),
        phone=bindparam("phone_"),
        licensed_beds=bindparam("licensed_beds_"),
        edge_identity=bindparam("edge_identity_"),
        version=Campus.version + 1,
    )
    .returning(Campus.version),
)
CLOSE_CAMPUS = Query(
    int,
    update(Campus)
    .where(Campus.code == bindparam("code_"), Campus.version == bindparam("seen"), Campus.status == constant("open"))
    .values(status="closed", closed_on=bindparam("day"), version=Campus.version + 1)
    .returning(Campus.version),
)

LEVEL_AT = Query(
    CampusPriceLevel,
    select(CampusPriceLevel).where(
        CampusPriceLevel.campus_code == bindparam("campus"), in_force(CampusPriceLevel, _AT)
    ),
)
SHORTEN_LEVEL = Query(
    UUID,
    update(CampusPriceLevel)
    .where(CampusPriceLevel.row_id == bindparam("row"), CampusPriceLevel.superseded_at.is_(null()))
    .values(valid_to=bindparam("until"))
    .returning(CampusPriceLevel.row_id),
)

SETTINGS_AT = Query(
    CampusSetting,
    select(CampusSetting).where(CampusSetting.campus_id == bindparam("campus"), in_force(CampusSetting, _AT)),
)
SETTINGS_BETWEEN = Query(
    CampusSetting,
    select(CampusSetting).where(
        CampusSetting.campus_id == bindparam("campus"),
        CampusSetting.superseded_at.is_(null()),
        CampusSetting.valid_from < bindparam("until", type_=CampusSetting.valid_from.type),
        lasts(CampusSetting, bindparam("since", type_=CampusSetting.valid_from.type)),
    ),
)
SETTING_AT = Query(
    CampusSetting,
    select(CampusSetting).where(
        CampusSetting.campus_id == bindparam("campus"),
        CampusSetting.key == bindparam("key"),
        in_force(CampusSetting, _AT),
    ),
)
SHORTEN_SETTING = Query(
    UUID,
    update(CampusSetting)
    .where(CampusSetting.row_id == bindparam("row"), CampusSetting.superseded_at.is_(null()))
    .values(valid_to=bindparam("until"))
    .returning(CampusSetting.row_id),
)
SUPERSEDE_SETTING = Query(
    UUID,
    update(CampusSetting)
    .where(CampusSetting.row_id == bindparam("row"))
    .values(superseded_at=bindparam("now"))
    .returning(CampusSetting.row_id),
)


# -- units


class UnitInfo(NamedTuple):
    """A unit as on a day."""

    unit_id: UUID
    campus_id: str
    code: str
    name: str
    kind: str
    location: str | None
    short_name: str
    initials: str
    parent_id: UUID | None
    subject_code: str | None
    phone: str | None
    valid_from: date
    valid_to: date | None
    reason: str
    version: int


def _units() -> Rows:
    return select(
        Unit.unit_id,
        Unit.campus_id,
        Unit.code,
        UnitVersion.name,
        UnitVersion.kind,
        UnitVersion.location,
        UnitVersion.short_name,
        UnitVersion.initials,
        UnitVersion.parent_id,
        UnitVersion.subject_code,
        UnitVersion.phone,
        UnitVersion.valid_from,
        UnitVersion.valid_to,
        UnitVersion.reason,
        Unit.version,
    ).join_from(UnitVersion, Unit, Unit.unit_id == UnitVersion.unit_id)


UNIT_ON = Query(UnitInfo, _units().where(UnitVersion.unit_id == bindparam("unit_id"), in_force(UnitVersion, _DAY)))
UNIT_BY_CODE = Query(
    UnitInfo,
    _units().where(Unit.campus_id == bindparam("campus"), Unit.code == bindparam("code"), in_force(UnitVersion, _DAY)),
)
TREE_ON = Query(
    UnitInfo,
    _units().where(UnitVersion.campus_id == bindparam("campus"), in_force(UnitVersion, _DAY)).order_by(Unit.code),
)
"""Every unit of a campus in force on a day; parents are found by their id."""
UNIT_HISTORY = Query(
    UnitInfo,
    _units()
    .where(UnitVersion.unit_id == bindparam("unit_id"), UnitVersion.superseded_at.is_(null()))
    .order_by(UnitVersion.valid_from),
)
CHILDREN_ON = Query(
    UnitInfo,
    _units().where(UnitVersion.parent_id == bindparam("unit_id"), in_force(UnitVersion, _DAY)).order_by(Unit.code),
)
UNIT_EXISTS = Query(Unit, select(Unit).where(Unit.unit_id == bindparam("unit_id")))

VERSIONS_SINCE = Query(
    UnitVersion,
    select(UnitVersion)
    .where(
        UnitVersion.campus_id == bindparam("campus"),
        UnitVersion.superseded_at.is_(null()),
        lasts(UnitVersion, bindparam("since")),
    )
    .order_by(UnitVersion.valid_from),
)
"""What is or will be in force from a day on: the future a change of the tree must leave sound."""

BUMP_UNIT = Query(
    int,
    update(Unit)
    .where(Unit.unit_id == bindparam("id_"), Unit.version == bindparam("seen"))
    .values(version=Unit.version + 1)
    .returning(Unit.version),
)
SHORTEN_UNIT = Query(
    UUID,
    update(UnitVersion)
    .where(UnitVersion.row_id == bindparam("row"))
    .values(valid_to=bindparam("until"))
    .returning(UnitVersion.row_id),
)
SUPERSEDE_UNIT = Query(
    UUID,
    update(UnitVersion)
    .where(UnitVersion.row_id == bindparam("row"))
    .values(superseded_at=bindparam("now"))
    .returning(UnitVersion.row_id),
)


# -- places


class PlaceInfo(NamedTuple):
    """A place with the building and floor it lies in (empty where none is recorded)."""

    place_id: UUID
    campus_id: str
    kind: str
    code: str
    name: str
    building: str
    floor: str
    unit_id: UUID | None
    parent_id: UUID | None
    directions: str
    status: str
    version: int


def _places() -> Rows:
    up: list[type[Place]] = [Place, aliased(Place), aliased(Place), aliased(Place)]

    def named(kind: str) -> ColumnElement[str]:
        return func.coalesce(*(case((place.kind == kind, place.name)) for place in up), literal("", Text))

    found: Rows = select(
        Place.place_id,
        Place.campus_id,
        Place.kind,
        Place.code,
        Place.name,
        named("building"),
        named("floor"),
        Place.unit_id,
        Place.parent_id,
        Place.directions,
        Place.status,
        Place.version,
    )
    joined: Rows = found.select_from(Place)
    for lower, upper in pairwise(up):
        joined = joined.outerjoin(upper, upper.place_id == lower.parent_id)
    return joined


_ACTIVE_PLACES = (
    _places()
    .where(Place.campus_id == bindparam("campus"), Place.status == constant("active"), Place.code > bindparam("after"))
    .order_by(Place.code)
    .limit(bindparam("limit"))
)
PLACE = Query(PlaceInfo, _places().where(Place.place_id == bindparam("place_id")))
PLACES = Query(PlaceInfo, _ACTIVE_PLACES)
PLACES_OF_KIND = Query(PlaceInfo, _ACTIVE_PLACES.where(Place.kind == bindparam("kind")))
PLACES_INSIDE = Query(
    UUID,
    select(Place.place_id).where(Place.parent_id == bindparam("place_id"), Place.status == constant("active")).limit(1),
)
CHANGE_PLACE = Query(
    int,
    update(Place)
    .where(Place.place_id == bindparam("id_"), Place.version == bindparam("seen"), Place.status == constant("active"))
    .values(
        name=bindparam("name_"),
        parent_id=bindparam("parent_"),
        unit_id=bindparam("unit_"),
        directions=bindparam("directions_"),
        version=Place.version + 1,
    )
    .returning(Place.version),
)
CLOSE_PLACE = Query(
    int,
    update(Place)
    .where(Place.place_id == bindparam("id_"), Place.version == bindparam("seen"), Place.status == constant("active"))
    .values(status="closed", version=Place.version + 1)
    .returning(Place.version),
)


# -- change log

CHANGES = Query(
    ChangeLogEntry,
    select(ChangeLogEntry)
    .where(
        ChangeLogEntry.campus_id == bindparam("campus"),
        ChangeLogEntry.kind == bindparam("kind"),
        ChangeLogEntry.subject_id == bindparam("subject_id"),
        ChangeLogEntry.change_id < bindparam("before"),
    )
    .order_by(ChangeLogEntry.change_id.desc())
    .limit(bindparam("limit")),
)
