"""The worker as a process: it relays, seals, answers probes; killed, cut off, doubled, it loses and doubles nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from events import wire, worker
from events.broker import Http, LocalBroker
from infra.local.storage import Storage
from shared import audit
from shared.database.engine import Database
from shared.settings import REPOSITORY
from tests.events import tiny
from tests.support.hospital import Hospital, cloned_hospital
from tests.support.server import listening
from tests.support.services import free_port

PATIENCE = 90.0


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    with cloned_hospital(tiny.APPS) as one:
        yield one


class Process:
    """A worker that was started here, and what it says."""

    def __init__(self, hospital: Hospital, host_url: str, log: Path, **environment: str) -> None:
        self.log = log
        settings = {
            "HIS_DATABASE_URL": hospital.settings.database_url,
            "HIS_WORKER_DATABASE_URL": hospital.settings.worker_database_url,
            "HIS_HOST_URL": host_url,
            "HIS_WORKER_PORT": "0",
            "PYTHONUNBUFFERED": "1",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HIS_")}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.events.tiny"],
                cwd=REPOSITORY,
                env=inherited | settings | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def lines(self, message: str) -> list[dict[str, str]]:
        """Log lines with this message."""
        entries = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [entry for entry in entries if entry["message"] == message]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def working(
    hospital: Hospital, host_url: str, tmp_path: Path, name: str = "worker", **environment: str
) -> Iterator[Process]:
    process = Process(hospital, host_url, tmp_path / f"{name}.log", **environment)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.kill()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        threading.Event().wait(0.01)


def stamp(url: str, hospital: Hospital, pages: range, books: int) -> None:
    """Stamp pages by real commands, the pages of a book in order."""
    caller = hospital.caller("registrar")
    with httpx.Client(base_url=url) as client:
        for page in pages:
            for book in range(books):
                answer = client.post(
                    "/api/testing/desk/pages", json={"book": f"book {book}", "page": page}, headers=caller.headers()
                )
                assert answer.status_code == 201, answer.text


def copies(hospital: Hospital) -> int:
    return hospital.value("SELECT count(*) FROM kernel.audit_entries WHERE action = 'page.copied'")


def open_rows(hospital: Hospital) -> int:
    return hospital.value("SELECT count(*) FROM kernel.outbox WHERE closed_at IS NULL")


def assert_every_page_once_and_in_order(hospital: Hospital, pages: int, books: int) -> None:
    rows = hospital.rows(
        "SELECT subject_kind, subject_id FROM kernel.audit_entries WHERE action = 'page.copied' ORDER BY transaction"
    )
    counted = Counter((row["subject_kind"], row["subject_id"]) for row in rows)
    assert set(counted.values()) == {1}
    assert len(counted) == 2 * pages * books
    for reader in ("testing/ledger", "testing/board"):
        for book in range(books):
            read = [row["subject_id"] for row in rows if row["subject_kind"] == reader]
            own = [int(name.split("/")[1]) for name in read if name.startswith(f"book {book}/")]
            assert own == list(range(pages)), (reader, book)
    assert hospital.value("SELECT count(*) FROM kernel.dead_letters") == 0


def test_killed_in_mid_batch_again_and_again(hospital: Hospital, tmp_path: Path) -> None:
    pages, books = 20, 10
    with listening(hospital) as url:
        stamp(url, hospital, range(pages // 2), books)
        for number, enough in enumerate((1, 60, 120)):
            with working(hospital, url, tmp_path, f"killed {number}") as process:
                until(lambda enough=enough: copies(hospital) >= enough, "some copies")  # type: ignore[misc]
                process.kill()
            assert open_rows(hospital) > 0, "killed too late to be in mid-batch"
        stamp(url, hospital, range(pages // 2, pages), books)
        with (
            working(hospital, url, tmp_path, "first") as first,
            working(hospital, url, tmp_path, "second") as second,
        ):
            until(lambda: copies(hospital) >= 250, "more copies")
            hospital.cut_off("usename = 'his_worker'")
            until(lambda: open_rows(hospital) == 0, "every row closed")
            assert first.end() == second.end() == 0
    assert_every_page_once_and_in_order(hospital, pages, books)


def test_a_worker_delivers_seals_and_answers_probes(hospital: Hospital, tmp_path: Path) -> None:
    auditor = Database(hospital.settings.auditor_database_url, 1)
    with listening(hospital) as url, working(hospital, url, tmp_path) as process:
        until(lambda: bool(process.lines("worker up")), "worker up")
        health = process.lines("worker up")[0]["health"]
        assert httpx.get(health).status_code == 200
        assert httpx.get(health.replace("healthz", "nothing")).status_code == 404
        stamp(url, hospital, range(1), 1)
        until(lambda: open_rows(hospital) == 0, "the row closed")
        until(lambda: hospital.value("SELECT count(*) FROM kernel.audit_links") >= 3, "entries sealed")
        metrics = httpx.get(health.replace("healthz", "metrics")).text
        assert "his_outbox_depth" in metrics
        assert "his_relay_closed_total 1.0" in metrics
        assert process.end() == 0
        assert process.lines("worker down")
    assert_every_page_once_and_in_order(hospital, 1, 1)
    assert audit.verify(auditor).ok
    auditor.close()


def test_functions_out_of_reach_cost_time_only(
    hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    caller = hospital.caller("registrar")
    for page in range(2):
        assert caller.post("/api/testing/desk/pages", {"book": "book 0", "page": page}).status_code == 201
    with working(hospital, f"http://127.0.0.1:{port}", tmp_path) as process:
        until(lambda: bool(process.lines("receiver unreachable")), "nobody there")
        assert copies(hospital) == 0
        monkeypatch.setattr("tests.support.server.free_port", lambda: port)
        with listening(hospital):
            until(lambda: open_rows(hospital) == 0, "every row closed")
    assert_every_page_once_and_in_order(hospital, 2, 1)


class Ingress:
    """A Knative Broker as the relay sees it: takes an event at once, delivers later, and loses every fifth."""

    def __init__(self, host_url: str) -> None:
        self.http = Http()
        self.pool = ThreadPoolExecutor(4)
        self.taken: list[str] = []
        broker = LocalBroker(tiny.DECLARED, self.http.to_host(host_url), self.pool)
        ingress = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                event = wire.parse(dict(self.headers.items()), self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                ingress.taken.append(event.type)
                if len(ingress.taken) % 5:
                    broker.post(event, lambda placed: None)

            def log_message(self, format: str, *args: object) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/his/default"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.pool.shutdown()
        self.http.close()


def test_through_a_knative_broker_that_loses_events(hospital: Hospital, tmp_path: Path) -> None:
    with listening(hospital) as url:
        ingress = Ingress(url)
        stamp(url, hospital, range(4), 5)
        with hospital.tx() as tx:
            tx.emit(tiny.Noted(book="book 0"))
        with working(hospital, url, tmp_path, HIS_BROKER_URL=ingress.url) as process:
            until(lambda: open_rows(hospital) == 0, "every row closed")
            assert process.end() == 0
        ingress.close()
    assert_every_page_once_and_in_order(hospital, 4, 5)
    assert ingress.taken.count(tiny.Noted.event_type) >= 1
    assert ingress.taken.count(tiny.Stamped.event_type) > 20


def test_every_task_of_the_worker_does_its_piece(hospital: Hospital, object_store: Storage) -> None:
    settings = hospital.settings.model_copy(
        update={
            "s3_endpoint": object_store.address,
            "s3_access_key": object_store.credentials.s3_access_key,
            "s3_secret_key": object_store.credentials.s3_secret_key,
            "s3_bucket": object_store.bucket,
        }
    )
    database = Database(settings.worker_database_url, 2)
    office = worker.Office(settings, database, hospital.clock)
    tasks = {task.name: task for task in [*worker.own_tasks(office), *worker.declared_tasks(office)]}
    assert {"audit sealer", "housekeeping", "file reaper", "file scrubber", "integrity checks"} <= tasks.keys()
    for name in sorted(tasks):
        assert tasks[name].step() >= 0, name
    database.close()
