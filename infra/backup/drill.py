"""The drill: a database of this machine is lost with everything on it, and comes back from the store.

A writer commits all the while; what it was told is safe is compared with what comes back. The same data are then
brought back a second time, to a moment before the loss.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from infra.backup.base_backup import take
from infra.backup.restore import restore
from infra.backup.seal import Keys, new_key
from infra.backup.settings import Settings
from infra.local import process
from infra.local.account import system_account
from infra.local.postgres import Postgres, binaries
from infra.local.record import choose
from infra.local.storage import Storage

Say = Callable[[str], None]
FIRST_PORT = 26432
"""The drill takes free ports from here on."""
_ROW = 260
_FILL = """
INSERT INTO drill.filler SELECT number, md5(number::text) || md5((number + 1)::text) || md5((number * 7)::text)
    || md5((number * 13)::text) || md5((number * 17)::text) || md5((number * 19)::text)
FROM generate_series(%s::bigint, %s::bigint) AS number
"""
_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_SUM = "SELECT count(*), sum(hashtextextended(content, 0)) FROM drill.filler"


@dataclass(slots=True)
class Writer:
    """Commits a row again and again; knows which commits were acknowledged, and when."""

    url: str
    acknowledged: int = 0
    at: datetime = _NEVER

    def run(self, stop: threading.Event) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not stop.is_set():
                try:
                    row = connection.execute(
                        "INSERT INTO drill.ticks DEFAULT VALUES RETURNING number, clock_timestamp()"
                    ).fetchone()
                except psycopg.OperationalError:
                    return
                if row is not None:
                    self.acknowledged, self.at = int(row[0]), row[1]
                stop.wait(0.005)


def drill(gigabytes: float, seconds: int, say: Say) -> int:
    """Lose and restore; prints the figures. 0 when nothing older than five seconds before the loss is missing."""
    with _place() as place:
        return _run(place, gigabytes, seconds, say)


def _run(place: Path, gigabytes: float, seconds: int, say: Say) -> int:
    ports = _ports()
    storage = Storage(place, ports["storage"], bucket="his-backup")
    storage.prepare()
    server = storage.launch()
    source = Postgres(place / "source", ports["source"])
    source.start()
    archiver: subprocess.Popen[bytes] | None = None
    try:
        process.until(storage.ready, 60)
        settings = Settings(
            database_url=source.superuser_dsn(),
            keys=Keys.parse(new_key("drill")),
            s3_endpoint=storage.endpoint,
            s3_access_key=storage.credentials.s3_access_key,
            s3_secret_key=storage.credentials.s3_secret_key,
        )
        before = _fill(source, gigabytes)
        say(f"database of {_size(source) / 2**30:.2f} GiB, {before[0]} rows")
        archiver = _archiver(settings)
        stop = threading.Event()
        writer = Writer(source.superuser_dsn("his"))
        writing = threading.Thread(target=writer.run, args=(stop,))
        writing.start()
        begun = time.monotonic()
        base = take(settings)
        took = time.monotonic() - begun
        say(f"base backup while it is written to: {took:.1f} s")
        time.sleep(seconds)  # writing goes on after the base backup: the log has something to carry
        middle = datetime.now(UTC) - timedelta(seconds=seconds / 2)
        lost = datetime.now(UTC)
        _kill(source, archiver)
        stop.set()
        writing.join()
        say(f"lost: the server and the archiver are killed, {writer.acknowledged} commits were acknowledged")
        sealed = sum(one.size or 0 for one in storage.client().list_objects("his-backup", recursive=True))
        latest, seen = _bring_back(place / "restored", ports["restored"], settings, None, before, say)
        gap = (writer.at - seen.at).total_seconds()
        missing = writer.acknowledged - seen.number
        earlier, then = _bring_back(place / "earlier", ports["earlier"], settings, middle, None, say)
        exact = then.at <= middle < then.at + timedelta(seconds=1)
        say(f"to {middle:%H:%M:%S.%f}: the last commit is of {then.at:%H:%M:%S.%f}")
        rows = [
            ("database", f"{base.bytes / 2**30:.2f} GiB, in the store {sealed / 2**20:.0f} MiB sealed, log included"),
            ("base backup under writing", f"{took:.1f} s"),
            ("lost (RPO)", f"{max(gap, 0):.2f} s: {missing} of {writer.acknowledged} acknowledged commits"),
            ("back (RTO)", f"{latest:.1f} s from the order to the first answer"),
            ("back to a moment (PITR)", f"{earlier:.1f} s; {'exact' if exact else 'NOT the moment asked for'}"),
            ("load average", f"{os.getloadavg()[0]:.1f}"),
        ]
        print("\n".join(["| What | Seen |", "| --- | --- |", *(f"| {what} | {value} |" for what, value in rows)]))
        good = seen.whole and then.whole and exact and gap < 5 and seen.at <= lost
        return 0 if good else 1
    finally:
        if archiver is not None and archiver.poll() is None:
            archiver.kill()
            archiver.wait()
        for name in ("source", "restored", "earlier"):
            Postgres(place / name, ports[name]).destroy()
        process.end(server, patience=5)
        storage.tidy()


@dataclass(frozen=True, slots=True)
class Seen:
    """What the restored database holds."""

    number: int
    at: datetime
    whole: bool
    """No commit is missing between the first and the last, and the rest is as it was."""


def _bring_back(
    state: Path, port: int, settings: Settings, until: datetime | None, before: tuple[int, int] | None, say: Say
) -> tuple[float, Seen]:
    """Restore into a server of its own; seconds until it answered, and what it holds."""
    begun = time.monotonic()
    name = state.name
    state.mkdir(mode=0o711)
    for file in ("secrets.json", "secrets.lock"):
        shutil.copy2(state.parent / "source" / file, state / file)
    server = Postgres(state, port)
    account = system_account()
    server._settle(account)
    restore(settings.vault(), server.data, until=until, say=say)
    if account:
        subprocess.run(["chown", "-R", f"{account.uid}:{account.gid}", str(server.data.parent)], check=True)
    laid = time.monotonic() - begun
    server._launch(600)
    process.until(lambda: _open(server), 600)
    took = time.monotonic() - begun
    say(f"{name}: laid out in {laid:.1f} s, answers after {took:.1f} s")
    verify = [str(binaries(account) / "pg_amcheck"), "--install-missing", "his"]
    access = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "postgres"}
    access["PGPASSWORD"] = server.credentials.postgres
    with psycopg.connect(server.superuser_dsn("his"), autocommit=True) as connection:
        row = connection.execute("SELECT count(*), max(number), max(at), min(number) FROM drill.ticks").fetchone()
        assert row is not None  # noqa: S101  an aggregate always has a row
        after = connection.execute(_SUM).fetchone() if before is not None else None
    whole = row[0] == row[1] - row[3] + 1 and (before is None or after == before)
    if before is not None:
        checked = subprocess.run(verify, capture_output=True, text=True, check=False, env=os.environ | access)
        whole = whole and checked.returncode == 0
        verdict = "every row and index as it was" if whole else f"DIFFERENT {checked.stderr[-300:]}"
        say(f"{name}: {row[0]} commits, {verdict}")
    server.stop()
    return took, Seen(int(row[1]), row[2], whole)


def _ports() -> dict[str, int]:
    found: dict[str, int] = {}
    for name in ("source", "restored", "earlier", "storage"):
        found[name] = choose(FIRST_PORT, found.values())
    return found


def _open(server: Postgres) -> bool:
    """Whether it has replayed everything and takes writes."""
    with psycopg.connect(server.superuser_dsn()) as connection:
        row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    return row is not None and not row[0]


def _fill(source: Postgres, gigabytes: float) -> tuple[int, int]:
    """The hospital's schema and enough rows; returns their count and sum."""
    from infra.migrations import upgrade

    upgrade(source.dsn("his_owner"))
    with psycopg.connect(source.superuser_dsn("his"), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA drill")
        connection.execute("CREATE TABLE drill.filler (number bigint PRIMARY KEY, content text)")
        connection.execute(
            "CREATE TABLE drill.ticks (number bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,"
            " at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        rows = int(gigabytes * 2**30 / _ROW)
        for first in range(0, rows, 500_000):
            connection.execute(_FILL, [first, min(first + 500_000, rows) - 1])
        found = connection.execute(_SUM).fetchone()
        assert found is not None  # noqa: S101  an aggregate always has a row
        return found[0], found[1]


def _size(source: Postgres) -> int:
    with psycopg.connect(source.superuser_dsn("his"), autocommit=True) as connection:
        row = connection.execute("SELECT pg_database_size('his')").fetchone()
    return int(row[0]) if row else 0


def _archiver(settings: Settings) -> subprocess.Popen[bytes]:
    """A process of its own, so that it can die like one."""
    name, key = next(iter(settings.keys.by_name.items()))
    import base64

    environment = os.environ | {
        "HIS_BACKUP_DATABASE_URL": settings.database_url,
        "HIS_BACKUP_KEYS": f"{name}:{base64.b64encode(key).decode()}",
        "HIS_S3_ENDPOINT": settings.s3_endpoint,
        "HIS_S3_ACCESS_KEY": settings.s3_access_key,
        "HIS_S3_SECRET_KEY": settings.s3_secret_key,
    }
    return subprocess.Popen([sys.executable, "-m", "infra.backup", "archive", "--port", "0"], env=environment)


def _kill(source: Postgres, archiver: subprocess.Popen[bytes]) -> None:
    """What a dead machine looks like: nobody says goodbye, nothing is flushed."""
    archiver.kill()
    archiver.wait()
    running = source.running()
    if running is not None:
        process.end(running, patience=1, first=signal.SIGKILL)


@contextmanager
def _place() -> Iterator[Path]:
    from shared.settings import settings

    place = settings().state_dir.absolute() / "drill"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    place.chmod(0o711)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
