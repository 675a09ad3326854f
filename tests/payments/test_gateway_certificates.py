"""WeChat's platform certificates fetched by themselves: the first, an exchange in mid-traffic, what is not believed."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest

from functions.payments.gateway import service
from functions.payments.gateway.client import Answer, Request
from infra.simulators.wechat import WeChatPay
from infra.simulators.wire import Fault, Key, certificate_pem, key_pair
from integrity.runner import run
from tests.payments.gateway_town import CIPHER, GATEWAY, Town, open_town, settle_the_books
from tests.support.clinic import ok


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("secrets"), channels=()) as one:
        yield one


def wechat(town: Town) -> WeChatPay:
    return town.channels.wechat


def opened(town: Town) -> str:
    return town.open_merchant("wechat", fetched=True)


def fetches(town: Town) -> int:
    return sum(kind == "certificates" for _, kind, _ in wechat(town).calls)


def state(town: Town, merchant: str) -> dict[str, Any]:
    return dict(ok(town.registrar().get(f"{GATEWAY}/merchants/{merchant}/certificates")))


def in_force(town: Town, merchant: str) -> set[str]:
    return {item["serial"] for item in state(town, merchant)["certificates"] if item["in_force"]}


def refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def paid(town: Town, amount: str = "10.00") -> service.PaymentInfo:
    payment = town.start(amount)
    assert payment.code_url, payment
    assert wechat(town).pay(payment.order_no)
    return payment


# -- the first download


def test_the_first_list_is_opened_with_the_apiv3_key_and_bears_its_own_signature(town: Town) -> None:
    merchant = opened(town)
    assert in_force(town, merchant) == {wechat(town).key.serial}
    payment = paid(town)
    assert town.deliver() == [200]
    assert town.read(payment.payment_id).state == "succeeded"
    assert fetches(town) == 1
    kept = str(town.said(operation="certificates"))
    assert wechat(town).key.serial in kept
    assert "ciphertext" not in kept
    audited = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'platform_certificates.fetched'"
    assert town.hospital.value(audited) == 1


def test_a_first_list_signed_by_somebody_else_is_not_kept(town: Town) -> None:
    wechat(town).faults.plan("certificates", Fault.WRONG_SIGNATURE)
    with pytest.raises(AssertionError):
        opened(town)
    [row] = town.hospital.rows("SELECT listed_at, trouble, failures FROM payments.certificate_downloads")
    assert (row["listed_at"], row["failures"]) == (None, 1)
    assert "签名不符" in row["trouble"]
    assert town.hospital.value("SELECT count(*) FROM payments.platform_certificates") == 0


def test_certificates_sealed_for_somebody_else_are_no_certificates(town: Town) -> None:
    technician = town.technician()
    merchant = ok(town.propose("wechat"))
    key = key_pair("wechat-hq")
    wechat(town).open_account(merchant["merchant_no"], merchant["app_id"], key, "x" * 32)
    merchant_id = merchant["merchant_id"]
    path = f"{GATEWAY}/merchants/{merchant_id}/certificates"
    refused(technician.post(f"{path}/fetch"), 409, "nothing_trusted")
    town.put_key(merchant_id, "hq", "sign", key.serial, key.private_pem)
    town.put_key(merchant_id, "hq", "cipher", "apiv3", CIPHER)
    shown = ok(technician.post(f"{path}/fetch"))
    assert (shown["certificates"], shown["failures"]) == ([], 1)
    assert "APIv3" in shown["trouble"]
    refused(technician.post(f"{GATEWAY}/merchants/{merchant_id}/test", {"version": 1}), 503, "merchant_key_missing")


def test_a_certificate_that_is_none_or_bears_another_serial_is_left_out(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant = opened(town)
    stranger = key_pair("stranger")
    honest = WeChatPay._certificates

    def crooked(self: WeChatPay, account: Any) -> dict[str, Any]:
        document = honest(self, account)
        good = document["data"][0]
        for pem in (certificate_pem(stranger, self.clock()), stranger.public_pem, "nothing"):
            sealed, nonce = self._seal(account, pem, "certificate")
            more = good["encrypt_certificate"] | {"ciphertext": sealed, "nonce": nonce}
            document["data"].append(good | {"serial_no": "AB" * 16, "encrypt_certificate": more})
        return {"data": [*document["data"], {}, "x", None]}

    monkeypatch.setattr(WeChatPay, "_certificates", crooked)
    town.clock.move(hours=12)
    town.minute()
    assert (fetches(town), state(town, merchant)["failures"]) == (2, 0)
    assert in_force(town, merchant) == {wechat(town).key.serial}


# -- every twelve hours, and the exchange


def test_the_list_is_fetched_every_twelve_hours_and_not_more_often(town: Town) -> None:
    merchant = opened(town)
    begun = town.clock()
    for hours, expected in ((6, 1), (11.9, 1), (12.1, 2), (23, 2), (24.3, 3)):
        town.clock.set(begun + timedelta(hours=hours))
        town.minute()
        assert fetches(town) == expected, hours
    assert state(town, merchant)["failures"] == 0


def test_an_announced_exchange_loses_and_doubles_nothing(town: Town) -> None:
    merchant = opened(town)
    old, new = wechat(town).key, wechat(town).announce()
    town.clock.move(hours=12)
    town.minute()
    assert in_force(town, merchant) == {old.serial, new.serial}
    before, after = town.start("10.00"), town.start("20.00")
    assert wechat(town).pay(before.order_no)
    [letter] = wechat(town).take_letters()
    assert wechat(town).rotate_key() is new
    assert wechat(town).pay(after.order_no)
    assert town.deliver([letter, *wechat(town).take_letters(), letter]) == [200] * 3, "both are in force side by side"
    assert {town.read(item.payment_id).state for item in (before, after)} == {"succeeded"}
    assert town.scan("5.00").state == "succeeded"
    assert fetches(town) == 2, "nobody had to ask for the list"
    wechat(town).retire()
    town.clock.move(hours=12)
    town.minute()
    town.clock.move(minutes=6)
    assert in_force(town, merchant) == {new.serial}
    late = _letter_signed_by(town, old)
    assert town.deliver([late]) == [401]
    settle_the_books(town)


def test_an_exchange_in_mid_traffic_asks_for_the_list_once(town: Town) -> None:
    """The new certificate came after our last look: the first answer with it fetches the list, and is believed."""
    merchant = opened(town)
    town.clock.move(hours=1)
    waiting = town.start("7.00")
    old, new = wechat(town).key, wechat(town).rotate_key()
    orders = len(wechat(town).calls)
    whole = town.outside
    town.outside = replace(whole, wait=time.sleep)
    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(lambda amount: town.start(f"{amount}.00"), range(1, 9)))
    town.outside = whole
    placed = [number for _, kind, number in wechat(town).calls[orders:] if kind == "order"]
    assert sorted(placed) == sorted(payment.order_no for payment in started), "no order was sent twice"
    assert fetches(town) == 2, "the first of them fetched the list for all"
    assert in_force(town, merchant) == {old.serial, new.serial}
    for payment in [waiting, *started]:
        assert wechat(town).pay(payment.order_no)
    letters = wechat(town).take_letters()
    town.deliver([*letters, *letters])
    town.minute(times=2)
    for payment in [waiting, *started]:
        assert town.read(payment.payment_id).state == "succeeded"
        assert len(town.events("payment_succeeded", payment.payment_id)) == 1
    scanned = town.scan("5.00", password=True, pays_after=7)
    assert scanned.state == "succeeded"
    settle_the_books(town)


def test_who_finds_the_list_being_fetched_waits_for_it(town: Town) -> None:
    """Two windows at once: the second one's answer is believed with the list the first one fetched."""
    merchant = opened(town)
    town.clock.move(hours=1)
    wechat(town).rotate_key()
    waiting, fetched = Event(), Event()
    second: list[service.PaymentInfo] = []
    other = Thread(target=lambda: second.append(town.start("2.00")))
    whole = town.outside

    def carry(request: Request) -> Answer:
        if request.url.endswith("/v3/certificates"):
            other.start()
            assert waiting.wait(10), "the other window does not wait"
        return whole.transport(request)

    def wait(seconds: int) -> None:
        waiting.set()
        fetched.wait(10)

    town.outside = replace(whole, transport=carry, wait=wait)
    first = town.start("1.00")
    fetched.set()
    other.join(20)
    town.outside = whole
    assert [bool(payment.code_url) for payment in (first, *second)] == [True, True]
    assert (fetches(town), len(in_force(town, merchant))) == (2, 2)


def test_a_notification_with_an_unknown_serial_asks_for_the_list_and_is_believed_when_it_comes_again(
    town: Town,
) -> None:
    opened(town)
    payment = town.start("7.00", payer="openid", product="jsapi")
    wechat(town).rotate_key()
    assert wechat(town).pay(payment.order_no)
    [letter] = wechat(town).take_letters()
    town.clock.move(minutes=6)
    letter = letter._replace(headers=wechat(town).sign_letter(letter.body, wechat(town).key))
    assert town.deliver([letter]) == [401]
    assert fetches(town) == 1, "nothing is fetched while somebody waits at the door"
    wechat(town).faults.plan("query", *[Fault.LOST_REQUEST] * 3)
    town.minute()
    assert fetches(town) == 2
    assert town.read(payment.payment_id).state != "succeeded"
    again = letter._replace(headers=wechat(town).sign_letter(letter.body, wechat(town).key))
    assert town.deliver([again]) == [200]
    assert town.read(payment.payment_id).state == "succeeded"


def test_a_flood_of_unknown_serials_fetches_the_list_every_five_minutes_at_most(town: Town) -> None:
    opened(town)
    payment = paid(town)
    [letter] = wechat(town).take_letters()
    forged = letter._replace(headers=wechat(town).sign_letter(letter.body, key_pair("forger")))
    for _ in range(10):
        town.clock.move(seconds=20)
        assert town.deliver([forged]) == [401]
        town.hospital.minute("payments/gateway", campus="hq")
    assert fetches(town) == 1, "the list was fetched less than five minutes ago"
    town.clock.move(minutes=2)
    forged = letter._replace(headers=wechat(town).sign_letter(letter.body, key_pair("forger")))
    assert town.deliver([forged, forged, forged]) == [401] * 3
    town.minute(times=2)
    assert fetches(town) == 2
    assert town.read(payment.payment_id).state == "succeeded"


# -- what is not believed


def test_a_list_signed_by_nobody_we_know_waits_until_our_own_is_out_of_date(town: Town) -> None:
    """WeChat brings a certificate a day before it signs with it. One nobody was told of is not believed before a day
    has passed without a list; the money that comes meanwhile is not lost."""
    merchant = opened(town)
    old = wechat(town).key
    wechat(town).rotate_key()
    wechat(town).retire()
    town.clock.move(minutes=6)
    payment = town.start("10.00")
    assert (payment.state, in_force(town, merchant)) == ("unknown", {old.serial})
    assert wechat(town).pay(payment.order_no)
    trouble = state(town, merchant)["trouble"]
    assert "序列号" in trouble
    town.minute(times=3)
    assert town.read(payment.payment_id).state == "unknown", "what nobody we know has signed is no answer"
    town.clock.move(hours=24)
    town.minute(times=2)
    town.clock.move(minutes=6)
    assert in_force(town, merchant) == {wechat(town).key.serial}
    settle_the_books(town)
    assert town.read(payment.payment_id).state == "succeeded"


def test_two_persons_can_end_the_waiting_with_a_key_of_their_own(town: Town) -> None:
    merchant = opened(town)
    wechat(town).rotate_key()
    wechat(town).retire()
    town.put_key(merchant, "hq", "verify", wechat(town).key.serial, wechat(town).key.public_pem)
    assert town.start("10.00").code_url
    town.clock.move(minutes=6)
    ok(town.technician().post(f"{GATEWAY}/merchants/{merchant}/certificates/fetch"))
    assert wechat(town).key.serial in in_force(town, merchant)


def test_a_failed_download_is_tried_again_later_and_later(town: Town) -> None:
    merchant = opened(town)
    town.clock.move(hours=12)
    wechat(town).faults.choose = lambda operation: Fault.LOST_REQUEST if operation == "certificates" else None
    town.minute(times=61)
    assert fetches(town) == 1 + 4, "after 5, 10, 20 and 40 minutes"
    assert state(town, merchant)["failures"] == 4
    assert town.start("10.00").code_url, "the certificate we have is still in force"
    wechat(town).faults.clear()
    town.minute(times=61)
    shown = state(town, merchant)
    assert (shown["failures"], shown["trouble"]) == (0, None)


def test_a_list_that_was_not_renewed_is_found_by_the_daily_check(town: Town) -> None:
    opened(town)
    names = frozenset({"channels.gateway_certificates"})

    def holds() -> bool:
        [check] = run(town.hospital.settings.auditor_database_url, names)
        return check.holds

    listed = "UPDATE payments.certificate_downloads SET listed_at = now() - make_interval(hours => %s)"
    town.hospital.execute(listed, [23])
    town.hospital.execute("UPDATE payments.platform_certificates SET expires_at = now() + interval '1 day'")
    assert holds()
    town.hospital.execute(listed, [25])
    assert not holds()
    town.hospital.execute(listed, [0])
    town.hospital.execute("UPDATE payments.platform_certificates SET expires_at = now()")
    assert not holds()
    town.hospital.execute("UPDATE payments.certificate_downloads SET is_on = false")
    assert holds()


# -- who may, and the public key instead


def test_who_switches_it_on_and_off_and_when(town: Town) -> None:
    merchant = opened(town)
    path = f"{GATEWAY}/merchants/{merchant}/certificates"
    ecny = ok(town.propose("ecny"))["merchant_id"]
    before = town.hospital.census()
    refused(town.technician().post(f"{path}/fetch"), 429, "certificates_just_asked")
    assert town.registrar().post(f"{path}/fetch").status_code == 403
    assert town.technician().post(f"{path}/stop", {"version": 1}).status_code == 403
    assert town.technician("mch").post(f"{path}/fetch").status_code == 404
    assert town.registrar("mch").get(path).status_code == 404
    refused(town.overseer().post(f"{path}/stop", {"version": state(town, merchant)["version"]}), 409, "nothing_trusted")
    refused(town.technician().post(f"{GATEWAY}/merchants/{ecny}/certificates/fetch"), 422, "payment_order_invalid")
    assert town.registrar().get(f"{GATEWAY}/merchants/{ecny}/certificates").status_code == 404
    assert (fetches(town), town.hospital.census()) == (1, before)


def test_the_public_key_takes_the_place_of_certificates(town: Town) -> None:
    merchant = opened(town)
    named = Key(f"PUB_KEY_ID_{wechat(town).key.serial[:20]}", wechat(town).key.private)
    town.put_key(merchant, "hq", "verify", named.serial, named.public_pem)
    path = f"{GATEWAY}/merchants/{merchant}/certificates"
    refused(town.overseer().post(f"{path}/stop", {"version": 99}), 409, "version_conflict")
    stopped = ok(town.overseer().post(f"{path}/stop", {"version": state(town, merchant)["version"]}))
    assert (stopped["is_on"], {item["in_force"] for item in stopped["certificates"]}) == (False, {False})
    refused(town.overseer().post(f"{path}/stop", {"version": stopped["version"]}), 409, "merchant_state_wrong")
    payment = town.start("10.00")
    assert payment.state == "unknown", "the answer bears a certificate's serial, and none is believed any more"
    wechat(town).key = named
    asked = town.start("10.00", ref_id=payment.ref_id)
    assert asked.code_url
    town.clock.move(days=2)
    town.minute(times=2)
    assert fetches(town) == 1
    settle_the_books(town)


def _letter_signed_by(town: Town, key: Key) -> Any:
    paid(town)
    [*_, letter] = wechat(town).take_letters()
    return letter._replace(headers=wechat(town).sign_letter(letter.body, key))
