"""Money patients keep with the hospital: course prepayments the notice of 2025 still allows, and old card balances.

A prepayment is no revenue: what comes in by cash goes out as `course` in the same entry, and comes in as `course` when
a bill is paid with it. So the journal of a day always nets to what was sold.
"""

from decimal import Decimal
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.patients.index import service as patients
from functions.payments.billing import rules
from functions.payments.billing.models import CourseMovement, CoursePrepayment, LegacyBalance
from functions.payments.billing.problems import (
    CashShort,
    CourseClosed,
    CourseInsufficient,
    CourseOverpaid,
    CourseUnknown,
    LegacyCleared,
    LegacyUnknown,
    PrepaymentStopped,
    TenderIncomplete,
)
from functions.payments.billing.queries import prepayments as queries
from functions.payments.billing.rules import COURSES
from functions.payments.billing.schemas import ClearLegacy, CloseCourse, PayCourse, TakeOverBalances, TakePrepayment
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import Direction, ShiftInfo
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.numbers import Series
from shared.problems import Invalid, Stale
from shared.tx import Tx

COURSE_NUMBERS = Series("payments.course", daily=True)


def take_prepayment(tx: Tx, command: TakePrepayment) -> CoursePrepayment:
    """Open a course with its first payment in cash (疗程预交).

    PrepaymentStopped for any purpose but those 国卫办财务发〔2025〕5号 leaves open; never more than the course costs
    (CourseOverpaid).
    """
    if command.course is None or command.course not in COURSES:
        raise PrepaymentStopped(
            "自 2025 年 3 月 31 日起已停止收取门诊预交金，请按实际费用逐次结算。", allowed=sorted(COURSES)
        )
    if command.plan is None or command.doctor_id is None or command.planned is None:
        raise TenderIncomplete("疗程预交须填写疗程内容、开单医师和计划金额。")
    _require_cash(command.amount, command.received)
    if command.amount > command.planned:
        raise CourseOverpaid(f"疗程计划 {command.planned} 元，预交不能超过计划金额。")
    patient = patients.access_patient(tx, command.patient_id)
    organisation.staff_member(tx, command.doctor_id)
    shift = cashier.open_till(tx, cash_in=command.amount).shift()
    course = CoursePrepayment(
        course_id=new_id(),
        campus_id=tx.campus,
        course_no=rules.course_number(shift.letter, tx.today, tx.number(COURSE_NUMBERS)),
        patient_id=patient.patient_id,
        purpose=command.course,
        plan=command.plan,
        doctor_id=command.doctor_id,
        planned=command.planned,
        paid_in=command.amount,
        used=ZERO,
        returned=ZERO,
        balance=command.amount,
        state="open",
        opened_at=tx.now,
        opened_by=tx.actor.subject,
    )
    tx.session.add(course)
    _move(tx, course.course_id, "pay_in", command.amount, shift, "cash")
    tx.audit("course.opened", "course", course.course_id, patient_id=course.patient_id, amount=str(command.amount))
    return course


def pay_course(tx: Tx, course_id: UUID, command: PayCourse) -> CoursePrepayment:
    """Pay more into an open course, up to what it costs (续交)."""
    _require_cash(command.amount, command.received)
    shift = cashier.open_till(tx, cash_in=command.amount).shift()
    course = tx.session.first(queries.PAY_IN, id_=course_id, campus=tx.campus, came=command.amount)
    if course is None:
        raise _gone(tx, course_id)
    _move(tx, course_id, "pay_in", command.amount, shift, "cash")
    tx.audit("course.paid_in", "course", course_id, patient_id=course.patient_id, amount=str(command.amount))
    return course


def close_course(tx: Tx, course_id: UUID, command: CloseCourse) -> CoursePrepayment:
    """End a course; what is left goes back to the patient in cash (退余额)."""
    before = _course(tx, course_id)
    tx.check_version(before.version, command.version)
    shift = cashier.open_till(tx, cash_out=before.balance).shift()
    closed = tx.session.first(queries.CLOSE, id_=course_id, campus=tx.campus, seen=command.version, at=tx.now)
    if closed is None:
        raise _gone(tx, course_id)
    if before.balance:
        _move(tx, course_id, "return", before.balance, shift, "cash")
    tx.audit("course.closed", "course", course_id, patient_id=closed.patient_id, returned=str(before.balance))
    return closed


def use_course(tx: Tx, course_id: UUID, patient_id: UUID, amount: Money, settlement_id: UUID, shift: ShiftInfo) -> None:
    """Pay a part of a settlement out of a course of the same person. CourseInsufficient when too little is left."""
    mine = patients.group_ids(tx, patient_id)
    course = tx.session.first(queries.USE, id_=course_id, campus=tx.campus, went=amount, patients=mine)
    if course is None:
        known = _course(tx, course_id)
        raise CourseInsufficient(
            f"疗程预交余额 {known.balance} 元，不够支付 {amount} 元，或该疗程不属于此患者；请改用其他方式。",
            balance=str(known.balance),
        )
    tx.session.add(_movement(tx, course_id, "use", amount, shift, None, settlement_id))


def give_back_to_course(tx: Tx, course_id: UUID, amount: Money, settlement_id: UUID, shift: ShiftInfo) -> None:
    """A refunded bill puts its money back on the course it came from."""
    tx.session.one(queries.GIVE_BACK, id_=course_id, campus=tx.campus, came=amount)
    tx.session.add(_movement(tx, course_id, "give_back", amount, shift, None, settlement_id))


def take_over_balances(tx: Tx, command: TakeOverBalances) -> list[LegacyBalance]:
    """Take the list of old card balances over from the system before (存量预交金). A card stands in it once."""
    cards = [line.card_no for line in command.lines]
    if len(set(cards)) != len(cards):
        raise Invalid("清单中有重复的卡号，请核对后重新提交。")
    rows = [
        LegacyBalance(
            legacy_id=new_id(),
            campus_id=tx.campus,
            card_no=line.card_no,
            holder_name=line.holder_name,
            patient_id=line.patient_id,
            amount=line.amount,
            state="open",
            taken_over_at=tx.now,
            taken_over_by=tx.actor.subject,
        )
        for line in command.lines
    ]
    tx.session.add(*rows)
    total = sum((row.amount for row in rows), ZERO)
    tx.audit("legacy.taken_over", "campus", tx.campus, count=len(rows), amount=str(total))
    return rows


def clear_legacy(tx: Tx, legacy_id: UUID, command: ClearLegacy, *, by_transfer: bool) -> LegacyBalance:
    """Give an old balance back whole (清退): cash at a window, or bank transfer by finance. It is never spent."""
    before = tx.session.first(queries.LEGACY, legacy_id=legacy_id)
    if before is None or before.campus_id != tx.campus:
        raise LegacyUnknown("本院区没有这张卡的存量余额，请核对卡号。")
    if before.state != "open":
        raise LegacyCleared("该卡余额已清退，请核对清退记录。")
    shift = None if by_transfer else cashier.open_till(tx, cash_out=before.amount).shift()
    cleared = tx.session.first(
        queries.CLEAR_LEGACY,
        id_=legacy_id,
        campus=tx.campus,
        seen=command.version,
        at=tx.now,
        who=tx.actor.subject,
        name=tx.actor.name,
        means="bank_transfer" if by_transfer else "cash",
        proof=command.reference,
        shift=shift.shift_id if shift else None,
    )
    if cleared is None:
        raise Stale("该卡余额刚被他人办理，请刷新后核对。", current_version=before.version)
    if shift is not None:
        _exchange(tx, shift, legacy_id, "out", "cash", cleared.amount)
        _exchange(tx, shift, legacy_id, "in", "legacy", cleared.amount)
    tx.audit("legacy.cleared", "legacy", legacy_id, patient_id=cleared.patient_id, amount=str(cleared.amount))
    return cleared


def _require_cash(amount: Money, received: Decimal | None) -> None:
    if received is not None and received < amount:
        raise CashShort(f"实收 {received} 元，少于预交金额 {amount} 元，请补收。")


def _move(tx: Tx, course_id: UUID, kind: str, amount: Money, shift: ShiftInfo, method: str) -> None:
    movement = _movement(tx, course_id, kind, amount, shift, method, None)
    tx.session.add(movement)
    came = kind == "pay_in"
    _exchange(tx, shift, movement.movement_id, "in" if came else "out", method, amount, course_id)
    _exchange(tx, shift, movement.movement_id, "out" if came else "in", "course", amount, course_id)


def _movement(
    tx: Tx, course_id: UUID, kind: str, amount: Money, shift: ShiftInfo, method: str | None, ref_id: UUID | None
) -> CourseMovement:
    return CourseMovement(
        movement_id=new_id(),
        campus_id=tx.campus,
        course_id=course_id,
        kind=kind,
        amount=amount,
        method=method,
        ref_id=ref_id,
        shift_id=shift.shift_id,
        at=tx.now,
        moved_by=tx.actor.subject,
    )


def _exchange(
    tx: Tx,
    shift: ShiftInfo,
    ref_id: UUID,
    direction: Direction,
    method: str,
    amount: Money,
    subject_id: UUID | None = None,
) -> None:
    cashier.book(
        tx, shift, direction, method, amount, kind="prepayment", subject_id=subject_id or ref_id, ref_id=ref_id
    )


def _course(tx: Tx, course_id: UUID) -> CoursePrepayment:
    course = tx.session.first(queries.COURSE, course_id=course_id)
    if course is None or course.campus_id != tx.campus:
        raise CourseUnknown("本院区没有这个疗程预交，请核对。")
    return course


def _gone(tx: Tx, course_id: UUID) -> CourseClosed | Stale:
    course = _course(tx, course_id)
    if course.state != "open":
        return CourseClosed("该疗程预交已结束，请刷新后核对。")
    return Stale("该疗程预交刚被他人办理，请刷新后核对。", current_version=course.version)
