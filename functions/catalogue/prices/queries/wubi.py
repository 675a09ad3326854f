"""Wubi of items and of their other names: what has none yet, and what a list gives."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, column, func, null, select, update

from functions.catalogue.prices.models import ChargeItem, ItemAlias
from shared.database.query import Query


class Lacking(NamedTuple):
    """An item without wubi."""

    item_id: UUID
    name: str


def _given(kind: Any) -> Any:
    names = {"keys": kind, "wubi": Text}
    return (
        func.unnest(*(bindparam(name, type_=ARRAY(one)) for name, one in names.items()))
        .table_valued(*(column(name, one) for name, one in names.items()))
        .render_derived(name="given")
    )


_by_id, _by_text = _given(Uuid), _given(Text)
ITEMS_WITHOUT = Query(
    Lacking,
    select(ChargeItem.item_id, ChargeItem.name)
    .where(ChargeItem.wubi.is_(null()))
    .order_by(ChargeItem.item_id)
    .limit(bindparam("most")),
)
ALIASES_WITHOUT = Query(
    str,
    select(ItemAlias.alias)
    .where(ItemAlias.wubi.is_(null()))
    .distinct()
    .order_by(ItemAlias.alias)
    .limit(bindparam("most")),
)
FILL_ITEMS = Query(
    object,
    update(ChargeItem)
    .where(ChargeItem.item_id == _by_id.c["keys"], ChargeItem.wubi.is_(null()))
    .values(wubi=_by_id.c.wubi),
)
"""Many at once; one that has got its wubi meanwhile stays as it is."""
FILL_ALIASES = Query(
    object,
    update(ItemAlias)
    .where(ItemAlias.alias == _by_text.c["keys"], ItemAlias.wubi.is_(null()))
    .values(wubi=_by_text.c.wubi),
)
GIVE_ITEMS = Query(
    object,
    update(ChargeItem)
    .where(ChargeItem.code == _by_text.c["keys"], ChargeItem.wubi.is_distinct_from(_by_text.c.wubi))
    .values(wubi=_by_text.c.wubi),
)
"""What a list gives for items there are."""
