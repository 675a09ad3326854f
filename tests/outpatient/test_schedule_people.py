"""Doctors' own matters: leave, swaps, introductions with a picture."""

import base64
from datetime import timedelta

import pytest

from tests.outpatient.test_schedule_scene import (
    MONDAY,
    PATH,
    Office,
    engage,
    moment,
    status,
    told,
    twice,
)
from tests.shared.storage_probe import png
from tests.support.clinic import ok
from tests.support.hospital import Hospital

TUESDAY = MONDAY + timedelta(days=1)
BEGINS = moment(MONDAY, "05:00")
pytestmark = pytest.mark.usefixtures("monday")


def test_leave_is_approved_by_another_and_lists_the_sessions(hospital: Hospital, office: Office) -> None:
    doctor = engage(hospital, office.desk)
    mine = hospital.caller("outpatient_doctor", staff_id=doctor)
    session = office.published(TUESDAY, "15:00", doctor_id=doctor)
    body = {
        "kind": "meeting",
        "starts_at": moment(TUESDAY, "00:00").isoformat(),
        "ends_at": moment(TUESDAY, "23:00").isoformat(),
        "reason": "学术会议",
    }
    asked = ok(mine.post(f"{PATH}/leaves", body))
    other = {**body, "doctor_id": str(engage(hospital, office.desk))}
    assert mine.post(f"{PATH}/leaves", other).json()["code"] == "not_your_session"
    path = f"{PATH}/leaves/{asked['leave_id']}"
    both = hospital.caller("department_head", "outpatient_doctor", staff_id=doctor)
    assert mine.post(f"{path}/decide", {"version": 1, "approve": True}).status_code == 403
    assert both.post(f"{path}/decide", {"version": 7, "approve": True}).json()["code"] == "version_conflict"
    decided = ok(office.head.post(f"{path}/decide", {"version": 1, "approve": True}))
    assert (decided["status"], decided["sessions"]) == ("approved", [session["session_id"]])
    assert status(hospital, session) == "published"
    twice(hospital)
    tasks = ok(office.clerk.get(f"{PATH}/tasks", limit=200))["items"]
    [task] = [one for one in tasks if one["session_id"] == session["session_id"]]
    assert task["kind"] == "leave"
    ok(office.clerk.post(f"{PATH}/tasks/{task['task_id']}/resolve", {"resolution": "已安排替诊"}))
    twice(hospital)
    open_tasks = {one["session_id"] for one in ok(office.clerk.get(f"{PATH}/tasks", limit=200))["items"]}
    assert session["session_id"] not in open_tasks
    assert [one["leave_id"] for one in ok(mine.get(f"{PATH}/leaves"))["items"]] == [asked["leave_id"]]
    assert ok(mine.post(f"{path}/withdraw", {"version": 2}))["status"] == "withdrawn"


def test_two_doctors_swap_when_both_and_the_head_agree(hospital: Hospital, office: Office) -> None:
    one, other = engage(hospital, office.desk), engage(hospital, office.desk)
    first = office.published(TUESDAY, "08:00", doctor_id=one)
    second = office.published(TUESDAY, "08:00", doctor_id=other)
    mine, theirs = (hospital.caller("outpatient_doctor", staff_id=doctor) for doctor in (one, other))
    body = {"session_a": first["session_id"], "session_b": second["session_id"], "reason": "互换上午"}
    assert theirs.post(f"{PATH}/swaps", body).json()["code"] == "not_your_session"
    swap = ok(mine.post(f"{PATH}/swaps", body))
    path = f"{PATH}/swaps/{swap['swap_id']}"
    early = office.head.post(f"{path}/decide", {"version": 1, "approve": True})
    assert early.json()["code"] == "schedule_request_state_wrong"
    assert mine.post(f"{path}/answer", {"version": 1, "approve": True}).json()["code"] == "not_your_session"
    ok(theirs.post(f"{path}/answer", {"version": 1, "approve": True}))
    assert ok(office.head.post(f"{path}/decide", {"version": 2, "approve": True}))["status"] == "approved"
    doctors = {
        str(row["session_id"]): row["doctor_id"]
        for row in hospital.rows(
            "SELECT session_id, doctor_id FROM outpatient.sessions WHERE doctor_id = ANY (%s)", [[one, other]]
        )
    }
    assert doctors == {first["session_id"]: other, second["session_id"]: one}
    [event] = told(hospital, "doctor_replaced", first["session_id"])
    assert (event["from_doctor_id"], event["to_doctor_id"]) == (str(one), str(other))
    own = ok(mine.get(f"{PATH}/my-sessions"))
    assert [row["session_id"] for row in own] == [second["session_id"]]


def test_an_introduction_is_shown_when_another_approved_it(hospital: Hospital, office: Office) -> None:
    doctor = engage(hospital, office.desk)
    mine = hospital.caller("outpatient_doctor", staff_id=doctor)
    body = {"specialities": ["高血压"], "introduction": "从事心血管内科工作二十年。"}
    shown = f"{PATH}/doctors/{doctor}/profile"
    for text in ("从事心血管内科工作二十年。", "擅长高血压综合管理。"):
        made = ok(mine.post(f"{PATH}/profiles", {**body, "introduction": text}))
        assert mine.get(shown).status_code == (404 if text == body["introduction"] else 200)
        waiting = ok(office.medical.get(f"{PATH}/profiles"))["items"]
        assert made["profile_id"] in {one["profile_id"] for one in waiting}
        ok(office.medical.post(f"{PATH}/profiles/{made['profile_id']}/decide", {"version": 1, "approve": True}))
        assert ok(mine.get(shown))["introduction"] == text
    again = office.medical.post(f"{PATH}/profiles/{made['profile_id']}/decide", {"version": 2, "approve": True})
    assert again.json()["code"] == "schedule_request_state_wrong"


@pytest.mark.usefixtures("pictures_store")
def test_the_picture_personnel_keep_is_shown_with_an_approved_introduction(hospital: Hospital, office: Office) -> None:
    doctor = engage(hospital, office.desk)
    mine, anybody = hospital.caller("outpatient_doctor", staff_id=doctor), hospital.caller("registrar")
    body = {"specialities": ["高血压"], "introduction": "从事心血管内科工作二十年。"}
    asked = {**body, "show_photo": True}
    before = hospital.census()
    without = mine.post(f"{PATH}/profiles", asked)
    assert (without.status_code, without.json()["code"]) == (404, "staff_picture_not_found")
    assert hospital.census() == before
    picture = {"picture": base64.b64encode(png()).decode(), "content_type": "image/png"}
    ok(hospital.caller("personnel").post(f"/api/organisation/structure/staff/{doctor}/photo", picture))
    shown = f"{PATH}/doctors/{doctor}/photo"
    plain = ok(mine.post(f"{PATH}/profiles", body))
    ok(office.medical.post(f"{PATH}/profiles/{plain['profile_id']}/decide", {"version": 1, "approve": True}))
    assert anybody.get(shown).status_code == 404, "the introduction in force shows no picture"
    made = ok(mine.post(f"{PATH}/profiles", asked))
    assert anybody.get(shown).status_code == 404, "nobody has approved it yet"
    ok(office.medical.post(f"{PATH}/profiles/{made['profile_id']}/decide", {"version": 1, "approve": True}))
    answer = anybody.get(shown)
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/png", png())
    assert ok(anybody.get(f"{PATH}/doctors/{doctor}/profile"))["show_photo"] is True
    assert hospital.caller("registrar", campus="mch").get(shown).status_code == 404, "a picture stays at its campus"
