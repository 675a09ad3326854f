"""An overlay as kustomize renders it: what it names exists, and production is not the lab."""

import re

from shared.settings import REPOSITORY
from tests.infra.conftest import Manifest
from tests.infra.objects import Pod, environment, knative, of_kind, pods

SECRETS = (REPOSITORY / "infra/terraform/modules/secrets/main.tf").read_text(encoding="utf-8")
FROM_TERRAFORM = {
    "gateway-tls",
    *re.findall(r'"([a-z-]+)"', " ".join(re.findall(r"for_each = toset\((\[.*?\])\)", SECRETS))),
}


def references(pod: Pod) -> set[tuple[str, str]]:
    found = set()
    for container in pod.containers:
        for one in container.get("envFrom", []):
            for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if key in one:
                    found.add((kind, one[key]["name"]))
    for volume in pod.spec.get("volumes", []):
        if "configMap" in volume:
            found.add(("ConfigMap", volume["configMap"]["name"]))
        if "secret" in volume:
            found.add(("Secret", volume["secret"]["secretName"]))
        for source in volume.get("projected", {}).get("sources", []):
            found.add(("Secret", source["secret"]["name"]))
    return found


def test_what_pods_name_is_there(rendered: dict[str, list[Manifest]]) -> None:
    for overlay, objects in rendered.items():
        present = {(one["kind"], one["metadata"]["name"]) for one in objects}
        present |= {("Secret", name) for name in FROM_TERRAFORM}
        for pod in pods(objects):
            assert references(pod) <= present, (overlay, pod.name)


def test_changed_settings_start_new_instances(rendered: dict[str, list[Manifest]]) -> None:
    """Names of settings carry a digest of their content, for Knative Services too."""
    for objects in rendered.values():
        names = {name for pod in pods(objects) for kind, name in references(pod) if kind == "ConfigMap"}
        assert names
        assert all(name.startswith(("his-settings-", "gateway-")) for name in names)


def test_images_are_placed(rendered: dict[str, list[Manifest]]) -> None:
    for objects in rendered.values():
        for pod in pods(objects):
            for container in pod.containers:
                image = container["image"]
                assert "/" in image or image == "consortium-his", image
                assert not image.endswith(":latest")
    for pod in pods(rendered["production"]):
        for container in pod.containers:
            assert container["image"].startswith("registry.his.internal/")


def test_every_overlay_runs_every_function(rendered: dict[str, list[Manifest]]) -> None:
    from functions.registry import all_apps

    for overlay, objects in rendered.items():
        run = [
            name
            for service in knative(objects).values()
            for name in environment(service["spec"]["template"]["spec"]["containers"][0])["HIS_FUNCTIONS"].split(",")
        ]
        assert sorted(run) == sorted(app.name for app in all_apps()), overlay


def test_production_survives_a_node(rendered: dict[str, list[Manifest]]) -> None:
    objects = rendered["production"]
    for deployment in of_kind(objects, "Deployment"):
        assert deployment["spec"]["replicas"] >= 2, deployment["metadata"]["name"]
    gateway = next(one for one in of_kind(objects, "Service") if one["metadata"]["name"] == "gateway")
    assert gateway["spec"]["externalTrafficPolicy"] == "Local"


def test_at_the_windows_something_is_always_warm(rendered: dict[str, list[Manifest]]) -> None:
    counter = knative(rendered["production"])["counter"]
    assert int(counter["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"]) >= 1


def test_no_two_objects_have_one_name(rendered: dict[str, list[Manifest]]) -> None:
    for objects in rendered.values():
        names = [
            (one["apiVersion"].split("/")[0], one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
            for one in objects
        ]
        assert len(names) == len(set(names))
