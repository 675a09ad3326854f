"""The backup of the cluster's database, used: a server from the store, and the operator's cluster cloned from that."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.cluster import data, databank, operands, where
from infra.cluster.kubernetes import ClusterError, get, kubectl, until
from infra.his.manifests.names import DATA
from shared.settings import REPOSITORY

Say = Callable[[str], None]

RESTORED = "restored"
_TABLES = """
SELECT table_schema || '.' || table_name FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""


def restore(say: Say, state: Path = data.STATE) -> int:
    """Back up, bring everything back beside it and let the operator clone that; 0 when all is the same."""
    if "postgres" not in where.in_cluster(state):
        raise ClusterError("PostgreSQL is not in the cluster; `make cluster-data` puts it there.")
    images = json.loads((state / "kustomize-data" / "images.json").read_text(encoding="utf-8"))
    kubectl("-n", "his", "scale", "deployment/worker", "--replicas=0")
    took = _job("base-backup", "base-now")
    say(f"base backup: {took:.0f} s; {_said('base-now')}")
    before = _counted(databank.primary())
    _archived()
    begun = time.monotonic()
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(_beside(images, state)))
    until(_open, "the restored server", 600)
    say(f"restored and open after {time.monotonic() - begun:.0f} s")
    faults = _compared("restored", before, _counted("restored-0"))
    _ask(f"{RESTORED}-0", "ALTER SYSTEM RESET ALL")
    begun = time.monotonic()
    kubectl("-n", DATA, "delete", "cluster.postgresql.cnpg.io/his", "--wait", "--timeout=300s")
    until(lambda: not databank.instances(), "the old instances to be gone", 180)
    folder = databank.write(images, databank.hospital(), state, components=("restored",))
    databank.apply_data(folder)
    until(lambda: databank.cluster_ready(2) and databank.in_step(state), "the clone and its standby", 600)
    say(f"cloned: primary {databank.primary()} and a standby in step after {time.monotonic() - begun:.0f} s")
    faults += _compared("cloned", before, _counted(databank.primary()))
    kubectl("delete", "-k", str(_beside(images, state)), "--ignore-not-found")
    kubectl("-n", DATA, "delete", "pvc", f"restore-{RESTORED}-0", "--ignore-not-found")
    kubectl("-n", "his", "scale", "deployment/worker", "--replicas=1")
    for fault in faults:
        say(f"wrong: {fault}")
    if not faults:
        say(f"{len(before)} tables, {sum(before.values())} rows: restored and cloned as they were")
    return 1 if faults else 0


def _beside(images: dict[str, str], state: Path) -> Path:
    """infra/k8s/restore with this machine's images and a volume of the lab's size."""
    folder = state / "kustomize-restore"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    home = os.path.relpath(REPOSITORY / "infra" / "k8s" / "restore", folder.resolve())
    small = {"requests": {"cpu": "20m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    kustomization: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [home],
        "images": [
            operands.placed("registry.his.internal/consortium-his", databank.hospital()),
            operands.placed("registry.his.internal/cloudnative-pg/postgresql", images["postgresql"]),
        ],
        "patches": [
            _change("StatefulSet", "/spec/volumeClaimTemplates/0/spec/resources/requests/storage", "4Gi"),
            _change("StatefulSet", "/spec/template/spec/containers/0/resources", small),
        ],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization, indent=1), encoding="utf-8")
    return folder


def _change(kind: str, path: str, value: object) -> dict[str, Any]:
    return {"target": {"kind": kind}, "patch": json.dumps([{"op": "replace", "path": path, "value": value}])}


def _job(cronjob: str, name: str) -> float:
    begun = time.monotonic()
    kubectl("-n", DATA, "delete", "job", name, "--ignore-not-found", "--wait")
    kubectl("-n", DATA, "create", "job", name, f"--from=cronjob/{cronjob}")
    kubectl("-n", DATA, "wait", f"job/{name}", "--for=condition=Complete", "--timeout=300s")
    return time.monotonic() - begun


def _said(job: str) -> str:
    return kubectl("-n", DATA, "logs", f"job/{job}").strip().splitlines()[-1]


def _ask(pod: str, question: str, database: str = "his") -> list[str]:
    """Rows of a question that a pod's own psql asks, as the administrator; the restored server knows no socket."""
    own = ("-h", "127.0.0.1", "-U", "postgres") if pod.startswith(RESTORED) else ()
    environment = ("env", f"PGPASSWORD={_superuser()}") if own else ()
    order = ("psql", "-X", "-A", "-t", *own, "-d", database, "-c", question)
    return kubectl("-n", DATA, "exec", pod, "-c", "postgres", "--", *environment, *order).splitlines()


def _superuser() -> str:
    from infra.local import credentials

    return credentials.load(data.STATE).postgres


def _counted(pod: str) -> dict[str, int]:
    """Rows of every table."""
    tables = [line for line in _ask(pod, _TABLES) if line]
    question = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in tables)  # noqa: S608  its own names
    return {name: int(count) for name, _, count in (line.partition("|") for line in _ask(pod, question) if line)}


def _compared(what: str, before: dict[str, int], after: dict[str, int]) -> list[str]:
    return [
        f"{what}: {name} has {after.get(name)} rows, had {count}"
        for name, count in before.items()
        if after.get(name) != count
    ]


def _archived() -> None:
    """Wait until the archive has the log written so far."""
    pod = databank.primary()
    now = _ask(pod, "SELECT pg_current_wal_insert_lsn()")[0]
    question = f"SELECT restart_lsn >= '{now}' FROM pg_replication_slots WHERE slot_name = 'his_archive'"  # noqa: S608
    until(lambda: _ask(pod, question) == ["t"], "the archive", 60)


def _open() -> bool:
    pods = get("pods", "-l", f"app.kubernetes.io/component={RESTORED}", namespace=DATA)["items"]
    states = [one.get("state", {}) for pod in pods for one in pod["status"].get("initContainerStatuses", [])]
    stuck = [one["waiting"]["reason"] for one in states if one.get("waiting", {}).get("reason") == "CrashLoopBackOff"]
    if stuck:
        raise ClusterError(kubectl("-n", DATA, "logs", f"{RESTORED}-0", "-c", "lay-out", "--tail=20"))
    try:
        return _ask(f"{RESTORED}-0", "SELECT pg_is_in_recovery()") == ["f"]
    except ClusterError:
        return False
