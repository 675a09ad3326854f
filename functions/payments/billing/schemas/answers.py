"""Answers about charges, settlements and refunds."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from functions.payments.billing.schemas.ledgers import ChannelRefundView, PaymentView, ReceiptView
from shared.money import Money
from shared.schemas import Moment, View


class ChargeView(View):
    """A charge as screens show it.

    `taken_off` is what a rule of the price list took off unit price x quantity; a surcharge (加收) names the line it
    belongs to in `base_charge_id` and is paid, withdrawn and refunded with it.
    """

    charge_id: UUID
    patient_id: UUID
    encounter_id: UUID | None
    encounter_no: str | None
    source_module: str
    source_id: str
    source_line: str
    item_code: str
    national_code: str | None
    name: str
    unit: str
    fee_class: str
    fee_class_name: str
    unit_price: Decimal
    quantity: Decimal
    amount: Money
    taken_off: Money
    base_charge_id: UUID | None
    insurance_level: str | None
    self_pay_ratio: Decimal | None
    repriced_at: Moment | None
    ordering_unit_id: UUID | None
    executing_unit_id: UUID | None
    doctor_id: UUID | None
    payable_until: Moment | None
    status: str
    execution: str
    executed_quantity: Decimal
    refunded_quantity: Decimal
    refunded_amount: Money
    refundable_quantity: Decimal
    settlement_id: UUID | None
    posted_at: Moment
    version: int


class QuotedLineView(View):
    """A line as it would be charged; `base_line` names the line a surcharge (加收) belongs to."""

    line_no: str
    base_line: str | None
    item_code: str
    name: str
    unit: str
    fee_class: str
    fee_class_name: str
    unit_price: Decimal
    quantity: Decimal
    amount: Money
    taken_off: Money


class QuoteView(View):
    """What an entry would cost, by every rule of the price list."""

    patient_id: UUID
    lines: list[QuotedLineView]
    total: Money


class FeeClassSum(View):
    """Sum of a fee class."""

    code: str
    name: str
    amount: Money


class PendingGroup(View):
    """Charges of one prescription, request or visit."""

    source_module: str
    source_id: str
    amount: Money
    charges: list[ChargeView]


class HeldView(View):
    """A charge somebody is settling just now."""

    charge_id: UUID
    name: str
    amount: Money
    settlement_id: UUID | None
    holder_name: str | None
    channel: str | None
    held_since: Moment | None


class PendingView(View):
    """What a patient has still to pay: open lines by source, lines held by others, lines owed."""

    patient_id: UUID
    groups: list[PendingGroup]
    held: list[HeldView]
    owed: list[ChargeView]
    total: Money


class PreviewView(View):
    """What charges cost now. Give `total` and `fingerprint` back when settling."""

    patient_id: UUID
    charges: list[ChargeView]
    fee_classes: list[FeeClassSum]
    total: Money
    due: Money
    fingerprint: str
    repriced: list[UUID]


class TenderView(View):
    """A means of payment of a settlement."""

    tender_id: UUID
    method: str
    method_name: str
    amount: Money
    returned: Money
    state: str
    reference: str | None
    payment_id: UUID | None


class SettlementLineView(View):
    """A line of a settlement."""

    charge_id: UUID
    item_code: str
    name: str
    unit: str
    fee_class: str
    unit_price: Decimal
    quantity: Decimal
    amount: Money
    status: str
    execution: str
    refunded_quantity: Decimal
    refunded_amount: Money
    refundable_quantity: Decimal
    taken_off: Money
    base_charge_id: UUID | None


class SettlementSummary(View):
    """A settlement in a list."""

    settlement_id: UUID
    campus_id: str
    settlement_no: str | None
    patient_id: UUID
    encounter_id: UUID | None
    encounter_no: str | None
    state: str
    channel: str
    total: Money
    tendered: Money
    refunded: Money
    holder_name: str
    counter_name: str | None
    started_at: Moment
    completed_at: Moment | None
    business_day: date | None
    stale: bool
    version: int


class SettlementView(SettlementSummary):
    """A settlement with its lines, tenders and receipt."""

    due: Money
    pending: Money
    payment: PaymentView | None
    payer_kind: str
    insurance_ref: str | None
    predecessor_id: UUID | None
    successor_id: UUID | None
    carried: Money
    cash_received: Money | None
    change: Money | None
    owed: Money
    receipt_no: str | None
    receipt: ReceiptView | None
    lines: list[SettlementLineView]
    tenders: list[TenderView]
    notices: list[dict[str, str]]


class RefundLineView(View):
    """A refunded line. Quantity 0: it stays, and costs so much less (negative: more) without the rest (同组重算)."""

    charge_id: UUID
    name: str
    unit: str
    fee_class: str
    quantity: Decimal
    amount: Money


class RefundDifferenceView(View):
    """A line of another settlement that would cost `amount` more (negative: less) without what a refund gave back."""

    refund_id: UUID
    charge_id: UUID
    settlement_id: UUID | None
    patient_id: UUID
    item_code: str
    name: str
    amount: Money


class RefundPartView(View):
    """What went back by which means."""

    method: str
    method_name: str
    amount: Money


class RefundQuoteLine(View):
    """A line before and after a refund: `quantity` goes back (0: it stays), `remaining_quantity` and `remaining_amount`
    stay. `priced_by`: share; rules (同组重算); list_price, of a package of which what was done costs its single price,
    `single_price` (按单价退费), together the package's price at most."""

    charge_id: UUID
    name: str
    unit: str
    package_code: str | None
    quantity: Decimal
    amount: Money
    paid_amount: Money
    remaining_quantity: Decimal
    remaining_amount: Money
    executed_quantity: Decimal
    priced_by: str
    single_price: Decimal | None


class RefundQuoteView(View):
    """What a refund would give back, line by line, and by which means; `remaining` is what stays paid."""

    settlement_id: UUID
    amount: Money
    remaining: Money
    lines: list[RefundQuoteLine]
    parts: list[RefundPartView]


class RefundView(View):
    """A refund from its request to its execution."""

    refund_id: UUID
    campus_id: str
    refund_no: str | None
    settlement_id: UUID
    patient_id: UUID
    state: str
    level: str
    amount: Money
    reason_code: str
    reason: str
    cash_instead: bool
    applicant_name: str
    requested_at: Moment
    approver_name: str | None
    decided_at: Moment | None
    decision_note: str | None
    executor_name: str | None
    executed_at: Moment | None
    business_day: date | None
    kind: str
    successor_id: UUID | None
    version: int


class RefundDetail(RefundView):
    """A refund with its lines and the ways its money went."""

    lines: list[RefundLineView]
    parts: list[RefundPartView]
    channel_refunds: list[ChannelRefundView]
    differences: list[RefundDifferenceView]
    reversed_receipt_no: str | None
    new_receipt_no: str | None


class CopyView(View):
    """A print was recorded; `copy_number` above 1 prints 补打."""

    form: str
    subject_id: UUID
    copy_number: int
