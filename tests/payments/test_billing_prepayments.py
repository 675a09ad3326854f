"""Course prepayments the notice still allows, old card balances that only go back, cash in steps of ten fen."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.payments.conftest import BILLING, Cashier, Hall, cash, refused, staff
from tests.payments.test_billing_races import at_once
from tests.support.clinic import ok

COURSES = f"{BILLING}/course-prepayments"
LEGACY = f"{BILLING}/legacy-balances"


def course(hall: Hall, cashier: Cashier, patient: UUID, amount: str = "500.00", **changes: Any) -> Any:
    body = {
        "patient_id": str(patient),
        "course": "dialysis",
        "amount": amount,
        "plan": "维持性血液透析，每周三次，一月",
        "doctor_id": str(staff(hall.hospital)),
        "planned": "1000.00",
        **changes,
    }
    return cashier.caller.post(COURSES, body)


def by_course(one: dict[str, Any], amount: str) -> dict[str, Any]:
    return {"method": "course", "amount": amount, "course_id": one["course_id"]}


def test_a_course_from_its_first_payment_to_its_end(hall: Hall) -> None:
    cashier, patient = hall.cashier(), hall.patient()
    opened = ok(course(hall, cashier, patient, received="500.00"))
    assert (opened["state"], opened["balance"], opened["purpose_name"]) == ("open", "500.00", "血液透析")
    assert opened["course_no"].startswith("HL")
    more = ok(cashier.caller.post(f"{COURSES}/{opened['course_id']}/payments", {"amount": "300.00"}))
    assert more["balance"] == "800.00"
    refused(
        cashier.caller.post(f"{COURSES}/{opened['course_id']}/payments", {"amount": "200.01"}), 422, "course_overpaid"
    )
    charges = hall.post(patient, ("exam250", 1), ("lab50", 1))
    sold = ok(hall.settle(cashier, charges, "300.00", by_course(opened, "280.00"), cash("20.00")))
    after = ok(cashier.caller.get(f"{COURSES}/{opened['course_id']}"))
    assert (after["balance"], after["used"]) == ("520.00", "280.00")
    assert [one["kind"] for one in after["movements"]] == ["pay_in", "pay_in", "use"]
    hall.assert_balanced()
    exam = next(place for place, line in enumerate(sold["lines"]) if line["item_code"] == "exam250")
    back = ok(hall.execute(cashier, hall.approved_refund(sold, (exam, 1))))
    assert [(part["method"], part["amount"]) for part in back["parts"]] == [("course", "250.00")]
    given = ok(cashier.caller.get(f"{COURSES}/{opened['course_id']}"))
    assert (given["balance"], given["used"]) == ("770.00", "30.00")
    hall.assert_balanced()
    path = f"{COURSES}/{opened['course_id']}/close"
    refused(cashier.caller.post(path, {"version": 1}), 409, "version_conflict")
    closed = ok(cashier.caller.post(path, {"version": given["version"]}))
    assert (closed["state"], closed["balance"], closed["returned"]) == ("closed", "0.00", "770.00")
    refused(cashier.caller.post(f"{COURSES}/{opened['course_id']}/payments", {"amount": "1.00"}), 409, "course_closed")
    hall.assert_balanced()
    lab = next(place for place, line in enumerate(sold["lines"]) if line["item_code"] == "lab50")
    again = hall.approved_refund(ok(cashier.caller.get(f"{BILLING}/settlements/{sold['settlement_id']}")), (lab, 1))
    ok(hall.execute(cashier, again))
    opened_again = ok(cashier.caller.get(f"{COURSES}/{opened['course_id']}"))
    assert (opened_again["state"], opened_again["balance"]) == ("open", "30.00")
    hall.assert_balanced()
    assert hall.close(cashier)["difference"] == "0.00"


def test_what_a_course_refuses(hall: Hall) -> None:
    cashier, patient = hall.cashier(), hall.patient()
    opened = ok(course(hall, cashier, patient, amount="100.00"))
    census = hall.hospital.census()
    refused(course(hall, cashier, patient, amount="1000.01"), 422, "course_overpaid")
    refused(course(hall, cashier, patient, received="1.00"), 422, "cash_short")
    refused(course(hall, cashier, patient, plan=None), 422, "tender_incomplete")
    refused(course(hall, cashier, patient, course="card_top_up"), 422, "outpatient_prepayment_stopped")
    mine, other = hall.post(patient, ("exam250", 1)), hall.post(hall.patient(), ("lab50", 1))
    problem = refused(hall.settle(cashier, mine, "250.00", by_course(opened, "250.00")), 422, "course_insufficient")
    assert problem["balance"] == "100.00"
    refused(hall.settle(cashier, other, "50.00", by_course(opened, "50.00")), 422, "course_insufficient")
    refused(hall.settle(cashier, other, "50.00", {"method": "course", "amount": "50.00"}), 422, "tender_incomplete")
    after = hall.hospital.census()
    assert {name: n for name, n in after.items() if n != census[name]}.keys() <= {
        "payments.charges",
        "patients.patients",
        "kernel.outbox",
        "kernel.idempotent_answers",
    } | {name for name in after if name.startswith("patients.")}
    stranger = hall.cashier("mch")
    path = f"{COURSES}/{opened['course_id']}"
    refused(stranger.caller.get(path), 404, "course_unknown")
    refused(stranger.caller.post(f"{path}/payments", {"amount": "1.00"}), 404, "course_unknown")
    hall.assert_balanced()


def test_a_course_is_not_spent_twice(hall: Hall) -> None:
    patient = hall.patient()
    cashiers = [hall.cashier() for _ in range(3)]
    opened = ok(course(hall, cashiers[0], patient, amount="100.00"))
    bills = [hall.post(patient, ("lab50", 1), ("drug", 1)) for _ in cashiers]
    answers = at_once(
        *[
            lambda who=who, bill=bill: hall.settle(who, bill, "62.35", by_course(opened, "62.35"))
            for who, bill in zip(cashiers, bills, strict=True)
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422]
    hall.assert_balanced()


def test_courses_are_listed(hall: Hall) -> None:
    cashier, patient = hall.cashier(), hall.patient()
    opened = ok(course(hall, cashier, patient))
    of_patient = ok(cashier.caller.get(COURSES, patient_id=str(patient)))["items"]
    newest = ok(cashier.caller.get(COURSES, limit=1))
    assert [one["course_id"] for one in of_patient] == [one["course_id"] for one in newest["items"]]
    assert of_patient[0]["course_id"] == opened["course_id"]
    assert newest["next"] == opened["course_id"]


# -- old cards


def test_an_old_balance_only_goes_back(hall: Hall) -> None:
    cashier, finance = hall.cashier(), hall.finance()
    lines = [
        {"card_no": "C0001", "holder_name": "韦春兰", "amount": "86.40"},
        {"card_no": "C0002", "holder_name": "黄国强", "amount": "1200.00"},
    ]
    refused(cashier.caller.post(LEGACY, {"lines": lines}), 403, "permission_denied")
    first, second = ok(finance.post(LEGACY, {"lines": lines}))
    refused(finance.post(LEGACY, {"lines": lines[:1]}), 409, "legacy_balance_repeated")
    refused(finance.post(LEGACY, {"lines": [lines[0], lines[0]]}), 422, "invalid")
    found = ok(cashier.caller.get(LEGACY, card_no="C0001"))["items"]
    assert [one["amount"] for one in found] == ["86.40"]
    body = {"version": 1, "reference": "本人 450223198603150021"}
    stranger = hall.cashier("mch")
    refused(stranger.caller.post(f"{LEGACY}/{first['legacy_id']}/pay-out", body), 404, "legacy_balance_unknown")
    paid = ok(cashier.caller.post(f"{LEGACY}/{first['legacy_id']}/pay-out", body))
    assert (paid["state"], paid["method"]) == ("cleared", "cash")
    refused(cashier.caller.post(f"{LEGACY}/{first['legacy_id']}/pay-out", body), 409, "legacy_balance_cleared")
    refused(cashier.caller.post(f"{LEGACY}/{second['legacy_id']}/pay-out", body), 422, "cash_insufficient")
    moved = ok(finance.post(f"{LEGACY}/{second['legacy_id']}/transfer", {"version": 1, "reference": "农行 20260302-7"}))
    assert moved["method"] == "bank_transfer"
    open_ones = {one["card_no"] for one in ok(cashier.caller.get(LEGACY))["items"]}
    assert open_ones.isdisjoint({"C0001", "C0002"})
    assert hall.close(cashier)["difference"] == "0.00"
    hall.assert_balanced()


def test_an_old_balance_is_paid_at_one_window(hall: Hall) -> None:
    cashiers = [hall.cashier() for _ in range(3)]
    lines = [{"card_no": "C0100", "holder_name": "覃大海", "amount": "60.00"}]
    row = ok(hall.finance().post(LEGACY, {"lines": lines}))[0]
    body = {"version": 1, "reference": "本人"}
    path = f"{LEGACY}/{row['legacy_id']}/pay-out"
    answers = at_once(*[lambda who=who: who.caller.post(path, body) for who in cashiers])
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    hall.assert_balanced()


# -- cash in steps


@pytest.fixture
def tens(hall: Hall) -> Any:
    """mch rounds cash to 0.10 during a test."""
    finance = hall.finance("mch")
    refused(
        hall.cashier("mch").caller.put(f"{BILLING}/settings/cash-step", {"cash_step": "0.10"}), 403, "permission_denied"
    )
    ok(finance.put(f"{BILLING}/settings/cash-step", {"cash_step": "0.10"}))
    yield hall
    ok(finance.put(f"{BILLING}/settings/cash-step", {"cash_step": "0.01"}))


def test_without_a_decision_cash_is_exact(hall: Hall) -> None:
    cashier = hall.cashier()
    shown = ok(cashier.caller.get(f"{BILLING}/settings"))
    assert shown["cash_step"] == "0.01"
    charges = hall.post(hall.patient(), ("drug", 3), ("herb", 7))
    refused(hall.settle(cashier, charges, "37.27", cash("37.30")), 422, "tenders_differ")


@pytest.mark.parametrize(
    ("quantity", "total", "paid", "rounding"),
    [(3, "33.33", "33.30", "0.03"), (1, "11.11", "11.10", "0.01"), (7, "77.77", "77.80", "-0.03")],
)
def test_cash_is_rounded_and_the_difference_is_a_tender(
    tens: Hall, quantity: int, total: str, paid: str, rounding: str
) -> None:
    cashier = tens.cashier("mch")
    charges = tens.post(tens.patient("mch"), ("drug", quantity), campus="mch")
    refused(tens.settle(cashier, charges, total, cash(str(Decimal(paid) + 1))), 422, "tenders_differ")
    sold = ok(tens.settle(cashier, charges, total, cash(paid, received="100.00")))
    assert [(one["method"], one["amount"]) for one in sold["tenders"]] == [("cash", paid), ("rounding", rounding)]
    assert sold["change"] == str(Decimal("100.00") - Decimal(paid))
    tens.assert_balanced()
    done = ok(tens.refund(cashier.caller, sold, (0, quantity)))
    assert {part["method"]: part["amount"] for part in done["parts"]} == {"cash": paid, "rounding": rounding}
    tens.assert_balanced()
    assert tens.close(cashier)["difference"] == "0.00"


def test_rounded_cash_completes_a_settlement_in_steps(tens: Hall) -> None:
    cashier = tens.cashier("mch")
    charges = tens.post(tens.patient("mch"), ("drug", 3), campus="mch")
    body = {"charge_ids": [str(charges[0].charge_id)], "expected_total": "33.33"}
    started = ok(cashier.caller.post(f"{BILLING}/settlements/start", body))
    path = f"{BILLING}/settlements/{started['settlement_id']}/tenders"
    ok(cashier.caller.post(path, {"method": "relief", "amount": "10.00", "reference": "JM-1"}))
    refused(cashier.caller.post(path, cash("23.40")), 422, "tenders_differ")
    refused(cashier.caller.post(path, cash("20.00")), 422, "cash_comes_last")
    done = ok(cashier.caller.post(path, cash("23.30")))
    assert (done["state"], done["tendered"]) == ("completed", "33.33")
    part = ok(tens.refund(cashier.caller, done, (0, 1)))
    assert part["state"] == "executed"
    ok(tens.refund(cashier.caller, done, (0, 2)))
    tens.assert_balanced()
