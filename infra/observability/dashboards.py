"""Grafana dashboards: the clinic at a glance, one function in depth, events, the database."""

from __future__ import annotations

from typing import Any

from infra.observability import service_levels

Board = dict[str, Any]
Query = tuple[str, str]
"""PromQL and legend."""

WIDTH, HEIGHT = 8, 7
BY_FUNCTION = "sum by (function) "
CHOSEN = '{function=~"$function",campus=~"$campus"}'


def dashboards() -> dict[str, Board]:
    """File name -> dashboard."""
    return {
        "clinic": _board("his-clinic", "门诊总览", _clinic()),
        "functions": _board("his-functions", "功能健康（RED）", _functions(), variables=("function", "campus")),
        "events": _board("his-events", "事件与后台", _events()),
        "database": _board("his-database", "数据库", _database()),
    }


def _clinic() -> list[Board]:
    visits = 'his_request_seconds_count{function="outpatient/registration",route="/visits",status=~"2.."}'
    settled = 'his_request_seconds_count{function="payments/billing",route="/settlements",status=~"2.."}'
    panels = [
        _graph("每分钟挂号（按院区）", "short", (f"sum by (campus) (rate({visits}[5m])) * 60", "{{campus}}")),
        _graph("每分钟收费（按院区）", "short", (f"sum by (campus) (rate({settled}[5m])) * 60", "{{campus}}")),
        _graph("出错率", "percentunit", ("his:errors:ratio5m", "5 分钟"), ("his:errors:ratio1h", "1 小时")),
        _graph(
            "挂号、收费耗时 p95", "s", (_p95('function=~"outpatient/registration|payments/billing"'), "{{function}}")
        ),
        _graph("事件最长等待", "s", ("max(his_outbox_lag_seconds)", "等待")),
        _graph("死信", "short", ("max(his_dead_letters_open)", "未处理")),
    ]
    return panels + [
        _stat(f"{level.title}，目标 {level.target:.1%}", f"his:slo:{level.name.replace('-', '_')}:30d")
        for level in service_levels()
    ]


def _functions() -> list[Board]:
    rate = f"rate(his_request_seconds_count{CHOSEN}[5m])"
    failed = 'rate(his_request_seconds_count{function=~"$function",campus=~"$campus",status=~"5.."}[5m])'
    refused = 'rate(his_request_seconds_count{function=~"$function",campus=~"$campus",status=~"4.."}[5m])'
    return [
        _graph("每秒请求", "reqps", (BY_FUNCTION + f"({rate})", "{{function}}")),
        _graph("每秒 5xx", "reqps", (BY_FUNCTION + f"({failed})", "{{function}}")),
        _graph("每秒拒绝（4xx）", "reqps", (f"sum by (function, status) ({refused})", "{{function}} {{status}}")),
        _graph("耗时 p95", "s", (_p95('function=~"$function",campus=~"$campus"'), "{{function}}")),
        _graph(
            "最慢的地址 p95",
            "s",
            (f"topk(10, {_p95(CHOSEN[1:-1], 'route')})", "{{route}}"),
        ),
        _graph("正在处理", "short", ("sum by (service) (his_requests_in_flight)", "{{service}}")),
        _graph(
            "死锁重试（每分钟）",
            "short",
            ("sum by (function) (rate(his_transaction_retries_total[5m])) * 60", "{{function}}"),
        ),
        _graph("常驻内存", "bytes", ("max by (service) (process_resident_memory_bytes)", "{{service}}")),
        _graph("实例数", "short", ("count by (service) (his_requests_in_flight)", "{{service}}")),
    ]


def _events() -> list[Board]:
    handled = "rate(his_events_handled_total[5m])"
    return [
        _graph("发件箱待送", "short", ("max(his_outbox_depth)", "待送")),
        _graph("最长等待", "s", ("max(his_outbox_lag_seconds)", "等待")),
        _graph(
            "卡住与挂起的主题",
            "short",
            ("max(his_outbox_stuck_subjects)", "卡住"),
            ("max(his_outbox_held_subjects)", "挂起"),
        ),
        _graph("每秒处理", "short", (f"sum by (function, outcome) ({handled})", "{{function}} {{outcome}}")),
        _graph("死信", "short", ("max(his_dead_letters_open)", "未处理")),
        _graph("后台任务失败", "short", ("max by (task) (his_worker_failing)", "{{task}}")),
        _graph(
            "审计封存（每分钟）", "short", ("sum by (campus) (rate(his_audit_sealed_total[5m])) * 60", "{{campus}}")
        ),
    ]


def _database() -> list[Board]:
    return [
        _graph("连接", "short", ("sum by (state) (cnpg_backends_total)", "{{state}}")),
        _graph("备库落后", "s", ("max(cnpg_pg_replication_lag)", "落后")),
        _graph("距上次日志归档", "s", ("max(cnpg_pg_stat_archiver_seconds_since_last_archival)", "秒")),
        _graph("最长事务", "s", ("max(cnpg_backends_max_tx_duration_seconds)", "秒")),
        _graph("数据库大小", "bytes", ("max by (datname) (cnpg_pg_database_size_bytes)", "{{datname}}")),
        _graph(
            "卷剩余",
            "percentunit",
            ("kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes", "{{persistentvolumeclaim}}"),
        ),
    ]


def _p95(matching: str, by: str = "function") -> str:
    rate = f"rate(his_request_seconds_bucket{{{matching}}}[5m])"
    return f"histogram_quantile(0.95, sum by ({by}, le) ({rate}))"


def _graph(title: str, unit: str, *queries: Query) -> Board:
    return {
        "type": "timeseries",
        "title": title,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(65 + place), "expr": expr, "legendFormat": legend}
            for place, (expr, legend) in enumerate(queries)
        ],
    }


def _stat(title: str, expr: str) -> Board:
    panel = _graph(title, "percentunit", (expr, ""))
    return panel | {"type": "stat"}


def _board(uid: str, title: str, panels: list[Board], variables: tuple[str, ...] = ()) -> Board:
    for place, panel in enumerate(panels):
        panel["id"] = place + 1
        panel["gridPos"] = {"x": place % 3 * WIDTH, "y": place // 3 * HEIGHT, "w": WIDTH, "h": HEIGHT}
    chosen: list[Board] = [{"name": "datasource", "type": "datasource", "query": "prometheus"}]
    chosen += [
        {
            "name": name,
            "type": "query",
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "query": f"label_values(his_request_seconds_count, {name})",
            "includeAll": True,
            "allValue": ".*",
            "multi": True,
            "refresh": 2,
        }
        for name in variables
    ]
    return {
        "uid": uid,
        "title": title,
        "tags": ["his"],
        "timezone": "Asia/Shanghai",
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": chosen},
        "panels": panels,
    }
