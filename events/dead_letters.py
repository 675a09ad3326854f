"""Dead letters (死信): events one subscriber could not handle. Its subject went on; a person looks, mends, replays.

The outbox row of a dead letter is kept until the letter is replayed, so a replay is an ordinary delivery: the same
event through the same broker, compared with the same row, once.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from events.health import WORKER
from shared.database.engine import Database
from shared.database.query import Query
from shared.locks import WAKE_RELAY


class OpenLetter(NamedTuple):
    """An event that waits for a person."""

    event_id: UUID
    subscriber: str
    campus_id: str
    type: str
    subject: str
    reason: str
    """Stable code of the last refusal, or the kind of error."""
    attempts: int
    died_at: datetime
    data: dict[str, Any] | None
    """Ids and amounts of the event."""


_OPEN = Query(
    OpenLetter,
    text("""
    SELECT dead.event_id, dead.subscriber, dead.campus_id, dead.type, dead.subject, dead.reason, dead.attempts,
           dead.died_at, event.data
    FROM kernel.dead_letters AS dead
    LEFT JOIN kernel.outbox AS event USING (event_id)
    WHERE dead.replayed_at IS NULL
      AND NOT EXISTS (SELECT FROM kernel.inbox WHERE inbox.event_id = dead.event_id::text
                      AND inbox.source = event.source AND inbox.subscriber = dead.subscriber)
    ORDER BY dead.died_at, dead.event_id, dead.subscriber LIMIT :limit
    """),
)
_REPLAY = Query(
    str,
    text("""
    UPDATE kernel.dead_letters AS dead SET replayed_at = now()
    FROM kernel.outbox AS event
    WHERE dead.event_id = :event_id AND event.event_id = dead.event_id AND dead.replayed_at IS NULL
      AND (CAST(:subscriber AS text) IS NULL OR dead.subscriber = :subscriber)
    RETURNING dead.subscriber
    """),
)
_FORGET_FAILURES = Query(
    object,
    text("DELETE FROM kernel.delivery_failures WHERE event_id = :event_id AND subscriber = ANY (:subscribers)"),
)
_REOPEN = Query(
    object,
    text("UPDATE kernel.outbox SET closed_at = NULL, attempts = 0, next_attempt_at = now() WHERE event_id = :event_id"),
)


def list_open(database: Database, limit: int = 200) -> list[OpenLetter]:
    """Dead letters nobody has replayed, oldest first. `database`: of the worker or the auditor."""
    with database.transaction(WORKER) as session:
        return session.all(_OPEN, limit=limit)


def replay(database: Database, event_id: UUID, subscriber: str | None = None) -> list[str]:
    """Deliver an event again to the subscriber (or to all) whose dead letter it is. `database`: of the worker.

    Returns the subscribers; none when there is no such open letter. Subscribers that have the event do not get
    it twice. The event goes before younger ones of its subject, and is a dead letter again when it fails again.
    """
    with database.transaction(WORKER) as session:
        subscribers = session.all(_REPLAY, event_id=event_id, subscriber=subscriber)
        if subscribers:
            session.execute(_FORGET_FAILURES, event_id=event_id, subscribers=subscribers)
            session.execute(_REOPEN, event_id=event_id)
            session.execute(WAKE_RELAY)
        return subscribers
