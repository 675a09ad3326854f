"""Data services of the lab: the local stack's own PostgreSQL, S3 server and Keycloak, on the node beside the cluster,
and the simulators of what lies outside.

They listen on the loopback as on a laptop; a forwarder each lets pods reach them at the node's address. So the cluster
holds no state: it may be thrown away and stood up again under the same data, as with a machine for the database.
"""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from infra.cluster import where
from infra.local import process
from infra.local.environment import environment
from infra.local.keycloak import Keycloak
from infra.local.postgres import Postgres
from infra.local.process import Process
from infra.local.record import Record
from infra.local.stack import simulators
from infra.local.storage import Storage
from infra.local.supervisor import Line, Service, StackError, Supervisor
from shared.settings import REPOSITORY

STATE = REPOSITORY / ".state" / "cluster"
PORTS = {
    "postgres": 25632,
    "storage": 28433,
    "keycloak": 28180,
    "simulators": 28192,
    "receipts": 28193,
    "sms": 28194,
    "host": 28190,
    "worker": 28191,
}
OUTSIDE = {"postgres": 15432, "storage": 19000, "keycloak": 18080}
"""Ports of the data services at the node's address."""
SIMULATED = {"simulators": 18600, "receipts": 18701, "sms": 18702}
"""Ports there of the payment channels with WeChat's sign-on, of the receipt platform and of the SMS gateway."""


class LabKeycloak(Keycloak):
    """Keycloak that calls itself by the address pods and people share: the issuer of a token must be one address."""

    outside = ""

    @property
    def arguments(self) -> list[str]:
        own = [one for one in super().arguments if not one.startswith("--hostname=")]
        return [*own, f"--hostname={self.outside}"]


def supervisor(node: str, report: Callable[[Line], None] = lambda line: None, state: Path = STATE) -> Supervisor:
    """The data services and their forwarders."""
    Record(state).keep_ports(PORTS)
    return Supervisor(state, _services(state, node), report)


def up(node: str, report: Callable[[Line], None], state: Path = STATE) -> None:
    """Start what does not run. Raises StackError when something does not come up."""
    state.mkdir(parents=True, exist_ok=True)
    if not supervisor(node, report, state).up():
        raise StackError(f"Not every data service is up. Logs: {state / 'logs'}")


def down(report: Callable[[Line], None], state: Path = STATE) -> bool:
    """End them, also when the cluster is away: they are found by what was recorded of them. The data stay."""
    return supervisor("", report, state).down()


def settings(node: str, gateway: str, state: Path = STATE) -> dict[str, str]:
    """Settings of the hospital for a program on this machine: an operator's job, the demonstration, a check."""
    known = environment(state)
    if "postgres" in where.in_cluster(state):
        known |= {name: where.from_here(url) for name, url in where.addresses(state).items() if name in known}
    if "storage" in where.in_cluster(state):
        known["HIS_S3_ENDPOINT"] = where.endpoint("storage")
    inside = "keycloak" in where.in_cluster(state)
    channels = f"http://{node}:{SIMULATED['simulators']}"
    return known | {
        "HIS_PUBLIC_URL": gateway,
        "HIS_WECHAT_PAY_URL": channels,
        "HIS_ALIPAY_URL": f"{channels}/gateway.do",
        "HIS_ECNY_URL": channels,
        "HIS_WECHAT_LOGIN_URL": channels,
        "HIS_RECEIPTS_URL": f"http://{node}:{SIMULATED['receipts']}",
        "HIS_SMS_URL": f"http://{node}:{SIMULATED['sms']}",
        "HIS_KEYCLOAK_URL": "http://" + (where.endpoint("keycloak") if inside else f"{node}:{OUTSIDE['keycloak']}"),
        "HIS_HOST_URL": gateway,
        "HIS_START_PAGE": "false",
    }


def database(role: str, state: Path = STATE) -> str:
    """Address of the database as pods reach it."""
    if "postgres" in where.in_cluster(state):
        return where.addresses(state)[f"HIS_{role}DATABASE_URL"]
    known = environment(state)[f"HIS_{role}DATABASE_URL"]
    return known.replace(f"127.0.0.1:{PORTS['postgres']}", "postgres.his-data.svc.cluster.local:5432")


def _services(state: Path, node: str) -> Iterator[Service]:
    postgres = Postgres(state, PORTS["postgres"])
    yield Service(
        name="postgres",
        launch=postgres.start,
        ready=postgres.ready,
        find=postgres.running,
        stop=postgres.stop,
        recipe=lambda: json.dumps(postgres.arguments),
        address=f"127.0.0.1:{postgres.port}",
    )
    yield Storage(state, PORTS["storage"]).service()
    keycloak = LabKeycloak(state, PORTS["keycloak"], PORTS["postgres"])
    keycloak.outside = f"http://{node}:{OUTSIDE['keycloak']}"
    yield keycloak.service("postgres")
    yield simulators(state, PORTS)
    for name, port in (OUTSIDE | SIMULATED).items():
        yield _forwarder(state, name, node, port)


def _forwarder(state: Path, name: str, node: str, port: int) -> Service:
    program = shutil.which("socat")
    if program is None:
        raise StackError("`socat` is missing; the lab installs it, Debian has it as a package.")
    arguments = [
        program,
        f"TCP-LISTEN:{port},bind={node},fork,reuseaddr,nodelay,backlog=256",
        f"TCP:127.0.0.1:{PORTS[name]},nodelay",
    ]

    def launch() -> Process:
        own = f"forward-{name}"
        return process.spawn(arguments, log=state / "logs" / f"{own}.log", tag=f"{state}#{own}")

    def ready() -> bool:
        with socket.socket() as probe:
            probe.settimeout(2)
            return probe.connect_ex((node, port)) == 0

    return Service(
        name=f"forward-{name}",
        launch=launch,
        ready=ready,
        needs=("simulators" if name in SIMULATED else name,),
        recipe=lambda: json.dumps(arguments),
        drain=2.0,
        address=f"{node}:{port}",
    )
