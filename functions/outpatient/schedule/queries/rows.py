"""Many rows as one parameter: arrays that become a table inside a statement."""

from typing import Any

from sqlalchemy import TableValuedAlias, bindparam, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine


def rows_given(name: str, **columns: tuple[str, TypeEngine[Any]]) -> TableValuedAlias:
    """`unnest(:ids, ...) AS name(column, ...)`; `columns` says which parameter and type each column has."""
    arrays = [bindparam(parameter, type_=ARRAY(kind)) for parameter, kind in columns.values()]
    return func.unnest(*arrays).table_valued(*columns, name=name).render_derived()
