"""The local broker has the semantics of Knative Triggers; both brokers speak real HTTP here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue

import pytest

from events import wire
from events.broker import Http, KnativeBroker, LocalBroker
from events.wire import Delivery
from tests.support.services import free_port

TRIGGERS = {"seen": ["ward/chart", "ward/alarm"]}
EVENT = Delivery("1", "seen", "/ward/nurse", "体温 38", "hq", datetime(2026, 3, 2, tzinfo=UTC), {"degrees": "38.0"})


class Party:
    """Receivers with prepared answers: status and body by path, in turn; the last one stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.heard: list[tuple[str, Delivery]] = []
        self.connections = 0
        party = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                party.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                party.heard.append((self.path, wire.parse(dict(self.headers.items()), body)))
                answers = party.answers.get(self.path, [(204, b"")])
                status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def paths(self) -> list[str]:
        return [path for path, _ in self.heard]


@pytest.fixture
def party() -> Iterator[Party]:
    one = Party()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def http() -> Iterator[Http]:
    one = Http(timeout=5)
    yield one
    one.close()


class Local:
    """A local broker on real HTTP whose waits and dead letters are noted."""

    def __init__(self, party: Party, http: Http) -> None:
        self.waits: list[float] = []
        self.sunk: list[str] = []
        self.broker = LocalBroker(
            TRIGGERS,
            http.to_host(party.url),
            ThreadPoolExecutor(1),
            sink=lambda event, subscriber: self.sunk.append(subscriber),
            tries=4,
            pause=0.1,
            wait=self.waits.append,
        )


def test_every_trigger_of_the_type_gets_the_event_as_it_was(party: Party, http: Http) -> None:
    local = Local(party, http)
    assert local.broker.dispatch(EVENT)
    assert party.heard == [("/events/ward/chart", EVENT), ("/events/ward/alarm", EVENT)]
    assert (local.waits, local.sunk) == ([], [])


def test_a_type_without_trigger_goes_nowhere(party: Party, http: Http) -> None:
    local = Local(party, http)
    other = Delivery("2", "unseen", "/x", "s", "hq", EVENT.time, {})
    assert local.broker.dispatch(other)
    assert party.heard == []


def test_only_the_failing_trigger_is_retried_with_growing_pauses(party: Party, http: Http) -> None:
    local = Local(party, http)
    party.answers["/events/ward/chart"] = [(503, b"{}"), (503, b"{}"), (204, b"")]
    assert local.broker.dispatch(EVENT)
    assert party.paths() == ["/events/ward/chart", "/events/ward/alarm", "/events/ward/chart", "/events/ward/chart"]
    assert local.waits == [0.1, 0.2]
    assert local.sunk == []


@pytest.mark.parametrize("answer", [(503, b""), (400, b""), (404, b""), (302, b""), (200, b"OK"), (202, b"{}")])
def test_anything_but_2xx_without_a_body_ends_in_the_dead_letter_sink(
    party: Party, http: Http, answer: tuple[int, bytes]
) -> None:
    local = Local(party, http)
    party.answers["/events/ward/alarm"] = [answer]
    assert not local.broker.dispatch(EVENT)
    assert party.paths().count("/events/ward/alarm") == 4
    assert party.paths().count("/events/ward/chart") == 1
    assert local.sunk == ["ward/alarm"]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_2xx_without_a_body_is_done(party: Party, http: Http, status: int) -> None:
    party.answers["/"] = [(status, b"")]
    assert http.post(EVENT, f"{party.url}/")


def test_nobody_listening_is_a_failure(http: Http) -> None:
    assert not http.post(EVENT, f"http://127.0.0.1:{free_port()}/")


def test_connections_stay_open(party: Party, http: Http) -> None:
    for _ in range(10):
        http.post(EVENT, f"{party.url}/")
    assert party.connections == 1


def answered(broker: LocalBroker | KnativeBroker) -> bool:
    answers: SimpleQueue[bool] = SimpleQueue()
    broker.post(EVENT, answers.put)
    return answers.get(timeout=10)


def test_post_answers_from_another_thread(party: Party, http: Http) -> None:
    local = Local(party, http)
    assert answered(local.broker)
    party.answers["/events/ward/alarm"] = [(500, b"")]
    assert not answered(local.broker)


def test_the_knative_broker_has_what_it_accepted(party: Party, http: Http) -> None:
    broker = KnativeBroker(f"{party.url}/his/default", http, ThreadPoolExecutor(1))
    party.answers["/his/default"] = [(202, b""), (503, b"")]
    assert broker.reaches_everyone
    assert answered(broker)
    assert not answered(broker)
    assert party.heard[0] == ("/his/default", EVENT)


def test_a_broken_sender_still_answers() -> None:
    def broken(event: Delivery, subscriber: str) -> bool:
        raise RuntimeError

    assert not answered(LocalBroker(TRIGGERS, broken, ThreadPoolExecutor(1)))
