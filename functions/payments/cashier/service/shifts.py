"""The life of a shift at its counter: 签到, 班中缴款, 接管, 点款, 日结."""

from uuid import UUID

from events.payments import CashDifferenceFound, ShiftClosed, ShiftOpened
from functions.organisation.structure import service as organisation
from functions.payments.cashier import rules
from functions.payments.cashier.models import CashHandIn, Shift, ShiftCount
from functions.payments.cashier.problems import (
    CountDiffers,
    CountFirst,
    FloatPending,
    NoMoreCounts,
    NotACounter,
    NotCounting,
    NotYourShift,
    ReasonMissing,
    ShiftLocked,
    ShiftNotOpen,
)
from functions.payments.cashier.queries import shifts as queries
from functions.payments.cashier.queries.floats import OFFERED
from functions.payments.cashier.schemas.shifts import (
    ChangeShift,
    CloseShift,
    Denomination,
    GiveCount,
    HandIn,
    LockShift,
    OpenShift,
    TakeBooklet,
    TakeOver,
)
from functions.payments.cashier.service.booklets import require_free_booklet
from functions.payments.cashier.service.depositing import closing_slip, slip_of
from functions.payments.cashier.service.figures import method_figures
from functions.payments.cashier.service.money import book, shift_info
from shared.ids import new_id
from shared.money import ZERO
from shared.numbers import NUMBERINGS
from shared.problems import Invalid, NotFound, Stale
from shared.tx import Tx

SHIFT_NUMBERS = NUMBERINGS["payments.shift"]


def open_shift(tx: Tx, command: OpenShift) -> Shift:
    """Sign in at a counter (签到) with a float.

    One unfinished shift per cashier (ShiftAlreadyOpen), one cashier per counter (CounterOccupied); NotACounter for a
    place of another kind or campus; ReceiptRangeInvalid, ReceiptRangeTaken for paper receipts that cannot be, or that
    another cashier holds.
    """
    place = organisation.place(tx, command.counter_id)
    if place.campus_id != tx.campus or place.kind != "counter" or place.status != "active":
        raise NotACounter("所选位置不是本院区的收费窗口，请重新选择。")
    shift_id = new_id()
    require_free_booklet(tx, shift_id, command.receipt_from, command.receipt_to)
    staff = _staff(tx)
    letter = organisation.campus(tx).letter
    shift = Shift(
        shift_id=shift_id,
        campus_id=tx.campus,
        shift_no=tx.document_number(SHIFT_NUMBERS, letter),
        kind="counter",
        channel="window",
        counter_id=command.counter_id,
        counter_name=place.name,
        campus_letter=letter,
        cashier=tx.actor.subject,
        cashier_staff_id=tx.actor.staff_id,
        cashier_no=staff.staff_no if staff else "",
        cashier_name=staff.name if staff else tx.actor.name,
        business_day=tx.today,
        state="open",
        opened_at=tx.now,
        opening_float=command.opening_float,
        receipt_from=command.receipt_from,
        receipt_to=command.receipt_to,
        cash_in=ZERO,
        cash_out=ZERO,
        handed_in=ZERO,
    )
    tx.session.add(shift)
    tx.emit(
        ShiftOpened(
            shift_id=shift.shift_id,
            shift_no=shift.shift_no,
            counter_id=shift.counter_id,
            cashier_staff_id=shift.cashier_staff_id,
            business_day=shift.business_day,
            opening_float=shift.opening_float,
        )
    )
    tx.audit("shift.opened", "shift", shift.shift_id, opening_float=str(shift.opening_float))
    return shift


def take_booklet(tx: Tx, shift_id: UUID, command: TakeBooklet) -> Shift:
    """Take other paper receipts in one's own open shift (换领票据号段): the booklet is used up, or was entered wrongly.

    What was printed from the former one stays. ReceiptRangeInvalid, ReceiptRangeTaken, NotYourShift, ShiftNotOpen.
    """
    shift = find_shift(tx, shift_id)
    own_shift(tx, shift)
    if shift.state != "open":
        raise ShiftNotOpen("班次已停止收款，不能再换领票据，请在新的班次中登记。")
    require_free_booklet(tx, shift_id, command.receipt_from, command.receipt_to)
    taken = tx.session.first(
        queries.TAKE_BOOKLET,
        id_=shift_id,
        seen=command.version,
        first_=command.receipt_from,
        last_=command.receipt_to,
    )
    if taken is None:
        raise stale(find_shift(tx, shift_id))
    before = f"{shift.receipt_from}-{shift.receipt_to}" if shift.receipt_from else None
    now = f"{command.receipt_from}-{command.receipt_to}"
    tx.audit("shift.booklet_taken", "shift", shift_id, before=before, now=now)
    return taken


def hand_in(tx: Tx, shift_id: UUID, command: HandIn) -> CashHandIn:
    """Take cash out of one's own drawer for the bank (班中缴款). CashInsufficient when there is less in it, ShiftLocked
    while the counter is locked."""
    denominations = _pieces(command.denominations)
    if rules.denomination_sum(denominations) != command.amount:
        raise CountDiffers(
            f"券别合计 {rules.denomination_sum(denominations)} 元与缴款金额 {command.amount} 元不符，请核对。"
        )
    shift = tx.session.first(queries.HAND_IN, id_=shift_id, who=tx.actor.subject, campus=tx.campus, went=command.amount)
    if shift is None:
        raise _why_not(tx, shift_id)
    row = slip_of(tx, shift, command.amount, denominations, kind="mid_shift", remark=command.remark)
    book(
        tx,
        shift_info(shift),
        "out",
        "cash",
        command.amount,
        kind="hand_in",
        subject_id=row.hand_in_id,
        ref_id=row.hand_in_id,
    )
    tx.audit("shift.handed_in", "shift", shift_id, amount=str(command.amount))
    return row


def lock_shift(tx: Tx, shift_id: UUID, command: LockShift) -> Shift:
    """Lock one's own counter: no money moves until it is unlocked."""
    own_shift(tx, find_shift(tx, shift_id))
    locked = tx.session.first(
        queries.LOCK, id_=shift_id, seen=command.version, at=tx.now, who=tx.actor.subject, why=command.reason
    )
    return finished(tx, locked, "shift.locked", shift_id)


def unlock_shift(tx: Tx, shift_id: UUID, command: ChangeShift) -> Shift:
    """Unlock one's own counter."""
    own_shift(tx, find_shift(tx, shift_id))
    unlocked = tx.session.first(queries.UNLOCK, id_=shift_id, seen=command.version)
    return finished(tx, unlocked, "shift.unlocked", shift_id)


def take_over(tx: Tx, shift_id: UUID, command: TakeOver) -> Shift:
    """A supervisor takes over the shift of an absent cashier (接管): it stops selling and waits for the count."""
    shift = find_shift(tx, shift_id)
    tx.assert_distinct([shift.cashier], "不能接管自己的班次，请由其他收费组长办理。")
    taken = tx.session.first(
        queries.TAKE_OVER,
        id_=shift_id,
        seen=command.version,
        at=tx.now,
        who=tx.actor.subject,
        name=tx.actor.name,
        why=command.reason,
    )
    return finished(tx, taken, "shift.taken_over", shift_id)


def start_count(tx: Tx, shift_id: UUID, command: ChangeShift) -> Shift:
    """Stop selling to count the drawer (开始点款). It waits for sales under way and none begins after it.

    FloatPending while a float raised or lowered waits for its second person.
    """
    own_shift(tx, find_shift(tx, shift_id))
    counting = tx.session.first(queries.START_COUNT, id_=shift_id, seen=command.version, at=tx.now)
    _no_float_waits(tx, shift_id)
    return finished(tx, counting, "shift.counting", shift_id)


def give_count(tx: Tx, shift_id: UUID, command: GiveCount) -> Shift:
    """Give the blind count (点款). Only now the system compares; without a difference the shift is closed at once.

    Every count stays on record; one recount is allowed (NoMoreCounts).
    """
    shift = find_shift(tx, shift_id)
    own_shift(tx, shift)
    denominations = _pieces(command.denominations)
    counted = rules.denomination_sum(denominations)
    stays = _pieces(command.kept) if command.kept is not None else None
    wanted = command.float_kept if stays is None else rules.float_by_pieces(denominations, stays, command.float_kept)
    if wanted is not None and wanted > counted:
        raise Invalid("留存备用金不能多于实点现金，请核对后重新填写。")
    if shift.state != "counting":
        raise NotCounting("请先点“开始点款”停止收款，再录入点款结果。")
    if shift.counts_given >= rules.COUNTS_ALLOWED:
        raise NoMoreCounts("已点款两次，请填写长短款原因后日结，由收费组长确认。")
    kept = wanted if wanted is not None else min(shift.float_now, counted)
    found = tx.session.first(queries.GIVE_COUNT, id_=shift_id, seen=command.version, counted_=counted, kept_=kept)
    if found is None:
        raise stale(shift)
    count = ShiftCount(
        count_id=new_id(),
        campus_id=tx.campus,
        shift_id=shift_id,
        attempt=found.counts_given,
        denominations=denominations,
        counted=counted,
        due=found.cash_due,
        kept=stays,
        counted_by=tx.actor.subject,
        counted_by_name=tx.actor.name,
        counted_at=tx.now,
    )
    tx.session.add(count)
    tx.audit("shift.counted", "shift", shift_id, attempt=found.counts_given, counted=str(counted))
    return _close(tx, found, count, None) if found.difference == 0 else found


def close_shift(tx: Tx, shift_id: UUID, command: CloseShift) -> Shift:
    """Close a counted shift with its difference explained (日结). After this nothing in it changes."""
    shift = find_shift(tx, shift_id)
    own_shift(tx, shift)
    if shift.state != "counting":
        raise NotCounting("班次不在点款状态，请刷新后核对。")
    if shift.version != command.version:
        raise stale(shift)
    if shift.difference and command.difference_reason is None:
        raise ReasonMissing(f"长短款 {shift.difference} 元，请填写原因后日结。")
    count = last_count(tx, shift_id)
    if count is None:
        raise CountFirst("请先录入点款结果，再日结。")
    return _close(tx, shift, count, command.difference_reason)


def find_shift(tx: Tx, shift_id: UUID) -> Shift:
    """A shift the actor's campus may see. NotFound for another campus's."""
    shift = tx.session.first(queries.SHIFT, shift_id=shift_id)
    if shift is None:
        raise NotFound("没有这个班次，请核对班次号。")
    return shift


def last_count(tx: Tx, shift_id: UUID) -> ShiftCount | None:
    """The count a shift was closed with."""
    return tx.session.first(queries.LAST_COUNT, shift_id=shift_id)


def own_shift(tx: Tx, shift: Shift) -> None:
    """The shift is the actor's: its cashier's, or the supervisor's who took it over."""
    if tx.actor.subject != (shift.taken_over_by or shift.cashier):
        raise NotYourShift("该班次由他人负责，请核对；收费员缺席时由收费组长接管。")


def is_blind(tx: Tx, shift: Shift) -> bool:
    """Whether the actor must not learn what the drawer should hold: it is not counted yet, and the actor counts it or
    does not oversee cashiers."""
    if shift.kind == "virtual" or shift.counts_given or shift.state in ("closed", "received"):
        return False
    if tx.actor.subject in (shift.cashier, shift.taken_over_by):
        return True
    return not any(
        tx.actor.may(permission, shift.campus_id)
        for permission in ("payments.cashier.supervise", "payments.cashier.receive")
    )


def refuse_before_count(tx: Tx) -> None:
    """Refuse a cashier whose own drawer is not counted yet what would tell its content (CountFirst)."""
    mine = tx.session.first(queries.MY_SHIFT, who=tx.actor.subject, campus=tx.campus)
    if mine is not None and is_blind(tx, mine):
        raise CountFirst("您的班次还没有点款，请日结后再查看收费日报。")


def _no_float_waits(tx: Tx, shift_id: UUID) -> None:
    # Asked after the shift stopped: nobody can hand another float from then on.
    if tx.session.first(OFFERED, shift_id=shift_id) is not None:
        raise FloatPending("该班次有一笔备用金增减等待确认，请先确认或撤回再点款。")


def _close(tx: Tx, counted: Shift, count: ShiftCount, reason: str | None) -> Shift:
    closed = tx.session.first(
        queries.CLOSE,
        id_=counted.shift_id,
        seen=counted.version,
        why=reason if counted.difference else None,
        at=tx.now,
        who=tx.actor.subject,
        name=tx.actor.name,
    )
    shift = finished(tx, closed, "shift.closed", counted.shift_id)
    _no_float_waits(tx, shift.shift_id)
    closing_slip(tx, shift, count)
    totals = tx.session.all(queries.SHIFT_TOTALS, shift_id=shift.shift_id)
    tx.emit(
        ShiftClosed(
            shift_id=shift.shift_id,
            shift_no=shift.shift_no,
            kind=shift.kind,
            channel=shift.channel,
            cashier_staff_id=shift.cashier_staff_id,
            business_day=shift.business_day,
            opening_float=shift.opening_float,
            cash_in=shift.cash_in,
            cash_out=shift.cash_out,
            handed_in=shift.handed_in,
            float_added=shift.float_added,
            float_returned=shift.float_returned,
            counted=shift.counted,
            difference=shift.difference,
            methods=method_figures(totals),
            closed_at=tx.now,
        )
    )
    if shift.difference:
        tx.emit(
            CashDifferenceFound(
                shift_id=shift.shift_id,
                shift_no=shift.shift_no,
                cashier_staff_id=shift.cashier_staff_id,
                difference=shift.difference,
            )
        )
    return shift


def _staff(tx: Tx) -> organisation.StaffInfo | None:
    if tx.actor.staff_id is None:
        return None
    return organisation.staff_members(tx, [tx.actor.staff_id]).get(tx.actor.staff_id)


def _pieces(lines: list[Denomination]) -> dict[str, int]:
    return rules.denominations_by_face([(line.face, line.count) for line in lines])


def finished(tx: Tx, shift: Shift | None, action: str, shift_id: UUID) -> Shift:
    """The row a step left, with its trace; Stale when the step found another version."""
    if shift is None:
        raise stale(find_shift(tx, shift_id))
    tx.audit(action, "shift", shift_id)
    return shift


def stale(shift: Shift) -> Stale:
    return Stale(
        f"班次已变为“{rules.STATES[shift.state]}”或被他人修改，请刷新后再操作。", current_version=shift.version
    )


def _why_not(tx: Tx, shift_id: UUID) -> NotFound | NotYourShift | ShiftLocked | ShiftNotOpen:
    shift = find_shift(tx, shift_id)
    own_shift(tx, shift)
    if shift.state == "open" and shift.locked_at is not None:
        return ShiftLocked("您的窗口已锁定，请先解锁再办理班中缴款。")
    return ShiftNotOpen("班次已停止收款，不能再办理班中缴款。")
