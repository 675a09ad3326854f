"""Tables of outpatient registration: visits (就诊)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model


class Visit(CampusOwned, Model):
    """A visit: one patient, one number, one consultation. `encounter_id` is the key every module carries.

    Status: registered, waiting, in_consultation, finished, cancelled, no_show (spec 01 "States and rules").
    """

    __tablename__ = "visits"
    __table_args__ = (
        UniqueConstraint("campus_id", "visit_no"),
        Index(
            "uq_visits_patient_session",
            "patient_id",
            "session_id",
            unique=True,
            postgresql_where=text("status <> 'cancelled'"),
        ),
        Index("uq_visits_slot", "slot_id", unique=True, postgresql_where=text("status <> 'cancelled'")),
        Index(None, "patient_id", "registered_at"),
        Index(None, "campus_id", "encounter_id"),
        Index(None, "session_id"),
        Index("ix_visits_unfinished", "unit_id", postgresql_where=text("status IN ('registered', 'waiting')")),
        CheckConstraint("(status = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled"),
        {"schema": "outpatient"},
    )

    encounter_id: Mapped[UUID] = mapped_column(primary_key=True)
    visit_no: Mapped[str] = mapped_column(Text)
    """Campus letter + yyMMdd + five digits; a series of the campus without gaps."""
    patient_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[UUID]
    clinic_id: Mapped[UUID | None]
    clinic_name: Mapped[str] = mapped_column(Text)
    session_id: Mapped[UUID | None]
    slot_id: Mapped[UUID | None]
    slot_number: Mapped[int | None] = mapped_column(SmallInteger)
    doctor_id: Mapped[UUID | None]
    room_id: Mapped[UUID | None]
    band_start: Mapped[datetime | None]
    band_end: Mapped[datetime | None]
    payer_kind: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    first_visit: Mapped[bool]
    """初诊 (true) or 复诊 in this unit."""
    status: Mapped[str] = mapped_column(Text)
    registered_at: Mapped[datetime]
    registered_by: Mapped[str] = mapped_column(Text)
    valid_until: Mapped[datetime]
    slips_printed: Mapped[int] = mapped_column(SmallInteger, default=0)
    cancelled_at: Mapped[datetime | None] = mapped_column(default=None)
    cancelled_by: Mapped[str | None] = mapped_column(Text, default=None)
    cancel_reason: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)
