"""The write-ahead log, as it is written: at most a second of it is not in the store.

A segment is stored in pieces while it grows and once more as a whole when it is full; then its pieces go. PostgreSQL
keeps what is not in the store yet (replication slot), so a store or an archiver that is away for an hour costs no log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from prometheus_client import Counter, Gauge

from infra.backup.replication import Replication, Turn, Wal
from infra.backup.settings import BackupError, Settings
from infra.backup.vault import SEGMENT, Vault, lsn, segment_name

log = logging.getLogger("his.backup")

SLOT = "his_archive"
STORED = Gauge("his_archive_stored_bytes", "Log position up to which the store has everything")
BEHIND = Gauge("his_archive_behind_seconds", "How long the oldest log that is not in the store has been waiting")
OBJECTS = Counter("his_archive_objects_total", "Objects written", ["kind"])
BROKEN = Counter("his_archive_interruptions_total", "Times the stream was begun anew")


class Archive:
    """Streams the log of one database into one store."""

    def __init__(
        self,
        settings: Settings,
        *,
        every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = settings.database_url
        self._vault: Vault = settings.vault()
        self._every = every
        self._clock = clock
        self._timeline = 0
        self._number = 0
        self._segment = bytearray()
        self._pieces: list[str] = []
        self._sent = 0
        """Bytes of the segment that are stored as pieces."""
        self._waiting_since: float | None = None
        self._stored = 0

    def run(self, stop: threading.Event) -> None:
        """Stream until told to stop; begins anew whenever the database or the store was away."""
        import psycopg
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

        pause = 1.0
        while not stop.is_set():
            begun = self._clock()
            try:
                self._stream(stop)
            except (BackupError, psycopg.Error, MinioException, HTTPError, OSError) as error:
                BROKEN.inc()
                log.warning("stream interrupted", extra={"fields": {"cause": f"{type(error).__name__}: {error}"[:300]}})
                pause = 1.0 if self._clock() - begun > 60 else min(pause * 2, 30.0)
                stop.wait(pause)

    def _stream(self, stop: threading.Event) -> None:
        server = Replication(self._url, "his-archive")
        try:
            system = server.identify()
            self._vault.claim(system.identifier)
            at, timeline = server.slot(SLOT)
            self._history(server, max(timeline, system.timeline))
            self._begin(timeline, at // SEGMENT * SEGMENT)
            server.start(SLOT, at // SEGMENT * SEGMENT, timeline)
            log.info("streaming", extra={"fields": {"from": lsn(at), "timeline": timeline}})
            while not stop.is_set():
                turn = self._follow(server, stop)
                if turn is None:
                    break
                self._history(server, turn.timeline)
                self._begin(turn.timeline, turn.position // SEGMENT * SEGMENT)
                server.start(SLOT, turn.position // SEGMENT * SEGMENT, turn.timeline)
        finally:
            server.close()

    def _follow(self, server: Replication, stop: threading.Event) -> Turn | None:
        """Store what comes on one timeline; where it goes on when the timeline ends."""
        heard = self._clock()
        while not stop.is_set():
            came = server.receive(min(self._every, 0.5))
            if isinstance(came, Wal):
                self._take(came)
            elif isinstance(came, Turn):
                self._store()
                return came
            if self._due() or stop.is_set():
                self._store()
                server.report(self._position, self._stored)
                heard = self._clock()
            elif came is True or self._clock() - heard > 5:
                server.report(self._position, self._stored)
                heard = self._clock()
            waiting = self._waiting_since
            BEHIND.set(0 if waiting is None else self._clock() - waiting)
        self._store()
        server.report(self._position, self._stored)
        return None

    # -- the segment that is being written

    @property
    def _position(self) -> int:
        return self._number * SEGMENT + len(self._segment)

    def _begin(self, timeline: int, at: int) -> None:
        """Begin a segment. Pieces left by an interrupted stream are written over and go with the whole."""
        self._timeline, self._number = timeline, at // SEGMENT
        self._segment.clear()
        self._pieces = list(self._vault.names(self._tail))
        self._sent = 0
        self._waiting_since = None
        self._stored = max(self._stored, at)

    @property
    def _tail(self) -> str:
        return f"tail/{self._timeline:08X}/{segment_name(self._timeline, self._number)}/"

    def _take(self, piece: Wal) -> None:
        if piece.start != self._position:
            raise BackupError(f"expected the log at {lsn(self._position)}, got {lsn(piece.start)}")
        if self._waiting_since is None:
            self._waiting_since = self._clock()
        content = memoryview(piece.content)
        while content:
            room = SEGMENT - len(self._segment)
            self._segment += content[:room]
            content = content[room:]
            if len(self._segment) == SEGMENT:
                self._whole()
                self._waiting_since = self._clock() if content else None

    def _due(self) -> bool:
        return self._waiting_since is not None and self._clock() - self._waiting_since >= self._every

    def _store(self) -> None:
        """Store what has come since the last piece."""
        if len(self._segment) > self._sent:
            name = f"{self._tail}{self._sent:08X}"
            self._vault.put(name, [bytes(self._segment[self._sent :])])
            OBJECTS.labels("piece").inc()
            self._pieces.append(name)
            self._sent = len(self._segment)
        self._stored = self._position
        self._waiting_since = None
        STORED.set(self._stored)

    def _whole(self) -> None:
        """Store the full segment and begin the next."""
        name = segment_name(self._timeline, self._number)
        self._vault.put(f"wal/{self._timeline:08X}/{name}", [bytes(self._segment)], lasting=True)
        OBJECTS.labels("segment").inc()
        self._vault.delete(self._pieces)
        self._number += 1
        self._segment.clear()
        self._pieces, self._sent = [], 0
        self._stored = self._position
        STORED.set(self._stored)

    def _history(self, server: Replication, timeline: int) -> None:
        if timeline > 1 and not list(self._vault.names(f"history/{timeline:08X}")):
            self._vault.put(f"history/{timeline:08X}", [server.history(timeline)], lasting=True)
