"""Routes of course prepayments, old card balances and settings."""

from uuid import UUID

from functions.patients.index import service as patients
from functions.payments.billing import service
from functions.payments.billing.api.routing import FIRST, LAST, Limit, router
from functions.payments.billing.models import BillingSetting
from functions.payments.billing.problems import CourseUnknown
from functions.payments.billing.queries import prepayments as queries
from functions.payments.billing.schemas import (
    ChooseCashStep,
    ClearLegacy,
    CloseCourse,
    CourseDetail,
    CourseMovementView,
    CourseView,
    LegacyView,
    PayCourse,
    SettingsView,
    TakeOverBalances,
    TakePrepayment,
)
from functions.payments.billing.views import course_view, fields
from shared.command import command, query
from shared.money import CENT
from shared.schemas import Code, Page
from shared.tx import Tx


@router.post("/course-prepayments", status_code=201)
@command("payments.billing.write")
def take_prepayment(tx: Tx, body: TakePrepayment) -> CourseView:
    """Take a course prepayment (疗程预交); any other outpatient prepayment has stopped."""
    return course_view(service.take_prepayment(tx, body))


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
    movements = tx.session.all(queries.MOVEMENTS, course_id=course_id)
    tx.audit("course.read", "course", course_id, patient_id=course.patient_id)
    return CourseDetail(
        **course_view(course).model_dump(), movements=[CourseMovementView.model_validate(one) for one in movements]
    )


@router.post("/course-prepayments/{course_id}/payments", status_code=201)
@command("payments.billing.write")
def pay_course(tx: Tx, course_id: UUID, body: PayCourse) -> CourseView:
    """Pay more into a course (续交)."""
    return course_view(service.pay_course(tx, course_id, body))


@router.post("/course-prepayments/{course_id}/close")
@command("payments.billing.write")
def close_course(tx: Tx, course_id: UUID, body: CloseCourse) -> CourseView:
    """End a course and give back what is left, in cash (退余额)."""
    return course_view(service.close_course(tx, course_id, body))


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


def _settings(tx: Tx, row: BillingSetting | None) -> SettingsView:
    if row is None:
        return SettingsView(campus_id=tx.campus, cash_step=CENT, set_at=None, set_by_name=None)
    return SettingsView(**fields(SettingsView, row))
