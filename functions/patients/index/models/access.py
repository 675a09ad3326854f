"""Emergency access to records (紧急调阅) and its review. Grants are the kernel's (shared.record_access)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from functions.patients.index.models.people import PATIENT, SCHEMA
from shared.database.model import Model


class BreakGlassOpening(Model):
    """A clinician opened a record in an emergency; the privacy officer of that campus says whether it was justified."""

    __tablename__ = "break_glass_openings"
    __table_args__ = (
        Index(None, "reader_campus_id", "opening_id"),
        Index(None, "patient_id"),
        CheckConstraint("verdict IN ('justified', 'not_justified')", name="verdict"),
        CheckConstraint("(verdict IS NULL) = (reviewed_at IS NULL)", name="reviewed_at"),
        CheckConstraint("char_length(reason) >= 10", name="reason"),
        {"schema": SCHEMA},
    )

    opening_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    grant_id: Mapped[UUID]
    reader_campus_id: Mapped[str] = mapped_column(Text)
    reader_subject: Mapped[str] = mapped_column(Text)
    reader_name: Mapped[str] = mapped_column(Text)
    reason_code: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    valid_to: Mapped[datetime]
    review_due_at: Mapped[datetime]
    verdict: Mapped[str | None] = mapped_column(Text, default=None)
    action: Mapped[str | None] = mapped_column(Text, default=None)
    reviewed_at: Mapped[datetime | None] = mapped_column(default=None)
    reviewed_by: Mapped[str | None] = mapped_column(Text, default=None)
