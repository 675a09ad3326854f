"""What a cashier brings to finance: the slip of a hand-in, and of what is left when the drawer is counted (缴款单)."""

from collections.abc import Mapping

from functions.payments.cashier.models import CashHandIn, Shift, ShiftCount
from shared.ids import new_id
from shared.money import Money
from shared.numbers import NUMBERINGS
from shared.tx import Tx

HAND_IN_NUMBERS = NUMBERINGS["payments.hand_in"]


def slip_of(
    tx: Tx, shift: Shift, amount: Money, denominations: Mapping[str, int], *, kind: str, remark: str | None
) -> CashHandIn:
    """Write a numbered slip."""
    row = CashHandIn(
        hand_in_id=new_id(),
        campus_id=tx.campus,
        hand_in_no=tx.document_number(HAND_IN_NUMBERS, shift.campus_letter),
        shift_id=shift.shift_id,
        amount=amount,
        denominations=dict(denominations),
        handed_in_by=tx.actor.subject,
        handed_in_by_name=tx.actor.name,
        handed_in_at=tx.now,
        remark=remark,
        kind=kind,
    )
    tx.session.add(row)
    return row


def closing_slip(tx: Tx, shift: Shift, count: ShiftCount) -> CashHandIn | None:
    """The slip of a shift just closed (日结缴款): what was counted less the float that stays in the drawer.

    Notes and coins that stay are left out where the cashier told them; else the slip lists what was counted and says
    how much of it stays. None when nothing is brought to finance.
    """
    if shift.counted is None or shift.float_kept is None or shift.counted == shift.float_kept:
        return None
    amount = shift.counted - shift.float_kept
    counted: dict[str, int] = count.denominations
    if count.kept is not None:
        stays: dict[str, int] = count.kept
        brought = {face: pieces - stays.get(face, 0) for face, pieces in counted.items()}
        pieces = {face: left for face, left in brought.items() if left}
        return slip_of(tx, shift, amount, pieces, kind="closing", remark=_stays(shift))
    remark = f"券别为点款合计 {shift.counted} 元；{_stays(shift)}" if shift.float_kept else None
    return slip_of(tx, shift, amount, counted, kind="closing", remark=remark)


def _stays(shift: Shift) -> str | None:
    return f"留存备用金 {shift.float_kept} 元" if shift.float_kept else None
