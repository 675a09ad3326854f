"""Payment codes and orders whose answer is not heard: always a final answer, never a guess."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from functions.payments.gateway import service
from infra.simulators.wire import Fault
from loadtests.town import CODES
from tests.payments.gateway_town import Town, open_town, settle_the_books


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("secrets"), channels=("wechat", "alipay", "ecny")) as one:
        yield one


@pytest.fixture(autouse=True)
def _balanced(town: Town) -> Iterator[None]:
    """Whatever a test does, at its end our books and the channels' are the same."""
    yield
    settle_the_books(town)


def fresh_code(channel: str) -> str:
    begins, digits = CODES[channel]
    return f"{begins}{uuid4().int % 10**digits:0{digits}d}"


# -- payment codes


def test_a_payment_code_without_password_is_paid_at_once(town: Town) -> None:
    town.waits.clear()
    paid = town.scan("20.00")
    assert (paid.state, paid.channel, paid.product, town.waits) == ("succeeded", "wechat", "payment_code", [])


@pytest.mark.parametrize("code", ["285678901234567890", "0123456789012345678"])
def test_alipay_and_ecny_codes_are_known_by_their_prefix(town: Town, code: str) -> None:
    assert town.scan("20.00", code).state == "succeeded"


@pytest.mark.case("56", 3)
def test_a_password_is_waited_for_then_the_order_is_taken_back(town: Town) -> None:
    town.waits.clear()
    begun = town.clock()
    never = town.scan("20.00", password=True)
    assert never.state == "closed"
    assert town.waits == [5] * 12
    asked = [(at - begun).seconds for at, kind, number in town.wechat.calls if number == never.order_no]
    assert asked == [0, *range(5, 61, 5), 60]
    assert town.wechat.calls[-1][1] == "reverse"
    assert town.wechat.ledger.sales[never.order_no].state == "reversed"

    late = town.scan("20.00", password=True, pays_after=58)
    assert late.state == "succeeded"
    assert [kind for _, kind, number in town.wechat.calls if number == late.order_no].count("reverse") == 0
    assert town.wechat.ledger.sales[late.order_no].net == 2000


def test_a_payment_code_is_gone_once_it_was_told(town: Town) -> None:
    payment = town.scan("20.00", "135000000000000001")
    told = "SELECT one_time FROM payments.gateway_payments WHERE payment_id = %s"
    assert town.hospital.value(told, [payment.payment_id]) is None
    said = str(town.said(payment.payment_id))
    assert payment.order_no in said
    assert "135000000000000001" not in said


def test_a_refused_code_fails_for_good(town: Town) -> None:
    payment = town.scan("20.00", refuses="NOTENOUGH")
    assert (payment.state, payment.reason_code) == ("closed", "NOTENOUGH")
    assert len(town.events("payment_failed", payment.payment_id)) == 1
    assert town.events("payment_closed", payment.payment_id) == []


def test_a_code_is_charged_once_however_often_it_is_carried_out(town: Town) -> None:
    payment = town.intend("20.00", None, auth_code="131111111111111111")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: service.carry_out(town.steps(), payment.payment_id), range(3)))
    orders = [kind for _, kind, number in town.wechat.calls if number == payment.order_no and kind == "order"]
    assert orders == ["order"]
    assert town.read(payment.payment_id).state == "succeeded"


# -- nothing is answered


@pytest.mark.parametrize("channel", ["wechat", "alipay", "ecny"])
@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.ERROR_DONE, Fault.WRONG_SIGNATURE, Fault.LATE])
def test_money_that_moved_unheard_is_found_by_asking(town: Town, channel: str, fault: Fault) -> None:
    simulator = town.simulator(channel)
    simulator.faults.plan("order", fault)
    simulator.faults.plan("query", *[Fault.LOST_REQUEST] * 12)
    simulator.faults.plan("reverse", Fault.LOST_REQUEST)
    payment = town.scan("30.00", fresh_code(channel))
    assert payment.state == "unknown"
    town.minute(times=4)
    settled = town.read(payment.payment_id)
    sale = simulator.ledger.sales[payment.order_no]
    # It was to be taken back: the reversal was sent and lost, so it is sent again until it is certain.
    assert (settled.state, sale.net) == ("closed", 0)


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.ERROR_DONE, Fault.WRONG_SIGNATURE])
def test_an_answer_lost_before_the_reversal_is_asked_for(town: Town, fault: Fault) -> None:
    town.wechat.faults.plan("order", fault)
    town.waits.clear()
    assert town.scan("30.00").state == "succeeded"
    assert town.waits == [5]


def test_money_that_is_being_taken_back_is_not_booked(town: Town) -> None:
    bank = town.channels.ecny
    bank.faults.plan("order", Fault.LOST_ANSWER)
    bank.faults.plan("query", *[Fault.LOST_REQUEST] * 12)
    bank.faults.plan("reverse", Fault.LATE)
    payment = town.scan("30.00", fresh_code("ecny"))
    [letter] = town.channels.take_letters()
    assert town.deliver([letter]) == [200]
    assert town.read(payment.payment_id).state == "unknown", "the letter is true, and older than the reversal"
    town.minute(times=2)
    assert town.read(payment.payment_id).state == "closed"
    assert bank.ledger.sales[payment.order_no].net == 0
    assert town.events("payment_succeeded", payment.payment_id) == []


def test_an_order_nobody_sent_is_dropped(town: Town) -> None:
    payment = town.intend("10.00", expires_in=timedelta(minutes=3))
    town.minute(times=4)
    assert town.read(payment.payment_id).state == "closed"
    assert payment.order_no not in town.wechat.ledger.sales


def test_an_order_the_channel_does_not_know_closes_only_when_it_can_no_longer_arrive(town: Town) -> None:
    town.wechat.faults.plan("order", Fault.LOST_REQUEST)
    payment = town.start("10.00")
    assert payment.state == "unknown"
    town.minute(times=6)
    assert town.read(payment.payment_id).state == "unknown"
    town.minute(times=6)
    assert town.clock() < payment.expires_at + timedelta(minutes=10)
    assert town.read(payment.payment_id).state == "closed"


@pytest.mark.parametrize("channel", ["wechat", "alipay", "ecny"])
def test_a_payment_code_that_never_arrived_keeps_nobody_waiting_for_long(town: Town, channel: str) -> None:
    """A code lives for a minute: the window need not wait until the order's time is over."""
    town.simulator(channel).faults.plan("order", Fault.LOST_REQUEST)
    begun = town.clock()
    payment = town.scan("10.00", fresh_code(channel))
    assert payment.state == "unknown"
    while town.clock() < begun + timedelta(minutes=2):
        town.minute()
    assert town.read(payment.payment_id).state == "unknown", "it may still be on its way"
    town.minute(times=2)
    assert town.clock() < begun + timedelta(minutes=5)
    assert town.read(payment.payment_id).state == "closed"


def test_a_lost_qr_is_fetched_again_by_the_same_order(town: Town) -> None:
    town.wechat.faults.plan("order", Fault.LOST_ANSWER)
    lost = town.start("10.00", ref_id="lost-qr")
    assert (lost.state, lost.code_url) == ("unknown", None)
    again = town.start("10.00", ref_id="lost-qr")
    assert again.payment_id == lost.payment_id
    assert again.code_url is not None


def test_an_unpaid_order_is_closed_when_its_time_is_over(town: Town) -> None:
    payment = town.start("10.00")
    town.minute(times=5)
    assert town.read(payment.payment_id).state == "closed"
    assert len(town.events("payment_closed", payment.payment_id)) == 1


def test_closing_finds_the_truth(town: Town) -> None:
    unpaid, paid = town.start("10.00"), town.start("11.00")
    assert town.wechat.pay(paid.order_no)
    town.channels.take_letters()
    assert service.close_payment(town.steps(), unpaid.payment_id).state == "closed"
    assert service.close_payment(town.steps(), paid.payment_id).state == "succeeded"


def test_a_wish_to_close_is_carried_out_by_the_sweep(town: Town) -> None:
    payment = town.start("10.00", payer="o", product="jsapi")
    town.steps().step(lambda tx: service.request_close(tx, payment.payment_id))
    town.minute()
    assert town.read(payment.payment_id).state == "closed"
