"""Refunds: who may approve, what can be given back, where the money goes, what becomes of the receipt."""

import time
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from functions.payments.billing import service as billing
from functions.payments.billing.service import Executed
from shared.identity.actor import Actor
from shared.problems import Problem
from tests.payments.conftest import BILLING, SOURCE, Hall, cash, refused
from tests.support import tokens
from tests.support.clinic import ok
from tests.support.hospital import Caller

REFUNDS = f"{BILLING}/refunds"


@pytest.mark.case("01", 3)
def test_a_part_goes_back_and_the_rest_stays_paid(hall: Hall) -> None:
    """Settlement of 300.00 in cash; the examination of 250.00, not done, goes back; 50.00 stays with a new receipt."""
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("exam250", 1), ("lab50", 1), total="300.00")
    exam = next(place for place, line in enumerate(sold["lines"]) if line["item_code"] == "exam250")
    refund = hall.approved_refund(sold, (exam, 1), reason_code="not_done", reason="检查未做")
    assert (refund["state"], refund["level"], refund["amount"]) == ("approved", "lead", "250.00")
    done = ok(hall.execute(cashier, refund))
    assert done["refund_no"].startswith("HT")
    assert [(part["method"], part["amount"]) for part in done["parts"]] == [("cash", "250.00")]
    after = ok(cashier.caller.get(f"{BILLING}/settlements/{sold['settlement_id']}"))
    assert (after["refunded"], after["total"]) == ("250.00", "300.00")
    assert {line["item_code"]: line["status"] for line in after["lines"]} == {"exam250": "refunded", "lab50": "paid"}
    assert done["reversed_receipt_no"] == sold["receipt_no"]
    assert after["receipt_no"] == done["new_receipt_no"] != sold["receipt_no"]
    receipts = hall.hospital.rows(
        "SELECT receipt_no, state, amount FROM payments.receipts WHERE settlement_id = %s ORDER BY receipt_no",
        [sold["settlement_id"]],
    )
    assert [(row["state"], str(row["amount"])) for row in receipts] == [("reversed", "300.00"), ("issued", "50.00")]
    told = hall.hospital.events("charges_refunded")[-1]["data"]
    assert (told["amount"], told["lines"][0]["remaining"]) == ("250.00", "0.0000")
    assert told["payments"] == [{"method": "cash", "amount": "250.00"}]
    assert hall.hospital.events("receipt_reversed")[-1]["data"]["receipt_no"] == sold["receipt_no"]
    hall.assert_balanced()


@pytest.mark.case("01", 3)
def test_third_parties_take_back_their_share_and_cash_goes_last(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("exam250", 1), ("lab50", 1))
    contract = {"method": "contract", "amount": "200.00", "reference": "县水务局"}
    sold = ok(hall.settle(cashier, charges, "300.00", contract, cash("100.00")))
    done = ok(hall.execute(cashier, hall.approved_refund(sold, (0, 1))))
    assert {part["method"]: part["amount"] for part in done["parts"]} == {"contract": "166.67", "cash": "83.33"}
    rest = ok(hall.execute(hall.cashier(), hall.approved_refund(sold, (1, 1))))
    assert {part["method"]: part["amount"] for part in rest["parts"]} == {"contract": "33.33", "cash": "16.67"}
    assert rest["new_receipt_no"] is None
    hall.assert_balanced()


def test_a_small_refund_of_ones_own_shift_is_paid_at_once(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("lab50", 2), total="100.00")
    done = ok(hall.refund(cashier.caller, sold, (0, 1)))
    assert (done["state"], done["level"], done["approver_name"]) == ("executed", "cashier", None)
    assert done["amount"] == "50.00"
    hall.assert_balanced()


def test_refunds_are_not_split_below_the_limit(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("lab50", 6), total="300.00")
    assert ok(hall.refund(cashier.caller, sold, (0, 3)))["state"] == "executed"
    second = ok(hall.refund(cashier.caller, sold, (0, 2)))
    assert (second["state"], second["level"]) == ("requested", "lead")


def test_levels_of_approval(hall: Hall) -> None:
    cashier, stranger = hall.cashier(), hall.cashier()
    small = hall.sold(cashier, ("lab50", 1), total="50.00")
    assert ok(hall.refund(stranger.caller, small, (0, 1)))["level"] == "lead", "another cashier's sale"
    large = hall.sold(cashier, ("big", 2), total="3000.00")
    assert ok(hall.refund(cashier.caller, large, (0, 2)))["level"] == "finance", "more than 2,000"
    touched = hall.sold(cashier, ("lab50", 1), total="50.00", source_id=(source := str(uuid4())))
    with hall.hospital.tx("hq") as tx:
        billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(1))])
        billing.record_return(tx, SOURCE, source, [Executed("1", Decimal(1))])
    assert ok(hall.refund(cashier.caller, touched, (0, 1)))["level"] == "lead", "it was begun"
    old = hall.sold(cashier, ("lab50", 1), total="50.00")
    hall.close(cashier)
    try:
        hall.hospital.clock.move(days=31)
        assert ok(hall.refund(cashier.caller, old, (0, 1)))["level"] == "finance", "over 30 days"
    finally:
        hall.hospital.clock.move(days=-31)


def test_who_asks_approves_and_pays_are_three(hall: Hall) -> None:
    cashier, other = hall.cashier(), hall.cashier()
    sold = hall.sold(cashier, ("exam250", 1), total="250.00")
    asked = ok(hall.refund(cashier.caller, sold, (0, 1)))
    path = f"{REFUNDS}/{asked['refund_id']}"
    refused(hall.execute(other, asked), 409, "refund_not_waiting")
    refused(cashier.caller.post(f"{path}/approve", {"version": 1}), 403, "permission_denied")
    lead = hall.lead()
    approved = ok(lead.post(f"{path}/approve", {"version": 1}))
    refused(lead.post(f"{path}/approve", {"version": 2}), 409, "refund_not_waiting")
    census = hall.hospital.census()
    refused(hall.execute(cashier, approved), 422, "same_person")
    assert hall.hospital.census() == census
    assert ok(hall.execute(other, approved))["state"] == "executed"
    refused(hall.execute(other, approved | {"version": 3}), 409, "refund_not_waiting")
    hall.assert_balanced()


def test_nobody_approves_what_they_asked_for(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("exam250", 1), total="250.00")
    both = hall.hospital.caller("registrar", "cashier_lead")
    asked = ok(hall.refund(both, sold, (0, 1)))
    refused(both.post(f"{REFUNDS}/{asked['refund_id']}/approve", {"version": 1}), 422, "same_person")


def test_large_refunds_are_finances(hall: Hall) -> None:
    cashier = hall.cashier(amount="5000.00")
    sold = hall.sold(cashier, ("big", 2), total="3000.00")
    asked = ok(hall.refund(cashier.caller, sold, (0, 2)))
    path = f"{REFUNDS}/{asked['refund_id']}"
    refused(hall.lead().post(f"{path}/approve", {"version": 1}), 403, "finance_decides")
    refused(hall.lead().post(f"{path}/approve-large", {"version": 1}), 403, "permission_denied")
    approved = ok(hall.finance().post(f"{path}/approve-large", {"version": 1, "note": "同意"}))
    assert (approved["state"], approved["decision_note"]) == ("approved", "同意")
    ok(hall.execute(hall.cashier(amount="5000.00"), approved))
    hall.assert_balanced()


def test_an_approval_asks_for_the_password_again(hall: Hall) -> None:
    sold = hall.sold(hall.cashier(), ("exam250", 1), total="250.00")
    asked = ok(hall.refund(hall.hospital.caller("registrar"), sold, (0, 1)))
    path = f"{REFUNDS}/{asked['refund_id']}/approve"
    subject, staff_id = str(uuid4()), str(uuid4())
    claims = {"sub": subject, "name": "王秀兰", "staff_id": staff_id, "posts": ["/hq/cashier_lead"]}

    def signed_on(seconds_ago: int) -> Caller:
        token = tokens.sign(claims, auth_time=int(time.time()) - seconds_ago)
        return Caller(hall.hospital.client, token, "hq", subject, UUID(staff_id))

    refused(signed_on(301).post(path, {"version": 1}), 401, "fresh_sign_on_required")
    assert ok(signed_on(240).post(path, {"version": 1}))["state"] == "approved"


def test_a_rejected_or_withdrawn_refund_leaves_the_line_paid(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("exam250", 1), total="250.00")
    asked = ok(hall.refund(cashier.caller, sold, (0, 1)))
    path = f"{REFUNDS}/{asked['refund_id']}"
    refused(hall.refund(cashier.caller, sold, (0, 1)), 409, "line_being_refunded")
    refused(hall.lead().post(f"{path}/reject", {"version": 5}), 409, "version_conflict")
    rejected = ok(hall.lead().post(f"{path}/reject", {"version": 1, "note": "检查已预约，不退"}))
    assert rejected["state"] == "rejected"
    assert line_status(hall, sold) == "paid"
    again = ok(hall.refund(cashier.caller, sold, (0, 1)))
    path = f"{REFUNDS}/{again['refund_id']}"
    stranger = hall.hospital.caller("registrar")
    refused(stranger.post(f"{path}/withdraw", {"version": 1}), 409, "refund_not_waiting")
    assert ok(cashier.caller.post(f"{path}/withdraw", {"version": 1}))["state"] == "withdrawn"
    assert line_status(hall, sold) == "paid"
    refused(cashier.caller.post(f"{path}/withdraw", {"version": 2}), 409, "version_conflict")
    waiting = [one["refund_id"] for one in ok(cashier.caller.get(REFUNDS, limit=200))["items"]]
    assert again["refund_id"] not in waiting
    hall.assert_balanced()


@pytest.mark.case("01", 8)
def test_dispensed_drugs_are_refunded_as_far_as_they_came_back(hall: Hall) -> None:
    """12 tablets handed out: nothing refundable; 6 brought back: 6 refundable, not 7."""
    cashier, source = hall.cashier(), str(uuid4())
    sold = hall.sold(cashier, ("tablet", 12), total="10.20", source_id=source)
    with hall.hospital.tx("hq") as tx:
        billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(12))])
    census = hall.hospital.census()
    problem = refused(hall.refund(cashier.caller, sold, (0, 12)), 422, "line_executed")
    assert problem["executed_by"] == "tests"
    assert problem["executed_at"]
    refused(hall.refund(cashier.caller, sold, (0, 1)), 422, "line_executed")
    assert hall.hospital.census() == census
    with hall.hospital.tx("hq") as tx:
        billing.record_return(tx, SOURCE, source, [Executed("1", Decimal(6))])
    refused(hall.refund(cashier.caller, sold, (0, 7)), 422, "line_executed")
    refund = hall.approved_refund(sold, (0, 6))
    done = ok(hall.execute(cashier, refund))
    assert done["amount"] == "5.10"
    refused(hall.refund(cashier.caller, sold, (0, 1)), 422, "line_executed")
    with pytest.raises(Problem, match="已退 6"), hall.hospital.tx("hq") as tx:
        billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(1))])
    hall.assert_balanced()


def test_what_is_being_done_is_not_refunded(hall: Hall) -> None:
    cashier, source = hall.cashier(), str(uuid4())
    sold = hall.sold(cashier, ("lab50", 1), total="50.00", source_id=source)
    with hall.hospital.tx("hq") as tx:
        billing.begin_execution(tx, SOURCE, source, ["1"])
    refused(hall.refund(cashier.caller, sold, (0, 1)), 422, "line_executed")


def test_what_waits_for_a_refund_is_not_done(hall: Hall) -> None:
    cashier, source = hall.cashier(), str(uuid4())
    sold = hall.sold(cashier, ("exam250", 1), total="250.00", source_id=source)
    ok(hall.refund(cashier.caller, sold, (0, 1)))
    with pytest.raises(Problem, match="正在退费"), hall.hospital.tx("hq") as tx:
        billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(1))])


def test_parts_of_a_line_give_exactly_what_was_paid(hall: Hall) -> None:
    """3.3333 x 3 = 10.00: thirds are 3.33, 3.34, 3.33."""
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("third", 3), total="10.00")
    amounts = [ok(hall.refund(cashier.caller, sold, (0, 1)))["amount"] for _ in range(3)]
    assert amounts == ["3.33", "3.34", "3.33"]
    refused(hall.refund(cashier.caller, sold, (0, 1)), 422, "not_refundable")
    assert line_status(hall, sold) == "refunded"
    hall.assert_balanced()


def test_refused_requests_change_nothing(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("lab50", 2), total="100.00")
    other = hall.sold(cashier, ("lab50", 1), total="50.00")
    census = hall.hospital.census()
    refused(hall.refund(cashier.caller, sold, (0, 3)), 422, "not_refundable")
    refused(hall.refund(cashier.caller, sold, (0, 1), (0, 1)), 422, "not_refundable")
    mixed = sold | {"lines": other["lines"]}
    refused(hall.refund(cashier.caller, mixed, (0, 1)), 422, "not_refundable")
    unknown = sold | {"settlement_id": str(uuid4())}
    refused(hall.refund(cashier.caller, unknown, (0, 1)), 404, "settlement_unknown")
    refused(hall.refund(cashier.caller, sold, (0, 1), reason_code="because"), 422, "invalid")
    refused(hall.refund(cashier.caller, sold, (0, "0.00001")), 422, "invalid")
    assert hall.hospital.census() == census


def test_a_repeated_refund_gives_the_first_answer(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("lab50", 2), total="100.00")
    body = {
        "settlement_id": sold["settlement_id"],
        "lines": [{"charge_id": sold["lines"][0]["charge_id"], "quantity": "1"}],
        "reason_code": "patient",
        "reason": "患者要求",
    }
    first = ok(cashier.caller.post(REFUNDS, body, key="refund-once"))
    assert ok(cashier.caller.post(REFUNDS, body, key="refund-once")) == first
    assert line_status(hall, sold) == "paid"
    hall.assert_balanced()


def test_a_bill_of_nothing_is_refunded_without_money(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = ok(hall.settle(cashier, hall.post(hall.patient(), ("free", 1)), "0.00"))
    done = ok(hall.refund(cashier.caller, sold, (0, 1)))
    assert (done["state"], done["amount"], done["parts"]) == ("executed", "0.00", [])
    hall.assert_balanced()


def test_the_wall_between_campuses(hall: Hall) -> None:
    sold = hall.sold(hall.cashier(), ("exam250", 1), total="250.00")
    asked = ok(hall.refund(hall.hospital.caller("registrar"), sold, (0, 1)))
    path = f"{REFUNDS}/{asked['refund_id']}"
    refused(hall.lead("mch").post(f"{path}/approve", {"version": 1}), 404, "refund_unknown")
    refused(hall.lead("mch").get(path), 404, "refund_unknown")
    refused(hall.execute(hall.cashier("mch"), asked), 404, "refund_unknown")


def test_the_refund_slip(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("exam250", 1), ("lab50", 1), total="300.00")
    refund = hall.approved_refund(sold, (0, 1))
    path = f"{REFUNDS}/{refund['refund_id']}"
    refused(cashier.caller.get(f"{path}/slip.pdf"), 409, "refund_not_waiting")
    ok(hall.execute(cashier, refund))
    assert ok(cashier.caller.post(f"{path}/slips"))["copy_number"] == 1
    answer = cashier.caller.get(f"{path}/slip.pdf")
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF")


def test_lists_of_refunds(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("lab50", 2), total="100.00")
    done = ok(hall.refund(cashier.caller, sold, (0, 1)))
    by_number = ok(cashier.caller.get(REFUNDS, number=done["refund_no"]))["items"]
    of_settlement = ok(cashier.caller.get(REFUNDS, settlement_id=sold["settlement_id"]))["items"]
    of_day = ok(cashier.caller.get(REFUNDS, day=done["business_day"], limit=1))["items"]
    for found in (by_number, of_settlement, of_day):
        assert [one["refund_id"] for one in found] == [done["refund_id"]]


# -- refunds another module asks for


def test_a_source_is_refunded_at_once_within_the_cashiers_limit(hall: Hall) -> None:
    cashier, source = hall.cashier(), str(uuid4())
    hall.sold(cashier, ("lab50", 1), ("drug", 1), total="62.35", source_id=source)
    with acting(hall, cashier) as tx:
        refund = billing.refund_source(tx, SOURCE, source, "patient", "退号")
        assert (refund.amount, refund.executed) == (Decimal("62.35"), True)
        assert billing.source_state(tx, SOURCE, source) == "refunded"
        assert billing.refund_source(tx, SOURCE, source, "patient", "退号").amount == 0
    hall.assert_balanced()


def test_a_source_above_it_needs_an_approval_first(hall: Hall) -> None:
    cashier, source = hall.cashier(), str(uuid4())
    sold = hall.sold(cashier, ("exam250", 1), total="250.00", source_id=source)
    census = hall.hospital.census()
    with pytest.raises(Problem) as caught, acting(hall, cashier) as tx:
        billing.refund_source(tx, SOURCE, source, "patient", "退号")
    assert (caught.value.code, caught.value.extra["level"]) == ("refund_needs_approval", "lead")
    assert caught.value.extra["settlement_id"] == sold["settlement_id"]
    assert hall.hospital.census() == census
    hall.approved_refund(sold, (0, 1))
    with acting(hall, cashier) as tx:
        refund = billing.refund_source(tx, SOURCE, source, "patient", "退号")
    assert (refund.amount, refund.executed) == (Decimal("250.00"), True)
    hall.assert_balanced()


def test_a_source_whose_request_still_waits(hall: Hall) -> None:
    cashier, source = hall.cashier(), str(uuid4())
    sold = hall.sold(cashier, ("exam250", 1), total="250.00", source_id=source)
    ok(hall.refund(hall.hospital.caller("registrar"), sold, (0, 1)))
    with pytest.raises(Problem, match="已有退费申请"), acting(hall, cashier) as tx:
        billing.refund_source(tx, SOURCE, source, "patient", "退号")


def test_the_hospitals_own_refunds_wait_for_any_window(hall: Hall) -> None:
    """A stopped session refunds without approval; the patient is paid at whichever window he comes to."""
    source = str(uuid4())
    hall.sold(hall.cashier(), ("exam250", 1), total="250.00", source_id=source)
    with hall.hospital.tx("hq") as tx:
        refund = billing.refund_source(tx, SOURCE, source, "session_stopped", "停诊")
    assert (refund.amount, refund.executed) == (Decimal("250.00"), False)
    cashier = hall.cashier()
    waiting = ok(cashier.caller.get(f"{REFUNDS}/{refund.refunds[0]}"))
    assert (waiting["state"], waiting["approver_name"]) == ("approved", "医院原因退费，免审批")
    assert ok(hall.execute(cashier, waiting))["state"] == "executed"
    hall.assert_balanced()


def acting(hall: Hall, cashier):
    actor = Actor(
        kind="staff",
        subject=cashier.caller.subject,
        name="刘晓燕",
        posts={cashier.caller.campus: frozenset({"registrar"})},
    )
    return hall.hospital.tx(cashier.caller.campus, actor)


def line_status(hall: Hall, settlement: dict, place: int = 0) -> str:
    charge = UUID(settlement["lines"][place]["charge_id"])
    return str(hall.hospital.value("SELECT status FROM payments.charges WHERE charge_id = %s", [charge]))
