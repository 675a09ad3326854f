"""Tables of operation and maintenance: what operators asked for and what the checks found."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model


class DeadLetterAction(CampusOwned, Model):
    """What an operator decided about a dead letter (死信处理): asked here by a function, carried out by the worker.

    The campus is the letter's own. Kept six years with changes and corrections (spec 46 "Data").
    """

    __tablename__ = "dead_letter_actions"
    __table_args__ = (
        Index(
            "uq_dead_letter_actions_open",
            "letter_event_id",
            "subscriber",
            unique=True,
            postgresql_where=text("done_at IS NULL"),
        ),
        Index(None, "letter_event_id", "subscriber", "asked_at"),
        Index("ix_dead_letter_actions_waiting", "asked_at", postgresql_where=text("done_at IS NULL")),
        CheckConstraint("action IN ('replay')", name="action"),
        CheckConstraint("(done_at IS NULL) = (outcome IS NULL)", name="outcome"),
        CheckConstraint("outcome IN ('replayed', 'gone', 'failed')", name="outcome_code"),
        {"schema": "operations"},
    )

    action_id: Mapped[UUID] = mapped_column(primary_key=True)
    letter_event_id: Mapped[UUID]
    subscriber: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    """replay 重放."""
    reason: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(Text)
    asked_by_name: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    done_at: Mapped[datetime | None] = mapped_column(default=None)
    outcome: Mapped[str | None] = mapped_column(Text, default=None)
    """replayed 已重新投递, gone 死信已不在, failed 未能执行 (may be asked again)."""


class JobRun(Model):
    """One run of a job (定时任务) of the whole consortium: planned by the clock or asked for by a person."""

    __tablename__ = "job_runs"
    __table_args__ = (
        UniqueConstraint("job", "planned_at"),
        Index("uq_job_runs_open", "job", unique=True, postgresql_where=text("finished_at IS NULL")),
        Index(None, "job", "finished_at"),
        CheckConstraint("(finished_at IS NULL) = (outcome IS NULL)", name="outcome"),
        CheckConstraint("outcome IN ('passed', 'failed', 'broken')", name="outcome_code"),
        {"schema": "operations"},
    )

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(Text)
    planned_at: Mapped[datetime]
    asked_by: Mapped[str | None] = mapped_column(Text, default=None)
    """Subject of the person who asked; null for the clock."""
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    outcome: Mapped[str | None] = mapped_column(Text, default=None)
    """passed, failed (a check found something), broken (the job itself could not run)."""
    detail: Mapped[str] = mapped_column(Text, default="")


class IntegrityResult(Model):
    """What one integrity check (核对) counted in one run: nothing is right, anything else names its way out."""

    __tablename__ = "integrity_results"
    __table_args__ = (PrimaryKeyConstraint("run_id", "check_name"), {"schema": "operations"})

    run_id: Mapped[UUID] = mapped_column(ForeignKey("operations.job_runs.run_id"))
    check_name: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    failures: Mapped[int]
    examples: Mapped[list[Any]] = mapped_column(JSONB)
    """The first rows that break it: ids, codes and amounts."""
    what_to_do: Mapped[str] = mapped_column(Text)
