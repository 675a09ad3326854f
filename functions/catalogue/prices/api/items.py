"""Routes of items, prices and price lists."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.catalogue.prices import service
from functions.catalogue.prices.api.routing import FIRST, LAST, CodeCursor, ItemCode, Limit, RowNumber, router
from functions.catalogue.prices.models import ImportBatch, ImportRow
from functions.catalogue.prices.queries import PricedItem
from functions.catalogue.prices.schemas import (
    AddRows,
    BatchLineView,
    BatchView,
    ChangeItem,
    DefineUnit,
    DiscardBatch,
    DraftItem,
    DraftPrice,
    FaultView,
    FixRow,
    ImportList,
    ItemCardView,
    ItemKind,
    ItemView,
    MissingItemView,
    NameItem,
    PricedItemView,
    PriceEffectView,
    PriceView,
    PublishBatch,
    ResumeItem,
    SetAside,
    StopItem,
    WaitingPriceView,
)
from functions.catalogue.prices.service.naming import aliases_of
from functions.catalogue.prices.service.naming import name_item as set_aliases
from shared.command import command, query
from shared.database.engine import REPORT
from shared.schemas import Page
from shared.tx import Tx

FAULTS_SHOWN = 200


# -- items


@router.get("/units")
@query("catalogue.prices.read")
def list_units(tx: Tx) -> list[str]:
    """Units of charge (计价单位)."""
    return service.units(tx)


@router.post("/units", status_code=201)
@command("catalogue.prices.write")
def define_unit(tx: Tx, body: DefineUnit) -> list[str]:
    """Add a unit of charge (新增计价单位)."""
    return service.define_unit(tx, body)


@router.post("/items", status_code=201)
@command("catalogue.prices.write")
def draft_item(tx: Tx, body: DraftItem) -> ItemView:
    """Draft a charge item (新增收费项目)."""
    return ItemView.model_validate(service.draft_item(tx, body))


@router.get("/items")
@query("catalogue.prices.read")
def search_items(
    tx: Tx, text: Annotated[str, Parameter(min_length=1, max_length=40, pattern=r"^[^\x00]+$")], limit: Limit = 50
) -> list[PricedItemView]:
    """Search items with their price here, by code, first letters of pinyin or wubi, name or alias."""
    return [_priced(item) for item in service.search(tx, text, limit)]


@router.get("/items/{code}")
@query("catalogue.prices.read")
def item_card(tx: Tx, code: ItemCode) -> ItemCardView:
    """An item with its whole price history (项目卡)."""
    item, prices = service.item_card(tx, code)
    return ItemCardView(
        item=ItemView.model_validate(item), prices=[PriceView.model_validate(price) for price in prices]
    )


@router.patch("/items/{code}")
@command("catalogue.prices.write")
def change_item(tx: Tx, code: ItemCode, body: ChangeItem) -> ItemView:
    """Change an item's particulars (修改收费项目)."""
    return ItemView.model_validate(service.change_item(tx, code, body))


@router.get("/items/{code}/aliases")
@query("catalogue.prices.read")
def item_aliases(tx: Tx, code: ItemCode) -> list[str]:
    """Other names an item is searched by (项目别名)."""
    return aliases_of(tx, code)


@router.put("/items/{code}/aliases")
@command("catalogue.prices.write")
def name_item(tx: Tx, code: ItemCode, body: NameItem) -> list[str]:
    """Set all other names of an item (维护项目别名)."""
    return set_aliases(tx, code, body)


@router.post("/items/{code}/stop")
@command("catalogue.prices.approve")
def stop_item(tx: Tx, code: ItemCode, body: StopItem) -> ItemView:
    """Suspend or withdraw an item (停用、废止)."""
    return ItemView.model_validate(service.stop_item(tx, code, body))


@router.post("/items/{code}/resume")
@command("catalogue.prices.approve")
def resume_item(tx: Tx, code: ItemCode, body: ResumeItem) -> ItemView:
    """Let a suspended item be charged again (恢复)."""
    return ItemView.model_validate(service.resume_item(tx, code, body))


# -- prices


@router.post("/prices", status_code=201)
@command("catalogue.prices.write")
def draft_price(tx: Tx, body: DraftPrice) -> PriceView:
    """Draft a price (定价、调价)."""
    return PriceView.model_validate(service.draft_price(tx, body))


@router.get("/prices/waiting")
@query("catalogue.prices.read")
def waiting_prices(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[WaitingPriceView]:
    """Prices that wait for their second officer (待复核), oldest first."""
    found = service.waiting_prices(tx, cursor or FIRST, limit)
    items = [
        WaitingPriceView(item_code=one.item_code, item_name=one.item_name, price=PriceView.model_validate(price))
        for one, price in found
    ]
    return Page[WaitingPriceView](items=items, next=str(found[-1][0].version_id) if len(found) == limit else None)


@router.post("/prices/{version_id}/check")
@command("catalogue.prices.approve")
def check_price(tx: Tx, version_id: UUID) -> PriceView:
    """Check a price made by somebody else (复核)."""
    return PriceView.model_validate(service.check_price(tx, version_id))


@router.post("/prices/{version_id}/cancel")
@command("catalogue.prices.write")
def cancel_price(tx: Tx, version_id: UUID) -> PriceView:
    """Withdraw a price that is not yet checked, or not yet near its beginning (取消)."""
    return PriceView.model_validate(service.cancel_price(tx, version_id))


@router.get("/prices/{version_id}/effect")
@query("catalogue.prices.read", REPORT)
def price_effect(tx: Tx, version_id: UUID) -> PriceEffectView:
    """What a price means at this campus, before it is checked and after it holds (收入影响)."""
    return PriceEffectView.model_validate(service.effect_of_price(tx, version_id))


# -- lists


@router.post("/batches", status_code=201)
@command("catalogue.prices.write", REPORT)
def import_list(tx: Tx, body: ImportList) -> BatchView:
    """Take in a price list (导入价格目录)."""
    return batch_view(*service.import_list(tx, body))


@router.get("/batches")
@query("catalogue.prices.read")
def list_batches(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[BatchLineView]:
    """Batches, latest first (导入批次)."""
    found = service.batches(tx, cursor or LAST, limit)
    return Page[BatchLineView](
        items=[BatchLineView.model_validate(batch) for batch in found],
        next=str(found[-1].batch_id) if len(found) == limit else None,
    )


@router.get("/batches/{batch_id}")
@query("catalogue.prices.read")
def read_batch(tx: Tx, batch_id: UUID) -> BatchView:
    """A batch: what it would do and what is wrong with it."""
    return batch_view(*service.read_batch(tx, batch_id))


@router.get("/batches/{batch_id}/missing")
@query("catalogue.prices.read", REPORT)
def missing_items(tx: Tx, batch_id: UUID, limit: Limit = 100, cursor: CodeCursor = None) -> Page[MissingItemView]:
    """Items in use that a whole list does not name: they stop with its publication (目录未列出的项目)."""
    found = service.missing_items(tx, batch_id, cursor or "", limit)
    return Page[MissingItemView](
        items=[MissingItemView.model_validate(one) for one in found],
        next=found[-1].code if len(found) == limit else None,
    )


@router.post("/batches/{batch_id}/rows")
@command("catalogue.prices.write", REPORT)
def add_rows(tx: Tx, batch_id: UUID, body: AddRows) -> BatchView:
    """Further rows of a long list (续传)."""
    return batch_view(*service.add_rows(tx, batch_id, body))


@router.put("/batches/{batch_id}/rows/{row_no}")
@command("catalogue.prices.write", REPORT)
def fix_row(tx: Tx, batch_id: UUID, row_no: RowNumber, body: FixRow) -> BatchView:
    """Put a row right (修正)."""
    return batch_view(*service.fix_row(tx, batch_id, row_no, body))


@router.post("/batches/{batch_id}/set-aside")
@command("catalogue.prices.write", REPORT)
def set_aside(tx: Tx, batch_id: UUID, body: SetAside) -> BatchView:
    """Leave rows of a batch out (剔除)."""
    return batch_view(*service.set_aside(tx, batch_id, body))


@router.post("/batches/{batch_id}/publish")
@command("catalogue.prices.approve", REPORT)
def publish_batch(tx: Tx, batch_id: UUID, body: PublishBatch) -> BatchView:
    """Publish a whole price list in one transaction (发布)."""
    return batch_view(*service.publish_batch(tx, batch_id, body))


@router.post("/batches/{batch_id}/discard")
@command("catalogue.prices.write")
def discard_batch(tx: Tx, batch_id: UUID, body: DiscardBatch) -> BatchView:
    """Give a batch up (作废)."""
    return batch_view(*service.discard_batch(tx, batch_id, body))


# -- shapes


def _priced(item: PricedItem) -> PricedItemView:
    return PricedItemView.model_validate(item)


def batch_view(batch: ImportBatch, rows: list[ImportRow]) -> BatchView:
    kept = [row for row in rows if not row.set_aside]
    wrong = [row for row in kept if row.faults]
    changes = [row.change for row in kept]
    return BatchView(
        batch_id=batch.batch_id,
        title=batch.title,
        status=batch.status,
        effective_at=batch.effective_at,
        rows=len(rows),
        new=changes.count("new"),
        changed=changes.count("changed"),
        same=changes.count("same"),
        set_aside=len(rows) - len(kept),
        wrong=len(wrong),
        ignored=batch.ignored or 0,
        covers=[ItemKind(kind) for kind in batch.covers or ()],
        faults=[FaultView(row_no=row.row_no, faults=row.faults, content=row.content) for row in wrong[:FAULTS_SHOWN]],
        version=batch.version,
    )
