"""Booking what a channel said about a payment: once, whoever brings it and in whatever order.

Everything goes through `book`: the answer to an order, a query, a notification, a terminal. The row is locked, so the
first to say something final wins and the others find it said.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from events.payments import PaymentClosed, PaymentFailed, PaymentSucceeded
from functions.payments.gateway import rules
from functions.payments.gateway.channels import Exchange, Told
from functions.payments.gateway.models import Payment
from functions.payments.gateway.queries import payments as queries
from functions.payments.gateway.service.asking import keep_exchange
from functions.payments.gateway.service.health import count_call
from functions.payments.gateway.service.reading import locked_payment
from shared.problems import Busy
from shared.tx import Tx

FINAL = frozenset({"succeeded", "closed", "part_refunded", "refunded"})


def book_exchange(tx: Tx, payment_id: UUID, told: Told, exchange: Exchange) -> Payment:
    """Book the answer to a question we asked, with its record and the health of its channel."""
    row = locked_payment(tx, payment_id)
    keep_exchange(tx, row.merchant_id, told, exchange, payment_id=payment_id)
    booked = book(tx, row, told, asked_at=exchange.started_at, operation=exchange.operation)
    if exchange.sent:
        count_call(tx, row.merchant_id, told.healthy)
    return booked


def book(tx: Tx, row: Payment, told: Told, *, asked_at: datetime, operation: str) -> Payment:
    """Book what was said about a locked payment. `asked_at` is when the question left the house."""
    if row.state in FINAL:
        return _contradict(tx, row, told, asked_at, operation)
    match told.outcome:
        case "succeeded":
            return _succeed(tx, row, told)
        case "refused":
            return close(tx, row, told.code or "refused", told.message or "支付渠道拒绝了该笔支付")
        case "closed":
            return close(tx, row)
        case "absent":
            answered = bool(row.parameters)
            if tx.now >= rules.unreachable_from(row.product, row.sent_at, row.expires_at, answered=answered):
                return close(tx, row)
            return _remember(tx, row, told, "unknown" if row.sent_at else row.state)
        case "kept":
            row = tx.session.one(queries.RELEASE_REVERSAL, id_=row.payment_id)
            return _remember(tx, row, told, "unknown")
        case "paying":
            if operation == "reverse" and row.reversing_at is not None:
                row = tx.session.one(queries.RELEASE_REVERSAL, id_=row.payment_id)
            return _remember(tx, row, told, row.state)
        case _:
            return _remember(tx, row, told, "unknown")


def close(tx: Tx, row: Payment, code: str | None = None, reason: str | None = None) -> Payment:
    """Close an unpaid payment; with a code the channel refused it (支付失败)."""
    closed = tx.session.first(queries.CLOSE, id_=row.payment_id, at=tx.now, why_code=code, why=reason)
    if closed is None:
        raise Busy()
    told_of = {
        "payment_id": row.payment_id,
        "order_no": row.order_no,
        "ref_module": row.ref_module,
        "ref_id": row.ref_id,
        "channel": row.channel,
        "amount": row.amount,
    }
    tx.emit(PaymentFailed(**told_of, reason_code=code) if code else PaymentClosed(**told_of))
    tx.audit("payment.closed", "payment", row.payment_id, patient_id=row.patient_id, amount=str(row.amount), code=code)
    return closed


def _contradict(tx: Tx, row: Payment, told: Told, asked_at: datetime, operation: str) -> Payment:
    """Something is said about a payment that has its end already. Only money that came after the closing counts, and
    only when the channel was asked after it: an older answer, or a notification, may tell of money since taken back."""
    late = (
        row.state == "closed"
        and told.outcome == "succeeded"
        and row.closed_at is not None
        and asked_at >= row.closed_at
        and operation in ("query", "terminal")
    )
    return _succeed(tx, row, told) if late else row


def _succeed(tx: Tx, row: Payment, told: Told, proof: dict[str, Any] | None = None) -> Payment:
    if told.fen is not None and told.fen != rules.fen(row.amount):
        return _remember(tx, row, told, "unknown", trouble="amount_differs")
    if row.reversing_at is not None and row.state != "closed":
        return _remember(tx, row, told, "unknown")  # it is being taken back: the reversal decides
    if not told.channel_no or told.fen is None:
        return _remember(tx, row, told, "unknown")
    return succeed(tx, row, told.channel_no, told.at or tx.now, payer=told.payer, proof=proof)


def succeed(
    tx: Tx,
    row: Payment,
    channel_no: str,
    paid_at: datetime,
    *,
    payer: str | None = None,
    proof: dict[str, Any] | None = None,
) -> Payment:
    """The money is there. Told once; late when the payment was closed before."""
    paid = tx.session.first(
        queries.SUCCEED,
        id_=row.payment_id,
        number=channel_no,
        paid=paid_at,
        at=tx.now,
        payer=rules.payer_hash(payer),
        proof_=proof if proof is not None else row.proof,
        grace=rules.LATE_GRACE,
    )
    if paid is None:
        raise Busy()
    tx.emit(
        PaymentSucceeded(
            payment_id=row.payment_id,
            order_no=row.order_no,
            merchant_id=row.merchant_id,
            purpose=row.purpose,
            ref_module=row.ref_module,
            ref_id=row.ref_id,
            channel=row.channel,
            product=row.product,
            amount=row.amount,
            channel_no=channel_no,
            paid_at=paid_at,
            late=paid.late,
        )
    )
    tx.audit(
        "payment.succeeded",
        "payment",
        row.payment_id,
        patient_id=row.patient_id,
        amount=str(row.amount),
        late=paid.late,
    )
    return paid


def _remember(tx: Tx, row: Payment, told: Told, state: str, trouble: str | None = None) -> Payment:
    if row.state == "closed":
        return row
    kept = tx.session.first(
        queries.REMEMBER,
        id_=row.payment_id,
        state_=state,
        parameters_=dict(told.parameters) if told.parameters else None,
        next=rules.next_check(tx.now, row.sent_at or row.created_at, row.expires_at),
        trouble_=trouble,
    )
    if kept is None:
        raise Busy()
    return kept
