"""The relay's decisions one by one: patience, pauses, giving up, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.relay import Policy, Relay
from events.wire import Delivery
from tests.events.memory_world import CAMPUS, DECLARED, ForBoth, ForNobody, ForOne, MemoryWorld
from tests.events.test_machine import View


class Desk:
    """A relay, a world in memory and a broker that does as it is told."""

    reaches_everyone = False

    def __init__(self, chance: float = 1.0, **policy: Any) -> None:
        self.now = datetime(2026, 3, 2, 8, tzinfo=UTC)
        self.world = MemoryWorld()
        self.posts: list[tuple[Delivery, Callable[[bool], None]]] = []
        self.policy = Policy(**policy)
        self.relay = Relay(
            View(self.world, 0), self, DECLARED, clock=lambda: self.now, chance=lambda: chance, policy=self.policy
        )

    def post(self, event: Delivery, answer: Callable[[bool], None]) -> None:
        self.posts.append((event, answer))

    def emit(self, kind: Any = ForOne, subject: str = "visit") -> UUID:
        event_id = uuid4()
        data = {"about": subject, "effect": str(event_id)}
        event = Delivery(str(event_id), kind.event_type, kind.event_source, subject, CAMPUS, self.now, data)
        self.world.begin(event)
        self.world.commit(event_id)
        return event_id

    def handle(self, event_id: UUID, subscriber: str, fate: str = "") -> None:
        self.world.deliver(self.world.rows[event_id].event, subscriber, fate, self.now)

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def seconds_until_posted(self, limit: int = 3600) -> int:
        for second in range(limit):
            self.relay.round()
            if self.posts:
                return second
            self.pass_seconds(1)
        raise AssertionError("never posted")


def test_an_event_is_posted_closed_and_followed_by_the_next_of_its_subject() -> None:
    desk = Desk()
    first, second, other = desk.emit(), desk.emit(), desk.emit(subject="another visit")
    assert desk.relay.round() == 2
    assert [event.id for event, _ in desk.posts] == [str(first), str(other)]
    desk.handle(first, "testing/alpha")
    desk.posts.pop(0)[1](True)
    assert desk.relay.round() == 2
    assert desk.posts[-1][0].id == str(second)
    assert desk.world.rows[first].closed_at == desk.now


def test_a_failure_pauses_longer_and_longer_up_to_the_longest() -> None:
    desk = Desk(first_pause=1, longest=20, max_attempts=99)
    desk.emit()
    pauses = []
    for _ in range(7):
        pauses.append(desk.seconds_until_posted())
        desk.posts.pop()[1](False)
    assert pauses == [0, 1, 2, 4, 8, 16, 20]


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 2), (1.0, 4)])
def test_pauses_spread_by_chance_to_half(chance: float, pause: int) -> None:
    desk = Desk(chance, first_pause=4)
    desk.emit()
    desk.relay.round()
    desk.posts.pop()[1](False)
    assert desk.seconds_until_posted() == pause


def test_without_an_answer_the_lease_doubles() -> None:
    desk = Desk(lease=15, longest=100)
    desk.emit()
    waits = []
    for _ in range(5):
        waits.append(desk.seconds_until_posted())
        desk.posts.clear()
    assert waits == [0, 15, 30, 60, 100]


def test_accepted_but_unhandled_waits_for_the_inbox_not_for_the_broker() -> None:
    desk = Desk(lease=15)
    event_id = desk.emit()
    desk.relay.round()
    desk.posts.pop()[1](True)
    assert not desk.relay.waiting or desk.relay.round() == 0
    assert desk.relay.round() == 0
    desk.handle(event_id, "testing/alpha")
    assert desk.relay.round() == 1
    assert desk.world.open() == 0
    assert not desk.posts


def test_an_old_failure_does_not_disturb_a_younger_attempt() -> None:
    desk = Desk(lease=15)
    event_id = desk.emit()
    desk.relay.round()
    late_answer = desk.posts.pop()[1]
    assert desk.seconds_until_posted() == 15
    leased_until = desk.world.rows[event_id].next_attempt_at
    late_answer(False)
    assert desk.relay.round() == 0
    assert desk.world.rows[event_id].next_attempt_at == leased_until


def test_after_the_last_failure_the_letter_is_dead_and_the_subject_goes_on() -> None:
    desk = Desk(max_attempts=10)
    poison, next_one = desk.emit(ForBoth), desk.emit(ForOne)
    for _ in range(10):
        desk.seconds_until_posted()
        assert desk.posts[0][0].id == str(poison)
        desk.handle(poison, "testing/alpha", "poison")
        desk.handle(poison, "testing/beta")
        desk.posts.pop()[1](False)
    desk.relay.round()
    assert desk.world.open_letters() == [(poison, "testing/alpha")]
    assert [event.id for event, _ in desk.posts] == [str(next_one)]


def test_an_outage_kills_no_letter() -> None:
    desk = Desk(max_attempts=3)
    event_id = desk.emit()
    for _ in range(12):
        desk.seconds_until_posted()
        desk.posts.pop()[1](False)
    assert desk.world.open_letters() == []
    desk.seconds_until_posted()
    desk.handle(event_id, "testing/alpha")
    desk.posts.pop()[1](True)
    desk.relay.round()
    assert desk.world.open() == 0


def test_quick_failures_of_one_post_kill_no_letter() -> None:
    desk = Desk(max_attempts=3)
    event_id = desk.emit()
    desk.relay.round()
    for _ in range(5):
        desk.handle(event_id, "testing/alpha", "poison")
    desk.posts.pop()[1](False)
    desk.relay.round()
    assert desk.world.open_letters() == []


def test_what_nobody_subscribed_is_closed_at_once_without_a_hub() -> None:
    desk = Desk()
    desk.emit(ForNobody)
    desk.relay.round()
    desk.relay.round()
    assert not desk.posts
    assert desk.world.open() == 0


def test_what_nobody_subscribed_is_closed_when_the_hub_has_it() -> None:
    desk = Desk(first_pause=1)
    desk.reaches_everyone = True
    desk.emit(ForNobody)
    desk.relay.round()
    desk.posts.pop()[1](False)
    desk.relay.round()
    assert desk.world.open() == 1
    assert desk.seconds_until_posted() == 1
    desk.posts.pop()[1](True)
    desk.relay.round()
    assert desk.world.open() == 0
    assert not desk.posts


def test_what_a_dead_relay_had_delivered_is_closed_without_a_second_post() -> None:
    desk = Desk(lease=15)
    event_id = desk.emit()
    desk.relay.round()
    desk.posts.clear()
    desk.handle(event_id, "testing/alpha")
    heir = Relay(View(desk.world, 1), desk, DECLARED, clock=lambda: desk.now, chance=lambda: 1.0)
    assert heir.round() == 0
    desk.pass_seconds(15)
    heir.round()
    heir.round()
    assert desk.world.open() == 0
    assert not desk.posts


def test_no_more_than_the_window_is_on_its_way() -> None:
    desk = Desk(window=3)
    for number in range(8):
        desk.emit(subject=str(number))
    desk.relay.round()
    desk.relay.round()
    assert len(desk.posts) == 3
    desk.posts.pop()[1](True)
    desk.relay.round()
    assert len(desk.posts) == 3


def test_a_stopping_relay_takes_nothing_more() -> None:
    desk = Desk()
    desk.emit()
    assert desk.relay.round(taking=False) == 0
    assert not desk.relay.waiting
