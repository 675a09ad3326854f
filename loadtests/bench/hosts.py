"""The hospital as processes of its own, and what they cost."""

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtests.bench.ground import REPOSITORY, Ground, free_port

PATIENCE = 60.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_TICK = os.sysconf("SC_CLK_TCK")


class HostDied(Exception):
    """A process of the hospital ended before it answered; the text is the end of its log."""


class HostProcess:
    """One process serving function apps. Times are counted from its start."""

    def __init__(self, ground: Ground, functions: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        ground.logs.mkdir(exist_ok=True)
        self._log = ground.logs / f"host-{self.port}.log"
        self.started = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "shared.serve"],
                cwd=REPOSITORY,
                env=ground.environment(functions, self.port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def first_answer(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, float]:
        """Ask until it answers: the status, and the seconds since the process began. Raises HostDied."""
        while True:
            with contextlib.suppress(OSError):
                status = self.ask(path, headers)
                return status, time.perf_counter() - self.started
            if self._process.poll() is not None or time.perf_counter() - self.started > PATIENCE:
                raise HostDied(self._log.read_text(errors="replace")[-2000:])
            time.sleep(0.005)

    def ask(self, path: str, headers: dict[str, str] | None = None) -> int:
        """The status of one GET."""
        request = urllib.request.Request(self.url + path, headers=headers or {})  # noqa: S310  our own, on loopback
        try:
            with _OPENER.open(request, timeout=PATIENCE) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            refusal.read()
            return refusal.code

    def cpu_seconds(self) -> float:
        """Processor time it has used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def memory(self) -> tuple[int, int]:
        """Resident and proportional bytes (RSS, PSS)."""
        found = {"Rss": 0, "Pss": 0}
        for line in Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in found:
                found[name] = int(rest.split()[0]) * 1024
        return found["Rss"], found["Pss"]

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@contextmanager
def serving(ground: Ground, functions: str = "all", processes: int = 1) -> Iterator[list[HostProcess]]:
    """Processes of the hospital, ready, each on a port of its own."""
    hosts: list[HostProcess] = []
    try:
        hosts.extend(HostProcess(ground, functions) for _ in range(processes))
        for host in hosts:
            host.first_answer("/readyz")
        yield hosts
    finally:
        for host in hosts:
            host.stop()
