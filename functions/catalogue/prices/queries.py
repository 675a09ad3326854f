"""Selects and guarded updates of the charge catalogue."""

from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Text,
    and_,
    bindparam,
    case,
    collate,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    update,
)

from functions.catalogue.prices.models import ChargeItem, ImportBatch, ImportRow, PriceVersion
from functions.organisation.structure.service import price_level_of
from shared.database.query import Query, among, constant, one_of


class PricedItem(NamedTuple):
    """An item with the price in force at a campus and a moment. `unit_price` and `version_id` are null without one."""

    item_id: UUID
    code: str
    national_code: str | None
    name: str
    unit: str
    kind: str
    fee_class: str
    direct_entry: bool
    max_quantity: Decimal | None
    stopped: bool
    unit_price: Decimal
    version_id: UUID


_AT = bindparam("at", type_=DateTime(timezone=True))
_CAMPUS = bindparam("campus", type_=Text)

_in_force = (
    select(PriceVersion.unit_price, PriceVersion.version_id)
    .where(
        PriceVersion.item_id == ChargeItem.item_id,
        PriceVersion.status == constant("checked"),
        PriceVersion.payer_class == constant("all"),
        PriceVersion.level == price_level_of(_CAMPUS, _AT),
        or_(PriceVersion.campus_id.is_(null()), PriceVersion.campus_id == _CAMPUS),
        PriceVersion.valid_from <= _AT,
        or_(PriceVersion.valid_to.is_(null()), PriceVersion.valid_to > _AT),
    )
    .order_by(PriceVersion.campus_id.is_(null()))
    .limit(1)
    .lateral()
)
_stopped = case(
    (not_(one_of(ChargeItem.status, "published", "suspended")), true()),
    else_=func.coalesce(ChargeItem.stopped_from <= _AT, literal(False)),
)
_priced = select(
    ChargeItem.item_id,
    ChargeItem.code,
    ChargeItem.national_code,
    ChargeItem.name,
    ChargeItem.unit,
    ChargeItem.kind,
    ChargeItem.fee_class,
    ChargeItem.direct_entry,
    ChargeItem.max_quantity,
    _stopped,
    _in_force.c.unit_price,
    _in_force.c.version_id,
).outerjoin(_in_force, true())

PRICES_AT = Query(PricedItem, _priced.where(among(ChargeItem.code, "codes")))
"""Items by code with the price in force: the campus's own before the one of its level. One round trip."""


def _search(column: object) -> Query[PricedItem]:
    return Query(
        PricedItem,
        _priced.where(
            collate(column, "C") >= bindparam("low", type_=Text),  # type: ignore[arg-type]
            collate(column, "C") < bindparam("high", type_=Text),  # type: ignore[arg-type]
            ChargeItem.status == "published",
            _in_force.c.unit_price.is_not(null()),
        )
        .order_by(collate(column, "C"))  # type: ignore[arg-type]
        .limit(bindparam("limit")),
    )


SEARCH_NAME = _search(ChargeItem.name)
SEARCH_INITIALS = _search(ChargeItem.initials)
SEARCH_CODE = Query(
    PricedItem,
    _priced.where(
        ChargeItem.code >= bindparam("low", type_=Text),
        ChargeItem.code < bindparam("high", type_=Text),
        ChargeItem.status == "published",
        _in_force.c.unit_price.is_not(null()),
    )
    .order_by(ChargeItem.code)
    .limit(bindparam("limit")),
)

PUBLIC_LIST = Query(
    PricedItem,
    _priced.where(
        ChargeItem.code > bindparam("after"),
        ChargeItem.status == "published",
        _in_force.c.unit_price.is_not(null()),
    )
    .order_by(ChargeItem.code)
    .limit(bindparam("limit")),
)

ITEM = Query(ChargeItem, select(ChargeItem).where(ChargeItem.code == bindparam("code")))
ITEMS = Query(ChargeItem, select(ChargeItem).where(among(ChargeItem.code, "codes")).order_by(ChargeItem.item_id))
HISTORY = Query(
    PriceVersion,
    select(PriceVersion)
    .where(PriceVersion.item_id == bindparam("item_id"))
    .order_by(PriceVersion.valid_from, PriceVersion.version_id),
)
PRICE = Query(
    PriceVersion, select(PriceVersion).where(PriceVersion.version_id == bindparam("version_id")).with_for_update()
)

END_CURRENT = Query(
    PriceVersion,
    update(PriceVersion)
    .where(
        PriceVersion.item_id == bindparam("item"),
        PriceVersion.level == bindparam("level_"),
        PriceVersion.payer_class == bindparam("payer"),
        PriceVersion.campus_id.is_not_distinct_from(bindparam("campus_", type_=Text)),
        PriceVersion.status == constant("checked"),
        PriceVersion.valid_from < bindparam("until"),
        or_(PriceVersion.valid_to.is_(null()), PriceVersion.valid_to > bindparam("until")),
    )
    .values(valid_to=bindparam("until"))
    .returning(PriceVersion),
)
"""The price in force at a moment ends there: its successor begins."""

CHECK_PRICE = Query(
    PriceVersion,
    update(PriceVersion)
    .where(PriceVersion.version_id == bindparam("id_"), PriceVersion.status == "draft")
    .values(status="checked", checker=bindparam("who"), valid_from=bindparam("start"))
    .returning(PriceVersion),
)
CANCEL_PRICE = Query(
    PriceVersion,
    update(PriceVersion)
    .where(PriceVersion.version_id == bindparam("id_"), PriceVersion.status == "draft")
    .values(status="cancelled")
    .returning(PriceVersion),
)
PUBLISH_ITEM = Query(
    ChargeItem,
    update(ChargeItem)
    .where(ChargeItem.code == bindparam("code_"), ChargeItem.status == "draft")
    .values(status="published", version=ChargeItem.version + 1)
    .returning(ChargeItem),
)
STOP_ITEM = Query(
    ChargeItem,
    update(ChargeItem)
    .where(
        ChargeItem.code == bindparam("code_"),
        ChargeItem.version == bindparam("seen"),
        ChargeItem.status == "published",
    )
    .values(
        status="suspended",
        stopped_from=bindparam("start"),
        replacement_code=bindparam("replacement", type_=Text),
        version=ChargeItem.version + 1,
    )
    .returning(ChargeItem),
)
BATCH = Query(ImportBatch, select(ImportBatch).where(ImportBatch.batch_id == bindparam("batch_id")).with_for_update())
BATCH_ROWS = Query(
    ImportRow, select(ImportRow).where(ImportRow.batch_id == bindparam("batch_id")).order_by(ImportRow.row_no)
)
SET_ASIDE = Query(
    ImportRow,
    update(ImportRow)
    .where(and_(ImportRow.batch_id == bindparam("batch"), among(ImportRow.row_no, "numbers")))
    .values(set_aside=true())
    .returning(ImportRow),
)
TOUCH_BATCH = Query(
    ImportBatch,
    update(ImportBatch)
    .where(
        ImportBatch.batch_id == bindparam("id_"),
        ImportBatch.version == bindparam("seen"),
        ImportBatch.status == "open",
    )
    .values(
        status=bindparam("to"),
        checker=bindparam("who", type_=Text),
        published_at=bindparam("at", type_=ImportBatch.published_at.type),
        version=ImportBatch.version + 1,
    )
    .returning(ImportBatch),
)
ITEM_OF = Query(ChargeItem, select(ChargeItem).where(ChargeItem.item_id == bindparam("item_id")))
