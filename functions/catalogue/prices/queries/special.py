"""Special-need services: items marked so, what was billed by month, warnings."""

from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Date, Integer, Text, Uuid, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert

from functions.catalogue.prices.models import BilledLine, BilledMonth, ChargeItem, SpecialShareWarning
from shared.database.model import MONEY
from shared.database.query import Query, among, constant

_CAMPUS: Any = bindparam("campus", type_=Text)
_MONTH: Any = bindparam("month", type_=Date)
_LIMIT = bindparam("limit", type_=Integer)

ITEMS = Query(
    ChargeItem,
    select(ChargeItem)
    .where(ChargeItem.special_need, ChargeItem.code > bindparam("after", type_=Text))
    .order_by(ChargeItem.code)
    .limit(_LIMIT),
)
GIVE_MARKS = Query(
    object,
    text("""
    UPDATE catalogue.charge_items AS held
    SET market_priced = given.market, special_need = given.special, version = held.version + 1
    FROM unnest(CAST(:codes AS text[]), CAST(:market AS boolean[]), CAST(:special AS boolean[]))
         AS given (code, market, special)
    WHERE held.code = given.code
      AND (held.market_priced, held.special_need) IS DISTINCT FROM (given.market, given.special)
    """),
)


class Kind(NamedTuple):
    """What an item counts as."""

    code: str
    kind: str
    special_need: bool


KINDS = Query(
    Kind, select(ChargeItem.code, ChargeItem.kind, ChargeItem.special_need).where(among(ChargeItem.code, "codes"))
)


class Billed(NamedTuple):
    """A charge as it was counted when it was settled last."""

    charge_id: UUID
    item_code: str
    category: str


BILLED = Query(
    Billed,
    select(BilledLine.charge_id, BilledLine.item_code, BilledLine.category)
    .where(among(BilledLine.charge_id, "charges"), BilledLine.campus_id == _CAMPUS)
    .ext(distinct_on(BilledLine.charge_id))
    .order_by(BilledLine.charge_id, BilledLine.document_id.desc()),
)


class Kept(NamedTuple):
    """A line that was not there before."""

    category: str
    amount: Decimal
    times: int


KEEP = Query(
    Kept,
    text("""
    INSERT INTO catalogue.billed_lines
        (charge_id, document_id, campus_id, item_code, category, month, amount, times)
    SELECT given.charge_id, :document, :campus, given.item_code, given.category, :month, given.amount, given.times
    FROM unnest(CAST(:charges AS uuid[]), CAST(:codes AS text[]), CAST(:categories AS text[]),
                CAST(:amounts AS numeric[]), CAST(:times AS smallint[]))
         AS given (charge_id, item_code, category, amount, times)
    ON CONFLICT DO NOTHING
    RETURNING category, amount, times
    """).bindparams(
        bindparam("document", type_=Uuid),
        bindparam("month", type_=Date),
        bindparam("charges", type_=ARRAY(Uuid)),
        bindparam("amounts", type_=ARRAY(MONEY)),
    ),
)
"""What comes twice is there already."""

_month = insert(BilledMonth).values(
    {column.key: bindparam(column.key, type_=column.type) for column in BilledMonth.__table__.columns}
)
ADD = Query(
    object,
    _month.on_conflict_do_update(
        index_elements=["campus_id", "month"],
        set_={
            name: getattr(BilledMonth, name) + getattr(_month.excluded, name)
            for name in ("special_amount", "service_amount", "goods_amount", "special_times", "service_times")
        },
    ),
)
OF_MONTH = Query(BilledMonth, select(BilledMonth).where(BilledMonth.campus_id == _CAMPUS, BilledMonth.month == _MONTH))
MONTHS = Query(
    BilledMonth,
    select(BilledMonth)
    .where(BilledMonth.campus_id == _CAMPUS, BilledMonth.month < bindparam("before", type_=Date))
    .order_by(BilledMonth.month.desc())
    .limit(_LIMIT),
)


class ItemShare(NamedTuple):
    """What one special-need service brought in a month."""

    item_code: str
    name: str
    times: int
    amount: Decimal


BY_ITEM = Query(
    ItemShare,
    select(BilledLine.item_code, ChargeItem.name, func.sum(BilledLine.times), func.sum(BilledLine.amount))
    .join(ChargeItem, ChargeItem.code == BilledLine.item_code)
    .where(BilledLine.campus_id == _CAMPUS, BilledLine.month == _MONTH, BilledLine.category == constant("special"))
    .group_by(BilledLine.item_code, ChargeItem.name)
    .order_by(func.sum(BilledLine.amount).desc(), BilledLine.item_code),
)

WARN = Query(
    SpecialShareWarning,
    insert(SpecialShareWarning)
    .values({column.key: bindparam(column.key, type_=column.type) for column in SpecialShareWarning.__table__.columns})
    .on_conflict_do_nothing()
    .returning(SpecialShareWarning),
)
WARNING_COLUMNS = tuple(column.key for column in SpecialShareWarning.__table__.columns)
WARNINGS = Query(
    SpecialShareWarning,
    select(SpecialShareWarning)
    .where(SpecialShareWarning.campus_id == _CAMPUS, SpecialShareWarning.warning_id < bindparam("before", type_=Uuid))
    .order_by(SpecialShareWarning.warning_id.desc())
    .limit(_LIMIT),
)
