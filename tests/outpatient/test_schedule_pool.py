"""The number pool: holds, waiting lists, a crowd, and what must be true after anything."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import pytest

from functions.outpatient.schedule import service
from functions.outpatient.schedule.problems import HoldLost
from functions.outpatient.schedule.rules import SessionFull
from shared.ids import new_id
from shared.problems import Problem
from tests.outpatient.test_schedule_scene import MONDAY, PATH, Office, channels, moment, states, told
from tests.support.clinic import ok
from tests.support.hospital import Hospital

BEGINS = moment(MONDAY, "05:00")
pytestmark = pytest.mark.usefixtures("monday")


def hold(hospital: Hospital, session: dict[str, Any], channel: str = "mini", **more: Any) -> service.SlotTaken:
    with hospital.tx("hq") as tx:
        return service.hold_slot(tx, UUID(session["session_id"]), channel, more.pop("holder", "a"), **more)


@pytest.mark.case("44", 2)
def test_two_thousand_users_hold_three_hundred_numbers(hospital: Hospital, office: Office) -> None:
    """300 numbers go on sale at 07:00:00; 2,000 users hold at once: 300 hold one each, 1,700 are refused.

    Nobody starves: of twenty who push at a time hardly one waits five times what twenty one after another take.
    """
    day = MONDAY + timedelta(days=1)
    session = office.published(
        day,
        number=10,
        each=30,
        quotas={"mini": 300},
        waves=[{"share": 100, "days_before": 1, "time": "07:00"}],
    )
    begun = perf_counter()
    for _ in range(20):
        with pytest.raises(SessionFull):
            hold(hospital, session)
    one_after_another = perf_counter() - begun
    hospital.clock.set(moment(MONDAY, "07:00"))
    seconds: list[float] = []

    def user(number: int) -> int | None:
        begun = perf_counter()
        try:
            with hospital.tx("hq") as tx:
                return service.hold_slot(tx, UUID(session["session_id"]), "mini", f"user-{number}").number
        except SessionFull:
            return None
        finally:
            seconds.append(perf_counter() - begun)

    with ThreadPoolExecutor(20) as crowd:
        numbers = list(crowd.map(user, range(2000)))
    held = [number for number in numbers if number is not None]
    assert sorted(held) == list(range(1, 301))
    assert numbers.count(None) == 1700
    assert states(hospital, session["session_id"]) == {"held": 300}
    owners = hospital.rows(
        "SELECT number, holder FROM outpatient.slots WHERE session_id = %s ORDER BY number", [session["session_id"]]
    )
    assert [row["holder"] for row in owners] == [f"user-{numbers.index(row['number'])}" for row in owners]
    assert sorted(seconds)[int(len(seconds) * 0.95)] <= 5 * one_after_another


@pytest.mark.case("44", 3)
def test_an_unpaid_hold_is_free_after_fifteen_minutes_and_the_waiting_come_first(
    hospital: Hospital, office: Office
) -> None:
    session = office.published(MONDAY, "09:00", number=1, each=1, quotas={"mini": 1})
    session_id = UUID(session["session_id"])
    hospital.clock.set(moment(MONDAY, "07:00:10"))
    held = hold(hospital, session, holder="payer")
    with hospital.tx("hq") as tx:
        assert service.expect_waiting(tx, session_id, 1)
    hospital.clock.set(moment(MONDAY, "07:15:05"))
    for waiting in (False, True):
        with pytest.raises(SessionFull):
            hold(hospital, session, holder="another", waiting=waiting)
    hospital.clock.set(moment(MONDAY, "07:15:11"))
    with pytest.raises(SessionFull):
        hold(hospital, session, holder="passer-by")
    first = hold(hospital, session, holder="first in line", waiting=True)
    assert first.slot_id == held.slot_id
    with pytest.raises(HoldLost), hospital.tx("hq") as tx:
        service.confirm_slot(tx, held.slot_id, "payer", new_id())


def test_the_minute_tells_the_waiting_of_a_hold_that_ran_out(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "09:00", number=1, each=2, quotas={"mini": 2})
    for holder in ("a", "b"):
        hold(hospital, session, holder=holder)
    with hospital.tx("hq") as tx:
        service.expect_waiting(tx, UUID(session["session_id"]), 2)
    hospital.clock.move(minutes=16)
    for _ in range(2):
        hospital.minute("outpatient/schedule", campus="hq")
    assert states(hospital, session["session_id"]) == {"free": 2}
    [event] = told(hospital, "slots_released", session["session_id"])
    assert (event["slots"], event["cause"]) == (2, "returned")
    with pytest.raises(SessionFull):
        hold(hospital, session)
    with hospital.tx("hq") as tx:
        service.expect_waiting(tx, UUID(session["session_id"]), -2)
    assert hold(hospital, session).number == 1


def test_numbers_kept_for_the_waiting_are_open_half_an_hour_before(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "09:00", number=1, each=1, quotas={"mini": 1})
    held = hold(hospital, session)
    with hospital.tx("hq") as tx:
        service.expect_waiting(tx, UUID(session["session_id"]), 1)
        assert service.drop_hold(tx, held.slot_id, "a")
    with pytest.raises(SessionFull):
        hold(hospital, session, holder="b")
    hospital.clock.set(moment(MONDAY, "08:30"))
    assert hold(hospital, session, holder="b").slot_id == held.slot_id


def test_a_payer_confirms_once_and_late_while_nobody_else_came(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "09:00", number=2, each=1, quotas={"mini": 2})
    held = hold(hospital, session, holder="slow")
    booking = new_id()
    hospital.clock.move(minutes=20)
    for _ in range(2):
        with hospital.tx("hq") as tx:
            assert service.confirm_slot(tx, held.slot_id, "slow", booking).slot_id == held.slot_id
    other = hold(hospital, session, holder="slower")
    hospital.clock.move(minutes=20)
    taken = hold(hospital, session, holder="quick")
    assert taken.slot_id == other.slot_id
    with pytest.raises(HoldLost) as lost, hospital.tx("hq") as tx:
        service.confirm_slot(tx, other.slot_id, "slower", new_id())
    assert lost.value.extra["bands"] == []
    assert states(hospital, session["session_id"]) == {"held": 1, "taken": 1}


def test_a_lost_hold_names_the_bands_still_free(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "09:00", number=2, each=1, quotas={"mini": 2})
    first = moment(MONDAY, "09:00")
    mine = hold(hospital, session, holder="slow", band_start=first)
    hospital.clock.move(minutes=16)
    hold(hospital, session, holder="quick", band_start=first)
    with pytest.raises(HoldLost) as lost, hospital.tx("hq") as tx:
        service.confirm_slot(tx, mine.slot_id, "slow", new_id())
    [band] = lost.value.extra["bands"]
    assert (datetime.fromisoformat(band["band_start"]), band["remaining"]) == (moment(MONDAY, "09:30"), 1)


def test_a_number_goes_from_booking_to_visit_and_is_used(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "09:00", number=1, each=1)
    booking, visit = new_id(), new_id()
    held = hold(hospital, session, "window")
    with hospital.tx("hq") as tx:
        service.confirm_slot(tx, held.slot_id, "a", booking)
        assert not service.hand_over_slot(tx, held.slot_id, new_id(), visit)
        assert service.hand_over_slot(tx, held.slot_id, booking, visit)
        assert not service.use_slot(tx, held.slot_id, booking)
        assert service.use_slot(tx, held.slot_id, visit)
        assert not service.return_slot(tx, held.slot_id, visit)
    assert states(hospital, session["session_id"]) == {"used": 1}


def test_a_number_given_back_after_its_band_lapses(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "09:00", number=2, each=1)
    owner = new_id()
    with hospital.tx("hq") as tx:
        taken = service.take_slot(tx, UUID(session["session_id"]), "window", owner)
    hospital.clock.set(moment(MONDAY, "09:31"))
    with hospital.tx("hq") as tx:
        assert not service.return_slot(tx, taken.slot_id, owner)
    assert states(hospital, session["session_id"]) == {"free": 1, "lapsed": 1}


def test_another_campus_holds_and_returns_nothing(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "09:00", number=1, each=1)
    owner = new_id()
    with hospital.tx("hq") as tx:
        taken = service.take_slot(tx, UUID(session["session_id"]), "window", owner)
    with hospital.tx("mch") as tx:
        assert not service.return_slot(tx, taken.slot_id, owner)
        with pytest.raises(Problem) as refused:
            service.hold_slot(tx, UUID(session["session_id"]), "window", "x")
    assert refused.value.code == "not_found"
    assert states(hospital, session["session_id"]) == {"taken": 1}


def test_bands_show_what_a_sale_would_get(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "09:00", number=2, each=2, quotas={"mini": 3, "window": 1})
    path = f"{PATH}/sessions/{session['session_id']}/bands"
    assert sum(sum(band["remaining"].values()) for band in ok(office.clerk.get(path))) == 4
    hold(hospital, session)
    shown = ok(office.clerk.get(path))
    assert [band["total"] for band in shown] == [2, 2]
    assert sum(sum(band["remaining"].values()) for band in shown) == 3
    hospital.clock.move(minutes=16)
    assert sum(sum(band["remaining"].values()) for band in ok(office.clerk.get(path))) == 4


def test_quotas_move_only_unsold_numbers(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "09:00", number=2, each=5, quotas={"mini": 6, "window": 4})
    for place in range(3):
        hold(hospital, session, holder=f"h{place}")
    path = f"{PATH}/sessions/{session['session_id']}/quotas"
    body = {"from_channel": "mini", "to_channel": "window", "count": 3, "reason": "现场排队"}
    before = hospital.census()
    refused = office.clerk.post(path, {**body, "count": 4})
    assert (refused.status_code, refused.json()["code"], refused.json()["free"]) == (409, "quota_too_small", 3)
    assert hospital.census() == before
    assert ok(office.clerk.post(path, body))["totals"] == {"mini": 3, "window": 7}
    assert channels(hospital, session["session_id"]) == {"mini": 3, "window": 7}
    [event] = told(hospital, "quota_moved", session["session_id"])
    assert (event["from_channel"], event["to_channel"], event["slots"]) == ("mini", "window", 3)


@pytest.mark.case("44", 12)
@pytest.mark.parametrize(("seed", "stopping"), [(1, True), (2, True), (3, False)])
def test_after_any_sequence_every_number_is_in_one_state_with_one_owner(
    hospital: Hospital, office: Office, seed: int, stopping: bool
) -> None:
    """50 clients hold, confirm, return and drop at random while quotas move; the session may be stopped among it.

    The sum of all states is the total; what each client believes to own is what the pool, or the stop, says.
    """
    session = office.published(MONDAY, "09:00", number=6, each=5, quotas={"mini": 20, "window": 10})
    session_id = UUID(session["session_id"])
    owned: dict[UUID, UUID] = {}
    stopper = random.Random(seed).randrange(25, 45) if stopping else None

    def client(number: int) -> None:
        rng = random.Random(seed * 1000 + number)
        holder, mine, held = f"c{number}", dict[UUID, UUID](), list[UUID]()
        for _ in range(12):
            action = rng.choice(("hold", "hold", "take", "confirm", "return", "drop", "quota"))
            try:
                with hospital.tx("hq") as tx:
                    if action == "hold":
                        slot = service.hold_slot(tx, session_id, rng.choice(("mini", "window")), holder)
                    elif action == "take":
                        owner = new_id()
                        slot = service.take_slot(tx, session_id, rng.choice(("mini", "window")), owner)
                    elif action == "confirm" and held:
                        owner = new_id()
                        slot = service.confirm_slot(tx, held[-1], holder, owner)
                    elif action == "return" and mine:
                        gone, owner = rng.choice(list(mine.items()))
                        back = service.return_slot(tx, gone, owner)
                    elif action == "drop" and held:
                        service.drop_hold(tx, held[-1], holder)
                    elif action == "quota":
                        one, other = rng.sample(("mini", "window"), 2)
                        body = {"from_channel": one, "to_channel": other, "count": 1, "reason": "调配"}
                        service.move_quota(tx, session_id, service_body(body))
                    else:
                        continue
            except Problem:
                continue
            if action == "hold":
                held.append(slot.slot_id)
            elif action in ("take", "confirm"):
                mine[slot.slot_id] = owner
                if action == "confirm":
                    held.pop()
            elif action == "return" and back:
                del mine[gone]
            elif action == "drop":
                held.pop()
        if number == stopper:
            ok(office.step(office.approver, session, "stop", 4, reason="随机停诊"))
        owned.update(mine)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(client, range(50)))
    rows = hospital.rows("SELECT * FROM outpatient.slots WHERE session_id = %s", [session_id])
    assert len(rows) == 30
    counts = Counter(row["status"] for row in rows)
    assert sum(counts[state] for state in ("free", "held", "taken", "withdrawn")) == 30
    assert sorted(row["number"] for row in rows) == list(range(1, 31))
    for row in rows:
        assert (row["status"] == "taken") == (row["owner_id"] is not None)
        assert (row["status"] == "held") == (row["held_until"] is not None)
    if stopping:
        assert set(counts) == {"withdrawn"}
        [event] = told(hospital, "session_stopped", str(session_id))
        assert {UUID(one["slot_id"]): UUID(one["owner_id"]) for one in event["affected"]} == owned
    else:
        assert {row["slot_id"]: row["owner_id"] for row in rows if row["status"] == "taken"} == owned
    assert owned


def service_body(body: dict[str, Any]) -> Any:
    from functions.outpatient.schedule.schemas.pool import MoveQuota

    return MoveQuota.model_validate(body)


def test_a_hold_by_band_gets_that_band(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "09:00", number=3, each=1, quotas={"mini": 3})
    wanted = moment(MONDAY, "10:00")
    assert hold(hospital, session, band_start=wanted).band_start == wanted
    with pytest.raises(SessionFull):
        hold(hospital, session, holder="b", band_start=wanted)
