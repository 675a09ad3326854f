"""Payments from the wish to be paid to a final answer, whatever the line does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from functions.payments.gateway import service
from functions.payments.gateway.problems import (
    AmountInvalid,
    ChannelNotOpen,
    LimitExceeded,
    MerchantOfOtherCampus,
    NotLate,
    OrderInvalid,
    PaymentCodeUnknown,
    PaymentUnderWay,
)
from infra.simulators.wire import Fault
from shared.problems import Problem
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


# -- amounts


@pytest.mark.case("56", 1)
def test_amounts_reach_the_channel_in_fen_exactly(town: Town) -> None:
    payment = town.start("7.27")
    assert town.wechat.ledger.sales[payment.order_no].fen == 727
    before, calls = town.hospital.census(), len(town.wechat.calls)
    with pytest.raises(AmountInvalid):
        town.intend("7.275")
    assert (town.hospital.census(), len(town.wechat.calls)) == (before, calls)


@pytest.mark.parametrize("amount", ["0", "-1.00", "0.001", "NaN"])
def test_an_amount_no_channel_can_pay_is_refused(town: Town, amount: str) -> None:
    before = town.hospital.census()
    with pytest.raises(AmountInvalid):
        town.intend(amount)
    assert town.hospital.census() == before


# -- the order


def test_a_qr_order_is_paid_and_told_once(town: Town) -> None:
    payment = town.start("38.50")
    assert payment.state == "paying"
    assert payment.code_url is not None
    assert payment.code_url.startswith("weixin://")
    assert town.wechat.pay(payment.order_no)
    assert town.deliver() == [200]
    paid = town.read(payment.payment_id)
    assert (paid.state, paid.amount, paid.late) == ("succeeded", Decimal("38.50"), False)
    assert paid.channel_no == town.wechat.ledger.sales[payment.order_no].number
    assert paid.code_url is None
    [event] = town.events("payment_succeeded", payment.payment_id)
    assert (event["ref_id"], event["amount"], event["late"]) == (payment.ref_id, "38.50", False)


def test_a_mini_program_order_gives_the_phone_what_it_needs(town: Town) -> None:
    payment = town.start("5.00", payer="openid-of-her", product="jsapi")
    assert payment.jsapi is not None
    assert set(payment.jsapi) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert town.wechat.ledger.sales[payment.order_no].payer == "openid-of-her"
    kept = town.hospital.rows(
        "SELECT one_time, payer_hash FROM payments.gateway_payments WHERE payment_id = %s", [payment.payment_id]
    )
    assert kept[0]["one_time"] is None
    assert kept[0]["payer_hash"] != "openid-of-her"
    said = town.hospital.value(
        "SELECT request::text FROM payments.gateway_attempts WHERE payment_id = %s", [payment.payment_id]
    )
    assert "openid-of-her" not in said


def test_a_browser_is_sent_to_the_channels_page(town: Town) -> None:
    payment = town.start("5.00", payer="203.0.113.7", product="h5")
    assert payment.h5_url is not None
    assert payment.h5_url.startswith("https://")
    assert (payment.code_url, payment.jsapi) == (None, None)
    again = town.start("5.00", ref_id=payment.ref_id, payer="203.0.113.7", product="h5")
    assert (again.payment_id, again.h5_url) == (payment.payment_id, payment.h5_url)
    said = town.hospital.value(
        "SELECT request::text FROM payments.gateway_attempts WHERE payment_id = %s", [payment.payment_id]
    )
    assert "203.0.113.7" not in said
    assert town.wechat.pay(payment.order_no)
    assert town.deliver() == [200]
    done = town.read(payment.payment_id)
    assert (done.state, done.h5_url) == ("succeeded", None)


@pytest.mark.parametrize("channel", ["alipay", "ecny"])
def test_the_other_channels_take_qr_payments(town: Town, channel: str) -> None:
    payment = town.start("66.60", channel)
    assert payment.code_url
    assert town.simulator(channel).pay(payment.order_no)
    assert town.deliver() == [200]
    assert town.read(payment.payment_id).state == "succeeded"


def test_the_same_bill_gets_its_open_payment_again(town: Town) -> None:
    first = town.start("12.00", ref_id="same-bill")
    again = town.start("12.00", ref_id="same-bill")
    assert (again.payment_id, again.code_url) == (first.payment_id, first.code_url)


def test_another_persons_phone_gets_an_order_of_its_own(town: Town) -> None:
    hers = town.start("12.00", ref_id="family-bill", payer="her-openid", product="jsapi")
    again = town.start("12.00", ref_id="family-bill", payer="her-openid", product="jsapi")
    his = town.start("12.00", ref_id="family-bill", payer="his-openid", product="jsapi")
    assert (again.payment_id, again.jsapi) == (hers.payment_id, hers.jsapi)
    assert (town.read(hers.payment_id).state, his.state) == ("closed", "paying")


def test_another_amount_closes_the_old_order_first(town: Town) -> None:
    old = town.start("12.00", ref_id="changed-bill")
    new = town.start("15.00", ref_id="changed-bill")
    assert town.read(old.payment_id).state == "closed"
    assert town.wechat.ledger.sales[old.order_no].state == "closed"
    assert (new.state, new.amount) == ("paying", Decimal("15.00"))
    assert not town.wechat.pay(old.order_no)


def test_an_old_order_that_turns_out_paid_keeps_the_new_one_from_being_sent(town: Town) -> None:
    old = town.start("12.00", ref_id="paid-meanwhile")
    assert town.wechat.pay(old.order_no)
    town.channels.take_letters()  # the notification is lost
    new = town.start("15.00", ref_id="paid-meanwhile")
    assert town.read(old.payment_id).state == "succeeded"
    assert (new.state, new.order_no in town.wechat.ledger.sales) == ("closed", False)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"channel": "cash"}, OrderInvalid),
        ({"channel": "alipay", "product": "jsapi", "payer": "x"}, OrderInvalid),
        ({"channel": "alipay", "product": "h5", "payer": "203.0.113.7"}, OrderInvalid),
        ({"product": "h5"}, OrderInvalid),
        ({"product": "h5", "payer": "openid-of-her"}, OrderInvalid),
        ({"channel": None}, OrderInvalid),
        ({"channel": "bank_card"}, ChannelNotOpen),
        ({"channel": None, "auth_code": "99"}, PaymentCodeUnknown),
        ({"channel": "alipay", "auth_code": "134567890123456789"}, OrderInvalid),
        ({"description": ""}, OrderInvalid),
        ({"expires_in": timedelta(days=1)}, OrderInvalid),
    ],
)
def test_an_order_that_cannot_be_is_refused(town: Town, changes: dict, refusal: type[Problem]) -> None:
    before = town.hospital.census()
    with pytest.raises(refusal):
        town.intend("10.00", **changes)
    assert town.hospital.census() == before


def test_a_payment_above_the_merchants_limit_is_refused(town: Town) -> None:
    with pytest.raises(LimitExceeded):
        town.intend("50000.01")


def test_a_campus_is_paid_on_its_own_merchant_only(town: Town) -> None:
    before = town.hospital.census()
    with pytest.raises(MerchantOfOtherCampus) as refused:
        town.intend("10.00", merchant_id=UUID(town.merchants["wechat", "mch"]))
    assert refused.value.status == 422
    assert town.hospital.census() == before
    theirs = town.paid("10.00", campus="mch")
    merchant = town.wechat.ledger.sales[theirs.order_no].merchant
    ours = town.paid("10.00")
    assert town.wechat.ledger.sales[ours.order_no].merchant != merchant


def test_an_mch_accountant_sees_only_mch_and_the_consortium_all(town: Town) -> None:
    seen = ok(town.finance("mch").get(f"{GATEWAY}/merchants"))["items"]
    assert {item["campus_id"] for item in seen} == {"mch"}
    overseen = ok(town.overseer("hq").get(f"{GATEWAY}/merchants"))["items"]
    assert {item["campus_id"] for item in overseen} == {"hq", "mch"}


def test_of_two_windows_one_starts_the_payment(town: Town) -> None:
    def window(amount: str) -> str:
        try:
            return town.intend(amount, ref_id="two-windows").state
        except PaymentUnderWay:
            return "under_way"

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(window, ["9.00", "9.00"]))
    assert "paying" in answers
    assert town.hospital.value("SELECT count(*) FROM payments.gateway_payments WHERE ref_id = 'two-windows'") == 1, (
        answers
    )


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
    rows = town.hospital.rows(
        "SELECT p.one_time, a.request::text || coalesce(a.answer::text, '') AS said FROM payments.gateway_payments p"
        " JOIN payments.gateway_attempts a USING (payment_id) WHERE p.payment_id = %s",
        [payment.payment_id],
    )
    assert rows
    assert all(row["one_time"] is None and "135000000000000001" not in row["said"] for row in rows)


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
    code = {"wechat": "13", "alipay": "28", "ecny": "01"}[channel] + f"{uuid4().int % 10**16:016d}"
    simulator = town.simulator(channel)
    simulator.faults.plan("order", fault)
    simulator.faults.plan("query", *[Fault.LOST_REQUEST] * 12)
    simulator.faults.plan("reverse", Fault.LOST_REQUEST)
    payment = town.scan("30.00", code + ("0" if channel == "ecny" else ""))
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
    payment = town.scan("30.00", f"010{uuid4().int % 10**16:016d}")
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


# -- late money


def _paid_after_closing(town: Town, amount: str) -> service.PaymentInfo:
    """The channel says closed, and yet takes the money: a fault of the channel's."""
    payment = town.start(amount)
    service.close_payment(town.steps(), payment.payment_id)
    sale = town.wechat.ledger.sales[payment.order_no]
    sale.state = "waiting"
    assert town.wechat.pay(payment.order_no)
    assert town.deliver() == [200]
    assert town.read(payment.payment_id).state == "closed", "a notification alone does not open it again"
    town.minute()
    return town.read(payment.payment_id)


def test_late_money_goes_back_by_itself(town: Town) -> None:
    late = _paid_after_closing(town, "44.00")
    assert (late.state, late.late) == ("succeeded", True)
    [event] = town.events("payment_succeeded", late.payment_id)
    assert event["late"] is True
    town.minute(times=6)
    town.deliver()
    assert town.read(late.payment_id).state == "refunded"
    assert town.wechat.ledger.sales[late.order_no].net == 0
    assert [event["refund_ref"] for event in town.events("refund_succeeded", late.payment_id)] == ["gateway:late"]


def test_late_money_its_bill_takes_stays(town: Town) -> None:
    late = _paid_after_closing(town, "45.00")
    town.steps().step(lambda tx: service.accept_late_payment(tx, late.payment_id))
    town.minute(times=8)
    assert town.read(late.payment_id).state == "succeeded"
    with pytest.raises(NotLate):
        town.steps().step(lambda tx: service.accept_late_payment(tx, late.payment_id))
