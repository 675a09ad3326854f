"""NetworkPolicies as packets meet them: the lab's stand-in for a network plugin says and does what Kubernetes means."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from infra.cluster.firewall import TABLE, World, ruleset

NAMES = {"one": "10.77.1.2", "two": "10.77.2.2"}
SPACES = {name: f"his-{os.getpid()}-{name}" for name in ("middle", *NAMES)}
LISTEN = "import socket; s = socket.create_server(('', {port})); print('ready', flush=True); s.accept(); s.accept()"
ASK = "import socket; socket.create_connection(('{address}', {port}), 1).close()"


def pod(name: str, address: str, namespace: str = "his", **labels: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"kind": "Pod", "metadata": meta, "spec": {}, "status": {"podIP": address, "phase": "Running"}}


def policy(namespace: str = "his", **spec: Any) -> dict[str, Any]:
    return {"kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": namespace}, "spec": spec}


def space(name: str, **labels: str) -> dict[str, Any]:
    return {"kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def chain(rules: str, name: str) -> list[str]:
    """The rules of one chain."""
    body = rules.partition(f"chain {name} {{\n")[2].partition("  }\n")[0]
    return [line.strip() for line in body.splitlines()]


REFUSED = ["add @refused { ip saddr . ip daddr . th dport }", "drop"]


def test_a_pod_no_policy_selects_is_open() -> None:
    closed = policy(podSelector={"matchLabels": {"kind": "worker"}}, policyTypes=["Ingress"])
    rules = ruleset(World.of([pod("a", "10.1.0.1", kind="function"), closed]))
    assert "10.1.0.1" not in rules


def test_a_default_deny_lets_nothing_pass() -> None:
    rules = ruleset(World.of([pod("a", "10.1.0.1"), policy(podSelector={}, policyTypes=["Ingress", "Egress"])]))
    assert chain(rules, "ingress_0") == chain(rules, "egress_0") == REFUSED


def test_peers_are_pods_of_the_namespaces_named() -> None:
    world = [
        pod("function", "10.1.0.1", kind="function"),
        pod("database", "10.1.0.2", "his-data", kind="db"),
        pod("store", "10.1.0.3", "his-data", kind="store"),
        pod("other", "10.1.0.4", "default", kind="db"),
        space("his-data", data="yes"),
        space("default"),
        policy(
            podSelector={"matchExpressions": [{"key": "kind", "operator": "In", "values": ["function"]}]},
            policyTypes=["Egress"],
            egress=[
                {
                    "to": [
                        {
                            "namespaceSelector": {"matchLabels": {"data": "yes"}},
                            "podSelector": {"matchLabels": {"kind": "db"}},
                        }
                    ],
                    "ports": [{"port": 5432, "protocol": "TCP"}],
                }
            ],
        ),
    ]
    assert chain(ruleset(World.of(world)), "egress_0") == ["ip daddr { 10.1.0.2 } tcp dport 5432 return", *REFUSED]


def test_an_empty_peer_is_everybody_and_a_block_has_exceptions() -> None:
    block = {"ipBlock": {"cidr": "10.0.0.0/30", "except": ["10.0.0.2/31"]}}
    world = [
        pod("a", "10.1.0.1"),
        policy(
            podSelector={},
            ingress=[{"ports": [{"port": 80}]}],
            egress=[{"to": [block]}],
            policyTypes=["Ingress", "Egress"],
        ),
    ]
    rules = ruleset(World.of(world))
    assert chain(rules, "ingress_0") == ["tcp dport 80 return", *REFUSED]
    assert chain(rules, "egress_0") == ["ip daddr { 10.0.0.0/31 } return", *REFUSED]


def in_space(name: str, *command: str) -> list[str]:
    return ["ip", "netns", "exec", SPACES[name], *command]


def do(*command: str, given: str | None = None) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, input=given)


@pytest.fixture
def network() -> Iterator[None]:
    """Two pods' namespaces and the node's between them that forwards."""
    if os.geteuid() or not all(shutil.which(tool) for tool in ("ip", "nft")):
        pytest.skip("needs root, ip and nft")
    try:
        for name in SPACES.values():
            do("ip", "netns", "add", name)
        do(*in_space("middle", "sysctl", "-qw", "net.ipv4.ip_forward=1"))
        for place, (name, address) in enumerate(NAMES.items(), 1):
            ends = f"v{place}-{os.getpid()}"[:15], f"w{place}-{os.getpid()}"[:15]
            do("ip", "link", "add", ends[0], "netns", SPACES["middle"], "type", "veth", "peer", ends[1])
            do("ip", "link", "set", ends[1], "netns", SPACES[name])
            gateway = f"10.77.{place}.1"
            for where, end, own in (("middle", ends[0], gateway), (name, ends[1], address)):
                do(*in_space(where, "ip", "address", "add", f"{own}/24", "dev", end))
                do(*in_space(where, "ip", "link", "set", end, "up"))
            do(*in_space(name, "ip", "route", "add", "default", "via", gateway))
        yield
    finally:
        for name in SPACES.values():
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def reaches(port: int) -> bool:
    order = in_space("one", "python3", "-c", ASK.format(address=NAMES["two"], port=port))
    return subprocess.run(order, check=False, capture_output=True).returncode == 0


def test_packets_obey(network: None) -> None:
    listeners = [
        subprocess.Popen(in_space("two", "python3", "-c", LISTEN.format(port=port)), stdout=subprocess.PIPE, text=True)
        for port in (5432, 8080)
    ]
    try:
        for listener in listeners:
            assert listener.stdout is not None
            assert listener.stdout.readline() == "ready\n"
        assert (reaches(5432), reaches(8080)) == (True, True)
        world = [
            *(pod(name, address, kind=name) for name, address in NAMES.items()),
            policy(
                podSelector={"matchLabels": {"kind": "two"}},
                policyTypes=["Ingress"],
                ingress=[{"from": [{"podSelector": {}}], "ports": [{"port": 5432}]}],
            ),
        ]
        do(*in_space("middle", "nft", "-f", "-"), given=ruleset(World.of(world)))
        assert (reaches(5432), reaches(8080)) == (True, False)
        listed = subprocess.run(
            in_space("middle", "nft", "list", "set", "inet", TABLE, "refused"),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert "10.77.1.2 . 10.77.2.2 . 8080" in " ".join(listed.split())
    finally:
        for listener in listeners:
            listener.kill()
            listener.communicate()
