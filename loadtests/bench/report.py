"""The page of figures: what was measured, on what machine, against which targets, and how to measure it again."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from loadtests.bench.empi import Index, Search, percentile
from loadtests.bench.functions import FunctionCost
from loadtests.bench.registration import CLIENTS, CROWD, MODES, PROCESSES, Registration

RATIO, AIM, SPREAD = 0.25, 0.5, 5.0
FIRST, RESIDENT = 1.0, 100 * 10**6
"""Seconds of a fresh process on an idle core; bytes."""


@dataclass(slots=True)
class Findings:
    """What a run measured; a part that was left out is None."""

    registration: Registration | None = None
    functions: list[FunctionCost] | None = None
    index: Index | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured, without a name."""

    processor: str
    cores: int
    memory: float
    kernel: str
    postgres: str
    python: str
    load: float
    """Others at work when the run began: the load average per core."""

    @classmethod
    def here(cls, postgres: str) -> "Machine":
        return cls(
            processor=_processor(),
            cores=os.cpu_count() or 1,
            memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
            kernel=f"{platform.system()} {platform.release()}",
            postgres=postgres,
            python=platform.python_version(),
            load=os.getloadavg()[0] / (os.cpu_count() or 1),
        )


def page(machine: Machine, findings: Findings, day: date) -> str:
    """The whole page in Markdown."""
    parts = [_head(machine, day)]
    if findings.registration is not None:
        parts.append(_registration(findings.registration))
    if findings.functions is not None:
        parts.append(_functions(findings.functions))
    if findings.index is not None:
        parts.append(_index(findings.index))
    return "\n\n".join(parts) + "\n"


def _head(machine: Machine, day: date) -> str:
    return f"""# Benchmarks

Written by `make bench` on {day.isoformat()}; do not edit. Ratios of one run say more than its absolute figures: both
sides of a ratio take turns on the same machine. The parts alone: `python -m loadtests.bench --only registration`,
`--only functions`, `--only empi --people 1000000`.

| | |
| --- | --- |
| Processor | {machine.processor}, {machine.cores} cores, shared by load, hospital and database |
| Memory | {machine.memory:.0f} GB |
| Kernel | {machine.kernel} |
| PostgreSQL | {machine.postgres}, durable (fsync, synchronous_commit), shared_buffers 256 MB |
| Python | {machine.python} |
| Load average per core when the run began | {machine.load:.1f} ({_busy(machine.load)}) |"""


def _busy(load: float) -> str:
    if load < 0.5:
        return "idle"
    return (
        "others were at work: times below are longer than on an idle machine, and ratios flatter the hospital,"
        " which makes fewer round trips that wait for a core"
    )


def _registration(found: Registration) -> str:
    rows = [
        (
            clients,
            *(f"{found.hospital[processes, clients].rate:.0f}" for processes in PROCESSES),
            *(f"{found.pgbench[mode, clients].rate:.0f}" for mode in MODES),
            *(f"{found.ratio(processes, clients):.2f}" for processes in PROCESSES),
        )
        for clients in CLIENTS
    ]
    heads = (
        "clients",
        *(f"hospital, {_processes(processes)}" for processes in PROCESSES),
        *(f"pgbench, {mode}" for mode in MODES),
        *(f"ratio, {_processes(processes)}" for processes in PROCESSES),
    )
    waits = [
        (
            _processes(processes),
            clients,
            *(f"{found.hospital[processes, clients].percentile(share) * 1000:.1f}" for share in (0.5, 0.95, 0.99)),
        )
        for processes in PROCESSES
        for clients in CLIENTS
    ]
    targets = [_ratio_target(found, clients) for clients in CLIENTS]
    targets += [_spread_target(found, processes) for processes in PROCESSES]
    targets += [
        (
            f"{CROWD} requests at once, one process, pool of 5",
            "every one answered",
            f"{found.crowd.done} answered, the last after {found.crowd.seconds:.2f} s",
            _met(found.crowd.done == CROWD),
        ),
    ]
    return f"""## Registration, end to end

A visit is registered through HTTP (`POST /api/outpatient/registration/visits`: token, patient, number, price, charge,
visit number, visit, access grant, two events, audit, kept answer) in processes of `shared.serve`, by a client that
sends the next request when the last is answered. pgbench sends the {found.statements} statements the hospital sends,
recorded in the same run, one by one and with BEGIN and COMMIT, for other patients and sessions; the better of its modes
is the reference. It holds the lock of the visit number over the round trips that follow it, where the hospital sends
the rest in one; with many clients this tells. Visits per second, {found.rounds} rounds of {found.seconds:.0f} s each:

{_table(heads, rows)}

Milliseconds until the hospital's answer:

{_table(("processes", "clients", "p50", "p95", "p99"), waits)}

{_table(("target", "wanted", "measured", "verdict"), targets)}

After the run {found.visits:,} visits, as many numbers taken, visit numbers without a gap, charges and events; all
{found.checks} integrity checks hold. The relay's lock was held as by a relay at work; events were not delivered
meanwhile."""


def _ratio_target(found: Registration, clients: int) -> tuple[str, str, str, str]:
    best = max(PROCESSES, key=lambda processes: found.ratio(processes, clients))
    ratio = found.ratio(best, clients)
    verdict = "met, aim met" if ratio >= AIM else "met, aim not met" if ratio >= RATIO else "not met"
    title = f"ratio to pgbench, {_clients(clients)}, {_processes(best)}"
    return title, f"at least {RATIO}, aim {AIM}", f"{ratio:.2f}", verdict


def _spread_target(found: Registration, processes: int) -> tuple[str, str, str, str]:
    sums = found.hospital[processes, CLIENTS[-1]]
    spread = sums.percentile(0.99) / sums.percentile(0.5)
    title = f"p99 over p50, {_clients(CLIENTS[-1])}, {_processes(processes)}"
    return title, f"within {SPREAD:.0f}", f"{spread:.1f}", _met(spread <= SPREAD)


def _functions(costs: Sequence[FunctionCost]) -> str:
    rows = [
        (
            cost.name,
            f"{cost.ready:.2f}",
            f"{cost.ready_cpu:.2f}",
            f"{cost.answered:.2f}",
            f"{cost.answered_cpu:.2f}",
            _met(cost.answered_cpu < FIRST) if cost.functions == 1 else "",
            f"{cost.resident / 1e6:.0f}",
            f"{cost.proportional / 1e6:.0f}",
            f"{cost.resident / cost.functions / 1e6:.0f}",
            _met(cost.resident / cost.functions < RESIDENT),
        )
        for cost in costs
    ]
    heads = (
        *("process of", "ready s", "its CPU s", "first answer s", "its CPU s", "verdict"),
        *("RSS MB", "PSS MB", "RSS a function", "verdict"),
    )
    return f"""## A fresh process

From the start of the process to the first answer on `/readyz` and then of its own API (a list, with a token to
verify), and its memory after 50 requests to each function in it. On an idle core the time is the CPU time and the
short waits for the database. Targets: a first response of a function under {FIRST:.0f} s (judged by the CPU time), and
under {RESIDENT / 1e6:.0f} MB resident a function (RSS, which counts shared libraries in full; PSS counts this
process's share). Production runs the groups; a process of one function holds some 90 MB of libraries by itself
(decision 0009).

{_table(heads, rows)}"""


def _index(index: Index) -> str:
    rows = []
    for search in index.searches:
        bare = [f"{percentile(search.bare, share) * 1000:.2f}" for share in (0.5, 0.99)] if search.bare else ["", ""]
        rows.append(
            (
                search.title,
                f"{search.hits:.1f}" if search.hits else "",
                *(f"{percentile(search.service, share) * 1000:.2f}" for share in (0.5, 0.99)),
                *(f"{percentile(search.whole, share) * 1000:.2f}" for share in (0.5, 0.99)),
                *bare,
                f"{search.limit * 1000:.0f}" if search.limit else "",
                _judged(search) if search.limit else "",
            )
        )
    heads = ("looked for", "found", "p50", "p99", "with commit p50", "p99", "bare p50", "p99", "target p99", "verdict")
    return f"""## Patient index with {index.people:,} people

Milliseconds. The service (`patients.find`, as `his_app` under row-level security, with the opening of its transaction,
masking included), the same with its audit row committed durably, and bare: the same select by a superuser whom
row-level security does not concern. {len(index.searches[0].service)} searches of each kind, service and bare in turns;
loading took {index.loading:.0f} s.

{_table(heads, rows)}"""


def _judged(search: Search) -> str:
    """A machine on which the bare select misses the target says nothing about the service."""
    assert search.limit is not None
    if percentile(search.service, 0.99) < search.limit:
        return "met"
    return "not met" if percentile(search.bare, 0.99) < search.limit else "not met, nor by the bare select"


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def _clients(number: int) -> str:
    return "1 client" if number == 1 else f"{number} clients"


def _met(yes: bool) -> str:
    return "met" if yes else "not met"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    words = {"target", "wanted", "measured", "verdict", "process of", "processes", "looked for"}
    numbers = [head not in words for head in heads]
    lines = [heads, ["---:" if number else "---" for number in numbers], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
