"""Relay and inbox against a hostile world: years of loss, doubling, reordering, delays, restarts and clock jumps.

The machine plays network, functions, relays and operators. Whatever it does, every effect happens exactly once and in
the order of its subject; and once the world is kind again, everything arrives.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from events.relay import Policy, Relay
from events.wire import Delivery
from tests.events.memory_world import CAMPUS, DECLARED, KINDS, MemoryWorld
from tests.events.worlds import APPS, Lockstep, PostgresWorld
from tests.support.hospital import Hospital, cloned_hospital

SUBJECTS = ("visit-1", "visit-2")
POLICY = Policy(lease=15, first_pause=1, longest=60, max_attempts=2, window=4)


@dataclass(eq=False)
class Copy:
    """An event in the air, addressed to one function."""

    event: Delivery
    subscriber: str


class Air:
    """The broker and its network. Everything put into it is the machine's to carry, double, delay or lose."""

    def __init__(self, reaches_everyone: bool) -> None:
        self.reaches_everyone = reaches_everyone
        self.accepted: set[UUID] = set()
        self.copies: list[Copy] = []
        self.calls: list[Callable[..., None]] = []

    def post(self, event: Delivery, answer: Callable[[bool], None]) -> None:
        self.copies += [Copy(event, subscriber) for subscriber in DECLARED.get(event.type, ())]

        def call(placed: bool, lost: bool = False) -> None:
            if placed:
                self.accepted.add(UUID(event.id))
            if not lost:
                answer(placed)

        self.calls.append(call)


class View:
    """What one relay sees of the world: its own turns."""

    def __init__(self, world: Any, number: int) -> None:
        self._world = world
        self._number = number

    def turn(self, *arguments: Any) -> Any:
        return self._world.turn(self._number, *arguments)


class Delivering(RuleBasedStateMachine):
    """The world is `MemoryWorld` unless a test says otherwise."""

    def make_world(self) -> Any:
        return MemoryWorld()

    @initialize(seed=st.integers(0, 2**32), hub=st.booleans())
    def open(self, seed: int, hub: bool) -> None:
        self.random = random.Random(seed)
        self.now = datetime(2026, 3, 2, 8, tzinfo=UTC)
        self.world = self.make_world()
        self.air = Air(hub)
        self.relays = [self.new_relay(0), self.new_relay(1)]
        self.pending: list[UUID] = []
        self.emitted: dict[UUID, Delivery] = {}
        self.committed: list[UUID] = []
        self.handled: list[tuple[str, UUID]] = []
        self.replayed: set[tuple[str, UUID]] = set()
        self.poison: set[tuple[str, str]] = set()

    def new_relay(self, number: int) -> Relay:
        return Relay(
            View(self.world, number),
            self.air,
            DECLARED.keys(),
            clock=lambda: self.now,
            chance=self.random.random,
            policy=POLICY,
        )

    # -- writers

    @rule(subject=st.sampled_from(SUBJECTS), kind=st.sampled_from(sorted(KINDS)), slow=st.booleans())
    def emit(self, subject: str, kind: str, slow: bool) -> None:
        if len(self.pending) == 3:
            return
        event_id = UUID(int=self.random.getrandbits(128), version=4)
        event = Delivery(
            id=str(event_id),
            type=kind,
            source=KINDS[kind].event_source,
            subject=subject,
            campus=CAMPUS,
            time=self.now,
            data={"about": subject, "effect": str(event_id)},
        )
        self.world.begin(event)
        self.pending.append(event_id)
        self.emitted[event_id] = event
        if not slow:
            self.end(self.pending.index(event_id), True)

    @precondition(lambda self: self.pending)
    @rule(which=st.integers(0, 2), well=st.booleans())
    def end(self, which: int, well: bool) -> None:
        event_id = self.pending.pop(which % len(self.pending))
        if well:
            self.world.commit(event_id)
            self.committed.append(event_id)
        else:
            self.world.rollback(event_id)
            del self.emitted[event_id]

    # -- relays

    @rule(which=st.integers(0, 1))
    def round(self, which: int) -> None:
        self.relays[which].round()

    @rule(which=st.integers(0, 1))
    def restart_relay(self, which: int) -> None:
        self.world.restart_relay(which)
        self.relays[which] = self.new_relay(which)

    # -- the network

    @precondition(lambda self: self.air.copies)
    @rule(which=st.integers(0), doubled=st.booleans(), fate=st.sampled_from(["", "", "poison", "kill"]))
    def carry(self, which: int, doubled: bool, fate: str) -> None:
        copy = self.air.copies[which % len(self.air.copies)]
        if not doubled:
            self.air.copies.remove(copy)
        self.deliver(copy, "poison" if (copy.subscriber, copy.event.subject) in self.poison else fate)

    @precondition(lambda self: self.air.copies)
    @rule(which=st.integers(0))
    def lose(self, which: int) -> None:
        self.air.copies.pop(which % len(self.air.copies))

    @precondition(lambda self: self.air.calls)
    @rule(which=st.integers(0), placed=st.booleans(), lost=st.booleans())
    def answer(self, which: int, placed: bool, lost: bool) -> None:
        self.air.calls.pop(which % len(self.air.calls))(placed, lost)

    @rule(subscriber=st.sampled_from(sorted(APPS)), subject=st.sampled_from(SUBJECTS))
    def poison_or_heal(self, subscriber: str, subject: str) -> None:
        self.poison ^= {(subscriber, subject)}

    @rule(steps=st.integers(1, 60))
    def a_busy_while(self, steps: int) -> None:
        """The usual mixture: writers write, relays turn, the network is bad. Keeps the rare rules from prevailing."""
        for _ in range(steps):
            match self.random.choices(range(9), weights=(4, 6, 8, 4, 1, 2, 2, 1, 1))[0]:
                case 0:
                    self.emit(
                        self.random.choice(SUBJECTS), self.random.choice(sorted(KINDS)), self.random.random() < 0.2
                    )
                case 1:
                    self.round(self.random.randrange(2))
                case 2 if self.air.copies:
                    fate = self.random.choices(["", "poison", "kill"], weights=(6, 3, 1))[0]
                    self.carry(self.random.randrange(99), self.random.random() < 0.3, fate)
                case 3 if self.air.calls:
                    self.answer(self.random.randrange(99), self.random.random() < 0.7, self.random.random() < 0.1)
                case 4 if self.air.copies:
                    self.lose(self.random.randrange(99))
                case 5:
                    self.pass_time(self.random.choice((1, 5, 20, 20, 70, 70, 8 * 86_400)))
                case 6 if self.pending:
                    self.end(self.random.randrange(3), self.random.random() < 0.8)
                case 7 if self.random.random() < 0.1:
                    self.sweep()
                case 8:
                    self.poison_or_heal(self.random.choice(sorted(APPS)), self.random.choice(SUBJECTS))
            self.nothing_twice()
            self.each_subject_in_order()

    # -- time and operators

    @rule(seconds=st.sampled_from([1, 5, 20, 70, 400, 9 * 86_400, 40 * 86_400, -3600, -40 * 86_400]))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(subject=st.sampled_from(SUBJECTS), held=st.booleans())
    def hold_or_release(self, subject: str, held: bool) -> None:
        (self.world.hold if held else self.world.release)(subject)

    @rule(which=st.integers(0), all_of_it=st.booleans())
    def replay(self, which: int, all_of_it: bool) -> None:
        letters = self.world.open_letters()
        if letters:
            event_id, subscriber = letters[which % len(letters)]
            self.put_back(event_id, None if all_of_it else subscriber)

    @rule()
    def sweep(self) -> None:
        self.world.sweep(self.now)

    # -- what must always be so

    @invariant()
    def nothing_twice(self) -> None:
        assert len(self.handled) == len(set(self.handled))

    @invariant()
    def each_subject_in_order(self) -> None:
        order = {event_id: number for number, event_id in enumerate(self.emitted)}
        last: dict[tuple[str, str], int] = {}
        for subscriber, event_id in self.handled:
            if (subscriber, event_id) not in self.replayed:  # a replay comes late by nature
                key = subscriber, self.emitted[event_id].subject
                assert last.get(key, -1) < order[event_id], "a younger event went by"
                last[key] = order[event_id]

    def teardown(self) -> None:
        try:
            self.heal()
        finally:
            self.world.close()

    def heal(self) -> None:
        """The world is kind from here on: everything arrives, and every letter once it is replayed."""
        for _ in range(len(self.pending)):
            self.end(0, True)
        for subject in SUBJECTS:
            self.world.release(subject)
        self.poison.clear()
        self.arrive()
        for event_id in {event_id for event_id, _ in self.world.open_letters()}:
            self.put_back(event_id, None)
        self.arrive()
        assert self.world.open_letters() == []
        owed = [
            (subscriber, event_id)
            for event_id in self.committed
            for subscriber in DECLARED.get(self.emitted[event_id].type, ())
        ]
        assert sorted(self.handled) == sorted(owed)
        unheard = {event_id for event_id in self.committed if self.emitted[event_id].type not in DECLARED}
        assert unheard & self.air.accepted == (unheard if self.air.reaches_everyone else set())
        self.nothing_twice()
        self.each_subject_in_order()

    def arrive(self) -> None:
        for _ in range(40 + 4 * len(self.committed)):
            if not self.world.open():
                return
            for relay in self.relays:
                relay.round()
                while self.air.copies:
                    self.deliver(self.air.copies.pop(0), "")
                while self.air.calls:
                    self.air.calls.pop(0)(True)
            self.now += timedelta(seconds=20)
        raise AssertionError(f"{self.world.open()} rows stay open in a kind world")

    # -- how

    def put_back(self, event_id: UUID, subscriber: str | None) -> None:
        self.replayed |= {(name, event_id) for name in self.world.replay(event_id, subscriber)}

    def deliver(self, copy: Copy, fate: str) -> None:
        if self.world.deliver(copy.event, copy.subscriber, fate, self.now) == "handled":
            self.handled.append((copy.subscriber, UUID(copy.event.id)))


STEPS = settings(
    max_examples=150,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_the_model_survives_thousands_of_steps() -> None:
    run_state_machine_as_test(Delivering, settings=STEPS)


@pytest.fixture(scope="module")
def hospital() -> Any:
    with cloned_hospital(list(APPS.values())) as one:
        yield one


def test_postgres_does_what_the_model_does(hospital: Hospital) -> None:
    class InLockstep(Delivering):
        def make_world(self) -> Any:
            hospital.runtime.clock = lambda: self.now
            return Lockstep(MemoryWorld(), PostgresWorld(hospital))

        def heal(self) -> None:
            super().heal()
            effects = [(subscriber, event_id) for event_id, subscriber in self.world.real.effects()]
            assert sorted(effects) == sorted(self.handled)

    quick = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking on a database takes minutes
    run_state_machine_as_test(InLockstep, settings=settings(STEPS, max_examples=12, phases=quick))
