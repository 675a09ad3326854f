"""What was billed, by month, and how much of it was special-need service (特需服务比例)."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Date,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from functions.catalogue.prices.models.items import CATALOGUE
from shared.database.model import CampusOwned, Model

CATEGORIES = "'special', 'service', 'goods'"


class BilledLine(CampusOwned, Model):
    """A line of a settlement, or what a refund took back of it, in the month of its business day. Never changed: a mark
    an item is given later moves no money of before."""

    __tablename__ = "billed_lines"
    __table_args__ = (
        PrimaryKeyConstraint("charge_id", "document_id"),
        Index(None, "campus_id", "month", "category"),
        CheckConstraint(f"category IN ({CATEGORIES})", name="category"),
        CheckConstraint("extract(day from month) = 1", name="month"),
        CheckConstraint("times IN (-1, 0, 1)", name="times"),
        {"schema": CATALOGUE},
    )

    charge_id: Mapped[UUID]
    document_id: Mapped[UUID]
    """The settlement or the refund."""
    item_code: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    """special (特需服务), service (other medical services), goods (drugs and consumables)."""
    month: Mapped[date] = mapped_column(Date)
    """First day of the month."""
    amount: Mapped[Decimal]
    """Yuan; negative where it went back."""
    times: Mapped[int] = mapped_column(SmallInteger)
    """1 for a service billed, -1 for one given back whole, 0 for a surcharge or a part."""


class BilledMonth(CampusOwned, Model):
    """The sums of a campus's month, kept with its lines: what the share is read from."""

    __tablename__ = "billed_months"
    __table_args__ = (PrimaryKeyConstraint("campus_id", "month"), {"schema": CATALOGUE})

    month: Mapped[date] = mapped_column(Date)
    special_amount: Mapped[Decimal]
    service_amount: Mapped[Decimal]
    """Medical services that are no special-need ones."""
    goods_amount: Mapped[Decimal]
    special_times: Mapped[int] = mapped_column(Integer)
    service_times: Mapped[int] = mapped_column(Integer)


class SpecialShareWarning(CampusOwned, Model):
    """The share of special-need services of a month went above the limit (特需服务超比例): once by each measure."""

    __tablename__ = "special_share_warnings"
    __table_args__ = (
        UniqueConstraint("campus_id", "month", "measure"),
        Index(None, "campus_id", "warning_id"),
        CheckConstraint("measure IN ('amount', 'times')", name="measure"),
        {"schema": CATALOGUE},
    )

    warning_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(Date)
    measure: Mapped[str] = mapped_column(Text)
    """amount: share of revenue; times: share of services billed."""
    special: Mapped[Decimal]
    services: Mapped[Decimal]
    """All medical services, special-need ones among them."""
    share: Mapped[Decimal] = mapped_column(Numeric(7, 4))
    """Per cent, as it was found."""
    raised_at: Mapped[datetime]
