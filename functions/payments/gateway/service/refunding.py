"""Money back by the original route (原路退回), and by transfer where that route is closed (退款异常)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from events.payments import RefundFailed, RefundSucceeded
from functions.payments.gateway import rules
from functions.payments.gateway.channels import Channel, Exchange, Told
from functions.payments.gateway.models import GatewayRefund, Payment
from functions.payments.gateway.problems import (
    NotPaid,
    RefundDiffers,
    RefundNotHere,
    RefundTooLate,
    RefundTooMuch,
    TooManyRefunds,
)
from functions.payments.gateway.queries import payments as payment_queries
from functions.payments.gateway.queries import refunds as queries
from functions.payments.gateway.schemas.terminals import ApproveTransfer, ProposeTransfer
from functions.payments.gateway.service.asking import (
    Contact,
    channel_of,
    contact_of,
    keep_exchange,
    refund_order_of,
)
from functions.payments.gateway.service.health import count_call
from functions.payments.gateway.service.reading import find_payment, find_refund, locked_payment, refund_info
from functions.payments.gateway.service.terms import RefundInfo
from shared.ids import new_id
from shared.money import ZERO
from shared.problems import NotFound, Stale
from shared.steps import Steps
from shared.tx import Tx

LATE_REFERENCE = "gateway:late"
"""What the gateway itself calls the refund of money that came too late."""
DONE = frozenset({"succeeded", "resolved", "rejected"})


def request_refund(tx: Tx, payment_id: UUID, amount: Decimal, refund_ref: str, reason: str) -> RefundInfo:
    """Write the intent to give money back; `carry_out_refund` sends it.

    The same `refund_ref` with the same amount gives the first refund again. What came by bank transfer goes back by
    one: no channel does it, so it waits for finance from the beginning. Refuses: AmountInvalid, NotPaid, RefundTooMuch
    (Σ refunds ≤ paid, also for two at once), RefundDiffers, RefundTooLate (a year), TooManyRefunds (50).
    """
    rules.fen(amount)
    payment = locked_payment(tx, payment_id)
    before = tx.session.all(queries.OF_PAYMENT, payment_id=payment_id)
    known = next((row for row in before if row.refund_ref == refund_ref), None)
    if known is not None:
        if known.amount != amount:
            raise RefundDiffers(f"该笔退款已按 {known.amount} 元提交，请核对退款单。")
        return refund_info(known)
    _require_refundable(tx, payment, amount, before)
    tx.session.one(payment_queries.RESERVE_REFUND, id_=payment_id, back=amount)
    by_hand = payment.channel == "transfer"
    row = GatewayRefund(
        channel_refund_id=(refund_id := new_id()),
        campus_id=tx.campus,
        refund_no=rules.refund_number(tx.campus, tx.now, refund_id),
        payment_id=payment_id,
        merchant_id=payment.merchant_id,
        channel=payment.channel,
        amount=amount.quantize(ZERO),
        refund_ref=refund_ref,
        reason=reason[:80],
        state="abnormal" if by_hand else "requested",
        requested_by=tx.actor.subject,
        requested_by_name=tx.actor.name,
        requested_at=tx.now,
        next_try_at=_earliest(payment, before, tx.now),
        reason_code=rules.BY_TRANSFER if by_hand else None,
        failure="银行转账收款不能自动退回，请财务转账退还并登记凭证。" if by_hand else None,
    )
    tx.session.add(row)
    tx.audit("refund.requested", "channel_refund", refund_id, amount=str(amount), payment_id=str(payment_id))
    return refund_info(row)


def _require_refundable(tx: Tx, payment: Payment, amount: Decimal, before: list[GatewayRefund]) -> None:
    if payment.paid_at is None:
        raise NotPaid(f"该笔支付当前为“{rules.PAYMENT_STATES[payment.state]}”，不能退款。")
    left = payment.amount - payment.refunded - payment.refunding
    if amount > left:
        raise RefundTooMuch(f"该笔支付还可退 {left} 元，与所退 {amount} 元不符，请核对。", left=str(left))
    if payment.channel != "transfer" and tx.now - payment.paid_at > rules.REFUND_WITHIN:
        raise RefundTooLate("支付已超过一年，不能原路退回，请按财务制度转账退还。")
    if sum(row.state != "rejected" for row in before) >= rules.REFUNDS_AN_ORDER:
        raise TooManyRefunds("该笔支付的部分退款已达 50 次，请合并退款或转账退还。")


def _earliest(payment: Payment, before: list[GatewayRefund], now: datetime) -> datetime:
    """WeChat takes part refunds of one order a minute apart at least."""
    if payment.channel != "wechat":
        return now
    taken = [(row.sent_at or row.next_try_at) + rules.REFUND_SPACING for row in before if row.state != "rejected"]
    return max([now, *taken])


# -- at the channel


def carry_out_refund(steps: Steps, channel_refund_id: UUID, *, claimed: bool = False) -> RefundInfo:
    """Send a refund and book the answer, or ask about one that was sent.

    The refund number stays the same however often it is sent, so a lost answer moves no money twice. A refund that may
    not go yet (a minute between part refunds) stays `requested`; the minute's sweep, which has `claimed` it when its
    time came, takes it up.
    """

    def take(tx: Tx) -> tuple[GatewayRefund, Payment, Contact, bool]:
        row = tx.session.first(queries.LOCKED, refund_id=channel_refund_id)
        if row is None:
            raise NotFound("没有这笔退款，请核对退款单号。")
        payment = find_payment(tx, row.payment_id)
        due = (
            row.state in ("requested", "processing")
            and row.channel in rules.ASKED
            and (claimed or row.sent_at is not None or row.next_try_at <= tx.now)
        )
        if due:
            tx.session.execute(queries.SEND, id_=channel_refund_id, at=tx.now)
        return row, payment, contact_of(tx, row.merchant_id), due

    row, payment, contact, due = steps.step(take)
    if not due:
        return refund_info(row)
    channel = channel_of(contact, steps)
    order = refund_order_of(row, payment)
    if row.sent_at is not None:
        told, exchange = channel.query_refund(order)
        row = _book(steps, row, told, exchange)
        if told.outcome != "absent" or row.state in DONE:
            return refund_info(row)
    told, exchange = channel.refund(order)
    if told.outcome == "refused":
        return refund_info(_confirm_refusal(steps, channel, row, payment, told, exchange))
    row = _book(steps, row, told, exchange)
    if told.outcome in ("paying", "unknown") and row.state not in DONE:
        told, exchange = channel.query_refund(order)
        row = _book(steps, row, told, exchange)
    return refund_info(row)


def _confirm_refusal(
    steps: Steps, channel: Channel, row: GatewayRefund, payment: Payment, refusal: Told, exchange: Exchange
) -> GatewayRefund:
    """A refusal is final only when the channel does not know the refund: it may refuse what it did the first time."""
    steps.step(
        lambda tx: keep_exchange(
            tx, row.merchant_id, refusal, exchange, payment_id=row.payment_id, channel_refund_id=row.channel_refund_id
        )
    )
    told, exchange = channel.query_refund(refund_order_of(row, payment))
    if told.outcome == "absent":
        told = Told("refused", code=refusal.code, message=refusal.message)
    return _book(steps, row, told, exchange)


def _book(steps: Steps, row: GatewayRefund, told: Told, exchange: Exchange) -> GatewayRefund:
    def write(tx: Tx) -> GatewayRefund:
        keep_exchange(
            tx, row.merchant_id, told, exchange, payment_id=row.payment_id, channel_refund_id=row.channel_refund_id
        )
        booked = book_refund(tx, row.channel_refund_id, told)
        count_call(tx, row.merchant_id, told.healthy)
        return booked

    return steps.step(write)


def book_refund(tx: Tx, channel_refund_id: UUID, told: Told) -> GatewayRefund:
    """Book what was said about a refund, once. The payment's row is locked first, as everywhere."""
    row = find_refund(tx, channel_refund_id)
    payment = locked_payment(tx, row.payment_id)
    row = tx.session.one(queries.LOCKED, refund_id=channel_refund_id)
    if row.state in DONE:
        return row
    if told.fen is not None and told.fen != rules.fen(row.amount):
        told = Told("unknown", code="amount_differs", message="渠道退款金额与申请不符，请财务核对。")
    match told.outcome:
        case "succeeded":
            return finish_refund(tx, row, payment, told.at or tx.now, number=told.channel_no)
        case "refused" if row.state != "abnormal":
            return _reject(tx, row, payment, told)
        case "abnormal" if row.state != "abnormal":
            return _mark_abnormal(tx, row, payment, told)
        case _ if row.state == "abnormal":
            return row
    state = "processing" if told.outcome in ("paying", "unknown") else row.state
    wait = (
        timedelta(minutes=10) if told.outcome == "later" else rules.backoff(tx.now - (row.sent_at or row.requested_at))
    )
    return tx.session.one(
        queries.POSTPONE,
        id_=channel_refund_id,
        state_=state,
        next=tx.now + wait,
        number=told.channel_no,
        why_code=told.code if told.outcome in ("later", "unknown") else None,
        why=told.message,
    )


def finish_refund(
    tx: Tx,
    row: GatewayRefund,
    payment: Payment,
    finished_at: datetime,
    *,
    number: str | None = None,
    proof: dict[str, Any] | None = None,
) -> GatewayRefund:
    """The money went back by the original route."""
    done = tx.session.one(
        queries.FINISH,
        id_=row.channel_refund_id,
        state_="succeeded",
        finished=finished_at,
        number=number,
        why_code=None,
        why=None,
        proof_=proof,
    )
    _give_back(tx, done, payment, "original")
    return done


def _give_back(tx: Tx, done: GatewayRefund, payment: Payment, route: str) -> None:
    paid = tx.session.one(payment_queries.GIVE_BACK, id_=payment.payment_id, back=done.amount)
    tx.emit(
        RefundSucceeded(
            channel_refund_id=done.channel_refund_id,
            refund_no=done.refund_no,
            refund_ref=done.refund_ref,
            payment_id=payment.payment_id,
            ref_module=payment.ref_module,
            ref_id=payment.ref_id,
            channel=done.channel,
            amount=done.amount,
            refunded_total=paid.refunded,
            route=route,
            finished_at=done.finished_at or tx.now,
        )
    )
    tx.audit("refund.succeeded", "channel_refund", done.channel_refund_id, amount=str(done.amount), route=route)


def _reject(tx: Tx, row: GatewayRefund, payment: Payment, told: Told) -> GatewayRefund:
    code = told.code or "refused"
    done = tx.session.one(
        queries.FINISH,
        id_=row.channel_refund_id,
        state_="rejected",
        finished=tx.now,
        number=told.channel_no,
        why_code=code,
        why=told.message or "支付渠道拒绝退款",
        proof_=None,
    )
    tx.session.one(payment_queries.RELEASE_REFUND, id_=payment.payment_id, back=row.amount)
    _tell_failure(tx, done, payment, code, final=True)
    return done


def _mark_abnormal(tx: Tx, row: GatewayRefund, payment: Payment, told: Told) -> GatewayRefund:
    marked = tx.session.one(
        queries.MARK_ABNORMAL,
        id_=row.channel_refund_id,
        number=told.channel_no,
        why_code=told.code or "abnormal",
        why="付款账户已注销或被银行退回，请财务核实后转账退还。",
    )
    _tell_failure(tx, marked, payment, told.code or "abnormal", final=False)
    return marked


def _tell_failure(tx: Tx, row: GatewayRefund, payment: Payment, code: str, *, final: bool) -> None:
    tx.emit(
        RefundFailed(
            channel_refund_id=row.channel_refund_id,
            refund_no=row.refund_no,
            refund_ref=row.refund_ref,
            payment_id=payment.payment_id,
            ref_module=payment.ref_module,
            ref_id=payment.ref_id,
            channel=row.channel,
            amount=row.amount,
            reason_code=code,
            final=final,
        )
    )
    tx.audit("refund.failed", "channel_refund", row.channel_refund_id, amount=str(row.amount), code=code)


# -- by transfer, where the original route is closed


def propose_transfer(tx: Tx, channel_refund_id: UUID, command: ProposeTransfer) -> GatewayRefund:
    """Finance paid an abnormal refund to the payer's bank account and shows the evidence; two others approve it."""
    row = _own_refund(tx, channel_refund_id)
    if row.state != "abnormal":
        raise RefundNotHere("只有退款异常或转账收款的退款可以转账退还，请刷新后核对。")
    proposed = tx.session.first(
        queries.PROPOSE_TRANSFER,
        id_=channel_refund_id,
        seen=command.version,
        transfer_={
            "bank_name": command.bank_name,
            "account_tail": command.account_tail,
            "slip_no": command.slip_no,
            "evidence": command.evidence,
        },
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
    )
    if proposed is None:
        raise Stale("该退款已被他人修改，请刷新后再操作。", current_version=row.version)
    tx.audit("refund.transfer_proposed", "channel_refund", channel_refund_id, amount=str(row.amount))
    return proposed


def approve_transfer(tx: Tx, channel_refund_id: UUID, command: ApproveTransfer) -> GatewayRefund:
    """Approve a transfer; the second approval, by a third person, makes it count as given back."""
    row = _own_refund(tx, channel_refund_id)
    if row.state != "abnormal" or row.transfer_by is None:
        raise RefundNotHere("该退款没有待审批的转账，请刷新后核对。")
    tx.assert_distinct([row.transfer_by, row.approved_first_by], "转账退还须由经办人以外的两人分别审批。")
    query = queries.APPROVE_FIRST if row.approved_first_by is None else queries.RESOLVE
    values: dict[str, Any] = {"id_": channel_refund_id, "seen": command.version, "who": tx.actor.subject}
    if row.approved_first_by is not None:
        payment = locked_payment(tx, row.payment_id)
        values["at"] = tx.now
    approved = tx.session.first(query, **values, name=tx.actor.name)
    if approved is None:
        raise Stale("该退款已被他人审批或修改，请刷新后再操作。", current_version=row.version)
    tx.audit("refund.transfer_approved", "channel_refund", channel_refund_id, amount=str(row.amount))
    if approved.state == "resolved":
        _give_back(tx, approved, payment, "bank_transfer")
    return approved


def _own_refund(tx: Tx, channel_refund_id: UUID) -> GatewayRefund:
    row = find_refund(tx, channel_refund_id)
    if row.campus_id != tx.campus:
        raise NotFound("没有这笔退款，请核对退款单号。")
    return row
