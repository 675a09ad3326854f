"""Numbers and receipts: taken last, so that their locks are short and their series have no gaps."""

from uuid import UUID

from events.payments import ReceiptIssued, ReceiptReversed
from functions.payments.billing import rules
from functions.payments.billing.models import Receipt
from functions.payments.billing.queries import settlements as queries
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
    tx.session.add(receipt)
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
    tx.emit(
        ReceiptReversed(
            receipt_id=receipt.receipt_id,
            receipt_no=receipt.receipt_no,
            settlement_id=receipt.settlement_id,
            amount=receipt.amount,
            reason=reason,
        )
    )
