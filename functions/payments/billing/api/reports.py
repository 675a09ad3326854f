"""Routes of reports."""

from datetime import date
from uuid import UUID

from functions.payments.billing import prints
from functions.payments.billing.api.routing import router
from functions.payments.billing.schemas import CopyView, DayReport, ShiftReport
from functions.payments.billing.service.reports import day_report, shift_report
from functions.payments.cashier import service as cashier
from shared.command import Document, command, query
from shared.database.engine import REPORT
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
