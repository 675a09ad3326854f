"""Debts: the hospital waits for its money, and every cent is accounted for."""

from decimal import Decimal
from uuid import uuid4

import pytest

from functions.payments.billing import service as billing
from functions.payments.billing.service import Executed
from tests.payments.conftest import BILLING, SOURCE, Hall, cash, refused, staff
from tests.support.clinic import ok


def debt(hall: Hall, amount: str, campus: str = "hq") -> dict:
    return {
        "method": "debt",
        "amount": amount,
        "note": "急诊绿色通道",
        "approved_by": str(staff(hall.hospital, campus)),
    }


def owe(hall: Hall, cashier, *items, total: str, paid: str = "", **more) -> dict:
    """A settlement the patient owes, all or all but `paid`."""
    charges = hall.post(hall.patient(cashier.caller.campus), *items, campus=cashier.caller.campus, **more)
    owed = str(Decimal(total) - Decimal(paid or "0.00"))
    tenders = [debt(hall, owed), *([cash(paid)] if paid else [])]
    return dict(ok(hall.settle(cashier, charges, total, *tenders)))


def debt_of(hall: Hall, settlement: dict) -> dict:
    reader = hall.hospital.caller("registrar", campus=settlement["campus_id"])
    found = ok(reader.get(f"{BILLING}/debts", patient_id=settlement["patient_id"]))["items"]
    return dict(next(one for one in found if one["settlement_id"] == settlement["settlement_id"]))


def pay(cashier, one: dict, amount: str, **more):
    return cashier.caller.post(f"{BILLING}/debts/{one['debt_id']}/payments", {"amount": amount, **more})


def test_owed_lines_may_be_executed_and_are_paid_later(hall: Hall) -> None:
    cashier, source = hall.cashier(), str(uuid4())
    settlement = owe(hall, cashier, ("exam250", 3), ("lab50", 2), total="850.00", source_id=source)
    assert (settlement["owed"], settlement["receipt_no"]) == ("850.00", None)
    told = hall.hospital.events("charges_settled")[-1]["data"]
    assert (told["total"], told["owed"]) == ("850.00", "850.00")
    assert hall.hospital.events("debt_opened")[-1]["data"]["amount"] == "850.00"
    with hall.hospital.tx("hq") as tx:
        assert billing.source_state(tx, SOURCE, source) == "owed"
        billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(3))])
    one = debt_of(hall, settlement)
    hall.close(cashier)
    later = hall.cashier()
    first = ok(pay(later, one, "800.00", received="1000.00"))
    assert (first["outstanding"], first["change"], first["receipt_no"]) == ("50.00", "200.00", None)
    refused(pay(later, one, "50.01"), 422, "debt_overpaid")
    refused(pay(later, one, "50.00", received="49.00"), 422, "cash_short")
    last = ok(pay(later, one, "50.00"))
    assert (last["state"], last["outstanding"], last["paid"]) == ("settled", "0.00", "850.00")
    assert last["receipt_no"] is not None
    after = ok(later.caller.get(f"{BILLING}/settlements/{settlement['settlement_id']}"))
    assert (after["owed"], after["receipt_no"]) == ("0.00", last["receipt_no"])
    assert {line["status"] for line in after["lines"]} == {"paid"}
    assert hall.hospital.events("debt_settled")[-1]["data"]["paid"] == "850.00"
    refused(pay(later, one, "1.00"), 409, "debt_not_open")
    hall.assert_balanced()


def test_a_refund_lowers_the_debt_before_it_pays_cash(hall: Hall) -> None:
    cashier = hall.cashier()
    settlement = owe(hall, cashier, ("exam250", 1), ("lab50", 2), total="350.00", paid="100.00")
    first = ok(hall.execute(cashier, hall.approved_refund(settlement, (1, 1))))
    assert [(part["method"], part["amount"]) for part in first["parts"]] == [("debt", "50.00")]
    assert debt_of(hall, settlement)["outstanding"] == "200.00"
    assert first["new_receipt_no"] is None
    second = ok(hall.execute(cashier, hall.approved_refund(settlement, (0, 1))))
    assert {part["method"]: part["amount"] for part in second["parts"]} == {"debt": "200.00", "cash": "50.00"}
    assert second["new_receipt_no"] is not None, "what is left is paid and gets its receipt"
    after = ok(cashier.caller.get(f"{BILLING}/settlements/{settlement['settlement_id']}"))
    assert sorted(line["status"] for line in after["lines"]) == ["paid", "refunded"]
    hall.assert_balanced()


def test_a_debt_is_paid_while_a_refund_waits(hall: Hall) -> None:
    cashier = hall.cashier()
    settlement = owe(hall, cashier, ("exam250", 1), ("lab50", 1), total="300.00")
    asked = ok(hall.refund(hall.hospital.caller("registrar"), settlement, (1, 1)))
    ok(pay(cashier, debt_of(hall, settlement), "300.00"))
    hall.assert_balanced()
    approved = ok(hall.lead().post(f"{BILLING}/refunds/{asked['refund_id']}/approve", {"version": 1}))
    done = ok(hall.execute(cashier, approved))
    assert [(part["method"], part["amount"]) for part in done["parts"]] == [("cash", "50.00")]
    hall.assert_balanced()


def test_a_rejected_refund_of_an_owed_line_leaves_it_owed(hall: Hall) -> None:
    cashier = hall.cashier()
    settlement = owe(hall, cashier, ("exam250", 1), total="250.00")
    asked = ok(hall.refund(cashier.caller, settlement, (0, 1)))
    ok(hall.lead().post(f"{BILLING}/refunds/{asked['refund_id']}/reject", {"version": 1}))
    after = ok(cashier.caller.get(f"{BILLING}/settlements/{settlement['settlement_id']}"))
    assert [line["status"] for line in after["lines"]] == ["owed"]
    hall.assert_balanced()


def test_debts_are_listed_and_walled(hall: Hall) -> None:
    cashier = hall.cashier("mch")
    charges = hall.post(hall.patient("mch"), ("lab50", 1), campus="mch")
    settlement = ok(hall.settle(cashier, charges, "45.00", debt(hall, "45.00", "mch")))
    one = debt_of(hall, settlement)
    listed = ok(cashier.caller.get(f"{BILLING}/debts", limit=1))
    assert [row["debt_id"] for row in listed["items"]] == [one["debt_id"]]
    foreign = hall.cashier("hq")
    refused(foreign.caller.get(f"{BILLING}/debts/{one['debt_id']}"), 404, "debt_unknown")
    refused(pay(foreign, one, "45.00"), 404, "debt_unknown")
    overview = hall.hospital.caller("consortium_finance")
    assert ok(overview.get(f"{BILLING}/debts/{one['debt_id']}"))["outstanding"] == "45.00"
    hall.assert_balanced()


def test_a_repeated_payment_pays_once(hall: Hall) -> None:
    cashier = hall.cashier()
    one = debt_of(hall, owe(hall, cashier, ("exam250", 1), total="250.00"))
    path = f"{BILLING}/debts/{one['debt_id']}/payments"
    first = ok(cashier.caller.post(path, {"amount": "100.00"}, key="debt-paid-once"))
    assert ok(cashier.caller.post(path, {"amount": "100.00"}, key="debt-paid-once")) == first
    assert debt_of(hall, {**one, "patient_id": one["patient_id"]})["outstanding"] == "150.00"
    hall.assert_balanced()


@pytest.mark.parametrize("amount", ["0.00", "-1.00", "1.001"])
def test_amounts_of_payments(hall: Hall, amount: str) -> None:
    cashier = hall.cashier()
    one = debt_of(hall, owe(hall, cashier, ("lab50", 1), total="50.00"))
    refused(pay(cashier, one, amount), 422, "invalid")


# -- given up


def write_off(hall: Hall, one: dict) -> dict:
    """Ask that a debt be given up."""
    body = {"reason": "患者死亡且无遗产", "evidence": "公安证明 2026-118"}
    return dict(ok(hall.hospital.caller("registrar").post(f"{BILLING}/debts/{one['debt_id']}/write-offs", body)))


def test_a_debt_is_given_up_with_two_approvals(hall: Hall) -> None:
    cashier = hall.cashier()
    settlement = owe(hall, cashier, ("exam250", 1), ("lab50", 1), total="300.00", paid="100.00")
    one = debt_of(hall, settlement)
    asked = write_off(hall, one)
    path = f"{BILLING}/write-offs/{asked['write_off_id']}"
    assert (asked["state"], asked["amount"]) == ("requested", "200.00")
    body = {"reason": "重复", "evidence": "无"}
    refused(cashier.caller.post(f"{BILLING}/debts/{one['debt_id']}/write-offs", body), 409, "write_off_waiting")
    finance, lead = hall.finance(), hall.lead()
    refused(finance.post(f"{path}/approve-finally", {"version": 1}), 409, "write_off_decided")
    refused(cashier.caller.post(f"{path}/approve", {"version": 1}), 403, "permission_denied")
    half = ok(lead.post(f"{path}/approve", {"version": 1}))
    assert half["state"] == "half_approved"
    both = hall.hospital.caller("cashier_lead", "finance")
    refused(lead.post(f"{path}/approve", {"version": 2}), 409, "write_off_decided")
    ok(pay(cashier, one, "50.00"))
    done = ok(finance.post(f"{path}/approve-finally", {"version": 2}))
    assert (done["state"], done["written_off"], done["second_approver_name"]) == ("executed", "150.00", "周建国")
    after = ok(cashier.caller.get(f"{BILLING}/debts/{one['debt_id']}"))
    assert (after["state"], after["paid"], after["written_off"], after["outstanding"]) == (
        "written_off",
        "50.00",
        "150.00",
        "0.00",
    )
    shown = ok(cashier.caller.get(f"{BILLING}/settlements/{settlement['settlement_id']}"))
    assert (shown["owed"], shown["receipt"]["amount"]) == ("0.00", "150.00"), "no receipt for what nobody paid"
    refused(pay(cashier, one, "1.00"), 409, "debt_not_open")
    refused(both.post(f"{path}/approve-finally", {"version": 3}), 409, "debt_not_open")
    hall.assert_balanced()
    # a refund first takes back what was given up
    exam = next(place for place, line in enumerate(shown["lines"]) if line["item_code"] == "exam250")
    back = ok(hall.execute(cashier, hall.approved_refund(shown, (exam, 1))))
    assert {part["method"]: part["amount"] for part in back["parts"]} == {"cash": "100.00", "bad_debt": "150.00"}
    hall.assert_balanced()


def test_nobody_gives_a_debt_up_alone(hall: Hall) -> None:
    cashier = hall.cashier()
    one = debt_of(hall, owe(hall, cashier, ("lab50", 1), total="50.00"))
    all_posts = hall.hospital.caller("registrar", "cashier_lead", "finance")
    body = {"reason": "查无此人", "evidence": "催缴记录"}
    asked = ok(all_posts.post(f"{BILLING}/debts/{one['debt_id']}/write-offs", body))
    path = f"{BILLING}/write-offs/{asked['write_off_id']}"
    refused(all_posts.post(f"{path}/approve", {"version": 1}), 422, "same_person")
    two_posts = hall.hospital.caller("cashier_lead", "finance")
    ok(two_posts.post(f"{path}/approve", {"version": 1}))
    census = hall.hospital.census()
    refused(two_posts.post(f"{path}/approve-finally", {"version": 2}), 422, "same_person")
    assert hall.hospital.census() == census
    rejected = ok(hall.finance().post(f"{path}/reject-finally", {"version": 2, "note": "继续催缴"}))
    assert (rejected["state"], rejected["note"]) == ("rejected", "继续催缴")
    assert debt_of(hall, one)["state"] == "open"
    waiting = [row["write_off_id"] for row in ok(cashier.caller.get(f"{BILLING}/write-offs"))["items"]]
    assert asked["write_off_id"] not in waiting
    again = write_off(hall, one)
    assert again["state"] == "requested"
    stranger = hall.hospital.caller("finance", campus="mch")
    path = f"{BILLING}/write-offs/{again['write_off_id']}/approve-finally"
    refused(stranger.post(path, {"version": 1}), 404, "write_off_unknown")
    hall.assert_balanced()


def test_the_agreement_on_a_debt(hall: Hall) -> None:
    cashier = hall.cashier()
    one = debt_of(hall, owe(hall, cashier, ("exam250", 1), total="250.00"))
    path = f"{BILLING}/debts/{one['debt_id']}"
    assert ok(cashier.caller.post(f"{path}/agreements"))["copy_number"] == 1
    answer = cashier.caller.get(f"{path}/agreement.pdf")
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF")
