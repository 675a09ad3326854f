"""The worker as a process: it relays, seals and answers probes; killed, cut off and doubled, it loses and doubles nothing."""

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
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from shared import audit
from shared.database.engine import Database
from shared.settings import REPOSITORY
from tests.events import tiny
from tests.support.hospital import Hospital, cloned_hospital
from tests.support.server import listening

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
def working(hospital: Hospital, host_url: str, tmp_path: Path, name: str = "worker") -> Iterator[Process]:
    process = Process(hospital, host_url, tmp_path / f"{name}.log")
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
            with working(hospital, url, tmp_path, f"killed {number}") as worker:
                until(lambda enough=enough: copies(hospital) >= enough, "some copies")  # type: ignore[misc]
                worker.kill()
            assert open_rows(hospital) > 0, "killed too late to be in mid-batch"
        stamp(url, hospital, range(pages // 2, pages), books)
        with (
            working(hospital, url, tmp_path, "first") as first,
            working(hospital, url, tmp_path, "second") as second,
        ):
            until(lambda: copies(hospital) >= 250, "more copies")
            hospital.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'his_worker'")
            until(lambda: open_rows(hospital) == 0, "every row closed")
            assert first.end() == second.end() == 0
    assert_every_page_once_and_in_order(hospital, pages, books)


def test_an_idle_worker_delivers_at_once_seals_and_answers_probes(hospital: Hospital, tmp_path: Path) -> None:
    auditor = Database(hospital.settings.auditor_database_url, 1)
    with listening(hospital) as url, working(hospital, url, tmp_path) as worker:
        until(lambda: bool(worker.lines("worker up")), "worker up")
        health = worker.lines("worker up")[0]["health"]
        assert httpx.get(health).status_code == 200
        assert httpx.get(health.replace("healthz", "nothing")).status_code == 404
        stamp(url, hospital, range(1), 1)
        until(lambda: open_rows(hospital) == 0, "the row closed")
        waited = hospital.value("SELECT extract(epoch FROM closed_at - created_at)::float FROM kernel.outbox")
        until(lambda: hospital.value("SELECT count(*) FROM kernel.audit_links") >= 3, "entries sealed")
        metrics = httpx.get(health.replace("healthz", "metrics")).text
        assert "his_outbox_depth" in metrics
        assert "his_relay_closed_total 1.0" in metrics
        assert worker.end() == 0
        assert worker.lines("worker down")
    assert_every_page_once_and_in_order(hospital, 1, 1)
    assert audit.verify(auditor).ok
    auditor.close()
    assert waited < 5


def test_functions_out_of_reach_cost_time_only(hospital: Hospital, tmp_path: Path) -> None:
    with listening(hospital) as url:
        stamp(url, hospital, range(2), 2)
    with working(hospital, url, tmp_path) as worker:
        until(lambda: bool(worker.lines("receiver unreachable")), "nobody there")
        assert copies(hospital) == 0
        with listening(hospital, port=int(url.rsplit(":", 1)[1])):
            until(lambda: open_rows(hospital) == 0, "every row closed")
    assert_every_page_once_and_in_order(hospital, 2, 2)
