"""Routes of receipts, the platform's queue, and paper."""

from datetime import date, timedelta
from uuid import UUID

from functions.payments.billing import service
from functions.payments.billing.api.routing import FIRST, LAST, Limit, router
from functions.payments.billing.queries import receipts as queries
from functions.payments.billing.schemas import (
    ExchangeToPaper,
    PaperView,
    ReceiptJobView,
    ReceiptView,
    VoidedView,
    VoidPaper,
)
from shared.command import command, query
from shared.schemas import Page, midnight
from shared.tx import Tx


@router.get("/receipts/voided")
@query("payments.billing.read")
def voided_receipts(tx: Tx, day: date | None = None, limit: Limit = 50, cursor: UUID | None = None) -> VoidedView:
    """Receipts reversed and sheets of paper voided on a day (作废票据)."""
    since = midnight(day or tx.today)
    until = since + timedelta(days=1)
    sent_papers = tx.session.send(queries.PAPERS_VOIDED, campus=tx.campus, since=since, until=until)
    rows = tx.session.all(
        queries.VOIDED, campus=tx.campus, since=since, until=until, before=cursor or LAST, limit=limit
    )
    tx.audit("receipts.listed", "campus", tx.campus, count=len(rows))
    return VoidedView(
        receipts=[ReceiptView.model_validate(row) for row in rows],
        papers=[PaperView.model_validate(row) for row in sent_papers.all()],
        next=str(rows[-1].receipt_id) if len(rows) == limit else None,
    )


@router.get("/receipts/jobs")
@query("payments.billing.read")
def list_jobs(tx: Tx, refused: bool = False, limit: Limit = 50, cursor: UUID | None = None) -> Page[ReceiptJobView]:
    """What the fiscal platform has still to do, or (`refused`) said no to; the oldest first (票据待办)."""
    chosen = queries.JOBS_REFUSED if refused else queries.JOBS_OPEN
    rows = tx.session.all(chosen, campus=tx.campus, after=cursor or FIRST, limit=limit)
    tx.audit("receipt_jobs.listed", "campus", tx.campus, count=len(rows))
    return Page[ReceiptJobView](
        items=[ReceiptJobView.model_validate(row) for row in rows],
        next=str(rows[-1].job_id) if len(rows) == limit else None,
    )


@router.post("/receipts/jobs/{job_id}/again")
@command("payments.billing.manage")
def try_again(tx: Tx, job_id: UUID) -> ReceiptJobView:
    """Put a job the platform refused back into the queue (重新提交)."""
    return ReceiptJobView.model_validate(service.try_again(tx, job_id))


@router.post("/receipts/papers/void", status_code=201)
@command("payments.billing.write")
def void_paper(tx: Tx, body: VoidPaper) -> PaperView:
    """Void a spoilt sheet with its number (纸质票据作废)."""
    return PaperView.model_validate(service.void_paper(tx, body))


@router.get("/receipts/{receipt_id}")
@query("payments.billing.read")
def read_receipt(tx: Tx, receipt_id: UUID) -> ReceiptView:
    """One receipt; by its own or the platform's number it is found through the settlements."""
    receipt = service.find_receipt(tx, receipt_id)
    tx.audit("receipt.read", "receipt", receipt_id)
    return ReceiptView.model_validate(receipt)


@router.post("/receipts/{receipt_id}/papers", status_code=201)
@command("payments.billing.write")
def exchange_to_paper(tx: Tx, receipt_id: UUID, body: ExchangeToPaper) -> PaperView:
    """Print a numbered sheet for an electronic receipt (换开纸质票据)."""
    return PaperView.model_validate(service.exchange_to_paper(tx, receipt_id, body))
