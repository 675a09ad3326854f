"""Network policies: nothing may talk unless it is listed here."""

from __future__ import annotations

from typing import Any

from infra.his.manifests.document import Manifest
from infra.his.manifests.names import (
    DATA,
    EVENTING,
    FUNCTION,
    GATEWAY,
    KOURIER,
    MONITORING,
    PREPARE,
    PREWARM,
    REACHES_OUT,
    SERVING,
    WORKER,
    component,
    metadata,
)

QUEUE_PROXY = (8012, 8013, 8022, 8112, 9090, 9091)
"""Requests (HTTP/1, HTTP/2, TLS), drain, figures for the autoscaler, figures for Prometheus."""
POSTGRES, S3, KEYCLOAK = 5432, 9000, 8080
COLLECTOR = 4318
API_SERVER = (443, 6443)
INSIDE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""Private addresses: the API server is a node's or a virtual one, which no label names."""
NEVER_OUTSIDE = (*INSIDE, "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")
"""What is not the internet. Systems of private networks (医保专网, a card terminal) get a policy of the site's own."""
BY_TLS: dict[str, Any] = {
    "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": [*NEVER_OUTSIDE]}}],
    "ports": [{"port": 443, "protocol": "TCP"}],
}
"""The way outside."""


def policies() -> list[Manifest]:
    """Default deny, then each kind of pod with whom it talks."""
    return [
        _policy("default-deny", {}, ingress=[], egress=[]),
        _policy("names", {}, egress=[_rule("to", "kube-system", (53,), "UDP"), _rule("to", "kube-system", (53,))]),
        _policy(
            FUNCTION,
            component(FUNCTION),
            ingress=[
                _rule("from", KOURIER, QUEUE_PROXY),
                _rule("from", SERVING, QUEUE_PROXY),
                _rule("from", MONITORING, (8080, 9091)),
            ],
            egress=[_rule("to", DATA, (POSTGRES, S3, KEYCLOAK)), _rule("to", MONITORING, (COLLECTOR,))],
        ),
        _policy(
            "outside",
            REACHES_OUT,
            egress=[BY_TLS],
        ),
        _policy(
            WORKER,
            component(WORKER),
            ingress=[_rule("from", MONITORING, (8001,))],
            egress=[
                _rule("to", DATA, (POSTGRES, S3, KEYCLOAK)),
                _rule("to", EVENTING, (8080,)),
                _rule("to", MONITORING, (COLLECTOR,)),
            ],
        ),
        _policy(PREPARE, component(PREPARE), egress=[_rule("to", DATA, (POSTGRES, S3, KEYCLOAK))], ingress=[]),
        _policy(
            PREWARM,
            component(PREWARM),
            ingress=[],
            egress=[
                _rule("to", DATA, (POSTGRES,)),
                {"to": [{"ipBlock": {"cidr": cidr}} for cidr in INSIDE], "ports": _ports(API_SERVER)},
            ],
        ),
        _policy(
            GATEWAY,
            component(GATEWAY),
            ingress=[
                {"ports": _ports((8080, 8443))},
                _rule("from", EVENTING, (8090,)),
                _rule("from", MONITORING, (9901,)),
            ],
            egress=[_rule("to", KOURIER, (8081,)), _rule("to", DATA, (KEYCLOAK,))],
        ),
    ]


def _policy(name: str, selected: dict[str, str], **rules: list[dict[str, Any]]) -> Manifest:
    kinds = [kind.capitalize() for kind in ("ingress", "egress") if kind in rules]
    selector: dict[str, Any] = {"matchLabels": selected} if selected else {}
    open_rules = {kind: rule for kind, rule in rules.items() if rule}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(name),
        "spec": {"podSelector": selector, "policyTypes": kinds, **open_rules},
    }


def _rule(direction: str, namespace: str, ports: tuple[int, ...], protocol: str = "TCP") -> dict[str, Any]:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    return {direction: [peer], "ports": _ports(ports, protocol)}


def _ports(ports: tuple[int, ...], protocol: str = "TCP") -> list[dict[str, Any]]:
    return [{"port": port, "protocol": protocol} for port in ports]
