"""The real PostgreSQL, object store and Keycloak of a test run.

Each is started by the first test that needs it, shared by all workers of the run, and ended by the run that started it.
Set HIS_TEST_KEEP=1 to keep them between runs while developing.
"""

import fcntl
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from infra.local.keycloak import Keycloak
from infra.local.minio_server import MinioServer
from infra.local.postgres import Postgres
from infra.local.storage import Storage
from infra.migrations import upgrade
from shared.settings import REPOSITORY

STATE = Path(os.environ.get("HIS_TEST_STATE", REPOSITORY / ".state" / "test"))


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One process of the run at a time."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_of(service: str) -> int:
    """The port of a service of this run, chosen once."""
    with locked("ports"):
        path = STATE / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        if service not in ports:
            ports[service] = free_port()
            path.write_text(json.dumps(ports))
        return ports[service]


def postgres() -> Postgres:
    """The test server, running, with its template database migrated."""
    server = Postgres(STATE, port_of("postgres"), fast=True)
    server.start()
    with locked("template"):
        _migrate_template(server)
    return server


def template_name() -> str:
    """Name of the template: it changes whenever a migration does."""
    digest = hashlib.sha256()
    for path in sorted((REPOSITORY / "infra" / "migrations" / "versions").glob("*.py")):
        digest.update(path.read_bytes())
    digest.update((REPOSITORY / "shared" / "database" / "isolation.py").read_bytes())
    return f"template_{digest.hexdigest()[:12]}"


def _migrate_template(server: Postgres) -> None:
    name = template_name()
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    if found:
        return
    building = f"{name}_building"
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{building}" WITH (FORCE)')
    server.create_database(building)
    upgrade(server.dsn("his_owner", building))
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{building}" RENAME TO "{name}"')


def object_store() -> Storage:
    """The S3 server of the run, running: SeaweedFS, or MinIO with HIS_TEST_S3=minio (`make conformance-minio`)."""
    server = _stores()[os.environ.get("HIS_TEST_S3", "seaweedfs")]
    server.start()
    return server


def _stores() -> dict[str, Storage]:
    port = port_of("storage")
    return {"seaweedfs": Storage(STATE, port), "minio": MinioServer(STATE, port)}


def keycloak() -> Keycloak:
    """The Keycloak of the run, running on the run's PostgreSQL; no realm of ours yet."""
    database = postgres()
    server = Keycloak(STATE, port_of("keycloak"), database.port, fast=True)
    server.start()
    return server


class Run:
    """One run of the tests. Runs at the same time share the servers; the last one to leave ends them."""

    def __init__(self) -> None:
        STATE.mkdir(parents=True, exist_ok=True)
        self._presence = (STATE / "run.lock").open("w")
        fcntl.flock(self._presence, fcntl.LOCK_SH)

    def leave(self) -> None:
        with self._presence:
            try:
                fcntl.flock(self._presence, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if not os.environ.get("HIS_TEST_KEEP"):
                stop_all()


def stop_all() -> None:
    """End every server of the tests."""
    for server in (Keycloak(STATE, port_of("keycloak"), fast=True), *_stores().values()):
        if server.home.exists():
            server.stop()
    for store in _stores().values():
        shutil.rmtree(store.home, ignore_errors=True)  # what a killed run left takes the room of the next
    if (STATE / "postgres").exists():
        Postgres(STATE, port_of("postgres"), fast=True).destroy()
    (STATE / "ports.json").unlink(missing_ok=True)
