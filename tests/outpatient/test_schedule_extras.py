"""More numbers after publication: bands added and blocked, extra numbers for named patients, emergency sessions."""

from datetime import timedelta
from uuid import UUID

import pytest

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
)
from tests.support.hospital import Hospital

TUESDAY = MONDAY + timedelta(days=1)
NEXT = MONDAY + timedelta(days=7)
BEGINS = moment(MONDAY, "05:00")
pytestmark = pytest.mark.usefixtures("monday")


def test_bands_are_added_blocked_and_opened(hospital: Hospital, office: Office) -> None:
    session = office.published(NEXT, "19:00", number=1, each=2)
    more = {"bands": bands(NEXT, "19:30", number=1, each=3), "quotas": {"mini": 3}, "reason": "患者较多"}
    inside = {**more, "bands": bands(NEXT, "19:15", number=1, each=3)}
    assert office.step(office.approver, session, "extend", 4, **inside).json()["code"] == "session_plan_invalid"
    longer = ok(office.step(office.approver, session, "extend", 4, **more))
    assert (longer["slots"], longer["ends_at"]) == (5, moment(NEXT, "20:00").isoformat())
    [event] = told(hospital, "slots_added", session["session_id"])
    assert (event["slots"], event["cause"]) == (3, "extended")
    body = {"bands": [moment(NEXT, "19:30").isoformat()], "reason": "抢救"}
    blocked = ok(office.step(office.clerk, longer, "block", 5, **body))
    assert (blocked["slots"], states(hospital, session["session_id"])) == (3, {"blocked": 3, "free": 2})
    with pytest.raises(SessionFull), hospital.tx("hq") as tx:
        service.hold_slot(tx, UUID(session["session_id"]), "mini", "a")
    ok(office.step(office.clerk, blocked, "unblock", 6, **body))
    assert states(hospital, session["session_id"]) == {"free": 5}


@pytest.mark.case("44", 8)
def test_extra_numbers_end_at_their_cap_until_the_head_raises_it(
    hospital: Hospital, desks: dict[str, Desk], office: Office, people: list[str]
) -> None:
    doctor = engage(hospital, office.desk)
    session = office.published(MONDAY, "08:00", number=1, each=2, doctor_id=doctor, extra_cap=10)
    mine = hospital.caller("outpatient_doctor", staff_id=doctor)
    path = f"{PATH}/sessions/{session['session_id']}/extras"
    for place in range(10):
        made = ok(mine.post(path, {"patient_id": people[place], "reason": "复诊"}))
        assert made["label"] == f"加{place + 1}"
    before = hospital.census()
    refused = mine.post(path, {"patient_id": people[10], "reason": "复诊"})
    assert (refused.status_code, refused.json()["code"], refused.json()["cap"]) == (409, "extra_cap_reached", 10)
    assert hospital.census() == before
    assert (
        mine.post(
            f"{PATH}/sessions/{session['session_id']}/extra-cap", {"cap": 12, "version": 4, "reason": "疑难"}
        ).status_code
        == 403
    )
    raised = ok(office.step(office.head, session, "extra-cap", 4, cap=12, reason="疑难病例"))
    assert raised["extra_cap"] == 12
    eleventh = ok(mine.post(path, {"patient_id": people[10], "reason": "疑难病例"}))
    assert eleventh["label"] == "加11"
    assert mine.post(path, {"patient_id": people[10], "reason": "再加"}).json()["code"] == "extra_exists"
    # Nobody else gets it, and planned numbers are counted apart.
    take(hospital, session, 2)
    with pytest.raises(SessionFull):
        take(hospital, session)
    visit = new_id()
    with hospital.tx("hq") as tx:
        taken = service.take_slot(tx, UUID(session["session_id"]), "window", visit, patient_id=UUID(people[10]))
        assert (str(taken.slot_id), taken.label) == (eleventh["slot_id"], "加11")
    [row] = [
        one
        for one in ok(office.clerk.get(f"{PATH}/sessions", since=MONDAY, until=MONDAY))["items"]
        if one["session_id"] == session["session_id"]
    ]
    assert (row["total"], row["taken"], row["extra"]) == (2, 3, 11)
    with hospital.tx("hq") as tx:
        assert not service.return_slot(tx, taken.slot_id, visit)
    assert states(hospital, session["session_id"]) == {"held": 10, "taken": 2, "withdrawn": 1}


def test_a_doctor_adds_numbers_to_the_own_session_only(hospital: Hospital, office: Office, people: list[str]) -> None:
    session = office.published(MONDAY, "09:00", number=1, doctor_id=engage(hospital, office.desk), extra_cap=2)
    path = f"{PATH}/sessions/{session['session_id']}/extras"
    stranger = hospital.caller("outpatient_doctor", staff_id=engage(hospital, office.desk))
    refused = stranger.post(path, {"patient_id": people[0], "reason": "复诊"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_session")
    assert ok(office.clerk.post(path, {"patient_id": people[0], "reason": "老年人"}))["label"] == "加1"


def test_another_session_opens_when_people_wait_an_hour(hospital: Hospital, office: Office) -> None:
    body = {
        "clinic_id": office.desk.clinic["clinic_id"],
        "room_id": str(new_room(hospital, office.desk)),
        "part": "morning",
        "bands": bands(MONDAY, "10:00", number=2, each=5),
        "quotas": {"window": 10},
        "reason": "候诊过长",
    }
    few = office.approver.post(f"{PATH}/emergency-sessions", {**body, "waiting_minutes": 59})
    assert few.json()["code"] == "session_plan_invalid"
    opened = ok(office.approver.post(f"{PATH}/emergency-sessions", {**body, "waiting_minutes": 75}))
    assert (opened["status"], opened["slots"]) == ("published", 10)
    assert take(hospital, opened)
    with pytest.raises(AssertionError, match="room_session_overlap"):
        ok(office.approver.post(f"{PATH}/emergency-sessions", {**body, "waiting_minutes": 75}))
