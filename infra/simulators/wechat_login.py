"""A stand-in for WeChat's sign-on of mini-programs (auth.code2Session): the same address, answers and errors.

    with WeChatLoginSimulator("wx-appid", "app-secret") as wechat:
        code = wechat.issue("openid-of-somebody")      # what wx.login() would give to the mini-program
        HIS_WECHAT_LOGIN_URL=wechat.url

GET /control/wechat_login and POST /control/wechat_login/codes {"openid": "..."} do the same for people who try it out.

GET /sns/jscode2session. Errors as WeChat gives them, always with status 200: 40013 unknown appid, 40125 wrong secret,
40029 unknown or expired code, 40163 code used before, -1 busy (`busy()`), and no answer at all (`silent()`).
"""

import json
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infra.simulators.listening import Listening
from infra.simulators.wire import Cut, Reply

CODE_SECONDS = 300.0


class WeChatLoginSimulator(Listening):
    """One mini-program's sign-on. `clock` gives seconds, so that a test can let codes expire."""

    def __init__(self, appid: str, secret: str, *, port: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(port)
        self._appid = appid
        self._secret = secret
        self._clock = clock
        self._codes: dict[str, tuple[str, float]] = {}
        self._used: set[str] = set()
        self._busy = 0
        self._silent = False
        self._lock = threading.Lock()
        self.asked = 0
        """Requests answered so far."""

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """WeChat's own address, and the control interface for people and tests."""
        parts = urlsplit(path)
        match (method, parts.path):
            case ("GET", "/sns/jscode2session"):
                if self._silent:
                    raise Cut
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                return Reply.json(200, self.answer(query), "text/plain")  # as WeChat does
            case ("GET", "/control/wechat_login"):
                return Reply.json(200, {"asked": self.asked})
            case ("POST", "/control/wechat_login/codes"):
                return Reply.json(200, {"code": self.issue(json.loads(body)["openid"])})
        return Reply.json(404, {"code": "NO_SUCH_PATH"})

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
        self._silent = on

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
