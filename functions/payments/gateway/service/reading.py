"""Payments and refunds as other modules see them."""

from collections.abc import Sequence
from uuid import UUID

from functions.payments.gateway.models import GatewayRefund, Payment
from functions.payments.gateway.queries import payments as queries
from functions.payments.gateway.queries import refunds as refund_queries
from functions.payments.gateway.service.terms import PaymentInfo, RefundInfo
from shared.problems import NotFound
from shared.tx import Tx


def payment_info(row: Payment) -> PaymentInfo:
    """A payment's row in the words other modules know."""
    is_open = row.state in ("paying", "unknown")
    return PaymentInfo(
        payment_id=row.payment_id,
        order_no=row.order_no,
        state=row.state,
        channel=row.channel,
        product=row.product,
        purpose=row.purpose,
        ref_module=row.ref_module,
        ref_id=row.ref_id,
        amount=row.amount,
        refunded=row.refunded,
        refunding=row.refunding,
        channel_no=row.channel_no,
        code_url=row.parameters.get("code_url") if is_open else None,
        jsapi=row.parameters.get("jsapi") if is_open else None,
        created_at=row.created_at,
        expires_at=row.expires_at,
        paid_at=row.paid_at,
        late=row.late,
        reason_code=row.reason_code,
        reason=row.reason,
        version=row.version,
        h5_url=row.parameters.get("h5_url") if is_open else None,
    )


def refund_info(row: GatewayRefund) -> RefundInfo:
    """A refund's row in the words other modules know."""
    return RefundInfo(
        channel_refund_id=row.channel_refund_id,
        refund_no=row.refund_no,
        payment_id=row.payment_id,
        channel=row.channel,
        amount=row.amount,
        refund_ref=row.refund_ref,
        state=row.state,
        channel_refund_no=row.channel_refund_no,
        requested_at=row.requested_at,
        finished_at=row.finished_at,
        reason_code=row.reason_code,
        reason=row.failure,
        version=row.version,
    )


def find_payment(tx: Tx, payment_id: UUID) -> Payment:
    """A payment the actor's campus may see. NotFound for another's."""
    row = tx.session.first(queries.PAYMENT, payment_id=payment_id)
    if row is None:
        raise NotFound("没有这笔支付，请核对支付单号。")
    return row


def locked_payment(tx: Tx, payment_id: UUID) -> Payment:
    """A payment of the acting campus, locked to the commit."""
    row = tx.session.first(queries.LOCKED, payment_id=payment_id)
    if row is None:
        raise NotFound("没有这笔支付，请核对支付单号。")
    return row


def find_refund(tx: Tx, channel_refund_id: UUID) -> GatewayRefund:
    """A refund the actor's campus may see. NotFound for another's."""
    row = tx.session.first(refund_queries.REFUND, refund_id=channel_refund_id)
    if row is None:
        raise NotFound("没有这笔退款，请核对退款单号。")
    return row


def payment_of(tx: Tx, payment_id: UUID) -> PaymentInfo:
    """A payment of the acting campus. NotFound for another's."""
    return payment_info(find_payment(tx, payment_id))


def payments_of(tx: Tx, ref_module: str, ref_ids: Sequence[str]) -> list[PaymentInfo]:
    """Every payment ever made for these references, the oldest first."""
    rows = tx.session.all(queries.OF_REFERENCES, campus=tx.campus, module=ref_module, refs=list(ref_ids))
    return [payment_info(row) for row in rows]


def refund_of(tx: Tx, channel_refund_id: UUID) -> RefundInfo:
    """A refund of the acting campus. NotFound for another's."""
    return refund_info(find_refund(tx, channel_refund_id))
