"""Settlements, tenders, receipts, debts: reads, locks and guarded changes."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Date, DateTime, Integer, Text, and_, bindparam, case, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.payments.billing.models import Charge, Debt, Receipt, Settlement, SettlementLine, Tender
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


class Unfinished(NamedTuple):
    """A settlement nobody finished."""

    settlement_id: UUID
    channel: str
    started_at: datetime


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
    Charge.quantity,
    Charge.amount,
).where(Charge.settlement_id == bindparam("settlement"))
KEEP_LINES = Query(
    object,
    insert(SettlementLine).from_select(
        ["campus_id", "settlement_id", "charge_id", "fee_class", "item_kind", "quantity", "amount"], _line
    ),
)
"""Write down the claimed charges as the lines of their settlement."""

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
    )
    .join(Charge, Charge.charge_id == SettlementLine.charge_id)
    .where(SettlementLine.settlement_id == bindparam("settlement_id"))
    .order_by(Charge.charge_id),
)

TENDERS = Query(
    Tender, select(Tender).where(Tender.settlement_id == bindparam("settlement_id")).order_by(Tender.tender_id)
)
LOCK_TENDERS = Query(
    Tender,
    select(Tender)
    .where(Tender.settlement_id == bindparam("settlement_id"), one_of(Tender.state, "received"))
    .order_by(Tender.tender_id)
    .with_for_update(),
)
RETURN_ON_TENDER = Query(
    object,
    update(Tender).where(Tender.tender_id == bindparam("id_")).values(returned=Tender.returned + _money("went")),
)
CANCEL_TENDERS = Query(
    object,
    update(Tender).where(Tender.settlement_id == bindparam("settlement")).values(state="cancelled"),
)


def _settlement_step(*conditions: Any, **values: Any) -> Query[Settlement]:
    return Query(
        Settlement,
        update(Settlement)
        .where(Settlement.settlement_id == bindparam("id_"), *conditions)
        .values(**values, version=Settlement.version + 1)
        .returning(Settlement),
    )


ADD_TENDER = _settlement_step(_STARTED, state="paying", tendered=Settlement.tendered + _money("came"))
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
        ),
    ),
)
"""By settlement or receipt number."""

# -- receipts

VALID_RECEIPT = Query(
    Receipt,
    select(Receipt).where(Receipt.settlement_id == bindparam("settlement_id"), one_of(Receipt.state, "issued")),
)
LAST_RECEIPT = Query(
    Receipt,
    select(Receipt)
    .where(Receipt.settlement_id == bindparam("settlement_id"))
    .order_by(Receipt.receipt_id.desc())
    .limit(1),
)
RECEIPTS = Query(
    Receipt,
    select(Receipt).where(Receipt.settlement_id == bindparam("settlement_id")).order_by(Receipt.receipt_id),
)
REVERSE_RECEIPT = Query(
    object,
    update(Receipt)
    .where(Receipt.settlement_id == bindparam("settlement"), one_of(Receipt.state, "issued"))
    .values(
        state="reversed",
        reversed_at=bindparam("at"),
        reversed_by=bindparam("who"),
        reversed_shift_id=bindparam("shift"),
        reverse_reason=bindparam("why"),
    ),
)

# -- debts

DEBT = Query(Debt, select(Debt).where(Debt.debt_id == bindparam("debt_id")))
DEBT_OF_SETTLEMENT = Query(
    Debt,
    select(Debt).where(Debt.settlement_id == bindparam("settlement_id"), one_of(Debt.state, "open")).with_for_update(),
)
LOCK_DEBT_SETTLEMENT = Query(
    Settlement,
    select(Settlement)
    .where(
        Settlement.campus_id == bindparam("campus"),
        Settlement.settlement_id
        == select(Debt.settlement_id).where(Debt.debt_id == bindparam("debt_id")).scalar_subquery(),
    )
    .with_for_update(),
)
LOCK_DEBT = Query(
    Debt,
    select(Debt).where(Debt.debt_id == bindparam("debt_id"), Debt.campus_id == bindparam("campus")).with_for_update(),
)
_left = Debt.outstanding - _money("fell")
LOWER_DEBT = Query(
    Debt,
    update(Debt)
    .where(Debt.debt_id == bindparam("id_"), one_of(Debt.state, "open"), Debt.outstanding >= _money("fell"))
    .values(
        paid=Debt.paid + _money("came"),
        reduced=Debt.reduced + _money("fell") - _money("came"),
        outstanding=_left,
        state=case((_left == 0, constant("settled")), else_=constant("open")),
        settled_at=case((_left == 0, bindparam("at", type_=DateTime(timezone=True)))),
        version=Debt.version + 1,
    )
    .returning(Debt),
)
"""Lower a debt by what was paid (`came` = `fell`) or by refunded lines (`came` = 0)."""
OPEN_DEBTS = Query(
    Debt,
    select(Debt)
    .where(Debt.campus_id == bindparam("campus"), one_of(Debt.state, "open"), Debt.debt_id < bindparam("before"))
    .order_by(Debt.debt_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
DEBTS_OF_PATIENT = Query(
    Debt,
    select(Debt)
    .where(among(Debt.patient_id, "patients"), one_of(Debt.state, "open"))
    .order_by(Debt.debt_id.desc())
    .limit(200),
)
