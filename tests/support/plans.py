"""How PostgreSQL would answer a query, as the application asks it: behind row-level security."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from shared.database.query import Query
from shared.tx import Tx
from tests.support.hospital import Hospital


def plan(tx: Tx, query: Query[Any], **params: Any) -> str:
    """The plan for these values."""
    rows = tx.session._connection.execute("EXPLAIN " + query.compiled(), query.bind(params)).fetchall()
    return "\n".join(row[0] for row in rows)


@contextmanager
def application(hospital: Hospital) -> Iterator["psycopg.Connection[Any]"]:
    """The application's role, acting at a campus, which reads a table through only where it cannot help it."""
    with psycopg.connect(hospital.settings.database_url, autocommit=True) as connection:
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
