"""Names and labels that manifests share, and what every container of ours may not do."""

from __future__ import annotations

from typing import Any

NAMESPACE = "his"
DATA = "his-data"
"""Namespace of the data services, or of the names under which they are reached."""
SERVING = "knative-serving"
EVENTING = "knative-eventing"
KOURIER = "kourier-system"
MONITORING = "monitoring"
PART_OF = "consortium-his"
IMAGE = "consortium-his"
"""Placeholder; an overlay names registry and digest."""
ENVOY = "envoy"
SETTINGS = "his-settings"
DIRECTORY_SECRET = "his-directory"  # noqa: S105  the name of it
"""What platform/sso keeps the realm with. Read by its service and by the job that tells the realm, by nobody else."""

FUNCTION, WORKER, PREPARE, GATEWAY, PREWARM = "function", "worker", "prepare", "gateway", "prewarm"
"""Kinds of pods, by the label app.kubernetes.io/component; network policies go by it."""
REACHES_OUT = {"his.consortium/reaches-out": "true"}
"""Label of pods that call systems outside the data centre."""

SECURITY: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
SCRATCH: dict[str, Any] = {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}
"""The only place a container of ours writes to; gone with the pod."""
SCRATCH_MOUNT: dict[str, Any] = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108  of the container


def component(kind: str) -> dict[str, str]:
    """The label a pod's network policies select it by."""
    return {"app.kubernetes.io/component": kind}


def labels(name: str, kind: str) -> dict[str, str]:
    """Labels of an object."""
    return {"app.kubernetes.io/name": name, **component(kind), "app.kubernetes.io/part-of": PART_OF}


def metadata(name: str, kind: str = "", **more: Any) -> dict[str, Any]:
    """Metadata of a namespaced object of ours."""
    own = labels(name, kind) if kind else {"app.kubernetes.io/part-of": PART_OF}
    return {"name": name, "namespace": NAMESPACE, "labels": {**own, **more.pop("labels", {})}, **more}


def settings_from(*secrets: str, perhaps: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Environment of a container: the shared settings and the secrets of its role.

    `perhaps`: secrets an installation may lack; the container starts without and says what it can't do.
    """
    return [
        {"configMapRef": {"name": SETTINGS}},
        *({"secretRef": {"name": secret}} for secret in secrets),
        *({"secretRef": {"name": secret, "optional": True}} for secret in perhaps),
    ]
