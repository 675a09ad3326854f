"""Money patients keep with the hospital: course prepayments the notice of 2025 still allows, and old card balances."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.patients.index import service as patients
from functions.payments.billing.models import ChannelRefund, CoursePayment, CoursePrepayment, LegacyBalance
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
from functions.payments.billing.service.course_money import exchange, find_course, move, movement_row
from functions.payments.billing.service.course_payments import (
    ask_course_payment,
    give_back_balance,
    require_no_payment,
    send_balance,
)
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import ShiftInfo
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.numbers import NUMBERINGS
from shared.problems import Invalid, Stale
from shared.tx import Tx

COURSE_NUMBERS = NUMBERINGS["payments.course"]


@dataclass(frozen=True, slots=True)
class CourseMoney:
    """A course after money moved: the change over the counter, the electronic payment that is awaited, or what is on
    its way back through channels."""

    course: CoursePrepayment
    change: Money = ZERO
    pending: CoursePayment | None = None
    sent: Sequence[ChannelRefund] = ()


def take_prepayment(tx: Tx, command: TakePrepayment) -> CourseMoney:
    """Open a course with its first payment (疗程预交); of an electronic one the balance waits for the channel.

    PrepaymentStopped for any purpose but those 国卫办财务发〔2025〕5号 leaves open; never more than the course costs
    (CourseOverpaid).
    """
    if command.course is None or command.course not in COURSES:
        raise PrepaymentStopped(
            "自 2025 年 3 月 31 日起已停止收取门诊预交金，请按实际费用逐次结算。", allowed=sorted(COURSES)
        )
    if command.plan is None or command.doctor_id is None or command.planned is None:
        raise TenderIncomplete("疗程预交须填写疗程内容、开单医师和计划金额。")
    cash, change = _cash_and_change(command)
    if command.amount > command.planned:
        raise CourseOverpaid(f"疗程计划 {command.planned} 元，预交不能超过计划金额。")
    patient = patients.access_patient(tx, command.patient_id)
    organisation.staff_member(tx, command.doctor_id)
    shift = cashier.open_till(tx, cash_in=cash).shift()
    course = CoursePrepayment(
        course_id=new_id(),
        campus_id=tx.campus,
        course_no=tx.document_number(COURSE_NUMBERS, shift.letter),
        patient_id=patient.patient_id,
        purpose=command.course,
        plan=command.plan,
        doctor_id=command.doctor_id,
        planned=command.planned,
        paid_in=cash,
        used=ZERO,
        returned=ZERO,
        balance=cash,
        state="open",
        opened_at=tx.now,
        opened_by=tx.actor.subject,
    )
    tx.session.add(course)
    tx.audit("course.opened", "course", course.course_id, patient_id=course.patient_id, amount=str(cash))
    if not cash:
        return CourseMoney(course, pending=ask_course_payment(tx, course, command, shift))
    move(tx, course.course_id, "pay_in", cash, shift, "cash")
    return CourseMoney(course, change)


def pay_course(tx: Tx, course_id: UUID, command: PayCourse) -> CourseMoney:
    """Pay more into an open course, up to what it costs (续交). PaymentUnderway while a channel is awaited."""
    cash, change = _cash_and_change(command)
    shift = cashier.open_till(tx, cash_in=cash).shift()
    course = tx.session.first(queries.LOCK_COURSE, course_id=course_id, campus=tx.campus)
    if course is None:
        raise CourseUnknown("本院区没有这个疗程预交，请核对。")
    require_no_payment(tx.session.all(queries.PAYMENTS, course_id=course_id))
    if not cash:
        return CourseMoney(course, pending=ask_course_payment(tx, course, command, shift))
    paid = tx.session.first(queries.PAY_IN, id_=course_id, campus=tx.campus, came=cash)
    if paid is None:
        raise _not_paid(course)
    move(tx, course_id, "pay_in", cash, shift, "cash")
    tx.audit("course.paid_in", "course", course_id, patient_id=course.patient_id, amount=str(cash))
    return CourseMoney(paid, change)


def close_course(tx: Tx, course_id: UUID, command: CloseCourse) -> CourseMoney:
    """End a course; what is left goes back: electronic money by the original route, the rest in cash (退余额)."""
    before = find_course(tx, course_id)
    tx.check_version(before.version, command.version)
    payments = tx.session.all(queries.PAYMENTS, course_id=course_id)
    require_no_payment(payments)
    routes, cash = give_back_balance(payments, before.balance)
    shift = cashier.open_till(tx, cash_out=cash).shift()
    closed = tx.session.first(queries.CLOSE, id_=course_id, campus=tx.campus, seen=command.version, at=tx.now)
    if closed is None:
        raise _gone(tx, course_id)
    if cash:
        move(tx, course_id, "return", cash, shift, "cash")
    sent = send_balance(tx, closed, payments, routes, shift)
    tx.audit("course.closed", "course", course_id, patient_id=closed.patient_id, returned=str(before.balance))
    return CourseMoney(closed, sent=sent)


def use_course(tx: Tx, course_id: UUID, patient_id: UUID, amount: Money, settlement_id: UUID, shift: ShiftInfo) -> None:
    """Pay a part of a settlement out of a course of the same person. CourseInsufficient when too little is left."""
    mine = patients.group_ids(tx, patient_id)
    course = tx.session.first(queries.USE, id_=course_id, campus=tx.campus, went=amount, patients=mine)
    if course is None:
        known = find_course(tx, course_id)
        raise CourseInsufficient(
            f"疗程预交余额 {known.balance} 元，不够支付 {amount} 元，或该疗程不属于此患者；请改用其他方式。",
            balance=str(known.balance),
        )
    tx.session.add(movement_row(tx, course_id, "use", amount, shift, None, settlement_id))


def give_back_to_course(tx: Tx, course_id: UUID, amount: Money, settlement_id: UUID, shift: ShiftInfo) -> None:
    """A refunded bill puts its money back on the course it came from."""
    tx.session.one(queries.GIVE_BACK, id_=course_id, campus=tx.campus, came=amount)
    tx.session.add(movement_row(tx, course_id, "give_back", amount, shift, None, settlement_id))


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
        exchange(tx, shift, legacy_id, "out", "cash", cleared.amount)
        exchange(tx, shift, legacy_id, "in", "legacy", cleared.amount)
    tx.audit("legacy.cleared", "legacy", legacy_id, patient_id=cleared.patient_id, amount=str(cleared.amount))
    return cleared


def _cash_and_change(command: TakePrepayment | PayCourse) -> tuple[Money, Money]:
    """What stays in the drawer and what goes back over the counter; nothing of electronic money."""
    if command.method != "cash":
        if command.received is not None:
            raise TenderIncomplete("只有现金需要填写实收金额。")
        return ZERO, ZERO
    if command.auth_code is not None or command.product is not None:
        raise TenderIncomplete("只有电子支付需要付款码，请核对支付方式。")
    received = command.received if command.received is not None else command.amount
    if received < command.amount:
        raise CashShort(f"实收 {received} 元，少于预交金额 {command.amount} 元，请补收。")
    return command.amount, received - command.amount


def _not_paid(course: CoursePrepayment) -> CourseClosed | CourseOverpaid:
    if course.state != "open":
        return CourseClosed("该疗程预交已结束，请刷新后核对。")
    return CourseOverpaid("预交合计不能超过疗程计划金额，请核对金额。", planned=str(course.planned))


def _gone(tx: Tx, course_id: UUID) -> CourseClosed | Stale:
    course = find_course(tx, course_id)
    if course.state != "open":
        return CourseClosed("该疗程预交已结束，请刷新后核对。")
    return Stale("该疗程预交刚被他人办理，请刷新后核对。", current_version=course.version)
