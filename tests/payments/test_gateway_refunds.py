"""Money back by the original route: never more than was paid, never twice, never lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from functions.payments.gateway.problems import (
    NotPaid,
    RefundDiffers,
    RefundTooLate,
    RefundTooMuch,
)
from infra.simulators.wire import Fault
from tests.payments.gateway_town import GATEWAY, Town, open_town, settle_the_books
from tests.support.clinic import ok


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("secrets"), "hq", "mch", channels=("wechat", "alipay", "ecny")) as one:
        yield one


@pytest.fixture(autouse=True)
def _balanced(town: Town) -> Iterator[None]:
    """Whatever a test does, at its end our books and the channels' are the same."""
    yield
    settle_the_books(town)


# -- refunds


@pytest.mark.case("56", 5)
def test_refunds_never_exceed_what_was_paid(town: Town) -> None:
    payment = town.paid("100.00")
    first = town.give_back(payment.payment_id, "30.00")
    town.clock.move(seconds=61)
    second = town.give_back(payment.payment_id, "70.00")
    town.deliver()
    states = [town.read_refund(item.channel_refund_id).state for item in (first, second)]
    assert states == ["succeeded", "succeeded"]
    assert town.read(payment.payment_id).state == "refunded"
    before = town.hospital.census()
    with pytest.raises(RefundTooMuch):
        town.give_back(payment.payment_id, "0.01")
    assert town.hospital.census() == before

    another = town.paid("100.00")

    def window(_: int) -> str:
        try:
            return town.ask_back(another.payment_id, "60.00").state
        except RefundTooMuch:
            return "refused"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(window, range(2))) == ["refused", "requested"]
    town.minute()
    town.deliver()
    assert town.wechat.ledger.sales[another.order_no].net == 4000


def test_a_second_part_refund_waits_a_minute(town: Town) -> None:
    payment = town.paid("10.00")
    town.give_back(payment.payment_id, "1.00")
    waiting = town.give_back(payment.payment_id, "2.00")
    assert waiting.state == "requested"
    town.minute(times=2)
    assert town.read_refund(waiting.channel_refund_id).state == "succeeded"
    assert town.read(payment.payment_id).state == "part_refunded"


@pytest.mark.parametrize("channel", ["wechat", "alipay", "ecny"])
@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.LOST_REQUEST, Fault.ERROR_DONE, Fault.WRONG_SIGNATURE])
def test_a_lost_refund_keeps_its_number_and_moves_money_once(town: Town, channel: str, fault: Fault) -> None:
    payment = town.start("60.00", channel)
    simulator = town.simulator(channel)
    assert simulator.pay(payment.order_no)
    town.deliver()
    simulator.faults.plan("refund", fault)
    simulator.faults.plan("query_refund", Fault.LOST_REQUEST)
    refund = town.give_back(payment.payment_id, "60.00")
    assert refund.state == "processing"
    town.minute(times=3)
    town.deliver()
    assert town.read_refund(refund.channel_refund_id).state == "succeeded"
    assert list(simulator.ledger.sales[payment.order_no].backs) == [refund.refund_no]
    assert len(town.events("refund_succeeded", payment.payment_id)) == 1


def test_the_same_reference_refunds_once(town: Town) -> None:
    payment = town.paid("60.00")
    first = town.give_back(payment.payment_id, "10.00", "one-refund")
    again = town.give_back(payment.payment_id, "10.00", "one-refund")
    assert again.channel_refund_id == first.channel_refund_id
    with pytest.raises(RefundDiffers):
        town.give_back(payment.payment_id, "11.00", "one-refund")
    assert town.wechat.ledger.sales[payment.order_no].asked_back == 1000


def test_what_was_not_paid_or_is_a_year_old_is_not_refunded(town: Town) -> None:
    unpaid, paid = town.start("10.00"), town.paid("10.00")
    with pytest.raises(NotPaid):
        town.ask_back(unpaid.payment_id, "10.00")
    town.clock.move(days=366)
    with pytest.raises(RefundTooLate):
        town.ask_back(paid.payment_id, "10.00")


def test_a_refund_the_channel_rejects_frees_the_money_again(town: Town) -> None:
    payment = town.paid("60.00")
    sale = town.wechat.ledger.sales[payment.order_no]
    sale.state = "closed"
    refund = town.give_back(payment.payment_id, "60.00")
    sale.state = "paid"
    assert (refund.state, refund.reason_code) == ("rejected", "TRADE_STATE_ERROR")
    [event] = town.events("refund_failed", payment.payment_id)
    assert event["final"] is True
    again = town.read(payment.payment_id)
    assert (again.refunding, again.state) == (Decimal("0.00"), "succeeded")
    assert town.give_back(payment.payment_id, "60.00").state in ("processing", "succeeded")


def test_an_abnormal_refund_is_paid_by_transfer_with_two_approvals(town: Town) -> None:
    payment = town.paid("80.00")
    town.wechat.abnormal.add(payment.order_no)
    refund = town.give_back(payment.payment_id, "80.00")
    town.deliver()
    town.wechat.abnormal.discard(payment.order_no)
    marked = town.read_refund(refund.channel_refund_id)
    assert marked.state == "abnormal"
    [event] = town.events("refund_failed", payment.payment_id)
    assert event["final"] is False
    path = f"{GATEWAY}/refunds/{refund.channel_refund_id}"
    proposer, first, second = town.finance(), town.finance(), town.overseer()
    body = {
        "version": marked.version,
        "bank_name": "农业银行",
        "account_tail": "8888",
        "slip_no": "S-1",
        "evidence": "患者身份证与银行卡复印件已存档",
    }
    proposed = ok(proposer.post(f"{path}/propose-transfer", body))
    own = proposer.post(f"{path}/approve-transfer", {"version": proposed["version"]})
    assert (own.status_code, own.json()["code"]) == (422, "same_person")
    half = ok(first.post(f"{path}/approve-transfer", {"version": proposed["version"]}))
    assert half["state"] == "abnormal"
    twice = first.post(f"{path}/approve-transfer", {"version": half["version"]})
    assert twice.json()["code"] == "same_person"
    stale = second.post(f"{path}/approve-transfer", {"version": proposed["version"]})
    assert stale.json()["code"] == "version_conflict"
    done = ok(second.post(f"{path}/approve-transfer", {"version": half["version"]}))
    assert done["state"] == "resolved"
    assert town.read(payment.payment_id).state == "refunded"
    [event] = town.events("refund_succeeded", payment.payment_id)
    assert event["route"] == "bank_transfer"
    assert town.wechat.ledger.sales[payment.order_no].net == 8000
