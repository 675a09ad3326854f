"""What people notice when a Keycloak dies, and what the store does with a drive and then two less."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from infra.cluster import data, where
from infra.cluster.deploy import gateway
from infra.cluster.kubernetes import ClusterError, get, kubectl, node_address, until
from infra.his.manifests.names import DATA
from infra.local import credentials

Say = Callable[[str], None]

PEOPLE = 8
SECONDS = 25.0


def replicas(say: Say) -> int:
    """Kill a Keycloak under people who are signed on, then drives of the store; 0 when both did what they must."""
    if not {"keycloak", "storage"} <= set(where.in_cluster(data.STATE)):
        raise ClusterError("Keycloak and the store are not in the cluster; `make cluster-data` puts them there.")
    os.environ.update(data.settings(node_address(), gateway()))
    faults = [*sign_ons(say), *drives(say)]
    for fault in faults:
        say(f"wrong: {fault}")
    return 1 if faults else 0


def sign_ons(say: Say) -> list[str]:
    """People sign on, one of the two Keycloaks is killed, and everybody renews the token as before."""
    from infra.local.login import LoginRefused, Tokens, login, refresh
    from loadtests.demo import prepare
    from loadtests.preparing import registrars
    from shared.settings import settings

    known = settings()
    place = (known.keycloak_url, known.keycloak_realm)
    _whole("keycloak", 2)
    prepare(known)
    begun = time.monotonic()
    people = [one.staff_no for one in registrars("hq")][:PEOPLE]
    tokens: dict[str, Tokens] = {one: login(*place, one, known.demo_password) for one in people}
    say(f"{len(tokens)} people signed on in {time.monotonic() - begun:.1f} s")
    kubectl("-n", DATA, "delete", "pod", "keycloak-0", "--force", "--grace-period=0", "--wait=false")
    struck = time.monotonic()
    renewed, unanswered, ended, silence, last = 0, 0, set[str](), 0.0, struck
    while time.monotonic() - struck < SECONDS:
        for who in people:
            if who in ended:
                continue
            try:
                tokens[who] = refresh(*place, tokens[who])
                renewed += 1
                silence, last = max(silence, time.monotonic() - last), time.monotonic()
            except LoginRefused:
                ended.add(who)
            except Exception as error:
                if type(error).__module__.partition(".")[0] not in {"httpx", "json"}:
                    raise
                unanswered += 1
        time.sleep(0.05)
    fresh = login(*place, people[0], known.demo_password)
    took = _whole("keycloak", 2)
    say(
        f"one of two Keycloaks killed: {renewed} renewals, {unanswered} without an answer, longest time without one"
        f" {silence:.1f} s, {len(ended)} of {len(people)} sessions ended; two again {took:.0f} s later"
    )
    return [] if fresh.access and not ended else [f"{len(ended)} people must sign on again"]


def drives(say: Say) -> list[str]:
    """Objects go in and come back with one server of four away; with two away they still come back."""
    from infra.his.buckets import client

    own = credentials.load(data.STATE)
    store: Any = client(where.endpoint("storage"), own.s3_access_key, own.s3_secret_key, secure=False)
    _whole("storage", 4)
    faults = []
    content = os.urandom(256 * 1024)
    put = [_put(store, content) for _ in range(20)]
    for away in (1, 2):
        _scale(4 - away)
        until(lambda away=away: len(_running()) == 4 - away, "a server less", 120)  # type: ignore[misc]
        read = sum(_reads(store, name, content) for name in put)
        # Without three servers a write waits for them until the client gives up: two attempts show it.
        wanted = 20 if away == 1 else 2
        written = sum(_tried(lambda: _put(store, content), 4 if away == 1 else 1) for _ in range(wanted))
        say(f"store with {away} of 4 servers away: {read} of {len(put)} objects read, {written} of {wanted} written")
        if read < len(put) or (away == 1 and written < wanted):
            faults.append(f"{away} servers away: {read} read, {written} written")
    _scale(4)
    took = _whole("storage", 4)
    # A server says it is ready before it has found the drives of the others.
    took += until(lambda: _tried(lambda: _put(store, content), 1), "a write", 60)
    read = sum(_reads(store, name, content) for name in put)
    written = sum(_tried(lambda: _put(store, content)) for _ in range(20))
    say(f"store whole again after {took:.0f} s: {read} of {len(put)} read, {written} of 20 written")
    return faults if read == len(put) and written == 20 else [*faults, "the store is not what it was"]


def _put(store: Any, content: bytes) -> str:
    name = f"probe/{uuid4()}"
    store.put_object("his", name, io.BytesIO(content), len(content))
    return name


def _reads(store: Any, name: str, content: bytes) -> bool:
    def same() -> None:
        answer = store.get_object("his", name)
        try:
            if answer.read() != content:
                raise ClusterError(f"{name} is not what was stored")
        finally:
            answer.close()
            answer.release_conn()

    return _tried(same)


def _tried(action: Callable[[], object], tries: int = 4) -> bool:
    """Whether it works within a few tries: a service's address may still name a server that is gone."""
    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    for attempt in range(tries):
        try:
            action()
        except (MinioException, HTTPError):
            time.sleep(0.2 * 2**attempt)
        else:
            return True
    return False


def _scale(replicas: int) -> None:
    kubectl("-n", DATA, "scale", "statefulset/storage", f"--replicas={replicas}")


def _running() -> list[str]:
    return [
        one["metadata"]["name"]
        for one in get("pods", "-l", "app.kubernetes.io/component=storage", namespace=DATA)["items"]
    ]


def _whole(name: str, count: int) -> float:
    def ready() -> bool:
        status = get(f"statefulset/{name}", namespace=DATA)["status"]
        return bool(status.get("readyReplicas", 0) == count and status.get("replicas") == count)

    return until(ready, f"{count} of {name}", 300)
