"""Who may talk to the data services, and what Prometheus reads of them."""

from __future__ import annotations

from infra.his.manifests import data_parts as parts
from infra.his.manifests.data import BACKUP, KEYCLOAK, POSTGRES, STORAGE
from infra.his.manifests.document import Manifest
from infra.his.manifests.names import MONITORING, NAMESPACE, component
from infra.his.manifests.network import API_SERVER, BY_TLS, INSIDE

POOLER = "pooler"
"""The kind CloudNativePG gives its poolers' pods, over whatever their template says."""
RESTORED = "restored"
"""A server from the backup, there only while it is needed: infra/k8s/restore."""


def network() -> list[Manifest]:
    """Default deny; then each service with whom it talks. The database's pods ask the API server who leads."""
    ours, watching = parts.namespace(NAMESPACE), parts.namespace(MONITORING)
    api = [{"ipBlock": {"cidr": cidr}} for cidr in INSIDE]
    return [
        parts.policy("default-deny", {}, {"ingress": [], "egress": []}),
        parts.policy("names", {}, {"egress": [parts.rule("to", [parts.namespace("kube-system")], 53, udp=True)]}),
        parts.policy(
            POSTGRES,
            component(POSTGRES),
            {
                "ingress": [
                    parts.rule("from", [ours, *parts.kinds(POSTGRES, POOLER, KEYCLOAK, BACKUP)], 5432),
                    parts.rule("from", [*parts.kinds(POSTGRES), parts.namespace("cnpg-system")], 8000),
                    parts.rule("from", [watching], 9187),
                ],
                "egress": [
                    parts.rule("to", parts.kinds(POSTGRES), 5432, 8000),
                    parts.rule("to", parts.kinds(RESTORED), 5432),
                    parts.rule("to", api, *API_SERVER),
                ],
            },
        ),
        parts.policy(
            POOLER,
            component(POOLER),
            {
                "ingress": [parts.rule("from", [ours], 5432), parts.rule("from", [watching], 9127)],
                "egress": [parts.rule("to", parts.kinds(POSTGRES), 5432), parts.rule("to", api, *API_SERVER)],
            },
        ),
        parts.policy(
            STORAGE,
            component(STORAGE),
            {
                "ingress": [parts.rule("from", [ours, watching, *parts.kinds(BACKUP, RESTORED, STORAGE)], 9000)],
                "egress": [parts.rule("to", parts.kinds(STORAGE), 9000)],
            },
        ),
        parts.policy(
            KEYCLOAK,
            component(KEYCLOAK),
            {
                "ingress": [
                    parts.rule("from", [ours], 8080),
                    parts.rule("from", parts.kinds(KEYCLOAK), 7800),
                    parts.rule("from", [watching], 9000),
                ],
                "egress": [
                    parts.rule("to", parts.kinds(POSTGRES), 5432),
                    parts.rule("to", parts.kinds(KEYCLOAK), 7800),
                    # Who signs off is signed off everywhere: partners and, for CAS programs, the hospital are told.
                    parts.rule("to", [ours], 8080, 8443),
                    BY_TLS,
                ],
            },
        ),
        parts.policy(
            BACKUP,
            component(BACKUP),
            {
                "ingress": [parts.rule("from", [watching], 8002)],
                "egress": [parts.rule("to", parts.kinds(POSTGRES), 5432), parts.rule("to", parts.kinds(STORAGE), 9000)],
            },
        ),
    ]


def monitors() -> list[Manifest]:
    """What Prometheus reads of the data services."""
    return [
        parts.monitor(POSTGRES, {"cnpg.io/cluster": "his"}, "metrics", "/metrics"),
        parts.monitor("pooler", {"cnpg.io/poolerName": "pooler"}, "metrics", "/metrics"),
        parts.monitor(STORAGE, component(STORAGE), "s3", "/minio/v2/metrics/cluster"),
        parts.monitor(KEYCLOAK, component(KEYCLOAK), "management", "/metrics"),
        parts.monitor("archive", {"app.kubernetes.io/name": "archive"}, "metrics", "/metrics"),
    ]
