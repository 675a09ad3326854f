"""Identity checks with the police (公安核验): what was asked, what is waiting, what came back."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from functions.patients.index.models.people import PATIENT, SCHEMA
from shared.database.model import CampusOwned, Model


class PoliceCheck(CampusOwned, Model):
    """One question to the police about a person's resident number, asked until it is answered.

    waiting -> matched, mismatched, unknown; or `outdated` when name or number changed before the answer came. The
    patient is usable all the time. Name and number are not kept here: they are the person's at the moment of asking,
    and `asked_version` says which.
    """

    __tablename__ = "police_checks"
    __table_args__ = (
        Index("uq_police_checks_waiting", "patient_id", unique=True, postgresql_where=text("status = 'waiting'")),
        Index("ix_police_checks_due", "campus_id", "next_at", postgresql_where=text("status = 'waiting'")),
        Index(None, "campus_id", "status", "check_id"),
        Index(None, "patient_id"),
        CheckConstraint("status IN ('waiting', 'matched', 'mismatched', 'unknown', 'outdated')", name="status"),
        CheckConstraint("(status = 'waiting') = (answered_at IS NULL)", name="answered_at"),
        {"schema": SCHEMA},
    )

    check_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT, deferrable=True, initially="DEFERRED"))
    status: Mapped[str] = mapped_column(Text, default="waiting")
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(Text)
    asked_version: Mapped[int | None] = mapped_column(Integer, default=None)
    """Version of the person whose name and number were sent last."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[datetime]
    """When to ask again; while a question is under way, when to take it for lost."""
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
    serial: Mapped[str | None] = mapped_column(Text, default=None)
    """Reference of the police."""
