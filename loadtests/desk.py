"""A member of staff at a screen: signed on, acting at a campus, asking the hospital over HTTP.

Each command carries an Idempotency-Key made when the person decided. An answer that never came, a busy hospital (503)
or a command still running (409) is sent again with the same key, as the workstation does: nothing lost, nothing
doubled.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any
from uuid import uuid4

import httpx

from infra.local.login import SignOnBroken

PATIENCE = 90.0
"""Seconds a person goes on asking a hospital that does not answer: longer than a killed process takes to come back."""
SIGN_ON_AGAIN = 15.0
"""Seconds before somebody whose sign-on broke off tries again: the realm takes each for a wrong password, and five lock
the account."""
_AGAIN = {502, 503, 504}


class Refused(Exception):
    """The hospital said no: an RFC 9457 problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", status))
        super().__init__(f"{status} {self.code}: {problem.get('detail', '')} {problem.get('errors', '')}")


class Unreachable(Exception):
    """The hospital did not answer, however long it was asked; says what came last."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One answered call: what it was and how long it took in seconds."""

    name: str
    seconds: float


class Desk:
    """One person at one campus. `token` gives a bearer token that still lasts.

    Who can sign on anew gives `forget`, which is told of a token refused because another sign-on ended its session.
    """

    def __init__(
        self,
        http: httpx.Client,
        campus: str,
        token: Callable[[], str],
        watch: Callable[[Timing], None] = lambda _: None,
        forget: Callable[[str], None] | None = None,
    ) -> None:
        self._http = http
        self._forget = forget
        self.campus = campus
        self._token = token
        self._watch = watch

    def get(self, path: str, **params: Any) -> Any:
        """Ask; the JSON of the answer."""
        wanted = {name: value for name, value in params.items() if value is not None}
        return self._call("GET", path, None, wanted, None).json()

    def file(self, path: str) -> bytes:
        """Fetch a printed form."""
        return self._call("GET", path, None, {}, None).content

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """Command; the JSON of the answer, or None when there is none to give."""
        answer = self._call("POST", path, {} if body is None else body, {}, key or str(uuid4()))
        return answer.json() if answer.content else None

    def _call(self, method: str, path: str, body: Any, params: dict[str, Any], key: str | None) -> httpx.Response:
        name = f"{method} {_shape(path)}"
        patience = time.monotonic() + PATIENCE
        pauses = _pauses()
        forget = self._forget
        while True:
            headers = {"x-campus": self.campus}
            if key is not None:
                headers["idempotency-key"] = key
            pause = next(pauses)
            try:
                token = self._token()
                headers["authorization"] = f"Bearer {token}"
                started = time.perf_counter()
                answer = self._http.request(method, path, json=body, params=params, headers=headers)
            except SignOnBroken as broken:
                last = repr(broken)
                pause = SIGN_ON_AGAIN
            except httpx.TransportError as cut:
                last = repr(cut)
            else:
                self._watch(Timing(name, time.perf_counter() - started))
                if forget is not None and _session_ended(answer):
                    forget(token)
                    forget = None
                    continue
                if answer.status_code not in _AGAIN and not _still_running(answer):
                    if answer.status_code >= 400:
                        raise Refused(answer.status_code, answer.json())
                    return answer
                last = f"{answer.status_code} {answer.text[:200]}"
            if time.monotonic() > patience:
                raise Unreachable(f"{name} at {self.campus}: {last}")
            time.sleep(pause)


def _pauses() -> Iterator[float]:
    """Seconds between two tries: 0.1, 0.2, ... and 2 from then on."""
    yield from (0.1, 0.2, 0.4, 0.8, 1.6)
    yield from repeat(2.0)


def _still_running(answer: httpx.Response) -> bool:
    return answer.status_code == 409 and answer.json().get("code") == "command_still_running"


def _session_ended(answer: httpx.Response) -> bool:
    return answer.status_code == 401 and answer.json().get("code") == "subject_denied"


def _shape(path: str) -> str:
    """A path without its ids, so that calls of one kind are counted together."""
    return "/".join("{id}" if len(part) == 36 and part.count("-") == 4 else part for part in path.split("/"))
