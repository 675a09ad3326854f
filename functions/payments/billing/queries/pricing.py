"""What the price of unsettled charges depends on: what stands beside them, and prices that move."""

from sqlalchemy import DateTime, Integer, Uuid, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from functions.payments.billing.models import Charge
from shared.database.model import MONEY, UNIT_PRICE
from shared.database.query import Query, among, one_of

_OWN = Charge.campus_id == bindparam("campus")

REPRICE = Query(
    Charge,
    update(Charge)
    .where(
        Charge.charge_id == bindparam("id_"),
        Charge.settlement_id.is_not_distinct_from(bindparam("settlement", type_=Uuid())),
        one_of(Charge.status, "open", "locked", "paid", "owed"),
    )
    .values(
        list_price=bindparam("listed", type_=UNIT_PRICE),
        unit_price=bindparam("price", type_=UNIT_PRICE),
        amount=bindparam("worth", type_=MONEY),
        taken_off=bindparam("off", type_=MONEY),
        price_version_id=bindparam("price_version"),
        repriced_at=bindparam("at"),
        version=Charge.version + 1,
    )
    .returning(Charge),
)
"""Put the price in force on a line just claimed for a settlement, or still open without one (已调价)."""

REPRICE_OPEN = Query(
    Charge,
    update(Charge)
    .where(
        Charge.campus_id == bindparam("campus"),
        Charge.item_code == bindparam("code"),
        one_of(Charge.status, "open"),
        Charge.refunded_quantity == 0,
        ~Charge.by_rule,
        Charge.package_code.is_(None),
        Charge.list_price != bindparam("price", type_=UNIT_PRICE),
    )
    .values(
        list_price=bindparam("price", type_=UNIT_PRICE),
        unit_price=bindparam("price", type_=UNIT_PRICE),
        amount=func.round(bindparam("price", type_=UNIT_PRICE) * Charge.quantity, 2),
        price_version_id=bindparam("price_version"),
        repriced_at=bindparam("at"),
        version=Charge.version + 1,
    )
    .returning(Charge),
)
"""Put a price that took effect on everything unsettled of its item on which no rule acts (已调价)."""

OPEN_ITEMS = Query(
    str,
    select(Charge.item_code)
    .where(Charge.campus_id == bindparam("campus"), among(Charge.item_code, "codes"), one_of(Charge.status, "open"))
    .distinct()
    .order_by(Charge.item_code),
)
"""Those of some items of which something is unsettled."""

OPEN_PACKAGES = Query(
    Charge,
    select(Charge)
    .where(
        Charge.campus_id == bindparam("campus"),
        among(Charge.package_code, "codes"),
        one_of(Charge.status, "open"),
        Charge.package_code.is_not(None),
    )
    .order_by(Charge.charge_id)
    .limit(bindparam("limit", type_=Integer)),
)
"""Unsettled shares of packages that have a price of their own, oldest first."""

OPEN_BY_RULE = Query(
    Charge,
    select(Charge)
    .where(
        Charge.campus_id == bindparam("campus"),
        among(Charge.item_code, "codes"),
        one_of(Charge.status, "open"),
        Charge.by_rule,
        Charge.base_charge_id.is_(None),
    )
    .order_by(Charge.charge_id)
    .limit(bindparam("limit", type_=Integer)),
)
"""Unsettled lines of some items whose price depends on what stands beside them, oldest first."""

OF_SOURCES = Query(
    Charge,
    select(Charge)
    .where(among(Charge.source_module, "modules"), among(Charge.source_id, "sources"), _OWN)
    .order_by(Charge.charge_id),
)
"""Everything charged for some sources; of several modules' sources perhaps more."""

_of = aliased(Charge)
BESIDE = Query(
    Charge,
    select(Charge)
    .outerjoin(_of, _of.charge_id == Charge.base_charge_id)
    .where(
        among(Charge.patient_id, "patients"),
        _OWN,
        among(func.coalesce(_of.item_code, Charge.item_code), "codes"),
        or_(
            Charge.posted_at >= bindparam("since", type_=DateTime(timezone=True)),
            Charge.encounter_id == bindparam("encounter", type_=Uuid()),
        ),
        one_of(Charge.status, "open", "locked", "paid", "owed", "refunding"),
    )
    .order_by(Charge.charge_id),
)
"""What of these items was charged to a patient today and in the visit and still counts, with its surcharges, which may
be charged as another item."""

EMERGENCY = Query(
    bool,
    select(exists().where(Charge.encounter_id == bindparam("encounter", type_=Uuid()), _OWN, Charge.emergency)),
)
"""Whether a visit is an emergency, as told with a charge of it before."""
