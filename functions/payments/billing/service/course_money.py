"""The money of a course of treatment as it is booked: one movement of the balance, and what it exchanges in a shift.

A prepayment is no revenue: what comes in by cash or a channel goes out as `course` in the same entry, and comes in as
`course` when a bill is paid with it. So the journal of a day always nets to what was sold.
"""

from uuid import UUID

from functions.payments.billing.models import CourseMovement, CoursePrepayment
from functions.payments.billing.problems import CourseUnknown
from functions.payments.billing.queries import prepayments as queries
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import Direction, ShiftInfo
from shared.ids import new_id
from shared.money import Money
from shared.tx import Tx


def move(
    tx: Tx, course_id: UUID, kind: str, amount: Money, shift: ShiftInfo, method: str, ref_id: UUID | None = None
) -> None:
    """Book money that came for a course (pay_in) or went back to the patient (return), by cash or a channel."""
    movement = movement_row(tx, course_id, kind, amount, shift, method, ref_id)
    tx.session.add(movement)
    came = kind == "pay_in"
    exchange(tx, shift, movement.movement_id, "in" if came else "out", method, amount, course_id)
    exchange(tx, shift, movement.movement_id, "out" if came else "in", "course", amount, course_id)


def movement_row(
    tx: Tx, course_id: UUID, kind: str, amount: Money, shift: ShiftInfo, method: str | None, ref_id: UUID | None
) -> CourseMovement:
    """One change of a course's balance."""
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


def exchange(
    tx: Tx,
    shift: ShiftInfo,
    ref_id: UUID,
    direction: Direction,
    method: str,
    amount: Money,
    subject_id: UUID | None = None,
) -> None:
    """Book one side of an exchange of money the patient keeps with the hospital."""
    cashier.book(
        tx, shift, direction, method, amount, kind="prepayment", subject_id=subject_id or ref_id, ref_id=ref_id
    )


def find_course(tx: Tx, course_id: UUID) -> CoursePrepayment:
    """A course of this campus. Raises CourseUnknown."""
    course = tx.session.first(queries.COURSE, course_id=course_id)
    if course is None or course.campus_id != tx.campus:
        raise CourseUnknown("本院区没有这个疗程预交，请核对。")
    return course
