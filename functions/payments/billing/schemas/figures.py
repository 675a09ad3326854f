"""Answers of reports."""

from datetime import date
from uuid import UUID

from shared.money import Money
from shared.schemas import Moment, View


class MethodFigures(View):
    """What one means of payment brought and took."""

    method: str
    name: str
    in_count: int
    in_amount: Money
    out_count: int
    out_amount: Money
    net: Money


class ClassFigures(View):
    """What was charged and refunded of one fee class."""

    code: str
    name: str
    charged: Money
    refunded: Money
    net: Money


class DayReport(View):
    """The campus's takings of a day (门诊收费日报): by means of payment and by fee class; both nets are equal."""

    campus_id: str
    day: date
    settlements: int
    refunds: int
    visits: int
    visits_cancelled: int
    methods: list[MethodFigures]
    fee_classes: list[ClassFigures]
    net_by_method: Money
    net_by_class: Money
    debts_open: Money


class UnitFigures(View):
    """What one department ordered, or did, on a day; `unit_id` is null for what no department is named for."""

    unit_id: UUID | None
    unit_name: str
    charged: Money
    refunded: Money
    net: Money


class PayerFigures(View):
    """Settlements of one kind of payer (费别) on a day."""

    payer_kind: str
    settlements: int
    total: Money


class DayDepartments(View):
    """The campus's takings of a day by department and by payer; the nets of both departments' lists are equal."""

    campus_id: str
    day: date
    ordering: list[UnitFigures]
    executing: list[UnitFigures]
    payers: list[PayerFigures]
    net: Money


class YearCost(View):
    """One fee class of a patient's year."""

    code: str
    name: str
    amount: Money


class YearCosts(View):
    """What a patient paid for at this campus in a year (年度费用): net of refunds, by fee class and month."""

    patient_id: UUID
    year: int
    total: Money
    fee_classes: list[YearCost]
    months: list[Money]


class CashFigures(View):
    """The drawer at the end of a shift."""

    opening_float: Money
    float_added: Money
    float_returned: Money
    received: Money
    paid_out: Money
    handed_in: Money
    due: Money
    counted: Money | None
    difference: Money | None
    reason: str | None


class NumberRange(View):
    """First and last number given in a shift."""

    kind: str
    first: str
    last: str
    count: int


class VoidedNumber(View):
    """A number that no longer counts, and why."""

    number: str
    reason: str


class ShiftReport(View):
    """A cashier's report (交款日报表). `cash` is null until the drawer is counted."""

    shift_id: UUID
    shift_no: str
    state: str
    counter_name: str
    cashier_no: str
    cashier_name: str
    opened_at: Moment
    closed_at: Moment | None
    settlements: int
    refunds: int
    visits: int
    visits_cancelled: int
    methods: list[MethodFigures]
    fee_classes: list[ClassFigures]
    net_by_method: Money | None
    net_by_class: Money | None
    cash: CashFigures | None
    number_ranges: list[NumberRange]
    voided_numbers: list[VoidedNumber]
