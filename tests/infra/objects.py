"""Reading manifests: which of them run pods, and what those pods are."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

Manifest = dict[str, Any]


class Pod(NamedTuple):
    """The pods an object makes."""

    name: str
    kind: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


def is_service_of_knative(one: Manifest) -> bool:
    return one["kind"] == "Service" and one["apiVersion"].startswith("serving.knative.dev/")


def pods(manifests: Iterable[Manifest]) -> Iterator[Pod]:
    """Every pod template."""
    for one in manifests:
        spec = one.get("spec", {})
        if one["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if one["kind"] in {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"} or is_service_of_knative(one):
            template = spec["template"]
            labels = template.get("metadata", {}).get("labels", {})
            yield Pod(one["metadata"]["name"], one["kind"], labels, template["spec"])


def of_kind(manifests: Iterable[Manifest], kind: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] == kind and not is_service_of_knative(one)]


def knative(manifests: Iterable[Manifest]) -> dict[str, Manifest]:
    """Knative Services by name."""
    return {one["metadata"]["name"]: one for one in manifests if is_service_of_knative(one)}


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container.get("env", []) if "value" in one}
