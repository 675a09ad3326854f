"""Patients sign on by a code sent to their phone: the message in the gateway's own wire format, at the real realm."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import jwt
import pytest

from functions.platform.sso import queries_phones, sms
from functions.platform.sso import rules_phones as rules
from infra.simulators.sms import SmsSimulator
from infra.simulators.wechat_login import WeChatLoginSimulator
from tests.platform.beyond import SSO, Listener
from tests.platform.conftest import ok, refused
from tests.platform.phones import KEY, Somebody
from tests.platform.realm import World
from tests.support.hospital import Caller

ADDRESS = "10.9.8.7"


def asked(gateway: Caller, phone: str, address: str = ADDRESS) -> Any:
    return gateway.post(f"{SSO}/phone-codes", {"phone": phone, "address": address})


def tried(gateway: Caller, phone: str, code: str, address: str = ADDRESS) -> Any:
    return gateway.post(f"{SSO}/phone-logins", {"phone": phone, "code": code, "address": address})


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_who_is_bound_signs_on_by_a_code_and_nobody_learns_who_is(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    me = Somebody(world, gateway, wechat)
    world.minute()  # the realm is told of the binding
    heard = Listener()
    logging.getLogger("his").addHandler(heard)
    stranger = "13900000001"
    known, unknown = asked(gateway, me.phone), asked(gateway, stranger)
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    assert known.status_code == 202
    refused(asked(gateway, me.phone), 429, "phone_code_too_soon")
    refused(asked(gateway, stranger), 429, "phone_code_too_soon")
    world.settle()  # twice, as every event may come
    [message] = phones.to(me.phone)
    assert phones.to(stranger) == []
    code = message.parameters["code"]
    assert (message.template, len(code), code.isdigit()) == ("SMS_1", 6, True)

    first = refused(tried(gateway, me.phone, wrong(code)), 401, "phone_code_refused")
    other = refused(tried(gateway, stranger, code), 401, "phone_code_refused")
    assert first["detail"] == other["detail"]
    assert "窗口" in other["detail"]
    answer = ok(tried(gateway, me.phone, code))
    assert (answer["state"], answer["account_id"]) == ("done", me.account.subject)
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["patient_ids"] == [me.patient_id]
    assert "auth_time" not in claims
    refused(tried(gateway, me.phone, code), 401, "phone_code_refused")  # once
    logging.getLogger("his").removeHandler(heard)

    tables = ("platform.phone_codes", "platform.text_messages", "kernel.outbox", "kernel.idempotent_answers")
    for table in (*tables, "kernel.audit_entries", "platform.code_counters", "platform.account_phones"):
        lines = world.hospital.rows(f"SELECT encode(convert_to(t::text, 'UTF8'), 'escape') AS line FROM {table} t")
        text = "\n".join(row["line"] for row in lines)
        assert me.phone not in text, table
        assert f'"{code}"' not in text, table
        assert f",{code}," not in text, table
    assert me.phone not in "\n".join(heard.lines)
    assert code not in "\n".join(heard.lines)
    [shown] = [row for row in ok(world.consortium.security.get(f"{SSO}/text-messages"))["items"] if row["receipt"]][:1]
    assert (shown["kind"], shown["state"]) == ("sign_on", "sent")
    assert set(shown) == {"message_id", "kind", "state", "tries", "sent_at", "receipt", "error"}


def test_five_tries_five_minutes_five_an_hour(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    me = Somebody(world, gateway, wechat)
    ok(asked(gateway, me.phone))
    world.settle()
    code = phones.to(me.phone)[-1].parameters["code"]
    for _ in range(5):
        refused(tried(gateway, me.phone, wrong(code), "10.1.1.1"), 401, "phone_code_refused")
    refused(tried(gateway, me.phone, code, "10.1.1.1"), 401, "phone_code_refused")
    with world.later(minutes=2):
        ok(asked(gateway, me.phone))
        world.settle()
        late = phones.to(me.phone)[-1].parameters["code"]
    with world.later(minutes=8):
        refused(tried(gateway, me.phone, late, "10.1.1.1"), 401, "phone_code_refused")
        for _ in range(3):
            ok(asked(gateway, me.phone))
            world.hospital.clock.move(minutes=2)
        refused(asked(gateway, me.phone), 429, "phone_code_too_soon")
    with world.later(minutes=70):
        ok(asked(gateway, me.phone))
        world.settle()
        first = phones.to(me.phone)[-1].parameters["code"]
        world.hospital.clock.move(minutes=2)
        ok(asked(gateway, me.phone))  # whoever asks again has the newest one only
        refused(tried(gateway, me.phone, first, "10.1.1.1"), 401, "phone_code_refused")


def test_of_two_that_ask_at_once_for_one_phone_one_is_served(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    me = Somebody(world, gateway, wechat)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: asked(gateway, me.phone).status_code, range(4)))
    assert sorted(answers) == [202, 429, 429, 429]
    world.settle()
    assert len(phones.to(me.phone)) == 1
    repeated = {"phone": me.phone, "code": phones.to(me.phone)[0].parameters["code"], "address": ADDRESS}
    first = ok(gateway.post(f"{SSO}/phone-logins", repeated, key="phone-login-key-1"))
    again = ok(gateway.post(f"{SSO}/phone-logins", repeated, key="phone-login-key-1"))
    assert (first["state"], again["state"], again["access_token"]) == ("done", "pending", "")


def test_guessing_from_one_address_is_stopped_and_a_crowd_behind_one_is_not(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    me = Somebody(world, gateway, wechat)
    with world.hospital.tx() as tx:
        minute = rules.minute_of(tx.now)
    crowd = "10.2.2.2"
    before = (
        "INSERT INTO platform.code_counters SELECT %s, %s + make_interval(mins => m), %s FROM generate_series(0, 1) m"
    )
    world.hospital.execute(before, [f"asked:{crowd}", minute, 1500])
    ok(asked(gateway, me.phone, crowd))  # 1,500 before it within this minute
    world.settle()
    code = phones.to(me.phone)[-1].parameters["code"]
    guesser = "10.3.3.3"
    world.hospital.execute(before, [f"failed:{guesser}", minute, 29])
    refused(tried(gateway, "13900000002", "000000", guesser), 401, "phone_code_refused")
    refused(tried(gateway, me.phone, code, guesser), 429, "phone_code_throttled")
    ok(tried(gateway, me.phone, code, crowd))
    world.hospital.execute("UPDATE platform.code_counters SET tries = 2000 WHERE counted = %s", [f"asked:{crowd}"])
    refused(asked(gateway, "13900000003", crowd), 429, "phone_code_throttled")


def test_a_phone_goes_with_whom_the_hospital_registers_it_for(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    me = Somebody(world, gateway, wechat)
    ok(asked(gateway, me.phone))
    world.settle()
    code = phones.to(me.phone)[-1].parameters["code"]
    world.hospital.execute("UPDATE patients.patients SET phone = '13700000000' WHERE patient_id = %s", [me.patient_id])
    refused(tried(gateway, me.phone, code), 401, "phone_code_refused")
    assert world.hospital.value(
        "SELECT end_reason FROM platform.account_phones WHERE account_id = %s", [me.account.subject]
    )
    world.hospital.execute("UPDATE patients.patients SET phone = '13700000001' WHERE patient_id = %s", [me.patient_id])
    me.again()  # by WeChat: the phone of the day is known from now on
    ok(asked(gateway, "13700000001"))
    world.settle()
    assert [one.template for one in phones.to("13700000001")] == ["SMS_1"]
    other = Somebody(world, gateway, wechat)
    ok(other.account.post(f"{SSO}/my/persons/{other.link['link_id']}/end", {"reason": "换手机"}))
    ok(asked(gateway, other.phone))
    world.settle()
    assert phones.to(other.phone) == []


def test_only_the_gateway_asks_and_only_where_it_is_set_up(
    world: World, gateway: Caller, phones: SmsSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.hospital.census()
    staff = world.hospital.caller("registrar")
    refused(asked(staff, "13900000004"), 403, "wrong_caller")
    refused(tried(staff, "13900000004", "123456"), 403, "wrong_caller")
    refused(asked(gateway, "139"), 422, "invalid")
    refused(asked(gateway, "13900000004", "here"), 422, "invalid")
    monkeypatch.setenv("HIS_SMS_CODE_KEY", "short")
    refused(asked(gateway, "13900000004"), 503, "sms_out_of_reach")
    assert world.hospital.census() == before


def test_a_message_is_tried_again_and_the_third_failure_calls_somebody(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator, phones: SmsSimulator
) -> None:
    me = Somebody(world, gateway, wechat)
    ok(asked(gateway, me.phone))
    phones.silent()
    world.settle()
    phones.silent(False)
    phones.busy()
    with world.later(seconds=30):
        world.minute()
    phones.refuse("isv.AMOUNT_NOT_ENOUGH")
    with world.later(seconds=60):
        world.minute()
    [alarm] = world.hospital.events("sign_on_way_failed")
    assert (alarm["data"]["way"], alarm["data"]["failures"]) == ("sms", 3)
    assert phones.to(me.phone) == []
    [row] = ok(world.consortium.security.get(f"{SSO}/text-messages", limit=1))["items"]
    assert (row["state"], row["error"], row["tries"]) == ("failed", "isv.AMOUNT_NOT_ENOUGH", 3)
    [outage] = ok(world.consortium.security.get(f"{SSO}/sign-on-outages"))["items"]
    assert (outage["way_label"], outage["ended_at"]) == ("短信", None)
    with world.later(minutes=3):
        ok(asked(gateway, me.phone))
        world.settle()
        assert tried(gateway, me.phone, phones.to(me.phone)[-1].parameters["code"]).status_code == 201
    assert world.hospital.events("sign_on_way_restored")[-1]["data"]["way"] == "sms"


def test_wechat_down_calls_somebody_once_and_is_over_by_itself(
    world: World, gateway: Caller, wechat: WeChatLoginSimulator
) -> None:
    path = f"{SSO}/patient-logins"
    wechat.busy(4)
    for _ in range(4):
        refused(gateway.post(path, {"code": wechat.issue("openid-of-a-wait")}), 503, "wechat_out_of_reach")
    found = [row for row in world.hospital.events("sign_on_way_failed") if row["data"]["way"] == "wechat"]
    assert len(found) == 1
    ok(gateway.post(path, {"code": wechat.issue("openid-of-a-wait")}))
    assert world.hospital.events("sign_on_way_restored")[-1]["data"]["way"] == "wechat"


def test_the_gateway_believes_signed_requests_only(phones: SmsSimulator) -> None:
    from datetime import UTC, datetime, timedelta

    at = sms.SmsGateway()
    message, now = sms.Short("13800000009", "SMS_1", {"code": "1"}, "n"), datetime.now(UTC)
    assert sms.send(message, at, now, "nonce-1")
    for forged, moment, nonce, code in (
        (at.model_copy(update={"access_key_secret": "other"}), now, "nonce-2", "SignatureDoesNotMatch"),
        (at.model_copy(update={"access_key_id": "other"}), now, "nonce-3", "InvalidAccessKeyId.NotFound"),
        (at, now - timedelta(hours=1), "nonce-4", "InvalidTimeStamp.Expired"),
        (at, now, "nonce-1", "SignatureNonceUsed"),
        (at.model_copy(update={"sign_name": "别家"}), now, "nonce-5", "isv.SMS_SIGNATURE_ILLEGAL"),
    ):
        with pytest.raises(sms.NotSent, match=code.replace(".", r"\.")):
            sms.send(message, forged, moment, nonce)
    assert len(phones.to("13800000009")) == 1


def test_codes_and_hashes_say_nothing_without_the_key() -> None:
    one = uuid4()
    assert rules.code_of(one, KEY) == rules.code_of(one, KEY)
    assert rules.fits(rules.code_of(one, KEY), one, KEY)
    assert {rules.code_of(uuid4(), KEY)[0] for _ in range(200)} == set("0123456789")
    assert rules.phone_hash("13800001111", KEY) != rules.phone_hash("13800001111", f"{KEY}x")
    assert (rules.masked("韦国"), rules.masked("韦建国"), rules.masked("欧阳建国")) == ("韦*", "韦*国", "欧**国")
    assert queries_phones.OPEN_CODE.compiled().rstrip().endswith("FOR UPDATE")
