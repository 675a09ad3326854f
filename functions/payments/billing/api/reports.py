"""Routes of reports."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.payments.billing import prints
from functions.payments.billing.api.routing import FIRST, LAST, Limit, router
from functions.payments.billing.models import Charge, PriceCorrection
from functions.payments.billing.queries import prepayments as queries
from functions.payments.billing.schemas import (
    AffectedView,
    CopyView,
    CorrectionView,
    DayDepartments,
    DayReport,
    ShiftReport,
    YearCosts,
)
from functions.payments.billing.service import affected_lines
from functions.payments.billing.service.reports import day_departments, day_report, shift_report, year_costs
from functions.payments.billing.views import fields
from functions.payments.cashier import service as cashier
from shared.command import Document, command, query
from shared.database.engine import REPORT
from shared.money import line_amount, round_money
from shared.schemas import Page
from shared.tx import Tx


@router.get("/reports/shifts/{shift_id}")
@query("payments.cashier.read")
def read_shift_report(tx: Tx, shift_id: UUID) -> ShiftReport:
    """A cashier's report of a shift (收费员日报)."""
    return shift_report(tx, shift_id)


@router.post("/reports/shifts/{shift_id}/copies", status_code=201)
@command("payments.cashier.write")
def print_shift_report(tx: Tx, shift_id: UUID) -> CopyView:
    """Record a print of the cashier's report (打印交款日报表); the PDF is fetched next."""
    cashier.find_shift(tx, shift_id)
    copy_number = cashier.count_copy(tx, prints.SHIFT_REPORT, shift_id)
    return CopyView(form=prints.SHIFT_REPORT, subject_id=shift_id, copy_number=copy_number)


@router.get("/reports/shifts/{shift_id}/report.pdf")
@query("payments.cashier.read")
def shift_report_pdf(tx: Tx, shift_id: UUID) -> Document:
    """The cashier's report as PDF, A4 (交款日报表)."""
    return prints.shift_form(tx, shift_id)


@router.get("/reports/days/{day}")
@query("payments.cashier.read", REPORT)
def read_day_report(tx: Tx, day: date) -> DayReport:
    """The campus's takings of a day (门诊收费日报)."""
    return day_report(tx, day)


@router.get("/reports/days/{day}/departments")
@query("payments.cashier.read", REPORT)
def read_day_departments(tx: Tx, day: date) -> DayDepartments:
    """The campus's takings of a day by department and payer (科室收入日报)."""
    return day_departments(tx, day)


@router.get("/costs")
@query("payments.billing.read")
def read_year_costs(tx: Tx, patient_id: UUID, year: Annotated[int, Parameter(ge=2000, le=2100)]) -> YearCosts:
    """What a patient paid for here in a year (年度费用)."""
    return year_costs(tx, patient_id, year)


@router.get("/price-corrections")
@query("payments.billing.read")
def list_corrections(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[CorrectionView]:
    """Prices that were wrong and corrected, newest first (价格更正)."""
    rows = tx.session.all(queries.CORRECTIONS, before=cursor or LAST, limit=limit)
    tx.audit("price_corrections.listed", "campus", tx.campus, count=len(rows))
    return Page[CorrectionView](
        items=[CorrectionView.model_validate(row) for row in rows],
        next=str(rows[-1].correction_id) if len(rows) == limit else None,
    )


@router.get("/price-corrections/{correction_id}/charges")
@query("payments.billing.read")
def list_affected(tx: Tx, correction_id: UUID, limit: Limit = 50, cursor: UUID | None = None) -> Page[AffectedView]:
    """Settled lines of this campus at the wrong price: whom to refund (更正退费清单)."""
    corrected, rows = affected_lines(tx, correction_id, cursor or FIRST, limit)
    tx.audit("price_correction.read", "price_correction", correction_id, count=len(rows))
    return Page[AffectedView](
        items=[_affected(row, corrected) for row in rows],
        next=str(rows[-1].charge_id) if len(rows) == limit else None,
    )


def _affected(charge: Charge, corrected: PriceCorrection) -> AffectedView:
    if charge.by_rule and corrected.wrong_price:
        right = round_money(charge.worth * corrected.right_price / corrected.wrong_price)
    else:
        right = line_amount(corrected.right_price, charge.remaining_quantity)
    return AffectedView(**fields(AffectedView, charge), right_amount=right, difference=charge.worth - right)
