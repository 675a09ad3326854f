"""Tables of the cash that goes to the bank: sealed bags, the slips in them, the courier's calls."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from functions.payments.cashier.models.shifts import PAYMENTS
from shared.database.model import CampusOwned, Model

UNDERWAY = "state IN ('sealed', 'handed_over')"


class CashCollection(CampusOwned, Model):
    """The bank's courier called (银行上门收款) and took sealed bags against two signatures (交接单)."""

    __tablename__ = "cash_collections"
    __table_args__ = (
        UniqueConstraint("campus_id", "collection_no"),
        Index(None, "campus_id", "collection_id"),
        CheckConstraint("amount > 0 AND bag_count > 0", name="amount"),
        {"schema": PAYMENTS},
    )

    collection_id: Mapped[UUID] = mapped_column(primary_key=True)
    collection_no: Mapped[str] = mapped_column(Text)
    company: Mapped[str] = mapped_column(Text)
    """The bank or the escort company it sends."""
    courier_name: Mapped[str] = mapped_column(Text)
    courier_no: Mapped[str] = mapped_column(Text)
    """Number of the courier's work card, looked at before anything is handed over."""
    bag_count: Mapped[int] = mapped_column(SmallInteger)
    amount: Mapped[Decimal]
    handed_over_by: Mapped[str] = mapped_column(Text)
    handed_over_by_name: Mapped[str] = mapped_column(Text)
    handed_over_at: Mapped[datetime]


class CashBag(CampusOwned, Model):
    """A sealed bag of cash for the bank (缴款袋): the deposit slips in it, and what the bank counted.

    State: sealed, opened (unsealed before it left, its slips are free again), handed_over, counted.
    """

    __tablename__ = "cash_bags"
    __table_args__ = (
        UniqueConstraint("campus_id", "seal_no"),
        Index(None, "campus_id", "state", "bag_id"),
        Index(None, "collection_id"),
        Index("ix_cash_bags_underway", "campus_id", "bag_id", postgresql_where=text(UNDERWAY)),
        CheckConstraint("state IN ('sealed', 'opened', 'handed_over', 'counted')", name="state"),
        CheckConstraint("amount > 0 AND slip_count > 0", name="amount"),
        CheckConstraint("(state IN ('handed_over', 'counted')) = (collection_id IS NOT NULL)", name="collected"),
        CheckConstraint("(state = 'opened') = (opened_by IS NOT NULL AND open_reason IS NOT NULL)", name="opened"),
        CheckConstraint(
            "state <> 'counted' AND counted_amount IS NULL AND difference IS NULL AND counted_by IS NULL OR"
            " state = 'counted' AND counted_amount >= 0 AND difference = counted_amount - amount"
            " AND bank_receipt_no IS NOT NULL AND counted_by IS NOT NULL AND counted_by <> sealed_by",
            name="counted",
        ),
        CheckConstraint("explained_by IS NULL OR difference <> 0 AND explained_by <> sealed_by", name="explained"),
        {"schema": PAYMENTS},
    )

    bag_id: Mapped[UUID] = mapped_column(primary_key=True)
    seal_no: Mapped[str] = mapped_column(Text)
    """Number of the seal; a seal is used once."""
    amount: Mapped[Decimal]
    slip_count: Mapped[int] = mapped_column(SmallInteger)
    sealed_by: Mapped[str] = mapped_column(Text)
    sealed_by_name: Mapped[str] = mapped_column(Text)
    sealed_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text, default="sealed")
    opened_by: Mapped[str | None] = mapped_column(Text, default=None)
    opened_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    opened_at: Mapped[datetime | None] = mapped_column(default=None)
    open_reason: Mapped[str | None] = mapped_column(Text, default=None)
    collection_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("payments.cash_collections.collection_id"), default=None
    )
    counted_amount: Mapped[Decimal | None] = mapped_column(default=None)
    difference: Mapped[Decimal | None] = mapped_column(default=None)
    """Counted by the bank less what the slips say."""
    bank_receipt_no: Mapped[str | None] = mapped_column(Text, default=None)
    counted_by: Mapped[str | None] = mapped_column(Text, default=None)
    """Who recorded the bank's count."""
    counted_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    counted_at: Mapped[datetime | None] = mapped_column(default=None)
    explanation: Mapped[str | None] = mapped_column(Text, default=None)
    explained_by: Mapped[str | None] = mapped_column(Text, default=None)
    explained_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    explained_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class BagSlip(CampusOwned, Model):
    """A deposit slip in a bag; in no other, unless that one was opened."""

    __tablename__ = "cash_bag_slips"
    __table_args__ = (
        Index("uq_cash_bag_slips_slip", "hand_in_id", unique=True, postgresql_where=text("inside")),
        {"schema": PAYMENTS},
    )

    bag_id: Mapped[UUID] = mapped_column(ForeignKey("payments.cash_bags.bag_id"), primary_key=True)
    hand_in_id: Mapped[UUID] = mapped_column(ForeignKey("payments.cash_hand_ins.hand_in_id"), primary_key=True)
    inside: Mapped[bool] = mapped_column(default=True)
