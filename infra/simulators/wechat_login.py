"""A stand-in for WeChat's sign-on of mini-programs (auth.code2Session): the same address, answers and errors.

    with WeChatLoginSimulator("wx-appid", "app-secret") as wechat:
        code = wechat.issue("openid-of-somebody")      # what wx.login() would give to the mini-program
        HIS_WECHAT_LOGIN_URL=wechat.url

GET /sns/jscode2session. Errors as WeChat gives them, always with status 200: 40013 unknown appid, 40125 wrong secret,
40029 unknown or expired code, 40163 code used before, -1 busy (`busy()`), and no answer at all (`silent()`).
"""

import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

CODE_SECONDS = 300.0


class WeChatLoginSimulator:
    """One mini-program's sign-on. `clock` gives seconds, so that a test can let codes expire."""

    def __init__(self, appid: str, secret: str, *, port: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._appid = appid
        self._secret = secret
        self._clock = clock
        self._codes: dict[str, tuple[str, float]] = {}
        self._used: set[str] = set()
        self._busy = 0
        self._silent = threading.Event()
        self._lock = threading.Lock()
        self.asked = 0
        """Requests answered so far."""
        self._port = port

    def _open(self) -> ThreadingHTTPServer:
        simulator = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if simulator._silent.is_set():
                    self.close_connection = True
                    return
                parts = urlsplit(self.path)
                if parts.path != "/sns/jscode2session":
                    self.send_error(404)
                    return
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                body = simulator.body(query)
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")  # as WeChat does
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet: the address of a request holds the secret."""

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        server.daemon_threads = True
        return server

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "WeChatLoginSimulator":
        self._server = self._open()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def issue(self, openid: str) -> str:
        """A code for a WeChat user, good once within five minutes."""
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._codes[code] = (openid, self._clock())
        return code

    def busy(self, times: int = 1) -> None:
        """Answer the next requests with -1."""
        with self._lock:
            self._busy = times

    def silent(self, on: bool = True) -> None:
        """Close connections without a word."""
        if on:
            self._silent.set()
        else:
            self._silent.clear()

    def body(self, query: dict[str, str]) -> bytes:
        """What WeChat would say, as it stands on the wire."""
        return json.dumps(self.answer(query)).encode()

    def answer(self, query: dict[str, str]) -> dict[str, Any]:
        """What WeChat would say."""
        with self._lock:
            self.asked += 1
            if self._busy:
                self._busy -= 1
                return _error(-1, "system error")
            if query.get("appid") != self._appid:
                return _error(40013, "invalid appid")
            if query.get("secret") != self._secret:
                return _error(40125, "invalid appsecret")
            code = query.get("js_code", "")
            if code in self._used:
                return _error(40163, "code been used")
            openid, issued = self._codes.pop(code, ("", 0.0))
            if not openid or query.get("grant_type") != "authorization_code":
                return _error(40029, "invalid code")
            if self._clock() - issued > CODE_SECONDS:
                return _error(40029, "invalid code")
            self._used.add(code)
        return {"openid": openid, "session_key": secrets.token_urlsafe(16)}


def _error(number: int, text: str) -> dict[str, Any]:
    return {"errcode": number, "errmsg": text}
