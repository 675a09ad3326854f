"""Routes of sealed cash bags and the bank's calls (缴款袋、银行上门收款)."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query as Parameter

from functions.payments.cashier import prints, service
from functions.payments.cashier.api.routing import LAST, Limit, router
from functions.payments.cashier.models import CashBag, CashCollection
from functions.payments.cashier.queries import bags as queries
from functions.payments.cashier.rules import BAG_STATES
from functions.payments.cashier.schemas.bags import (
    BagSlipView,
    BagView,
    BagWithSlips,
    CollectionView,
    CollectionWithBags,
    CountBag,
    ExplainBag,
    HandOver,
    OpenBag,
    SealBag,
)
from functions.payments.cashier.schemas.shifts import CopyView
from shared.command import Document, command, query
from shared.schemas import Page
from shared.tx import Tx

State = Literal["sealed", "opened", "handed_over", "counted"]
Days = Annotated[int, Parameter(ge=0, le=365)]


@router.get("/slips-to-bag")
@query("payments.cashier.read")
def list_slips_to_bag(tx: Tx, limit: Limit = 100, cursor: UUID | None = None) -> Page[BagSlipView]:
    """Deposit slips neither in a bag nor received by finance, newest first (待装袋缴款单)."""
    rows = tx.session.all(queries.SLIPS_TO_BAG, campus=tx.campus, before=cursor or LAST, limit=limit)
    tx.audit("hand_ins.listed", "campus", tx.campus, count=len(rows))
    return Page[BagSlipView](
        items=[BagSlipView.model_validate(row) for row in rows],
        next=str(rows[-1].hand_in_id) if len(rows) == limit else None,
    )


@router.post("/bags", status_code=201)
@command("payments.cashier.supervise")
def seal_bag(tx: Tx, body: SealBag) -> BagView:
    """Put deposit slips with their cash into a bag and seal it (装袋封签)."""
    return _bag(tx, service.seal_bag(tx, body))


@router.get("/bags")
@query("payments.cashier.read")
def list_bags(tx: Tx, state: State = "sealed", limit: Limit = 50, cursor: UUID | None = None) -> Page[BagView]:
    """Bags in a state, newest first."""
    rows = tx.session.all(queries.BAGS_IN_STATE, campus=tx.campus, state=state, before=cursor or LAST, limit=limit)
    return _bags(tx, rows, limit)


@router.get("/bags/underway")
@query("payments.cashier.read")
def list_bags_underway(tx: Tx, days: Days = 0, limit: Limit = 50, cursor: UUID | None = None) -> Page[BagView]:
    """Bags sealed at least so many days ago which the bank has not counted yet, newest first (在途缴款袋)."""
    until = tx.now - timedelta(days=days)
    rows = tx.session.all(queries.BAGS_UNDERWAY, campus=tx.campus, until=until, before=cursor or LAST, limit=limit)
    return _bags(tx, rows, limit)


@router.get("/bags/{bag_id}")
@query("payments.cashier.read")
def read_bag(tx: Tx, bag_id: UUID) -> BagWithSlips:
    """A bag and the slips in it."""
    bag = service.find_bag(tx, bag_id)
    slips = tx.session.all(queries.SLIPS_OF_BAGS, bag_id=bag_id)
    tx.audit("bag.read", "cash_bag", bag_id)
    return BagWithSlips(**dict(_bag(tx, bag)), slips=[BagSlipView.model_validate(slip) for slip in slips])


@router.post("/bags/{bag_id}/open")
@command("payments.cashier.supervise")
def open_bag(tx: Tx, bag_id: UUID, body: OpenBag) -> BagView:
    """Unseal a bag that has not left (拆封)."""
    return _bag(tx, service.open_bag(tx, bag_id, body))


@router.post("/bags/{bag_id}/count")
@command("payments.cashier.receive")
def count_bag(tx: Tx, bag_id: UUID, body: CountBag) -> BagView:
    """Record what the bank counted in a bag (银行清点确认)."""
    return _bag(tx, service.count_bag(tx, bag_id, body))


@router.post("/bags/{bag_id}/explain")
@command("payments.cashier.receive")
def explain_bag(tx: Tx, bag_id: UUID, body: ExplainBag) -> BagView:
    """Say what was found about a difference (差异说明)."""
    return _bag(tx, service.explain_bag(tx, bag_id, body))


@router.post("/collections", status_code=201)
@command("payments.cashier.supervise")
def hand_over(tx: Tx, body: HandOver) -> CollectionView:
    """Hand sealed bags to the bank's courier (上门收款交接)."""
    return CollectionView.model_validate(service.hand_over(tx, body))


@router.get("/collections")
@query("payments.cashier.read")
def list_collections(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[CollectionView]:
    """Calls of the courier, newest first."""
    rows = tx.session.all(queries.COLLECTIONS, campus=tx.campus, before=cursor or LAST, limit=limit)
    tx.audit("collections.listed", "campus", tx.campus, count=len(rows))
    return Page[CollectionView](
        items=[CollectionView.model_validate(row) for row in rows],
        next=str(rows[-1].collection_id) if len(rows) == limit else None,
    )


@router.get("/collections/{collection_id}")
@query("payments.cashier.read")
def read_collection(tx: Tx, collection_id: UUID) -> CollectionWithBags:
    """A call of the courier with the bags taken."""
    collection, bags = _collection(tx, collection_id)
    shown = CollectionView.model_validate(collection)
    return CollectionWithBags(**dict(shown), bags=[_bag(tx, bag) for bag in bags])


@router.post("/collections/{collection_id}/slips", status_code=201)
@command("payments.cashier.supervise")
def print_collection(tx: Tx, collection_id: UUID) -> CopyView:
    """Record a print of a hand-over slip (打印交接单); the PDF is fetched next."""
    service.find_collection(tx, collection_id)
    copy_number = service.count_copy(tx, prints.COLLECTION_SLIP, collection_id)
    return CopyView(form=prints.COLLECTION_SLIP, subject_id=collection_id, copy_number=copy_number)


@router.get("/collections/{collection_id}/slip.pdf")
@query("payments.cashier.read")
def collection_pdf(tx: Tx, collection_id: UUID) -> Document:
    """The hand-over slip as PDF (交接单)."""
    return prints.collection_slip(tx, *_collection(tx, collection_id))


def _collection(tx: Tx, collection_id: UUID) -> tuple[CashCollection, list[CashBag]]:
    collection = service.find_collection(tx, collection_id)
    tx.audit("collection.read", "cash_collection", collection_id)
    return collection, tx.session.all(queries.BAGS_OF_COLLECTION, collection_id=collection_id)


def _bags(tx: Tx, rows: list[CashBag], limit: int) -> Page[BagView]:
    tx.audit("bags.listed", "campus", tx.campus, count=len(rows))
    return Page[BagView](
        items=[_bag(tx, row) for row in rows], next=str(rows[-1].bag_id) if len(rows) == limit else None
    )


def _bag(tx: Tx, bag: CashBag) -> BagView:
    fields = {name: getattr(bag, name) for name in BagView.model_fields if hasattr(bag, name)}
    return BagView(**fields, state_label=BAG_STATES[bag.state], days_underway=service.underway_days(bag, tx.now))
