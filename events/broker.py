"""Brokers: the local one with the semantics of Knative Triggers, and the Knative Broker itself.

The local broker reads the same declarations the Triggers are generated from. Every subscriber of a type gets the
event; each is retried by itself with back-off; what still fails goes to the dead-letter sink. An answer other than
2xx with an empty body is a failure, as it is for Knative.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

import urllib3

from events.wire import Delivery, binary

log = logging.getLogger("his.broker")

Answer = Callable[[bool], None]
Send = Callable[[Delivery, str], bool]
"""Deliver an event to a subscriber, once. Never raises."""
Sink = Callable[[Delivery, str], None]


class LocalBroker:
    """Fans out in this process. Events in its hands die with it; the relay posts them again."""

    reaches_everyone = False

    def __init__(
        self,
        triggers: Mapping[str, Sequence[str]],
        send: Send,
        executor: Executor,
        *,
        sink: Sink | None = None,
        tries: int = 3,
        pause: float = 0.1,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._triggers = triggers
        self._send = send
        self._executor = executor
        self._sink = sink or _log_only
        self._tries = tries
        self._pause = pause
        self._wait = wait

    def post(self, event: Delivery, answer: Answer) -> None:
        """Dispatch on a thread of the executor; answers whether every subscriber took the event."""
        self._executor.submit(_answering, answer, lambda: self.dispatch(event))

    def dispatch(self, event: Delivery) -> bool:
        """Deliver to every subscriber of the type, retrying those that fail."""
        owed = list(self._triggers.get(event.type, ()))
        for attempt in range(self._tries):
            if attempt:
                self._wait(self._pause * 2.0 ** (attempt - 1))
            owed = [subscriber for subscriber in owed if not self._send(event, subscriber)]
            if not owed:
                return True
        for subscriber in owed:
            self._sink(event, subscriber)
        return False


class KnativeBroker:
    """Posts to a Knative Broker's ingress. An accepted event is the broker's; the inbox says when it arrived."""

    reaches_everyone = True

    def __init__(self, url: str, http: "Http", executor: Executor) -> None:
        self._url = url
        self._http = http
        self._executor = executor

    def post(self, event: Delivery, answer: Answer) -> None:
        self._executor.submit(_answering, answer, lambda: self._http.post(event, self._url))


class Http:
    """Sends CloudEvents in binary mode over connections that stay open; safe for many threads."""

    def __init__(self, *, timeout: float = 10.0, connections: int = 16) -> None:
        self._pool = urllib3.PoolManager(
            num_pools=4,
            maxsize=connections,
            retries=False,
            timeout=urllib3.Timeout(connect=min(timeout, 2.0), read=timeout),
        )
        self._unreachable = threading.Event()

    def post(self, event: Delivery, url: str) -> bool:
        """Whether the receiver answered 2xx without a body."""
        headers, body = binary(event)
        try:
            answer = self._pool.request("POST", url, body=body, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            if not self._unreachable.is_set():  # once, not for every event of an outage
                log.warning("receiver unreachable", extra={"fields": {"url": url, "cause": type(error).__name__}})
            self._unreachable.set()
            return False
        if self._unreachable.is_set():
            self._unreachable.clear()
            log.info("receiver answers again", extra={"fields": {"url": url}})
        return 200 <= answer.status < 300 and not answer.data

    def to_host(self, host_url: str) -> Send:
        """A sender to the function apps of one host, each under its own address."""
        return lambda event, subscriber: self.post(event, f"{host_url.rstrip('/')}/events/{subscriber}")

    def close(self) -> None:
        self._pool.clear()


def _answering(answer: Answer, work: Callable[[], bool]) -> None:
    """An answer is given whatever happens: without one the event waits for the end of its lease."""
    placed = False
    try:
        placed = work()
    except Exception as error:
        log.error("broker failed", exc_info=error)
    finally:
        answer(placed)


def _log_only(event: Delivery, subscriber: str) -> None:
    fields = {"event_id": event.id, "event_type": event.type, "subscriber": subscriber}
    log.warning("not delivered this time", extra={"fields": fields})
