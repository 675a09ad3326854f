"""HTTP routes of the organisation: campuses, settings, units and places; people stand in api_people.py."""

from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.organisation.structure import (
    api_credentials,
    api_overview,
    api_people,
    api_personal,
    api_wards,
    rules,
    service,
)
from functions.organisation.structure.queries import structure as queries
from functions.organisation.structure.queries.structure import CampusInfo, PlaceInfo, UnitInfo
from functions.organisation.structure.schemas.structure import (
    CampusView,
    ChangeCampus,
    ChangePlace,
    ChangeSetting,
    ChangeUnit,
    ChangeView,
    CloseCampus,
    ClosePlace,
    CloseUnit,
    CreatePlace,
    CreateUnit,
    MoveUnit,
    OpenCampus,
    PlaceKind,
    PlaceView,
    SetPriceLevel,
    SettingView,
    UnitView,
)
from functions.organisation.structure.schemas.times import Day
from shared.command import command, query
from shared.http import Router
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
Campus = Annotated[str | None, Parameter(pattern=r"^[a-z][a-z0-9]{1,9}$")]
CodeInPath = Annotated[str, Path(pattern=r"^[a-z][a-z0-9]{1,9}$")]
KeyInPath = Annotated[str, Path(pattern=r"^[a-z_]{1,40}$")]
LAST = UUID(int=2**128 - 1)
LOGGED = r"^(campus|unit|place|staff|post|secondment|licence|privilege|delegation|bed|workstation)$"
"""Kinds of objects with a change log."""


# -- campuses


@router.get("/campuses")
@query("organisation.structure.read")
def list_campuses(tx: Tx) -> list[CampusView]:
    """Every campus (院区列表)."""
    return [_campus(found) for found in service.campuses(tx)]


@router.get("/campuses/{code}")
@query("organisation.structure.read")
def read_campus(tx: Tx, code: CodeInPath) -> CampusView:
    """One campus."""
    return _campus(service.campus(tx, code))


@router.post("/campuses", status_code=201)
@command("organisation.structure.open_campus")
def open_campus(tx: Tx, body: OpenCampus) -> CampusView:
    """Open a campus (开设院区) with its unit tree and its first people."""
    return _campus(service.open_campus(tx, body))


@router.patch("/campuses/{code}")
@command("organisation.structure.open_campus")
def change_campus(tx: Tx, code: CodeInPath, body: ChangeCampus) -> CampusView:
    """Change names, licence numbers or address of a campus."""
    return _campus(service.change_campus(tx, code, body))


@router.post("/campuses/{code}/price-level")
@command("organisation.structure.open_campus")
def set_price_level(tx: Tx, code: CodeInPath, body: SetPriceLevel) -> CampusView:
    """Another price level (价格等级) from a moment on."""
    return _campus(service.set_price_level(tx, code, body))


@router.post("/campuses/{code}/close")
@command("organisation.structure.open_campus")
def close_campus(tx: Tx, code: CodeInPath, body: CloseCampus) -> CampusView:
    """Close a campus without units and people (关闭院区)."""
    return _campus(service.close_campus(tx, code, body))


@router.get("/settings")
@query("organisation.structure.read")
def list_settings(tx: Tx, campus: Campus = None) -> list[SettingView]:
    """Settings of a campus in force now (院区参数)."""
    return [
        SettingView(key=key, title=rules.SETTINGS[key].title, value=value, valid_from=since)
        for key, value, since in service.settings_of(tx, campus or tx.campus)
    ]


@router.put("/settings/{key}")
@command("organisation.structure.write")
def change_setting(tx: Tx, key: KeyInPath, body: ChangeSetting) -> SettingView:
    """Another value of a setting of the acting campus."""
    name, value, since = service.change_setting(tx, key, body)
    return SettingView(key=name, title=rules.SETTINGS[name].title, value=value, valid_from=since)


# -- units


@router.get("/units")
@query("organisation.structure.read")
def unit_tree(tx: Tx, campus: Campus = None, at: Day | None = None) -> list[UnitView]:
    """Units of a campus on a day (科室树), by code; `parent_id` makes the tree."""
    return [_unit(found) for found in service.unit_tree(tx, campus, at)]


@router.post("/units", status_code=201)
@command("organisation.structure.write")
def create_unit(tx: Tx, body: CreateUnit) -> UnitView:
    """Create a unit (新建科室)."""
    return _unit(service.create_unit(tx, body))


@router.get("/units/{unit_id}")
@query("organisation.structure.read")
def read_unit(tx: Tx, unit_id: UUID, at: Day | None = None) -> UnitView:
    """One unit as on a day."""
    return _unit(service.unit(tx, unit_id, at))


@router.get("/units/{unit_id}/history")
@query("organisation.structure.read")
def unit_history(tx: Tx, unit_id: UUID) -> list[UnitView]:
    """A unit's life, earliest first (科室沿革)."""
    return [_unit(found) for found in service.unit_history(tx, unit_id)]


@router.patch("/units/{unit_id}")
@command("organisation.structure.write")
def change_unit(tx: Tx, unit_id: UUID, body: ChangeUnit) -> UnitView:
    """Rename a unit or change its particulars from a day on (更名)."""
    return _unit(service.change_unit(tx, unit_id, body))


@router.post("/units/{unit_id}/move")
@command("organisation.structure.write")
def move_unit(tx: Tx, unit_id: UUID, body: MoveUnit) -> UnitView:
    """Put a unit under another one from a day on (调整隶属)."""
    return _unit(service.move_unit(tx, unit_id, body))


@router.post("/units/{unit_id}/close")
@command("organisation.structure.write")
def close_unit(tx: Tx, unit_id: UUID, body: CloseUnit) -> list[dict[str, str]]:
    """Close a unit nobody needs any more (关闭科室); answers what others had to say."""
    return [objection.document() for objection in service.close_unit(tx, unit_id, body)]


# -- places


@router.get("/places")
@query("organisation.structure.read")
def list_places(
    tx: Tx,
    kind: PlaceKind | None = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Parameter(max_length=40)] = None,
) -> Page[PlaceView]:
    """Places of the acting campus in use, of one kind or of all."""
    found = service.places(tx, kind.value if kind else None, cursor or "", limit)
    return Page[PlaceView](items=[_place(one) for one in found], next=found[-1].code if len(found) == limit else None)


@router.post("/places", status_code=201)
@command("organisation.structure.write")
def create_place(tx: Tx, body: CreatePlace) -> PlaceView:
    """Set up a place (诊室、窗口...)."""
    return _place(service.create_place(tx, body))


@router.get("/places/{place_id}")
@query("organisation.structure.read")
def read_place(tx: Tx, place_id: UUID) -> PlaceView:
    """One place."""
    return _place(service.place(tx, place_id))


@router.patch("/places/{place_id}")
@command("organisation.structure.write")
def change_place(tx: Tx, place_id: UUID, body: ChangePlace) -> PlaceView:
    """Change a place."""
    return _place(service.change_place(tx, place_id, body))


@router.post("/places/{place_id}/close")
@command("organisation.structure.write")
def close_place(tx: Tx, place_id: UUID, body: ClosePlace) -> PlaceView:
    """Take a place out of use (停用地点)."""
    return _place(service.close_place(tx, place_id, body))


@router.get("/changes")
@query("organisation.structure.write")
def list_changes(
    tx: Tx,
    kind: Annotated[
        str,
        Parameter(pattern=r"^(campus|unit|place|staff|post|secondment|licence|privilege|delegation|bed|workstation)$"),
    ],
    subject_id: Annotated[str, Parameter(max_length=40, pattern=r"^[\w\-]+$")],
    limit: Limit = 50,
    cursor: UUID | None = None,
) -> Page[ChangeView]:
    """What was changed on one object at the acting campus, latest first (变更记录)."""
    found = tx.session.all(
        queries.CHANGES, campus=tx.campus, kind=kind, subject_id=subject_id, before=cursor or LAST, limit=limit
    )
    return Page[ChangeView](
        items=[ChangeView.model_validate(entry) for entry in found],
        next=str(found[-1].change_id) if len(found) == limit else None,
    )


# Fixed paths first: /licences/expiring, /units/merge and their like must not be taken for an id.
router.include_router(api_credentials.router)
router.include_router(api_wards.router)
router.include_router(api_overview.router)
router.include_router(api_personal.router)
router.include_router(api_people.router)


def _campus(found: CampusInfo) -> CampusView:
    return CampusView(**found._asdict(), price_level_label=rules.PRICE_LEVELS.get(found.price_level, ""))


def _unit(found: UnitInfo) -> UnitView:
    return UnitView.model_validate(found)


def _place(found: PlaceInfo) -> PlaceView:
    return PlaceView.model_validate(found)
