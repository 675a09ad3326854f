"""Card terminals (银行 POS) and bank transfers: channels without an interface; people and bridges enter the answers."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from functions.payments.gateway import rules
from functions.payments.gateway.channels import Told
from functions.payments.gateway.models import GatewayRefund, Payment, TerminalBatch
from functions.payments.gateway.problems import (
    CardNotMasked,
    ChannelNotOpen,
    NotATerminalPayment,
    NotOpen,
    OrderInvalid,
    RefundNotHere,
    ResultDiffers,
)
from functions.payments.gateway.queries import merchants as merchant_queries
from functions.payments.gateway.queries import payments as queries
from functions.payments.gateway.queries import refunds as refund_queries
from functions.payments.gateway.schemas.terminals import (
    RecordTransfer,
    SettleTerminal,
    TerminalRefundResult,
    TerminalResult,
)
from functions.payments.gateway.service import booking
from functions.payments.gateway.service.asking import by_hand, keep_exchange
from functions.payments.gateway.service.reading import find_refund, locked_payment
from functions.payments.gateway.service.refunding import book_refund, finish_refund
from shared.ids import new_id
from shared.money import ZERO
from shared.problems import NotFound
from shared.schemas import midnight
from shared.tx import Tx

ARRIVALS_LAST = timedelta(days=366)
SLIP_SKEW = timedelta(hours=1)
BATCH_LASTS = timedelta(days=3)
"""A batch is settled at the end of its day; three days let a forgotten one be settled."""


def enter_result(tx: Tx, payment_id: UUID, command: TerminalResult) -> Payment:
    """Book what a card terminal said (刷卡结果). The same result again changes nothing.

    Refuses: NotATerminalPayment, CardNotMasked, ResultDiffers (another amount), ChannelNumberTaken (the slip is booked
    on another payment), NotOpen (declined although it is paid).
    """
    row = _terminal_payment(tx, payment_id)
    if command.outcome == "declined":
        if row.state in booking.FINAL and row.state != "closed":
            raise NotOpen("该笔刷卡已登记成功，不能再登记为失败；如未到账请按退款处理。")
        _keep(tx, row, "declined", {"reason": command.reason})
        if row.state == "closed":
            return row
        return booking.close(tx, row, "declined", command.reason or "刷卡未成功")
    proof = _proof(tx, row, command)
    number = str(proof["reference_no"])
    if row.state in booking.FINAL and row.state != "closed":
        if row.channel_no == number:
            return row
        raise NotOpen(f"该笔刷卡已按参考号 {row.channel_no} 登记成功，请核对凭条。")
    _keep(tx, row, "succeeded", proof)
    return booking.succeed(tx, row, number, command.paid_at or tx.now, proof=proof)


def _proof(tx: Tx, row: Payment, command: TerminalResult) -> dict[str, Any]:
    needed = {
        "卡号": command.card,
        "参考号": command.reference_no,
        "终端号": command.terminal,
        "批次号": command.batch_no,
        "金额": command.amount,
    }
    _require_recent(command.paid_at, row.created_at, tx)
    missing = "、".join(name for name, value in needed.items() if value is None)
    if missing:
        raise OrderInvalid(f"刷卡成功须登记{missing}，请按签购单填写。")
    if command.card is None or not rules.is_masked_card(command.card):
        raise CardNotMasked("卡号只能保留前 6 位和后 4 位，中间以 * 代替。")
    if command.amount != row.amount:
        raise ResultDiffers(f"签购单金额 {command.amount} 元与应收 {row.amount} 元不符，请在终端撤销后重新刷卡。")
    return {
        "card": command.card,
        "reference_no": f"{command.terminal}-{command.reference_no}",
        "terminal": command.terminal,
        "batch_no": command.batch_no,
        "trace_no": command.trace_no,
    }


def enter_refund_result(tx: Tx, channel_refund_id: UUID, command: TerminalRefundResult) -> GatewayRefund:
    """Book what a card terminal said about a refund (撤销、退货). The same result again changes nothing."""
    row = find_refund(tx, channel_refund_id)
    if row.campus_id != tx.campus:
        raise NotFound("没有这笔退款，请核对退款单号。")
    if row.channel != "bank_card":
        raise NotATerminalPayment("只有刷卡支付的退款由终端办理，其他渠道自动原路退回。")
    payment = locked_payment(tx, row.payment_id)
    row = tx.session.one(refund_queries.LOCKED, refund_id=channel_refund_id)
    number = f"{command.terminal}-{command.reference_no}"
    if row.state == "succeeded" and command.outcome == "approved" and row.channel_refund_no == number:
        return row
    if row.state not in ("requested", "processing"):
        raise RefundNotHere(f"该退款已为“{rules.REFUND_STATES[row.state]}”，请核对凭条。")
    if command.outcome == "declined":
        return book_refund(
            tx, channel_refund_id, Told("refused", code="declined", message=command.reason or "终端退款未成功")
        )
    _require_recent(command.done_at, row.requested_at, tx)
    if command.terminal is None or command.reference_no is None or command.batch_no is None:
        raise OrderInvalid("终端退款成功须登记终端号、参考号、批次号，请按签购单填写。")
    proof = {"terminal": command.terminal, "batch_no": command.batch_no, "reference_no": number}
    return finish_refund(tx, row, payment, command.done_at or tx.now, number=number, proof=proof)


def settle_terminal(tx: Tx, terminal: str, command: SettleTerminal) -> TerminalBatch:
    """End of day of a terminal (终端结算): its totals beside ours. A difference is kept for reconciliation.

    TerminalSettled for a batch settled before.
    """
    merchant = tx.session.first(merchant_queries.ACTIVE, campus=tx.campus, channel="bank_card")
    if merchant is None:
        raise ChannelNotOpen("本院区没有启用的银行卡商户，请核对。")
    ours = tx.session.one(
        queries.TERMINAL_TOTALS,
        campus=tx.campus,
        merchant_id=merchant.merchant_id,
        terminal=terminal,
        batch=command.batch_no,
        since=tx.now - BATCH_LASTS,
    )
    batch = TerminalBatch(
        batch_id=new_id(),
        campus_id=tx.campus,
        merchant_id=merchant.merchant_id,
        terminal=terminal,
        batch_no=command.batch_no,
        sales_count=command.sales_count,
        sales=command.sales,
        refunds_count=command.refunds_count,
        refunds=command.refunds,
        our_sales_count=ours.sales_count,
        our_sales=ours.sales,
        our_refunds_count=ours.refunds_count,
        our_refunds=ours.refunds,
        difference=(command.sales - command.refunds) - (ours.sales - ours.refunds),
        settled_by=tx.actor.subject,
        settled_by_name=tx.actor.name,
        settled_at=tx.now,
    )
    tx.session.add(batch)
    tx.audit("terminal.settled", "terminal_batch", batch.batch_id, difference=str(batch.difference))
    return batch


def record_transfer(tx: Tx, command: RecordTransfer) -> Payment:
    """Book money that stands on the bank statement (合同单位、银行转账到账): one line, one payment.

    ChannelNotOpen without an account for transfers, ChannelNumberTaken for a line that is booked.
    """
    rules.fen(command.amount)
    merchant = tx.session.first(merchant_queries.ACTIVE, campus=tx.campus, channel="transfer")
    if merchant is None:
        raise ChannelNotOpen("本院区没有登记转账收款账户，请先由财务登记并启用。")
    if not tx.today - ARRIVALS_LAST <= command.arrived_on <= tx.today:
        raise OrderInvalid("到账日期须在一年之内且不晚于今天，请按银行回单填写。")
    payment_id = new_id()
    row = Payment(
        payment_id=payment_id,
        campus_id=tx.campus,
        order_no=rules.order_number(tx.campus, tx.now, payment_id),
        merchant_id=merchant.merchant_id,
        channel="transfer",
        product="transfer",
        purpose=command.purpose,
        ref_module=command.ref_module,
        ref_id=command.ref_id,
        amount=command.amount.quantize(ZERO),
        refunded=ZERO,
        refunding=ZERO,
        description=rules.PURPOSES[command.purpose],
        one_time=None,
        payer_hash=None,
        terminal=None,
        state="paying",
        created_at=tx.now,
        created_by=tx.actor.subject,
        created_by_name=tx.actor.name,
        expires_at=tx.now + rules.EXPIRES["transfer"],
        next_check_at=tx.now,
        replaces_id=None,
    )
    tx.session.add(row)
    _keep(tx, row, "succeeded", {"bank_reference": command.bank_reference, "arrived_on": str(command.arrived_on)})
    arrived = midnight(command.arrived_on)
    return booking.succeed(
        tx,
        row,
        command.bank_reference,
        arrived,
        proof={
            "bank_reference": command.bank_reference,
            "arrived_on": str(command.arrived_on),
            "payer_account_tail": command.payer_account_tail,
            "remark": command.remark,
        },
    )


def _require_recent(moment: datetime | None, begun: datetime, tx: Tx) -> None:
    """A slip's time lies between the order and now, give or take what clocks of terminals are off."""
    if moment is not None and not begun - SLIP_SKEW <= moment <= tx.now + SLIP_SKEW:
        raise OrderInvalid("凭条时间早于下单或晚于现在，请按签购单填写。")


def _terminal_payment(tx: Tx, payment_id: UUID) -> Payment:
    row = locked_payment(tx, payment_id)
    if row.channel != "bank_card":
        raise NotATerminalPayment("该笔支付不是刷卡支付，结果由渠道自动确认。")
    return row


def _keep(tx: Tx, row: Payment, outcome: str, said: dict[str, Any]) -> None:
    told = Told("succeeded" if outcome == "succeeded" else "refused")
    keep_exchange(tx, row.merchant_id, told, by_hand("terminal", said, tx.now), payment_id=row.payment_id)
