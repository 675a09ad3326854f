"""From the wish to be paid to a final answer: intent, order, waiting, closing."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from events.payments import PaymentCreated
from functions.payments.gateway import client, rules
from functions.payments.gateway.channels import Channel, Exchange, Told
from functions.payments.gateway.models import Merchant, Payment
from functions.payments.gateway.problems import (
    ChannelNotOpen,
    LimitExceeded,
    MerchantOfOtherCampus,
    NotLate,
    OrderInvalid,
)
from functions.payments.gateway.queries import merchants as merchant_queries
from functions.payments.gateway.queries import payments as queries
from functions.payments.gateway.service import booking, messages
from functions.payments.gateway.service.asking import Contact, channel_of, contact_of, order_of
from functions.payments.gateway.service.health import require_open
from functions.payments.gateway.service.reading import find_payment, locked_payment, payment_info
from functions.payments.gateway.service.terms import PaymentInfo, PaymentOrder
from shared.ids import new_id
from shared.money import ZERO
from shared.steps import Steps
from shared.tx import Tx


class _Chosen(NamedTuple):
    channel: str
    product: str


def create_payment(tx: Tx, order: PaymentOrder) -> PaymentInfo:
    """Write the intent to be paid (`paying`); nothing has left the house yet, `carry_out` sends it.

    The same reference, amount and way of paying gives the open payment again; another amount or way replaces it, and
    the old order is closed at its channel before the new one is placed. Refuses: AmountInvalid (a third decimal),
    PaymentCodeUnknown, OrderInvalid, ChannelNotOpen, MerchantOfOtherCampus, LimitExceeded, ChannelPausedProblem,
    PaymentUnderWay (another window was quicker), ColumnKeysMissing where what the channel says could not be recorded.
    """
    rules.fen(order.amount)
    chosen = _choose(order)
    if chosen.channel in rules.ASKED and (missing := messages.why_not(tx)) is not None:
        raise missing
    merchant = _merchant(tx, order, chosen)
    health = tx.session.send(merchant_queries.HEALTH, merchant_id=merchant.merchant_id)
    open_row = tx.session.first(queries.OPEN_OF_REFERENCE, campus=tx.campus, module=order.ref_module, ref=order.ref_id)
    if open_row is not None and _is_same(open_row, order, chosen, tx):
        return payment_info(open_row)
    require_open(health.first())
    if order.amount > merchant.limit_per_payment:
        raise LimitExceeded(f"单笔限额 {merchant.limit_per_payment} 元，请分次支付或改用其他方式。")
    if open_row is not None:
        tx.session.execute(queries.ASK_TO_CLOSE, id_=open_row.payment_id, at=tx.now)
    row = _new_row(tx, order, chosen, merchant, open_row)
    tx.session.add(row)
    tx.emit(
        PaymentCreated(
            payment_id=row.payment_id,
            order_no=row.order_no,
            purpose=row.purpose,
            ref_module=row.ref_module,
            ref_id=row.ref_id,
            channel=row.channel,
            product=row.product,
            amount=row.amount,
            expires_at=row.expires_at,
        )
    )
    tx.audit(
        "payment.created",
        "payment",
        row.payment_id,
        patient_id=row.patient_id,
        amount=str(row.amount),
        channel=row.channel,
    )
    return payment_info(row)


def _new_row(tx: Tx, order: PaymentOrder, chosen: _Chosen, merchant: Merchant, replaced: Payment | None) -> Payment:
    payment_id = new_id()
    lasts = order.expires_in or rules.EXPIRES[chosen.product]
    return Payment(
        payment_id=payment_id,
        campus_id=tx.campus,
        order_no=rules.order_number(tx.campus, tx.now, payment_id),
        merchant_id=merchant.merchant_id,
        channel=chosen.channel,
        product=chosen.product,
        purpose=order.purpose,
        ref_module=order.ref_module,
        ref_id=order.ref_id,
        amount=order.amount.quantize(ZERO),
        refunded=ZERO,
        refunding=ZERO,
        description=order.description or rules.PURPOSES[order.purpose],
        one_time=order.auth_code or order.payer,
        payer_hash=rules.payer_hash(order.payer),
        terminal=order.terminal,
        state="paying",
        created_at=tx.now,
        created_by=tx.actor.subject,
        created_by_name=tx.actor.name,
        expires_at=tx.now + lasts,
        next_check_at=tx.now + timedelta(seconds=30),
        replaces_id=replaced.payment_id if replaced else None,
        patient_id=order.patient_id,
        encounter_id=order.encounter_id,
    )


def _choose(order: PaymentOrder) -> _Chosen:
    if order.purpose not in rules.PURPOSES:
        raise OrderInvalid(f"没有“{order.purpose}”这种支付用途，请核对。")
    if order.expires_in is not None and not timedelta(seconds=30) <= order.expires_in <= rules.LONGEST:
        raise OrderInvalid("支付时限须在 30 秒至 2 小时之间。")
    if order.description is not None and not 1 <= len(order.description) <= 40:
        raise OrderInvalid("支付说明须为 1 至 40 个字。")
    channel, product = order.channel, order.product
    if order.auth_code is not None:
        told = rules.channel_of_code(order.auth_code)
        if channel not in (None, told) or product not in (None, "payment_code"):
            raise OrderInvalid(f"扫到的是{rules.CHANNELS[told]}付款码，与所选支付方式不符，请重新选择。")
        return _Chosen(told, "payment_code")
    if channel is None or channel not in rules.PRODUCTS:
        raise OrderInvalid("请选择支付方式，或扫描患者付款码。")
    if product is None:
        product = "pos" if channel == "bank_card" else "jsapi" if order.payer else "qr"
    if product not in rules.PRODUCTS[channel] or product == "transfer":
        raise OrderInvalid(f"{rules.CHANNELS[channel]}不支持这种支付产品，请重新选择。")
    if product == "payment_code":
        raise OrderInvalid("请扫描患者付款码。")
    if (product in ("jsapi", "h5")) != (order.payer is not None):
        raise OrderInvalid("小程序支付须带付款人在该渠道的标识，手机网页支付须带其网络地址，其他方式不带。")
    if product == "h5" and not rules.is_address(order.payer or ""):
        raise OrderInvalid("手机网页支付须带付款人的网络地址（IP）。")
    return _Chosen(channel, product)


def _merchant(tx: Tx, order: PaymentOrder, chosen: _Chosen) -> Merchant:
    if order.merchant_id is None:
        merchant = tx.session.first(merchant_queries.ACTIVE, campus=tx.campus, channel=chosen.channel)
    else:
        merchant = tx.session.first(merchant_queries.MERCHANT, merchant_id=order.merchant_id)
        if merchant is None or merchant.campus_id != tx.campus:
            raise MerchantOfOtherCampus("收款商户须为费用所属院区自己的商户号，请改用本院区的商户。")
        if merchant.channel != chosen.channel or merchant.state != "active":
            merchant = None
    if merchant is None or chosen.product not in merchant.products:
        name = f"{rules.CHANNELS[chosen.channel]}{rules.PRODUCT_NAMES[chosen.product]}"
        raise ChannelNotOpen(f"本院区未开通{name}，请改用其他支付方式。")
    return merchant


def _is_same(row: Payment, order: PaymentOrder, chosen: _Chosen, tx: Tx) -> bool:
    """The open payment serves: same amount and way, not out of time, and no new payment code was scanned."""
    return (
        (row.amount, row.channel, row.product) == (order.amount, chosen.channel, chosen.product)
        and (order.auth_code is None or order.auth_code == row.one_time)
        and (row.product not in ("jsapi", "h5") or row.payer_hash == rules.payer_hash(order.payer))
        and row.expires_at > tx.now
    )


# -- carrying out


def carry_out(steps: Steps, payment_id: UUID) -> PaymentInfo:
    """Place the order and book the answer; run after the intent is committed, outside any transaction.

    A QR code or mini-program order comes back `paying` with what the payer needs. A payment code is waited for: asked
    about every 5 s for 60 s, then taken back; what comes back is final unless the channel is silent (`unknown`, the
    minute's sweep goes on). A payment that replaces another first closes that one; should it turn out paid, the new
    one is closed without having been sent. Called again it sends nothing twice.
    """
    row = steps.step(lambda tx: find_payment(tx, payment_id))
    if row.channel not in rules.ASKED or row.state not in ("paying", "unknown"):
        return payment_info(row)
    if row.replaces_id is not None and row.sent_at is None and not _out_of_the_way(steps, row.replaces_id):
        why = "该费用的上一笔支付已支付或结果确认中，请先查看上一笔支付。"
        return payment_info(steps.step(lambda tx: drop_unsent(tx, payment_id, why)))
    contact = steps.step(lambda tx: contact_of(tx, row.merchant_id))
    channel = channel_of(contact, steps)
    sent = steps.step(lambda tx: tx.session.first(queries.SEND, id_=payment_id, at=tx.now))
    if sent is None:
        return steps.step(lambda tx: payment_info(find_payment(tx, payment_id)))
    told, exchange = channel.order(order_of(sent))
    booked = _book(steps, payment_id, told, exchange)
    if booked.product == "payment_code" and booked.state not in booking.FINAL:
        booked = _wait_for_payer(steps, channel, booked)
    return payment_info(booked)


def _wait_for_payer(steps: Steps, channel: Channel, row: Payment) -> Payment:
    """The payer types a password: ask every 5 s, the last time after 60 s, then take the order back."""
    begun = row.sent_at or row.created_at
    while row.state not in booking.FINAL and steps.clock() < begun + rules.PATIENCE:
        client.outside().wait(rules.POLL_SECONDS)
        row = _ask(steps, channel, row)
    return row if row.state in booking.FINAL else take_back(steps, channel, row)


def take_back(steps: Steps, channel: Channel, row: Payment) -> Payment:
    """Reverse a payment code's order (撤销). From here on only the reversal decides."""
    claimed = steps.step(lambda tx: tx.session.first(queries.BEGIN_REVERSAL, id_=row.payment_id, at=tx.now))
    if claimed is None:
        return steps.step(lambda tx: find_payment(tx, row.payment_id))
    told, exchange = channel.reverse(order_of(claimed))
    return _book(steps, row.payment_id, told, exchange)


def _ask(steps: Steps, channel: Channel, row: Payment) -> Payment:
    told, exchange = channel.query(order_of(row))
    return _book(steps, row.payment_id, told, exchange)


def _book(steps: Steps, payment_id: UUID, told: Told, exchange: Exchange) -> Payment:
    return steps.step(lambda tx: booking.book_exchange(tx, payment_id, told, exchange))


def drop_unsent(tx: Tx, payment_id: UUID, why: str | None = None) -> Payment:
    """Close a payment whose order never left the house."""
    row = locked_payment(tx, payment_id)
    if row.sent_at is not None or row.state in booking.FINAL:
        return row
    return booking.close(tx, row, None, why)


def _out_of_the_way(steps: Steps, payment_id: UUID) -> bool:
    """Whether a replaced payment is closed; False when it is paid, or when that is not known yet."""
    return settle_by_asking(steps, payment_id, closing=True).state == "closed"


# -- asking and closing


def settle_by_asking(steps: Steps, payment_id: UUID, *, closing: bool = False) -> PaymentInfo:
    """Ask the channel what became of a payment and book it; close it when it is out of time or no longer wanted.

    Never guessed by time alone: an order the channel does not know is closed only when its expiry, which the channel
    was told, is long past.
    """

    def look(tx: Tx) -> tuple[Payment, Contact]:
        row = find_payment(tx, payment_id)
        return row, contact_of(tx, row.merchant_id)

    row, contact = steps.step(look)
    if row.state in booking.FINAL and row.state != "closed":
        return payment_info(row)
    if row.channel not in rules.ASKED:
        return payment_info(steps.step(lambda tx: _note_silence(tx, payment_id)))
    if row.sent_at is None:
        if row.state == "closed" or not (closing or _is_over(row, steps)):
            return payment_info(row)
        return payment_info(steps.step(lambda tx: drop_unsent(tx, payment_id)))
    channel = channel_of(contact, steps)
    if row.reversing_at is not None and row.state != "closed":
        return payment_info(take_back(steps, channel, row))
    row = _ask(steps, channel, row)
    if row.state in booking.FINAL or not (closing or _is_over(row, steps)):
        return payment_info(row)
    return payment_info(_end(steps, channel, row))


def _end(steps: Steps, channel: Channel, row: Payment) -> Payment:
    """Close an order that is not paid: by closing, or by reversal for a payment code."""
    if row.product == "payment_code":
        if steps.clock() < (row.sent_at or row.created_at) + rules.REVERSE_AFTER:
            return steps.step(lambda tx: _want_closed(tx, row.payment_id))
        return take_back(steps, channel, row)
    told, exchange = channel.close(order_of(row))
    booked = _book(steps, row.payment_id, told, exchange)
    return booked if booked.state in booking.FINAL else _ask(steps, channel, booked)


def _is_over(row: Payment, steps: Steps) -> bool:
    if row.close_requested_at is not None or steps.clock() >= row.expires_at:
        return True
    waited = steps.clock() - (row.sent_at or row.created_at)
    return row.product == "payment_code" and waited >= rules.PATIENCE


def _note_silence(tx: Tx, payment_id: UUID) -> Payment:
    """A card terminal has no interface to ask: past its time, the window must enter what the terminal's slip says."""
    row = locked_payment(tx, payment_id)
    if row.state in booking.FINAL or tx.now < row.expires_at:
        return row
    return tx.session.one(
        queries.REMEMBER,
        id_=payment_id,
        state_="unknown",
        parameters_=None,
        next=tx.now + timedelta(minutes=10),
        trouble_="terminal_silent",
    )


def _want_closed(tx: Tx, payment_id: UUID) -> Payment:
    asked = tx.session.first(queries.ASK_TO_CLOSE, id_=payment_id, at=tx.now)
    return asked if asked is not None else find_payment(tx, payment_id)


def request_close(tx: Tx, payment_id: UUID) -> PaymentInfo:
    """Ask for an unpaid payment to be closed; the minute's sweep does it at the channel, if it is truly unpaid."""
    return payment_info(_want_closed(tx, payment_id))


def close_payment(steps: Steps, payment_id: UUID) -> PaymentInfo:
    """Close an unpaid payment at its channel now. What comes back is the truth: it may turn out to be paid, or not be
    known yet (`unknown`)."""
    return settle_by_asking(steps, payment_id, closing=True)


def accept_late_payment(tx: Tx, payment_id: UUID) -> PaymentInfo:
    """The bill takes money that came after its payment was closed: it is not given back by itself. NotLate."""
    accepted = tx.session.first(queries.ACCEPT_LATE, id_=payment_id)
    if accepted is None:
        row = find_payment(tx, payment_id)
        raise NotLate(f"该笔支付不待退回，当前为“{rules.PAYMENT_STATES[row.state]}”。")
    tx.audit(
        "payment.late_accepted", "payment", payment_id, patient_id=accepted.patient_id, amount=str(accepted.amount)
    )
    return payment_info(accepted)
