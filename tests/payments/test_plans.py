"""Every list and lock of payments keeps its index behind row-level security, whatever values it is asked with."""

import importlib
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from shared.database.query import Query
from tests.payments.conftest import Hall

MODULES = [
    "cashier.queries.bags",
    "cashier.queries.floats",
    "cashier.queries.shifts",
    "billing.queries.charges",
    "billing.queries.pricing",
    "billing.queries.settlements",
    "billing.queries.refunds",
    "billing.queries.reports",
    "billing.queries.tenders",
    "billing.queries.receipts",
    "billing.queries.debts",
    "billing.queries.prepayments",
]
NO_TABLE = {"BEING_SETTLED"}
"""Asks a function, whose own plan is not shown."""


def queries() -> Iterator[Any]:
    for name in MODULES:
        for constant, value in vars(importlib.import_module(f"functions.payments.{name}")).items():
            if isinstance(value, Query) and constant not in NO_TABLE:
                yield pytest.param(value, id=f"{name}.{constant}")


@pytest.fixture(scope="module")
def application(hall: Hall) -> Iterator["psycopg.Connection[Any]"]:
    """The application's role, acting at a campus."""
    with psycopg.connect(hall.hospital.settings.database_url, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SELECT set_config('his.campus', 'hq', false), set_config('his.readable', 'hq', false)")
        yield connection


def generic_plan(connection: "psycopg.Connection[Any]", query: Query[Any]) -> str:
    """The plan for any values: what PostgreSQL falls back to for a statement it has prepared."""
    names: dict[str, int] = {}

    def numbered(found: "re.Match[str]") -> str:
        return f"${names.setdefault(found.group(1), len(names) + 1)}"

    statement = re.sub(r"%\((\w+)\)s", numbered, query.compiled())
    rows = connection.execute(f"EXPLAIN (GENERIC_PLAN) {statement}").fetchall()  # type: ignore[call-overload]
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("query", list(queries()))
def test_no_scan_of_a_whole_table(application: "psycopg.Connection[Any]", query: Query[Any]) -> None:
    assert "Seq Scan on" not in (plan := generic_plan(application, query)), plan


def test_pending_charges_come_from_their_partial_index(application: "psycopg.Connection[Any]") -> None:
    charges = importlib.import_module("functions.payments.billing.queries.charges")
    assert "ix_charges_unsettled" in generic_plan(application, charges.PENDING)
