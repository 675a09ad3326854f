"""Electronic money of a course (疗程预交): asked for at the gateway, in the balance once, given back the way it came.

Like a tender it is written `pending` with its payment in one transaction, and booked by whatever brings the answer
first: the synchronous answer, the event, or the gateway's sweep.
"""

from collections.abc import Sequence
from uuid import UUID

from functions.payments.billing.models import ChannelRefund, CoursePayment, CoursePrepayment
from functions.payments.billing.problems import CourseClosed, CourseOverpaid, TenderNotPending
from functions.payments.billing.queries import prepayments as queries
from functions.payments.billing.schemas import PayCourse, TakePrepayment
from functions.payments.billing.service.channel_refunds import give_back_of_course
from functions.payments.billing.service.course_money import find_course, move
from functions.payments.billing.service.paying import order_payment, underway
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import ShiftInfo
from functions.payments.gateway import service as gateway
from functions.payments.gateway.service import PaymentInfo
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx

COURSES = "payments/billing/courses"
"""Reference by which the gateway knows payments of courses; `ref_id` is the course payment."""


def ask_course_payment(
    tx: Tx, course: CoursePrepayment, command: TakePrepayment | PayCourse, shift: ShiftInfo
) -> CoursePayment:
    """Write the intent: a pending payment of a course. The caller holds the course's row or has just written it."""
    if course.state != "open":
        raise CourseClosed("该疗程预交已结束，请刷新后核对。")
    if course.paid_in - course.returned + command.amount > course.planned:
        raise CourseOverpaid("预交合计不能超过疗程计划金额，请核对金额。", planned=str(course.planned))
    course_payment_id = new_id()
    payment = order_payment(tx, COURSES, course_payment_id, command, shift.counter_name, patient_id=course.patient_id)
    row = CoursePayment(
        course_payment_id=course_payment_id,
        campus_id=tx.campus,
        course_id=course.course_id,
        method=payment.channel,
        amount=command.amount,
        returned=ZERO,
        state="pending",
        payment_id=payment.payment_id,
        order_no=payment.order_no,
        channel=shift.channel,
        asked_at=tx.now,
        asked_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit(
        "course.payment_asked", "course", course.course_id, patient_id=course.patient_id, amount=str(command.amount)
    )
    return row


def require_no_payment(payments: Sequence[CoursePayment]) -> None:
    """One electronic payment of a course is awaited at a time, and nothing else is done with it meanwhile."""
    for row in payments:
        if row.state == "pending":
            raise underway(row.method, row.amount, row.order_no, course_payment_id=str(row.course_payment_id))


def book_course_payment(tx: Tx, payment: PaymentInfo) -> None:
    """Book what the channel said of a course's payment, once. Money that came too late goes back."""
    seen = tx.session.first(queries.PAYMENT, payment_id=payment.payment_id)
    if seen is None or payment.is_open:
        return
    shift = cashier.shift_for(tx, seen.asked_by, seen.channel)
    course = tx.session.one(queries.LOCK_COURSE, course_id=seen.course_id, campus=tx.campus)
    row = tx.session.one(queries.LOCK_PAYMENT, payment_id=payment.payment_id)
    if not payment.is_paid:
        if row.state == "pending":
            tx.session.one(queries.END_PAYMENT, id_=row.course_payment_id, to="cancelled")
            tx.audit("course.payment_closed", "course", course.course_id, patient_id=course.patient_id)
        return
    if row.state == "received":
        return
    came = (
        tx.session.first(queries.PAY_IN, id_=course.course_id, campus=tx.campus, came=row.amount)
        if row.state == "pending"
        else None
    )
    if came is None:
        _send_back(tx, payment, row)
        return
    if payment.late:
        gateway.accept_late_payment(tx, payment.payment_id)
    tx.session.one(queries.END_PAYMENT, id_=row.course_payment_id, to="received")
    move(tx, course.course_id, "pay_in", row.amount, shift, row.method, row.course_payment_id)
    tx.audit("course.paid_in", "course", course.course_id, patient_id=course.patient_id, amount=str(row.amount))


def _send_back(tx: Tx, payment: PaymentInfo, row: CoursePayment) -> None:
    """The course is over or full: what was not awaited any more goes back. The gateway itself sends back late money."""
    if row.state == "pending":
        tx.session.one(queries.END_PAYMENT, id_=row.course_payment_id, to="cancelled")
    if not (payment.late or payment.refunded or payment.refunding):
        give_back_of_course(tx, row, row.amount, "late", "疗程预交已满额或已结束，自动退回")


def give_back_balance(payments: Sequence[CoursePayment], balance: Money) -> tuple[dict[UUID, Money], Money]:
    """How a balance goes back: electronic money the way it came, the newest first, and the rest in cash."""
    routes: dict[UUID, Money] = {}
    left = balance
    for row in payments:
        part = min(left, row.amount - row.returned) if row.state == "received" else ZERO
        if part:
            routes[row.course_payment_id] = part
            left -= part
    return routes, left


def send_balance(
    tx: Tx, course: CoursePrepayment, payments: Sequence[CoursePayment], routes: dict[UUID, Money], shift: ShiftInfo
) -> list[ChannelRefund]:
    """Write the intent to give the electronic part of a balance back, and book it."""
    sent = []
    for row in payments:
        if (part := routes.get(row.course_payment_id)) is None:
            continue
        tx.session.execute(queries.RETURN_ON_PAYMENT, id_=row.course_payment_id, went=part)
        move(tx, course.course_id, "return", part, shift, row.method, row.course_payment_id)
        sent.append(give_back_of_course(tx, row, part, "course", f"疗程预交 {course.course_no} 退余额"))
    return sent


def drop_course_payment(tx: Tx, course_id: UUID) -> UUID:
    """Stop waiting for a course's electronic payment: gives the payment whose channel must be asked first."""
    course = find_course(tx, course_id)
    for row in tx.session.all(queries.PAYMENTS, course_id=course_id):
        if row.state == "pending":
            tx.audit("course.payment_dropped", "course", course_id, patient_id=course.patient_id)
            return row.payment_id
    raise TenderNotPending("该疗程没有待支付的款项，请刷新后核对。")
