"""The gateway's configuration: who gets which path, and what nobody gets."""

import json
from typing import Any

import pytest

from functions.registry import all_apps
from infra.his.manifests.document import parsed
from infra.his.manifests.groups import groups, single
from infra.his.manifests.overlays import Overlay, overlays
from shared.problems import Problem
from tests.infra.conftest import K8S

OVERLAYS = pytest.mark.parametrize("overlay", overlays(), ids=[one.name for one in overlays()])


def configuration(overlay: Overlay) -> dict[str, Any]:
    path = K8S / "overlays" / overlay.name / "envoy.yaml"
    (found,) = parsed(path.read_text(encoding="utf-8"))
    return found


def manager(overlay: Overlay, listener: str) -> dict[str, Any]:
    one = next(one for one in configuration(overlay)["static_resources"]["listeners"] if one["name"] == listener)
    found: dict[str, Any] = one["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def routes(overlay: Overlay, listener: str = "https") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manager(overlay, listener)["route_config"]["virtual_hosts"][0]["routes"]
    return found


@OVERLAYS
def test_each_function_s_paths_go_to_the_service_that_runs_it(overlay: Overlay) -> None:
    running = single(all_apps()) if overlay.services == "functions" else groups(all_apps())
    expected = {app.prefix: f"{group.name}.his.svc.cluster.local" for group in running for app in group.apps}
    seen = {
        route["match"]["path_separated_prefix"]: route["route"]["host_rewrite_literal"]
        for route in routes(overlay)
        if route.get("route", {}).get("cluster") == "functions"
    }
    assert seen == expected


@OVERLAYS
def test_nothing_else_is_reachable(overlay: Overlay) -> None:
    """Not a function's metrics, not its event door, not Keycloak's administration."""
    open_paths = {
        route["match"].get("path_separated_prefix") or route["match"].get("path") for route in routes(overlay)
    }
    allowed = {app.prefix for app in all_apps()} | {"/gateway/healthz"}
    if overlay.identity:
        allowed |= {"/realms", "/resources"}
    assert open_paths == allowed


@OVERLAYS
def test_without_tls_there_is_only_the_way_to_tls(overlay: Overlay) -> None:
    if overlay.plain_http:
        assert overlay.name.startswith("lab")
        return
    only = routes(overlay, "http")
    assert [route["redirect"]["https_redirect"] for route in only] == [True]


@OVERLAYS
def test_limits(overlay: Overlay) -> None:
    filters = {one["name"]: one["typed_config"] for one in manager(overlay, "https")["http_filters"]}
    assert list(filters)[-1] == "router"
    assert filters["body"]["max_request_bytes"] == overlay.body_bytes
    bucket = filters["rate"]["descriptors"][0]["token_bucket"]
    assert bucket["tokens_per_fill"] == overlay.requests_per_second
    assert filters["rate"]["token_bucket"]["max_tokens"] > bucket["max_tokens"]


@OVERLAYS
def test_only_what_may_be_sent_twice_is_sent_twice(overlay: Overlay) -> None:
    for route in routes(overlay):
        policy = route.get("route", {}).get("retry_policy")
        if policy is None:
            continue
        wanted = {
            (one["name"], one.get("string_match", {}).get("exact")) for one in policy["retriable_request_headers"]
        }
        assert wanted == {(":method", "GET"), (":method", "HEAD"), ("idempotency-key", None)}


@OVERLAYS
def test_pages_of_other_addresses_must_be_named(overlay: Overlay) -> None:
    host = manager(overlay, "https")["route_config"]["virtual_hosts"][0]
    policy = host["typed_per_filter_config"]["cors"]
    assert [one["exact"] for one in policy["allow_origin_string_match"]] == overlay.origins
    assert "allow_credentials" not in policy
    assert {"idempotency-key", "x-campus", "if-match"} <= set(policy["allow_headers"].split(", "))


@OVERLAYS
def test_refusals_are_documents_a_person_can_read(overlay: Overlay) -> None:
    mappers = manager(overlay, "https")["local_reply_config"]["mappers"]
    assert mappers[-1]["filter"]["status_code_filter"]["comparison"]["op"] == "GE", "the last one takes all others"
    codes = {kind.code for kind in Problem.__subclasses__()}
    for mapper in mappers:
        document = mapper["body_format_override"]["json_format"]
        assert document["type"] == f"urn:his:problem:{document['code']}"
        assert any("一" <= character <= "鿿" for character in document["detail"])
        assert mapper["body_format_override"]["content_type"] == "application/problem+json"
    known = {mapper["body_format_override"]["json_format"]["code"] for mapper in mappers}
    assert {"busy", "not_found", "body_too_large", "unreadable"} <= known & codes


@OVERLAYS
def test_logs_hold_nothing_personal(overlay: Overlay) -> None:
    """No query (somebody's search), no header that identifies a person, no body."""
    text = json.dumps(
        [manager(overlay, name).get("access_log") for name in ("http", "https", "dead-letters")], ensure_ascii=False
    ).upper()
    for word in ("AUTHORIZATION", "COOKIE", "ORIGINAL-PATH", "USER-AGENT", "KNATIVEERRORDATA", "%REQ(:PATH)%"):
        assert word not in text
    assert "%PATH(NQ" in text


@OVERLAYS
def test_the_administration_of_envoy_listens_to_itself_only(overlay: Overlay) -> None:
    assert configuration(overlay)["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"
    metrics = routes(overlay, "metrics")
    assert {route["match"]["path"] for route in metrics} == {"/stats/prometheus", "/ready"}
