"""Rows as screens show them."""

from datetime import datetime
from decimal import Decimal

from functions.payments.gateway import rules
from functions.payments.gateway.models import GatewayRefund, Notification, Payment, PaymentAttempt
from functions.payments.gateway.queries.payments import ChannelMoney, ChannelOrders, ChannelRefunds
from functions.payments.gateway.schemas import (
    AttemptView,
    ChannelDayView,
    NotificationView,
    PaymentView,
    RefundView,
    RefusedNotificationView,
)
from functions.payments.gateway.service import messages
from shared.money import ZERO

_HOUR = 3600


def payment_view(row: Payment) -> PaymentView:
    """A payment with its labels."""
    fields = {name: getattr(row, name) for name in PaymentView.model_fields if hasattr(row, name)}
    return PaymentView(
        **fields,
        channel_name=rules.CHANNELS[row.channel],
        product_name=rules.PRODUCT_NAMES[row.product],
        state_label=rules.PAYMENT_STATES[row.state],
        code_url=row.parameters.get("code_url") if row.state in ("paying", "unknown") else None,
    )


def refund_view(row: GatewayRefund, now: datetime) -> RefundView:
    """A refund with its label and age."""
    fields = {name: getattr(row, name) for name in RefundView.model_fields if hasattr(row, name)}
    age = ((row.finished_at or now) - row.requested_at).total_seconds()
    label = rules.REFUND_STATES[row.state]
    if row.state == "abnormal" and row.reason_code == rules.BY_TRANSFER:
        label = "待财务转账退还"
    return RefundView(**fields, state_label=label, age_hours=max(0, int(age) // _HOUR))


def attempt_view(row: PaymentAttempt) -> AttemptView:
    """One exchange with the channel."""
    read = messages.exchange_of(row)
    fields = {name: getattr(row, name) for name in AttemptView.model_fields if hasattr(row, name)}
    said = {"request": read.said.get("request", {}), "answer": read.said.get("answer")}
    return AttemptView(**fields | said, unreadable=read.unreadable)


def notification_view(row: Notification) -> NotificationView:
    """One notification."""
    read = messages.content_of(row)
    fields = {name: getattr(row, name) for name in NotificationView.model_fields if hasattr(row, name)}
    return NotificationView(**fields | {"content": read.said}, unreadable=read.unreadable)


def refused_view(row: Notification) -> RefusedNotificationView:
    """One notification that was not believed."""
    read = messages.content_of(row)
    return RefusedNotificationView(
        notification_id=row.notification_id,
        received_at=row.received_at,
        reason=row.reason,
        content=read.said,
        unreadable=read.unreadable,
    )


def channel_day_view(
    channel: str, orders: ChannelOrders | None, came: ChannelMoney | None, went: ChannelRefunds | None
) -> ChannelDayView:
    """A channel's day: orders placed in it, money that arrived in it, money that went back in it."""
    created = orders.created if orders else 0
    abandoned = orders.abandoned if orders else 0
    paid = came.paid_amount if came else ZERO
    refunded = went.refunds_amount if went else ZERO
    percent = Decimal(abandoned * 100) / created if created else ZERO
    return ChannelDayView(
        channel=channel,
        channel_name=rules.CHANNELS[channel],
        created=created,
        paid=came.paid if came else 0,
        paid_amount=paid,
        late=came.late if came else 0,
        refunds=went.refunds if went else 0,
        refunds_amount=refunded,
        net=paid - refunded,
        abandoned=abandoned,
        abandoned_percent=percent.quantize(Decimal("0.1")),
        seconds_to_pay=orders.seconds_to_pay if orders else None,
    )
