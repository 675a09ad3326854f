"""Clinic schedule: planning, two people, the number pool under a crowd, stopping."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.outpatient.schedule import service
from functions.outpatient.schedule.rules import Band, PlanInvalid, SessionFull, plan_slots
from shared.ids import new_id
from shared.problems import Problem
from tests.support.clinic import Desk, ok, put_on_sale
from tests.support.hospital import Hospital

PATH = "/api/outpatient/schedule"


@pytest.fixture
def session(hospital: Hospital, desks: dict[str, Desk]) -> Iterator[dict]:
    """A session of ten numbers on sale; stopped afterwards so that its room is free for the next test."""
    made = put_on_sale(hospital, desks["hq"])
    yield made
    hospital.execute("UPDATE outpatient.sessions SET status = 'closed' WHERE session_id = %s", [made["session_id"]])


bands = st.lists(st.integers(1, 12), min_size=1, max_size=8)


@given(counts=bands, data=st.data())
def test_numbers_follow_the_bands_and_the_quotas(counts: list[int], data: st.DataObject) -> None:
    from datetime import UTC, datetime, timedelta

    start = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
    plan = [
        Band(start + timedelta(minutes=30 * place), start + timedelta(minutes=30 * place + 30), count)
        for place, count in enumerate(counts)
    ]
    total = sum(counts)
    cut = sorted(data.draw(st.lists(st.integers(0, total), min_size=2, max_size=2)))
    quotas = {"window": cut[0], "mini": cut[1] - cut[0], "elder": total - cut[1]}
    slots = plan_slots(start.date(), list(reversed(plan)), quotas)
    assert [slot.number for slot in slots] == list(range(1, total + 1))
    assert [slot.band_start for slot in slots] == sorted(slot.band_start for slot in slots)
    for channel, quota in quotas.items():
        assert sum(slot.channel == channel for slot in slots) == quota
    with pytest.raises(PlanInvalid):
        plan_slots(start.date(), plan, {**quotas, "window": quotas["window"] + 1})


def test_a_small_quota_is_not_left_to_the_end() -> None:
    from datetime import UTC, datetime

    band = Band(datetime(2026, 3, 2, 1, tzinfo=UTC), datetime(2026, 3, 2, 4, tzinfo=UTC), 12)
    slots = plan_slots(band.starts_at.date(), [band], {"window": 9, "elder": 3})
    places = [slot.number for slot in slots if slot.channel == "elder"]
    assert places[0] <= 4
    assert places[1] <= 8


@pytest.mark.case("44", 1)
def test_quotas_must_add_up(hospital: Hospital, desks: dict[str, Desk]) -> None:
    made = put_on_sale(
        hospital, desks["hq"], numbers=42, bands=7, quotas={"mini": 24, "window": 10, "elder": 8}, desk_no=7
    )
    assert made["slots"] == 42
    before = hospital.census()
    with pytest.raises(AssertionError, match="session_plan_invalid"):
        put_on_sale(
            hospital, desks["hq"], numbers=42, bands=7, quotas={"mini": 25, "window": 10, "elder": 8}, desk_no=8
        )
    assert hospital.census() == before


def test_who_drafts_does_not_approve(hospital: Hospital, desks: dict[str, Desk]) -> None:
    both = hospital.caller("schedule_clerk", "schedule_approver")
    other = hospital.caller("schedule_clerk")
    body = {
        "clinic_id": desks["hq"].clinic["clinic_id"],
        "room_id": str(desks["hq"].room_id),
        "desk": 9,
        "day": "2031-03-03",
        "part": "morning",
        "bands": [{"starts_at": "2031-03-03T08:00:00+08:00", "ends_at": "2031-03-03T09:00:00+08:00", "count": 2}],
        "quotas": {"window": 2},
    }
    made = ok(both.post(f"{PATH}/sessions", body))
    path = f"{PATH}/sessions/{made['session_id']}"
    ok(both.post(f"{path}/submit", {"version": 1}))
    assert both.post(f"{path}/approve", {"version": 2}).json()["code"] == "same_person"
    assert other.post(f"{path}/approve", {"version": 2}).json()["code"] == "permission_denied"
    office = hospital.caller("schedule_approver")
    stale = office.post(f"{path}/approve", {"version": 1})
    assert (stale.status_code, stale.json()["code"], stale.json()["current_version"]) == (409, "version_conflict", 2)
    assert office.post(f"{path}/publish", {"version": 2}).json()["code"] == "session_state_wrong"


def test_a_room_is_not_given_twice(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    with pytest.raises(AssertionError, match="room_session_overlap"):
        put_on_sale(hospital, desks["hq"])


def test_the_other_campus_shows_and_changes_nothing(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    clerk = hospital.caller("schedule_approver", campus="mch")
    before = hospital.census()
    stopped = clerk.post(f"{PATH}/sessions/{session['session_id']}/stop", {"version": 4, "reason": "x"})
    assert (stopped.status_code, stopped.json()["code"]) == (404, "not_found")
    assert hospital.census() == before
    seen = ok(
        hospital.caller("registrar", campus="mch").get(f"{PATH}/availability", day=session["day"], campus=["hq", "mch"])
    )
    assert session["session_id"] in {item["session_id"] for item in seen["items"]}


def test_both_campuses_compare_by_the_standard_clinic(
    hospital: Hospital, desks: dict[str, Desk], session: dict
) -> None:
    other = put_on_sale(hospital, desks["mch"], numbers=3)
    hospital.execute("UPDATE outpatient.slots SET status = 'lapsed' WHERE session_id = %s", [session["session_id"]])
    caller = hospital.caller("registrar")
    page = ok(
        caller.get(f"{PATH}/availability", day=session["day"], campus=["hq", "mch"], standard_code="internal-general")
    )
    left = {item["session_id"]: sum(item["remaining"].values()) for item in page["items"]}
    assert left[session["session_id"]] == 0
    assert left[other["session_id"]] == 3


def test_a_crowd_takes_each_number_once(hospital: Hospital, session: dict) -> None:
    """60 at once on 10 numbers: exactly 10 take one, each another; the rest are told where numbers are left."""

    def take(_: int) -> int | None:
        try:
            with hospital.tx("hq") as tx:
                return service.take_slot(tx, session["session_id"], "window", new_id()).number
        except SessionFull:
            return None

    with ThreadPoolExecutor(16) as pool:
        taken = [number for number in pool.map(take, range(60)) if number is not None]
    assert sorted(taken) == list(range(1, 11))


def test_a_number_given_back_by_a_roll_back_is_sold(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    """Someone who finds every number being taken waits, and gets the one whose taker failed."""
    hospital.execute(
        "UPDATE outpatient.slots SET status = 'lapsed' WHERE session_id = %s AND number > 1", [session["session_id"]]
    )

    class Failed(Problem):
        pass

    import threading

    holding, fail = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with hospital.tx("hq") as tx:
                service.take_slot(tx, session["session_id"], "window", new_id())
                holding.set()
                fail.wait(10)
                raise Failed("the first buyer is refused for another reason")
        except Failed:
            pass

    first = threading.Thread(target=hold)
    first.start()
    assert holding.wait(10)
    with ThreadPoolExecutor(1) as pool:

        def second() -> int:
            with hospital.tx("hq") as tx:
                return service.take_slot(tx, session["session_id"], "window", new_id()).number

        waiting = pool.submit(second)
        fail.set()
        assert waiting.result(10) == 1
    first.join()


def test_a_past_band_is_not_sold(hospital: Hospital, session: dict) -> None:
    hospital.clock.move(minutes=40)
    try:
        with pytest.raises(Problem) as refused, hospital.tx("hq") as tx:
            service.take_slot(tx, session["session_id"], "window", new_id())
        assert refused.value.code == "session_not_on_sale"
    finally:
        hospital.clock.move(minutes=-40)


def test_channels_keep_to_their_numbers(hospital: Hospital, desks: dict[str, Desk]) -> None:
    made = put_on_sale(hospital, desks["hq"], numbers=4, quotas={"mini": 3, "window": 1}, desk_no=3)
    with hospital.tx("hq") as tx:
        service.take_slot(tx, made["session_id"], "window", new_id())
    with pytest.raises(SessionFull), hospital.tx("hq") as tx:
        service.take_slot(tx, made["session_id"], "window", new_id())
    with hospital.tx("hq") as tx:
        assert service.take_slot(tx, made["session_id"], "mini", new_id()).number >= 1


def test_every_number_is_in_one_state_with_at_most_one_owner(hospital: Hospital, session: dict) -> None:
    """Fifty buyers take and give back at once; the numbers of the session stay what they were."""

    def live(_: int) -> None:
        owner = new_id()
        try:
            with hospital.tx("hq") as tx:
                slot = service.take_slot(tx, session["session_id"], "window", owner)
        except SessionFull:
            return
        with hospital.tx("hq") as tx:
            assert service.return_slot(tx, slot.slot_id, owner)
            assert not service.return_slot(tx, slot.slot_id, owner)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(live, range(50)))
    states = hospital.rows(
        "SELECT status, count(*) AS n, count(owner_id) AS owned FROM outpatient.slots WHERE session_id = %s GROUP BY 1",
        [session["session_id"]],
    )
    assert states == [{"status": "free", "n": 10, "owned": 0}]


def test_stopping_twice_is_stopping_once(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    office = hospital.caller("schedule_approver")
    path = f"{PATH}/sessions/{session['session_id']}/stop"
    first = ok(office.post(path, {"version": 4, "reason": "医生外出"}))
    again = ok(office.post(path, {"version": 5, "reason": "医生外出"}))
    assert first["status"] == again["status"] == "stopped"
    assert len([e for e in hospital.events("session_stopped") if e["subject"] == session["session_id"]]) == 1
    assert (
        hospital.value(
            "SELECT count(*) FROM outpatient.slots WHERE session_id = %s AND status = 'withdrawn'",
            [session["session_id"]],
        )
        == 10
    )
    with pytest.raises(Problem) as refused, hospital.tx("hq") as tx:
        service.take_slot(tx, session["session_id"], "window", new_id())
    assert refused.value.code == "session_not_on_sale"
