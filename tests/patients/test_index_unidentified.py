"""A person nobody could name is treated on account, then found to be somebody known: money and papers follow."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

import pytest

from functions.outpatient.registration import service as registration
from functions.patients.index import rules
from functions.patients.index import service as patients
from shared.problems import NotFound
from tests.outpatient.registering import emergency_clinic, engage
from tests.patients.conftest import BASE
from tests.shared.print_probe import text_of
from tests.support.clinic import Desk, ok, open_hospital, open_shift, register_person, resident_id
from tests.support.hospital import Hospital, cloned_hospital

BILLING = "/api/payments/billing"
ITEMS = {"210200001": ("CT平扫", "400.00"), "310200002": ("清创缝合（大）", "868.50")}


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital() as one:
        yield one


@pytest.fixture(scope="module")
def desk(hospital: Hospital) -> Desk:
    desk = open_hospital(hospital)["hq"]
    officer, checker = hospital.caller("price_officer"), hospital.caller("price_checker")
    rows = [
        {
            "code": code,
            "name": name,
            "unit": "次",
            "kind": "service",
            "fee_class": "05",
            "price_tertiary": price,
            "price_secondary": price,
            "direct_entry": "1",
        }
        for code, (name, price) in ITEMS.items()
    ]
    batch = ok(
        officer.post("/api/catalogue/prices/batches", {"title": "急诊项目", "basis_document": "依据", "rows": rows})
    )
    ok(checker.post(f"/api/catalogue/prices/batches/{batch['batch_id']}/publish", {"version": 1}))
    hospital.clock.move(minutes=1)
    open_shift(desk)
    return desk


@pytest.mark.case("P-patient-index", 10)
def test_all_of_the_nameless_patient_stands_on_the_account_of_the_one_found(hospital: Hospital, desk: Desk) -> None:
    known = register_person(desk.registrar, resident_id(1, born="19810404", sex=1), name="蓝天明")
    visit = ok(
        desk.registrar.post(
            "/api/outpatient/registration/emergencies",
            {
                "clinic_id": emergency_clinic(hospital, desk),
                "triage_level": 1,
                "unidentified": {"sex": "1", "estimated_age": 45, "finder_kind": "police", "finder": "城关派出所"},
            },
        )
    )
    nameless = visit["patient_id"]
    placeholder = hospital.value("SELECT name FROM patients.patients WHERE patient_id = %s", [nameless])
    assert rules.is_unknown_person_name(placeholder)
    with hospital.tx("hq") as tx:
        registration.start_consultation(tx, UUID(visit["encounter_id"]), engage(hospital, "D0010", "罗建国"))
    order = {
        "patient_id": nameless,
        "encounter_id": visit["encounter_id"],
        "encounter_no": visit["visit_no"],
        "lines": [{"item_code": code, "quantity": "1"} for code in ITEMS],
    }
    ok(desk.registrar.post(f"{BILLING}/charges", order))
    assert _owed(desk, nameless) == Decimal("1280.50")
    assert _owed(desk, known) == 0
    written = hospital.rows("SELECT charge_id, patient_id, amount FROM payments.charges ORDER BY charge_id")

    steward = hospital.caller("index_steward")
    versions = {
        row["patient_id"]: row["version"] for row in hospital.rows("SELECT patient_id, version FROM patients.patients")
    }
    merge = ok(
        steward.post(
            f"{BASE}/merges",
            {
                "survivor_id": known,
                "retired_id": nameless,
                "survivor_version": versions[UUID(known)],
                "retired_version": versions[UUID(nameless)],
                "reason": "家属持身份证认领",
            },
        )
    )
    assert merge["status"] == "done"
    assert hospital.rows("SELECT charge_id, patient_id, amount FROM payments.charges ORDER BY charge_id") == written
    assert _owed(desk, known) == _owed(desk, nameless) == Decimal("1280.50")
    listed = ok(desk.registrar.get(f"{BILLING}/charges", patient_id=known))["items"]
    assert sum(Decimal(charge["amount"]) for charge in listed) == Decimal("1280.50")

    paid = ok(
        desk.registrar.post(
            f"{BILLING}/settlements",
            {
                "charge_ids": [charge["charge_id"] for charge in listed],
                "expected_total": "1280.50",
                "tenders": [{"method": "cash", "amount": "1280.50", "received": "1280.50"}],
            },
        )
    )
    assert _owed(desk, known) == 0
    mine = ok(desk.registrar.get(f"{BILLING}/settlements", patient_id=known))["items"]
    assert [one["settlement_id"] for one in mine] == [paid["settlement_id"]]
    for paper in ("slip", "fee-list"):
        answer = desk.registrar.get(f"{BILLING}/settlements/{paid['settlement_id']}/{paper}.pdf")
        assert answer.status_code == 200, answer.text
        text = "".join("".join(text_of(answer.content)).split())
        assert f"蓝天明（原登记：{placeholder}）" in text
    with hospital.tx("hq") as tx:
        assert patients.printed_name(tx, UUID(nameless)) == f"蓝天明（原登记：{placeholder}）"
        assert patients.printed_name(tx, UUID(known)) == "蓝天明"


def _owed(desk: Desk, patient_id: str) -> Decimal:
    pending = ok(desk.registrar.get(f"{BILLING}/charges/pending", patient_id=patient_id))
    return sum((Decimal(line["amount"]) for group in pending["groups"] for line in group["charges"]), Decimal(0))


def test_a_paper_names_who_somebody_was_registered_as() -> None:
    nameless = "无名氏20260302081530H"
    assert rules.printed_name("蓝天明", "蓝天明", []) == "蓝天明"
    assert rules.printed_name("蓝天明", "蓝天明", ["蓝明"]) == "蓝天明"
    assert rules.printed_name("蓝天明", "蓝天明", [nameless]) == f"蓝天明（原登记：{nameless}）"
    assert rules.printed_name("蓝天明", nameless, []) == f"蓝天明（原登记：{nameless}）"
    assert rules.printed_name("蓝天明", "蓝明", [nameless]) == "蓝天明（原登记：蓝明）"


def test_nobody_has_no_name(hospital: Hospital) -> None:
    with hospital.tx("hq") as tx, pytest.raises(NotFound):
        patients.printed_name(tx, UUID(int=7))
