"""A process id alone names nothing: it is the pair with the start time that is trusted, and killed."""

import signal
import sys
from pathlib import Path

import pytest

from infra.local import process
from infra.local.process import Process

STAY = "import sys, time; print('up', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "service.log"


@pytest.fixture
def tag(tmp_path: Path):
    """A tag of this test's own; whatever was spawned under it is ended."""
    yield f"{tmp_path}#service"
    for left in process.tagged(f"{tmp_path}#service"):
        process.end(left, patience=0)


def spawn(program: str, log: Path, tag: str) -> Process:
    started = process.spawn([sys.executable, "-c", program], log=log, tag=tag)
    assert process.until(lambda: not started.alive or log.read_text().startswith("up"), 10)
    return started


def test_a_running_process_is_known_by_id_and_start_time(log, tag):
    started = spawn(STAY, log, tag)

    assert started.alive
    assert process.identify(started.pid) == started
    assert process.command(started.pid)[0] == sys.executable


def test_a_reused_id_is_another_process_and_is_never_ended(log, tag):
    stranger = spawn(STAY, log, tag)
    ours = Process(stranger.pid, "an earlier start")

    assert not ours.alive
    assert process.end(ours) is False
    assert stranger.alive


def test_end_asks_first(log, tag):
    polite = spawn(STAY, log, tag)

    assert process.end(polite, patience=10) is True
    assert not polite.alive
    assert process.end(polite) is False


def test_end_forces_what_does_not_listen(log, tag):
    deaf = spawn(DEAF, log, tag)

    assert process.end(deaf, patience=0.2) is True
    assert not deaf.alive


def test_a_process_that_ends_at_once_is_not_alive(log, tag):
    gone = spawn("raise SystemExit('no')", log, tag)

    assert process.until(lambda: not gone.alive, 10)
    assert "no" in log.read_text()


def test_a_service_outlives_the_interrupt_of_its_terminal(log, tag):
    started = spawn(
        "import os; print('up', os.getsid(0) == os.getpid(), flush=True); import time; time.sleep(600)", log, tag
    )

    assert process.until(lambda: "True" in log.read_text(), 10)
    assert started.alive


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tags are read from /proc")
def test_a_tag_finds_what_no_record_names_and_nothing_else(log, tag):
    started = spawn(STAY, log, tag)

    assert process.tagged(tag) == [started]
    assert process.tagged(tag + "2") == []
    assert process.tagged(tag[:-1]) == []
    process.end(started, first=signal.SIGKILL)
    assert process.tagged(tag) == []


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1])
def test_an_impossible_id_names_nothing(pid):
    assert process.started(pid) is None
    assert process.identify(pid) is None
    assert process.command(pid) == []
