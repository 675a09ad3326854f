"""Numbers and receipts: taken last, so that their locks are short and their series have no gaps.

A receipt stands with our own number at once; the fiscal platform's electronic receipt follows from a queue, so a sale
never waits for the platform (票据稍后开具).
"""

from datetime import datetime
from uuid import UUID

from events.payments import ReceiptIssued, ReceiptReversed
from functions.payments.billing import rules
from functions.payments.billing.models import PaperReceipt, Receipt, ReceiptJob
from functions.payments.billing.problems import (
    JobNotRefused,
    PaperOutOfRange,
    PaperUsed,
    ReceiptNotReady,
    ReceiptUnknown,
)
from functions.payments.billing.queries import receipts as queries
from functions.payments.billing.schemas import ExchangeToPaper, VoidPaper
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import ShiftInfo
from shared.ids import new_id
from shared.money import Money
from shared.numbers import TAKE_NUMBER, Series
from shared.tx import Tx

SETTLEMENTS = Series("payments.settlement", daily=True)
REFUNDS = Series("payments.refund", daily=True)
RECEIPTS = Series("payments.receipt", daily=True)
_ORDER = (SETTLEMENTS, REFUNDS, RECEIPTS)


def take_numbers(tx: Tx, *wanted: Series) -> dict[Series, int]:
    """The next numbers of several series in one round trip, always locked in the same order."""
    sent = {
        series: tx.session.send(TAKE_NUMBER, campus_id=tx.campus, series=series.name, period=series.period(tx.now))
        for series in _ORDER
        if series in wanted
    }
    return {series: pending.one() for series, pending in sent.items()}


def issue(
    tx: Tx, shift: ShiftInfo, settlement_id: UUID, amount: Money, number: int, replaces: Receipt | None = None
) -> Receipt:
    """Issue a receipt for what a settlement is worth now (开具)."""
    receipt = Receipt(
        receipt_id=new_id(),
        campus_id=tx.campus,
        receipt_no=rules.receipt_number(shift.letter, tx.today, number),
        settlement_id=settlement_id,
        amount=amount,
        state="issued",
        issued_at=tx.now,
        issued_by=tx.actor.subject,
        shift_id=shift.shift_id,
        replaces_id=replaces.receipt_id if replaces else None,
    )
    tx.session.add(receipt, job(tx, receipt.receipt_id, "issue", receipt.receipt_no))
    tx.emit(
        ReceiptIssued(
            receipt_id=receipt.receipt_id,
            receipt_no=receipt.receipt_no,
            settlement_id=settlement_id,
            amount=amount,
            replaces_id=receipt.replaces_id,
        )
    )
    return receipt


def reverse(tx: Tx, shift: ShiftInfo, receipt: Receipt, reason: str) -> None:
    """Reverse the valid receipt of a settlement (红冲)."""
    tx.session.execute(
        queries.REVERSE_RECEIPT,
        settlement=receipt.settlement_id,
        at=tx.now,
        who=tx.actor.subject,
        shift=shift.shift_id,
        why=reason,
    )
    tx.session.add(job(tx, receipt.receipt_id, "reverse", receipt.receipt_no))
    tx.emit(
        ReceiptReversed(
            receipt_id=receipt.receipt_id,
            receipt_no=receipt.receipt_no,
            settlement_id=receipt.settlement_id,
            amount=receipt.amount,
            reason=reason,
        )
    )


def job(tx: Tx, receipt_id: UUID, kind: str, subject_no: str, at: datetime | None = None) -> ReceiptJob:
    """Something the platform has to do, at the end of the queue."""
    return ReceiptJob(
        job_id=new_id(),
        campus_id=tx.campus,
        receipt_id=receipt_id,
        kind=kind,
        subject_no=subject_no,
        state="queued",
        next_attempt_at=at or tx.now,
        queued_at=tx.now,
    )


def find_receipt(tx: Tx, receipt_id: UUID) -> Receipt:
    """A receipt the actor's campus may see."""
    receipt = tx.session.first(queries.RECEIPT, receipt_id=receipt_id)
    if receipt is None:
        raise ReceiptUnknown("没有这张票据，请核对票据号。")
    return receipt


def exchange_to_paper(tx: Tx, receipt_id: UUID, command: ExchangeToPaper) -> PaperReceipt:
    """Print a numbered sheet for an electronic receipt (换开纸质票据).

    ReceiptNotReady until the platform has issued it; PaperOutOfRange for a sheet that is not of the shift's range;
    PaperUsed, PaperIssued for a number or a receipt that has one.
    """
    shift = cashier.current_shift(tx)
    receipt = tx.session.first(queries.LOCK_RECEIPT, receipt_id=receipt_id, campus=tx.campus)
    if receipt is None:
        raise ReceiptUnknown("本院区没有这张票据，请核对票据号。")
    if receipt.state != "issued" or receipt.platform_number is None:
        raise ReceiptNotReady("电子票据尚未开具或已冲红，不能换开纸质票据；请稍后再试。", state=receipt.state)
    _require_in_range(tx, shift, command.paper_no)
    paper = _paper(tx, shift, command.paper_no, receipt_id)
    tx.session.add(paper, job(tx, receipt_id, "paper", command.paper_no))
    tx.audit("receipt.exchanged", "receipt", receipt_id, paper_no=command.paper_no)
    return paper


def void_paper(tx: Tx, command: VoidPaper) -> PaperReceipt:
    """Void a spoilt sheet with its number (纸质票据作废): one printed for a receipt, or a blank one of the range."""
    shift = cashier.current_shift(tx)
    known = tx.session.first(queries.PAPER, campus=tx.campus, paper_no=command.paper_no)
    if known is None:
        _require_in_range(tx, shift, command.paper_no)
        blank = _paper(tx, shift, command.paper_no, None, void_reason=command.reason)
        tx.session.add(blank)
        tx.audit("paper.voided", "paper", blank.paper_id, paper_no=command.paper_no)
        return blank
    voided = tx.session.first(queries.VOID_PAPER, id_=known.paper_id, at=tx.now, name=tx.actor.name, why=command.reason)
    if voided is None:
        raise PaperUsed("该纸质票号已作废，无须重复登记。")
    if voided.receipt_id is not None:
        tx.session.add(job(tx, voided.receipt_id, "void_paper", command.paper_no))
    tx.audit("paper.voided", "paper", voided.paper_id, paper_no=command.paper_no)
    return voided


def try_again(tx: Tx, job_id: UUID) -> ReceiptJob:
    """Put a job the platform refused back into the queue, after what it complained of is mended."""
    queued = tx.session.first(queries.JOB_AGAIN, id_=job_id, campus=tx.campus, at=tx.now)
    if queued is None:
        raise JobNotRefused("该票据任务没有被平台拒绝，无须重试，请刷新后核对。")
    tx.audit("receipt_job.again", "receipt_job", job_id, kind=queued.kind)
    return queued


def _require_in_range(tx: Tx, shift: ShiftInfo, paper_no: str) -> None:
    row = cashier.find_shift(tx, shift.shift_id)
    first, last = row.receipt_from, row.receipt_to
    if first is None or last is None:
        raise PaperOutOfRange("本班没有登记领用的纸质票据号段，请在“换领票据号段”中登记后重试。")
    if not (len(paper_no) == len(first) == len(last) and first <= paper_no <= last):
        raise PaperOutOfRange(f"票号不在本班领用号段 {first}—{last} 内，请核对票面号码。", first=first, last=last)


def _paper(
    tx: Tx, shift: ShiftInfo, paper_no: str, receipt_id: UUID | None, *, void_reason: str | None = None
) -> PaperReceipt:
    spoilt = void_reason is not None
    return PaperReceipt(
        paper_id=new_id(),
        campus_id=tx.campus,
        paper_no=paper_no,
        receipt_id=receipt_id,
        state="voided" if spoilt else "issued",
        shift_id=shift.shift_id,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
        recorded_by_name=tx.actor.name,
        voided_at=tx.now if spoilt else None,
        voided_by_name=tx.actor.name if spoilt else None,
        void_reason=void_reason,
    )
