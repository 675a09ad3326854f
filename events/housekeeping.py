"""Housekeeping: what delivery and repeated commands left behind goes when nobody can ask for it any more.

The outbox keeps an event while its dead letter waits for a person. The inbox outlives the outbox: a row whose event is
still there stays, whatever the clocks say, because without it a late delivery would take effect twice. Small batches,
so that no clinic waits.
"""

from datetime import datetime, timedelta

from sqlalchemy import text

from events.health import WORKER
from shared.database.engine import REPORT, Database
from shared.database.query import Query

KEEP_CLOSED = timedelta(days=7)
KEEP_HANDLED = timedelta(days=30)
KEEP_ANSWERS = timedelta(hours=48)

_CLOSED_EVENTS = Query(
    int,
    text("""
    WITH gone AS (
        DELETE FROM kernel.outbox WHERE event_id IN (
            SELECT event_id FROM kernel.outbox
            WHERE created_at < :before AND closed_at < :before
              AND NOT EXISTS (SELECT FROM kernel.dead_letters AS dead
                              WHERE dead.event_id = outbox.event_id AND dead.replayed_at IS NULL)
            ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING event_id)
    SELECT count(*) FROM gone
    """),
)
_HANDLED_EVENTS = Query(
    int,
    text("""
    WITH gone AS (
        DELETE FROM kernel.inbox WHERE (event_id, source, subscriber) IN (
            SELECT event_id, source, subscriber FROM kernel.inbox AS handled
            WHERE handled_at < :before
              AND NOT EXISTS (
                SELECT FROM kernel.outbox
                WHERE outbox.event_id = CASE WHEN handled.event_id ~ :uuid THEN handled.event_id::uuid END)
            ORDER BY handled_at LIMIT :limit)
        RETURNING event_id)
    SELECT count(*) FROM gone
    """).bindparams(uuid="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
)
"""A device chooses its events' ids: not all of them are UUIDs."""
_FAILURES = Query(
    int,
    text("""
    WITH gone AS (
        DELETE FROM kernel.delivery_failures WHERE (event_id, subscriber) IN (
            SELECT event_id, subscriber FROM kernel.delivery_failures AS failure
            WHERE at < :before
              AND NOT EXISTS (SELECT FROM kernel.outbox WHERE outbox.event_id = failure.event_id)
            LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING event_id)
    SELECT count(*) FROM gone
    """),
)
_ANSWERS = Query(
    int,
    text("""
    WITH gone AS (
        DELETE FROM kernel.idempotent_answers WHERE (subject, key) IN (
            SELECT subject, key FROM kernel.idempotent_answers
            WHERE created_at < :before ORDER BY created_at LIMIT :limit)
        RETURNING key)
    SELECT count(*) FROM gone
    """),
)
_HANDLED_AFTER_ALL = Query(
    object,
    text("""
    UPDATE kernel.dead_letters AS dead SET replayed_at = :now
    FROM kernel.outbox AS event
    WHERE dead.replayed_at IS NULL AND event.event_id = dead.event_id
      AND EXISTS (SELECT FROM kernel.inbox WHERE inbox.event_id = event.event_id::text
                  AND inbox.source = event.source AND inbox.subscriber = dead.subscriber)
    """),
)
"""A letter whose event reached its subscriber while another subscriber still kept it open."""

_RULES = (
    (_CLOSED_EVENTS, KEEP_CLOSED),
    (_HANDLED_EVENTS, KEEP_HANDLED),
    (_FAILURES, KEEP_CLOSED),
    (_ANSWERS, KEEP_ANSWERS),
)


def sweep(database: Database, now: datetime, limit: int = 500) -> int:
    """Remove one batch of each kind; returns how many rows went, so call again until none does.

    `database`: of the worker.
    """
    swept = 0
    with database.transaction(WORKER) as session:
        session.execute(_HANDLED_AFTER_ALL, now=now)
    for rule, keep in _RULES:
        with database.transaction(WORKER, REPORT) as session:
            swept += session.one(rule, before=now - keep, limit=limit)
    return swept
