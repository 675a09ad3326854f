"""Settlements, their lines and tenders: reads, locks and guarded changes."""

from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Date, DateTime, Integer, Text, and_, bindparam, case, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.payments.billing.models import Charge, Receipt, Refund, Settlement, SettlementLine, Tender
from shared.database.model import MONEY
from shared.database.query import Query, among, constant, one_of


class LineRow(NamedTuple):
    """A line of a settlement with the charge behind it."""

    charge_id: UUID
    item_code: str
    name: str
    unit: str
    fee_class: str
    unit_price: Decimal
    quantity: Decimal
    amount: Decimal
    status: str
    execution: str
    refunded_quantity: Decimal
    refunded_amount: Decimal
    refundable_quantity: Decimal
    source_module: str
    source_id: str
    source_line: str
    taken_off: Decimal
    base_charge_id: UUID | None


class ClassWorth(NamedTuple):
    """What a line is worth now, and its fee class."""

    fee_class: str
    worth: Decimal


class StalePayment(NamedTuple):
    """A stale settlement and the payment it waits for."""

    settlement_id: UUID
    payment_id: UUID


_STARTED = one_of(Settlement.state, "draft", "insurance_pending", "insurance_done", "paying")
_BY_ID = Settlement.settlement_id == bindparam("settlement_id")


def _money(name: str) -> Any:
    return bindparam(name, type_=MONEY)


SETTLEMENT = Query(Settlement, select(Settlement).where(_BY_ID))
LOCK_SETTLEMENT = Query(
    Settlement,
    select(Settlement).where(_BY_ID, Settlement.campus_id == bindparam("campus")).with_for_update(),
)

_line = select(
    Charge.campus_id,
    Charge.settlement_id,
    Charge.charge_id,
    Charge.fee_class,
    Charge.item_kind,
    Charge.quantity - Charge.refunded_quantity,
    Charge.amount - Charge.refunded_amount,
    Charge.refunded_quantity,
    Charge.refunded_amount,
).where(Charge.settlement_id == bindparam("settlement"), Charge.status != constant("refunded"))
KEEP_LINES = Query(
    object,
    insert(SettlementLine).from_select(
        [
            "campus_id",
            "settlement_id",
            "charge_id",
            "fee_class",
            "item_kind",
            "quantity",
            "amount",
            "prior_quantity",
            "prior_refunded",
        ],
        _line,
    ),
)
"""Write down the claimed charges as the lines of their settlement: what of them was not refunded before."""

REVERSE_LINES = Query(
    object,
    update(SettlementLine)
    .where(
        SettlementLine.settlement_id == bindparam("settlement"),
        SettlementLine.released_at.is_(None),
        Charge.charge_id == SettlementLine.charge_id,
    )
    .values(
        released_at=bindparam("at", type_=DateTime(timezone=True)),
        reversed_amount=Charge.amount - Charge.refunded_amount,
    ),
)
"""Release the lines of a reversed settlement, each with what it was still worth."""

RELEASE_LINES = Query(
    object,
    update(SettlementLine)
    .where(SettlementLine.settlement_id == bindparam("settlement"), SettlementLine.released_at.is_(None))
    .values(released_at=bindparam("at")),
)

LINES = Query(
    LineRow,
    select(
        Charge.charge_id,
        Charge.item_code,
        Charge.name,
        Charge.unit,
        SettlementLine.fee_class,
        Charge.unit_price,
        SettlementLine.quantity,
        SettlementLine.amount,
        Charge.status,
        Charge.execution,
        Charge.refunded_quantity,
        Charge.refunded_amount,
        case(
            (Charge.execution == "executing", 0),
            else_=Charge.quantity - Charge.executed_quantity - Charge.refunded_quantity - Charge.refunding_quantity,
        ),
        Charge.source_module,
        Charge.source_id,
        Charge.source_line,
        Charge.taken_off,
        Charge.base_charge_id,
    )
    .join(Charge, Charge.charge_id == SettlementLine.charge_id)
    .where(SettlementLine.settlement_id == bindparam("settlement_id"))
    .order_by(Charge.charge_id),
)


WORTH_BY_CLASS = Query(
    ClassWorth,
    select(
        SettlementLine.fee_class,
        SettlementLine.amount + SettlementLine.prior_refunded - Charge.refunded_amount,
    )
    .join(Charge, Charge.charge_id == SettlementLine.charge_id)
    .where(SettlementLine.settlement_id == bindparam("settlement_id"), SettlementLine.released_at.is_(None))
    .order_by(SettlementLine.fee_class),
)
"""What each line of a settlement is worth now, by fee class."""


def _settlement_step(*conditions: Any, **values: Any) -> Query[Settlement]:
    return Query(
        Settlement,
        update(Settlement)
        .where(Settlement.settlement_id == bindparam("id_"), *conditions)
        .values(**values, version=Settlement.version + 1)
        .returning(Settlement),
    )


ADD_TENDER = _settlement_step(_STARTED, state="paying", tendered=Settlement.tendered + _money("came"))
AWAIT_PAYMENT = _settlement_step(one_of(Settlement.state, "draft", "insurance_done", "paying"), state="paying")
AWAIT_INSURANCE = _settlement_step(
    one_of(Settlement.state, "draft"),
    state="insurance_pending",
    insurance_ref=bindparam("reference"),
    payer_kind=bindparam("payer"),
)
INSURANCE_ANSWERED = _settlement_step(
    one_of(Settlement.state, "insurance_pending"),
    state="insurance_done",
    insurance_ref=bindparam("reference"),
    tendered=Settlement.tendered + _money("came"),
)
INSURANCE_REFUSED = _settlement_step(
    one_of(Settlement.state, "insurance_pending"), state="draft", insurance_ref=None, payer_kind="self_pay"
)
REVERSE = _settlement_step(
    one_of(Settlement.state, "completed"),
    state="reversed",
    successor_id=bindparam("successor"),
    reversed_at=bindparam("at"),
    reversed_day=bindparam("day", type_=Date()),
    reversed_shift_id=bindparam("shift"),
)
COMPLETE = _settlement_step(
    _STARTED,
    Settlement.tendered == Settlement.total,
    state="completed",
    settlement_no=bindparam("number"),
    completed_at=bindparam("at"),
    business_day=bindparam("day", type_=Date()),
    shift_id=bindparam("shift"),
    counter_name=bindparam("counter"),
    cashier_name=bindparam("cashier"),
    cash_received=_money("received"),
    change=_money("back"),
)
CANCEL = _settlement_step(
    _STARTED,
    state="cancelled",
    cancelled_at=bindparam("at"),
    cancelled_by=bindparam("who"),
    cancel_reason=bindparam("why"),
)
ADD_REFUND = _settlement_step(one_of(Settlement.state, "completed"), refunded=Settlement.refunded + _money("went"))

STALE = Query(
    Settlement,
    select(Settlement)
    .where(
        Settlement.campus_id == bindparam("campus"),
        one_of(Settlement.state, "draft", "paying"),
        Settlement.insurance_ref.is_(None),
        Settlement.predecessor_id.is_(None),
        or_(
            and_(Settlement.channel != "miniprogram", Settlement.started_at <= bindparam("window_since")),
            and_(Settlement.channel == "miniprogram", Settlement.started_at <= bindparam("online_since")),
        ),
        ~select(Tender.tender_id)
        .where(Tender.settlement_id == Settlement.settlement_id, one_of(Tender.state, "pending"))
        .exists(),
    )
    .order_by(Settlement.settlement_id)
    .limit(100)
    .with_for_update(skip_locked=True, of=Settlement),
)
"""Started settlements nobody finished in time. One that awaits an outside answer is left to who proves it."""

STALE_PAYING = Query(
    StalePayment,
    select(Settlement.settlement_id, Tender.payment_id)
    .join(Tender, and_(Tender.settlement_id == Settlement.settlement_id, one_of(Tender.state, "pending")))
    .where(
        Settlement.campus_id == bindparam("campus"),
        one_of(Settlement.state, "paying"),
        or_(
            and_(Settlement.channel != "miniprogram", Settlement.started_at <= bindparam("window_since")),
            and_(Settlement.channel == "miniprogram", Settlement.started_at <= bindparam("online_since")),
        ),
    )
    .order_by(Settlement.settlement_id)
    .limit(20),
)
"""Stale settlements whose channel must be asked first what really happened."""

STALE_INSURED = Query(
    Settlement,
    select(Settlement)
    .where(
        Settlement.campus_id == bindparam("campus"),
        one_of(Settlement.state, "insurance_pending", "insurance_done", "paying"),
        Settlement.insurance_ref.is_not(None),
        Settlement.predecessor_id.is_(None),
        or_(
            and_(Settlement.channel != "miniprogram", Settlement.started_at <= bindparam("window_since")),
            and_(Settlement.channel == "miniprogram", Settlement.started_at <= bindparam("online_since")),
        ),
        ~select(Tender.tender_id)
        .where(Tender.settlement_id == Settlement.settlement_id, one_of(Tender.state, "pending"))
        .exists(),
    )
    .order_by(Settlement.settlement_id)
    .limit(20),
)
"""Insured settlements nobody finished in time: the insurer's part must be undone (2208) before they are given up."""

UNFINISHED = Query(
    Settlement,
    select(Settlement)
    .where(Settlement.campus_id == bindparam("campus"), _STARTED)
    .order_by(Settlement.started_at)
    .limit(bindparam("limit", type_=Integer)),
)
OF_DAY = Query(
    Settlement,
    select(Settlement)
    .where(
        Settlement.campus_id == bindparam("campus"),
        Settlement.business_day == bindparam("day"),
        Settlement.settlement_id < bindparam("before"),
    )
    .order_by(Settlement.settlement_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
OF_PATIENT = Query(
    Settlement,
    select(Settlement)
    .where(among(Settlement.patient_id, "patients"), Settlement.settlement_id < bindparam("before"))
    .order_by(Settlement.settlement_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
BY_NUMBER = Query(
    Settlement,
    select(Settlement).where(
        Settlement.campus_id == bindparam("campus"),
        or_(
            Settlement.settlement_no == bindparam("number", type_=Text()),
            Settlement.settlement_id.in_(
                select(Receipt.settlement_id).where(
                    Receipt.campus_id == bindparam("campus"), Receipt.receipt_no == bindparam("number", type_=Text())
                )
            ),
            Settlement.settlement_id.in_(
                select(Receipt.settlement_id).where(
                    Receipt.campus_id == bindparam("campus"),
                    Receipt.platform_number == bindparam("number", type_=Text()),
                )
            ),
            Settlement.settlement_id.in_(
                select(Refund.settlement_id).where(
                    Refund.campus_id == bindparam("campus"), Refund.refund_no == bindparam("number", type_=Text())
                )
            ),
        ),
    ),
)
"""By number of the settlement, of a receipt (ours or the platform's) or of a refund."""
