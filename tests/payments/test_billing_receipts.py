"""Receipts on the fiscal platform: issued once each whatever goes wrong there, reversed, exchanged to paper."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from unittest import mock
from uuid import UUID

import pytest

from functions.payments.billing.client import (
    ReceiptPlatform,
    ReceiptPlatformSettings,
    Refused,
    Unreachable,
    signature,
)
from functions.payments.billing.service import minutes, platform
from infra.simulators.receipts import ReceiptSimulator
from tests.payments.conftest import BILLING, CASHIER, Cashier, Hall, refused
from tests.payments.test_billing_debts import debt_of, owe, pay
from tests.support.clinic import ok

KEY = "a-key-of-this-test"
RANGES = count(1, 1000)
"""Each test's platform goes on numbering where no other did."""


@pytest.fixture
def books() -> Iterator[ReceiptSimulator]:
    """The platform of one test."""
    with ReceiptSimulator("hospital", KEY, first=next(RANGES)) as simulator:
        yield simulator


@pytest.fixture
def fiscal(hall: Hall, books: ReceiptSimulator) -> Iterator[Hall]:
    """The hall, its hospital talking to the platform; what earlier tests left undone is out of the way."""
    hall.hospital.drain()
    hall.hospital.execute("UPDATE payments.receipt_jobs SET state = 'done', done_at = now() WHERE state <> 'done'")
    client = ReceiptPlatform(ReceiptPlatformSettings(url=books.url, app_id="hospital", key=KEY, timeout=5))
    with (
        mock.patch.object(platform, "receipt_platform", return_value=client),
        mock.patch.object(minutes, "receipt_platform", return_value=client),
    ):
        yield hall


def a_minute(hall: Hall, minutes_later: int = 1) -> None:
    hall.hospital.clock.move(minutes=minutes_later)
    hall.hospital.minute("payments/billing")


def receipt_of(hall: Hall, settlement: dict[str, Any]) -> dict[str, Any]:
    """The settlement's receipt as a cashier sees it."""
    reader = hall.hospital.caller("registrar", campus=settlement["campus_id"])
    return dict(ok(reader.get(f"{BILLING}/settlements/{settlement['settlement_id']}"))["receipt"])


def test_a_sale_is_told_to_the_platform(fiscal: Hall, books: ReceiptSimulator) -> None:
    cashier = fiscal.cashier()
    sold = fiscal.sold(cashier, ("exam250", 1), ("lab50", 1), total="300.00")
    assert sold["receipt"]["platform_number"] is None, "the sale waits for nobody"
    fiscal.hospital.drain()
    receipt = receipt_of(fiscal, sold)
    bill = books.books.bills[sold["receipt_no"]]
    assert (receipt["platform_code"], receipt["platform_number"]) == (bill.code, bill.number)
    assert (receipt["platform_check_code"], bill.amount) == (bill.check_code, "300.00")
    assert bill.number in receipt["platform_url"]
    assert books.books.calls == ["invoiceEBillOutpatient"]
    by_number = ok(cashier.caller.get(f"{BILLING}/settlements", number=bill.number))["items"]
    assert [one["settlement_id"] for one in by_number] == [sold["settlement_id"]]
    slip = cashier.caller.get(f"{BILLING}/settlements/{sold['settlement_id']}/slip.pdf")
    assert slip.content.startswith(b"%PDF")


@pytest.mark.case("01", 11)
def test_the_platform_is_down_and_comes_back(fiscal: Hall, books: ReceiptSimulator) -> None:
    """Issue fails three times; the platform comes back: every queued receipt is issued once, in order."""
    cashier = fiscal.cashier()
    books.fail("down", times=3)
    sold = [fiscal.sold(cashier, ("lab50", 1), total="50.00") for _ in range(6)]
    assert {one["state"] for one in sold} == {"completed"}
    for _ in range(3):
        a_minute(fiscal)
    assert books.books.bills == {}
    assert fiscal.hospital.value("SELECT attempts FROM payments.receipt_jobs ORDER BY job_id LIMIT 1") >= 1
    waiting = ok(cashier.caller.get(f"{BILLING}/receipts/jobs"))["items"]
    assert [one["subject_no"] for one in waiting] == [one["receipt_no"] for one in sold]
    for _ in range(12):
        a_minute(fiscal)
    numbers = [receipt_of(fiscal, one)["platform_number"] for one in sold]
    assert sorted(numbers) == sorted({bill.number for bill in books.books.bills.values()})
    assert len(set(numbers)) == 6
    assert list(books.books.bills) == [one["receipt_no"] for one in sold]
    assert ok(cashier.caller.get(f"{BILLING}/receipts/jobs"))["items"] == []
    fiscal.assert_balanced()


@pytest.mark.parametrize("fault", ["lost", "garbled", "forged"])
def test_an_answer_nobody_can_trust(fiscal: Hall, books: ReceiptSimulator, fault: str) -> None:
    """The platform issued it, and we did not hear: asked again it tells which, and issues no second."""
    sold = fiscal.sold(fiscal.cashier(), ("lab50", 1), total="50.00")
    books.fail(fault)
    a_minute(fiscal)
    assert receipt_of(fiscal, sold)["platform_number"] is None
    for _ in range(3):
        a_minute(fiscal)
    assert receipt_of(fiscal, sold)["platform_number"] == books.books.bills[sold["receipt_no"]].number
    assert (len(books.books.bills), books.books.calls[-1]) == (1, "getEBillByBusNo")


def test_what_the_platform_refuses_waits_for_a_person(fiscal: Hall, books: ReceiptSimulator) -> None:
    cashier = fiscal.cashier()
    first = fiscal.sold(cashier, ("lab50", 1), total="50.00")
    second = fiscal.sold(cashier, ("lab50", 1), total="50.00")
    books.fail("E0201")
    a_minute(fiscal)
    assert receipt_of(fiscal, first)["platform_number"] is None
    assert receipt_of(fiscal, second)["platform_number"] is not None, "the queue goes on"
    refusals = ok(cashier.caller.get(f"{BILLING}/receipts/jobs", refused=True))["items"]
    assert [one["last_error"] for one in refusals] == ["E0201 金额与明细合计不符"]
    path = f"{BILLING}/receipts/jobs/{refusals[0]['job_id']}/again"
    refused(cashier.caller.post(path), 403, "permission_denied")
    finance = fiscal.finance()
    ok(finance.post(path))
    refused(finance.post(path), 409, "receipt_job_not_refused")
    a_minute(fiscal)
    assert receipt_of(fiscal, first)["platform_number"] is not None


def test_a_refund_reverses_and_issues_anew(fiscal: Hall, books: ReceiptSimulator) -> None:
    cashier = fiscal.cashier()
    sold = fiscal.sold(cashier, ("lab50", 3), total="150.00")
    fiscal.hospital.drain()
    ok(fiscal.refund(cashier.caller, sold, (0, 1)))
    fiscal.hospital.drain()
    old, new = books.books.bills[sold["receipt_no"]], receipt_of(fiscal, sold)
    assert (old.red_number is not None, old.amount) == (True, "150.00")
    assert (books.books.bills[new["receipt_no"]].amount, new["amount"]) == ("100.00", "100.00")
    day = ok(cashier.caller.get(f"{BILLING}/receipts/voided"))
    assert (sold["receipt_no"], old.red_number) in [(one["receipt_no"], one["red_number"]) for one in day["receipts"]]
    fiscal.assert_balanced()


def test_a_receipt_reversed_before_it_was_issued_never_gets_there(fiscal: Hall, books: ReceiptSimulator) -> None:
    cashier = fiscal.cashier()
    sold = fiscal.sold(cashier, ("lab50", 2), total="100.00")
    ok(fiscal.refund(cashier.caller, sold, (0, 1)))
    a_minute(fiscal)
    assert {number: bill.amount for number, bill in books.books.bills.items()} == {
        receipt_of(fiscal, sold)["receipt_no"]: "50.00"
    }
    assert fiscal.hospital.value("SELECT count(*) FROM payments.receipt_jobs WHERE state = 'queued'") == 0


def test_a_debt_gets_its_receipt_when_it_is_paid(fiscal: Hall, books: ReceiptSimulator) -> None:
    cashier = fiscal.cashier()
    settlement = owe(fiscal, cashier, ("exam250", 1), total="250.00")
    a_minute(fiscal)
    assert books.books.bills == {}
    ok(pay(cashier, debt_of(fiscal, settlement), "250.00"))
    a_minute(fiscal)
    assert [bill.amount for bill in books.books.bills.values()] == ["250.00"]


def test_two_workers_send_nothing_twice(fiscal: Hall, books: ReceiptSimulator) -> None:
    cashier = fiscal.cashier()
    for _ in range(5):
        fiscal.sold(cashier, ("lab50", 1), total="50.00")
    with ThreadPoolExecutor(3) as pool:
        for one in [pool.submit(fiscal.hospital.minute, "payments/billing") for _ in range(3)]:
            one.result()
    assert (len(books.books.bills), books.books.calls) == (5, ["invoiceEBillOutpatient"] * 5)


def test_a_worker_dies_with_a_job_in_hand(fiscal: Hall, books: ReceiptSimulator) -> None:
    """The lease ends and somebody else does it."""
    sold = fiscal.sold(fiscal.cashier(), ("lab50", 1), total="50.00")
    fiscal.hospital.execute("UPDATE payments.receipt_jobs SET leased_until = %s", [fiscal.hospital.clock()])
    fiscal.hospital.execute("UPDATE payments.receipt_jobs SET leased_until = leased_until + interval '60 seconds'")
    fiscal.hospital.minute("payments/billing")
    assert receipt_of(fiscal, sold)["platform_number"] is None
    a_minute(fiscal, 2)
    assert receipt_of(fiscal, sold)["platform_number"] is not None


# -- paper


def with_paper(hall: Hall) -> Cashier:
    """A cashier who took a range of numbered paper at sign-in."""
    caller = hall.hospital.caller("registrar")
    body = {
        "counter_id": str(hall.counter()),
        "opening_float": "500.00",
        "receipt_from": "00012001",
        "receipt_to": "00012100",
    }
    shift = ok(caller.post(f"{CASHIER}/shifts", body))
    return Cashier(caller, shift, UUID(body["counter_id"]))


def test_an_electronic_receipt_is_exchanged_to_paper(fiscal: Hall, books: ReceiptSimulator) -> None:
    cashier = with_paper(fiscal)
    sold = fiscal.sold(cashier, ("lab50", 1), total="50.00")
    receipt_id = sold["receipt"]["receipt_id"]
    path = f"{BILLING}/receipts/{receipt_id}/papers"
    refused(cashier.caller.post(path, {"paper_no": "00012001"}), 409, "receipt_not_ready")
    fiscal.hospital.drain()
    census = fiscal.hospital.census()
    problem = refused(cashier.caller.post(path, {"paper_no": "00013001"}), 422, "paper_out_of_range")
    assert (problem["first"], problem["last"]) == ("00012001", "00012100")
    refused(fiscal.cashier().caller.post(path, {"paper_no": "00012001"}), 422, "paper_out_of_range")
    assert fiscal.hospital.census()["payments.paper_receipts"] == census["payments.paper_receipts"]
    paper = ok(cashier.caller.post(path, {"paper_no": "00012001"}))
    assert (paper["state"], paper["paper_no"]) == ("issued", "00012001")
    refused(cashier.caller.post(path, {"paper_no": "00012002"}), 409, "paper_issued")
    a_minute(fiscal)
    assert books.books.papers == {"00012001": books.books.bills[sold["receipt_no"]].number}
    # the printer ate it
    spoilt = ok(cashier.caller.post(f"{BILLING}/receipts/papers/void", {"paper_no": "00012001", "reason": "卡纸损坏"}))
    assert (spoilt["state"], spoilt["void_reason"]) == ("voided", "卡纸损坏")
    refused(
        cashier.caller.post(f"{BILLING}/receipts/papers/void", {"paper_no": "00012001", "reason": "重复"}),
        409,
        "paper_used",
    )
    refused(cashier.caller.post(path, {"paper_no": "00012001"}), 409, "paper_used")
    ok(cashier.caller.post(path, {"paper_no": "00012002"}))
    a_minute(fiscal)
    assert books.books.papers["00012001"] == "void"
    assert books.books.papers["00012002"] == books.books.bills[sold["receipt_no"]].number
    blank = ok(cashier.caller.post(f"{BILLING}/receipts/papers/void", {"paper_no": "00012003", "reason": "空白污损"}))
    assert blank["receipt_id"] is None
    day = ok(cashier.caller.get(f"{BILLING}/receipts/voided"))
    assert {one["paper_no"] for one in day["papers"]} == {"00012001", "00012003"}


def test_receipts_are_walled(fiscal: Hall) -> None:
    sold = fiscal.sold(fiscal.cashier("mch"), ("lab50", 1), total="45.00")
    receipt_id = sold["receipt"]["receipt_id"]
    stranger = fiscal.cashier("hq")
    refused(stranger.caller.get(f"{BILLING}/receipts/{receipt_id}"), 404, "receipt_unknown")
    body = {"paper_no": "00012001"}
    refused(stranger.caller.post(f"{BILLING}/receipts/{receipt_id}/papers", body), 404, "receipt_unknown")
    assert ok(fiscal.hospital.caller("consortium_finance").get(f"{BILLING}/receipts/{receipt_id}"))["state"] == "issued"


# -- the wire


def test_a_wrong_key_is_refused_by_both_sides(books: ReceiptSimulator) -> None:
    stranger = ReceiptPlatform(ReceiptPlatformSettings(url=books.url, app_id="hospital", key="wrong", timeout=5))
    with pytest.raises(Unreachable, match="not signed"):
        stranger.issue({"busNo": "1", "placeCode": "hq", "totalAmt": "1.00", "chargeDetail": []})
    assert books.books.bills == {}
    other = ReceiptPlatform(ReceiptPlatformSettings(url=books.url, app_id="somebody", key=KEY, timeout=5))
    with pytest.raises(Unreachable):
        other.issue({"busNo": "1", "placeCode": "hq", "totalAmt": "1.00", "chargeDetail": []})


def test_what_the_platform_says_no_to(books: ReceiptSimulator) -> None:
    ours = ReceiptPlatform(ReceiptPlatformSettings(url=books.url, app_id="hospital", key=KEY, timeout=5))
    with pytest.raises(Refused) as caught:
        ours.issue({"busNo": "1", "placeCode": "hq", "totalAmt": "1.00", "chargeDetail": []})
    assert caught.value.code == "E0201"
    with pytest.raises(Refused, match="E0103"):
        ours.reverse({"billNo": f"{books._first:010d}", "placeCode": "hq"})


def test_what_was_issued_before_the_platform_started_again_is_reversed_once() -> None:
    with ReceiptSimulator("hospital", KEY, first=7) as platform:
        ours = ReceiptPlatform(ReceiptPlatformSettings(url=platform.url, app_id="hospital", key=KEY, timeout=5))
        first = ours.reverse({"billNo": "0000000006", "placeCode": "hq"})
        assert ours.reverse({"billNo": "0000000006", "placeCode": "hq"}) == first
        with pytest.raises(Refused, match="E0103"):
            ours.reverse({"billNo": "0000000007", "placeCode": "hq"})


def test_nobody_listens() -> None:
    silent = ReceiptPlatform(ReceiptPlatformSettings(url="http://127.0.0.1:9", app_id="hospital", key=KEY, timeout=1))
    with pytest.raises(Unreachable):
        silent.reverse({})


def test_the_signature_is_over_every_part() -> None:
    base = signature("a", "d", "n", "k")
    assert base == signature("a", "d", "n", "k")
    assert len({base, signature("b", "d", "n", "k"), signature("a", "e", "n", "k"), signature("a", "d", "m", "k")}) == 4
    assert base.isupper() or base.isdigit()
