"""Debts and requests to write them off: reads, locks and guarded changes."""

from typing import Any

from sqlalchemy import DateTime, Integer, bindparam, case, select, update

from functions.payments.billing.models import Debt, DebtWriteOff, Settlement
from shared.database.model import MONEY
from shared.database.query import Query, among, constant, one_of


def _money(name: str) -> Any:
    return bindparam(name, type_=MONEY)


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
        reduced=Debt.reduced + _money("fell") - _money("came") - _money("given_up"),
        written_off=Debt.written_off + _money("given_up"),
        outstanding=_left,
        state=case(
            (_left > 0, constant("open")),
            (_money("given_up") > 0, constant("written_off")),
            else_=constant("settled"),
        ),
        settled_at=case((_left == 0, bindparam("at", type_=DateTime(timezone=True)))),
        version=Debt.version + 1,
    )
    .returning(Debt),
)
"""Lower a debt by what was paid (`came` = `fell`), given up (`given_up` = `fell`), or by refunded lines."""
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


# -- write-offs

WRITE_OFF = Query(DebtWriteOff, select(DebtWriteOff).where(DebtWriteOff.write_off_id == bindparam("write_off_id")))
LOCK_WRITE_OFF = Query(
    DebtWriteOff,
    select(DebtWriteOff)
    .where(DebtWriteOff.write_off_id == bindparam("write_off_id"), DebtWriteOff.campus_id == bindparam("campus"))
    .with_for_update(),
)
WRITE_OFFS_OPEN = Query(
    DebtWriteOff,
    select(DebtWriteOff)
    .where(
        DebtWriteOff.campus_id == bindparam("campus"),
        one_of(DebtWriteOff.state, "requested", "half_approved"),
        DebtWriteOff.write_off_id < bindparam("before"),
    )
    .order_by(DebtWriteOff.write_off_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)


def _write_off_step(*conditions: Any, **values: Any) -> Query[DebtWriteOff]:
    return Query(
        DebtWriteOff,
        update(DebtWriteOff)
        .where(DebtWriteOff.write_off_id == bindparam("id_"), *conditions)
        .values(**values, version=DebtWriteOff.version + 1)
        .returning(DebtWriteOff),
    )


APPROVE_FIRST = _write_off_step(
    one_of(DebtWriteOff.state, "requested"),
    state="half_approved",
    first_approver=bindparam("who"),
    first_approver_name=bindparam("name"),
    first_approved_at=bindparam("at"),
)
APPROVE_SECOND = _write_off_step(
    one_of(DebtWriteOff.state, "half_approved"),
    state="executed",
    second_approver=bindparam("who"),
    second_approver_name=bindparam("name"),
    second_approved_at=bindparam("at"),
    written_off=_money("worth"),
)
REJECT_WRITE_OFF = _write_off_step(
    one_of(DebtWriteOff.state, "requested", "half_approved"),
    state="rejected",
    rejected_by_name=bindparam("name"),
    note=bindparam("why"),
)
