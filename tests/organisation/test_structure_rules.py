"""Rules of the organisation as properties."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.organisation.structure import rules
from functions.organisation.structure.problems import (
    IncompatiblePosts,
    ParentNotInForce,
    PrivilegedTooLong,
    SecondRoot,
    SettingInvalid,
    UnitCycle,
)
from shared.identity.posts import POSTS
from shared.identity.separation import incompatible_pairs

DAY0 = date(2026, 1, 1)
NOON = datetime(2026, 1, 1, 4, tzinfo=UTC)
days = st.integers(0, 30).map(lambda offset: DAY0 + timedelta(days=offset))


def unit(number: int) -> UUID:
    return UUID(int=number)


Change = tuple[int, int, int]
"""Unit, new parent, day."""
changes = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6), st.integers(0, 30)), max_size=14)


def apply(nodes: list[rules.Node], change: Change) -> list[rules.Node]:
    """What moving or creating does to the history, as the service does it."""
    number, parent, offset = change
    day = DAY0 + timedelta(days=offset)
    current = next((node for node in nodes if node.unit_id == unit(number) and node.on(day)), None)
    if current is None:
        if any(node.unit_id == unit(number) for node in nodes):
            return nodes
        return [*nodes, rules.Node(unit(number), unit(parent), day, None)]
    rest = [node for node in nodes if node is not current]
    after = rules.Node(unit(number), unit(parent), day, current.valid_to)
    if current.valid_from == day:
        return [*rest, after]
    return [*rest, rules.Node(current.unit_id, current.parent_id, current.valid_from, day), after]


@pytest.mark.case("P-organisation", 9)
@given(changes, st.lists(days, min_size=1, max_size=5))
def test_the_tree_of_any_day_is_a_tree(history: list[Change], asked: list[date]) -> None:
    """Whatever changes were let through, on every day there is one root, and from every unit one climbs to it."""
    nodes = [rules.Node(unit(0), None, DAY0, None)]
    for change in history:
        candidate = apply(nodes, change)
        try:
            rules.check_tree(candidate, DAY0 + timedelta(days=change[2]))
        except (UnitCycle, ParentNotInForce):
            continue
        nodes = candidate
    for day in [*asked, DAY0 + timedelta(days=60)]:
        tree = rules.tree_on(nodes, day)
        assert [number for number, parent in tree.items() if parent is None] == [unit(0)]
        for start in tree:
            seen: list[UUID] = []
            at: UUID | None = start
            while at is not None:
                assert at not in seen, "cycle"
                seen.append(at)
                at = tree[at]
            assert seen[-1] == unit(0)
        assert rules.tree_on(nodes, day) == tree


def test_two_roots_on_one_day_are_refused() -> None:
    nodes = [rules.Node(unit(0), None, DAY0, None), rules.Node(unit(1), None, DAY0 + timedelta(days=9), None)]
    with pytest.raises(SecondRoot):
        rules.check_tree(nodes, DAY0)


def test_a_cycle_to_come_is_seen_today() -> None:
    later = DAY0 + timedelta(days=9)
    nodes = [
        rules.Node(unit(0), None, DAY0, None),
        rules.Node(unit(1), unit(0), DAY0, later),
        rules.Node(unit(1), unit(2), later, None),
        rules.Node(unit(2), unit(1), DAY0, None),
    ]
    with pytest.raises(UnitCycle):
        rules.check_tree(nodes, DAY0)


@given(st.lists(days, min_size=1, max_size=8, unique=True), days, days)
def test_covering_is_what_it_says_day_by_day(marks: list[date], since: date, until: date) -> None:
    edges = sorted(marks)
    periods = [*pairwise(edges), (edges[-1], None)][::2]
    assume(since < until)
    wanted = [since + timedelta(days=n) for n in range((until - since).days)]
    inside = all(any(start <= day and (end is None or day < end) for start, end in periods) for day in wanted)
    assert rules.covers(periods, since, until) == inside
    if rules.covers(periods, since, None):
        assert rules.covers(periods, since, until)


moments = st.integers(0, 40).map(lambda hours: NOON + timedelta(hours=hours))
campus_codes = st.sampled_from(["hq", "mch"])
holdings = st.builds(
    lambda campus, post, start, length: rules.Holding(
        campus, post, start, None if length is None else start + timedelta(hours=length)
    ),
    campus_codes,
    st.sampled_from(sorted(POSTS)),
    moments,
    st.none() | st.integers(1, 20),
)


@given(st.lists(holdings, max_size=8), st.lists(moments, min_size=1, max_size=6))
def test_incompatible_posts_are_never_held_together(asked: list[rules.Holding], looked: list[datetime]) -> None:
    held: list[rules.Holding] = []
    for holding in asked:
        try:
            rules.check_posts(held, [holding])
        except IncompatiblePosts:
            continue
        held.append(holding)
    pairs = incompatible_pairs()
    for moment in looked:
        at = rules.posts_at(held, moment)
        for campus_posts in at.values():
            assert not [pair for pair in pairs if set(pair) <= campus_posts]
        everywhere = frozenset().union(*at.values())
        apart = [pair for pair, rule in pairs.items() if rule.anywhere and set(pair) <= everywhere]
        assert apart == []


def test_what_was_broken_before_is_not_held_against_the_next() -> None:
    old = [rules.Holding("hq", "registrar", NOON, None), rules.Holding("hq", "cashier_lead", NOON, None)]
    rules.check_posts(old, [rules.Holding("hq", "schedule_clerk", NOON, None)])


@given(st.sampled_from(sorted(POSTS)), st.none() | st.integers(1, 800))
def test_privileged_posts_end_within_a_year(post: str, term: int | None) -> None:
    wanted = None if term is None else NOON + timedelta(days=term)
    if not POSTS[post].privileged:
        assert rules.check_post(post, NOON, wanted) == wanted
    elif term is not None and term > 366:
        with pytest.raises(PrivilegedTooLong):
            rules.check_post(post, NOON, wanted)
    else:
        assert rules.check_post(post, NOON, wanted) == (wanted or NOON + timedelta(days=366))


@given(st.integers(0, 365))
def test_settings_keep_their_type(value: int) -> None:
    assert rules.checked_setting("follow_up_days", value) == value
    with pytest.raises(SettingInvalid):
        rules.checked_setting("cash_rounding", value)
    with pytest.raises(SettingInvalid):
        rules.checked_setting("follow_up_days", value + 366)


def test_check_character_of_a_credit_code() -> None:
    """The example of GB 32100-2015 is right, and no single changed character goes unnoticed."""
    right = "91350100M000100Y43"
    assert rules.valid_uscc(right)
    wrong = [
        right[:place] + other + right[place + 1 :] for place in range(18) for other in "0A" if right[place] != other
    ]
    assert not [code for code in wrong if rules.valid_uscc(code)]


@pytest.mark.parametrize(
    ("name", "person", "expected"),
    [
        ("覃小兰", True, "qxl"),
        ("单小春", True, "sxc"),
        ("心血管内科", False, "xxgnk"),
        ("CT室", False, "cts"),
        ("3号窗", False, "3hc"),
    ],
)
def test_initials(name: str, person: bool, expected: str) -> None:
    assert rules.initials(name, person=person) == expected


def test_titles_have_ranks() -> None:
    assert [rules.title_rank(code) for code in ("231", "232", "233", "254", "255", None, "999")] == [
        "senior",
        "associate_senior",
        "intermediate",
        "junior",
        "assistant",
        "none",
        "none",
    ]
    assert len(rules.TITLES) == 20


@given(st.sampled_from(["full_time", "standing", "weekdays", "dates"]), days)
def test_days_of_a_secondment(mode: str, day: date) -> None:
    mondays, listed = [1], [DAY0]
    expected = {"weekdays": day.isoweekday() == 1, "dates": day == DAY0}.get(mode, True)
    assert rules.acts_on(mode, mondays, listed, day) == expected
