"""Floats raised and lowered during a shift (备用金增减): who hands the money, who confirms having it."""

from uuid import UUID

from functions.payments.cashier import rules
from functions.payments.cashier.models import FloatChange, Shift
from functions.payments.cashier.problems import (
    CashInsufficient,
    CountDiffers,
    FloatAmountDiffers,
    FloatChangeEnded,
    FloatTooSmall,
    ShiftNotOpen,
)
from functions.payments.cashier.queries import floats as queries
from functions.payments.cashier.queries.shifts import HOLD_SHIFT
from functions.payments.cashier.schemas.floats import ConfirmFloat, OfferFloat, WithdrawFloat
from functions.payments.cashier.service.money import book, shift_info
from functions.payments.cashier.service.shifts import find_shift, own_shift
from shared.ids import new_id
from shared.money import ZERO
from shared.problems import NotFound, Stale
from shared.tx import Tx

TWO_PERSONS = "备用金须由收费员与另一人当面交接，请由另一人办理。"


def hand_float(tx: Tx, shift_id: UUID, command: OfferFloat) -> FloatChange:
    """A supervisor hands change to a cashier (增加备用金); the drawer holds it when the cashier confirms.

    Raises SamePerson, ShiftNotOpen, CountDiffers, FloatPending.
    """
    shift = _open(tx, shift_id)
    tx.assert_distinct([shift.cashier, shift.taken_over_by], TWO_PERSONS)
    return _offer(tx, shift, "raise", command)


def return_float(tx: Tx, shift_id: UUID, command: OfferFloat) -> FloatChange:
    """A cashier hands change back out of the own drawer (减少备用金); it leaves the drawer when it is confirmed.

    Raises NotYourShift, ShiftNotOpen, FloatTooSmall, CashInsufficient, CountDiffers, FloatPending.
    """
    shift = _open(tx, shift_id)
    own_shift(tx, shift)
    if command.amount > shift.float_now:
        raise FloatTooSmall(f"本班备用金为 {shift.float_now} 元，不能退还更多；收入的现金请办理班中缴款。")
    if command.amount > shift.cash_due:
        raise CashInsufficient("钱箱内现金不够退还该金额，请核对金额。")
    return _offer(tx, shift, "lower", command)


def take_float(tx: Tx, change_id: UUID, command: ConfirmFloat) -> FloatChange:
    """The cashier confirms change handed by a supervisor.

    Raises NotYourShift, FloatAmountDiffers, FloatChangeEnded, ShiftNotOpen.
    """
    change = find_change(tx, change_id, "raise")
    own_shift(tx, find_shift(tx, change.shift_id))
    return _confirm(tx, change, command)


def take_float_back(tx: Tx, change_id: UUID, command: ConfirmFloat) -> FloatChange:
    """A supervisor confirms change a cashier gave back.

    Raises SamePerson, FloatAmountDiffers, FloatChangeEnded, ShiftNotOpen, CashInsufficient, FloatTooSmall.
    """
    return _confirm(tx, find_change(tx, change_id, "lower"), command)


def withdraw_own_float(tx: Tx, change_id: UUID, command: WithdrawFloat) -> FloatChange:
    """The cashier gives up a change of the own shift nobody confirmed. Raises NotYourShift, FloatChangeEnded."""
    change = find_change(tx, change_id)
    own_shift(tx, find_shift(tx, change.shift_id))
    return _withdraw(tx, change, command)


def withdraw_float(tx: Tx, change_id: UUID, command: WithdrawFloat) -> FloatChange:
    """A supervisor gives up a change nobody confirmed. Raises FloatChangeEnded."""
    return _withdraw(tx, find_change(tx, change_id), command)


def find_change(tx: Tx, change_id: UUID, direction: str | None = None) -> FloatChange:
    """A float change the actor's campus may see; NotFound otherwise, or when it goes the other way."""
    change = tx.session.first(queries.CHANGE, change_id=change_id)
    if change is None or change.direction != (direction or change.direction):
        raise NotFound("没有这笔备用金增减，请刷新后核对。")
    return change


def _open(tx: Tx, shift_id: UUID) -> Shift:
    shift = tx.session.first(HOLD_SHIFT, id_=shift_id)
    if shift is None or shift.kind != "counter":
        find_shift(tx, shift_id)
        raise ShiftNotOpen("该班次不在收款中，不能增减备用金，请核对班次。")
    return shift


def _offer(tx: Tx, shift: Shift, direction: str, command: OfferFloat) -> FloatChange:
    pieces = rules.denominations_by_face([(line.face, line.count) for line in command.denominations])
    if (total := rules.denomination_sum(pieces)) != command.amount:
        raise CountDiffers(f"券别合计 {total} 元与备用金金额 {command.amount} 元不符，请核对。")
    row = FloatChange(
        change_id=new_id(),
        campus_id=tx.campus,
        shift_id=shift.shift_id,
        direction=direction,
        amount=command.amount,
        denominations=pieces,
        reason=command.reason,
        handed_by=tx.actor.subject,
        handed_by_name=tx.actor.name,
        handed_at=tx.now,
    )
    tx.session.add(row)
    tx.audit(f"float.{direction}_offered", "shift", shift.shift_id, amount=str(row.amount), change=str(row.change_id))
    return row


def _confirm(tx: Tx, change: FloatChange, command: ConfirmFloat) -> FloatChange:
    if change.state != "offered":
        raise _ended(change)
    shift = find_shift(tx, change.shift_id)
    others = [change.handed_by, *([] if change.direction == "raise" else [shift.cashier, shift.taken_over_by])]
    tx.assert_distinct(others, TWO_PERSONS)
    if command.amount != change.amount:
        raise FloatAmountDiffers(
            f"点收 {command.amount} 元与交来 {change.amount} 元不符，请当面复点；确属不符的撤回后重新登记。"
        )
    came, went = (change.amount, ZERO) if change.direction == "raise" else (ZERO, change.amount)
    moved = tx.session.first(queries.MOVE_FLOAT, id_=change.shift_id, came=came, went=went)
    if moved is None:
        raise ShiftNotOpen("该班次已停止收款，备用金不再增减，请撤回这笔登记并收回现金。")
    done = tx.session.first(
        queries.CONFIRM_CHANGE,
        id_=change.change_id,
        seen=command.version,
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
    )
    if done is None:
        raise _ended(change)
    book(
        tx,
        shift_info(moved),
        "in" if change.direction == "raise" else "out",
        "cash",
        change.amount,
        kind="float",
        subject_id=change.change_id,
        ref_id=change.change_id,
    )
    tx.audit(f"float.{change.direction}_confirmed", "shift", change.shift_id, amount=str(change.amount))
    return done


def _withdraw(tx: Tx, change: FloatChange, command: WithdrawFloat) -> FloatChange:
    done = tx.session.first(
        queries.WITHDRAW_CHANGE,
        id_=change.change_id,
        seen=command.version,
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
        why=command.reason,
    )
    if done is None:
        raise _ended(change)
    tx.audit("float.withdrawn", "shift", change.shift_id, amount=str(change.amount))
    return done


def _ended(change: FloatChange) -> FloatChangeEnded | Stale:
    if change.state == "offered":
        return Stale("该笔备用金增减已被他人办理，请刷新后再操作。", current_version=change.version)
    return FloatChangeEnded(f"该笔备用金增减{rules.FLOAT_STATES[change.state]}，不能再办理。", state=change.state)
