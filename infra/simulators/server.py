"""The simulators as one HTTP server, with a control interface for people and tests.

    /v3/...            WeChat Pay          /gateway.do    Alipay
    /ecny/...          e-CNY bank          /terminals/... card terminals
    /sns/...           WeChat sign-on of mini-programs

    GET  /control/{channel}                     ledger: orders, states, net in fen
    POST /control/{channel}/faults   {"operation": "order", "faults": ["lost_answer"]}
    POST /control/{channel}/payers   {"auth_code": "13...", "password": true, "pays_after": 20}
    POST /control/{channel}/pay      {"order_no": "..."}
    POST /control/{channel}/rotate   {}
    POST /control/wechat/announce    {}          the next certificate stands in the list beside the present one
    POST /control/wechat/retire      {}          the old one leaves the list
    POST /control/{channel}/letters  {"times": 2, "reverse": true}   send what is waiting, doubled, last first
    GET  /control/wechat_login                  requests answered
    POST /control/wechat_login/codes {"openid": "..."}               what wx.login() gives that user

Waiting notifications go out by themselves every second unless the server was made with `post_letters=False`.
"""

import json
import logging
import threading
from typing import Any, Self

import urllib3

from infra.simulators.alipay import AlipayGateway
from infra.simulators.bank import AcquiringBank
from infra.simulators.ecny import EcnyBank
from infra.simulators.listening import Listening
from infra.simulators.wechat import WeChatPay
from infra.simulators.wechat_login import WeChatLoginSimulator
from infra.simulators.wire import Fault, Letter, Payer, Reply, Simulator

log = logging.getLogger("his.simulators")


class Channels:
    """Every simulated channel of one town."""

    def __init__(self, login: WeChatLoginSimulator | None = None, **clock: Any) -> None:
        self.login = login
        self.wechat = WeChatPay(**clock)
        self.alipay = AlipayGateway(**clock)
        self.ecny = EcnyBank(**clock)
        self.bank = AcquiringBank(**clock)
        self.lock = threading.Lock()

    @property
    def simulators(self) -> tuple[Simulator, ...]:
        """Those with an interface."""
        return (self.wechat, self.alipay, self.ecny)

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """Send a request to the channel its path names; one at a time, as a ledger needs."""
        with self.lock:
            if path.startswith("/v3/"):
                return self.wechat.handle(method, path, headers, body)
            if path.startswith("/gateway.do"):
                return self.alipay.handle(method, path, headers, body)
            if path.startswith("/ecny/"):
                return self.ecny.handle(method, path, headers, body)
            if path.startswith("/terminals/"):
                return self.bank.handle(method, path, headers, body)
            if self.login is not None and path.startswith(("/sns/", "/control/wechat_login")):
                return self.login.handle(method, path, headers, body)
            if path.startswith("/control/"):
                return self._control(method, path, json.loads(body or b"{}"))
        return Reply.json(404, {"code": "NO_SUCH_PATH"})

    def take_letters(self) -> list[Letter]:
        """Notifications of all channels since the last time."""
        with self.lock:
            return [letter for simulator in self.simulators for letter in simulator.take_letters()]

    def _control(self, method: str, path: str, data: dict[str, Any]) -> Reply:
        parts = path.split("/")
        simulator = next((item for item in self.simulators if item.name == parts[2]), None)
        if simulator is None:
            return Reply.json(404, {"code": "NO_SUCH_CHANNEL"})
        match (method, parts[3] if len(parts) > 3 else ""):
            case ("GET", ""):
                simulator.advance()
                return Reply.json(200, _shown(simulator))
            case ("POST", "faults"):
                simulator.faults.plan(data["operation"], *(Fault(name) for name in data["faults"]))
            case ("POST", "payers"):
                code = data.pop("auth_code")
                simulator.payers[code] = Payer(**data)
            case ("POST", "pay"):
                return Reply.json(200, {"paid": simulator.pay(data["order_no"])})
            case ("POST", "rotate"):
                key = simulator.rotate_key()
                return Reply.json(200, {"serial": key.serial, "public_key": key.public_pem})
            case ("POST", "announce") if simulator is self.wechat:
                return Reply.json(200, {"serial": self.wechat.announce().serial})
            case ("POST", "retire") if simulator is self.wechat:
                self.wechat.retire()
            case ("POST", "letters"):
                letters = simulator.take_letters() * int(data.get("times", 1))
                deliver(letters[::-1] if data.get("reverse") else letters)
                return Reply.json(200, {"sent": len(letters)})
            case _:
                return Reply.json(404, {"code": "NO_SUCH_CONTROL"})
        return Reply.json(200, {})


def _shown(simulator: Simulator) -> dict[str, Any]:
    orders = [
        {"order_no": sale.order_no, "merchant": sale.merchant, "fen": sale.fen, "state": sale.state, "net": sale.net}
        for sale in simulator.ledger.sales.values()
    ]
    return {"net": simulator.ledger.net(), "orders": orders, "letters": len(simulator.letters)}


_pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=10), retries=False)


def deliver(letters: list[Letter]) -> None:
    """Post notifications; one that fails is lost, and the hospital asks by itself."""
    for letter in letters:
        try:
            answer = _pool.request("POST", letter.url, body=letter.body, headers=letter.headers)
            log.info("notification", extra={"fields": {"status": answer.status}})
        except urllib3.exceptions.HTTPError as error:
            log.warning("notification lost", exc_info=error)


class Server(Listening):
    """The simulators on a port of this machine."""

    protocol = "HTTP/1.1"

    def __init__(self, channels: Channels, port: int = 0, *, post_letters: bool = True) -> None:
        super().__init__(port)
        self.channels = channels
        self._post_letters = post_letters

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """As the channel the path names does."""
        return self.channels.handle(method, path, headers, body)

    def start(self) -> Self:
        """Listen, and send notifications where it should."""
        super().start()
        if self._post_letters:
            threading.Thread(target=self._post, daemon=True).start()
        return self

    def _post(self) -> None:
        while not self._ended.wait(1):
            deliver(self.channels.take_letters())
