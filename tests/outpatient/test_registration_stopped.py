"""A session is stopped: its visits are cancelled and their money goes back, once."""

from collections import Counter
from typing import Any

import pytest

from events.outpatient import SessionStopped
from functions.outpatient.registration import service
from tests.outpatient.registering import charges_of, visit_row
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


@pytest.fixture(scope="module")
def desks(hospital: Hospital) -> dict[str, Desk]:
    made = open_hospital(hospital)
    open_shift(made["hq"])
    return made


def people(desk: Desk, count: int, born: str) -> list[str]:
    return [register_person(desk.registrar, resident_id(n, born=born), name="农秀英") for n in range(count)]


def stop(hospital: Hospital, session: dict[str, Any]) -> None:
    path = f"/api/outpatient/schedule/sessions/{session['session_id']}/stop"
    ok(hospital.caller("schedule_approver").post(path, {"version": 4, "reason": "医生外出急救"}))


@pytest.mark.case("01", 13)
def test_twenty_paid_numbers_are_refunded_once(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    made = put_on_sale(hospital, desk, numbers=20, desk_no=17)
    visits = [register_visit(desk.registrar, person, made) for person in people(desk, 20, "19750101")]
    for visit in visits:
        pay_cash(desk.registrar, visit)
    stop(hospital, made)
    hospital.drain(times=2)
    ids = [visit["encounter_id"] for visit in visits]
    assert hospital.rows(
        "SELECT status, cancel_reason, count(*) AS n FROM outpatient.visits WHERE encounter_id = ANY (%s::uuid[])"
        " GROUP BY 1, 2",
        [ids],
    ) == [{"status": "cancelled", "cancel_reason": "session_stopped", "n": 20}]
    refunds = hospital.rows(
        "SELECT r.state, r.amount, p.method FROM payments.refunds r JOIN payments.refund_lines l USING (refund_id)"
        " JOIN payments.charges c USING (charge_id)"
        " JOIN payments.tenders p ON p.settlement_id = r.settlement_id WHERE c.encounter_id = ANY (%s::uuid[])",
        [ids],
    )
    assert len(refunds) == 20
    assert {(row["amount"], row["method"]) for row in refunds} == {(FEE["hq"], "cash")}, "back the way they came"
    told = Counter(event["data"]["encounter_id"] for event in hospital.events("visit_cancelled"))
    assert told == Counter(ids), "one message to each"
    left = "SELECT count(*) FROM outpatient.slots WHERE session_id = %s AND status <> 'withdrawn'"
    assert hospital.value(left, [made["session_id"]]) == 0

    before = hospital.census()
    with hospital.tx("hq") as tx:
        event = hospital.events("session_stopped")[-1]["data"]
        service.refund_stopped_session(tx, SessionStopped.model_validate(event))
    assert hospital.census() == before, "told anew, nothing changes"


def test_unpaid_numbers_are_withdrawn_and_seen_patients_stay(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    made = put_on_sale(hospital, desk, numbers=3, desk_no=18)
    unpaid, seen, asked = [register_visit(desk.registrar, one, made) for one in people(desk, 3, "19760101")]
    doctor = hospital.caller("outpatient_doctor").staff_id
    with hospital.tx("hq") as tx:
        service.start_consultation(tx, seen["encounter_id"], doctor)
    stop(hospital, made)
    hospital.drain(times=2)
    assert visit_row(hospital, unpaid)["status"] == "cancelled"
    assert charges_of(hospital, unpaid) == [(str(FEE["hq"]), "voided")]
    assert visit_row(hospital, seen)["status"] == "in_consultation"
    assert charges_of(hospital, seen) == [(str(FEE["hq"]), "open")]
    assert visit_row(hospital, asked)["status"] == "cancelled"


def test_some_numbers_of_a_session(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    made = put_on_sale(hospital, desk, numbers=2, desk_no=19)
    stays, goes = [register_visit(desk.registrar, one, made) for one in people(desk, 2, "19770101")]
    slot = visit_row(hospital, goes)["slot_id"]
    event = SessionStopped(
        session_id=made["session_id"],
        clinic_id=made["clinic_id"],
        reason="医生提前离诊",
        withdrawn_slots=1,
        slot_ids=[slot],
    )
    with hospital.tx("hq") as tx:
        service.refund_stopped_session(tx, event)
    assert visit_row(hospital, stays)["status"] == "registered"
    assert visit_row(hospital, goes)["status"] == "cancelled"


def test_a_refund_asked_for_already_does_not_stand_in_the_way(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    made = put_on_sale(hospital, desk, numbers=2, desk_no=20)
    first, second = [register_visit(desk.registrar, one, made) for one in people(desk, 2, "19780101")]
    settlement = pay_cash(desk.registrar, first)
    pay_cash(desk.registrar, second)
    other = hospital.caller("registrar")
    body = {
        "settlement_id": settlement["settlement_id"],
        "lines": [{"charge_id": first["charges"][0]["charge_id"], "quantity": "1"}],
        "reason_code": "patient",
        "reason": "患者不看了",
    }
    ok(other.post("/api/payments/billing/refunds", body))
    stop(hospital, made)
    hospital.drain(times=2)
    assert [visit_row(hospital, one)["status"] for one in (first, second)] == ["cancelled", "cancelled"]
    waiting = hospital.rows(
        "SELECT r.refund_id FROM payments.refunds r JOIN payments.refund_lines l USING (refund_id)"
        " JOIN payments.charges c USING (charge_id) WHERE c.encounter_id = %s",
        [first["encounter_id"]],
    )
    assert len(waiting) == 1, "the refund under way stays the only one"
