"""Money going back through a channel by the original route: asked for in the transaction, carried out after it."""

from collections.abc import Sequence
from uuid import UUID

from events.payments import ChargesRefunded, RefundFailed, RefundSucceeded
from functions.payments.billing.models import ChannelRefund, CoursePayment, Tender
from functions.payments.billing.problems import CashNotAllowed, ChannelRefundNotFailed, ChannelRefundUnknown
from functions.payments.billing.queries import tenders
from functions.payments.billing.schemas import AllowCash
from functions.payments.cashier import service as cashier
from functions.payments.gateway import service as gateway
from shared.function import Onwards
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
    links = {"settlement_id": settlement_id, "tender_id": tender.tender_id, "refund_id": refund_id}
    return _ask(tx, tender.payment_id, tender.method, amount, cause, reason, links)


def give_back_of_course(tx: Tx, paid: CoursePayment, amount: Money, cause: str, reason: str) -> ChannelRefund:
    """Write the intent to give a course's electronic money back by the original route."""
    links = {"settlement_id": None, "tender_id": None, "course_payment_id": paid.course_payment_id}
    return _ask(tx, paid.payment_id, paid.method, amount, cause, reason, links)


def _ask(
    tx: Tx, payment_id: UUID, method: str, amount: Money, cause: str, reason: str, links: dict[str, UUID | None]
) -> ChannelRefund:
    channel_refund_id = new_id()
    told = gateway.request_refund(tx, payment_id, amount, str(channel_refund_id), reason)
    row = ChannelRefund(
        channel_refund_id=channel_refund_id,
        campus_id=tx.campus,
        gateway_refund_id=told.channel_refund_id,
        payment_id=payment_id,
        cause=cause,
        method=method,
        amount=amount,
        state="requested",
        requested_at=tx.now,
        settlement_id=links["settlement_id"],
        tender_id=links["tender_id"],
        refund_id=links.get("refund_id"),
        course_payment_id=links.get("course_payment_id"),
    )
    tx.session.add(row)
    return row


def carry_out(steps: Steps, waiting: Sequence[ChannelRefund]) -> None:
    """Send refunds to their channels now. One that fails here is taken up by the gateway's own sweep."""
    for row in waiting:
        gateway.carry_out_refund(steps, row.gateway_refund_id)


def send_refunded(tx: Tx, event: ChargesRefunded) -> Onwards | None:
    """Lines were refunded: what of it goes back through a channel is sent now, whoever asked for the refund.

    Modules that refund a source in their own transaction (a cancelled registration, a stopped session) have nothing to
    pass on; the gateway's minute takes up only what is lost on this way.
    """
    of_settlement = tx.session.all(tenders.CHANNEL_REFUNDS, settlement_id=event.settlement_id)
    waiting = [row for row in of_settlement if row.refund_id == event.refund_id and row.state == "requested"]
    return (lambda steps: carry_out(steps, waiting)) if waiting else None


def ask_again(tx: Tx, channel_refund_id: UUID) -> ChannelRefund:
    """Ask a channel once more for a refund it refused for good, after what it complained of is mended.

    ChannelRefundNotFailed for one under way, and for one finance pays by transfer at the gateway.
    """
    row = _refused(tx, channel_refund_id)
    told = gateway.request_refund(tx, row.payment_id, row.amount, str(new_id()), "重新提交退款")
    tx.audit("channel_refund.again", "channel_refund", channel_refund_id, amount=str(row.amount))
    return tx.session.one(tenders.ASK_AGAIN, id_=channel_refund_id, gateway_id=told.channel_refund_id)


def allow_cash(tx: Tx, channel_refund_id: UUID, command: AllowCash) -> ChannelRefund:
    """Finance allows cash for what the channel refused for good (现金退电子支付); the password is asked again."""
    tx.actor.require_fresh_sign_on(tx.now)
    row = _refused(tx, channel_refund_id)
    allowed = tx.session.first(
        tenders.ALLOW_CASH,
        id_=channel_refund_id,
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
        note=command.note,
    )
    if allowed is None:
        raise ChannelRefundNotFailed("该笔退款已批准改退现金，请到窗口领取。", state=row.state)
    tx.audit("channel_refund.cash_allowed", "channel_refund", channel_refund_id, amount=str(row.amount))
    return allowed


def pay_cash(tx: Tx, channel_refund_id: UUID) -> ChannelRefund:
    """Pay at the window, in one's own open shift, what finance allowed. Not by who allowed it.

    In the journal the money comes back from the channel, which never gave it out, and leaves the drawer instead.
    """
    seen = tx.session.first(tenders.CHANNEL_REFUND, channel_refund_id=channel_refund_id)
    if seen is None or seen.campus_id != tx.campus:
        raise ChannelRefundUnknown("本院区没有这笔退款，请核对。")
    till = cashier.open_till(tx, cash_out=seen.amount)
    row = _refused(tx, channel_refund_id)
    if row.cash_allowed_by is None:
        raise CashNotAllowed("渠道拒绝的退款改退现金须由财务批准，请联系财务。")
    tx.assert_distinct([row.cash_allowed_by], "批准与付款须由不同人员办理。")
    shift = till.shift()
    paid = tx.session.one(
        tenders.PAY_CASH,
        id_=channel_refund_id,
        at=tx.now,
        who=tx.actor.subject,
        name=tx.actor.name,
        shift=shift.shift_id,
    )
    kind: cashier.Kind = "prepayment" if row.settlement_id is None else "refund"
    subject = row.settlement_id or row.course_payment_id or channel_refund_id
    entries: tuple[tuple[cashier.Direction, str], ...] = (("in", row.method), ("out", "cash"))
    for direction, method in entries:
        cashier.book(tx, shift, direction, method, row.amount, kind=kind, subject_id=subject, ref_id=channel_refund_id)
    tx.audit("channel_refund.paid_in_cash", "channel_refund", channel_refund_id, amount=str(row.amount))
    return paid


def _refused(tx: Tx, channel_refund_id: UUID) -> ChannelRefund:
    """A refund the channel refused for good, locked."""
    row = tx.session.first(tenders.LOCK_CHANNEL_REFUND, channel_refund_id=channel_refund_id, campus=tx.campus)
    if row is None:
        raise ChannelRefundUnknown("本院区没有这笔退款，请核对。")
    if row.state != "failed" or gateway.refund_of(tx, row.gateway_refund_id).is_open:
        raise ChannelRefundNotFailed(
            "该笔退款仍在处理、已退还，或由财务在支付网关转账退还，不能重新提交或改退现金。", state=row.state
        )
    return row


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
