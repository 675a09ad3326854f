"""The calendar: holidays, swapped days, closed clinics, hours."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import registry
from functions.organisation.structure import service
from functions.organisation.structure.rules import SETTINGS
from functions.organisation.structure.rules import calendar as rules
from shared.schemas import SHANGHAI
from tests.organisation.conftest import BASE, Consortium
from tests.support.hospital import Caller, Hospital, cloned_hospital

PATH = f"{BASE}/calendar"
JULY = {"day": "2026-07-01", "kind": "holiday", "name": "甲"}
DAYS = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([registry.app("organisation/structure")]) as one:
        one.clock.set(datetime(2026, 4, 1, 9, tzinfo=SHANGHAI))
        yield one


def enter(caller: Caller, *days: dict[str, Any], everywhere: bool = False, **fields: Any) -> Any:
    body = {"days": list(days), "everywhere": everywhere, "reason": "国办通知", **fields}
    return caller.put(PATH, body)


def is_open(consortium: Consortium, campus: str, day: str) -> bool:
    with consortium.hospital.tx(campus) as tx:
        return service.is_open_day(tx, campus, date.fromisoformat(day))


def test_national_holidays_and_swapped_days_count_everywhere(consortium: Consortium) -> None:
    holidays = [{"day": f"2026-05-0{n}", "kind": "holiday", "name": "劳动节"} for n in range(1, 4)]
    swapped = {"day": "2026-05-09", "kind": "workday", "name": "劳动节调休上班"}
    entered = enter(consortium.admin, *holidays, swapped, everywhere=True)
    assert entered.status_code == 200, entered.text
    for campus in ("hq", "mch"):
        assert [is_open(consortium, campus, day) for day in ("2026-04-30", "2026-05-01", "2026-05-09")] == [
            True,
            False,
            True,
        ]
    with consortium.hospital.tx("mch") as tx:
        assert not service.is_workday(tx, "mch", date(2026, 5, 1))
        assert service.is_workday(tx, "mch", date(2026, 5, 9)), "a Saturday worked for the holiday"
        assert not service.is_workday(tx, "mch", date(2026, 5, 10))
        days = service.open_days(tx, date(2026, 4, 29), date(2026, 5, 5))
        assert days == [date(2026, 4, 29), date(2026, 4, 30), date(2026, 5, 4), date(2026, 5, 5)]
        assert service.working_hours(tx, date(2026, 5, 1)) == []
    event = consortium.hospital.events("calendar_changed")[-1]["data"]
    assert (event["everywhere"], len(event["days"])) == (True, 4)


def test_a_campus_has_the_last_word_for_itself(consortium: Consortium) -> None:
    assert enter(
        consortium.admin, {"day": "2026-06-19", "kind": "holiday", "name": "端午节"}, everywhere=True
    ).is_success
    own = {"day": "2026-06-19", "kind": "clinic", "clinics_open": True, "name": "端午门诊照常"}
    closed = {"day": "2026-06-22", "kind": "clinic", "clinics_open": False, "name": "门诊楼停电检修"}
    answer = enter(consortium.mch_admin, own, closed)
    assert [day["clinics_open"] for day in answer.json()] == [True, False]
    assert (is_open(consortium, "mch", "2026-06-19"), is_open(consortium, "hq", "2026-06-19")) == (True, False)
    assert (is_open(consortium, "mch", "2026-06-22"), is_open(consortium, "hq", "2026-06-22")) == (False, True)
    cleared = enter(consortium.mch_admin, cleared=["2026-06-22"])
    assert [(day["clinics_open"], day["name"]) for day in cleared.json()] == [(True, None)]
    assert is_open(consortium, "mch", "2026-06-22")


def test_settings_shape_the_week_and_the_hours(consortium: Consortium) -> None:
    put = consortium.mch_admin.put
    assert put(f"{BASE}/settings/open_weekdays", {"value": "12345"}).status_code == 200
    later = datetime(2026, 9, 1, tzinfo=SHANGHAI).isoformat()
    body = {"value": "123456", "valid_from": later, "reason": "周六开诊"}
    assert put(f"{BASE}/settings/open_weekdays", body).status_code == 200
    saturdays = ["2026-08-29", "2026-09-05"]
    assert [is_open(consortium, "mch", day) for day in saturdays] == [False, True]
    assert [is_open(consortium, "hq", day) for day in saturdays] == [True, True]
    listed = consortium.mch_admin.get(PATH, first="2026-09-30", last="2026-10-02").json()
    assert [day["hours"][1] for day in listed[:2]] == [["15:00", "18:00"], ["14:30", "17:30"]], "summer ends"
    with consortium.hospital.tx("mch") as tx:
        assert service.working_hours(tx, date(2026, 9, 5))[0] == (time(8), time(12))
    for key, value in [
        ("open_weekdays", "8"),
        ("hours_summer", "8:00-12:00"),
        ("hours_winter", "08:00-25:00"),
        ("summer_season", "06-01/13-30"),
        ("summer_season", "02-30/09-30"),
    ]:
        refused = put(f"{BASE}/settings/{key}", {"value": value})
        assert (refused.status_code, refused.json()["code"]) == (422, "setting_invalid"), key


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"days": []}, "calendar_invalid"),
        ({"days": [{"day": "2026-03-01", "kind": "holiday", "name": "补"}]}, "past_change"),
        (
            {"days": [{"day": "2026-07-01", "kind": "holiday", "name": "甲"}], "cleared": ["2026-07-01"]},
            "calendar_invalid",
        ),
        ({"days": [{"day": "2026-07-01", "kind": "party", "name": "甲"}]}, "invalid"),
        ({"days": [{"day": "2026-07-01", "kind": "holiday", "name": "甲"}], "everywhere": True}, "calendar_invalid"),
    ],
)
def test_refusals_change_no_day(consortium: Consortium, body: dict[str, Any], code: str) -> None:
    before = consortium.hospital.census()
    refused = consortium.mch_admin.put(PATH, {"reason": "试", **body})
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert consortium.hospital.census() == before
    assert consortium.personnel.put(PATH, {"reason": "试", **body}).status_code in {403, 422}


def test_too_long_a_span_is_refused(consortium: Consortium) -> None:
    refused = consortium.admin.get(PATH, first="2026-01-01", last="2028-01-01")
    assert (refused.status_code, refused.json()["code"]) == (422, "calendar_invalid")


def test_two_offices_at_once_leave_one_word(consortium: Consortium) -> None:
    def one(name: str) -> int:
        day = {"day": "2026-12-24", "kind": "clinic", "clinics_open": False, "name": name}
        return int(enter(consortium.admin, day).status_code)

    with ThreadPoolExecutor(2) as threads:
        answers = sorted(threads.map(one, ["甲", "乙"]))
    assert answers in ([200, 200], [200, 409])
    live = consortium.hospital.value(
        "SELECT count(*) FROM organisation.calendar_days WHERE day = '2026-12-24' AND superseded_at IS NULL"
    )
    assert live == 1


def test_a_span_is_read_in_two_statements(consortium: Consortium) -> None:
    with consortium.hospital.tx("hq") as tx:
        before = tx.session.statements
        assert len(service.calendar(tx, date(2026, 1, 1), date(2026, 12, 31))) == 365
        assert tx.session.statements - before == 2


DEFAULTS = {key: known.default for key, known in SETTINGS.items()}


@given(
    st.dates(date(2020, 1, 1), date(2040, 12, 31)),
    st.sampled_from(["holiday", "workday", "clinic", None]),
    st.booleans(),
)
def test_an_exceptional_day_is_as_it_is_told(day: date, kind: str | None, opened: bool) -> None:
    told = None if kind is None else rules.Exceptional(day, True, kind, opened, "x")
    assert rules.clinics_open(day, told, DEFAULTS) is (True if told is None else opened)
    assert rules.is_workday(day, told) is (
        kind == "workday" if kind in {"holiday", "workday"} else day.isoweekday() <= 5
    )


@given(DAYS)
def test_seasons_meet_without_a_gap(day: date) -> None:
    southern = {**DEFAULTS, "summer_season": "10-01/04-30"}
    assert rules.hours(day, DEFAULTS) in (
        [(time(8), time(12)), (time(15), time(18))],
        [(time(8), time(12)), (time(14, 30), time(17, 30))],
    )
    over_new_year = rules.hours(day, southern)[1][0] == time(15)
    assert over_new_year is ((day.month, day.day) >= (10, 1) or (day.month, day.day) <= (4, 30))
