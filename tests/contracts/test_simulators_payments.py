"""The simulated channels over real HTTP, against our clients and against the kept libraries' own."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from functions.payments.gateway import client
from functions.payments.gateway.channels import RefundOrder
from functions.payments.gateway.client import Answer, Outside, Request
from functions.payments.gateway.problems import KeyMissing, KeyRefInvalid, NotConfirmed
from infra.simulators.__main__ import open_merchants
from infra.simulators.server import Channels, Server
from infra.simulators.wire import Fault, Payer, key_pair
from shared.settings import Settings
from tests.contracts.merchant import NAMES, kept_wechat_library, open_one, opened_town, order, outside_of, simulator_of

CODES = {"wechat": "134567890123456789", "alipay": "284567890123456789", "ecny": "0134567890123456789"}


@pytest.fixture(scope="module")
def town() -> Iterator[Server]:
    with opened_town() as one:
        yield one


@pytest.fixture(scope="module")
def outside(town: Server) -> Outside:
    return outside_of(town)


@pytest.mark.parametrize("name", NAMES)
def test_an_order_from_its_qr_code_to_its_refund(town: Server, outside: Outside, name: str) -> None:
    simulator = simulator_of(town, name)
    channel, placed = open_one(simulator, outside), order()
    told, exchange = channel.order(placed)
    assert told.outcome == "paying"
    assert told.parameters
    assert told.parameters["code_url"]
    assert (exchange.operation, exchange.status) == ("order", 200)
    assert simulator.pay(placed.order_no)
    [letter] = simulator.take_letters()
    notice = channel.read({key.lower(): value for key, value in letter.headers.items()}, letter.body)
    assert (notice.kind, notice.order_no, notice.told.outcome, notice.told.fen) == (
        "payment",
        placed.order_no,
        "succeeded",
        727,
    )
    asked, _ = channel.query(placed)
    assert (asked.outcome, asked.fen, asked.channel_no) == ("succeeded", 727, notice.told.channel_no)
    back = RefundOrder(placed.order_no, asked.channel_no or "", uuid4().hex, 700, 727, "退费")
    told, _ = channel.refund(back)
    assert told.outcome in ("succeeded", "paying")
    simulator.advance()
    told, _ = channel.query_refund(back)
    assert (told.outcome, told.fen) == ("succeeded", 700)
    [letter] = simulator.take_letters()
    notice = channel.read({key.lower(): value for key, value in letter.headers.items()}, letter.body)
    assert (notice.kind, notice.refund_no, notice.told.outcome) == ("refund", back.refund_no, "succeeded")
    again, _ = channel.refund(back)
    assert again.outcome in ("succeeded", "paying")
    assert simulator.ledger.sales[placed.order_no].net == 27


@pytest.mark.parametrize("name", NAMES)
def test_a_payment_code_with_password_and_its_reversal(town: Server, outside: Outside, name: str) -> None:
    simulator = simulator_of(town, name)
    simulator.payers[CODES[name]] = Payer(password=True)
    channel, placed = open_one(simulator, outside), order("payment_code", one_time=CODES[name])
    assert channel.order(placed)[0].outcome == "paying"
    assert channel.query(placed)[0].outcome == "paying"
    if name == "wechat":
        assert channel.reverse(placed)[0].outcome == "paying", "not within 15 seconds of the order"
        simulator.ledger.sales[placed.order_no].placed_at -= timedelta(seconds=20)
    assert channel.reverse(placed)[0].outcome == "closed"
    assert channel.query(placed)[0].outcome == "closed"


@pytest.mark.parametrize("name", NAMES)
def test_what_the_channel_refuses_or_does_not_know(town: Server, outside: Outside, name: str) -> None:
    simulator = simulator_of(town, name)
    channel = open_one(simulator, outside)
    assert channel.query(order("payment_code"))[0].outcome == "absent"
    assert channel.query_refund(RefundOrder("none", "", "none", 1, 1, ""))[0].outcome == "absent"
    code = CODES[name][:-1] + "0"
    simulator.payers[code] = Payer(refuses="NOTENOUGH")
    told, _ = channel.order(order("payment_code", one_time=code))
    assert told.outcome == "refused"
    unpaid = order()
    channel.order(unpaid)
    if name != "alipay":
        assert channel.close(unpaid)[0].outcome == "closed"
    refund = RefundOrder(unpaid.order_no, "", uuid4().hex, 727, 727, "退费")
    assert channel.refund(refund)[0].outcome in ("refused", "absent")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_is_unknown_never_a_guess(town: Server, outside: Outside, name: str, fault: Fault) -> None:
    simulator = simulator_of(town, name)
    channel, placed = open_one(simulator, outside), order()
    channel.order(placed)
    simulator.faults.plan("query", fault)
    told, exchange = channel.query(placed)
    assert (told.outcome, told.healthy) == ("unknown", False)
    assert exchange.answer is not None
    assert "sign" not in json.dumps(exchange.request)


@pytest.mark.parametrize("name", NAMES)
def test_only_the_merchants_own_key_opens_a_channel(town: Server, outside: Outside, name: str) -> None:
    simulator = simulator_of(town, name)
    stranger = open_one(simulator, outside, sign_key=key_pair("stranger").private_pem)
    before = len(simulator.ledger.sales)
    assert stranger.order(order())[0].outcome in ("refused", "unknown")
    assert len(simulator.ledger.sales) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_letter_of_another_key_or_merchant_is_not_believed(town: Server, outside: Outside, name: str) -> None:
    simulator = simulator_of(town, name)
    channel, placed = open_one(simulator, outside), order()
    channel.order(placed)
    assert simulator.pay(placed.order_no)
    [letter] = simulator.take_letters()
    headers = {key.lower(): value for key, value in letter.headers.items()}
    impostor = key_pair("letters-of-an-impostor")
    with pytest.raises(NotConfirmed):
        open_one(simulator, outside, verify_keys=((simulator.key.serial, impostor.public_pem),)).read(
            headers, letter.body
        )
    with pytest.raises(NotConfirmed):
        open_one(simulator, outside, merchant_no="16009999", app_id="app-9").read(headers, letter.body)
    changed = letter.body.replace(b"SUCCESS", b"CLOSED").replace(b"PAID", b"CLOSED")
    for body in (b"", b"{}", b"\xff\xfe", changed):
        with pytest.raises(NotConfirmed):
            channel.read(headers, body)
    if name == "wechat":
        with pytest.raises(NotConfirmed):
            open_one(simulator, outside, cipher_keys=("x" * 32,)).read(headers, letter.body)
    assert channel.read(headers, letter.body).order_no == placed.order_no


def test_the_kept_wechat_library_itself_believes_the_simulator(town: Server) -> None:
    simulator = simulator_of(town, "wechat")
    library = kept_wechat_library(town, public_key=simulator.key.public_pem, public_key_id=simulator.key.serial)
    number = uuid4().hex
    code, answer = library.pay(description="门诊费用", out_trade_no=number, amount={"total": 100, "currency": "CNY"})
    assert (code, "code_url" in json.loads(answer)) == (200, True)
    assert simulator.pay(number)
    code, answer = library.query(out_trade_no=number)
    assert (code, json.loads(answer)["trade_state"]) == (200, "SUCCESS")
    [letter] = simulator.take_letters()
    content = library.callback({key.lower(): value for key, value in letter.headers.items()}, letter.body)
    assert content["resource"]["out_trade_no"] == number


def test_the_kept_alipay_library_itself_believes_the_simulator(town: Server) -> None:
    from alipay import AliPay

    simulator = simulator_of(town, "alipay")
    library = AliPay(
        appid="app-1",
        app_private_key_string=key_pair("contract").private_pem,
        alipay_public_key_string=simulator.key.public_pem,
        sign_type="RSA2",
    )
    library._gateway = f"{town.url}/gateway.do"
    beijing = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
    content = {
        "out_trade_no": uuid4().hex,
        "total_amount": "1.00",
        "subject": "门诊费用",
        "time_expire": beijing.replace(beijing[:4], str(int(beijing[:4]) + 1), 1),
    }
    answer = library.server_api("alipay.trade.precreate", biz_content=content, timestamp=beijing)
    assert (answer["code"], answer["out_trade_no"]) == ("10000", content["out_trade_no"])
    old = library.server_api("alipay.trade.precreate", biz_content=content, timestamp="2020-01-01 00:00:00")
    assert old["sub_code"] == "isv.invalid-timestamp"


# -- the control interface, and the program itself


def control(town: Server, path: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
    method = "GET" if document is None else "POST"
    answer = urllib3.request(method, f"{town.url}/control/{path}", json=document)
    assert answer.status == 200, answer.data
    return dict(answer.json())


def test_faults_payers_keys_and_letters_by_control(town: Server, outside: Outside) -> None:
    simulator = simulator_of(town, "ecny")
    channel, placed = open_one(simulator, outside), order()
    control(town, "ecny/faults", {"operation": "order", "faults": ["lost_answer"]})
    assert channel.order(placed)[0].outcome == "unknown"
    received: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=receiver.serve_forever, daemon=True)
    thread.start()
    simulator.ledger.sales[placed.order_no].notify_url = f"http://127.0.0.1:{receiver.server_address[1]}/"
    assert control(town, "ecny/pay", {"order_no": placed.order_no}) == {"paid": True}
    assert control(town, "ecny/letters", {"times": 3}) == {"sent": 3}
    receiver.shutdown()
    receiver.server_close()
    assert len(received) == 3
    assert len(set(received)) == 1
    shown = control(town, "ecny")
    assert {"order_no": placed.order_no, "merchant": "16000001", "fen": 727, "state": "paid", "net": 727} in shown[
        "orders"
    ]
    before = simulator.key.serial
    rotated = control(town, "ecny/rotate", {})
    assert rotated["serial"] != before
    assert channel.query(placed)[0].outcome == "unknown", "the old key no longer vouches"
    assert open_one(simulator, outside).query(placed)[0].outcome == "succeeded"
    control(town, "ecny/payers", {"auth_code": CODES["ecny"], "password": True, "pays_after": 5})
    assert simulator.payers[CODES["ecny"]] == Payer(password=True, pays_after=5)
    assert urllib3.request("POST", f"{town.url}/control/nobody/pay", json={}).status == 404


def test_a_card_terminal_sells_gives_back_and_settles(town: Server) -> None:
    def terminal(action: str, **data: Any) -> tuple[int, dict[str, Any]]:
        answer = urllib3.request("POST", f"{town.url}/terminals/T1/{action}", json=data)
        return answer.status, answer.json()

    status, slip = terminal("sale", order_no="o-1", fen=5000, card="6222021234567890")
    assert (status, slip["amount"], slip["card"]) == (200, "50.00", "622202******7890")
    town.channels.bank.declines.add("0000")
    assert terminal("sale", order_no="o-2", fen=1, card="6222021234560000")[1]["outcome"] == "declined"
    assert terminal("refund", reference_no=slip["reference_no"], fen=6000)[0] == 422
    assert terminal("refund", reference_no=slip["reference_no"], fen=2000)[0] == 200
    assert town.channels.bank.net() == 3000
    totals = terminal("settle")[1]
    assert (totals["batch_no"], totals["sales"], totals["refunds"]) == ("000001", "50.00", "20.00")
    assert terminal("totals")[1]["batch_no"] == "000002"


def test_the_program_opens_merchants_and_writes_their_keys(tmp_path: Path) -> None:
    channels = Channels()
    lines = open_merchants(channels, ["hq"], tmp_path / "secrets")
    assert len(lines) == 3
    files = sorted((tmp_path / "secrets").iterdir())
    assert [item.name for item in files if item.name.startswith("wechat")] == [
        "wechat-hq-cipher.txt",
        "wechat-hq-sign.pem",
        "wechat-hq-verify.pem",
    ]
    assert {oct(item.stat().st_mode & 0o777) for item in files} == {"0o600"}


def test_secrets_come_from_the_store_and_nowhere_else(outside: Outside, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    (tmp_path / "elsewhere").write_text("key")
    (folder / "known").write_text(" key \n")
    store = replace(outside, settings=Settings(secrets_dir=folder))
    assert store.secret("known") == "key"
    for name in ("../elsewhere", ".hidden", "a/b", str(tmp_path / "elsewhere")):
        with pytest.raises(KeyRefInvalid):
            store.secret(name)
    with pytest.raises(KeyMissing):
        store.secret("missing")


def test_a_channel_nobody_answers_for_is_no_answer() -> None:
    from functions.payments.gateway.client import NoAnswer

    with pytest.raises(NoAnswer):
        client._http()(Request("GET", "http://127.0.0.1:9/", {}, b""))
    assert Answer(200, {}, b"[1]").json() == {}
    assert Answer(200, {}, b"<html>").json() == {}
