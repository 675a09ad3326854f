"""PostgreSQL's streaming replication protocol, as far as a backup needs it, over libpq."""

from __future__ import annotations

import select
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
from psycopg import pq
from psycopg.pq import abc

from infra.backup.settings import BackupError
from infra.backup.vault import lsn, position

_EPOCH = 946_684_800
"""2000-01-01, from which PostgreSQL counts."""
_STATUS = struct.Struct(">cqqqqc")
_WAL = struct.Struct(">qqq")
_BUSY = {pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH}


class System(NamedTuple):
    """Which database this is and where its log stands."""

    identifier: str
    timeline: int
    position: int


class Wal(NamedTuple):
    """A piece of the log."""

    start: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """The timeline ended here; the log goes on on the next one."""

    timeline: int
    position: int


class Replication:
    """One replication connection."""

    def __init__(self, url: str, name: str) -> None:
        # Operators end a stream that says nothing for five seconds; a slow store may take longer over one piece.
        patience = "-c wal_sender_timeout=60s"
        options = psycopg.conninfo.make_conninfo(
            url, replication="true", application_name=name, connect_timeout=5, options=patience
        )
        self._connection = pq.PGconn.connect(options.encode())
        if self._connection.status != pq.ConnStatus.OK:
            raise BackupError(f"PostgreSQL: {self._complaint()}")

    def close(self) -> None:
        self._connection.finish()

    def identify(self) -> System:
        """The database and its present end."""
        row = self._row("IDENTIFY_SYSTEM")
        return System(row[0], int(row[1]), position(row[2]))

    def history(self, timeline: int) -> bytes:
        """Where the timeline came from."""
        answer = self._ask(f"TIMELINE_HISTORY {timeline}")
        return answer.get_value(0, 1) or b""

    def slot(self, name: str) -> tuple[int, int]:
        """(position, timeline) from which the server keeps the log for us; makes the slot when there is none."""
        row = self._row(f"READ_REPLICATION_SLOT {name}")
        if not row[0]:
            self._ask(f"CREATE_REPLICATION_SLOT {name} PHYSICAL RESERVE_WAL")
            row = self._row(f"READ_REPLICATION_SLOT {name}")
        if not row[1]:
            raise BackupError(f"The slot {name} keeps nothing; drop it, and take a base backup after the next start.")
        return position(row[1]), int(row[2])

    # -- the log

    def start(self, slot: str, at: int, timeline: int) -> None:
        """Have the log sent from a position on."""
        self._ask(f"START_REPLICATION SLOT {slot} PHYSICAL {lsn(at)} TIMELINE {timeline}")

    def receive(self, patience: float) -> Wal | Turn | bool:
        """What comes next; True when the server wants to hear from us, False when nothing came in time."""
        size, content = self._connection.get_copy_data(1)
        if size == 0:
            if not select.select([self._connection.socket], [], [], patience)[0]:
                return False
            self._connection.consume_input()
            size, content = self._connection.get_copy_data(1)
        if size == 0:
            return False
        if size < 0:
            return self._turn()
        message = bytes(content)
        if message[:1] == b"w":
            return Wal(_WAL.unpack_from(message, 1)[0], message[1 + _WAL.size :])
        return message[:1] == b"k" and message[-1:] == b"\1"

    def report(self, received: int, stored: int) -> None:
        """Tell the server what is safe in the store: it may forget its log up to there."""
        now = int((time.time() - _EPOCH) * 1_000_000)
        self._connection.put_copy_data(_STATUS.pack(b"r", received, stored, 0, now, b"\0"))
        while self._connection.flush():
            select.select([], [self._connection.socket], [], 1)

    def _turn(self) -> Turn:
        """The server has ended the stream: it is shutting down, or has been promoted to another timeline."""
        self._connection.put_copy_end()
        row: list[str] | None = None
        while (answer := self._connection.get_result()) is not None:
            if answer.status == pq.ExecStatus.TUPLES_OK:
                row = _first(answer)
            elif answer.status == pq.ExecStatus.FATAL_ERROR:
                raise BackupError(f"PostgreSQL: {self._complaint()}")
        if row is None:
            raise BackupError("PostgreSQL ended the stream.")
        return Turn(int(row[0]), position(row[1]))

    # -- a base backup

    def base_backup(self, label: str) -> Iterator[tuple[str, int, int, bytes]]:
        """First ("start", position, timeline, b""), then ("data" | "manifest", 0, 0, piece)..., last ("end", ...).

        Raises BackupError when the database uses tablespaces, which this backup does not know.
        """
        options = f"LABEL '{label}', CHECKPOINT 'fast', WAIT false, MANIFEST 'yes', TARGET 'client'"
        self._connection.send_query(f"BASE_BACKUP ({options})".encode())
        row = _first(self._next(pq.ExecStatus.TUPLES_OK))
        yield "start", position(row[0]), int(row[1]), b""
        spaces = self._next(pq.ExecStatus.TUPLES_OK)
        if spaces.ntuples != 1:
            raise BackupError("The database uses tablespaces; this backup does not know them.")
        self._next(pq.ExecStatus.COPY_OUT)
        what = ""
        while True:
            size, content = self._connection.get_copy_data(0)
            if size < 0:
                break
            message = bytes(content)
            kind, rest = message[:1], message[1:]
            if kind == b"n":
                what = "data"
            elif kind == b"m":
                what = "manifest"
            elif kind == b"d":
                yield what, 0, 0, rest
        row = _first(self._next(pq.ExecStatus.TUPLES_OK))
        yield "end", position(row[0]), int(row[1]), b""
        while self._connection.get_result() is not None:
            pass

    # -- inside

    def _next(self, wanted: pq.ExecStatus) -> abc.PGresult:
        while (answer := self._connection.get_result()) is not None:
            if answer.status == wanted:
                return answer
            if answer.status == pq.ExecStatus.FATAL_ERROR:
                break
        raise BackupError(f"PostgreSQL: {self._complaint()}")

    def _ask(self, command: str) -> abc.PGresult:
        answer = self._connection.exec_(command.encode())
        if answer.status not in {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, *_BUSY}:
            raise BackupError(f"{command.split()[0]}: {self._complaint()}")
        return answer

    def _row(self, command: str) -> list[str]:
        return _first(self._ask(command))

    def _complaint(self) -> str:
        return self._connection.error_message.decode(errors="replace").strip()


def _first(answer: abc.PGresult) -> list[str]:
    return [(answer.get_value(0, column) or b"").decode() for column in range(answer.nfields)]
