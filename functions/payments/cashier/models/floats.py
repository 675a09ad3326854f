"""Table of floats raised and lowered during a shift."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from functions.payments.cashier.models.shifts import PAYMENTS
from shared.database.model import CampusOwned, Model


class FloatChange(CampusOwned, Model):
    """A float raised or lowered during a shift (备用金增减): one person hands the money, another confirms having it.

    Direction: raise (a supervisor hands it, the cashier confirms), lower (the cashier hands it back, a supervisor
    confirms). State: offered, confirmed, withdrawn. The drawer moves when it is confirmed.
    """

    __tablename__ = "float_changes"
    __table_args__ = (
        Index(None, "shift_id"),
        Index("uq_float_changes_offered", "shift_id", unique=True, postgresql_where=text("state = 'offered'")),
        Index("ix_float_changes_waiting", "campus_id", "change_id", postgresql_where=text("state = 'offered'")),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("direction IN ('raise', 'lower')", name="direction"),
        CheckConstraint("state IN ('offered', 'confirmed', 'withdrawn')", name="state"),
        CheckConstraint(
            "(state = 'offered') = (ended_by IS NULL) AND (ended_by IS NULL) = (ended_at IS NULL)", name="ended"
        ),
        CheckConstraint("state <> 'confirmed' OR ended_by <> handed_by", name="two_persons"),
        CheckConstraint("(state = 'withdrawn') = (withdraw_reason IS NOT NULL)", name="withdrawn"),
        {"schema": PAYMENTS},
    )

    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    shift_id: Mapped[UUID] = mapped_column(ForeignKey("payments.shifts.shift_id"))
    direction: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal]
    denominations: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text)
    handed_by: Mapped[str] = mapped_column(Text)
    handed_by_name: Mapped[str] = mapped_column(Text)
    handed_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text, default="offered")
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    """Who confirmed or withdrew it."""
    ended_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    withdraw_reason: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)
