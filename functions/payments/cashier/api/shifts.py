"""Routes of shifts and of the slips of what is handed in."""

from datetime import date
from uuid import UUID

from functions.payments.cashier import prints, service
from functions.payments.cashier.api.routing import LAST, Limit, router
from functions.payments.cashier.models import CashHandIn, Shift
from functions.payments.cashier.problems import NoOpenShift
from functions.payments.cashier.queries import shifts as queries
from functions.payments.cashier.rules import STATES
from functions.payments.cashier.schemas.shifts import (
    CashView,
    ChangeShift,
    CloseShift,
    ConfirmDifference,
    CopyView,
    GiveCount,
    HandIn,
    HandInView,
    LockShift,
    OpenShift,
    ReceiveShift,
    ShiftView,
    TakeBooklet,
    TakeOver,
)
from shared.command import Document, command, query
from shared.problems import NotFound
from shared.schemas import Page
from shared.tx import Tx


@router.post("/shifts", status_code=201)
@command("payments.cashier.write")
def open_shift(tx: Tx, body: OpenShift) -> ShiftView:
    """Sign in at a counter with a float (签到)."""
    return _view(tx, service.open_shift(tx, body))


@router.get("/shifts")
@query("payments.cashier.read")
def list_shifts(
    tx: Tx, day: date | None = None, unfinished: bool = False, limit: Limit = 50, cursor: UUID | None = None
) -> Page[ShiftView]:
    """Shifts of a day, or (`unfinished`) all that are not yet counted, closed and received; newest first."""
    before = cursor or LAST
    if unfinished:
        shifts = tx.session.all(queries.UNFINISHED_SHIFTS, campus=tx.campus, before=before, limit=limit)
    else:
        shifts = tx.session.all(queries.SHIFTS, campus=tx.campus, day=day or tx.today, before=before, limit=limit)
    tx.audit("shifts.listed", "campus", tx.campus, count=len(shifts))
    return Page[ShiftView](
        items=[_view(tx, shift) for shift in shifts],
        next=str(shifts[-1].shift_id) if len(shifts) == limit else None,
    )


@router.get("/shifts/current")
@query("payments.cashier.write")
def current_shift(tx: Tx) -> ShiftView:
    """The caller's own unfinished shift."""
    shift = tx.session.first(queries.MY_SHIFT, who=tx.actor.subject, campus=tx.campus)
    if shift is None:
        raise NoOpenShift("您在本院区没有未日结的班次，请先签到。")
    return _view(tx, shift)


@router.get("/shifts/{shift_id}")
@query("payments.cashier.read")
def read_shift(tx: Tx, shift_id: UUID) -> ShiftView:
    """One shift."""
    shift = service.find_shift(tx, shift_id)
    tx.audit("shift.read", "shift", shift_id)
    return _view(tx, shift)


@router.post("/shifts/{shift_id}/lock")
@command("payments.cashier.write")
def lock_shift(tx: Tx, shift_id: UUID, body: LockShift) -> ShiftView:
    """Lock one's own counter (暂停收款)."""
    return _view(tx, service.lock_shift(tx, shift_id, body))


@router.post("/shifts/{shift_id}/unlock")
@command("payments.cashier.write")
def unlock_shift(tx: Tx, shift_id: UUID, body: ChangeShift) -> ShiftView:
    """Unlock one's own counter (恢复收款)."""
    return _view(tx, service.unlock_shift(tx, shift_id, body))


@router.post("/shifts/{shift_id}/booklet")
@command("payments.cashier.write")
def take_booklet(tx: Tx, shift_id: UUID, body: TakeBooklet) -> ShiftView:
    """Take another booklet of paper receipts (换领票据号段)."""
    return _view(tx, service.take_booklet(tx, shift_id, body))


@router.post("/shifts/{shift_id}/hand-ins", status_code=201)
@command("payments.cashier.write")
def hand_in(tx: Tx, shift_id: UUID, body: HandIn) -> HandInView:
    """Take cash out of the drawer for the bank (班中缴款)."""
    return _hand_in_view(service.hand_in(tx, shift_id, body))


@router.get("/shifts/{shift_id}/hand-ins")
@query("payments.cashier.read")
def list_hand_ins(tx: Tx, shift_id: UUID) -> list[HandInView]:
    """Slips of the cash of a shift: handed in meanwhile, and brought at its end (缴款单)."""
    service.find_shift(tx, shift_id)
    rows = tx.session.all(queries.HAND_INS, shift_id=shift_id)
    tx.audit("hand_ins.listed", "shift", shift_id, count=len(rows))
    return [_hand_in_view(row) for row in rows]


@router.post("/hand-ins/{hand_in_id}/slips", status_code=201)
@command("payments.cashier.write")
def print_hand_in(tx: Tx, hand_in_id: UUID) -> CopyView:
    """Record a print of a hand-in slip (打印缴款单); the PDF is fetched next."""
    row = _hand_in(tx, hand_in_id)
    copy_number = service.count_copy(tx, prints.HAND_IN_SLIP, row.hand_in_id)
    return CopyView(form=prints.HAND_IN_SLIP, subject_id=hand_in_id, copy_number=copy_number)


@router.get("/hand-ins/{hand_in_id}/slip.pdf")
@query("payments.cashier.read")
def hand_in_pdf(tx: Tx, hand_in_id: UUID) -> Document:
    """The hand-in slip as PDF (缴款单)."""
    return prints.hand_in_slip(tx, _hand_in(tx, hand_in_id))


@router.post("/shifts/{shift_id}/start-count")
@command("payments.cashier.write")
def start_count(tx: Tx, shift_id: UUID, body: ChangeShift) -> ShiftView:
    """Stop selling to count the drawer (开始点款)."""
    return _view(tx, service.start_count(tx, shift_id, body))


@router.post("/shifts/{shift_id}/count")
@command("payments.cashier.write")
def give_count(tx: Tx, shift_id: UUID, body: GiveCount) -> ShiftView:
    """Give the blind count (点款); without a difference the shift is closed at once."""
    return _view(tx, service.give_count(tx, shift_id, body))


@router.post("/shifts/{shift_id}/close")
@command("payments.cashier.write")
def close_shift(tx: Tx, shift_id: UUID, body: CloseShift) -> ShiftView:
    """Close a counted shift, its difference explained (日结)."""
    return _view(tx, service.close_shift(tx, shift_id, body))


@router.post("/shifts/{shift_id}/take-over")
@command("payments.cashier.supervise")
def take_over(tx: Tx, shift_id: UUID, body: TakeOver) -> ShiftView:
    """Take over the shift of an absent cashier (接管)."""
    return _view(tx, service.take_over(tx, shift_id, body))


@router.post("/shifts/{shift_id}/take-over/count")
@command("payments.cashier.supervise")
def count_taken_over(tx: Tx, shift_id: UUID, body: GiveCount) -> ShiftView:
    """Count the drawer of a shift taken over (接管后点款)."""
    return _view(tx, service.give_count(tx, shift_id, body))


@router.post("/shifts/{shift_id}/take-over/close")
@command("payments.cashier.supervise")
def close_taken_over(tx: Tx, shift_id: UUID, body: CloseShift) -> ShiftView:
    """Close a shift taken over (接管后日结)."""
    return _view(tx, service.close_shift(tx, shift_id, body))


@router.post("/shifts/{shift_id}/confirm-difference")
@command("payments.cashier.supervise")
def confirm_difference(tx: Tx, shift_id: UUID, body: ConfirmDifference) -> ShiftView:
    """Confirm having looked into a difference (长短款确认)."""
    return _view(tx, service.confirm_difference(tx, shift_id, body))


@router.post("/shifts/{shift_id}/receive")
@command("payments.cashier.receive")
def receive_shift(tx: Tx, shift_id: UUID, body: ReceiveShift) -> ShiftView:
    """Confirm the cash of a closed shift by its bank slip (收款确认)."""
    return _view(tx, service.receive_shift(tx, shift_id, body))


def _hand_in(tx: Tx, hand_in_id: UUID) -> CashHandIn:
    row = tx.session.first(queries.HAND_IN_ROW, hand_in_id=hand_in_id)
    if row is None:
        raise NotFound("没有这张缴款单，请核对缴款单号。")
    tx.audit("hand_in.read", "hand_in", hand_in_id)
    return row


def _hand_in_view(row: CashHandIn) -> HandInView:
    return HandInView.model_validate(row)


def _view(tx: Tx, shift: Shift) -> ShiftView:
    fields = {name: getattr(shift, name) for name in ShiftView.model_fields if hasattr(shift, name)}
    return ShiftView(**fields, state_label=STATES[shift.state], cash=_cash(tx, shift))


def _cash(tx: Tx, shift: Shift) -> CashView | None:
    """The drawer's figures; blind to whoever has still to count it."""
    if shift.kind == "virtual" or service.is_blind(tx, shift):
        return None
    return CashView(
        opening_float=shift.opening_float,
        float_added=shift.float_added,
        float_returned=shift.float_returned,
        received=shift.cash_in,
        paid_out=shift.cash_out,
        handed_in=shift.handed_in,
        due=shift.cash_due,
    )
