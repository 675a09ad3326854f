"""The inbox: what a subscriber has handled. Its row and the handler's effect are one transaction."""

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import insert

from shared.database.query import Query
from shared.tables import InboxEntry, OutboxEvent

ORIGINAL = Query(OutboxEvent, select(OutboxEvent).where(OutboxEvent.event_id == bindparam("event_id")))
"""The event as it was emitted: what a delivery must equal to be believed."""

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
