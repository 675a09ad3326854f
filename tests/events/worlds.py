"""The real outbox, inbox and handlers behind the verbs of the model in memory.

`Lockstep` does everything in both and demands the same answer, so that what the state machine proves of the model
holds for the SQL.
"""

import time
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from events import dead_letters, health, housekeeping
from events.envelope import Event
from events.outbox import PostgresOutbox
from events.relay import Failure, Policy, Turn
from events.wire import Delivery
from shared import deliveries
from shared.database.engine import Database
from shared.function import FunctionApp
from shared.http import Router
from shared.tx import Tx
from tests.events.memory_world import CAMPUS, DECLARED, KINDS, MemoryWorld, Outcome
from tests.support.hospital import Hospital


class Poisoned(Exception):
    """The handler cannot."""


class Killed(BaseException):
    """The process is gone in the middle of the handler."""


class PostgresWorld:
    """The same verbs on the real thing: SQL of the outbox, handlers run by the real delivery edge."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        self.worker = Database(hospital.settings.worker_database_url, 2)
        self.pending: dict[UUID, psycopg.Connection[Any]] = {}
        self.relays: dict[int, PostgresOutbox] = {}
        self.first_pending: dict[UUID, int] = {}
        self.newest = 0
        hospital.execute(
            "TRUNCATE kernel.outbox, kernel.inbox, kernel.dead_letters, kernel.delivery_failures, kernel.held_subjects,"
            " kernel.audit_entries, kernel.audit_links, kernel.audit_heads RESTART IDENTITY"
        )

    def begin(self, event: Delivery) -> None:
        connection = psycopg.connect(self.hospital.settings.database_url)
        connection.execute("SELECT set_config('his.campus', %s, true)", [event.campus])
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        connection.execute(
            "INSERT INTO kernel.outbox (campus_id, event_id, type, source, subject, data, traceparent, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, '', %s)",
            [
                event.campus,
                event.id,
                event.type,
                event.source,
                event.subject,
                Jsonb(event.data),
                event.time,
            ],
        )
        number = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        assert number
        self.pending[UUID(event.id)] = connection
        self.first_pending[UUID(event.id)] = self.newest = number[0]

    def commit(self, event_id: UUID) -> None:
        with self.pending.pop(event_id) as connection:
            connection.commit()
        del self.first_pending[event_id]

    def rollback(self, event_id: UUID) -> None:
        with self.pending.pop(event_id) as connection:
            connection.rollback()
        del self.first_pending[event_id]

    def deliver(self, event: Delivery, subscriber: str, fate: str, now: datetime) -> Outcome:
        app = APPS[subscriber]
        effects = len(EFFECTS)
        FATE[subscriber] = fate
        try:
            deliveries._deliver_to_all([app], event, self.hospital.runtime, None)
        except Killed:
            return "killed"
        except deliveries.NotBelieved:
            return "refused"
        except deliveries.NotHandled:
            return "failed"
        return "handled" if len(EFFECTS) > effects else "nothing"

    def turn(
        self,
        relay: int,
        now: datetime,
        policy: Policy,
        answered: Collection[UUID],
        failures: Collection[Failure],
        limit: int,
    ) -> Turn:
        self._let_strangers_pass()
        if relay not in self.relays:
            self.relays[relay] = PostgresOutbox(self.hospital.settings.worker_database_url, DECLARED)
        return self.relays[relay].turn(now, policy, answered, failures, limit)

    def _let_strangers_pass(self) -> None:
        """Transactions of other tests on this server hold rows back, as they should; here they would be noise."""
        wanted = min(self.first_pending.values(), default=self.newest + 1)
        deadline = time.monotonic() + 20
        while self.hospital.value("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint") < wanted:
            assert time.monotonic() < deadline, "another test keeps a transaction open"

    def hold(self, subject: str) -> None:
        health.hold(self.worker, CAMPUS, subject, reason="test", held_by="test")

    def release(self, subject: str) -> None:
        health.release(self.worker, CAMPUS, subject)

    def open_letters(self) -> list[tuple[UUID, str]]:
        return sorted((letter.event_id, letter.subscriber) for letter in dead_letters.list_open(self.worker))

    def replay(self, event_id: UUID, subscriber: str | None) -> list[str]:
        return sorted(dead_letters.replay(self.worker, event_id, subscriber))

    def sweep(self, now: datetime) -> None:
        while housekeeping.sweep(self.worker, now):
            pass

    def open(self) -> int:
        return health.health(self.worker).depth

    def restart_relay(self, relay: int) -> None:
        if relay in self.relays:
            self.relays.pop(relay).close()

    def effects(self) -> list[tuple[UUID, str]]:
        """What handlers committed."""
        rows = self.hospital.rows("SELECT subject_id, subject_kind FROM kernel.audit_entries WHERE action = 'effect'")
        return sorted((UUID(row["subject_id"]), row["subject_kind"]) for row in rows)

    def close(self) -> None:
        for connection in self.pending.values():
            connection.close()
        for relay in self.relays.values():
            relay.close()
        self.worker.close()


class Lockstep:
    """Both worlds at once; any difference is a failure."""

    def __init__(self, model: MemoryWorld, real: PostgresWorld) -> None:
        self.model = model
        self.real = real

    def __getattr__(self, verb: str) -> Any:
        def both(*arguments: Any) -> Any:
            expected = getattr(self.model, verb)(*arguments)
            found = getattr(self.real, verb)(*arguments)
            assert _comparable(found) == _comparable(expected), verb
            return found

        return both


def _comparable(answer: Any) -> Any:
    if isinstance(answer, Turn):
        return sorted(answer.closed), sorted(answer.buried), list(answer.taken)
    return answer


# -- the functions of the real world

EFFECTS: list[tuple[str, UUID]] = []
FATE: dict[str, str] = {}


def _handler(subscriber: str) -> Any:
    def handle(tx: Tx, event: Any) -> None:
        tx.audit("effect", subscriber, event.effect)
        tx.session.flush()
        if FATE[subscriber] == "poison":
            raise Poisoned
        if FATE[subscriber] == "kill":
            raise Killed
        EFFECTS.append((subscriber, event.effect))

    return handle


def _app(name: str) -> FunctionApp:
    on: dict[type[Event], Any] = {
        kind: _handler(name) for kind in KINDS.values() if name in DECLARED.get(kind.event_type, ())
    }
    return FunctionApp(name, module=0, title=name, router=Router(), on=on)


APPS = {name: _app(name) for name in ("testing/alpha", "testing/beta")}
