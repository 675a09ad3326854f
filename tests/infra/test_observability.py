"""Rules and dashboards ask only for what is measured, in PromQL that parses, and every alert says what to do."""

import re
from collections.abc import Iterator
from pathlib import Path

import prometheus_client
import promql_parser
import pytest

import events.worker  # noqa: F401  declares its metrics
import functions.payments.gateway.service.forgeries  # noqa: F401  declares its metrics
import infra.backup.archive  # noqa: F401  declares its metrics
import shared.audit.sealing  # noqa: F401  declares its metrics
from infra.observability import HANDBOOK, alerts, files, recordings, service_levels
from infra.observability.dashboards import dashboards
from shared.settings import REPOSITORY
from shared.telemetry import REQUESTS

OTHERS = re.compile(r"^(cnpg_|kube_|kubelet_|envoy_|probe_success$|process_)")
"""Metrics of what others run: the operator of PostgreSQL, the cluster, the gateway, the prober, Python's own client."""
WORDS = re.compile(r"[a-z_:][a-z0-9_:]*", re.IGNORECASE)


def ours() -> set[str]:
    """Names of every series the product exposes."""
    found = set()
    for metric in prometheus_client.REGISTRY.collect():
        for suffix in ("", "_total", "_bucket", "_count", "_sum"):
            found.add(metric.name + suffix)
    return found


def expressions() -> Iterator[tuple[str, str]]:
    for alert in alerts():
        yield alert.name, alert.expr
    yield from recordings().items()
    for level in service_levels():
        yield level.name, level.ratio("5m")
    for board in dashboards().values():
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield panel["title"], target["expr"]


def selectors(expr: promql_parser.Expr) -> Iterator[promql_parser.VectorSelector]:
    """Every vector that an expression reads."""
    if isinstance(expr, promql_parser.VectorSelector):
        yield expr
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        inner = getattr(expr, name, None)
        if inner is not None and not isinstance(inner, str):
            yield from selectors(inner)
    for inner in getattr(expr, "args", None) or ():
        yield from selectors(inner)


@pytest.mark.parametrize(("name", "expr"), list(expressions()))
def test_an_expression_parses_and_asks_for_what_is_measured(name: str, expr: str) -> None:
    known = ours() | recordings().keys() | {f"his:slo:{level.name.replace('-', '_')}:30d" for level in service_levels()}
    read = [selector.name for selector in selectors(promql_parser.parse(expr.replace("$function", "x")))]
    assert read, "reads nothing"
    assert [one for one in read if one not in known and not OTHERS.match(one)] == []


def test_labels_are_those_of_the_metric() -> None:
    labels = set(REQUESTS._labelnames) | {"le", "service"}
    for name, expr in expressions():
        for selector in selectors(promql_parser.parse(expr)):
            if selector.name.startswith("his_request_seconds"):
                asked = {matcher.name for matcher in selector.matchers.matchers}
                assert asked <= labels, name


def test_a_route_named_by_a_rule_exists() -> None:
    from functions import registry

    routes = {(app.name, route.path.removeprefix(app.prefix)) for app in registry.all_apps() for route in app.routes()}
    for _, expr in expressions():
        for function, route in re.findall(r'function="([^"]+)",route="([^"]+)"', expr):
            assert (function, route) in routes


def test_every_alert_says_what_to_do() -> None:
    handbook = files()[HANDBOOK]
    for alert in alerts():
        assert alert.level in {1, 2, 3}
        assert len(alert.steps) >= 2
        assert f"### {alert.name}" in handbook
    assert len({alert.name for alert in alerts()}) == len(alerts())


def test_generated_files_are_fresh() -> None:
    for path, content in files().items():
        assert Path(REPOSITORY / path).read_text(encoding="utf-8") == content, f"{path}: run `his generate`"
