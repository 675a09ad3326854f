"""Use cases of the charge catalogue, and the price look-ups every charging module calls."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from events.catalogue import ItemPublished, ItemSuspended, PricePublished, PricesBatchPublished
from functions.catalogue.prices import queries, rules
from functions.catalogue.prices.models import ChargeItem, ImportBatch, ImportRow, PriceVersion
from functions.catalogue.prices.problems import (
    BatchNotClean,
    BatchStateWrong,
    CampusPriceNotAllowed,
    ItemStopped,
    ItemUnknown,
    NoPrice,
    PriceStateWrong,
)
from functions.catalogue.prices.queries import PricedItem
from functions.catalogue.prices.rules import ListedItem
from functions.catalogue.prices.schemas import DraftItem, DraftPrice, ImportList, PublishBatch, SetAside, StopItem
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.tx import Tx

__all__ = ["PricedItem", "current_prices", "price_at", "prices_at"]

# -- what charging modules ask


def current_prices(tx: Tx, codes: Sequence[str], at: datetime | None = None) -> dict[str, PricedItem]:
    """Items with the price in force here at a moment; those stopped or without a price are left out. One round trip."""
    found = tx.session.all(queries.PRICES_AT, codes=list(codes), campus=tx.campus, at=at or tx.now)
    return {item.code: item for item in found if not item.stopped and item.version_id is not None}


def prices_at(tx: Tx, codes: Sequence[str], at: datetime | None = None) -> dict[str, PricedItem]:
    """Items with the price in force here at a moment (default now), all of them. One round trip.

    Raises ItemUnknown, ItemStopped or NoPrice, naming the item.
    """
    found = {
        item.code: item
        for item in tx.session.all(queries.PRICES_AT, codes=list(codes), campus=tx.campus, at=at or tx.now)
    }
    for code in codes:
        item = found.get(code)
        if item is None:
            raise ItemUnknown(f"没有代码为“{code}”的收费项目，请核对后重新选择。", item_code=code)
        if item.stopped:
            raise ItemStopped(f"项目“{item.name}”已停用，请改用其他项目或联系物价科。", item_code=code)
        if item.version_id is None:
            raise NoPrice(f"项目“{item.name}”在本院区没有执行价格，请联系物价科。", item_code=code)
    return found


def price_at(tx: Tx, code: str, at: datetime | None = None) -> PricedItem:
    """One item with the price in force here at a moment (default now)."""
    return prices_at(tx, [code], at)[code]


# -- items


def draft_item(tx: Tx, command: DraftItem) -> ChargeItem:
    """A new charge item as a draft; it is published together with its first checked price."""
    item = _item(
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
        ),
        command.basis_document,
        command.max_quantity,
    )
    tx.session.add(item)
    tx.audit("charge_item.drafted", "charge_item", item.item_id)
    return item


def stop_item(tx: Tx, code: str, command: StopItem) -> ChargeItem:
    """Suspend an item (停用) from now or a later moment; what is already charged stands."""
    item = _known(tx, code)
    tx.check_version(item.version, command.version)
    start = command.stopped_from or tx.now
    rules.require_future(start, tx.now)
    stopped = tx.session.first(
        queries.STOP_ITEM, code_=code, seen=item.version, start=start, replacement=command.replacement_code
    )
    if stopped is None:
        raise PriceStateWrong("该项目未在使用中或刚被他人修改，请刷新后再操作。", current_status=item.status)
    tx.emit(
        ItemSuspended(
            item_id=item.item_id,
            code=code,
            stopped_from=start,
            withdrawn=False,
            replacement_code=command.replacement_code,
        )
    )
    tx.audit("charge_item.stopped", "charge_item", item.item_id, reason=command.reason)
    return stopped


def item_card(tx: Tx, code: str) -> tuple[ChargeItem, list[PriceVersion]]:
    """An item and every price it ever had."""
    item = _known(tx, code)
    return item, tx.session.all(queries.HISTORY, item_id=item.item_id)


def search(tx: Tx, text: str, limit: int) -> list[PricedItem]:
    """Published items with a price here whose code, pinyin initials or name begins with the text."""
    lowered = text.lower()
    if text.isascii() and text.isalpha():
        query, low = queries.SEARCH_INITIALS, lowered
    elif text.isascii():
        query, low = queries.SEARCH_CODE, text
    else:
        query, low = queries.SEARCH_NAME, text
    return tx.session.all(query, low=low, high=low + "\U0010ffff", campus=tx.campus, at=tx.now, limit=limit)


def public_list(tx: Tx, after: str, limit: int) -> list[PricedItem]:
    """The effective prices of this campus in order of code (价格公示): generated, never typed."""
    return tx.session.all(queries.PUBLIC_LIST, after=after, campus=tx.campus, at=tx.now, limit=limit)


# -- prices, by two people


def draft_price(tx: Tx, command: DraftPrice) -> PriceVersion:
    """A price made by one officer (经办), for a second to check (复核)."""
    if command.campus_id not in (None, tx.campus):
        raise CampusPriceNotAllowed("院区价格只能由本院区的物价员制定，请切换院区后办理。")
    item = _known(tx, command.item_code)
    rules.require_ceiling(command.unit_price, command.ceiling)
    if command.valid_from is not None:
        rules.require_future(command.valid_from, tx.now)
    price = PriceVersion(
        version_id=new_id(),
        item_id=item.item_id,
        level=command.level.value,
        payer_class=command.payer_class,
        campus_id=command.campus_id,
        valid_from=command.valid_from or tx.now,
        unit_price=command.unit_price,
        ceiling=command.ceiling,
        basis_document=command.basis_document,
        maker=tx.actor.subject,
        made_at=tx.now,
    )
    tx.session.add(price)
    tx.audit("price.drafted", "price_version", price.version_id, item=item.code)
    return price


def check_price(tx: Tx, version_id: UUID) -> PriceVersion:
    """Check a price (复核): it takes effect by its period alone, and the price before it ends there.

    A draft whose moment has passed takes effect now. Refuses its own maker.
    """
    price = tx.session.first(queries.PRICE, version_id=version_id)
    if price is None:
        raise NotFound("没有这条价格，请刷新后重试。")
    if price.status != "draft":
        raise PriceStateWrong("该价格已复核或已取消，请刷新后核对。", current_status=price.status)
    tx.assert_distinct([price.maker], "价格的经办与复核须由不同人员办理。")
    start = max(price.valid_from, tx.now)
    old = _succeed(tx, price, start)
    checked = tx.session.one(queries.CHECK_PRICE, id_=version_id, who=tx.actor.subject, start=start)
    code = tx.session.one(queries.ITEM_OF, item_id=price.item_id).code
    published = tx.session.first(queries.PUBLISH_ITEM, code_=code)
    if published is not None:
        _tell_item(tx, published)
    _tell_price(tx, checked, code, old)
    tx.audit("price.checked", "price_version", version_id)
    return checked


def cancel_price(tx: Tx, version_id: UUID) -> PriceVersion:
    """Withdraw a price that is not yet checked."""
    cancelled = tx.session.first(queries.CANCEL_PRICE, id_=version_id)
    if cancelled is None:
        raise PriceStateWrong("只有未复核的价格可以取消，请刷新后核对。")
    tx.audit("price.cancelled", "price_version", version_id)
    return cancelled


# -- lists


def import_list(tx: Tx, command: ImportList) -> tuple[ImportBatch, list[ImportRow]]:
    """Take in a price list: each row is read and its faults are kept with it. Nothing is in force yet."""
    batch = ImportBatch(
        batch_id=new_id(),
        title=command.title,
        basis_document=command.basis_document,
        effective_at=command.effective_at,
        maker=tx.actor.subject,
        made_at=tx.now,
    )
    rows = [
        ImportRow(row_id=new_id(), batch_id=batch.batch_id, row_no=number, content=dict(row), faults=faults)
        for number, (row, faults) in enumerate(zip(command.rows, rules.faults_of_list(command.rows), strict=True), 1)
    ]
    tx.session.add(batch, *rows)
    tx.audit("price_batch.imported", "price_batch", batch.batch_id, rows=len(rows))
    return batch, rows


def set_aside(tx: Tx, batch_id: UUID, command: SetAside) -> tuple[ImportBatch, list[ImportRow]]:
    """Leave rows of a batch out of the publication."""
    batch = _open_batch(tx, batch_id, command.version)
    tx.session.execute(queries.SET_ASIDE, batch=batch_id, numbers=command.row_numbers)
    touched = _touch(tx, batch, "open")
    tx.audit("price_batch.rows_set_aside", "price_batch", batch_id, rows=len(command.row_numbers))
    return touched, tx.session.all(queries.BATCH_ROWS, batch_id=batch_id)


def publish_batch(tx: Tx, batch_id: UUID, command: PublishBatch) -> tuple[ImportBatch, list[ImportRow]]:
    """Publish a whole list in one transaction, by a second officer. Refused while a row is wrong and not set aside."""
    batch = _open_batch(tx, batch_id, command.version)
    tx.assert_distinct([batch.maker], "价格目录的导入与发布须由不同人员办理。")
    rows = tx.session.all(queries.BATCH_ROWS, batch_id=batch_id)
    wrong = [row for row in rows if row.faults and not row.set_aside]
    if wrong:
        raise BatchNotClean(
            f"还有 {len(wrong)} 行有问题，请修正后重新导入，或将其剔除后再发布。",
            rows=[{"row_no": row.row_no, "faults": row.faults} for row in wrong[:50]],
        )
    start = max(batch.effective_at or tx.now, tx.now)
    read = [rules.read_row(row.content)[0] for row in rows if not row.set_aside]
    listed = [entry for entry in read if entry is not None]
    known = {item.code: item for item in tx.session.all(queries.ITEMS, codes=[entry.code for entry in listed])}
    prices = 0
    for entry in listed:
        item = known.get(entry.code)
        if item is None:
            item = _item(tx, entry, batch.basis_document, None, status="published")
            tx.session.add(item)
            _tell_item(tx, item)
        elif (published := tx.session.first(queries.PUBLISH_ITEM, code_=item.code)) is not None:
            _tell_item(tx, published)
        for level, amount in entry.prices.items():
            prices += _publish_listed(tx, batch, item, level, amount, start, new=entry.code not in known)
    tx.emit(PricesBatchPublished(batch_id=batch_id, items=len(listed), prices=prices, effective_at=start))
    tx.audit("price_batch.published", "price_batch", batch_id, items=len(listed), prices=prices)
    return _touch(tx, batch, "published"), rows


def _publish_listed(
    tx: Tx, batch: ImportBatch, item: ChargeItem, level: str, amount: Decimal, start: datetime, *, new: bool
) -> int:
    price = PriceVersion(
        version_id=new_id(),
        item_id=item.item_id,
        level=level,
        valid_from=start,
        unit_price=amount,
        basis_document=batch.basis_document,
        status="checked",
        maker=batch.maker,
        checker=tx.actor.subject,
        batch_id=batch.batch_id,
        made_at=tx.now,
    )
    old = None if new else _succeed(tx, price, start)
    tx.session.add(price)
    _tell_price(tx, price, item.code, old)
    return 1


def _succeed(tx: Tx, price: PriceVersion, start: datetime) -> PriceVersion | None:
    return tx.session.first(
        queries.END_CURRENT,
        item=price.item_id,
        level_=price.level,
        payer=price.payer_class,
        campus_=price.campus_id,
        until=start,
    )


def _item(
    tx: Tx, entry: ListedItem, basis_document: str, max_quantity: Decimal | None, status: str = "draft"
) -> ChargeItem:
    from pypinyin import Style, lazy_pinyin

    return ChargeItem(
        item_id=new_id(),
        code=entry.code,
        national_code=entry.national_code,
        name=entry.name,
        initials="".join(lazy_pinyin(entry.name, style=Style.FIRST_LETTER)).lower(),
        content=entry.content,
        excluded=entry.excluded,
        unit=entry.unit,
        kind=entry.kind,
        fee_class=entry.fee_class,
        direct_entry=entry.direct_entry,
        max_quantity=max_quantity,
        basis_document=basis_document,
        status=status,
        created_at=tx.now,
        created_by=tx.actor.subject,
    )


def _known(tx: Tx, code: str) -> ChargeItem:
    item = tx.session.first(queries.ITEM, code=code)
    if item is None:
        raise ItemUnknown(f"没有代码为“{code}”的收费项目，请核对后重新选择。", item_code=code)
    return item


def _open_batch(tx: Tx, batch_id: UUID, version: int) -> ImportBatch:
    batch = tx.session.first(queries.BATCH, batch_id=batch_id)
    if batch is None:
        raise NotFound("没有这个导入批次，请刷新后重试。")
    tx.check_version(batch.version, version)
    if batch.status != "open":
        raise BatchStateWrong("该批次已发布或已作废，请刷新后核对。", current_status=batch.status)
    return batch


def _touch(tx: Tx, batch: ImportBatch, to: str) -> ImportBatch:
    publishing = to == "published"
    touched = tx.session.first(
        queries.TOUCH_BATCH,
        id_=batch.batch_id,
        seen=batch.version,
        to=to,
        who=tx.actor.subject if publishing else None,
        at=tx.now if publishing else None,
    )
    if touched is None:
        raise Stale("该批次刚被他人修改，请刷新后再操作。")
    return touched


def _tell_item(tx: Tx, item: ChargeItem) -> None:
    tx.emit(
        ItemPublished(
            item_id=item.item_id,
            code=item.code,
            national_code=item.national_code,
            kind=item.kind,
            fee_class=item.fee_class,
        )
    )


def _tell_price(tx: Tx, price: PriceVersion, code: str, old: PriceVersion | None) -> None:
    tx.emit(
        PricePublished(
            item_id=price.item_id,
            code=code,
            version_id=price.version_id,
            level=price.level,
            payer_class=price.payer_class,
            campus_code=price.campus_id,
            old_price=old.unit_price if old else None,
            new_price=price.unit_price,
            effective_at=price.valid_from,
        )
    )
