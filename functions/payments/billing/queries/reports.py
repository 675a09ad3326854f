"""Sums of shifts and days, by fee class; first and last numbers."""

from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Numeric, Text, bindparam, case, cast, func, literal, select, union_all

from functions.payments.billing.models import Debt, Receipt, Refund, RefundLine, Settlement, SettlementLine
from shared.database.query import Query, one_of


class ClassSum(NamedTuple):
    """One fee class: what was charged and refunded, and how many registrations were among it."""

    fee_class: str
    charged: Decimal
    refunded: Decimal
    visits: int
    visits_cancelled: int


class Counted(NamedTuple):
    """Numbers given: how many, first and last."""

    given: int
    first: str | None
    last: str | None


class Voided(NamedTuple):
    """A receipt that no longer counts."""

    receipt_no: str
    reason: str


_ZERO = cast(literal(0), Numeric(14, 2))


def _sums(settled: ColumnElement[bool], refunded: ColumnElement[bool]) -> Query[ClassSum]:
    def registration(kind: Any) -> Any:
        return case((one_of(kind, "registration"), 1), else_=0)

    lines = union_all(
        select(
            SettlementLine.fee_class.label("fee_class"),
            SettlementLine.amount.label("charged"),
            _ZERO.label("refunded"),
            registration(SettlementLine.item_kind).label("visits"),
            literal(0).label("cancelled"),
        )
        .join(Settlement, Settlement.settlement_id == SettlementLine.settlement_id)
        .where(one_of(Settlement.state, "completed", "reversed"), settled),
        select(
            RefundLine.fee_class,
            _ZERO,
            RefundLine.amount,
            literal(0),
            registration(RefundLine.item_kind),
        )
        .join(Refund, Refund.refund_id == RefundLine.refund_id)
        .where(one_of(Refund.state, "executed"), refunded),
    ).subquery("lines")
    return Query(
        ClassSum,
        select(
            lines.c.fee_class,
            func.sum(lines.c.charged),
            func.sum(lines.c.refunded),
            func.sum(lines.c.visits),
            func.sum(lines.c.cancelled),
        )
        .group_by(lines.c.fee_class)
        .order_by(lines.c.fee_class),
    )


SHIFT_CLASSES = _sums(Settlement.shift_id == bindparam("shift_id"), Refund.shift_id == bindparam("shift_id"))
DAY_CLASSES = _sums(
    (Settlement.campus_id == bindparam("campus")) & (Settlement.business_day == bindparam("day")),
    (Refund.campus_id == bindparam("campus")) & (Refund.business_day == bindparam("day")),
)


def _counted(number: Any, *conditions: ColumnElement[bool]) -> Query[Counted]:
    return Query(Counted, select(func.count(), func.min(number), func.max(number)).where(*conditions))


SHIFT_SETTLEMENTS = _counted(Settlement.settlement_no, Settlement.shift_id == bindparam("shift_id"))
SHIFT_REFUNDS = _counted(Refund.refund_no, Refund.shift_id == bindparam("shift_id"))
SHIFT_RECEIPTS = _counted(Receipt.receipt_no, Receipt.shift_id == bindparam("shift_id"))
DAY_SETTLEMENTS = _counted(
    Settlement.settlement_no,
    Settlement.campus_id == bindparam("campus"),
    Settlement.business_day == bindparam("day"),
)
DAY_REFUNDS = _counted(
    Refund.refund_no, Refund.campus_id == bindparam("campus"), Refund.business_day == bindparam("day")
)
SHIFT_VOIDED = Query(
    Voided,
    select(Receipt.receipt_no, func.coalesce(Receipt.reverse_reason, literal("红冲", Text)))
    .where(Receipt.reversed_shift_id == bindparam("shift_id"))
    .order_by(Receipt.receipt_no),
)
OPEN_DEBT_SUM = Query(
    Decimal,
    select(func.coalesce(func.sum(Debt.outstanding), _ZERO)).where(
        Debt.campus_id == bindparam("campus"), one_of(Debt.state, "open")
    ),
)
