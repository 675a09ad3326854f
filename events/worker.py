"""The worker: one process that relays events, seals the audit chain, looks after the files and keeps house.

    python -m events.worker      # HIS_WORKER_HOST, HIS_WORKER_PORT (8001): /metrics and /healthz

Several workers at once are safe. SIGTERM lets what is on its way arrive, then ends. Other periodic work is declared in
functions/wiring.py: `TASKS` names functions that take an Office and give Tasks.
"""

import errno
import logging
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module

from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from events import clock, health, housekeeping
from events.broker import Http, KnativeBroker, LocalBroker
from events.outbox import PostgresOutbox
from events.relay import Broker, Policy, Relay
from events.subscriptions import read_apart
from shared import audit, telemetry
from shared.database.engine import Database
from shared.settings import Settings, settings

log = logging.getLogger("his.worker")

SENDERS = 16
"""Events sent at once."""
QUICK = 0.02
"""Seconds between two looks while something is going on; idle looks go apart to SLOW."""
SLOW = 1.0
FILE_GRACE = timedelta(hours=24)
"""Files younger than this may still be on their way in."""
SCRUBBED_AT_ONCE = 20

DEPTH = Gauge("his_outbox_depth", "Open outbox rows")
LAG = Gauge("his_outbox_lag_seconds", "Age of the oldest open outbox row")
STUCK = Gauge("his_outbox_stuck_subjects", "Subjects whose oldest event was tried again and again")
HELD = Gauge("his_outbox_held_subjects", "Subjects an operator holds")
DEAD = Gauge("his_dead_letters_open", "Dead letters nobody has replayed")
FAILURES = Gauge("his_worker_failing", "Whether the last run of a task failed", ["task"])


@dataclass(frozen=True, slots=True)
class Office:
    """What a task may use: settings, the worker's database, the clock."""

    settings: Settings
    database: Database
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Task:
    """Periodic work. `step` does a bounded piece and says how much; anything done means there may be more at once."""

    name: str
    seconds: float
    step: Callable[[], int]


class Worker:
    """The loops of one process, each in a thread of its own."""

    def __init__(
        self,
        office: Office,
        declared: Mapping[str, Sequence[str]],
        policy: Policy | None = None,
        more: Iterable[Task] = (),
    ) -> None:
        self._senders = ThreadPoolExecutor(SENDERS, "sender")
        self._http = Http(connections=SENDERS)
        self._outbox = PostgresOutbox(office.settings.worker_database_url, declared)
        self._relay = Relay(
            self._outbox,
            self._broker(office.settings, declared),
            declared.keys(),
            clock=office.clock,
            chance=random.random,
            policy=policy,
        )
        functions = clock.woken(declared)
        told = Task("clock", 5.0, lambda: clock.tell(office.database, functions, office.clock()))
        self._tasks = [told, *own_tasks(office), *more]
        self._stop = threading.Event()
        self._beats: dict[str, float] = {}

    def run(self) -> None:
        """Work until `stop`, then let what is on its way arrive."""
        threads = [threading.Thread(target=self._relay_loop, name="relay")]
        threads += [threading.Thread(target=self._task_loop, args=(task,), name=task.name) for task in self._tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._senders.shutdown(cancel_futures=True)
        self._http.close()

    def stop(self) -> None:
        """Ask the loops to end."""
        self._stop.set()

    def late(self) -> list[str]:
        """Loops that have not come round for longer than they should."""
        now = time.monotonic()
        limits = {"relay": 30.0} | {task.name: 30.0 + 3 * task.seconds for task in self._tasks}
        return [name for name, limit in limits.items() if now - self._beats.setdefault(name, now) > limit]

    def _broker(self, configuration: Settings, declared: Mapping[str, Sequence[str]]) -> Broker:
        if configuration.broker_url:
            return KnativeBroker(configuration.broker_url, self._http, self._senders)
        return LocalBroker(declared, self._http.to_host(configuration.host_url), self._senders)

    def _relay_loop(self) -> None:
        idle = QUICK
        while not self._stop.is_set():
            try:
                if self._relay.round():
                    self._outbox.stay_awake()
                    idle = QUICK
                elif self._relay.waiting:
                    self._relay.wait(QUICK)
                else:
                    # A writer that looked while we were awake may commit just now: the first looks follow quickly.
                    woken = self._outbox.sleep(idle)
                    idle = QUICK if woken else min(2 * idle, SLOW)
                self._beats["relay"] = time.monotonic()
            except Exception as error:
                log.error("relay interrupted", exc_info=error)
                self._outbox.close()
                self._stop.wait(SLOW)
        self._let_arrive()
        self._outbox.close()

    def _let_arrive(self) -> None:
        deadline = time.monotonic() + 10.0
        try:
            while self._relay.waiting and time.monotonic() < deadline:
                self._relay.wait(QUICK)
                self._relay.round(taking=False)
        except Exception as error:
            log.warning("stopped with events on their way; their leases will end", exc_info=error)

    def _task_loop(self, task: Task) -> None:
        while not self._stop.is_set():
            done, failing = 0, 0
            try:
                done = task.step()
                self._beats[task.name] = time.monotonic()
            except Exception as error:
                failing = 1
                log.error("task failed", exc_info=error, extra={"fields": {"task": task.name}})
            FAILURES.labels(task.name).set(failing)
            if not done:
                self._stop.wait(task.seconds)


def own_tasks(office: Office) -> list[Task]:
    """Tasks of the kernel."""
    own = [
        Task("audit sealer", 1.0, lambda: audit.seal(office.database, office.clock())),
        Task("audit heads", 3600.0, lambda: _announce(office.database)),
        Task("housekeeping", 600.0, lambda: housekeeping.sweep(office.database, office.clock())),
        Task("delivery health", 10.0, lambda: _measure(office.database)),
    ]
    return [*own, *_file_tasks(office)] if office.settings.s3_access_key else own


def _file_tasks(office: Office) -> list[Task]:
    from shared.storage import ObjectStore, sweeps

    store = cache(lambda: ObjectStore.from_settings(office.settings))

    def reap() -> int:
        return sweeps.reap(office.database, store(), FILE_GRACE, office.clock())

    def remove_orphans() -> int:
        sweeps.remove_orphans(office.database, store(), FILE_GRACE, office.clock())
        return 0

    def scrub() -> int:
        sweeps.scrub(office.database, store(), SCRUBBED_AT_ONCE, office.clock())
        return 0

    return [
        Task("file reaper", 600.0, reap),
        Task("file orphans", 86_400.0, remove_orphans),
        Task("file scrubber", 60.0, scrub),
    ]


def _announce(database: Database) -> int:
    audit.announce(database)
    return 0


def _measure(database: Database) -> int:
    now = health.health(database)
    for gauge, value in ((DEPTH, now.depth), (LAG, now.lag_seconds), (STUCK, now.stuck), (HELD, now.held)):
        gauge.set(value)
    DEAD.set(now.dead)
    return 0


def declared_tasks(office: Office) -> list[Task]:
    """Tasks of the modules, by functions/wiring.py."""
    found: list[Task] = []
    for target in getattr(import_module("functions.wiring"), "TASKS", ()):
        module, _, attribute = target.partition(":")
        found += getattr(import_module(module), attribute)(office)
    return found


def _serve_health(worker: Worker, host: str, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            elif self.path == "/healthz":
                late = worker.late()
                self._answer(503 if late else 200, "text/plain; charset=utf-8", (", ".join(late) or "alive").encode())
            else:
                self._answer(404, "text/plain; charset=utf-8", b"")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes are not news."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        server = ThreadingHTTPServer((host, 0), Handler)  # a second worker on one machine
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    log.info("worker up", extra={"fields": {"health": f"http://{host}:{server.server_address[1]}/healthz"}})
    return server


def main(
    declared: Mapping[str, Sequence[str]] | None = None,
    policy: Policy | None = None,
    tasks: Callable[[Office], Iterable[Task]] = declared_tasks,
) -> None:
    """Run until SIGTERM or SIGINT. The arguments are for tests: who subscribes, how patient, what else to do."""
    configuration = settings()
    telemetry.configure("worker", configuration.log_level)
    database = Database(configuration.worker_database_url, 4, name="his worker")
    office = Office(configuration, database, lambda: datetime.now(UTC))
    worker = Worker(office, read_apart() if declared is None else declared, policy, tasks(office))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    host, port = os.environ.get("HIS_WORKER_HOST", "127.0.0.1"), int(os.environ.get("HIS_WORKER_PORT", "8001"))
    server = _serve_health(worker, host, port)
    worker.run()
    server.shutdown()
    database.close()
    log.info("worker down")


if __name__ == "__main__":
    main()
