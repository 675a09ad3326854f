"""Terms and their other words that have no wubi yet."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, column, func, null, select, update

from functions.catalogue.codes.models import Code, CodeSynonym
from functions.catalogue.codes.searching import SEPARATOR
from shared.database.query import Query


class Lacking(NamedTuple):
    """A text without wubi."""

    id: UUID
    text: str


_names = {"ids": Uuid, "wubi": Text, "grams": Text}
_worked_out = (
    func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in _names.items()))
    .table_valued(*(column(name, kind) for name, kind in _names.items()))
    .render_derived(name="worked_out")
)


def _without(table: Any, key: Any, text: Any) -> Query[Lacking]:
    return Query(Lacking, select(key, text).where(table.wubi.is_(null())).order_by(key).limit(bindparam("most")))


def _fill(table: Any, key: Any) -> Query[object]:
    return Query(
        object,
        update(table)
        .where(key == _worked_out.c.ids, table.wubi.is_(null()))
        .values(wubi=_worked_out.c.wubi, grams=func.string_to_array(_worked_out.c.grams, SEPARATOR)),
    )


CODES_WITHOUT = _without(Code, Code.code_id, Code.display)
SYNONYMS_WITHOUT = _without(CodeSynonym, CodeSynonym.synonym_id, CodeSynonym.word)
FILL_CODES = _fill(Code, Code.code_id)
"""Many at once; one that has got its wubi meanwhile stays as it is."""
FILL_SYNONYMS = _fill(CodeSynonym, CodeSynonym.synonym_id)
