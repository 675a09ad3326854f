"""The fee of a visit after it was posted: carried out when the consultation begins, undone, given back."""

from functions.outpatient.registration.models import Visit
from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeInfo, Executed
from shared.money import ZERO, Money
from shared.tx import Tx

LIVE = frozenset({"open", "locked", "paid", "owed"})


def fee_lines(tx: Tx, visit: Visit) -> list[ChargeInfo]:
    """The lines of a visit's fee that still count."""
    if visit.fee_module is None or visit.fee_source is None:
        return []
    found = billing.source_charges(tx, visit.fee_module, visit.fee_source)
    return [line for line in found if line.status not in ("voided", "refunded")]


def fee_rendered(tx: Tx, visit: Visit) -> None:
    """The consultation begins: from now on its fee is earned and not refunded without a release."""
    lines = [line for line in fee_lines(tx, visit) if line.status in LIVE and not line.executed_quantity]
    if lines and visit.fee_module and visit.fee_source:
        parts = [Executed(line.source_line, line.quantity - line.refunded_quantity) for line in lines]
        billing.record_execution(tx, visit.fee_module, visit.fee_source, parts)


def fee_not_rendered(tx: Tx, visit: Visit) -> None:
    """A visit that began is cancelled with everybody's consent: its fee counts as not carried out."""
    lines = [line for line in fee_lines(tx, visit) if line.executed_quantity]
    if lines and visit.fee_module and visit.fee_source:
        parts = [Executed(line.source_line, line.executed_quantity) for line in lines]
        billing.record_return(tx, visit.fee_module, visit.fee_source, parts)


def give_back(tx: Tx, visit: Visit, reason_code: str, reason: str) -> Money:
    """Withdraw the fee of a visit where it is unpaid, refund it where it is paid; the money on its way back now.

    A refund another person must approve is refused with the way to ask for it, and nothing changes. The system's own
    (a stopped session) leaves a refund ready for any window, and none where one is under way already.
    """
    if visit.fee_module is None or visit.fee_source is None:
        return ZERO
    billing.void_source(tx, visit.fee_module, visit.fee_source, reason_code)
    state = billing.source_state(tx, visit.fee_module, visit.fee_source)
    if state not in {"paid", "owed", "refunding"} or (state == "refunding" and tx.actor.kind == "system"):
        return ZERO
    refund = billing.refund_source(tx, visit.fee_module, visit.fee_source, reason_code, reason)
    return refund.amount if refund.executed else ZERO
