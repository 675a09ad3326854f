"""Paying a refund back: original route, journal, lines, debt and receipt in one transaction.

The entries booked here add up to the amount of the refund, as the entries of its settlement added up to the total.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from events.payments import ChargesRefunded, DebtSettled, Payment, RefundedLine
from functions.payments.billing import rules
from functions.payments.billing.models import (
    ChannelRefund,
    Charge,
    Debt,
    Receipt,
    Refund,
    RefundLine,
    RefundPart,
    Settlement,
    Tender,
)
from functions.payments.billing.problems import InsuredSettlement
from functions.payments.billing.queries import charges, refunds, settlements
from functions.payments.billing.queries import debts as debt_queries
from functions.payments.billing.queries import receipts as receipt_queries
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.rules import Route
from functions.payments.billing.service import receipts
from functions.payments.billing.service.regrouping import follow_removal
from functions.payments.billing.service.returning import Origins, Outlay, origins_of, pay_out
from functions.payments.cashier.service import ShiftInfo
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class PaidBack:
    """Where the money of a refund went, and the receipts it changed."""

    parts: Sequence[RefundPart]
    reversed_receipt: Receipt | None
    new_receipt: Receipt | None
    channel_refunds: Sequence[ChannelRefund] = ()
    """Money on its way through channels: to be carried out after the commit."""


def pay_back(
    tx: Tx,
    refund: Refund,
    settlement: Settlement,
    lines: Sequence[RefundLine],
    affected: Sequence[Charge],
    tenders: Sequence[Tender],
    shift: ShiftInfo,
) -> tuple[Refund, PaidBack]:
    """Execute a refund over locked rows in an open shift."""
    origins = origins_of(tx, tenders)
    routes = rules.refund_routes(origins.sources, refund.amount, cash_instead=refund.cash_instead)
    if refund.kind == "transfer":
        routes = [_to_inpatient(route) for route in routes]
    sent_receipt = tx.session.send(receipt_queries.VALID_RECEIPT, settlement_id=settlement.settlement_id)
    debt = tx.session.first(debt_queries.DEBT_OF_SETTLEMENT, settlement_id=settlement.settlement_id)
    receipt = sent_receipt.first()

    parts = [_part(tx, refund, route) for route in routes]
    sent = _move_money(tx, settlement, refund, parts, shift, origins)
    forgiven = sum((route.amount for route in routes if route.method == "debt"), ZERO)
    owed = (debt.outstanding if debt else ZERO) - forgiven
    left = settlement.total - settlement.refunded - refund.amount
    debt_ends = debt is not None and owed == ZERO
    given_up = sum((one.amount - one.returned for one in tenders if one.method == "bad_debt"), ZERO)
    given_up -= sum((route.amount for route in routes if route.method == "bad_debt"), ZERO)
    renewed = left > given_up and owed == ZERO and (receipt is not None or debt_ends)

    taken = receipts.take_numbers(tx, receipts.REFUNDS, *([receipts.RECEIPTS] if renewed else []))
    number = rules.refund_number(shift.letter, tx.today, taken[receipts.REFUNDS])
    executed = _mark_executed(tx, refund, number, shift)
    _keep(tx, settlement, lines, affected, routes, refund, "owed" if owed else "paid")
    tx.session.add(*parts)
    if debt is not None and forgiven:
        _lower_debt(tx, debt, forgiven, owed)
    reason = f"退费 {number}"
    if receipt is not None:
        receipts.reverse(tx, shift, receipt, reason)
    new_receipt = (
        receipts.issue(tx, shift, settlement.settlement_id, left - given_up, taken[receipts.RECEIPTS], receipt)
        if renewed
        else None
    )
    _tell(tx, executed, settlement, lines, affected, parts, shift)
    follow_removal(tx, affected)
    return executed, PaidBack(parts, receipt, new_receipt, sent)


def _part(tx: Tx, refund: Refund, route: Route) -> RefundPart:
    return RefundPart(
        part_id=new_id(),
        campus_id=tx.campus,
        refund_id=refund.refund_id,
        tender_id=route.tender_id,
        method=route.method,
        amount=route.amount,
    )


def _to_inpatient(route: Route) -> Route:
    """Money that moves to an inpatient account leaves neither drawer nor channel; a debt only falls away."""
    return route if route.method == "debt" else Route(route.tender_id, "inpatient", route.amount)


def _move_money(
    tx: Tx, settlement: Settlement, refund: Refund, parts: Sequence[RefundPart], shift: ShiftInfo, origins: Origins
) -> list[ChannelRefund]:
    sent = []
    for part in parts:
        outlay = Outlay(
            part.part_id,
            part.tender_id,
            part.method,
            part.amount,
            settlement.settlement_id,
            "refund",
            "refund",
            refund.reason,
            refund.refund_id,
        )
        if (channel := pay_out(tx, shift, outlay, origins.first[part.tender_id])) is not None:
            sent.append(channel)
    return sent


def _mark_executed(tx: Tx, refund: Refund, number: str, shift: ShiftInfo) -> Refund:
    return tx.session.one(
        refunds.EXECUTE,
        id_=refund.refund_id,
        number=number,
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
        day=tx.today,
        shift=shift.shift_id,
        what=refund.kind,
        successor=None,
    )


def _keep(
    tx: Tx,
    settlement: Settlement,
    lines: Sequence[RefundLine],
    affected: Sequence[Charge],
    routes: Sequence[Route],
    refund: Refund,
    status: str,
) -> None:
    if refund.kind == "transfer":
        for line in lines:
            tx.session.execute(charges.TRANSFER, id_=line.charge_id)
    else:
        keep_lines(tx, lines, status)
    for route in routes:
        tx.session.execute(tender_queries.RETURN_ON_TENDER, id_=route.tender_id, went=route.amount)
    tx.session.execute(settlements.ADD_REFUND, id_=settlement.settlement_id, went=refund.amount)


def keep_lines(tx: Tx, lines: Sequence[RefundLine], status: str) -> None:
    """Write down what of each charge went back; one that stays and costs something else now keeps its state."""
    for line in lines:
        if line.quantity:
            tx.session.execute(charges.REFUND, id_=line.charge_id, part=line.quantity, worth=line.amount, to=status)
        else:
            tx.session.execute(charges.COST_ANEW, id_=line.charge_id, worth=line.amount)


def _lower_debt(tx: Tx, debt: Debt, forgiven: Money, owed: Money) -> None:
    tx.session.execute(debt_queries.LOWER_DEBT, id_=debt.debt_id, fell=forgiven, came=ZERO, given_up=ZERO, at=tx.now)
    if owed == ZERO:
        tx.session.execute(charges.DEBT_PAID, settlement=debt.settlement_id)
        tx.emit(
            DebtSettled(
                debt_id=debt.debt_id,
                settlement_id=debt.settlement_id,
                patient_id=debt.patient_id,
                amount=debt.amount,
                paid=debt.paid,
            )
        )


def _tell(
    tx: Tx,
    refund: Refund,
    settlement: Settlement,
    lines: Sequence[RefundLine],
    affected: Sequence[Charge],
    parts: Sequence[RefundPart],
    shift: ShiftInfo,
) -> None:
    by_id = {charge.charge_id: charge for charge in affected}
    tx.emit(
        ChargesRefunded(
            refund_id=refund.refund_id,
            refund_no=refund.refund_no or "",
            settlement_id=settlement.settlement_id,
            patient_id=settlement.patient_id,
            encounter_id=settlement.encounter_id,
            shift_id=shift.shift_id,
            business_day=tx.today,
            amount=refund.amount,
            payments=[Payment(method=part.method, amount=part.amount) for part in parts],
            lines=[refunded_line(by_id[line.charge_id], line) for line in lines],
            reason_code=refund.reason_code,
            refunded_at=tx.now,
        )
    )
    tx.audit(
        "refund.executed",
        "refund",
        refund.refund_id,
        patient_id=settlement.patient_id,
        amount=str(refund.amount),
        number=refund.refund_no,
    )


def refunded_line(charge: Charge, line: RefundLine) -> RefundedLine:
    """A refunded line as the event tells it."""
    return RefundedLine(
        charge_id=charge.charge_id,
        source_module=charge.source_module,
        source_id=charge.source_id,
        source_line=charge.source_line,
        quantity=line.quantity,
        amount=line.amount,
        remaining=charge.quantity - charge.refunded_quantity - line.quantity,
        base_charge_id=charge.base_charge_id,
    )


def insured(settlement: Settlement) -> bool:
    """Whether the insurer paid a part, so that only its undoing changes the settlement."""
    return settlement.insurance_ref is not None


def refuse_insured(settlement: Settlement) -> None:
    """Refuse to pay an insured settlement back in part without the insurer."""
    if insured(settlement):
        raise InsuredSettlement("该结算含医保支付，须整单冲正后重新结算：请在医保面板办理退费。")
