"""Booked and held numbers become visits; sessions that move or change doctor take their visits along."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.outpatient import DoctorReplaced, SessionMoved
from functions.outpatient.registration import service
from functions.outpatient.schedule import service as schedule
from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeLine, ChargeOrder
from integrity.runner import run
from tests.outpatient.registering import VISITS, at_once, charges_of, engage, refused, see, visit_row
from tests.outpatient.test_schedule_scene import new_room
from tests.support.clinic import (
    FEE,
    FEE_CODE,
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

COLLECT = f"{VISITS}/collect"


@pytest.fixture(scope="module")
def desks(hospital: Hospital) -> dict[str, Desk]:
    made = open_hospital(hospital)
    open_shift(made["hq"])
    return made


@pytest.fixture
def session(hospital: Hospital, desks: dict[str, Desk]) -> Iterator[dict[str, Any]]:
    made = put_on_sale(hospital, desks["hq"], quotas={"mini": 6, "window": 4})
    yield made
    hospital.execute("UPDATE outpatient.sessions SET status = 'closed' WHERE session_id = %s", [made["session_id"]])


def book(hospital: Hospital, session: dict[str, Any], booking_id: UUID) -> UUID:
    """A number held on the phone and confirmed for a booking; gives the slot."""
    with hospital.tx("hq") as tx:
        held = schedule.hold_slot(tx, UUID(session["session_id"]), "mini", str(booking_id))
        return schedule.confirm_slot(tx, held.slot_id, str(booking_id), booking_id).slot_id


def charge_booking(hospital: Hospital, person: str, booking_id: UUID) -> None:
    """The fee as booking charges it when the number is booked."""
    with hospital.tx("hq") as tx:
        line = ChargeLine("fee", FEE_CODE, 1)
        billing.post_charges(tx, ChargeOrder(UUID(person), None, "outpatient/booking", str(booking_id), [line]))


def owner(hospital: Hospital, slot_id: UUID) -> dict[str, Any]:
    return hospital.rows("SELECT status, owner_kind, owner_id FROM outpatient.slots WHERE slot_id = %s", [slot_id])[0]


def test_a_booked_number_becomes_a_visit(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    desk = desks["hq"]
    person = register_person(desk.registrar, resident_id(1, born="19760101"))
    booking_id = uuid4()
    slot_id = book(hospital, session, booking_id)
    body = {"patient_id": person, "slot_id": str(slot_id), "booking_id": str(booking_id)}
    visit = ok(desk.registrar.post(COLLECT, body))
    assert (visit["status"], visit["kind"], Decimal(visit["fee"])) == ("registered", "general", FEE["hq"])
    assert owner(hospital, slot_id) == {
        "status": "taken",
        "owner_kind": "visit",
        "owner_id": UUID(visit["encounter_id"]),
    }
    assert hospital.events("visit_registered")[-1]["data"]["booking_id"] == str(booking_id)
    again = refused(hospital, desk.registrar, COLLECT, body, 409, "number_collected")
    assert again["visit_no"] == visit["visit_no"]
    see(hospital, visit, uuid4())
    assert owner(hospital, slot_id)["status"] == "used"


def test_what_the_booking_paid_is_not_charged_again(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    """Paid at booking: nothing more to pay, and a cancellation gives the booking's money back."""
    desk = desks["hq"]
    person = register_person(desk.registrar, resident_id(2, born="19760101"))
    booking_id = uuid4()
    slot_id = book(hospital, session, booking_id)
    charge_booking(hospital, person, booking_id)
    charge = hospital.value("SELECT charge_id FROM payments.charges WHERE source_id = %s", [str(booking_id)])
    pay_cash(desk.registrar, {"charges": [{"charge_id": str(charge)}], "fee": str(FEE["hq"])})
    body = {"patient_id": person, "slot_id": str(slot_id), "booking_id": str(booking_id)}
    visit = ok(desk.registrar.post(COLLECT, body))
    assert [one["status"] for one in visit["charges"]] == ["paid"]
    assert charges_of(hospital, visit) == [], "no charge of its own"
    cancelled = ok(desk.registrar.post(f"{VISITS}/{visit['encounter_id']}/cancel", {"version": 1}))
    assert Decimal(cancelled["refunded"]) == FEE["hq"]
    assert owner(hospital, slot_id)["status"] == "free"
    names = frozenset({"money.visit_fee", "outpatient.slot_has_one_visit", "outpatient.visit_has_its_slot"})
    assert [check.name for check in run(hospital.settings.auditor_database_url, names) if not check.holds] == []


def test_what_the_booking_left_unpaid_is_paid_now(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    desk = desks["hq"]
    person = register_person(desk.registrar, resident_id(3, born="19760101"))
    booking_id = uuid4()
    slot_id = book(hospital, session, booking_id)
    charge_booking(hospital, person, booking_id)
    body = {"patient_id": person, "slot_id": str(slot_id), "booking_id": str(booking_id)}
    visit = ok(desk.registrar.post(COLLECT, body))
    assert [one["status"] for one in visit["charges"]] == ["open"]
    assert Decimal(pay_cash(desk.registrar, visit)["total"]) == FEE["hq"]


def test_a_held_number_becomes_a_visit(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    desk = desks["hq"]
    person = register_person(desk.registrar, resident_id(4, born="19760101"))
    with hospital.tx("hq") as tx:
        held = schedule.hold_slot(tx, UUID(session["session_id"]), "mini", "phone-7")
    body = {"patient_id": person, "slot_id": str(held.slot_id), "holder": "phone-7"}
    refused(hospital, desk.registrar, COLLECT, {**body, "holder": "phone-8"}, 409, "hold_lost")
    visit = ok(desk.registrar.post(COLLECT, body))
    assert visit["slot_number"] == held.number


def test_two_machines_collect_at_once(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    desk = desks["hq"]
    person = register_person(desk.registrar, resident_id(6, born="19760101"))
    booking_id = uuid4()
    slot_id = book(hospital, session, booking_id)
    body = {"patient_id": person, "slot_id": str(slot_id), "booking_id": str(booking_id)}
    answers = at_once(hospital, [desk.registrar, hospital.caller("registrar")], COLLECT, body)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"number_collected"}
    assert hospital.value("SELECT count(*) FROM outpatient.visits WHERE slot_id = %s", [slot_id]) == 1


def test_what_cannot_be_collected(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    desk = desks["hq"]
    person = register_person(desk.registrar, resident_id(5, born="19760101"))
    booking_id = uuid4()
    slot_id = book(hospital, session, booking_id)
    body = {"patient_id": person, "slot_id": str(slot_id), "booking_id": str(booking_id)}
    refused(hospital, desk.registrar, COLLECT, {**body, "booking_id": str(uuid4())}, 409, "number_not_booked")
    assert desk.registrar.post(COLLECT, {**body, "holder": "x"}).status_code == 422
    assert desks["mch"].registrar.post(COLLECT, body).status_code in {404, 409}
    assert owner(hospital, slot_id)["owner_kind"] == "booking"
    hospital.clock.move(days=-1)
    refused(hospital, desk.registrar, COLLECT, body, 409, "visit_not_today")
    hospital.clock.move(days=1)


def test_a_number_a_doctor_added(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    """加1 is taken by its patient alone, and shown as such."""
    desk = desks["hq"]
    hospital.execute("UPDATE outpatient.sessions SET extra_cap = 1 WHERE session_id = %s", [session["session_id"]])
    person = register_person(desk.registrar, resident_id(7, born="19760101"))
    extras = f"/api/outpatient/schedule/sessions/{session['session_id']}/extras"
    ok(hospital.caller("schedule_clerk").post(extras, {"patient_id": person, "reason": "复诊病情需要"}))
    body = {"patient_id": person, "session_id": session["session_id"], "extra_number": True}
    visit = ok(desk.registrar.post(VISITS, body))
    assert (visit["slot_label"], visit["slot_number"]) == ("加1", 11)
    ok(desk.registrar.post(f"{VISITS}/{visit['encounter_id']}/slips"))
    assert desk.registrar.get(f"{VISITS}/{visit['encounter_id']}/slip.pdf").content.startswith(b"%PDF")
    plain = register_visit(desk.registrar, register_person(desk.registrar, resident_id(8, born="19760101")), session)
    assert plain["slot_label"] == str(plain["slot_number"])


def test_of_two_numbers_added_for_one_person_one_is_taken(hospital: Hospital, desks: dict[str, Desk]) -> None:
    """Two records each had a number added, then they were found to be one person: one visit, one number."""
    desk = desks["hq"]
    made = put_on_sale(hospital, desk, numbers=1, desk_no=13)
    hospital.execute("UPDATE outpatient.sessions SET extra_cap = 2 WHERE session_id = %s", [made["session_id"]])
    clerk = hospital.caller("schedule_clerk")
    kept, double = [register_person(desk.registrar, resident_id(n, born="19861212")) for n in range(2)]
    for person in (double, kept):
        body = {"patient_id": person, "reason": "复诊"}
        ok(clerk.post(f"/api/outpatient/schedule/sessions/{made['session_id']}/extras", body))
    hospital.execute(
        "UPDATE patients.patients SET survivor_id = %s, status = 'merged' WHERE patient_id = %s", [kept, double]
    )
    wish = {"patient_id": double, "session_id": made["session_id"], "extra_number": True}
    visit = ok(desk.registrar.post(VISITS, wish))
    assert (visit["patient_id"], visit["slot_label"]) == (kept, "加1")
    owned = "SELECT count(*) FROM outpatient.slots WHERE owner_id = %s"
    assert hospital.value(owned, [visit["encounter_id"]]) == 1


# -- sessions that change


def test_a_visit_follows_its_session(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    """Half an hour and another room; who registers before the news is through has the new time once, not twice."""
    desk = desks["hq"]
    made = put_on_sale(hospital, desk, numbers=4, desk_no=14)
    office = hospital.caller("schedule_approver")
    people = [register_person(desk.registrar, resident_id(n, born="19770101")) for n in range(3)]
    visit, seen = [register_visit(desk.registrar, person, made) for person in people[:2]]
    see(hospital, seen, uuid4())
    before, after_seen = visit_row(hospital, visit), visit_row(hospital, seen)
    room, doctor = new_room(hospital, desk), engage(hospital, "D9001", "覃医生")
    path = f"/api/outpatient/schedule/sessions/{made['session_id']}"
    starts_at = (datetime.fromisoformat(made["starts_at"]) + timedelta(minutes=20)).isoformat()
    moved = ok(
        office.post(f"{path}/move", {"version": 4, "starts_at": starts_at, "room_id": str(room), "reason": "诊室检修"})
    )
    between = register_visit(desk.registrar, people[2], made)
    ok(office.post(f"{path}/replace", {"version": moved["version"], "doctor_id": str(doctor), "reason": "替诊"}))
    hospital.drain()
    with hospital.tx("hq") as tx:
        for event in hospital.events("session_moved"):
            service.follow_moved_session(tx, SessionMoved.model_validate(event["data"]))
        for event in hospital.events("doctor_replaced"):
            service.follow_replaced_doctor(tx, DoctorReplaced.model_validate(event["data"]))
    after, late = visit_row(hospital, visit), visit_row(hospital, between)
    assert after["band_start"] - before["band_start"] == timedelta(minutes=20)
    assert (after["room_id"], after["doctor_id"]) == (room, doctor)
    assert (late["band_start"], late["room_id"], late["doctor_id"]) == (after["band_start"], room, doctor)
    assert visit_row(hospital, seen) == after_seen, "who was seen stays where it was"
