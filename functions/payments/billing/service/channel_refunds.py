"""Money going back through a channel by the original route: asked for in the transaction, carried out after it."""

from collections.abc import Sequence
from uuid import UUID

from events.payments import RefundFailed, RefundSucceeded
from functions.payments.billing.models import ChannelRefund, Tender
from functions.payments.billing.problems import ChannelRefundNotFailed, ChannelRefundUnknown
from functions.payments.billing.queries import tenders
from functions.payments.gateway import service as gateway
from shared.ids import new_id
from shared.money import Money
from shared.steps import Steps
from shared.tx import Tx


def give_back(
    tx: Tx,
    settlement_id: UUID,
    tender: Tender,
    amount: Money,
    cause: str,
    *,
    reason: str,
    refund_id: UUID | None = None,
) -> ChannelRefund:
    """Write the intent to give electronic money back. `tender` is the one the patient paid by."""
    if tender.payment_id is None:
        raise ValueError("only electronic money goes back through a channel")
    channel_refund_id = new_id()
    told = gateway.request_refund(tx, tender.payment_id, amount, str(channel_refund_id), reason)
    row = ChannelRefund(
        channel_refund_id=channel_refund_id,
        campus_id=tx.campus,
        gateway_refund_id=told.channel_refund_id,
        payment_id=tender.payment_id,
        settlement_id=settlement_id,
        tender_id=tender.tender_id,
        refund_id=refund_id,
        cause=cause,
        method=tender.method,
        amount=amount,
        state="requested",
        requested_at=tx.now,
    )
    tx.session.add(row)
    return row


def carry_out(steps: Steps, waiting: Sequence[ChannelRefund]) -> None:
    """Send refunds to their channels now. One that fails here is taken up by the gateway's own sweep."""
    for row in waiting:
        gateway.carry_out_refund(steps, row.gateway_refund_id)


def ask_again(tx: Tx, channel_refund_id: UUID) -> ChannelRefund:
    """Ask a channel once more for a refund it refused for good, after what it complained of is mended.

    ChannelRefundNotFailed for one under way, and for one finance pays by transfer at the gateway.
    """
    row = tx.session.first(tenders.LOCK_CHANNEL_REFUND, channel_refund_id=channel_refund_id, campus=tx.campus)
    if row is None:
        raise ChannelRefundUnknown("本院区没有这笔退款，请核对。")
    if row.state != "failed" or gateway.refund_of(tx, row.gateway_refund_id).is_open:
        raise ChannelRefundNotFailed("该笔退款仍在处理，或由财务在支付网关转账退还，不能重新提交。", state=row.state)
    told = gateway.request_refund(tx, row.payment_id, row.amount, str(new_id()), "重新提交退款")
    tx.audit("channel_refund.again", "channel_refund", channel_refund_id, amount=str(row.amount))
    return tx.session.one(tenders.ASK_AGAIN, id_=channel_refund_id, gateway_id=told.channel_refund_id)


def refund_arrived(tx: Tx, event: RefundSucceeded) -> None:
    """The channel gave the money back (or finance did by transfer)."""
    tx.session.first(
        tenders.CHANNEL_REFUND_ENDED, gateway_id=event.channel_refund_id, to="succeeded", at=event.finished_at, why=None
    )


def refund_came_back(tx: Tx, event: RefundFailed) -> None:
    """The channel could not: finance sees it in the list of refunds under way."""
    tx.session.first(
        tenders.CHANNEL_REFUND_ENDED, gateway_id=event.channel_refund_id, to="failed", at=None, why=event.reason_code
    )
