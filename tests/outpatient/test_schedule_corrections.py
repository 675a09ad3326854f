"""Attendance set right: with a ground, by two persons, its history kept."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from integrity.runner import run
from tests.outpatient.registering import refused
from tests.outpatient.test_schedule_scene import MONDAY, PATH, Office, engage, moment, told
from tests.shared.print_probe import text_of
from tests.support.clinic import Desk, ok
from tests.support.hospital import Caller, Hospital

TUESDAY = MONDAY + timedelta(days=1)
FUNCTION = "outpatient/schedule"
BEGINS = moment(MONDAY, "05:00")
pytestmark = pytest.mark.usefixtures("monday")


class Missed:
    """A session of Tuesday morning its doctor never signed on for: 08:00-10:00."""

    def __init__(self, hospital: Hospital, office: Office) -> None:
        self.doctor_id = engage(hospital, office.desk)
        self.session = office.published(TUESDAY, doctor_id=self.doctor_id)
        self.doctor = hospital.caller("outpatient_doctor", staff_id=self.doctor_id, name="覃医生")
        self.path = f"{PATH}/sessions/{self.session['session_id']}/attendance-corrections"

    def row(self, hospital: Hospital) -> dict[str, Any]:
        return hospital.rows(
            "SELECT outcome, late_minutes, early_minutes, opened_at, closed_at FROM outpatient.session_attendances"
            " WHERE session_id = %s",
            [self.session["session_id"]],
        )[0]


def over(hospital: Hospital) -> None:
    hospital.clock.set(moment(TUESDAY, "19:00"))
    hospital.minute(FUNCTION)


def times(opened: str | None, closed: str | None, ground: str = "签到机故障，有门诊日志为证") -> dict[str, Any]:
    if opened is None or closed is None:
        return {"ground": ground}
    return {
        "opened_at": moment(TUESDAY, opened).isoformat(),
        "closed_at": moment(TUESDAY, closed).isoformat(),
        "ground": ground,
    }


def decide(caller: Caller, correction: dict[str, Any], approve: bool = True, **more: Any) -> Any:
    body = {"version": correction["version"], "approve": approve, **more}
    return caller.post(f"{PATH}/attendance-corrections/{correction['correction_id']}/decide", body)


def test_an_absence_is_set_right_by_two_persons(hospital: Hospital, office: Office) -> None:
    missed = Missed(hospital, office)
    over(hospital)
    assert missed.row(hospital)["outcome"] == "absent"
    asked = ok(missed.doctor.post(missed.path, times("07:55", "10:05")))
    assert (asked["status"], asked["before_outcome"], asked["outcome"]) == ("requested", "absent", "on_time")
    assert missed.row(hospital)["outcome"] == "absent", "nothing changes before somebody agrees"
    approver = hospital.caller("schedule_approver", name="蓝敏")
    waiting = ok(approver.get(f"{PATH}/attendance-corrections", limit=200))["items"]
    assert asked["correction_id"] in {one["correction_id"] for one in waiting}
    done = ok(decide(approver, asked, note="日志属实"))
    assert (done["status"], done["decided_by_name"], done["decide_note"]) == ("approved", "蓝敏", "日志属实")
    row = missed.row(hospital)
    assert (row["outcome"], row["late_minutes"], row["opened_at"]) == ("on_time", 0, moment(TUESDAY, "07:55"))
    event = told(hospital, "attendance_recorded", missed.session["session_id"])[-1]
    assert (event["outcome"], event["corrected"]) == ("on_time", True)
    figures = ok(approver.get(f"{PATH}/statistics", since=TUESDAY.isoformat(), until=TUESDAY.isoformat()))
    (mine,) = [one for one in figures if one["key"] == str(missed.doctor_id)]
    assert (mine["on_time"], mine["held"]) == (1, 1)
    sheet = approver.get(f"{PATH}/attendance.pdf", since=TUESDAY.isoformat(), until=TUESDAY.isoformat())
    assert "（更正）" in "".join("".join(text_of(sheet.content)).split())


def test_the_history_stays_and_is_the_doctor_s_and_the_office_s(hospital: Hospital, office: Office) -> None:
    missed = Missed(hospital, office)
    over(hospital)
    clerk, approver = hospital.caller("schedule_clerk"), hospital.caller("schedule_approver")
    first = ok(clerk.post(missed.path, times("08:30", "10:00", "医生口述，排班员代办")))
    assert first["outcome"] == "late"
    ok(decide(approver, first))
    assert missed.row(hospital)["late_minutes"] == 30
    second = ok(missed.doctor.post(missed.path, times("08:00", "10:00")))
    ok(decide(approver, second, approve=False, note="监控显示 8:30 到岗"))
    assert missed.row(hospital)["late_minutes"] == 30
    third = ok(missed.doctor.post(missed.path, times(None, None, "当日由他人顶替")))
    assert third["outcome"] == "absent"
    ok(decide(approver, third))
    row = missed.row(hospital)
    assert (row["outcome"], row["opened_at"], row["late_minutes"]) == ("absent", None, 0)
    history = ok(missed.doctor.get(missed.path))
    assert [(one["before_outcome"], one["outcome"], one["status"]) for one in history] == [
        ("absent", "late", "approved"),
        ("late", "on_time", "refused"),
        ("late", "absent", "approved"),
    ]
    assert ok(clerk.get(missed.path)) == history
    stranger = hospital.caller("outpatient_doctor")
    answer = stranger.get(missed.path)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_your_session")


def test_what_cannot_be_asked(hospital: Hospital, office: Office, desks: dict[str, Desk]) -> None:
    missed = Missed(hospital, office)
    refused(hospital, missed.doctor, missed.path, times("08:00", "10:00"), 409, "session_state_wrong")
    over(hospital)
    for wrong in (("05:59", "10:00"), ("08:00", "19:30"), ("10:00", "10:30"), ("09:00", "08:59")):
        refused(hospital, missed.doctor, missed.path, times(*wrong), 422, "attendance_correction_invalid")
    refused(hospital, missed.doctor, missed.path, times(None, None), 422, "attendance_correction_invalid")
    other = hospital.caller("outpatient_doctor")
    before = hospital.value("SELECT count(*) FROM outpatient.attendance_corrections")
    answer = other.post(missed.path, times("08:00", "10:00"))
    assert (answer.status_code, answer.json()["code"]) == (403, "not_your_session")
    assert missed.doctor.post(missed.path, {**times("08:00", "10:00"), "closed_at": None}).status_code == 422
    assert hospital.value("SELECT count(*) FROM outpatient.attendance_corrections") == before
    elsewhere = hospital.caller("schedule_clerk", campus="mch")
    refused(hospital, elsewhere, missed.path, times("08:00", "10:00"), 404, "not_found")


def test_who_decides_is_another_and_decides_once(hospital: Hospital, office: Office) -> None:
    missed = Missed(hospital, office)
    over(hospital)
    both = hospital.caller("schedule_clerk", "schedule_approver")
    asked = ok(both.post(missed.path, times("08:00", "10:00")))
    path = f"{PATH}/attendance-corrections/{asked['correction_id']}/decide"
    body = {"version": 1, "approve": True}
    refused(hospital, both, path, body, 422, "same_person")
    himself = hospital.caller("schedule_approver", staff_id=missed.doctor_id)
    refused(hospital, himself, path, body, 422, "same_person")
    refused(hospital, missed.doctor, missed.path, times("08:05", "10:00"), 409, "attendance_correction_waiting")
    approver = hospital.caller("schedule_approver")
    refused(hospital, approver, path, {**body, "version": 2}, 409, "version_conflict")
    refused(hospital, hospital.caller("schedule_approver", campus="mch"), path, body, 404, "not_found")
    ok(approver.post(path, body))
    refused(hospital, approver, path, {**body, "version": 2}, 409, "attendance_correction_decided")
    with pytest.raises(psycopg.errors.CheckViolation):
        hospital.execute(
            "UPDATE outpatient.attendance_corrections SET decided_by = requested_by WHERE correction_id = %s",
            [asked["correction_id"]],
        )


def test_corrections_that_wait_are_paged(hospital: Hospital, office: Office) -> None:
    missed = [Missed(hospital, office) for _ in range(3)]
    over(hospital)
    asked = [ok(one.doctor.post(one.path, times("08:00", "10:00")))["correction_id"] for one in missed]
    approver = hospital.caller("schedule_approver")
    first = ok(approver.get(f"{PATH}/attendance-corrections", limit=2))
    rest = ok(approver.get(f"{PATH}/attendance-corrections", limit=2, cursor=first["next"]))
    assert [one["correction_id"] for one in (*first["items"], *rest["items"])] == asked
    assert ok(hospital.caller("schedule_approver", campus="mch").get(f"{PATH}/attendance-corrections"))["items"] == []


def test_attendance_other_than_what_was_approved_is_found(hospital: Hospital, office: Office) -> None:
    missed = Missed(hospital, office)
    over(hospital)
    ok(decide(hospital.caller("schedule_approver"), ok(missed.doctor.post(missed.path, times("08:30", "10:00")))))
    ok(missed.doctor.post(missed.path, times("08:00", "10:00")))
    name = frozenset({"outpatient.schedule_attendance"})
    assert run(hospital.settings.auditor_database_url, name)[0].rows == []
    hospital.execute(
        "UPDATE outpatient.session_attendances SET outcome = 'on_time' WHERE session_id = %s",
        [missed.session["session_id"]],
    )
    (found,) = run(hospital.settings.auditor_database_url, name)
    assert [str(row["session_id"]) for row in found.rows] == [missed.session["session_id"]]
