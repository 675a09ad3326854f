"""Rules of the schedule without a database: waves, templates, conflicts, consents, punctuality."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.outpatient.schedule import rules
from functions.outpatient.schedule.rules import Absence, Band, Pattern, Plan, PlanInvalid
from shared.schemas import SHANGHAI

DAY = date(2026, 3, 2)
START = datetime(2026, 3, 2, 0, tzinfo=UTC)
shares = (
    st.lists(st.integers(1, 60), min_size=1, max_size=4)
    .map(lambda found: [*found, 100 - sum(found)])
    .filter(lambda found: found[-1] > 0)
)


def slots_of(counts: list[int], channels: list[str]) -> list[rules.PlannedSlot]:
    bands = [
        Band(START + timedelta(minutes=30 * place), START + timedelta(minutes=30 * place + 30), count)
        for place, count in enumerate(counts)
    ]
    total = sum(counts)
    quotas = {channel: total // len(channels) for channel in channels}
    quotas[channels[0]] += total - sum(quotas.values())
    return rules.plan_slots(DAY, bands, quotas)


@given(shares, st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_waves_share_all_numbers_and_every_channel_within_one(parts: list[int], counts: list[int]) -> None:
    waves = rules.releases(
        DAY, [{"share": part, "days_before": place, "time": "07:00"} for place, part in enumerate(parts)]
    )
    slots = slots_of(counts, ["mini", "window", "elder"])
    found = rules.release_of(slots, waves)
    assert len(found) == len(slots)
    assert [wave.due_at for wave in waves] == sorted(wave.due_at for wave in waves)  # type: ignore[type-var]
    for wave in waves:
        mine = [slot for slot, one in zip(slots, found, strict=True) if one is wave]
        assert abs(len(mine) * 100 - wave.share * len(slots)) < 100
        for channel, count in Counter(slot.channel for slot in slots).items():
            got = sum(slot.channel == channel for slot in mine)
            assert abs(got - count * len(mine) / len(slots)) <= 2
    if parts[0] < 100:
        with pytest.raises(PlanInvalid):
            rules.releases(DAY, [{"share": parts[0], "manual": True}])


patterns = st.builds(
    Pattern,
    template_id=st.builds(uuid4),
    campus_id=st.just("hq"),
    doctor_id=st.sampled_from([None, UUID(int=1), UUID(int=2)]),
    room_id=st.sampled_from([UUID(int=11), UUID(int=12)]),
    desk=st.sampled_from([1, 2]),
    weekday=st.integers(1, 3),
    week_parity=st.sampled_from(["every", "odd", "even"]),
    months=st.sampled_from([(), (5, 6, 7, 8, 9), (1, 2, 3, 4, 10, 11, 12)]),
    starts=st.sampled_from([time(8), time(9), time(14)]),
    ends=st.sampled_from([time(11), time(16)]),
    valid_from=st.sampled_from([date(2026, 1, 1), date(2026, 3, 1)]),
    valid_to=st.sampled_from([None, date(2026, 2, 28), date(2026, 12, 31)]),
).filter(lambda one: one.starts < one.ends and (one.valid_to is None or one.valid_to >= one.valid_from))


@given(patterns, patterns)
def test_templates_that_meet_on_some_day_overlap(one: Pattern, other: Pattern) -> None:
    """What the rule calls free never meets in two years, day by day; it is the same both ways."""
    found = rules.overlap(one, other)
    assert found == rules.overlap(other, one)
    shared = (one.doctor_id is not None and one.doctor_id == other.doctor_id) or (one.room_id, one.desk) == (
        other.room_id,
        other.desk,
    )
    meet = (
        shared
        and one.starts < other.ends
        and other.starts < one.ends
        and any(
            rules.holds_on(one, day) and rules.holds_on(other, day)
            for day in (date(2026, 1, 1) + timedelta(days=place) for place in range(730))
        )
    )
    assert not meet or found is not None


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_odd_and_even_weeks_are_never_the_same_day(day: date) -> None:
    made = {
        parity: rules.holds_on(
            Pattern(
                uuid4(),
                "hq",
                None,
                UUID(int=1),
                1,
                day.isoweekday(),
                parity,
                (),
                time(8),
                time(9),
                date(2026, 1, 1),
                None,
            ),
            day,
        )
        for parity in ("every", "odd", "even")
    }
    assert made["every"]
    assert made["odd"] != made["even"]


def plan(doctor: UUID, start: int, hours: int, *, campus: str = "hq", room: int = 1, grade: str = "general") -> Plan:
    begin = START + timedelta(minutes=start)
    return Plan(uuid4(), campus, doctor, UUID(int=room), 1, DAY, begin, begin + timedelta(hours=hours), grade, (), {})


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(1, 4), st.sampled_from(["hq", "mch"])), max_size=8))
def test_the_check_finds_every_pair_that_meets(given_plans: list[tuple[int, int, str]]) -> None:
    doctor = uuid4()
    plans = [
        plan(doctor, start, hours, campus=campus, room=place + 1)
        for place, (start, hours, campus) in enumerate(given_plans)
    ]
    practises = {(doctor, campus, DAY) for campus in ("hq", "mch")}
    found = {
        (one.session_id, one.other_id): one.code
        for one in rules.check(plans, [], [], {}, practises, set())
        if one.other_id is not None
    }
    for one in plans:
        for other in plans:
            if one is other:
                continue
            meet = one.starts_at < other.ends_at and other.starts_at < one.ends_at
            near = (
                one.campus_id != other.campus_id
                and one.starts_at < other.ends_at + rules.TRAVEL
                and other.starts_at < one.ends_at + rules.TRAVEL
            )
            wanted = "doctor_session_overlap" if meet else "doctor_travel_too_short" if near else None
            assert found.get((one.session_id, other.session_id)) == wanted


def test_the_check_names_grade_place_absence_and_share() -> None:
    doctor = uuid4()
    one = plan(doctor, 0, 3, grade="chief")
    absence = Absence(doctor, None, START, None, "doctor_barred", "该医生执业证书已过期")
    codes = {found.code for found in rules.check([one], [], [absence], {doctor: "232"}, set(), set())}
    assert codes == {"doctor_barred", "grade_above_title", "practice_place"}
    elsewhere = Absence(doctor, "mch", START, None, "doctor_barred", "")
    assert not rules.check([plan(doctor, 0, 3)], [], [elsewhere], {}, {(doctor, "hq", DAY)}, set())
    crowded = Plan(
        uuid4(),
        "hq",
        None,
        UUID(int=1),
        1,
        DAY,
        START,
        START + timedelta(hours=1),
        "general",
        [Band(START, START + timedelta(hours=1), 20)],
        {"mini": 17, "elder": 3},
    )
    found = rules.check([crowded], [], [], {}, set(), {"hq"})
    assert {item.code for item in found} == {"band_too_long", "too_many_numbers", "elder_share_low"}
    assert rules.errors(found) == []


@pytest.mark.parametrize(("numbers", "cap", "high"), [(12, 10, False), (12, 11, True), (60, 12, False), (60, 13, True)])
def test_many_extra_numbers_want_a_look(numbers: int, cap: int, high: bool) -> None:
    """Ten, or a fifth of the session's numbers, whichever is more."""
    hours = timedelta(hours=numbers // 6)
    given = Plan(
        uuid4(),
        "mch",
        None,
        UUID(int=1),
        1,
        DAY,
        START,
        START + hours,
        "general",
        [
            Band(START + timedelta(minutes=30 * n), START + timedelta(minutes=30 * n + 30), 3)
            for n in range(numbers // 3)
        ],
        {"window": numbers},
        cap,
    )
    found = rules.check([given], [], [], {}, set(), set())
    assert [one.code for one in found] == (["extra_cap_high"] if high else [])
    assert rules.errors(found) == []


def test_consents_follow_the_hour() -> None:
    day = timedelta(days=1)
    assert not rules.is_urgent(START + day, START)
    assert rules.is_urgent(START + day - timedelta(seconds=1), START)
    assert rules.missing_consents(urgent=False, head=False, office=True, medical=True) == ["head"]
    assert rules.missing_consents(urgent=False, head=True, office=False, medical=False) == []
    assert rules.missing_consents(urgent=True, head=True, office=True, medical=False) == ["medical"]
    assert rules.missing_consents(urgent=True, head=False, office=True, medical=True) == []


@pytest.mark.parametrize(
    ("opened", "closed", "outcome"),
    [
        (None, None, ("absent", 0, 0)),
        (0, None, ("open", 0, 0)),
        (-10, 180, ("on_time", 0, 0)),
        (15, 165, ("on_time", 15, 15)),
        (16, 180, ("late", 16, 0)),
        (0, 160, ("early_leave", 0, 20)),
        (20, 160, ("late", 20, 20)),
    ],
)
def test_punctuality_has_a_quarter_of_an_hour_of_grace(
    opened: int | None, closed: int | None, outcome: tuple[str, int, int]
) -> None:
    at = [None if minutes is None else START + timedelta(minutes=minutes) for minutes in (opened, closed)]
    assert rules.attendance(START, START + timedelta(hours=3), at[0], at[1]) == outcome


def test_titles_open_grades() -> None:
    assert [rules.grade_of_title(code) for code in ("231", "232", "233", None)] == [
        "chief",
        "associate_chief",
        "general",
        "general",
    ]
    assert rules.outranks("chief", "232")
    assert not rules.outranks("chief", "231")
    assert not rules.outranks("nursing", None)


@given(st.integers(0, 40))
def test_receiving_channels_take_turns(count: int) -> None:
    got = Counter(rules.turns(("mini", "window"), count))
    assert sum(got.values()) == count
    assert abs(got["mini"] - got["window"]) <= 1


def test_a_late_session_belongs_to_the_day_in_shanghai() -> None:
    evening = datetime(2026, 3, 2, 23, 30, tzinfo=SHANGHAI).astimezone(UTC)
    assert rules.day_of(evening) == DAY
    band = Band(evening, evening + timedelta(minutes=20), 1)
    assert len(rules.plan_slots(DAY, [band], {"window": 1})) == 1
