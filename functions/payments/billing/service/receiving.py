"""Electronic money arrives: the settlement it belongs to goes on and completes with the last cent; a course has it."""

from uuid import UUID

from events.payments import PaymentClosed, PaymentFailed, PaymentSucceeded
from functions.payments.billing.models import Settlement
from functions.payments.billing.queries import tenders
from functions.payments.billing.service.course_payments import COURSES, book_course_payment
from functions.payments.billing.service.debts import debt_money_came
from functions.payments.billing.service.finishing import finish
from functions.payments.billing.service.paying import MODULE, take_answer
from functions.payments.gateway import service as gateway
from shared.steps import Steps
from shared.tx import Tx


def payment_told(tx: Tx, event: PaymentSucceeded | PaymentFailed | PaymentClosed) -> None:
    """The gateway tells how a payment ended. Payments of other modules are theirs."""
    if event.ref_module in (MODULE, COURSES):
        book_payment(tx, event.payment_id)


def carry_out_payment(steps: Steps, payment_id: UUID) -> None:
    """Send the order to the channel, wait for what it says, and book it."""
    gateway.carry_out(steps, payment_id)
    steps.step(lambda tx: book_payment(tx, payment_id))


def book_payment(tx: Tx, payment_id: UUID) -> Settlement | None:
    """Book how a payment stands now, once however often it is told. Completes the settlement it fills."""
    payment = gateway.payment_of(tx, payment_id)
    if payment.ref_module == COURSES:
        book_course_payment(tx, payment)
        return None
    received = take_answer(tx, payment)
    if received is None:
        return None
    if received.tender.debt_id is not None:
        debt_money_came(tx, received)
        return received.settlement
    settlement = received.settlement
    if settlement.tendered < settlement.total:
        return settlement
    all_tenders = tx.session.all(tenders.TENDERS, settlement_id=settlement.settlement_id)
    return finish(tx, settlement, received.shift, all_tenders, None).settlement
