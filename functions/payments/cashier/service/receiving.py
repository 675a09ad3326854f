"""What others do with a closed shift: 长短款确认, 收款确认."""

from uuid import UUID

from events.payments import ShiftReceived
from functions.payments.cashier.models import Shift
from functions.payments.cashier.problems import (
    BagUnsettled,
    DifferenceUnconfirmed,
    NoDifference,
    ReceivedAmountDiffers,
    ShiftNotOpen,
)
from functions.payments.cashier.queries import shifts as queries
from functions.payments.cashier.queries.bags import UNSETTLED_BAG_OF_SHIFT
from functions.payments.cashier.schemas.shifts import ConfirmDifference, ReceiveShift
from functions.payments.cashier.service.shifts import find_shift, finished
from shared.tx import Tx


def confirm_difference(tx: Tx, shift_id: UUID, command: ConfirmDifference) -> Shift:
    """A supervisor confirms a difference; neither who sold nor who counted."""
    shift = find_shift(tx, shift_id)
    if shift.state != "closed" or not shift.difference:
        raise NoDifference("该班次没有待确认的长短款。")
    tx.assert_distinct([shift.cashier, shift.closed_by], "长短款须由收款人、点款人以外的人员确认。")
    confirmed = tx.session.first(
        queries.CONFIRM,
        id_=shift_id,
        seen=command.version,
        at=tx.now,
        who=tx.actor.subject,
        name=tx.actor.name,
        note=command.note,
    )
    return finished(tx, confirmed, "shift.difference_confirmed", shift_id)


def receive_shift(tx: Tx, shift_id: UUID, command: ReceiveShift) -> Shift:
    """Finance confirms the cash of a closed shift by its bank slip (收款确认).

    The amount is what was handed in during the shift plus what was counted, less the float that stays in the drawer.
    BagUnsettled while a bag with money of the shift is not counted by the bank.
    """
    shift = find_shift(tx, shift_id)
    if shift.state != "closed" or shift.kind != "counter" or shift.counted is None or shift.float_kept is None:
        raise ShiftNotOpen("只有已日结的窗口班次可以确认收款，请刷新后核对。")
    tx.assert_distinct([shift.cashier, shift.closed_by], "收款确认须由收款人、点款人以外的人员办理。")
    if shift.difference and shift.confirmed_at is None:
        raise DifferenceUnconfirmed("该班次有长短款尚未确认，请先由收费组长确认。")
    at_close = shift.counted - shift.float_kept
    expected = shift.handed_in + at_close
    if command.amount != expected:
        raise ReceivedAmountDiffers(
            f"该班次应缴 {expected} 元（班中已缴 {shift.handed_in} 元、日结上缴 {at_close} 元），"
            f"与所填 {command.amount} 元不符，请与缴款人核对。"
        )
    received = tx.session.first(
        queries.RECEIVE,
        id_=shift_id,
        seen=command.version,
        at=tx.now,
        who=tx.actor.subject,
        name=tx.actor.name,
        amount=command.amount,
        slip=command.bank_slip_no,
    )
    done = finished(tx, received, "shift.received", shift_id)
    if (bag := tx.session.first(UNSETTLED_BAG_OF_SHIFT, shift_id=shift_id)) is not None:
        raise BagUnsettled(f"该班次的现金在缴款袋 {bag.seal_no} 中，银行尚未清点或差异尚未说明，请先登记银行清点结果。")
    tx.emit(
        ShiftReceived(
            shift_id=shift_id,
            shift_no=done.shift_no,
            amount=command.amount,
            bank_slip_no=command.bank_slip_no,
            received_at=tx.now,
        )
    )
    return done
