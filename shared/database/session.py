"""One transaction on one connection, in as few round trips as the work allows.

Writes are gathered (`add`, `execute`) and travel in one psycopg pipeline with the next read or with the
commit. A read sends what was gathered before it, so a transaction always sees its own writes. Several reads
share a round trip when they are sent before the first is awaited:

    patient = session.send(FIND_PATIENT, patient_id=...)
    price = session.send(PRICE_AT, item_id=...)
    charge(patient.one(), price.one())

A refusal of the database (a broken constraint, a lost race) surfaces at the next read, `flush` or commit.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import Cursor, Pipeline

from shared.database.model import Model
from shared.database.query import Query, as_json, insert_many, insert_plan

ROWS_AT_ONCE = 50
"""Most rows of an INSERT written row by row; keeps the number of different statements small. More go as JSON."""
ROWS_AS_JSON = 10_000
"""Rows of one JSON document."""

T = TypeVar("T")
Row = tuple[Any, ...]


class NoRow(LookupError):
    """`one` found nothing: a row that must exist does not."""


class Pending(Generic[T]):
    """Rows that are on their way."""

    __slots__ = ("_cursor", "_query")

    def __init__(self, query: Query[T], cursor: "Cursor[Row]") -> None:
        self._query = query
        self._cursor = cursor

    def all(self) -> list[T]:
        """Every row."""
        build = self._query.build
        return [build(row) for row in self._cursor.fetchall()]

    def first(self) -> T | None:
        """The first row, or None."""
        row = self._cursor.fetchone()
        return None if row is None else self._query.build(row)

    def one(self) -> T:
        """The first row; NoRow when there is none."""
        row = self._cursor.fetchone()
        if row is None:
            raise NoRow(self._query.compiled())
        return self._query.build(row)


class Session:
    """The only door to the database inside a request. It has no commit: the edge commits."""

    __slots__ = ("_connection", "_gathered", "_held_back", "_pipeline", "statements")

    def __init__(self, connection: "psycopg.Connection[Row]", pipeline: Pipeline) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._gathered: list[tuple[str, dict[str, Any]]] = []
        self._held_back: dict[type[Model], list[Model]] = {}
        self.statements = 0
        """Statements so far; tests hold it against each journey's budget."""

    @property
    def database(self) -> str:
        """Which database this is, for what a process learned about it."""
        info = self._connection.info
        return f"{info.host}:{info.port}/{info.dbname}"

    def add(self, *rows: Model) -> None:
        """Insert rows with the next exchange (traces, which nobody reads back, with the commit). They are facts from
        here on."""
        for row in rows:
            if row.held_back:
                self._held_back.setdefault(type(row), []).append(row)
            else:
                plan = insert_plan(type(row))
                self._gathered.append((plan.sql, plan.values(row)))
            row.__dict__["_fact"] = True

    def add_many(self, rows: Sequence[Model]) -> None:
        """Insert very many rows of one model with the next exchange, thousands a statement: a price list, an import."""
        for first in range(0, len(rows), ROWS_AS_JSON):
            some = rows[first : first + ROWS_AS_JSON]
            self.execute(insert_many(type(some[0])), rows=as_json(some))
        for row in rows:
            row.__dict__["_fact"] = True

    def execute(self, query: Query[Any], **params: Any) -> None:
        """Run a write whose result nobody needs with the next exchange."""
        self._gathered.append((query.compiled(), query.bind(params)))

    def send(self, query: Query[T], **params: Any) -> Pending[T]:
        """Send a read now and take its rows later."""
        self.send_gathered()
        return Pending(query, self._send(query.compiled(), query.bind(params)))

    def all(self, query: Query[T], **params: Any) -> list[T]:
        """Every row."""
        return self.send(query, **params).all()

    def first(self, query: Query[T], **params: Any) -> T | None:
        """The first row, or None."""
        return self.send(query, **params).first()

    def one(self, query: Query[T], **params: Any) -> T:
        """The first row; NoRow when there is none."""
        return self.send(query, **params).one()

    def flush(self) -> None:
        """Send everything and wait for the verdict of the database."""
        self.send_all()
        self._pipeline.sync()

    def send_gathered(self) -> None:
        """Send what is gathered without waiting; the commit follows in the same exchange."""
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            for sql, params in gathered:
                self._send(sql, params)

    def send_all(self) -> None:
        """Send what is gathered and held back, one statement a table for the latter; the commit follows."""
        held_back, self._held_back = self._held_back, {}
        for model, rows in held_back.items():
            plan = insert_plan(model)
            if len(rows) == 1:
                self._gathered.append((plan.sql, plan.values(rows[0])))
            elif len(rows) > ROWS_AT_ONCE:
                self.add_many(rows)
            else:
                values = {
                    f"{name}_{place}": value
                    for place, row in enumerate(rows)
                    for name, value in plan.values(row).items()
                }
                self._gathered.append((plan.many(len(rows)), values))
        self.send_gathered()

    def _send(self, sql: str, params: dict[str, Any]) -> "Cursor[Row]":
        self.statements += 1
        return self._connection.execute(sql, params)
