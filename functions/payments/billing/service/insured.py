"""What medical_affairs/insurance calls: it speaks to the insurer outside any transaction and books each answer here.

    begin_insurance            before 2207: the settlement waits for the insurer, nothing else may happen to it
    record_insurance_tender    2207 answered: fund, account and aid are tenders; the patient pays the rest
    insurance_refused          2207 refused: the patient may pay everything, or try again
    stale_insured              what nobody finished in time: undo it (2208), then
    insurance_undone           2208 of an unfinished settlement: it is given up, its lines are open again
    begin_reversal             an approved refund of an insured settlement: before 2208
    insurance_reversed         2208 answered: the old settlement is reversed, a new one waits for 2207 of the rest
    reversal_refused           2208 refused: the refund waits as before

Never are an old settlement and its successor valid at the same time (spec 01 case 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from events.payments import ChargesRefunded
from functions.payments.billing import rules
from functions.payments.billing.models import ChannelRefund, Charge, Refund, RefundLine, RefundPart, Settlement, Tender
from functions.payments.billing.problems import (
    DebtFirst,
    InsuranceStep,
    LineBeingRefunded,
    RefundNotWaiting,
    RefundUnknown,
    TendersDiffer,
)
from functions.payments.billing.queries import charges, refunds, settlements, tenders
from functions.payments.billing.queries import receipts as receipt_queries
from functions.payments.billing.service import receipts
from functions.payments.billing.service.beginning import unpaid
from functions.payments.billing.service.cancelling import give_up
from functions.payments.billing.service.carrying import carry_over, drawer_needed
from functions.payments.billing.service.finishing import Settled, finish, lock_started
from functions.payments.billing.service.orders import InsuranceAnswer
from functions.payments.billing.service.paying_back import insured, keep_lines, pay_back, refunded_line
from functions.payments.billing.service.refunding import require_current
from functions.payments.billing.service.regrouping import follow_removal
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import ShiftInfo
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class Reversed:
    """An insured settlement was undone. `successor` is what remains to be settled anew, None when nothing does."""

    old: Settlement
    refund: Refund
    successor: Settlement | None
    channel_refunds: Sequence[ChannelRefund] = ()


def begin_insurance(tx: Tx, settlement_id: UUID, reference: str, payer_kind: str) -> Settlement:
    """Before 2207 is sent: the settlement waits for the insurer. `reference` is the exchange's own number.

    InsuranceStep when a means of payment is already in: the insurer comes first.
    """
    settlement = lock_started(tx, settlement_id)
    changed = None
    if settlement.tendered == ZERO and not _pending(tx, settlement_id):
        changed = tx.session.first(
            settlements.AWAIT_INSURANCE, id_=settlement_id, reference=reference, payer=payer_kind
        )
    if changed is None:
        raise InsuranceStep(
            "该结算已录入其他支付方式或已向医保发起，医保须最先结算；请取消后重新办理。", state=settlement.state
        )
    tx.audit("insurance.begun", "settlement", settlement_id, patient_id=settlement.patient_id, reference=reference)
    return changed


def record_insurance_tender(tx: Tx, settlement_id: UUID, answer: InsuranceAnswer) -> Settled:
    """The insurer settled its part (2207): it is a tender at once. Completes a settlement the insurer pays whole.

    TendersDiffer when the insurer would pay more than the total. One that takes the place of a reversed settlement
    uses what the patient had paid; where cash goes back, a cashier at a window finishes it (complete_settlement).
    """
    settlement = lock_started(tx, settlement_id)
    if settlement.state != "insurance_pending":
        raise InsuranceStep("该结算没有在等待医保结果，请刷新后核对。", state=settlement.state)
    if answer.total > settlement.total:
        raise TendersDiffer(
            f"医保支付 {answer.total} 元超过结算金额 {settlement.total} 元，请医保办核对。", due=str(settlement.total)
        )
    tx.session.add(*_insurance_tenders(tx, settlement_id, answer))
    if answer.lines:
        tx.session.execute(
            charges.KEEP_LEVELS,
            settlement=settlement_id,
            ids=[line.charge_id for line in answer.lines],
            levels=[line.level for line in answer.lines],
            ratios=[line.self_pay_ratio for line in answer.lines],
        )
    changed = tx.session.one(
        settlements.INSURANCE_ANSWERED, id_=settlement_id, reference=answer.reference, came=answer.total
    )
    tx.audit(
        "insurance.settled",
        "settlement",
        settlement_id,
        patient_id=settlement.patient_id,
        reference=answer.reference,
        amount=str(answer.total),
    )
    shift = cashier.shift_for(tx, settlement.holder, settlement.channel)
    return _go_on(tx, changed, shift)


def insurance_refused(tx: Tx, settlement_id: UUID) -> Settled:
    """The insurer refused (2207): nothing was settled there; the patient pays, or the desk corrects and tries again."""
    settlement = lock_started(tx, settlement_id)
    changed = tx.session.first(settlements.INSURANCE_REFUSED, id_=settlement_id)
    if changed is None:
        raise InsuranceStep("该结算没有在等待医保结果，请刷新后核对。", state=settlement.state)
    tx.audit("insurance.refused", "settlement", settlement_id, patient_id=settlement.patient_id)
    return Settled(changed, tx.session.all(charges.OF_SETTLEMENT, settlement_id=settlement_id), [], None, [])


def insurance_undone(tx: Tx, settlement_id: UUID, reason: str) -> tuple[Settlement, list[ChannelRefund]]:
    """The insurer undid its part of a settlement that was never finished (2208): it is given up, money goes back.

    Gives the refunds to be carried out. InsuranceStep while an electronic payment is awaited: ask its channel first.
    """
    settlement = lock_started(tx, settlement_id)
    if settlement.insurance_ref is None or _pending(tx, settlement_id):
        raise InsuranceStep("该结算没有医保部分，或仍有支付结果待确认，不能冲正取消。", state=settlement.state)
    return give_up(tx, settlement, reason)


def begin_reversal(tx: Tx, refund_id: UUID) -> Refund:
    """Before 2208 of an approved refund: nobody else executes or withdraws it now.

    DebtFirst while a part is owed: what was never paid cannot be carried over.
    """
    refund, settlement = _lock_refund(tx, refund_id)
    if refund.state != "approved" or not insured(settlement):
        raise RefundNotWaiting("退费单不在待执行状态，或该结算不是医保结算，请刷新后核对。", state=refund.state)
    tx.assert_distinct([refund.applicant, refund.approver], "退费的申请、审批、执行须由不同人员办理。")
    owed = tx.session.all(tenders.LOCK_TENDERS, settlement_id=settlement.settlement_id)
    if any(tender.method in ("debt", "bad_debt") and tender.amount != tender.returned for tender in owed):
        raise DebtFirst("该医保结算还有欠费未结清，请先补缴或核销，再办理退费。")
    lines = tx.session.all(refunds.LINES, refund_id=refund_id)
    affected = tx.session.all(refunds.LOCK_CHARGES_OF_REFUND, refund_id=refund_id, campus=tx.campus)
    require_current(tx, refund, lines, affected)
    own = {line.charge_id for line in lines if line.quantity}
    for charge in tx.session.all(charges.OF_SETTLEMENT, settlement_id=settlement.settlement_id):
        if charge.status == "refunding" and charge.charge_id not in own:
            raise LineBeingRefunded(
                f"“{charge.name}”另有退费申请待办，请先完成或撤回该申请。", charge_id=str(charge.charge_id)
            )
    changed = tx.session.one(refunds.BEGIN_REVERSAL, id_=refund_id)
    tx.audit("refund.reversing", "refund", refund_id, patient_id=refund.patient_id)
    return changed


def reversal_refused(tx: Tx, refund_id: UUID) -> Refund:
    """The insurer did not undo the settlement (2208): the refund waits as before."""
    refund, _ = _lock_refund(tx, refund_id)
    changed = tx.session.first(refunds.REVERSAL_REFUSED, id_=refund_id)
    if changed is None:
        raise RefundNotWaiting("退费单没有在等待医保冲正，请刷新后核对。", state=refund.state)
    tx.audit("refund.reversal_refused", "refund", refund_id, patient_id=refund.patient_id)
    return changed


def insurance_reversed(tx: Tx, refund_id: UUID, reference: str) -> Reversed:
    """The insurer undid the whole settlement (2208). `reference` is the number of the exchange to come (2207).

    The refunded lines go back; what remains waits in a successor for the insurer's new answer, with what the patient
    had paid carried over. Nothing remaining, everything goes back by the original route now.
    """
    shift = cashier.shift_for(tx, tx.actor.subject, cashier.channel_of(tx))
    refund, old = _lock_refund(tx, refund_id)
    affected = tx.session.all(refunds.LOCK_CHARGES_OF_REFUND, refund_id=refund_id, campus=tx.campus)
    lines = tx.session.all(refunds.LINES, refund_id=refund_id)
    paid = tx.session.all(tenders.LOCK_TENDERS, settlement_id=old.settlement_id)
    if refund.state != "reversing":
        raise RefundNotWaiting("退费单没有在等待医保冲正，请刷新后核对。", state=refund.state)
    remaining = old.total - old.refunded - refund.amount
    if remaining == ZERO:
        executed, back = pay_back(tx, refund, old, lines, affected, paid, shift)
        return Reversed(old, executed, None, back.channel_refunds)
    return _replace(tx, shift, refund, old, lines, affected, paid, remaining, reference)


def _replace(
    tx: Tx,
    shift: ShiftInfo,
    refund: Refund,
    old: Settlement,
    lines: Sequence[RefundLine],
    affected: Sequence[Charge],
    paid: Sequence[Tender],
    remaining: Money,
    reference: str,
) -> Reversed:
    successor_id = new_id()
    taken = receipts.take_numbers(tx, receipts.REFUNDS)
    executed = tx.session.one(
        refunds.EXECUTE,
        id_=refund.refund_id,
        number=rules.refund_number(shift.letter, tx.today, taken[receipts.REFUNDS]),
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
        day=tx.today,
        shift=shift.shift_id,
        what="replacement",
        successor=successor_id,
    )
    keep_lines(tx, lines, "paid")
    for tender in paid:
        _take_out(tx, shift, old, executed, tender)
    if (receipt := tx.session.first(receipt_queries.VALID_RECEIPT, settlement_id=old.settlement_id)) is not None:
        receipts.reverse(tx, shift, receipt, f"退费 {executed.refund_no}")
    tx.session.execute(settlements.ADD_REFUND, id_=old.settlement_id, went=refund.amount)
    tx.session.execute(settlements.REVERSE_LINES, settlement=old.settlement_id, at=tx.now)
    reversed_old = tx.session.one(
        settlements.REVERSE,
        id_=old.settlement_id,
        successor=successor_id,
        at=tx.now,
        day=tx.today,
        shift=shift.shift_id,
    )
    successor = unpaid(
        tx,
        shift,
        settlement_id=successor_id,
        patient_id=old.patient_id,
        encounter_id=old.encounter_id,
        encounter_no=old.encounter_no,
        state="insurance_pending",
        total=remaining,
        payer_kind=old.payer_kind,
        predecessor_id=old.settlement_id,
        insurance_ref=reference,
    )
    tx.session.add(successor)
    tx.session.execute(charges.MOVE_ON, settlement=old.settlement_id, successor=successor_id)
    tx.session.execute(settlements.KEEP_LINES, settlement=successor_id)
    by_id = {charge.charge_id: charge for charge in affected}
    tx.emit(
        ChargesRefunded(
            refund_id=executed.refund_id,
            refund_no=executed.refund_no or "",
            settlement_id=old.settlement_id,
            patient_id=old.patient_id,
            encounter_id=old.encounter_id,
            shift_id=shift.shift_id,
            business_day=tx.today,
            amount=executed.amount,
            payments=[],
            lines=[refunded_line(by_id[line.charge_id], line) for line in lines],
            reason_code=executed.reason_code,
            refunded_at=tx.now,
        )
    )
    tx.audit(
        "settlement.reversed", "settlement", old.settlement_id, patient_id=old.patient_id, refund=str(refund.refund_id)
    )
    follow_removal(tx, affected)
    return Reversed(reversed_old, executed, successor)


def _take_out(tx: Tx, shift: ShiftInfo, old: Settlement, refund: Refund, tender: Tender) -> None:
    left = tender.amount - tender.returned
    if not left:
        return
    from_insurer = tender.method in rules.INSURANCE
    cashier.book(
        tx,
        shift,
        "out" if left > ZERO else "in",
        tender.method if from_insurer else "carried",
        abs(left),
        kind="reversal",
        subject_id=old.settlement_id,
        ref_id=tender.tender_id,
    )
    if from_insurer:
        tx.session.execute(tenders.RETURN_ALL, id_=tender.tender_id)
        tx.session.add(
            RefundPart(
                part_id=new_id(),
                campus_id=tx.campus,
                refund_id=refund.refund_id,
                tender_id=tender.tender_id,
                method=tender.method,
                amount=left,
            )
        )


def _go_on(tx: Tx, settlement: Settlement, shift: ShiftInfo) -> Settled:
    ready = settlement.predecessor_id is None or _can_pay_back(tx, settlement, shift)
    if ready:
        settlement = carry_over(tx, settlement, shift)
    all_tenders = tx.session.all(tenders.TENDERS, settlement_id=settlement.settlement_id)
    if ready and settlement.tendered == settlement.total:
        return finish(tx, settlement, shift, all_tenders, None)
    lines = tx.session.all(charges.OF_SETTLEMENT, settlement_id=settlement.settlement_id)
    return Settled(settlement, lines, all_tenders, None, [])


def _can_pay_back(tx: Tx, settlement: Settlement, shift: ShiftInfo) -> bool:
    """Whether what goes back can go back now: an insurer's answer is booked even when no drawer can pay."""
    cash = drawer_needed(tx, settlement)
    if not cash:
        return True
    return shift.cashier == tx.actor.subject and cash <= cashier.find_shift(tx, shift.shift_id).cash_due


def _insurance_tenders(tx: Tx, settlement_id: UUID, answer: InsuranceAnswer) -> list[Tender]:
    parts = [
        ("insurance_fund", answer.fund, None),
        ("insurance_account", answer.account, None),
        ("insurance_account", answer.family_account, "家庭共济"),
        ("medical_aid", answer.medical_aid, None),
    ]
    ids = sorted(new_id() for _ in parts)  # ids of one millisecond have no order of their own
    return [
        Tender(
            tender_id=tender_id,
            campus_id=tx.campus,
            settlement_id=settlement_id,
            method=method,
            amount=amount,
            returned=ZERO,
            state="received",
            reference=answer.reference,
            note=note,
            debt_id=None,
            tendered_at=tx.now,
            tendered_by=tx.actor.subject,
        )
        for tender_id, (method, amount, note) in zip(ids, parts, strict=True)
        if amount
    ]


def _pending(tx: Tx, settlement_id: UUID) -> bool:
    return any(one.state == "pending" for one in tx.session.all(tenders.TENDERS, settlement_id=settlement_id))


def _lock_refund(tx: Tx, refund_id: UUID) -> tuple[Refund, Settlement]:
    locked = tx.session.send(refunds.LOCK_REFUND, refund_id=refund_id, campus=tx.campus)
    settlement = tx.session.send(refunds.LOCK_SETTLEMENT_OF_REFUND, refund_id=refund_id, campus=tx.campus)
    refund = locked.first()
    if refund is None:
        raise RefundUnknown("本院区没有这张退费单，请核对。")
    return refund, settlement.one()
