"""A lean HTTP client in a process of its own: reads a task from stdin, writes what came of it to stdout.

Each of its clients sends the next request when it has read the answer to the last one. It is to cost as little as
pgbench does, for both share the machine with what they measure.
"""

import asyncio
import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from loadtests.bench.workload import Workload

REPOSITORY = Path(__file__).resolve().parents[2]  # not asked of the settings: this process starts for each load
PATH = "/api/outpatient/registration/visits"


class Load(NamedTuple):
    """`tokens` in turn for the clients, `ports` in turn for their connections; `limit` ends after so many requests."""

    ports: list[int]
    tokens: list[str]
    clients: int
    seconds: float
    base: int
    patients: int
    sessions: int
    limit: int = 0


class Outcome(NamedTuple):
    """Answers by status, seconds of each answer in order of size, and how long it took until the last one."""

    statuses: dict[str, int]
    latencies: list[float]
    elapsed: float

    @property
    def registered(self) -> int:
        return self.statuses.get("201", 0)

    @property
    def rate(self) -> float:
        return self.registered / self.elapsed

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


def run(load: Load) -> Outcome:
    """Put this load on the hospital from another process."""
    done = subprocess.run(
        [sys.executable, "-m", "loadtests.bench.client"],
        cwd=REPOSITORY,
        input=json.dumps(load._asdict()),
        capture_output=True,
        text=True,
        check=True,
        timeout=load.seconds + 120,
    )
    return Outcome(**json.loads(done.stdout))


class _Client(asyncio.Protocol):
    def __init__(self, load: Load, number: int, tally: "_Tally") -> None:
        self._load = load
        self._workload = Workload(load.patients, load.sessions)
        self._next = load.base + number
        self._tally = tally
        self._head = (
            f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {load.tokens[number % len(load.tokens)]}"
            "\r\nx-campus: hq\r\ncontent-type: application/json\r\n"
        )
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own, which is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        now = time.perf_counter()
        self._tally.answered(head[9:12].decode(), now - self._sent)
        if now < self._tally.until and self._tally.more():
            self._send()
        else:
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self._tally.answered("lost", 0.0)
            self._finish()

    def _send(self) -> None:
        patient, session = self._workload.pair(self._next)
        body = f'{{"patient_id":"{patient}","session_id":"{session}"}}'
        request = f"{self._head}idempotency-key: bench-{self._next:09d}\r\ncontent-length: {len(body)}\r\n\r\n{body}"
        self._next += self._load.clients
        self._tally.sent += 1
        self._sent = time.perf_counter()
        assert self._transport is not None
        self._transport.write(request.encode())

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        if self._transport is not None:
            self._transport.close()


class _Tally:
    def __init__(self, load: Load) -> None:
        self.statuses: dict[str, int] = {}
        self.latencies: list[float] = []
        self.sent = 0
        self._limit = load.limit
        self.until = time.perf_counter() + load.seconds

    def answered(self, status: str, seconds: float) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latencies.append(seconds)

    def more(self) -> bool:
        return not self._limit or self.sent < self._limit


async def _load(load: Load) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    tally = _Tally(load)
    started = time.perf_counter()
    clients = []
    for number in range(load.clients):
        _, client = await loop.create_connection(
            partial(_Client, load, number, tally), "127.0.0.1", load.ports[number % len(load.ports)]
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    elapsed = time.perf_counter() - started
    return {"statuses": tally.statuses, "latencies": sorted(tally.latencies), "elapsed": elapsed}


def main() -> None:
    import uvloop

    load = Load(**json.load(sys.stdin))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(runner.run(_load(load)), sys.stdout)


if __name__ == "__main__":
    main()
