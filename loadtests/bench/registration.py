"""Registration end to end through HTTP against pgbench running the same statements, in turns on one database."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
from fastapi import FastAPI

from integrity.runner import run as run_checks
from loadtests.bench import client, pgbench
from loadtests.bench.client import Load, Outcome
from loadtests.bench.ground import Ground
from loadtests.bench.hosts import serving
from loadtests.bench.recording import recorded
from loadtests.bench.scripting import Composer, Recording
from loadtests.bench.seeding import CAMPUS
from loadtests.bench.workload import Workload
from shared.application import build, load_apps
from shared.locks import LockKind, lock_key
from shared.runtime import Runtime

CLIENTS = (1, 4, 16)
PROCESSES = (1, 2)
MODES = ("prepared", "simple")
STRIDE = 200_000
"""Visits set apart for one measurement; more than any can make."""
CROWD = 100


class Inconsistent(Exception):
    """After the run the books do not agree."""


@dataclass(slots=True)
class Sums:
    """What one contestant did at one number of clients over all rounds."""

    done: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.done / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(slots=True)
class Registration:
    """`hospital` by (processes, clients), `pgbench` by (mode, clients); `statements` of one visit."""

    seconds: float
    rounds: int
    statements: int
    hospital: dict[tuple[int, int], Sums] = field(default_factory=dict)
    pgbench: dict[tuple[str, int], Sums] = field(default_factory=dict)
    crowd: Sums = field(default_factory=Sums)
    visits: int = 0
    checks: int = 0

    def reference(self, clients: int) -> Sums:
        """The better of pgbench's modes."""
        return max((self.pgbench[mode, clients] for mode in MODES), key=lambda sums: sums.rate)

    def ratio(self, processes: int, clients: int) -> float:
        return self.hospital[processes, clients].rate / self.reference(clients).rate


def measure(
    ground: Ground, workload: Workload, say: Callable[[str], None], seconds: float = 3.0, rounds: int = 2
) -> Registration:
    """Both sides in turns, so that what else the machine does meets both."""
    tokens = [ground.realm.token(f"registrar-{number}", {CAMPUS: ["registrar"]}) for number in range(max(CLIENTS))]
    first, second = _record(ground, workload, tokens[0])
    scripts = _write(ground.server.state_dir, workload, first, second)
    result = Registration(seconds, rounds, len(first.sent))
    bases = iter(range(STRIDE, workload.patients * workload.sessions, STRIDE))
    with _relay_awake(ground), serving(ground, processes=max(PROCESSES)) as hosts:
        ports = [host.port for host in hosts]
        for number, port in enumerate(ports):  # every process has made its connections and plans
            client.run(Load([port], tokens, 8, 1.0, next(bases), *workload))
            pgbench.run(ground, scripts[MODES[number % len(MODES)]], MODES[number % len(MODES)], 4, 1.0, next(bases))
        for turn in range(rounds):
            for clients in CLIENTS:
                for processes, mode in zip(PROCESSES, MODES, strict=True):
                    load = Load(ports[:processes], tokens, clients, seconds, next(bases), *workload)
                    outcome = _all_registered(client.run(load))
                    _count(result.hospital.setdefault((processes, clients), Sums()), outcome)
                    done = pgbench.run(ground, scripts[mode], mode, clients, seconds, next(bases))
                    sums = result.pgbench.setdefault((mode, clients), Sums())
                    sums.done += done.transactions
                    sums.seconds += done.transactions / done.rate
                say(f"round {turn + 1}, {clients:2d} clients: one process {result.ratio(1, clients):.2f} of pgbench")
        load = Load(ports[:1], tokens, CROWD, 60.0, next(bases), *workload, limit=CROWD)
        _count(result.crowd, _all_registered(client.run(load)))
    result.visits, result.checks = _verify(ground)
    return result


def _count(sums: Sums, outcome: Outcome) -> None:
    sums.done += outcome.registered
    sums.seconds += outcome.elapsed
    sums.latencies += outcome.latencies


def _all_registered(outcome: Outcome) -> Outcome:
    if set(outcome.statuses) != {"201"}:
        raise Inconsistent(f"the hospital answered {outcome.statuses}")
    return outcome


def _record(ground: Ground, workload: Workload, token: str) -> tuple[Recording, Recording]:
    """One visit twice in this process, after one that warms up."""
    now = datetime.now(UTC)
    runtime = Runtime(ground.settings, clock=lambda: now)
    api = build(load_apps("all"), runtime)
    recordings: list[Recording] = []
    try:
        for x in range(3):
            now = datetime.now(UTC)
            patient, session = workload.pair(x)
            with recorded() as sent:
                asyncio.run(_register(api, token, patient, session))
            recordings.append(Recording(patient, session, now, sent))
    finally:
        runtime.close()
    return recordings[1], recordings[2]


async def _register(api: FastAPI, token: str, patient: str, session: str) -> None:
    headers = {"authorization": f"Bearer {token}", "x-campus": CAMPUS, "idempotency-key": str(uuid4())}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://hospital") as http:
        answer = await http.post(client.PATH, json={"patient_id": patient, "session_id": session}, headers=headers)
    if answer.status_code != 201:
        raise Inconsistent(f"the recorded visit was refused: {answer.text}")


def _write(folder: Path, workload: Workload, first: Recording, second: Recording) -> dict[str, Path]:
    scripts = {}
    for mode in MODES:
        scripts[mode] = folder / f"registration-{mode}.sql"
        scripts[mode].write_text(Composer(first, second, quoted=mode == "simple").script(workload), encoding="utf-8")
    return scripts


@contextmanager
def _relay_awake(ground: Ground) -> Iterator[None]:
    """Hold the lock of a relay at work, as on every busy morning: commits then need not wake it."""
    with ground.superuser() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [lock_key(LockKind.RELAY)])
        yield


def _verify(ground: Ground) -> tuple[int, int]:
    """Every visit has its number, no number is missing, and the integrity checks hold. Gives visits and checks."""
    with ground.superuser() as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM outpatient.visits), (SELECT count(*) FROM outpatient.slots"
            " WHERE status = 'taken'), (SELECT sum(last_value) FROM kernel.number_series WHERE series = 'visit'),"
            " (SELECT count(DISTINCT visit_no) FROM outpatient.visits),"
            " (SELECT count(*) FROM payments.charges), (SELECT count(*) FROM kernel.outbox"
            " WHERE type LIKE '%visit_registered%')"
        ).fetchone()
    assert row is not None
    counts = {int(count) for count in row}
    if len(counts) != 1:
        names = "visits, slots taken, last number, visit numbers, charges, events"
        raise Inconsistent(f"{names}: {[int(count) for count in row]}")
    checks = run_checks(ground.settings.auditor_database_url)
    broken = [check for check in checks if check.count]
    if broken:
        raise Inconsistent("; ".join(f"{check.name}: {check.count} {check.rows[:1]}" for check in broken))
    return counts.pop(), len(checks)
