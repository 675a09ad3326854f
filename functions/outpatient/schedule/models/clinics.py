"""Clinics, their prices by grade, and the templates sessions are generated from."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, SmallInteger, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model

SCHEMA = {"schema": "outpatient"}
PLAN = JSONB(none_as_null=True)
"""A plan as the clerk wrote it: lists of bands or waves, counts by channel."""


class Clinic(CampusOwned, Model):
    """A clinic (诊疗门诊) patients register for: department, grade, fee item and who may come."""

    __tablename__ = "clinics"
    __table_args__ = (UniqueConstraint("campus_id", "code"), Index(None, "standard_code"), SCHEMA)

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
    questions: Mapped[list[str]] = mapped_column(default_factory=list)
    """What a booker is asked (预约须知问答), in order."""
    room_ids: Mapped[list[UUID]] = mapped_column(default_factory=list)
    """Rooms it may be held in; none given means any room of the campus."""
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)


class ClinicPrice(CampusOwned, Model):
    """The fee item of a clinic when a doctor of another grade holds it (替诊按实际级别收费)."""

    __tablename__ = "clinic_prices"
    __table_args__ = (PrimaryKeyConstraint("clinic_id", "grade"), SCHEMA)

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.clinics.clinic_id"))
    grade: Mapped[str] = mapped_column(Text)
    fee_item_code: Mapped[str] = mapped_column(Text)


class Template(CampusOwned, Model):
    """A template (排班模板): one weekday's half day of a doctor or a general clinic, week after week.

    Status: draft, active, ended. Times of day are Asia/Shanghai.
    """

    __tablename__ = "session_templates"
    __table_args__ = (
        Index(None, "campus_id", "template_id"),
        Index(None, "doctor_id"),
        CheckConstraint("weekday BETWEEN 1 AND 7", name="weekday"),
        CheckConstraint("week_parity IN ('every', 'odd', 'even')", name="week_parity"),
        CheckConstraint("status IN ('draft', 'active', 'ended')", name="status"),
        CheckConstraint("valid_to >= valid_from", name="period"),
        SCHEMA,
    )

    template_id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.clinics.clinic_id"))
    doctor_id: Mapped[UUID | None]
    room_id: Mapped[UUID]
    desk: Mapped[int] = mapped_column(SmallInteger)
    weekday: Mapped[int] = mapped_column(SmallInteger)
    """ISO, 1 is Monday."""
    week_parity: Mapped[str] = mapped_column(Text)
    """every, odd, even: of the ISO week number (单双周)."""
    months: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    """Months it holds in (夏令、冬令作息); none given means the whole year."""
    part: Mapped[str] = mapped_column(Text)
    bands: Mapped[list[dict[str, Any]]] = mapped_column(PLAN)
    """[{starts: "08:00", ends: "08:30", count: 6}]"""
    quotas: Mapped[dict[str, int]] = mapped_column(PLAN)
    waves: Mapped[list[dict[str, Any]] | None] = mapped_column(PLAN)
    extra_cap: Mapped[int] = mapped_column(SmallInteger)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    """Last day, inclusive."""
    made_by: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default="draft")
    version: Mapped[int] = mapped_column(default=1)
