"""Reports: a cashier's shift and a campus's day, by means of payment and by fee class.

The two come from different rows (the journal of money; the lines of settlements and refunds) and must show one net.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.patients.index import service as patients
from functions.payments.billing.queries import reports as queries
from functions.payments.billing.queries.reports import ClassSum, Counted, UnitSum
from functions.payments.billing.rules import FEE_CLASSES, METHOD_NAMES
from functions.payments.billing.schemas import (
    CashFigures,
    ClassFigures,
    DayDepartments,
    DayReport,
    MethodFigures,
    NumberRange,
    PayerFigures,
    ShiftReport,
    UnitFigures,
    VoidedNumber,
    YearCost,
    YearCosts,
)
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import MethodTotal, Shift
from shared.money import ZERO
from shared.schemas import SHANGHAI
from shared.tx import Tx


def shift_report(tx: Tx, shift_id: UUID) -> ShiftReport:
    """A cashier's report (交款日报表), without what tells the drawer's content for who has still to count it."""
    shift = cashier.find_shift(tx, shift_id)
    blind = cashier.is_blind(tx, shift)
    sent_classes = tx.session.send(queries.SHIFT_CLASSES, shift_id=shift_id)
    sent_voided = tx.session.send(queries.SHIFT_VOIDED, shift_id=shift_id)
    settlements = tx.session.send(queries.SHIFT_SETTLEMENTS, shift_id=shift_id)
    refunds = tx.session.send(queries.SHIFT_REFUNDS, shift_id=shift_id)
    receipts = tx.session.send(queries.SHIFT_RECEIPTS, shift_id=shift_id)
    methods = method_figures(cashier.shift_totals(tx, shift_id))
    sums = sent_classes.all()
    classes = class_figures(sums)
    numbers = {"结算单": settlements.one(), "退费单": refunds.one(), "票据": receipts.one()}
    tx.audit("shift.reported", "shift", shift_id)
    return ShiftReport(
        shift_id=shift.shift_id,
        shift_no=shift.shift_no,
        state=shift.state,
        counter_name=shift.counter_name,
        cashier_no=shift.cashier_no,
        cashier_name=shift.cashier_name,
        opened_at=shift.opened_at,
        closed_at=shift.closed_at,
        settlements=numbers["结算单"].given,
        refunds=numbers["退费单"].given,
        visits=sum(one.visits for one in sums),
        visits_cancelled=sum(one.visits_cancelled for one in sums),
        methods=[one for one in methods if not (blind and one.method == "cash")],
        fee_classes=[] if blind else classes,
        net_by_method=None if blind else sum((one.net for one in methods), ZERO),
        net_by_class=None if blind else sum((one.net for one in classes), ZERO),
        cash=None if blind or shift.kind == "virtual" else _cash(shift),
        number_ranges=list(_ranges(numbers)),
        voided_numbers=[VoidedNumber(number=one.receipt_no, reason=one.reason) for one in sent_voided.all()],
    )


def day_report(tx: Tx, day: date) -> DayReport:
    """The campus's takings of a day (门诊收费日报). Not for a cashier who has still to count (CountFirst)."""
    cashier.refuse_before_count(tx)
    sent_classes = tx.session.send(queries.DAY_CLASSES, campus=tx.campus, day=day)
    settlements = tx.session.send(queries.DAY_SETTLEMENTS, campus=tx.campus, day=day)
    refunds = tx.session.send(queries.DAY_REFUNDS, campus=tx.campus, day=day)
    debts = tx.session.send(queries.OPEN_DEBT_SUM, campus=tx.campus)
    methods = method_figures(cashier.day_totals(tx, tx.campus, day))
    sums = sent_classes.all()
    classes = class_figures(sums)
    tx.audit("day.reported", "campus", tx.campus, day=day.isoformat())
    return DayReport(
        campus_id=tx.campus,
        day=day,
        settlements=settlements.one().given,
        refunds=refunds.one().given,
        visits=sum(one.visits for one in sums),
        visits_cancelled=sum(one.visits_cancelled for one in sums),
        methods=methods,
        fee_classes=classes,
        net_by_method=sum((one.net for one in methods), ZERO),
        net_by_class=sum((one.net for one in classes), ZERO),
        debts_open=debts.one(),
    )


def day_departments(tx: Tx, day: date) -> DayDepartments:
    """The campus's takings of a day by department, who ordered and who did it, and by kind of payer."""
    cashier.refuse_before_count(tx)
    sent_executing = tx.session.send(queries.DAY_EXECUTING, campus=tx.campus, day=day)
    sent_payers = tx.session.send(queries.DAY_PAYERS, campus=tx.campus, day=day)
    ordering = tx.session.all(queries.DAY_ORDERING, campus=tx.campus, day=day)
    names = {unit.unit_id: unit.name for unit in organisation.unit_tree(tx, tx.campus, day)}
    tx.audit("day.reported", "campus", tx.campus, day=day.isoformat(), by="department")
    return DayDepartments(
        campus_id=tx.campus,
        day=day,
        ordering=[_unit(one, names) for one in ordering],
        executing=[_unit(one, names) for one in sent_executing.all()],
        payers=[PayerFigures(**one._asdict()) for one in sent_payers.all()],
        net=sum((one.charged - one.refunded for one in ordering), ZERO),
    )


def _unit(one: UnitSum, names: Mapping[UUID, str]) -> UnitFigures:
    name = names.get(one.unit_id, "其他科室") if one.unit_id is not None else "未指定科室"
    return UnitFigures(
        unit_id=one.unit_id,
        unit_name=name,
        charged=one.charged,
        refunded=one.refunded,
        net=one.charged - one.refunded,
    )


def year_costs(tx: Tx, patient_id: UUID, year: int) -> YearCosts:
    """What a patient paid for here in a year, net of refunds, by fee class and month (年度费用)."""
    since = datetime(year, 1, 1, tzinfo=SHANGHAI)
    sums = tx.session.all(
        queries.YEAR_COSTS,
        patients=patients.group_ids(tx, patient_id),
        campus=tx.campus,
        since=since,
        until=since.replace(year=year + 1),
    )
    tx.audit("costs.read", "patient", patient_id, patient_id=patient_id, year=year)
    return YearCosts(
        patient_id=patient_id,
        year=year,
        total=sum((one.worth for one in sums), ZERO),
        fee_classes=[
            YearCost(code=code, name=name, amount=amount)
            for code, name in FEE_CLASSES.items()
            if (amount := sum((one.worth for one in sums if one.fee_class == code), ZERO))
        ],
        months=[sum((one.worth for one in sums if one.month == month), ZERO) for month in range(1, 13)],
    )


def method_figures(totals: Iterable[MethodTotal]) -> list[MethodFigures]:
    """Means of payment as reports list them, in the order of the receipt."""
    order = list(METHOD_NAMES)
    return [
        MethodFigures(
            method=total.method,
            name=METHOD_NAMES[total.method],
            in_count=total.in_count,
            in_amount=total.in_amount,
            out_count=total.out_count,
            out_amount=total.out_amount,
            net=total.in_amount - total.out_amount,
        )
        for total in sorted(totals, key=lambda total: order.index(total.method))
    ]


def class_figures(sums: Iterable[ClassSum]) -> list[ClassFigures]:
    """All fee classes, those without money too."""
    found = {one.fee_class: one for one in sums}
    return [_class(code, name, found.get(code)) for code, name in FEE_CLASSES.items()]


def _class(code: str, name: str, one: ClassSum | None) -> ClassFigures:
    charged, refunded = (one.charged, one.refunded) if one else (ZERO, ZERO)
    return ClassFigures(code=code, name=name, charged=charged, refunded=refunded, net=charged - refunded)


def _cash(shift: Shift) -> CashFigures:
    return CashFigures(
        opening_float=shift.opening_float,
        float_added=shift.float_added,
        float_returned=shift.float_returned,
        received=shift.cash_in,
        paid_out=shift.cash_out,
        handed_in=shift.handed_in,
        due=shift.cash_due,
        counted=shift.counted,
        difference=shift.difference,
        reason=shift.difference_reason,
    )


def _ranges(numbers: Mapping[str, Counted]) -> Iterable[NumberRange]:
    for kind, counted in numbers.items():
        if counted.first is not None and counted.last is not None:
            yield NumberRange(kind=kind, first=counted.first, last=counted.last, count=counted.given)
