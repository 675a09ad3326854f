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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import urllib3

from infra.simulators.alipay import AlipayGateway
from infra.simulators.bank import AcquiringBank
from infra.simulators.ecny import EcnyBank
from infra.simulators.wechat import WeChatPay
from infra.simulators.wechat_login import WeChatLoginSimulator
from infra.simulators.wire import Cut, Fault, Letter, Payer, Reply, Simulator

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
                return self._sign_on(self.login, method, path, body)
            if path.startswith("/control/"):
                return self._control(method, path, json.loads(body or b"{}"))
        return _json(404, {"code": "NO_SUCH_PATH"})

    def take_letters(self) -> list[Letter]:
        """Notifications of all channels since the last time."""
        with self.lock:
            return [letter for simulator in self.simulators for letter in simulator.take_letters()]

    def _sign_on(self, login: WeChatLoginSimulator, method: str, path: str, body: bytes) -> Reply:
        parts = urlsplit(path)
        match (method, parts.path):
            case ("GET", "/sns/jscode2session"):
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                return Reply(200, {"Content-Type": "text/plain"}, login.body(query))
            case ("GET", "/control/wechat_login"):
                return _json(200, {"asked": login.asked})
            case ("POST", "/control/wechat_login/codes"):
                return _json(200, {"code": login.issue(json.loads(body)["openid"])})
        return _json(404, {"code": "NO_SUCH_PATH"})

    def _control(self, method: str, path: str, data: dict[str, Any]) -> Reply:
        parts = path.split("/")
        simulator = next((item for item in self.simulators if item.name == parts[2]), None)
        if simulator is None:
            return _json(404, {"code": "NO_SUCH_CHANNEL"})
        match (method, parts[3] if len(parts) > 3 else ""):
            case ("GET", ""):
                simulator.advance()
                return _json(200, _shown(simulator))
            case ("POST", "faults"):
                simulator.faults.plan(data["operation"], *(Fault(name) for name in data["faults"]))
            case ("POST", "payers"):
                code = data.pop("auth_code")
                simulator.payers[code] = Payer(**data)
            case ("POST", "pay"):
                return _json(200, {"paid": simulator.pay(data["order_no"])})
            case ("POST", "rotate"):
                key = simulator.rotate_key()
                return _json(200, {"serial": key.serial, "public_key": key.public_pem})
            case ("POST", "announce") if simulator is self.wechat:
                return _json(200, {"serial": self.wechat.announce().serial})
            case ("POST", "retire") if simulator is self.wechat:
                self.wechat.retire()
            case ("POST", "letters"):
                letters = simulator.take_letters() * int(data.get("times", 1))
                deliver(letters[::-1] if data.get("reverse") else letters)
                return _json(200, {"sent": len(letters)})
            case _:
                return _json(404, {"code": "NO_SUCH_CONTROL"})
        return _json(200, {})


def _shown(simulator: Simulator) -> dict[str, Any]:
    orders = [
        {"order_no": sale.order_no, "merchant": sale.merchant, "fen": sale.fen, "state": sale.state, "net": sale.net}
        for sale in simulator.ledger.sales.values()
    ]
    return {"net": simulator.ledger.net(), "orders": orders, "letters": len(simulator.letters)}


def _json(status: int, document: dict[str, Any]) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(document, ensure_ascii=False).encode())


_pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=10), retries=False)


def deliver(letters: list[Letter]) -> None:
    """Post notifications; one that fails is lost, and the hospital asks by itself."""
    for letter in letters:
        try:
            answer = _pool.request("POST", letter.url, body=letter.body, headers=letter.headers)
            log.info("notification", extra={"fields": {"status": answer.status}})
        except urllib3.exceptions.HTTPError as error:
            log.warning("notification lost", exc_info=error)


class Server:
    """The simulators on a port of this machine."""

    def __init__(self, channels: Channels, port: int = 0, *, post_letters: bool = True) -> None:
        self.channels = channels
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(channels))
        self._server.daemon_threads = True
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._server.serve_forever, daemon=True)]
        if post_letters:
            self._threads.append(threading.Thread(target=self._post, daemon=True))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> "Server":
        """Listen."""
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def wait(self) -> None:
        """Until somebody stops it."""
        self._ended.wait()

    def _post(self) -> None:
        while not self._ended.wait(1):
            deliver(self.channels.take_letters())


def _handler(channels: Channels) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                reply = channels.handle(self.command, self.path, dict(self.headers.items()), body)
            except Cut:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: Any) -> None:
            log.debug(format, *args)

    return Handler
