"""Every manifest fits the API of the versions that run it; a misspelt field would be silently ignored there."""

import copy
import json
from typing import Any

import jsonschema
import pytest

from tests.infra.conftest import K8S, Manifest, written


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted((K8S / "schemas").glob("*.json")):
        found |= {name: one for name, one in json.loads(path.read_text(encoding="utf-8")).items() if name[0] != "$"}
    return found


SCHEMAS = schemas()


def complaints(manifest: Manifest) -> list[str]:
    schema = SCHEMAS[f"{manifest['apiVersion']}/{manifest['kind']}"]
    found = jsonschema.Draft7Validator(schema).iter_errors(manifest)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found]


CASES = [(f"{file}:{one['kind']}/{one['metadata']['name']}", one) for file, one in written()]


@pytest.mark.parametrize("manifest", [one for _, one in CASES], ids=[name for name, _ in CASES])
def test_fits_its_api(manifest: Manifest) -> None:
    assert complaints(manifest) == []


def test_overlays_fit(rendered: dict[str, list[Manifest]]) -> None:
    wrong = {
        f"{overlay}: {one['kind']}/{one['metadata']['name']}": found
        for overlay, objects in rendered.items()
        for one in objects
        if (found := complaints(one))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("serving.knative.dev/v1/Service", ("spec", "template", "spec", "containerConcurency"), 5),
        ("apps/v1/Deployment", ("spec", "template", "spec", "automountServiceAcountToken"), False),
        ("apps/v1/Deployment", ("spec", "replicas"), "two"),
        ("networking.k8s.io/v1/NetworkPolicy", ("spec", "policyType"), ["Ingress"]),
        ("eventing.knative.dev/v1/Trigger", ("spec", "delivery", "deadLetterSink", "url"), "/x"),
    ],
)
def test_a_mistake_is_found(kind: str, path: tuple[str, ...], value: Any) -> None:
    good = next(one for _, one in CASES if f"{one['apiVersion']}/{one['kind']}" == kind)
    broken = copy.deepcopy(good)
    place = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert complaints(good) == []
    assert complaints(broken) != []
