"""A department that closes: what is on sale and who may still be seen there from that day on stands against it."""

from datetime import date, timedelta
from typing import Any

import pytest

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import CreateUnit, UnitKind
from tests.outpatient.registering import VISITS, clinic_of, emergency_clinic
from tests.outpatient.test_schedule_scene import MONDAY, PATH, Office, moment
from tests.support.clinic import Desk, ok, register_person, register_visit, resident_id
from tests.support.hospital import Hospital

TUESDAY = MONDAY + timedelta(days=1)
BEGINS = moment(MONDAY, "05:00")
pytestmark = pytest.mark.usefixtures("monday")


def department(hospital: Hospital, desk: Desk, code: str) -> Desk:
    """A department of its own with a clinic."""
    with hospital.tx(desk.campus) as tx:
        unit = organisation.create_unit(tx, CreateUnit(code=code, name="康复科", kind=UnitKind.CLINICAL))
    made = Desk(desk.campus, unit.unit_id, desk.room_id, desk.counters, desk.clinic, desk.registrar)
    return clinic_of(hospital, made, f"{code}-general")


def close(hospital: Hospital, desk: Desk, day: date, **more: Any) -> Any:
    with hospital.tx(desk.campus) as tx:
        version = organisation.unit(tx, desk.unit_id).version
    admin = hospital.caller("campus_admin", campus=desk.campus)
    body = {"closes_on": day.isoformat(), "version": version, "reason": "科室合并", **more}
    return admin.post(f"/api/organisation/structure/units/{desk.unit_id}/close", body)


def objections(answer: Any) -> list[str]:
    assert answer.status_code == 409, answer.text
    return [one["code"] for one in answer.json()["objections"]]


def test_only_what_lies_beyond_the_day_stands_against_it(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = department(hospital, desks["hq"], "rehab")
    office = Office(hospital, desk)
    today, tomorrow = office.published(MONDAY), office.published(TUESDAY)
    register_visit(desk.registrar, register_person(desk.registrar, resident_id(1)), today)
    refusal = close(hospital, desk, MONDAY)
    assert objections(refusal) == ["unit_has_visits", "unit_has_sessions", "unit_has_unsettled_money"]
    assert "H260302" in refusal.text
    assert "最早 2026-03-03" in close(hospital, desk, TUESDAY).text
    assert "unit_has_visits" not in objections(close(hospital, desk, TUESDAY)), "today's patients are seen today"
    ok(office.step(office.approver, tomorrow, "stop", 4, reason="科室合并"))
    assert objections(close(hospital, desk, TUESDAY)) == ["unit_has_unsettled_money"]


def test_a_planned_session_warns_and_is_not_published_afterwards(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = department(hospital, desks["hq"], "pain")
    office = Office(hospital, desk)
    planned = office.approved(TUESDAY)
    assert objections(close(hospital, desk, TUESDAY)) == ["unit_has_drafts"]
    ok(close(hospital, desk, TUESDAY, confirmed=["unit_has_drafts"]))
    refusal = office.step(office.approver, planned, "publish", 3)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "schedule_has_errors")
    assert [one["code"] for one in refusal.json()["findings"]] == ["unit_closed"]
    found = ok(office.clerk.get(f"{PATH}/check", since=TUESDAY.isoformat(), until=TUESDAY.isoformat()))
    assert "unit_closed" in {one["code"] for one in found}


def test_nobody_is_sent_to_a_closed_emergency(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = department(hospital, desks["hq"], "er")
    clinic = emergency_clinic(hospital, desk)
    ok(close(hospital, desk, TUESDAY))
    hospital.clock.set(moment(TUESDAY, "00:30"))
    body = {
        "clinic_id": clinic,
        "triage_level": 2,
        "patient_id": register_person(desk.registrar, resident_id(2)),
    }
    before = hospital.census()
    answer = desk.registrar.post(f"{VISITS.removesuffix('/visits')}/emergencies", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "unit_not_in_force")
    assert hospital.census() == before
