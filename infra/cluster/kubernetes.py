"""The cluster as this machine sees it: kubectl, and what only the running cluster knows."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra.his.manifests.names import NAMESPACE

KUBECONFIG = "/var/lib/k8s-lab/admin.kubeconfig"
"""Where the lab puts its administrator's access; KUBECONFIG says otherwise."""


class ClusterError(Exception):
    """The cluster refused or did not get there in time; the text says what."""


def kubectl(*arguments: str, given: str | None = None, patience: float = 600.0) -> str:
    """Run kubectl; returns what it prints. Raises ClusterError with what it complains about."""
    environment: Mapping[str, str] = {"KUBECONFIG": KUBECONFIG, **os.environ}
    try:
        done = subprocess.run(
            ["kubectl", *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=patience,
        )
    except FileNotFoundError:
        raise ClusterError("kubectl is missing") from None
    if done.returncode:
        raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def get(*what: str, namespace: str = NAMESPACE) -> Any:
    """Objects as dictionaries."""
    return json.loads(kubectl("-n", namespace, "get", *what, "-o", "json"))


def node_address() -> str:
    """Address of the one node, under which pods reach this machine and this machine reaches node ports."""
    for node in get("nodes")["items"]:
        for address in node["status"]["addresses"]:
            if address["type"] == "InternalIP":
                return str(address["address"])
    raise ClusterError("no node")


def apply(folder: Path) -> str:
    """Apply a kustomization."""
    return kubectl("apply", "--server-side", "--force-conflicts", "-k", str(folder))


def pods(selector: str, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    """Pods of a label selector that are not on their way out."""
    found = get("pods", "-l", selector, namespace=namespace)["items"]
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod takes requests."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def services() -> dict[str, str]:
    """Knative Services by name, with the functions each runs."""
    found = {}
    for service in get("ksvc")["items"]:
        container = service["spec"]["template"]["spec"]["containers"][0]
        setting = next(one["value"] for one in container["env"] if one["name"] == "HIS_FUNCTIONS")
        found[service["metadata"]["name"]] = setting
    return found


def until(condition: Callable[[], bool], what: str, patience: float, pause: float = 0.5) -> float:
    """Wait for a condition; seconds it took. Raises ClusterError when it does not come."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > patience:
            raise ClusterError(f"waited {patience:.0f} s for {what}")
        time.sleep(pause)
    return time.monotonic() - begun
