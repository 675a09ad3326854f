"""Which records may be of one person, which were joined, and which number is claimed by two people."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from functions.patients.index.models.people import PATIENT, SCHEMA
from shared.database.model import Model


class MatchPoints(Model):
    """One version of the points and limits of the match score, in force from a moment (rules.MatchWeights)."""

    __tablename__ = "match_points"
    __table_args__ = (Index(None, "in_force_from"), {"schema": SCHEMA})

    version: Mapped[str] = mapped_column(Text, primary_key=True)
    points: Mapped[dict[str, Any]]
    in_force_from: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(Text)


class MatchCandidate(Model):
    """A pair that may be one person (疑似重复). The smaller id stands first, so that a pair exists once.

    Status: open, merged, not_same (a steward decided), dissolved (a correction made them unlike).
    """

    __tablename__ = "match_candidates"
    __table_args__ = (
        Index("uq_match_candidates_pair", "first_id", "second_id", unique=True),
        Index(None, "second_id"),
        Index(None, "status", "due_at", "candidate_id"),
        CheckConstraint("first_id < second_id", name="order"),
        CheckConstraint("status IN ('open', 'merged', 'not_same', 'dissolved')", name="status"),
        {"schema": SCHEMA},
    )

    candidate_id: Mapped[UUID] = mapped_column(primary_key=True)
    first_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    second_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    score: Mapped[Decimal] = mapped_column(Numeric(6, 2))
    suspicion: Mapped[str] = mapped_column(Text)
    points: Mapped[dict[str, Any]]
    weights_version: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(Text)
    """Hash of the identifying fields that were compared; another one lets a pair decided as two people be proposed."""
    status: Mapped[str] = mapped_column(Text, default="open")
    proposed_at: Mapped[datetime]
    proposed_by: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime]
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by: Mapped[str | None] = mapped_column(Text, default=None)
    decision_reason: Mapped[str | None] = mapped_column(Text, default=None)


class Merge(Model):
    """A link of one record to another (合并) and all that is needed to take it back.

    Status: pending (waits for a second steward), done, undone, rejected. The links that are `done` form a forest: a
    record is retired by at most one of them, and the root of its tree is its survivor.
    """

    __tablename__ = "merges"
    __table_args__ = (
        Index("uq_merges_retired", "retired_id", unique=True, postgresql_where=text("status = 'done'")),
        Index(
            "uq_merges_pending",
            "survivor_id",
            "retired_id",
            unique=True,
            postgresql_where=text("status = 'pending'"),
        ),
        Index(None, "survivor_id"),
        Index(None, "retired_id"),
        Index(None, "status", "merge_id"),
        CheckConstraint("survivor_id <> retired_id", name="two_records"),
        CheckConstraint("status IN ('pending', 'done', 'undone', 'rejected')", name="status"),
        {"schema": SCHEMA},
    )

    merge_id: Mapped[UUID] = mapped_column(primary_key=True)
    survivor_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    retired_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    survivor_version: Mapped[int]
    retired_version: Mapped[int]
    chosen_fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Fields the survivor takes over from the retired record."""
    members: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    """Records the merge pointed to the survivor: the retired one and those merged into it before."""
    taken: Mapped[dict[str, Any]]
    """Field -> {before, after} of the survivor."""
    retired_status: Mapped[str] = mapped_column(Text)
    """Status of the retired record before: active or deceased."""
    reason: Mapped[str] = mapped_column(Text)
    evidence_file_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    status: Mapped[str] = mapped_column(Text)
    acting_campus_id: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    requested_by: Mapped[str] = mapped_column(Text)
    merged_at: Mapped[datetime | None] = mapped_column(default=None)
    confirmed_by: Mapped[str | None] = mapped_column(Text, default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)
    assignments: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """What the steward decided for each record written between merge and unmerge."""


class Dispute(Model):
    """An identity number claimed under two names (冒用身份). While open, insurance does not settle for the person."""

    __tablename__ = "disputes"
    __table_args__ = (
        Index("ix_disputes_open", "patient_id", postgresql_where=text("status = 'open'")),
        Index(None, "status", "dispute_id"),
        CheckConstraint("status IN ('open', 'settled')", name="status"),
        {"schema": SCHEMA},
    )

    dispute_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    identifier_id: Mapped[UUID | None] = mapped_column(ForeignKey("patients.identifiers.identifier_id"))
    claimed_name: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default="open")
    acting_campus_id: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    opened_by: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text, default=None)
    """holder_right, identifier_revoked, misused."""
    settled_at: Mapped[datetime | None] = mapped_column(default=None)
    settled_by: Mapped[str | None] = mapped_column(Text, default=None)
    settlement: Mapped[str | None] = mapped_column(Text, default=None)
