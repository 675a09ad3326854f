"""Many rows in one statement: a price list of 20,000 items makes 160,000 rows of many tables."""

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import ARRAY, Text, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from functions.catalogue.prices.models import ChargeItem, PriceVersion
from shared.database.model import Model
from shared.database.query import Query
from shared.tables import OutboxEvent

AT_ONCE = 10_000

M = TypeVar("M", bound=Model)


class Bulk(Generic[M]):
    """INSERT ... SELECT FROM unnest(...) of a model. Columns the server fills stay with the server."""

    def __init__(self, model: type[M]) -> None:
        columns = [c for c in model.__table__.columns if c.identity is None and c.server_default is None]
        self._keys = {c.key: model.__mapper__.get_property_by_column(c).key for c in columns}
        self._json = {c.key for c in columns if isinstance(c.type, JSONB)}
        kinds = {c.key: Text() if c.key in self._json or isinstance(c.type, Text) else c.type for c in columns}
        staged = (
            func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in kinds.items()))
            .table_valued(*(column(name, kind) for name, kind in kinds.items()))
            .render_derived(name="staged")
        )
        chosen = [staged.c[name].cast(JSONB) if name in self._json else staged.c[name] for name in kinds]
        self.query = Query(object, insert(model).from_select(list(kinds), select(*chosen)))

    def batches(self, rows: Sequence[M]) -> Iterator[dict[str, list[Any]]]:
        """Parameters of the query, a statement's worth of rows at a time."""
        import orjson

        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            params = {name: [getattr(row, key) for row in some] for name, key in self._keys.items()}
            yield params | {name: [orjson.dumps(value).decode() for value in params[name]] for name in self._json}


ITEMS = Bulk(ChargeItem)
PRICES = Bulk(PriceVersion)
EVENTS = Bulk(OutboxEvent)
