"""Production's data services as the lab runs them: the lab shrinks them and changes nothing else."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.cluster import operands
from infra.cluster.where import addresses
from infra.his.manifests import nats
from infra.his.manifests.document import parsed
from tests.infra.conftest import K8S, Manifest, documents
from tests.infra.objects import of_kind

NAMED = tuple[str, str]
SHRUNK = {
    "/spec/affinity/podAntiAffinityType",
    "/spec/storage/size",
    "/spec/walStorage/size",
    "/spec/resources",
    "/spec/postgresql/parameters/shared_buffers",
    "/spec/postgresql/parameters/effective_cache_size",
    "/spec/postgresql/parameters/maintenance_work_mem",
    "/spec/postgresql/parameters/max_wal_size",
    "/spec/postgresql/parameters/max_slot_wal_keep_size",
    "/spec/template/spec/affinity",
    "/spec/template/spec/topologySpreadConstraints/0/whenUnsatisfiable",
    "/spec/template/spec/containers/0/resources",
    "/spec/volumeClaimTemplates/0/spec/resources/requests/storage",
}
"""What the lab may change: how large things are and that they share a node."""


def rendered(folder: Path, *components: str) -> dict[NAMED, Manifest]:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    home = os.path.relpath(K8S, folder)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"{home}/data"],
        "components": [f"{home}/components/{one}" for one in components],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization), encoding="utf-8")
    done = subprocess.run([program, "kustomize", str(folder)], capture_output=True, text=True, check=True)
    return {(one["kind"], one["metadata"]["name"]): one for one in parsed(done.stdout)}


def differences(one: Any, other: Any, path: str = "") -> set[str]:
    """Paths at which two documents differ, as deep as both are containers of the same keys."""
    if path in SHRUNK or type(one) is not type(other):
        return {path} if one != other else set()
    if isinstance(one, dict):
        return {
            found
            for key in one.keys() | other.keys()
            for found in differences(one.get(key), other.get(key), f"{path}/{key}")
        }
    if isinstance(one, list) and len(one) == len(other):
        return {
            found for n, pair in enumerate(zip(one, other, strict=True)) for found in differences(*pair, f"{path}/{n}")
        }
    return {path} if one != other else set()


def test_the_lab_only_shrinks(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    production, lab = rendered(tmp_path), rendered(tmp_path / "lab", "lab-data")
    gone = production.keys() - lab.keys()
    assert lab.keys() <= production.keys()
    of_dispatchers = {(kind, nats.DISPATCHER) for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget")}
    assert all(kind == "PodMonitor" for kind, _ in gone - of_dispatchers), gone
    changed = {found for key, one in lab.items() for found in differences(one, production[key])}
    assert changed <= SHRUNK
    assert "/spec/storage/size" in changed


def test_a_restored_database_is_cloned_and_may_be_reached(tmp_path: Path) -> None:
    (tmp_path / "restored").mkdir()
    before, after = rendered(tmp_path), rendered(tmp_path / "restored", "restored")
    cluster = after["Cluster", "his"]["spec"]
    assert set(cluster["bootstrap"]) == {"pg_basebackup"}
    source = next(
        one for one in cluster["externalClusters"] if one["name"] == cluster["bootstrap"]["pg_basebackup"]["source"]
    )
    beside = {(one["kind"], one["metadata"]["name"]): one for one in documents(K8S / "restore" / "restored.yaml")}
    assert source["connectionParameters"]["host"].split(".")[0] == beside["Service", "restored"]["metadata"]["name"]
    own = beside["StatefulSet", "restored"]["spec"]["template"]["metadata"]["labels"]
    opened = {
        (name, way)
        for (kind, name), one in after.items()
        for way, peers in (("ingress", "from"), ("egress", "to"))
        if kind == "NetworkPolicy"
        for rule in one["spec"].get(way, [])
        for peer in rule[peers]
        if peer.get("podSelector", {}).get("matchLabels")
        == {"app.kubernetes.io/component": own["app.kubernetes.io/component"]}
    }
    assert opened == {("postgres", "egress"), ("storage", "ingress")}
    assert before.keys() == after.keys()


def test_poolers_are_let_through_under_the_name_the_operator_gives_them() -> None:
    """CloudNativePG calls the pods of a pooler `pooler`, whatever its template says: a policy must go by that."""
    policies = {one["metadata"]["name"]: one["spec"] for one in documents(K8S / "data" / "network.yaml")}
    pooler = policies["pooler"]
    assert pooler["podSelector"]["matchLabels"] == {"app.kubernetes.io/component": "pooler"}
    assert {port["port"] for rule in pooler["ingress"] for port in rule["ports"]} == {5432, 9127}
    asked = [
        peer for rule in policies["postgres"]["ingress"] for peer in rule["from"] if rule["ports"][0]["port"] == 5432
    ]
    assert {"podSelector": pooler["podSelector"]} in asked


def test_the_pooler_keeps_prepared_statements_and_comes_back_quickly() -> None:
    pooler = of_kind(list(documents(K8S / "data" / "postgres.yaml")), "Pooler")[0]["spec"]["pgbouncer"]
    assert pooler["poolMode"] == "transaction"
    parameters = pooler["parameters"]
    assert int(parameters["max_prepared_statements"]) >= 100  # psycopg's own limit of what it keeps prepared
    assert int(parameters["server_login_retry"]) <= 2
    assert int(parameters["tcp_user_timeout"]) <= 10_000


def test_the_database_notices_a_pooler_that_went_silent() -> None:
    """Else its transactions keep their locks for the two hours after which the system itself looks."""
    parameters = of_kind(list(documents(K8S / "data" / "postgres.yaml")), "Cluster")[0]["spec"]["postgresql"][
        "parameters"
    ]
    idle, every, times = (int(parameters[f"tcp_keepalives_{name}"]) for name in ("idle", "interval", "count"))
    assert 0 < idle + every * times <= 20


def test_functions_ask_the_pooler_and_who_needs_a_session_the_primary(tmp_path: Path) -> None:
    hosts = {name: re.sub(r"^.*@(\w+)\..*$", r"\1", url) for name, url in addresses(tmp_path).items()}
    assert hosts.pop("HIS_DATABASE_URL") == "pooler"
    assert set(hosts.values()) == {"postgres"}


@pytest.mark.parametrize("operand", operands.OPERANDS, ids=lambda one: one.name)
def test_an_operand_is_locked(operand: operands.Operand) -> None:
    packages = operands.locked(operand)
    assert {one.name for one in packages} == set(operand.packages)
    assert all(re.fullmatch(r"[0-9a-f]{64}", one.sha256) and one.version for one in packages)
    assert "://" not in operand.lock.read_text(encoding="utf-8")


def test_the_operand_s_version_is_that_of_its_program() -> None:
    assert operands.version(operands.POSTGRES).startswith("18.")
    # Prepared statements in transaction mode came with 1.21.
    assert tuple(map(int, operands.version(operands.PGBOUNCER).split("."))) >= (1, 21)


def test_the_operator_is_the_one_whose_kinds_the_manifests_are_held_against() -> None:
    comment = json.loads((K8S / "schemas" / "cloudnative-pg.json").read_text(encoding="utf-8"))["$comment"]
    assert f"{operands.OPERATOR}@{operands.OPERATOR_VERSION} " in comment


@pytest.mark.parametrize(
    "reference",
    ["registry.local:5000/minio:lab@sha256:0", "registry.local:5000/minio@sha256:0"],
)
def test_an_image_is_placed_by_its_digest(reference: str) -> None:
    assert operands.placed("minio", reference) == {
        "name": "minio",
        "newName": "registry.local:5000/minio",
        "digest": "sha256:0",
    }
