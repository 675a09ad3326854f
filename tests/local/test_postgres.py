"""The embedded PostgreSQL: its roles, its databases, and that it comes back after the worst."""

import os
import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import errors

from infra.local import process
from infra.local.postgres import LOGIN_ROLES, Postgres, PostgresError, running_port
from tests.support import services


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A cluster of this file's own that can be killed; not the fast kind, which may forget what it acknowledged."""
    cluster = Postgres(services.STATE / f"killed-{os.getpid()}", services.free_port())
    cluster.start()
    yield cluster
    cluster.destroy()
    assert not cluster.home.exists()


def rows(dsn: str, ask: str, *values: object) -> list[tuple]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(ask, values)
        return cursor.fetchall() if cursor.description else []


def test_no_role_of_ours_may_pass_the_wall(server):
    ask = """
        SELECT rolname, rolcanlogin FROM pg_roles
        WHERE (rolname LIKE 'his\\_%%' OR rolname = 'keycloak')
          AND NOT (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication) ORDER BY rolname"""

    expected = [*((role, True) for role in LOGIN_ROLES), ("his_search", False), ("keycloak", True)]
    assert rows(server.superuser_dsn(), ask) == sorted(expected)


def test_the_owner_hands_functions_to_the_search_role_without_gaining_its_reach(server):
    def as_owner(statement: str) -> list[tuple]:
        return rows(server.dsn("his_owner"), statement)

    as_owner("CREATE SCHEMA trial; CREATE FUNCTION trial.f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    as_owner("GRANT USAGE, CREATE ON SCHEMA trial TO his_search")
    as_owner("ALTER FUNCTION trial.f() OWNER TO his_search")
    as_owner(
        "CREATE TABLE trial.mine (); REVOKE ALL ON trial.mine FROM PUBLIC; ALTER TABLE trial.mine OWNER TO his_search"
    )
    with pytest.raises(errors.InsufficientPrivilege):
        as_owner("SELECT * FROM trial.mine")
    as_owner("SET ROLE his_search; DROP TABLE trial.mine; DROP FUNCTION trial.f(); RESET ROLE; DROP SCHEMA trial")


@pytest.mark.parametrize(
    ("role", "database", "allowed"),
    [
        ("his_app", "his", True),
        ("his_app", "keycloak", False),
        ("keycloak", "his", False),
        ("keycloak", "keycloak", True),
    ],
)
def test_nobody_enters_a_database_of_others(server, role, database, allowed):
    if allowed:
        assert rows(server.dsn(role, database), "SELECT current_user") == [(role,)]
    else:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            rows(server.dsn(role, database), "SELECT 1")


def test_a_wrong_password_is_refused(server):
    wrong = server.dsn("his_app").replace(server.credentials.his_app, "guessed")

    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        rows(wrong, "SELECT 1")


def test_only_the_loopback_interface_is_listened_on(server):
    shown = rows(server.superuser_dsn(), "SHOW listen_addresses") + rows(
        server.superuser_dsn(), "SHOW unix_socket_directories"
    )

    assert shown == [("127.0.0.1",), ("",)]


def test_chinese_names_are_text_to_the_trigram_index(server):
    found = rows(server.dsn("his_owner"), "CREATE EXTENSION IF NOT EXISTS pg_trgm") or rows(
        server.dsn("his_owner"), "SELECT cardinality(show_trgm('韦秀英')), 'Z' < '韦', upper('äb')"
    )

    assert found == [(4, True, "ÄB")]


def test_a_database_is_copied_with_its_content_and_its_door_closed(server):
    server.create_database("original")
    rows(server.dsn("his_owner", "original"), "CREATE TABLE kept AS SELECT 7 AS value")
    server.create_database("copy", template="original")

    assert rows(server.dsn("his_owner", "copy"), "SELECT value FROM kept") == [(7,)]
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        rows(server.dsn("keycloak", "copy"), "SELECT 1")
    with psycopg.connect(server.dsn("his_app", "copy")):
        server.drop_database("copy")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        rows(server.dsn("his_app", "copy"), "SELECT 1")
    server.drop_database("original")


def test_a_second_start_finds_it_also_from_another_object_and_from_many_at_once(server):
    running = server.running()
    same = [Postgres(server.state_dir, server.port) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(Postgres.start, same)) == {running}
    assert running_port(server.state_dir) == server.port
    with pytest.raises(PostgresError, match=f"runs on port {server.port}"):
        Postgres(server.state_dir, server.port + 1).start()


def test_it_comes_back_after_a_kill_with_what_was_committed(server):
    rows(server.dsn("his_owner"), "CREATE TABLE survivor AS SELECT 42 AS value")
    killed = server.running()
    with psycopg.connect(server.dsn("his_app")) as orphan:  # its session outlives the server for a moment
        os.kill(killed.pid, signal.SIGKILL)
        started = server.start()
        with pytest.raises(psycopg.OperationalError):
            orphan.execute("SELECT 1")

    assert started != killed
    assert rows(server.dsn("his_owner"), "SELECT value FROM survivor") == [(42,)]
    rows(server.dsn("his_owner"), "DROP TABLE survivor")


def test_an_id_left_behind_does_not_keep_it_from_starting(server):
    """After a kill the id in the server's own record may belong to anybody."""
    os.kill(server.running().pid, signal.SIGKILL)
    assert process.until(lambda: server.running() is None, 10)
    lock = server.data / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    assert server.running() is None
    assert server.start().alive


def test_lost_secrets_are_named_and_found_again(server):
    """Nothing is lost by starting with another secrets.json but the way in."""
    secrets = server.state_dir / "secrets.json"
    kept = secrets.read_text()
    server.stop()
    secrets.unlink()
    try:
        with pytest.raises(PostgresError, match=r"secrets\.json does not belong to this cluster"):
            Postgres(server.state_dir, server.port).start()
    finally:
        secrets.write_text(kept)
    assert server.start().alive


def test_a_taken_port_is_said_with_the_servers_own_words(server):
    other = Postgres(services.STATE / f"port-{os.getpid()}", server.port)
    try:
        with pytest.raises(PostgresError, match="Address already in use"):
            other.start()
    finally:
        other.destroy()


def test_data_and_secrets_are_closed_to_others(server):
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.state_dir / "secrets.json").stat().st_mode) == 0o600
