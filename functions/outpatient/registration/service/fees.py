"""The fee of a visit after it was posted: carried out when the consultation begins, undone, given back."""

from typing import TYPE_CHECKING
from uuid import UUID

from functions.outpatient.registration import rules
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.queries import changes
from functions.payments.billing import service as billing
from shared.money import ZERO, Money
from shared.tx import Tx

if TYPE_CHECKING:
    from functions.payments.billing.service import ChargeInfo

LIVE = frozenset({"open", "locked", "paid", "owed", "refunding"})
PAID = frozenset({"paid", "owed", "refunding"})
REPLACED = "doctor_replaced"
"""Why billing gives a difference back, or a fee is withdrawn: another doctor holds the session."""


def fee_lines(tx: Tx, visit: Visit) -> "list[ChargeInfo]":
    """The lines of a visit's fee that still count."""
    if visit.fee_module is None or visit.fee_source is None:
        return []
    found = billing.source_charges(tx, visit.fee_module, visit.fee_source)
    return [line for line in found if line.status not in ("voided", "refunded")]


def fee_rendered(tx: Tx, visit: Visit) -> None:
    """The consultation begins: from now on its fee is earned and not refunded without a release."""
    lines = [line for line in fee_lines(tx, visit) if line.status in LIVE and not line.executed_quantity]
    if lines and visit.fee_module and visit.fee_source:
        left = {line.source_line: line.quantity - line.refunded_quantity - line.refunding_quantity for line in lines}
        parts = [billing.Executed(line, quantity) for line, quantity in left.items() if quantity]
        if parts:
            billing.record_execution(tx, visit.fee_module, visit.fee_source, parts)


def fee_not_rendered(tx: Tx, visit: Visit) -> None:
    """A visit that began is cancelled with everybody's consent: its fee counts as not carried out."""
    lines = [line for line in fee_lines(tx, visit) if line.executed_quantity]
    if lines and visit.fee_module and visit.fee_source:
        parts = [billing.Executed(line.source_line, line.executed_quantity) for line in lines]
        billing.record_return(tx, visit.fee_module, visit.fee_source, parts)


def withdraw(tx: Tx, visit: Visit, reason_code: str) -> None:
    """Withdraw what is unpaid of a visit's fee. Refuses while somebody is paying it (ChargeHeld)."""
    if visit.fee_module is not None and visit.fee_source is not None:
        billing.void_source(tx, visit.fee_module, visit.fee_source, reason_code)


def give_back(tx: Tx, visit: Visit, reason_code: str, reason: str) -> Money:
    """Withdraw the fee of a visit where it is unpaid, refund it where it is paid; the money on its way back now.

    A refund another person must approve is refused with the way to ask for it, and nothing changes. The system's own
    (a stopped session) leaves a refund ready for any window, and none where all of it is on its way back already.
    """
    if visit.fee_module is None or visit.fee_source is None:
        return ZERO
    withdraw(tx, visit, reason_code)
    state = billing.source_state(tx, visit.fee_module, visit.fee_source)
    if state not in {"paid", "owed", "refunding"}:
        return ZERO
    refund = billing.refund_source(tx, visit.fee_module, visit.fee_source, reason_code, reason)
    return refund.amount if refund.executed else ZERO


def lower_fee(tx: Tx, visit: Visit, item_code: str, price: Money, doctor_id: UUID) -> None:
    """A doctor of lower grade holds the visit's session (替诊): it costs `price` (yuan) from now on.

    What is paid keeps its line and gets the difference back; an unpaid line is withdrawn and charged anew by
    `item_code`. A fee at or below the price stays as it is, so that a redelivery changes nothing.
    """
    lines = fee_lines(tx, visit)
    if visit.fee_module is None or visit.fee_source is None or sum((line.worth for line in lines), ZERO) <= price:
        return
    if price == ZERO:
        give_back(tx, visit, REPLACED, "替诊免诊查费")
        _set_fee(tx, visit, None, (None, None))
        return
    if any(line.status in PAID for line in lines):
        billing.lower_price(tx, visit.fee_module, visit.fee_source, price, REPLACED, "替诊退差价")
        return
    billing.void_source(tx, visit.fee_module, visit.fee_source, REPLACED)
    billing.post_charges(
        tx,
        billing.ChargeOrder(
            patient_id=visit.patient_id,
            encounter_id=visit.encounter_id,
            encounter_no=visit.visit_no,
            source_module=rules.SOURCE,
            source_id=str(visit.encounter_id),
            lines=[
                billing.ChargeLine(f"fee-{visit.version + 1}", item_code, 1, visit.unit_id, visit.unit_id, doctor_id)
            ],
        ),
    )
    _set_fee(tx, visit, item_code, (rules.SOURCE, str(visit.encounter_id)))


def _set_fee(tx: Tx, visit: Visit, item_code: str | None, source: tuple[str | None, str | None]) -> None:
    tx.session.one(
        changes.SET_FEE, id_=visit.encounter_id, campus=tx.campus, item=item_code, module=source[0], source=source[1]
    )
