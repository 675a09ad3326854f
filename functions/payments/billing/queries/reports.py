"""Sums of shifts and days, by fee class; first and last numbers."""

from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    union_all,
)

from functions.payments.billing.models import Charge, Debt, Receipt, Refund, RefundLine, Settlement, SettlementLine
from shared.database.query import Query, among, constant, one_of


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


class UnitSum(NamedTuple):
    """What a department's lines were charged and refunded."""

    unit_id: UUID | None
    charged: Decimal
    refunded: Decimal


class PayerSum(NamedTuple):
    """Settlements of a kind of payer."""

    payer_kind: str
    settlements: int
    total: Decimal


class YearSum(NamedTuple):
    """What a fee class cost in a month, net of refunds."""

    fee_class: str
    month: int
    worth: Decimal


_ZERO = cast(literal(0), Numeric(14, 2))


def _sums(settled: ColumnElement[bool], refunded: ColumnElement[bool], undone: ColumnElement[bool]) -> Query[ClassSum]:
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
            # A difference given back (替诊退差价, 同组重算) cancels no visit.
            case(
                ((Refund.reason_code == constant("doctor_replaced")) | (RefundLine.quantity == 0), 0),
                else_=registration(RefundLine.item_kind),
            ),
        )
        .join(Refund, Refund.refund_id == RefundLine.refund_id)
        .where(one_of(Refund.state, "executed"), refunded),
        select(
            SettlementLine.fee_class,
            _ZERO,
            func.coalesce(SettlementLine.reversed_amount, _ZERO),
            literal(0),
            literal(0),
        )
        .join(Settlement, Settlement.settlement_id == SettlementLine.settlement_id)
        .where(one_of(Settlement.state, "reversed"), undone),
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


SHIFT_CLASSES = _sums(
    Settlement.shift_id == bindparam("shift_id"),
    Refund.shift_id == bindparam("shift_id"),
    Settlement.reversed_shift_id == bindparam("shift_id"),
)
DAY_CLASSES = _sums(
    (Settlement.campus_id == bindparam("campus")) & (Settlement.business_day == bindparam("day")),
    (Refund.campus_id == bindparam("campus")) & (Refund.business_day == bindparam("day")),
    (Settlement.campus_id == bindparam("campus")) & (Settlement.reversed_day == bindparam("day", type_=Date())),
)


def _unit_sums(unit: Any) -> Query[UnitSum]:
    """What was charged and refunded on a day, by a department of the lines: who ordered, or who does it."""
    day, campus = bindparam("day", type_=Date()), bindparam("campus")
    lines = union_all(
        select(unit.label("unit_id"), SettlementLine.amount.label("charged"), _ZERO.label("refunded"))
        .join(Settlement, Settlement.settlement_id == SettlementLine.settlement_id)
        .join(Charge, Charge.charge_id == SettlementLine.charge_id)
        .where(
            Settlement.campus_id == campus,
            Settlement.business_day == day,
            one_of(Settlement.state, "completed", "reversed"),
        ),
        select(unit, _ZERO, RefundLine.amount)
        .join(Refund, Refund.refund_id == RefundLine.refund_id)
        .join(Charge, Charge.charge_id == RefundLine.charge_id)
        .where(Refund.campus_id == campus, Refund.business_day == day, one_of(Refund.state, "executed")),
        select(unit, _ZERO, func.coalesce(SettlementLine.reversed_amount, _ZERO))
        .join(Settlement, Settlement.settlement_id == SettlementLine.settlement_id)
        .join(Charge, Charge.charge_id == SettlementLine.charge_id)
        .where(Settlement.campus_id == campus, Settlement.reversed_day == day, one_of(Settlement.state, "reversed")),
    ).subquery("lines")
    return Query(
        UnitSum,
        select(lines.c.unit_id, func.sum(lines.c.charged), func.sum(lines.c.refunded))
        .group_by(lines.c.unit_id)
        .order_by(func.sum(lines.c.charged).desc()),
    )


DAY_ORDERING = _unit_sums(Charge.ordering_unit_id)
DAY_EXECUTING = _unit_sums(Charge.executing_unit_id)
DAY_PAYERS = Query(
    PayerSum,
    select(Settlement.payer_kind, func.count(), func.sum(Settlement.total))
    .where(
        Settlement.campus_id == bindparam("campus"),
        Settlement.business_day == bindparam("day", type_=Date()),
        one_of(Settlement.state, "completed", "reversed"),
    )
    .group_by(Settlement.payer_kind)
    .order_by(Settlement.payer_kind),
)

_month = cast(func.extract("month", func.timezone("Asia/Shanghai", Settlement.completed_at)), Integer)
YEAR_COSTS = Query(
    YearSum,
    select(
        SettlementLine.fee_class,
        _month,
        func.sum(SettlementLine.amount + SettlementLine.prior_refunded - Charge.refunded_amount),
    )
    .join(Settlement, Settlement.settlement_id == SettlementLine.settlement_id)
    .join(Charge, Charge.charge_id == SettlementLine.charge_id)
    .where(
        among(Settlement.patient_id, "patients"),
        Settlement.campus_id == bindparam("campus"),
        one_of(Settlement.state, "completed"),
        Settlement.completed_at >= bindparam("since", type_=DateTime(timezone=True)),
        Settlement.completed_at < bindparam("until", type_=DateTime(timezone=True)),
        SettlementLine.released_at.is_(None),
    )
    .group_by(SettlementLine.fee_class, _month),
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
