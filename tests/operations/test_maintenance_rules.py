"""Rules of operation and maintenance: states, the night's plan, cursors."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.operations.maintenance import cursors, queries, rules
from functions.operations.maintenance.queries import Letter
from shared.ids import new_id
from shared.schemas import SHANGHAI

NOW = datetime(2026, 3, 2, 8, 30, tzinfo=SHANGHAI)
MOMENTS = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001  the strategy adds the zone
    datetime(2060, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, SHANGHAI]),
)


@pytest.mark.parametrize(
    ("letters", "since", "state"),
    [
        (0, None, "ok"),
        (0, NOW - timedelta(seconds=2), "retrying"),
        (0, NOW - timedelta(minutes=5), "retrying"),
        (0, NOW - timedelta(minutes=5, seconds=1), "failing"),
        (1, None, "failing"),
    ],
)
def test_health(letters: int, since: datetime | None, state: str) -> None:
    assert rules.health(letters, since, NOW) == state


@pytest.mark.parametrize(
    ("age", "state"), [(None, "ok"), (0, "ok"), (60, "ok"), (61, "late"), (600, "late"), (601, "stuck")]
)
def test_lag(age: int | None, state: str) -> None:
    assert rules.lag(None if age is None else NOW - timedelta(seconds=age), NOW) == state


@given(MOMENTS)
def test_the_last_plan_is_at_two_within_a_day(now: datetime) -> None:
    planned = rules.last_planned(now)
    assert timedelta() <= now - planned < timedelta(days=1)
    assert planned.astimezone(SHANGHAI).time() == time(2, 0)


@given(MOMENTS)
def test_a_day_begins_at_midnight_of_the_hospital(now: datetime) -> None:
    start = rules.start_of_day(now)
    assert start.astimezone(SHANGHAI).time() == time()
    assert timedelta() <= now - start < timedelta(days=1)


@given(MOMENTS, st.uuids(), st.sampled_from(["payments/billing", "outpatient/registration"]))
def test_a_cursor_comes_back_as_it_went(at: datetime, event_id, subscriber: str) -> None:
    letter = Letter(event_id, subscriber, "hq", "t", "s", "r", 1, at, None, None, None)
    assert cursors.read(cursors.write(letter)) == (at, event_id, subscriber)


def test_ids_of_today_are_not_before_its_first() -> None:
    now = datetime.now(UTC)
    assert queries.first_id_at(rules.start_of_day(now)) <= queries.first_id_at(now) <= new_id()


def test_seconds_are_never_negative() -> None:
    assert rules.seconds(timedelta(seconds=-3)) == 0
    assert rules.seconds(timedelta(seconds=61, milliseconds=900)) == 61
