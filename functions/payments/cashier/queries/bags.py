"""Selects, locks and guarded updates of cash bags and the courier's calls."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, bindparam, exists, select, update

from functions.payments.cashier.models import BagSlip, CashBag, CashCollection, CashHandIn, Shift
from functions.payments.cashier.queries.shifts import money
from shared.database.query import Query, among, constant, one_of


class SlipOfShift(NamedTuple):
    """A deposit slip with what its shift says of it."""

    hand_in_id: UUID
    hand_in_no: str
    kind: str
    amount: Decimal
    handed_in_by_name: str
    handed_in_at: datetime
    shift_no: str
    shift_state: str


_slip = select(
    CashHandIn.hand_in_id,
    CashHandIn.hand_in_no,
    CashHandIn.kind,
    CashHandIn.amount,
    CashHandIn.handed_in_by_name,
    CashHandIn.handed_in_at,
    Shift.shift_no,
    Shift.state,
).join(Shift, Shift.shift_id == CashHandIn.shift_id)

SLIPS_HELD = Query(
    SlipOfShift,
    _slip.where(among(CashHandIn.hand_in_id, "ids")).order_by(Shift.shift_id).with_for_update(read=True, of=Shift),
)
"""Slips with their shifts, which finance does not receive until the commit."""

SLIPS_TO_BAG = Query(
    SlipOfShift,
    _slip.where(
        Shift.campus_id == bindparam("campus"),
        one_of(Shift.kind, "counter"),
        Shift.state != constant("received"),
        CashHandIn.hand_in_id < bindparam("before"),
        ~exists().where(BagSlip.hand_in_id == CashHandIn.hand_in_id, BagSlip.inside),
    )
    .order_by(CashHandIn.hand_in_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
"""Slips neither in a bag nor received by finance."""

SLIPS_OF_BAGS = Query(
    SlipOfShift,
    _slip.join(BagSlip, BagSlip.hand_in_id == CashHandIn.hand_in_id)
    .where(BagSlip.bag_id == bindparam("bag_id"))
    .order_by(CashHandIn.hand_in_id),
)

BAG = Query(CashBag, select(CashBag).where(CashBag.bag_id == bindparam("bag_id")))
HOLD_BAGS = Query(
    CashBag, select(CashBag).where(among(CashBag.bag_id, "ids")).order_by(CashBag.bag_id).with_for_update()
)


def _step(before: str, **values: Any) -> Query[CashBag]:
    return Query(
        CashBag,
        update(CashBag)
        .where(CashBag.bag_id == bindparam("id_"), CashBag.version == bindparam("seen"), one_of(CashBag.state, before))
        .values(**values, version=CashBag.version + 1)
        .returning(CashBag),
    )


OPEN_BAG = _step(
    "sealed",
    state="opened",
    opened_by=bindparam("who"),
    opened_by_name=bindparam("name"),
    opened_at=bindparam("at"),
    open_reason=bindparam("why"),
)
FREE_SLIPS = Query(
    UUID,
    update(BagSlip).where(BagSlip.bag_id == bindparam("id_")).values(inside=False).returning(BagSlip.hand_in_id),
)
HAND_OVER = Query(
    UUID,
    update(CashBag)
    .where(among(CashBag.bag_id, "ids"), one_of(CashBag.state, "sealed"))
    .values(state="handed_over", collection_id=bindparam("collection"), version=CashBag.version + 1)
    .returning(CashBag.bag_id),
)
COUNT_BAG = _step(
    "handed_over",
    state="counted",
    counted_amount=money("counted_"),
    difference=money("counted_") - CashBag.amount,
    bank_receipt_no=bindparam("receipt"),
    counted_by=bindparam("who"),
    counted_by_name=bindparam("name"),
    counted_at=bindparam("at"),
)
EXPLAIN_BAG = Query(
    CashBag,
    update(CashBag)
    .where(
        CashBag.bag_id == bindparam("id_"),
        CashBag.version == bindparam("seen"),
        CashBag.difference != 0,
        CashBag.explained_at.is_(None),
    )
    .values(
        explanation=bindparam("why"),
        explained_by=bindparam("who"),
        explained_by_name=bindparam("name"),
        explained_at=bindparam("at"),
        version=CashBag.version + 1,
    )
    .returning(CashBag),
)

UNSETTLED_BAG_OF_SHIFT = Query(
    CashBag,
    select(CashBag)
    .join(BagSlip, BagSlip.bag_id == CashBag.bag_id)
    .join(CashHandIn, CashHandIn.hand_in_id == BagSlip.hand_in_id)
    .where(
        CashHandIn.shift_id == bindparam("shift_id"),
        BagSlip.inside,
        one_of(CashBag.state, "sealed", "handed_over") | ((CashBag.difference != 0) & CashBag.explained_at.is_(None)),
    )
    .order_by(CashBag.bag_id)
    .limit(1),
)
"""A bag with money of a shift that the bank has not counted, or counted otherwise and nobody has said why."""


def _list(*conditions: Any) -> Query[CashBag]:
    return Query(
        CashBag,
        select(CashBag)
        .where(CashBag.campus_id == bindparam("campus"), *conditions, CashBag.bag_id < bindparam("before"))
        .order_by(CashBag.bag_id.desc())
        .limit(bindparam("limit", type_=Integer)),
    )


BAGS_IN_STATE = _list(CashBag.state == bindparam("state"))
BAGS_UNDERWAY = _list(one_of(CashBag.state, "sealed", "handed_over"), CashBag.sealed_at <= bindparam("until"))
"""Sealed or handed over so long ago, and not counted by the bank yet."""

BAGS_OF_COLLECTION = Query(
    CashBag, select(CashBag).where(CashBag.collection_id == bindparam("collection_id")).order_by(CashBag.bag_id)
)
COLLECTION = Query(
    CashCollection, select(CashCollection).where(CashCollection.collection_id == bindparam("collection_id"))
)
COLLECTIONS = Query(
    CashCollection,
    select(CashCollection)
    .where(CashCollection.campus_id == bindparam("campus"), CashCollection.collection_id < bindparam("before"))
    .order_by(CashCollection.collection_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
