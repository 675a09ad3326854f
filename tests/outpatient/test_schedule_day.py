"""A day of the pool: returns, freezes, ends and attendance; doctors' own matters; figures and comparisons."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.organisation.structure import service as organisation
from functions.organisation.structure.schemas.wards import DayOfCalendar, SetCalendar
from functions.outpatient.schedule import service
from functions.outpatient.schedule.problems import PoolFrozen
from functions.outpatient.schedule.rules import SessionFull
from shared.ids import new_id
from shared.problems import Problem
from tests.outpatient.test_schedule_scene import (
    MONDAY,
    PATH,
    Office,
    channels,
    engage,
    moment,
    states,
    status,
    told,
    twice,
)
from tests.support.clinic import ok
from tests.support.hospital import Hospital

TUESDAY = MONDAY + timedelta(days=1)
BEGINS = moment(MONDAY, "05:00")
pytestmark = pytest.mark.usefixtures("monday")


@pytest.mark.case("44", 7)
def test_unused_referral_numbers_return_the_evening_before(hospital: Hospital, office: Office) -> None:
    session = office.published(TUESDAY, number=4, each=4, quotas={"referral": 6, "mini": 6, "window": 4})
    for _ in range(2):
        with hospital.tx("hq") as tx:
            service.take_slot(tx, UUID(session["session_id"]), "referral", new_id())
    hospital.clock.set(moment(MONDAY, "19:59"))
    twice(hospital)
    assert channels(hospital, session["session_id"]) == {"mini": 6, "referral": 6, "window": 4}
    hospital.clock.set(moment(MONDAY, "20:00"))
    twice(hospital)
    assert channels(hospital, session["session_id"]) == {"mini": 8, "referral": 2, "window": 6}
    assert states(hospital, session["session_id"]) == {"free": 14, "taken": 2}
    moved = {
        (one["from_channel"], one["to_channel"]): one["slots"]
        for one in told(hospital, "quota_moved", session["session_id"])
    }
    assert moved == {("referral", "mini"): 2, ("referral", "window"): 2}


def test_everything_unsold_is_the_window_s_half_an_hour_before(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "10:00", number=2, each=2, quotas={"mini": 2, "phone": 1, "elder": 1})
    hospital.clock.set(moment(MONDAY, "09:29"))
    twice(hospital)
    assert "window" not in channels(hospital, session["session_id"])
    hospital.clock.set(moment(MONDAY, "09:30"))
    twice(hospital)
    first = hospital.rows(
        "SELECT channel FROM outpatient.slots WHERE session_id = %s AND number <= 2", [session["session_id"]]
    )
    assert {row["channel"] for row in first} == {"window"}
    assert channels(hospital, session["session_id"])["window"] == 2


def test_a_campus_sets_its_own_return_rule(hospital: Hospital, branch: Office) -> None:
    path = f"{PATH}/return-rules/referral"
    body = {"day_before_time": "18:00", "to_channels": ["phone"]}
    assert branch.clerk.at("mch").put(path, body).status_code == 403
    shown = ok(branch.approver.put(path, body))
    [own] = [rule for rule in shown if rule["own"]]
    assert (own["channel"], own["minute"], own["to_channels"]) == ("referral", 18 * 60, ["phone"])
    both = {**body, "before_band_minutes": 10}
    assert branch.approver.put(path, both).json()["code"] == "session_plan_invalid"
    session = branch.published(TUESDAY, quotas={"referral": 12})
    hospital.clock.set(moment(MONDAY, "18:00"))
    twice(hospital, "mch")
    assert channels(hospital, session["session_id"]) == {"phone": 12}


@pytest.mark.case("44", 10)
def test_a_campus_cut_off_keeps_its_day_for_its_windows(hospital: Hospital, branch: Office, office: Office) -> None:
    today = branch.published(MONDAY, "09:00", number=2, each=3, quotas={"mini": 3, "window": 3})
    tomorrow = branch.published(TUESDAY, "09:00", number=1, each=2, quotas={"mini": 2})
    there = office.published(MONDAY, "09:00", number=1, each=2, quotas={"mini": 2})
    session_id = UUID(today["session_id"])
    with hospital.tx("mch") as tx:
        taken = service.take_slot(tx, session_id, "window", new_id())
    frozen = ok(branch.approver.post(f"{PATH}/freezes", {"cause": "专线中断"}))
    assert (frozen["slots"], frozen["day"]) == (5, MONDAY.isoformat())
    assert branch.approver.post(f"{PATH}/freezes", {"cause": "重复"}).json()["code"] == "pool_already_frozen"
    assert states(hospital, today["session_id"]) == {"blocked": 5, "taken": 1}
    for channel in ("mini", "window"):
        with pytest.raises(PoolFrozen) as refused, hospital.tx("mch") as tx:
            service.hold_slot(tx, session_id, channel, "patient")
    assert there["session_id"] in {one["session_id"] for one in refused.value.extra["alternatives"]}
    with hospital.tx("mch") as tx:
        service.hold_slot(tx, UUID(tomorrow["session_id"]), "mini", "patient")
    # What comes back meanwhile is not sold elsewhere either; what the windows sold is booked as theirs.
    with hospital.tx("mch") as tx:
        assert service.return_slot(tx, taken.slot_id, _owner(hospital, taken.slot_id))
    with pytest.raises(PoolFrozen), hospital.tx("mch") as tx:
        service.hold_slot(tx, session_id, "window", "patient")
    with hospital.tx("mch") as tx:
        service.take_frozen_slot(tx, session_id, 1, new_id())
    with pytest.raises(Problem), hospital.tx("mch") as tx:
        service.take_frozen_slot(tx, session_id, 1, new_id())
    hospital.clock.set(moment(MONDAY, "09:31"))
    lifted = ok(branch.approver.post(f"{PATH}/freezes/lift", {"reason": "已恢复并核对"}))
    assert len(lifted) == 1
    twice(hospital, "mch")
    assert states(hospital, today["session_id"]) == {"free": 3, "lapsed": 2, "taken": 1}
    with hospital.tx("mch") as tx:
        service.hold_slot(tx, session_id, "window", "patient")
    again = branch.approver.post(f"{PATH}/freezes/lift", {"reason": "重复"})
    assert again.json()["code"] == "schedule_request_state_wrong"


def _owner(hospital: Hospital, slot_id: UUID) -> UUID:
    found: UUID = hospital.value("SELECT owner_id FROM outpatient.slots WHERE slot_id = %s", [slot_id])
    return found


def test_a_session_ends_and_its_unsold_numbers_lapse(hospital: Hospital, office: Office) -> None:
    doctor = engage(hospital, office.desk)
    session = office.published(MONDAY, "07:00", number=2, each=2, doctor_id=doctor)
    owner = new_id()
    with hospital.tx("hq") as tx:
        slot = service.take_slot(tx, UUID(session["session_id"]), "window", owner)
        service.take_slot(tx, UUID(session["session_id"]), "window", new_id())
        service.use_slot(tx, slot.slot_id, owner)
    mine = hospital.caller("outpatient_doctor", staff_id=doctor)
    stranger = hospital.caller("outpatient_doctor", staff_id=engage(hospital, office.desk))
    assert office.step(stranger, session, "open").json()["code"] == "not_your_session"
    hospital.clock.set(moment(MONDAY, "07:20"))
    for _ in range(2):
        opened = ok(office.step(mine, session, "open"))
        assert (opened["outcome"], opened["late_minutes"], status(hospital, session)) == ("late", 20, "open")
    hospital.clock.set(moment(MONDAY, "07:57:30"))
    for _ in range(2):
        closed = ok(office.step(mine, session, "close"))
        assert (closed["outcome"], closed["early_minutes"], status(hospital, session)) == ("late", 2, "closed")
    hospital.clock.set(moment(MONDAY, "08:01"))
    twice(hospital)
    assert states(hospital, session["session_id"]) == {"lapsed": 2, "taken": 1, "used": 1}
    [end] = told(hospital, "session_closed", session["session_id"])
    assert (end["used_slots"], end["missed_slots"]) == (1, 1)
    [record] = told(hospital, "attendance_recorded", session["session_id"])
    assert (record["outcome"], record["doctor_id"]) == ("late", str(doctor))
    with pytest.raises(Problem) as refused, hospital.tx("hq") as tx:
        service.take_slot(tx, UUID(session["session_id"]), "window", new_id())
    assert refused.value.code == "session_not_on_sale"


def test_who_never_signed_on_was_absent(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "07:00", number=1, doctor_id=engage(hospital, office.desk))
    hospital.clock.set(moment(MONDAY, "08:29"))
    twice(hospital)
    assert status(hospital, session) == "published"
    hospital.clock.set(moment(MONDAY, "08:31"))
    twice(hospital)
    assert status(hospital, session) == "closed"
    [record] = told(hospital, "attendance_recorded", session["session_id"])
    assert record["outcome"] == "absent"


def test_whose_first_patient_is_seen_has_begun(hospital: Hospital, office: Office) -> None:
    """No sign-on, but the doctor sees a patient at 07:20: the session began then, late, and is not absence."""
    doctor = engage(hospital, office.desk)
    session = office.published(MONDAY, "07:00", number=2, doctor_id=doctor)
    visits = [new_id() for _ in range(2)]
    with hospital.tx("hq") as tx:
        slots = [service.take_slot(tx, UUID(session["session_id"]), "window", one) for one in visits]
    hospital.clock.set(moment(MONDAY, "07:10"))
    with hospital.tx("hq") as tx:
        service.use_slot(tx, slots[0].slot_id, visits[0], engage(hospital, office.desk))
    assert status(hospital, session) == "published", "a colleague who helps out does not sign on for others"
    hospital.clock.set(moment(MONDAY, "07:20"))
    for _ in range(2):
        with hospital.tx("hq") as tx:
            service.use_slot(tx, slots[1].slot_id, visits[1], doctor)
    assert status(hospital, session) == "open"
    assert len(told(hospital, "session_opened", session["session_id"])) == 1
    hospital.clock.set(moment(MONDAY, "09:01"))
    twice(hospital)
    [record] = told(hospital, "attendance_recorded", session["session_id"])
    assert (record["outcome"], record["late_minutes"]) == ("late", 20)


def test_availability_is_told_when_it_changes(hospital: Hospital, office: Office) -> None:
    session = office.published(TUESDAY, "14:00", number=1, each=2)
    twice(hospital)
    with hospital.tx("hq") as tx:
        service.take_slot(tx, UUID(session["session_id"]), "window", new_id())
    twice(hospital)
    assert [one["remaining"] for one in told(hospital, "availability_changed", session["session_id"])] == [2, 1]


def test_a_holiday_made_later_lists_the_sessions_and_drops_none(hospital: Hospital, office: Office) -> None:
    day = MONDAY + timedelta(days=10)
    session = office.published(day)
    with hospital.tx("hq") as tx:
        organisation.set_calendar(
            tx, SetCalendar(days=[DayOfCalendar(day=day, kind="holiday", name="壮族三月三")], reason="自治区放假通知")
        )
    hospital.drain()
    twice(hospital)
    tasks = ok(office.clerk.get(f"{PATH}/tasks", limit=200))["items"]
    assert [one["kind"] for one in tasks if one["session_id"] == session["session_id"]] == ["holiday"]
    assert status(hospital, session) == "published"


def test_figures_count_what_happened(hospital: Hospital, office: Office) -> None:
    doctor = engage(hospital, office.desk)
    day = MONDAY + timedelta(days=3)
    hospital.clock.set(moment(day, "06:00"))
    good = office.published(day, "08:00", number=1, each=4, doctor_id=doctor)
    stopped = office.published(day, "14:00", number=1, each=4, doctor_id=doctor)
    ok(office.step(office.approver, stopped, "stop", 4, reason="停诊"))
    with hospital.tx("hq") as tx:
        for used in (True, False, False):
            owner = new_id()
            slot = service.take_slot(tx, UUID(good["session_id"]), "window", owner)
            if used:
                service.use_slot(tx, slot.slot_id, owner)
    ok(office.step(hospital.caller("outpatient_doctor", staff_id=doctor), good, "open"))
    hospital.clock.set(moment(day, "09:31"))
    twice(hospital)
    [figures] = [
        one for one in ok(office.clerk.get(f"{PATH}/statistics", since=day, until=day)) if one["key"] == str(doctor)
    ]
    assert {name: figures[name] for name in ("sessions", "stopped", "stopped_urgent", "stop_rate")} == {
        "sessions": 2,
        "stopped": 1,
        "stopped_urgent": 1,
        "stop_rate": "50.0",
    }
    assert (figures["held"], figures["on_time_rate"]) == (1, "100.0")
    assert (figures["numbers"], figures["utilisation"]) == (4, "75.0")
    assert (figures["used"], figures["no_show"], figures["no_show_rate"]) == (1, 2, "66.7")
    far = office.clerk.get(f"{PATH}/statistics", since=day, until=day + timedelta(days=93))
    assert far.json()["code"] == "session_plan_invalid"


@pytest.mark.case("44", 13)
def test_one_clinic_at_both_campuses_with_price_and_address(hospital: Hospital, office: Office, branch: Office) -> None:
    day = MONDAY + timedelta(days=5)
    offices = ((office, "110200002"), (branch, "110200002"))
    made = {}
    for place, item in offices:
        body = {
            "code": "obstetrics",
            "name": "产科普通门诊",
            "unit_id": str(place.desk.unit_id),
            "grade": "general",
            "fee_item_code": item,
            "standard_code": "obstetrics-general",
        }
        clinic = ok(place.clerk.post(f"{PATH}/clinics", body))["clinic_id"]
        made[place.desk.campus] = place.published(day, number=3, each=6, clinic_id=clinic)
    for _ in range(18):
        with hospital.tx("hq") as tx:
            service.take_slot(tx, UUID(made["hq"]["session_id"]), "window", new_id())
    shown = ok(hospital.caller("registrar").get(f"{PATH}/compare", day=day, standard_code="obstetrics-general"))
    assert [(one["campus_id"], one["remaining"], one["total"], one["price"]) for one in shown] == [
        ("mch", 18, 18, "20.00"),
        ("hq", 0, 18, "30.00"),
    ]
    assert {one["address"] for one in shown} == {"安和县"}
    assert [one["campus_name"] for one in shown] == ["安和县妇幼分院", "安和县总院"]
    assert shown[0]["sessions"] == [made["mch"]["session_id"]]
    with pytest.raises(SessionFull) as full, hospital.tx("hq") as tx:
        service.take_slot(tx, UUID(made["hq"]["session_id"]), "window", new_id())
    assert [one["campus_id"] for one in full.value.extra["alternatives"]] == ["mch"]


def test_the_week_grid_is_paged(hospital: Hospital, office: Office) -> None:
    day = MONDAY + timedelta(days=6)
    made = {office.published(day)["session_id"], office.draft(day)["session_id"], office.draft(day)["session_id"]}
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = ok(
            office.clerk.get(
                f"{PATH}/sessions", since=day, until=day, limit=2, **({"cursor": cursor} if cursor else {})
            )
        )
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert {one["session_id"] for one in seen} == made
    assert {one["total"] for one in seen} == {12}


def test_the_forms_are_printed_and_the_screen_shows_the_day(hospital: Hospital, office: Office, branch: Office) -> None:
    day = MONDAY + timedelta(days=12)
    hospital.clock.set(moment(day, "06:00"))
    doctor = engage(hospital, office.desk)
    going = office.published(day, "08:00", number=1, each=4, doctor_id=doctor)
    stopped = office.published(day, "10:00", number=1)
    ok(office.step(office.approver, stopped, "stop", 4, reason="停电"))
    other = str(engage(hospital, office.desk))
    ok(office.step(office.approver, going, "replace", 4, doctor_id=other, reason="会诊"))
    [change] = ok(office.clerk.get(f"{PATH}/changes", session_id=going["session_id"]))["items"]
    with hospital.tx("hq") as tx:
        service.take_slot(tx, UUID(going["session_id"]), "window", new_id())
    rows = {row["session_id"]: row for row in ok(office.clerk.get(f"{PATH}/board", day=day))}
    assert (rows[going["session_id"]]["remaining"], rows[going["session_id"]]["doctor_name"]) == (3, "覃医生")
    assert (rows[stopped["session_id"]]["status"], rows[stopped["session_id"]]["remaining"]) == ("stopped", 0)
    days = {"since": day, "until": day}
    for path, params in (
        ("timetable.pdf", days),
        ("attendance.pdf", days),
        (f"sessions/{stopped['session_id']}/stop-notice.pdf", {}),
        (f"changes/{change['change_id']}/replacement.pdf", {}),
    ):
        answer = office.approver.get(f"{PATH}/{path}", **params)
        assert (answer.status_code, answer.content[:4]) == (200, b"%PDF"), path
    wrong = office.approver.get(f"{PATH}/sessions/{going['session_id']}/stop-notice.pdf")
    assert wrong.json()["code"] == "session_state_wrong"
    assert branch.approver.get(f"{PATH}/changes/{change['change_id']}/replacement.pdf").status_code == 404
