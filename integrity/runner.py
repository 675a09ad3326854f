"""Read the checks and run them, read-only, over every campus."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

CHECKS = Path(__file__).parent / "checks"
SEVERITIES = ("critical", "error", "warning")
DETAIL_ROWS = 50


@dataclass(frozen=True, slots=True)
class Check:
    """A check as it stands in its file. `name` is `<kind>.<file>`."""

    name: str
    title: str
    severity: str
    remedy: str
    detail: str
    order: str
    parameters: dict[str, Any] = field(default_factory=dict)
    """Values of the detail's placeholders: limits the hospital may set otherwise."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found: how many rows break it, and the first of them."""

    name: str
    title: str
    severity: str
    remedy: str
    count: int
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return self.count == 0


def load(folder: Path = CHECKS) -> list[Check]:
    """Every check, in order of name. Raises ValueError for a file that is no check."""
    return [_read(path) for path in sorted(folder.glob("*/*.toml"))]


def run(url: str, names: frozenset[str] | None = None) -> list[CheckResult]:
    """Run all checks, or the named ones, in one read-only snapshot as the role of `url` (his_auditor)."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        return list(_run(connection, [check for check in load() if names is None or check.name in names]))


def _run(connection: "psycopg.Connection[dict[str, Any]]", checks: list[Check]) -> Iterator[CheckResult]:
    for check in checks:
        broken = sql.SQL(check.detail)  # type: ignore[arg-type]  # ours, from the file beside this one
        counting = sql.SQL("SELECT count(*) AS n FROM ({}) AS broken").format(broken)
        counted = connection.execute(counting, check.parameters).fetchone()
        count = int(counted["n"]) if counted else 0
        rows: list[dict[str, Any]] = []
        if count:
            listed = sql.SQL("SELECT * FROM ({}) AS broken ORDER BY {} LIMIT {}").format(
                broken,
                sql.SQL(check.order),  # type: ignore[arg-type]
                DETAIL_ROWS,
            )
            rows = connection.execute(listed, check.parameters).fetchall()
        yield CheckResult(check.name, check.title, check.severity, check.remedy, count, rows)


def _read(path: Path) -> Check:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    fields = {"title", "severity", "remedy", "detail", "order"}
    parameters = content.pop("parameters", {})
    if content.keys() != fields or not all(isinstance(value, str) and value for value in content.values()):
        raise ValueError(f"{path}: a check has exactly {sorted(fields)}, all filled, and perhaps parameters")
    if content["severity"] not in SEVERITIES:
        raise ValueError(f"{path}: severity is one of {SEVERITIES}")
    return Check(name=f"{path.parent.name}.{path.stem}", parameters=parameters, **content)
