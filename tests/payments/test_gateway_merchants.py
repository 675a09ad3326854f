"""Merchants, keys and channels: two persons, a test call first, paused when they fail, resumed when they answer."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from functions.payments.gateway import service
from functions.payments.gateway.problems import ChannelNotOpen, ChannelPausedProblem
from functions.payments.gateway.service.sweeping import PAYMENTS_AT_ONCE
from infra.simulators.wire import Fault, certificate_pem, key_pair
from tests.payments.gateway_town import CIPHER, GATEWAY, Town, open_town
from tests.support.clinic import ok


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("secrets"), "hq", "mch") as one:
        yield one


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return dict(answer.json())


def channel(town: Town, campus: str = "hq") -> dict[str, Any]:
    shown = ok(town.registrar(campus).get(f"{GATEWAY}/channels"))
    return dict(next(item for item in shown if item["merchant_id"] == town.merchants["wechat", campus]))


def test_screens_are_told_of_the_channels_that_take_payments_now(town: Town) -> None:
    town.open_merchant("ecny")
    draft = ok(town.propose("alipay"))
    shown = ok(town.registrar().get(f"{GATEWAY}/channels"))
    assert [(item["channel"], item["state"], item["products"]) for item in shown] == [
        ("ecny", "open", ["payment_code", "qr"]),
        ("wechat", "open", ["payment_code", "qr", "jsapi", "h5"]),
    ]
    assert draft["merchant_id"] not in {item["merchant_id"] for item in shown}
    ecny = next(item for item in ok(town.finance().get(f"{GATEWAY}/merchants"))["items"] if item["channel"] == "ecny")
    path = f"{GATEWAY}/merchants/{ecny['merchant_id']}"
    ok(town.overseer().post(f"{path}/stop", {"version": ecny["version"]}))
    assert [item["channel"] for item in ok(town.registrar().get(f"{GATEWAY}/channels"))] == ["wechat"]


# -- merchants


def test_a_merchant_is_activated_by_another_person_after_a_test(town: Town) -> None:
    technician = town.hospital.caller("system_admin", "consortium_finance", name="一人两岗")
    body = {
        "channel": "alipay",
        "merchant_no": "2088000001",
        "app_id": "app-x",
        "name": "安和县医院",
        "bank_name": "工商银行",
        "account_tail": "0001",
        "products": ["qr"],
        "limit_per_payment": "1000.00",
        "fee_rate": "0.006",
    }
    merchant = ok(technician.post(f"{GATEWAY}/merchants", body))
    path = f"{GATEWAY}/merchants/{merchant['merchant_id']}"
    refused(technician.post(f"{path}/activate", {"version": 1}), 422, "same_person")
    refused(town.overseer().post(f"{path}/activate", {"version": 1}), 409, "merchant_not_tested")
    refused(technician.post(f"{path}/test", {"version": 1}), 503, "merchant_key_missing")
    key = key_pair("alipay-two-persons")
    town.channels.alipay.open_account("2088000001", "app-x", key, CIPHER)
    town.put_key(merchant["merchant_id"], "hq", "verify", "s", town.channels.alipay.key.public_pem)
    town.put_key(merchant["merchant_id"], "hq", "sign", "s", key_pair("somebody-elses").private_pem)
    failed = ok(technician.post(f"{path}/test", {"version": 1}))
    assert (failed["state"], failed["test_result"][:4]) == ("draft", "未通过：")
    town.clock.move(minutes=31)
    town.put_key(merchant["merchant_id"], "hq", "sign", "s2", key.private_pem)
    tested = ok(technician.post(f"{path}/test", {"version": failed["version"]}))
    assert (tested["state"], tested["test_result"]) == ("tested", "通过")
    refused(town.overseer().post(f"{path}/activate", {"version": 1}), 409, "version_conflict")
    with pytest.raises(ChannelNotOpen):
        town.intend("1.00", "alipay")
    active = ok(town.overseer().post(f"{path}/activate", {"version": tested["version"]}))
    assert (active["state"], active["activated_by_name"]) == ("active", "县财务")
    assert town.start("1.00", "alipay").state == "paying"
    stopped = ok(town.overseer().post(f"{path}/stop", {"version": active["version"]}))
    assert stopped["state"] == "stopped"
    with pytest.raises(ChannelNotOpen):
        town.intend("2.00", "alipay")


def test_one_merchant_a_number_and_products_it_has(town: Town) -> None:
    first = ok(town.propose("wechat", merchant_no="same"))
    before = town.hospital.census()
    refused(town.propose("wechat", "mch", merchant_no="same"), 409, "merchant_exists")
    refused(town.propose("wechat", products=["pos"]), 422, "payment_order_invalid")
    refused(town.propose("wechat", app_id=None), 422, "payment_order_invalid")
    assert town.propose("wechat", account_tail="12").status_code == 422
    assert town.hospital.census() == before
    path = f"{GATEWAY}/merchants/{first['merchant_id']}"
    assert town.technician("mch").post(f"{path}/test", {"version": 1}).status_code == 404
    assert town.overseer("mch").post(f"{path}/activate", {"version": 1}).status_code == 404


def test_a_new_merchant_takes_the_place_of_the_old(town: Town) -> None:
    old = town.merchants["wechat", "mch"]
    payment = town.start("3.00", campus="mch")
    town.open_merchant("wechat", "mch")
    new = town.start("4.00", campus="mch")
    rows = town.hospital.rows(
        "SELECT order_no, merchant_id::text AS merchant FROM payments.gateway_payments WHERE campus_id = 'mch'"
    )
    merchants = {row["order_no"]: row["merchant"] for row in rows}
    assert (merchants[payment.order_no], merchants[new.order_no]) == (old, town.merchants["wechat", "mch"])
    assert town.wechat.pay(payment.order_no)
    assert town.deliver() == [200], "what was ordered on the old merchant is still answered for"
    assert town.read(payment.payment_id, "mch").state == "succeeded"


# -- keys


def test_a_key_is_a_reference_and_needs_two_persons(town: Town) -> None:
    merchant = town.merchants["wechat", "hq"]
    both = town.hospital.caller("system_admin", "consortium_finance")
    path = f"{GATEWAY}/merchants/{merchant}/keys"
    town.write_secret("a-new-key", key_pair("a-new-key").public_pem)
    town.write_secret("no-key", "-----BEGIN PUBLIC KEY-----")
    body = {"role": "verify", "serial": "S1", "secret_ref": "a-new-key"}
    before = town.hospital.census()
    refused(both.post(path, {**body, "secret_ref": "not-there"}), 503, "merchant_key_missing")
    refused(both.post(path, {**body, "secret_ref": "no-key"}), 422, "key_reference_invalid")
    refused(both.post(path, {**body, "role": "sign"}), 422, "key_reference_invalid")
    refused(both.post(path, {**body, "role": "cipher"}), 422, "key_reference_invalid")
    assert both.post(path, {**body, "secret_ref": "../etc/passwd"}).status_code == 422
    assert both.post(path, {**body, "secret_ref": "-----BEGIN PRIVATE KEY-----"}).status_code == 422
    refused(both.post(path, {**body, "valid_from": "2020-01-01T00:00:00+08:00"}), 422, "payment_order_invalid")
    refused(both.post(path, {**body, "valid_to": "2026-03-01T00:00:00+08:00"}), 422, "payment_order_invalid")
    assert town.hospital.census() == before
    key = ok(both.post(path, body))
    refused(both.post(f"{GATEWAY}/keys/{key['key_id']}/approve", {"version": 1}), 422, "same_person")
    assert town.overseer("mch").post(f"{GATEWAY}/keys/{key['key_id']}/approve", {"version": 1}).status_code == 404
    approved = ok(town.overseer().post(f"{GATEWAY}/keys/{key['key_id']}/approve", {"version": 1}))
    assert approved["state"] == "active"
    refused(town.overseer().post(f"{GATEWAY}/keys/{key['key_id']}/approve", {"version": 1}), 409, "version_conflict")
    listed = ok(town.registrar().get(path))
    assert {item["secret_ref"] for item in listed} >= {"a-new-key"}
    kept = town.hospital.value("SELECT string_agg(k::text, '') FROM payments.merchant_keys k")
    assert "BEGIN" not in kept
    assert CIPHER not in kept
    assert town.start("5.00").state == "paying", "the old key is still in force"
    town.clock.move(minutes=31)
    assert town.start("5.00").state == "unknown", "answers bear a key that is no longer believed"
    town.put_key(merchant, "hq", "verify", town.wechat.key.serial, town.wechat.key.public_pem)


def test_a_certificate_brings_its_own_end_and_an_ended_one_is_not_taken(town: Town) -> None:
    path = f"{GATEWAY}/merchants/{town.merchants['wechat', 'hq']}/keys"
    key, now = key_pair("a-certificate"), town.clock()
    body = {"role": "verify", "serial": key.serial, "secret_ref": "a-certificate", "expires_on": "2099-01-01"}
    town.write_secret("a-certificate", certificate_pem(key, now - timedelta(days=1900)))
    before = town.hospital.census()
    refused(town.technician().post(path, body), 422, "key_reference_invalid")
    refused(
        town.technician().post(path, {**body, "secret_ref": "a-new-key", "expires_on": "2020-01-01"}),
        422,
        "key_reference_invalid",
    )
    assert town.hospital.census() == before
    town.write_secret("a-certificate", certificate_pem(key, now))
    proposed = ok(town.technician().post(path, body))
    assert proposed["expires_on"] == (now + timedelta(days=1825, hours=8)).date().isoformat()


# -- health


def fail(town: Town, times: int) -> None:
    town.wechat.faults.plan("order", *[Fault.SYSTEM_ERROR] * times)
    for _ in range(times):
        town.start("1.00")


def test_a_failing_channel_pauses_itself_and_comes_back_by_a_probe(town: Town) -> None:
    town.clock.move(minutes=10)
    for _ in range(3):
        town.start("1.00")
    fail(town, 1)
    assert channel(town)["state"] == "open", "one of four is no rate yet"
    fail(town, 1)
    paused = channel(town)
    assert (paused["state"], paused["automatic"]) == ("paused", True)
    assert "请改用其他方式支付" in paused["text"]
    [event] = town.events("channel_paused")
    assert (event["automatic"], event["text"]) == (True, paused["text"])
    before = town.hospital.census()
    with pytest.raises(ChannelPausedProblem) as refusal:
        town.intend("1.00")
    assert refusal.value.detail == paused["text"]
    assert town.hospital.census() == before
    calls = len(town.wechat.calls)
    town.wechat.faults.choose = lambda operation: Fault.SYSTEM_ERROR
    town.minute(times=2)
    assert channel(town)["state"] == "paused"
    assert len(town.wechat.calls) > calls
    town.wechat.faults.clear()
    town.minute(times=4)
    assert channel(town)["state"] == "open"
    assert [event["automatic"] for event in town.events("channel_resumed")] == [True]
    assert town.start("1.00").state == "paying"


def test_refusals_of_payers_are_not_the_channels_fault(town: Town) -> None:
    town.clock.move(minutes=10)
    for _ in range(8):
        town.scan("1.00", refuses="NOTENOUGH")
    assert channel(town)["state"] == "open"


def test_a_person_pauses_with_a_text_and_only_a_person_ends_it(town: Town) -> None:
    town.clock.move(minutes=10)
    path = f"{GATEWAY}/merchants/{town.merchants['wechat', 'hq']}"
    lead = town.hospital.caller("cashier_lead", name="王秀兰")
    paid = town.start("6.00")
    shown = ok(lead.post(f"{path}/pause", {"text": "微信支付升级，请用现金或支付宝"}))
    assert (shown["state"], shown["automatic"]) == ("paused", False)
    refused(lead.post(f"{path}/pause", {"text": "再停一次"}), 409, "merchant_state_wrong")
    assert town.hospital.caller("cashier_lead", campus="mch").post(f"{path}/resume").status_code == 404
    town.minute(times=20)
    assert channel(town)["state"] == "paused"
    assert town.read(paid.payment_id).state == "closed", "what was under way is still seen to"
    assert ok(lead.post(f"{path}/resume"))["state"] == "open"
    refused(lead.post(f"{path}/resume"), 409, "merchant_state_wrong")


def test_who_may_not_configure_or_approve(town: Town) -> None:
    before = town.hospital.census()
    assert town.registrar().post(f"{GATEWAY}/merchants", {}).status_code == 403
    assert town.overseer().post(f"{GATEWAY}/merchants", {}).status_code == 403
    path = f"{GATEWAY}/merchants/{town.merchants['wechat', 'hq']}"
    assert town.technician().post(f"{path}/activate", {"version": 1}).status_code == 403
    assert town.registrar().post(f"{path}/pause", {"text": "x"}).status_code == 403
    assert town.hospital.census() == before


def test_a_flood_of_forged_notifications_fills_no_table(town: Town) -> None:
    merchant = town.merchants["wechat", "hq"]
    address = f"{GATEWAY}/notifications/wechat/{merchant}"
    for _ in range(60):
        assert town.hospital.client.post(address, content=uuid4().bytes).status_code == 401
    kept = "SELECT count(*) FROM payments.gateway_notifications WHERE state = 'refused'"
    assert town.hospital.value(kept) == 50
    large = town.hospital.client.post(address, content=b"x" * 2_000_000)
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")


def test_the_sweep_is_bounded_and_goes_on_the_next_minute(town: Town) -> None:
    town.clock.move(minutes=10)
    started = [town.start("1.00", payer=f"o-{number}", product="jsapi") for number in range(PAYMENTS_AT_ONCE + 5)]
    for payment in started:
        town.steps().step(lambda tx, one=payment: service.request_close(tx, one.payment_id))
    town.minute()
    closed = [town.read(payment.payment_id).state == "closed" for payment in started]
    assert sum(closed) == PAYMENTS_AT_ONCE
    town.minute(times=3)
    assert all(town.read(payment.payment_id).state == "closed" for payment in started)
    assert timedelta(0) < town.clock() - started[0].created_at
