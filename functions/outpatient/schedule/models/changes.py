"""What happens to a session after publication: changes, open tasks, attendance; and who may not hold one."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from functions.outpatient.schedule.models.clinics import SCHEMA
from shared.database.model import CampusOwned, Model


class SessionChange(CampusOwned, Model):
    """A change of a published session (班次变更): asked, consented, done. Kinds are in rules.CHANGE_NAMES."""

    __tablename__ = "session_changes"
    __table_args__ = (
        Index(None, "session_id", "change_id"),
        Index(None, "campus_id", "change_id"),
        Index("ix_session_changes_asked", "campus_id", "change_id", postgresql_where=text("status = 'requested'")),
        CheckConstraint("status IN ('requested', 'done', 'refused')", name="status"),
        SCHEMA,
    )

    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.sessions.session_id"))
    kind: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    urgent: Mapped[bool]
    """Inside 24 h before the session: counts to the stop rate, needs 门诊部 and 医务科."""
    detail: Mapped[dict[str, Any]]
    """What exactly was asked or done; ids, codes and counts only."""
    affected: Mapped[int] = mapped_column(default=0)
    """Numbers already taken that the change concerns."""
    requested_by: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    head_by: Mapped[str | None] = mapped_column(Text, default=None)
    office_by: Mapped[str | None] = mapped_column(Text, default=None)
    medical_by: Mapped[str | None] = mapped_column(Text, default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class ChangedNumber(CampusOwned, Model):
    """A number somebody had when its session changed (受影响的号): whose it was stays known after the number is gone.

    Owner kinds: visit, booking, or patient for an extra number (加号) that still waited for the one it was made for.
    """

    __tablename__ = "session_change_numbers"
    __table_args__ = (PrimaryKeyConstraint("change_id", "number"), SCHEMA)

    change_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.session_changes.change_id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    slot_id: Mapped[UUID]
    owner_kind: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[UUID]


class SessionTask(CampusOwned, Model):
    """Something about a session a person must decide (待处理): nothing is dropped silently.

    Kinds: doctor_barred, leave, holiday, countersign.
    """

    __tablename__ = "session_tasks"
    __table_args__ = (
        Index("uq_session_tasks_open", "session_id", "kind", unique=True, postgresql_where=text("done_at IS NULL")),
        Index("ix_session_tasks_campus", "campus_id", "task_id", postgresql_where=text("done_at IS NULL")),
        SCHEMA,
    )

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.sessions.session_id"))
    kind: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    done_at: Mapped[datetime | None] = mapped_column(default=None)
    done_by: Mapped[str | None] = mapped_column(Text, default=None)
    resolution: Mapped[str | None] = mapped_column(Text, default=None)


class Attendance(CampusOwned, Model):
    """Whether a session began and ended on time (出诊考勤). Outcome: open, on_time, late, early_leave, absent."""

    __tablename__ = "session_attendances"
    __table_args__ = (SCHEMA,)

    session_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.sessions.session_id"), primary_key=True)
    doctor_id: Mapped[UUID | None]
    opened_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    late_minutes: Mapped[int] = mapped_column(SmallInteger)
    early_minutes: Mapped[int] = mapped_column(SmallInteger)
    outcome: Mapped[str] = mapped_column(Text)


class DoctorBar(Model):
    """A doctor may hold no session from a moment on, at one campus or at all: licence, privilege, leaving, secondment.

    One truth for all campuses: each campus stops its own sessions.
    """

    __tablename__ = "doctor_bars"
    __table_args__ = (
        Index("ix_doctor_bars_doctor", "doctor_id", postgresql_where=text("lifted_at IS NULL")),
        SCHEMA,
    )

    bar_id: Mapped[UUID] = mapped_column(primary_key=True)
    doctor_id: Mapped[UUID]
    campus_code: Mapped[str | None] = mapped_column(Text)
    """Null bars all campuses."""
    kind: Mapped[str] = mapped_column(Text)
    """licence_expired, privilege_revoked, staff_left, secondment_ended."""
    reason: Mapped[str] = mapped_column(Text)
    from_at: Mapped[datetime]
    made_at: Mapped[datetime]
    lifted_at: Mapped[datetime | None] = mapped_column(default=None)
    lifted_by: Mapped[str | None] = mapped_column(Text, default=None)
