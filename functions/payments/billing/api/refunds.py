"""Routes of refunds."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.payments.billing import prints, service
from functions.payments.billing.api.going_back import going_back
from functions.payments.billing.api.routing import LAST, Limit, router
from functions.payments.billing.models import Refund
from functions.payments.billing.problems import RefundUnknown
from functions.payments.billing.queries import refunds as queries
from functions.payments.billing.schemas import (
    ChangeRefund,
    CopyView,
    DecideRefund,
    QuoteRefund,
    RefundDetail,
    RefundDifferenceView,
    RefundQuoteView,
    RefundView,
    RequestRefund,
)
from functions.payments.billing.views import refund_detail, refund_quote_view, refund_view
from functions.payments.cashier import service as cashier
from shared.command import Document, command, query
from shared.problems import Unreadable
from shared.schemas import Code, Page
from shared.tx import Tx

Place = Annotated[str | None, Parameter(max_length=80)]


@router.post("/refunds", status_code=201)
@command("payments.billing.write")
def request_refund(tx: Tx, body: RequestRefund) -> RefundDetail:
    """Ask for a refund (退费申请); a small one of the cashier's own shift is paid at once."""
    refund, _ = service.request_refund(tx, body)
    return _shown(tx, refund)


@router.post("/refunds/quote")
@query("payments.billing.write")
def quote_refund(tx: Tx, body: QuoteRefund) -> RefundQuoteView:
    """What a refund would give back, line by line, before it is confirmed (退费试算); nothing is asked for."""
    return refund_quote_view(service.quote_refund(tx, body))


@router.post("/refund-requests", status_code=201)
@command("payments.billing.request_refund")
def ask_for_refund(tx: Tx, body: RequestRefund) -> RefundDetail:
    """Ask for a refund without paying it (退费申请): the doctor or the unit that should have done it."""
    refund, _ = service.request_refund(tx, body, pay=False)
    return refund_detail(tx, refund)


@router.get("/refunds")
@query("payments.billing.read")
def list_refunds(
    tx: Tx,
    day: date | None = None,
    settlement_id: UUID | None = None,
    number: Code | None = None,
    limit: Limit = 50,
    cursor: UUID | None = None,
) -> Page[RefundView]:
    """Refunds paid on a day, of a settlement or by number; without any of these those that wait; newest first."""
    before = cursor or LAST
    if number is not None:
        rows = tx.session.all(queries.BY_NUMBER, campus=tx.campus, number=number)
    elif settlement_id is not None:
        rows = tx.session.all(queries.OF_SETTLEMENT, settlement_id=settlement_id)
    elif day is not None:
        rows = tx.session.all(queries.OF_DAY, campus=tx.campus, day=day, before=before, limit=limit)
    else:
        rows = tx.session.all(queries.WAITING, campus=tx.campus, before=before, limit=limit)
    paged = number is None and settlement_id is None
    tx.audit("refunds.listed", "campus", tx.campus, count=len(rows))
    return Page[RefundView](
        items=[refund_view(row) for row in rows],
        next=str(rows[-1].refund_id) if paged and len(rows) == limit else None,
    )


@router.get("/refund-differences")
@query("payments.billing.read")
def list_differences(tx: Tx, limit: Limit = 50, cursor: Place = None) -> Page[RefundDifferenceView]:
    """Settled lines that would cost something else without what was refunded beside them (减收差额), newest first."""
    refund_id, charge_id = _place(cursor)
    rows = tx.session.all(queries.DIFFERENCES, campus=tx.campus, refund=refund_id, charge=charge_id, limit=limit)
    tx.audit("refund_differences.listed", "campus", tx.campus, count=len(rows))
    return Page[RefundDifferenceView](
        items=[RefundDifferenceView.model_validate(row) for row in rows],
        next=f"{rows[-1].refund_id}~{rows[-1].charge_id}" if len(rows) == limit else None,
    )


def _place(cursor: str | None) -> tuple[UUID, UUID]:
    if cursor is None:
        return LAST, LAST
    refund_id, _, charge_id = cursor.partition("~")
    try:
        return UUID(refund_id), UUID(charge_id)
    except ValueError as error:
        raise Unreadable("翻页标记无效，请从第一页重新查询。") from error


@router.get("/refunds/{refund_id}")
@query("payments.billing.read")
def read_refund(tx: Tx, refund_id: UUID) -> RefundDetail:
    """One refund with its lines and the ways its money went."""
    refund = _find(tx, refund_id)
    tx.audit("refund.read", "refund", refund_id, patient_id=refund.patient_id)
    return refund_detail(tx, refund)


@router.post("/refunds/{refund_id}/approve")
@command("payments.billing.approve")
def approve(tx: Tx, refund_id: UUID, body: DecideRefund) -> RefundView:
    """Approve a refund as the lead cashier (收费组长审批)."""
    return refund_view(service.approve_refund(tx, refund_id, body, as_finance=False))


@router.post("/refunds/{refund_id}/reject")
@command("payments.billing.approve")
def reject(tx: Tx, refund_id: UUID, body: DecideRefund) -> RefundView:
    """Reject a refund as the lead cashier (收费组长驳回)."""
    return refund_view(service.reject_refund(tx, refund_id, body, as_finance=False))


@router.post("/refunds/{refund_id}/approve-large")
@command("payments.billing.approve_large")
def approve_large(tx: Tx, refund_id: UUID, body: DecideRefund) -> RefundView:
    """Approve a refund as finance (财务审批)."""
    return refund_view(service.approve_refund(tx, refund_id, body, as_finance=True))


@router.post("/refunds/{refund_id}/reject-large")
@command("payments.billing.approve_large")
def reject_large(tx: Tx, refund_id: UUID, body: DecideRefund) -> RefundView:
    """Reject a refund as finance (财务驳回)."""
    return refund_view(service.reject_refund(tx, refund_id, body, as_finance=True))


@router.post("/refunds/{refund_id}/withdraw")
@command("payments.billing.write")
def withdraw(tx: Tx, refund_id: UUID, body: ChangeRefund) -> RefundView:
    """Take one's own refund request back (撤回退费申请)."""
    return refund_view(service.withdraw_refund(tx, refund_id, body))


@router.post("/refunds/{refund_id}/execute")
@command("payments.billing.write")
def execute(tx: Tx, refund_id: UUID, body: ChangeRefund) -> RefundDetail:
    """Pay an approved refund back (执行退费)."""
    refund, _ = service.execute_refund(tx, refund_id, body)
    return _shown(tx, refund)


@router.post("/refunds/{refund_id}/slips", status_code=201)
@command("payments.billing.write")
def print_slip(tx: Tx, refund_id: UUID) -> CopyView:
    """Record a print of the refund slip (打印退费单); the PDF is fetched next."""
    _find(tx, refund_id)
    copy_number = cashier.count_copy(tx, prints.REFUND_SLIP, refund_id)
    return CopyView(form=prints.REFUND_SLIP, subject_id=refund_id, copy_number=copy_number)


@router.get("/refunds/{refund_id}/slip.pdf")
@query("payments.billing.read")
def slip_pdf(tx: Tx, refund_id: UUID) -> Document:
    """The refund slip as PDF, A5 (退费单)."""
    return prints.refund_slip(tx, _find(tx, refund_id))


def _shown(tx: Tx, refund: Refund) -> RefundDetail:
    return going_back(
        tx, refund.settlement_id, refund_detail(tx, refund), lambda tx: refund_detail(tx, _find(tx, refund.refund_id))
    )


def _find(tx: Tx, refund_id: UUID) -> Refund:
    refund = tx.session.first(queries.REFUND, refund_id=refund_id)
    if refund is None:
        raise RefundUnknown("没有这张退费单，请核对退费单号。")
    return refund
