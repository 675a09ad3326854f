"""Rules of bounds without a database: who is one too many, which hour and network admits."""

from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.platform.sso.rules_bounds import (
    CASHIER,
    CONFIRM_WITHIN,
    STAFF,
    Policy,
    Session,
    in_hours,
    in_networks,
    judge,
    one_too_many,
    policy_of,
    workplace_of,
)
from shared.schemas import SHANGHAI

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)  # a Monday


class Rule(NamedTuple):
    post: str = "finance"
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    from_time: time = time(8)
    to_time: time = time(18)
    networks: tuple[str, ...] = ()
    outside: str = "refuse"
    message: str = "院内"


def sessions(draw_entered: list[bool]) -> list[Session]:
    return [
        Session(f"s{place}", NOW - timedelta(minutes=100 - place), entered)
        for place, entered in enumerate(draw_entered)
    ]


@given(
    st.lists(st.booleans(), max_size=12),
    st.integers(1, 5),
    st.sampled_from(["displace", "confirm", "refuse"]),
)
def test_exactly_the_surplus_goes_once_everybody_has_had_time(entered: list[bool], limit: int, beyond: str) -> None:
    found = sessions(entered)
    gone = one_too_many(found, Policy(limit, beyond), NOW)  # type: ignore[arg-type]
    names = [session.session_id for session, _ in gone]
    assert len(names) == len(set(names)) == max(0, len(found) - limit)
    if beyond == "displace":
        assert names == [one.session_id for one in found[: len(names)]]
    if beyond == "refuse" and not any(entered):
        assert set(names) == {one.session_id for one in found[len(found) - len(names) :]}
    if beyond != "displace" and sum(entered) >= limit:
        strangers = {one.session_id for one in found if not one.entered}
        assert strangers <= set(names)


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 5))
def test_whoever_was_just_let_in_never_goes(entered: list[bool], limit: int) -> None:
    found = sessions(entered)
    for one in found:
        gone = one_too_many(found, Policy(limit, "confirm"), NOW, keep=one.session_id)
        assert one.session_id not in {session.session_id for session, _ in gone}
        assert len(gone) == max(0, len(found) - limit)


def test_of_two_sessions_of_one_second_the_one_let_in_stays() -> None:
    first, second = Session("z", NOW, True), Session("a", NOW, False)
    assert one_too_many([first, second], Policy(1, "refuse"), NOW) == [(second, "refused")]


def test_a_newcomer_has_two_minutes_to_agree() -> None:
    first = Session("a", NOW - timedelta(hours=1), True)
    second = Session("b", NOW - CONFIRM_WITHIN + timedelta(seconds=1), False)
    assert one_too_many([first, second], CASHIER, NOW) == []
    assert one_too_many([first, second], CASHIER, NOW + timedelta(seconds=1)) == [(second, "not_confirmed")]


@pytest.mark.parametrize(
    ("posts", "settled", "expected"),
    [
        ({"schedule_clerk"}, {}, STAFF),
        ({"schedule_clerk", "registrar"}, {}, CASHIER),
        ({"registrar"}, {"post:registrar": Policy(2, "refuse")}, Policy(2, "refuse")),
        ({"schedule_clerk"}, {"staff": Policy(5, "refuse")}, Policy(5, "refuse")),
        ({"schedule_clerk"}, {"post:schedule_clerk": Policy(3, "refuse")}, Policy(3, "refuse")),
        (set(), {}, STAFF),
    ],
)
def test_the_strictest_policy_counts(posts: set[str], settled: dict[str, Policy], expected: Policy) -> None:
    assert policy_of(posts, settled) == expected


@pytest.mark.parametrize(
    ("posts", "place"),
    [
        ({"registrar", "outpatient_doctor"}, "counter"),
        ({"outpatient_pharmacist"}, "counter"),
        ({"outpatient_doctor"}, "clinical"),
        ({"finance"}, "office"),
        ({"of_another_release"}, "office"),
    ],
)
def test_the_place_that_locks_soonest_counts(posts: set[str], place: str) -> None:
    assert workplace_of(posts) == place


@pytest.mark.parametrize(
    ("rule", "moment", "inside"),
    [
        (Rule(), NOW, True),
        (Rule(), NOW.replace(hour=8), True),
        (Rule(), NOW.replace(hour=18), False),
        (Rule(), NOW.replace(hour=7, minute=59), False),
        (Rule(), NOW + timedelta(days=5), False),  # Saturday
        (Rule(), datetime(2026, 3, 2, 1, 0, tzinfo=UTC), True),  # nine in the hospital
        (Rule(weekdays=(1,), from_time=time(20), to_time=time(8)), NOW.replace(hour=21), True),
        (Rule(weekdays=(1,), from_time=time(20), to_time=time(8)), NOW + timedelta(hours=22), True),  # Tuesday 07:00
        (Rule(weekdays=(1,), from_time=time(20), to_time=time(8)), NOW.replace(hour=7), False),  # Sunday's night
        (Rule(weekdays=(7,), from_time=time(20), to_time=time(8)), NOW.replace(hour=7), True),
        (Rule(weekdays=(1,), from_time=time(20), to_time=time(8)), NOW, False),
    ],
)
def test_hours(rule: Rule, moment: datetime, inside: bool) -> None:
    assert in_hours(rule, moment) is inside


@pytest.mark.parametrize(
    ("networks", "address", "inside"),
    [
        ((), "203.0.113.9", True),
        (("10.20.0.0/16",), "10.20.3.4", True),
        (("10.20.0.0/16",), "10.21.3.4", False),
        (("10.20.0.0/16",), "::ffff:10.20.3.4", True),
        (("10.20.0.0/16",), "2001:db8::1", False),
        (("10.20.0.0/16", "2001:db8::/32"), "2001:db8::1", True),
        (("10.20.0.0/16",), "unknown", False),
        (("10.20.0.0/16",), "", False),
    ],
)
def test_networks(networks: tuple[str, ...], address: str, inside: bool) -> None:
    assert in_networks(Rule(networks=networks), address) is inside


def test_every_bound_post_must_be_admitted() -> None:
    inside, at_night = Rule(networks=("10.0.0.0/8",)), Rule(post="registrar", from_time=time(20), to_time=time(8))
    both = {"finance", "registrar"}
    assert judge([inside], both, NOW, "10.1.1.1", strong=False) is None
    assert judge([inside, at_night], both, NOW, "10.1.1.1", strong=False).cause == "wrong_hour"  # type: ignore[union-attr]
    assert judge([inside], {"registrar"}, NOW, "203.0.113.9", strong=False) is None
    assert judge([inside], both, NOW, None, strong=False) is None  # a registered workstation is a place of the hospital
    found = judge([inside._replace(outside="second_factor")], both, NOW, "203.0.113.9", strong=False)
    assert found is not None
    assert found.cause == "second_factor"
    assert judge([inside._replace(outside="second_factor")], both, NOW, "203.0.113.9", strong=True) is None
