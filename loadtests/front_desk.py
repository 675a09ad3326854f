"""Desks for members of staff: one connection pool, one sign-on each, every answer timed."""

import threading
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType

import httpx

from infra.local.login import TokenSource
from loadtests.desk import Desk, Timing
from shared.settings import Settings


class FrontDesk:
    """Where staff sit down. `timings` holds the seconds of every call by kind."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.http = httpx.Client(
            base_url=settings.host_url,
            timeout=60,
            limits=httpx.Limits(max_connections=40, max_keepalive_connections=40),
        )
        self.timings: dict[str, list[float]] = defaultdict(list)
        self._sources: dict[str, TokenSource] = {}
        self._lock = threading.Lock()

    def desk(self, staff_no: str, campus: str, watch: Callable[[Timing], None] | None = None) -> Desk:
        """The desk of a member of staff, signed on as `staff_no` (工号); `watch` gets its answers, else `timings`."""
        with self._lock:
            source = self._sources.get(staff_no)
            if source is None:
                source = TokenSource(
                    self.settings.keycloak_url, self.settings.keycloak_realm, staff_no, self.settings.demo_password
                )
                self._sources[staff_no] = source
        return Desk(self.http, campus, source.access_token, watch or self._watch, source.forget)

    def forget(self) -> None:
        """Everybody signs out; who goes on signs on anew, with the posts assigned since."""
        with self._lock:
            sources = list(self._sources.values())
            self._sources.clear()
        for source in sources:
            source.sign_out()

    def _watch(self, timing: Timing) -> None:
        self.timings[timing.name].append(timing.seconds)

    def __enter__(self) -> "FrontDesk":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Everybody leaves: a session left open would be the first of two at the next sign-on."""
        self.forget()
        self.http.close()
