"""Debts: paid later, wholly or in part, at any window (欠费补缴)."""

from dataclasses import dataclass
from uuid import UUID

from events.payments import DebtSettled
from functions.payments.billing.models import Debt, Receipt, Tender
from functions.payments.billing.problems import CashShort, DebtOverpaid, DebtSettledAlready, DebtUnknown
from functions.payments.billing.queries import charges, settlements
from functions.payments.billing.schemas import PayDebt
from functions.payments.billing.service import receipts
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import Direction, ShiftInfo
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class DebtPaid:
    """A debt after a payment: cash received and given back, and the receipt when nothing is outstanding any more."""

    debt: Debt
    received: Money
    change: Money
    receipt: Receipt | None


def pay_debt(tx: Tx, debt_id: UUID, command: PayDebt) -> DebtPaid:
    """Pay a debt in cash. With the last cent its lines become paid and the settlement gets its receipt.

    The payment is a tender of the settlement that takes the place of the owed one, so the settlement stays balanced.
    Raises DebtOverpaid, DebtSettledAlready, CashShort, NoOpenShift.
    """
    received = command.received if command.received is not None else command.amount
    if received < command.amount:
        raise CashShort(f"实收 {received} 元，少于补缴金额 {command.amount} 元，请补收。")
    till = cashier.open_till(tx, cash_in=command.amount)
    sent = tx.session.send(settlements.LOCK_DEBT_SETTLEMENT, debt_id=debt_id, campus=tx.campus)
    before = tx.session.first(settlements.LOCK_DEBT, debt_id=debt_id, campus=tx.campus)
    if before is None:
        raise DebtUnknown("本院区没有这笔欠费，请核对。")
    if before.state != "open":
        raise DebtSettledAlready("该欠费已结清，请刷新后核对。")
    if command.amount > before.outstanding:
        raise DebtOverpaid(f"尚欠 {before.outstanding} 元，补缴金额不能超过欠费。", outstanding=str(before.outstanding))
    settlement = sent.one()
    shift = till.shift()
    debt = tx.session.one(settlements.LOWER_DEBT, id_=debt_id, fell=command.amount, came=command.amount, at=tx.now)
    tender = Tender(
        tender_id=new_id(),
        campus_id=tx.campus,
        settlement_id=debt.settlement_id,
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
    tx.session.execute(settlements.RETURN_ON_TENDER, id_=debt.tender_id, went=command.amount)
    _exchange(tx, shift, tender, "in", "cash")
    _exchange(tx, shift, tender, "out", "debt")
    tx.audit("debt.paid", "debt", debt_id, patient_id=debt.patient_id, amount=str(command.amount))
    receipt = None
    if debt.state == "settled":
        tx.session.execute(charges.DEBT_PAID, settlement=debt.settlement_id)
        tx.emit(
            DebtSettled(
                debt_id=debt_id,
                settlement_id=debt.settlement_id,
                patient_id=debt.patient_id,
                amount=debt.amount,
                paid=debt.paid,
            )
        )
        number = receipts.take_numbers(tx, receipts.RECEIPTS)[receipts.RECEIPTS]
        worth = settlement.total - settlement.refunded
        receipt = receipts.issue(tx, shift, debt.settlement_id, worth, number)
    return DebtPaid(debt, received, received - command.amount, receipt)


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
