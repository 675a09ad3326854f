"""Every secret that docs/operations.md says how to rotate, rotated on the lab while somebody asks the hospital."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.backup.seal import new_key
from infra.cluster import broker, data, databank, deploy, durability, where
from infra.cluster.kubernetes import ClusterError, apply, get, kubectl, node_address, until
from infra.his.manifests import nats
from infra.his.manifests.names import DATA, EVENTING, NAMESPACE
from infra.local import credentials

Say = Callable[[str], None]

_ASKED = "/api/outpatient/schedule/clinics"
_PATIENTS = 40
"""Of the morning that is played while the certificates of JetStream change."""


def rotate(say: Say, state: Path = data.STATE) -> int:
    """Certificates, signing key, backup key, password of the functions' role; 0 when each does what the page says."""
    if set(where.in_cluster(state)) != set(where.SERVICES):
        raise ClusterError("The data services are not in the cluster; `make cluster-data` puts them there.")
    os.environ.update(data.settings(node_address(), deploy.gateway(), state))
    from infra.cluster.measure import staffed

    staffed()
    faults: list[str] = []
    for what, action in (
        ("gateway certificate", certificate),
        ("signing key", signing_key),
        ("backup key", backup_key),
        ("password of his_app", password),
        ("certificates of JetStream", stream_certificates),
    ):
        with _asking() as heard:
            begun = time.monotonic()
            found = action(say, state)
        refused = {status: count for status, count in heard.items() if status != "200"}
        took = time.monotonic() - begun
        say(f"{what}: {took:.0f} s, {sum(heard.values())} requests meanwhile, not answered: {refused}")
        faults += [f"{what}: {one}" for one in found]
    for fault in faults:
        say(f"wrong: {fault}")
    return 1 if faults else 0


def certificate(say: Say, state: Path) -> list[str]:
    """Write another certificate into the gateway's secret and see the running gateway serve it."""
    pod = get("pods", "-l", "app.kubernetes.io/component=gateway")["items"][0]["metadata"]["name"]
    spec = get("deployment", "gateway")["spec"]["template"]["spec"]
    name = next(one["secret"]["secretName"] for one in spec["volumes"] if "secret" in one)
    before = _served()
    with tempfile.TemporaryDirectory() as folder:
        order = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=his.lab"]
        order += ["-keyout", "tls.key", "-out", "tls.crt", "-addext", f"subjectAltName=IP:{node_address()},DNS:his.lab"]
        subprocess.run(order, cwd=folder, check=True, capture_output=True)
        content = {one: _encoded((Path(folder) / one).read_bytes()) for one in ("tls.crt", "tls.key")}
    kubectl("-n", NAMESPACE, "patch", "secret", name, "--type=merge", "-p", json.dumps({"data": content}))
    took = until(lambda: _served() != before, "the new certificate", 180)
    same = get("pods", "-l", "app.kubernetes.io/component=gateway")["items"][0]["metadata"]["name"] == pod
    say(f"    served {took:.0f} s after the secret changed, by {'the same' if same else 'another'} gateway")
    return [] if same else ["the gateway was started anew"]


def signing_key(say: Say, state: Path) -> list[str]:
    """Add a key of higher priority to the realm: new tokens are signed with it and functions accept them."""
    import httpx

    from infra.cluster.measure import token

    before = _signed_by(token())
    url, own = os.environ["HIS_KEYCLOAK_URL"], credentials.load(state)
    form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": own.keycloak_admin}
    master = httpx.post(f"{url}/realms/master/protocol/openid-connect/token", data=form, timeout=30).json()
    headers = {"Authorization": f"Bearer {master['access_token']}"}
    realm = httpx.get(f"{url}/admin/realms/consortium", headers=headers, timeout=30).json()
    priority = str(int(time.time()))
    component = {
        "name": f"rsa-{priority}",
        "providerId": "rsa-generated",
        "providerType": "org.keycloak.keys.KeyProvider",
        "parentId": realm["id"],
        "config": {"priority": [priority], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"]},
    }
    made = httpx.post(f"{url}/admin/realms/consortium/components", json=component, headers=headers, timeout=30)
    made.raise_for_status()
    fresh = token()
    answers = [_ask(fresh) for _ in range(5)]
    say(f"    tokens of the new key answered with {sorted(set(answers))}")
    found = [] if _signed_by(fresh) != before else ["new tokens still carry the old key"]
    return found + ([] if set(answers) == {"200"} else [f"functions answer {answers}"])


def backup_key(say: Say, state: Path) -> list[str]:
    """The new key in front, all others behind it: a base backup under the new, and everything older still opens."""
    made = where.passwords(state)
    where.keep_passwords(state, made | {"backup_keys": f"{new_key(f'lab-{int(time.time())}')},{made['backup_keys']}"})
    databank.give_secrets(state)
    kubectl("-n", DATA, "rollout", "restart", "deployment/archive")
    kubectl("-n", DATA, "rollout", "status", "deployment/archive", "--timeout=180s")
    for job in ("base-backup", "backup-check", "backup-prune"):
        kubectl("-n", DATA, "delete", "job", f"{job}-now", "--ignore-not-found", "--wait")
        kubectl("-n", DATA, "create", "job", f"{job}-now", f"--from=cronjob/{job}")
        kubectl("-n", DATA, "wait", f"job/{job}-now", "--for=condition=Complete", "--timeout=300s")
        say(f"    {job}: {kubectl('-n', DATA, 'logs', f'job/{job}-now').strip().splitlines()[-1]}")
    return []


def password(say: Say, state: Path) -> list[str]:
    """A new password of the functions' role: the job sets it, a release tells the functions."""
    credentials.another(state, "his_app")
    databank.prepare("database", lambda line: None, state)
    image = databank.hospital().partition("@")[2]
    folder = deploy.write("lab", node_address(), image, state)
    kubectl("-n", NAMESPACE, "delete", "job", "migrate", "--ignore-not-found", "--wait")
    apply(folder)
    deploy.wait("ksvc", lambda line: None)
    until(lambda: _ask_freshly() == "200", "an answer", 120)
    return []


def stream_certificates(say: Say, state: Path) -> list[str]:
    """New certificates of a new authority in the middle of a morning: its events wait, and each arrives once."""
    kept: list[str] = []

    def change() -> None:
        before = _good_until()
        broker.certificates(state, anew=True)
        broker.give_secrets(state)
        begun = time.monotonic()
        kubectl("-n", DATA, "rollout", "restart", f"statefulset/{nats.NATS}")
        # Knative's controller takes the mark of a `rollout restart` off its dispatchers before one is started anew.
        kubectl("-n", EVENTING, "delete", "pod", "-l", nats.DISPATCHERS, "--wait")
        kubectl("-n", DATA, "rollout", "status", f"statefulset/{nats.NATS}", "--timeout=300s")
        kubectl("-n", EVENTING, "wait", "pod", "-l", nats.DISPATCHERS, "--for=condition=Ready", "--timeout=180s")
        after = _good_until()
        say(f"    three servers and the dispatcher speak by the new ones after {time.monotonic() - begun:.0f} s")
        kept.extend(f"{name} still shows its former certificate" for name in after if after[name] == before[name])

    return [*durability.morning(_PATIENTS, "certificates of JetStream changed", {5.0: change}, say), *kept]


# -- parts


def _good_until() -> dict[str, str]:
    """Until when each server's certificate is good, as it says itself."""
    found = {}
    for number in range(nats.NODES):
        name = f"{nats.NATS}-{number}"
        told = kubectl("get", "--raw", f"/api/v1/namespaces/{DATA}/pods/{name}:8222/proxy/varz")
        found[name] = str(json.loads(told)["tls_cert_not_after"])
    return found


@contextmanager
def _asking() -> Iterator[dict[str, int]]:
    """Five questions a second meanwhile; answers by status."""
    from infra.cluster.measure import token

    heard: dict[str, int] = {}
    stop = threading.Event()
    bearer = token()

    def ask() -> None:
        while not stop.wait(0.2):
            status = _ask(bearer)
            heard[status] = heard.get(status, 0) + 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield heard
    finally:
        stop.set()
        thread.join(timeout=60)


def _ask(bearer: str) -> str:
    import httpx

    headers = {"authorization": f"Bearer {bearer}", "x-campus": "hq"}
    try:
        return str(httpx.get(deploy.gateway() + _ASKED, headers=headers, timeout=30).status_code)
    except httpx.HTTPError as error:
        return type(error).__name__


def _ask_freshly() -> str:
    from infra.cluster.measure import token

    return _ask(token())


def _served() -> str:
    return ssl.get_server_certificate((node_address(), deploy.HTTPS), timeout=10)


def _signed_by(bearer: str) -> str:
    head = bearer.partition(".")[0]
    known: dict[str, Any] = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return str(known["kid"])


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
