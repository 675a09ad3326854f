"""Every list and lock of payments keeps its index behind row-level security."""

import importlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.payments.billing import rules
from shared.database.query import Query
from shared.tx import Tx
from tests.payments.conftest import Hall

MODULES = [
    "cashier.queries",
    "billing.queries.charges",
    "billing.queries.settlements",
    "billing.queries.refunds",
    "billing.queries.reports",
]
ONCE_A_DAY = {"CLOSE_CHANNEL_SHIFTS", "STALE"}
"""Sweeps look at the few rows their partial index holds, in whatever way the planner likes."""


def queries() -> Iterator[tuple[str, Query[Any]]]:
    for name in MODULES:
        module = importlib.import_module(f"functions.payments.{name}")
        for constant, value in vars(module).items():
            if isinstance(value, Query) and constant not in ONCE_A_DAY:
                yield f"{name}.{constant}", value


def plan(tx: Tx, query: Query[Any], parameters: dict[str, Any]) -> str:
    connection = tx.session._connection
    connection.execute("SET LOCAL enable_seqscan = off")
    rows = connection.execute("EXPLAIN " + query.compiled(), parameters).fetchall()
    return "\n".join(row[0] for row in rows)


def guess(name: str) -> Any:
    """A value of the right type for a parameter, by its name."""
    words = {
        **dict.fromkeys(["ids", "patients", "settlements", "refunds"], [uuid4()]),
        **dict.fromkeys(["limit", "seen"], 1),
        **dict.fromkeys(["day", "today"], "2026-03-02"),
        **dict.fromkeys(["at", "now", "window_since", "online_since"], "2026-03-02T08:00:00+08:00"),
        **dict.fromkeys(
            ["came", "went", "fell", "part", "price", "worth", "received", "back", "counted_", "kept_", "amount"],
            "1.00",
        ),
        **dict.fromkeys(["campus"], "hq"),
        "before": UUID(int=2**128 - 1),
    }
    if name in words:
        return words[name]
    text = {"who", "name", "why", "to", "note", "number", "form", "channel", "letter", "shift_no", "slip", "counter"}
    text |= {"cashier", "source_module", "source_id_", "line"}
    return "x" if name in text else uuid4()


@pytest.mark.parametrize(("name", "query"), list(queries()), ids=lambda value: value if isinstance(value, str) else "")
def test_no_scan_of_a_whole_table(hall: Hall, name: str, query: Query[Any]) -> None:
    query.compiled()
    with hall.hospital.tx("hq") as tx:
        parameters = {**query._defaults, **{key: guess(key) for key in query._required}}
        found = plan(tx, query, query.bind({key: parameters[key] for key in query._required}))
    assert "Seq Scan on" not in found, found
    assert rules.METHOD_NAMES
