"""Outpatient charges that move to an inpatient account, prices that change or were wrong, the names of visits."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.catalogue import PriceCorrected
from functions.payments.billing import service as billing
from functions.payments.billing.problems import ChargeHeld, LineBeingRefunded, NothingToCharge
from functions.payments.billing.service import Executed, Moved
from shared.ids import new_id
from tests.payments.conftest import BILLING, SOURCE, Hall, cash, refused
from tests.payments.test_billing_debts import debt_of, owe
from tests.support.clinic import ok


def move(hall: Hall, settlement_or_charges: Any, campus: str = "hq") -> Moved:
    """The inpatient account takes lines over."""
    if isinstance(settlement_or_charges, dict):
        ids = [UUID(line["charge_id"]) for line in settlement_or_charges["lines"]]
    else:
        ids = [charge.charge_id for charge in settlement_or_charges]
    with hall.hospital.tx(campus) as tx:
        return billing.move_to_inpatient(tx, ids, "ZY2026000123")


def test_paid_charges_move_with_their_money(hall: Hall) -> None:
    """Emergency to inpatient: same lines, same amounts, what was paid becomes a deposit; what was done stays done."""
    cashier, source = hall.cashier(), str(uuid4())
    sold = hall.sold(cashier, ("exam250", 1), ("lab50", 2), total="350.00", source_id=source)
    with hall.hospital.tx("hq") as tx:
        billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(1))])
    moved = move(hall, sold)
    assert (moved.amount, moved.paid) == (Decimal("350.00"), Decimal("350.00"))
    assert {(line.item_code, line.amount, line.executed) for line in moved.lines} == {
        ("exam250", Decimal("250.00"), True),
        ("lab50", Decimal("100.00"), False),
    }
    after = ok(cashier.caller.get(f"{BILLING}/settlements/{sold['settlement_id']}"))
    assert (after["refunded"], {line["status"] for line in after["lines"]}) == ("350.00", {"refunded"})
    assert after["receipt_no"] is None
    assert hall.hospital.events("charges_refunded")[-1]["data"]["payments"] == [
        {"method": "inpatient", "amount": "350.00"}
    ]
    assert hall.close(cashier)["difference"] == "0.00", "no drawer gave it out"
    hall.assert_balanced()
    with pytest.raises(NothingToCharge):
        move(hall, sold)


def test_a_part_was_refunded_before(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("third", 3), total="10.00")
    ok(hall.refund(cashier.caller, sold, (0, 1)))
    moved = move(hall, sold)
    assert (moved.amount, moved.paid, moved.lines[0].quantity) == (Decimal("6.67"), Decimal("6.67"), Decimal(2))
    hall.assert_balanced()


def test_unpaid_and_owed_charges_move_without_money(hall: Hall) -> None:
    cashier, patient, source = hall.cashier(), hall.patient(), str(uuid4())
    unpaid = hall.post(patient, ("lab50", 1), source_id=source)
    with hall.hospital.tx("hq") as tx:
        billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(1))])
    moved = move(hall, unpaid)
    assert (moved.amount, moved.paid, moved.lines[0].executed) == (Decimal("50.00"), Decimal("0.00"), True)
    row = hall.hospital.rows("SELECT status, execution FROM payments.charges WHERE source_id = %s", [source])
    assert row == [{"status": "voided", "execution": "moved"}]
    settlement = owe(hall, cashier, ("exam250", 1), ("lab50", 1), total="300.00", paid="100.00")
    one = debt_of(hall, settlement)
    moved = move(hall, settlement)
    assert (moved.amount, moved.paid) == (Decimal("300.00"), Decimal("100.00"))
    assert ok(cashier.caller.get(f"{BILLING}/debts/{one['debt_id']}"))["state"] == "settled"
    hall.assert_balanced()


def test_what_does_not_move(hall: Hall) -> None:
    cashier, patient = hall.cashier(), hall.patient()
    charges = hall.post(patient, ("lab50", 1))
    body = {"charge_ids": [str(charges[0].charge_id)], "expected_total": "50.00"}
    started = ok(cashier.caller.post(f"{BILLING}/settlements/start", body))
    census = hall.hospital.census()
    with pytest.raises(ChargeHeld):
        move(hall, charges)
    with pytest.raises(NothingToCharge):
        move(hall, charges, campus="mch")
    assert hall.hospital.census() == census
    path = f"{BILLING}/settlements/{started['settlement_id']}/cancel"
    ok(cashier.caller.post(path, {"version": 1, "reason": "转住院"}))
    sold = hall.sold(cashier, ("exam250", 1), total="250.00")
    ok(hall.refund(hall.hospital.caller("registrar"), sold, (0, 1)))
    with pytest.raises(LineBeingRefunded):
        move(hall, sold)
    hall.assert_balanced()


# -- prices


def test_unsettled_lines_follow_a_new_price_at_once(hall: Hall) -> None:
    hall.publish({"moved": ("将调价项目二", "05", "10.0000")})
    hall.hospital.drain()
    open_line, cashier = hall.post(hall.patient(), ("moved", 3)), hall.cashier()
    sold = hall.sold(cashier, ("moved", 1), total="10.00")
    hall.hospital.clock.move(minutes=1)
    hall.publish({"moved": ("将调价项目二", "05", "12.3450")})
    hall.hospital.clock.move(minutes=1)
    hall.hospital.drain()
    after = ok(cashier.caller.get(f"{BILLING}/charges/{open_line[0].charge_id}"))
    assert (after["unit_price"], after["amount"], after["repriced_at"] is not None) == ("12.3450", "37.04", True)
    assert ok(cashier.caller.get(f"{BILLING}/settlements/{sold['settlement_id']}"))["lines"][0]["amount"] == "10.00"
    ok(hall.settle(cashier, open_line, "37.04"))
    hall.assert_balanced()


def test_a_corrected_price_leaves_a_list_of_whom_to_refund(hall: Hall) -> None:
    hall.publish({"wrong": ("价格有误项目", "05", "20.0000")})
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("wrong", 3), total="60.00")
    half = hall.sold(cashier, ("wrong", 2), total="40.00")
    ok(hall.refund(cashier.caller, half, (0, 1)))
    hall.post(hall.patient(), ("wrong", 1))
    version = hall.hospital.value(
        "SELECT price_version_id FROM payments.charges WHERE charge_id = %s", [UUID(sold["lines"][0]["charge_id"])]
    )
    correction = new_id()
    with hall.hospital.tx("hq") as tx:
        tx.emit(
            PriceCorrected(
                correction_id=correction,
                item_id=new_id(),
                code="wrong",
                wrong_version_id=version,
                right_version_id=None,
                wrong_price=Decimal("20.0000"),
                right_price=Decimal("18.5000"),
                affected_from=tx.now,
                affected_to=tx.now,
                campus_code=None,
            )
        )
    hall.hospital.drain()
    reader = hall.finance()
    newest = ok(reader.get(f"{BILLING}/price-corrections"))["items"][0]
    assert (newest["correction_id"], newest["right_price"]) == (str(correction), "18.5000")
    listed = ok(reader.get(f"{BILLING}/price-corrections/{correction}/charges"))["items"]
    assert {(one["amount"], one["right_amount"], one["difference"]) for one in listed} == {
        ("60.00", "55.50", "4.50"),
        ("40.00", "18.50", "1.50"),
    }
    page = ok(reader.get(f"{BILLING}/price-corrections/{correction}/charges", limit=1))
    rest = ok(reader.get(f"{BILLING}/price-corrections/{correction}/charges", cursor=page["next"]))
    assert len(page["items"]) + len(rest["items"]) == 2
    elsewhere = ok(hall.finance("mch").get(f"{BILLING}/price-corrections/{correction}/charges"))
    assert elsewhere["items"] == []
    refused(reader.get(f"{BILLING}/price-corrections/{new_id()}/charges"), 404, "price_correction_unknown")


# -- visits and their numbers


def test_slips_show_a_number_told_after_the_charge(hall: Hall) -> None:
    cashier, encounter = hall.cashier(), uuid4()
    charges = hall.post(hall.patient(), ("fee", 1), encounter_id=encounter)
    with hall.hospital.tx("hq") as tx:
        billing.name_encounter(tx, encounter, "H26030200187")
    sold = ok(hall.settle(cashier, charges, "1.00"))
    assert sold["encounter_no"] == "H26030200187"
    known = hall.post(hall.patient(), ("fee", 1), encounter_id=encounter)
    both = [*known]
    assert ok(hall.settle(cashier, both, "1.00"))["encounter_no"] is None
    with hall.hospital.tx("mch") as tx:
        billing.name_encounter(tx, encounter, "M26030200001")
    numbers = hall.hospital.rows("SELECT encounter_no FROM payments.charges WHERE encounter_id = %s", [encounter])
    assert {row["encounter_no"] for row in numbers} == {"H26030200187", None}


# -- who asks, what is shown


def test_a_doctor_asks_for_a_refund_and_never_pays_it(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("lab50", 1), total="50.00")
    body = {
        "settlement_id": sold["settlement_id"],
        "lines": [{"charge_id": sold["lines"][0]["charge_id"], "quantity": "1"}],
        "reason_code": "doctor_cancelled",
        "reason": "医嘱停止",
    }
    doctor = hall.hospital.caller("outpatient_doctor")
    refused(doctor.post(f"{BILLING}/refunds", body), 403, "permission_denied")
    asked = ok(doctor.post(f"{BILLING}/refund-requests", body))
    assert (asked["state"], asked["level"]) == ("requested", "lead")
    approved = ok(hall.lead().post(f"{BILLING}/refunds/{asked['refund_id']}/approve", {"version": asked["version"]}))
    assert ok(hall.execute(cashier, approved))["state"] == "executed"
    hall.assert_balanced()


def test_a_refused_refund_of_what_was_done_stays_on_record(hall: Hall) -> None:
    cashier, source = hall.cashier(), str(uuid4())
    sold = hall.sold(cashier, ("exam250", 1), total="250.00", source_id=source)
    with hall.hospital.tx("hq") as tx:
        billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(1))])
    refused(hall.refund(cashier.caller, sold, (0, 1)), 422, "line_executed")
    kept = hall.hospital.rows(
        "SELECT detail ->> 'code' AS code FROM kernel.audit_entries WHERE action = 'refused' AND actor = %s",
        [cashier.caller.subject],
    )
    assert kept == [{"code": "line_executed"}]


def test_a_patients_year(hall: Hall) -> None:
    cashier, patient = hall.cashier(), hall.patient()
    sold = ok(hall.settle(cashier, hall.post(patient, ("exam250", 1), ("lab50", 2)), "350.00"))
    lab = next(place for place, line in enumerate(sold["lines"]) if line["item_code"] == "lab50")
    ok(hall.refund(cashier.caller, sold, (lab, 1)))
    now = hall.hospital.clock()
    year = ok(cashier.caller.get(f"{BILLING}/costs", patient_id=str(patient), year=now.year))
    assert (year["total"], sum(Decimal(one) for one in year["months"])) == ("300.00", Decimal("300.00"))
    assert {one["code"]: one["amount"] for one in year["fee_classes"]} == {"03": "250.00", "04": "50.00"}
    empty = ok(cashier.caller.get(f"{BILLING}/costs", patient_id=str(patient), year=now.year - 1))
    assert (empty["total"], empty["fee_classes"]) == ("0.00", [])


def test_the_list_of_charges_on_paper(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("exam250", 1), ("drug", 3), total="287.04")
    path = f"{BILLING}/settlements/{sold['settlement_id']}"
    assert ok(cashier.caller.post(f"{path}/fee-lists"))["copy_number"] == 1
    answer = cashier.caller.get(f"{path}/fee-list.pdf")
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF")


def test_the_day_by_department_and_payer(hall: Hall) -> None:
    campus, unit = "mch", hall.desks["mch"].unit_id
    cashier, reader = hall.cashier(campus), hall.finance(campus)
    day = cashier.shift["business_day"]
    path = f"{BILLING}/reports/days/{day}/departments"
    before = {one["unit_id"]: Decimal(one["net"]) for one in ok(reader.get(path))["ordering"]}
    charges = hall.post(hall.patient(campus), ("lab50", 2), campus=campus, ordering_unit_id=unit)
    sold = ok(hall.settle(cashier, charges, "90.00", cash("90.00"), payer_kind="resident"))
    ok(hall.refund(cashier.caller, sold, (0, 1)))
    report = ok(reader.get(path))
    ours = next(one for one in report["ordering"] if one["unit_id"] == str(unit))
    assert (ours["unit_name"], Decimal(ours["net"]) - before.get(str(unit), Decimal(0))) == ("内科", Decimal("45.00"))
    whole = ok(reader.get(f"{BILLING}/reports/days/{day}"))
    assert report["net"] == whole["net_by_class"]
    assert sum(Decimal(one["net"]) for one in report["executing"]) == Decimal(report["net"])
    assert "resident" in {one["payer_kind"] for one in report["payers"]}
    refused(hall.hospital.caller("outpatient_doctor", campus=campus).get(path), 403, "permission_denied")
