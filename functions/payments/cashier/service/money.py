"""Money of a shift: who may take it, what it does to the drawer, and its entry in the journal."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from events.payments import ShiftClosed
from functions.organisation.structure import service as organisation
from functions.payments.cashier import rules
from functions.payments.cashier.models import MoneyMovement, Shift
from functions.payments.cashier.problems import CashNotTaken, NoOpenShift, ShiftLocked, ShiftNotOpen
from functions.payments.cashier.queries import shifts as queries
from functions.payments.cashier.queries.shifts import MethodTotal
from functions.payments.cashier.service.figures import method_figures
from shared.database.session import Pending
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.problems import Busy
from shared.tx import Tx

Direction = Literal["in", "out"]
Kind = Literal["settlement", "refund", "debt_payment", "hand_in", "reversal", "prepayment", "float", "other"]


@dataclass(frozen=True, slots=True)
class ShiftInfo:
    """The shift money is booked to: a cashier's own, or a channel's of today.

    `cashier` is the subject in the realm, None for a channel; `letter` begins the numbers given in it.
    """

    shift_id: UUID
    shift_no: str
    campus_id: str
    kind: str
    channel: str
    counter_id: UUID | None
    counter_name: str
    cashier: str | None
    cashier_staff_id: UUID | None
    cashier_name: str
    letter: str
    opened_at: datetime


class Till:
    """A shift on its way: asked for, not yet waited for."""

    __slots__ = ("_channel", "_pending", "_tx")

    def __init__(self, tx: Tx, channel: str, pending: Pending[Shift]) -> None:
        self._tx = tx
        self._channel = channel
        self._pending = pending

    def shift(self) -> ShiftInfo:
        """The shift, held open until the commit. Raises NoOpenShift, ShiftLocked or CashInsufficient."""
        found = self._pending.first()
        if found is None:
            if self._channel == "window":
                raise _no_till(self._tx)
            found = _open_channel(self._tx, self._channel)
        return shift_info(found)

    def held(self) -> ShiftInfo | None:
        """The shift if the actor has one that takes money, without refusing when not."""
        found = self._pending.first()
        return shift_info(found) if found is not None else None


def open_till(tx: Tx, *, cash_in: Money = ZERO, cash_out: Money = ZERO) -> Till:
    """Ask for the actor's open shift, moving its cash on the way.

    Staff work in their own shift (签到 first); devices, patients and the system in the virtual shift of their
    channel, which takes no cash (CashNotTaken). Every cent given here must be booked.
    """
    channel = channel_of(tx)
    if channel == "window":
        pending = tx.session.send(
            queries.MOVE_MY_CASH, who=tx.actor.subject, campus=tx.campus, came=cash_in, went=cash_out
        )
    elif cash_in or cash_out:
        raise CashNotTaken("自助与线上渠道不办理现金，请到收费窗口办理。")
    else:
        pending = tx.session.send(queries.CHANNEL_SHIFT, campus=tx.campus, channel=channel, day=tx.today)
    return Till(tx, channel, pending)


def shift_for(tx: Tx, cashier: str, channel: str) -> ShiftInfo:
    """The shift that books money which arrives by itself (a channel's late answer), held open until the commit.

    The open shift of the cashier it was taken for; when that is counted or closed, the next one or the virtual shift
    of the channel (spec 01: after `closed` nothing changes).
    """
    if channel == "window":
        found = tx.session.first(queries.OPEN_SHIFT_OF, who=cashier, campus=tx.campus)
        if found is not None:
            return shift_info(found)
        channel = "system"
    return Till(
        tx, channel, tx.session.send(queries.CHANNEL_SHIFT, campus=tx.campus, channel=channel, day=tx.today)
    ).shift()


def current_shift(tx: Tx) -> ShiftInfo:
    """The open shift of the actor, held open until the commit. Raises NoOpenShift or ShiftLocked."""
    return open_till(tx).shift()


def channel_of(tx: Tx) -> str:
    """The channel an actor's money comes through: window, kiosk, miniprogram or system."""
    return {"staff": "window", "device": "kiosk", "patient": "miniprogram"}.get(tx.actor.kind, "system")


def record_money(
    tx: Tx,
    shift_id: UUID,
    direction: Direction,
    method: str,
    amount: Money,
    *,
    kind: Kind = "other",
    subject_id: UUID | None = None,
    ref_id: UUID | None = None,
) -> ShiftInfo:
    """Move money in a shift and book it. Raises ShiftNotOpen, and CashInsufficient when the drawer holds too little.

    `subject_id` is the business (settlement), `ref_id` the row that is proved; one row moves money once.
    """
    if method == "cash":
        came, went = (amount, ZERO) if direction == "in" else (ZERO, amount)
        found = tx.session.first(queries.MOVE_CASH, id_=shift_id, came=came, went=went)
    else:
        found = tx.session.first(queries.HOLD_SHIFT, id_=shift_id)
    if found is None:
        raise ShiftNotOpen("该班次已点款或日结，请在新的班次中办理。")
    shift = shift_info(found)
    reference = ref_id or new_id()
    book(tx, shift, direction, method, amount, kind=kind, subject_id=subject_id or reference, ref_id=reference)
    return shift


def book(
    tx: Tx,
    shift: ShiftInfo,
    direction: Direction,
    method: str,
    amount: Money,
    *,
    kind: Kind,
    subject_id: UUID,
    ref_id: UUID,
) -> None:
    """Write the entry of money that `open_till` or `record_money` has moved."""
    tx.session.add(
        MoneyMovement(
            movement_id=new_id(),
            campus_id=shift.campus_id,
            shift_id=shift.shift_id,
            business_day=tx.today,
            at=tx.now,
            direction=direction,
            method=method,
            amount=amount,
            kind=kind,
            subject_id=subject_id,
            ref_id=ref_id,
            moved_by=tx.actor.subject,
        )
    )


def shift_totals(tx: Tx, shift_id: UUID) -> list[MethodTotal]:
    """What each means of payment brought and took in a shift (hand-ins left out)."""
    return tx.session.all(queries.SHIFT_TOTALS, shift_id=shift_id)


def day_totals(tx: Tx, campus: str, day: object) -> list[MethodTotal]:
    """What each means of payment brought and took at a campus on a day."""
    return tx.session.all(queries.DAY_TOTALS, campus=campus, day=day)


def each_minute(tx: Tx) -> None:
    """What ends by itself at a campus: the virtual shifts of a day gone by."""
    close_channel_shifts(tx)


def close_channel_shifts(tx: Tx) -> int:
    """Close the virtual shifts of days gone by (23:59:59); the first booking of a day opens the next one."""
    closed = tx.session.all(
        queries.CLOSE_CHANNEL_SHIFTS, campus=tx.campus, today=tx.today, at=tx.now, who=tx.actor.subject
    )
    for shift in closed:
        tx.emit(
            ShiftClosed(
                shift_id=shift.shift_id,
                shift_no=shift.shift_no,
                kind=shift.kind,
                channel=shift.channel,
                cashier_staff_id=None,
                business_day=shift.business_day,
                opening_float=ZERO,
                cash_in=ZERO,
                cash_out=ZERO,
                handed_in=ZERO,
                counted=None,
                difference=None,
                methods=method_figures(tx.session.all(queries.SHIFT_TOTALS, shift_id=shift.shift_id)),
                closed_at=tx.now,
            )
        )
        tx.audit("shift.closed", "shift", shift.shift_id)
    return len(closed)


def shift_info(shift: Shift) -> ShiftInfo:
    """What money needs to know of a shift."""
    return ShiftInfo(
        shift_id=shift.shift_id,
        shift_no=shift.shift_no,
        campus_id=shift.campus_id,
        kind=shift.kind,
        channel=shift.channel,
        counter_id=shift.counter_id,
        counter_name=shift.counter_name,
        cashier=shift.cashier,
        cashier_staff_id=shift.cashier_staff_id,
        cashier_name=shift.cashier_name,
        letter=shift.campus_letter,
        opened_at=shift.opened_at,
    )


def _no_till(tx: Tx) -> NoOpenShift | ShiftLocked | ShiftNotOpen:
    mine = tx.session.first(queries.MY_SHIFT, who=tx.actor.subject, campus=tx.campus)
    if mine is None:
        return NoOpenShift("您在本院区还没有签到，请先选择窗口、登记备用金并签到。")
    if mine.state == "counting":
        return ShiftNotOpen("您的班次正在点款，请完成日结后重新签到再办理。")
    return ShiftLocked("您的窗口已锁定，请先解锁。")


def _open_channel(tx: Tx, channel: str) -> Shift:
    campus = organisation.campus(tx)
    tx.session.execute(
        queries.OPEN_CHANNEL_SHIFT,
        shift_id=new_id(),
        campus=tx.campus,
        shift_no=rules.channel_shift_number(campus.letter, tx.today, channel),
        channel=channel,
        name=rules.CHANNELS[channel],
        letter=campus.letter,
        day=tx.today,
        at=tx.now,
    )
    found = tx.session.first(queries.CHANNEL_SHIFT, campus=tx.campus, channel=channel, day=tx.today)
    if found is None:
        raise Busy("该渠道今日的班次刚刚日结，当前操作未保存，请重试。")
    return found
