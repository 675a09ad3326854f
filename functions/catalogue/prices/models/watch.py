"""Monitoring of what is charged (价格行为监测)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, PrimaryKeyConstraint, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from functions.catalogue.prices.models.items import CATALOGUE
from shared.database.model import QUANTITY, UNIT_PRICE, CampusOwned, Model


class ChargedLine(CampusOwned, Model):
    """A line as billing told of it: what the monitoring rules look at and how often an item is charged."""

    __tablename__ = "charged_lines"
    __table_args__ = (
        Index(None, "campus_id", "day", "patient_id", "item_code"),
        Index(None, "campus_id", "item_code", "day"),
        Index("ix_charged_lines_unit", "campus_id", "executing_unit_id", "item_code"),
        {"schema": CATALOGUE},
    )

    charge_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID]
    encounter_id: Mapped[UUID | None]
    item_code: Mapped[str] = mapped_column(Text)
    quantity: Mapped[Decimal] = mapped_column(QUANTITY)
    unit_price: Mapped[Decimal] = mapped_column(UNIT_PRICE)
    amount: Mapped[Decimal]
    source_module: Mapped[str] = mapped_column(Text)
    source_id: Mapped[str] = mapped_column(Text)
    executing_unit_id: Mapped[UUID | None]
    day: Mapped[date] = mapped_column(Date)
    """The day in Asia/Shanghai on which it was charged."""
    voided: Mapped[bool] = mapped_column(default=False)


class MonitorRule(Model):
    """A monitoring rule (监测规则). Kinds: duplicate, over_quantity, beside (charged beside what includes it),
    many_lines (split charging)."""

    __tablename__ = "monitor_rules"
    __table_args__ = (
        CheckConstraint("kind IN ('duplicate', 'over_quantity', 'beside', 'many_lines')", name="kind"),
        {"schema": CATALOGUE},
    )

    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    item_codes: Mapped[list[str]]
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    basis_document: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)


class MonitoredDay(CampusOwned, Model):
    """A day whose charges were looked at."""

    __tablename__ = "monitored_days"
    __table_args__ = (PrimaryKeyConstraint("campus_id", "day"), {"schema": CATALOGUE})

    day: Mapped[date] = mapped_column(Date)
    findings: Mapped[int]
    looked_at: Mapped[datetime]


class PriceFinding(CampusOwned, Model):
    """What a rule found on a patient's day. The department answers within 7 days. Status: open, answered, closed."""

    __tablename__ = "price_findings"
    __table_args__ = (
        UniqueConstraint("campus_id", "rule_id", "day", "patient_id", "item_code"),
        Index(None, "campus_id", "status", "finding_id"),
        Index(None, "campus_id", "day"),
        CheckConstraint("status IN ('open', 'answered', 'closed')", name="status"),
        {"schema": CATALOGUE},
    )

    finding_id: Mapped[UUID] = mapped_column(primary_key=True)
    rule_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.monitor_rules.rule_id"))
    day: Mapped[date] = mapped_column(Date)
    patient_id: Mapped[UUID]
    item_code: Mapped[str] = mapped_column(Text)
    charge_ids: Mapped[list[UUID]]
    unit_id: Mapped[UUID | None]
    """The executing department that answers."""
    message: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal]
    """Yuan charged too much as the rule reckons."""
    due_on: Mapped[date] = mapped_column(Date)
    opened_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(Text, default="open")
    answer: Mapped[str | None] = mapped_column(Text, default=None)
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
    answered_by: Mapped[str | None] = mapped_column(Text, default=None)
    refund_proposed: Mapped[Decimal | None] = mapped_column(default=None)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_by: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)
