"""Rows as screens show them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from functions.payments.billing import rules
from functions.payments.billing.models import (
    ChannelRefund,
    Charge,
    CoursePayment,
    CoursePrepayment,
    Receipt,
    Refund,
    Settlement,
    Tender,
)
from functions.payments.billing.prints import parts_by_method, receipts_of
from functions.payments.billing.queries import charges, refunds, settlements
from functions.payments.billing.queries import receipts as receipt_queries
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.queries.charges import Holding
from functions.payments.billing.rules import COURSES, FEE_CLASSES, METHOD_NAMES
from functions.payments.billing.schemas import (
    ChannelRefundView,
    ChargeView,
    CourseView,
    FeeClassSum,
    HeldView,
    PaymentView,
    PendingGroup,
    PendingView,
    PreviewView,
    QuotedLineView,
    QuoteView,
    ReceiptView,
    RefundDetail,
    RefundDifferenceView,
    RefundLineView,
    RefundPartView,
    RefundQuoteLine,
    RefundQuoteView,
    RefundView,
    SettlementLineView,
    SettlementSummary,
    SettlementView,
    TenderView,
)
from functions.payments.billing.service import Priced, QuotedCharge, Settled
from functions.payments.billing.service.finishing import STARTED
from functions.payments.billing.service.part_packages import at_list_prices
from functions.payments.billing.service.refund_quotes import RefundQuoted
from functions.payments.billing.service.refunding import worth_of
from functions.payments.gateway import service as gateway
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
                amount=sum((charge.worth for charge in lines), ZERO),
                charges=[charge_view(charge) for charge in lines],
            )
            for (module, source), lines in groups.items()
        ],
        held=[_held(charge, held.get(charge.charge_id)) for charge in found if charge.status == "locked"],
        owed=[charge_view(charge) for charge in found if charge.status == "owed"],
        total=sum((charge.worth for charge in found if charge.status == "open"), ZERO),
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


def quote_view(patient_id: UUID, quoted: Sequence[QuotedCharge]) -> QuoteView:
    return QuoteView(
        patient_id=patient_id,
        lines=[
            QuotedLineView(
                line_no=one.quoted.line_no,
                base_line=one.quoted.base_line,
                item_code=one.item.code,
                name=one.quoted.name,
                unit=one.item.unit,
                fee_class=one.item.fee_class,
                fee_class_name=FEE_CLASSES.get(one.item.fee_class, one.item.fee_class),
                unit_price=one.quoted.unit_price,
                quantity=one.quoted.quantity,
                amount=one.quoted.amount,
                taken_off=one.taken_off,
            )
            for one in quoted
        ],
        total=sum((one.quoted.amount for one in quoted), ZERO),
    )


def preview_view(patient_id: UUID, found: Sequence[Charge], priced: Priced) -> PreviewView:
    worth = {line.charge_id: line for line in priced.lines}
    by_class: dict[str, Money] = defaultdict(lambda: ZERO)
    shown = []
    for charge in found:
        line = worth[charge.charge_id]
        by_class[charge.fee_class] += line.amount
        view = charge_view(charge)
        new = priced.changed.get(charge.charge_id)
        off = new.taken_off if new else charge.taken_off
        shown.append(view.model_copy(update={"unit_price": line.unit_price, "amount": line.amount, "taken_off": off}))
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


def payment_view(tx: Tx, tender: Tender | CoursePayment | None) -> PaymentView | None:
    """The payment a pending tender, or a course, waits for."""
    if tender is None or tender.payment_id is None:
        return None
    return PaymentView.model_validate(gateway.payment_of(tx, tender.payment_id))


def channel_refund_view(row: ChannelRefund) -> ChannelRefundView:
    return ChannelRefundView(**fields(ChannelRefundView, row), method_name=METHOD_NAMES[row.method])


def course_view(course: CoursePrepayment) -> CourseView:
    return CourseView(**fields(CourseView, course), purpose_name=COURSES.get(course.purpose, course.purpose))


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
        settled.receipt,
        [notice.document() for notice in settled.notices],
    )


def stored_settlement_view(tx: Tx, settlement: Settlement) -> SettlementView:
    """A settlement as it stands."""
    sent_tenders = tx.session.send(tender_queries.TENDERS, settlement_id=settlement.settlement_id)
    sent_receipt = tx.session.send(receipt_queries.VALID_RECEIPT, settlement_id=settlement.settlement_id)
    lines = tx.session.all(settlements.LINES, settlement_id=settlement.settlement_id)
    receipt = sent_receipt.first()
    return _settlement_view(
        tx,
        settlement,
        [SettlementLineView.model_validate(line) for line in lines],
        sent_tenders.all(),
        receipt,
        [],
    )


def _settlement_view(
    tx: Tx,
    settlement: Settlement,
    lines: list[SettlementLineView],
    tenders: Sequence[Tender],
    receipt: Receipt | None,
    notices: list[dict[str, str]],
) -> SettlementView:
    kept = [tender for tender in tenders if tender.state == "received"]
    owed = sum((tender.amount - tender.returned for tender in kept if tender.method == "debt"), ZERO)
    waiting = next((tender for tender in tenders if tender.state == "pending"), None)
    mine = waiting if waiting is not None and waiting.debt_id is None else None
    return SettlementView(
        **settlement_summary(tx, settlement).model_dump(),
        due=settlement.total - settlement.tendered,
        pending=mine.amount if mine is not None else ZERO,
        payment=payment_view(tx, waiting),
        payer_kind=settlement.payer_kind,
        insurance_ref=settlement.insurance_ref,
        predecessor_id=settlement.predecessor_id,
        successor_id=settlement.successor_id,
        carried=sum((tender.amount for tender in kept if tender.method == "carried"), ZERO),
        cash_received=settlement.cash_received,
        change=settlement.change,
        owed=owed,
        receipt_no=receipt.receipt_no if receipt else None,
        receipt=ReceiptView.model_validate(receipt) if receipt else None,
        lines=lines,
        tenders=[
            TenderView(**fields(TenderView, tender), method_name=METHOD_NAMES[tender.method]) for tender in tenders
        ],
        notices=notices,
    )


def refund_quote_view(quoted: RefundQuoted) -> RefundQuoteView:
    lines = []
    for line in quoted.request.lines:
        charge, amount = line.charge, worth_of(line)
        single = at_list_prices(charge)
        lines.append(
            RefundQuoteLine(
                **fields(RefundQuoteLine, charge)
                | {
                    "quantity": line.quantity,
                    "amount": amount,
                    "paid_amount": charge.worth,
                    "remaining_quantity": charge.remaining_quantity - line.quantity,
                    "remaining_amount": charge.worth - amount,
                    "priced_by": "list_price" if single else "rules" if charge.by_rule else "share",
                    "single_price": charge.list_price if single else None,
                }
            )
        )
    return RefundQuoteView(
        settlement_id=quoted.settlement.settlement_id,
        amount=quoted.amount,
        remaining=quoted.settlement.total - quoted.settlement.refunded - quoted.amount,
        lines=lines,
        parts=[
            RefundPartView(method=method, method_name=METHOD_NAMES[method], amount=amount)
            for method, amount in quoted.methods.items()
        ],
    )


def refund_view(refund: Refund) -> RefundView:
    return RefundView.model_validate(refund)


def refund_detail(tx: Tx, refund: Refund) -> RefundDetail:
    sent_parts = tx.session.send(refunds.PARTS, refund_id=refund.refund_id)
    sent_receipts = tx.session.send(receipt_queries.RECEIPTS, settlement_id=refund.settlement_id)
    sent_channel = tx.session.send(tender_queries.CHANNEL_REFUNDS, settlement_id=refund.settlement_id)
    sent_differences = tx.session.send(refunds.DIFFERENCES_OF, refund_id=refund.refund_id)
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
            RefundPartView(method=method, method_name=METHOD_NAMES[method], amount=amount)
            for method, amount in parts_by_method(sent_parts.all())
        ],
        channel_refunds=[channel_refund_view(row) for row in sent_channel.all() if row.refund_id == refund.refund_id],
        differences=[RefundDifferenceView.model_validate(row) for row in sent_differences.all()],
        reversed_receipt_no=reversed_no,
        new_receipt_no=new_no,
    )
