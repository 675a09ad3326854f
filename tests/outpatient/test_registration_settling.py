"""Fees the system sets right: each for itself, again when something stood against it, never twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import CreateUnit, UnitKind
from functions.outpatient.registration import service
from functions.outpatient.registration.schemas import CancelReason
from integrity.runner import run
from shared.schemas import SHANGHAI
from tests.outpatient.registering import (
    REGISTRATION,
    VISITS,
    charges_of,
    clinic_of,
    emergency_clinic,
    refused,
    visit_row,
)
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
from tests.support.hospital import Hospital, cloned_hospital

MODULE = "outpatient/registration"
SCHEDULE = "/api/outpatient/schedule"
SETTLEMENTS = "/api/payments/billing/settlements"


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital() as one:
        one.clock.set(datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI))
        yield one


@pytest.fixture(scope="module")
def desks(hospital: Hospital) -> dict[str, Desk]:
    made = open_hospital(hospital)
    open_shift(made["hq"])
    return made


def people(desk: Desk, count: int, born: str) -> list[str]:
    return [register_person(desk.registrar, resident_id(n, born=born), name="农秀英") for n in range(count)]


def change(hospital: Hospital, session: dict[str, Any], act: str, version: int = 4, **body: Any) -> dict[str, Any]:
    path = f"{SCHEDULE}/sessions/{session['session_id']}/{act}"
    changed = hospital.caller("schedule_approver").post(path, {"version": version, "reason": "医生外出急救", **body})
    return dict(ok(changed))


def waiting(hospital: Hospital) -> list[dict[str, Any]]:
    lead = hospital.caller("registrar")
    return list(ok(lead.get(f"{REGISTRATION}/fee-corrections"))["items"])


def test_a_bill_that_is_being_paid_keeps_nobody_else_waiting(hospital: Hospital, desks: dict[str, Desk]) -> None:
    """Three visits of a stopped session, one on the patient's phone just now: all are cancelled at once, two refunded
    at once, the third when it is paid, and once."""
    desk = desks["hq"]
    session = put_on_sale(hospital, desk, numbers=3, desk_no=2)
    visits = [register_visit(desk.registrar, one, session) for one in people(desk, 3, "19750101")]
    for visit in visits[:2]:
        pay_cash(desk.registrar, visit)
    paying = visits[2]
    body = {"charge_ids": [one["charge_id"] for one in paying["charges"]], "expected_total": paying["fee"]}
    started = ok(desk.registrar.post(f"{SETTLEMENTS}/start", body))
    change(hospital, session, "stop")
    hospital.drain()
    assert [visit_row(hospital, one)["status"] for one in visits] == ["cancelled"] * 3
    assert [charges_of(hospital, one)[0][1] for one in visits] == ["refunding", "refunding", "locked"]
    [held] = waiting(hospital)
    assert (held["encounter_id"], held["kind"]) == (paying["encounter_id"], "give_back")
    assert "正在收费窗口" in held["refusal"]

    hospital.minute(MODULE)
    [still] = waiting(hospital)
    assert still["tries"] == held["tries"], "not tried again within the minute"
    tender = {"method": "cash", "amount": paying["fee"], "received": paying["fee"]}
    ok(desk.registrar.post(f"{SETTLEMENTS}/{started['settlement_id']}/tenders", tender))
    hospital.clock.move(minutes=2)
    hospital.minute(MODULE)
    hospital.minute(MODULE)
    assert waiting(hospital) == []
    assert charges_of(hospital, paying) == [(str(FEE["hq"]), "refunding")]
    refunds = hospital.value(
        "SELECT count(*) FROM payments.refund_lines JOIN payments.charges USING (charge_id) WHERE encounter_id = %s",
        [paying["encounter_id"]],
    )
    assert refunds == 1
    assert broken(hospital) == []


CHECKS = frozenset(
    {
        "money.visit_fee",
        "outpatient.slot_has_one_visit",
        "outpatient.slot_owner_once",
        "outpatient.visit_has_its_slot",
        "outpatient.visit_of_stopped_session",
        "outpatient.visit_where_its_slot_is",
        "outpatient.fee_correction_waiting",
    }
)


def broken(hospital: Hospital) -> list[str]:
    """Checks of numbers, visits and fees that do not hold."""
    return [one.name for one in run(hospital.settings.auditor_database_url, CHECKS) if not one.holds]


DAMAGE = {
    "outpatient.visit_where_its_slot_is": (
        "UPDATE outpatient.visits SET band_start = band_start + interval '1 hour' WHERE encounter_id = %s",
        "UPDATE outpatient.visits SET band_start = band_start - interval '1 hour' WHERE encounter_id = %s",
        "stands",
    ),
    "outpatient.visit_of_stopped_session": (
        "UPDATE outpatient.visits SET status = 'registered', cancelled_at = NULL WHERE encounter_id = %s",
        "UPDATE outpatient.visits SET status = 'cancelled', cancelled_at = now() WHERE encounter_id = %s",
        "stopped",
    ),
    "outpatient.fee_correction_waiting": (
        "UPDATE outpatient.fee_corrections SET done_at = NULL WHERE encounter_id = %s",
        "UPDATE outpatient.fee_corrections SET done_at = now() WHERE encounter_id = %s",
        "stopped",
    ),
}


@pytest.fixture(scope="module")
def ordinary(hospital: Hospital, desks: dict[str, Desk]) -> dict[str, dict[str, Any]]:
    """A visit that stands and one whose session was stopped."""
    desk = desks["hq"]
    one, other = people(desk, 2, "19840101")
    stands = register_visit(desk.registrar, one, put_on_sale(hospital, desk, numbers=1, desk_no=13))
    gone = put_on_sale(hospital, desk, numbers=1, desk_no=14)
    stopped = register_visit(desk.registrar, other, gone)
    change(hospital, gone, "stop")
    hospital.drain()
    return {"stands": stands, "stopped": stopped}


@pytest.mark.parametrize("name", sorted(DAMAGE))
def test_a_check_finds_its_damage(hospital: Hospital, ordinary: dict[str, dict[str, Any]], name: str) -> None:
    damage, mend, whose = DAMAGE[name]
    assert broken(hospital) == []
    hospital.execute(damage, [ordinary[whose]["encounter_id"]])
    assert name in broken(hospital)
    hospital.execute(mend, [ordinary[whose]["encounter_id"]])
    assert broken(hospital) == []


def test_a_part_stopped_twice_leaves_the_rest_alone(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    session = put_on_sale(hospital, desk, numbers=4, bands=2, desk_no=3)
    first, second, *later = people(desk, 4, "19760101")
    goes = [register_visit(desk.registrar, one, session) for one in (first, second)]
    stays = [register_visit(desk.registrar, one, session) for one in later]
    bands = [visit_row(hospital, goes[0])["band_start"].isoformat()]
    change(hospital, session, "stop", bands=bands)
    hospital.drain()
    told = len(hospital.events("session_stopped"))
    before = hospital.census()
    again = change(hospital, session, "stop", 5, bands=bands)
    assert (again["status"], again["partly_stopped"]) == ("published", True)
    hospital.drain()
    assert hospital.census() == {**before, "kernel.idempotent_answers": hospital.census()["kernel.idempotent_answers"]}
    assert len(hospital.events("session_stopped")) == told
    assert {visit_row(hospital, one)["status"] for one in goes} == {"cancelled"}
    assert {visit_row(hospital, one)["status"] for one in stays} == {"registered"}


def test_who_had_a_number_stays_known(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    session = put_on_sale(hospital, desk, numbers=3, desk_no=4)
    visits = [register_visit(desk.registrar, one, session) for one in people(desk, 2, "19770101")]
    change(hospital, session, "stop")
    hospital.drain()
    reader = hospital.caller("schedule_clerk")
    [stop] = ok(reader.get(f"{SCHEDULE}/changes", session_id=session["session_id"]))["items"]
    assert stop["affected"] == 2
    path = f"{SCHEDULE}/changes/{stop['change_id']}/numbers"
    first = ok(reader.get(path, limit=1))
    rest = ok(reader.get(path, limit=5, cursor=first["next"]))
    assert [one["owner_id"] for one in [*first["items"], *rest["items"]]] == [one["encounter_id"] for one in visits]
    assert {one["owner_kind"] for one in rest["items"]} == {"visit"}
    assert rest["next"] is None
    assert hospital.caller("schedule_clerk", campus="mch").get(path).status_code == 404
    listed = f"{REGISTRATION}/sessions/{session['session_id']}/visits"
    page = ok(desk.registrar.get(listed, limit=1))
    rest = ok(desk.registrar.get(listed, limit=1, cursor=page["next"]))
    rows = [*page["items"], *rest["items"]]
    assert [one["encounter_id"] for one in rows] == [one["encounter_id"] for one in visits]
    assert {one["cancel_reason"] for one in rows} == {"session_stopped"}
    assert ok(desk.registrar.get(listed, status="registered"))["items"] == []
    assert ok(desks["mch"].registrar.get(listed))["items"] == []


def test_patients_of_a_moved_session_come_first_for_a_day(hospital: Hospital, desks: dict[str, Desk]) -> None:
    """Moved to tomorrow: its patients take the kept numbers at a window, others only when the day is over."""
    desk = desks["hq"]
    session = put_on_sale(hospital, desk, numbers=2, desk_no=5)
    mine, theirs, other = people(desk, 3, "19780101")
    for one in (mine, theirs):
        register_visit(desk.registrar, one, session)
    starts_at = datetime.fromisoformat(session["starts_at"]) + timedelta(days=2)
    moved = change(hospital, session, "move", starts_at=starts_at.isoformat())
    hospital.drain()
    body = {"session_id": moved["session_id"]}
    refused(hospital, desk.registrar, VISITS, {**body, "patient_id": other}, 409, "session_full")
    ok(desk.registrar.post(VISITS, {**body, "patient_id": mine}))
    refused(hospital, desk.registrar, VISITS, {**body, "patient_id": other}, 409, "session_full")
    hospital.clock.move(hours=24)
    hospital.minute("outpatient/schedule")
    ok(desk.registrar.post(VISITS, {**body, "patient_id": other}))
    row = hospital.rows(
        "SELECT waiting, promised FROM outpatient.sessions WHERE session_id = %s", [moved["session_id"]]
    )
    assert row == [{"waiting": 0, "promised": 0}]


def test_a_missed_visit_owes_nothing_and_its_paid_fee_goes_back_on_demand(
    hospital: Hospital, desks: dict[str, Desk]
) -> None:
    desk = desks["hq"]
    session = put_on_sale(hospital, desk, numbers=3, desk_no=6)
    unpaid, paid, treated = people(desk, 3, "19790101")
    missed = register_visit(desk.registrar, unpaid, session)
    settled = register_visit(desk.registrar, paid, session)
    pay_cash(desk.registrar, settled)
    body = {"clinic_id": emergency_clinic(hospital, desk), "triage_level": 2, "patient_id": treated}
    emergency = ok(desk.registrar.post(f"{REGISTRATION}/emergencies", body))
    path = f"{VISITS}/{settled['encounter_id']}/refund-missed"
    refused(hospital, desk.registrar, path, {"version": 1}, 409, "visit_state_wrong")
    hospital.clock.move(hours=25)
    hospital.minute(MODULE)
    rows = [visit_row(hospital, one) for one in (missed, settled, emergency)]
    assert [one["status"] for one in rows] == ["no_show"] * 3
    assert charges_of(hospital, missed) == [(str(FEE["hq"]), "voided")]
    assert charges_of(hospital, settled) == [(str(FEE["hq"]), "paid")]
    assert charges_of(hospital, emergency) == [(str(FEE["hq"]), "open")], "an emergency pays later"

    refused(
        hospital,
        desk.registrar,
        f"{VISITS}/{missed['encounter_id']}/refund-missed",
        {"version": rows[0]["version"]},
        409,
        "no_fee_to_return",
    )
    refused(hospital, desk.registrar, path, {"version": 1}, 409, "version_conflict")
    back = ok(desk.registrar.post(path, {"version": rows[1]["version"]}))
    assert (back["status"], back["refunded"]) == ("no_show", str(FEE["hq"]))
    refused(hospital, desk.registrar, path, {"version": rows[1]["version"]}, 409, "no_fee_to_return")
    assert refused_elsewhere(desks["mch"], path) == 404


def refused_elsewhere(desk: Desk, path: str) -> int:
    return int(desk.registrar.post(path, {"version": 1}).status_code)


def test_a_released_visit_gives_its_number_back(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    session = put_on_sale(hospital, desk, numbers=1, desk_no=7)
    [person] = people(desk, 1, "19800101")
    visit = register_visit(desk.registrar, person, session)
    doctor, lead = hospital.caller("outpatient_doctor"), hospital.caller("cashier_lead")
    with hospital.tx("hq") as tx:
        service.start_consultation(tx, UUID(visit["encounter_id"]), doctor.staff_id)
    path = f"{VISITS}/{visit['encounter_id']}"
    ok(doctor.post(f"{path}/release", {"version": 2, "reason": "患者放弃就诊"}))
    ok(lead.post(f"{path}/release/approve", {"version": 2}))
    cancelled = ok(desk.registrar.post(f"{path}/cancel", {"version": 2}))
    assert cancelled["slot_returned"] is True
    assert broken(hospital) == []
    register_visit(desk.registrar, people(desk, 2, "19800101")[1], session)


def test_a_slip_of_what_no_longer_stands_is_not_printed(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    session = put_on_sale(hospital, desk, numbers=1, desk_no=8)
    visit = register_visit(desk.registrar, people(desk, 1, "19810101")[0], session)
    path = f"{VISITS}/{visit['encounter_id']}"
    assert desk.registrar.get(f"{path}/slip.pdf").json()["code"] == "slip_not_recorded"
    version = ok(desk.registrar.post(f"{path}/slips"))["version"]
    assert desk.registrar.get(f"{path}/slip.pdf").content.startswith(b"%PDF")
    ok(desk.registrar.post(f"{path}/cancel", {"version": version}))
    refused(hospital, desk.registrar, f"{path}/slips", {}, 409, "visit_state_wrong")
    assert desk.registrar.get(f"{path}/slip.pdf").json()["code"] == "visit_state_wrong"


def test_a_window_s_reason_never_keeps_the_number(hospital: Hospital, desks: dict[str, Desk]) -> None:
    """Whatever reason a registrar names, a cancelled visit's number is on sale again."""
    desk = desks["hq"]
    session = put_on_sale(hospital, desk, numbers=1, desk_no=9)
    for person, reason in zip(people(desk, 4, "19820101"), CancelReason, strict=True):
        visit = register_visit(desk.registrar, person, session)
        body = {"version": 1, "reason": reason.value}
        assert ok(desk.registrar.post(f"{VISITS}/{visit['encounter_id']}/cancel", body))["slot_returned"] is True
    assert broken(hospital) == []


def test_in_another_department_the_first_visit_is_asked_anew(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    with hospital.tx("hq") as tx:
        unit = organisation.create_unit(tx, CreateUnit(code="surgery", name="外科", kind=UnitKind.CLINICAL))
    surgery = clinic_of(hospital, replace(desk, unit_id=unit.unit_id), "surgery-general")
    [person] = people(desk, 1, "19830101")
    seen = register_visit(desk.registrar, person, put_on_sale(hospital, desk, numbers=1, desk_no=10))
    assert seen["first_visit"] is True
    again = register_visit(desk.registrar, person, put_on_sale(hospital, desk, numbers=1, desk_no=11))
    assert again["first_visit"] is False
    there = put_on_sale(hospital, surgery, numbers=1, desk_no=12)
    body = {"version": 1, "session_id": there["session_id"], "reason": "分诊建议"}
    moved = ok(desk.registrar.post(f"{VISITS}/{again['encounter_id']}/transfer", body))
    assert (moved["unit_id"], moved["first_visit"]) == (str(unit.unit_id), True)


def test_a_window_goes_on_to_the_session_whose_numbers_it_may_sell(hospital: Hospital, desks: dict[str, Desk]) -> None:
    """The earlier session has numbers for phones only, the later one for elderly people, which a window sells."""
    with hospital.tx("mch") as tx:
        unit = organisation.create_unit(tx, CreateUnit(code="elder", name="老年科", kind=UnitKind.CLINICAL))
    desk = clinic_of(hospital, replace(desks["mch"], unit_id=unit.unit_id), "geriatrics")
    put_on_sale(hospital, desk, numbers=2, quotas={"mini": 2}, desk_no=2)
    hospital.clock.move(minutes=5)
    later = put_on_sale(hospital, desk, numbers=1, quotas={"elder": 1}, desk_no=3)
    first, second = people(desk, 2, "19400101")
    wish = {"patient_id": first, "unit_id": str(unit.unit_id)}
    assert ok(desk.registrar.post(VISITS, wish))["session_id"] == later["session_id"]
    refused(hospital, desk.registrar, VISITS, {**wish, "patient_id": second}, 409, "department_full")
