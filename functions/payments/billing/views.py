"""Rows as screens show them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from functions.payments.billing import rules
from functions.payments.billing.models import Charge, Refund, Settlement, Tender
from functions.payments.billing.prints import receipts_of
from functions.payments.billing.queries import charges, refunds, settlements
from functions.payments.billing.queries.charges import Holding
from functions.payments.billing.rules import FEE_CLASSES, METHOD_NAMES
from functions.payments.billing.schemas import (
    ChargeView,
    FeeClassSum,
    HeldView,
    PendingGroup,
    PendingView,
    PreviewView,
    RefundDetail,
    RefundLineView,
    RefundPartView,
    RefundView,
    SettlementLineView,
    SettlementSummary,
    SettlementView,
    TenderView,
)
from functions.payments.billing.service import Priced, Settled
from functions.payments.billing.service.settling import STARTED
from shared.money import ZERO, Money
from shared.tx import Tx


def fields(view: type[BaseModel], row: object) -> dict[str, Any]:
    """What a view shows of a row."""
    return {name: getattr(row, name) for name in view.model_fields if hasattr(row, name)}


def charge_view(charge: Charge) -> ChargeView:
    shown = fields(ChargeView, charge)
    if charge.execution == "executing" or charge.status not in ("paid", "owed"):
        shown["refundable_quantity"] = ZERO
    return ChargeView(**shown, fee_class_name=FEE_CLASSES.get(charge.fee_class, charge.fee_class))


def pending_view(patient_id: UUID, found: Sequence[Charge], holdings: Iterable[Holding]) -> PendingView:
    groups: dict[tuple[str, str], list[Charge]] = defaultdict(list)
    for charge in found:
        if charge.status == "open":
            groups[charge.source_module, charge.source_id].append(charge)
    held = {holding.charge_id: holding for holding in holdings}
    return PendingView(
        patient_id=patient_id,
        groups=[
            PendingGroup(
                source_module=module,
                source_id=source,
                amount=sum((charge.amount for charge in lines), ZERO),
                charges=[charge_view(charge) for charge in lines],
            )
            for (module, source), lines in groups.items()
        ],
        held=[_held(charge, held.get(charge.charge_id)) for charge in found if charge.status == "locked"],
        owed=[charge_view(charge) for charge in found if charge.status == "owed"],
        total=sum((charge.amount for charge in found if charge.status == "open"), ZERO),
    )


def _held(charge: Charge, holding: Holding | None) -> HeldView:
    return HeldView(
        charge_id=charge.charge_id,
        name=charge.name,
        amount=charge.amount,
        settlement_id=charge.settlement_id,
        holder_name=holding.holder_name if holding else None,
        channel=holding.channel if holding else None,
        held_since=holding.started_at if holding else None,
    )


def preview_view(patient_id: UUID, found: Sequence[Charge], priced: Priced) -> PreviewView:
    worth = {line.charge_id: line for line in priced.lines}
    by_class: dict[str, Money] = defaultdict(lambda: ZERO)
    shown = []
    for charge in found:
        line = worth[charge.charge_id]
        by_class[charge.fee_class] += line.amount
        view = charge_view(charge)
        shown.append(view.model_copy(update={"unit_price": line.unit_price, "amount": line.amount}))
    return PreviewView(
        patient_id=patient_id,
        charges=shown,
        fee_classes=[
            FeeClassSum(code=code, name=FEE_CLASSES[code], amount=amount) for code, amount in sorted(by_class.items())
        ],
        total=priced.total,
        due=priced.total,
        fingerprint=priced.fingerprint,
        repriced=sorted(priced.changed),
    )


def settlement_summary(tx: Tx, settlement: Settlement) -> SettlementSummary:
    return SettlementSummary(**fields(SettlementSummary, settlement), stale=_stale(tx, settlement))


def _stale(tx: Tx, settlement: Settlement) -> bool:
    return settlement.state in STARTED and rules.stale(settlement.channel, settlement.started_at, tx.now)


def settlement_view(tx: Tx, settled: Settled) -> SettlementView:
    """A settlement just worked on, from what the use case has in hand."""
    return _settlement_view(
        tx,
        settled.settlement,
        [
            SettlementLineView(
                **fields(SettlementLineView, charge) | {"refundable_quantity": charge_view(charge).refundable_quantity}
            )
            for charge in settled.charges
        ],
        settled.tenders,
        settled.receipt.receipt_no if settled.receipt else None,
        [notice.document() for notice in settled.notices],
    )


def stored_settlement_view(tx: Tx, settlement: Settlement) -> SettlementView:
    """A settlement as it stands."""
    sent_tenders = tx.session.send(settlements.TENDERS, settlement_id=settlement.settlement_id)
    sent_receipt = tx.session.send(settlements.VALID_RECEIPT, settlement_id=settlement.settlement_id)
    lines = tx.session.all(settlements.LINES, settlement_id=settlement.settlement_id)
    receipt = sent_receipt.first()
    return _settlement_view(
        tx,
        settlement,
        [SettlementLineView.model_validate(line) for line in lines],
        sent_tenders.all(),
        receipt.receipt_no if receipt else None,
        [],
    )


def _settlement_view(
    tx: Tx,
    settlement: Settlement,
    lines: list[SettlementLineView],
    tenders: Sequence[Tender],
    receipt_no: str | None,
    notices: list[dict[str, str]],
) -> SettlementView:
    owed = sum((tender.amount - tender.returned for tender in tenders if tender.method == "debt"), ZERO)
    return SettlementView(
        **settlement_summary(tx, settlement).model_dump(),
        due=settlement.total - settlement.tendered,
        cash_received=settlement.cash_received,
        change=settlement.change,
        owed=owed,
        receipt_no=receipt_no,
        lines=lines,
        tenders=[
            TenderView(**fields(TenderView, tender), method_name=METHOD_NAMES[tender.method]) for tender in tenders
        ],
        notices=notices,
    )


def refund_view(refund: Refund) -> RefundView:
    return RefundView.model_validate(refund)


def refund_detail(tx: Tx, refund: Refund) -> RefundDetail:
    sent_parts = tx.session.send(refunds.PARTS, refund_id=refund.refund_id)
    sent_receipts = tx.session.send(settlements.RECEIPTS, settlement_id=refund.settlement_id)
    lines = tx.session.all(refunds.LINES, refund_id=refund.refund_id)
    named = {
        charge.charge_id: charge for charge in tx.session.all(charges.CHARGES, ids=[line.charge_id for line in lines])
    }
    reversed_no, new_no = receipts_of(refund, sent_receipts.all())
    return RefundDetail(
        **fields(RefundView, refund),
        lines=[
            RefundLineView(
                charge_id=line.charge_id,
                name=named[line.charge_id].name,
                unit=named[line.charge_id].unit,
                fee_class=line.fee_class,
                quantity=line.quantity,
                amount=line.amount,
            )
            for line in lines
        ],
        parts=[
            RefundPartView(method=part.method, method_name=METHOD_NAMES[part.method], amount=part.amount)
            for part in sent_parts.all()
        ],
        reversed_receipt_no=reversed_no,
        new_receipt_no=new_no,
    )
