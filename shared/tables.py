"""Tables of the kernel (schema `kernel`)."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Date,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model

KERNEL = "kernel"
CURRENT_TRANSACTION = text("pg_current_xact_id()::text::bigint")


class IdempotentAnswer(CampusOwned, Model):
    """The first answer to a command, kept in the transaction of its effect for at least 24 hours."""

    __tablename__ = "idempotent_answers"
    __table_args__ = (
        PrimaryKeyConstraint("subject", "key"),
        Index(None, "created_at"),
        {"schema": KERNEL},
    )

    subject: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    """Hash of the client's Idempotency-Key (shared.command.kept_as)."""
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(SmallInteger)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class NumberSeries(CampusOwned, Model):
    """The last number given in a series of a campus; the row lock makes the series free of gaps."""

    __tablename__ = "number_series"
    __table_args__ = (PrimaryKeyConstraint("campus_id", "series", "period"), {"schema": KERNEL})

    series: Mapped[str] = mapped_column(Text)
    period: Mapped[str] = mapped_column(Text)
    """`20260302` for a series that restarts daily, `-` for one that never does."""
    last_value: Mapped[int] = mapped_column(BigInteger)


class AuditEntry(CampusOwned, Model):
    """One act on personal or financial data: who, where, what, on which subject. Append-only."""

    __tablename__ = "audit_entries"
    held_back: ClassVar[bool] = True
    __table_args__ = (
        Index(None, "campus_id", "entry_id"),
        Index(None, "campus_id", "transaction", "entry_id"),
        Index(None, "patient_id", "at"),
        Index(None, "subject_kind", "subject_id"),
        {"schema": KERNEL},
    )

    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(Text)
    actor_name: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    subject_kind: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[UUID | None]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    trace_id: Mapped[str] = mapped_column(Text)
    transaction: Mapped[int] = mapped_column(BigInteger, init=False, server_default=CURRENT_TRANSACTION)
    """Transaction that wrote the row; the sealer only takes rows no running transaction can still precede."""


class AuditLink(CampusOwned, Model):
    """One link of a campus's audit chain: the hash of an entry over the hash before it. Written by the sealer."""

    __tablename__ = "audit_links"
    __table_args__ = (
        PrimaryKeyConstraint("campus_id", "position"),
        Index(None, "entry_id", unique=True),
        {"schema": KERNEL},
    )

    position: Mapped[int] = mapped_column(BigInteger)
    entry_id: Mapped[UUID]
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditHead(CampusOwned, Model):
    """The published end of a campus's chain on a day; truncating the chain contradicts it."""

    __tablename__ = "audit_heads"
    __table_args__ = (PrimaryKeyConstraint("campus_id", "day"), {"schema": KERNEL})

    day: Mapped[date] = mapped_column(Date)
    position: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    published_at: Mapped[datetime]


class OutboxEvent(CampusOwned, Model):
    """An event committed with the change it tells of, until every subscriber has it."""

    __tablename__ = "outbox"
    held_back: ClassVar[bool] = True
    __table_args__ = (
        Index("ix_outbox_open", "subject", "seq", postgresql_where=text("closed_at IS NULL")),
        Index("ix_outbox_due", "seq", postgresql_where=text("closed_at IS NULL")),
        Index(None, "created_at"),
        {"schema": KERNEL},
    )

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, Identity(), init=False)
    transaction: Mapped[int] = mapped_column(BigInteger, init=False, server_default=CURRENT_TRANSACTION)
    type: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    traceparent: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer, init=False, server_default=text("0"))
    next_attempt_at: Mapped[datetime] = mapped_column(init=False, server_default=text("now()"))
    closed_at: Mapped[datetime | None] = mapped_column(init=False, server_default=text("null"))


class InboxEntry(CampusOwned, Model):
    """A subscriber has handled an event; written in the transaction of its effect."""

    __tablename__ = "inbox"
    __table_args__ = (
        PrimaryKeyConstraint("event_id", "source", "subscriber"),
        Index(None, "handled_at"),
        {"schema": KERNEL},
    )

    event_id: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    subscriber: Mapped[str] = mapped_column(Text)
    handled_at: Mapped[datetime]


class DeadLetter(CampusOwned, Model):
    """An event one subscriber could not handle: kept, visible, replayable."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        PrimaryKeyConstraint("event_id", "subscriber"),
        Index(None, "died_at"),
        {"schema": KERNEL},
    )

    event_id: Mapped[UUID]
    subscriber: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    died_at: Mapped[datetime]
    replayed_at: Mapped[datetime | None] = mapped_column(default=None)


class DeliveryFailure(CampusOwned, Model):
    """The last failed delivery of an event to one subscriber: what the relay's back-off and screens read."""

    __tablename__ = "delivery_failures"
    __table_args__ = (PrimaryKeyConstraint("event_id", "subscriber"), {"schema": KERNEL})

    event_id: Mapped[UUID]
    subscriber: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


class HeldSubject(CampusOwned, Model):
    """The kill switch of delivery: events of a held subject wait until an operator releases it."""

    __tablename__ = "held_subjects"
    __table_args__ = (PrimaryKeyConstraint("campus_id", "subject"), {"schema": KERNEL})

    subject: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    held_by: Mapped[str] = mapped_column(Text)
    held_at: Mapped[datetime]


class Minute(CampusOwned, Model):
    """When a function was last told that a minute has passed at a campus (events/clock.py)."""

    __tablename__ = "minutes"
    __table_args__ = (PrimaryKeyConstraint("function", "campus_id"), {"schema": KERNEL})

    function: Mapped[str] = mapped_column(Text)
    told_at: Mapped[datetime]


class AccessGrant(Model):
    """Record access (调阅授权): staff of a campus may read a patient's records of other campuses, for a time."""

    __tablename__ = "access_grants"
    __table_args__ = (
        Index(None, "patient_id", "reader_campus_id", "valid_to"),
        Index(None, "basis", "basis_id"),
        {"schema": KERNEL},
    )

    grant_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID]
    reader_campus_id: Mapped[str] = mapped_column(Text)
    reader_subject: Mapped[str | None] = mapped_column(Text)
    """One person (break-glass), or null for the treating campus."""
    basis: Mapped[str] = mapped_column(Text)
    """registration, admission, referral, teleconsultation, reading_task, break_glass."""
    basis_id: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    granted_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class DeniedSubject(Model):
    """Deny list: tokens of a person, or of one login, issued before a moment are refused everywhere."""

    __tablename__ = "denied_subjects"
    __table_args__ = (Index(None, "expires_at"), {"schema": KERNEL})

    denial_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str | None] = mapped_column(Text)
    login_session: Mapped[str | None] = mapped_column(Text)
    issued_before: Mapped[datetime | None]
    """Tokens issued earlier are refused; null refuses all."""
    reason: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime]
