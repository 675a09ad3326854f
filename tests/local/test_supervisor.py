"""The supervisor, with services small enough to start in no time: a Python process that listens on a file."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local import process
from infra.local.supervisor import Job, Line, Service, StackError, Supervisor

SERVE = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
SILENT = "import time; time.sleep(600)"
CRASH = "raise SystemExit('the disk is full')"


class Stack:
    """A state folder and the lines it reported."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.lines: list[Line] = []

    def service(self, name: str, *needs: str, program: str = SERVE, recipe: str = "", **more) -> Service:
        sign = self.state / f"{name}.ready"

        def launch() -> process.Process:
            sign.unlink(missing_ok=True)
            return process.spawn(
                [sys.executable, "-c", program, str(sign)],
                log=self.state / "logs" / f"{name}.log",
                tag=f"{self.state}#{name}",
            )

        more = {"patience": 20.0, "drain": 5.0, "ready": sign.exists} | more
        return Service(name=name, needs=needs, launch=launch, recipe=lambda: recipe, **more)

    def job(self, name: str, *needs: str, program: str) -> Job:
        return Job(name=name, needs=needs, arguments=[sys.executable, "-c", program], environment=lambda: os.environ)

    def supervisor(self, *steps: Service | Job, report: Callable[[Line], None] | None = None) -> Supervisor:
        self.lines.clear()
        return Supervisor(self.state, steps, report or self.lines.append)

    def said(self, name: str) -> list[str]:
        return [line.state for line in self.lines if line.name == name]

    def order(self, *states: str) -> list[str]:
        return [line.name for line in self.lines if line.state in states]


@pytest.fixture
def stack(tmp_path: Path):
    one = Stack(tmp_path)
    yield one
    for name in ("one", "two", "three"):
        for left in process.tagged(f"{tmp_path}#{name}"):
            process.end(left, patience=0)


def test_a_service_starts_after_what_it_needs_and_ends_before_it(stack):
    supervisor = stack.supervisor(
        stack.service("two", "one"),
        stack.service("one"),
        stack.job("between", "two", program="pass"),
        stack.service("three", "between"),
    )

    assert supervisor.up()
    assert stack.order("ready", "done") == ["one", "two", "between", "three"]
    stack.lines.clear()
    assert supervisor.down()
    assert stack.order("stopped") == ["three", "two", "one"]
    assert [(service.name, state) for service, state, _ in supervisor.status()] == [
        ("two", "stopped"),
        ("one", "stopped"),
        ("three", "stopped"),
    ]


def test_a_second_start_finds_what_runs(stack):
    assert stack.supervisor(stack.service("one"), stack.service("two", "one")).up()
    first = stack.supervisor(stack.service("one")).find("one")

    again = stack.supervisor(stack.service("one"), stack.service("two", "one"))

    assert again.up()
    assert again.find("one") == first
    assert [line.state for line in stack.lines] == ["running", "running"]
    assert [(state, running is not None) for _, state, running in again.status()] == [("ready", True)] * 2


def test_a_crashed_service_is_started_again_and_its_neighbours_are_left_alone(stack):
    steps = (stack.service("one"), stack.service("two", "one"))
    supervisor = stack.supervisor(*steps)
    assert supervisor.up()
    one, two = supervisor.find("one"), supervisor.find("two")
    process.end(one, first=signal.SIGKILL)
    assert [state for _, state, _ in supervisor.status()] == ["crashed", "ready"]

    assert supervisor.up()

    assert supervisor.find("one") not in (None, one)
    assert supervisor.find("two") == two


def test_a_service_whose_recipe_changed_is_started_anew(stack):
    assert stack.supervisor(stack.service("one", recipe="old")).up()
    old = stack.supervisor(stack.service("one")).find("one")

    changed = stack.supervisor(stack.service("one", recipe="new"))

    assert changed.up()
    assert stack.said("one") == ["restarting", "ready"]
    assert changed.find("one") != old
    assert not old.alive


def test_an_id_that_now_belongs_to_a_stranger_is_not_taken_for_ours(stack):
    supervisor = stack.supervisor(stack.service("one"))
    assert supervisor.up()
    ours = supervisor.find("one")
    process.end(ours)
    stranger = process.spawn(
        [sys.executable, "-c", SILENT], log=stack.state / "stranger.log", tag=f"{stack.state}#three"
    )
    path = stack.state / "stack.json"
    path.write_text(path.read_text().replace(str(ours.pid), str(stranger.pid)))

    assert supervisor.find("one") is None
    assert supervisor.down() is False
    assert stranger.alive


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tags are read from /proc")
def test_a_lost_record_loses_no_process(stack):
    supervisor = stack.supervisor(stack.service("one"))
    assert supervisor.up()
    lost = supervisor.find("one")
    (stack.state / "stack.json").unlink()

    assert supervisor.find("one") == lost
    assert supervisor.down()
    assert not lost.alive


def test_a_service_that_ends_at_once_says_why_and_what_needs_it_is_skipped(stack):
    supervisor = stack.supervisor(
        stack.service("one", program=CRASH), stack.service("two", "one"), stack.service("three")
    )

    assert not supervisor.up()
    failure = next(line for line in stack.lines if line.state == "failed")
    assert failure.name == "one"
    assert "the disk is full" in failure.detail
    assert str(stack.state / "logs" / "one.log") in failure.detail
    assert stack.said("two") == ["skipped"]
    assert stack.said("three") == ["starting", "ready"]


def test_a_long_log_is_shown_by_its_end(stack):
    chatter = "print('x' * 5000 + 'the reason'); [print(number) for number in range(100, 120)]; raise SystemExit(3)"
    short = "print('x' * 5000 + 'the reason'); raise SystemExit(3)"

    assert not stack.supervisor(stack.service("one", program=chatter)).up()
    assert "119" in stack.lines[-1].detail
    assert "105" not in stack.lines[-1].detail
    assert not stack.supervisor(stack.service("one", program=short)).up()
    assert "the reason\n" in stack.lines[-1].detail
    assert len(stack.lines[-1].detail) < 1000


def test_a_service_that_never_answers_is_given_up(stack):
    supervisor = stack.supervisor(stack.service("one", program=SILENT, patience=0.3))

    assert not supervisor.up()
    assert "does not answer" in stack.lines[-1].detail
    assert supervisor.status()[0][1] == "not ready"
    assert supervisor.down()


def test_a_program_that_is_missing_is_a_failure_not_a_crash_of_the_stack(stack):
    def launch() -> process.Process:
        return process.spawn(["/no/such/program"], log=stack.state / "one.log", tag="x")

    supervisor = stack.supervisor(Service(name="one", launch=launch, ready=lambda: True), stack.service("two"))

    assert not supervisor.up()
    assert "/no/such/program" in next(line for line in stack.lines if line.state == "failed").detail
    assert stack.said("two") == ["starting", "ready"]


def test_only_the_named_services_and_their_needs_are_started(stack):
    supervisor = stack.supervisor(stack.service("one"), stack.service("two", "one"), stack.service("three"))

    assert supervisor.up(["two"])
    assert supervisor.find("one") is not None
    assert supervisor.find("three") is None
    with pytest.raises(StackError, match="No service 'four'"):
        supervisor.up(["four"])


def test_jobs_run_on_every_start_and_their_failure_stops_what_needs_them(stack):
    sign = stack.state / "count"
    count = (
        f"from pathlib import Path; p = Path({str(sign)!r}); p.write_text(p.read_text() + 'x' if p.exists() else 'x')"
    )
    steps = (stack.service("one"), stack.job("count", "one", program=count), stack.service("two", "count"))

    assert stack.supervisor(*steps).up()
    assert stack.supervisor(*steps).up()
    assert sign.read_text() == "xx"
    broken = stack.supervisor(
        stack.job("count", program="raise SystemExit('no table')"), stack.service("three", "count")
    )
    assert not broken.up()
    assert "no table" in next(line for line in stack.lines if line.state == "failed").detail
    assert stack.said("three") == ["skipped"]


def test_an_interrupted_start_keeps_what_runs_and_the_next_one_goes_on(stack):
    """The interrupt comes at the worst moment: one service answers, the other was launched and is not yet ready."""
    # A run in the background of a shell begins with the interrupt ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    reached = threading.Event()
    main = threading.main_thread().ident

    def not_yet() -> bool:
        if not reached.is_set():
            reached.set()
            signal.pthread_kill(main, signal.SIGINT)
        return False

    slow = stack.service("two", "one", program=SILENT, ready=not_yet)
    supervisor = stack.supervisor(stack.service("one"), slow, stack.service("three", "two"))
    with pytest.raises(KeyboardInterrupt):
        supervisor.up()

    one, two = supervisor.find("one"), supervisor.find("two")
    assert one is not None
    assert two is not None
    assert stack.said("three") == ["skipped"]
    after = stack.supervisor(
        stack.service("one"), stack.service("two", "one", ready=lambda: True), stack.service("three", "two")
    )
    assert after.up()
    assert (after.find("one"), after.find("two")) == (one, two)


def test_each_start_has_a_log_of_its_own_and_the_one_before_is_kept(stack):
    supervisor = stack.supervisor(stack.service("one", program=CRASH))

    assert not supervisor.up()
    assert not supervisor.up()
    assert (stack.state / "logs" / "one.log").read_text().count("disk is full") == 1
    assert (stack.state / "logs" / "one.log.1").read_text().count("disk is full") == 1


def test_a_service_that_does_not_listen_is_forced_to_end(stack):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SERVE
    supervisor = stack.supervisor(stack.service("one", program=deaf, drain=0.2))
    assert supervisor.up()
    running = supervisor.find("one")

    assert supervisor.down()
    assert not running.alive
    assert supervisor.down() is False
