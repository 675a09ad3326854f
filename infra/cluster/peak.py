"""08:00 with and without the pre-warmer: the same rush of callers, first on a service at zero, then on a warmed one."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

from infra.cluster import data
from infra.cluster.deploy import gateway
from infra.cluster.kubernetes import get, node_address, pods, ready, until
from infra.cluster.measure import QUESTIONS, service_of, staffed, token
from infra.cluster.prewarmer import held_back, run_prewarm

Say = Callable[[str], None]

FUNCTION = "outpatient/schedule"
CALLERS, SECONDS = 30, 20
AHEAD = 24 * 60
"""Minutes to look ahead: the demonstration's sessions are of the next morning."""


def peak(factor: float, say: Say) -> int:
    """Two rushes; 0 when no request failed and the pre-warmer raised and lowered the minimum."""
    os.environ.update(data.settings(node_address(), gateway()))
    staffed()
    with held_back():
        return _peak(factor, say)


def _peak(factor: float, say: Say) -> int:
    service = service_of(FUNCTION)
    faults = []
    until(lambda: not _all_pods(service), f"{service} to go to zero", 300)
    cold = rush()
    say(f"from zero: {cold}, load {os.getloadavg()[0]:.1f}")
    until(lambda: not _all_pods(service), f"{service} to go to zero", 300)
    begun = time.monotonic()
    told = run_prewarm("--ahead", str(AHEAD), "--factor", str(factor))
    wanted = int(next(match[1] for match in re.finditer(rf"{service}: \d+ -> (\d+)", told)))
    until(lambda: sum(map(ready, _pods(service))) >= wanted, f"{wanted} instances", 120)
    say(f"pre-warmer: {told.strip().splitlines()[0]}; {wanted} instances ready {time.monotonic() - begun:.0f} s later")
    revisions = {pod["metadata"]["labels"]["serving.knative.dev/revision"] for pod in _pods(service)}
    warm = rush()
    say(f"pre-warmed: {warm}, load {os.getloadavg()[0]:.1f}")
    run_prewarm("--factor", "0")
    gone = until(lambda: not _all_pods(service), f"{service} to go to zero", 300)
    say(f"wave over: back to zero {gone:.0f} s after the minimum fell")
    if wanted < 2:
        faults.append(f"the pre-warmer asks for {wanted}: give a larger --factor")
    if len(revisions) != 1:
        faults.append("the pre-warmer has rolled out a new revision")
    faults += [f"{name} failed" for name, failed in (("from zero", cold.failed), ("pre-warmed", warm.failed)) if failed]
    for fault in faults:
        say(f"wrong: {fault}")
    return 1 if faults else 0


class Rush:
    """What callers saw."""

    def __init__(self, printed: str) -> None:
        shares = {int(share): float(value) for share, value in re.findall(r"(\d+)%+ in ([\d.]+) secs", printed)}
        answers = {status: int(count) for status, count in re.findall(r"\[(\d+)\]\s+(\d+) responses", printed)}
        slowest = re.search(r"Slowest:\s+([\d.]+)", printed)
        self.total = sum(answers.values())
        self.failed = self.total - answers.get("200", 0) + len(re.findall(r"^\s+\[\d+\]\s.*(?:Get|EOF)", printed, re.M))
        self.text = (
            f"{self.total} answers in {SECONDS} s, {self.failed} failed, p50 {shares.get(50, 0) * 1000:.0f} ms,"
            f" p95 {shares.get(95, 0) * 1000:.0f} ms, p99 {shares.get(99, 0) * 1000:.0f} ms,"
            f" slowest {float(slowest[1]) if slowest else 0:.2f} s"
        )

    def __str__(self) -> str:
        return self.text


def rush() -> Rush:
    """Everybody at once, from the first second."""
    order = ["hey", "-z", f"{SECONDS}s", "-c", str(CALLERS), "-t", "60", "-H", f"Authorization: Bearer {token()}"]
    order += ["-H", "X-Campus: hq", gateway() + QUESTIONS[FUNCTION]]
    return Rush(subprocess.run(order, capture_output=True, text=True, check=True).stdout)


def _all_pods(service: str) -> list[dict[str, Any]]:
    """With those on their way out: while one of them still runs, nothing starts from zero."""
    return list(get("pods", "-l", f"serving.knative.dev/service={service}")["items"])


def _pods(service: str) -> list[dict[str, Any]]:
    return pods(f"serving.knative.dev/service={service}")
