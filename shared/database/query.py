"""Statements compiled once, rows built without an ORM session.

    FIND_VISIT = Query(Visit, select(Visit).where(Visit.encounter_id == bindparam("encounter_id")))
    tx.session.first(FIND_VISIT, encounter_id=...)        # -> Visit | None

The row type is a model, a NamedTuple or dataclass (columns in its field order), or a scalar type.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

import orjson
from sqlalchemy import ColumnElement, Text, any_, bindparam, insert, literal_column, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.expression import ClauseElement

from shared.database.model import Model

T = TypeVar("T")
Converter = Callable[[Any], Any]

DIALECT: Any = PGDialect_psycopg()  # type: ignore[no-untyped-call]


def among(column: Any, name: str) -> ColumnElement[bool]:
    """`column = ANY(:name)`: one statement text for a list of any length."""
    return cast(ColumnElement[bool], column == any_(bindparam(name, type_=ARRAY(column.type))))


def constant(value: str) -> ColumnElement[str]:
    """A text written into the statement instead of bound, so that a partial index on it can be used by any plan."""
    return literal_column("'{}'".format(value.replace("'", "''")), Text)


def one_of(column: Any, *values: str) -> ColumnElement[bool]:
    """`column IN ('a', 'b')` with the values written into the statement."""
    return cast(ColumnElement[bool], column.in_([constant(value) for value in values]))


class Query(Generic[T]):
    """A statement and the type of its rows. Compiled on first use, then only bound."""

    __slots__ = ("_build", "_converters", "_defaults", "_required", "_sql", "_statement", "row_type")

    def __init__(self, row_type: type[T], statement: ClauseElement) -> None:
        self.row_type = row_type
        self._statement = statement
        self._sql: str | None = None
        self._defaults: dict[str, Any] = {}
        self._required: frozenset[str] = frozenset()
        self._converters: dict[str, Converter] = {}
        self._build: Callable[[Sequence[Any]], T] = tuple  # type: ignore[assignment]

    def compiled(self) -> str:
        """The SQL text in psycopg's named style."""
        if self._sql is None:
            self._compile()
        return cast(str, self._sql)

    def bind(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Values for the placeholders. A missing or unknown name is a programming error and raises."""
        if self._sql is None:
            self._compile()
        bound = {**self._defaults, **params}
        if len(bound) != len(self._defaults) or not self._required <= params.keys():
            wrong = sorted((params.keys() - self._defaults.keys()) | (self._required - params.keys()))
            raise TypeError(f"missing or unknown parameters {wrong} for {self._sql}")
        for name, convert in self._converters.items():
            bound[name] = convert(bound[name])
        return bound

    def build(self, values: Sequence[Any]) -> T:
        """One row from one tuple of columns."""
        return self._build(values)

    def _compile(self) -> None:
        compiled = self._statement.compile(dialect=DIALECT)
        self._defaults = dict(compiled.params)
        self._required = frozenset(
            name
            for bind, name in compiled.bind_names.items()  # type: ignore[attr-defined]
            if bind.required
        )
        self._converters = {
            name: processor
            for bind, name in compiled.bind_names.items()  # type: ignore[attr-defined]
            if (processor := bind.type.dialect_impl(DIALECT).bind_processor(DIALECT)) is not None
        }
        self._build = _builder(self.row_type, self._statement)
        sql = str(compiled)
        if "POSTCOMPILE" in sql:
            raise TypeError(f"use one_of or among instead of in_ with values: {sql}")
        self._sql = sql


def _builder(row_type: type[T], statement: ClauseElement) -> Callable[[Sequence[Any]], T]:
    if isinstance(row_type, type) and issubclass(row_type, Model):
        columns = getattr(statement, "exported_columns", None) or statement.selected_columns  # type: ignore[attr-defined]
        keys = [row_type.__mapper__.get_property_by_column(column).key for column in columns]
        new = row_type.__new__

        def build_model(values: Sequence[Any]) -> T:
            row = new(row_type)
            row.__dict__.update(zip(keys, values, strict=True), _fact=True)
            return row

        return build_model
    if hasattr(row_type, "_make"):
        return cast(Callable[[Sequence[Any]], T], row_type._make)  # type: ignore[attr-defined]
    if is_dataclass(row_type):
        names = [field.name for field in fields(row_type)]
        return lambda values: row_type(**dict(zip(names, values, strict=True)))
    return lambda values: cast(T, values[0])


class InsertPlan:
    """The INSERT of one model: its SQL and how to read the values from a row. Server defaults stay with the server."""

    def __init__(self, model: type[Model]) -> None:
        table = model.__table__
        columns = [c for c in table.columns if c.identity is None and c.computed is None and c.server_default is None]
        keys = [model.__mapper__.get_property_by_column(column).key for column in columns]
        statement = insert(model).values({column.key: bindparam(column.key, type_=column.type) for column in columns})
        compiled = statement.compile(dialect=DIALECT)
        self.sql = str(compiled)
        self.names = [column.key for column in columns]
        self._many: dict[int, str] = {}
        read = attrgetter(*keys)
        self._read: Callable[[Model], tuple[Any, ...]] = read if len(keys) > 1 else lambda row: (read(row),)
        self._converters = [
            (column.key, processor)
            for column in columns
            if (processor := column.type.dialect_impl(DIALECT).bind_processor(DIALECT)) is not None
        ]

    def many(self, count: int) -> str:
        """The INSERT of several rows at once; each row's placeholders carry its place."""
        if count not in self._many:
            head, _, one = self.sql.partition(" VALUES ")
            rows = (re.sub(r"%\((\w+)\)s", rf"%(\g<1>_{place})s", one) for place in range(count))
            self._many[count] = f"{head} VALUES {', '.join(rows)}"
        return self._many[count]

    def values(self, row: Model) -> dict[str, Any]:
        bound = dict(zip(self.names, self._read(row), strict=True))
        for name, convert in self._converters:
            bound[name] = convert(bound[name])
        return bound


@cache
def insert_plan(model: type[Model]) -> InsertPlan:
    """The compiled INSERT of a model."""
    return InsertPlan(model)


@cache
def insert_many(model: type[Model]) -> Query[Any]:
    """One INSERT of any number of rows of a model, which travel as one JSON document of what `stored` gives.

    Server defaults stay with the server. `Session.add_many` is the door for rows; an import that has plain values
    already executes it with `rows` as JSON text.
    """
    columns = ", ".join(f'"{name}"' for name in insert_plan(model).names)
    table = model.__table__
    return Query(
        object,
        text(
            f"INSERT INTO {table} ({columns})"  # noqa: S608  names of our own columns
            f" SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, CAST(:rows AS jsonb))"
        ),
    )


def stored(row: Model) -> dict[str, Any]:
    """Every column of a row that we write, by its name."""
    return {name: getattr(row, name) for name in insert_plan(type(row)).names}


def as_json(rows: Sequence[Model]) -> str:
    """Rows as the JSON document that `insert_many` takes."""
    return orjson.dumps([stored(row) for row in rows], default=str).decode()
