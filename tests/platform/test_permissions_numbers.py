"""Rules of numbers: chosen from a day to come on, never so that a number could be given twice, back by a change."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest

from functions.platform.permissions import rules_numbers
from integrity.runner import run
from shared.numbers import NUMBERINGS, Form
from shared.schemas import SHANGHAI
from tests.platform.conftest import BASE, Consortium, ok, refused

REQUESTS = "platform.permission_request"
SERIES = f"{BASE}/number-series"
PATH = f"{SERIES}/{REQUESTS}"
SHIFTS = f"{SERIES}/payments.shift"
"""Two people change it: money hangs on a shift."""


def day(consortium: Consortium, later: int = 0) -> date:
    return (consortium.hospital.clock().astimezone(SHANGHAI) + timedelta(days=later)).date()


def rule(consortium: Consortium, mark: str = "SQ", reset: str = "month", width: int = 4, later: int = 1) -> dict:
    start = day(consortium, later).isoformat()
    return {"mark": mark, "reset": reset, "width": width, "valid_from": start, "reason": "档案室要求"}


def asked_no(consortium: Consortium, campus: str = "hq") -> str:
    """The number of a new application."""
    head = consortium.head if campus == "hq" else consortium.hospital.caller("department_head", campus=campus)
    body = {
        "staff_id": str(consortium.posted("registrar", campus=campus)),
        "kind": "permission",
        "code": "patients.index.merge",
        "valid_to": consortium.moment(days=3),
        "ground": "代班",
    }
    return str(ok(head.post(f"{BASE}/requests", body))["request_no"])


def series(consortium: Consortium, campus: str = "hq") -> dict[str, Any]:
    caller = consortium.hospital.caller("system_admin", campus=campus)
    return next(one for one in ok(caller.get(SERIES)) if one["series"] == REQUESTS)


@pytest.fixture(autouse=True)
def fresh(consortium: Consortium) -> Iterator[None]:
    hospital = consortium.hospital
    hospital.execute("DELETE FROM kernel.number_rules")
    hospital.execute("DELETE FROM platform.permission_requests")
    hospital.execute("DELETE FROM kernel.number_series")
    yield
    hospital.clock.offset = timedelta()


# -- a rule from a day on


def test_a_rule_counts_from_its_day_and_a_further_change_goes_back(consortium: Consortium) -> None:
    system, year = consortium.system, f"{day(consortium):%y}"
    assert [asked_no(consortium), asked_no(consortium)] == [f"HQ{year}00001", f"HQ{year}00002"]
    start = day(consortium, 1)
    body = rule(consortium)
    wanted = {name: body[name] for name in ("mark", "reset", "width", "valid_from")}
    shown = ok(system.get(f"{PATH}/preview", **wanted))
    assert (shown["now"], shown["first"]) == (f"HQ{year}00003", f"HSQ{start:%y%m}0001")
    assert consortium.hospital.value("SELECT count(*) FROM kernel.number_rules") == 0
    made = ok(system.post(f"{PATH}/rules", body))
    assert (made["state"], made["form"]["reset_label"]) == ("effective", "每月归零")
    [event] = [e for e in consortium.hospital.events("parameter_changed") if e["data"]["key"] == f"number.{REQUESTS}"]
    assert datetime.fromisoformat(event["data"]["valid_from"]) == datetime(*start.timetuple()[:3], tzinfo=SHANGHAI)
    here = series(consortium)
    assert (here["next"], here["since"]) == (f"HQ{year}00003", None)
    assert [(one["first"], one["valid_from"]) for one in here["planned"]] == [(shown["first"], start.isoformat())]
    assert asked_no(consortium) == f"HQ{year}00003", "today is as it was"
    consortium.hospital.clock.move(days=1)
    assert [asked_no(consortium), asked_no(consortium)] == [f"HSQ{start:%y%m}0001", f"HSQ{start:%y%m}0002"]
    assert asked_no(consortium, "mch").startswith(f"MQ{start:%y}"), "a campus's rule is its own"
    assert series(consortium)["since"] == start.isoformat()
    back = ok(system.post(f"{PATH}/rules", rule(consortium, "Q", "year", 6)))
    consortium.hospital.clock.move(days=1)
    again = day(consortium)
    goes_on = 4 if f"{again:%y}" == year else 1
    assert asked_no(consortium) == f"HQ{again:%y}{goes_on:06}", "the counter of the mark goes on"
    first = ok(system.get(f"{PATH}/history", limit=1))
    second = ok(system.get(f"{PATH}/history", limit=1, cursor=first["next"]))
    assert [one["rule_id"] for one in (*first["items"], *second["items"])] == [back["rule_id"], made["rule_id"]]
    assert ok(system.get(f"{PATH}/history", limit=1, cursor=second["next"]))["items"] == []
    assert ok(consortium.hospital.caller("system_admin", campus="mch").get(f"{PATH}/history"))["items"] == []
    names = frozenset({"permissions.request_numbers", "permissions.number_rule_not_followed"})
    assert [one.holds for one in run(consortium.hospital.settings.auditor_database_url, names)] == [True, True]


def test_a_later_thought_for_the_same_day_replaces_the_first(consortium: Consortium) -> None:
    ok(consortium.system.post(f"{PATH}/rules", rule(consortium, "SQ")))
    ok(consortium.system.post(f"{PATH}/rules", rule(consortium, "SB", later=9)))
    ok(consortium.system.post(f"{PATH}/rules", rule(consortium, "SA", "day", 3)))
    assert [one["form"]["mark"] for one in series(consortium)["planned"]] == ["SA", "SB"]
    history = ok(consortium.system.get(f"{PATH}/history"))["items"]
    assert [one["superseded_at"] is None for one in history] == [True, True, False]
    consortium.hospital.clock.move(days=1)
    assert asked_no(consortium) == f"HSA{day(consortium):%y%m%d}001"
    consortium.hospital.clock.move(days=8)
    assert asked_no(consortium) == f"HSB{day(consortium):%y%m}0001"


def test_a_number_costs_one_statement_whatever_the_rule(consortium: Consortium) -> None:
    known = NUMBERINGS[REQUESTS]
    for mark, reset, width in (("Q", "year", 5), ("SA", "day", 3), ("SC", "never", 6), ("SD", "month", 4)):
        if mark != "Q":
            ok(consortium.system.post(f"{PATH}/rules", rule(consortium, mark, reset, width)))
            consortium.hospital.clock.move(days=1)
        form = Form(mark, cast(Any, reset), width)
        with consortium.hospital.tx("hq") as tx:
            taken = [tx.document_number(known, "H"), tx.document_number(known, "H")]
            assert tx.session.statements == 2
        today = day(consortium)
        assert taken == [form.text("H", today, 1), form.text("H", today, 2)]
        period = known.period(form, today)
        last = "SELECT last_value FROM kernel.number_series WHERE campus_id = 'hq' AND period = %s"
        assert consortium.hospital.value(last, [period]) == 2, "the program and the statement mean one counter"


def test_applications_made_at_once_have_numbers_of_their_own(consortium: Consortium) -> None:
    ok(consortium.system.post(f"{PATH}/rules", rule(consortium, "SA", "day", 3)))
    consortium.hospital.clock.move(days=1)

    def take(_: int) -> str:
        with consortium.hospital.tx("hq") as tx:
            return tx.document_number(NUMBERINGS[REQUESTS], "H")

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(take, range(24)))
    assert found == [f"HSA{day(consortium):%y%m%d}{number:03}" for number in range(1, 25)]


def test_the_form_carries_the_number_and_the_number_finds_the_form(consortium: Consortium) -> None:
    number = asked_no(consortium)
    found = ok(consortium.office.get(f"{BASE}/requests/numbered/{number.lower()}"))
    assert found["request_no"] == number
    mch = consortium.hospital.caller("owner_office", campus="mch")
    refused(mch.get(f"{BASE}/requests/numbered/{number}"), 404, "request_not_found")
    refused(consortium.office.get(f"{BASE}/requests/numbered/HQ2699999"), 404, "request_not_found")


# -- refusals


@pytest.mark.parametrize(
    ("name", "change", "status", "code"),
    [
        ("no.such.series", {}, 404, "number_series_unknown"),
        ("payments.receipt", {}, 422, "number_series_fixed"),
        ("payments.settlement", {}, 422, "number_series_fixed"),
        ("payments.refund", {}, 422, "number_series_fixed"),
        ("visit", {}, 422, "number_series_fixed"),
        (REQUESTS, {"mark": "X"}, 422, "number_rule_invalid"),
        (REQUESTS, {"mark": "SO"}, 422, "number_rule_invalid"),
        (REQUESTS, {"mark": "P"}, 422, "number_rule_invalid"),
        (REQUESTS, {"reset": "never", "width": 5}, 422, "number_rule_invalid"),
        (REQUESTS, {"reset": "day", "width": 2}, 422, "number_rule_invalid"),
        (REQUESTS, {"mark": "Q", "reset": "day"}, 409, "number_mark_reset"),
        (REQUESTS, {"mark": "Q", "reset": "year", "width": 5}, 422, "number_rule_unchanged"),
        (REQUESTS, {"valid_from": "2026-01-01"}, 422, "number_rule_too_late"),
        (REQUESTS, {"mark": "S1"}, 422, "invalid"),
        (REQUESTS, {"width": 9}, 422, "invalid"),
        (REQUESTS, {"reset": "week"}, 422, "invalid"),
    ],
)
def test_what_may_not_be_set_is_refused_and_nothing_is_written(
    consortium: Consortium, name: str, change: dict[str, Any], status: int, code: str
) -> None:
    before = consortium.hospital.census()
    body = {**rule(consortium), **change}
    refused(consortium.system.post(f"{SERIES}/{name}/rules", body), status, code)
    if code != "number_rule_unchanged":
        wanted = {one: body[one] for one in ("mark", "reset", "width", "valid_from")}
        refused(consortium.system.get(f"{SERIES}/{name}/preview", **wanted), status, code)
    refused(consortium.head.post(f"{SERIES}/{name}/rules", body), 403, "permission_denied")
    assert consortium.hospital.census() == before


def test_today_is_too_late(consortium: Consortium) -> None:
    refused(consortium.system.post(f"{PATH}/rules", rule(consortium, later=0)), 422, "number_rule_too_late")


def test_a_mark_once_used_keeps_its_way_of_starting_again(consortium: Consortium) -> None:
    ok(consortium.system.post(f"{PATH}/rules", rule(consortium, "SQ", "day", 5)))
    consortium.hospital.clock.move(days=1)
    ok(consortium.system.post(f"{PATH}/rules", rule(consortium, "SR", "month", 7)))
    consortium.hospital.clock.move(days=1)
    before = consortium.hospital.census()
    answer = refused(
        consortium.system.post(f"{PATH}/rules", rule(consortium, "SQ", "month", 7)), 409, "number_mark_reset"
    )
    assert "换一个前缀" in answer["detail"]
    assert consortium.hospital.census() == before
    on = date(2026, 11, 23)
    assert Form("SQ", "day", 5).text("H", on, 1) == Form("SQ", "month", 7).text("H", on, 2_300_001), "why"
    mch = consortium.hospital.caller("system_admin", campus="mch")
    ok(mch.post(f"{PATH}/rules", rule(consortium, "SQ", "month", 7)))


def test_a_mark_belongs_to_one_series_at_every_campus(consortium: Consortium) -> None:
    ok(consortium.system.post(f"{PATH}/rules", rule(consortium, "SQ")))
    mch = consortium.hospital.caller("system_admin", campus="mch")
    before = consortium.hospital.census()
    answer = refused(mch.post(f"{SHIFTS}/rules", rule(consortium, "SQ", "day", 3)), 409, "number_mark_taken")
    assert "权限申请编号" in answer["detail"]
    for mark in ("T", "L", "Q"):
        refused(mch.post(f"{SHIFTS}/rules", rule(consortium, mark, "day", 3)), 422, "number_rule_invalid")
    assert consortium.hospital.census() == before


def test_the_database_keeps_two_hands_from_one_mark(consortium: Consortium) -> None:
    """Both looked before either wrote: the constraint is the last word."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules_numbers, "check_form", lambda *_: None)
        ok(consortium.system.post(f"{PATH}/rules", rule(consortium, "SQ", "day", 3)))
        refused(consortium.system.post(f"{SHIFTS}/rules", rule(consortium, "SQ")), 409, "number_mark_taken")
        again = rule(consortium, "SQ", "month", 4, later=2)
        refused(consortium.system.post(f"{PATH}/rules", again), 409, "number_mark_reset")
    assert consortium.hospital.value("SELECT count(*) FROM kernel.number_rules") == 1


# -- two people


def test_a_risky_one_waits_for_a_second_person(consortium: Consortium) -> None:
    both = consortium.hospital.caller("system_admin", "owner_office")
    waiting = ok(both.post(f"{SHIFTS}/rules", rule(consortium, "BC", "day", 4)))
    assert (waiting["state"], waiting["decided_at"]) == ("asked", None)
    path = f"{BASE}/number-rules/{waiting['rule_id']}"
    before = consortium.hospital.census()
    refused(both.post(f"{path}/approve", {"version": 1}), 422, "same_person")
    refused(both.post(f"{path}/refuse", {"version": 1}), 422, "same_person")
    refused(consortium.system.post(f"{SHIFTS}/rules", rule(consortium, "BD", "day", 4)), 409, "number_rule_waits")
    mch = consortium.hospital.caller("owner_office", campus="mch")
    refused(mch.post(f"{path}/approve", {"version": 1}), 404, "number_rule_not_found")
    refused(
        consortium.office.post(f"{BASE}/number-rules/{uuid4()}/approve", {"version": 1}), 404, "number_rule_not_found"
    )
    refused(consortium.office.post(f"{path}/approve", {"version": 2}), 409, "version_conflict")
    assert consortium.hospital.census() == before
    assert [one["rule_id"] for one in ok(consortium.office.get(f"{BASE}/number-rules/waiting"))] == [waiting["rule_id"]]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda who: who.post(f"{path}/approve", {"version": 1}), [consortium.office] * 2))
    assert sorted(one.status_code for one in answers) == [200, 409]
    second = ok(both.post(f"{SHIFTS}/rules", rule(consortium, "BD", "day", 4, later=3)))
    said_no = ok(consortium.office.post(f"{BASE}/number-rules/{second['rule_id']}/refuse", {"version": 1}))
    assert (said_no["state"], said_no["decided_name"]) == ("refused", "测试员")
    ok(consortium.system.post(f"{PATH}/rules", rule(consortium, "BD", "month", 4)))


def test_what_is_agreed_too_late_is_not_in_force(consortium: Consortium) -> None:
    waiting = ok(consortium.system.post(f"{SHIFTS}/rules", rule(consortium, "BC", "day", 4)))
    consortium.hospital.clock.move(days=1)
    path = f"{BASE}/number-rules/{waiting['rule_id']}"
    before = consortium.hospital.census()
    refused(consortium.office.post(f"{path}/approve", {"version": 1}), 422, "number_rule_too_late")
    assert consortium.hospital.census() == before
    assert consortium.hospital.value("SELECT state FROM kernel.number_rules") == "asked"


def test_two_rules_for_one_day_at_once_leave_one(consortium: Consortium) -> None:
    bodies = [rule(consortium, mark) for mark in ("SK", "SL", "SM", "SN")]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: consortium.system.post(f"{PATH}/rules", body), bodies))
    assert {one.status_code for one in answers} <= {201, 409}
    assert {one.json()["code"] for one in answers if one.status_code == 409} <= {"number_rule_overlaps"}
    assert len(series(consortium)["planned"]) == 1


def test_a_repeated_command_sets_one_rule(consortium: Consortium) -> None:
    body = rule(consortium, "SK")
    first = ok(consortium.system.post(f"{PATH}/rules", body, key="number-rule-0001"))
    assert ok(consortium.system.post(f"{PATH}/rules", body, key="number-rule-0001")) == first
    assert consortium.hospital.value("SELECT count(*) FROM kernel.number_rules") == 1
