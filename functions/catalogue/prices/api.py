"""HTTP routes of the charge catalogue."""

from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.catalogue.prices import service
from functions.catalogue.prices.models import ImportBatch, ImportRow
from functions.catalogue.prices.queries import PricedItem
from functions.catalogue.prices.schemas import (
    BatchView,
    DraftItem,
    DraftPrice,
    FaultView,
    ImportList,
    ItemCardView,
    ItemView,
    PricedItemView,
    PriceView,
    PublishBatch,
    SetAside,
    StopItem,
)
from shared.command import command, query
from shared.database.engine import REPORT
from shared.http import Router
from shared.schemas import Page
from shared.tx import Tx

router = Router()
ItemCode = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.\-]{1,40}$")]
Limit = Annotated[int, Parameter(ge=1, le=200)]


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
    """Search items with their price here, by code, pinyin initials or name."""
    return [_priced(item) for item in service.search(tx, text, limit)]


@router.get("/items/{code}")
@query("catalogue.prices.read")
def item_card(tx: Tx, code: ItemCode) -> ItemCardView:
    """An item with its whole price history (项目卡)."""
    item, prices = service.item_card(tx, code)
    return ItemCardView(
        item=ItemView.model_validate(item), prices=[PriceView.model_validate(price) for price in prices]
    )


@router.post("/items/{code}/stop")
@command("catalogue.prices.approve")
def stop_item(tx: Tx, code: ItemCode, body: StopItem) -> ItemView:
    """Suspend an item (停用)."""
    return ItemView.model_validate(service.stop_item(tx, code, body))


@router.post("/prices", status_code=201)
@command("catalogue.prices.write")
def draft_price(tx: Tx, body: DraftPrice) -> PriceView:
    """Draft a price (定价、调价)."""
    return PriceView.model_validate(service.draft_price(tx, body))


@router.post("/prices/{version_id}/check")
@command("catalogue.prices.approve")
def check_price(tx: Tx, version_id: UUID) -> PriceView:
    """Check a price made by somebody else (复核)."""
    return PriceView.model_validate(service.check_price(tx, version_id))


@router.post("/prices/{version_id}/cancel")
@command("catalogue.prices.write")
def cancel_price(tx: Tx, version_id: UUID) -> PriceView:
    """Withdraw a price that is not yet checked."""
    return PriceView.model_validate(service.cancel_price(tx, version_id))


@router.get("/public")
@query("catalogue.prices.read")
def public_list(
    tx: Tx, limit: Limit = 100, cursor: Annotated[str | None, Parameter(max_length=40, pattern=r"^[^\x00]*$")] = None
) -> Page[PricedItemView]:
    """The effective price list of this campus (价格公示)."""
    found = service.public_list(tx, cursor or "", limit)
    return Page[PricedItemView](
        items=[_priced(item) for item in found], next=found[-1].code if len(found) == limit else None
    )


@router.post("/batches", status_code=201)
@command("catalogue.prices.write", REPORT)
def import_list(tx: Tx, body: ImportList) -> BatchView:
    """Take in a price list (导入价格目录)."""
    return _batch(*service.import_list(tx, body))


@router.post("/batches/{batch_id}/set-aside")
@command("catalogue.prices.write")
def set_aside(tx: Tx, batch_id: UUID, body: SetAside) -> BatchView:
    """Leave rows of a batch out (剔除)."""
    return _batch(*service.set_aside(tx, batch_id, body))


@router.post("/batches/{batch_id}/publish")
@command("catalogue.prices.approve", REPORT)
def publish_batch(tx: Tx, batch_id: UUID, body: PublishBatch) -> BatchView:
    """Publish a whole price list in one transaction (发布)."""
    return _batch(*service.publish_batch(tx, batch_id, body))


def _priced(item: PricedItem) -> PricedItemView:
    return PricedItemView.model_validate(item._asdict())


def _batch(batch: ImportBatch, rows: list[ImportRow]) -> BatchView:
    return BatchView(
        batch_id=batch.batch_id,
        title=batch.title,
        status=batch.status,
        effective_at=batch.effective_at,
        rows=len(rows),
        set_aside=sum(row.set_aside for row in rows),
        faults=[
            FaultView(row_no=row.row_no, faults=row.faults, content=row.content)
            for row in rows
            if row.faults and not row.set_aside
        ],
        version=batch.version,
    )
