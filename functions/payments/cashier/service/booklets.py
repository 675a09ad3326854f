"""Paper receipts a cashier holds (领用号段)."""

from uuid import UUID

from functions.payments.cashier import rules
from functions.payments.cashier.problems import ReceiptRangeTaken
from functions.payments.cashier.queries.shifts import BOOKLET_HELD
from shared.tx import Tx


def require_free_booklet(tx: Tx, shift_id: UUID, first: str | None, last: str | None) -> None:
    """The numbers are of one series and no other unfinished shift of the campus holds any of them.

    ReceiptRangeInvalid, ReceiptRangeTaken. That no number is used twice is the paper receipts' own constraint.
    """
    rules.require_booklet(first, last)
    if first is None:
        return
    holder = tx.session.first(BOOKLET_HELD, campus=tx.campus, own=shift_id, first=first, last=last)
    if holder is not None:
        raise ReceiptRangeTaken(
            f"号段 {holder.receipt_from}—{holder.receipt_to} 已由{holder.counter_name} {holder.cashier_name} 领用，"
            "请核对票面号码。",
            shift_no=holder.shift_no,
        )
