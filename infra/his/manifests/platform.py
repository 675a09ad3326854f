"""What runs beside the functions: the job before a release, the worker, the gateway."""

from __future__ import annotations

from typing import Any

from infra.his.manifests.document import Manifest
from infra.his.manifests.eventing import DEAD_LETTERS
from infra.his.manifests.names import (
    DIRECTORY_SECRET,
    ENVOY,
    FUNCTION,
    GATEWAY,
    IMAGE,
    NAMESPACE,
    PART_OF,
    PREPARE,
    PREWARM,
    SCRATCH,
    SCRATCH_MOUNT,
    SECURITY,
    WORKER,
    component,
    labels,
    metadata,
    settings_from,
)

CERTIFICATE = "gateway-tls"
CONFIGURATION = "gateway"
OPERATOR_SECRET, WORKER_SECRET, PREWARM_SECRET = "his-operator", "his-worker", "his-prewarm"

_POD_SECURITY = {
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def namespace() -> list[Manifest]:
    """The namespace; the API server itself refuses a pod that asks for more than `restricted` allows."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": NAMESPACE,
                "labels": {
                    "app.kubernetes.io/part-of": PART_OF,
                    "pod-security.kubernetes.io/enforce": "restricted",
                    "pod-security.kubernetes.io/warn": "restricted",
                },
            },
        }
    ]


def accounts() -> list[Manifest]:
    """One account for each kind of pod. Only the pre-warmer asks the API server anything; only its pods get a token."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": PREWARM}
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata(kind, kind),
            "automountServiceAccountToken": False,
        }
        for kind in (FUNCTION, WORKER, PREPARE, GATEWAY, PREWARM)
    ] + [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": metadata(PREWARM, PREWARM),
            "rules": [
                {"apiGroups": ["serving.knative.dev"], "resources": ["services"], "verbs": ["list"]},
                {"apiGroups": ["serving.knative.dev"], "resources": ["revisions"], "verbs": ["get", "patch"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata(PREWARM, PREWARM),
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": PREWARM, "namespace": NAMESPACE}],
        },
    ]


def jobs() -> list[Manifest]:
    """The schema, before a release; the realm, after it and every few minutes, so that nothing done by hand stays; the
    instances the next patients need, every five minutes.

    All change nothing when there is nothing to change.
    """
    return [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata("migrate", PREPARE),
            "spec": {"backoffLimit": 3, "activeDeadlineSeconds": 1800, "template": _job("migrate", "migrate")},
        },
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": metadata("identity", PREPARE),
            "spec": _every("*/10 * * * *", 540, _identity()),
        },
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": metadata(PREWARM, PREWARM),
            "spec": _every("*/5 * * * *", 120, _prewarm()),
        },
    ]


def _identity() -> dict[str, Any]:
    """The operator's account provisions the realm, and tells it the secret platform/sso keeps it with from then on."""
    template = _job("identity", "identity", "sync")
    template["spec"]["containers"][0]["envFrom"] = settings_from(OPERATOR_SECRET, perhaps=(DIRECTORY_SECRET,))
    return template


def _every(schedule: str, seconds: int, template: dict[str, Any]) -> dict[str, Any]:
    return {
        "schedule": schedule,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 300,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"spec": {"backoffLimit": 1, "activeDeadlineSeconds": seconds, "template": template}},
    }


def _prewarm() -> dict[str, Any]:
    """The one pod with a token: it may list services and set annotations of revisions."""
    command = {**_command(PREWARM, PREWARM), "envFrom": settings_from(PREWARM_SECRET)}
    spec = {**_pod(PREWARM), "automountServiceAccountToken": True, "restartPolicy": "Never"}
    return {
        "metadata": {"labels": labels(PREWARM, PREWARM)},
        "spec": {**spec, "containers": [command], "volumes": [SCRATCH]},
    }


def worker() -> list[Manifest]:
    """Relay, audit sealer, housekeeping. Two at once are safe: they take turns by a lock in the database."""
    probe = {"httpGet": {"path": "/healthz", "port": "metrics"}, "periodSeconds": 10, "timeoutSeconds": 5}
    container = {
        "name": WORKER,
        "image": IMAGE,
        "args": ["events.worker"],
        "ports": [{"name": "metrics", "containerPort": 8001, "protocol": "TCP"}],
        "env": [{"name": "HIS_WORKER_HOST", "value": "0.0.0.0"}, {"name": "HIS_WORKER_PORT", "value": "8001"}],  # noqa: S104
        "envFrom": settings_from(WORKER_SECRET),
        "readinessProbe": probe,
        "livenessProbe": {**probe, "initialDelaySeconds": 30, "failureThreshold": 3},
        "resources": _resources("50m", "128Mi", "1", "512Mi"),
        "securityContext": SECURITY,
        "volumeMounts": [SCRATCH_MOUNT],
    }
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(WORKER, WORKER),
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": component(WORKER)},
                "template": {
                    "metadata": {"labels": labels(WORKER, WORKER)},
                    "spec": {
                        **_pod(WORKER),
                        "terminationGracePeriodSeconds": 30,
                        "topologySpreadConstraints": _spread(WORKER),
                        "containers": [container],
                        "volumes": [SCRATCH],
                    },
                },
            },
        },
        _budget(WORKER),
    ]


def gateway() -> list[Manifest]:
    """Envoy: the only door from outside. Its routes come from the overlay's envoy.yaml."""
    container = {
        "name": ENVOY,
        "image": ENVOY,
        "args": ["-c", "/etc/envoy/envoy.yaml", "--concurrency", "2", "--log-level", "warning"],
        "ports": [
            {"name": "http", "containerPort": 8080, "protocol": "TCP"},
            {"name": "https", "containerPort": 8443, "protocol": "TCP"},
            {"name": "dead-letters", "containerPort": 8090, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9901, "protocol": "TCP"},
        ],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "metrics"}, "periodSeconds": 3},
        "livenessProbe": {
            "httpGet": {"path": "/ready", "port": "metrics"},
            "initialDelaySeconds": 10,
            "periodSeconds": 10,
            "failureThreshold": 6,
        },
        # Taken off the service first; what was sent here meanwhile is still answered.
        "lifecycle": {"preStop": {"sleep": {"seconds": 10}}},
        "resources": _resources("50m", "64Mi", "1", "512Mi"),
        "securityContext": SECURITY,
        "volumeMounts": [
            {"name": "configuration", "mountPath": "/etc/envoy", "readOnly": True},
            {"name": "certificate", "mountPath": "/etc/gateway-tls", "readOnly": True},
            SCRATCH_MOUNT,
        ],
    }
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(GATEWAY, GATEWAY),
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": component(GATEWAY)},
                "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "template": {
                    "metadata": {"labels": labels(GATEWAY, GATEWAY)},
                    "spec": {
                        **_pod(GATEWAY),
                        "terminationGracePeriodSeconds": 75,
                        "topologySpreadConstraints": _spread(GATEWAY),
                        "containers": [container],
                        "volumes": [
                            {"name": "configuration", "configMap": {"name": CONFIGURATION}},
                            {"name": "certificate", "secret": {"secretName": CERTIFICATE, "defaultMode": 0o444}},
                            SCRATCH,
                        ],
                    },
                },
            },
        },
        _service(
            GATEWAY,
            [
                {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
                {"name": "https", "port": 443, "targetPort": "https", "protocol": "TCP"},
            ],
        ),
        _service("gateway-metrics", [{"name": "metrics", "port": 9901, "targetPort": "metrics", "protocol": "TCP"}]),
        _service(DEAD_LETTERS, [{"name": "http", "port": 80, "targetPort": "dead-letters", "protocol": "TCP"}]),
        _budget(GATEWAY),
    ]


def _pod(kind: str) -> dict[str, Any]:
    return {
        "serviceAccountName": kind,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _POD_SECURITY,
    }


def _job(name: str, *arguments: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": labels(name, PREPARE)},
        "spec": {
            **_pod(PREPARE),
            "restartPolicy": "Never",
            "containers": [_command(name, *arguments)],
            "volumes": [SCRATCH],
        },
    }


def _command(name: str, *arguments: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": IMAGE,
        "args": ["infra.his", *arguments],
        "envFrom": settings_from(OPERATOR_SECRET),
        "resources": _resources("50m", "128Mi", "1", "512Mi"),
        "securityContext": SECURITY,
        "volumeMounts": [SCRATCH_MOUNT],
    }


def _resources(cpu: str, memory: str, cpu_limit: str, memory_limit: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu_limit, "memory": memory_limit}}


def _spread(kind: str) -> list[dict[str, Any]]:
    return [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": component(kind)},
        }
    ]


def _service(name: str, ports: list[dict[str, Any]]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(name, GATEWAY),
        "spec": {"selector": component(GATEWAY), "ports": ports},
    }


def _budget(kind: str) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(kind, kind),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": component(kind)}},
    }
