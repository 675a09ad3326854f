"""Collects the API schemas that tests hold the manifests against, so that CI needs no cluster.

    python -m infra.cluster.schemas      # from the Go module cache that the lab's builds leave behind

Kubernetes publishes OpenAPI 3 documents in its module, Knative its CRDs. Only kinds we use are kept, without prose, and
every object is closed: a misspelt field is an error here as it would be a silent nothing in a cluster.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.his.manifests.document import parsed
from shared.settings import REPOSITORY

HOME = REPOSITORY / "infra" / "k8s" / "schemas"

KUBERNETES = "k8s.io/kubernetes@v1.35.4"
SERVING, EVENTING = "knative.dev/serving@v0.48.2", "knative.dev/eventing@v0.48.2"
CHANNEL = "knative.dev/eventing-natss@v0.48.1"
POSTGRES = "github.com/cloudnative-pg/cloudnative-pg@v1.29.0"

BUILT_IN = {
    "api__v1_openapi.json": ("Namespace", "Service", "ServiceAccount", "ConfigMap", "Secret"),
    "apis__apps__v1_openapi.json": ("Deployment", "StatefulSet"),
    "apis__autoscaling__v2_openapi.json": ("HorizontalPodAutoscaler",),
    "apis__batch__v1_openapi.json": ("Job", "CronJob"),
    "apis__policy__v1_openapi.json": ("PodDisruptionBudget",),
    "apis__networking.k8s.io__v1_openapi.json": ("NetworkPolicy",),
    "apis__discovery.k8s.io__v1_openapi.json": ("EndpointSlice",),
    "apis__rbac.authorization.k8s.io__v1_openapi.json": ("Role", "RoleBinding"),
}
KNATIVE = {
    SERVING: ("config/core/300-resources/service.yaml",),
    POSTGRES: (
        "config/crd/bases/postgresql.cnpg.io_clusters.yaml",
        "config/crd/bases/postgresql.cnpg.io_poolers.yaml",
    ),
    EVENTING: ("config/core/resources/broker.yaml", "config/core/resources/trigger.yaml"),
    CHANNEL: ("config/jetstream/302-jsm-channel.yaml",),
}

_PROSE = ("description", "example", "default", "format", "x-kubernetes-group-version-kind", "title")
_REF = "#/components/schemas/"


def main() -> None:
    """Write the schema files."""
    cache = Path(subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip())
    HOME.mkdir(exist_ok=True)
    _write("kubernetes.json", KUBERNETES, dict(_built_in(cache / KUBERNETES / "api" / "openapi-spec" / "v3")))
    for module, paths in KNATIVE.items():
        kinds = dict(pair for path in paths for pair in _custom(cache / module / path))
        _write(f"{module.split('/')[-1].split('@')[0]}.json", module, kinds)


def _write(name: str, source: str, kinds: dict[str, Any]) -> None:
    document = {"$comment": f"Apache-2.0, made from {source} by infra.cluster.schemas", **kinds}
    (HOME / name).write_text(json.dumps(document, indent=None, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")


def _built_in(folder: Path) -> Iterator[tuple[str, Any]]:
    """`apiVersion/kind` -> schema with its definitions inside."""
    for name, kinds in BUILT_IN.items():
        known = json.loads((folder / name).read_text(encoding="utf-8"))["components"]["schemas"]
        for key, schema in known.items():
            for one in schema.get("x-kubernetes-group-version-kind", ()):
                if one["kind"] in kinds and key.endswith(f".{one['kind']}"):
                    version = f"{one['group']}/{one['version']}" if one["group"] else one["version"]
                    yield f"{version}/{one['kind']}", {**_closed(schema), "definitions": _reached(schema, known)}


def _reached(schema: Any, known: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = list(_references(schema))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _closed(known[name])
            waiting += _references(known[name])
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].removeprefix(_REF)
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _custom(path: Path) -> Iterator[tuple[str, Any]]:
    for document in parsed(path.read_text(encoding="utf-8")):
        if document["kind"] == "CustomResourceDefinition":
            for version in document["spec"]["versions"]:
                if version["served"]:
                    name = f"{document['spec']['group']}/{version['name']}/{document['spec']['names']['kind']}"
                    schema = _closed(version["schema"]["openAPIV3Schema"])
                    # The API server adds these three to every custom resource.
                    schema["properties"] |= {key: {} for key in ("apiVersion", "kind", "metadata")}
                    yield name, schema


def _closed(schema: Any) -> Any:
    """Without prose; objects with named fields take no others; int-or-string said in plain JSON Schema."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return {"type": ["integer", "string"]}
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        if name.endswith(("IntOrString", "Quantity")):
            return {"type": ["integer", "number", "string"]}
        return {"$ref": f"#/definitions/{name}"}
    kept = {
        key: {name: _closed(one) for name, one in value.items()} if key == "properties" else _closed(value)
        for key, value in schema.items()
        if key not in _PROSE and not key.startswith("x-kubernetes")
    }
    if len(kept.get("allOf", ())) == 1:
        return kept["allOf"][0]
    if "properties" in kept and "additionalProperties" not in kept:
        kept["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields", False))
    return kept


if __name__ == "__main__":
    main()
