"""Emergencies: no number, no fee first, the nameless, green channels, bracelets for many casualties."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from functions.outpatient.registration import service
from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeLine, ChargeOrder, Executed
from integrity.runner import run
from tests.outpatient.registering import (
    REGISTRATION,
    VISITS,
    at_once,
    charges_of,
    clinic_of,
    engage,
    refused,
    visit_row,
)
from tests.support.clinic import FEE, Desk, ok, open_shift, register_person, resident_id
from tests.support.hospital import Hospital

EMERGENCIES = f"{REGISTRATION}/emergencies"
BATCHES = f"{REGISTRATION}/bracelet-batches"
NAMELESS = {"sex": "1", "estimated_age": 45, "finder_kind": "ambulance", "finder": "120急救中心3号车"}


def person(desk: Desk, serial: int) -> str:
    return register_person(desk.registrar, resident_id(serial, born="19700707"), name="蒙志远")


# -- registration


def test_an_emergency_needs_no_number_and_no_money(hospital: Hospital, desks: dict[str, Desk], clinic: str) -> None:
    desk = desks["hq"]
    body = {"clinic_id": clinic, "triage_level": 2, "patient_id": person(desk, 1), "payer_kind": "employee"}
    visit = ok(desk.registrar.post(EMERGENCIES, body))
    assert (visit["kind"], visit["status"], visit["session_id"]) == ("emergency", "registered", None)
    assert (visit["triage_level"], visit["insutype"], visit["med_type"]) == (2, "310", "13")
    assert Decimal(visit["fee"]) == FEE["hq"]
    row = visit_row(hospital, visit)
    assert row["valid_until"] - row["registered_at"] == timedelta(hours=24)
    told = hospital.events("visit_registered")[-1]["data"]
    assert (told["encounter_id"], told["triage_level"]) == (visit["encounter_id"], 2)
    # Surcharges of the price list for emergencies ask for it, here and for what the visit is charged later.
    emergency = "SELECT bool_and(emergency) FROM payments.charges WHERE encounter_id = %s"
    assert hospital.value(emergency, [visit["encounter_id"]])
    with hospital.tx("hq") as tx:
        assert service.pays_later(tx, UUID(visit["encounter_id"]))
        changed = service.change_level(tx, UUID(visit["encounter_id"]), 1)
        assert changed.triage_level == 1
        assert service.change_level(tx, UUID(visit["encounter_id"]), 1).version == changed.version


def test_one_open_emergency_in_a_department(hospital: Hospital, desks: dict[str, Desk], clinic: str) -> None:
    desk = desks["hq"]
    body = {"clinic_id": clinic, "triage_level": 3, "patient_id": person(desk, 2)}
    visit = ok(desk.registrar.post(EMERGENCIES, body))
    refused(hospital, desk.registrar, EMERGENCIES, body, 409, "already_in_emergency")
    ok(desk.registrar.post(f"{VISITS}/{visit['encounter_id']}/cancel", {"version": 1}))
    ok(desk.registrar.post(EMERGENCIES, body))


def test_two_windows_register_the_same_emergency(hospital: Hospital, desks: dict[str, Desk], clinic: str) -> None:
    desk = desks["hq"]
    body = {"clinic_id": clinic, "triage_level": 2, "patient_id": person(desk, 5)}
    answers = at_once(hospital, [desk.registrar, hospital.caller("registrar")], EMERGENCIES, body)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    found = "SELECT count(*) FROM outpatient.visits WHERE patient_id = %s"
    assert hospital.value(found, [body["patient_id"]]) == 1


def test_what_is_no_emergency(hospital: Hospital, desks: dict[str, Desk], clinic: str) -> None:
    desk = desks["hq"]
    patient = person(desk, 3)
    general = {"clinic_id": desk.clinic["clinic_id"], "triage_level": 3, "patient_id": patient}
    refused(hospital, desk.registrar, EMERGENCIES, general, 422, "not_an_emergency_clinic")
    elsewhere = {"clinic_id": clinic, "triage_level": 3, "patient_id": patient}
    refused(hospital, desks["mch"].registrar, EMERGENCIES, elsewhere, 404, "not_found")
    for wrong in ({"patient_id": patient, "unidentified": NAMELESS}, {}):
        assert desk.registrar.post(EMERGENCIES, {"clinic_id": clinic, "triage_level": 3, **wrong}).status_code == 422
    assert desk.registrar.post(EMERGENCIES, {**elsewhere, "triage_level": 5}).status_code == 422


# -- 无名氏


@pytest.mark.case("01", 6)
def test_a_nameless_patient_is_treated_at_once_and_pays_when_named(
    hospital: Hospital, desks: dict[str, Desk], clinic: str, doctor: UUID
) -> None:
    """Infusion and CT are carried out with 860.00 owed; the next day the patient has a name and pays."""
    desk = desks["hq"]
    open_shift(desk)
    officer, checker = hospital.caller("price_officer"), hospital.caller("price_checker")
    batch = ok(
        officer.post(
            "/api/catalogue/prices/batches",
            {"title": "急诊项目", "basis_document": "依据", "rows": [_item("110200009", "急诊诊查费", 20), *ITEMS]},
        )
    )
    ok(checker.post(f"/api/catalogue/prices/batches/{batch['batch_id']}/publish", {"version": 1}))
    hospital.clock.move(minutes=1)
    trauma = clinic_of(
        hospital, desk, "emergency-trauma", name="急诊外科", grade="emergency", fee_item_code="110200009"
    )
    visit = ok(
        desk.registrar.post(
            EMERGENCIES,
            {
                "clinic_id": trauma.clinic["clinic_id"],
                "triage_level": 1,
                "unidentified": NAMELESS,
                "green_channel": {"reason_code": "trauma", "reason": "车祸多发伤", "approved_by": str(doctor)},
            },
        )
    )
    assert visit["green_channel"] == "trauma"
    assert hospital.value("SELECT name FROM patients.patients WHERE patient_id = %s", [visit["patient_id"]])
    encounter_id = UUID(visit["encounter_id"])

    with hospital.tx("hq") as tx:
        assert service.pays_later(tx, encounter_id)
        service.start_consultation(tx, encounter_id, doctor)
    for module, code, quantity in (("outpatient/infusion", "120400002", 4), ("medtech/requests", "210200001", 1)):
        with hospital.tx("hq") as tx:
            order = ChargeOrder(
                patient_id=UUID(visit["patient_id"]),
                encounter_id=encounter_id,
                encounter_no=visit["visit_no"],
                source_module=module,
                source_id=visit["visit_no"],
                lines=[ChargeLine("1", code, quantity)],
            )
            billing.post_charges(tx, order)
            assert service.pays_later(tx, encounter_id), "asked before what is unpaid is begun"
            billing.begin_execution(tx, module, visit["visit_no"], ["1"])
            billing.record_execution(tx, module, visit["visit_no"], [Executed("1", Decimal(quantity))])
    pending = ok(desk.registrar.get("/api/payments/billing/charges/pending", patient_id=visit["patient_id"]))
    open_ones = [line["charge_id"] for group in pending["groups"] for line in group["charges"]]
    owed = ok(
        desk.registrar.post(
            "/api/payments/billing/settlements",
            {
                "charge_ids": open_ones,
                "expected_total": "860.00",
                "tenders": [
                    {"method": "debt", "amount": "860.00", "note": "急诊无名氏，绿色通道", "approved_by": str(doctor)}
                ],
            },
        )
    )
    assert {status for _, status in charges_of(hospital, visit)} == {"owed"}
    assert sum(Decimal(amount) for amount, _ in charges_of(hospital, visit)) == Decimal("860.00")

    hospital.clock.move(days=1)
    identify(hospital, desk, visit["patient_id"])
    debt = hospital.rows("SELECT debt_id FROM payments.debts WHERE settlement_id = %s", [owed["settlement_id"]])[0]
    day_two = hospital.caller("registrar")
    open_shift(desk, 1, day_two)
    ok(day_two.post(f"/api/payments/billing/debts/{debt['debt_id']}/payments", {"amount": "860.00"}))
    assert {status for _, status in charges_of(hospital, visit)} == {"paid"}
    same = ok(desk.registrar.get(f"{VISITS}/{visit['encounter_id']}"))
    assert (same["patient_id"], same["visit_no"]) == (visit["patient_id"], visit["visit_no"])


def _item(code: str, name: str, price: int) -> dict[str, str]:
    return {
        "code": code,
        "name": name,
        "unit": "次",
        "kind": "service",
        "fee_class": "05",
        "price_tertiary": str(price),
        "price_secondary": str(price),
    }


ITEMS = [_item("120400002", "静脉输液", 110), _item("210200001", "CT平扫", 400)]


def identify(hospital: Hospital, desk: Desk, patient_id: str) -> None:
    """The nameless patient's card is found: the record gets its name, its number stays."""
    people = "/api/patients/index/patients"
    version = ok(desk.registrar.get(f"{people}/{patient_id}"))["version"]
    body = {
        "version": version,
        "changes": {"name": "蓝天明", "birth_date": "1981-04-04"},
        "evidence": "card_read",
        "reason": "家属送来身份证",
    }
    corrected = ok(desk.registrar.post(f"{people}/{patient_id}/corrections", body))
    if corrected["status"] == "pending":
        second = hospital.caller("registrar")
        ok(second.post(f"/api/patients/index/corrections/{corrected['correction_id']}/confirm", {}))
    ok(desk.registrar.post(f"{people}/{patient_id}/identity-level", {"level": "chip_read", "evidence": "card_read"}))
    name = "SELECT name FROM patients.patients WHERE patient_id = %s"
    assert hospital.value(name, [patient_id]) == "蓝天明"


# -- green channel


def test_a_doctor_answers_for_a_green_channel(
    hospital: Hospital, desks: dict[str, Desk], clinic: str, doctor: UUID
) -> None:
    desk = desks["hq"]
    nurse = engage(hospital, "N0001", "黄秋兰", "nurse")
    body = {"clinic_id": clinic, "triage_level": 1, "patient_id": person(desk, 4)}
    visit = ok(desk.registrar.post(EMERGENCIES, body))
    path = f"{VISITS}/{visit['encounter_id']}/green-channel"
    channel = {"reason_code": "stroke", "reason": "发病2小时", "approved_by": str(nurse)}
    refused(hospital, desk.registrar, path, channel, 422, "approver_not_a_doctor")
    refused(hospital, desk.registrar, path, {**channel, "approved_by": str(UUID(int=5))}, 404, "staff_not_found")
    opened = ok(desk.registrar.post(path, {**channel, "approved_by": str(doctor)}))
    assert (opened["reason_code"], opened["approved_by"]) == ("stroke", str(doctor))
    told = hospital.events("registration.green_channel_opened")[-1]["data"]
    assert (told["encounter_id"], told["triage_level"]) == (visit["encounter_id"], 1)
    refused(hospital, desk.registrar, path, {**channel, "approved_by": str(doctor)}, 409, "green_channel_open")
    listed = ok(desk.registrar.get(f"{REGISTRATION}/green-channels", limit=200))["items"]
    assert visit["encounter_id"] in {item["encounter_id"] for item in listed}
    stranger = desks["mch"].registrar
    assert stranger.post(path, {**channel, "approved_by": str(doctor)}).status_code == 404
    assert ok(stranger.get(f"{REGISTRATION}/green-channels"))["items"] == []


def test_a_green_channel_refused_refuses_the_registration(
    hospital: Hospital, desks: dict[str, Desk], clinic: str
) -> None:
    body = {
        "clinic_id": clinic,
        "triage_level": 1,
        "unidentified": NAMELESS,
        "green_channel": {"reason_code": "other", "reason": "不明", "approved_by": str(UUID(int=6))},
    }
    refused(hospital, desks["hq"].registrar, EMERGENCIES, body, 404, "staff_not_found")


# -- bracelets


def test_bracelets_for_many_casualties(hospital: Hospital, desks: dict[str, Desk], clinic: str) -> None:
    """Numbers are made beforehand, each is worn by one, and all are accounted for when the event is over."""
    desk = desks["hq"]
    batch = ok(
        desk.registrar.post(BATCHES, {"kind": "accident", "title": "高速连环车祸", "clinic_id": clinic, "size": 5})
    )
    numbers = [one["visit_no"] for one in batch["bracelets"]]
    assert len(numbers) == len(set(numbers)) == 5
    first, second, *free = numbers

    def arrive(visit_no: str) -> dict[str, object]:
        return {"clinic_id": clinic, "triage_level": 2, "unidentified": NAMELESS, "bracelet_no": visit_no}

    visits = [ok(desk.registrar.post(EMERGENCIES, arrive(number))) for number in (first, second)]
    assert [visit["visit_no"] for visit in visits] == [first, second]
    assert {visit["batch_id"] for visit in visits} == {batch["batch_id"]}
    assert visits[0]["patient_id"] != visits[1]["patient_id"]
    refused(hospital, desk.registrar, EMERGENCIES, arrive(first), 409, "bracelet_not_free")
    refused(hospital, desk.registrar, EMERGENCIES, arrive("H27010100001"), 409, "bracelet_not_free")

    pair = at_once(hospital, [desk.registrar, hospital.caller("registrar")], EMERGENCIES, arrive(free.pop(0)))
    assert sorted(answer.status_code for answer in pair) == [201, 409], "one bracelet, one wrist"
    used = {first, second, *(answer.json()["visit_no"] for answer in pair if answer.status_code == 201)}

    path = f"{BATCHES}/{batch['batch_id']}"
    assert desks["mch"].registrar.get(path).status_code == 404
    listed = ok(desk.registrar.get(BATCHES, limit=1))
    assert [one["batch_id"] for one in listed["items"]] == [batch["batch_id"]], "the latest first"
    assert ok(desks["mch"].registrar.get(BATCHES))["items"] == []
    printed = desk.registrar.get(f"{path}/bracelets.pdf")
    assert printed.content.startswith(b"%PDF")
    worn = desk.registrar.get(f"{VISITS}/{visits[0]['encounter_id']}/wristband.pdf")
    assert worn.content.startswith(b"%PDF")
    assert hospital.caller("outpatient_doctor").get(f"{path}/bracelets.pdf").status_code == 403
    refused(hospital, desk.registrar, f"{path}/close", {"version": 4}, 409, "version_conflict")
    closed = ok(desk.registrar.post(f"{path}/close", {"version": 1}))
    assert [(one["visit_no"], one["status"]) for one in closed["bracelets"]] == [
        (number, "used" if number in used else "void") for number in numbers
    ]
    refused(hospital, desk.registrar, f"{path}/close", {"version": 2}, 409, "bracelet_batch_closed")
    assert desk.registrar.get(f"{path}/bracelets.pdf").json()["code"] == "bracelet_batch_closed"
    refused(hospital, desk.registrar, EMERGENCIES, arrive(free[0]), 409, "bracelet_not_free")
    after = ok(desk.registrar.post(EMERGENCIES, {**arrive(""), "bracelet_no": None}))
    assert int(after["visit_no"][-5:]) == int(numbers[-1][-5:]) + 1
    checks = run(hospital.settings.auditor_database_url, frozenset({"numbers.visits", "outpatient.bracelets"}))
    assert [check.name for check in checks if not check.holds] == []
    assert len(checks) == 2
