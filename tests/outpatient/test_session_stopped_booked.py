"""What schedule gives booking for a stopped session: who is affected, where they may go, numbers that come first."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.outpatient.schedule import service
from integrity.runner import run
from shared.deliveries import handle
from shared.ids import new_id
from tests.outpatient.registering import charges_of, visit_row
from tests.outpatient.test_schedule_scene import MONDAY, PATH, Office, engage, moment, states, told
from tests.support.clinic import (
    FEE,
    Desk,
    ok,
    open_hospital,
    open_shift,
    pay_cash,
    register_person,
    register_visit,
    resident_id,
)
from tests.support.hospital import Hospital, delivery_of

NEXT = MONDAY + timedelta(days=7)
BEGINS = moment(MONDAY, "05:00")
pytestmark = pytest.mark.usefixtures("monday")


@pytest.fixture(scope="module")
def desks(hospital: Hospital) -> dict[str, Desk]:
    made = open_hospital(hospital)
    open_shift(made["hq"])
    return made


def book(hospital: Hospital, session: dict[str, Any], count: int) -> list[UUID]:
    """Bookings with a confirmed number each."""
    bookings = []
    for _ in range(count):
        with hospital.tx("hq") as tx:
            bookings.append(new_id())
            held = service.hold_slot(tx, UUID(session["session_id"]), "window", str(bookings[-1]))
            service.confirm_slot(tx, held.slot_id, str(bookings[-1]), bookings[-1])
    return bookings


def test_of_35_booked_each_is_told_12_choose_and_23_are_left(
    hospital: Hospital, desks: dict[str, Desk], office: Office
) -> None:
    """42 numbers, 35 booked: the head agrees a week ahead; every booking is named once, 42 withdrawn; 12 take a number
    of the same doctor's other session; who paid a hold too late gets none."""
    doctor = engage(hospital, desks["hq"])
    session = office.published(NEXT, "08:00", number=7, each=6, doctor_id=doctor)
    other = office.published(NEXT, "14:00", number=4, each=6, doctor_id=doctor)
    bookings = book(hospital, session, 35)
    with hospital.tx("hq") as tx:
        paying = service.hold_slot(tx, UUID(session["session_id"]), "window", "late payer")
    preview = ok(office.clerk.get(f"{PATH}/sessions/{session['session_id']}/stop-preview"))
    assert [preview[key] for key in ("taken", "held", "free", "bookings", "visits")] == [35, 1, 6, 35, 0]
    best = preview["offers"][0]
    assert (best["session_id"], best["same_doctor"], best["remaining"]) == (other["session_id"], True, 24)

    asked = ok(office.step(office.clerk, session, "request-stop", 4, reason="外出学习"))
    assert asked["affected"] == 35
    late = book(hospital, session, 1)
    done = ok(office.head.post(f"{PATH}/changes/{asked['change_id']}/consent-head"))
    assert (done["status"], done["affected"]) == ("done", 36), "counted when it happens, not when it was asked"
    assert states(hospital, session["session_id"]) == {"withdrawn": 42}
    [event] = told(hospital, "session_stopped", session["session_id"])
    assert [UUID(one["owner_id"]) for one in event["affected"]] == [*bookings, *late]
    assert {one["owner_kind"] for one in event["affected"]} == {"booking"}
    listed = ok(office.clerk.get(f"{PATH}/changes/{asked['change_id']}/numbers", limit=50))["items"]
    assert [UUID(one["owner_id"]) for one in listed] == [*bookings, *late]

    chosen = bookings[:12]
    for one in chosen:
        with hospital.tx("hq") as tx:
            service.take_slot(tx, UUID(other["session_id"]), "window", one, owner_kind="booking")
    with pytest.raises(service.HoldLost), hospital.tx("hq") as tx:
        service.confirm_slot(tx, paying.slot_id, "late payer", new_id())
    assert states(hospital, other["session_id"]) == {"free": 12, "taken": 12}
    again = hospital.census()
    assert ok(office.step(office.approver, session, "stop", 9, reason="再停一次"))["status"] == "stopped"
    assert len(told(hospital, "session_stopped", session["session_id"])) == 1
    assert hospital.census()["outpatient.session_changes"] == again["outpatient.session_changes"]


def test_an_extra_number_still_waiting_is_told_too(hospital: Hospital, desks: dict[str, Desk], office: Office) -> None:
    session = office.published(NEXT, "18:00", number=1, each=1, extra_cap=1)
    person = register_person(desks["hq"].registrar, resident_id(30))
    ok(office.clerk.post(f"{PATH}/sessions/{session['session_id']}/extras", {"patient_id": person, "reason": "复诊"}))
    ok(office.step(office.approver, session, "stop", 4, reason="停诊"))
    [event] = told(hospital, "session_stopped", session["session_id"])
    assert [(one["owner_kind"], one["owner_id"]) for one in event["affected"]] == [("patient", person)]


def deliver(hospital: Hospital, rows: Sequence[dict[str, Any]]) -> None:
    """Hand events to every subscriber in this order, each twice."""
    for row in rows:
        for app in hospital.apps:
            if (delivery := delivery_of(row)).type in app.handlers:
                for _ in range(2):
                    handle(app, delivery, hospital.runtime)


def test_changes_told_in_the_wrong_order_end_the_same(
    hospital: Hospital, desks: dict[str, Desk], office: Office
) -> None:
    """Moved, given to another doctor, then stopped; told backwards and doubled: cancelled once, paid back once."""
    desk = desks["hq"]
    session = office.published(MONDAY, "08:00", number=2, each=2, doctor_id=engage(hospital, desk))
    people = [register_person(desk.registrar, resident_id(n, born="19850505")) for n in range(3)]
    visits = [register_visit(desk.registrar, person, session) for person in people]
    pay_cash(desk.registrar, visits[0])
    hospital.drain()
    later = moment(MONDAY, "08:20").isoformat()
    moved = ok(office.step(office.approver, session, "move", 4, starts_at=later, reason="会"))
    replaced = ok(
        office.step(
            office.approver, session, "replace", moved["version"], doctor_id=str(engage(hospital, desk)), reason="替"
        )
    )
    ok(office.step(office.approver, session, "stop", replaced["version"], reason="停"))
    rows = hospital.rows(
        "SELECT * FROM kernel.outbox WHERE closed_at IS NULL AND subject = %s ORDER BY seq DESC",
        [session["session_id"]],
    )
    assert [row["type"].split(".")[-2] for row in rows] == ["session_stopped", "doctor_replaced", "session_moved"]
    deliver(hospital, rows)
    deliver(hospital, rows[::-1])
    assert [visit_row(hospital, one)["status"] for one in visits] == ["cancelled"] * 3
    assert [charges_of(hospital, one) for one in visits] == [
        [(str(FEE["hq"]), "refunding")],
        [(str(FEE["hq"]), "voided")],
        [(str(FEE["hq"]), "voided")],
    ]
    refunds = "SELECT count(*) FROM payments.refund_lines JOIN payments.charges USING (charge_id) WHERE patient_id = %s"
    assert hospital.value(refunds, [people[0]]) == 1
    checks = frozenset({"money.visit_fee", "outpatient.visit_where_its_slot_is", "outpatient.visit_has_its_slot"})
    assert [one.name for one in run(hospital.settings.auditor_database_url, checks) if not one.holds] == []
    hospital.drain()
