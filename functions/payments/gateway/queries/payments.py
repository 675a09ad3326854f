"""Payments: locks, guarded updates, what is due, lists and figures."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Integer,
    Interval,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from functions.payments.gateway.models import GatewayRefund, Notification, Payment, PaymentAttempt
from shared.database.model import MONEY
from shared.database.query import Query, among, one_of

_IS_OPEN = one_of(Payment.state, "paying", "unknown")
_AT: Any = bindparam("at", type_=DateTime(timezone=True))
_LIMIT = bindparam("limit", type_=Integer)


def _money(name: str) -> Any:
    return bindparam(name, type_=MONEY)


PAYMENT = Query(Payment, select(Payment).where(Payment.payment_id == bindparam("payment_id")))
LOCKED = Query(Payment, select(Payment).where(Payment.payment_id == bindparam("payment_id")).with_for_update())
BY_ORDER = Query(
    Payment,
    select(Payment)
    .where(Payment.order_no == bindparam("order_no"), Payment.merchant_id == bindparam("merchant_id"))
    .with_for_update(),
)
OPEN_OF_REFERENCE = Query(
    Payment,
    select(Payment)
    .where(
        Payment.campus_id == bindparam("campus"),
        Payment.ref_module == bindparam("module"),
        Payment.ref_id == bindparam("ref"),
        _IS_OPEN,
        Payment.close_requested_at.is_(None),
    )
    .with_for_update(),
)
OF_REFERENCES = Query(
    Payment,
    select(Payment)
    .where(
        Payment.campus_id == bindparam("campus"),
        Payment.ref_module == bindparam("module"),
        among(Payment.ref_id, "refs"),
    )
    .order_by(Payment.payment_id),
)


def _step(*conditions: Any, **values: Any) -> Query[Payment]:
    return Query(
        Payment,
        update(Payment)
        .where(Payment.payment_id == bindparam("id_"), *conditions)
        .values(**values, version=Payment.version + 1)
        .returning(Payment),
    )


SEND = _step(
    _IS_OPEN,
    Payment.close_requested_at.is_(None),
    or_(
        and_(Payment.sent_at.is_(None), one_of(Payment.state, "paying")),
        and_(one_of(Payment.product, "qr", "jsapi", "h5"), Payment.parameters == cast(literal("{}", Text), JSONB)),
    ),
    sent_at=_AT,
)
"""Take the right to place the order: a payment code is charged once, a QR order may be placed again for its answer."""
DROP_UNSENT = _step(_IS_OPEN, Payment.sent_at.is_(None), state="closed", closed_at=_AT, one_time=None)
"""Close what never left the house."""
ASK_TO_CLOSE = _step(
    _IS_OPEN,
    Payment.close_requested_at.is_(None),
    close_requested_at=_AT,
    next_check_at=func.least(Payment.next_check_at, _AT),
)
BEGIN_REVERSAL = _step(_IS_OPEN, reversing_at=_AT)
RELEASE_REVERSAL = _step(_IS_OPEN, reversing_at=None)
SUCCEED = _step(
    or_(_IS_OPEN, one_of(Payment.state, "closed")),
    state="succeeded",
    channel_no=bindparam("number"),
    paid_at=bindparam("paid", type_=DateTime(timezone=True)),
    booked_at=_AT,
    payer_hash=func.coalesce(bindparam("payer", type_=Text), Payment.payer_hash),
    proof=bindparam("proof_", type_=JSONB),
    one_time=None,
    late=one_of(Payment.state, "closed"),
    late_refund_at=case(
        (
            one_of(Payment.state, "closed"),
            _AT + cast(bindparam("grace", type_=Interval), Interval),
        ),
        else_=None,
    ),
    trouble=None,
    reason_code=None,
    reason=None,
)
CLOSE = _step(
    _IS_OPEN,
    state="closed",
    closed_at=_AT,
    one_time=None,
    reason_code=bindparam("why_code", type_=Text),
    reason=bindparam("why", type_=Text),
    trouble=None,
)
REMEMBER = _step(
    _IS_OPEN,
    state=bindparam("state_"),
    parameters=func.coalesce(bindparam("parameters_", type_=JSONB(none_as_null=True)), Payment.parameters),
    one_time=case(
        (
            or_(
                one_of(Payment.product, "payment_code"),
                bindparam("parameters_", type_=JSONB(none_as_null=True)).is_not(None),
            ),
            None,
        ),
        else_=Payment.one_time,
    ),
    tries=Payment.tries + 1,
    next_check_at=bindparam("next", type_=DateTime(timezone=True)),
    trouble=func.coalesce(bindparam("trouble_", type_=Text), Payment.trouble),
)
"""An answer that decides nothing: what to show, when to ask again."""
ACCEPT_LATE = _step(Payment.late_refund_at.is_not(None), late_refund_at=None)
RESERVE_REFUND = _step(
    one_of(Payment.state, "succeeded", "part_refunded"),
    Payment.refunded + Payment.refunding + _money("back") <= Payment.amount,
    refunding=Payment.refunding + _money("back"),
    late_refund_at=None,
)
RELEASE_REFUND = _step(refunding=Payment.refunding - _money("back"))
GIVE_BACK = _step(
    refunding=Payment.refunding - _money("back"),
    refunded=Payment.refunded + _money("back"),
    state=case((Payment.refunded + _money("back") == Payment.amount, "refunded"), else_="part_refunded"),
)

_DUE = (
    select(Payment.payment_id)
    .where(Payment.campus_id == bindparam("campus"), _IS_OPEN, Payment.next_check_at <= _AT)
    .order_by(Payment.next_check_at)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
    .cte("due")
)
"""A CTE, because a subquery with LIMIT may be run once for each row and then take more than its limit."""
CLAIM_DUE = Query(
    UUID,
    update(Payment)
    .where(Payment.payment_id == _DUE.c.payment_id)
    .values(next_check_at=_AT + cast(literal(timedelta(minutes=2), Interval), Interval))
    .returning(Payment.payment_id),
)
"""Payments to ask about now; another sweep finds them again in two minutes at the earliest."""
LATE_DUE = Query(
    Payment,
    select(Payment)
    .where(Payment.campus_id == bindparam("campus"), Payment.late_refund_at <= _AT)
    .order_by(Payment.late_refund_at)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True),
)

# -- lists

BY_ORDER_NUMBER = Query(Payment, select(Payment).where(Payment.order_no == bindparam("number")))
BY_REFUND_NUMBER = Query(
    Payment,
    select(Payment)
    .join(GatewayRefund, GatewayRefund.payment_id == Payment.payment_id)
    .where(GatewayRefund.refund_no == bindparam("number")),
)
BY_CHANNEL_NUMBER = Query(
    Payment,
    select(Payment)
    .where(
        among(Payment.channel, "channels"),
        Payment.channel_no == bindparam("number"),
        Payment.channel_no.is_not(None),
    )
    .limit(20),
)
PAGE = Query(
    Payment,
    select(Payment)
    .where(Payment.campus_id == bindparam("campus"), Payment.payment_id < bindparam("before"))
    .order_by(Payment.payment_id.desc())
    .limit(_LIMIT),
)
OPEN_PAGE = Query(
    Payment,
    select(Payment)
    .where(Payment.campus_id == bindparam("campus"), _IS_OPEN, Payment.payment_id < bindparam("before"))
    .order_by(Payment.payment_id.desc())
    .limit(_LIMIT),
)
OF_PATIENT = Query(
    Payment,
    select(Payment)
    .where(
        Payment.campus_id == bindparam("campus"),
        among(Payment.patient_id, "patients"),
        Payment.patient_id.is_not(None),
        Payment.payment_id < bindparam("before"),
    )
    .order_by(Payment.payment_id.desc())
    .limit(_LIMIT),
)
OF_ENCOUNTER = Query(
    Payment,
    select(Payment)
    .where(
        Payment.campus_id == bindparam("campus"),
        Payment.encounter_id == bindparam("encounter"),
        Payment.encounter_id.is_not(None),
        Payment.payment_id < bindparam("before"),
    )
    .order_by(Payment.payment_id.desc())
    .limit(_LIMIT),
)


def _of_amount(moment: Any) -> Any:
    return select(Payment.payment_id).where(
        Payment.campus_id == bindparam("campus"),
        Payment.amount == _money("yuan"),
        moment >= bindparam("since", type_=DateTime(timezone=True)),
        moment < bindparam("until", type_=DateTime(timezone=True)),
        moment.is_not(None),
    )


_ordered_or_paid = union(_of_amount(Payment.created_at), _of_amount(Payment.paid_at)).subquery()
OF_AMOUNT = Query(
    Payment,
    select(Payment)
    .where(
        Payment.payment_id.in_(select(_ordered_or_paid.c.payment_id)),
        Payment.payment_id < bindparam("before"),
    )
    .order_by(Payment.payment_id.desc())
    .limit(_LIMIT),
)
"""Ordered or paid on a day: an order of 23:59 is paid the next, a transfer stands on the statement days before."""
ATTEMPTS = Query(
    PaymentAttempt,
    select(PaymentAttempt)
    .where(PaymentAttempt.payment_id == bindparam("payment_id"))
    .order_by(PaymentAttempt.attempt_id)
    .limit(200),
)
NOTIFICATIONS = Query(
    Notification,
    select(Notification)
    .where(Notification.payment_id == bindparam("payment_id"), Notification.payment_id.is_not(None))
    .order_by(Notification.received_at)
    .limit(200),
)


class ChannelOrders(NamedTuple):
    """Orders a channel was given in a day at a campus, and what became of them."""

    channel: str
    created: int
    abandoned: int
    seconds_to_pay: Decimal | None


class ChannelMoney(NamedTuple):
    """Money that arrived by a channel in a day at a campus."""

    channel: str
    paid: int
    paid_amount: Decimal
    late: int


_FROM: Any = bindparam("since", type_=DateTime(timezone=True))
_TO: Any = bindparam("until", type_=DateTime(timezone=True))
ORDERS_DAY = Query(
    ChannelOrders,
    select(
        Payment.channel,
        func.count(),
        func.count().filter(one_of(Payment.state, "closed")),
        func.round(
            cast(
                func.avg(func.extract("epoch", Payment.paid_at - Payment.created_at)).filter(
                    Payment.paid_at.is_not(None), one_of(Payment.product, "payment_code", "qr", "jsapi", "h5", "pos")
                ),
                MONEY,
            ),
            1,
        ),
    )
    .where(Payment.campus_id == bindparam("campus"), Payment.created_at >= _FROM, Payment.created_at < _TO)
    .group_by(Payment.channel),
)
MONEY_DAY = Query(
    ChannelMoney,
    select(Payment.channel, func.count(), func.sum(Payment.amount), func.count().filter(Payment.late))
    .where(
        Payment.campus_id == bindparam("campus"),
        Payment.paid_at >= _FROM,
        Payment.paid_at < _TO,
        Payment.paid_at.is_not(None),
    )
    .group_by(Payment.channel),
)


class ChannelRefunds(NamedTuple):
    """What a channel gave back in a day at a campus."""

    channel: str
    refunds: int
    refunds_amount: Decimal


REFUND_DAY = Query(
    ChannelRefunds,
    select(GatewayRefund.channel, func.count(), func.sum(GatewayRefund.amount))
    .where(
        GatewayRefund.campus_id == bindparam("campus"),
        GatewayRefund.finished_at >= _FROM,
        GatewayRefund.finished_at < _TO,
        one_of(GatewayRefund.state, "succeeded", "resolved"),
    )
    .group_by(GatewayRefund.channel),
)


class TerminalTotals(NamedTuple):
    """What we have of a batch of a card terminal."""

    sales_count: int
    sales: Decimal
    refunds_count: int
    refunds: Decimal


_BATCH_SALES = and_(
    Payment.campus_id == bindparam("campus"),
    Payment.merchant_id == bindparam("merchant_id", type_=Uuid),
    Payment.paid_at >= _FROM,
    Payment.proof["terminal"].astext == bindparam("terminal"),
    Payment.proof["batch_no"].astext == bindparam("batch"),
)
_BATCH_REFUNDS = and_(
    GatewayRefund.campus_id == bindparam("campus"),
    GatewayRefund.merchant_id == bindparam("merchant_id", type_=Uuid),
    GatewayRefund.finished_at >= _FROM,
    one_of(GatewayRefund.state, "succeeded"),
    GatewayRefund.proof["terminal"].astext == bindparam("terminal"),
    GatewayRefund.proof["batch_no"].astext == bindparam("batch"),
)
TERMINAL_TOTALS = Query(
    TerminalTotals,
    select(
        select(func.count()).where(_BATCH_SALES).scalar_subquery(),
        select(func.coalesce(func.sum(Payment.amount), cast(literal(0), MONEY))).where(_BATCH_SALES).scalar_subquery(),
        select(func.count()).where(_BATCH_REFUNDS).scalar_subquery(),
        select(func.coalesce(func.sum(GatewayRefund.amount), cast(literal(0), MONEY)))
        .where(_BATCH_REFUNDS)
        .scalar_subquery(),
    ),
)
"""Sales and refunds of one terminal's batch since a moment; the lists by time keep it to a few days' rows."""
