"""Selects, locks and guarded updates of the charge catalogue."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import aliased

from functions.catalogue.prices.models import ChargeItem, ChargeUnit, PriceVersion
from functions.catalogue.prices.rules import Period
from functions.organisation.structure.service import price_level_of
from shared.database.model import QUANTITY
from shared.database.query import Query, among, constant, one_of

T = TypeVar("T")

# -- what an item costs


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
    max_per_day: Decimal | None
    quantity_step: Decimal | None
    stopped: bool
    unit_price: Decimal
    version_id: UUID
    limits: dict[str, Any]
    """Who it may be charged to, as in ChargeItem.limits."""


class PublicPrice(NamedTuple):
    """What patients are shown of an item (明码标价): price, unit, what it contains, and the document it rests on."""

    code: str
    national_code: str | None
    name: str
    unit: str
    kind: str
    fee_class: str
    unit_price: Decimal
    content: str
    excluded: str
    note: str | None
    basis_document: str


_AT = bindparam("at", type_=DateTime(timezone=True))
_CAMPUS = bindparam("campus", type_=Text)
_PAYER = bindparam("payer", type_=Text)

_in_force = (
    select(PriceVersion.unit_price, PriceVersion.version_id, PriceVersion.basis_document)
    .where(
        PriceVersion.item_id == ChargeItem.item_id,
        PriceVersion.status == constant("checked"),
        PriceVersion.level == price_level_of(_CAMPUS, _AT),
        or_(PriceVersion.payer_class == constant("all"), PriceVersion.payer_class == _PAYER),
        or_(PriceVersion.campus_id.is_(null()), PriceVersion.campus_id == _CAMPUS),
        PriceVersion.valid_from <= _AT,
        or_(PriceVersion.valid_to.is_(null()), PriceVersion.valid_to > _AT),
    )
    .order_by(PriceVersion.campus_id.is_(null()), PriceVersion.payer_class == constant("all"))
    .limit(1)
    .lateral()
)
_stopped = case(
    (ChargeItem.status == constant("draft"), true()),
    else_=func.coalesce(ChargeItem.stopped_from <= _AT, literal(False)),
)
PRICED = select(
    ChargeItem.item_id,
    ChargeItem.code,
    ChargeItem.national_code,
    ChargeItem.name,
    ChargeItem.unit,
    ChargeItem.kind,
    ChargeItem.fee_class,
    ChargeItem.direct_entry,
    ChargeItem.max_quantity,
    ChargeItem.max_per_day,
    ChargeItem.quantity_step,
    _stopped,
    _in_force.c.unit_price,
    _in_force.c.version_id,
    ChargeItem.limits,
).outerjoin(_in_force, true())
CHARGEABLE = and_(not_(_stopped), _in_force.c.unit_price.is_not(null()))

PRICES_AT = Query(PricedItem, PRICED.where(among(ChargeItem.code, "codes")))
"""Items by code with the price in force: the campus's own before its level's, the payer's own before everybody's."""


PUBLIC = select(
    ChargeItem.code,
    ChargeItem.national_code,
    ChargeItem.name,
    ChargeItem.unit,
    ChargeItem.kind,
    ChargeItem.fee_class,
    _in_force.c.unit_price,
    ChargeItem.content,
    ChargeItem.excluded,
    ChargeItem.note,
    _in_force.c.basis_document,
).outerjoin(_in_force, true())


def _beginning(row: type[T], items: Any, text: Any) -> Query[T]:
    return Query(
        row,
        items.where(text >= bindparam("low", type_=Text), text < bindparam("high", type_=Text), CHARGEABLE)
        .order_by(text, ChargeItem.code)
        .limit(bindparam("limit")),
    )


_TEXTS = {
    "name": ChargeItem.name,
    "initials": ChargeItem.initials,
    "wubi": ChargeItem.wubi,
    "code": ChargeItem.code,
}
SEARCH = {kind: _beginning(PricedItem, PRICED, text) for kind, text in _TEXTS.items()}
"""Items that can be charged whose name, initials, wubi or code begins with a text."""
PUBLIC_SEARCH = {kind: _beginning(PublicPrice, PUBLIC, text) for kind, text in _TEXTS.items()}
PUBLIC_LIST = Query(
    PublicPrice,
    PUBLIC.where(ChargeItem.code > bindparam("after"), CHARGEABLE).order_by(ChargeItem.code).limit(bindparam("limit")),
)


class ComingPrice(NamedTuple):
    """A checked price that takes effect later here, and what it follows."""

    code: str
    name: str
    unit: str
    old_price: Decimal | None
    new_price: Decimal
    effective_at: datetime
    basis_document: str
    own: bool
    """A market-regulated price of this campus."""


_coming = aliased(PriceVersion)
_until_then = aliased(PriceVersion)
COMING = Query(
    ComingPrice,
    select(
        ChargeItem.code,
        ChargeItem.name,
        ChargeItem.unit,
        _until_then.unit_price,
        _coming.unit_price,
        _coming.valid_from,
        _coming.basis_document,
        _coming.campus_id.is_not(null()),
    )
    .join(_coming, _coming.item_id == ChargeItem.item_id)
    .outerjoin(
        _until_then,
        and_(_until_then.item_id == _coming.item_id, _until_then.succeeded_by == _coming.version_id),
    )
    .where(
        _coming.status == constant("checked"),
        _coming.payer_class == constant("all"),
        _coming.level == price_level_of(_CAMPUS, _AT),
        or_(_coming.campus_id.is_(null()), _coming.campus_id == _CAMPUS),
        _coming.valid_from > _AT,
        _coming.valid_from <= bindparam("until", type_=DateTime(timezone=True)),
        or_(
            _coming.valid_from > bindparam("since", type_=DateTime(timezone=True)),
            and_(
                _coming.valid_from == bindparam("since", type_=DateTime(timezone=True)),
                ChargeItem.code > bindparam("after", type_=Text),
            ),
        ),
    )
    .order_by(_coming.valid_from, ChargeItem.code)
    .limit(bindparam("limit")),
)
"""The calendar of scheduled changes: what will cost something else within some days, in order of time."""


# -- items

UNITS = Query(str, select(ChargeUnit.unit).order_by(ChargeUnit.unit))
DEFINE_UNIT = Query(
    str, insert(ChargeUnit).values(unit=bindparam("unit")).on_conflict_do_nothing().returning(ChargeUnit.unit)
)
ITEM = Query(ChargeItem, select(ChargeItem).where(ChargeItem.code == bindparam("code")))
ITEM_OF = Query(ChargeItem, select(ChargeItem).where(ChargeItem.item_id == bindparam("item_id")))
ITEMS_OF = Query(ChargeItem, select(ChargeItem).where(among(ChargeItem.item_id, "ids")))
LOCK_ITEMS = Query(
    ChargeItem,
    select(ChargeItem).where(among(ChargeItem.code, "codes")).order_by(ChargeItem.item_id).with_for_update(),
)
HISTORY = Query(
    PriceVersion,
    select(PriceVersion)
    .where(PriceVersion.item_id == bindparam("item_id"))
    .order_by(PriceVersion.valid_from, PriceVersion.version_id),
)
CHANGE_ITEM = Query(
    ChargeItem,
    update(ChargeItem)
    .where(ChargeItem.code == bindparam("code_"), ChargeItem.version == bindparam("seen"))
    .values(
        national_code=bindparam("national_code_", type_=Text),
        name=bindparam("name_"),
        initials=bindparam("initials_"),
        wubi=bindparam("wubi_", type_=Text),
        content=bindparam("content_"),
        excluded=bindparam("excluded_"),
        note=bindparam("note_", type_=Text),
        unit=bindparam("unit_"),
        kind=bindparam("kind_"),
        fee_class=bindparam("fee_class_"),
        direct_entry=bindparam("direct_entry_"),
        market_priced=bindparam("market_priced_"),
        special_need=bindparam("special_need_"),
        max_quantity=bindparam("max_quantity_", type_=QUANTITY),
        max_per_day=bindparam("max_per_day_", type_=QUANTITY),
        quantity_step=bindparam("quantity_step_", type_=QUANTITY),
        limits=bindparam("limits_", type_=JSONB),
        version=ChargeItem.version + 1,
    )
    .returning(ChargeItem),
)
PUBLISH_ITEM = Query(
    ChargeItem,
    update(ChargeItem)
    .where(ChargeItem.item_id == bindparam("id_"), ChargeItem.status == constant("draft"))
    .values(status="published", version=ChargeItem.version + 1)
    .returning(ChargeItem),
)
STOP_ITEM = Query(
    ChargeItem,
    update(ChargeItem)
    .where(
        ChargeItem.code == bindparam("code_"),
        ChargeItem.version == bindparam("seen"),
        one_of(ChargeItem.status, "published", "suspended"),
    )
    .values(
        status=bindparam("to"),
        stopped_from=bindparam("start"),
        replacement_code=bindparam("replacement", type_=Text),
        stopped_with=null(),
        version=ChargeItem.version + 1,
    )
    .returning(ChargeItem),
)
RESUME_ITEM = Query(
    ChargeItem,
    update(ChargeItem)
    .where(
        ChargeItem.code == bindparam("code_"),
        ChargeItem.version == bindparam("seen"),
        ChargeItem.status == constant("suspended"),
    )
    .values(
        status="published",
        stopped_from=null(),
        replacement_code=null(),
        stopped_with=null(),
        version=ChargeItem.version + 1,
    )
    .returning(ChargeItem),
)


# -- prices

PRICE = Query(
    PriceVersion, select(PriceVersion).where(PriceVersion.version_id == bindparam("version_id")).with_for_update()
)
_same_series = and_(
    PriceVersion.item_id == bindparam("item"),
    PriceVersion.level == bindparam("level_"),
    PriceVersion.payer_class == bindparam("payer"),
    PriceVersion.campus_id.is_not_distinct_from(bindparam("campus_", type_=Text)),
    PriceVersion.status == constant("checked"),
)
PERIODS = Query(
    Period,
    select(PriceVersion.version_id, PriceVersion.unit_price, PriceVersion.valid_from, PriceVersion.valid_to)
    .where(_same_series, or_(PriceVersion.valid_to.is_(null()), PriceVersion.valid_to > bindparam("since")))
    .order_by(PriceVersion.version_id)
    .with_for_update(),
)
"""Checked prices of one series that are in force after a moment, locked while their periods change."""
LAST_CEILING = Query(
    Decimal,
    select(PriceVersion.ceiling)
    .where(
        PriceVersion.item_id == bindparam("item_id"),
        PriceVersion.level == bindparam("level"),
        PriceVersion.status == constant("checked"),
        PriceVersion.ceiling.is_not(null()),
    )
    .order_by(PriceVersion.valid_from.desc())
    .limit(1),
)
END_PRICE = Query(
    PriceVersion,
    update(PriceVersion)
    .where(PriceVersion.version_id == bindparam("id_"))
    .values(valid_to=bindparam("until"), succeeded_by=bindparam("successor"))
    .returning(PriceVersion),
)
CHECK_PRICE = Query(
    PriceVersion,
    update(PriceVersion)
    .where(PriceVersion.version_id == bindparam("id_"), PriceVersion.status == constant("draft"))
    .values(status="checked", checker=bindparam("who"), valid_from=bindparam("start"), checked_at=bindparam("now"))
    .returning(PriceVersion),
)
CANCEL_PRICE = Query(
    PriceVersion,
    update(PriceVersion)
    .where(PriceVersion.version_id == bindparam("id_"), PriceVersion.status == bindparam("from_"))
    .values(status="cancelled", cancelled_by=bindparam("who"))
    .returning(PriceVersion),
)
REOPEN_PRICE = Query(
    PriceVersion,
    update(PriceVersion)
    .where(_same_series, PriceVersion.succeeded_by == bindparam("successor"))
    .values(valid_to=null(), succeeded_by=null())
    .returning(PriceVersion),
)
"""The price whose end was the beginning of a cancelled one goes on."""


class WaitingPrice(NamedTuple):
    """A draft with the item it belongs to."""

    version_id: UUID
    item_code: str
    item_name: str


DRAFTS = Query(
    WaitingPrice,
    select(PriceVersion.version_id, ChargeItem.code, ChargeItem.name)
    .join(ChargeItem, ChargeItem.item_id == PriceVersion.item_id)
    .where(PriceVersion.status == constant("draft"), PriceVersion.version_id > bindparam("after"))
    .order_by(PriceVersion.version_id)
    .limit(bindparam("limit")),
)
PRICES_BY_ID = Query(PriceVersion, select(PriceVersion).where(among(PriceVersion.version_id, "version_ids")))
