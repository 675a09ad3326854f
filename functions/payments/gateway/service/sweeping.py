"""Every minute: what hangs is asked about, so that nothing stays open (spec 56, 5).

Bounded by number and by time: what is left is found again a minute later.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

from functions.payments.gateway.queries import certificates as certificate_queries
from functions.payments.gateway.queries import merchants as merchant_queries
from functions.payments.gateway.queries import payments as payment_queries
from functions.payments.gateway.queries import refunds as refund_queries
from functions.payments.gateway.service import certificates, forgeries, health, messages, receiving
from functions.payments.gateway.service.ordering import settle_by_asking
from functions.payments.gateway.service.refunding import LATE_REFERENCE, carry_out_refund, request_refund
from shared.problems import Problem
from shared.steps import Steps
from shared.tx import Tx

log = logging.getLogger("his.payments.gateway")

AT_ONCE = 20
PAYMENTS_AT_ONCE = 60
"""The peak is 20 payments a minute (spec 56): what a channel left unanswered for ten minutes is asked in four."""
LASTS = timedelta(seconds=45)
Work = Callable[[Steps], object]


def each_minute(tx: Tx) -> Callable[[Steps], None] | None:
    """Take what is due at this campus; the asking happens after the commit."""
    give_back_late_money(tx)
    forgeries.raise_alarms(tx)
    payments = tx.session.send(payment_queries.CLAIM_DUE, campus=tx.campus, at=tx.now, limit=PAYMENTS_AT_ONCE)
    refunds = tx.session.send(refund_queries.CLAIM_DUE, campus=tx.campus, at=tx.now, limit=AT_ONCE)
    waiting = tx.session.send(merchant_queries.WAITING, campus=tx.campus, limit=AT_ONCE)
    lists = tx.session.send(certificate_queries.DUE, campus=tx.campus, at=tx.now, limit=AT_ONCE)
    probes = tx.session.send(merchant_queries.PROBES_DUE, campus=tx.campus, at=tx.now)
    work: list[Work] = [
        *(partial(certificates.fetch_due, merchant_id=merchant_id) for merchant_id in lists.all()),
        *(partial(health.probe, merchant_id=row.merchant_id) for row in probes.all()),
        *(partial(settle_by_asking, payment_id=payment_id) for payment_id in payments.all()),
        *(partial(carry_out_refund, channel_refund_id=refund_id, claimed=True) for refund_id in refunds.all()),
        *(partial(receiving.take_up, waiting=row) for row in waiting.all()),
    ]
    if (sealing := messages.each_round(tx)) is not None:
        work.append(sealing)
    if not work:
        return None
    return lambda steps: _work_off(steps, work)


def give_back_late_money(tx: Tx) -> None:
    """Money that came after its payment was closed and that no bill took goes back by itself."""
    for row in tx.session.all(payment_queries.LATE_DUE, campus=tx.campus, at=tx.now, limit=AT_ONCE):
        left = row.amount - row.refunded - row.refunding
        if left > 0:
            request_refund(tx, row.payment_id, left, LATE_REFERENCE, "关单后到账，自动退回")


def _work_off(steps: Steps, work: Iterable[Work]) -> None:
    until = steps.clock() + LASTS
    for piece in work:
        if steps.clock() >= until:
            return
        try:
            piece(steps)
        except Problem as problem:
            log.warning("payment not settled", exc_info=problem, extra={"fields": {"code": problem.code}})
