"""The lab's disk as volumes: folders of the node, given out by storage class."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from infra.cluster.kubernetes import get, kubectl

VOLUMES = Path("/var/lib/k8s-lab/volumes")
DRIVES = {"local-nvme": 24, "local-hdd": 4}
"""How many of each class. CloudNativePG takes none twice: an instance made anew is another."""
_MINE = "app.kubernetes.io/part-of=consortium-his"


def provide() -> None:
    """Storage classes and volumes of the node's disk."""
    node = get("nodes")["items"][0]["metadata"]["name"]
    objects: list[dict[str, Any]] = []
    for name, count in DRIVES.items():
        objects.append(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": name},
                "provisioner": "kubernetes.io/no-provisioner",
                "volumeBindingMode": "WaitForFirstConsumer",
                "reclaimPolicy": "Retain",
            }
        )
        for number in range(count):
            folder = VOLUMES / f"{name}-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            objects.append(_volume(folder, name, node))
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=listed)


def forget() -> None:
    """Take the node's volumes back, with what they hold."""
    kubectl("delete", "persistentvolume", "-l", _MINE, "--ignore-not-found")
    shutil.rmtree(VOLUMES, ignore_errors=True)


def _volume(folder: Path, kind: str, node: str) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": folder.name, "labels": dict([_MINE.split("=")])},
        "spec": {
            "capacity": {"storage": "8Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": kind,
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
        },
    }
