"""Refunds at the channels (原路退回) and the end-of-day totals of card terminals."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from functions.payments.gateway.models.merchants import PAYMENTS
from shared.database.model import CampusOwned, Model


class GatewayRefund(CampusOwned, Model):
    """A refund by the original route. However often it is sent, it keeps its refund number, so money moves once.

    State: requested, processing, succeeded; abnormal (account closed, returned by the bank), then resolved by a
    transfer with two approvals; rejected.
    """

    __tablename__ = "gateway_refunds"
    __table_args__ = (
        Index("uq_gateway_refunds_refund_no", "refund_no", unique=True),
        UniqueConstraint("payment_id", "refund_ref"),
        Index(None, "campus_id", "channel_refund_id"),
        Index(
            "ix_gateway_refunds_due",
            "campus_id",
            "next_try_at",
            postgresql_where=text("state IN ('requested', 'processing')"),
        ),
        Index(
            "ix_gateway_refunds_unfinished",
            "campus_id",
            "channel_refund_id",
            postgresql_where=text("state IN ('requested', 'processing', 'abnormal')"),
        ),
        Index("ix_gateway_refunds_finished", "campus_id", "finished_at"),
        CheckConstraint(
            "state IN ('requested', 'processing', 'succeeded', 'abnormal', 'resolved', 'rejected')", name="state"
        ),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(
            "(state IN ('succeeded', 'resolved', 'rejected')) = (finished_at IS NOT NULL)", name="finished"
        ),
        CheckConstraint(
            "state <> 'resolved' OR (transfer_by IS NOT NULL AND approved_first_by IS NOT NULL"
            " AND approved_second_by IS NOT NULL AND transfer_by <> approved_first_by"
            " AND transfer_by <> approved_second_by AND approved_first_by <> approved_second_by)",
            name="resolved",
        ),
        {"schema": PAYMENTS},
    )

    channel_refund_id: Mapped[UUID] = mapped_column(primary_key=True)
    refund_no: Mapped[str] = mapped_column(Text)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.gateway_payments.payment_id"))
    merchant_id: Mapped[UUID]
    channel: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal]
    refund_ref: Mapped[str] = mapped_column(Text)
    """What the asking module calls it; the same one is never paid twice."""
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(Text)
    requested_by_name: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    next_try_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    channel_refund_no: Mapped[str | None] = mapped_column(Text, default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    reason_code: Mapped[str | None] = mapped_column(Text, default=None)
    failure: Mapped[str | None] = mapped_column(Text, default=None)
    proof: Mapped[dict[str, Any]] = mapped_column(JSONB, default_factory=dict)
    transfer: Mapped[dict[str, Any]] = mapped_column(JSONB, default_factory=dict)
    """Payment to the payer's bank account: bank, masked account, slip number, evidence."""
    transfer_by: Mapped[str | None] = mapped_column(Text, default=None)
    transfer_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    transfer_at: Mapped[datetime | None] = mapped_column(default=None)
    approved_first_by: Mapped[str | None] = mapped_column(Text, default=None)
    approved_first_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    approved_second_by: Mapped[str | None] = mapped_column(Text, default=None)
    approved_second_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)


class TerminalBatch(CampusOwned, Model):
    """End of day of a card terminal (终端结算): what it counted and what we have for the same batch."""

    __tablename__ = "terminal_batches"
    __table_args__ = (
        UniqueConstraint("merchant_id", "terminal", "batch_no"),
        Index(None, "campus_id", "batch_id"),
        CheckConstraint("sales >= 0 AND refunds >= 0 AND sales_count >= 0 AND refunds_count >= 0", name="counted"),
        {"schema": PAYMENTS},
    )

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("payments.merchants.merchant_id"))
    terminal: Mapped[str] = mapped_column(Text)
    batch_no: Mapped[str] = mapped_column(Text)
    sales_count: Mapped[int] = mapped_column(Integer)
    sales: Mapped[Decimal]
    refunds_count: Mapped[int] = mapped_column(Integer)
    refunds: Mapped[Decimal]
    our_sales_count: Mapped[int] = mapped_column(Integer)
    our_sales: Mapped[Decimal]
    our_refunds_count: Mapped[int] = mapped_column(Integer)
    our_refunds: Mapped[Decimal]
    difference: Mapped[Decimal]
    """The terminal's net less ours: 0.00 unless something is missing here or there."""
    settled_by: Mapped[str] = mapped_column(Text)
    settled_by_name: Mapped[str] = mapped_column(Text)
    settled_at: Mapped[datetime]
