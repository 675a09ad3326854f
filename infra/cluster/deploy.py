"""Puts this checkout on the lab cluster: image, data services, schema, realm, functions."""

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

from infra.cluster import broker, data, where
from infra.cluster.kubernetes import ClusterError, apply, get, kubectl, node_address, until
from infra.his.manifests.names import DATA, IMAGE, NAMESPACE, REACHES_OUT, SETTINGS
from infra.image.build import NAME, Builder
from infra.image.push import push
from infra.local import credentials
from infra.local.supervisor import Line
from shared.settings import REPOSITORY

REGISTRY, PULLED_FROM = "{node}:5000", "registry.local:5000"
"""Where this machine pushes, and under which name the cluster pulls."""
HTTP, HTTPS = 31090, 31453
"""Node ports of the gateway, as components/lab says."""
OVERLAYS = ("lab", "lab-functions")
PUBLIC = (
    "HIS_KEYCLOAK_URL",
    "HIS_HOST_URL",
    "HIS_PUBLIC_URL",
    "HIS_WECHAT_PAY_URL",
    "HIS_ALIPAY_URL",
    "HIS_ECNY_URL",
)
"""Settings that are no secret and differ from machine to machine."""

Say = Callable[[str], None]


def gateway() -> str:
    """Address of the hospital."""
    return f"http://{node_address()}:{HTTP}"


def deploy(overlay: str, say: Say) -> None:
    """Everything, in order; a second run changes what has changed."""
    begun = time.monotonic()

    def step(what: str) -> None:
        say(f"[{time.monotonic() - begun:4.0f} s] {what}")

    node = node_address()
    digest = build(node, step)
    data.up(node, lambda line: step(_shown(line)))
    folder = write(overlay, node, digest)
    step(f"configuration in {folder.relative_to(REPOSITORY)}")
    migrate(folder, step)
    broker.up(step, data.STATE)
    operator("demo", "--only", "found", step=step)
    operator("identity", "sync", step=step)
    apply(folder)
    step("manifests applied")
    _remove_others(folder, step)
    for what in ("ksvc", "broker", "trigger", "deployment"):
        wait(what, step)
    step(f"open: {gateway()}")


def build(node: str, say: Say) -> str:
    """Build the image and push it; returns its digest."""
    cache = REPOSITORY / ".state" / "image"
    layout = cache / "layout"
    digest = Builder(cache, say).layout(layout, f"{PULLED_FROM}/{NAME}:dev")
    push(layout, f"{REGISTRY.format(node=node)}/{NAME}:dev", plain=True)
    say(f"pushed {NAME}@{digest}")
    return digest


def write(overlay: str, node: str, digest: str, state: Path = data.STATE) -> Path:
    """The last kustomization: addresses, passwords and the digest, which only this machine knows."""
    folder = state / "kustomize"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    _certificate(folder, node)
    keys = data.settings(node, f"http://{node}:{HTTP}", state)
    storage = {name: keys[name] for name in ("HIS_S3_ACCESS_KEY", "HIS_S3_SECRET_KEY")}
    secrets: dict[str, dict[str, str]] = {
        "his-functions": {"HIS_DATABASE_URL": data.database("", state), **storage},
        "his-worker": {"HIS_WORKER_DATABASE_URL": data.database("WORKER_", state), **storage},
        "his-prewarm": {"HIS_AUDITOR_DATABASE_URL": data.database("AUDITOR_", state)},
        "his-operator": {
            "HIS_DATABASE_URL": data.database("", state),
            "HIS_OWNER_DATABASE_URL": data.database("OWNER_", state),
            "HIS_AUDITOR_DATABASE_URL": data.database("AUDITOR_", state),
            "HIS_KEYCLOAK_ADMIN": keys["HIS_KEYCLOAK_ADMIN"],
            "HIS_KEYCLOAK_ADMIN_PASSWORD": keys["HIS_KEYCLOAK_ADMIN_PASSWORD"],
            "HIS_DEMO_PASSWORD": keys["HIS_DEMO_PASSWORD"],
            **storage,
        },
        # Sign-on has to know a demonstration from a hospital as the operator's jobs do: one password, no second factor.
        "his-directory": {name: keys[name] for name in ("HIS_KEYCLOAK_DIRECTORY_SECRET", "HIS_DEMO_PASSWORD")},
        "his-columns": {"HIS_COLUMN_KEYS": keys["HIS_COLUMN_KEYS"]},
        **{
            name: {key: value for key, value in keys.items() if key.startswith(prefix)}
            for name, prefix in (
                ("his-receipts", "HIS_RECEIPTS_"),
                ("his-wechat-login", "HIS_WECHAT_LOGIN_"),
                ("his-sms", "HIS_SMS_"),
            )
        },
    }
    settings = {name: keys[name] for name in PUBLIC}
    for name, content in (*secrets.items(), (SETTINGS, settings)):
        (folder / f"{name}.env").write_text(
            "".join(f"{key}={value}\n" for key, value in content.items()), encoding="utf-8"
        )
    home = os.path.relpath(REPOSITORY / "infra" / "k8s", folder.resolve())
    kustomization: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"{home}/overlays/{overlay}", "endpoints.json"],
        "images": [{"name": IMAGE, "newName": f"{PULLED_FROM}/{NAME}", "digest": digest}],
        "configMapGenerator": [
            {"name": SETTINGS, "namespace": NAMESPACE, "behavior": "merge", "envs": [f"{SETTINGS}.env"]}
        ],
        "secretGenerator": [
            *({"name": name, "namespace": NAMESPACE, "envs": [f"{name}.env"]} for name in secrets),
            {
                "name": "his-merchant-keys",
                "namespace": NAMESPACE,
                "files": _merchant_keys(folder, state),
            },
            {
                "name": "gateway-tls",
                "namespace": NAMESPACE,
                "type": "kubernetes.io/tls",
                "files": ["tls.crt", "tls.key"],
            },
        ],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization, indent=1), encoding="utf-8")
    (folder / "endpoints.json").write_text(json.dumps(_list(_endpoints(node)), indent=1), encoding="utf-8")
    return folder


def migrate(folder: Path, say: Say) -> None:
    """Namespaces, settings and the migration; nothing else may start before."""
    rendered = kubectl("create", "--dry-run=client", "-o", "json", "-k", str(folder))
    first = [one for one in documents(rendered) if _first(one)]
    kubectl("-n", NAMESPACE, "delete", "job", "migrate", "--ignore-not-found", "--wait")
    for kinds in (("Namespace",), None):
        chosen = [one for one in first if kinds is None or one["kind"] in kinds]
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=json.dumps(_list(chosen)))
    took = until(lambda: _finished("migrate"), "the migration", 300)
    say(f"schema migrated in {took:.0f} s")


def operator(*command: str, step: Say) -> None:
    """Run a command of `his` on this machine against the cluster's data services."""
    node = node_address()
    order = [sys.executable, "-m", "infra.his", *command]
    environment = os.environ | data.settings(node, gateway())
    done = subprocess.run(order, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"his {' '.join(command)}: {(done.stdout + done.stderr)[-2000:]}")
    step(f"his {' '.join(command)}: {(done.stdout.strip().splitlines() or ['done'])[-1]}")


REVISION = "serving.knative.dev/revision"
"""Label of what belongs to one revision of a Knative Service."""


def wait(kind: str, say: Say, patience: int = 300) -> None:
    """Wait until every object of a kind is ready. What Knative keeps of former revisions is its own."""
    names = [one["metadata"]["name"] for one in get(kind)["items"] if REVISION not in one["metadata"].get("labels", {})]
    if not names:
        return
    condition = "Available" if kind == "deployment" else "Ready"
    begun = time.monotonic()
    kubectl("-n", NAMESPACE, "wait", kind, *names, f"--for=condition={condition}", f"--timeout={patience}s")
    say(f"{kind}: {len(names)} ready after {time.monotonic() - begun:.0f} s")


# -- parts


def _merchant_keys(folder: Path, state: Path) -> list[str]:
    """Copies of the merchants' keys that the simulators wrote; kustomize reads below itself only."""
    found = sorted(path for path in (state / "secrets").iterdir() if path.suffix in {".pem", ".txt"})
    for path in found:
        credentials.write_private(folder / path.name, path.read_text(encoding="utf-8"))
    return [path.name for path in found]


def _first(document: dict[str, Any]) -> bool:
    kind, name = document["kind"], document["metadata"]["name"]
    return kind in {"Namespace", "ServiceAccount", "ConfigMap", "Secret", "NetworkPolicy", "EndpointSlice"} or (
        (kind == "Job" and name == "migrate") or (kind == "Service" and document["metadata"]["namespace"] == DATA)
    )


def documents(rendered: str) -> list[dict[str, Any]]:
    """kubectl prints one document after another."""
    decoder, at = json.JSONDecoder(), 0
    found: list[dict[str, Any]] = []
    while at < len(rendered):
        document, at = decoder.raw_decode(rendered, at)
        found += document["items"] if document["kind"] == "List" else [document]
        at += len(rendered[at:]) - len(rendered[at:].lstrip())
    return found


def _finished(name: str) -> bool:
    status = get("job", name)["status"]
    if status.get("failed", 0) > 3:
        raise ClusterError(f"job {name} failed:\n{kubectl('-n', NAMESPACE, 'logs', f'job/{name}', '--tail=30')}")
    return bool(status.get("succeeded"))


def _remove_others(folder: Path, say: Say) -> None:
    """Take away services and triggers of another overlay or of functions that are gone."""
    rendered = documents(kubectl("create", "--dry-run=client", "-o", "json", "-k", str(folder)))
    wanted = {(one["kind"], one["metadata"]["name"]) for one in rendered}
    for kind, plural in (("Trigger", "trigger"), ("PodDisruptionBudget", "pdb"), ("Service", "ksvc")):
        for one in get(plural)["items"]:
            name = one["metadata"]["name"]
            if (kind, name) not in wanted:
                kubectl("-n", NAMESPACE, "delete", plural, name)
                say(f"removed {plural} {name}")


def _endpoints(node: str) -> list[dict[str, Any]]:
    names = {"postgres": "postgres", "storage": "s3", "keycloak": "http"}
    slices: list[dict[str, Any]] = [
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{name}-node",
                "namespace": DATA,
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": "IPv4",
            "ports": [{"name": names[name], "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [node], "conditions": {"ready": True}}],
        }
        for name, port in data.OUTSIDE.items()
        if name not in where.in_cluster(data.STATE)
    ]
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "data-on-the-node", "namespace": NAMESPACE},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{"ipBlock": {"cidr": f"{node}/32"}}],
                    "ports": [{"port": port, "protocol": "TCP"} for port in data.OUTSIDE.values()],
                }
            ],
        },
    }
    outside = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "simulators-on-the-node", "namespace": NAMESPACE},
        "spec": {
            "podSelector": {"matchLabels": REACHES_OUT},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{"ipBlock": {"cidr": f"{node}/32"}}],
                    "ports": [{"port": port, "protocol": "TCP"} for port in data.SIMULATED.values()],
                }
            ],
        },
    }
    return [*slices, policy, outside]


def _list(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _certificate(folder: Path, node: str) -> None:
    order = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=his.lab"]
    order += ["-addext", f"subjectAltName=IP:{node},DNS:his.lab", "-keyout", "tls.key", "-out", "tls.crt"]
    kept = folder.parent / "tls"
    if not (kept / "tls.crt").exists():
        kept.mkdir(mode=0o700, exist_ok=True)
        subprocess.run(order, cwd=kept, check=True, capture_output=True)
    for name in ("tls.crt", "tls.key"):
        shutil.copyfile(kept / name, folder / name)
        (folder / name).chmod(0o600)


def _shown(line: Line) -> str:
    return f"{line.name}: {line.state} {line.detail}".rstrip()
