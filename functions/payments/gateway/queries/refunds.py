"""Refunds at the channels: locks, guarded updates, what is due, lists."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, Interval, Text, bindparam, cast, func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB

from functions.payments.gateway.models import GatewayRefund, PaymentAttempt, TerminalBatch
from shared.database.query import Query, one_of

_AT: Any = bindparam("at", type_=DateTime(timezone=True))
_LIMIT = bindparam("limit", type_=Integer)
_UNDER_WAY = one_of(GatewayRefund.state, "requested", "processing")

REFUND = Query(GatewayRefund, select(GatewayRefund).where(GatewayRefund.channel_refund_id == bindparam("refund_id")))
LOCKED = Query(
    GatewayRefund,
    select(GatewayRefund).where(GatewayRefund.channel_refund_id == bindparam("refund_id")).with_for_update(),
)
BY_NUMBER = Query(
    GatewayRefund,
    select(GatewayRefund)
    .where(GatewayRefund.refund_no == bindparam("refund_no"), GatewayRefund.merchant_id == bindparam("merchant_id"))
    .with_for_update(),
)
OF_REFERENCE = Query(
    GatewayRefund,
    select(GatewayRefund).where(
        GatewayRefund.payment_id == bindparam("payment_id"), GatewayRefund.refund_ref == bindparam("ref")
    ),
)
OF_PAYMENT = Query(
    GatewayRefund,
    select(GatewayRefund)
    .where(GatewayRefund.payment_id == bindparam("payment_id"))
    .order_by(GatewayRefund.channel_refund_id),
)


def _step(*conditions: Any, **values: Any) -> Query[GatewayRefund]:
    return Query(
        GatewayRefund,
        update(GatewayRefund)
        .where(GatewayRefund.channel_refund_id == bindparam("id_"), *conditions)
        .values(**values, version=GatewayRefund.version + 1)
        .returning(GatewayRefund),
    )


SEND = _step(
    _UNDER_WAY,
    sent_at=func.coalesce(GatewayRefund.sent_at, _AT),
    tries=GatewayRefund.tries + 1,
    next_try_at=_AT + cast(literal(timedelta(minutes=2), Interval), Interval),
)
POSTPONE = _step(
    _UNDER_WAY,
    state=bindparam("state_"),
    next_try_at=bindparam("next", type_=DateTime(timezone=True)),
    channel_refund_no=func.coalesce(bindparam("number", type_=Text), GatewayRefund.channel_refund_no),
    reason_code=bindparam("why_code", type_=Text),
    failure=bindparam("why", type_=Text),
)
FINISH = _step(
    one_of(GatewayRefund.state, "requested", "processing", "abnormal"),
    state=bindparam("state_"),
    finished_at=bindparam("finished", type_=DateTime(timezone=True)),
    channel_refund_no=func.coalesce(bindparam("number", type_=Text), GatewayRefund.channel_refund_no),
    reason_code=bindparam("why_code", type_=Text),
    failure=bindparam("why", type_=Text),
    proof=func.coalesce(bindparam("proof_", type_=JSONB(none_as_null=True)), GatewayRefund.proof),
)
MARK_ABNORMAL = _step(
    _UNDER_WAY,
    state="abnormal",
    channel_refund_no=func.coalesce(bindparam("number", type_=Text), GatewayRefund.channel_refund_no),
    reason_code=bindparam("why_code", type_=Text),
    failure=bindparam("why", type_=Text),
)
PROPOSE_TRANSFER = _step(
    one_of(GatewayRefund.state, "abnormal"),
    GatewayRefund.version == bindparam("seen"),
    transfer=bindparam("transfer_", type_=JSONB),
    transfer_by=bindparam("who"),
    transfer_by_name=bindparam("name"),
    transfer_at=_AT,
    approved_first_by=None,
    approved_first_by_name=None,
)
APPROVE_FIRST = _step(
    one_of(GatewayRefund.state, "abnormal"),
    GatewayRefund.version == bindparam("seen"),
    GatewayRefund.transfer_by.is_not(None),
    GatewayRefund.approved_first_by.is_(None),
    approved_first_by=bindparam("who"),
    approved_first_by_name=bindparam("name"),
)
RESOLVE = _step(
    one_of(GatewayRefund.state, "abnormal"),
    GatewayRefund.version == bindparam("seen"),
    GatewayRefund.approved_first_by.is_not(None),
    state="resolved",
    finished_at=_AT,
    approved_second_by=bindparam("who"),
    approved_second_by_name=bindparam("name"),
)

_DUE = (
    select(GatewayRefund.channel_refund_id)
    .where(GatewayRefund.campus_id == bindparam("campus"), _UNDER_WAY, GatewayRefund.next_try_at <= _AT)
    .order_by(GatewayRefund.next_try_at)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
    .cte("due")
)
CLAIM_DUE = Query(
    UUID,
    update(GatewayRefund)
    .where(GatewayRefund.channel_refund_id == _DUE.c.channel_refund_id)
    .values(next_try_at=_AT + cast(literal(timedelta(minutes=2), Interval), Interval))
    .returning(GatewayRefund.channel_refund_id),
)
UNFINISHED = Query(
    GatewayRefund,
    select(GatewayRefund)
    .where(
        GatewayRefund.campus_id == bindparam("campus"),
        one_of(GatewayRefund.state, "requested", "processing", "abnormal"),
        GatewayRefund.channel_refund_id < bindparam("before"),
    )
    .order_by(GatewayRefund.channel_refund_id.desc())
    .limit(_LIMIT),
)
PAGE = Query(
    GatewayRefund,
    select(GatewayRefund)
    .where(GatewayRefund.campus_id == bindparam("campus"), GatewayRefund.channel_refund_id < bindparam("before"))
    .order_by(GatewayRefund.channel_refund_id.desc())
    .limit(_LIMIT),
)
ATTEMPTS = Query(
    PaymentAttempt,
    select(PaymentAttempt)
    .where(PaymentAttempt.channel_refund_id == bindparam("refund_id"), PaymentAttempt.channel_refund_id.is_not(None))
    .order_by(PaymentAttempt.attempt_id)
    .limit(200),
)
BATCHES = Query(
    TerminalBatch,
    select(TerminalBatch)
    .where(TerminalBatch.campus_id == bindparam("campus"), TerminalBatch.batch_id < bindparam("before"))
    .order_by(TerminalBatch.batch_id.desc())
    .limit(_LIMIT),
)
