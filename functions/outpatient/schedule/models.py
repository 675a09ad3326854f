"""Tables of the clinic schedule: clinics, sessions and their slots (号源)."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model

ON_SALE = "status IN ('published', 'open')"


class Clinic(CampusOwned, Model):
    """A clinic (诊疗门诊) patients register for: department, grade, fee item and who may come."""

    __tablename__ = "clinics"
    __table_args__ = (
        UniqueConstraint("campus_id", "code"),
        Index(None, "standard_code"),
        {"schema": "outpatient"},
    )

    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[UUID]
    grade: Mapped[str] = mapped_column(Text)
    """Grade of schemas.Grade: general, associate_chief, chief, specialist, nursing..."""
    fee_item_code: Mapped[str] = mapped_column(Text)
    """Charge item (catalogue/prices) of the registration and consultation fee."""
    standard_code: Mapped[str] = mapped_column(Text)
    """The same at all campuses, to compare their remaining numbers."""
    sex_limit: Mapped[str | None] = mapped_column(Text)
    """GB/T 2261.1: `1` men only, `2` women only, null both."""
    age_from: Mapped[int | None] = mapped_column(SmallInteger)
    """Completed years, inclusive."""
    age_to: Mapped[int | None] = mapped_column(SmallInteger)
    """Completed years, inclusive."""
    follow_up_allowed: Mapped[bool] = mapped_column(default=True)
    guidance: Mapped[str] = mapped_column(Text, default="")
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)


class Session(CampusOwned, Model):
    """One doctor's (or a general clinic's) half day in a room.

    Status: draft, submitted, approved, published, open, closed, stopped.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        Index(None, "campus_id", "day", "session_id"),
        Index(None, "clinic_id", "day"),
        CheckConstraint("ends_at > starts_at", name="times"),
        ExcludeConstraint(
            ("doctor_id", "="),
            (func.tstzrange(text("starts_at"), text("ends_at")), "&&"),
            name="ex_sessions_doctor",
            where=text(f"{ON_SALE} AND doctor_id IS NOT NULL"),
        ),
        ExcludeConstraint(
            ("room_id", "="),
            ("desk", "="),
            (func.tstzrange(text("starts_at"), text("ends_at")), "&&"),
            name="ex_sessions_room",
            where=text(ON_SALE),
        ),
        {"schema": "outpatient"},
    )

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.clinics.clinic_id"))
    unit_id: Mapped[UUID]
    doctor_id: Mapped[UUID | None]
    room_id: Mapped[UUID]
    desk: Mapped[int] = mapped_column(SmallInteger, default=1)
    day: Mapped[date]
    part: Mapped[str] = mapped_column(Text)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    extra_cap: Mapped[int] = mapped_column(SmallInteger, default=0)
    status: Mapped[str] = mapped_column(Text, default="draft")
    made_by: Mapped[str] = mapped_column(Text)
    approved_by: Mapped[str | None] = mapped_column(Text, default=None)
    published_at: Mapped[datetime | None] = mapped_column(default=None)
    stop_reason: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)


class Slot(CampusOwned, Model):
    """One number (号): free, held, taken, used, blocked, withdrawn or lapsed; at most one owner ever at a time."""

    __tablename__ = "slots"
    __table_args__ = (
        UniqueConstraint("session_id", "number"),
        Index("ix_slots_free", "session_id", "number", postgresql_where=text("status = 'free'")),
        CheckConstraint("(status IN ('taken', 'used')) = (owner_id IS NOT NULL)", name="owner"),
        {"schema": "outpatient"},
    )

    slot_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.sessions.session_id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    band_start: Mapped[datetime]
    band_end: Mapped[datetime]
    channel: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default="free")
    owner_kind: Mapped[str | None] = mapped_column(Text, default=None)
    owner_id: Mapped[UUID | None] = mapped_column(default=None)
    held_until: Mapped[datetime | None] = mapped_column(default=None)
