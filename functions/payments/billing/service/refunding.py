"""Refunds: asked for, decided by the post the rule names, executed by the original route.

Whoever asks, whoever approves and whoever pays out are different persons when approval is needed (职责分离).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from events.payments import RefundRequested
from functions.payments.billing import rules
from functions.payments.billing.models import Charge, Refund, RefundDifference, RefundLine, Settlement, Tender
from functions.payments.billing.problems import (
    FinanceDecides,
    LineBeingRefunded,
    NotRefundable,
    RefundChanged,
    RefundNotWaiting,
    RefundUnknown,
    SettlementUnknown,
)
from functions.payments.billing.queries import charges, refunds, settlements
from functions.payments.billing.queries import debts as debt_queries
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.rules import RefundCase
from functions.payments.billing.schemas import ChangeRefund, DecideRefund, RefundQuantity, RequestRefund
from functions.payments.billing.service.part_packages import at_list_prices
from functions.payments.billing.service.paying_back import PaidBack, insured, pay_back, refuse_insured
from functions.payments.billing.service.refundable import require_refundable
from functions.payments.billing.service.regrouping import Wanted, regroup
from functions.payments.billing.service.returning import origins_of
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import ShiftInfo
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.problems import Stale
from shared.tx import Tx

LEVEL_NAMES = {"cashier": "收费员", "lead": "收费组长", "finance": "财务"}
HOSPITAL_RULE = "rule:hospital"
"""Approver of refunds the hospital itself causes (a stopped session): the rule, not a person."""
BY_RULE = "医院原因退费，免审批"


@dataclass(frozen=True, slots=True)
class Request:
    """A refund about to be recorded: lines of one settlement, all locked."""

    settlement: Settlement
    tenders: Sequence[Tender]
    lines: Sequence[Wanted]
    reason_code: str
    reason: str
    cash_instead: bool
    ruled: bool = False
    """Priced by the rules between its lines; looked at again before it is paid."""
    elsewhere: Mapping[UUID, Money] = field(default_factory=dict)
    """Lines of other settlements that would cost so much more (negative: less) now."""


def request_refund(tx: Tx, command: RequestRefund, *, pay: bool = True) -> tuple[Refund, PaidBack | None]:
    """Ask for a refund (退费申请). One of the cashier's own shift, up to 200 yuan and untouched, is paid at once.

    Without `pay` (a doctor, an executing unit) it is only asked for.
    Refuses what was executed (LineExecuted), what another refund already asks for (LineBeingRefunded), more than was
    paid (NotRefundable); RefundChanged where it comes to another amount than was shown.
    """
    till = cashier.open_till(tx)
    locked = tx.session.send(settlements.LOCK_SETTLEMENT, settlement_id=command.settlement_id, campus=tx.campus)
    ids = sorted({line.charge_id for line in command.lines})
    found = tx.session.send(charges.LOCK_WITH_SURCHARGES, ids=ids, campus=tx.campus)
    tenders = tx.session.all(tender_queries.LOCK_TENDERS, settlement_id=command.settlement_id)
    settlement = locked.first()
    if settlement is None:
        raise SettlementUnknown("本院区没有这张结算单，请核对结算单号。")
    lines = wanted_of(command.lines, found.all())
    request = asked(tx, settlement, tenders, lines, command.reason_code, command.reason, command.cash_instead)
    if command.expected is not None and command.expected != amount_of(request):
        raise RefundChanged(
            f"退费金额现为 {amount_of(request)} 元，与试算的 {command.expected} 元不同：请重新试算并告知患者后提交。",
            amount=str(amount_of(request)),
        )
    return record(tx, request, till.held() if pay else None)


def asked(
    tx: Tx,
    settlement: Settlement,
    tenders: Sequence[Tender],
    lines: Sequence[Wanted],
    reason_code: str,
    reason: str,
    cash_instead: bool = False,
) -> Request:
    """A refund of lines, what stays beside them priced again by the rules between them."""
    again = regroup(tx, settlement.settlement_id, lines)
    return Request(settlement, tenders, again.lines, reason_code, reason, cash_instead, again.ruled, again.elsewhere)


def wanted_of(chosen: Sequence[RefundQuantity], found: Sequence[Charge]) -> list[Wanted]:
    """The lines somebody chose and the surcharges that go back with them. Raises NotRefundable."""
    if len({line.charge_id for line in chosen}) != len(chosen):
        raise NotRefundable("同一项目请合并为一行后提交。")
    by_id = {charge.charge_id: charge for charge in found}
    lines = [Wanted(by_id[line.charge_id], line.quantity) for line in chosen if line.charge_id in by_id]
    if len(lines) != len(chosen):
        raise NotRefundable("所选项目不在该结算单中，请刷新后重新选择。")
    return lines + _surcharges_of(lines, found)


def _surcharges_of(lines: Sequence[Wanted], found: Iterable[Charge]) -> list[Wanted]:
    """Surcharges go back with the lines they belong to, quantity by quantity (spec 40)."""
    quantities = {line.charge.charge_id: line.quantity for line in lines}
    return [
        Wanted(charge, min(quantities[charge.base_charge_id], charge.refundable_quantity))
        for charge in found
        if charge.base_charge_id is not None
        and charge.base_charge_id in quantities
        and charge.charge_id not in quantities
        and charge.status in ("paid", "owed")
        and charge.refundable_quantity > 0
    ]


def record(tx: Tx, request: Request, shift: ShiftInfo | None) -> tuple[Refund, PaidBack | None]:
    """Check and record a refund over locked rows; pay it back at once when nobody needs to approve."""
    for line in _going(request.lines):
        require_refundable(request.settlement, line)
    is_insured = insured(request.settlement)
    if is_insured:
        _refuse_while_reversing(tx, request.settlement)
    level = level_of(tx, request, shift)
    by_rule = tx.actor.kind == "system"
    if by_rule and not is_insured and needs_no_drawer(tx, request):
        level = "cashier"
        shift = shift or cashier.current_shift(tx)
    at_once = level == "cashier" and shift is not None and not is_insured
    if level == "cashier" and is_insured:
        level = "lead"
    refund = Refund(
        refund_id=new_id(),
        campus_id=tx.campus,
        refund_no=None,
        settlement_id=request.settlement.settlement_id,
        patient_id=request.settlement.patient_id,
        state="approved" if at_once or by_rule else "requested",
        level=level,
        amount=amount_of(request),
        reason_code=request.reason_code,
        reason=request.reason,
        cash_instead=request.cash_instead,
        applicant=tx.actor.subject,
        applicant_name=tx.actor.name,
        requested_at=tx.now,
        approver=HOSPITAL_RULE if by_rule and not at_once else None,
        approver_name=BY_RULE if by_rule and not at_once else None,
        decided_at=tx.now if by_rule else None,
        decision_note=BY_RULE if by_rule else None,
        executor=None,
        executor_name=None,
        executed_at=None,
        business_day=None,
        shift_id=None,
        ruled=request.ruled,
    )
    lines = refund_lines(tx, refund, request.lines)
    tx.session.add(refund, *lines, *_differences(tx, refund, request))
    tx.audit("refund.requested", "refund", refund.refund_id, patient_id=refund.patient_id, amount=str(refund.amount))
    if at_once and shift is not None:
        affected = [line.charge for line in request.lines]
        return pay_back(tx, refund, request.settlement, lines, affected, request.tenders, shift)
    for line in _going(request.lines):
        tx.session.execute(charges.ASK_REFUND, id_=line.charge.charge_id, part=line.quantity)
    tx.emit(
        RefundRequested(
            refund_id=refund.refund_id,
            settlement_id=refund.settlement_id,
            amount=refund.amount,
            level=level,
            reason_code=refund.reason_code,
        )
    )
    return refund, None


def approve_refund(tx: Tx, refund_id: UUID, command: DecideRefund, *, as_finance: bool) -> Refund:
    """Approve a refund: the lead up to its limits, finance any. Not by who asked; the password is asked again."""
    refund = _waiting(tx, refund_id, command.version)
    _require_decider(tx, refund, as_finance=as_finance)
    return _decide(tx, refund, command, "approved")


def reject_refund(tx: Tx, refund_id: UUID, command: DecideRefund, *, as_finance: bool) -> Refund:
    """Reject a refund: its lines are paid as before."""
    refund = _waiting(tx, refund_id, command.version)
    _require_decider(tx, refund, as_finance=as_finance)
    rejected = _decide(tx, refund, command, "rejected")
    _drop(tx, refund)
    return rejected


def withdraw_refund(tx: Tx, refund_id: UUID, command: ChangeRefund) -> Refund:
    """The applicant takes a refund back before it is paid."""
    refund = _find(tx, refund_id)
    if refund.applicant != tx.actor.subject:
        raise RefundNotWaiting("只有申请人可以撤回退费申请。")
    withdrawn = tx.session.first(refunds.WITHDRAW, id_=refund_id, seen=command.version)
    if withdrawn is None:
        raise _stale(refund)
    _drop(tx, refund)
    tx.audit("refund.withdrawn", "refund", refund_id, patient_id=refund.patient_id)
    return withdrawn


def execute_refund(tx: Tx, refund_id: UUID, command: ChangeRefund) -> tuple[Refund, PaidBack]:
    """Pay an approved refund back (执行退费) in one's own open shift; never by who asked or who approved.

    A refund of a closed shift's settlement is booked here, in the shift that pays it: what is closed stays as it is.
    """
    till = cashier.open_till(tx)
    locked_refund = tx.session.send(refunds.LOCK_REFUND, refund_id=refund_id, campus=tx.campus)
    locked = tx.session.send(refunds.LOCK_SETTLEMENT_OF_REFUND, refund_id=refund_id, campus=tx.campus)
    affected = tx.session.send(refunds.LOCK_CHARGES_OF_REFUND, refund_id=refund_id, campus=tx.campus)
    sent_lines = tx.session.send(refunds.LINES, refund_id=refund_id)
    refund = locked_refund.first()
    if refund is None:
        raise RefundUnknown("本院区没有这张退费单，请核对。")
    tx.check_version(refund.version, command.version)
    if refund.state != "approved":
        raise RefundNotWaiting("退费单不在待执行状态，请刷新后核对。", state=refund.state)
    tx.assert_distinct([refund.applicant, refund.approver], "退费的申请、审批、执行须由不同人员办理。")
    settlement = locked.one()
    refuse_insured(settlement)
    tenders = tx.session.all(tender_queries.LOCK_TENDERS, settlement_id=settlement.settlement_id)
    lines, found = sent_lines.all(), affected.all()
    shift = till.shift()
    require_current(tx, refund, lines, found)
    return pay_back(tx, refund, settlement, lines, found, tenders, shift)


def require_current(tx: Tx, refund: Refund, lines: Sequence[RefundLine], affected: Sequence[Charge]) -> None:
    """Refuse to pay a refund priced by the rules between lines when something beside them changed (RefundChanged)."""
    if not refund.ruled:
        return
    by_id = {charge.charge_id: charge for charge in affected}
    wanted = [Wanted(by_id[line.charge_id], line.quantity) for line in lines if line.quantity]
    again = regroup(tx, refund.settlement_id, wanted).lines
    if {line.charge.charge_id: worth_of(line) for line in again} != {line.charge_id: line.amount for line in lines}:
        raise RefundChanged("同组项目的费用在申请后有变，退费金额须重新计算：请撤回该申请后重新提交。")


def _going(lines: Iterable[Wanted]) -> list[Wanted]:
    """Lines that go back, without those that only cost something else because of it."""
    return [line for line in lines if line.quantity]


def _differences(tx: Tx, refund: Refund, request: Request) -> list[RefundDifference]:
    return [
        RefundDifference(campus_id=tx.campus, refund_id=refund.refund_id, charge_id=charge_id, amount=amount)
        for charge_id, amount in sorted(request.elsewhere.items())
    ]


def take_back(tx: Tx, refund: Refund) -> None:
    """Take back a refund by the hospital's rule that still waits for a drawer: a larger one takes its place."""
    if tx.session.first(refunds.WITHDRAW, id_=refund.refund_id, seen=refund.version) is None:
        raise _stale(refund)
    _drop(tx, refund)
    tx.audit("refund.withdrawn", "refund", refund.refund_id, patient_id=refund.patient_id)


def needs_no_drawer(tx: Tx, request: Request) -> bool:
    """Whether all money of a refund goes back by itself, so that no cashier has to pay it out."""
    origins = origins_of(tx, request.tenders)
    routes = rules.refund_routes(origins.sources, amount_of(request), cash_instead=request.cash_instead)
    return all(route.method != "cash" for route in routes)


def _refuse_while_reversing(tx: Tx, settlement: Settlement) -> None:
    for other in tx.session.all(refunds.OF_SETTLEMENT, settlement_id=settlement.settlement_id):
        if other.state == "reversing":
            raise LineBeingRefunded(
                "该结算正在医保冲正，请等重新结算完成后再申请退费。", refund_id=str(other.refund_id)
            )


def level_of(tx: Tx, request: Request, shift: ShiftInfo | None) -> str:
    """Who has to approve. Earlier refunds of the settlement count, so that none is split to stay below a limit."""
    settlement = request.settlement
    pending = sum((worth_of(line) for line in request.lines), ZERO)
    electronic = request.cash_instead and any(
        source.method in rules.ELECTRONIC and source.remaining for source in origins_of(tx, request.tenders).sources
    )
    case = RefundCase(
        amount=settlement.refunded + pending,
        own_shift=shift is not None and settlement.shift_id == shift.shift_id and shift.kind == "counter",
        untouched=all(line.charge.execution == "none" for line in _going(request.lines)),
        settled_at=settlement.completed_at or tx.now,
        cash_instead=electronic,
    )
    return rules.refund_level(case, tx.now)


def amount_of(request: Request) -> Decimal:
    """Sum of the lines of a refund."""
    return sum((worth_of(line) for line in request.lines), ZERO)


def refund_lines(tx: Tx, refund: Refund, lines: Sequence[Wanted]) -> list[RefundLine]:
    """The lines of a refund, each worth exactly its share of what was paid."""
    return [
        RefundLine(
            campus_id=tx.campus,
            refund_id=refund.refund_id,
            charge_id=line.charge.charge_id,
            fee_class=line.charge.fee_class,
            item_kind=line.charge.item_kind,
            quantity=line.quantity,
            amount=worth_of(line),
        )
        for line in lines
    ]


def worth_of(line: Wanted) -> Decimal:
    """What a line of a refund comes to."""
    charge = line.charge
    if line.amount is not None:
        return line.amount
    if line.quantity == charge.remaining_quantity:
        return charge.worth
    if charge.by_rule or at_list_prices(charge):
        return rules.part_amount(charge.worth, charge.remaining_quantity, ZERO, line.quantity)
    return rules.part_amount(charge.amount, charge.quantity, charge.refunded_quantity, line.quantity)


def _find(tx: Tx, refund_id: UUID) -> Refund:
    refund = tx.session.first(refunds.LOCK_REFUND, refund_id=refund_id, campus=tx.campus)
    if refund is None:
        raise RefundUnknown("本院区没有这张退费单，请核对。")
    return refund


def _waiting(tx: Tx, refund_id: UUID, version: int) -> Refund:
    refund = _find(tx, refund_id)
    tx.check_version(refund.version, version)
    if refund.state != "requested":
        raise RefundNotWaiting("退费单不在待审批状态，请刷新后核对。", state=refund.state)
    return refund


def _require_decider(tx: Tx, refund: Refund, *, as_finance: bool) -> None:
    tx.actor.require_fresh_sign_on(tx.now)
    tx.assert_distinct([refund.applicant], "退费的申请与审批须由不同人员办理。")
    if refund.level == "finance" and not as_finance:
        raise FinanceDecides(
            f"超过 {rules.LEAD_LIMIT} 元、超过 {rules.LEAD_DAYS} 天或电子支付退现金的退费由财务审批。",
            level=refund.level,
        )


def _decide(tx: Tx, refund: Refund, command: DecideRefund, to: str) -> Refund:
    decided = tx.session.first(
        refunds.DECIDE,
        id_=refund.refund_id,
        seen=command.version,
        to=to,
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
        note=command.note,
    )
    if decided is None:
        raise _stale(refund)
    tx.audit(f"refund.{to}", "refund", refund.refund_id, patient_id=refund.patient_id, amount=str(refund.amount))
    return decided


def _drop(tx: Tx, refund: Refund) -> None:
    owing = tx.session.first(debt_queries.DEBT_OF_SETTLEMENT, settlement_id=refund.settlement_id)
    tx.session.execute(charges.DROP_REFUND, refund_id=refund.refund_id, to="owed" if owing else "paid")


def _stale(refund: Refund) -> Stale:
    return Stale("退费单已被他人办理，请刷新后核对。", current_version=refund.version)
