"""Merchants (商户号) of the campuses at the channels, their keys by reference, and how the channels do."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Numeric, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model

PAYMENTS = "payments"
CHANNEL_CHECK = "channel IN ('wechat', 'alipay', 'bank_card', 'ecny', 'transfer')"


class Merchant(CampusOwned, Model):
    """A campus's merchant at a channel: own number, own bank account (分院独立核算).

    State: draft, tested (the channel answered a test call), active, stopped. Whoever proposed it does not activate it.
    """

    __tablename__ = "merchants"
    __table_args__ = (
        UniqueConstraint("channel", "merchant_no"),
        Index("uq_merchants_active", "campus_id", "channel", unique=True, postgresql_where=text("state = 'active'")),
        UniqueConstraint("campus_id", "merchant_id"),
        CheckConstraint(CHANNEL_CHECK, name="channel"),
        CheckConstraint("state IN ('draft', 'tested', 'active', 'stopped')", name="state"),
        CheckConstraint("limit_per_payment > 0", name="limit"),
        CheckConstraint("fee_rate >= 0 AND fee_rate < 1", name="fee_rate"),
        CheckConstraint(
            "state NOT IN ('active') OR (activated_by IS NOT NULL AND activated_by <> proposed_by)", name="two_persons"
        ),
        CheckConstraint(
            "(change IS NULL) = (change_by IS NULL) AND (change IS NULL) = (change_at IS NULL)", name="change"
        ),
        {"schema": PAYMENTS},
    )

    merchant_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(Text)
    merchant_no: Mapped[str] = mapped_column(Text)
    """The merchant's number at the channel (mchid, PID, 商户编号)."""
    app_id: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    bank_name: Mapped[str] = mapped_column(Text)
    account_tail: Mapped[str] = mapped_column(Text)
    """Last four digits of the campus's own bank account."""
    products: Mapped[list[str]]
    limit_per_payment: Mapped[Decimal]
    """Yuan a single payment may have."""
    fee_rate: Mapped[Decimal] = mapped_column(Numeric(7, 6))
    """What the channel keeps of each payment: 0.006 is 0.6 %."""
    state: Mapped[str] = mapped_column(Text)
    proposed_by: Mapped[str] = mapped_column(Text)
    proposed_by_name: Mapped[str] = mapped_column(Text)
    proposed_at: Mapped[datetime]
    tested_at: Mapped[datetime | None] = mapped_column(default=None)
    test_result: Mapped[str | None] = mapped_column(Text, default=None)
    valid_from: Mapped[datetime | None] = mapped_column(default=None)
    activated_by: Mapped[str | None] = mapped_column(Text, default=None)
    activated_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    stopped_at: Mapped[datetime | None] = mapped_column(default=None)
    stopped_by: Mapped[str | None] = mapped_column(Text, default=None)
    change: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), default=None)
    """Terms proposed by one person, put in force by another: products, limit, fee, account, mini-program, name."""
    change_by: Mapped[str | None] = mapped_column(Text, default=None)
    change_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    change_at: Mapped[datetime | None] = mapped_column(default=None)
    mini_app_id: Mapped[str | None] = mapped_column(Text, default=None)
    """Alipay: the mini-program that opens the till, where it is not the app that signs (op_app_id)."""
    version: Mapped[int] = mapped_column(default=1)


class MerchantKey(CampusOwned, Model):
    """A key of a merchant, by reference only: `secret_ref` names a file of the secret store, never its content.

    Role: sign (our private key), verify (the channel's public key or certificate), cipher (WeChat's APIv3 key).
    State: proposed, active, withdrawn. Two keys of a role may be valid at once, so that a rotation overlaps.
    """

    __tablename__ = "merchant_keys"
    __table_args__ = (
        Index(None, "merchant_id", "role", "valid_from"),
        Index("ix_merchant_keys_expiring", "expires_on", postgresql_where=text("state = 'active'")),
        CheckConstraint("role IN ('sign', 'verify', 'cipher')", name="role"),
        CheckConstraint("state IN ('proposed', 'active', 'withdrawn')", name="state"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="validity"),
        CheckConstraint(
            "state <> 'active' OR (approved_by IS NOT NULL AND approved_by <> proposed_by)", name="two_persons"
        ),
        CheckConstraint("secret_ref ~ '^[a-z0-9][a-z0-9._-]{0,80}$'", name="reference"),
        {"schema": PAYMENTS},
    )

    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("payments.merchants.merchant_id"))
    role: Mapped[str] = mapped_column(Text)
    serial: Mapped[str] = mapped_column(Text)
    """Serial of the certificate, or id of the public key, as the channel writes it in its headers."""
    secret_ref: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    expires_on: Mapped[date | None]
    """When the certificate itself ends; alarms go out 30, 7 and 1 days before."""
    state: Mapped[str] = mapped_column(Text)
    proposed_by: Mapped[str] = mapped_column(Text)
    proposed_by_name: Mapped[str] = mapped_column(Text)
    proposed_at: Mapped[datetime]
    approved_by: Mapped[str | None] = mapped_column(Text, default=None)
    approved_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    approved_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class ChannelHealth(CampusOwned, Model):
    """How a merchant's channel does now: calls and errors of the last two minutes, and whether it is paused.

    State: open, paused. An automatic pause is probed again from `probe_at`; a pause by a person lasts until a person
    ends it.
    """

    __tablename__ = "channel_health"
    __table_args__ = (
        Index(None, "campus_id", "channel"),
        CheckConstraint("state IN ('open', 'paused')", name="state"),
        CheckConstraint("(state = 'paused') = (paused_at IS NOT NULL)", name="paused"),
        CheckConstraint("errors >= 0 AND errors <= calls", name="counts"),
        {"schema": PAYMENTS},
    )

    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("payments.merchants.merchant_id"), primary_key=True)
    channel: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    automatic: Mapped[bool]
    text: Mapped[str] = mapped_column(Text)
    """What screens say while it is paused."""
    window_at: Mapped[datetime]
    calls: Mapped[int] = mapped_column(Integer)
    errors: Mapped[int] = mapped_column(Integer)
    paused_at: Mapped[datetime | None] = mapped_column(default=None)
    paused_by: Mapped[str | None] = mapped_column(Text, default=None)
    probe_at: Mapped[datetime | None] = mapped_column(default=None)
    probes: Mapped[int] = mapped_column(Integer, default=0)
    version: Mapped[int] = mapped_column(default=1)
