"""Steps: one transaction after another, for work that must leave the database in between.

A network call never happens inside a transaction (architecture). What needs one is cut in three: a step that writes the
intent, the call, a step that books the answer. Whatever dies between two steps is found again by the module's sweep.
"""

import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from shared.database.engine import COUNTER, Retry, Timeouts
from shared.identity.actor import Actor
from shared.locks import WAKE_RELAY
from shared.problems import Busy
from shared.runtime import Runtime
from shared.telemetry import RETRIES
from shared.tx import Tx

T = TypeVar("T")
ATTEMPTS = 5


class Steps:
    """Transactions of one actor at one campus, each committed before the next begins."""

    __slots__ = ("_function", "_permission", "_runtime", "actor", "campus", "traceparent")

    def __init__(
        self, runtime: Runtime, actor: Actor, campus: str, traceparent: str, function: str, permission: str = ""
    ) -> None:
        self._runtime = runtime
        self._function = function
        self._permission = permission
        self.actor = actor
        self.campus = campus
        self.traceparent = traceparent

    def clock(self) -> datetime:
        """The moment now; between steps time goes on."""
        return self._runtime.clock()

    def step(self, do: Callable[[Tx], T], timeouts: Timeouts = COUNTER, *, if_match: int | None = None) -> T:
        """Run `do` in a transaction of its own and commit. A deadlock or serialisation failure runs it again, a few
        times; then Busy."""
        scope = self._runtime.scope(self.actor, self.campus, self._permission)
        for attempt in range(ATTEMPTS):
            try:
                with self._runtime.database.transaction(scope, timeouts) as session:
                    tx = Tx(session, self.actor, self.campus, self.clock(), self.traceparent, if_match)
                    result = do(tx)
                    if tx.emitted:
                        session.execute(WAKE_RELAY)
                return result
            except Retry:
                RETRIES.labels(self._function).inc()
                time.sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311  jitter, not a secret
        raise Busy("同一记录的操作过于集中，当前操作未保存，请重试。")
