"""Debts: paid later, wholly or in part, at any window or by phone (欠费补缴); given up with two approvals (核销)."""

from dataclasses import dataclass
from uuid import UUID

from events.payments import DebtSettled
from functions.payments.billing.models import Debt, DebtWriteOff, Receipt, Settlement, Tender
from functions.payments.billing.problems import (
    CashShort,
    DebtOverpaid,
    DebtSettledAlready,
    DebtUnknown,
    WriteOffDecided,
    WriteOffUnknown,
)
from functions.payments.billing.queries import charges
from functions.payments.billing.queries import debts as queries
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.schemas import DecideWriteOff, PayDebt, RequestWriteOff
from functions.payments.billing.service import receipts
from functions.payments.billing.service.channel_refunds import give_back
from functions.payments.billing.service.paying import Received, ask_payment, require_nothing_pending
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import Direction, ShiftInfo
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class DebtPaid:
    """A debt after a payment: cash received and given back, and the receipt when nothing is outstanding any more.

    `pending` is the tender whose channel is awaited: the debt is lower when its money comes.
    """

    debt: Debt
    received: Money
    change: Money
    receipt: Receipt | None
    pending: Tender | None = None


def pay_debt(tx: Tx, debt_id: UUID, command: PayDebt) -> DebtPaid:
    """Pay a debt. With the last cent its lines become paid and the settlement gets its receipt.

    The payment is a tender of the settlement that takes the place of the owed one, so the settlement stays balanced.
    Raises DebtOverpaid, DebtSettledAlready, CashShort, NoOpenShift, PaymentUnderway.
    """
    in_cash = command.method == "cash"
    received = command.received if command.received is not None else command.amount
    if received < command.amount:
        raise CashShort(f"实收 {received} 元，少于补缴金额 {command.amount} 元，请补收。")
    till = cashier.open_till(tx, cash_in=command.amount if in_cash else ZERO)
    before, settlement = _lock_debt(tx, debt_id)
    if command.amount > before.outstanding:
        raise DebtOverpaid(f"尚欠 {before.outstanding} 元，补缴金额不能超过欠费。", outstanding=str(before.outstanding))
    shift = till.shift()
    require_nothing_pending(tx.session.all(tender_queries.TENDERS, settlement_id=before.settlement_id))
    if not in_cash:
        return DebtPaid(before, ZERO, ZERO, None, ask_payment(tx, settlement, command, debt_id))
    tender = Tender(
        tender_id=new_id(),
        campus_id=tx.campus,
        settlement_id=before.settlement_id,
        method="cash",
        amount=command.amount,
        returned=ZERO,
        state="received",
        reference=None,
        note=None,
        debt_id=debt_id,
        tendered_at=tx.now,
        tendered_by=tx.actor.subject,
    )
    tx.session.add(tender)
    debt, receipt = _lower(tx, before, settlement, tender, shift)
    return DebtPaid(debt, received, received - command.amount, receipt)


def debt_money_came(tx: Tx, received: Received) -> None:
    """A channel brought money for a debt. What a refund or another window settled meanwhile goes back."""
    tender = received.tender
    before = tx.session.one(queries.LOCK_DEBT, debt_id=tender.debt_id, campus=tx.campus)
    if before.state != "open" or tender.amount > before.outstanding:
        give_back(tx, tender.settlement_id, tender, tender.amount, "late", reason="欠费已结清，自动退回")
        tx.session.execute(tender_queries.GIVE_UP_TENDER, id_=tender.tender_id)
        return
    _lower(tx, before, received.settlement, tender, received.shift)


def request_write_off(tx: Tx, debt_id: UUID, command: RequestWriteOff) -> DebtWriteOff:
    """Ask that what is outstanding be given up (核销申请). One request waits at a time (WriteOffWaiting)."""
    debt, _ = _lock_debt(tx, debt_id)
    row = DebtWriteOff(
        write_off_id=new_id(),
        campus_id=tx.campus,
        debt_id=debt_id,
        patient_id=debt.patient_id,
        amount=debt.outstanding,
        reason=command.reason,
        evidence=command.evidence,
        state="requested",
        applicant=tx.actor.subject,
        applicant_name=tx.actor.name,
        requested_at=tx.now,
    )
    tx.session.add(row)
    tx.audit("write_off.requested", "debt", debt_id, patient_id=debt.patient_id, amount=str(debt.outstanding))
    return row


def approve_write_off_first(tx: Tx, write_off_id: UUID, command: DecideWriteOff) -> DebtWriteOff:
    """The lead approves (第一级); not who asked."""
    row = _lock_write_off(tx, write_off_id, command)
    tx.assert_distinct([row.applicant], "欠费核销的申请与审批须由不同人员办理。")
    approved = tx.session.first(
        queries.APPROVE_FIRST, id_=write_off_id, who=tx.actor.subject, name=tx.actor.name, at=tx.now
    )
    if approved is None:
        raise WriteOffDecided("该核销申请不在待初审状态，请刷新后核对。", state=row.state)
    tx.audit("write_off.half_approved", "write_off", write_off_id, patient_id=row.patient_id)
    return approved


def approve_write_off_second(tx: Tx, write_off_id: UUID, command: DecideWriteOff) -> DebtWriteOff:
    """Finance approves (第二级): what is outstanding now is given up. Nobody pays it any more, and it is no receipt.

    Lock order as everywhere: shift, settlement, debt, then the request.
    """
    known = tx.session.first(queries.WRITE_OFF, write_off_id=write_off_id)
    if known is None or known.campus_id != tx.campus:
        raise _no_write_off()
    shift = cashier.shift_for(tx, "", "system")
    debt, settlement = _lock_debt(tx, known.debt_id)
    row = _lock_write_off(tx, write_off_id, command)
    tx.assert_distinct([row.applicant, row.first_approver], "欠费核销的申请、初审、复审须由不同人员办理。")
    require_nothing_pending(tx.session.all(tender_queries.TENDERS, settlement_id=debt.settlement_id))
    approved = tx.session.first(
        queries.APPROVE_SECOND,
        id_=write_off_id,
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
        worth=debt.outstanding,
    )
    if approved is None:
        raise WriteOffDecided("该核销申请须先由收费组长初审，请刷新后核对。", state=row.state)
    tender = Tender(
        tender_id=new_id(),
        campus_id=tx.campus,
        settlement_id=debt.settlement_id,
        method="bad_debt",
        amount=debt.outstanding,
        returned=ZERO,
        state="received",
        reference=str(write_off_id),
        note=None,
        debt_id=debt.debt_id,
        tendered_at=tx.now,
        tendered_by=tx.actor.subject,
    )
    tx.session.add(tender)
    _lower(tx, debt, settlement, tender, shift, given_up=True)
    tx.audit("write_off.executed", "write_off", write_off_id, patient_id=row.patient_id, amount=str(tender.amount))
    return approved


def reject_write_off(tx: Tx, write_off_id: UUID, command: DecideWriteOff) -> DebtWriteOff:
    """Reject giving a debt up: it stays open."""
    row = _lock_write_off(tx, write_off_id, command)
    tx.assert_distinct([row.applicant], "欠费核销的申请与审批须由不同人员办理。")
    rejected = tx.session.first(queries.REJECT_WRITE_OFF, id_=write_off_id, name=tx.actor.name, why=command.note)
    if rejected is None:
        raise WriteOffDecided("该核销申请已办结，请刷新后核对。", state=row.state)
    tx.audit("write_off.rejected", "write_off", write_off_id, patient_id=row.patient_id)
    return rejected


def _lower(
    tx: Tx, before: Debt, settlement: Settlement, tender: Tender, shift: ShiftInfo, *, given_up: bool = False
) -> tuple[Debt, Receipt | None]:
    amount = tender.amount
    came, lost = (ZERO, amount) if given_up else (amount, ZERO)
    debt = tx.session.one(queries.LOWER_DEBT, id_=before.debt_id, fell=amount, came=came, given_up=lost, at=tx.now)
    tx.session.execute(tender_queries.RETURN_ON_TENDER, id_=debt.tender_id, went=amount)
    _exchange(tx, shift, tender, "in", tender.method)
    _exchange(tx, shift, tender, "out", "debt")
    if not given_up:
        tx.audit("debt.paid", "debt", debt.debt_id, patient_id=debt.patient_id, amount=str(amount))
    if debt.state == "open":
        return debt, None
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
    worth = settlement.total - settlement.refunded - debt.written_off
    if worth <= ZERO:
        return debt, None
    number = receipts.take_numbers(tx, receipts.RECEIPTS)[receipts.RECEIPTS]
    return debt, receipts.issue(tx, shift, debt.settlement_id, worth, number)


def _lock_debt(tx: Tx, debt_id: UUID) -> tuple[Debt, Settlement]:
    sent = tx.session.send(queries.LOCK_DEBT_SETTLEMENT, debt_id=debt_id, campus=tx.campus)
    debt = tx.session.first(queries.LOCK_DEBT, debt_id=debt_id, campus=tx.campus)
    if debt is None:
        raise DebtUnknown("本院区没有这笔欠费，请核对。")
    if debt.state != "open":
        raise DebtSettledAlready("该欠费已结清，请刷新后核对。")
    return debt, sent.one()


def _lock_write_off(tx: Tx, write_off_id: UUID, command: DecideWriteOff) -> DebtWriteOff:
    tx.actor.require_fresh_sign_on(tx.now)
    row = tx.session.first(queries.LOCK_WRITE_OFF, write_off_id=write_off_id, campus=tx.campus)
    if row is None:
        raise _no_write_off()
    tx.check_version(row.version, command.version)
    return row


def _no_write_off() -> WriteOffUnknown:
    return WriteOffUnknown("本院区没有这份核销申请，请核对。")


def _exchange(tx: Tx, shift: ShiftInfo, tender: Tender, direction: Direction, method: str) -> None:
    cashier.book(
        tx,
        shift,
        direction,
        method,
        tender.amount,
        kind="debt_payment",
        subject_id=tender.settlement_id,
        ref_id=tender.tender_id,
    )
