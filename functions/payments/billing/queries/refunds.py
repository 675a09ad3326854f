"""Refunds: reads, locks and guarded changes of state."""

from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Date, Integer, Uuid, bindparam, select, tuple_, update

from functions.payments.billing.models import Charge, Refund, RefundDifference, RefundLine, RefundPart, Settlement
from shared.database.query import Query, among, one_of


class Difference(NamedTuple):
    """A line of another settlement and what it would cost more (negative: less) now."""

    refund_id: UUID
    charge_id: UUID
    settlement_id: UUID | None
    patient_id: UUID
    item_code: str
    name: str
    amount: Decimal


_OF_REFUND = select(Refund.settlement_id).where(Refund.refund_id == bindparam("refund_id")).scalar_subquery()

REFUND = Query(Refund, select(Refund).where(Refund.refund_id == bindparam("refund_id")))
LOCK_REFUND = Query(
    Refund,
    select(Refund)
    .where(Refund.refund_id == bindparam("refund_id"), Refund.campus_id == bindparam("campus"))
    .with_for_update(),
)
LOCK_SETTLEMENT_OF_REFUND = Query(
    Settlement,
    select(Settlement)
    .where(Settlement.settlement_id == _OF_REFUND, Settlement.campus_id == bindparam("campus"))
    .with_for_update(),
)
LOCK_CHARGES_OF_REFUND = Query(
    Charge,
    select(Charge)
    .where(
        Charge.charge_id.in_(select(RefundLine.charge_id).where(RefundLine.refund_id == bindparam("refund_id"))),
        Charge.campus_id == bindparam("campus"),
    )
    .order_by(Charge.charge_id)
    .with_for_update(),
)
LINES = Query(
    RefundLine,
    select(RefundLine).where(RefundLine.refund_id == bindparam("refund_id")).order_by(RefundLine.charge_id),
)
PARTS = Query(
    RefundPart, select(RefundPart).where(RefundPart.refund_id == bindparam("refund_id")).order_by(RefundPart.part_id)
)
_difference = select(
    RefundDifference.refund_id,
    RefundDifference.charge_id,
    Charge.settlement_id,
    Charge.patient_id,
    Charge.item_code,
    Charge.name,
    RefundDifference.amount,
).join(Charge, Charge.charge_id == RefundDifference.charge_id)
DIFFERENCES_OF = Query(
    Difference,
    _difference.where(RefundDifference.refund_id == bindparam("refund_id")).order_by(RefundDifference.charge_id),
)
DIFFERENCES = Query(
    Difference,
    _difference.join(Refund, Refund.refund_id == RefundDifference.refund_id)
    .where(
        RefundDifference.campus_id == bindparam("campus"),
        one_of(Refund.state, "executed"),
        tuple_(RefundDifference.refund_id, RefundDifference.charge_id)
        < tuple_(bindparam("refund", type_=Uuid), bindparam("charge", type_=Uuid)),
    )
    .order_by(RefundDifference.refund_id.desc(), RefundDifference.charge_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
"""What refunds left to the price officer, newest first."""
OF_SUCCESSOR = Query(
    Refund,
    select(Refund).where(
        Refund.settlement_id
        == select(Settlement.predecessor_id)
        .where(Settlement.settlement_id == bindparam("successor_id"))
        .scalar_subquery(),
        Refund.successor_id == bindparam("successor_id"),
    ),
)
APPROVED_OF_SETTLEMENTS = Query(
    Refund,
    select(Refund)
    .where(among(Refund.settlement_id, "settlements"), one_of(Refund.state, "approved"))
    .order_by(Refund.refund_id),
)
LINES_OF_REFUNDS = Query(
    RefundLine,
    select(RefundLine).where(among(RefundLine.refund_id, "refunds")).order_by(RefundLine.refund_id),
)


def _step(*conditions: Any, **values: Any) -> Query[Refund]:
    return Query(
        Refund,
        update(Refund)
        .where(Refund.refund_id == bindparam("id_"), *conditions)
        .values(**values, version=Refund.version + 1)
        .returning(Refund),
    )


DECIDE = _step(
    Refund.version == bindparam("seen"),
    one_of(Refund.state, "requested"),
    state=bindparam("to"),
    approver=bindparam("who"),
    approver_name=bindparam("name"),
    decided_at=bindparam("at"),
    decision_note=bindparam("note"),
)
WITHDRAW = _step(Refund.version == bindparam("seen"), one_of(Refund.state, "requested", "approved"), state="withdrawn")
BEGIN_REVERSAL = _step(one_of(Refund.state, "approved"), state="reversing")
REVERSAL_REFUSED = _step(one_of(Refund.state, "reversing"), state="approved")
EXECUTE = _step(
    one_of(Refund.state, "approved", "reversing"),
    state="executed",
    kind=bindparam("what"),
    successor_id=bindparam("successor"),
    refund_no=bindparam("number"),
    executor=bindparam("who"),
    executor_name=bindparam("name"),
    executed_at=bindparam("at"),
    business_day=bindparam("day", type_=Date()),
    shift_id=bindparam("shift"),
)

WAITING = Query(
    Refund,
    select(Refund)
    .where(
        Refund.campus_id == bindparam("campus"),
        one_of(Refund.state, "requested", "approved", "reversing"),
        Refund.refund_id < bindparam("before"),
    )
    .order_by(Refund.refund_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
OF_DAY = Query(
    Refund,
    select(Refund)
    .where(
        Refund.campus_id == bindparam("campus"),
        Refund.business_day == bindparam("day"),
        Refund.refund_id < bindparam("before"),
    )
    .order_by(Refund.refund_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
OF_SETTLEMENT = Query(
    Refund,
    select(Refund).where(Refund.settlement_id == bindparam("settlement_id")).order_by(Refund.refund_id),
)
BY_NUMBER = Query(
    Refund,
    select(Refund).where(Refund.campus_id == bindparam("campus"), Refund.refund_no == bindparam("number")),
)
