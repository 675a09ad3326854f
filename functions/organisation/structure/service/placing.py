"""Places: buildings, floors, clinic areas, rooms, counters."""

from typing import Any
from uuid import UUID

from events.organisation import PlaceChanged
from functions.organisation.structure.models import Place
from functions.organisation.structure.problems import PlaceInUse, PlaceLies, PlaceNotFound, UnitNotFound
from functions.organisation.structure.queries import structure as queries
from functions.organisation.structure.queries.structure import PlaceInfo
from functions.organisation.structure.schemas.structure import ChangePlace, ClosePlace, CreatePlace, PlaceKind
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.units import unit
from shared.ids import new_id
from shared.problems import Invalid, Stale
from shared.tx import Tx


def place(tx: Tx, place_id: UUID) -> PlaceInfo:
    """A place of any campus with its building and floor; `status` says whether it is still in use.

    Raises PlaceNotFound.
    """
    found = tx.session.first(queries.PLACE, place_id=place_id)
    if found is None:
        raise PlaceNotFound("没有这个地点，请核对后重新选择。")
    return found


def places(tx: Tx, kind: str | None, after: str, limit: int) -> list[PlaceInfo]:
    """Active places of the acting campus in order of code."""
    if kind is None:
        return tx.session.all(queries.PLACES, campus=tx.campus, after=after, limit=limit)
    return tx.session.all(queries.PLACES_OF_KIND, campus=tx.campus, kind=kind, after=after, limit=limit)


def create_place(tx: Tx, command: CreatePlace) -> PlaceInfo:
    """Set up a place of the acting campus inside a wider one. Raises PlaceCodeTaken, PlaceLies, UnitNotFound."""
    _check_parent(tx, command.kind, command.parent_id)
    _check_unit(tx, command.unit_id)
    row = Place(
        place_id=new_id(),
        campus_id=tx.campus,
        kind=command.kind.value,
        code=command.code,
        name=command.name,
        parent_id=command.parent_id,
        unit_id=command.unit_id,
        directions=command.directions or "",
    )
    tx.session.add(row)
    record(tx, "place", row.place_id, "created", after=command.model_dump(mode="json", exclude_none=True))
    return _done(tx, row.place_id, command.kind.value, "created")


def change_place(tx: Tx, place_id: UUID, command: ChangePlace) -> PlaceInfo:
    """Change what is given of a place; the rest stays."""
    before = _own(tx, place_id)
    given = command.model_dump(exclude={"version", "reason"}, exclude_unset=True)
    if given.get("name", "") is None:
        raise Invalid("地点名称不能清空。")
    if "parent_id" in given:
        _check_parent(tx, PlaceKind(before.kind), command.parent_id)
    if "unit_id" in given:
        _check_unit(tx, command.unit_id)

    def value(name: str) -> Any:
        return given.get(name, getattr(before, name))

    seen = tx.session.first(
        queries.CHANGE_PLACE,
        id_=place_id,
        seen=command.version,
        name_=value("name"),
        parent_=value("parent_id"),
        unit_=value("unit_id"),
        directions_=value("directions") or "",
    )
    if seen is None:
        raise Stale("该地点已被他人修改或已停用，请刷新后再操作。", current_version=before.version)
    was = {name: getattr(before, name) for name in given}
    record(tx, "place", place_id, "changed", before=was, after=given, reason=command.reason)
    return _done(tx, place_id, before.kind, "changed")


def close_place(tx: Tx, place_id: UUID, command: ClosePlace) -> PlaceInfo:
    """Close a place in which no other place is in use. Raises PlaceInUse."""
    before = _own(tx, place_id)
    inside = tx.session.send(queries.PLACES_INSIDE, place_id=place_id)
    if inside.first() is not None:
        raise PlaceInUse("该地点内还有启用的地点，请先停用它们。")
    if tx.session.first(queries.CLOSE_PLACE, id_=place_id, seen=command.version) is None:
        raise Stale("该地点已被他人修改或已停用，请刷新后再操作。", current_version=before.version)
    record(tx, "place", place_id, "closed", reason=command.reason)
    return _done(tx, place_id, before.kind, "closed")


def _own(tx: Tx, place_id: UUID) -> PlaceInfo:
    found = place(tx, place_id)
    if found.campus_id != tx.campus:
        raise PlaceNotFound("本院区没有这个地点，请核对后重新选择。")
    return found


def _check_parent(tx: Tx, kind: PlaceKind, parent_id: UUID | None) -> None:
    if parent_id is None:
        return
    parent = _own(tx, parent_id)
    if parent.status != "active":
        raise PlaceLies("上级地点已停用，请另选。")
    if PlaceKind(parent.kind).depth >= kind.depth:
        raise PlaceLies("地点须按 楼—层—诊区—房间或窗口 由大到小排列，请另选上级地点。")


def _check_unit(tx: Tx, unit_id: UUID | None) -> None:
    if unit_id is not None and unit(tx, unit_id).campus_id != tx.campus:
        raise UnitNotFound("本院区没有这个科室，请核对后重新选择。")


def _done(tx: Tx, place_id: UUID, kind: str, change: str) -> PlaceInfo:
    tx.emit(PlaceChanged(place_id=place_id, kind=kind, change=change))
    return tx.session.one(queries.PLACE, place_id=place_id)
