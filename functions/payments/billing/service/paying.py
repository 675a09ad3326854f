"""Electronic money of a settlement: asked for at the gateway, booked once however the answer comes.

The tender is written `pending` with its payment, in one transaction; the channel is called after the commit; what it
says is booked by the synchronous answer, by the event, or by the minute's question, whichever is first. Nothing else
happens to the settlement meanwhile, so money never meets a bill that was given up.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from functions.payments.billing.models import ChannelRefund, Settlement, Tender
from functions.payments.billing.problems import PaymentUnderway
from functions.payments.billing.queries import settlements, tenders
from functions.payments.billing.rules import METHOD_NAMES
from functions.payments.billing.service.channel_refunds import give_back
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import ShiftInfo
from functions.payments.gateway import service as gateway
from functions.payments.gateway.service import PaymentInfo, PaymentOrder
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx

MODULE = "payments/billing"


class Electronic(Protocol):
    """What is to be paid electronically, as the cashier or the patient chose it: every request that pays says it so."""

    @property
    def method(self) -> str: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def auth_code(self) -> str | None: ...
    @property
    def product(self) -> str | None: ...
    @property
    def payer(self) -> str | None: ...
    @property
    def terminal(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Received:
    """Money that just arrived: the tender it filled and the settlement with it, in the shift that books it."""

    settlement: Settlement
    tender: Tender
    shift: ShiftInfo


def order_payment(
    tx: Tx,
    ref_module: str,
    ref_id: UUID,
    wanted: Electronic,
    place: str | None,
    *,
    patient_id: UUID,
    encounter_id: UUID | None = None,
) -> PaymentInfo:
    """Write at the gateway what a channel is to be asked for: of a payment code the channel is told from it. The
    payment is found by its patient and, when it is for one, its visit."""
    return gateway.create_payment(
        tx,
        PaymentOrder(
            purpose="outpatient",
            ref_module=ref_module,
            ref_id=str(ref_id),
            amount=wanted.amount,
            channel=None if wanted.auth_code else str(wanted.method),
            auth_code=wanted.auth_code,
            product=wanted.product,
            payer=wanted.payer,
            terminal=wanted.terminal or place,
            patient_id=patient_id,
            encounter_id=encounter_id,
        ),
    )


def underway(method: str, amount: Money, order_no: str | None, **more: Any) -> PaymentUnderway:
    """The refusal of a second payment while one is awaited, so that nobody pays twice."""
    return PaymentUnderway(
        f"{METHOD_NAMES[method]} {amount} 元正在等待支付结果，请等结果或先取消该笔支付。",
        order_no=order_no,
        method=method,
        **more,
    )


def ask_payment(tx: Tx, settlement: Settlement, wanted: Electronic, debt_id: UUID | None = None) -> Tender:
    """Write the intent: a pending tender and its payment. PaymentUnderway while another one is awaited."""
    tender_id = new_id()
    payment = order_payment(
        tx,
        MODULE,
        tender_id,
        wanted,
        settlement.counter_name,
        patient_id=settlement.patient_id,
        encounter_id=settlement.encounter_id,
    )
    tender = Tender(
        tender_id=tender_id,
        campus_id=tx.campus,
        settlement_id=settlement.settlement_id,
        method=payment.channel,
        amount=wanted.amount,
        returned=ZERO,
        state="pending",
        reference=payment.order_no,
        note=None,
        debt_id=debt_id,
        tendered_at=tx.now,
        tendered_by=tx.actor.subject,
        payment_id=payment.payment_id,
    )
    tx.session.add(tender)
    tx.audit(
        "settlement.payment_asked",
        "settlement",
        settlement.settlement_id,
        patient_id=settlement.patient_id,
        amount=str(wanted.amount),
    )
    return tender


def require_nothing_pending(all_tenders: list[Tender]) -> None:
    """One electronic payment is awaited at a time, so that nobody pays twice."""
    for tender in all_tenders:
        if tender.state == "pending":
            raise underway(tender.method, tender.amount, tender.reference, tender_id=str(tender.tender_id))


def take_answer(tx: Tx, payment: PaymentInfo) -> Received | None:
    """Book what the channel said of a payment, once. Gives what arrived, or None when nothing did.

    Money that came for a tender given up (it can only be late) goes back.
    """
    found = tx.session.first(tenders.SETTLEMENT_OF_PAYMENT, payment_id=payment.payment_id)
    if found is None:
        return None
    shift = cashier.shift_for(tx, found.holder, found.channel)
    settlement = tx.session.one(settlements.LOCK_SETTLEMENT, settlement_id=found.settlement_id, campus=found.campus_id)
    tender = tx.session.one(tenders.LOCK_TENDER_OF_PAYMENT, payment_id=payment.payment_id)
    if payment.is_open:
        return None
    if not payment.is_paid:
        if tender.state == "pending":
            tx.session.one(tenders.DROP_TENDER, id_=tender.tender_id)
            tx.audit("tender.closed", "settlement", settlement.settlement_id, patient_id=settlement.patient_id)
        return None
    if tender.state == "cancelled":
        _send_back(tx, payment, settlement, tender)
        return None
    if tender.state != "pending":
        return None
    if payment.late:
        gateway.accept_late_payment(tx, payment.payment_id)
    received = tx.session.one(tenders.RECEIVE_TENDER, id_=tender.tender_id)
    tx.audit(
        "tender.received",
        "settlement",
        settlement.settlement_id,
        patient_id=settlement.patient_id,
        amount=str(tender.amount),
    )
    if tender.debt_id is None:
        settlement = tx.session.one(settlements.ADD_TENDER, id_=settlement.settlement_id, came=tender.amount)
    return Received(settlement, received, shift)


def _send_back(tx: Tx, payment: PaymentInfo, settlement: Settlement, tender: Tender) -> None:
    if payment.late or payment.refunded or payment.refunding:
        return
    give_back(tx, settlement.settlement_id, tender, tender.amount, "late", reason="结算已取消，自动退回")


def refunds_of(tx: Tx, settlement_id: UUID) -> list[ChannelRefund]:
    """Money of a settlement that went, or is going, back through a channel."""
    return tx.session.all(tenders.CHANNEL_REFUNDS, settlement_id=settlement_id)
