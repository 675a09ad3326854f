"""Rules of registration: pure, so that every value can be tried."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.outpatient.registration import rules
from functions.outpatient.registration.problems import (
    AgeNotAdmitted,
    FollowUpRefused,
    PayerInvalid,
    VisitExpired,
)
from functions.outpatient.registration.rules import FirstVisit, Payer
from shared.schemas import SHANGHAI

UNIT, OTHER_UNIT = UUID(int=1), UUID(int=2)
MONDAY = date(2026, 3, 2)


@given(st.integers(1_577_836_800, 2_051_222_400).map(lambda second: datetime.fromtimestamp(second, UTC)))
def test_a_general_number_is_valid_to_the_end_of_its_day(moment: datetime) -> None:
    ends = rules.valid_until("general", moment, moment)
    assert ends > moment
    assert ends - moment <= timedelta(hours=24)
    assert ends.astimezone(SHANGHAI).time().isoformat() == "00:00:00"
    assert rules.valid_until("emergency", moment, None) - moment == timedelta(hours=24)


@given(st.dates(date(1930, 1, 1), date(2026, 1, 1)), st.integers(0, 60_000))
def test_completed_years_change_on_the_birthday(born: date, days: int) -> None:
    day = born + timedelta(days=min(days, (date(2060, 1, 1) - born).days))
    years = rules.completed_years(born, day)
    assert years >= 0
    assert rules.completed_years(born, day + timedelta(days=1)) - years in {0, 1}


def test_visit_numbers_read_like_the_campus_and_the_day() -> None:
    assert rules.visit_number("H", date(2026, 3, 2), 17) == "H26030200017"


def test_a_clinic_may_agree_to_another_age() -> None:
    limits = {"sex": "1", "birth_date": date(2010, 1, 1), "day": MONDAY, "sex_limit": None, "age_from": None}
    with pytest.raises(AgeNotAdmitted):
        rules.require_admission(**limits, age_to=14)
    rules.require_admission(**limits, age_to=14, age_allowed=True)


# -- who pays

PAYERS = st.builds(
    Payer,
    payer_kind=st.sampled_from(["self_pay", "contract", "employee", "resident"]),
    insutype=st.sampled_from([None, "310", "390"]),
    med_type=st.sampled_from([None, *rules.MED_TYPES, "21"]),
    special_disease=st.sampled_from([None, "M03900"]),
    work_injury=st.booleans(),
    trauma=st.booleans(),
    third_party=st.booleans(),
)


@given(PAYERS, st.booleans(), st.sampled_from(["0", "1", "2"]))
def test_a_payer_is_whole_or_refused(payer: Payer, emergency: bool, sex: str) -> None:
    try:
        settled = rules.settled_payer(payer, emergency=emergency, sex=sex)
    except PayerInvalid:
        return
    assert rules.settled_payer(settled, emergency=emergency, sex=sex) == settled, "what is settled stays"
    if not settled.insured:
        assert (settled.insutype, settled.med_type, settled.special_disease) == (None, None, None)
        return
    assert settled.insutype == {"employee": "310", "resident": "390"}[settled.payer_kind]
    assert settled.med_type in rules.MED_TYPES
    assert not settled.work_injury
    assert not settled.third_party, "the fund does not pay where somebody else answers"
    assert (settled.med_type == "14") == (settled.special_disease is not None)
    assert settled.med_type != "13" or emergency
    assert settled.med_type != "51" or sex != "1"


def test_what_follows_from_the_payer() -> None:
    assert rules.settled_payer(Payer("employee"), emergency=False, sex="1") == Payer("employee", "310", "11")
    assert rules.settled_payer(Payer("resident"), emergency=True, sex="2") == Payer("resident", "390", "13")
    chronic = rules.settled_payer(Payer("resident", special_disease="M03900"), emergency=False, sex="2")
    assert chronic.med_type == "14"


# -- follow-up


def first(**changes: object) -> FirstVisit:
    known = {
        "encounter_id": UUID(int=9),
        "campus_id": "hq",
        "unit_id": UNIT,
        "kind": "general",
        "status": "finished",
        "day": MONDAY,
        "report_pending": True,
        "used": False,
    }
    return FirstVisit(**{**known, **changes})


def ask(one: FirstVisit, day: date, *, unit: UUID = UNIT, general: bool = True, closed: set[date] | None = None) -> str:
    """The reason of the refusal, or nothing."""
    last = rules.last_follow_up_day(one.day, 3, closed or set())
    try:
        rules.require_follow_up(one, campus="hq", unit_id=unit, general=general, day=day, last_day=last, days=3)
    except FollowUpRefused as refusal:
        return str(refusal.extra["reason"])
    return ""


@pytest.mark.parametrize(
    ("changes", "days", "unit", "general", "reason"),
    [
        ({}, 1, UNIT, True, ""),
        ({}, 2, UNIT, True, ""),
        ({}, 3, UNIT, True, "late"),
        ({}, 0, UNIT, True, "still_valid"),
        ({}, 2, OTHER_UNIT, True, "other_unit"),
        ({"campus_id": "mch"}, 2, UNIT, True, "other_unit"),
        ({}, 2, UNIT, False, "not_general"),
        ({"kind": "expert"}, 2, UNIT, True, "not_general"),
        ({"kind": "follow_up"}, 2, UNIT, True, "not_general"),
        ({"report_pending": False}, 2, UNIT, True, "no_report"),
        ({"used": True}, 2, UNIT, True, "used"),
        ({"status": "no_show"}, 2, UNIT, True, "not_seen"),
        ({"status": "cancelled"}, 2, UNIT, True, "not_seen"),
    ],
)
def test_who_may_come_again_without_fee(
    changes: dict[str, object], days: int, unit: UUID, general: bool, reason: str
) -> None:
    assert ask(first(**changes), MONDAY + timedelta(days=days), unit=unit, general=general) == reason


@given(st.integers(0, 9), st.sets(st.integers(0, 9)))
def test_a_closed_clinic_moves_the_last_day_to_its_next_opening(day: int, closed: set[int]) -> None:
    closed_days = {MONDAY + timedelta(days=n) for n in closed}
    last = rules.last_follow_up_day(MONDAY, 3, closed_days)
    assert last >= MONDAY + timedelta(days=2)
    assert last not in closed_days
    between = (last - MONDAY).days
    assert all(MONDAY + timedelta(days=n) in closed_days for n in range(2, between))
    asked = MONDAY + timedelta(days=day)
    assert (ask(first(), asked, closed=closed_days) == "") == (MONDAY < asked <= last)


# -- validity


@given(
    st.integers(1_577_836_800, 2_051_222_400).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.integers(-3, 3),
)
def test_a_number_is_seen_until_its_validity_ends(ends: datetime, minutes: int) -> None:
    now = ends + timedelta(minutes=minutes)
    if minutes < 0:
        rules.require_valid(ends, now)
        return
    with pytest.raises(VisitExpired):
        rules.require_valid(ends, now)
