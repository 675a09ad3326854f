"""States of a visit: check-in, consultation, end, return, no-show, the sweep; and cancelling what began."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.outpatient.registration import service
from functions.outpatient.registration.problems import OtherDoctor
from integrity.runner import run
from shared.problems import Problem
from tests.outpatient.registering import (
    REGISTRATION,
    VISITS,
    at,
    charges_of,
    emergency_clinic,
    engage,
    refused,
    see,
    visit_row,
)
from tests.support.clinic import (
    FEE,
    Desk,
    ok,
    open_hospital,
    open_shift,
    pay_cash,
    put_on_sale,
    register_person,
    register_visit,
    resident_id,
)
from tests.support.hospital import Hospital

DOCTOR, COLLEAGUE = uuid4(), uuid4()
MODULE = "outpatient/registration"


@pytest.fixture(scope="module")
def desks(hospital: Hospital) -> dict[str, Desk]:
    at(hospital, "2027-04-12 08:00")
    made = open_hospital(hospital)
    open_shift(made["hq"])
    return made


@pytest.fixture
def desk(hospital: Hospital, desks: dict[str, Desk]) -> Desk:
    """The desk on a Monday morning, whatever the test before did with the clock."""
    at(hospital, "2027-04-12 09:00")
    return desks["hq"]


@pytest.fixture
def visit(hospital: Hospital, desk: Desk, request: pytest.FixtureRequest) -> dict[str, Any]:
    return arrive(hospital, desk, request.node.name)


def arrive(hospital: Hospital, desk: Desk, who: str) -> dict[str, Any]:
    """A visit of somebody new."""
    number = hospital.value("SELECT count(*) FROM outpatient.sessions")
    serial = hospital.value("SELECT count(*) FROM patients.patients") % 50
    person = register_person(desk.registrar, resident_id(serial, born=f"1966{1 + number % 12:02d}11"), name="韦小宝")
    made = put_on_sale(hospital, desk, numbers=3, desk_no=1 + number % 20)
    visit = dict(register_visit(desk.registrar, person, made))
    hospital.execute("UPDATE outpatient.sessions SET status = 'closed' WHERE session_id = %s", [made["session_id"]])
    return visit


def status(hospital: Hospital, visit: dict[str, Any]) -> str:
    return str(visit_row(hospital, visit)["status"])


def step(hospital: Hospital, what: Any, visit: dict[str, Any], *arguments: Any, campus: str = "hq") -> Any:
    with hospital.tx(campus) as tx:
        return what(tx, UUID(visit["encounter_id"]), *arguments)


def refusal(hospital: Hospital, what: Any, visit: dict[str, Any], *arguments: Any, campus: str = "hq") -> str:
    """Code of the refusal of a step that must change nothing."""
    before = hospital.rows("SELECT * FROM outpatient.visits WHERE encounter_id = %s", [visit["encounter_id"]])
    with pytest.raises(Problem) as caught, hospital.tx(campus) as tx:
        what(tx, UUID(visit["encounter_id"]), *arguments)
    assert hospital.rows("SELECT * FROM outpatient.visits WHERE encounter_id = %s", [visit["encounter_id"]]) == before
    return caught.value.code


# -- through the day


def test_a_visit_from_check_in_to_its_end(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    waiting = step(hospital, service.check_in, visit)
    assert (waiting.status, waiting.version) == ("waiting", 2)
    assert step(hospital, service.check_in, visit).version == 2, "checked in twice"
    started = step(hospital, service.start_consultation, visit, DOCTOR)
    assert (started.status, started.doctor_id) == ("in_consultation", DOCTOR)
    assert step(hospital, service.start_consultation, visit, DOCTOR).version == started.version
    assert refusal(hospital, service.start_consultation, visit, COLLEAGUE) == "visit_of_other_doctor"
    assert refusal(hospital, service.check_in, visit) == "visit_state_wrong"
    finished = step(hospital, service.finish_visit, visit)
    assert (finished.status, finished.finished_at is not None) == ("finished", True)
    assert step(hospital, service.finish_visit, visit).version == finished.version


def test_the_fee_is_earned_when_the_consultation_begins(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    """From then on nobody refunds it at a window."""
    settlement = pay_cash(desk.registrar, visit)
    step(hospital, service.start_consultation, visit, DOCTOR)
    body = {
        "settlement_id": settlement["settlement_id"],
        "lines": [{"charge_id": visit["charges"][0]["charge_id"], "quantity": "1"}],
        "reason_code": "patient",
        "reason": "不想看了",
    }
    answer = desk.registrar.post("/api/payments/billing/refunds", body)
    assert (answer.status_code, charges_of(hospital, visit)) == (422, [("12.00", "paid")])


def test_a_patient_comes_back_within_the_day(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    see(hospital, visit, DOCTOR)
    unit, other_unit = UUID(visit["unit_id"]), uuid4()
    assert refusal(hospital, service.reopen_visit, visit, COLLEAGUE, other_unit) == "visit_of_other_doctor"
    reopened = step(hospital, service.reopen_visit, visit, COLLEAGUE, unit)
    assert (reopened.status, reopened.doctor_id, reopened.finished_at) == ("in_consultation", COLLEAGUE, None)
    assert step(hospital, service.reopen_visit, visit, COLLEAGUE, unit).version == reopened.version
    step(hospital, service.finish_visit, visit)
    assert step(hospital, service.reopen_visit, visit, COLLEAGUE, other_unit).status == "in_consultation"
    step(hospital, service.finish_visit, visit)
    at(hospital, "2027-04-13 00:00")
    assert refusal(hospital, service.reopen_visit, visit, COLLEAGUE, unit) == "visit_expired"


def test_not_before_its_day_and_not_after(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    at(hospital, "2027-04-11 10:00")
    assert refusal(hospital, service.check_in, visit) == "visit_not_today"
    assert refusal(hospital, service.start_consultation, visit, DOCTOR) == "visit_not_today"
    at(hospital, "2027-04-13 00:00")
    assert refusal(hospital, service.check_in, visit) == "visit_expired"
    assert refusal(hospital, service.start_consultation, visit, DOCTOR) == "visit_expired"


def test_the_other_campus_moves_nothing(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    for what, arguments in (
        (service.check_in, ()),
        (service.start_consultation, (DOCTOR,)),
        (service.finish_visit, ()),
        (service.reopen_visit, (DOCTOR, uuid4())),
        (service.mark_no_show, ()),
        (service.change_level, (1,)),
    ):
        assert refusal(hospital, what, visit, *arguments, campus="mch") == "not_found"


def test_two_doctors_begin_at_once(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    start = threading.Barrier(2)

    def begin(doctor: UUID) -> str:
        start.wait(10)
        try:
            return str(step(hospital, service.start_consultation, visit, doctor).status)
        except Problem as refused_:
            return refused_.code

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(begin, (DOCTOR, COLLEAGUE)))
    assert outcomes == ["in_consultation", "visit_of_other_doctor"]


def test_another_doctor_takes_over_with_a_reason(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    """Who has the patient is named; the colleague who goes on gives a reason, and both stand on record."""
    doctor = engage(hospital, "D7001", "蓝医生")
    assert refusal(hospital, service.take_over, visit, COLLEAGUE, "会诊") == "visit_state_wrong"
    step(hospital, service.start_consultation, visit, doctor)
    with pytest.raises(OtherDoctor, match="蓝医生"), hospital.tx("hq") as tx:
        service.start_consultation(tx, UUID(visit["encounter_id"]), COLLEAGUE)
    taken = step(hospital, service.take_over, visit, COLLEAGUE, "原医生急会诊")
    assert (taken.status, taken.doctor_id) == ("in_consultation", COLLEAGUE)
    assert step(hospital, service.take_over, visit, COLLEAGUE, "再次").version == taken.version
    [entry] = hospital.rows(
        "SELECT detail FROM kernel.audit_entries WHERE action = 'visit.taken_over' AND subject_id = %s",
        [visit["encounter_id"]],
    )
    assert entry["detail"] == {"from_doctor": str(doctor), "to_doctor": str(COLLEAGUE), "reason": "原医生急会诊"}


# -- 爽约, 24:00


def test_triage_finds_somebody_missing(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    missed = step(hospital, service.mark_no_show, visit)
    assert missed.status == "no_show"
    assert step(hospital, service.mark_no_show, visit).version == missed.version
    told = [event["data"] for event in hospital.events("visit_no_show")]
    assert [one["checked_in"] for one in told if one["encounter_id"] == visit["encounter_id"]] == [False]
    assert refusal(hospital, service.check_in, visit) == "visit_state_wrong"


def test_who_waited_and_went_away_is_no_absentee(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    assert refusal(hospital, service.mark_left, visit) == "visit_state_wrong", "who never came did not leave"
    step(hospital, service.check_in, visit)
    assert refusal(hospital, service.mark_no_show, visit) == "visit_state_wrong"
    left = step(hospital, service.mark_left, visit)
    assert left.status == "no_show"
    assert step(hospital, service.mark_left, visit).version == left.version
    told = [event["data"] for event in hospital.events("visit_no_show")]
    assert [one["checked_in"] for one in told if one["encounter_id"] == visit["encounter_id"]] == [True]
    hospital.minute(MODULE)
    assert charges_of(hospital, visit)[0][1] == "voided"


def test_the_day_ends_at_midnight(hospital: Hospital, desk: Desk) -> None:
    """Seen is finished, unseen is a no-show, and who waited is told apart from who never came. Once."""
    absent, waited, seen, done = [arrive(hospital, desk, name) for name in ("a", "b", "c", "d")]
    other = arrive(hospital, desk, "e")
    step(hospital, service.check_in, waited)
    step(hospital, service.start_consultation, seen, DOCTOR)
    see(hospital, done, DOCTOR)
    ok(desk.registrar.post(f"{VISITS}/{other['encounter_id']}/cancel", {"version": 1}))
    body = {"clinic_id": emergency_clinic(hospital, desk), "triage_level": 3, "patient_id": done["patient_id"]}
    emergency = ok(desk.registrar.post(f"{REGISTRATION}/emergencies", body))
    step(hospital, service.start_consultation, emergency, DOCTOR)

    hospital.minute(MODULE)
    assert [status(hospital, one) for one in (absent, waited, seen)] == ["registered", "waiting", "in_consultation"]
    at(hospital, "2027-04-13 00:00")
    hospital.minute(MODULE, campus="mch")
    assert status(hospital, absent) == "registered", "each campus its own"
    hospital.minute(MODULE)
    after = [status(hospital, one) for one in (absent, waited, seen, done, other, emergency)]
    assert after == ["no_show", "no_show", "finished", "finished", "cancelled", "in_consultation"]
    missed = {event["data"]["encounter_id"]: event["data"]["checked_in"] for event in hospital.events("visit_no_show")}
    assert (missed[absent["encounter_id"]], missed[waited["encounter_id"]]) == (False, True)
    assert visit_row(hospital, seen)["finished_at"] == visit_row(hospital, seen)["valid_until"]

    before = hospital.census()
    hospital.minute(MODULE)
    assert hospital.census() == before, "swept once"
    at(hospital, "2027-04-13 09:00")
    hospital.clock.move(minutes=1)
    hospital.minute(MODULE)
    assert status(hospital, emergency) == "finished", "24 hours after it was registered"
    names = frozenset({"outpatient.visit_states", "outpatient.follow_up_used_once"})
    assert [check.name for check in run(hospital.settings.auditor_database_url, names) if not check.holds] == []


# -- cancelling what began


def test_what_began_is_cancelled_with_two_consents(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    pay_cash(desk.registrar, visit)
    step(hospital, service.start_consultation, visit, DOCTOR)
    doctor = hospital.caller("outpatient_doctor", name="罗医生", staff_id=DOCTOR)
    colleague, lead = hospital.caller("outpatient_doctor"), hospital.caller("cashier_lead", name="覃组长")
    path = f"{VISITS}/{visit['encounter_id']}"
    body = {"version": 2, "reason": "patient"}
    assert refused(hospital, desk.registrar, f"{path}/cancel", body, 409, "release_needed")["missing"] == "doctor"
    refused(hospital, lead, f"{path}/release/approve", {"version": 2}, 409, "visit_not_releasable")
    body_of_release = {"version": 2, "reason": "挂错科室，未诊疗"}
    refused(hospital, colleague, f"{path}/release", body_of_release, 409, "visit_of_other_doctor")
    released = ok(doctor.post(f"{path}/release", body_of_release))
    assert (released["released_by_name"], released["approved_by_name"]) == ("罗医生", None)
    assert refused(hospital, desk.registrar, f"{path}/cancel", body, 409, "release_needed")["missing"] == "lead"
    waiting = ok(lead.get(f"{REGISTRATION}/releases", limit=200))["items"]
    assert visit["encounter_id"] in {item["encounter_id"] for item in waiting}
    assert ok(lead.post(f"{path}/release/approve", {"version": 2}))["approved_by_name"] == "覃组长"
    refused(hospital, lead, f"{path}/release/approve", {"version": 2}, 409, "visit_not_releasable")

    problem = refused(hospital, desk.registrar, f"{path}/cancel", body, 409, "refund_needs_approval")
    assert problem["level"] == "lead", "a fee once earned goes back with the lead's approval only"
    assert charges_of(hospital, visit) == [(str(FEE["hq"]), "paid")]


def test_what_went_on_after_the_approval_is_judged_anew(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    see(hospital, visit, DOCTOR)
    doctor, lead = hospital.caller("outpatient_doctor", staff_id=DOCTOR), hospital.caller("cashier_lead")
    path = f"{VISITS}/{visit['encounter_id']}"
    version = visit_row(hospital, visit)["version"]
    ok(doctor.post(f"{path}/release", {"version": version, "reason": "未诊疗"}))
    ok(lead.post(f"{path}/release/approve", {"version": version}))
    reopened = step(hospital, service.reopen_visit, visit, DOCTOR, desk.unit_id)
    body = {"version": reopened.version, "reason": "patient"}
    assert refused(hospital, desk.registrar, f"{path}/cancel", body, 409, "release_needed")["missing"] == "lead"
    ok(lead.post(f"{path}/release/approve", {"version": reopened.version}))
    assert ok(desk.registrar.post(f"{path}/cancel", body))["status"] == "cancelled"


def test_an_unpaid_one_needs_no_approval_of_a_refund(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    see(hospital, visit, DOCTOR)
    path = f"{VISITS}/{visit['encounter_id']}"
    version = visit_row(hospital, visit)["version"]
    one = hospital.caller("outpatient_doctor", "cashier_lead", staff_id=DOCTOR)
    ok(one.post(f"{path}/release", {"version": version, "reason": "未诊疗"}))
    refused(hospital, one, f"{path}/release/approve", {"version": version}, 422, "same_person")
    ok(hospital.caller("cashier_lead").post(f"{path}/release/approve", {"version": version}))
    cancelled = ok(desk.registrar.post(f"{path}/cancel", {"version": version}))
    assert cancelled["status"] == "cancelled"
    assert charges_of(hospital, visit) == [(str(FEE["hq"]), "voided")]


def test_a_release_is_for_what_began(hospital: Hospital, desk: Desk, visit: dict[str, Any]) -> None:
    path = f"{VISITS}/{visit['encounter_id']}"
    doctor = hospital.caller("outpatient_doctor")
    refused(hospital, doctor, f"{path}/release", {"version": 1, "reason": "未诊疗"}, 409, "visit_not_releasable")
    elsewhere = hospital.caller("outpatient_doctor", campus="mch")
    assert elsewhere.post(f"{path}/release", {"version": 1, "reason": "未诊疗"}).status_code == 404
    hospital.clock.move(hours=-1)
    assert visit_row(hospital, visit)["valid_until"] - hospital.clock() > timedelta(hours=1)
