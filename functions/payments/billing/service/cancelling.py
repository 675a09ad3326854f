"""Giving up a started settlement: at once, or after the channel said what really happened."""

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from functions.payments.billing import rules
from functions.payments.billing.models import ChannelRefund, Settlement
from functions.payments.billing.problems import InsuranceUnderway, TenderNotPending
from functions.payments.billing.queries import charges, settlements, tenders
from functions.payments.billing.schemas import CancelSettlement
from functions.payments.billing.service.carrying import return_carried
from functions.payments.billing.service.channel_refunds import carry_out, give_back
from functions.payments.billing.service.finishing import STARTED, lock_started, require_holder
from functions.payments.billing.service.receiving import book_payment
from functions.payments.cashier import service as cashier
from functions.payments.gateway import service as gateway
from shared.problems import Problem
from shared.steps import Steps
from shared.tx import Tx

log = logging.getLogger("his.payments.billing")
STALE_REASON = "超时未完成，系统取消"


def cancel_settlement(tx: Tx, settlement_id: UUID, command: CancelSettlement) -> tuple[Settlement, UUID | None]:
    """Give up a started settlement: its holder at any time, anybody once it is stale. The charges are open again.

    Gives the settlement, and the payment whose channel must be asked first (finish_cancelling). InsuranceUnderway when
    the insurer has answered or is asked: only its undoing (2208) gives such a settlement up.
    """
    settlement = lock_started(tx, settlement_id)
    tx.check_version(settlement.version, command.version)
    if not rules.stale(settlement.channel, settlement.started_at, tx.now):
        require_holder(tx, settlement)
    if settlement.insurance_ref is not None:
        raise InsuranceUnderway("该结算已向医保发起，请先在医保面板查询并冲正，再取消。")
    pending = [one for one in tx.session.all(tenders.TENDERS, settlement_id=settlement_id) if one.state == "pending"]
    if pending:
        return settlement, pending[0].payment_id
    cancelled, _ = give_up(tx, settlement, command.reason)
    return cancelled, None


def finish_cancelling(steps: Steps, settlement_id: UUID, payment_id: UUID | None, reason: str) -> None:
    """Ask the channel, book what it says, and give up what is still unpaid; then send money back where some came."""
    if payment_id is not None:
        gateway.close_payment(steps, payment_id)
        steps.step(lambda tx: book_payment(tx, payment_id))
    carry_out(steps, steps.step(lambda tx: _give_up_if_started(tx, settlement_id, reason)))


def drop_tender(tx: Tx, settlement_id: UUID, tender_id: UUID) -> UUID:
    """Stop waiting for an electronic payment, so that another means can be taken: gives the payment to be closed."""
    settlement = lock_started(tx, settlement_id)
    require_holder(tx, settlement)
    for tender in tx.session.all(tenders.TENDERS, settlement_id=settlement_id):
        if tender.tender_id == tender_id and tender.state == "pending" and tender.payment_id is not None:
            tx.audit("tender.dropped", "settlement", settlement_id, patient_id=settlement.patient_id)
            return tender.payment_id
    raise TenderNotPending("该笔支付已有结果，请刷新后核对。")


def finish_dropping(steps: Steps, payment_id: UUID) -> None:
    """Close the payment at the channel and book the truth: it may turn out to be paid."""
    gateway.close_payment(steps, payment_id)
    steps.step(lambda tx: book_payment(tx, payment_id))


def cancel_stale_settlements(tx: Tx) -> list[tuple[Settlement, list[ChannelRefund]]]:
    """Cancel started settlements nobody finished in time; one that awaits a channel's or insurer's answer is left.

    Called every minute for each campus. Settlements being worked on at this moment are skipped. Gives each cancelled
    one with what of it goes back through channels, to be carried out after the commit.
    """
    stale = tx.session.all(settlements.STALE, campus=tx.campus, **_since(tx))
    return [give_up(tx, settlement, STALE_REASON) for settlement in stale]


def ask_stale_payments(tx: Tx) -> Callable[[Steps], None] | None:
    """Stale settlements that wait for a channel: it is asked after the commit; paid ones complete, others end."""
    waiting = tx.session.all(settlements.STALE_PAYING, campus=tx.campus, **_since(tx))
    if not waiting:
        return None

    def ask(steps: Steps) -> None:
        for one in waiting:
            try:
                finish_cancelling(steps, one.settlement_id, one.payment_id, STALE_REASON)
            except Problem as problem:  # one channel that is out of order keeps nobody else waiting
                log.warning(
                    "stale settlement not ended",
                    extra={"fields": {"settlement_id": str(one.settlement_id), "code": problem.code}},
                )

    return ask


def stale_insured(tx: Tx) -> list[Settlement]:
    """Insured settlements nobody finished in time, for medical_affairs/insurance to undo (2208) and give up."""
    return tx.session.all(settlements.STALE_INSURED, campus=tx.campus, **_since(tx))


def give_up(tx: Tx, settlement: Settlement, reason: str) -> tuple[Settlement, list[ChannelRefund]]:
    """Cancel a locked settlement without a pending tender: lines open again, money that came goes back."""
    settlement_id = settlement.settlement_id
    back = [
        give_back(tx, settlement_id, tender, tender.amount, "cancelled", reason="结算取消退回")
        for tender in tx.session.all(tenders.TENDERS, settlement_id=settlement_id)
        if tender.state == "received" and tender.payment_id is not None
    ]
    if settlement.predecessor_id is not None:
        shift = cashier.open_till(tx).shift()
        back += return_carried(tx, settlement, shift)
    tx.session.execute(charges.RELEASE, settlement=settlement_id)
    tx.session.execute(settlements.RELEASE_LINES, settlement=settlement_id, at=tx.now)
    tx.session.execute(tenders.CANCEL_TENDERS, settlement=settlement_id)
    cancelled = tx.session.one(settlements.CANCEL, id_=settlement_id, at=tx.now, who=tx.actor.subject, why=reason)
    tx.audit("settlement.cancelled", "settlement", settlement_id, patient_id=settlement.patient_id)
    return cancelled, back


def _give_up_if_started(tx: Tx, settlement_id: UUID, reason: str) -> list[ChannelRefund]:
    settlement = tx.session.one(settlements.LOCK_SETTLEMENT, settlement_id=settlement_id, campus=tx.campus)
    waits = any(one.state == "pending" for one in tx.session.all(tenders.TENDERS, settlement_id=settlement_id))
    if settlement.state not in STARTED or waits or settlement.insurance_ref is not None:
        return []
    return give_up(tx, settlement, reason)[1]


def _since(tx: Tx) -> dict[str, object]:
    return {
        "window_since": tx.now - timedelta(minutes=rules.WINDOW_MINUTES),
        "online_since": tx.now - timedelta(minutes=rules.ONLINE_MINUTES),
    }
