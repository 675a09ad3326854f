"""What happens after publication: stops with their consents, other doctors, times, rooms, more numbers, bars."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.organisation.structure import service as organisation
from functions.organisation.structure.schemas.credentials import RecordLicence
from functions.outpatient.schedule import service
from functions.outpatient.schedule.rules import SessionFull
from shared.ids import new_id
from tests.outpatient.test_schedule_scene import (
    MONDAY,
    PATH,
    Office,
    bands,
    engage,
    moment,
    new_room,
    states,
    take,
    told,
)
from tests.support.clinic import (
    Desk,
    ok,
    open_shift,
    pay_cash,
    register_visit,
)
from tests.support.hospital import Hospital

TUESDAY = MONDAY + timedelta(days=1)
NEXT = MONDAY + timedelta(days=7)
BEGINS = moment(MONDAY, "05:00")
pytestmark = pytest.mark.usefixtures("monday")


def money_back(hospital: Hospital, session: dict[str, Any]) -> Any:
    """What refunds of a session's visits come to."""
    return hospital.value(
        "SELECT coalesce(sum(r.amount), 0) FROM payments.refunds r WHERE r.refund_id IN ("
        " SELECT l.refund_id FROM payments.refund_lines l JOIN payments.charges c ON c.charge_id = l.charge_id"
        " JOIN outpatient.visits v ON v.encounter_id::text = c.source_id WHERE v.session_id = %s)",
        [session["session_id"]],
    )


def test_a_stop_of_a_booked_session_pays_back_once(
    hospital: Hospital, desks: dict[str, Desk], office: Office, people: list[str]
) -> None:
    """35 have a number, 31 of them paid: each is told, the 42 numbers are withdrawn, 31 fees go back once."""
    desk = desks["hq"]
    session = office.published(MONDAY, "08:00", number=7, each=6)
    open_shift(desk)
    visits = [register_visit(desk.registrar, patient, session) for patient in people[:35]]
    for visit in visits[:31]:
        pay_cash(desk.registrar, visit)
    preview = ok(office.approver.get(f"{PATH}/sessions/{session['session_id']}/stop-preview"))
    assert (preview["taken"], preview["free"], preview["visits"], preview["bookings"]) == (35, 7, 35, 0)
    assert (preview["urgent"], preview["consents"]) == (True, ["office", "medical"])
    assert preview["notes"] == ["挂号患者已缴 372.00 元，停诊后原路退回"], "what goes back below"
    for version in (4, 5):
        stopped = ok(office.step(office.approver, session, "stop", version, reason="医生外出急救"))
        assert stopped["status"] == "stopped"
    [event] = told(hospital, "session_stopped", session["session_id"])
    assert event["withdrawn_slots"] == 42
    assert {one["owner_id"] for one in event["affected"]} == {visit["encounter_id"] for visit in visits}
    assert states(hospital, session["session_id"]) == {"withdrawn": 42}
    hospital.drain()
    assert str(money_back(hospital, session)) == "372.00"
    hospital.drain()
    assert str(money_back(hospital, session)) == "372.00"


def test_a_stop_in_time_needs_the_head_and_a_late_one_two_offices(hospital: Hospital, office: Office) -> None:
    early = office.published(NEXT)
    asked = ok(office.step(office.clerk, early, "request-stop", 4, reason="外出学习"))
    assert (asked["status"], asked["urgent"], asked["kind_name"]) == ("requested", False, "停诊")
    assert states(hospital, early["session_id"]) == {"free": 12}
    path = f"{PATH}/changes/{asked['change_id']}"
    assert office.clerk.post(f"{path}/consent-head").status_code == 403
    done = ok(office.head.post(f"{path}/consent-head"))
    assert (done["status"], states(hospital, early["session_id"])) == ("done", {"withdrawn": 12})
    assert office.head.post(f"{path}/consent-head").json()["code"] == "schedule_request_state_wrong"

    late = office.published(MONDAY, "14:00")
    asked = ok(office.step(office.clerk, late, "request-stop", 4, reason="突发疾病"))
    path = f"{PATH}/changes/{asked['change_id']}"
    for who, side in ((office.head, "head"), (office.approver, "office")):
        half = ok(who.post(f"{path}/consent-{side}"))
        assert (half["status"], half["urgent"]) == ("requested", True)
        assert states(hospital, late["session_id"]) == {"free": 12}
    assert ok(office.medical.post(f"{path}/consent-medical"))["status"] == "done"
    assert states(hospital, late["session_id"]) == {"withdrawn": 12}

    third = office.published(MONDAY, "16:00")
    asked = ok(office.step(office.clerk, third, "request-stop", 4, reason="误报"))
    refused = ok(office.head.post(f"{PATH}/changes/{asked['change_id']}/refuse", {"reason": "可正常出诊"}))
    assert (refused["status"], states(hospital, third["session_id"])) == ("refused", {"free": 12})
    for who, side in ((office.approver, "office"), (office.medical, "medical")):
        asked = ok(office.step(office.clerk, third, "request-stop", 4, reason="再次申请"))
        path = f"{PATH}/changes/{asked['change_id']}"
        assert office.clerk.post(f"{path}/refuse-{side}", {"reason": "否"}).status_code == 403
        assert ok(who.post(f"{path}/refuse-{side}", {"reason": "请安排替诊"}))["status"] == "refused"
        assert who.post(f"{path}/refuse-{side}", {"reason": "否"}).json()["code"] == "schedule_request_state_wrong"

    over = office.published(MONDAY, "12:30", number=1)
    asked = ok(office.step(office.clerk, over, "request-stop", 4, reason="申请后一直未批"))
    hospital.clock.set(moment(MONDAY, "14:30"))
    hospital.minute("outpatient/schedule")
    gone = office.head.post(f"{PATH}/changes/{asked['change_id']}/consent-head")
    assert (gone.status_code, gone.json()["code"]) == (409, "session_state_wrong"), "what is over is not stopped"


def test_nobody_agrees_for_two_sides(hospital: Hospital, office: Office) -> None:
    both = hospital.caller("schedule_clerk", "schedule_approver", "medical_affairs")
    session = office.published(MONDAY, "17:00")
    asked = ok(office.step(both, session, "request-stop", 4, reason="测试"))
    path = f"{PATH}/changes/{asked['change_id']}"
    assert both.post(f"{path}/consent-office").json()["code"] == "same_person"
    two = hospital.caller("schedule_approver", "medical_affairs")
    ok(two.post(f"{path}/consent-office"))
    assert two.post(f"{path}/consent-medical").json()["code"] == "same_person"
    assert states(hospital, session["session_id"]) == {"free": 12}


def test_what_the_office_stopped_at_once_is_countersigned(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "18:00")
    ok(office.step(office.approver, session, "stop", 4, reason="停电"))
    [task] = [
        one
        for one in ok(office.clerk.get(f"{PATH}/tasks", limit=200))["items"]
        if one["kind"] == "countersign" and one["session_id"] == session["session_id"]
    ]
    [change] = ok(office.clerk.get(f"{PATH}/changes", session_id=session["session_id"]))["items"]
    assert (change["status"], change["medical_by"]) == ("done", None)
    signed = ok(office.medical.post(f"{PATH}/changes/{change['change_id']}/consent-medical"))
    assert signed["medical_by"] == office.medical.subject
    open_tasks = {one["task_id"] for one in ok(office.clerk.get(f"{PATH}/tasks", limit=200))["items"]}
    assert task["task_id"] not in open_tasks
    again = office.clerk.post(f"{PATH}/tasks/{task['task_id']}/resolve", {"resolution": "已办"})
    assert again.status_code == 404


def test_a_part_is_stopped_and_the_rest_goes_on(
    hospital: Hospital, desks: dict[str, Desk], office: Office, people: list[str]
) -> None:
    session = office.published(TUESDAY, number=2, each=2)
    visits = [register_visit(desks["hq"].registrar, patient, session) for patient in people[:3]]
    late = bands(TUESDAY, "08:30", number=1)[0]["starts_at"]
    part = ok(office.step(office.approver, session, "stop", 4, reason="提前会诊", bands=[late]))
    assert (part["status"], part["partly_stopped"]) == ("published", True)
    assert states(hospital, session["session_id"]) == {"taken": 2, "withdrawn": 2}
    [event] = told(hospital, "session_stopped", session["session_id"])
    assert len(event["slot_ids"]) == 2
    assert [one["owner_id"] for one in event["affected"]] == [visits[2]["encounter_id"]]
    hospital.drain()
    kept = hospital.rows(
        "SELECT encounter_id::text AS id, status FROM outpatient.visits WHERE session_id = %s ORDER BY slot_number",
        [session["session_id"]],
    )
    assert [row["status"] for row in kept] == ["registered", "registered", "cancelled"]
    wrong = office.step(office.approver, session, "stop", 5, reason="x", bands=[moment(NEXT, "08:00").isoformat()])
    assert wrong.json()["code"] == "session_plan_invalid"


@pytest.fixture(scope="module")
def chief_clinic(office: Office) -> str:
    body = {
        "code": "chief",
        "name": "内科主任门诊",
        "unit_id": str(office.desk.unit_id),
        "grade": "chief",
        "fee_item_code": "110200002",
        "standard_code": "internal-chief",
        "grade_fees": {"associate_chief": "110200001"},
    }
    return str(ok(office.clerk.post(f"{PATH}/clinics", body))["clinic_id"])


def test_a_doctor_of_lower_grade_lowers_the_fee_and_the_same_grade_moves_no_money(
    hospital: Hospital, office: Office, chief_clinic: str
) -> None:
    chief, deputy, other, attending = (engage(hospital, office.desk, title) for title in ("231", "232", "231", "233"))
    session = office.published(NEXT, "14:00", clinic_id=chief_clinic, doctor_id=chief)
    owners = take(hospital, session, 2)
    same = ok(office.step(office.approver, session, "replace", 4, doctor_id=str(other), reason="会诊"))
    lower = ok(office.step(office.approver, same, "replace", same["version"], doctor_id=str(deputy), reason="外出"))
    first, second = told(hospital, "doctor_replaced", session["session_id"])
    assert (first["old_price"], first["new_price"], first["refund_each"]) == ("30.00", "30.00", "0.00")
    assert (second["old_price"], second["new_price"], second["refund_each"]) == ("30.00", "12.00", "18.00")
    assert [one["owner_id"] for one in second["affected"]] == [str(owner) for owner in owners]
    with hospital.tx("hq") as tx:
        later = service.take_slot(tx, UUID(session["session_id"]), "window", new_id())
    assert (later.doctor_id, later.grade, later.fee_item_code) == (deputy, "associate_chief", "110200001")
    before = hospital.census()
    refused = office.step(
        office.approver, lower, "replace", lower["version"], doctor_id=str(attending), reason="无人可替"
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "grade_price_missing")
    assert hospital.census() == before


def test_a_busy_or_absent_doctor_does_not_replace(hospital: Hospital, desks: dict[str, Desk], office: Office) -> None:
    busy = engage(hospital, office.desk)
    office.published(NEXT, "10:00", doctor_id=busy)
    session = office.published(NEXT, "10:30", doctor_id=engage(hospital, office.desk))
    refused = office.step(office.approver, session, "replace", 4, doctor_id=str(busy), reason="替诊")
    assert (refused.status_code, refused.json()["code"]) == (409, "doctor_session_overlap")
    stranger = engage(hospital, desks["mch"])
    refused = office.step(office.approver, session, "replace", 4, doctor_id=str(stranger), reason="替诊")
    assert refused.json()["findings"][0]["code"] == "practice_place"
    assert told(hospital, "doctor_replaced", session["session_id"]) == []


def test_half_an_hour_or_a_room_keeps_the_numbers(hospital: Hospital, office: Office) -> None:
    session = office.published(NEXT, "15:00", number=2, each=2)
    [owner] = take(hospital, session)
    room = new_room(hospital, office.desk)
    later = moment(NEXT, "15:20").isoformat()
    moved = ok(office.step(office.approver, session, "move", 4, starts_at=later, room_id=str(room), reason="诊室维修"))
    assert (moved["starts_at"], moved["room_id"], moved["status"]) == (later, str(room), "published")
    [event] = told(hospital, "session_moved", session["session_id"])
    assert (event["shifted_minutes"], event["rebook"]) == (20, False)
    assert [one["owner_id"] for one in event["affected"]] == [str(owner)]
    starts = hospital.rows(
        "SELECT DISTINCT band_start FROM outpatient.slots WHERE session_id = %s ORDER BY 1", [session["session_id"]]
    )
    assert [row["band_start"] for row in starts] == [moment(NEXT, "15:20"), moment(NEXT, "15:50")]
    same = office.step(office.approver, moved, "move", moved["version"], reason="没有变化")
    assert same.json()["code"] == "session_plan_invalid"


def test_a_longer_move_stops_and_its_patients_come_first(hospital: Hospital, office: Office) -> None:
    doctor = engage(hospital, office.desk)
    session = office.published(NEXT, "17:00", number=2, each=2, doctor_id=doctor)
    take(hospital, session, 2)
    later = moment(NEXT + timedelta(days=1), "17:00").isoformat()
    new = ok(office.step(office.approver, session, "move", 4, starts_at=later, reason="手术"))
    assert (new["status"], new["slots"], new["day"]) == ("published", 4, (NEXT + timedelta(days=1)).isoformat())
    assert states(hospital, session["session_id"]) == {"withdrawn": 4}
    [stop] = told(hospital, "session_stopped", session["session_id"])
    [move] = told(hospital, "session_moved", session["session_id"])
    assert stop["moved_to"] == move["moved_to"] == new["session_id"]
    assert (move["rebook"], len(move["affected"])) == (True, 2)
    with pytest.raises(SessionFull):
        take(hospital, new)
    with hospital.tx("hq") as tx:
        service.hold_slot(tx, UUID(new["session_id"]), "window", "first", waiting=True)
        service.expect_waiting(tx, UUID(new["session_id"]), -2)
    take(hospital, new)


@pytest.mark.case("44", 9)
def test_when_a_licence_expires_later_sessions_stop_and_the_clerk_is_told(hospital: Hospital, office: Office) -> None:
    doctor = engage(hospital, office.desk)
    friday = MONDAY + timedelta(days=4)
    with hospital.tx("hq") as tx:
        organisation.record_licence(
            tx,
            doctor,
            RecordLicence(
                kind="physician", category="clinical", number="110450000000001", valid_from=MONDAY, expires_on=friday
            ),
        )
    on_friday = office.published(friday, "20:00", number=1, doctor_id=doctor)
    after = office.published(NEXT, "20:00", number=1, doctor_id=doctor)
    other = office.published(NEXT, "20:00", number=1, each=3)
    take(hospital, after, 2)
    hospital.clock.set(moment(friday, "23:59"))
    hospital.minute("organisation/structure", campus="hq")
    hospital.drain()
    assert states(hospital, after["session_id"]) == {"free": 1, "taken": 2}
    hospital.clock.set(moment(friday + timedelta(days=1), "00:01"))
    hospital.minute("organisation/structure", campus="hq")
    hospital.drain()
    statuses = {
        str(row["session_id"]): row["status"]
        for row in hospital.rows("SELECT session_id, status FROM outpatient.sessions WHERE doctor_id = %s", [doctor])
    }
    assert statuses == {on_friday["session_id"]: "published", after["session_id"]: "stopped"}
    [event] = told(hospital, "session_stopped", after["session_id"])
    assert (event["reason"], len(event["affected"])) == ("医生执业证书到期", 2)
    tasks = ok(office.clerk.get(f"{PATH}/tasks", limit=200))["items"]
    assert [one["kind"] for one in tasks if one["session_id"] == after["session_id"]] == ["doctor_barred"]
    with hospital.tx("hq") as tx:
        offered = [str(one.session_id) for one in service.offers(tx, UUID(after["session_id"]), 50)]
    assert other["session_id"] in offered
    late = office.approved(NEXT + timedelta(days=1), "20:00", doctor_id=doctor)
    refused = office.step(office.approver, late, "publish", 3)
    assert "doctor_barred" in {one["code"] for one in refused.json()["findings"]}
    [bar] = [
        one for one in ok(office.approver.get(f"{PATH}/bars", limit=200))["items"] if one["doctor_id"] == str(doctor)
    ]
    ok(office.medical.post(f"{PATH}/bars/{bar['bar_id']}/lift", {"reason": "证书已续期"}))
    assert ok(office.step(office.approver, late, "publish", 3))["status"] == "published"


def test_who_leaves_is_barred_at_every_campus(hospital: Hospital, desks: dict[str, Desk], office: Office) -> None:
    doctor = engage(hospital, office.desk)
    session = office.published(NEXT, "21:00", number=1, doctor_id=doctor)
    with hospital.tx("hq") as tx:
        service.bar_doctor(tx, doctor, "staff_left", tx.now, None)
    assert states(hospital, session["session_id"]) == {"withdrawn": 3}
    assert len(told(hospital, "session_stopped", session["session_id"])) == 1
    hospital.minute("outpatient/schedule", campus="hq")
    assert len(told(hospital, "session_stopped", session["session_id"])) == 1


def test_a_change_of_another_version_or_campus_is_refused(hospital: Hospital, office: Office) -> None:
    session = office.published(NEXT, "22:00", number=1)
    stranger = hospital.caller("schedule_approver", campus="mch")
    before = hospital.census()
    for who, status in ((office.approver, 409), (stranger, 404)):
        answer = office.step(who, session, "move", 9, starts_at=moment(NEXT, "22:10").isoformat(), reason="x")
        assert answer.status_code == status
    assert hospital.census() == before
