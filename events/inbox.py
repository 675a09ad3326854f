"""The inbox: what a subscriber has handled. Its row and the handler's effect are one transaction."""

from typing import Any, NamedTuple

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import insert

from shared.database.query import Query
from shared.tables import InboxEntry


class Original(NamedTuple):
    """An event as it was emitted: what a delivery must equal to be believed."""

    type: str
    source: str
    subject: str
    campus_id: str
    data: dict[str, Any]
    given_up: bool
    """The event is done with, or a dead letter for this subscriber: younger ones of its subject may have gone by."""


ORIGINAL = Query(
    Original,
    text("""
    SELECT type, source, subject, campus_id, data, closed_at IS NOT NULL OR EXISTS (
        SELECT FROM kernel.dead_letters AS dead
        WHERE dead.event_id = outbox.event_id AND dead.subscriber = :subscriber AND dead.replayed_at IS NULL)
    FROM kernel.outbox WHERE event_id = :event_id
    """),
)
CLAIM = Query(
    str,
    insert(InboxEntry)
    .values(
        event_id=bindparam("event_id"),
        source=bindparam("source"),
        subscriber=bindparam("subscriber"),
        campus_id=bindparam("campus_id"),
        handled_at=bindparam("handled_at"),
    )
    .on_conflict_do_nothing()
    .returning(InboxEntry.event_id),
)
"""Nothing comes back when the subscriber has handled the event. Waits for a delivery being handled this moment."""

COUNT_FAILURE = Query(
    object,
    text("""
    INSERT INTO kernel.delivery_failures AS failure (campus_id, event_id, subscriber, attempts, reason, at)
    SELECT campus_id, event_id, :subscriber, 1, :reason, :at
    FROM kernel.outbox WHERE event_id = :event_id AND closed_at IS NULL
    ON CONFLICT (event_id, subscriber) DO UPDATE
        SET attempts = failure.attempts + 1, reason = excluded.reason, at = excluded.at
    """),
)
"""Counts only failures of events that are in the outbox and still on their way."""
