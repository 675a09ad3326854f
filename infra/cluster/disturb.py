"""What callers notice of a new release and of an instance that dies: steady requests while it happens."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.cluster import data
from infra.cluster.deploy import gateway
from infra.cluster.kubernetes import ClusterError, get, kubectl, node_address, pods, ready, until
from infra.cluster.measure import QUESTIONS, service_of, staffed, token
from infra.his.manifests.names import NAMESPACE

Say = Callable[[str], None]

CALLERS, EACH_PER_SECOND, SECONDS = 10, 5, 40
"""50 requests a second."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back: answers by status, requests without one, and how long they took."""

    answers: dict[str, int]
    lost: int
    p50: float
    p99: float

    @property
    def failed(self) -> int:
        return self.lost + sum(count for status, count in self.answers.items() if status != "200")

    def __str__(self) -> str:
        total = sum(self.answers.values()) + self.lost
        return (
            f"{total} requests, {self.failed} failed ({self.answers}, {self.lost} without answer),"
            f" p50 {self.p50 * 1000:.0f} ms, p99 {self.p99 * 1000:.0f} ms"
        )


def disturb(say: Say) -> int:
    """Roll, kill gently, kill hard, each under load; 0 when no request failed."""
    os.environ.update(data.settings(node_address(), gateway()))
    staffed()
    function = "outpatient/schedule"
    service = service_of(function)
    failed = 0
    for what, action in (("new revision", _roll), ("instance evicted", _evict), ("instance killed", _kill)):
        until(lambda: any(ready(pod) for pod in _instances(service)) or _wake(function), "an instance", 120)
        seen = under_load(function, lambda action=action: action(service))  # type: ignore[misc]
        say(f"{what}: {seen}")
        failed += seen.failed
    return 1 if failed else 0


def under_load(function: str, action: Callable[[], None]) -> Seen:
    """Steady reads of one function; the action happens ten seconds after they began."""
    trouble: list[Exception] = []

    def act() -> None:
        time.sleep(10)
        try:
            action()
        except ClusterError as error:
            trouble.append(error)

    actor = threading.Thread(target=act)
    actor.start()
    order = ["hey", "-z", f"{SECONDS}s", "-c", str(CALLERS), "-q", str(EACH_PER_SECOND), "-t", "30"]
    order += ["-H", f"Authorization: Bearer {token()}", "-H", "X-Campus: hq", gateway() + QUESTIONS[function]]
    done = subprocess.run(order, capture_output=True, text=True, check=True)
    actor.join()
    if trouble:
        raise trouble[0]
    shares = {int(share): float(seconds) for share, seconds in re.findall(r"(\d+)%+ in ([\d.]+) secs", done.stdout)}
    lost = done.stdout.partition("Error distribution:")[2]
    return Seen(
        answers={status: int(count) for status, count in re.findall(r"\[(\d+)\]\s+(\d+) responses", done.stdout)},
        lost=sum(int(count) for count in re.findall(r"\[(\d+)\]", lost)),
        p50=shares.get(50, 0.0),
        p99=shares.get(99, 0.0),
    )


def _roll(service: str) -> None:
    stamp = (
        f'{{"spec":{{"template":{{"metadata":{{"annotations":{{"his.consortium/rolled":"{time.time():.0f}"}}}}}}}}}}'
    )
    kubectl("-n", NAMESPACE, "patch", "ksvc", service, "--type", "merge", "-p", stamp)

    def moved() -> bool:
        status = get("ksvc", service)["status"]
        return bool(status["latestCreatedRevisionName"] == status["latestReadyRevisionName"])

    until(moved, "the new revision", 120)


def _evict(service: str) -> None:
    kubectl("-n", NAMESPACE, "delete", "pod", _one(service), "--wait=false")


def _kill(service: str) -> None:
    kubectl("-n", NAMESPACE, "delete", "pod", _one(service), "--force", "--grace-period=0")


def _one(service: str) -> str:
    return str(next(pod for pod in _instances(service) if ready(pod))["metadata"]["name"])


def _instances(service: str) -> list[dict[str, Any]]:
    return pods(f"serving.knative.dev/service={service}")


def _wake(function: str) -> bool:
    import httpx

    httpx.get(gateway() + QUESTIONS[function], timeout=60)
    return False
