"""Charge items: drafted, changed, stopped, resumed. The one list is kept by the head hospital."""

from decimal import Decimal
from typing import Any

from events.catalogue import ItemPublished, ItemSuspended, PackageChanged
from functions.catalogue.codes import service as codes
from functions.catalogue.prices import marks, queries, rules
from functions.catalogue.prices.marks import Marks
from functions.catalogue.prices.models import ChargeItem, PriceVersion
from functions.catalogue.prices.problems import (
    ConsortiumList,
    ItemFixed,
    ItemUnknown,
    PriceStateWrong,
    UnitUnknown,
)
from functions.catalogue.prices.queries.rules import PACKAGES_WITH_ANY
from functions.catalogue.prices.rules import ListedItem
from functions.catalogue.prices.schemas import ChangeItem, DefineUnit, DraftItem, ResumeItem, StopItem
from functions.catalogue.prices.service.executing import check_units
from functions.catalogue.prices.service.requiring import require_mapped
from functions.organisation.structure import service as organisation
from shared.ids import new_id
from shared.problems import Invalid, Stale
from shared.tx import Tx


def require_head(tx: Tx) -> None:
    """The items and their prices of all campuses are kept at the head hospital. Raises ConsortiumList."""
    if not organisation.campus(tx).is_head:
        raise ConsortiumList("收费项目和统一价格由总院物价科维护；本院区只能为市场调节价项目制定本院区价格。")


def units(tx: Tx) -> list[str]:
    """Units of charge (计价单位)."""
    return tx.session.all(queries.UNITS)


def define_unit(tx: Tx, command: DefineUnit) -> list[str]:
    """Add a unit of charge; one that is there already stays as it is."""
    require_head(tx)
    tx.session.execute(queries.DEFINE_UNIT, unit=command.unit.strip())
    tx.audit("charge_unit.defined", "charge_unit", command.unit)
    return units(tx)


def draft_item(tx: Tx, command: DraftItem) -> ChargeItem:
    """A new charge item as a draft; it is published together with its first checked price.

    Raises ConsortiumList, UnitUnknown, ItemCodeTaken, SpecialNeedNotMarket; UnitNotFound for an executing unit that
    does not exist.
    """
    require_head(tx)
    _check_unit(tx, command.unit)
    check_units(tx, command.limits)
    marks.require_market(command.market_priced, command.special_need)
    item = new_item(
        tx,
        ListedItem(
            code=command.code,
            national_code=command.national_code,
            name=command.name,
            content=command.content or "",
            excluded=command.excluded or "",
            unit=command.unit,
            kind=command.kind.value,
            fee_class=command.fee_class,
            direct_entry=command.direct_entry,
            prices={},
            note=command.note or "",
            marks=Marks(command.market_priced, command.special_need),
        ),
        command.basis_document,
        max_quantity=command.max_quantity,
        max_per_day=command.max_per_day,
        quantity_step=command.quantity_step,
        limits=command.limits.model_dump(mode="json", exclude_none=True),
    )
    tx.session.add(item)
    tx.audit("charge_item.drafted", "charge_item", item.item_id)
    return item


def change_item(tx: Tx, code: str, command: ChangeItem) -> ChargeItem:
    """Change what is given of an item; the rest stays.

    Name, unit, kind and fee class of a published item stay for ever: what is on receipts must mean the same always.
    Raises ConsortiumList, ItemFixed, UnitUnknown, SpecialNeedNotMarket, Stale with the item as it is now.
    """
    require_head(tx)
    before = known(tx, code)
    given: dict[str, Any] = command.model_dump(exclude={"version", "reason"}, exclude_unset=True)
    if command.limits is not None:
        given["limits"] = command.limits.model_dump(mode="json", exclude_none=True)
    if any(given.get(name, "") is None for name in _FIXED | _NEVER_EMPTY):
        raise Invalid("名称、单位、类型、收费类别和标志不能清空。")
    changed = {name: value for name, value in given.items() if value != getattr(before, name)}
    if before.status != "draft" and (fixed := sorted(_FIXED & changed.keys())):
        names = "、".join(rules.COLUMNS[name] for name in fixed)
        raise ItemFixed(f"已发布项目的{names}不能更改；请停用本项目并新增替代项目。", fields=fixed)
    if "unit" in changed:
        _check_unit(tx, changed["unit"])
    if "limits" in changed:
        check_units(tx, command.limits)
    values = {name: changed.get(name, getattr(before, name)) for name in _CHANGEABLE}
    marks.require_market(values["market_priced"], values["special_need"])
    values["content"], values["excluded"] = values["content"] or "", values["excluded"] or ""
    values["kind"] = str(values["kind"])
    values["initials"] = rules.initials(values["name"])
    values["wubi"] = codes.wubi(values["name"]) if "name" in changed else before.wubi
    after = tx.session.first(
        queries.CHANGE_ITEM,
        code_=code,
        seen=command.version,
        **{f"{name}_": value for name, value in values.items()},
    )
    if after is None:
        current = {name: str(getattr(before, name)) for name in changed}
        raise Stale("该项目已被他人修改，请对照现值后再操作。", current_version=before.version, current=current)
    tx.audit("charge_item.changed", "charge_item", before.item_id, fields=sorted(changed), reason=command.reason)
    return after


_FIXED = {"name", "unit", "kind", "fee_class"}
_NEVER_EMPTY = {"direct_entry", "market_priced", "special_need", "limits"}
_CHANGEABLE = (
    "national_code",
    "name",
    "content",
    "excluded",
    "note",
    "unit",
    "kind",
    "fee_class",
    "direct_entry",
    "market_priced",
    "special_need",
    "max_quantity",
    "max_per_day",
    "quantity_step",
    "limits",
)


def stop_item(tx: Tx, code: str, command: StopItem) -> ChargeItem:
    """Suspend (停用) or withdraw (废止) an item from now or a later moment; what is already charged stands."""
    require_head(tx)
    item = known(tx, code)
    tx.check_version(item.version, command.version)
    start = command.stopped_from or tx.now
    rules.require_future(start, tx.now)
    if command.replacement_code is not None:
        known(tx, command.replacement_code)
    stopped = tx.session.first(
        queries.STOP_ITEM,
        code_=code,
        seen=item.version,
        to="withdrawn" if command.withdrawn else "suspended",
        start=start,
        replacement=command.replacement_code,
    )
    if stopped is None:
        raise PriceStateWrong("该项目未在使用中或刚被他人修改，请刷新后再操作。", current_status=item.status)
    tx.emit(
        ItemSuspended(
            item_id=item.item_id,
            code=code,
            stopped_from=start,
            withdrawn=command.withdrawn,
            replacement_code=command.replacement_code,
        )
    )
    for package in tx.session.all(PACKAGES_WITH_ANY, codes=[code], at=tx.now):
        tx.emit(PackageChanged(package_code=package, package_version_id=None, effective_at=start, usable=False))
    tx.audit("charge_item.stopped", "charge_item", item.item_id, reason=command.reason)
    return stopped


def resume_item(tx: Tx, code: str, command: ResumeItem) -> ChargeItem:
    """Let a suspended item be charged again (恢复). A withdrawn one stays withdrawn.

    Raises ItemMappingsMissing for one without the mappings a published item needs, PriceStateWrong.
    """
    require_head(tx)
    item = known(tx, code)
    tx.check_version(item.version, command.version)
    require_mapped(tx, item, tx.now)
    resumed = tx.session.first(queries.RESUME_ITEM, code_=code, seen=item.version)
    if resumed is None:
        raise PriceStateWrong("只有停用的项目可以恢复，请刷新后核对。", current_status=item.status)
    tell_item(tx, resumed)
    tx.audit("charge_item.resumed", "charge_item", item.item_id, reason=command.reason)
    return resumed


def item_card(tx: Tx, code: str) -> tuple[ChargeItem, list[PriceVersion]]:
    """An item and every price it ever had."""
    item = known(tx, code)
    return item, tx.session.all(queries.HISTORY, item_id=item.item_id)


def known(tx: Tx, code: str) -> ChargeItem:
    """The item of a code. Raises ItemUnknown."""
    item = tx.session.first(queries.ITEM, code=code)
    if item is None:
        raise ItemUnknown(f"没有代码为“{code}”的收费项目，请核对后重新选择。", item_code=code)
    return item


def new_item(
    tx: Tx,
    entry: ListedItem,
    basis_document: str,
    *,
    status: str = "draft",
    max_quantity: Decimal | None = None,
    max_per_day: Decimal | None = None,
    quantity_step: Decimal | None = None,
    limits: dict[str, Any] | None = None,
) -> ChargeItem:
    """A row for an item that does not exist yet."""
    return ChargeItem(
        item_id=new_id(),
        code=entry.code,
        national_code=entry.national_code,
        name=entry.name,
        initials=rules.initials(entry.name),
        wubi=codes.own_wubi(entry.wubi) or codes.wubi(entry.name),
        content=entry.content,
        excluded=entry.excluded,
        unit=entry.unit,
        kind=entry.kind,
        fee_class=entry.fee_class,
        direct_entry=entry.direct_entry,
        market_priced=bool(entry.marks.market_priced),
        special_need=bool(entry.marks.special_need),
        max_quantity=max_quantity,
        max_per_day=max_per_day,
        quantity_step=quantity_step,
        basis_document=basis_document,
        status=status,
        created_at=tx.now,
        created_by=tx.actor.subject,
        limits=limits or {},
        note=entry.note or None,
    )


def tell_item(tx: Tx, item: ChargeItem) -> None:
    """Tell that an item can be used."""
    tx.emit(
        ItemPublished(
            item_id=item.item_id,
            code=item.code,
            national_code=item.national_code,
            kind=item.kind,
            fee_class=item.fee_class,
        )
    )


def _check_unit(tx: Tx, unit: str) -> None:
    if unit not in units(tx):
        raise UnitUnknown(f"没有计价单位“{unit}”，请从单位表选择或先新增单位。")
