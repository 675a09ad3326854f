"""Routes of course prepayments, old card balances and settings."""

from collections.abc import Sequence
from uuid import UUID

from functions.patients.index import service as patients
from functions.payments.billing import service
from functions.payments.billing.api.routing import FIRST, LAST, Limit, router
from functions.payments.billing.models import BillingSetting, ChannelRefund
from functions.payments.billing.problems import CourseUnknown
from functions.payments.billing.queries import prepayments as queries
from functions.payments.billing.rules import METHOD_NAMES
from functions.payments.billing.schemas import (
    ChooseCashStep,
    ClearLegacy,
    CloseCourse,
    CourseDetail,
    CourseMovementView,
    CoursePaidView,
    CoursePaymentView,
    CourseView,
    LegacyView,
    PayCourse,
    SettingsView,
    TakeOverBalances,
    TakePrepayment,
)
from functions.payments.billing.views import channel_refund_view, course_view, fields, payment_view
from shared.command import Onward, command, query
from shared.money import CENT
from shared.schemas import Code, Page
from shared.steps import Steps
from shared.tx import Tx


@router.post("/course-prepayments", status_code=201)
@command("payments.billing.write")
def take_prepayment(tx: Tx, body: TakePrepayment) -> CoursePaidView:
    """Take a course prepayment (疗程预交); any other outpatient prepayment has stopped."""
    return _moved(tx, service.take_prepayment(tx, body))


@router.get("/course-prepayments")
@query("payments.billing.read")
def list_courses(
    tx: Tx, patient_id: UUID | None = None, limit: Limit = 50, cursor: UUID | None = None
) -> Page[CourseView]:
    """Open courses of the campus, or all of a patient; newest first."""
    if patient_id is not None:
        rows = tx.session.all(queries.COURSES_OF_PATIENT, patients=patients.group_ids(tx, patient_id))
    else:
        rows = tx.session.all(queries.COURSES_OPEN, campus=tx.campus, before=cursor or LAST, limit=limit)
    tx.audit("courses.listed", "campus", tx.campus, patient_id=patient_id, count=len(rows))
    return Page[CourseView](
        items=[course_view(row) for row in rows],
        next=str(rows[-1].course_id) if patient_id is None and len(rows) == limit else None,
    )


@router.get("/course-prepayments/{course_id}")
@query("payments.billing.read")
def read_course(tx: Tx, course_id: UUID) -> CourseDetail:
    """One course with every change of its balance."""
    course = tx.session.first(queries.COURSE, course_id=course_id)
    if course is None:
        raise CourseUnknown("没有这个疗程预交，请核对。")
    sent = tx.session.send(queries.PAYMENTS, course_id=course_id)
    movements = tx.session.all(queries.MOVEMENTS, course_id=course_id)
    tx.audit("course.read", "course", course_id, patient_id=course.patient_id)
    return CourseDetail(
        **course_view(course).model_dump(),
        movements=[CourseMovementView.model_validate(one) for one in movements],
        payments=[
            CoursePaymentView(**fields(CoursePaymentView, row), method_name=METHOD_NAMES[row.method])
            for row in sent.all()
        ],
    )


@router.post("/course-prepayments/{course_id}/payments", status_code=201)
@command("payments.billing.write")
def pay_course(tx: Tx, course_id: UUID, body: PayCourse) -> CoursePaidView:
    """Pay more into a course (续交)."""
    return _moved(tx, service.pay_course(tx, course_id, body))


@router.post("/course-prepayments/{course_id}/drop-payment")
@command("payments.billing.write")
def drop_payment(tx: Tx, course_id: UUID) -> CoursePaidView:
    """Stop waiting for an electronic payment (取消该笔支付): the channel is asked first, and what came is booked."""
    payment_id = service.drop_course_payment(tx, course_id)

    def go_on(steps: Steps) -> CoursePaidView:
        service.finish_dropping(steps, payment_id)
        return steps.step(lambda tx: _as_it_stands(tx, course_id))

    return Onward(_as_it_stands(tx, course_id), go_on)  # type: ignore[return-value]  # the edge unwraps it


@router.post("/course-prepayments/{course_id}/close")
@command("payments.billing.write")
def close_course(tx: Tx, course_id: UUID, body: CloseCourse) -> CoursePaidView:
    """End a course and give back what is left (退余额): electronic money the way it came, the rest in cash."""
    return _moved(tx, service.close_course(tx, course_id, body))


@router.post("/legacy-balances", status_code=201)
@command("payments.billing.manage")
def take_over_balances(tx: Tx, body: TakeOverBalances) -> list[LegacyView]:
    """Take the list of old card balances over (登记存量预交金)."""
    return [LegacyView.model_validate(row) for row in service.take_over_balances(tx, body)]


@router.get("/legacy-balances")
@query("payments.billing.read")
def list_balances(
    tx: Tx, card_no: Code | None = None, limit: Limit = 50, cursor: UUID | None = None
) -> Page[LegacyView]:
    """Old card balances not yet given back, or the one of a card (存量预交金)."""
    if card_no is not None:
        rows = tx.session.all(queries.LEGACY_BY_CARD, campus=tx.campus, card_no=card_no)
    else:
        rows = tx.session.all(queries.LEGACY_OPEN, campus=tx.campus, after=cursor or FIRST, limit=limit)
    tx.audit("legacy.listed", "campus", tx.campus, count=len(rows))
    return Page[LegacyView](
        items=[LegacyView.model_validate(row) for row in rows],
        next=str(rows[-1].legacy_id) if card_no is None and len(rows) == limit else None,
    )


@router.post("/legacy-balances/{legacy_id}/pay-out")
@command("payments.billing.write")
def pay_out_balance(tx: Tx, legacy_id: UUID, body: ClearLegacy) -> LegacyView:
    """Give an old balance back in cash at the window (窗口清退)."""
    return LegacyView.model_validate(service.clear_legacy(tx, legacy_id, body, by_transfer=False))


@router.post("/legacy-balances/{legacy_id}/transfer")
@command("payments.billing.manage")
def transfer_balance(tx: Tx, legacy_id: UUID, body: ClearLegacy) -> LegacyView:
    """Record that finance gave an old balance back by bank transfer (转账清退)."""
    return LegacyView.model_validate(service.clear_legacy(tx, legacy_id, body, by_transfer=True))


@router.get("/settings")
@query("payments.billing.read")
def read_settings(tx: Tx) -> SettingsView:
    """What the campus decided about billing."""
    return _settings(tx, service.cash_step(tx))


@router.put("/settings/cash-step")
@command("payments.billing.manage")
def choose_cash_step(tx: Tx, body: ChooseCashStep) -> SettingsView:
    """Choose the smallest step of cash (现金凑整)."""
    return _settings(tx, service.choose_cash_step(tx, body))


def _moved(tx: Tx, money: service.CourseMoney) -> CoursePaidView:
    """What was done; where a channel has to be asked, that follows the commit, and the course is shown as it stands."""
    course_id, pending, sent = money.course.course_id, money.pending, money.sent
    view = _paid_view(tx, money)
    if pending is None and not sent:
        return view

    def go_on(steps: Steps) -> CoursePaidView:
        if pending is not None:
            service.carry_out_payment(steps, pending.payment_id)
        service.carry_out_refunds(steps, sent)
        return steps.step(lambda tx: _as_it_stands(tx, course_id, sent))

    return Onward(view, go_on)  # type: ignore[return-value]  # the edge unwraps it


def _as_it_stands(tx: Tx, course_id: UUID, sent: Sequence[ChannelRefund] = ()) -> CoursePaidView:
    course = tx.session.one(queries.COURSE, course_id=course_id)
    payments = tx.session.all(queries.PAYMENTS, course_id=course_id)
    waiting = next((row for row in payments if row.state == "pending"), None)
    return _paid_view(tx, service.CourseMoney(course, pending=waiting, sent=sent))


def _paid_view(tx: Tx, money: service.CourseMoney) -> CoursePaidView:
    return CoursePaidView(
        **course_view(money.course).model_dump(),
        change=money.change,
        payment=payment_view(tx, money.pending),
        sent_back=[channel_refund_view(row) for row in money.sent],
    )


def _settings(tx: Tx, row: BillingSetting | None) -> SettingsView:
    if row is None:
        return SettingsView(campus_id=tx.campus, cash_step=CENT, set_at=None, set_by_name=None)
    return SettingsView(**fields(SettingsView, row))
