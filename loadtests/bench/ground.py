"""A durable PostgreSQL of its own, with the hospital's schema, gone when the run is over."""

import base64
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from infra.local.postgres import Postgres
from infra.migrations import upgrade
from loadtests.bench.realm import Realm
from shared.column_cipher import KEY_BYTES
from shared.settings import REPOSITORY, Settings

DATABASE = "his"

Superuser = psycopg.Connection[tuple[Any, ...]]
"""A connection that sees every row, for set-up and comparison."""


class Ground:
    """The database and the realm of one run, and the settings that lead to them."""

    def __init__(self, server: Postgres, realm: Realm) -> None:
        self.server = server
        self.realm = realm
        self.logs = server.state_dir / "logs"
        self.settings = Settings(
            database_url=server.dsn("his_app", DATABASE),
            owner_database_url=server.dsn("his_owner", DATABASE),
            worker_database_url=server.dsn("his_worker", DATABASE),
            auditor_database_url=server.dsn("his_auditor", DATABASE),
            keycloak_url=realm.url,
            state_dir=server.state_dir,
            drain_seconds=0,
        )

    def environment(self, functions: str, port: int) -> dict[str, str]:
        """The environment of a process that serves function apps on a port."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HIS_", "OTEL_"))}
        return inherited | {
            "HIS_FUNCTIONS": functions,
            "HIS_COLUMN_KEYS": os.environ["HIS_COLUMN_KEYS"],
            "HIS_DATABASE_URL": self.settings.database_url,
            "HIS_KEYCLOAK_URL": self.settings.keycloak_url,
            "HIS_STATE_DIR": str(self.settings.state_dir),
            "HIS_DRAIN_SECONDS": "0",
            "HIS_LOG_LEVEL": "WARNING",
            "HOST": "127.0.0.1",
            "PORT": str(port),
        }

    def superuser(self) -> Superuser:
        """A connection that sees every row, for set-up and comparison."""
        return psycopg.connect(self.server.superuser_dsn(DATABASE), autocommit=True)


@contextmanager
def prepared() -> Iterator[Ground]:
    """A running, migrated database beside the state of the checkout: on its disk, not in memory."""
    state = Settings().state_dir.absolute() / f"bench-{os.getpid()}"
    state.mkdir(parents=True)
    os.environ["HIS_COLUMN_KEYS"] = f"bench:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"
    server = Postgres(state, free_port())
    realm = Realm()
    try:
        server.start()
        upgrade(server.dsn("his_owner", DATABASE))
        yield Ground(server, realm)
    finally:
        realm.close()
        server.destroy()
        shutil.rmtree(state, ignore_errors=True)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


__all__ = ["DATABASE", "REPOSITORY", "Ground", "Superuser", "free_port", "prepared"]
