"""The Broker and a Trigger for each function that handles events."""

from __future__ import annotations

from typing import Any

from infra.his.manifests.document import Manifest
from infra.his.manifests.groups import Group
from infra.his.manifests.names import EVENTING, FUNCTION, NAMESPACE, metadata

BROKER = "default"
CHANNEL = "his-broker"
"""ConfigMap that says what kind of channel carries the Broker's events."""
DEAD_LETTERS = "dead-letters"

_SINK = {"apiVersion": "v1", "kind": "Service", "name": DEAD_LETTERS}
PATIENCE: dict[str, Any] = {
    # 1, 2, 4 ... 32 s: the Broker bridges a minute by itself. What is away longer the relay sends again, for days.
    "retry": 6,
    "backoffPolicy": "exponential",
    "backoffDelay": "PT0.5S",
    # So long an event waits that died with a dispatcher, too.
    "timeout": "PT10S",
}


def broker() -> list[Manifest]:
    """The Broker. Its events lie in JetStream until every Trigger has them: infra/his/manifests/nats.py."""
    return [
        {
            "apiVersion": "eventing.knative.dev/v1",
            "kind": "Broker",
            "metadata": metadata(BROKER, annotations={"eventing.knative.dev/broker.class": "MTChannelBasedBroker"}),
            "spec": {
                "config": {"apiVersion": "v1", "kind": "ConfigMap", "name": CHANNEL, "namespace": EVENTING},
                "delivery": _delivery(namespace=NAMESPACE),
            },
        }
    ]


def triggers(group: Group) -> list[Manifest]:
    """Each function of the group gets the types it handles at its own address, so that its inbox is its own.

    One Trigger for all of them: a channel asks every Trigger about every event.
    """
    return [
        {
            "apiVersion": "eventing.knative.dev/v1",
            "kind": "Trigger",
            "metadata": metadata(app.service_name, FUNCTION),
            "spec": {
                "broker": BROKER,
                "filters": [{"any": [{"exact": {"type": kind}} for kind in sorted(app.handlers)]}],
                "subscriber": {
                    "ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": group.name},
                    "uri": f"/events/{app.name}",
                },
                "delivery": _delivery(),
            },
        }
        for app in group.apps
        if app.handlers
    ]


def _delivery(**where: str) -> dict[str, Any]:
    return {**PATIENCE, "deadLetterSink": {"ref": {**_SINK, **where}, "uri": f"/{DEAD_LETTERS}"}}
