"""Kubernetes and Knative manifests, made from the functions' own declarations.

    infra/k8s/base              what every installation has: worker, gateway, jobs, broker, policies
    infra/k8s/base/functions    one Knative Service per function, its Triggers
    infra/k8s/base/groups       one Knative Service per group of groups.toml, its Triggers
    infra/k8s/base/monitoring   what the Prometheus operator reads
    infra/k8s/broker            NATS JetStream under the Broker, and the channel that the Broker makes of it
    infra/k8s/data              MinIO, Keycloak, backup (beside them PostgreSQL, as its operator's kind)
    infra/k8s/overlays/*/envoy.yaml  the gateway's routes for the services that overlay runs

An overlay takes the base, either the functions or the groups, and adds where the data services are.
"""

from __future__ import annotations

from pathlib import Path

from infra.his.manifests import data, data_network, eventing, gateway, monitoring, nats, network, platform, services
from infra.his.manifests.document import Manifest, kustomization, text
from infra.his.manifests.groups import Group, groups, single
from infra.his.manifests.overlays import overlays
from shared.settings import REPOSITORY

HOME = Path("infra") / "k8s"
GENERATED = (HOME / "base", HOME / "broker")
"""Folders that hold generated files only."""


def files() -> dict[Path, str]:
    """Path in the repository -> content, for every generated manifest. A pure function of the code and two tables."""
    from functions.registry import all_apps

    apps = all_apps()
    each, together = single(apps), groups(apps)
    base = HOME / "base"
    common: dict[str, list[Manifest]] = {
        "namespace.yaml": platform.namespace(),
        "accounts.yaml": platform.accounts(),
        "jobs.yaml": platform.jobs(),
        "worker.yaml": platform.worker(),
        "gateway.yaml": platform.gateway(),
        "broker.yaml": eventing.broker(),
        "network.yaml": network.policies(),
    }
    found = {base / name: text(documents) for name, documents in common.items()}
    found[base / "kustomization.yaml"] = kustomization(sorted(common))
    found |= _running(base / "functions", each)
    found |= _running(base / "groups", together)
    found[base / "monitoring" / "monitors.yaml"] = text(monitoring.monitors())
    found[base / "monitoring" / "kustomization.yaml"] = kustomization(["monitors.yaml"])
    services_of_data = {
        "storage.yaml": data.storage(),
        "keycloak.yaml": data.keycloak(),
        "known-passwords.yaml": data.known_passwords(),
        "backup.yaml": data.backup(),
        "network.yaml": data_network.network(),
        "monitoring.yaml": data_network.monitors(),
    }
    found |= {HOME / "data" / name: text(documents) for name, documents in services_of_data.items()}
    under_broker = {"nats.yaml": nats.nats(), "channel.yaml": nats.channel()}
    found |= {HOME / "broker" / name: text(documents) for name, documents in under_broker.items()}
    found[HOME / "broker" / "kustomization.yaml"] = kustomization(sorted(under_broker))
    for overlay in overlays():
        running = each if overlay.services == "functions" else together
        folder = HOME / "overlays" / overlay.name
        found[folder / "envoy.yaml"] = gateway.configuration(running, overlay)
        found[folder / "certificate.yaml"] = gateway.certificate()
    return dict(sorted(found.items()))


def leftover(root: Path = REPOSITORY) -> list[Path]:
    """Files in generated folders that nothing declares any more: a function or group that is gone."""
    known = files()
    present = (path for folder in GENERATED for path in (root / folder).rglob("*.yaml"))
    return sorted(path.relative_to(root) for path in present if path.relative_to(root) not in known)


def _running(folder: Path, running: list[Group]) -> dict[Path, str]:
    found = {
        folder / f"{group.name}.yaml": text(
            [*services.service(group), *services.availability(group), *eventing.triggers(group)]
        )
        for group in running
    }
    names = sorted(path.name for path in found)
    # Names of generated settings get a suffix of their content; kustomize must know where services name them.
    found[folder / "references.yaml"] = text([services.NAME_REFERENCES])
    found[folder / "kustomization.yaml"] = kustomization(names, configurations=["references.yaml"])
    return found
