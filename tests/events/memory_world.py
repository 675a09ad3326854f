"""The rules of delivery as a model in memory, and the events they are tried with."""

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from events.envelope import Event
from events.housekeeping import KEEP_CLOSED, KEEP_HANDLED
from events.relay import Failure, Letter, Policy, Taken, Turn
from events.wire import Delivery

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
    _seq: Iterator[int] = field(default_factory=lambda: itertools.count(1))

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
