"""Every list and lock of payments keeps its index behind row-level security, whatever values it is asked with."""

import importlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from shared.database.query import Query
from tests.payments.conftest import Hall
from tests.support import plans

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
    with plans.application(hall.hospital) as connection:
        yield connection


@pytest.mark.parametrize("query", list(queries()))
def test_no_scan_of_a_whole_table(application: "psycopg.Connection[Any]", query: Query[Any]) -> None:
    assert "Seq Scan on" not in (plan := plans.generic_plan(application, query)), plan


def test_pending_charges_come_from_their_partial_index(application: "psycopg.Connection[Any]") -> None:
    charges = importlib.import_module("functions.payments.billing.queries.charges")
    assert "ix_charges_unsettled" in plans.generic_plan(application, charges.PENDING)
