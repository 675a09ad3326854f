"""Refunds that another module asks for in its own transaction: everything paid of one source goes back."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from functions.payments.billing.models import Charge, Refund, Settlement
from functions.payments.billing.problems import LineBeingRefunded, RefundNeedsApproval
from functions.payments.billing.queries import charges, refunds, settlements
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.service.orders import RefundInfo
from functions.payments.billing.service.paying_back import insured, pay_back, refuse_insured
from functions.payments.billing.service.refunding import LEVEL_NAMES, Request, Wanted, amount_of, level_of, record
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import ShiftInfo
from shared.database.session import Pending
from shared.money import ZERO
from shared.tx import Tx


def refund_source(tx: Tx, source_module: str, source_id: str, reason_code: str, reason: str) -> RefundInfo:
    """Give back everything paid for a source (a visit, a prescription, a request), by the approval rules.

    An approved refund of exactly these lines is paid now; otherwise a small one of the cashier's own shift is paid at
    once; otherwise RefundNeedsApproval says who must approve first, and nothing changes. The system itself (a stopped
    session) needs no approval: what was paid electronically goes back at once, cash waits at any window.
    """
    till = cashier.open_till(tx)
    known = tx.session.all(charges.SOURCE, source_module=source_module, source_id_=source_id)
    settled = sorted({charge.settlement_id for charge in known if charge.settlement_id is not None})
    locked = {settlement_id: _lock(tx, settlement_id) for settlement_id in settled}
    found = tx.session.all(charges.LOCK_SOURCE, source_module=source_module, source_id_=source_id, campus=tx.campus)
    paid: dict[UUID, list[Charge]] = defaultdict(list)
    for charge in found:
        if charge.settlement_id in locked and charge.status in ("paid", "owed", "refunding"):
            paid[charge.settlement_id].append(charge)
    if not paid:
        return RefundInfo(ZERO, True)
    approved = _approved(tx, list(paid))
    shift = None if tx.actor.kind == "system" else till.shift()
    total, done = ZERO, []
    for settlement_id in sorted(paid):
        settlement = locked[settlement_id].one()
        waiting = _covering(approved, paid[settlement_id])
        if waiting is not None and shift is not None:
            refund = _pay_approved(tx, waiting, settlement, paid[settlement_id], shift)
        else:
            refund = _ask(tx, settlement, paid[settlement_id], reason_code, reason, shift)
        total += refund.amount
        done.append(refund)
    executed = all(refund.state == "executed" for refund in done)
    return RefundInfo(total, executed, tuple(refund.refund_id for refund in done))


def _lock(tx: Tx, settlement_id: UUID) -> Pending[Settlement]:
    return tx.session.send(settlements.LOCK_SETTLEMENT, settlement_id=settlement_id, campus=tx.campus)


def _approved(tx: Tx, settlement_ids: Sequence[UUID]) -> dict[UUID, tuple[Refund, dict[UUID, Decimal]]]:
    found = tx.session.all(refunds.APPROVED_OF_SETTLEMENTS, settlements=list(settlement_ids))
    if not found:
        return {}
    quantities: dict[UUID, dict[UUID, Decimal]] = defaultdict(dict)
    for line in tx.session.all(refunds.LINES_OF_REFUNDS, refunds=[refund.refund_id for refund in found]):
        quantities[line.refund_id][line.charge_id] = line.quantity
    return {refund.refund_id: (refund, quantities[refund.refund_id]) for refund in found}


def _covering(approved: dict[UUID, tuple[Refund, dict[UUID, Decimal]]], paid: Sequence[Charge]) -> Refund | None:
    wanted = {charge.charge_id: charge.quantity - charge.refunded_quantity for charge in paid}
    for refund, quantities in approved.values():
        if quantities == wanted:
            return refund
    return None


def _pay_approved(tx: Tx, refund: Refund, settlement: Settlement, paid: Sequence[Charge], shift: ShiftInfo) -> Refund:
    refuse_insured(settlement)
    tx.assert_distinct([refund.applicant, refund.approver], "退费的申请、审批、执行须由不同人员办理。")
    locked = tx.session.send(refunds.LOCK_REFUND, refund_id=refund.refund_id, campus=tx.campus)
    lines = tx.session.send(refunds.LINES, refund_id=refund.refund_id)
    tenders = tx.session.all(tender_queries.LOCK_TENDERS, settlement_id=settlement.settlement_id)
    current = locked.one()
    if current.state != "approved":
        raise LineBeingRefunded("该退费单刚被他人办理，请刷新后核对。")
    executed, _ = pay_back(tx, current, settlement, lines.all(), paid, tenders, shift)
    return executed


def _ask(
    tx: Tx, settlement: Settlement, paid: Sequence[Charge], reason_code: str, reason: str, shift: ShiftInfo | None
) -> Refund:
    if any(charge.status == "refunding" for charge in paid):
        raise LineBeingRefunded("该业务的费用已有退费申请待办，请等其审批后再办理。")
    tenders = tx.session.all(tender_queries.LOCK_TENDERS, settlement_id=settlement.settlement_id)
    lines = [Wanted(charge, charge.quantity - charge.refunded_quantity) for charge in paid]
    request = Request(settlement, tenders, lines, reason_code, reason, False)
    level = level_of(tx, request, shift)
    if tx.actor.kind != "system" and (level != "cashier" or insured(settlement)):
        level = "lead" if level == "cashier" else level
        raise RefundNeedsApproval(
            f"该退费须由{LEVEL_NAMES[level]}审批：请先提交退费申请，审批后再办理。",
            level=level,
            settlement_id=str(settlement.settlement_id),
            amount=str(amount_of(request)),
            lines=[{"charge_id": str(line.charge.charge_id), "quantity": str(line.quantity)} for line in request.lines],
        )
    return record(tx, request, shift)[0]
