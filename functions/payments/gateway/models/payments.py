"""Payments, what was said to the channels about them, and what the channels said by themselves."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from functions.payments.gateway.models.merchants import CHANNEL_CHECK, PAYMENTS
from shared.database.model import CampusOwned, Model

OPEN = "state IN ('paying', 'unknown')"


class Payment(CampusOwned, Model):
    """An electronic payment (支付单).

    State: paying, unknown, then succeeded or closed; succeeded, part_refunded, refunded. The row commits as `paying`
    before the channel hears of it. `refunded` went back, `refunding` is asked back and not settled: both together
    never exceed the amount.
    """

    __tablename__ = "gateway_payments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["campus_id", "merchant_id"], ["payments.merchants.campus_id", "payments.merchants.merchant_id"]
        ),
        Index("uq_gateway_payments_order_no", "order_no", unique=True),
        Index(
            "uq_gateway_payments_channel_no",
            "channel",
            "channel_no",
            unique=True,
            postgresql_where=text("channel_no IS NOT NULL"),
        ),
        Index(
            "uq_gateway_payments_open",
            "campus_id",
            "ref_module",
            "ref_id",
            unique=True,
            postgresql_where=text(f"{OPEN} AND close_requested_at IS NULL"),
        ),
        Index(None, "campus_id", "ref_module", "ref_id"),
        Index(None, "campus_id", "payment_id"),
        Index(None, "campus_id", "created_at"),
        Index(
            "ix_gateway_payments_patient",
            "campus_id",
            "patient_id",
            "payment_id",
            postgresql_where=text("patient_id IS NOT NULL"),
        ),
        Index(
            "ix_gateway_payments_encounter",
            "campus_id",
            "encounter_id",
            "payment_id",
            postgresql_where=text("encounter_id IS NOT NULL"),
        ),
        Index("ix_gateway_payments_amount", "campus_id", "amount", "created_at"),
        Index(
            "ix_gateway_payments_amount_paid",
            "campus_id",
            "amount",
            "paid_at",
            postgresql_where=text("paid_at IS NOT NULL"),
        ),
        Index("ix_gateway_payments_due", "campus_id", "next_check_at", postgresql_where=text(OPEN)),
        Index(
            "ix_gateway_payments_late",
            "campus_id",
            "late_refund_at",
            postgresql_where=text("late_refund_at IS NOT NULL"),
        ),
        Index("ix_gateway_payments_paid", "campus_id", "paid_at", postgresql_where=text("paid_at IS NOT NULL")),
        CheckConstraint(CHANNEL_CHECK, name="channel"),
        CheckConstraint(
            "state IN ('paying', 'unknown', 'succeeded', 'closed', 'part_refunded', 'refunded')", name="state"
        ),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("refunded >= 0 AND refunding >= 0 AND refunded + refunding <= amount", name="refunds"),
        CheckConstraint(
            "(state IN ('succeeded', 'part_refunded', 'refunded')) = (paid_at IS NOT NULL AND channel_no IS NOT NULL)",
            name="paid",
        ),
        CheckConstraint(
            "(state <> 'refunded' OR refunded = amount) AND (state <> 'part_refunded' OR refunded BETWEEN 0.01 AND"
            " amount - 0.01) AND (refunded = 0 OR state IN ('part_refunded', 'refunded'))",
            name="given_back",
        ),
        CheckConstraint("state IN ('paying', 'unknown') OR one_time IS NULL", name="one_time"),
        CheckConstraint("late_refund_at IS NULL OR late", name="late"),
        {"schema": PAYMENTS},
    )

    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_no: Mapped[str] = mapped_column(Text)
    merchant_id: Mapped[UUID]
    """A merchant of the payment's own campus (分院独立核算): the foreign key holds both columns."""
    channel: Mapped[str] = mapped_column(Text)
    product: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    ref_module: Mapped[str] = mapped_column(Text)
    ref_id: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal]
    refunded: Mapped[Decimal]
    refunding: Mapped[Decimal]
    description: Mapped[str] = mapped_column(Text)
    one_time: Mapped[str | None] = mapped_column(Text)
    """What the channel must be told once, payment code or openid; gone as soon as it was told."""
    payer_hash: Mapped[str | None] = mapped_column(Text)
    """SHA-256 of the payer's id at the channel: tells whether two payments have one payer, not who it is."""
    terminal: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Text)
    created_by_name: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime]
    next_check_at: Mapped[datetime]
    replaces_id: Mapped[UUID | None]
    """The open payment of the same reference that must be closed before this one is ordered."""
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB, default_factory=dict)
    """What the payer's phone or the screen needs: code_url, jsapi, or h5_url."""
    channel_no: Mapped[str | None] = mapped_column(Text, default=None)
    proof: Mapped[dict[str, Any]] = mapped_column(JSONB, default_factory=dict)
    """Bank card: masked card, reference, terminal, batch; transfer: bank reference and date."""
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    paid_at: Mapped[datetime | None] = mapped_column(default=None)
    booked_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    close_requested_at: Mapped[datetime | None] = mapped_column(default=None)
    reversing_at: Mapped[datetime | None] = mapped_column(default=None)
    """When we began to take a payment code back: from then on only the reversal decides, not an older answer."""
    reason_code: Mapped[str | None] = mapped_column(Text, default=None)
    reason: Mapped[str | None] = mapped_column(Text, default=None)
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    late: Mapped[bool] = mapped_column(default=False)
    late_refund_at: Mapped[datetime | None] = mapped_column(default=None)
    """When late money goes back by itself; null once its bill took it or it went."""
    trouble: Mapped[str | None] = mapped_column(Text, default=None)
    """Why a person of finance must look: amount_differs, terminal_silent."""
    version: Mapped[int] = mapped_column(default=1)
    patient_id: Mapped[UUID | None] = mapped_column(default=None)
    """Whose bill it pays, as it was written then: a list by patient asks for all records of the person."""
    encounter_id: Mapped[UUID | None] = mapped_column(default=None)
    """The one visit it is for; null when the bill is of several, or of none."""


def sealed_checks() -> tuple[CheckConstraint, ...]:
    """What holds of a table whose messages are sealed."""
    return (
        CheckConstraint("(sealed IS NULL) = (key_id IS NULL)", name="sealed"),
        CheckConstraint("sealed IS NULL OR starts_with(sealed, key_id || ':')", name="key_id"),
    )


class PaymentAttempt(CampusOwned, Model):
    """One exchange with a channel, both sides masked and sealed: what was asked, what it answered.

    Only its seal ever changes, with the key. `request` and `answer` hold rows from before messages were sealed.
    """

    __tablename__ = "gateway_attempts"
    __table_args__ = (
        Index("ix_gateway_attempts_payment", "payment_id", "attempt_id"),
        Index(
            "ix_gateway_attempts_refund",
            "channel_refund_id",
            "attempt_id",
            postgresql_where=text("channel_refund_id IS NOT NULL"),
        ),
        Index("ix_gateway_attempts_key", "campus_id", "key_id", "attempt_id"),
        *sealed_checks(),
        CheckConstraint("sealed IS NULL OR (request = '{}' AND answer IS NULL)", name="closed"),
        {"schema": PAYMENTS},
    )

    attempt_id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID]
    payment_id: Mapped[UUID | None]
    channel_refund_id: Mapped[UUID | None]
    operation: Mapped[str] = mapped_column(Text)
    """order, query, close, reverse, refund, query_refund, probe, terminal."""
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    http_status: Mapped[int | None] = mapped_column(SmallInteger)
    outcome: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime]
    milliseconds: Mapped[int] = mapped_column(Integer)
    actor: Mapped[str] = mapped_column(Text)
    sealed: Mapped[str | None] = mapped_column(Text, default=None)
    key_id: Mapped[str | None] = mapped_column(Text, default=None)
    """The key it was sealed with; rotation finds its work by it."""


class Notification(CampusOwned, Model):
    """What a channel sent by itself (支付通知). State: waiting (stored, not applied yet), applied, refused."""

    __tablename__ = "gateway_notifications"
    __table_args__ = (
        Index(
            "uq_gateway_notifications_message",
            "merchant_id",
            "message_id",
            unique=True,
            postgresql_where=text("state <> 'refused'"),
        ),
        Index(
            "ix_gateway_notifications_waiting", "campus_id", "received_at", postgresql_where=text("state = 'waiting'")
        ),
        Index(
            "ix_gateway_notifications_refused", "merchant_id", "received_at", postgresql_where=text("state = 'refused'")
        ),
        Index("ix_gateway_notifications_payment", "payment_id", postgresql_where=text("payment_id IS NOT NULL")),
        Index("ix_gateway_notifications_key", "campus_id", "key_id", "notification_id"),
        *sealed_checks(),
        CheckConstraint("state IN ('waiting', 'applied', 'refused')", name="state"),
        {"schema": PAYMENTS},
    )

    notification_id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID]
    channel: Mapped[str] = mapped_column(Text)
    kind: Mapped[str | None] = mapped_column(Text)
    """payment, refund, or null where nothing could be read."""
    message_id: Mapped[str] = mapped_column(Text)
    """The channel's id of the message, or the digest of what could not be believed."""
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Which order or refund it names; of a refused one its size. What it says is sealed beside it, masked; rows from
    before that hold it here."""
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    payment_id: Mapped[UUID | None]
    received_at: Mapped[datetime]
    applied_at: Mapped[datetime | None] = mapped_column(default=None)
    times: Mapped[int] = mapped_column(Integer, default=1)
    """How often the channel sent it."""
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    sealed: Mapped[str | None] = mapped_column(Text, default=None)
    key_id: Mapped[str | None] = mapped_column(Text, default=None)
    forged: Mapped[bool | None] = mapped_column(default=None)
    """Of a refused one whether its signature, time or sender did not hold; not where only our own key was missing."""


class MessageKey(Model):
    """A key messages were sealed with, by a proof that tells nothing of it: it betrays a process that was given another
    key under the same name."""

    __tablename__ = "message_keys"
    __table_args__ = ({"schema": PAYMENTS},)

    key_id: Mapped[str] = mapped_column(Text, primary_key=True)
    proof: Mapped[str] = mapped_column(Text)
    first_used_at: Mapped[datetime]


class ForgeryAlarm(CampusOwned, Model):
    """Several notifications of a merchant's channel were not to be believed within an hour (伪造通知告警).

    One stands open for a merchant at a time; whoever looks into it says what it was, and counting begins anew.
    """

    __tablename__ = "forgery_alarms"
    __table_args__ = (
        Index("uq_forgery_alarms_open", "merchant_id", unique=True, postgresql_where=text("acknowledged_at IS NULL")),
        Index(None, "campus_id", "alarm_id"),
        Index(None, "merchant_id", "acknowledged_at"),
        CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="acknowledged"),
        CheckConstraint("(acknowledged_at IS NULL) = (finding IS NULL)", name="finding"),
        {"schema": PAYMENTS},
    )

    alarm_id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("payments.merchants.merchant_id"))
    channel: Mapped[str] = mapped_column(Text)
    first_at: Mapped[datetime]
    """When the first of them came."""
    raised_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    """Why the last of them was not believed."""
    acknowledged_at: Mapped[datetime | None] = mapped_column(default=None)
    acknowledged_by: Mapped[str | None] = mapped_column(Text, default=None)
    acknowledged_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    finding: Mapped[str | None] = mapped_column(Text, default=None)
    """What it was and what was done, in the words of who looked."""
    version: Mapped[int] = mapped_column(default=1)
