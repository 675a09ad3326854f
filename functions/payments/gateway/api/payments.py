"""Routes of payments: search, timeline, asking and closing, terminals, transfers, the day."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter
from pydantic import StringConstraints

from functions.payments.gateway import rules, service
from functions.payments.gateway.api.views import (
    attempt_view,
    channel_day_view,
    notification_view,
    payment_view,
    refund_view,
)
from functions.payments.gateway.models import Payment
from functions.payments.gateway.queries import payments as queries
from functions.payments.gateway.queries import refunds as refund_queries
from functions.payments.gateway.schemas import DayView, PaymentView, TimelineView
from functions.payments.gateway.schemas.terminals import (
    RecordTransfer,
    SettleTerminal,
    TerminalBatchView,
    TerminalResult,
)
from functions.payments.gateway.service import searching
from functions.payments.gateway.service.reading import find_payment
from shared.command import Onward, command, query
from shared.http import Router
from shared.money import ZERO, PositiveMoney
from shared.problems import NotFound
from shared.schemas import Page, midnight
from shared.steps import Steps
from shared.tx import Tx

router = Router()
LAST = UUID(int=2**128 - 1)
Limit = Annotated[int, Parameter(ge=1, le=200)]
Number = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,64}$")]
_DAY = timedelta(days=1)
_FIRST_DAY = date(2020, 1, 1)


@router.get("/payments")
@query("payments.gateway.read")
def list_payments(tx: Tx, unfinished: bool = False, limit: Limit = 50, cursor: UUID | None = None) -> Page[PaymentView]:
    """Payments of the acting campus, newest first; `unfinished` only those whose outcome is still to come."""
    found = queries.OPEN_PAGE if unfinished else queries.PAGE
    rows = tx.session.all(found, campus=tx.campus, before=cursor or LAST, limit=limit)
    tx.audit("payments.listed", "campus", tx.campus, count=len(rows))
    return _page(rows, limit)


@router.get("/payments/of-patient/{patient_id}")
@query("payments.gateway.read")
def payments_of_patient(tx: Tx, patient_id: UUID, limit: Limit = 50, cursor: UUID | None = None) -> Page[PaymentView]:
    """What a patient was asked to pay here, under whatever record (按患者查支付), newest first."""
    return _page(searching.of_patient(tx, patient_id, cursor or LAST, limit), limit)


@router.get("/payments/of-encounter/{encounter_id}")
@query("payments.gateway.read")
def payments_of_encounter(
    tx: Tx, encounter_id: UUID, limit: Limit = 50, cursor: UUID | None = None
) -> Page[PaymentView]:
    """Payments for a visit here (按就诊查支付), newest first. Bills of several visits are found by the patient."""
    return _page(searching.of_encounter(tx, encounter_id, cursor or LAST, limit), limit)


@router.get("/payments/by-amount")
@query("payments.gateway.read")
def payments_by_amount(
    tx: Tx, amount: PositiveMoney, day: date, limit: Limit = 50, cursor: UUID | None = None
) -> Page[PaymentView]:
    """Payments of an amount that were ordered or paid on a day (按金额和日期查支付), newest first."""
    if not _FIRST_DAY <= day <= tx.today:
        raise NotFound("该日期没有支付数据，请重新选择。")
    return _page(searching.of_amount(tx, amount, day, cursor or LAST, limit), limit)


@router.get("/payments/search")
@query("payments.gateway.read")
def search_payments(tx: Tx, number: Number) -> list[PaymentView]:
    """Payments by any number: our order or refund number, the channel's on the patient's bill, a slip's reference."""
    by_order = tx.session.send(queries.BY_ORDER_NUMBER, number=number)
    by_refund = tx.session.send(queries.BY_REFUND_NUMBER, number=number)
    by_channel = tx.session.send(queries.BY_CHANNEL_NUMBER, channels=list(rules.CHANNELS), number=number)
    rows = {row.payment_id: row for row in [*by_order.all(), *by_refund.all(), *by_channel.all()]}
    searching.note(tx, "number", list(rows.values()))
    return [payment_view(row) for row in rows.values()]


@router.get("/payments/by-reference")
@query("payments.gateway.read")
def payments_by_reference(tx: Tx, ref_module: Number, ref_id: Number) -> list[PaymentView]:
    """Every payment made for a bill, a deposit, a booking, the oldest first."""
    rows = tx.session.all(queries.OF_REFERENCES, campus=tx.campus, module=ref_module, refs=[ref_id])
    searching.note(tx, "reference", rows)
    return [payment_view(row) for row in rows]


@router.get("/payments/{payment_id}")
@query("payments.gateway.read")
def read_payment(tx: Tx, payment_id: UUID) -> TimelineView:
    """A payment with its whole timeline: what was asked, what was answered, what came by itself, what went back."""
    row = find_payment(tx, payment_id)
    attempts = tx.session.send(queries.ATTEMPTS, payment_id=payment_id)
    notifications = tx.session.send(queries.NOTIFICATIONS, payment_id=payment_id)
    refunds = tx.session.send(refund_queries.OF_PAYMENT, payment_id=payment_id)
    tx.audit("payment.read", "payment", payment_id, patient_id=row.patient_id)
    return TimelineView(
        payment=payment_view(row),
        attempts=[attempt_view(item) for item in attempts.all()],
        notifications=[notification_view(item) for item in notifications.all()],
        refunds=[refund_view(item, tx.now) for item in refunds.all()],
    )


@router.post("/payments/{payment_id}/query")
@command("payments.gateway.query")
def ask_channel(tx: Tx, payment_id: UUID) -> PaymentView:
    """Ask the channel what became of a payment (查询支付结果)."""
    return _onward(tx, payment_id, closing=False)


@router.post("/payments/{payment_id}/close")
@command("payments.gateway.query")
def close_payment(tx: Tx, payment_id: UUID) -> PaymentView:
    """Close an unpaid payment (关单). It may turn out to be paid; then it is."""
    return _onward(tx, payment_id, closing=True)


def _onward(tx: Tx, payment_id: UUID, *, closing: bool) -> PaymentView:
    row = _own(tx, payment_id)
    tx.audit("payment.asked", "payment", payment_id, patient_id=row.patient_id, closing=closing)

    def go_on(steps: Steps) -> PaymentView:
        service.settle_by_asking(steps, payment_id, closing=closing)
        return steps.step(lambda tx: payment_view(find_payment(tx, payment_id)))

    return Onward(payment_view(row), go_on)  # type: ignore[return-value]


@router.post("/payments/{payment_id}/terminal-result")
@command("payments.gateway.terminal")
def enter_result(tx: Tx, payment_id: UUID, body: TerminalResult) -> PaymentView:
    """What the card terminal said about a payment (登记刷卡结果), from the bridge or the slip."""
    return payment_view(service.enter_result(tx, payment_id, body))


@router.post("/terminals/{terminal}/settle", status_code=201)
@command("payments.gateway.terminal")
def settle_terminal(tx: Tx, terminal: Number, body: SettleTerminal) -> TerminalBatchView:
    """End of day of a terminal: its totals beside ours (终端结算)."""
    return TerminalBatchView.model_validate(service.settle_terminal(tx, terminal, body))


@router.get("/terminal-batches")
@query("payments.gateway.read")
def list_batches(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[TerminalBatchView]:
    """Settled batches of the campus's terminals, newest first."""
    rows = tx.session.all(refund_queries.BATCHES, campus=tx.campus, before=cursor or LAST, limit=limit)
    tx.audit("terminal_batches.listed", "campus", tx.campus, count=len(rows))
    return Page[TerminalBatchView](
        items=[TerminalBatchView.model_validate(row) for row in rows],
        next=str(rows[-1].batch_id) if len(rows) == limit else None,
    )


@router.post("/transfers", status_code=201)
@command("payments.gateway.transfer")
def record_transfer(tx: Tx, body: RecordTransfer) -> PaymentView:
    """Book money that stands on the bank statement (登记转账到账)."""
    return payment_view(service.record_transfer(tx, body))


@router.get("/days/{day}")
@query("payments.gateway.read")
def read_day(tx: Tx, day: date) -> DayView:
    """The gateway's figures of a day at the acting campus, channel by channel."""
    if not _FIRST_DAY <= day <= tx.today:
        raise NotFound("该日期没有支付数据，请重新选择。")
    since = midnight(day)
    span = {"campus": tx.campus, "since": since, "until": since + _DAY}
    sent = [tx.session.send(found, **span) for found in (queries.ORDERS_DAY, queries.MONEY_DAY, queries.REFUND_DAY)]
    orders, came, went = ({row.channel: row for row in answer.all()} for answer in sent)
    channels = [
        channel_day_view(channel, orders.get(channel), came.get(channel), went.get(channel))
        for channel in rules.CHANNELS
        if channel in orders or channel in came or channel in went
    ]
    tx.audit("payments.day_read", "campus", tx.campus, day=str(day))
    return DayView(day=day, campus_id=tx.campus, channels=channels, net=sum((item.net for item in channels), ZERO))


def _page(rows: list[Payment], limit: int) -> Page[PaymentView]:
    return Page[PaymentView](
        items=[payment_view(row) for row in rows], next=str(rows[-1].payment_id) if len(rows) == limit else None
    )


def _own(tx: Tx, payment_id: UUID) -> Payment:
    row = find_payment(tx, payment_id)
    if row.campus_id != tx.campus:
        raise NotFound("没有这笔支付，请核对支付单号。")
    return row
