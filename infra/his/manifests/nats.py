"""NATS JetStream under the Broker, and what makes a Knative channel of it (docs/decisions/0015-broker.md)."""

from __future__ import annotations

from typing import Any

from infra.his.manifests import data_parts as parts
from infra.his.manifests.document import Manifest, text
from infra.his.manifests.eventing import CHANNEL
from infra.his.manifests.names import DATA, EVENTING, MONITORING, SCRATCH_MOUNT, SECURITY, component

NATS = "nats"
NODES = 3
ADDRESS = f"nats.{DATA}.svc.cluster.local"
CLIENT = "dispatcher.knative-eventing"
"""The one name a client's certificate may carry."""
CLIENT_SECRET = "nats-client"  # noqa: S105  the name of it
DISPATCHER = "jetstream-ch-dispatcher"
"""What Knative calls the programs that take events from the Broker to the stream and from there to Triggers."""
VERSION = "v2.15.2"

_CLIENT, _ROUTE, _MONITOR = 4222, 6222, 8222
_OF_DISPATCHER = {"messaging.knative.dev/channel": "nats-jetstream-channel", "messaging.knative.dev/role": "dispatcher"}
DISPATCHERS = ",".join(f"{label}={value}" for label, value in _OF_DISPATCHER.items())
"""Selects their pods."""
_STREAM: dict[str, Any] = {
    # Three days of events, delivered or not. Removing each when every Trigger has it (Interest) left hundreds behind
    # after servers had been killed; a day of 10,000 visits is a tenth of a gigabyte.
    "retention": "Limits",
    "discard": "Old",
    "storage": "File",
    "replicas": NODES,
    "maxAge": "72h0m0s",
    "maxBytes": 16 * 1024**3,
    "maxMsgSize": 1024**2,
    # Shorter than the relay's shortest lease (events/relay.py), or its second sending would be taken for the first.
    "duplicateWindow": "10s",
}


def nats() -> list[Manifest]:
    """Three nodes, each event on the disks of all three, acknowledged by two. Who speaks to them shows a certificate.

    What they lose nevertheless comes again: an outbox row closes only when every subscriber's inbox has the event.
    """
    container = {
        "name": NATS,
        "image": f"{parts.REGISTRY}/nats:{VERSION.removeprefix('v')}",
        "args": ["--config=/etc/nats/nats.conf"],
        "ports": [parts.port("client", _CLIENT), parts.port("route", _ROUTE), parts.port("monitor", _MONITOR)],
        "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        # Recovering its streams may take a node minutes; it must not be killed over that.
        "startupProbe": parts.get("/healthz?js-enabled-only=true", "monitor", period=2, failures=300),
        "readinessProbe": parts.get("/healthz?js-server-only=true", "monitor", period=10),
        "livenessProbe": parts.get("/healthz?js-enabled-only=true", "monitor", period=15),
        # Clients move to another node before this one goes.
        "lifecycle": {"preStop": {"exec": {"command": ["/nats-server", "--signal=ldm=/tmp/nats.pid"]}}},
        "resources": parts.resources("250m", "256Mi", "2", "1Gi"),
        "securityContext": SECURITY,
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "configuration", "mountPath": "/etc/nats", "readOnly": True},
            {"name": "certificate", "mountPath": "/tls", "readOnly": True},
            SCRATCH_MOUNT,
        ],
    }
    files = (
        {"name": "configuration", "configMap": {"name": NATS}},
        # tls.crt, tls.key, ca.crt
        {"name": "certificate", "projected": {"defaultMode": 0o440, "sources": [{"secret": {"name": NATS}}]}},
    )
    return [
        parts.account(NATS),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": parts.metadata(NATS, NATS),
            "data": {"nats.conf": _configuration()},
        },
        parts.stateful(NATS, NODES, container, grace=60, volume=("local-nvme", "50Gi"), files=files),
        parts.service(NATS, NATS, {"client": _CLIENT}),
        parts.service(f"{NATS}-nodes", NATS, {"route": _ROUTE, "monitor": _MONITOR}, headless=True),
        parts.budget(NATS),
        parts.policy(
            NATS,
            component(NATS),
            {
                "ingress": [
                    parts.rule("from", [parts.namespace(EVENTING)], _CLIENT),
                    parts.rule("from", parts.kinds(NATS), _ROUTE),
                    parts.rule("from", [parts.namespace(MONITORING)], _MONITOR),
                ],
                "egress": [
                    parts.rule("to", parts.kinds(NATS), _ROUTE),
                    parts.rule("to", [parts.namespace("kube-system")], 53, udp=True),
                ],
            },
        ),
    ]


def channel_spec() -> Manifest:
    """What the channel of a Broker is like."""
    spread = {
        "weight": 100,
        "podAffinityTerm": {
            "topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": _OF_DISPATCHER},
        },
    }
    return {
        "stream": {"config": _STREAM},
        "consumerConfigTemplate": {
            # A function that subscribes anew begins with what happens then.
            "deliverPolicy": "New",
            "replayPolicy": "Instant",
            # How long a dispatcher may hold an event; a Trigger's own timeout is taken before it.
            "ackWait": "31s",
            # Every Trigger is asked about every event; a dispatcher has so many of each in its hands, and no more.
            "maxAckPending": 32,
            "consumerType": "Push",
        },
        "deploymentSpecTemplate": {
            "resources": parts.resources("100m", "128Mi", "2", "1Gi"),
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [spread]}},
        },
    }


def channel() -> list[Manifest]:
    """In Knative's namespace: where JetStream is, what a Broker's channel is like, and never less than two dispatchers.

    Knative makes the dispatchers itself and keeps how many there are.
    """
    connection = {
        "url": f"tls://{ADDRESS}:{_CLIENT}",
        "connOpts": {
            "retryOnFailedConnect": True,
            # At the end of these it would give up and be restarted, with pauses that grow to five minutes.
            "maxReconnects": 1_000_000,
            "reconnectWaitMilliseconds": 500,
        },
        "auth": {"tls": {"secret": {"name": CLIENT_SECRET}}},
    }
    template = {
        "apiVersion": "messaging.knative.dev/v1alpha1",
        "kind": "NatsJetStreamChannel",
        "spec": channel_spec(),
    }
    return [
        _setting("config-nats", "eventing-nats", connection),
        _setting(CHANNEL, "channel-template-spec", template),
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": _metadata(DISPATCHER),
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": DISPATCHER},
                "minReplicas": 2,
                "maxReplicas": 4,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "1"}},
                    }
                ],
            },
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": _metadata(DISPATCHER),
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _OF_DISPATCHER}},
        },
    ]


# -- parts


def _configuration() -> str:
    routes = "\n".join(
        f"    nats-route://nats-{number}.nats-nodes.{DATA}.svc.cluster.local:{_ROUTE}" for number in range(NODES)
    )
    keys = 'cert_file: "/tls/tls.crt", key_file: "/tls/tls.key", ca_file: "/tls/ca.crt", min_version: "1.3"'
    return f"""\
server_name: $NODE
listen: "0.0.0.0:{_CLIENT}"
http: "0.0.0.0:{_MONITOR}"
pid_file: "/tmp/nats.pid"
lame_duck_grace_period: "2s"
lame_duck_duration: "30s"
jetstream {{
  store_dir: "/data"
  max_memory_store: 0
  max_file_store: 40GB
  # Two nodes have an event in memory before it is acknowledged; only the power of both, at once, could take it away
  # again for so long. The outbox sends it again then.
  sync_interval: "5s"
}}
tls {{ {keys}, verify_and_map: true }}
authorization {{ users: [{{ user: "{CLIENT}" }}] }}
cluster {{
  name: his
  listen: "0.0.0.0:{_ROUTE}"
  tls {{ {keys} }}
  routes: [
{routes}
  ]
}}
"""


def _metadata(name: str) -> dict[str, Any]:
    return {**parts.metadata(name), "namespace": EVENTING}


def _setting(name: str, key: str, content: Manifest) -> Manifest:
    written = text([content]).partition("\n")[2]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(name), "data": {key: written}}
