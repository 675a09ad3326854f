"""Knative Services: one per function app or group."""

from __future__ import annotations

from typing import Any

from infra.his.manifests.document import Manifest
from infra.his.manifests.groups import Group
from infra.his.manifests.names import (
    FUNCTION,
    IMAGE,
    NAMESPACE,
    REACHES_OUT,
    SCRATCH,
    SCRATCH_MOUNT,
    SECURITY,
    labels,
    metadata,
    settings_from,
)

SECRET = "his-functions"  # noqa: S105  the name of it
KEYS = "/keys"
"""Where the key files of its functions lie in a container."""
KEYS_MOUNT = {"name": "keys", "mountPath": KEYS, "readOnly": True}
REQUEST_SECONDS = 60

NAME_REFERENCES: Manifest = {
    "nameReference": [
        {
            "kind": kind,
            "version": "v1",
            "fieldSpecs": [
                {
                    "group": "serving.knative.dev",
                    "kind": "Service",
                    "path": f"spec/template/spec/{reference}/name",
                }
            ],
        }
        for kind, reference in (
            ("ConfigMap", "containers/envFrom/configMapRef"),
            ("Secret", "containers/envFrom/secretRef"),
            ("Secret", "volumes/projected/sources/secret"),
        )
    ]
}


def service(group: Group) -> list[Manifest]:
    """The service. It answers inside the cluster only; the gateway is the way in."""
    own = labels(group.name, FUNCTION)
    return [
        {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {
                "name": group.name,
                "namespace": NAMESPACE,
                "labels": {**own, "networking.knative.dev/visibility": "cluster-local"},
                "annotations": {"his.consortium/title": group.title},
            },
            "spec": {
                "template": {
                    "metadata": {
                        "labels": {**own, **(REACHES_OUT if any(app.trust.outside for app in group.apps) else {})},
                        "annotations": {
                            "autoscaling.knative.dev/metric": "concurrency",
                            "autoscaling.knative.dev/target-utilization-percentage": "70",
                            "autoscaling.knative.dev/min-scale": str(group.warm),
                            "autoscaling.knative.dev/max-scale": str(group.peak),
                        },
                    },
                    "spec": _pod(group),
                }
            },
        }
    ]


def _pod(group: Group) -> dict[str, Any]:
    keys = sorted({app.trust.keys for app in group.apps} - {""})
    return {
        "serviceAccountName": FUNCTION,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containerConcurrency": group.concurrency,
        "timeoutSeconds": REQUEST_SECONDS,
        "containers": [
            {
                "name": FUNCTION,
                "image": IMAGE,
                "args": ["shared.serve"],
                "ports": [{"name": "http1", "containerPort": 8080, "protocol": "TCP"}],
                "env": [
                    {"name": "HIS_FUNCTIONS", "value": group.functions},
                    {"name": "HIS_POOL_SIZE", "value": str(group.concurrency)},
                    # Knative's own proxy has drained the requests before this container hears SIGTERM.
                    {"name": "HIS_DRAIN_SECONDS", "value": "0"},
                    *([{"name": "HIS_SECRETS_DIR", "value": KEYS}] if keys else []),
                ],
                "envFrom": settings_from(SECRET, perhaps=tuple(one for app in group.apps for one in app.trust.secrets)),
                # Ready means: the code is loaded and the database answers. Its period is Knative's own, below a second.
                "readinessProbe": {"httpGet": {"path": "/readyz"}, "successThreshold": 1},
                "livenessProbe": {
                    "httpGet": {"path": "/healthz"},
                    "initialDelaySeconds": 20,
                    "periodSeconds": 10,
                    "timeoutSeconds": 5,
                    "failureThreshold": 3,
                },
                "resources": {
                    "requests": {"cpu": "50m", "memory": "160Mi"},
                    "limits": {"cpu": "1", "memory": f"{group.memory}Mi"},
                },
                "securityContext": SECURITY,
                "volumeMounts": [SCRATCH_MOUNT, *([KEYS_MOUNT] if keys else [])],
            }
        ],
        "volumes": [SCRATCH, *([_key_files(keys)] if keys else [])],
    }


def _key_files(secrets: list[str]) -> dict[str, Any]:
    """Key files as one folder; a changed one is there within a minute, without a release."""
    sources = [{"secret": {"name": name, "optional": True}} for name in secrets]
    return {"name": "keys", "projected": {"sources": sources, "defaultMode": 0o444}}


def availability(group: Group) -> list[Manifest]:
    """One instance at a time may be evicted for maintenance; the activator holds requests until the next is ready."""
    return [
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata(group.name, FUNCTION),
            "spec": {
                "maxUnavailable": 1,
                "selector": {"matchLabels": {"serving.knative.dev/service": group.name}},
            },
        }
    ]
