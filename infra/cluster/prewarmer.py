"""The pre-warmer, made to act when a measurement wants it, and not otherwise."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infra.cluster.kubernetes import ClusterError, get, kubectl, pods, ready, until
from infra.his.manifests.names import NAMESPACE, PREWARM, WORKER
from infra.his.prewarm import MINIMUM


@contextmanager
def held_back() -> Iterator[None]:
    """While this lasts the declared minimum of every service holds, and nothing but callers wakes one.

    The pre-warmer's own runs, every five minutes, would set another minimum meanwhile; the worker tells every function
    that a minute has passed, and an instance takes most of a minute to go.
    """
    workers = str(get("deployment", WORKER)["spec"]["replicas"])
    _suspend(True)
    _scale_worker("0")
    try:
        run_prewarm("--factor", "0")
        yield
    finally:
        _scale_worker(workers)
        _suspend(False)


@contextmanager
def kept_awake() -> Iterator[None]:
    """While this lasts every service has a ready instance, and none of them goes.

    Raises ClusterError for one that does not come up.
    """
    serving = {one["metadata"]["name"]: one["status"]["latestReadyRevisionName"] for one in get("ksvc")["items"]}
    before = {name: get("revision", name)["metadata"].get("annotations", {}).get(MINIMUM) for name in serving.values()}
    _suspend(True)
    try:
        for revision, minimum in before.items():
            _set_minimum(revision, str(max(int(minimum or 0), 1)))
        for service, revision in serving.items():
            selector = f"serving.knative.dev/revision={revision}"
            until(lambda selector=selector: any(map(ready, pods(selector))), f"an instance of {service}", 120)  # type: ignore[misc]
        yield
    finally:
        for revision, minimum in before.items():
            _set_minimum(revision, minimum)
        _suspend(False)


def _set_minimum(revision: str, count: str | None) -> None:
    change = json.dumps({"metadata": {"annotations": {MINIMUM: count}}})
    kubectl("-n", NAMESPACE, "patch", "revision", revision, "--type", "merge", "-p", change)


def _scale_worker(replicas: str) -> None:
    kubectl("-n", NAMESPACE, "scale", f"deployment/{WORKER}", f"--replicas={replicas}")


def run_prewarm(*options: str) -> str:
    """Run the CronJob's own pod now, with more options; what it said."""
    name = f"{PREWARM}-now-{time.time_ns() // 1_000_000}"
    template: dict[str, Any] = get("cronjob", PREWARM)["spec"]["jobTemplate"]
    template["spec"]["template"]["spec"]["containers"][0]["args"] += options
    template["spec"] |= {"backoffLimit": 0, "ttlSecondsAfterFinished": 600}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": NAMESPACE}}
    kubectl("apply", "-f", "-", given=json.dumps({**job, "spec": template["spec"]}))

    def over() -> bool:
        status = get("job", name)["status"]
        if status.get("failed"):
            raise ClusterError(f"prewarm: {kubectl('-n', NAMESPACE, 'logs', f'job/{name}')}")
        return bool(status.get("succeeded"))

    until(over, "the pre-warmer", 120)
    return kubectl("-n", NAMESPACE, "logs", f"job/{name}")


def _suspend(so: bool) -> None:
    change = json.dumps({"spec": {"suspend": so}})
    kubectl("-n", NAMESPACE, "patch", "cronjob", PREWARM, "--type", "merge", "-p", change)
