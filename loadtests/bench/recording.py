"""The statements of a use case as they were sent, with what they answered."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg

PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class Sent(NamedTuple):
    """One statement: its text in psycopg's named style, its values, the columns and first row of its answer."""

    sql: str
    params: dict[str, Any]
    columns: tuple[str, ...]
    row: tuple[Any, ...] | None


@contextmanager
def recorded() -> Iterator[list[Sent]]:
    """What every connection of this process sends meanwhile; the list is filled at the end."""
    original = psycopg.Connection.execute
    taken: list[tuple[Any, Any, psycopg.Cursor[Any]]] = []
    sent: list[Sent] = []

    def execute(connection: Any, query: Any, params: Any = None, **options: Any) -> Any:
        cursor = original(connection, query, params, **options)
        taken.append((query, params, cursor))
        return cursor

    psycopg.Connection.execute = execute  # type: ignore[assignment, method-assign]
    try:
        yield sent
    finally:
        psycopg.Connection.execute = original  # type: ignore[method-assign]
    for query, params, cursor in taken:
        columns: tuple[str, ...] = ()
        row = None
        if cursor.description:
            columns = tuple(column.name for column in cursor.description)
            if cursor.rowcount:
                cursor.scroll(0, mode="absolute")
                row = cursor.fetchone()
        sent.append(Sent(str(query), dict(params or {}), columns, row))
