"""The sealer: links what can no longer be preceded."""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

from shared.audit.chain import AUDIT, ENTRY_COLUMNS, GENESIS, HEADS, NOBODY, Entry, Head
from shared.database.engine import REPORT, Database
from shared.database.query import Query
from shared.locks import TRY_LOCK, LockKind, lock_key
from shared.schemas import SHANGHAI

log = logging.getLogger("his.audit")

SEALED = Counter("his_audit_sealed_total", "Audit entries linked into a chain", ["campus"])


class _Chain(NamedTuple):
    campus_id: str
    position: int
    hash: bytes
    transaction: int
    entry_id: UUID


_CHAINS = Query(
    _Chain,
    text("""
    WITH RECURSIVE campus (id) AS (
        SELECT min(campus_id) FROM kernel.audit_entries
        UNION ALL
        SELECT (SELECT min(campus_id) FROM kernel.audit_entries WHERE campus_id > campus.id)
        FROM campus WHERE campus.id IS NOT NULL
    )
    SELECT campus.id, coalesce(tip.position, 0), coalesce(tip.hash, :genesis),
           CASE WHEN last.transaction < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
                THEN last.transaction ELSE 0 END,
           coalesce(last.entry_id, :nobody)
    FROM campus
    LEFT JOIN LATERAL (
        (SELECT position, hash, true AS published FROM kernel.audit_heads WHERE campus_id = campus.id
         ORDER BY day DESC LIMIT 1)
        UNION ALL
        (SELECT position, hash, false FROM kernel.audit_links WHERE campus_id = campus.id
         ORDER BY position DESC LIMIT 1)
        ORDER BY position DESC, published DESC LIMIT 1
    ) AS tip ON true
    LEFT JOIN LATERAL (
        SELECT entry.transaction, entry.entry_id
        FROM kernel.audit_links AS link JOIN kernel.audit_entries AS entry USING (entry_id)
        WHERE link.campus_id = campus.id ORDER BY link.position DESC LIMIT 1
    ) AS last ON true
    WHERE campus.id IS NOT NULL
    """),
)
"""Every campus that has entries (an index skips from one to the next), the end of its chain, its last sealed entry.

The end is the published head where that reaches further than the links: a chain cut short goes on behind the cut, so
that the gap stays to be seen instead of being grown over.
"""

_UNSEALED = Query(
    Entry,
    text(f"""
    SELECT {ENTRY_COLUMNS}
    FROM kernel.audit_entries AS entry
    WHERE campus_id = :campus AND (transaction, entry_id) > (:transaction, CAST(:entry_id AS uuid))
      AND (transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
           OR (:transaction = 0 AND transaction >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint))
      AND NOT EXISTS (SELECT FROM kernel.audit_links AS link WHERE link.entry_id = entry.entry_id)
    ORDER BY transaction, entry_id LIMIT :limit
    """),  # noqa: S608  constant fragments
)
_LINK = Query(
    object,
    text("""
    INSERT INTO kernel.audit_links (campus_id, position, entry_id, hash)
    SELECT :campus, link.position, link.entry_id, link.hash
    FROM unnest(CAST(:positions AS bigint[]), CAST(:entries AS uuid[]), CAST(:hashes AS bytea[]))
         AS link (position, entry_id, hash)
    """),
)
_PUBLISH = Query(
    object,
    text("""
    INSERT INTO kernel.audit_heads (campus_id, day, position, hash, published_at)
    VALUES (:campus, :day, :position, :hash, :now)
    ON CONFLICT (campus_id, day) DO UPDATE
        SET position = excluded.position, hash = excluded.hash, published_at = excluded.published_at
    """),
)


def seal(database: Database, now: datetime, limit: int = 1000) -> int:
    """Link up to `limit` entries of every campus; returns how many. Zero when another sealer is at work.

    The day's head goes with every batch into the database. `database`: of the worker.
    """
    sealed = 0
    with database.transaction(AUDIT, REPORT) as session:
        ours = session.send(TRY_LOCK, key=lock_key(LockKind.AUDIT_SEALER))
        chains = session.send(_CHAINS, genesis=GENESIS, nobody=NOBODY)
        if not ours.one():
            return 0
        for chain in chains.all():
            entries = session.all(
                _UNSEALED,
                campus=chain.campus_id,
                transaction=chain.transaction,
                entry_id=chain.entry_id,
                limit=limit,
            )
            if not entries:
                continue
            hashes = list(_hashes(chain.hash, entries))
            end = chain.position + len(entries)
            session.execute(
                _LINK,
                campus=chain.campus_id,
                positions=list(range(chain.position + 1, end + 1)),
                entries=[entry.entry_id for entry in entries],
                hashes=hashes,
            )
            day = now.astimezone(SHANGHAI).date()
            session.execute(_PUBLISH, campus=chain.campus_id, day=day, position=end, hash=hashes[-1], now=now)
            SEALED.labels(chain.campus_id).inc(len(entries))
            sealed += len(entries)
    return sealed


def _hashes(before: bytes, entries: Iterable[Entry]) -> Iterator[bytes]:
    for entry in entries:
        before = entry.link(before)
        yield before


def announce(database: Database) -> list[Head]:
    """Write the last head of every campus to the log, where it is out of reach of whoever can rewrite the database.

    Such lines are what `verify` takes as `witnesses`. `database`: of the worker or the auditor.
    """
    with database.transaction(AUDIT) as session:
        last = {head.campus_id: head for head in session.all(HEADS)}
    for head in last.values():
        fields = {
            "campus": head.campus_id,
            "position": head.position,
            "hash": head.hash.hex(),
            "published_at": head.published_at.isoformat(),
        }
        log.info("audit head", extra={"fields": fields})
    return list(last.values())
