"""Refunds that another module asks for in its own transaction: everything paid of one source goes back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from functions.payments.billing.models import Charge, Refund, Settlement
from functions.payments.billing.problems import LineBeingRefunded, RefundNeedsApproval
from functions.payments.billing.queries import charges, refunds, settlements
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.service.orders import RefundInfo
from functions.payments.billing.service.paying_back import insured, pay_back, refuse_insured
from functions.payments.billing.service.refunding import (
    HOSPITAL_RULE,
    LEVEL_NAMES,
    amount_of,
    asked,
    level_of,
    record,
    require_current,
    take_back,
)
from functions.payments.billing.service.regrouping import Wanted
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import ShiftInfo
from shared.database.session import Pending
from shared.money import ZERO
from shared.tx import Tx

SETTLED = ("paid", "owed", "refunding")
"""States of a charge that stands in a completed settlement and is not wholly given back."""


def refund_source(tx: Tx, source_module: str, source_id: str, reason_code: str, reason: str) -> RefundInfo:
    """Give back everything paid for a source (a visit, a prescription, a request), by the approval rules.

    An approved refund of exactly these lines is paid now; otherwise a small one of the cashier's own shift is paid at
    once; otherwise RefundNeedsApproval says who must approve first, and nothing changes. The system itself (a stopped
    session) needs no approval: what was paid electronically goes back at once, cash waits at any window. A difference
    that still waits at a window (lower_price) becomes part of this refund.
    """
    till = cashier.open_till(tx)
    known = tx.session.all(charges.SOURCE, source_module=source_module, source_id_=source_id)
    settled = sorted({charge.settlement_id for charge in known if charge.settlement_id is not None})
    locked = {settlement_id: _lock(tx, settlement_id) for settlement_id in settled}
    found = tx.session.all(charges.LOCK_SOURCE, source_module=source_module, source_id_=source_id, campus=tx.campus)
    paid = _paid(found, locked)
    if not paid:
        return RefundInfo(ZERO, True)
    if _take_back_differences(tx, paid):
        found = tx.session.all(charges.LOCK_SOURCE, source_module=source_module, source_id_=source_id, campus=tx.campus)
        paid = _paid(found, locked)
    if tx.actor.kind == "system" and _all_refunding(paid):
        return RefundInfo(ZERO, False)
    approved = _approved(tx, list(paid))
    shift = None if tx.actor.kind == "system" else till.shift()
    total, done = ZERO, []
    for settlement_id in sorted(paid):
        settlement = locked[settlement_id].one()
        waiting = _covering(approved, paid[settlement_id])
        if waiting is not None and shift is not None:
            refund = _pay_approved(tx, waiting, settlement, shift)
        else:
            refund = _ask(tx, settlement, paid[settlement_id], reason_code, reason, shift)
        total += refund.amount
        done.append(refund)
    executed = all(refund.state == "executed" for refund in done)
    return RefundInfo(total, executed, tuple(refund.refund_id for refund in done))


def _lock(tx: Tx, settlement_id: UUID) -> Pending[Settlement]:
    return tx.session.send(settlements.LOCK_SETTLEMENT, settlement_id=settlement_id, campus=tx.campus)


def _paid(found: Sequence[Charge], locked: Mapping[UUID, object]) -> dict[UUID, list[Charge]]:
    paid: dict[UUID, list[Charge]] = defaultdict(list)
    for charge in found:
        if charge.settlement_id is not None and charge.settlement_id in locked and charge.status in SETTLED:
            paid[charge.settlement_id].append(charge)
    return paid


def by_rule_waiting(tx: Tx, settlement_id: UUID, charge_id: UUID) -> Refund | None:
    """The refund by the hospital's rule of a part of a charge alone that waits for a drawer or the insurer."""
    for refund, quantities in _approved(tx, [settlement_id]).values():
        if refund.approver == HOSPITAL_RULE and set(quantities) == {charge_id}:
            return refund
    return None


def _take_back_differences(tx: Tx, paid: dict[UUID, list[Charge]]) -> bool:
    taken = False
    for settlement_id, lines in paid.items():
        for charge in lines:
            if charge.status != "refunding" or charge.refunding_quantity == charge.remaining_quantity:
                continue
            if (waiting := by_rule_waiting(tx, settlement_id, charge.charge_id)) is not None:
                take_back(tx, waiting)
                taken = True
    return taken


def _all_refunding(paid: dict[UUID, list[Charge]]) -> bool:
    """Whether everything paid goes back already by refunds under way."""
    lines = [charge for settled in paid.values() for charge in settled]
    return all(charge.refunding_quantity == charge.remaining_quantity for charge in lines)


def _approved(tx: Tx, settlement_ids: Sequence[UUID]) -> dict[UUID, tuple[Refund, dict[UUID, Decimal]]]:
    found = tx.session.all(refunds.APPROVED_OF_SETTLEMENTS, settlements=list(settlement_ids))
    if not found:
        return {}
    quantities: dict[UUID, dict[UUID, Decimal]] = defaultdict(dict)
    for line in tx.session.all(refunds.LINES_OF_REFUNDS, refunds=[refund.refund_id for refund in found]):
        if line.quantity:
            quantities[line.refund_id][line.charge_id] = line.quantity
    return {refund.refund_id: (refund, quantities[refund.refund_id]) for refund in found}


def _covering(approved: dict[UUID, tuple[Refund, dict[UUID, Decimal]]], paid: Sequence[Charge]) -> Refund | None:
    wanted = {charge.charge_id: charge.quantity - charge.refunded_quantity for charge in paid}
    for refund, quantities in approved.values():
        if quantities == wanted:
            return refund
    return None


def _pay_approved(tx: Tx, refund: Refund, settlement: Settlement, shift: ShiftInfo) -> Refund:
    refuse_insured(settlement)
    tx.assert_distinct([refund.applicant, refund.approver], "退费的申请、审批、执行须由不同人员办理。")
    locked = tx.session.send(refunds.LOCK_REFUND, refund_id=refund.refund_id, campus=tx.campus)
    affected = tx.session.send(refunds.LOCK_CHARGES_OF_REFUND, refund_id=refund.refund_id, campus=tx.campus)
    sent_lines = tx.session.send(refunds.LINES, refund_id=refund.refund_id)
    tenders = tx.session.all(tender_queries.LOCK_TENDERS, settlement_id=settlement.settlement_id)
    current = locked.one()
    if current.state != "approved":
        raise LineBeingRefunded("该退费单刚被他人办理，请刷新后核对。")
    lines, found = sent_lines.all(), affected.all()
    require_current(tx, current, lines, found)
    executed, _ = pay_back(tx, current, settlement, lines, found, tenders, shift)
    return executed


def _ask(
    tx: Tx, settlement: Settlement, paid: Sequence[Charge], reason_code: str, reason: str, shift: ShiftInfo | None
) -> Refund:
    if any(charge.status == "refunding" for charge in paid):
        raise LineBeingRefunded("该业务的费用已有退费申请待办，请等其审批后再办理。")
    tenders = tx.session.all(tender_queries.LOCK_TENDERS, settlement_id=settlement.settlement_id)
    lines = [Wanted(charge, charge.quantity - charge.refunded_quantity) for charge in paid]
    request = asked(tx, settlement, tenders, lines, reason_code, reason)
    level = level_of(tx, request, shift)
    if tx.actor.kind != "system" and (level != "cashier" or insured(settlement)):
        level = "lead" if level == "cashier" else level
        raise RefundNeedsApproval(
            f"该退费须由{LEVEL_NAMES[level]}审批：请先提交退费申请，审批后再办理。",
            level=level,
            settlement_id=str(settlement.settlement_id),
            amount=str(amount_of(request)),
            lines=[{"charge_id": str(line.charge.charge_id), "quantity": str(line.quantity)} for line in lines],
        )
    return record(tx, request, shift)[0]
