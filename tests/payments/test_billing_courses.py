"""Course prepayments by electronic money: in the balance once, however the channel answers; back the way they came."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.simulators.wire import Fault
from tests.payments.conftest import BILLING, Cashier, cash, refused, staff
from tests.payments.market import Market, open_market
from tests.support.clinic import ok

COURSES = f"{BILLING}/course-prepayments"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    folder: Path = tmp_path_factory.mktemp("channels")
    with open_market(folder) as opened:
        yield opened


def opened(market: Market, cashier: Cashier, amount: str, **paid: Any) -> dict[str, Any]:
    """A course of dialysis planned at 1,000 yuan, with its first payment."""
    body = {
        "patient_id": str(market.hall.patient()),
        "course": "dialysis",
        "plan": "维持性血液透析，每周三次，一月",
        "doctor_id": str(staff(market.hospital)),
        "planned": "1000.00",
        "amount": amount,
        **paid,
    }
    return dict(ok(cashier.caller.post(COURSES, body)))


def pay(market: Market, cashier: Cashier, course: dict[str, Any], amount: str, **paid: Any) -> Any:
    return cashier.caller.post(f"{COURSES}/{course['course_id']}/payments", {"amount": amount, **paid})


def wechat(market: Market, **payer: Any) -> dict[str, Any]:
    return {"method": "wechat", "auth_code": market.code(**payer)}


def read(cashier: Cashier, course: dict[str, Any]) -> dict[str, Any]:
    return dict(ok(cashier.caller.get(f"{COURSES}/{course['course_id']}")))


def close(cashier: Cashier, course: dict[str, Any]) -> Any:
    return cashier.caller.post(f"{COURSES}/{course['course_id']}/close", {"version": read(cashier, course)["version"]})


def test_a_payment_code_fills_the_course_at_once(market: Market) -> None:
    cashier, before = market.hall.cashier(), market.kept()
    course = opened(market, cashier, "300.00", **wechat(market))
    assert (course["state"], course["balance"], course["payment"]) == ("open", "300.00", None)
    market.news()
    stands = read(cashier, course)
    assert (stands["balance"], [one["kind"] for one in stands["movements"]]) == ("300.00", ["pay_in"])
    assert [(one["state"], one["amount"]) for one in stands["payments"]] == [("received", "300.00")]
    assert market.kept() == before + 300
    market.assert_sound()


def test_a_scanned_code_fills_it_when_the_channel_tells(market: Market) -> None:
    cashier = market.hall.cashier()
    course = opened(market, cashier, "100.00")
    waiting = ok(pay(market, cashier, course, "200.00", method="wechat", product="qr"))
    assert (waiting["balance"], waiting["payment"]["amount"]) == ("100.00", "200.00")
    assert waiting["payment"]["code_url"]
    refused(pay(market, cashier, course, "1.00"), 409, "payment_underway")
    refused(close(cashier, course), 409, "payment_underway")
    market.scan_and_pay(waiting)
    market.news()
    assert read(cashier, course)["balance"] == "300.00"
    market.assert_sound()


def test_a_lost_answer_is_asked_for(market: Market) -> None:
    cashier = market.hall.cashier()
    market.town.wechat.faults.plan("order", Fault.LOST_ANSWER)
    course = opened(market, cashier, "50.00", **wechat(market))
    for _ in range(8):
        market.town.minute()
        market.news()
    assert read(cashier, course)["balance"] == "50.00"
    market.assert_sound()


def test_waiting_is_given_up_and_the_truth_booked(market: Market) -> None:
    cashier = market.hall.cashier()
    course = opened(market, cashier, "100.00")
    path = f"{COURSES}/{course['course_id']}/drop-payment"
    refused(cashier.caller.post(path), 409, "tender_not_pending")
    ok(pay(market, cashier, course, "20.00", method="wechat", product="qr"))
    dropped = ok(cashier.caller.post(path))
    assert (dropped["payment"], dropped["balance"]) == (None, "100.00")
    paid = ok(pay(market, cashier, course, "30.00", method="wechat", product="qr"))
    market.scan_and_pay(paid, told=False)
    kept = ok(cashier.caller.post(path))
    assert (kept["payment"], kept["balance"]) == (None, "130.00"), "it was paid before it could be given up"
    market.news()
    assert read(cashier, course)["balance"] == "130.00"
    market.assert_sound()


def test_what_is_left_goes_back_the_way_it_came_and_the_rest_in_cash(market: Market) -> None:
    cashier, before = market.hall.cashier(), market.kept()
    course = opened(market, cashier, "200.00")
    assert ok(pay(market, cashier, course, "120.00", **wechat(market)))["balance"] == "320.00"
    charges = market.hall.post(market.hall.patient(), ("lab50", 1))
    by_course = {"method": "course", "amount": "50.00", "course_id": course["course_id"]}
    refused(market.hall.settle(cashier, charges, "50.00", by_course), 422, "course_insufficient")
    patient = course["patient_id"]
    mine = market.hall.post(patient, ("lab50", 1), ("exam250", 1))
    ok(market.hall.settle(cashier, mine, "300.00", by_course | {"amount": "150.00"}, cash("150.00")))
    done = ok(close(cashier, course))
    assert (done["state"], done["returned"], done["balance"]) == ("closed", "170.00", "0.00")
    assert [(one["method"], one["amount"]) for one in done["sent_back"]] == [("wechat", "120.00")]
    market.news()
    stands = read(cashier, course)
    assert {(one["method"], one["amount"]) for one in stands["movements"] if one["kind"] == "return"} == {
        ("cash", "50.00"),
        ("wechat", "120.00"),
    }
    assert market.kept() == before
    assert stands["payments"][0]["returned"] == "120.00"
    market.assert_sound()


def test_money_that_comes_for_a_full_course_goes_back(market: Market) -> None:
    cashier, before = market.hall.cashier(), market.kept()
    course = opened(market, cashier, "900.00")
    refused(pay(market, cashier, course, "100.01", **wechat(market)), 422, "course_overpaid")
    waiting = ok(pay(market, cashier, course, "100.00", method="wechat", product="qr"))
    market.hospital.value(
        "UPDATE payments.course_prepayments SET planned = 950 WHERE course_id = %s RETURNING 1", [course["course_id"]]
    )
    market.scan_and_pay(waiting)
    for _ in range(3):
        market.town.minute()
        market.news()
    stands = read(cashier, course)
    assert (stands["balance"], stands["payments"][0]["state"]) == ("900.00", "cancelled")
    assert market.kept() == before
    market.assert_sound()


def test_a_course_of_another_campus_is_none_of_ours(market: Market) -> None:
    course = opened(market, market.hall.cashier(), "100.00")
    stranger = market.hall.cashier("mch")
    refused(pay(market, stranger, course, "10.00", method="wechat", product="qr"), 404, "course_unknown")
    refused(stranger.caller.post(f"{COURSES}/{course['course_id']}/drop-payment"), 404, "course_unknown")


def test_what_a_payment_must_not_say(market: Market) -> None:
    cashier = market.hall.cashier()
    course = opened(market, cashier, "100.00")
    refused(pay(market, cashier, course, "10.00", auth_code=market.code()), 422, "tender_incomplete")
    refused(pay(market, cashier, course, "10.00", received="20.00", **wechat(market)), 422, "tender_incomplete")
    assert ok(pay(market, cashier, course, "10.00", received="50.00"))["change"] == "40.00"
    assert read(cashier, course)["balance"] == "110.00"


# -- a channel that refuses for good


def test_a_refused_refund_is_paid_in_cash_when_finance_allows(market: Market) -> None:
    cashier, before = market.hall.cashier(), market.kept()
    course = opened(market, cashier, "80.00", **wechat(market))
    order = read(cashier, course)["payments"][0]["order_no"]
    sale = market.town.wechat.ledger.sales[order]
    state, sale.state = sale.state, "closed"
    ok(close(cashier, course))
    sale.state = state
    market.news()
    listed = ok(cashier.caller.get(f"{BILLING}/channel-refunds"))["items"]
    row = next(one for one in listed if one["course_payment_id"] is not None)
    assert (row["state"], row["amount"], market.kept()) == ("failed", "80.00", before + 80)
    path = f"{BILLING}/channel-refunds/{row['channel_refund_id']}"
    refused(cashier.caller.post(f"{path}/pay-cash"), 409, "cash_not_allowed")
    note = {"note": "患者微信账户已注销，凭身份证退现金"}
    refused(cashier.caller.post(f"{path}/allow-cash", note), 403, "permission_denied")
    finance = market.hall.finance()
    allowed = ok(finance.post(f"{path}/allow-cash", note))
    assert allowed["cash_allowed_by_name"] == "周建国"
    refused(finance.post(f"{path}/allow-cash", note), 409, "billing_refund_order_not_failed")
    refused(market.hall.cashier("mch").caller.post(f"{path}/pay-cash"), 404, "billing_refund_order_unknown")
    drawer = "SELECT cash_out FROM payments.shifts WHERE shift_id = %s"
    out = market.hospital.value(drawer, [cashier.shift_id])
    paid = ok(cashier.caller.post(f"{path}/pay-cash"))
    assert (paid["state"], paid["cash_paid_by_name"]) == ("cash", "刘晓燕")
    assert market.hospital.value(drawer, [cashier.shift_id]) == out + Decimal("80.00")
    refused(cashier.caller.post(f"{path}/pay-cash"), 409, "billing_refund_order_not_failed")
    refused(finance.post(f"{path}/again"), 409, "billing_refund_order_not_failed")
    open_ones = ok(cashier.caller.get(f"{BILLING}/channel-refunds"))["items"]
    assert row["channel_refund_id"] not in {one["channel_refund_id"] for one in open_ones}
    market.assert_sound()


def test_a_refund_of_a_bill_is_paid_in_cash_too(market: Market) -> None:
    cashier = market.hall.cashier()
    sold = market.sold(cashier, "50.00", "50.00", ("lab50", 1))
    sale = market.town.wechat.ledger.sales[sold["tenders"][0]["reference"]]
    state, sale.state = sale.state, "closed"
    done = ok(market.hall.refund(cashier.caller, sold, (0, 1)))
    sale.state = state
    market.news()
    listed = ok(cashier.caller.get(f"{BILLING}/channel-refunds"))["items"]
    row = next(one for one in listed if one["refund_id"] == done["refund_id"])
    path = f"{BILLING}/channel-refunds/{row['channel_refund_id']}"
    ok(market.hall.finance().post(f"{path}/allow-cash", {"note": "账户注销"}))
    assert ok(cashier.caller.post(f"{path}/pay-cash"))["state"] == "cash"
    market.assert_sound()
    assert market.hall.close(cashier)["difference"] == "0.00"
