"""Alert rules, service levels and dashboards as code: for Prometheus' operator, Grafana and the duty desk's handbook.

alerts.toml and slo.toml say what is watched; `his generate` writes from them infra/k8s/observability/ (PrometheusRule
and dashboards) and docs/reference/alerts.md (what to do for each alert).
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
FOLDER = Path("infra") / "k8s" / "observability"
HANDBOOK = Path("docs") / "reference" / "alerts.md"
LEVELS = {1: "1 级：门诊停摆或数据有险", 2: "2 级：一个科室受阻", 3: "3 级：降级，工作时间处理"}
WINDOWS = ("5m", "30m", "1h", "6h")
NAMESPACE = "his"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: when it fires, how bad that is, what it means and what to do first."""

    name: str
    level: int
    hold: str
    expr: str
    title: str
    cause: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """Share of good requests over 30 days."""

    name: str
    title: str
    target: float
    good: str
    all: str

    def ratio(self, window: str) -> str:
        """PromQL of the share of good requests in a window."""
        return f"sum(rate({self.good}[{window}])) / sum(rate({self.all}[{window}]))"


def alerts() -> list[Alert]:
    """Every rule, in the order of the file."""
    rows = tomllib.loads((HERE / "alerts.toml").read_text(encoding="utf-8"))["alert"]
    return [Alert(hold=row.pop("for"), steps=tuple(row.pop("steps")), **row) for row in rows]


def service_levels() -> list[ServiceLevel]:
    """Every service level."""
    return [ServiceLevel(**row) for row in tomllib.loads((HERE / "slo.toml").read_text(encoding="utf-8"))["slo"]]


def recordings() -> dict[str, str]:
    """Names of recorded series and their PromQL: the error ratios that the burn-rate alerts compare."""
    failed, total = 'his_request_seconds_count{status=~"5.."}', "his_request_seconds_count"
    return {
        f"his:errors:ratio{window}": f"sum(rate({failed}[{window}])) / sum(rate({total}[{window}]))"
        for window in WINDOWS
    }


def files() -> dict[Path, str]:
    """Generated files: path in the repository -> content."""
    return {
        FOLDER / "rules.yaml": _yaml(_rules()),
        FOLDER / "dashboards.yaml": _yaml(_dashboards()),
        FOLDER / "kustomization.yaml": _yaml(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": ["dashboards.yaml", "rules.yaml"],
            }
        ),
        HANDBOOK: _handbook(),
    }


def _rules() -> dict[str, Any]:
    recorded = [{"record": name, "expr": expr} for name, expr in recordings().items()]
    recorded += [
        {"record": f"his:slo:{level.name.replace('-', '_')}:30d", "expr": level.ratio("30d")}
        for level in service_levels()
    ]
    fired = [
        {
            "alert": alert.name,
            "expr": alert.expr,
            "for": alert.hold,
            "labels": {"level": str(alert.level)},
            "annotations": {
                "summary": alert.title,
                "description": f"{alert.cause} 处理：{'；'.join(alert.steps)}。",
                "runbook": f"{HANDBOOK.as_posix()}#{alert.name.lower()}",
            },
        }
        for alert in alerts()
    ]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "his", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "his"}},
        "spec": {
            "groups": [
                {"name": "his.recorded", "interval": "30s", "rules": recorded},
                {"name": "his.alerts", "rules": fired},
            ]
        },
    }


def _dashboards() -> dict[str, Any]:
    from infra.observability.dashboards import dashboards

    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "his-dashboards", "namespace": NAMESPACE, "labels": {"grafana_dashboard": "1"}},
        "data": {
            f"{name}.json": json.dumps(board, ensure_ascii=False, indent=1) for name, board in dashboards().items()
        },
    }


def _handbook() -> str:
    lines = ["<!-- Written by `his generate` from infra/observability; do not edit. -->", "", "# 告警处理手册", ""]
    lines += ["每条告警：什么意思、先做什么。级别与时限见规格 47。", ""]
    for level, words in LEVELS.items():
        lines += [f"## {words}", ""]
        for alert in alerts():
            if alert.level == level:
                lines += [
                    f"### {alert.name}",
                    "",
                    f"**{alert.title}**（持续 {alert.hold}）。可能原因：{alert.cause}",
                    "",
                ]
                lines += [f"{number}. {step}" for number, step in enumerate(alert.steps, 1)]
                lines += ["", f"`{alert.expr}`", ""]
    lines += ["## 服务水平（30 天）", "", "| 名称 | 目标 | 含义 |", "| --- | --- | --- |"]
    lines += [f"| {level.name} | {level.target:.1%} | {level.title} |" for level in service_levels()]
    return "\n".join(lines) + "\n"


def _yaml(document: Any) -> str:
    head = "# Written by `his generate`; do not edit.\n"
    return head + yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120)
