"""pgbench on the same database, as the role of every function."""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from infra.local.postgres import binaries
from loadtests.bench.ground import DATABASE, Ground


class Pgbench(NamedTuple):
    """Transactions done and per second, and how long one took on average in seconds."""

    transactions: int
    rate: float
    latency: float


def run(ground: Ground, script: Path, mode: str, clients: int, seconds: float, base: int) -> Pgbench:
    """Run a script for some seconds. Raises CalledProcessError or ValueError when a transaction failed."""
    done = subprocess.run(
        [
            str(binaries(None) / "pgbench"),
            *("--no-vacuum", "--protocol", mode, "--client", str(clients), "--jobs", "1"),
            *("--time", str(max(1, round(seconds))), "--file", str(script)),
            *("--define", f"base={base}", "--define", f"stride={clients}", "--define", "n=0"),
            *("--host", "127.0.0.1", "--port", str(ground.server.port), "--username", "his_app", DATABASE),
        ],
        env={**os.environ, "PGPASSWORD": ground.server.credentials.his_app},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode or "aborted" in said:
        raise ValueError(f"pgbench failed:\n{said[-3000:]}")
    return Pgbench(
        transactions=int(_figure(r"transactions actually processed: (\d+)", said)),
        rate=float(_figure(r"tps = ([0-9.]+)", said)),
        latency=float(_figure(r"latency average = ([0-9.]+) ms", said)) / 1000,
    )


def _figure(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"pgbench said nothing of {pattern}:\n{text[-2000:]}")
    return found[1]
