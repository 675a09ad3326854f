"""What must be known before a person is treated, at every campus: allergies and alerts. Never deleted, only refuted."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from functions.patients.index.models.people import PATIENT, SCHEMA
from shared.database.model import Model


class Allergy(Model):
    """An allergy (过敏史), or the explicit statement that none is known (无过敏史) or that nobody can tell (不详)."""

    __tablename__ = "allergies"
    __table_args__ = (
        Index(None, "patient_id"),
        Index(
            "uq_allergies_statement",
            "patient_id",
            unique=True,
            postgresql_where=text("status = 'active' AND statement <> 'allergy'"),
        ),
        CheckConstraint("statement IN ('allergy', 'none_known', 'unknown')", name="statement"),
        CheckConstraint("(statement = 'allergy') = (substance IS NOT NULL)", name="substance"),
        CheckConstraint("status IN ('active', 'refuted', 'superseded')", name="status"),
        CheckConstraint("(status = 'active') = (ended_at IS NULL)", name="ended_at"),
        {"schema": SCHEMA},
    )

    allergy_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    statement: Mapped[str] = mapped_column(Text)
    substance: Mapped[str | None] = mapped_column(Text, default=None)
    substance_code: Mapped[str | None] = mapped_column(Text, default=None)
    category: Mapped[str | None] = mapped_column(Text, default=None)
    """drug, food, environment, contrast, biological, other."""
    reaction: Mapped[str | None] = mapped_column(Text, default=None)
    severity: Mapped[str | None] = mapped_column(Text, default=None)
    """mild, moderate, severe, life_threatening."""
    certainty: Mapped[str | None] = mapped_column(Text, default=None)
    """suspected, confirmed."""
    source: Mapped[str] = mapped_column(Text)
    """stated, observed, skin_test, document."""
    onset: Mapped[date | None] = mapped_column(default=None)
    status: Mapped[str] = mapped_column(Text, default="active")
    recorded_campus_id: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)


class Alert(Model):
    """A warning that shows on every clinical screen while it is in force."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index(None, "patient_id"),
        CheckConstraint("status IN ('active', 'ended')", name="status"),
        CheckConstraint("(status = 'active') = (ended_at IS NULL)", name="ended_at"),
        {"schema": SCHEMA},
    )

    alert_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    kind: Mapped[str] = mapped_column(Text)
    """implant, mr_unsafe, pregnancy, lactation, infection_precaution, isolation, fall, violence, suicide, skin_test."""
    detail: Mapped[str | None] = mapped_column(Text, default=None)
    expected_date: Mapped[date | None] = mapped_column(default=None)
    """Expected date of delivery of a pregnancy."""
    source_id: Mapped[UUID | None] = mapped_column(default=None)
    """The pregnancy file the alert comes from; null when somebody entered it by hand."""
    valid_to: Mapped[datetime | None] = mapped_column(default=None)
    status: Mapped[str] = mapped_column(Text, default="active")
    recorded_campus_id: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)
