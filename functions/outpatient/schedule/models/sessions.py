"""Sessions (出诊班次)."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, Text, func, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from functions.outpatient.schedule.models.clinics import PLAN, SCHEMA
from shared.database.model import CampusOwned, Model

ON_SALE = "status IN ('published', 'open')"
PROMISING = "promised_until IS NOT NULL"


class Session(CampusOwned, Model):
    """One doctor's (or a general clinic's) half day in a room.

    Status: draft, submitted, approved, published, open, closed, stopped, discarded. Its numbers are made when it is
    published; before that `bands`, `quotas` and `waves` are the plan.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        Index(None, "campus_id", "day", "session_id"),
        Index(None, "clinic_id", "day"),
        Index("ix_sessions_doctor_day", "doctor_id", "day", postgresql_where=text("doctor_id IS NOT NULL")),
        Index(
            "ix_sessions_promised", "campus_id", "promised_until", postgresql_where=text("promised_until IS NOT NULL")
        ),
        Index("ix_sessions_running", "campus_id", "ends_at", postgresql_where=text(ON_SALE)),
        Index(
            "uq_sessions_template_day",
            "template_id",
            "day",
            unique=True,
            postgresql_where=text("template_id IS NOT NULL AND status <> 'discarded'"),
        ),
        CheckConstraint("ends_at > starts_at", name="times"),
        CheckConstraint(
            "status IN ('draft', 'submitted', 'approved', 'published', 'open', 'closed', 'stopped', 'discarded')",
            name="status",
        ),
        CheckConstraint("waiting >= 0", name="waiting"),
        CheckConstraint("promised >= 0", name="promised"),
        ExcludeConstraint(
            ("doctor_id", "="),
            (func.tstzrange(text("starts_at"), text("ends_at")), "&&"),
            name="ex_sessions_doctor",
            where=text(f"{ON_SALE} AND doctor_id IS NOT NULL"),
        ),
        ExcludeConstraint(
            ("doctor_id", "="),
            ("campus_id", "<>"),
            (func.tstzrange(text("starts_at"), text("COALESCE(travel_until, ends_at)")), "&&"),
            name="ex_sessions_travel",
            where=text(f"{ON_SALE} AND doctor_id IS NOT NULL"),
        ),
        ExcludeConstraint(
            ("room_id", "="),
            ("desk", "="),
            (func.tstzrange(text("starts_at"), text("ends_at")), "&&"),
            name="ex_sessions_room",
            where=text(ON_SALE),
        ),
        SCHEMA,
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
    travel_until: Mapped[datetime | None] = mapped_column(default=None)
    """When its doctor can be at another campus (45 min on the road); null without a doctor."""
    extra_cap: Mapped[int] = mapped_column(SmallInteger, default=0)
    status: Mapped[str] = mapped_column(Text, default="draft")
    bands: Mapped[list[dict[str, Any]] | None] = mapped_column(PLAN, default=None)
    """[{starts_at, ends_at, count}], the plan its numbers are made of."""
    quotas: Mapped[dict[str, int] | None] = mapped_column(PLAN, default=None)
    waves: Mapped[list[dict[str, Any]] | None] = mapped_column(PLAN, default=None)
    """[{share, days_before, time} or {share, manual}]; null releases every number at publication."""
    grade: Mapped[str | None] = mapped_column(Text, default=None)
    """Grade after a replacement (替诊); null is the clinic's own."""
    fee_item_code: Mapped[str | None] = mapped_column(Text, default=None)
    """Fee item after a replacement; null is the clinic's own."""
    template_id: Mapped[UUID | None] = mapped_column(default=None)
    waiting: Mapped[int] = mapped_column(SmallInteger, default=0)
    """People on the waiting list (候补), kept by booking: numbers that come back are theirs first."""
    moved_from: Mapped[UUID | None] = mapped_column(default=None)
    """The session this one took the place of (改时超过 30 分钟); its patients come first here."""
    promised: Mapped[int] = mapped_column(SmallInteger, default=0)
    """Patients of `moved_from` who have not chosen yet; they are counted in `waiting` until `promised_until`."""
    promised_until: Mapped[datetime | None] = mapped_column(default=None)
    told_remaining: Mapped[int | None] = mapped_column(SmallInteger, default=None)
    """Remaining numbers as last told by availability_changed."""
    partly_stopped_at: Mapped[datetime | None] = mapped_column(default=None)
    made_by: Mapped[str] = mapped_column(Text)
    approved_by: Mapped[str | None] = mapped_column(Text, default=None)
    published_at: Mapped[datetime | None] = mapped_column(default=None)
    stop_reason: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)
