"""Templates, generation, the check, and publication: of one session and of a whole week."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.outpatient.test_schedule_scene import (
    MONDAY,
    PATH,
    Office,
    channels,
    engage,
    moment,
    new_room,
    plan,
    states,
    told,
)
from tests.support.clinic import Desk, ok
from tests.support.hospital import Hospital

NEXT = MONDAY + timedelta(days=7)
BEGINS = moment(MONDAY, "05:00")
pytestmark = pytest.mark.usefixtures("monday")


def template(hospital: Hospital, desk: Desk, **more: Any) -> dict[str, Any]:
    return {
        "clinic_id": desk.clinic["clinic_id"],
        "room_id": str(more.pop("room_id", None) or new_room(hospital, desk)),
        "weekday": 1,
        "part": "morning",
        "bands": [{"starts": "08:00", "ends": "08:30", "count": 5}, {"starts": "08:30", "ends": "09:00", "count": 5}],
        "quotas": {"mini": 6, "window": 4},
        "valid_from": MONDAY.isoformat(),
        **{key: str(value) if isinstance(value, UUID) else value for key, value in more.items()},
    }


def active(hospital: Hospital, office: Office, **more: Any) -> dict[str, Any]:
    made = ok(office.clerk.post(f"{PATH}/templates", template(hospital, office.desk, **more)))
    shown: dict[str, Any] = ok(office.clerk.post(f"{PATH}/templates/{made['template_id']}/activate", {"version": 1}))
    return shown


def test_a_template_makes_drafts_week_after_week_and_only_once(hospital: Hospital, office: Office) -> None:
    made = active(hospital, office, week_parity="odd", doctor_id=engage(hospital, office.desk))
    body = {"monday": NEXT.isoformat(), "weeks": 4}
    first = ok(office.clerk.post(f"{PATH}/generate", body))
    rows = hospital.rows(
        "SELECT day, status FROM outpatient.sessions WHERE template_id = %s ORDER BY day", [made["template_id"]]
    )
    assert [row["day"].isocalendar().week % 2 for row in rows] == [1, 1]
    assert {row["status"] for row in rows} == {"draft"}
    assert {row["day"] for row in rows} == {NEXT, NEXT + timedelta(days=14)}
    again = ok(office.clerk.post(f"{PATH}/generate", body))
    assert (again["sessions"], again["skipped"]) == ([], len(first["sessions"]))
    ended = ok(
        office.clerk.post(f"{PATH}/templates/{made['template_id']}/end", {"version": 2, "last_day": NEXT.isoformat()})
    )
    assert (ended["status"], ended["valid_to"]) == ("active", NEXT.isoformat())


def test_holidays_make_nothing_and_a_swapped_day_counts_as_its_weekday(hospital: Hospital, office: Office) -> None:
    made = active(hospital, office)
    monday = NEXT + timedelta(days=70)
    sunday = monday + timedelta(days=6)
    body = {
        "monday": monday.isoformat(),
        "closed_days": [monday.isoformat()],
        "swapped": {sunday.isoformat(): 1},
    }
    ok(office.clerk.post(f"{PATH}/generate", body))
    days = hospital.rows("SELECT day FROM outpatient.sessions WHERE template_id = %s", [made["template_id"]])
    assert [row["day"] for row in days] == [sunday]
    assert (
        office.clerk.post(f"{PATH}/generate", {"monday": sunday.isoformat()}).json()["code"] == "session_plan_invalid"
    )


def test_a_template_that_overlaps_stays_a_draft_and_both_are_named(hospital: Hospital, office: Office) -> None:
    doctor = engage(hospital, office.desk)
    one = active(hospital, office, doctor_id=doctor)
    other = ok(office.clerk.post(f"{PATH}/templates", template(hospital, office.desk, doctor_id=doctor)))
    path = f"{PATH}/templates/{other['template_id']}/activate"
    refused = office.clerk.post(path, {"version": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "template_overlaps")
    assert set(refused.json()["templates"]) == {one["template_id"], other["template_id"]}
    listed = {
        item["template_id"]: item["status"] for item in ok(office.clerk.get(f"{PATH}/templates", limit=200))["items"]
    }
    assert (listed[one["template_id"]], listed[other["template_id"]]) == ("active", "draft")
    assert active(hospital, office, doctor_id=doctor, weekday=2)["status"] == "active"
    assert office.clerk.post(path, {"version": 7}).json()["code"] == "version_conflict"


def test_a_draft_is_edited_split_and_discarded(hospital: Hospital, office: Office) -> None:
    made = office.draft(NEXT, quotas={"mini": 8, "window": 4})
    assert states(hospital, made["session_id"]) == {}
    path = f"{PATH}/sessions/{made['session_id']}"
    body = plan(hospital, office.desk, NEXT, "09:00", number=4, each=3, quotas={"mini": 9, "window": 4})
    refused = office.clerk.put(path, {**body, "version": 1})
    assert (refused.status_code, refused.json()["total"], refused.json()["quotas"]) == (422, 12, 13)
    edited = ok(office.clerk.put(path, {**body, "quotas": {"mini": 8, "window": 4}, "version": 1}))
    assert (edited["slots"], edited["version"]) == (12, 2)
    assert office.clerk.put(path, {**body, "version": 1}).json()["code"] == "version_conflict"
    parts = ok(office.clerk.post(f"{path}/split", {"version": 2, "at": moment(NEXT, "10:00").isoformat()}))
    assert [part["slots"] for part in parts] == [6, 6]
    assert parts[0]["session_id"] == made["session_id"]
    ok(office.step(office.clerk, parts[1], "discard", 1))
    assert office.step(office.clerk, parts[1], "submit", 2).status_code == 404
    ok(office.step(office.clerk, parts[0], "submit", 3))
    assert office.step(office.clerk, parts[0], "discard", 4).json()["code"] == "session_state_wrong"
    back = ok(office.step(office.approver, parts[0], "send-back", 4))
    assert back["status"] == "draft"


def test_last_week_is_copied_where_its_place_is_free(hospital: Hospital, office: Office) -> None:
    source, target = NEXT + timedelta(days=21), NEXT + timedelta(days=28)
    one = office.draft(source)
    other = office.draft(source + timedelta(days=1), doctor_id=engage(hospital, office.desk))
    office.draft(target, room_id=one["room_id"])
    made = ok(
        office.clerk.post(f"{PATH}/copy-week", {"from_monday": source.isoformat(), "to_monday": target.isoformat()})
    )
    assert made["skipped"] >= 1
    copies = [ok(office.clerk.get(f"{PATH}/sessions", since=target, until=target + timedelta(days=6)))["items"]]
    doctors = {row["doctor_id"] for row in copies[0] if row["session_id"] in made["sessions"]}
    assert other["doctor_id"] in doctors
    assert not any(row["room_id"] == one["room_id"] and row["session_id"] in made["sessions"] for row in copies[0])


def test_waves_put_numbers_on_sale_at_their_time(hospital: Hospital, office: Office) -> None:
    day = MONDAY + timedelta(days=14)
    made = office.published(
        day,
        number=5,
        each=4,
        quotas={"mini": 14, "window": 6},
        waves=[
            {"share": 60, "days_before": 14, "time": "07:00"},
            {"share": 30, "days_before": 1, "time": "18:00"},
            {"share": 10, "manual": True},
        ],
    )

    def left() -> int:
        page = ok(office.clerk.get(f"{PATH}/availability", day=day, limit=200))
        [one] = [item for item in page["items"] if item["session_id"] == made["session_id"]]
        return sum(one["remaining"].values())

    assert left() == 0
    hospital.clock.set(moment(MONDAY, "07:00"))
    assert left() == 12
    hospital.clock.set(moment(day - timedelta(days=1), "18:00"))
    assert left() == 18
    # The minute's work was not run for two weeks: every due wave is told once.
    for _ in range(2):
        hospital.minute("outpatient/schedule", campus="hq")
    assert [event["slots"] for event in told(hospital, "slots_released", made["session_id"])] == [12, 6]
    released = ok(office.clerk.post(f"{PATH}/sessions/{made['session_id']}/release", {"reason": "加放", "count": 1}))
    assert (released["slots"], left()) == (1, 19)
    assert ok(office.clerk.post(f"{PATH}/sessions/{made['session_id']}/release", {"reason": "加放"}))["slots"] == 1
    empty = office.clerk.post(f"{PATH}/sessions/{made['session_id']}/release", {"reason": "加放"})
    assert empty.json()["code"] == "quota_too_small"
    assert channels(hospital, made["session_id"]) == {"mini": 14, "window": 6}


def test_waves_must_be_the_whole(hospital: Hospital, office: Office) -> None:
    body = plan(hospital, office.desk, NEXT, waves=[{"share": 70, "days_before": 14, "time": "07:00"}])
    refused = office.clerk.post(f"{PATH}/sessions", body)
    assert (refused.status_code, refused.json()["code"], refused.json()["total"]) == (422, "session_plan_invalid", 70)
    both = plan(hospital, office.desk, NEXT, waves=[{"share": 100, "manual": True, "time": "07:00"}])
    assert office.clerk.post(f"{PATH}/sessions", both).status_code == 422


def test_two_publish_the_same_week_and_one_learns_what_differs(hospital: Hospital, office: Office) -> None:
    monday = NEXT + timedelta(days=35)
    made = [office.approved(monday + timedelta(days=place)) for place in range(5)]
    body = {"sessions": [{"session_id": one["session_id"], "version": 3} for one in made]}
    second = hospital.caller("schedule_approver")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda who: who.post(f"{PATH}/steps/publish", body), (office.approver, second)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [good] = [answer.json() for answer in answers if answer.status_code == 200]
    [bad] = [answer.json() for answer in answers if answer.status_code == 409]
    assert good == {"sessions": 5, "slots": 60}
    assert (bad["code"], {one["status"] for one in bad["sessions"]}) == ("schedule_changed", {"published"})
    assert len(bad["sessions"]) == 5
    assert all(states(hospital, one["session_id"]) == {"free": 12} for one in made)
    assert all(len(told(hospital, "schedule_published", one["session_id"])) == 1 for one in made)


def test_a_week_with_an_error_is_not_published_at_all(hospital: Hospital, office: Office) -> None:
    monday = NEXT + timedelta(days=42)
    doctor = engage(hospital, office.desk)
    good = office.approved(monday)
    one, other = (office.approved(monday + timedelta(days=1), start, doctor_id=doctor) for start in ("08:00", "09:00"))
    body = {"sessions": [{"session_id": made["session_id"], "version": 3} for made in (good, one, other)]}
    before = hospital.census()
    refused = office.approver.post(f"{PATH}/steps/publish", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "schedule_has_errors")
    assert {found["code"] for found in refused.json()["findings"]} == {"doctor_session_overlap"}
    assert {found["session_id"] for found in refused.json()["findings"]} == {one["session_id"], other["session_id"]}
    assert hospital.census() == before
    found = ok(office.clerk.get(f"{PATH}/check", since=monday, until=monday + timedelta(days=6)))
    assert {(item["code"], item["level"]) for item in found if item["other_id"]} == {
        ("doctor_session_overlap", "error")
    }
    assert "elder_share_low" in {item["code"] for item in found}


def test_a_whole_week_is_submitted_approved_and_published(hospital: Hospital, office: Office) -> None:
    monday = NEXT + timedelta(days=49)
    active(hospital, office, weekday=3)
    made = ok(office.clerk.post(f"{PATH}/generate", {"monday": monday.isoformat()}))["sessions"]
    seen = [{"session_id": one, "version": 1} for one in made]
    assert ok(office.clerk.post(f"{PATH}/steps/submit", {"sessions": seen}))["sessions"] == len(made)
    both = hospital.caller("schedule_clerk", "schedule_approver")
    mine = office.clerk.post(f"{PATH}/steps/approve", {"sessions": seen})
    assert mine.json()["code"] == "permission_denied"
    for version, action in ((2, "approve"), (3, "publish")):
        body = {"sessions": [{"session_id": one, "version": version} for one in made]}
        assert ok(both.post(f"{PATH}/steps/{action}", body))["sessions"] == len(made)


def test_a_clinic_is_changed_with_its_version(hospital: Hospital, office: Office) -> None:
    body = {
        "code": "evening",
        "name": "夜间门诊",
        "unit_id": str(office.desk.unit_id),
        "grade": "general",
        "fee_item_code": "110200001",
        "standard_code": "internal-evening",
        "questions": ["近 14 天是否发热？"],
    }
    made = ok(office.clerk.post(f"{PATH}/clinics", body))
    path = f"{PATH}/clinics/{made['clinic_id']}"
    room = new_room(hospital, office.desk)
    changed = ok(office.clerk.put(path, {**body, "name": "夜间内科", "room_ids": [str(room)], "version": 1}))
    assert (changed["name"], changed["version"], changed["questions"]) == ("夜间内科", 2, body["questions"])
    assert office.clerk.put(path, {**body, "version": 1}).json()["code"] == "version_conflict"
    assert office.clerk.put(path, {**body, "code": "other", "version": 2}).json()["code"] == "session_plan_invalid"
    elsewhere = plan(hospital, office.desk, NEXT, clinic_id=made["clinic_id"])
    assert office.clerk.post(f"{PATH}/sessions", elsewhere).json()["code"] == "session_plan_invalid"
    there = plan(hospital, office.desk, NEXT, clinic_id=made["clinic_id"], room_id=room)
    assert office.clerk.post(f"{PATH}/sessions", there).status_code == 201


def test_only_the_schedule_s_people_make_it(hospital: Hospital, office: Office) -> None:
    body = plan(hospital, office.desk, NEXT)
    before = hospital.census()
    assert hospital.anonymous().post(f"{PATH}/sessions", json=body).status_code == 401
    assert hospital.caller("registrar").post(f"{PATH}/sessions", body).status_code == 403
    assert hospital.caller("outpatient_doctor").post(f"{PATH}/generate", {"monday": "2026-03-09"}).status_code == 403
    assert hospital.census() == before
