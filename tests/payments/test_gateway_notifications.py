"""What channels send by themselves, and who may see what became of a payment."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from functions.payments.gateway import service
from functions.payments.gateway.service.sweeping import AT_ONCE
from infra.simulators.ledger import Back
from shared.problems import NotFound
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


# -- notifications


@pytest.mark.case("56", 4)
def test_a_notification_five_times_and_in_disorder_counts_once(town: Town) -> None:
    payment = town.start("50.00")
    assert town.wechat.pay(payment.order_no)
    [paid] = town.wechat.take_letters()
    assert service.settle_by_asking(town.steps(), payment.payment_id).state == "succeeded"
    refund = town.give_back(payment.payment_id, "50.00")
    [refunded] = town.wechat.take_letters()
    assert town.deliver([refunded, paid, paid, refunded, paid, paid, paid, refunded]) == [200] * 8
    assert town.read(payment.payment_id).state == "refunded"
    assert town.read_refund(refund.channel_refund_id).state == "succeeded"
    assert len(town.events("payment_succeeded", payment.payment_id)) == 1
    assert len(town.events("refund_succeeded", payment.payment_id)) == 1
    times = town.hospital.rows(
        "SELECT kind, times, state FROM payments.gateway_notifications WHERE payment_id = %s ORDER BY kind",
        [payment.payment_id],
    )
    assert times == [
        {"kind": "payment", "times": 5, "state": "applied"},
        {"kind": "refund", "times": 3, "state": "applied"},
    ]


def test_five_notifications_at_once_count_once(town: Town) -> None:
    payment = town.start("51.00")
    assert town.wechat.pay(payment.order_no)
    [letter] = town.wechat.take_letters()
    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(lambda _: town.post(letter).status_code, range(5))) == [200] * 5
    assert town.read(payment.payment_id).state == "succeeded"
    assert len(town.events("payment_succeeded", payment.payment_id)) == 1


def test_a_notification_that_is_forged_old_or_anothers_is_kept_and_refused(town: Town) -> None:
    payment = town.start("52.00")
    assert town.wechat.pay(payment.order_no)
    [letter] = town.wechat.take_letters()
    forged = letter._replace(body=letter.body.replace(b"SUCCESS", b"SUCCEED"))
    elsewhere = letter._replace(url=letter.url.replace(town.merchants["wechat", "hq"], town.merchants["wechat", "mch"]))
    unsigned = letter._replace(headers={"content-type": "application/json"})
    assert town.deliver([forged, elsewhere, unsigned]) == [401, 401, 401]
    town.clock.move(minutes=6)
    assert town.deliver([letter]) == [401]
    town.clock.move(seconds=1)
    assert town.read(payment.payment_id).state == "paying"
    reasons = ok(town.finance().get(f"{GATEWAY}/merchants/{town.merchants['wechat', 'hq']}/refused-notifications"))
    assert {"签名不符。", "缺少时间戳。", "时间戳超出允许范围。"} <= {item["reason"] for item in reasons}
    town.minute()
    assert town.read(payment.payment_id).state == "succeeded"


def test_a_notification_to_nobody_is_not_found(town: Town) -> None:
    before = town.hospital.census()
    address = f"{GATEWAY}/notifications/wechat/{uuid4()}"
    assert town.hospital.client.post(address, content=b"{}").status_code == 404
    merchant = town.merchants["wechat", "hq"]
    assert town.hospital.client.post(f"{GATEWAY}/notifications/alipay/{merchant}", content=b"").status_code == 404
    assert town.hospital.client.post(f"{GATEWAY}/notifications/bank_card/{merchant}", content=b"").status_code == 404
    assert town.hospital.census() == before


def test_a_notification_before_our_row_is_visible_waits_for_the_sweep(town: Town) -> None:
    payment = town.start("53.00")
    assert town.wechat.pay(payment.order_no)
    [letter] = town.wechat.take_letters()
    hide = "UPDATE payments.gateway_payments SET order_no = %s WHERE payment_id = %s"
    town.hospital.execute(hide, ["not-yet", payment.payment_id])
    assert town.deliver([letter]) == [200]
    town.hospital.execute(hide, [payment.order_no, payment.payment_id])
    assert town.read(payment.payment_id).state == "paying"
    town.minute()
    assert town.read(payment.payment_id).state == "succeeded"
    town.minute()
    waiting = "SELECT count(*) FROM payments.gateway_notifications WHERE state = 'waiting'"
    assert town.hospital.value(waiting) == 0


def test_notifications_that_belong_to_nobody_do_not_stand_before_the_others(town: Town) -> None:
    """Refunds made by hand on the channel's own pages: we know nothing of them, and they come first."""
    payment = town.start("54.00")
    sale = town.wechat.ledger.sales[payment.order_no]
    strangers = [
        town.wechat.write_refund(
            sale, Back(f"by-hand-{n}", 1, "rejected", town.clock(), town.clock(), "x", sale.notify_url)
        )
        for n in range(AT_ONCE)
    ]
    assert town.deliver(strangers) == [200] * AT_ONCE
    town.minute()
    town.clock.move(seconds=1)
    assert town.wechat.pay(payment.order_no)
    [letter] = town.wechat.take_letters()
    hide = "UPDATE payments.gateway_payments SET order_no = %s WHERE payment_id = %s"
    town.hospital.execute(hide, ["not-yet", payment.payment_id])
    assert town.deliver([letter]) == [200]
    town.hospital.execute(hide, [payment.order_no, payment.payment_id])
    town.minute()
    states = town.hospital.rows(
        "SELECT kind, state, count(*) AS many FROM payments.gateway_notifications"
        " WHERE content ->> 'order_no' = %s GROUP BY kind, state ORDER BY kind",
        [payment.order_no],
    )
    assert states == [
        {"kind": "payment", "state": "applied", "many": 1},
        {"kind": "refund", "state": "waiting", "many": AT_ONCE},
    ]
    town.hospital.execute("UPDATE payments.gateway_notifications SET state = 'applied' WHERE state = 'waiting'")


@pytest.mark.case("56", 13)
def test_keys_rotate_with_an_overlap(town: Town) -> None:
    merchant = town.merchants["ecny", "hq"]
    bank = town.channels.ecny
    first, second, third = (town.start(f"{amount}.00", "ecny", expires_in=timedelta(hours=2)) for amount in (1, 2, 3))
    old, new = bank.key, bank.rotate_key()
    at_noon = town.clock()
    town.put_key(merchant, "hq", "verify", new.serial, new.public_pem)
    town.put_key(town.merchants["ecny", "mch"], "mch", "verify", new.serial, new.public_pem)

    def notified(payment: service.PaymentInfo, key: object) -> int:
        bank.key = key
        assert bank.pay(payment.order_no)
        answers = town.deliver()
        bank.key = new
        return answers[0]

    town.clock.set(at_noon + timedelta(minutes=29))
    assert notified(first, old) == 200
    assert notified(second, new) == 200
    town.clock.set(at_noon + timedelta(minutes=31))
    assert notified(third, old) == 401
    assert [town.read(item.payment_id).state for item in (first, second, third)] == ["succeeded", "succeeded", "paying"]
    assert service.settle_by_asking(town.steps(), third.payment_id).state == "succeeded"


# -- other campuses, other callers


def test_another_campus_sees_and_changes_nothing(town: Town) -> None:
    payment = town.paid("10.00")
    theirs = town.registrar("mch")
    assert theirs.get(f"{GATEWAY}/payments/{payment.payment_id}").status_code == 404
    assert theirs.post(f"{GATEWAY}/payments/{payment.payment_id}/query").status_code == 404
    assert ok(theirs.get(f"{GATEWAY}/payments/search", number=payment.order_no)) == []
    with pytest.raises(NotFound):
        town.read(payment.payment_id, "mch")
    with pytest.raises(NotFound):
        town.ask_back(payment.payment_id, "1.00", campus="mch")
    assert town.read(payment.payment_id).refunding == 0


def test_the_desk_finds_a_payment_by_any_number_with_its_timeline(town: Town) -> None:
    payment = town.paid("10.00")
    refund = town.give_back(payment.payment_id, "4.00")
    desk = town.registrar()
    for number in (payment.order_no, payment.channel_no, refund.refund_no):
        [found] = ok(desk.get(f"{GATEWAY}/payments/search", number=number))
        assert found["payment_id"] == str(payment.payment_id)
    [found] = ok(desk.get(f"{GATEWAY}/payments/by-reference", ref_module="payments/billing", ref_id=payment.ref_id))
    assert found["channel_name"] == "微信支付"
    shown = ok(desk.get(f"{GATEWAY}/payments/{payment.payment_id}"))
    assert {item["operation"] for item in shown["attempts"]} >= {"order", "refund"}
    assert [item["kind"] for item in shown["notifications"]] == ["payment"]
    assert [item["amount"] for item in shown["refunds"]] == ["4.00"]
    openid = town.wechat.ledger.sales[payment.order_no].payer
    assert openid not in str(shown)


def test_the_window_asks_and_closes(town: Town) -> None:
    payment = town.start("10.00")
    assert town.wechat.pay(payment.order_no)
    town.channels.take_letters()
    desk = town.registrar()
    key = str(uuid4())
    asked = ok(desk.post(f"{GATEWAY}/payments/{payment.payment_id}/query", key=key))
    assert asked["state"] == "succeeded"
    unpaid = town.start("10.00")
    assert ok(desk.post(f"{GATEWAY}/payments/{unpaid.payment_id}/close"))["state_label"] == "已关闭"


def test_a_day_in_figures(town: Town) -> None:
    town.clock.move(days=1)
    town.paid("10.00")
    town.paid("20.00")
    town.scan("5.00", refuses="NOTENOUGH")
    spent = town.paid("8.00")
    town.give_back(spent.payment_id, "8.00")
    town.deliver()
    day = (town.clock() + timedelta(hours=8)).date()
    figures = ok(town.finance().get(f"{GATEWAY}/days/{day}"))
    [wechat] = figures["channels"]
    assert (wechat["created"], wechat["paid"], wechat["paid_amount"]) == (4, 3, "38.00")
    assert (wechat["refunds_amount"], wechat["net"], figures["net"]) == ("8.00", "30.00", "30.00")
    assert (wechat["abandoned"], wechat["abandoned_percent"]) == (1, "25.0")
