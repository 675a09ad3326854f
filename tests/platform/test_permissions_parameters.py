"""Parameters: the nearest level decides, risky ones by two, history is not rewritten."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.platform.permissions import service
from functions.platform.permissions.parameters import PARAMETERS, Parameter, checked
from functions.platform.permissions.problems import ParameterInvalid
from tests.platform.conftest import BASE, ORGANISATION, Consortium, ok, refused

DAYS = "outpatient.registration.validity_days"
PATH = f"{BASE}/parameters/{DAYS}"


@pytest.mark.case("41", 6)
def test_the_nearest_level_decides_and_is_named(consortium: Consortium) -> None:
    system = consortium.system
    mch = consortium.hospital.caller("system_admin", campus="mch")
    admin = consortium.hospital.caller("campus_admin", campus="mch")
    body = {"code": f"u{uuid4().hex[:8]}", "name": "儿科", "kind": "clinical"}
    unit = ok(admin.post(f"{ORGANISATION}/units", body))["unit_id"]
    desk = ok(
        admin.post(f"{ORGANISATION}/places", {"kind": "counter", "code": f"d{uuid4().hex[:6]}", "name": "儿科诊台"})
    )
    ok(system.post(f"{PATH}/values", {"level": "system", "value": 3, "reason": "全县统一"}))
    ok(mch.post(f"{PATH}/values", {"level": "campus", "value": 1, "reason": "当日有效"}))
    ok(mch.post(f"{PATH}/values", {"level": "department", "level_id": unit, "value": 7, "reason": "儿科复诊"}))
    found = ok(mch.get(PATH, unit_id=unit, place_id=desk["place_id"]))
    assert (found["value"], found["level"], found["level_label"]) == (7, "department", "科室")
    assert ok(mch.get(PATH))["value"] == 1
    assert ok(system.get(PATH))["level_label"] == "系统"
    events = [
        row["data"]["level"] for row in consortium.hospital.events("parameter_changed") if row["data"]["key"] == DAYS
    ]
    assert events == ["system", "campus", "department"]


def test_a_value_planned_for_later_takes_over_by_itself(consortium: Consortium) -> None:
    key = "platform.sso.idle_office"
    path = f"{BASE}/parameters/{key}"
    ok(consortium.system.post(f"{path}/values", {"level": "campus", "value": 12, "reason": "现行"}))
    later = {"level": "campus", "value": 20, "reason": "下月起", "valid_from": consortium.moment(days=2)}
    ok(consortium.system.post(f"{path}/values", later))
    ok(consortium.system.post(f"{path}/values", {"level": "campus", "value": 11, "reason": "更正"}))
    assert ok(consortium.system.get(path))["value"] == 11
    consortium.hospital.clock.move(days=3)
    try:
        assert ok(consortium.system.get(path))["value"] == 20
        past = {"level": "campus", "value": 20, "reason": "x", "valid_from": consortium.moment(days=-1)}
        refused(consortium.system.post(f"{path}/values", past), 422, "invalid")
    finally:
        consortium.hospital.clock.offset = timedelta()
    values = [row["value"] for row in ok(consortium.security.get(f"{path}/history"))["items"]]
    assert values == [11, 20, 12]


def test_a_risky_value_waits_for_a_second_person(consortium: Consortium) -> None:
    key = "platform.sso.pin_failures"
    path = f"{BASE}/parameters/{key}"
    asked = ok(consortium.system.post(f"{path}/values", {"level": "campus", "value": 3, "reason": "收紧"}))
    assert ok(consortium.system.get(path))["level"] == "default"
    assert [row["value_id"] for row in ok(consortium.office.get(f"{BASE}/parameters/waiting"))] == [asked["value_id"]]
    both = consortium.hospital.caller("owner_office")
    ok(both.post(f"{BASE}/parameter-values/{asked['value_id']}/approve", {"version": 1}))
    assert ok(consortium.system.get(path))["value"] == 3
    refused(both.post(f"{BASE}/parameter-values/{asked['value_id']}/approve", {"version": 2}), 409, "permission_state")
    second = ok(consortium.system.post(f"{path}/values", {"level": "campus", "value": 9, "reason": "放宽"}))
    ok(both.post(f"{BASE}/parameter-values/{second['value_id']}/refuse", {"version": 1}))
    assert ok(consortium.system.get(path))["value"] == 3


def test_the_second_person_is_of_the_campus_it_is_about(consortium: Consortium) -> None:
    hospital, path = consortium.hospital, f"{BASE}/parameters/platform.sso.pin_failures/values"
    mch = hospital.caller("owner_office", campus="mch")
    asked = {
        level: ok(consortium.system.post(path, {"level": level, "value": 4, "reason": "收紧"}))["value_id"]
        for level in ("system", "campus")
    }
    before = hospital.census()
    assert ok(mch.get(f"{BASE}/parameters/waiting")) == []
    for verb in ("approve", "refuse"):
        values = f"{BASE}/parameter-values"
        refused(mch.post(f"{values}/{asked['campus']}/{verb}", {"version": 1}), 404, "parameter_value_not_found")
        refused(mch.post(f"{values}/{asked['system']}/{verb}", {"version": 1}), 422, "parameter_level")
    assert hospital.census() == before
    waiting = ok(consortium.system.get(f"{BASE}/parameters/waiting"))
    assert {one["value_id"] for one in waiting} == set(asked.values()), "who asked sees what became of it"
    for value_id in asked.values():
        ok(consortium.office.post(f"{BASE}/parameter-values/{value_id}/refuse", {"version": 1}))


def test_a_risky_parameter_is_never_set_below_a_campus() -> None:
    with pytest.raises(ValueError, match="risky"):
        Parameter("k", "t", "bool", True, "m", "o", risky=True)


def test_unknown_out_of_bounds_and_foreign_levels_are_refused(consortium: Consortium) -> None:
    system = consortium.system
    before = consortium.hospital.census()
    unknown = system.post(f"{BASE}/parameters/no.such.key/values", {"level": "system", "value": 1, "reason": "x"})
    refused(unknown, 404, "unknown_parameter")
    refused(system.post(f"{PATH}/values", {"level": "system", "value": 31, "reason": "x"}), 422, "parameter_invalid")
    refused(system.post(f"{PATH}/values", {"level": "system", "value": True, "reason": "x"}), 422, "parameter_invalid")
    switch = f"{BASE}/parameters/feature.badge_switch/values"
    desk = {"level": "workstation", "level_id": str(uuid4()), "value": True, "reason": "x"}
    refused(system.post(switch, desk), 422, "parameter_level")
    mch = consortium.hospital.caller("system_admin", campus="mch")
    refused(mch.post(f"{PATH}/values", {"level": "system", "value": 2, "reason": "x"}), 422, "parameter_level")
    unit = consortium.unit()
    foreign = {"level": "department", "level_id": unit, "value": 2, "reason": "x"}
    refused(mch.post(f"{PATH}/values", foreign), 422, "parameter_level")
    after = consortium.hospital.census()
    assert after["platform.parameter_values"] == before["platform.parameter_values"]


def test_a_switch_is_told_as_one(consortium: Consortium) -> None:
    path = f"{BASE}/parameters/feature.patient_login/values"
    ok(consortium.system.post(path, {"level": "campus", "value": False, "reason": "维护"}))
    [event] = consortium.hospital.events("feature_switched")
    assert (event["data"]["campus_code"], event["data"]["on"]) == ("hq", False)
    with consortium.hospital.tx("hq") as tx:
        assert service.parameter(tx, "feature.patient_login").value is False
    with consortium.hospital.tx("mch") as tx:
        assert service.parameter(tx, "feature.patient_login").value is True


@given(st.one_of(st.integers(-100, 100), st.booleans(), st.text(max_size=5), st.floats(), st.none()))
def test_an_integer_parameter_takes_integers_within_bounds_only(value: object) -> None:
    known = PARAMETERS[DAYS]
    good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 30
    if good:
        assert checked(known, "system", value) == value
    else:
        with pytest.raises(ParameterInvalid):
            checked(known, "system", value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("range", ["08:00-12:00", "00:00-23:59"], ["8:00-12:00", "08:00", "24:00-25:00", 5]),
        ("decimal", ["0.5", "1"], ["2.5", "x", "NaN", 1]),
        ("enum", ["a"], ["b", 1]),
        ("text", ["好"], ["x" * 201, "\0", 3]),
    ],
)
def test_every_kind_checks_its_values(kind: str, good: list, bad: list) -> None:
    known = Parameter("k", "t", kind, None, "m", "o", lowest=Decimal(0), highest=Decimal(2), choices=("a",))  # type: ignore[arg-type]
    for value in good:
        assert checked(known, "system", value) == value
    for value in bad:
        with pytest.raises(ParameterInvalid):
            checked(known, "system", value)


def test_every_default_is_a_value_its_parameter_would_take() -> None:
    for known in PARAMETERS.values():
        assert checked(known, next(iter(known.levels)), known.default) == known.default
