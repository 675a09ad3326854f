"""Fees nobody pays at the counter: owed under the green channel, put to a contract unit's account."""

from typing import Any
from uuid import UUID

import pytest

from integrity.runner import run
from tests.outpatient.registering import (
    REGISTRATION,
    VISITS,
    charges_of,
    clinic_of,
    refused,
)
from tests.support.clinic import (
    FEE,
    Desk,
    ok,
    open_shift,
    put_on_sale,
    register_person,
    resident_id,
)
from tests.support.hospital import Hospital

EMERGENCIES = f"{REGISTRATION}/emergencies"
BILLING = "/api/payments/billing"
OWED, OPEN, PAID = [(str(FEE["hq"]), "owed")], [(str(FEE["hq"]), "open")], [(str(FEE["hq"]), "paid")]


@pytest.fixture(scope="module")
def session(hospital: Hospital, desks: dict[str, Desk]) -> dict[str, Any]:
    desk = clinic_of(hospital, desks["hq"], "contract-clinic")
    return put_on_sale(hospital, desk, numbers=20)


def person(desk: Desk, serial: int) -> str:
    return register_person(desk.registrar, resident_id(serial, born="19710707"), name="蒙志远")


def green(doctor: UUID) -> dict[str, Any]:
    return {"reason_code": "chest_pain", "reason": "急性胸痛", "approved_by": str(doctor)}


def debts(hospital: Hospital, visit: dict[str, Any]) -> list[dict[str, Any]]:
    return hospital.rows(
        "SELECT amount, outstanding, approved_by, reason, state, debt_id, settlement_id FROM payments.debts"
        " WHERE encounter_id = %s",
        [visit["encounter_id"]],
    )


def sound(hospital: Hospital) -> bool:
    results = run(hospital.settings.auditor_database_url)
    wanted = ("money.", "numbers.", "outpatient.")
    return not [one.name for one in results if one.name.startswith(wanted) and not one.holds]


def test_the_fee_of_a_green_channel_is_owed_by_itself(
    hospital: Hospital, desks: dict[str, Desk], clinic: str, doctor: UUID
) -> None:
    """Nobody has signed in at a counter, and the registration answers before anything of the fee is done."""
    desk = desks["hq"]
    body = {"clinic_id": clinic, "triage_level": 1, "patient_id": person(desk, 1), "green_channel": green(doctor)}
    visit = ok(desk.registrar.post(EMERGENCIES, body))
    assert charges_of(hospital, visit) == OPEN
    hospital.drain()
    assert charges_of(hospital, visit) == OWED
    (debt,) = debts(hospital, visit)
    assert (debt["amount"], debt["approved_by"], debt["state"]) == (FEE["hq"], doctor, "open")
    assert debt["reason"] == "绿色通道：急性胸痛"
    assert (
        hospital.value("SELECT channel FROM payments.settlements WHERE settlement_id = %s", [debt["settlement_id"]])
        == "system"
    )
    open_shift(desk)
    paid = ok(desk.registrar.post(f"{BILLING}/debts/{debt['debt_id']}/payments", {"amount": str(debt["amount"])}))
    assert paid["outstanding"] == "0.00"
    assert charges_of(hospital, visit) == PAID
    assert sound(hospital)


def test_a_green_channel_opened_later_does_the_same(
    hospital: Hospital, desks: dict[str, Desk], clinic: str, doctor: UUID
) -> None:
    desk = desks["hq"]
    visit = ok(
        desk.registrar.post(EMERGENCIES, {"clinic_id": clinic, "triage_level": 2, "patient_id": person(desk, 2)})
    )
    hospital.drain()
    assert charges_of(hospital, visit) == OPEN, "an emergency alone pays later, and owes nothing yet"
    ok(desk.registrar.post(f"{VISITS}/{visit['encounter_id']}/green-channel", green(doctor)))
    hospital.drain()
    assert charges_of(hospital, visit) == OWED
    assert len(debts(hospital, visit)) == 1
    assert sound(hospital)


def test_what_is_paid_cancelled_or_the_insurances_is_not_owed(
    hospital: Hospital, desks: dict[str, Desk], clinic: str, doctor: UUID
) -> None:
    desk = desks["hq"]
    cashier = hospital.caller("registrar")
    open_shift(desk, 1, cashier)
    paid, cancelled, insured = (
        ok(
            desk.registrar.post(
                EMERGENCIES,
                {
                    "clinic_id": clinic,
                    "triage_level": 2,
                    "patient_id": person(desk, serial),
                    "green_channel": green(doctor),
                    "payer_kind": payer,
                },
            )
        )
        for serial, payer in ((3, "self_pay"), (4, "self_pay"), (5, "employee"))
    )
    body = {
        "charge_ids": [one["charge_id"] for one in paid["charges"]],
        "expected_total": paid["fee"],
        "tenders": [{"method": "cash", "amount": paid["fee"]}],
    }
    ok(cashier.post(f"{BILLING}/settlements", body))
    ok(desk.registrar.post(f"{VISITS}/{cancelled['encounter_id']}/cancel", {"version": 1}))
    hospital.drain()
    assert [debts(hospital, one) for one in (paid, cancelled, insured)] == [[], [], []]
    assert charges_of(hospital, paid) == PAID
    assert charges_of(hospital, insured) == OPEN
    assert sound(hospital)


def test_a_contract_unit_is_billed_at_registration(
    hospital: Hospital, desks: dict[str, Desk], session: dict[str, Any]
) -> None:
    desk, cashier = desks["hq"], hospital.caller("registrar")
    open_shift(desk, 2, cashier)
    body = {
        "patient_id": person(desk, 6),
        "session_id": session["session_id"],
        "payer_kind": "contract",
        "contract_unit": "安和县供电局",
    }
    visit = ok(cashier.post(VISITS, body))
    assert [(one["status"], one["amount"]) for one in visit["charges"]] == [("paid", str(FEE["hq"]))]
    tender = hospital.rows(
        """
        SELECT t.method, t.reference, t.amount, s.payer_kind, s.encounter_no FROM payments.tenders t
        JOIN payments.settlements s USING (settlement_id) WHERE s.encounter_id = %s
        """,
        [visit["encounter_id"]],
    )
    assert [dict(one) for one in tender] == [
        {
            "method": "contract",
            "reference": "安和县供电局",
            "amount": FEE["hq"],
            "payer_kind": "contract",
            "encounter_no": visit["visit_no"],
        }
    ]
    loose = ok(cashier.post(VISITS, {**body, "patient_id": person(desk, 7), "contract_unit": None}))
    assert charges_of(hospital, loose) == OPEN, "without a unit the fee is settled at the counter"
    assert sound(hospital)


def test_a_unit_is_billed_by_a_cashier_and_only_for_contract_payers(
    hospital: Hospital, desks: dict[str, Desk], session: dict[str, Any]
) -> None:
    desk, nobody = desks["hq"], hospital.caller("registrar")
    body = {"patient_id": person(desk, 8), "session_id": session["session_id"], "contract_unit": "安和县供电局"}
    contract = {**body, "payer_kind": "contract"}
    refused(hospital, nobody, VISITS, contract, 409, "no_open_shift")
    before = hospital.census()
    wrong = nobody.post(VISITS, body)
    assert wrong.status_code == 422
    assert "合同单位只在费别为合同单位时填写" in wrong.text
    assert hospital.census() == before
