"""The relay: takes events from the outbox, hands them to a broker, and closes a row when every subscriber has it.

One round is one exchange with the outbox: say which flights have been answered, hear which rows are closed, take what
is due. Only the oldest open row of a subject is ever due, so a subject keeps its order whatever the broker does; a row
closes by what the inbox says, so a broker that loses, doubles or reorders costs nothing but time.

Between rounds a row is leased, not locked: nothing is held over the network, and what a dead relay had in its hands
is due again when its lease ends.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol
from uuid import UUID

from prometheus_client import Counter

from events.wire import Delivery

log = logging.getLogger("his.relay")

POSTED = Counter("his_relay_posted_total", "Events handed to the broker")
CLOSED = Counter("his_relay_closed_total", "Outbox rows closed")
FAILED = Counter("his_relay_failed_total", "Events the broker could not place")
BURIED = Counter("his_dead_letters_total", "Dead letters written", ["subscriber"])


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient the relay is. Times in seconds."""

    lease: float = 15.0
    """How long an event may be on its way before it is posted again; doubles with every attempt."""
    first_pause: float = 1.0
    """Pause after the first failure; doubles with every attempt."""
    longest: float = 300.0
    """Neither a lease nor a pause is longer."""
    max_attempts: int = 10
    """Failures of one subscriber, and posts of the event, before the event becomes a dead letter for it."""
    window: int = 64
    """Events on their way to the broker at once."""


class Taken(NamedTuple):
    """An event leased to this relay."""

    event: Delivery
    attempts: int
    leased_until: datetime
    missing: int
    """Subscribers that have it neither in their inbox nor as a dead letter."""


class Failure(NamedTuple):
    """A failed attempt and when to try again. It counts only while no later attempt has begun."""

    event_id: UUID
    attempts: int
    next_attempt_at: datetime


class Letter(NamedTuple):
    """An event that became a dead letter for a subscriber."""

    event_id: UUID
    subscriber: str
    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What one exchange with the outbox brought."""

    closed: Collection[UUID]
    buried: Collection[Letter]
    taken: Collection[Taken]


class Outbox(Protocol):
    """Where events wait. Everything a turn does is one transaction."""

    def turn(
        self, now: datetime, policy: Policy, answered: Collection[UUID], failures: Collection[Failure], limit: int
    ) -> Turn:
        """Bury what failed too often and close what everybody has, among `answered`; postpone `failures`; take up to
        `limit` due rows."""


class Broker(Protocol):
    """Where events go. `post` returns at once; `answer` is called later, from any thread, or never."""

    reaches_everyone: bool
    """Whether types without a declared subscriber are posted too (interfaces hub, lake)."""

    def post(self, event: Delivery, answer: Callable[[bool], None]) -> None:
        """Pass an event on. True is answered when the broker has it, False when it could not be placed."""


@dataclass(slots=True)
class _Flight:
    attempts: int
    until: datetime
    awaited: bool
    """Whether the type has subscribers: their inboxes then say when it has arrived, else only the broker's answer."""
    landed: bool | None = None

    @property
    def may_be_closed(self) -> bool:
        return self.landed is True or (self.landed is False and self.awaited)


class Relay:
    """The decisions. Clock, chance, broker and outbox are arguments, so that a test can run years in seconds."""

    def __init__(
        self,
        outbox: Outbox,
        broker: Broker,
        subscribed: Collection[str],
        *,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
        policy: Policy | None = None,
    ) -> None:
        self._outbox = outbox
        self._broker = broker
        self._subscribed = frozenset(subscribed)
        self._clock = clock
        self._chance = chance
        self.policy = policy or Policy()
        self._flights: dict[UUID, _Flight] = {}
        self._answers: deque[tuple[UUID, int, bool]] = deque()
        self._bell = threading.Event()

    def round(self, *, taking: bool = True) -> int:
        """Settle what was answered, take what is due, post it. Returns how many rows moved."""
        self._hear()
        now = self._clock()
        answered = [event_id for event_id, flight in self._flights.items() if flight.may_be_closed]
        failures = [
            Failure(event_id, flight.attempts, now + timedelta(seconds=self._pause(flight.attempts)))
            for event_id, flight in self._flights.items()
            if flight.landed is False
        ]
        under_way = sum(flight.landed is None for flight in self._flights.values())
        room = max(self.policy.window - under_way, 0) if taking else 0
        turn = self._outbox.turn(now, self.policy, answered, failures, room)
        self._forget([*turn.closed, *(failure.event_id for failure in failures)])
        self._forget([event_id for event_id, flight in self._flights.items() if flight.until <= now])
        for letter in turn.buried:
            BURIED.labels(letter.subscriber).inc()
            log.error("dead letter", extra={"fields": {**letter._asdict(), "event_id": str(letter.event_id)}})
        for taken in turn.taken:
            self._launch(taken)
        CLOSED.inc(len(turn.closed))
        FAILED.inc(len(failures))
        return len(turn.closed) + len(failures) + len(turn.taken)

    @property
    def waiting(self) -> bool:
        """Whether a post has not been answered yet."""
        return any(flight.landed is None for flight in self._flights.values())

    def wait(self, seconds: float) -> None:
        """Wait for an answer, at most so long."""
        self._bell.wait(seconds)

    def _launch(self, taken: Taken) -> None:
        event_id = UUID(taken.event.id)
        awaited = taken.event.type in self._subscribed
        flight = self._flights[event_id] = _Flight(taken.attempts, taken.leased_until, awaited)
        if taken.missing or (self._broker.reaches_everyone and not awaited):
            POSTED.inc()
            self._broker.post(taken.event, partial(self._answer, event_id, taken.attempts))
        else:
            flight.landed = True

    def _answer(self, event_id: UUID, attempts: int, placed: bool) -> None:
        self._answers.append((event_id, attempts, placed))
        self._bell.set()

    def _hear(self) -> None:
        self._bell.clear()
        while self._answers:
            event_id, attempts, placed = self._answers.popleft()
            flight = self._flights.get(event_id)
            # That a former attempt arrived is good news; that it failed says nothing about the present one.
            if flight is not None and (placed or attempts == flight.attempts):
                flight.landed = placed

    def _forget(self, event_ids: Collection[UUID]) -> None:
        for event_id in event_ids:
            self._flights.pop(event_id, None)

    def _pause(self, attempts: int) -> float:
        doubled = self.policy.first_pause * 2.0 ** min(attempts - 1, 30)
        return min(doubled, self.policy.longest) * (0.5 + self._chance() / 2)
