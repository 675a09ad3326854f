"""The gateway's configuration: Envoy, made from the functions' prefixes.

Kourier takes whole host names to services; paths, limits, TLS and answers a person can read are done here, in front of
it. One address serves everything, as a laptop does.
"""

from __future__ import annotations

from typing import Any

from infra.his.manifests import answers
from infra.his.manifests.document import text
from infra.his.manifests.groups import Group
from infra.his.manifests.names import KOURIER, NAMESPACE
from infra.his.manifests.overlays import Overlay
from infra.his.manifests.services import REQUEST_SECONDS

_HTTP = "envoy.extensions.filters.http"
_HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_FILES = "/etc/gateway-tls"
_FUNCTIONS, _IDENTITY, _ADMIN = "functions", "identity", "admin"


def configuration(groups: list[Group], overlay: Overlay) -> str:
    """envoy.yaml of one overlay."""
    plain = _pages(groups, overlay) if overlay.plain_http else [_redirect()]
    document = {
        "node": {"id": "gateway", "cluster": NAMESPACE},
        "admin": {"address": _address("127.0.0.1", 9900)},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        **_type(
                            "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
                        ),
                        "max_active_downstream_connections": 20_000,
                    },
                }
            ]
        },
        "static_resources": {
            "listeners": [
                _listener("http", 8080, _manager("http", plain, overlay)),
                _listener("https", 8443, _manager("https", _pages(groups, overlay), overlay), tls=True),
                _listener("dead-letters", 8090, _dead_letters()),
                _listener("metrics", 9901, _metrics()),
            ],
            "clusters": [
                _cluster(_FUNCTIONS, f"kourier-internal.{KOURIER}.svc.cluster.local", 80),
                *([_cluster(_IDENTITY, *_split(overlay.identity))] if overlay.identity else []),
                {
                    "name": _ADMIN,
                    "type": "STATIC",
                    "load_assignment": _endpoint(_ADMIN, "127.0.0.1", 9900),
                },
            ],
        },
    }
    return text([document])


# -- who gets what


def _pages(groups: list[Group], overlay: Overlay) -> list[dict[str, Any]]:
    """Path by path: a function's prefix to its service, sign-on to Keycloak, nothing else."""
    routes = [
        {
            "match": {"path_separated_prefix": app.prefix},
            "route": {
                "cluster": _FUNCTIONS,
                "host_rewrite_literal": f"{group.name}.{NAMESPACE}.svc.cluster.local",
                "timeout": f"{REQUEST_SECONDS}s",
                "retry_policy": _RETRY,
            },
        }
        for group in groups
        for app in group.apps
    ]
    if overlay.identity:
        # The administration of Keycloak is not among them: it is reached from inside only.
        routes += [
            {"match": {"path_separated_prefix": prefix}, "route": {"cluster": _IDENTITY, "timeout": "30s"}}
            for prefix in ("/realms", "/resources")
        ]
    routes.append({"match": {"path": "/gateway/healthz"}, "direct_response": {"status": 200}})
    return routes


_RETRY = {
    # An instance that dies takes its requests with it. What only reads may be sent again, and so may a command with its
    # Idempotency-Key: the second time it gets the first answer. Within two seconds the next instance answers or waits.
    "retry_on": "connect-failure,refused-stream,reset,gateway-error",
    "num_retries": 5,
    "retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"},
    "retriable_request_headers": [
        {"name": ":method", "string_match": {"exact": "GET"}},
        {"name": ":method", "string_match": {"exact": "HEAD"}},
        {"name": "idempotency-key", "present_match": True},
    ],
}


def _redirect() -> dict[str, Any]:
    return {"match": {"prefix": "/"}, "redirect": {"https_redirect": True, "response_code": "PERMANENT_REDIRECT"}}


# -- listeners


def _manager(name: str, routes: list[dict[str, Any]], overlay: Overlay) -> dict[str, Any]:
    """Everything between a workstation's socket and a function."""
    return {
        **_type(_HCM),
        "stat_prefix": name,
        "server_header_transformation": "PASS_THROUGH",
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {
            "idle_timeout": "300s",
            "headers_with_underscores_action": "REJECT_REQUEST",
            "max_headers_count": 100,
        },
        "max_request_headers_kb": 32,
        "request_headers_timeout": "10s",
        "request_timeout": f"{REQUEST_SECONDS + 5}s",
        "stream_idle_timeout": f"{REQUEST_SECONDS + 5}s",
        "delayed_close_timeout": "1s",
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65_536,
            "initial_connection_window_size": 1_048_576,
        },
        "access_log": [_log(answers.ACCESS)],
        "local_reply_config": answers.local_replies(),
        "http_filters": [
            {"name": "cors", "typed_config": _type(f"{_HTTP}.cors.v3.Cors")},
            {"name": "rate", "typed_config": _rate(overlay)},
            {
                "name": "body",
                "typed_config": {**_type(f"{_HTTP}.buffer.v3.Buffer"), "max_request_bytes": overlay.body_bytes},
            },
            {"name": "router", "typed_config": _type(f"{_HTTP}.router.v3.Router")},
        ],
        "route_config": {
            "name": name,
            "virtual_hosts": [
                {
                    "name": "hospital",
                    "domains": ["*"],
                    "routes": routes,
                    "typed_per_filter_config": {"cors": _cors(overlay)},
                }
            ],
            "response_headers_to_add": [
                _header("strict-transport-security", "max-age=31536000; includeSubDomains"),
                _header("x-content-type-options", "nosniff"),
                _header("referrer-policy", "no-referrer"),
            ],
            "response_headers_to_remove": ["x-envoy-upstream-service-time", "server"],
            "request_headers_to_remove": ["forwarded"],
        },
    }


def _rate(overlay: Overlay) -> dict[str, Any]:
    """A bucket for each caller's address: one broken client must not take the others' turn."""
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    bucket = {
        "max_tokens": overlay.burst,
        "tokens_per_fill": overlay.requests_per_second,
        "fill_interval": "1s",
    }
    everybody = {
        "max_tokens": 100 * overlay.burst,
        "tokens_per_fill": 100 * overlay.requests_per_second,
        "fill_interval": "1s",
    }
    return {
        **_type(f"{_HTTP}.local_ratelimit.v3.LocalRateLimit"),
        "stat_prefix": "rate",
        "token_bucket": everybody,
        "filter_enabled": {"runtime_key": "rate.enabled", **always},
        "filter_enforced": {"runtime_key": "rate.enforced", **always},
        "rate_limits": [{"actions": [{"remote_address": {}}]}],
        "descriptors": [{"entries": [{"key": "remote_address"}], "token_bucket": bucket}],
        "max_dynamic_descriptors": 10_000,
    }


def _cors(overlay: Overlay) -> dict[str, Any]:
    return {
        **_type(f"{_HTTP}.cors.v3.CorsPolicy"),
        "allow_origin_string_match": [{"exact": origin} for origin in overlay.origins],
        "allow_methods": "GET, POST, PUT, PATCH, OPTIONS",
        "allow_headers": "authorization, content-type, x-campus, idempotency-key, if-match, traceparent",
        "expose_headers": "etag, location, retry-after, traceparent",
        "max_age": "86400",
    }


def _dead_letters() -> dict[str, Any]:
    """Where the Broker leaves what it could not deliver: noted and counted, never kept.

    The truth is in the outbox, whose row stays open, so the relay sends the event again.
    """
    return {
        **_type(_HCM),
        "stat_prefix": "dead_letters",
        "access_log": [_log(answers.DEAD_LETTER)],
        "http_filters": [{"name": "router", "typed_config": _type(f"{_HTTP}.router.v3.Router")}],
        "route_config": _one_host({"match": {"path": "/dead-letters"}, "direct_response": {"status": 202}}),
    }


def _metrics() -> dict[str, Any]:
    """Of Envoy's own pages only its figures and its readiness."""
    return {
        **_type(_HCM),
        "stat_prefix": "metrics",
        "http_filters": [{"name": "router", "typed_config": _type(f"{_HTTP}.router.v3.Router")}],
        "route_config": _one_host(
            *({"match": {"path": path}, "route": {"cluster": _ADMIN}} for path in ("/stats/prometheus", "/ready"))
        ),
    }


def _listener(name: str, port: int, manager: dict[str, Any], *, tls: bool = False) -> dict[str, Any]:
    chain: dict[str, Any] = {
        "filters": [{"name": "http", "typed_config": manager}],
    }
    if tls:
        chain["transport_socket"] = {
            "name": "tls",
            "typed_config": {
                **_type("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                    "tls_certificate_sds_secret_configs": [
                        {
                            "name": "gateway",
                            "sds_config": {"path_config_source": {"path": "/etc/envoy/certificate.yaml"}},
                        }
                    ],
                },
            },
        }
    return {
        "name": name,
        "address": _address("0.0.0.0", port),  # noqa: S104  of its pod
        "per_connection_buffer_limit_bytes": 65_536,
        "filter_chains": [chain],
    }


def certificate() -> str:
    """certificate.yaml: a renewed certificate is taken without a restart."""
    secret = {
        **_type("envoy.extensions.transport_sockets.tls.v3.Secret"),
        "name": "gateway",
        "tls_certificate": {
            "certificate_chain": {"filename": f"{_FILES}/tls.crt"},
            "private_key": {"filename": f"{_FILES}/tls.key"},
            "watched_directory": {"path": _FILES},
        },
    }
    return text([{"resources": [secret]}])


# -- parts


def _cluster(name: str, host: str, port: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "2s",
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 2048,
                    "max_pending_requests": 2048,
                    "max_requests": 4096,
                    # Under a general failure retries must not become the load.
                    "retry_budget": {"budget_percent": {"value": 25.0}, "min_retry_concurrency": 16},
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                **_type("envoy.extensions.upstreams.http.v3.HttpProtocolOptions"),
                "common_http_protocol_options": {"idle_timeout": "50s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        "load_assignment": _endpoint(name, host, port),
    }


def _endpoint(name: str, host: str, port: int) -> dict[str, Any]:
    return {
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(host, port)}}]}],
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _one_host(*routes: dict[str, Any]) -> dict[str, Any]:
    return {"virtual_hosts": [{"name": "any", "domains": ["*"], "routes": list(routes)}]}


def _log(fields: dict[str, str]) -> dict[str, Any]:
    return {
        "name": "stdout",
        "typed_config": {
            **_type("envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"),
            "log_format": {"json_format": fields, "omit_empty_values": True},
        },
    }


def _header(name: str, value: str) -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _type(name: str) -> dict[str, str]:
    return {"@type": f"type.googleapis.com/{name}"}
