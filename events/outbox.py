"""The outbox in PostgreSQL: the relay's turns and its sleep.

A row is due when
    it is open, it is the oldest open row of its subject, and nobody holds the subject;
    it was never tried, or the moment of its next attempt has come. A moment further away than any pause was set by a
    clock that jumped, and counts as come;
    every transaction that began before its own has ended: a slower, earlier one may still add an older event of the
    same subject. (A transaction number from the future is a row of a restored database, long committed.)
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row
from sqlalchemy import text

from events.relay import Failure, Letter, Policy, Taken, Turn
from events.wire import Delivery
from shared.database.engine import SILENT_PEER
from shared.database.query import Query
from shared.database.session import Session
from shared.locks import LockKind, lock_key

log = logging.getLogger("his.relay")

_WANTED = """
    wanted AS (SELECT * FROM unnest(CAST(:types AS text[]), CAST(:subscribers AS text[])) AS pair (type, subscriber))
"""
_MISSING = """
    SELECT FROM wanted
    WHERE wanted.type = event.type
      AND NOT EXISTS (
        SELECT FROM kernel.inbox
        WHERE inbox.event_id = event.event_id::text AND inbox.source = event.source
          AND inbox.subscriber = wanted.subscriber)
      AND NOT EXISTS (
        SELECT FROM kernel.dead_letters AS dead
        WHERE dead.event_id = event.event_id AND dead.subscriber = wanted.subscriber AND dead.replayed_at IS NULL)
"""

_BURY = Query(
    Letter,
    text(f"""
    WITH {_WANTED}
    INSERT INTO kernel.dead_letters AS dead
        (campus_id, event_id, subscriber, type, subject, reason, attempts, died_at, replayed_at)
    SELECT event.campus_id, event.event_id, failure.subscriber, event.type, event.subject, failure.reason,
           failure.attempts, :now, NULL
    FROM kernel.delivery_failures AS failure
    JOIN kernel.outbox AS event USING (event_id)
    WHERE event.event_id = ANY (:events) AND event.closed_at IS NULL
      AND least(failure.attempts, event.attempts) >= :max_attempts
      AND EXISTS ({_MISSING} AND wanted.subscriber = failure.subscriber)
    ON CONFLICT (event_id, subscriber) DO UPDATE
        SET reason = excluded.reason, attempts = excluded.attempts, died_at = excluded.died_at, replayed_at = NULL
    RETURNING event_id, subscriber, type, reason
    """),  # noqa: S608  constant fragments
)
_CLOSE = Query(
    UUID,
    text(f"""
    WITH {_WANTED}
    UPDATE kernel.outbox AS event SET closed_at = :now
    WHERE event.event_id = ANY (:events) AND event.closed_at IS NULL AND NOT EXISTS ({_MISSING})
    RETURNING event.event_id
    """),  # noqa: S608  constant fragments
)
_POSTPONE = Query(
    object,
    text("""
    UPDATE kernel.outbox AS event SET next_attempt_at = failed.moment
    FROM unnest(CAST(:events AS uuid[]), CAST(:attempts AS int[]), CAST(:moments AS timestamptz[]))
         AS failed (event_id, attempts, moment)
    WHERE event.event_id = failed.event_id AND event.attempts = failed.attempts AND event.closed_at IS NULL
    """),
)


class _Row(NamedTuple):
    event_id: UUID
    type: str
    source: str
    subject: str
    campus_id: str
    created_at: datetime
    data: dict[str, Any]
    traceparent: str
    attempts: int
    leased_until: datetime
    seq: int
    missing: int


_TAKE = Query(
    _Row,
    text(f"""
    WITH {_WANTED}, due AS MATERIALIZED (
        SELECT candidate.event_id
        FROM kernel.outbox AS candidate
        WHERE closed_at IS NULL
          AND (attempts = 0 OR next_attempt_at <= :now OR next_attempt_at > :nonsense)
          AND (transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
               OR transaction >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
          AND seq = (
            SELECT min(seq) FROM kernel.outbox AS open
            WHERE open.closed_at IS NULL AND open.subject = candidate.subject)
          AND NOT EXISTS (
            SELECT FROM kernel.held_subjects AS held
            WHERE held.campus_id = candidate.campus_id AND held.subject = candidate.subject)
        ORDER BY seq LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE kernel.outbox AS event
    SET attempts = attempts + 1,
        next_attempt_at = :now + least(:lease * 2 ^ least(attempts, 30), :longest) * interval '1 second'
    FROM due WHERE event.event_id = due.event_id
    RETURNING event.event_id, event.type, event.source, event.subject, event.campus_id, event.created_at, event.data,
              event.traceparent, event.attempts, event.next_attempt_at, event.seq,
              (SELECT count(*) FROM ({_MISSING}) AS missing)
    """),  # noqa: S608  constant fragments
)
_STAY_AWAKE = f"SELECT set_config('lock_timeout', '200ms', true), pg_advisory_lock({lock_key(LockKind.RELAY)})"
_FALL_ASLEEP = f"SELECT pg_advisory_unlock({lock_key(LockKind.RELAY)})"


class PostgresOutbox:
    """The relay's own connection: its turns, the lock that says it is awake, and LISTEN for when it is not.

    The connection is a session of its own (no transaction pooler between). It is opened when first needed and again
    after `close`, so whoever loses PostgreSQL closes and goes on.
    """

    def __init__(self, url: str, subscriptions: Mapping[str, Sequence[str]]) -> None:
        self._url = url
        pairs = [(kind, subscriber) for kind, subscribers in subscriptions.items() for subscriber in subscribers]
        self._wanted = {"types": [kind for kind, _ in pairs], "subscribers": [subscriber for _, subscriber in pairs]}
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._awake = False

    def turn(
        self, now: datetime, policy: Policy, answered: Collection[UUID], failures: Collection[Failure], limit: int
    ) -> Turn:
        """See events.relay.Outbox. One exchange, and one for the commit."""
        events = list(answered)
        connection = self._connected()
        with connection.pipeline() as pipeline, connection.transaction():
            session = Session(connection, pipeline)
            if events:
                buried = session.send(_BURY, now=now, events=events, max_attempts=policy.max_attempts, **self._wanted)
                closed = session.send(_CLOSE, now=now, events=events, **self._wanted)
            if failures:
                session.execute(
                    _POSTPONE,
                    events=[failure.event_id for failure in failures],
                    attempts=[failure.attempts for failure in failures],
                    moments=[failure.next_attempt_at for failure in failures],
                )
            taken = session.all(
                _TAKE,
                now=now,
                nonsense=now + timedelta(seconds=2 * policy.longest),
                lease=policy.lease,
                longest=policy.longest,
                limit=limit,
                **self._wanted,
            )
            letters = buried.all() if events else []
            done = closed.all() if events else []
        return Turn(done, letters, [_taken(row) for row in sorted(taken, key=lambda row: row.seq)])

    def stay_awake(self) -> None:
        """Hold the lock that spares writers their NOTIFY. Not having it (they are just committing, or another relay
        is awake) only costs notifications."""
        if not self._awake:
            connection = self._connected()
            try:
                with connection.transaction():
                    connection.execute(_STAY_AWAKE)
                self._awake = True
            except psycopg.errors.LockNotAvailable:
                log.debug("no lock; writers go on notifying")

    def sleep(self, seconds: float) -> bool:
        """Let go of the lock and wait for a notification, at most so long; True when one came."""
        connection = self._connected()
        if self._awake:
            connection.execute(_FALL_ASLEEP)
            self._awake = False
        woken = any(True for _ in connection.notifies(timeout=seconds, stop_after=1))
        for _ in connection.notifies(timeout=0):
            pass  # a burst is one reason to look
        return woken

    def close(self) -> None:
        """Give the connection up; the next call opens another."""
        connection, self._connection, self._awake = self._connection, None, False
        if connection is not None:
            connection.close()

    def _connected(self) -> "psycopg.Connection[tuple[Any, ...]]":
        if self._connection is None:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                row_factory=tuple_row,
                application_name="his relay",
                **SILENT_PEER,
                options="-c statement_timeout=30s -c lock_timeout=3s -c idle_in_transaction_session_timeout=30s"
                " -c transaction_timeout=60s",
            )
            self._connection.execute("LISTEN his_outbox")
        return self._connection


def _taken(row: _Row) -> Taken:
    event = Delivery(
        id=str(row.event_id),
        type=row.type,
        source=row.source,
        subject=row.subject,
        campus=row.campus_id,
        time=row.created_at,
        data=row.data,
        traceparent=row.traceparent,
    )
    return Taken(event, row.attempts, row.leased_until, row.missing)
