"""Two worlds of delivery behind one set of verbs: a model in memory, and the real outbox, inbox and handlers.

`Lockstep` does everything in both and demands the same answer, so that what the state machine proves of the model
holds for the SQL.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from events import dead_letters, health, housekeeping
from events.envelope import Event
from events.housekeeping import KEEP_CLOSED, KEEP_HANDLED
from events.outbox import PostgresOutbox
from events.relay import Failure, Letter, Policy, Taken, Turn
from events.wire import Delivery
from shared import deliveries
from shared.database.engine import Database
from shared.function import FunctionApp
from shared.http import Router
from shared.tx import Tx
from tests.support.hospital import Hospital

Outcome = Literal["handled", "nothing", "failed", "refused", "killed"]
"""What a delivery came to. `nothing`: answered well without effect (repeated or late)."""

CAMPUS = "hq"


class ForBoth(Event, type="testing.machine.for_both", subject="about"):
    """Both functions care."""

    about: str
    effect: UUID


class ForOne(Event, type="testing.machine.for_one", subject="about"):
    """One function cares."""

    about: str
    effect: UUID


class ForNobody(Event, type="testing.machine.for_nobody", subject="about"):
    """No function cares; the hub may."""

    about: str
    effect: UUID


KINDS: Mapping[str, type[Event]] = {kind.event_type: kind for kind in (ForBoth, ForOne, ForNobody)}
DECLARED: Mapping[str, list[str]] = {
    ForBoth.event_type: ["testing/alpha", "testing/beta"],
    ForOne.event_type: ["testing/alpha"],
}


class Poisoned(Exception):
    """The handler cannot."""


class Killed(BaseException):
    """The process is gone in the middle of the handler."""


@dataclass
class Row:
    event: Delivery
    seq: int
    attempts: int = 0
    next_attempt_at: datetime | None = None
    closed_at: datetime | None = None
    pending: bool = True


@dataclass
class MemoryWorld:
    """The rules of delivery, said as plainly as possible."""

    rows: dict[UUID, Row] = field(default_factory=dict)
    inbox: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    failures: dict[tuple[UUID, str], int] = field(default_factory=dict)
    letters: dict[tuple[UUID, str], bool] = field(default_factory=dict)
    """(event, subscriber) -> whether it was replayed."""
    held: set[str] = field(default_factory=set)
    _seq: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def begin(self, event: Delivery) -> None:
        """Write an event in a transaction that stays open."""
        self.rows[UUID(event.id)] = Row(event, next(self._seq))

    def commit(self, event_id: UUID) -> None:
        self.rows[event_id].pending = False

    def rollback(self, event_id: UUID) -> None:
        del self.rows[event_id]

    def deliver(self, event: Delivery, subscriber: str, fate: str, now: datetime) -> Outcome:
        event_id = UUID(event.id)
        row = self.rows.get(event_id)
        if row is None:
            return "refused"
        given_up = row.closed_at is not None or not self.letters.get((event_id, subscriber), True)
        if (event_id, subscriber) in self.inbox or given_up:
            return "nothing"
        if fate == "poison":
            self.failures[event_id, subscriber] = self.failures.get((event_id, subscriber), 0) + 1
            return "failed"
        if fate == "kill":
            return "killed"
        self.inbox[event_id, subscriber] = now
        return "handled"

    def missing(self, row: Row) -> list[str]:
        event_id = UUID(row.event.id)
        return [
            subscriber
            for subscriber in DECLARED.get(row.event.type, ())
            if (event_id, subscriber) not in self.inbox and self.letters.get((event_id, subscriber), True)
        ]

    def turn(
        self,
        relay: int,
        now: datetime,
        policy: Policy,
        answered: Collection[UUID],
        failures: Collection[Failure],
        limit: int,
    ) -> Turn:
        mine = [self.rows[event_id] for event_id in answered if event_id in self.rows]
        buried = [letter for row in mine if row.closed_at is None for letter in self._bury(row, policy)]
        closed = []
        for row in mine:
            if row.closed_at is None and not self.missing(row):
                row.closed_at = now
                closed.append(UUID(row.event.id))
        for failure in failures:
            row_of = self.rows.get(failure.event_id)
            if row_of is not None and row_of.closed_at is None and row_of.attempts == failure.attempts:
                row_of.next_attempt_at = failure.next_attempt_at
        taken = []
        for row in self.due(now, policy)[:limit]:
            lease = min(policy.lease * 2.0**row.attempts, policy.longest)
            row.attempts += 1
            row.next_attempt_at = now + timedelta(seconds=lease)
            taken.append(Taken(row.event, row.attempts, row.next_attempt_at, len(self.missing(row))))
        return Turn(closed, buried, taken)

    def _bury(self, row: Row, policy: Policy) -> list[Letter]:
        event_id = UUID(row.event.id)
        buried = []
        for subscriber in self.missing(row):
            if min(self.failures.get((event_id, subscriber), 0), row.attempts) >= policy.max_attempts:
                self.letters[event_id, subscriber] = False
                buried.append(Letter(event_id, subscriber, row.event.type, "Poisoned"))
        return buried

    def due(self, now: datetime, policy: Policy) -> list[Row]:
        everything = sorted(self.rows.values(), key=lambda row: row.seq)
        first_pending = next((row.seq for row in everything if row.pending), None)
        heads: set[str] = set()
        found = []
        for row in everything:
            if row.closed_at is not None or row.pending:
                continue
            if row.event.subject in heads:
                continue
            heads.add(row.event.subject)
            if first_pending is not None and row.seq > first_pending:
                continue
            moment = row.next_attempt_at
            wrong = moment is not None and moment > now + timedelta(seconds=2 * policy.longest)
            if row.attempts and moment is not None and moment > now and not wrong:
                continue
            if row.event.subject not in self.held:
                found.append(row)
        return found

    def hold(self, subject: str) -> None:
        self.held.add(subject)

    def release(self, subject: str) -> None:
        self.held.discard(subject)

    def open_letters(self) -> list[tuple[UUID, str]]:
        return sorted(key for key, replayed in self.letters.items() if not replayed and key not in self.inbox)

    def replay(self, event_id: UUID, subscriber: str | None) -> list[str]:
        found = [
            name
            for (event, name), replayed in self.letters.items()
            if event == event_id and not replayed and subscriber in (None, name) and event in self.rows
        ]
        for name in found:
            self.letters[event_id, name] = True
            self.failures.pop((event_id, name), None)
        if found:
            row = self.rows[event_id]
            row.closed_at, row.attempts, row.next_attempt_at = None, 0, None
        return sorted(found)

    def sweep(self, now: datetime) -> None:
        for (event_id, subscriber), replayed in self.letters.items():
            if not replayed and event_id in self.rows and (event_id, subscriber) in self.inbox:
                self.letters[event_id, subscriber] = True
        for event_id, row in list(self.rows.items()):
            old = row.closed_at is not None and max(row.closed_at, row.event.time) < now - KEEP_CLOSED
            if old and all(replayed for (event, _), replayed in self.letters.items() if event == event_id):
                del self.rows[event_id]
        for key, handled_at in list(self.inbox.items()):
            if handled_at < now - KEEP_HANDLED and key[0] not in self.rows:
                del self.inbox[key]

    def open(self) -> int:
        return sum(row.closed_at is None for row in self.rows.values())

    def restart_relay(self, relay: int) -> None:
        """A relay's memory is its own affair."""

    def close(self) -> None:
        """Nothing to give back."""


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
