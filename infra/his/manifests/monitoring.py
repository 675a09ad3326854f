"""What Prometheus reads, as the objects of its operator."""

from __future__ import annotations

from typing import Any

from infra.his.manifests.document import Manifest
from infra.his.manifests.names import FUNCTION, GATEWAY, WORKER, component, metadata


def monitors() -> list[Manifest]:
    """Functions and worker pod by pod, because figures are a process's own; the gateway through its service.

    Knative's services of a revision do not expose a function's own /metrics, so a ServiceMonitor cannot reach it.
    """
    return [
        _pods(FUNCTION, "user-port", "/metrics"),
        _pods("function-queue", "http-usermetric", "/metrics", FUNCTION),
        _pods(WORKER, "metrics", "/metrics"),
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "ServiceMonitor",
            "metadata": metadata(GATEWAY, GATEWAY),
            "spec": {
                "selector": {"matchLabels": {"app.kubernetes.io/name": "gateway-metrics"}},
                "endpoints": [{"port": "metrics", "path": "/stats/prometheus", "interval": "15s"}],
            },
        },
    ]


def _pods(name: str, port: str, path: str, kind: str = "") -> Manifest:
    endpoint: dict[str, Any] = {"port": port, "path": path, "interval": "15s"}
    if (kind or name) == FUNCTION:
        endpoint["relabelings"] = [
            {
                "sourceLabels": ["__meta_kubernetes_pod_label_serving_knative_dev_service"],
                "targetLabel": "service",
            },
            {
                "sourceLabels": ["__meta_kubernetes_pod_label_serving_knative_dev_revision"],
                "targetLabel": "revision",
            },
        ]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": metadata(name, kind or name),
        "spec": {"selector": {"matchLabels": component(kind or name)}, "podMetricsEndpoints": [endpoint]},
    }
