"""Backup against a real PostgreSQL and a real object store: what was committed comes back."""

import os
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from infra.backup.archive import Archive
from infra.backup.base_backup import choose, prune, take
from infra.backup.drill import _bring_back
from infra.backup.restore import restore
from infra.backup.seal import Keys, SealError, new_key
from infra.backup.settings import BackupError, Settings
from infra.backup.vault import SEGMENT, Base, Vault
from infra.local import process
from infra.local.postgres import Postgres
from infra.local.storage import Storage
from tests.support.services import free_port


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("backup") / "source", free_port())
    server.start()
    with psycopg.connect(server.superuser_dsn("his"), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA drill")
        connection.execute(
            "CREATE TABLE drill.ticks (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
    yield server
    server.destroy()


@pytest.fixture
def settings(source: Postgres, object_store: Storage) -> Iterator[Settings]:
    """A store of its own for each test, and no slot left by the one before."""
    bucket = f"backup-{uuid.uuid4().hex[:12]}"
    object_store.client().make_bucket(bucket)
    yield Settings(
        database_url=source.superuser_dsn(),
        keys=Keys.parse(new_key("test")),
        s3_endpoint=object_store.endpoint,
        s3_access_key=object_store.credentials.s3_access_key,
        s3_secret_key=object_store.credentials.s3_secret_key,
        bucket=bucket,
    )
    with psycopg.connect(source.superuser_dsn(), autocommit=True) as connection:
        assert process.until(lambda: not _streaming(connection), 20)
        connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")


def _streaming(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    return connection.execute("SELECT FROM pg_replication_slots WHERE active").fetchone() is not None


@contextmanager
def archiving(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=Archive(settings, every=0.2).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def tick(source: Postgres) -> tuple[int, datetime]:
    with psycopg.connect(source.superuser_dsn("his"), autocommit=True) as connection:
        row = connection.execute("INSERT INTO drill.ticks DEFAULT VALUES RETURNING number, at").fetchone()
        assert row is not None
        return row[0], row[1]


def stored(source: Postgres, settings: Settings) -> None:
    """Wait until everything committed so far is in the store, by what the archiver told the server."""
    with psycopg.connect(source.superuser_dsn(), autocommit=True) as connection:
        end = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
        assert end is not None
        question = "SELECT FROM pg_replication_slots WHERE slot_name = 'his_archive' AND restart_lsn >= %s"
        assert process.until(lambda: connection.execute(question, [end[0]]).fetchone() is not None, 30)


def brought_back(settings: Settings, source: Postgres, until: datetime | None = None) -> list[int]:
    """The commits of a database restored from the store."""
    state = source.state_dir.parent / f"restored-{uuid.uuid4().hex[:8]}"
    port = free_port()
    try:
        _bring_back(state, port, settings, until, None, lambda line: None)
        server = Postgres(state, port)
        server.start()
        with psycopg.connect(server.superuser_dsn("his")) as connection:
            return [row[0] for row in connection.execute("SELECT number FROM drill.ticks ORDER BY number")]
    finally:
        Postgres(state, port).destroy()


def test_the_last_commit_comes_back(source: Postgres, settings: Settings) -> None:
    with archiving(settings):
        take(settings)
        numbers = [tick(source)[0] for _ in range(5)]
        stored(source, settings)
    assert brought_back(settings, source)[-5:] == numbers


def test_a_moment_comes_back_exactly(source: Postgres, settings: Settings) -> None:
    with archiving(settings):
        base = take(settings)
        number, at = tick(source)
        # After this commit and before the next, by the server's own clock.
        with psycopg.connect(source.superuser_dsn(), autocommit=True) as connection:
            moment = connection.execute("SELECT clock_timestamp()").fetchone()
        tick(source)
        stored(source, settings)
    assert moment is not None
    assert datetime.fromisoformat(base.ended) < at < moment[0]
    after = brought_back(settings, source, moment[0])
    assert after == list(range(1, number + 1))


def test_an_archiver_that_was_away_goes_on_where_it_stopped(source: Postgres, settings: Settings) -> None:
    with archiving(settings):
        take(settings)
        first = tick(source)[0]
        stored(source, settings)
    away = tick(source)[0]
    with psycopg.connect(source.superuser_dsn(), autocommit=True) as connection:
        connection.execute("SELECT pg_switch_wal()")
    with archiving(settings):
        last = tick(source)[0]
        stored(source, settings)
    assert brought_back(settings, source)[-3:] == [first, away, last]


def test_a_server_that_dies_ends_the_stream_and_not_the_archiver(source: Postgres, settings: Settings) -> None:
    with archiving(settings):
        take(settings)
        # The stream breaks off in the middle of a message, as when the node of the primary is gone.
        running = source.running()
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        assert process.until(lambda: not running.alive, 20)
        source.start()
        number = tick(source)[0]
        stored(source, settings)
    assert brought_back(settings, source)[-1] == number


def test_what_an_operator_set_does_not_come_along(source: Postgres, settings: Settings) -> None:
    """Certificates and a standby that only the lost server had: the restored one starts and commits without them."""
    configuration = source.data / "postgresql.conf"
    before = configuration.read_text(encoding="utf-8")
    # The running server does not read it again; the base backup takes it along.
    configuration.write_text(f"{before}\nssl = on\nsynchronous_standby_names = 'ANY 1 (gone)'\n", encoding="utf-8")
    try:
        with archiving(settings):
            take(settings)
            number = tick(source)[0]
            stored(source, settings)
    finally:
        configuration.write_text(before, encoding="utf-8")
    assert brought_back(settings, source)[-1] == number


def test_a_full_segment_is_stored_once_and_whole(source: Postgres, settings: Settings) -> None:
    with archiving(settings):
        tick(source)
        stored(source, settings)
        with psycopg.connect(source.superuser_dsn(), autocommit=True) as connection:
            connection.execute("SELECT pg_switch_wal()")
        tick(source)
        stored(source, settings)
    vault = settings.vault()
    whole = list(vault.names("wal/"))
    assert whole
    full = whole[-1].rpartition("/")[2]
    assert [name for name in vault.names("tail/") if full in name] == []
    assert len(b"".join(vault.get(whole[-1]))) == SEGMENT


def test_a_store_of_another_database_is_refused(settings: Settings) -> None:
    vault = settings.vault()
    vault.claim("1234")
    with pytest.raises(BackupError, match="bucket of its own"):
        take(settings)


def test_without_an_archiver_a_base_backup_is_none(settings: Settings) -> None:
    """Without the log it needs it could not be opened, so it is never listed."""
    with pytest.raises(BackupError, match="does `archive` run"):
        take(settings, patience=1)
    assert settings.vault().bases() == []


def test_without_the_key_nothing_comes_back(settings: Settings, tmp_path: Path) -> None:
    with archiving(settings):
        take(settings)
    stranger = replace(settings, keys=Keys.parse(new_key("stranger")))
    with pytest.raises(SealError):
        restore(stranger.vault(), tmp_path / "data")


def test_nothing_is_restored_over_something(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("18", encoding="utf-8")
    with pytest.raises(BackupError, match="not empty"):
        restore(settings.vault(), tmp_path / "data")


def test_an_empty_store_says_so(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no base backup"):
        restore(settings.vault(), tmp_path / "data")


# -- what is kept

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def base(days_ago: int, segment: int) -> Base:
    ended = NOW - timedelta(days=days_ago)
    name = ended.strftime("%Y%m%dT%H%M%SZ")
    return Base(name, 1, segment * SEGMENT, segment * SEGMENT + 1, ended.isoformat(), ended.isoformat(), 1)


def filled(vault: Vault, *bases: Base) -> None:
    for one in bases:
        vault.put(f"base/{one.name}/base", [b"x"])
        vault.put_base(one)
    for number in range(30):
        vault.put(f"wal/00000001/{number:024X}", [b"x"])


def test_old_backups_go_with_the_log_only_they_need(settings: Settings) -> None:
    vault = settings.vault()
    old, kept = base(20, 3), base(3, 10)
    filled(vault, old, kept)
    gone = prune(vault, 14, NOW)
    assert [one.name for one in vault.bases()] == [kept.name]
    assert sum(name.startswith("wal/") for name in gone) == 10
    assert next(iter(vault.names("wal/"))).endswith(f"{10:024X}")


def test_the_newest_stays_however_old(settings: Settings) -> None:
    vault = settings.vault()
    filled(vault, base(90, 1), base(60, 5))
    prune(vault, 14, NOW)
    assert [one.name for one in vault.bases()] == [base(60, 5).name]


def test_the_base_before_the_moment_is_taken() -> None:
    known = [base(9, 1), base(5, 2), base(1, 3)]
    assert choose(known, None) == known[2]
    assert choose(known, NOW - timedelta(days=3)) == known[1]
    with pytest.raises(BackupError, match="ended before"):
        choose(known, NOW - timedelta(days=30))
