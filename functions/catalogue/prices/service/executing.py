"""Where an item may be carried out (执行科室限制) and what it may be charged from (必需的申请类型)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from functions.catalogue.prices.problems import ExecutingUnitNotAllowed, RequestRequired
from functions.catalogue.prices.queries import PricedItem
from functions.catalogue.prices.schemas import ItemLimits, RequestKind
from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import UnitInfo
from shared.problems import Problem
from shared.tx import Tx

UNIT_KINDS = {
    "campus": "院区",
    "clinical": "临床科室",
    "medtech": "医技科室",
    "pharmacy": "药房药库",
    "nursing": "病区护理单元",
    "clinic_area": "诊区",
    "administrative": "行政后勤",
    "shared_centre": "共享中心",
    "committee": "委员会",
    "virtual": "虚拟组织",
}
"""Kinds of units as staff call them."""
REQUEST_KINDS = {
    RequestKind.IMAGING: "影像检查申请",
    RequestKind.ULTRASOUND: "超声检查申请",
    RequestKind.ECG: "心电检查申请",
    RequestKind.ENDOSCOPY: "内镜检查申请",
    RequestKind.LABORATORY: "检验申请",
    RequestKind.PATHOLOGY: "病理申请",
    RequestKind.TREATMENT: "治疗申请",
    RequestKind.SURGERY: "手术申请",
    RequestKind.ANAESTHESIA: "麻醉申请",
    RequestKind.TRANSFUSION: "输血申请",
    RequestKind.CONSULTATION: "会诊申请",
    RequestKind.PRESCRIPTION: "处方",
    RequestKind.ORDER: "医嘱",
    RequestKind.CHECKUP: "体检单",
}
"""Kinds of requests as staff call them."""
NAMED = 10
"""Units a refusal names in its words; its `allowed` lists them all."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a line to be charged comes from and who carries it out. `request_kind` is null of what was entered
    directly."""

    line_no: str
    item_code: str
    executing_unit_id: UUID | None
    request_kind: str | None


def check_units(tx: Tx, limits: ItemLimits | None) -> None:
    """Refuse limits that name a unit which does not exist. Raises UnitNotFound, UnitNotInForce."""
    wanted = set(limits.executing_units or ()) if limits is not None else set()
    for unit_id in sorted(wanted - {unit.unit_id for unit in organisation.unit_tree(tx)} if wanted else ()):
        organisation.unit(tx, unit_id)


def require_origin(tx: Tx, items: Mapping[str, PricedItem], origins: Sequence[Origin]) -> None:
    """Refuse items carried out where they must not be, or charged from something else than the request they need.

    Asks nothing of the database while no item has such limits. Raises RequestRequired, ExecutingUnitNotAllowed with the
    units of this campus that may; `lines` of the refusal names every line that is refused.
    """
    placed = any(_places(items[one.item_code]) for one in origins)
    units = {unit.unit_id: unit for unit in organisation.unit_tree(tx)} if placed else {}
    refused = [
        (one, problem)
        for one in origins
        if (problem := _not_requested(items[one.item_code], one) or _misplaced(items[one.item_code], one, units))
    ]
    if refused:
        first = refused[0][1]
        first.extra["lines"] = [
            {"line_no": one.line_no, "item_code": one.item_code, "code": problem.code, "message": problem.detail}
            for one, problem in refused
        ]
        raise first


def _places(item: PricedItem) -> bool:
    return bool(item.limits.get("executing_units") or item.limits.get("executing_kinds"))


def _not_requested(item: PricedItem, origin: Origin) -> Problem | None:
    kinds: list[str] = item.limits.get("request_kinds") or []
    if not kinds or origin.request_kind in kinds:
        return None
    named = _joined(REQUEST_KINDS[RequestKind(kind)] for kind in kinds)
    return RequestRequired(
        f"“{item.name}”须由{named}产生费用，不能从别处记费；请由医生开具相应申请。",
        item_code=item.code,
        request_kinds=kinds,
    )


def _misplaced(item: PricedItem, origin: Origin, units: Mapping[UUID, UnitInfo]) -> Problem | None:
    if not _places(item):
        return None
    allowed = [unit for unit in units.values() if _may(item.limits, unit)]
    if any(unit.unit_id == origin.executing_unit_id for unit in allowed):
        return None
    told = [{"unit_id": str(unit.unit_id), "code": unit.code, "name": unit.name} for unit in allowed]
    more: dict[str, Any] = {"item_code": item.code, "allowed": told}
    if not allowed:
        kinds = _joined(UNIT_KINDS[kind] for kind in item.limits.get("executing_kinds") or ())
        only = f"（限{kinds}）" if kinds else ""
        return ExecutingUnitNotAllowed(
            f"本院区没有可执行“{item.name}”的科室{only}，请联系物价科核对执行科室，或转往其他院区执行。", **more
        )
    names = _joined(unit.name for unit in allowed[:NAMED]) + ("等" if len(allowed) > NAMED else "")
    here = units.get(origin.executing_unit_id) if origin.executing_unit_id else None
    wrong = f"不能由{here.name}执行" if here else "须指明执行科室"
    return ExecutingUnitNotAllowed(f"“{item.name}”{wrong}，可执行的科室：{names}；请改选后重新记费。", **more)


def _may(limits: Mapping[str, Any], unit: UnitInfo) -> bool:
    return str(unit.unit_id) in (limits.get("executing_units") or ()) or unit.kind in (
        limits.get("executing_kinds") or ()
    )


def _joined(names: Iterable[str]) -> str:
    return "、".join(names)
