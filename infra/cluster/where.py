"""Where the lab's data services are: single ones on the node, or production's in the cluster (`make cluster-data`)."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from infra.backup.seal import new_key
from infra.cluster.kubernetes import get
from infra.his.manifests.names import DATA
from infra.local import credentials

PRIMARY, POOLER = f"postgres.{DATA}.svc.cluster.local", f"pooler.{DATA}.svc.cluster.local"
_MARK = "in-cluster.json"
SERVICES = ("postgres", "storage", "keycloak")


def in_cluster(state: Path) -> tuple[str, ...]:
    """The data services that run in the cluster now; the others run on the node."""
    path = state / _MARK
    return tuple(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else ()


def record(state: Path, services: tuple[str, ...]) -> None:
    """Remember which run in the cluster."""
    credentials.write_private(credentials.prepare(state) / _MARK, json.dumps(sorted(services)))


def passwords(state: Path) -> dict[str, str]:
    """Secrets of the data centre that the single services do not have; made once."""
    path = credentials.prepare(state) / "databank.json"
    if not path.exists():
        made = {name: secrets.token_hex(20) for name in ("his_backup", "s3_admin", "s3_backup_secret")}
        made |= {"s3_admin_user": "root", "s3_backup_access": secrets.token_hex(10), "backup_keys": new_key("lab-1")}
        made["storage_kms"] = "his:" + base64.b64encode(os.urandom(32)).decode()
        credentials.write_private(path, json.dumps(made))
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return known


def keep_passwords(state: Path, known: dict[str, str]) -> None:
    """Write them back after one was changed."""
    credentials.write_private(state / "databank.json", json.dumps(known))


def addresses(state: Path) -> dict[str, str]:
    """Database addresses of every role, as pods reach them: functions ask the pooler, all others the primary itself."""
    own, made = credentials.load(state), passwords(state)
    known = {
        "HIS_DATABASE_URL": ("his_app", own.his_app, POOLER, "his"),
        "HIS_OWNER_DATABASE_URL": ("his_owner", own.his_owner, PRIMARY, "his"),
        "HIS_WORKER_DATABASE_URL": ("his_worker", own.his_worker, PRIMARY, "his"),
        "HIS_AUDITOR_DATABASE_URL": ("his_auditor", own.his_auditor, PRIMARY, "his"),
        "HIS_BACKUP_DATABASE_URL": ("his_backup", made["his_backup"], PRIMARY, "his"),
        "HIS_KEYCLOAK_DATABASE_URL": ("keycloak", own.keycloak_database, PRIMARY, "keycloak"),
        "HIS_ADMIN_DATABASE_URL": ("postgres", own.postgres, PRIMARY, "postgres"),
    }
    return {
        name: f"postgresql://{role}:{password}@{host}:5432/{database}"
        for name, (role, password, host, database) in known.items()
    }


def from_here(url: str) -> str:
    """The same address for a program on the node, which does not ask the cluster's names: the service's address."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{endpoint(str(parts.hostname).split('.', 1)[0])}"))


def endpoint(service: str) -> str:
    """Address and port of a data service's name, the same for pods and for the node."""
    spec = get(f"service/{service}", namespace=DATA)["spec"]
    return f"{spec['clusterIP']}:{spec['ports'][0]['port']}"
