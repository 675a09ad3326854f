"""Building blocks of the data services' manifests, in their namespace."""

from __future__ import annotations

from typing import Any

from infra.his.manifests.document import Manifest
from infra.his.manifests.names import DATA, IMAGE, PART_OF, SCRATCH, SCRATCH_MOUNT, SECURITY, component, labels

BACKUP = "backup"
REGISTRY = "registry.his.internal"
"""The consortium's own, which mirrors the vendors' images."""


def metadata(name: str, kind: str = "") -> dict[str, Any]:
    own = labels(name, kind) if kind else {"app.kubernetes.io/part-of": PART_OF}
    return {"name": name, "namespace": DATA, "labels": own}


def account(kind: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(kind, kind),
        "automountServiceAccountToken": False,
    }


def pod(kind: str) -> dict[str, Any]:
    return {
        "serviceAccountName": kind,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": 65532,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def stateful(
    kind: str,
    replicas: int,
    container: dict[str, Any],
    *,
    grace: int,
    volume: tuple[str, str] | None = None,
    scratch: str = "64Mi",
    files: tuple[dict[str, Any], ...] = (),
) -> Manifest:
    """Pods with names of their own on as many nodes; `volume` is a storage class and a size, and outlives them.

    `files`: volumes of configuration and secrets.
    """
    claims = [
        {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": one[0],
                "resources": {"requests": {"storage": one[1]}},
            },
        }
        for one in ([volume] if volume else [])
    ]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(kind, kind),
        "spec": {
            "serviceName": f"{kind}-nodes",
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": component(kind)},
            "template": {
                "metadata": {"labels": labels(kind, kind)},
                "spec": {
                    **pod(kind),
                    "terminationGracePeriodSeconds": grace,
                    "topologySpreadConstraints": [
                        {
                            "maxSkew": 1,
                            "topologyKey": "kubernetes.io/hostname",
                            "whenUnsatisfiable": "DoNotSchedule",
                            "labelSelector": {"matchLabels": component(kind)},
                        }
                    ],
                    "containers": [container],
                    "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": scratch}}, *files],
                },
            },
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            **({"volumeClaimTemplates": claims} if claims else {}),
        },
    }


def command(name: str, *arguments: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": IMAGE,
        "args": ["infra.backup", *(arguments or (name,))],
        "env": [
            {"name": "HIS_S3_ENDPOINT", "value": f"storage.{DATA}.svc.cluster.local:9000"},
            {"name": "HIS_BACKUP_LOCK_DAYS", "value": "7"},
        ],
        # HIS_BACKUP_DATABASE_URL, HIS_BACKUP_KEYS, HIS_BACKUP_S3_ACCESS_KEY, HIS_BACKUP_S3_SECRET_KEY
        "envFrom": [{"secretRef": {"name": "his-backup"}}],
        "resources": resources("100m", "128Mi", "2", "512Mi"),
        "securityContext": SECURITY,
        "volumeMounts": [SCRATCH_MOUNT],
    }


def nightly(name: str, schedule: str, seconds: int, *arguments: str) -> Manifest:
    template = {
        "metadata": {"labels": labels(name, BACKUP)},
        "spec": {
            **pod(BACKUP),
            "restartPolicy": "Never",
            "containers": [command(name, *arguments)],
            "volumes": [SCRATCH],
        },
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(name, BACKUP),
        "spec": {
            "timeZone": "Asia/Shanghai",
            "schedule": schedule,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"spec": {"backoffLimit": 2, "activeDeadlineSeconds": seconds, "template": template}},
        },
    }


def service(name: str, kind: str, ports: dict[str, int], *, headless: bool = False) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(name, kind),
        "spec": {
            # Nodes must find each other before any of them is ready.
            **({"clusterIP": "None", "publishNotReadyAddresses": True} if headless else {}),
            "selector": component(kind),
            "ports": [
                {"name": one, "port": number, "targetPort": one, "protocol": "TCP"} for one, number in ports.items()
            ],
        },
    }


def budget(kind: str) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(kind, kind),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": component(kind)}},
    }


def monitor(name: str, selected: dict[str, str], port: str, path: str) -> Manifest:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": metadata(name),
        "spec": {
            "selector": {"matchLabels": selected},
            "podMetricsEndpoints": [{"port": port, "path": path, "interval": "15s"}],
        },
    }


def port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "containerPort": number, "protocol": "TCP"}


def get(path: str, port: str, *, period: int, initial: int = 0, failures: int = 3) -> dict[str, Any]:
    probe = {"httpGet": {"path": path, "port": port}, "periodSeconds": period, "timeoutSeconds": 5}
    return {**probe, "failureThreshold": failures, **({"initialDelaySeconds": initial} if initial else {})}


def resources(cpu: str, memory: str, cpu_limit: str, memory_limit: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu_limit, "memory": memory_limit}}


def policy(name: str, selected: dict[str, str], rules: dict[str, list[dict[str, Any]]]) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(name),
        "spec": {
            "podSelector": {"matchLabels": selected} if selected else {},
            "policyTypes": [kind.capitalize() for kind in rules],
            **{kind: rule for kind, rule in rules.items() if rule},
        },
    }


def rule(direction: str, peers: list[dict[str, Any]], *ports: int, udp: bool = False) -> dict[str, Any]:
    found = [{"port": port, "protocol": "TCP"} for port in ports]
    return {direction: peers, "ports": [*found, *({"port": port, "protocol": "UDP"} for port in ports if udp)]}


def namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def kinds(*kinds: str) -> list[dict[str, Any]]:
    return [{"podSelector": {"matchLabels": component(kind)}} for kind in kinds]
