"""Enforces NetworkPolicies on the lab, whose network does not: what infra/k8s forbids is really refused there.

    with enforced(say) as refused: ...      # `make cluster-policies` works and attacks inside

Policies, pods and namespaces are read again every second; when something changed, one nftables table is replaced as a
whole, on the node that forwards every packet between pods. What was refused, from whom to whom, is told at the end.
Only for one node and IPv4: a data centre's network plugin does this on every node.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.cluster.kubernetes import ClusterError, kubectl

Say = Callable[[str], None]
Object = Mapping[str, Any]

TABLE = "his_policies"
_EVERY = 1.0
_DIRECTIONS = {"Ingress": ("from", "saddr", "daddr"), "Egress": ("to", "daddr", "saddr")}
"""Direction -> key of its peers, the packet's address of the peer, the packet's address of the pod."""


@dataclass(frozen=True)
class World:
    """What decides: policies, pods with an address of their own, labels of namespaces."""

    policies: tuple[Object, ...]
    pods: tuple[Object, ...]
    namespaces: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, items: Iterable[Object]) -> World:
        """From the cluster's objects of these three kinds."""
        found: dict[str, list[Object]] = {"NetworkPolicy": [], "Pod": [], "Namespace": []}
        for one in items:
            found[one["kind"]].append(one)
        live = [pod for pod in found["Pod"] if _address(pod) and not pod["spec"].get("hostNetwork")]
        labels = {one["metadata"]["name"]: one["metadata"].get("labels", {}) for one in found["Namespace"]}
        return cls(tuple(found["NetworkPolicy"]), tuple(live), labels)


@dataclass
class Refused:
    """Packets that no policy allowed, by the names of who sent and who should have received them."""

    seen: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """One line for each pair and port."""
        return [f"{sender} -> {receiver}:{port}" for sender, receiver, port in sorted(self.seen)]


def ruleset(world: World) -> str:
    """The nftables table: a chain for each pod and direction that a policy isolates; it drops what none allows."""
    chains: list[str] = []
    jumps: dict[str, list[str]] = {direction: [] for direction in _DIRECTIONS}
    for number, pod in enumerate(world.pods):
        for direction, (_, _, own) in _DIRECTIONS.items():
            policies = [one for one in world.policies if _isolates(one, pod, direction)]
            if not policies:
                continue
            chain = f"{direction.lower()}_{number}"
            rules = [rule for policy in policies for rule in _rules(policy, pod, direction, world)]
            body = "".join(f"    {rule} return\n" for rule in dict.fromkeys(rules))
            refuse = "    add @refused { ip saddr . ip daddr . th dport }\n    drop\n"
            chains.append(f"  chain {chain} {{\n{body}{refuse}  }}\n")
            jumps[direction].append(f"    ip {own} {_address(pod)} jump {chain}\n")
    known = "    ct state established,related accept\n"
    forward = "".join(jumps["Egress"] + jumps["Ingress"])
    return (
        f"table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n"
        "  set refused {\n    typeof ip saddr . ip daddr . th dport\n    flags dynamic\n    size 65535\n  }\n"
        + "".join(chains)
        + f"  chain forward {{\n    type filter hook forward priority 10; policy accept;\n{known}{forward}  }}\n"
        # The node itself is reached by its own address: its API server, its registry, what listens on it.
        + f"  chain input {{\n    type filter hook input priority 10; policy accept;\n{known}"
        + "".join(jumps["Egress"])
        + "  }\n}\n"
    )


@contextmanager
def enforced(say: Say) -> Iterator[Refused]:
    """Policies hold inside the block. Raises ClusterError where the node's packet filter cannot be set."""
    refused, stop = Refused(), threading.Event()
    current = _read()
    _load(ruleset(current))
    say(f"enforced: {len(current.policies)} policies over {len(current.pods)} pods")

    def follow() -> None:
        known = current
        while not stop.wait(_EVERY):
            try:
                now = _read()
            except ClusterError:  # the API server is busy; the rules that hold go on holding
                continue
            if ruleset(now) != ruleset(known):
                _note(refused, known)
                _load(ruleset(now))
                known = now
        _note(refused, known)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield refused
    finally:
        stop.set()
        thread.join()
        _nft(f"delete table inet {TABLE}")


# -- parts


def _read() -> World:
    kinds = "networkpolicies.networking.k8s.io,pods,namespaces"
    return World.of(json.loads(kubectl("get", kinds, "--all-namespaces", "-o", "json"))["items"])


def _address(pod: Object) -> str:
    return str(pod.get("status", {}).get("podIP", "")) if pod["status"].get("phase") in {"Pending", "Running"} else ""


def _isolates(policy: Object, pod: Object, direction: str) -> bool:
    spec = policy["spec"]
    kinds = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    same = policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return same and direction in kinds and _selects(spec["podSelector"], pod["metadata"].get("labels", {}))


def _rules(policy: Object, pod: Object, direction: str, world: World) -> Iterator[str]:
    """Matches of what one policy lets pass, as nftables writes them."""
    key, address, _ = _DIRECTIONS[direction]
    for rule in policy["spec"].get(direction.lower()) or []:
        ports = [_port(one) for one in rule.get("ports") or []] or [""]
        if not rule.get(key):
            yield from ports
            continue
        found: list[str] = []
        for peer in rule[key]:
            found += _block(peer["ipBlock"]) if "ipBlock" in peer else _pods(peer, policy, world)
        for port in ports:
            if found:
                yield f"ip {address} {{ {', '.join(sorted(set(found)))} }} {port}".rstrip()


def _pods(peer: Object, policy: Object, world: World) -> list[str]:
    home = policy["metadata"]["namespace"]
    return [
        _address(pod)
        for pod in world.pods
        if _selects(peer.get("podSelector", {}), pod["metadata"].get("labels", {}))
        and (
            _selects(peer["namespaceSelector"], world.namespaces.get(pod["metadata"]["namespace"], {}))
            if "namespaceSelector" in peer
            else pod["metadata"]["namespace"] == home
        )
    ]


def _block(block: Object) -> list[str]:
    """A range of addresses without its exceptions."""
    ranges = [ipaddress.IPv4Network(block["cidr"])]
    for one in block.get("except", []):
        without = ipaddress.IPv4Network(one)
        ranges = [
            part
            for whole in ranges
            for part in (whole.address_exclude(without) if without.subnet_of(whole) else [whole])
        ]
    return [str(one) for one in ranges]


def _port(port: Object) -> str:
    last = f"-{port['endPort']}" if "endPort" in port else ""
    protocol = port.get("protocol", "TCP").lower()
    return f"{protocol} dport {port['port']}{last}" if "port" in port else f"meta l4proto {protocol}"


def _selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """A label selector: every label and every expression."""
    tests: dict[str, Callable[[str | None, list[str]], bool]] = {
        "In": lambda value, values: value in values,
        "NotIn": lambda value, values: value not in values,
        "Exists": lambda value, values: value is not None,
        "DoesNotExist": lambda value, values: value is None,
    }
    return all(labels.get(name) == value for name, value in (selector.get("matchLabels") or {}).items()) and all(
        tests[one["operator"]](labels.get(one["key"]), one.get("values", []))
        for one in selector.get("matchExpressions") or []
    )


def _note(refused: Refused, world: World) -> None:
    """Take down who was refused since the table was loaded."""
    names = {_address(pod): f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in world.pods}
    listed = json.loads(_nft("list", "set", "inet", TABLE, "refused", options=("-j",)))
    for one in listed["nftables"]:
        for element in one.get("set", {}).get("elem", []):
            sender, receiver, port = (element.get("elem", {}).get("val") or element)["concat"]
            refused.seen[names.get(sender, sender), names.get(receiver, receiver), port] += 1


def _load(rules: str) -> None:
    _nft("-f", "-", given=rules)


def _nft(*command: str, given: str | None = None, options: tuple[str, ...] = ()) -> str:
    order = ["nft", *options, *command]
    done = subprocess.run(order, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"nft {' '.join(command)}: {done.stderr[-1000:]}")
    return done.stdout
