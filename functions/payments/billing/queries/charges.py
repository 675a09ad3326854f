"""Charges: pending lists, locks, guarded changes of state, quantity and price."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Boolean,
    DateTime,
    Integer,
    Numeric,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from functions.payments.billing.models import Charge, RefundLine, Settlement
from shared.database.model import MONEY, QUANTITY
from shared.database.query import Query, among, one_of


class Holding(NamedTuple):
    """A charge and who settles it."""

    charge_id: UUID
    name: str
    status: str
    payable_until: datetime | None
    settlement_id: UUID | None
    holder: str | None
    holder_name: str | None
    channel: str | None
    started_at: datetime | None


class Quantities(NamedTuple):
    """State and quantities of a line."""

    charge_id: UUID
    source_line: str
    name: str
    status: str
    execution: str
    quantity: Decimal
    executed_quantity: Decimal
    refunding_quantity: Decimal
    refunded_quantity: Decimal


_OF_SOURCE = and_(Charge.source_module == bindparam("source_module"), Charge.source_id == bindparam("source_id_"))
_OWN = Charge.campus_id == bindparam("campus")
_WITH_SURCHARGES = or_(among(Charge.charge_id, "ids"), among(Charge.base_charge_id, "ids"))

CHARGES = Query(Charge, select(Charge).where(among(Charge.charge_id, "ids")).order_by(Charge.charge_id))
CHARGE = Query(Charge, select(Charge).where(Charge.charge_id == bindparam("charge_id")))

LOCK_CHARGES = Query(
    Charge,
    select(Charge).where(among(Charge.charge_id, "ids"), _OWN).order_by(Charge.charge_id).with_for_update(),
)
WITH_SURCHARGES = Query(Charge, select(Charge).where(_WITH_SURCHARGES, _OWN).order_by(Charge.charge_id))
"""Charges and the surcharges that belong to them."""
LOCK_WITH_SURCHARGES = Query(
    Charge, select(Charge).where(_WITH_SURCHARGES, _OWN).order_by(Charge.charge_id).with_for_update()
)
LOCK_SOURCE = Query(Charge, select(Charge).where(_OF_SOURCE, _OWN).order_by(Charge.charge_id).with_for_update())
SOURCE = Query(Charge, select(Charge).where(_OF_SOURCE).order_by(Charge.charge_id))

PAID_OF_SOURCES = Query(
    Decimal,
    select(func.coalesce(func.sum(Charge.amount - Charge.refunded_amount), 0)).where(
        Charge.source_module == bindparam("source_module"),
        among(Charge.source_id, "source_ids"),
        one_of(Charge.status, "paid", "refunding"),
    ),
)
"""What was paid for some sources and not given back."""

_picked = (
    select(Charge.charge_id).where(_WITH_SURCHARGES, _OWN).order_by(Charge.charge_id).with_for_update().cte("picked")
)
CLAIM = Query(
    Charge,
    update(Charge)
    .where(
        Charge.charge_id == _picked.c.charge_id,
        one_of(Charge.status, "open"),
        or_(Charge.payable_until.is_(None), Charge.payable_until > bindparam("now", type_=DateTime(timezone=True))),
    )
    .values(status=bindparam("to"), settlement_id=bindparam("settlement"), version=Charge.version + 1)
    .returning(Charge),
)
"""Take open charges and their surcharges into a settlement, locking them in the order of their ids.

Fewer rows than asked: somebody has the others. Of a window, a phone and a machine that ask for one charge at once,
one gets its row.
"""

HOLDINGS = Query(
    Holding,
    select(
        Charge.charge_id,
        Charge.name,
        Charge.status,
        Charge.payable_until,
        Charge.settlement_id,
        Settlement.holder,
        Settlement.holder_name,
        Settlement.channel,
        Settlement.started_at,
    )
    .join(Settlement, Settlement.settlement_id == Charge.settlement_id, isouter=True)
    .where(among(Charge.charge_id, "ids"))
    .order_by(Charge.charge_id),
)

PENDING = Query(
    Charge,
    select(Charge)
    .where(
        among(Charge.patient_id, "patients"),
        _OWN,
        one_of(Charge.status, "open", "locked", "owed"),
        or_(Charge.payable_until.is_(None), Charge.payable_until > bindparam("now", type_=DateTime(timezone=True))),
    )
    .order_by(Charge.charge_id)
    .limit(500),
)
"""What a patient has still to pay here, oldest first."""

OF_PATIENT = Query(
    Charge,
    select(Charge)
    .where(among(Charge.patient_id, "patients"), Charge.charge_id < bindparam("before"))
    .order_by(Charge.charge_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
OF_ENCOUNTER = Query(
    Charge,
    select(Charge)
    .where(Charge.encounter_id == bindparam("encounter_id"), Charge.charge_id < bindparam("before"))
    .order_by(Charge.charge_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
OF_SETTLEMENT = Query(
    Charge,
    select(Charge).where(Charge.settlement_id == bindparam("settlement_id")).order_by(Charge.charge_id),
)

SETTLE = Query(
    Charge,
    update(Charge)
    .where(Charge.settlement_id == bindparam("settlement"), one_of(Charge.status, "locked"))
    .values(status=bindparam("to"), version=Charge.version + 1)
    .returning(Charge),
)
RELEASE = Query(
    Charge,
    update(Charge)
    .where(Charge.settlement_id == bindparam("settlement"), one_of(Charge.status, "locked"))
    .values(status="open", settlement_id=None, version=Charge.version + 1)
    .returning(Charge),
)
MOVE_ON = Query(
    object,
    update(Charge)
    .where(Charge.settlement_id == bindparam("settlement"), one_of(Charge.status, "paid", "owed"))
    .values(status="locked", settlement_id=bindparam("successor"), version=Charge.version + 1),
)
"""What remains of a reversed settlement is settled anew."""

NAME_ENCOUNTER = Query(
    object,
    update(Charge)
    .where(Charge.encounter_id == bindparam("encounter"), Charge.encounter_no.is_(None))
    .values(encounter_no=bindparam("number")),
)
DEBT_PAID = Query(
    object,
    update(Charge)
    .where(Charge.settlement_id == bindparam("settlement"), one_of(Charge.status, "owed"))
    .values(status="paid", version=Charge.version + 1),
)

VOID = Query(
    Charge,
    update(Charge)
    .where(
        among(Charge.charge_id, "ids"),
        one_of(Charge.status, "open"),
        Charge.executed_quantity == 0,
        Charge.execution != "executing",
    )
    .values(
        status="voided",
        voided_at=bindparam("at"),
        voided_by=bindparam("who"),
        void_reason=bindparam("why"),
        version=Charge.version + 1,
    )
    .returning(Charge),
)

MOVE_UNPAID = Query(
    Charge,
    update(Charge)
    .where(among(Charge.charge_id, "ids"), one_of(Charge.status, "open"))
    .values(
        status="voided",
        execution=case((Charge.executed_quantity > 0, "moved"), else_=Charge.execution),
        executed_quantity=0,
        voided_at=bindparam("at"),
        voided_by=bindparam("who"),
        void_reason=bindparam("why"),
        version=Charge.version + 1,
    )
    .returning(Charge),
)
"""Unpaid lines are charged on an inpatient account from now on, done or not."""

AT_VERSION = Query(
    Charge,
    select(Charge)
    .where(
        Charge.price_version_id == bindparam("price_version"),
        Charge.campus_id == bindparam("campus"),
        one_of(Charge.status, "paid", "owed", "refunding"),
        Charge.charge_id > bindparam("after"),
    )
    .order_by(Charge.charge_id)
    .limit(bindparam("limit", type_=Integer)),
)
"""Settled lines at one version of a price: the list of a correction."""

_told = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Uuid())),
        bindparam("levels", type_=ARRAY(Text())),
        bindparam("ratios", type_=ARRAY(Numeric(5, 4))),
    )
    .table_valued(column("charge_id", Uuid()), column("level", Text()), column("ratio", Numeric(5, 4)), name="told")
    .render_derived()
)
KEEP_LEVELS = Query(
    object,
    update(Charge)
    .where(Charge.charge_id == _told.c.charge_id, Charge.settlement_id == bindparam("settlement"))
    .values(insurance_level=_told.c.level, self_pay_ratio=_told.c.ratio),
)
"""What the insurer said of the lines of a settlement."""

# -- refunds


def _refund_step(*conditions: Any, **values: Any) -> Query[Charge]:
    return Query(
        Charge,
        update(Charge)
        .where(Charge.charge_id == bindparam("id_"), *conditions)
        .values(**values, version=Charge.version + 1)
        .returning(Charge),
    )


ASK_REFUND = _refund_step(
    one_of(Charge.status, "paid", "owed"),
    status="refunding",
    refunding_quantity=bindparam("part", type_=QUANTITY),
)
DROP_REFUND = Query(
    object,
    update(Charge)
    .where(
        Charge.charge_id.in_(
            select(RefundLine.charge_id).where(RefundLine.refund_id == bindparam("refund_id"), RefundLine.quantity > 0)
        ),
        one_of(Charge.status, "refunding"),
    )
    .values(status=bindparam("to"), refunding_quantity=0, version=Charge.version + 1),
)
REFUND = _refund_step(
    one_of(Charge.status, "paid", "owed", "refunding"),
    status=case(
        (Charge.refunded_quantity + bindparam("part", type_=QUANTITY) == Charge.quantity, "refunded"),
        else_=bindparam("to"),
    ),
    refunding_quantity=0,
    refunded_quantity=Charge.refunded_quantity + bindparam("part", type_=QUANTITY),
    refunded_amount=Charge.refunded_amount + bindparam("worth"),
)
COST_ANEW = _refund_step(
    one_of(Charge.status, "paid", "owed", "refunding"),
    refunded_amount=Charge.refunded_amount + bindparam("worth", type_=MONEY),
)
"""A line stays, and costs so much less (negative: more) because of what went back beside it."""
TRANSFER = _refund_step(
    one_of(Charge.status, "paid", "owed"),
    status="refunded",
    execution=case((Charge.executed_quantity > 0, "moved"), else_=Charge.execution),
    executed_quantity=0,
    refunded_quantity=Charge.quantity,
    refunded_amount=Charge.amount,
)
"""A line goes to an inpatient account whole; done or not, it is charged there now."""

# -- execution


def _execution_step(*conditions: Any, **values: Any) -> Query[Charge]:
    return Query(
        Charge,
        update(Charge)
        .where(_OF_SOURCE, _OWN, Charge.source_line == bindparam("line"), *conditions)
        .values(**values, version=Charge.version + 1)
        .returning(Charge),
    )


_ALIVE = and_(Charge.status != "voided", Charge.status != "refunded")
_PART = bindparam("part", type_=QUANTITY)
BEGIN = _execution_step(_ALIVE, Charge.execution == "none", Charge.refunding_quantity == 0, execution="executing")
UNDO_BEGIN = _execution_step(Charge.execution == "executing", execution="none")
EXECUTE = _execution_step(
    _ALIVE,
    Charge.executed_quantity + Charge.refunded_quantity + Charge.refunding_quantity + _PART <= Charge.quantity,
    execution="executed",
    executed_quantity=Charge.executed_quantity + _PART,
    executed_at=bindparam("at"),
    executed_by_name=bindparam("name"),
)
RETURN = _execution_step(
    Charge.executed_quantity >= _PART,
    execution="returned",
    executed_quantity=Charge.executed_quantity - _PART,
)

# -- gates

BEING_SETTLED = Query(
    bool,
    select(func.payments.being_settled(bindparam("patients", type_=ARRAY(Uuid())), type_=Boolean)),
)
"""Whether a bill of one of these patients is being settled at any campus; it says no more than that."""

UNSETTLED_OF_UNIT = Query(
    UUID,
    select(Charge.charge_id)
    .where(
        or_(
            Charge.ordering_unit_id == bindparam("unit_id", type_=Uuid()),
            Charge.executing_unit_id == bindparam("unit_id", type_=Uuid()),
        ),
        one_of(Charge.status, "open", "locked", "owed"),
    )
    .limit(1),
)
