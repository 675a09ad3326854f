"""Base backups: take one, list them, forget old ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from infra.backup.replication import Replication
from infra.backup.settings import BackupError, Settings
from infra.backup.vault import SEGMENT, Base, Vault, lsn

MOMENT = "%Y%m%dT%H%M%SZ"


def take(settings: Settings, *, patience: float = 120.0) -> Base:
    """Take a base backup and wait until the archive has the log it needs. Returns what it is.

    Raises BackupError when the database refuses, or when no archiver brings the log.
    """
    vault = settings.vault()
    server = Replication(settings.database_url, "his-base-backup")
    try:
        vault.claim(server.identify().identifier)
        began = datetime.now(UTC)
        name = began.strftime(MOMENT)
        stream = server.base_backup(f"his {name}")
        _, start, timeline, _ = next(stream)
        parts = _Parts(stream)
        vault.put(f"base/{name}/base", parts.data(), lasting=True)
        vault.put(f"base/{name}/manifest", parts.manifest(), lasting=True)
        end = parts.end
    finally:
        server.close()
    deadline = time.monotonic() + patience
    while not _covered(vault, timeline, end):
        if time.monotonic() > deadline:
            raise BackupError(
                f"The base backup needs the log up to {lsn(end)} and the archive does not have it: does `archive` run?"
            )
        time.sleep(0.5)
    base = Base(name, timeline, start, end, began.isoformat(), datetime.now(UTC).isoformat(), parts.bytes)
    vault.put_base(base)
    return base


def prune(vault: Vault, keep_days: int, now: datetime | None = None) -> list[str]:
    """Forget base backups older than `keep_days`, and the log only they need; the newest always stays.

    What is locked stays until its lock ends: run with more days than the lock. Returns the names that went.
    """
    edge = (now or datetime.now(UTC)) - timedelta(days=keep_days)
    bases = vault.bases()
    kept = [base for base in bases if datetime.fromisoformat(base.ended) >= edge] or bases[-1:]
    if not kept:
        return []
    oldest = min(base.start for base in kept) // SEGMENT
    known = {base.name for base in kept}
    gone = [name for name in vault.names("base/") if name.split("/")[1] not in known and _old(name, edge)]
    for prefix in ("wal/", "tail/"):
        gone += [name for name in vault.names(prefix) if _segment_number(name) < oldest]
    vault.delete(gone)
    return gone


def choose(bases: list[Base], until: datetime | None) -> Base:
    """The newest base backup that ended before the moment. Raises BackupError when there is none."""
    fitting = [base for base in bases if until is None or datetime.fromisoformat(base.ended) <= until]
    if not fitting:
        raise BackupError(
            "There is no base backup" + (f" that ended before {until:%Y-%m-%d %H:%M:%S%z}." if until else ".")
        )
    return fitting[-1]


class _Parts:
    """The stream of a base backup, split into the tar and the list of files."""

    def __init__(self, stream: Iterator[tuple[str, int, int, bytes]]) -> None:
        self._stream = stream
        self._first: bytes | None = None
        self.bytes = 0
        self.end = 0

    def data(self) -> Iterator[bytes]:
        for what, _, _, piece in self._stream:
            if what != "data":
                self._first = piece
                return
            self.bytes += len(piece)
            yield piece

    def manifest(self) -> Iterator[bytes]:
        yield self._first or b""
        for what, at, _, piece in self._stream:
            if what == "end":
                self.end = at
            else:
                yield piece


def _covered(vault: Vault, timeline: int, end: int) -> bool:
    """Whether the archive reaches a position: whole segments before it, and its own segment that far."""
    number, last = divmod(end - 1, SEGMENT)
    reached = vault.reach(timeline, number)
    return reached is not None and reached > last


def _old(name: str, edge: datetime) -> bool:
    """An unfinished backup of today may be one that is being taken."""
    return datetime.strptime(name.split("/")[1], MOMENT).replace(tzinfo=UTC) < edge


def _segment_number(name: str) -> int:
    segment = name.split("/")[2]
    return int(segment[8:16], 16) * 256 + int(segment[16:24], 16)
