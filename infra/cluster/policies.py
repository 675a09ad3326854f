"""The hospital at work while its NetworkPolicies hold: what it needs still passes, what nobody allowed does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from infra.cluster import data, databank
from infra.cluster.check import check
from infra.cluster.deploy import gateway
from infra.cluster.firewall import enforced
from infra.cluster.kubernetes import ClusterError, get, kubectl, node_address, pods, ready, until
from infra.cluster.prewarmer import kept_awake
from infra.his.manifests.names import DATA, EVENTING, FUNCTION, GATEWAY, NAMESPACE, WORKER
from infra.his.manifests.nats import NATS

Say = Callable[[str], None]

_STRANGER = ("default", "stranger", "stranger")
_PROGRAM = (
    "import socket,sys\n"
    "try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close(); print('open')\n"
    "except OSError: print('closed')"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection somebody tries: from a pod (namespace, name, container) to an address; whether it is allowed."""

    what: str
    source: tuple[str, str, str]
    address: str
    port: int
    allowed: bool


def work_under_policies(patients: int, say: Say) -> int:
    """A morning and every attempt with the policies in force, the attempts again without; 0 when all is as it must."""
    os.environ.update(data.settings(node_address(), gateway()))
    _stranger()
    faults: list[str] = []
    try:
        with ExitStack() as awake:
            with enforced(say) as refused:
                if check(patients, say):
                    faults.append("the hospital does not work under its own policies")
                during = list(refused.lines())
                # Who went to sleep meanwhile would be taken for somebody the policies protect.
                awake.enter_context(kept_awake())
                tried = attempts()
                for one in tried:
                    if (found := _try(one)) != one.allowed:
                        faults.append(f"{one.what}: {'open' if found else 'closed'} under the policies")
            for line in during:
                say(f"refused while it worked: {line}")
            for one in tried:
                if not _try(one):
                    faults.append(f"{one.what}: closed even without policies, so this shows nothing")
    finally:
        kubectl("-n", _STRANGER[0], "delete", "pod", _STRANGER[1], "--ignore-not-found", "--wait=false")
    say(f"{len(tried)} connections tried, {sum(not one.allowed for one in tried)} of them forbidden")
    for fault in faults:
        say(f"wrong: {fault}")
    return 1 if faults else 0


def attempts() -> list[Attempt]:
    """Who tries what. Pods of this moment: functions are kept awake meanwhile."""
    one, other = _functions()
    worker, door = _pod(WORKER, "worker"), _address(GATEWAY)
    api = get("service/kubernetes", namespace="default")["spec"]["clusterIP"]
    node = node_address()
    broker = get("service/broker-ingress", namespace=EVENTING)["spec"]["clusterIP"]
    stream = str(pods(f"app.kubernetes.io/component={NATS}", DATA)[0]["status"]["podIP"])
    function = (NAMESPACE, str(one["metadata"]["name"]), FUNCTION)
    return [
        Attempt("a function asks its database", function, node, data.OUTSIDE["postgres"], True),
        Attempt("a function asks the sign-on", function, node, data.OUTSIDE["keycloak"], True),
        Attempt("the worker brings events to the Broker", worker, broker, 80, True),
        Attempt("a stranger comes to the door", _STRANGER, door, 8080, True),
        Attempt("a function asks the API server", function, api, 443, False),
        Attempt("a function asks the container registry", function, node, 5000, False),
        Attempt("a function asks another past the gateway", function, other["status"]["podIP"], 8080, False),
        Attempt("the worker asks a function past the Broker", worker, other["status"]["podIP"], 8012, False),
        Attempt("a stranger asks a function", _STRANGER, other["status"]["podIP"], 8012, False),
        Attempt("a stranger reads the worker's figures", _STRANGER, _address(WORKER), 8001, False),
        Attempt("a stranger asks the gateway's console", _STRANGER, door, 9901, False),
        Attempt("a function asks JetStream past the Broker", function, stream, 4222, False),
        Attempt("a stranger asks JetStream", _STRANGER, stream, 4222, False),
    ]


# -- parts


def _try(one: Attempt) -> bool:
    namespace, pod, container = one.source
    order = ["-n", namespace, "exec", pod, "-c", container, "--", "/usr/bin/python3", "-c", _PROGRAM]
    return kubectl(*order, one.address, str(one.port), patience=60).strip() == "open"


def _functions() -> tuple[dict[str, Any], dict[str, Any]]:
    """Two instances of different functions."""
    found = {str(pod["metadata"]["labels"]["serving.knative.dev/service"]): pod for pod in _living(FUNCTION)}
    if len(found) < 2:
        raise ClusterError("fewer than two functions run")
    one, other = list(found.values())[:2]
    return one, other


def _living(kind: str) -> list[dict[str, Any]]:
    return [pod for pod in pods(f"app.kubernetes.io/component={kind}") if ready(pod)]


def _pod(kind: str, container: str) -> tuple[str, str, str]:
    return NAMESPACE, str(_living(kind)[0]["metadata"]["name"]), container


def _address(kind: str) -> str:
    return str(_living(kind)[0]["status"]["podIP"])


def _stranger() -> None:
    """A pod of another namespace, as somebody who got into the cluster would have."""
    namespace, name, _ = _STRANGER
    kubectl("-n", namespace, "delete", "pod", name, "--ignore-not-found", "--wait")
    image = f"--image={databank.hospital()}"
    sleep = ["--command", "--", "/usr/bin/python3", "-c", "import time; time.sleep(1800)"]
    kubectl("-n", namespace, "run", name, image, "--restart=Never", *sleep)
    until(lambda: ready(get("pod", name, namespace=namespace)), "the stranger", 60)
