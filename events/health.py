"""Where delivery stands, for the metrics and a screen, and the kill switch of a subject."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from shared.database.engine import Database, Scope
from shared.database.query import Query
from shared.locks import WAKE_RELAY

WORKER = Scope(campus="", readable=(), subject="system:worker")
STUCK_AFTER = 4
"""Attempts after which a subject is shown as stuck: by then it has waited for some seconds."""


class RelayHealth(NamedTuple):
    """The outbox at a glance."""

    depth: int
    """Open rows."""
    lag_seconds: float
    """Age of the oldest open row."""
    stuck: int
    """Subjects whose oldest event was tried again and again."""
    held: int
    """Subjects an operator holds."""
    dead: int
    """Dead letters nobody has replayed."""


class StuckSubject(NamedTuple):
    """A subject whose oldest event does not get through; everything younger waits behind it."""

    campus_id: str
    subject: str
    event_id: UUID
    type: str
    attempts: int
    since: datetime
    held: bool
    waiting: int
    """Open events of the subject, this one included."""
    reasons: list[str]
    """`subscriber: code` of each recorded failure; empty when the subscriber never answered."""


_HEALTH = Query(
    RelayHealth,
    text("""
    SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8,
           count(DISTINCT subject) FILTER (WHERE attempts >= :attempts),
           (SELECT count(*) FROM kernel.held_subjects),
           (SELECT count(*) FROM kernel.dead_letters WHERE replayed_at IS NULL)
    FROM kernel.outbox WHERE closed_at IS NULL
    """),
)
_STUCK = Query(
    StuckSubject,
    text("""
    SELECT head.campus_id, head.subject, head.event_id, head.type, head.attempts, head.created_at,
           held.subject IS NOT NULL,
           (SELECT count(*) FROM kernel.outbox AS behind
            WHERE behind.closed_at IS NULL AND behind.subject = head.subject),
           ARRAY (SELECT failure.subscriber || ': ' || failure.reason FROM kernel.delivery_failures AS failure
                  WHERE failure.event_id = head.event_id ORDER BY failure.subscriber)
    FROM kernel.outbox AS head
    LEFT JOIN kernel.held_subjects AS held ON held.campus_id = head.campus_id AND held.subject = head.subject
    WHERE head.closed_at IS NULL AND (head.attempts >= :attempts OR held.subject IS NOT NULL)
      AND head.seq = (SELECT min(seq) FROM kernel.outbox AS open
                      WHERE open.closed_at IS NULL AND open.subject = head.subject)
    ORDER BY head.seq LIMIT :limit
    """),
)
_HOLD = Query(
    object,
    text("""
    INSERT INTO kernel.held_subjects (campus_id, subject, reason, held_by, held_at)
    VALUES (:campus, :subject, :reason, :held_by, now()) ON CONFLICT DO NOTHING
    """),
)
_RELEASE = Query(
    str,
    text("DELETE FROM kernel.held_subjects WHERE campus_id = :campus AND subject = :subject RETURNING subject"),
)


def health(database: Database) -> RelayHealth:
    """How far behind delivery is. `database`: of the worker or the auditor."""
    with database.transaction(WORKER) as session:
        return session.one(_HEALTH, attempts=STUCK_AFTER)


def stuck_subjects(database: Database, limit: int = 100) -> list[StuckSubject]:
    """Subjects that do not get through, oldest first. `database`: of the worker or the auditor."""
    with database.transaction(WORKER) as session:
        return session.all(_STUCK, limit=limit, attempts=STUCK_AFTER)


def hold(database: Database, campus: str, subject: str, *, reason: str, held_by: str) -> None:
    """The kill switch: deliver nothing of this subject until it is released. `database`: of the worker."""
    with database.transaction(WORKER) as session:
        session.execute(_HOLD, campus=campus, subject=subject, reason=reason, held_by=held_by)


def release(database: Database, campus: str, subject: str) -> bool:
    """Let a held subject go on; False when it was not held. `database`: of the worker."""
    with database.transaction(WORKER) as session:
        released = session.first(_RELEASE, campus=campus, subject=subject)
        session.execute(WAKE_RELAY)
        return released is not None
