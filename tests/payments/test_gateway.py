"""Payments from the wish to be paid to a final answer, whatever the line does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

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
    said = str(town.said(payment.payment_id))
    assert payment.order_no in said
    assert "openid-of-her" not in said


def test_a_browser_is_sent_to_the_channels_page(town: Town) -> None:
    payment = town.start("5.00", payer="203.0.113.7", product="h5")
    assert payment.h5_url is not None
    assert payment.h5_url.startswith("https://")
    assert (payment.code_url, payment.jsapi) == (None, None)
    again = town.start("5.00", ref_id=payment.ref_id, payer="203.0.113.7", product="h5")
    assert (again.payment_id, again.h5_url) == (payment.payment_id, payment.h5_url)
    said = str(town.said(payment.payment_id))
    assert payment.order_no in said
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
        ({"channel": "ecny", "product": "jsapi", "payer": "x"}, OrderInvalid),
        ({"channel": "ecny", "product": "h5", "payer": "203.0.113.7"}, OrderInvalid),
        ({"channel": "alipay", "product": "jsapi"}, OrderInvalid),
        ({"channel": "alipay", "product": "h5", "payer": "2088102146225135"}, OrderInvalid),
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
