"""Alipay in a mini-program (小程序支付) and a phone's browser (手机网站支付): no cent without Alipay's own proof."""

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from functions.payments.gateway import service
from functions.payments.gateway.problems import ChannelNotOpen
from functions.payments.gateway.service import PaymentInfo
from infra.simulators.alipay import AlipayGateway
from infra.simulators.wire import Fault, Reply, key_pair
from tests.payments.gateway_town import GATEWAY, Town, open_town, settle_the_books
from tests.support.clinic import ok

USER = "2088102146225135"
BROWSER = "203.0.113.7"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("secrets"), channels=("wechat", "alipay")) as one:
        one.open_merchant("alipay", "mch", mini_app_id="2021004100000001")
        one.open_merchant("wechat", "mch", products=["payment_code", "qr"])
        yield one


@pytest.fixture(autouse=True)
def _balanced(town: Town) -> Iterator[None]:
    """Whatever a test does, at its end our books and the channels' are the same."""
    yield
    settle_the_books(town)


def alipay(town: Town) -> AlipayGateway:
    return town.channels.alipay


def mini(town: Town, amount: str = "5.00", payer: str = USER, **more: object) -> PaymentInfo:
    return town.start(amount, "alipay", product="jsapi", payer=payer, **more)


def page(town: Town, amount: str = "5.00", **more: object) -> PaymentInfo:
    return town.start(amount, "alipay", product="h5", payer=BROWSER, **more)


def browse(town: Town, payment: PaymentInfo) -> Reply:
    """The payer's browser opens the page it was sent to."""
    parts = urlsplit(payment.h5_url or "")
    return town.channels.handle("GET", f"{parts.path}?{parts.query}", {}, b"")


def said(town: Town, payment: PaymentInfo) -> str:
    kept = town.hospital.rows(
        "SELECT one_time, parameters::text FROM payments.gateway_payments WHERE payment_id = %s", [payment.payment_id]
    )
    exchanged = str(town.said(payment.payment_id))
    assert payment.order_no in exchanged
    return str(kept) + exchanged


# -- mini-program


def test_a_mini_program_opens_the_till_with_alipays_trade_and_pays_once(town: Town) -> None:
    payment = mini(town)
    sale = alipay(town).ledger.sales[payment.order_no]
    assert payment.jsapi == {"tradeNO": sale.number}
    assert (sale.payer, sale.product, payment.h5_url, payment.code_url) == (USER, "alipay.trade.create", None, None)
    assert payment.expires_at - payment.created_at == timedelta(minutes=15)
    assert USER not in said(town, payment)
    again = mini(town, ref_id=payment.ref_id)
    assert (again.payment_id, again.jsapi) == (payment.payment_id, payment.jsapi)
    assert alipay(town).pay(payment.order_no)
    [letter] = alipay(town).take_letters()
    assert town.deliver([letter, letter, letter]) == [200] * 3
    paid = town.read(payment.payment_id)
    assert (paid.state, paid.channel_no, paid.jsapi) == ("succeeded", sale.number, None)
    assert len(town.events("payment_succeeded", payment.payment_id)) == 1


def test_an_open_id_belongs_to_the_app_it_came_from(town: Town) -> None:
    own, other = mini(town, payer="074own-open-id"), mini(town, payer="074mini-open-id", campus="mch")
    assert (own.state, other.state) == ("paying", "paying")
    asked = [one["request"] for each in (own, other) for one in town.said(each.payment_id, "order")]
    assert "buyer_open_id" in asked[0]["body"]
    assert (asked[1]["body"]["op_app_id"], asked[1]["body"]["op_buyer_open_id"]) == ("2021004100000001", "***n-id")
    assert "open-id" not in str(asked)


def test_a_mini_program_that_is_not_bound_is_refused_for_good(town: Town) -> None:
    account = alipay(town).accounts[_merchant_no(town, "mch")]
    account.mini_app_id = "2021009999999999"
    try:
        payment = mini(town, campus="mch")
    finally:
        account.mini_app_id = "2021004100000001"
    assert (payment.state, payment.reason_code) == ("closed", "ACQ.OPEN_ID_NOT_TINY_APP")
    assert payment.order_no not in alipay(town).ledger.sales


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.ERROR_DONE, Fault.WRONG_SIGNATURE])
def test_a_trade_whose_answer_was_lost_is_fetched_again_not_doubled(town: Town, fault: Fault) -> None:
    alipay(town).faults.plan("order", fault)
    lost = mini(town, ref_id=f"lost-{fault}")
    assert (lost.state, lost.jsapi) == ("unknown", None)
    again = mini(town, ref_id=f"lost-{fault}")
    assert again.payment_id == lost.payment_id
    assert again.jsapi == {"tradeNO": alipay(town).ledger.sales[lost.order_no].number}


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.LATE, Fault.WRONG_SIGNATURE])
def test_an_unheard_mini_program_payment_is_settled_by_asking(town: Town, fault: Fault) -> None:
    alipay(town).faults.plan("order", fault)
    payment = mini(town)
    assert payment.state == "unknown"
    town.clock.move(seconds=31)
    assert alipay(town).pay(payment.order_no)
    alipay(town).take_letters()  # the notification is lost
    town.minute(times=2)
    assert town.read(payment.payment_id).state == "succeeded"


def test_an_unpaid_trade_is_closed_and_takes_no_money_after(town: Town) -> None:
    payment = mini(town)
    assert service.close_payment(town.steps(), payment.payment_id).state == "closed"
    assert alipay(town).ledger.sales[payment.order_no].state == "closed"
    assert not alipay(town).pay(payment.order_no)
    other = mini(town, ref_id="another-amount")
    dearer = mini(town, "6.00", ref_id="another-amount")
    assert (town.read(other.payment_id).state, dearer.state) == ("closed", "paying")


def test_closing_a_trade_paid_a_moment_ago_finds_it_paid(town: Town) -> None:
    payment = mini(town)
    alipay(town).faults.plan("query", Fault.LOST_REQUEST)
    assert alipay(town).pay(payment.order_no)
    alipay(town).take_letters()
    assert service.close_payment(town.steps(), payment.payment_id).state == "succeeded"


def test_it_goes_back_by_the_original_route_in_parts(town: Town) -> None:
    payment = mini(town, "100.00")
    assert alipay(town).pay(payment.order_no)
    town.deliver()
    alipay(town).faults.plan("refund", Fault.LOST_ANSWER)
    first = town.give_back(payment.payment_id, "30.00", "part-1")
    town.give_back(payment.payment_id, "30.00", "part-1")
    second = town.give_back(payment.payment_id, "70.00", "part-2")
    town.deliver()
    assert [town.read_refund(row.channel_refund_id).state for row in (first, second)] == ["succeeded", "succeeded"]
    assert (town.read(payment.payment_id).state, alipay(town).ledger.sales[payment.order_no].net) == ("refunded", 0)
    assert len(alipay(town).ledger.sales[payment.order_no].backs) == 2


# -- a phone's browser


def test_the_page_is_signed_here_and_nothing_is_asked_of_alipay(town: Town) -> None:
    calls, health = len(alipay(town).calls), _calls(town)
    payment = page(town, "8.80")
    assert (len(alipay(town).calls), _calls(town)) == (calls, health), (
        "no call: it says nothing of the channel's health"
    )
    fields = parse_qs(urlsplit(payment.h5_url or "").query)
    assert fields["method"] == ["alipay.trade.wap.pay"]
    assert '"product_code":"QUICK_WAP_WAY"' in fields["biz_content"][0].replace(" ", "")
    assert fields["notify_url"][0].endswith(f"/notifications/alipay/{town.merchants['alipay', 'hq']}")
    assert (payment.jsapi, payment.code_url) == (None, None)
    assert BROWSER not in said(town, payment)
    again = page(town, "8.80", ref_id=payment.ref_id)
    assert (again.payment_id, again.h5_url) == (payment.payment_id, payment.h5_url)


def test_coming_back_from_the_page_proves_nothing(town: Town) -> None:
    payment = page(town, "8.80")
    shown = browse(town, payment)
    assert (shown.status, "8.80 元" in shown.body.decode()) == (200, True)
    assert town.hospital.client.get("/?out_trade_no=x&trade_no=y&total_amount=8.80").status_code in (200, 404)
    assert service.settle_by_asking(town.steps(), payment.payment_id).state == "paying"
    assert alipay(town).pay(payment.order_no)
    assert town.read(payment.payment_id).state == "paying", "paid at Alipay, and nobody proved it to us yet"
    assert town.deliver() == [200]
    paid = town.read(payment.payment_id)
    assert (paid.state, paid.amount, paid.h5_url) == ("succeeded", Decimal("8.80"), None)


def test_a_changed_page_is_not_alipays_business(town: Town) -> None:
    payment = page(town, "8.80")
    cheaper = payment._replace(h5_url=re.sub("8.80", "0.01", payment.h5_url or ""))
    assert "无效签名" in browse(town, cheaper).body.decode()
    assert payment.order_no not in alipay(town).ledger.sales


def test_a_page_nobody_opened_is_still_to_be_paid_until_its_time_is_over(town: Town) -> None:
    payment = page(town)
    town.minute(times=3)
    assert town.read(payment.payment_id).state == "paying", "not a doubtful payment: Alipay learns of it by the browser"
    town.minute(times=12)
    assert town.clock() == payment.expires_at
    assert town.read(payment.payment_id).state == "unknown", "Alipay's clock may be a little slow"
    town.minute()
    assert "已超过支付时间" in browse(town, payment).body.decode()
    town.minute(times=2)
    assert town.read(payment.payment_id).state == "closed"
    assert len(town.events("payment_closed", payment.payment_id)) == 1


def test_a_page_that_may_still_be_opened_keeps_a_second_order_from_being_sent(town: Town) -> None:
    """Nobody can close what Alipay does not know: two pages at once could both be paid."""
    first = page(town, ref_id="two-pages")
    second = town.start("5.00", "wechat", ref_id="two-pages")
    assert (second.state, second.order_no in town.wechat.ledger.sales) == ("closed", False)
    assert "上一笔支付" in (second.reason or "")
    browse(town, first)
    assert alipay(town).pay(first.order_no)
    alipay(town).take_letters()
    town.minute(times=2)
    assert town.read(first.payment_id).state == "succeeded"


def test_an_opened_page_is_closed_and_another_way_may_be_taken(town: Town) -> None:
    first = page(town, ref_id="opened-page")
    browse(town, first)
    alipay(town).ledger.sales[first.order_no].hidden = False  # she signed on: the trade is there
    second = town.start("5.00", "wechat", ref_id="opened-page")
    assert (town.read(first.payment_id).state, second.state) == ("closed", "paying")
    assert not alipay(town).pay(first.order_no)


def test_a_notification_of_another_merchant_or_amount_books_nothing(town: Town) -> None:
    payment = page(town, "8.80")
    browse(town, payment)
    assert alipay(town).pay(payment.order_no)
    alipay(town).take_letters()
    sale = alipay(town).ledger.sales[payment.order_no]
    stranger = alipay(town).sign_letter(sale, {"seller_id": "2088000000000000"}, alipay(town).key)
    forged = alipay(town).sign_letter(sale, {}, key_pair("forger"))
    dear = alipay(town).sign_letter(sale, {"total_amount": "88.00"}, alipay(town).key)
    assert town.deliver([stranger, forged, dear]) == [401, 401, 200]
    doubtful = town.read(payment.payment_id)
    assert doubtful.state == "unknown"
    trouble = town.hospital.value(
        "SELECT trouble FROM payments.gateway_payments WHERE payment_id = %s", [payment.payment_id]
    )
    assert trouble == "amount_differs"
    town.minute(times=2)
    assert town.read(payment.payment_id).state == "succeeded", "asked, Alipay says the right amount"


# -- payment codes


def test_a_cancellation_that_cancelled_nothing_does_not_end_the_payment(town: Town) -> None:
    """The order is still on its way: Alipay answers success without `action` to the cancellation of what it never saw,
    and then takes the money."""
    simulator = alipay(town)
    simulator.late_after = timedelta(seconds=90)
    simulator.faults.plan("order", Fault.LATE)
    try:
        payment = town.scan("30.00", "285000000000000001")
        assert [kind for _, kind, number in simulator.calls if number == payment.order_no][-1] == "reverse"
        assert payment.state == "unknown"
        town.minute(times=2)
    finally:
        simulator.late_after = timedelta(seconds=30)
    ended = town.read(payment.payment_id)
    assert (ended.state, simulator.ledger.sales[payment.order_no].net) == ("closed", 0)
    assert simulator.ledger.sales[payment.order_no].state == "reversed"


@pytest.mark.parametrize("paid", [True, False])
def test_a_trade_of_yesterday_is_not_cancelled_any_more_and_asking_decides(town: Town, paid: bool) -> None:
    """Two minutes to midnight the answer, the questions and the reversal are lost: tomorrow Alipay cancels nothing."""
    town.clock.set(town.clock().replace(hour=15, minute=58, second=0) + timedelta(days=1))
    simulator = alipay(town)
    simulator.faults.plan("order", Fault.LOST_ANSWER)
    simulator.faults.plan("query", *[Fault.LOST_REQUEST] * 12)
    simulator.faults.plan("reverse", *[Fault.LOST_REQUEST] * 3)
    code = f"28500000000000010{int(paid)}"
    payment = town.scan("30.00", code, password=not paid)
    assert payment.state == "unknown"
    town.channels.take_letters()
    town.minute(times=4)
    assert town.clock().hour == 16
    town.minute(times=8)
    settled = town.read(payment.payment_id)
    assert "ACQ.TRADE_CANCEL_TIME_OUT" in said(town, payment)
    assert (settled.state, simulator.ledger.sales[payment.order_no].net) == (
        ("succeeded", 3000) if paid else ("closed", 0)
    )


# -- what a merchant may have


def test_a_product_the_merchant_does_not_have_is_refused(town: Town) -> None:
    before = town.hospital.census()
    with pytest.raises(ChannelNotOpen) as refused:
        town.intend("5.00", "wechat", product="jsapi", payer="openid", campus="mch")
    assert "微信支付小程序" in refused.value.detail
    assert town.hospital.census() == before


def test_only_alipay_names_a_mini_program_beside_its_app(town: Town) -> None:
    before = town.hospital.census()
    answer = town.propose("wechat", mini_app_id="2021004100000001")
    assert (answer.status_code, answer.json()["code"]) == (422, "payment_order_invalid")
    assert town.hospital.census() == before
    shown = ok(town.finance("mch").get(f"{GATEWAY}/merchants"))["items"]
    assert "2021004100000001" in {item["mini_app_id"] for item in shown}


def _merchant_no(town: Town, campus: str) -> str:
    return str(
        town.hospital.value(
            "SELECT merchant_no FROM payments.merchants WHERE merchant_id = %s", [town.merchants["alipay", campus]]
        )
    )


def _calls(town: Town) -> int:
    return int(
        town.hospital.value(
            "SELECT calls FROM payments.channel_health WHERE merchant_id = %s", [town.merchants["alipay", "hq"]]
        )
    )
