"""A visit changes before it is seen: another doctor or department, another payer."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from functions.outpatient.registration import service
from functions.patients.index import service as patients
from functions.patients.index.schemas.stewardship import OpenDispute
from integrity.runner import run
from tests.outpatient.registering import (
    EXPERT_FEE_CODE,
    VISITS,
    at_once,
    charges_of,
    clinic_of,
    engage,
    refused,
    register_by_phone,
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
from tests.support.hospital import Hospital

EXPERT_FEE = Decimal("30.00")


@pytest.fixture(scope="module")
def desks(hospital: Hospital) -> dict[str, Desk]:
    made = open_hospital(hospital)
    open_shift(made["hq"])
    return made


@pytest.fixture(scope="module")
def general(hospital: Hospital, desks: dict[str, Desk]) -> dict[str, Any]:
    return put_on_sale(hospital, desks["hq"], numbers=20, desk_no=1)


@pytest.fixture(scope="module")
def other_general(hospital: Hospital, desks: dict[str, Desk]) -> dict[str, Any]:
    return put_on_sale(hospital, desks["hq"], numbers=20, desk_no=2)


@pytest.fixture(scope="module")
def expert(hospital: Hospital, desks: dict[str, Desk]) -> dict[str, Any]:
    clinic = clinic_of(hospital, desks["hq"], "internal-chief", grade="chief", fee_item_code=EXPERT_FEE_CODE)
    return put_on_sale(hospital, clinic, numbers=20, desk_no=3)


@pytest.fixture
def patient(desks: dict[str, Desk], request: pytest.FixtureRequest) -> str:
    serial = sum(map(ord, request.node.name)) % 50
    born = f"19{50 + len(request.node.name) % 40}0{1 + serial % 9}11"
    return register_person(desks["hq"].registrar, resident_id(serial, born=born), name="潘金凤")


def move(desk: Desk, visit: dict[str, Any], session: dict[str, Any], version: int = 1) -> dict[str, Any]:
    body = {"version": version, "session_id": session["session_id"], "reason": "患者要求"}
    return dict(ok(desk.registrar.post(f"{VISITS}/{visit['encounter_id']}/transfer", body)))


def slot_status(hospital: Hospital, slot_id: object) -> str:
    return str(hospital.value("SELECT status FROM outpatient.slots WHERE slot_id = %s", [slot_id]))


# -- 换号、转科


def test_to_an_equal_clinic_no_money_moves(
    hospital: Hospital, desks: dict[str, Desk], patient: str, general: dict, other_general: dict
) -> None:
    desk = desks["hq"]
    visit = register_visit(desk.registrar, patient, general)
    pay_cash(desk.registrar, visit)
    old = visit_row(hospital, visit)["slot_id"]
    moved = move(desk, visit, other_general)
    assert (moved["session_id"], moved["visit_no"]) == (other_general["session_id"], visit["visit_no"])
    assert (moved["difference"], moved["refunded"], moved["slot_returned"]) == ("0.00", "0.00", True)
    assert charges_of(hospital, visit) == [(str(FEE["hq"]), "paid")]
    assert slot_status(hospital, old) == "free"
    assert slot_status(hospital, visit_row(hospital, visit)["slot_id"]) == "taken"
    told = hospital.events("visit_transferred")[-1]["data"]
    assert (told["from_session_id"], told["session_id"]) == (general["session_id"], other_general["session_id"])


def test_an_unpaid_fee_is_withdrawn_and_the_new_one_charged(
    hospital: Hospital, desks: dict[str, Desk], patient: str, general: dict, expert: dict
) -> None:
    desk = desks["hq"]
    visit = register_visit(desk.registrar, patient, general)
    with hospital.tx("hq") as tx:
        service.check_in(tx, UUID(visit["encounter_id"]))
    moved = move(desk, visit, expert, version=2)
    assert (moved["kind"], moved["status"]) == ("expert", "registered"), "to be checked in anew"
    assert (moved["fee_before"], moved["fee_after"], moved["difference"]) == ("12.00", "30.00", "18.00")
    assert charges_of(hospital, visit) == [("12.00", "voided"), ("30.00", "open")]
    back = move(desk, visit, general, version=3)
    assert back["difference"] == "-18.00"
    assert charges_of(hospital, visit) == [("12.00", "voided"), ("30.00", "voided"), ("12.00", "open")]
    rows = hospital.rows(
        "SELECT fee_before, fee_after FROM outpatient.visit_transfers WHERE encounter_id = %s ORDER BY transfer_id",
        [visit["encounter_id"]],
    )
    assert [(row["fee_before"], row["fee_after"]) for row in rows] == [(12, 30), (30, 12)]


def test_a_paid_fee_goes_back_and_the_difference_is_told(
    hospital: Hospital, desks: dict[str, Desk], patient: str, general: dict, expert: dict
) -> None:
    desk = desks["hq"]
    visit = register_visit(desk.registrar, patient, expert)
    pay_cash(desk.registrar, visit)
    moved = move(desk, visit, general)
    assert (moved["refunded"], moved["difference"], moved["fee_after"]) == ("30.00", "-18.00", "12.00")
    assert charges_of(hospital, visit) == [("30.00", "refunded"), ("12.00", "open")]
    pay_cash(desk.registrar, {**moved, "fee": moved["fee_after"]})
    cancelled = ok(desk.registrar.post(f"{VISITS}/{visit['encounter_id']}/cancel", {"version": moved["version"]}))
    assert Decimal(cancelled["refunded"]) == Decimal("12.00")
    names = frozenset({"money.visit_fee", "money.settlement_balance", "outpatient.visit_has_its_slot"})
    checks = run(hospital.settings.auditor_database_url, names)
    assert len(checks) == 3
    assert [check.name for check in checks if not check.holds] == []


def test_a_full_session_leaves_the_old_number(
    hospital: Hospital, desks: dict[str, Desk], patient: str, general: dict
) -> None:
    desk = desks["hq"]
    full = put_on_sale(hospital, desk, numbers=1, desk_no=4)
    register_visit(desk.registrar, register_person(desk.registrar, resident_id(49, born="19910911")), full)
    visit = register_visit(desk.registrar, patient, general)
    body = {"version": 1, "session_id": full["session_id"], "reason": "换医生"}
    path = f"{VISITS}/{visit['encounter_id']}/transfer"
    refused(hospital, desk.registrar, path, body, 409, "session_full")
    assert slot_status(hospital, visit_row(hospital, visit)["slot_id"]) == "taken"
    refused(hospital, desk.registrar, path, {**body, "session_id": general["session_id"]}, 409, "same_session")
    refused(hospital, desk.registrar, path, {**body, "version": 3}, 409, "version_conflict")
    assert desks["mch"].registrar.post(path, body).status_code == 404


def test_not_after_the_consultation_began(
    hospital: Hospital, desks: dict[str, Desk], patient: str, general: dict, other_general: dict
) -> None:
    desk = desks["hq"]
    visit = register_visit(desk.registrar, patient, general)
    with hospital.tx("hq") as tx:
        service.start_consultation(tx, UUID(visit["encounter_id"]), UUID(int=3))
    body = {"version": 2, "session_id": other_general["session_id"], "reason": "换医生"}
    path = f"{VISITS}/{visit['encounter_id']}/transfer"
    refused(hospital, desk.registrar, path, body, 409, "visit_state_wrong")


def test_two_windows_transfer_at_once(
    hospital: Hospital, desks: dict[str, Desk], patient: str, general: dict, other_general: dict
) -> None:
    """One wins; the number the other had taken is free again."""
    desk = desks["hq"]
    visit = register_visit(desk.registrar, patient, general)
    body = {"version": 1, "session_id": other_general["session_id"], "reason": "换医生"}
    path = f"{VISITS}/{visit['encounter_id']}/transfer"
    answers = at_once(hospital, [desk.registrar, hospital.caller("registrar")], path, body)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    taken = "SELECT count(*) FROM outpatient.slots WHERE owner_id = %s"
    assert hospital.value(taken, [visit["encounter_id"]]) == 1


def test_a_refund_that_needs_approval_stops_the_change(
    hospital: Hospital, desks: dict[str, Desk], patient: str, general: dict, expert: dict
) -> None:
    """Paid at another window: the lead approves first, until then nothing changes."""
    desk = desks["hq"]
    visit = register_visit(desk.registrar, patient, expert)
    pay_cash(desk.registrar, visit)
    other = hospital.caller("registrar")
    open_shift(desk, 1, other)
    body = {"version": 1, "session_id": general["session_id"], "reason": "换医生"}
    problem = refused(hospital, other, f"{VISITS}/{visit['encounter_id']}/transfer", body, 409, "refund_needs_approval")
    assert problem["level"] == "lead"


# -- 费别


def change(visit: dict[str, Any], version: int = 1, **payer: Any) -> tuple[str, dict[str, Any]]:
    return f"{VISITS}/{visit['encounter_id']}/payer", {"version": version, **payer}


def test_the_payer_is_corrected_before_it_is_paid(
    hospital: Hospital, desks: dict[str, Desk], patient: str, general: dict
) -> None:
    desk = desks["hq"]
    visit = register_visit(desk.registrar, patient, general)
    path, body = change(visit, payer_kind="resident", special_disease="M03900")
    changed = ok(desk.registrar.post(path, body))
    assert (changed["payer_kind"], changed["insutype"], changed["med_type"]) == ("resident", "390", "14")
    path, body = change(visit, 2, payer_kind="employee", work_injury=True)
    refused(hospital, desk.registrar, path, body, 422, "payer_invalid")
    path, body = change(visit, 2, payer_kind="self_pay", work_injury=True, trauma=True)
    changed = ok(desk.registrar.post(path, body))
    assert (changed["insutype"], changed["work_injury"], changed["trauma"]) == (None, True, True)
    pay_cash(desk.registrar, visit)
    path, body = change(visit, 3, payer_kind="employee")
    assert refused(hospital, desk.registrar, path, body, 409, "payer_fixed")["fee_state"] == "paid"
    refused(hospital, desk.registrar, path, {**body, "version": 1}, 409, "version_conflict")
    assert desks["mch"].registrar.post(path, body).status_code == 404


def test_what_the_insurance_registered_is_fixed(
    hospital: Hospital, desks: dict[str, Desk], patient: str, general: dict
) -> None:
    desk = desks["hq"]
    body = {"patient_id": patient, "session_id": general["session_id"], "payer_kind": "employee"}
    visit = ok(desk.registrar.post(VISITS, body))
    assert (visit["insutype"], visit["med_type"]) == ("310", "11")
    with hospital.tx("hq") as tx:
        service.record_insurance_visit(tx, UUID(visit["encounter_id"]), "2027030100001")
        service.record_insurance_visit(tx, UUID(visit["encounter_id"]), "2027030100001")
    assert visit_row(hospital, visit)["version"] == 2
    path, body = change(visit, 2, payer_kind="self_pay")
    refused(hospital, desk.registrar, path, body, 409, "payer_fixed")
    with hospital.tx("hq") as tx:
        service.drop_insurance_visit(tx, UUID(visit["encounter_id"]), "another registration")
    refused(hospital, desk.registrar, path, body, 409, "payer_fixed")
    with hospital.tx("hq") as tx:
        service.drop_insurance_visit(tx, UUID(visit["encounter_id"]), "2027030100001")
        service.drop_insurance_visit(tx, UUID(visit["encounter_id"]), "2027030100001")
    assert ok(desk.registrar.post(*change(visit, 3, payer_kind="self_pay")))["payer_kind"] == "self_pay"


def test_an_insured_patient_of_disputed_identity(
    hospital: Hospital, desks: dict[str, Desk], patient: str, general: dict
) -> None:
    desk = desks["hq"]
    with hospital.tx("hq") as tx:
        patients.open_dispute(tx, UUID(patient), OpenDispute(claimed_name="潘金花", reason="同号不同名"))
    body = {"patient_id": patient, "session_id": general["session_id"], "payer_kind": "resident"}
    refused(hospital, desk.registrar, VISITS, body, 409, "identity_dispute_open")
    ok(desk.registrar.post(VISITS, {**body, "payer_kind": "self_pay"}))


# -- who registers, for what age


def test_a_child_beyond_the_ages_with_the_clinic_s_consent(
    hospital: Hospital, desks: dict[str, Desk], patient: str
) -> None:
    desk = desks["hq"]
    children = clinic_of(hospital, desk, "paediatrics", age_to=14)
    session = put_on_sale(hospital, children, desk_no=5)
    body = {"patient_id": patient, "session_id": session["session_id"]}
    refused(hospital, desk.registrar, VISITS, body, 422, "clinic_age_limit")
    nurse, doctor = engage(hospital, "N0002", "黄秋兰", "nurse"), engage(hospital, "D0002", "韦医生")
    refused(hospital, desk.registrar, VISITS, {**body, "age_consent_by": str(nurse)}, 422, "approver_not_a_doctor")
    ok(desk.registrar.post(VISITS, {**body, "age_consent_by": str(doctor)}))
    kept = hospital.rows(
        "SELECT detail FROM kernel.audit_entries WHERE action = 'visit.age_allowed' AND patient_id = %s", [patient]
    )
    assert [row["detail"] for row in kept] == [{"doctor": str(doctor)}]


def test_a_department_without_a_wish_for_a_doctor(
    hospital: Hospital, desks: dict[str, Desk], patient: str, general: dict
) -> None:
    desk = desks["hq"]
    visit = ok(desk.registrar.post(VISITS, {"patient_id": patient, "unit_id": str(desk.unit_id)}))
    assert visit["kind"] == "general"
    assert visit["unit_id"] == str(desk.unit_id)
    there = put_on_sale(hospital, desks["mch"], numbers=2, desk_no=6)
    hospital.execute("UPDATE outpatient.sessions SET status = 'closed' WHERE campus_id = 'hq'")
    elsewhere = {"patient_id": patient, "unit_id": str(desk.unit_id)}
    problem = refused(hospital, desk.registrar, VISITS, elsewhere, 409, "department_full")
    assert problem["alternatives"] == []
    full = put_on_sale(hospital, desk, numbers=1, desk_no=7)
    register_visit(desk.registrar, register_person(desk.registrar, resident_id(48, born="19910911")), full)
    problem = refused(hospital, desk.registrar, VISITS, elsewhere, 409, "department_full")
    assert [item["session_id"] for item in problem["alternatives"]] == [there["session_id"]]
    both = {**elsewhere, "session_id": general["session_id"]}
    assert desk.registrar.post(VISITS, both).status_code == 422


def test_a_patient_registers_by_phone(hospital: Hospital, desks: dict[str, Desk], patient: str) -> None:
    session = put_on_sale(hospital, desks["hq"], quotas={"mini": 2}, numbers=2, desk_no=8)
    visit = register_by_phone(hospital, patient, session["session_id"])
    assert (visit.channel, visit.status) == ("mini", "registered")
