"""A hospital of its own for one test file: a cloned database, every function in one host, callers with tokens."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import psycopg
from fastapi import FastAPI
from psycopg.rows import dict_row
from starlette.testclient import TestClient

from events.wire import Delivery
from functions import registry
from infra.local.postgres import Postgres
from shared.application import build
from shared.deliveries import handle
from shared.function import FunctionApp
from shared.identity.actor import Actor, system_actor
from shared.identity.denied import InMemoryDenyList
from shared.identity.tokens import TokenVerifier
from shared.ids import new_id
from shared.runtime import Runtime
from shared.settings import Settings
from shared.steps import Steps
from shared.telemetry import accept_trace
from shared.tx import Tx
from tests.support import services, tokens

T = TypeVar("T")


class Clock:
    """The hospital's time; tests move it instead of waiting."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def move(self, **amount: float) -> None:
        """Move on by days, hours, minutes..."""
        self.offset += timedelta(**amount)

    def set(self, moment: datetime) -> None:
        self.offset = moment - datetime.now(UTC)


class Caller:
    """Somebody with a token at a campus. Each command gets a fresh Idempotency-Key unless one is given."""

    def __init__(self, client: TestClient, token: str, campus: str, subject: str, staff_id: uuid.UUID) -> None:
        self._client = client
        self.token = token
        self.campus = campus
        self.subject = subject
        self.staff_id = staff_id

    def at(self, campus: str) -> "Caller":
        """The same person acting at another campus."""
        return Caller(self._client, self.token, campus, self.subject, self.staff_id)

    def headers(self, key: str | None = None, **extra: str) -> dict[str, str]:
        return {
            "authorization": f"Bearer {self.token}",
            "x-campus": self.campus,
            "idempotency-key": key or str(uuid.uuid4()),
            **extra,
        }

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self._client.get(path, params=params, headers=self.headers())

    def post(self, path: str, json: Any = None, *, key: str | None = None, **headers: str) -> httpx.Response:
        return self._client.post(path, json={} if json is None else json, headers=self.headers(key, **headers))

    def patch(self, path: str, json: Any = None, *, key: str | None = None, **headers: str) -> httpx.Response:
        return self._client.patch(path, json={} if json is None else json, headers=self.headers(key, **headers))

    def put(self, path: str, json: Any = None, *, key: str | None = None, **headers: str) -> httpx.Response:
        return self._client.put(path, json={} if json is None else json, headers=self.headers(key, **headers))


class Hospital:
    """Database, host and people of one test file."""

    def __init__(self, server: Postgres, database: str, apps: Sequence[FunctionApp] | None = None) -> None:
        self.server = server
        self.database = database
        self.clock = Clock()
        self.settings = Settings(
            database_url=server.dsn("his_app", database),
            worker_database_url=server.dsn("his_worker", database),
            auditor_database_url=server.dsn("his_auditor", database),
            owner_database_url=server.dsn("his_owner", database),
            pool_size=5,
        )
        denied = InMemoryDenyList()
        self.verifier = TokenVerifier(
            issuer=tokens.ISSUER, audience=tokens.AUDIENCE, fetch=lambda: tokens.jwks(), denied=denied
        )
        self.runtime = Runtime(self.settings, verifier=self.verifier, clock=self.clock)
        self.runtime.deny_list = denied
        self.apps = list(apps) if apps is not None else registry.all_apps()
        self.api: FastAPI = build(self.apps, self.runtime)
        # Entered, it keeps one event loop for all requests instead of making one for each: half their time.
        self.client = TestClient(self.api, raise_server_exceptions=False).__enter__()
        # Counting three hundred small tables is no work to share out: starting the workers would cost most of the time.
        alone = "-c max_parallel_workers_per_gather=0"
        self._owner = psycopg.connect(
            server.superuser_dsn(database), autocommit=True, row_factory=dict_row, options=alone
        )

    # -- people

    def caller(
        self,
        *posts: str,
        campus: str = "hq",
        at: Mapping[str, Sequence[str]] | None = None,
        staff_id: uuid.UUID | None = None,
        name: str = "测试员",
    ) -> Caller:
        """A new member of staff holding these posts at the campus (or `at` = posts by campus), acting there."""
        subject, staff = str(uuid.uuid4()), staff_id or new_id()
        held = at or {campus: posts}
        token = tokens.staff_token(held, subject=subject, name=name, staff_id=staff)
        return Caller(self.client, token, campus, subject, staff)

    def anonymous(self) -> TestClient:
        return self.client

    # -- service calls without HTTP

    @contextmanager
    def tx(self, campus: str = "hq", actor: Actor | None = None) -> Iterator[Tx]:
        """A transaction of the system (or an actor) at a campus; commits at the end."""
        acting = actor or system_actor("tests", campus)
        scope = self.runtime.scope(acting, campus)
        with self.runtime.database.transaction(scope) as session:
            yield Tx(session, acting, campus, self.clock(), accept_trace(None))

    # -- looking behind the curtain (superuser: sees every campus)

    def rows(self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Rows of a query as dictionaries."""
        return self._owner.execute(sql, params).fetchall()

    def value(self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, or None."""
        rows = self.rows(sql, params)
        return next(iter(rows[0].values())) if rows else None

    def execute(self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> int:
        """Run a statement behind everyone's back; returns the count of rows."""
        return self._owner.execute(sql, params).rowcount

    def cut_off(self, whose: str) -> None:
        """End connections of this database, and of none beside it, that a condition on pg_stat_activity finds."""
        self.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND {whose}"
        )

    def census(self) -> dict[str, int]:
        """Rows per table of every schema of ours but audit: a refusal must leave it unchanged."""
        tables = self.rows(
            "SELECT schemaname || '.' || relname AS name FROM pg_stat_user_tables"
            " WHERE schemaname NOT IN ('public')"
            " AND relname NOT IN ('audit_entries', 'permission_uses', 'schema_history') ORDER BY 1"
        )
        # One statement, prepared: it is asked before and after most refusals of the suite.
        counts = " UNION ALL ".join(
            f"SELECT '{one['name']}' AS name, count(*) AS rows FROM {one['name']}" for one in tables
        )
        return {row["name"]: row["rows"] for row in self._owner.execute(counts, prepare=True)}

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Outbox rows in order; `kind` is the end of a type, such as `visit_registered`."""
        return [
            row
            for row in self.rows("SELECT * FROM kernel.outbox ORDER BY seq")
            if not kind or row["type"].removesuffix(".v1").endswith(kind)
        ]

    def drain(self, times: int = 2) -> int:
        """Deliver every open event to its subscribers here, in order, `times` times; counts what took effect.

        Twice by default, so that every handler is shown a redelivery.
        """
        handled = 0
        while True:
            rows = self.rows("SELECT * FROM kernel.outbox WHERE closed_at IS NULL ORDER BY seq")
            if not rows:
                return handled
            for row in rows:
                delivery = delivery_of(row)
                for app in self.apps:
                    if delivery.type in app.handlers:
                        outcomes = [handle(app, delivery, self.runtime) for _ in range(times)]
                        handled += outcomes.count("handled")
                self.execute("UPDATE kernel.outbox SET closed_at = now() WHERE event_id = %s", [row["event_id"]])

    def minute(self, function: str, campus: str = "hq") -> None:
        """A minute passes for one function at a campus, as the relay would tell it."""
        app = next(app for app in self.apps if app.name == function)
        assert app.each_minute is not None, f"{function} does not ask for the clock"
        steps = Steps(self.runtime, system_actor(function, campus), campus, accept_trace(None), function)
        onward = steps.step(app.each_minute)
        if onward is not None:
            onward(steps)

    def close(self) -> None:
        self._owner.close()
        self.client.__exit__()
        self.runtime.close()


def delivery_of(row: Mapping[str, Any]) -> Delivery:
    """An outbox row as it travels."""
    return Delivery(
        id=str(row["event_id"]),
        type=row["type"],
        source=row["source"],
        subject=row["subject"],
        campus=row["campus_id"],
        time=row["created_at"],
        data=row["data"],
        traceparent=row["traceparent"],
    )


@contextmanager
def cloned_hospital(apps: Sequence[FunctionApp] | None = None, template: str | None = None) -> Iterator[Hospital]:
    """A hospital on a fresh clone of the template; dropped at the end."""
    server = services.postgres()
    database = f"t_{uuid.uuid4().hex[:16]}"
    server.create_database(database, template=template or services.template_name())
    hospital = Hospital(server, database, apps)
    try:
        yield hospital
    finally:
        hospital.close()
        with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
