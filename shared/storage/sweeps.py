"""Upkeep of the file store, run by the worker: reap what was never confirmed, find orphans, re-read what is kept.

Each step asks the database in short transactions and the store between them, so a sweep that is killed anywhere
leaves nothing wrong: the next one goes on.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal
from uuid import UUID

from prometheus_client import Counter

from shared.database.engine import REPORT, Database, Scope
from shared.storage import queries
from shared.storage.models import StoredFile
from shared.storage.problems import ObjectMissing
from shared.storage.store import ObjectStore

LOGGER = logging.getLogger(__name__)
SCRUBBED = Counter("his_files_scrubbed_total", "Stored files read back, by outcome", ["outcome"])

_BATCH = 500
_WORKER = Scope(campus="", readable=(), subject="system:storage")
_OURS = re.compile(r"[a-z0-9-]+/[a-z0-9-]+/\d{4}/\d{2}/\d{2}/[0-9a-f-]{36}")
"""Keys this system makes; other objects of the bucket (probes, a mistake of an operator) are left alone."""

Failure = Literal["missing", "size", "sha256"]


@dataclass(frozen=True, slots=True)
class Orphans:
    """Objects without a row. `removed` is false when there were too many to be anything but a mistake."""

    keys: tuple[str, ...]
    removed: bool


@dataclass(frozen=True, slots=True)
class Damage:
    """A confirmed file that is not what was confirmed."""

    file_id: UUID
    campus_id: str
    kind: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """One round of the scrubber."""

    checked: int
    damaged: tuple[Damage, ...]


def reap(database: Database, store: ObjectStore, older_than: timedelta, now: datetime) -> int:
    """Give up reservations that were never confirmed and remove their objects; returns how many.

    The row goes first: a confirm that comes too late is refused, and an object whose removal fails is an orphan that
    `remove_orphans` finds. `older_than` must exceed the longest upload; an hour is plenty.
    """
    reaped = 0
    while True:
        with database.transaction(_WORKER, REPORT) as session:
            keys = session.all(queries.ABANDON, before=now - older_than, limit=_BATCH, now=now)
        if not keys:
            return reaped
        store.remove(keys)
        reaped += len(keys)


def remove_orphans(
    database: Database, store: ObjectStore, older_than: timedelta, now: datetime, limit: int = 1000
) -> Orphans:
    """Remove objects that no live row names, older than `older_than`.

    More than `limit` of them means that the database is not the one that belongs to this bucket (a restore to an
    earlier moment): nothing is removed then, and a person decides.
    """
    orphans: list[str] = []
    aged = (item.key for item in store.listing() if item.modified_at < now - older_than and _OURS.fullmatch(item.key))
    for keys in _batches(aged):
        with database.transaction(_WORKER, REPORT) as session:
            live = set(session.all(queries.LIVE_KEYS, keys=keys))
        orphans += [key for key in keys if key not in live]
    if len(orphans) > limit:
        LOGGER.error("%d objects without a row, more than %d: nothing removed", len(orphans), limit)
        return Orphans(tuple(orphans), removed=False)
    for keys in _batches(orphans):
        store.remove(keys)
    return Orphans(tuple(orphans), removed=True)


def scrub(database: Database, store: ObjectStore, sample: int, now: datetime) -> Scrubbed:
    """Read back the files longest unread and compare length and SHA-256 with what was confirmed.

    Every file's turn comes before any has a second. Damage is kept on the row (`scrub_failed_at`), counted and
    returned; a file that reads well again is well. A store that can't be reached raises StorageUnavailable and
    marks nothing.
    """
    with database.transaction(_WORKER, REPORT) as session:
        files = session.all(queries.SCRUB_NEXT, limit=sample)
    damaged: list[Damage] = []
    for file in files:
        failure = _examine(store, file)
        with database.transaction(_WORKER) as session:
            if failure is None:
                session.execute(queries.SCRUB_WELL, file_id=file.file_id, now=now)
            else:
                since = file.scrub_failed_at or now
                session.execute(queries.SCRUB_DAMAGED, file_id=file.file_id, now=now, failed_at=since, failure=failure)
        SCRUBBED.labels("damaged" if failure else "whole").inc()
        if failure is not None:
            LOGGER.error("file %s of campus %s is damaged: %s", file.file_id, file.campus_id, failure)
            damaged.append(Damage(file.file_id, file.campus_id, file.kind, failure))
    return Scrubbed(len(files), tuple(damaged))


def _examine(store: ObjectStore, file: StoredFile) -> Failure | None:
    digest = hashlib.sha256()
    size = 0
    try:
        with store.open(file.key) as chunks:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
    except ObjectMissing:
        return "missing"
    if size != file.size:
        return "size"
    return None if digest.digest() == file.sha256 else "sha256"


def _batches(items: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch
