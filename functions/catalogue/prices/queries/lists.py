"""Selects, locks and guarded updates of imported price lists."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    DateTime,
    SmallInteger,
    Text,
    Uuid,
    and_,
    bindparam,
    column,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB, insert
from sqlalchemy.orm import aliased

from functions.catalogue.prices.models import ChargeItem, ImportBatch, ImportRow, PackageVersion, PriceVersion
from shared.database.model import UNIT_PRICE
from shared.database.query import Query, among, constant

SEPARATOR = "\x1f"
"""Stands between the faults of a row on their way into the database; no fault contains it."""
_MOMENT = DateTime(timezone=True)
_AT = bindparam("at", type_=_MOMENT)


class LevelPrice(NamedTuple):
    """A known item with its price of one level in force, if any, and the ceiling that stands."""

    item_id: UUID
    code: str
    name: str
    unit: str
    kind: str
    fee_class: str
    status: str
    level: str | None
    unit_price: Decimal | None
    ceiling: Decimal | None
    own_price: bool
    """Whether it may have a price: a package only by approval."""
    market_priced: bool
    special_need: bool


KNOWN = Query(
    LevelPrice,
    select(
        ChargeItem.item_id,
        ChargeItem.code,
        ChargeItem.name,
        ChargeItem.unit,
        ChargeItem.kind,
        ChargeItem.fee_class,
        ChargeItem.status,
        PriceVersion.level,
        PriceVersion.unit_price,
        PriceVersion.ceiling,
        or_(
            ChargeItem.kind != constant("package"),
            exists().where(PackageVersion.package_code == ChargeItem.code, PackageVersion.own_price.is_not(null())),
        ),
        ChargeItem.market_priced,
        ChargeItem.special_need,
    )
    .outerjoin(
        PriceVersion,
        and_(
            PriceVersion.item_id == ChargeItem.item_id,
            PriceVersion.status == constant("checked"),
            PriceVersion.payer_class == constant("all"),
            PriceVersion.campus_id.is_(null()),
            PriceVersion.valid_from <= _AT,
            or_(PriceVersion.valid_to.is_(null()), PriceVersion.valid_to > _AT),
        ),
    )
    .where(among(ChargeItem.code, "codes")),
)

_listed = (
    func.json_to_recordset(bindparam("listed", type_=Text).cast(JSON))
    .table_valued(
        column("version_id", Uuid),
        column("item_id", Uuid),
        column("level", Text),
        column("unit_price", UNIT_PRICE),
        column("ceiling", UNIT_PRICE),
    )
    .render_derived(name="listed", with_types=True)
)
"""Prices of a list, as one JSON document: what differs from price to price."""
END_PRICES = Query(
    object,
    update(PriceVersion)
    .where(
        PriceVersion.item_id == _listed.c.item_id,
        PriceVersion.level == _listed.c.level,
        PriceVersion.payer_class == constant("all"),
        PriceVersion.campus_id.is_(null()),
        PriceVersion.status == constant("checked"),
        PriceVersion.valid_from < bindparam("until"),
        PriceVersion.valid_to.is_(null()),
    )
    .values(valid_to=bindparam("until"), succeeded_by=_listed.c.version_id),
)
"""END_PRICE for a whole list at once."""
_of_batch = {
    "payer_class": literal("all"),
    "status": literal("checked"),
    "valid_from": bindparam("start", type_=_MOMENT),
    "batch_id": bindparam("batch", type_=Uuid),
    "basis_document": bindparam("basis", type_=Text),
    "maker": bindparam("maker", type_=Text),
    "made_at": bindparam("made_at", type_=_MOMENT),
    "checker": bindparam("checker", type_=Text),
    "checked_at": bindparam("checked_at", type_=_MOMENT),
}
LIST_PRICES = Query(
    object,
    insert(PriceVersion).from_select(
        [*(one.name for one in _listed.c), *_of_batch], select(*_listed.c, *_of_batch.values())
    ),
)
"""Checked prices of a whole list, for everybody at all campuses of their level."""
PUBLISH_ITEMS = Query(
    str,
    update(ChargeItem)
    .where(among(ChargeItem.item_id, "ids"), ChargeItem.status == constant("draft"))
    .values(status="published", version=ChargeItem.version + 1)
    .returning(ChargeItem.code),
)
"""PUBLISH_ITEM for a whole list at once."""

_row_names = ("row_id", "row_no", "content", "change", "faults")
_row_types = (Uuid, SmallInteger, Text, Text, Text)
_staged = (
    func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in zip(_row_names, _row_types, strict=True)))
    .table_valued(*(column(name, kind) for name, kind in zip(_row_names, _row_types, strict=True)))
    .render_derived(name="staged")
)
STAGE_ROWS = Query(
    object,
    insert(ImportRow).from_select(
        ["row_id", "batch_id", "row_no", "content", "change", "faults", "set_aside"],
        select(
            _staged.c.row_id,
            bindparam("batch", type_=Uuid),
            _staged.c.row_no,
            _staged.c.content.cast(JSONB),
            _staged.c.change,
            func.string_to_array(_staged.c.faults, SEPARATOR),
            literal(False),
        ),
    ),
)
"""Rows of a list in one statement; faults are joined by SEPARATOR, and none are an empty text."""

OF_BATCH = Query(
    PriceVersion,
    select(PriceVersion)
    .where(PriceVersion.batch_id == bindparam("batch_id"), PriceVersion.status == constant("checked"))
    .order_by(PriceVersion.version_id)
    .with_for_update(),
)
CANCEL_BATCH = Query(
    object,
    update(PriceVersion)
    .where(PriceVersion.batch_id == bindparam("batch"), PriceVersion.status == constant("checked"))
    .values(status="cancelled", cancelled_by=bindparam("who")),
)
_before, _after = aliased(PriceVersion), aliased(PriceVersion)
REOPEN_BATCH = Query(
    object,
    update(PriceVersion)
    .where(
        _after.batch_id == bindparam("batch"),
        PriceVersion.item_id == _after.item_id,
        PriceVersion.succeeded_by == _after.version_id,
    )
    .values(valid_to=null(), succeeded_by=null()),
)
"""The prices that a batch ended go on as if it had never been."""
END_BATCH = Query(
    ImportBatch,
    update(ImportBatch)
    .where(
        ImportBatch.batch_id == bindparam("id_"),
        ImportBatch.version == bindparam("seen"),
        ImportBatch.status == constant("published"),
    )
    .values(status="rolled_back", version=ImportBatch.version + 1)
    .returning(ImportBatch),
)


class ListedPrice(NamedTuple):
    """A price that came with a list. `old_price` is what it followed; null for the first price of an item."""

    code: str
    national_code: str | None
    name: str
    unit: str
    kind: str
    fee_class: str
    level: str
    version_id: UUID
    old_price: Decimal | None
    new_price: Decimal
    effective_at: datetime


LISTED_PRICES = Query(
    ListedPrice,
    select(
        ChargeItem.code,
        ChargeItem.national_code,
        ChargeItem.name,
        ChargeItem.unit,
        ChargeItem.kind,
        ChargeItem.fee_class,
        _after.level,
        _after.version_id,
        _before.unit_price,
        _after.unit_price,
        _after.valid_from,
    )
    .join_from(_after, ChargeItem, ChargeItem.item_id == _after.item_id)
    .outerjoin(_before, and_(_after.item_id == _before.item_id, _before.succeeded_by == _after.version_id))
    .where(
        _after.batch_id == bindparam("batch_id"),
        _after.status == constant("checked"),
        or_(bindparam("all_codes", type_=Boolean), among(ChargeItem.code, "codes")),
    )
    .order_by(ChargeItem.code, _after.level.desc()),
)
ADJUSTABLE = Query(
    str,
    select(ChargeItem.code)
    .where(
        ChargeItem.status == constant("published"),
        or_(bindparam("all_codes", type_=Boolean), among(ChargeItem.code, "codes")),
        or_(bindparam("all_kinds", type_=Boolean), among(ChargeItem.kind, "kinds")),
        or_(bindparam("all_classes", type_=Boolean), among(ChargeItem.fee_class, "classes")),
    )
    .order_by(ChargeItem.code)
    .limit(20_001),
)
PRICE_BEFORE = Query(
    Decimal,
    select(PriceVersion.unit_price)
    .where(
        PriceVersion.item_id == bindparam("item"),
        PriceVersion.level == bindparam("level_"),
        PriceVersion.payer_class == bindparam("payer"),
        PriceVersion.campus_id.is_not_distinct_from(bindparam("campus_", type_=Text)),
        PriceVersion.status == constant("checked"),
        PriceVersion.valid_from < _AT,
        PriceVersion.version_id != bindparam("itself", type_=Uuid),
    )
    .order_by(PriceVersion.valid_from.desc())
    .limit(1),
)
"""What an item cost in one series before a moment."""
CODES_AFTER = Query(
    str,
    select(ChargeItem.code)
    .where(ChargeItem.code > bindparam("after"), ChargeItem.status == constant("published"))
    .order_by(ChargeItem.code)
    .limit(bindparam("limit")),
)


class MissingItem(NamedTuple):
    """An item in use that a whole list does not name."""

    code: str
    name: str
    kind: str
    unit: str


_missing = and_(
    ChargeItem.status == constant("published"),
    among(ChargeItem.kind, "kinds"),
    ChargeItem.stopped_from.is_(null()),
    ~exists().where(
        ImportRow.batch_id == bindparam("batch_id", type_=Uuid),
        func.btrim(ImportRow.content["code"].astext) == ChargeItem.code,
    ),
)
MISSING = Query(
    MissingItem,
    select(ChargeItem.code, ChargeItem.name, ChargeItem.kind, ChargeItem.unit)
    .where(_missing, ChargeItem.code > bindparam("after"))
    .order_by(ChargeItem.code)
    .limit(bindparam("limit")),
)
STOP_MISSING = Query(
    str,
    update(ChargeItem)
    .where(_missing)
    .values(
        status="suspended",
        stopped_from=bindparam("start", type_=_MOMENT),
        stopped_with=bindparam("batch_id", type_=Uuid),
        version=ChargeItem.version + 1,
    )
    .returning(ChargeItem.code),
)
RESUME_STOPPED = Query(
    str,
    update(ChargeItem)
    .where(ChargeItem.stopped_with == bindparam("batch", type_=Uuid), ChargeItem.status == constant("suspended"))
    .values(status="published", stopped_from=null(), stopped_with=null(), version=ChargeItem.version + 1)
    .returning(ChargeItem.code),
)
"""What a list stopped goes on when the list is taken back."""
SET_IGNORED = Query(
    ImportBatch,
    update(ImportBatch)
    .where(ImportBatch.batch_id == bindparam("id_"))
    .values(ignored=bindparam("count"))
    .returning(ImportBatch),
)

BATCH = Query(ImportBatch, select(ImportBatch).where(ImportBatch.batch_id == bindparam("batch_id")).with_for_update())
READ_BATCH = Query(ImportBatch, select(ImportBatch).where(ImportBatch.batch_id == bindparam("batch_id")))
BATCHES = Query(
    ImportBatch,
    select(ImportBatch)
    .where(ImportBatch.batch_id < bindparam("before"))
    .order_by(ImportBatch.batch_id.desc())
    .limit(bindparam("limit")),
)
BATCH_ROWS = Query(
    ImportRow, select(ImportRow).where(ImportRow.batch_id == bindparam("batch_id")).order_by(ImportRow.row_no)
)
SET_ASIDE = Query(
    int,
    update(ImportRow)
    .where(ImportRow.batch_id == bindparam("batch"), among(ImportRow.row_no, "numbers"))
    .values(set_aside=true())
    .returning(ImportRow.row_no),
)
REPLACE_ROW = Query(
    int,
    update(ImportRow)
    .where(ImportRow.batch_id == bindparam("batch"), ImportRow.row_no == bindparam("number", type_=SmallInteger))
    .values(content=bindparam("new_content", type_=JSONB), set_aside=literal(False))
    .returning(ImportRow.row_no),
)
JUDGE_ROW = Query(
    int,
    update(ImportRow)
    .where(ImportRow.batch_id == bindparam("batch"), ImportRow.row_no == bindparam("number", type_=SmallInteger))
    .values(change=bindparam("new_change"), faults=bindparam("new_faults", type_=ARRAY(Text))),
)
TOUCH_BATCH = Query(
    ImportBatch,
    update(ImportBatch)
    .where(
        ImportBatch.batch_id == bindparam("id_"),
        ImportBatch.version == bindparam("seen"),
        ImportBatch.status == constant("open"),
    )
    .values(
        status=bindparam("to"),
        checker=bindparam("who", type_=Text),
        published_at=bindparam("at", type_=ImportBatch.published_at.type),
        version=ImportBatch.version + 1,
    )
    .returning(ImportBatch),
)
