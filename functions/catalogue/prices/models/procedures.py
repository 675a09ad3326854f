"""What people decide about prices: corrections, applications for new items, complaints."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from functions.catalogue.prices.models.items import CATALOGUE
from shared.database.model import UNIT_PRICE, CampusOwned, Model


class PriceCorrection(Model):
    """A wrong price put right (更正) by price office, finance and the responsible director, three people besides its
    maker. What was charged since is listed by billing from `wrong_version_id`. Status: proposed, effective, rejected.
    """

    __tablename__ = "price_corrections"
    __table_args__ = (
        Index(
            "uq_price_corrections_open", "wrong_version_id", unique=True, postgresql_where=text("status = 'proposed'")
        ),
        CheckConstraint("status IN ('proposed', 'effective', 'rejected')", name="status"),
        CheckConstraint("right_price >= 0", name="right_price"),
        CheckConstraint(
            "status <> 'effective' OR (approved_price IS NOT NULL AND approved_finance IS NOT NULL"
            " AND approved_director IS NOT NULL AND approved_price <> approved_finance"
            " AND approved_price <> approved_director AND approved_finance <> approved_director"
            " AND maker NOT IN (approved_price, approved_finance, approved_director))",
            name="three_people",
        ),
        {"schema": CATALOGUE},
    )

    correction_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_code: Mapped[str] = mapped_column(Text)
    wrong_version_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.price_versions.version_id"))
    campus_id: Mapped[str | None] = mapped_column(Text)
    """As of the wrong version: null for the price of all campuses."""
    wrong_price: Mapped[Decimal] = mapped_column(UNIT_PRICE)
    right_price: Mapped[Decimal] = mapped_column(UNIT_PRICE)
    affected_from: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    basis_document: Mapped[str] = mapped_column(Text)
    maker: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(Text, default="proposed")
    approved_price: Mapped[str | None] = mapped_column(Text, default=None)
    approved_finance: Mapped[str | None] = mapped_column(Text, default=None)
    approved_director: Mapped[str | None] = mapped_column(Text, default=None)
    affected_to: Mapped[datetime | None] = mapped_column(default=None)
    right_version_id: Mapped[UUID | None] = mapped_column(default=None)
    """The version in force since; null when the wrong one had already ended."""
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class ItemApplication(CampusOwned, Model):
    """A department's application for a new item (新增项目申请). A fact: what is decided stands in its decisions."""

    __tablename__ = "item_applications"
    __table_args__ = (
        CheckConstraint("proposed_price >= 0", name="proposed_price"),
        Index(None, "campus_id", "application_id"),
        {"schema": CATALOGUE},
    )

    application_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[UUID | None]
    name: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    charge_unit: Mapped[str] = mapped_column(Text)
    costs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Cost sheet (成本测算): yuan by heading."""
    comparables: Mapped[list[Any]] = mapped_column(JSONB)
    """Prices elsewhere: place and yuan."""
    proposed_price: Mapped[Decimal] = mapped_column(UNIT_PRICE)
    basis_document: Mapped[str] = mapped_column(Text)
    applied_at: Mapped[datetime]
    applied_by: Mapped[str] = mapped_column(Text)


class ApplicationDecision(CampusOwned, Model):
    """A step of an application: committee, consortium, province, publication, or withdrawal by the department."""

    __tablename__ = "application_decisions"
    __table_args__ = (
        UniqueConstraint("application_id", "step"),
        CheckConstraint("step IN ('committee', 'consortium', 'province', 'publication', 'withdrawal')", name="step"),
        {"schema": CATALOGUE},
    )

    decision_id: Mapped[UUID] = mapped_column(primary_key=True)
    application_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.item_applications.application_id"))
    step: Mapped[str] = mapped_column(Text)
    passed: Mapped[bool]
    opinion: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(Text)
    approval_no: Mapped[str | None] = mapped_column(Text, default=None)
    """Number of the provincial approval (省级批复文号)."""
    item_code: Mapped[str | None] = mapped_column(Text, default=None)
    """The item that was published."""


class PriceComplaint(CampusOwned, Model):
    """A complaint about a price (价格投诉), to be answered within five working days. Status: open, answered."""

    __tablename__ = "price_complaints"
    __table_args__ = (
        Index(None, "campus_id", "status", "complaint_id"),
        CheckConstraint("status IN ('open', 'answered')", name="status"),
        {"schema": CATALOGUE},
    )

    complaint_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(Text)
    """window, phone, letter, online."""
    patient_id: Mapped[UUID | None]
    content: Mapped[str] = mapped_column(Text)
    item_codes: Mapped[list[str]]
    received_at: Mapped[datetime]
    received_by: Mapped[str] = mapped_column(Text)
    due_on: Mapped[date]
    status: Mapped[str] = mapped_column(Text, default="open")
    founded: Mapped[bool | None] = mapped_column(default=None)
    """Whether the complaint was right (属实)."""
    answer: Mapped[str | None] = mapped_column(Text, default=None)
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
    answered_by: Mapped[str | None] = mapped_column(Text, default=None)
    refund_id: Mapped[UUID | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)
