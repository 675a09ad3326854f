"""What is believed of a channel over real HTTP: answers of our own order only, WeChat's certificates."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import urllib3

from functions.payments.gateway.channels import RefundOrder
from functions.payments.gateway.channels.signing import ends_on
from functions.payments.gateway.channels.wechat import WeChat
from functions.payments.gateway.channels.wechat_certificates import fetch
from functions.payments.gateway.client import Answer, Outside, Request
from infra.simulators.server import Server
from infra.simulators.wire import Fault, certificate_pem, key_pair
from tests.contracts.merchant import (
    NAMES,
    clock,
    credentials,
    kept_wechat_library,
    open_one,
    opened_town,
    order,
    outside_of,
    simulator_of,
)


@pytest.fixture
def town() -> Iterator[Server]:
    with opened_town() as one:
        yield one


@pytest.fixture
def outside(town: Server) -> Outside:
    return outside_of(town)


def mixed_up(outside: Outside) -> tuple[Outside, Callable[[], None]]:
    """A line that, once told to, gives the last answer again whatever is asked."""
    kept: list[Answer] = []
    stuck: list[bool] = []

    def carry(request: Request) -> Answer:
        answer = kept[-1] if stuck else outside.transport(request)
        kept.append(answer)
        return answer

    return replace(outside, transport=carry), lambda: stuck.append(True)


# -- whose answer it is


@pytest.mark.parametrize("name", NAMES)
def test_a_signed_answer_about_another_order_says_nothing_of_ours(town: Server, outside: Outside, name: str) -> None:
    """The channel's signature covers the answer, not the question: the same answer given twice is well signed."""
    simulator = simulator_of(town, name)
    line, stick = mixed_up(outside)
    channel = open_one(simulator, line)
    hers, his = order(), order()
    channel.order(hers)
    channel.order(his)
    assert simulator.pay(hers.order_no)
    assert channel.query(hers)[0].outcome == "succeeded"
    stick()
    told, _ = channel.query(his)
    assert (told.outcome, told.code) == ("unknown", "another_order")
    assert channel.query(hers)[0].outcome == "succeeded"


@pytest.mark.parametrize("name", NAMES)
def test_a_signed_answer_about_another_refund_says_nothing_of_ours(town: Server, outside: Outside, name: str) -> None:
    simulator = simulator_of(town, name)
    line, stick = mixed_up(outside)
    channel = open_one(simulator, line)
    placed = order()
    channel.order(placed)
    assert simulator.pay(placed.order_no)
    done = RefundOrder(placed.order_no, "", uuid4().hex, 100, 727, "退费")
    channel.refund(done)
    simulator.advance()
    assert channel.query_refund(done)[0].outcome == "succeeded"
    stick()
    told, _ = channel.query_refund(done._replace(refund_no=uuid4().hex))
    assert (told.outcome, told.code) == ("unknown", "another_order")


# -- WeChat's certificates


def wechat(town: Server, outside: Outside, **changes: Any) -> WeChat:
    return WeChat(credentials(town.channels.wechat, **changes), outside, clock)


def test_the_first_list_and_every_later_one(town: Server, outside: Outside) -> None:
    channel = wechat(town, outside, verify_keys=())
    [first], told, exchange = fetch(channel, first=True)
    assert (told.outcome, first.serial) == ("succeeded", town.channels.wechat.key.serial)
    assert (exchange.operation, exchange.answer) == ("certificates", {"serials": [first.serial]})
    assert first.effective_at < clock() < first.expires_at
    known = ((first.serial, first.pem),)
    town.channels.wechat.announce()
    both, told, _ = fetch(wechat(town, outside, verify_keys=known), first=False)
    assert (told.outcome, len(both)) == ("succeeded", 2)
    new = town.channels.wechat.rotate_key()
    assert fetch(wechat(town, outside, verify_keys=known), first=False)[1].outcome == "succeeded"
    town.channels.wechat.retire()
    [only], told, _ = fetch(wechat(town, outside, verify_keys=tuple((c.serial, c.pem) for c in both)), first=False)
    assert (told.outcome, only.serial) == ("succeeded", new.serial)


@pytest.mark.parametrize("fault", [*Fault])
def test_a_list_that_went_wrong_brings_nothing(town: Server, outside: Outside, fault: Fault) -> None:
    town.channels.wechat.faults.plan("certificates", fault)
    listed, told, exchange = fetch(wechat(town, outside, verify_keys=()), first=True)
    assert (listed, told.outcome) == ((), "unknown")
    assert told.message
    assert "ciphertext" not in json.dumps(exchange.answer)


def test_a_list_of_a_stranger_is_believed_neither_first_nor_later(town: Server, outside: Outside) -> None:
    town.channels.wechat.rotate_key()
    town.channels.wechat.retire()
    old = key_pair("an-older-one")
    listed, told, _ = fetch(wechat(town, outside, verify_keys=((old.serial, old.public_pem),)), first=False)
    assert (listed, told.outcome) == ((), "unknown")
    assert "序列号" in (told.message or "")
    listed, told, _ = fetch(wechat(town, outside, cipher_keys=("y" * 32,)), first=True)
    assert (listed, told.outcome) == ((), "unknown")


def test_the_kept_library_opens_the_same_list(town: Server, tmp_path: Any) -> None:
    simulator = town.channels.wechat
    (tmp_path / "known.pem").write_text(certificate_pem(simulator.key, clock()))
    library = kept_wechat_library(town, cert_dir=str(tmp_path))
    new = simulator.rotate_key()
    code, answer = library.pay(description="门诊", out_trade_no=uuid4().hex, amount={"total": 100, "currency": "CNY"})
    assert (code, "code_url" in json.loads(answer)) == (200, True)
    assert int(new.serial, 16) in {one.serial_number for one in library._core._certificates}


def test_only_a_public_key_is_named_in_a_request(town: Server, outside: Outside) -> None:
    seen: list[str | None] = []

    def carry(request: Request) -> Answer:
        seen.append(request.headers.get("Wechatpay-Serial"))
        return outside.transport(request)

    line = replace(outside, transport=carry)
    known = town.channels.wechat.key
    wechat(town, line).query(order())
    public = ("PUB_KEY_ID_0116", known.public_pem)
    wechat(town, line, verify_keys=((known.serial, known.public_pem), public)).query(order())
    assert seen == [None, "PUB_KEY_ID_0116"]


def test_a_certificate_tells_its_own_end() -> None:
    key = key_pair("contract")
    pem = certificate_pem(key, datetime(2026, 3, 1, tzinfo=UTC))
    assert str(ends_on("verify", pem)) == "2031-02-28"
    assert ends_on("verify", key.public_pem) is None
    assert ends_on("sign", key.private_pem) is None


# -- by control, as a person tries it


def test_the_till_of_a_phones_browser_is_paid_by_hand(town: Server, outside: Outside) -> None:
    simulator = town.channels.alipay
    placed = order("h5", one_time="203.0.113.7")
    told, exchange = open_one(simulator, outside).order(placed)
    assert (told.outcome, exchange.sent, simulator.calls) == ("paying", False, [])
    url = str((told.parameters or {})["h5_url"])
    assert urlsplit(url).path == "/gateway.do"
    control = f"{town.url}/control/alipay/pay"
    assert urllib3.request("POST", control, json={"order_no": placed.order_no}).json() == {"paid": False}
    page = urllib3.request("GET", url)
    assert (page.status, page.headers["content-type"]) == (200, "text/html;charset=utf-8")
    assert placed.order_no in page.data.decode()
    assert urllib3.request("POST", control, json={"order_no": placed.order_no}).json() == {"paid": True}
    assert "交易已被支付" in urllib3.request("GET", url).data.decode()
    simulator.faults.plan("page", Fault.SYSTEM_ERROR)
    assert urllib3.request("GET", url).status == 500


def test_certificates_are_exchanged_by_control(town: Server) -> None:
    def control(name: str) -> Any:
        return urllib3.request("POST", f"{town.url}/control/wechat/{name}", json={}).json()

    announced = control("announce")["serial"]
    assert [key.serial for key in town.channels.wechat.listed][1:] == [announced]
    assert control("rotate")["serial"] == announced
    assert len(town.channels.wechat.listed) == 2
    control("retire")
    assert [key.serial for key in town.channels.wechat.listed] == [announced]
    assert urllib3.request("POST", f"{town.url}/control/alipay/announce", json={}).status == 404
