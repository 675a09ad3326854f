"""Doctors' own matters: leave, swaps, introductions, corrections of attendance."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from functions.outpatient.schedule.models.clinics import SCHEMA
from shared.database.model import CampusOwned, Model


class Leave(CampusOwned, Model):
    """A doctor's absence from the clinic (请假、会议、手术日). Status: requested, approved, refused, withdrawn."""

    __tablename__ = "doctor_leaves"
    __table_args__ = (
        Index(None, "campus_id", "leave_id"),
        Index("ix_doctor_leaves_doctor", "doctor_id", "ends_at", postgresql_where=text("status = 'approved'")),
        CheckConstraint("ends_at > starts_at", name="times"),
        CheckConstraint("status IN ('requested', 'approved', 'refused', 'withdrawn')", name="status"),
        SCHEMA,
    )

    leave_id: Mapped[UUID] = mapped_column(primary_key=True)
    doctor_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(Text)
    """leave 请假, meeting 会议, surgery 手术日."""
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(Text, default="requested")
    decided_by: Mapped[str | None] = mapped_column(Text, default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class Swap(CampusOwned, Model):
    """Two doctors change sessions (互换): proposed by one, agreed by the other, approved by the head."""

    __tablename__ = "session_swaps"
    __table_args__ = (
        Index(None, "campus_id", "swap_id"),
        CheckConstraint("session_a <> session_b AND doctor_a <> doctor_b", name="two"),
        CheckConstraint("status IN ('proposed', 'agreed', 'approved', 'refused', 'withdrawn')", name="status"),
        SCHEMA,
    )

    swap_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_a: Mapped[UUID] = mapped_column(ForeignKey("outpatient.sessions.session_id"))
    session_b: Mapped[UUID] = mapped_column(ForeignKey("outpatient.sessions.session_id"))
    doctor_a: Mapped[UUID]
    doctor_b: Mapped[UUID]
    reason: Mapped[str] = mapped_column(Text)
    proposed_by: Mapped[str] = mapped_column(Text)
    proposed_at: Mapped[datetime]
    agreed_by: Mapped[str | None] = mapped_column(Text, default=None)
    decided_by: Mapped[str | None] = mapped_column(Text, default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    status: Mapped[str] = mapped_column(Text, default="proposed")
    version: Mapped[int] = mapped_column(default=1)


class DoctorProfile(CampusOwned, Model):
    """A doctor's introduction for patients (医生介绍); history is kept.

    Status: submitted, approved, refused, superseded.
    """

    __tablename__ = "doctor_profiles"
    __table_args__ = (
        Index("uq_doctor_profiles_approved", "doctor_id", unique=True, postgresql_where=text("status = 'approved'")),
        Index(None, "campus_id", "profile_id"),
        CheckConstraint("status IN ('submitted', 'approved', 'refused', 'superseded')", name="status"),
        SCHEMA,
    )

    profile_id: Mapped[UUID] = mapped_column(primary_key=True)
    doctor_id: Mapped[UUID]
    specialities: Mapped[list[str]]
    introduction: Mapped[str] = mapped_column(Text)
    made_by: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    approved_by: Mapped[str | None] = mapped_column(Text, default=None)
    approved_at: Mapped[datetime | None] = mapped_column(default=None)
    photo_file_id: Mapped[UUID | None] = mapped_column(default=None)
    """Written by the version before; the release after this one takes it away (expand, move, contract)."""
    show_photo: Mapped[bool] = mapped_column(default=False)
    """Whether patients see the picture personnel keep of the doctor; it is kept nowhere else."""
    status: Mapped[str] = mapped_column(Text, default="submitted")
    version: Mapped[int] = mapped_column(default=1)


class AttendanceCorrection(CampusOwned, Model):
    """The attendance of a session set right (考勤更正): what stood, what should stand, on what ground, who agreed.

    Status: requested, approved, refused. Rows stay: together they are the history of a session's attendance. Without
    `opened_at` the doctor was absent after all.
    """

    __tablename__ = "attendance_corrections"
    __table_args__ = (
        Index(None, "session_id"),
        Index(
            "uq_attendance_corrections_waiting",
            "session_id",
            unique=True,
            postgresql_where=text("status = 'requested'"),
        ),
        Index(
            "ix_attendance_corrections_waiting",
            "campus_id",
            "correction_id",
            postgresql_where=text("status = 'requested'"),
        ),
        CheckConstraint("status IN ('requested', 'approved', 'refused')", name="status"),
        CheckConstraint(
            "(opened_at IS NULL) = (closed_at IS NULL) AND (opened_at IS NULL OR closed_at > opened_at)", name="times"
        ),
        CheckConstraint("(status = 'requested') = (decided_by IS NULL)", name="decided"),
        CheckConstraint("decided_by <> requested_by", name="two_persons"),
        SCHEMA,
    )

    correction_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.sessions.session_id"))
    doctor_id: Mapped[UUID]
    before_opened_at: Mapped[datetime | None]
    before_closed_at: Mapped[datetime | None]
    before_outcome: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(Text)
    """What the times come to by the rule of punctuality."""
    ground: Mapped[str] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(Text)
    requested_by_name: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(Text, default="requested")
    decided_by: Mapped[str | None] = mapped_column(Text, default=None)
    decided_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decide_note: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)
