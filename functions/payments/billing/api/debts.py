"""Routes of debts."""

from uuid import UUID

from functions.patients.index import service as patients
from functions.payments.billing import prints, service
from functions.payments.billing.api.going_back import carry_out_waiting
from functions.payments.billing.api.routing import LAST, Limit, router
from functions.payments.billing.models import Debt
from functions.payments.billing.problems import DebtUnknown
from functions.payments.billing.queries import debts as queries
from functions.payments.billing.queries import receipts as receipt_queries
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.schemas import (
    CopyView,
    DebtPaidView,
    DebtView,
    DecideWriteOff,
    PayDebt,
    RequestWriteOff,
    WriteOffView,
)
from functions.payments.billing.service import DebtPaid
from functions.payments.billing.views import fields, payment_view
from functions.payments.cashier import service as cashier
from shared.command import Document, Onward, command, query
from shared.money import ZERO
from shared.schemas import Page
from shared.steps import Steps
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
    debt = _find(tx, debt_id)
    tx.audit("debt.read", "debt", debt_id, patient_id=debt.patient_id)
    return DebtView.model_validate(debt)


@router.post("/debts/{debt_id}/payments", status_code=201)
@command("payments.billing.write")
def pay_debt(tx: Tx, debt_id: UUID, body: PayDebt) -> DebtPaidView:
    """Pay a debt, all or part of it (欠费补缴). Electronic money is waited for."""
    paid = service.pay_debt(tx, debt_id, body)
    view = _paid_view(tx, paid)
    if paid.pending is None or paid.pending.payment_id is None:
        return view
    payment_id = paid.pending.payment_id

    def go_on(steps: Steps) -> DebtPaidView:
        service.carry_out_payment(steps, payment_id)
        carry_out_waiting(steps, paid.debt.settlement_id)
        return steps.step(lambda tx: _after_payment(tx, debt_id))

    return Onward(view, go_on)  # type: ignore[return-value]  # the edge unwraps it


def _paid_view(tx: Tx, paid: DebtPaid) -> DebtPaidView:
    return DebtPaidView(
        **fields(DebtView, paid.debt),
        received=paid.received,
        change=paid.change,
        receipt_no=paid.receipt.receipt_no if paid.receipt else None,
        payment=payment_view(tx, paid.pending),
    )


def _after_payment(tx: Tx, debt_id: UUID) -> DebtPaidView:
    debt = tx.session.one(queries.DEBT, debt_id=debt_id)
    tenders = tx.session.all(tender_queries.TENDERS, settlement_id=debt.settlement_id)
    pending = next((tender for tender in tenders if tender.state == "pending"), None)
    receipt = tx.session.first(receipt_queries.VALID_RECEIPT, settlement_id=debt.settlement_id)
    return _paid_view(tx, DebtPaid(debt, ZERO, ZERO, receipt, pending))


@router.post("/debts/{debt_id}/agreements", status_code=201)
@command("payments.billing.write")
def print_agreement(tx: Tx, debt_id: UUID) -> CopyView:
    """Record a print of the agreement on a debt (打印欠费协议); the PDF is fetched next."""
    _find(tx, debt_id)
    copy_number = cashier.count_copy(tx, prints.DEBT_AGREEMENT, debt_id)
    return CopyView(form=prints.DEBT_AGREEMENT, subject_id=debt_id, copy_number=copy_number)


@router.get("/debts/{debt_id}/agreement.pdf")
@query("payments.billing.read")
def agreement_pdf(tx: Tx, debt_id: UUID) -> Document:
    """The agreement on a debt as PDF, A4 (欠费协议)."""
    return prints.debt_agreement(tx, _find(tx, debt_id))


@router.post("/debts/{debt_id}/write-offs", status_code=201)
@command("payments.billing.write")
def request_write_off(tx: Tx, debt_id: UUID, body: RequestWriteOff) -> WriteOffView:
    """Ask that a debt be given up (欠费核销申请)."""
    return WriteOffView.model_validate(service.request_write_off(tx, debt_id, body))


@router.get("/write-offs")
@query("payments.billing.read")
def list_write_offs(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[WriteOffView]:
    """Requests that wait for an approval, newest first (待审批核销)."""
    rows = tx.session.all(queries.WRITE_OFFS_OPEN, campus=tx.campus, before=cursor or LAST, limit=limit)
    tx.audit("write_offs.listed", "campus", tx.campus, count=len(rows))
    return Page[WriteOffView](
        items=[WriteOffView.model_validate(row) for row in rows],
        next=str(rows[-1].write_off_id) if len(rows) == limit else None,
    )


@router.post("/write-offs/{write_off_id}/approve")
@command("payments.billing.approve")
def approve_first(tx: Tx, write_off_id: UUID, body: DecideWriteOff) -> WriteOffView:
    """First approval of giving a debt up (收费组长初审)."""
    return WriteOffView.model_validate(service.approve_write_off_first(tx, write_off_id, body))


@router.post("/write-offs/{write_off_id}/approve-finally")
@command("payments.billing.approve_large")
def approve_second(tx: Tx, write_off_id: UUID, body: DecideWriteOff) -> WriteOffView:
    """Second approval: the debt is given up (财务复审核销)."""
    return WriteOffView.model_validate(service.approve_write_off_second(tx, write_off_id, body))


@router.post("/write-offs/{write_off_id}/reject")
@command("payments.billing.approve")
def reject_first(tx: Tx, write_off_id: UUID, body: DecideWriteOff) -> WriteOffView:
    """Reject giving a debt up as the lead (收费组长驳回)."""
    return WriteOffView.model_validate(service.reject_write_off(tx, write_off_id, body))


@router.post("/write-offs/{write_off_id}/reject-finally")
@command("payments.billing.approve_large")
def reject_second(tx: Tx, write_off_id: UUID, body: DecideWriteOff) -> WriteOffView:
    """Reject giving a debt up as finance (财务驳回)."""
    return WriteOffView.model_validate(service.reject_write_off(tx, write_off_id, body))


def _find(tx: Tx, debt_id: UUID) -> Debt:
    debt = tx.session.first(queries.DEBT, debt_id=debt_id)
    if debt is None:
        raise DebtUnknown("没有这笔欠费，请核对。")
    return debt
