"""Other names of charge items."""

from typing import Any, TypeVar

from sqlalchemy import ARRAY, Text, bindparam, func, null, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.catalogue.prices.models import ChargeItem, ItemAlias
from functions.catalogue.prices.queries import (
    CHARGEABLE,
    PRICED,
    PUBLIC,
    PricedItem,
    PublicPrice,
)
from shared.database.query import Query, among

T = TypeVar("T")

ALIASES_OF = Query(
    str,
    select(ItemAlias.alias)
    .where(ItemAlias.item_code == bindparam("code"), ItemAlias.retired_at.is_(null()))
    .order_by(ItemAlias.alias),
)
_new = insert(ItemAlias).from_select(
    ["item_code", "alias", "initials", "wubi", "added_at", "added_by"],
    select(
        bindparam("code", type_=Text),
        func.unnest(bindparam("aliases", type_=ARRAY(Text))),
        func.unnest(bindparam("initials", type_=ARRAY(Text))),
        func.unnest(bindparam("wubi", type_=ARRAY(Text))),
        bindparam("now", type_=ItemAlias.added_at.type),
        bindparam("by", type_=Text),
    ),
)
ADD_ALIASES = Query(
    object,
    _new.on_conflict_do_update(
        index_elements=["item_code", "alias"],
        set_={
            "retired_at": null(),
            "initials": _new.excluded.initials,
            "wubi": _new.excluded.wubi,
            "added_at": _new.excluded.added_at,
            "added_by": _new.excluded.added_by,
        },
    ),
)
"""A name that was taken back before is given again."""
RETIRE_ALIASES = Query(
    object,
    update(ItemAlias)
    .where(
        ItemAlias.item_code == bindparam("code_"), among(ItemAlias.alias, "aliases"), ItemAlias.retired_at.is_(null())
    )
    .values(retired_at=bindparam("now")),
)


def _called(row: type[T], items: Any, text: Any) -> Query[T]:
    return Query(
        row,
        items.where(
            ChargeItem.code.in_(
                select(ItemAlias.item_code).where(
                    text >= bindparam("low", type_=Text),
                    text < bindparam("high", type_=Text),
                    ItemAlias.retired_at.is_(null()),
                )
            ),
            CHARGEABLE,
        )
        .order_by(ChargeItem.code)
        .limit(bindparam("limit")),
    )


_TEXTS = {
    "name": ItemAlias.alias,
    "initials": ItemAlias.initials,
    "wubi": ItemAlias.wubi,
    "code": ItemAlias.alias,
}
CALLED = {kind: _called(PricedItem, PRICED, text) for kind, text in _TEXTS.items()}
"""Items that can be charged with another name that begins so, or whose initials or wubi do."""
PUBLIC_CALLED = {kind: _called(PublicPrice, PUBLIC, text) for kind, text in _TEXTS.items()}
