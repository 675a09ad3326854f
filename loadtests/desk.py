"""A member of staff at a screen: signed on, acting at a campus, asking the hospital over HTTP.

Each command carries an Idempotency-Key made when the person decided. An answer that never came, a busy hospital (503)
or a command still running (409) is sent again with the same key, as the workstation does: nothing lost, nothing
doubled.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

TRIES = 9
_AGAIN = {502, 503, 504}


class Refused(Exception):
    """The hospital said no: an RFC 9457 problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", status))
        super().__init__(f"{status} {self.code}: {problem.get('detail', '')} {problem.get('errors', '')}")


class Unreachable(Exception):
    """The hospital did not answer, however often it was asked."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One answered call: what it was and how long it took in seconds."""

    name: str
    seconds: float


class Desk:
    """One person at one campus. `token` gives a bearer token that still lasts."""

    def __init__(
        self,
        http: httpx.Client,
        campus: str,
        token: Callable[[], str],
        watch: Callable[[Timing], None] = lambda _: None,
    ) -> None:
        self._http = http
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
        for attempt in range(TRIES):
            headers = {"authorization": f"Bearer {self._token()}", "x-campus": self.campus}
            if key is not None:
                headers["idempotency-key"] = key
            started = time.perf_counter()
            try:
                answer = self._http.request(method, path, json=body, params=params, headers=headers)
            except httpx.TransportError:
                time.sleep(min(2.0, 0.1 * 2**attempt))
                continue
            self._watch(Timing(name, time.perf_counter() - started))
            if answer.status_code in _AGAIN or _still_running(answer):
                time.sleep(min(2.0, 0.1 * 2**attempt))
                continue
            if answer.status_code >= 400:
                raise Refused(answer.status_code, answer.json())
            return answer
        raise Unreachable(f"{name} at {self.campus}")


def _still_running(answer: httpx.Response) -> bool:
    return answer.status_code == 409 and answer.json().get("code") == "command_still_running"


def _shape(path: str) -> str:
    """A path without its ids, so that calls of one kind are counted together."""
    return "/".join("{id}" if len(part) == 36 and part.count("-") == 4 else part for part in path.split("/"))
