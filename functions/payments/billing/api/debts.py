"""Routes of debts."""

from uuid import UUID

from functions.patients.index import service as patients
from functions.payments.billing import service
from functions.payments.billing.api.routing import LAST, Limit, router
from functions.payments.billing.problems import DebtUnknown
from functions.payments.billing.queries import settlements as queries
from functions.payments.billing.schemas import DebtPaidView, DebtView, PayDebt
from functions.payments.billing.views import fields
from shared.command import command, query
from shared.schemas import Page
from shared.tx import Tx


@router.get("/debts")
@query("payments.billing.read")
def list_debts(tx: Tx, patient_id: UUID | None = None, limit: Limit = 50, cursor: UUID | None = None) -> Page[DebtView]:
    """Open debts of the campus or of a patient, newest first (欠费清单)."""
    if patient_id is not None:
        rows = tx.session.all(queries.DEBTS_OF_PATIENT, patients=patients.group_ids(tx, patient_id))
    else:
        rows = tx.session.all(queries.OPEN_DEBTS, campus=tx.campus, before=cursor or LAST, limit=limit)
    tx.audit("debts.listed", "campus", tx.campus, patient_id=patient_id, count=len(rows))
    return Page[DebtView](
        items=[DebtView.model_validate(row) for row in rows],
        next=str(rows[-1].debt_id) if patient_id is None and len(rows) == limit else None,
    )


@router.get("/debts/{debt_id}")
@query("payments.billing.read")
def read_debt(tx: Tx, debt_id: UUID) -> DebtView:
    """One debt."""
    debt = tx.session.first(queries.DEBT, debt_id=debt_id)
    if debt is None:
        raise DebtUnknown("没有这笔欠费，请核对。")
    tx.audit("debt.read", "debt", debt_id, patient_id=debt.patient_id)
    return DebtView.model_validate(debt)


@router.post("/debts/{debt_id}/payments", status_code=201)
@command("payments.billing.write")
def pay_debt(tx: Tx, debt_id: UUID, body: PayDebt) -> DebtPaidView:
    """Pay a debt in cash, all or part of it (欠费补缴)."""
    paid = service.pay_debt(tx, debt_id, body)
    return DebtPaidView(
        **fields(DebtView, paid.debt),
        received=paid.received,
        change=paid.change,
        receipt_no=paid.receipt.receipt_no if paid.receipt else None,
    )
