"""Starts services side by side, watches until they answer, finds them again, ends them by id.

It knows nothing of hospitals: a service is a name, what it needs, how to launch it and how to ask whether it is ready.
"""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from infra.local import process
from infra.local.process import Process
from infra.local.record import Entry, Record

Progress = Callable[[str], None]

_TAIL = 12
"""Lines of a log shown when something fails."""
_WIDTH = 400


class StackError(Exception):
    """A step of the stack failed; the text says which, why and what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Service:
    """A process that keeps running."""

    name: str
    launch: Callable[[], Process]
    """Start it; may return before it answers."""
    ready: Callable[[], bool]
    needs: tuple[str, ...] = ()
    prepare: Callable[[Progress], None] = lambda progress: None
    """What must be there first; does not wait for `needs`."""
    recipe: Callable[[], str] = lambda: ""
    """What it is started with, as a text; a running service with another recipe is started anew."""
    patience: float = 120.0
    """Seconds until it must answer."""
    find: Callable[[], Process | None] | None = None
    """How to find it when its record was lost; by its tag when there is no better way."""
    drain: float = 15.0
    """Seconds it has to end before it is forced."""
    stop: Callable[[], object] | None = None
    """How to end it when not by SIGTERM."""
    tidy: Callable[[], object] = lambda: None
    """Called when it has ended."""
    address: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A command that runs to its end, on every start."""

    name: str
    arguments: Sequence[str]
    environment: Callable[[], Mapping[str, str]]
    """Asked for when it runs."""
    cwd: Path | None = None
    needs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of progress. `state` is one of starting, waiting, restarting, ready, running, done,
    stopped, failed, skipped, or names a step of the preparation."""

    name: str
    state: str
    seconds: float
    detail: str = ""


class Supervisor:
    """Services and jobs of one state folder. `report` gets a Line for every change."""

    def __init__(self, state_dir: Path, steps: Iterable[Service | Job], report: Callable[[Line], None]) -> None:
        self.state_dir = state_dir.absolute()
        self.record = Record(state_dir)
        self.steps = {step.name: step for step in steps}
        self._report = report
        self._cancelled = threading.Event()

    def log(self, name: str) -> Path:
        return self.state_dir / "logs" / f"{name}.log"

    def tag(self, name: str) -> str:
        return f"{self.state_dir}#{name}"

    def find(self, name: str) -> Process | None:
        """The running process of a service: the recorded one, or one whose record was lost."""
        entry = self.record.entry(name)
        if entry is not None and entry.process.alive:
            return entry.process
        step = self.steps[name]
        if isinstance(step, Service) and step.find is not None:
            return step.find()
        return next(iter(process.tagged(self.tag(name))), None)

    # -- up

    def up(self, names: Iterable[str] = ()) -> bool:
        """Bring up what is named and what that needs (everything when nothing is named). True when all of it is.

        A KeyboardInterrupt leaves running what runs: a later `up` goes on from there, `down` ends it.
        """
        chosen = self._with_needs(names)
        done = {name: threading.Event() for name in chosen}
        good: dict[str, bool] = {}

        def work(name: str) -> None:
            try:
                good[name] = self._bring_up(self.steps[name], lambda: self._await(name, done, good))
            finally:
                done[name].set()

        self._cancelled.clear()
        # Daemons, so that a second interrupt leaves at once; started from the main thread, which alone is interrupted.
        threads = [threading.Thread(target=work, args=(name,), name=name, daemon=True) for name in chosen]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            self._cancelled.set()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            raise
        return all(good.get(name, False) for name in chosen)

    def _with_needs(self, names: Iterable[str]) -> list[str]:
        queue = list(names) or list(self.steps)
        chosen: list[str] = []
        while queue:
            name = queue.pop()
            if name not in self.steps:
                raise StackError(f"No service {name!r}; there are {', '.join(self.steps)}.")
            if name not in chosen:
                chosen.append(name)
                queue.extend(self.steps[name].needs)
        return [name for name in self.steps if name in chosen]

    def _await(self, name: str, done: Mapping[str, threading.Event], good: Mapping[str, bool]) -> str | None:
        """Wait for what a step needs; the name of the first that failed."""
        for need in self.steps[name].needs:
            while not done[need].wait(0.1):
                if self._cancelled.is_set():
                    return need
            if not good.get(need):
                return need
        return None

    def _bring_up(self, step: Service | Job, wait_for_needs: Callable[[], str | None]) -> bool:
        begin = time.monotonic()

        def report(state: str, detail: str = "") -> None:
            self._report(Line(step.name, state, time.monotonic() - begin, detail))

        try:
            if isinstance(step, Service):
                step.prepare(report)
            missing = wait_for_needs()
            if missing or self._cancelled.is_set():
                report("skipped", f"needs {missing}" if missing and not self._cancelled.is_set() else "interrupted")
                return False
            begin = time.monotonic()
            if isinstance(step, Job):
                report("starting")
                self._run(step)
                report("done")
            else:
                found = self._start(step, report)
                report("running" if found else "ready", step.address)
            return True
        except Exception as error:  # whatever it was, the other services go on and this one says why
            report("failed", str(error) or type(error).__name__)
            return False

    def _start(self, service: Service, report: Progress) -> bool:
        """Start a service unless it runs as it should; True when it was found running and ready."""
        running = self.find(service.name)
        recipe = hashlib.sha256(service.recipe().encode()).hexdigest()[:16]
        if running is not None:
            entry = self.record.entry(service.name)
            known = entry.recipe if entry is not None and entry.process == running else ""
            if known == recipe:
                if service.ready():
                    return True
                report("waiting")
                if self._settles(service, running):
                    return False
            report("restarting")
            self._end(service)
        else:
            report("starting")
        self._turn_over(service.name)
        started = service.launch()
        self.record.keep(service.name, Entry(started, recipe))
        if not self._settles(service, started):
            if self._cancelled.is_set():
                raise StackError("interrupted")
            reason = f"does not answer after {service.patience:.0f} s" if started.alive else "ended"
            raise StackError(f"{reason}\n{self._tail(service.name)}")
        return False

    def _settles(self, service: Service, started: Process) -> bool:
        """Wait until a service answers, dies, or takes too long."""
        ready = False

        def settled() -> bool:
            nonlocal ready
            ready = started.alive and service.ready()
            return ready or not started.alive or self._cancelled.is_set()

        process.until(settled, service.patience, 0.1)
        return ready

    def _run(self, job: Job) -> None:
        log = self._turn_over(job.name)
        with log.open("ab") as output:
            child = subprocess.Popen(
                job.arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=job.environment(),
                cwd=job.cwd,
            )
        while child.poll() is None:
            if self._cancelled.wait(0.05):
                child.terminate()
                child.wait()
        if child.returncode:
            raise StackError(f"exit code {child.returncode}\n{self._tail(job.name)}")

    def _turn_over(self, name: str) -> Path:
        """Give a start a log of its own; the one before it is kept."""
        log = self.log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        return log

    def _tail(self, name: str) -> str:
        log = self.log(name)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:] if log.exists() else []
        # A structured log has a whole traceback in one line; what went wrong stands at its end.
        short = [line if len(line) <= _WIDTH else f"{line[:60]} ... {line[65 - _WIDTH :]}" for line in lines]
        return "\n".join([*short, f"Log: {log}"])

    # -- down

    def down(self) -> bool:
        """End every service, those that need others first. True when anything ran."""
        services = [step for step in self.steps.values() if isinstance(step, Service)]
        ended = {service.name: threading.Event() for service in services}
        outcome: dict[str, bool | Exception] = {}

        def work(service: Service) -> None:
            begin = time.monotonic()
            try:
                for other in services:
                    if other is not service and service.name in self._with_needs([other.name]):
                        ended[other.name].wait()
                outcome[service.name] = self._end(service)
                if outcome[service.name]:
                    self._report(Line(service.name, "stopped", time.monotonic() - begin))
            except Exception as error:  # said at the end; the others are still ended
                outcome[service.name] = error
                self._report(Line(service.name, "failed", time.monotonic() - begin, str(error)))
            finally:
                ended[service.name].set()

        threads = [threading.Thread(target=work, args=(service,), daemon=True) for service in services]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        failures = [name for name, result in outcome.items() if isinstance(result, Exception)]
        if failures:
            raise StackError(f"Still running: {', '.join(failures)}.")
        return any(outcome.values())

    def _end(self, service: Service) -> bool:
        running = self.find(service.name)
        if running is not None:
            if service.stop is not None:
                service.stop()
            process.end(running, patience=service.drain)
        for orphan in process.tagged(self.tag(service.name)):
            process.end(orphan, patience=service.drain)
        service.tidy()
        self.record.forget(service.name)
        return running is not None

    # -- status

    def status(self) -> list[tuple[Service, str, Process | None]]:
        """Every service with its state: ready, not ready, crashed (recorded, gone), stopped."""
        found = []
        for service in self.steps.values():
            if isinstance(service, Service):
                running = self.find(service.name)
                if running is not None:
                    state = "ready" if service.ready() else "not ready"
                else:
                    state = "crashed" if self.record.entry(service.name) else "stopped"
                found.append((service, state, running))
        return found
