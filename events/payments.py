"""Events of the payments area: charges, settlements, refunds, receipts, debts; shifts of the cashiers; channels."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from events.envelope import Event


class Part(BaseModel):
    """A part of an event: ids, codes and amounts only."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class PostedLine(Part):
    """A priced line. Amount in yuan = unit price x quantity, rounded half up to the cent, less `taken_off` by rules.

    A surcharge (加收) is a line of its own; `base_charge_id` is the line it belongs to and is counted by.
    """

    charge_id: UUID
    source_line: str
    item_code: str
    fee_class: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    price_version_id: UUID
    ordering_unit_id: UUID | None
    executing_unit_id: UUID | None
    taken_off: Decimal = Decimal("0.00")
    base_charge_id: UUID | None = None


class SettledLine(Part):
    """A line that is paid, or owed with the hospital's consent: its executing module may begin.

    A surcharge (加收) follows the line `base_charge_id` by itself; executing modules pass it over.
    """

    charge_id: UUID
    source_module: str
    source_id: str
    source_line: str
    item_code: str
    quantity: Decimal
    amount: Decimal
    base_charge_id: UUID | None = None


class RefundedLine(Part):
    """So much of a line was given back; `remaining` is the quantity that stays paid.

    Quantity 0: nothing of the line went back, but by the rules between lines it costs so much less (negative: more)
    without what did.
    """

    charge_id: UUID
    source_module: str
    source_id: str
    source_line: str
    quantity: Decimal
    amount: Decimal
    remaining: Decimal
    base_charge_id: UUID | None = None


class Payment(Part):
    """One means of payment and its amount in yuan."""

    method: str
    amount: Decimal


class MethodFigures(Part):
    """What one means of payment brought and took in a shift."""

    method: str
    in_count: int
    in_amount: Decimal
    out_count: int
    out_amount: Decimal


class ChargesPosted(Event, type="payments.billing.charges_posted", subject="source_id"):
    """Priced lines were put on a patient's account (记费). Price monitoring and the patient's bill follow it."""

    source_module: str
    source_id: str
    patient_id: UUID
    encounter_id: UUID | None
    lines: list[PostedLine]


class ChargesVoided(Event, type="payments.billing.charges_voided", subject="source_id"):
    """Unpaid lines were withdrawn by the module that posted them."""

    source_module: str
    source_id: str
    patient_id: UUID
    charge_ids: list[UUID]
    reason: str


class ChargesSettled(Event, type="payments.billing.charges_settled", subject="settlement_id"):
    """A settlement is complete (结算完成): pharmacy, medtech, treatment may execute its lines; finance books it.

    `owed` is the part the hospital has agreed to wait for.
    """

    settlement_id: UUID
    settlement_no: str
    patient_id: UUID
    encounter_id: UUID | None
    shift_id: UUID
    business_day: date
    total: Decimal
    owed: Decimal
    payments: list[Payment]
    lines: list[SettledLine]
    settled_at: datetime


class RefundRequested(Event, type="payments.billing.refund_requested", subject="settlement_id"):
    """A refund waits for somebody's approval: `level` is cashier, lead (收费组长) or finance."""

    refund_id: UUID
    settlement_id: UUID
    amount: Decimal
    level: str
    reason_code: str


class ChargesRefunded(Event, type="payments.billing.charges_refunded", subject="settlement_id"):
    """Lines or parts of lines were given back (退费完成): executing modules must not do what was refunded.

    Of an insured settlement `payments` is empty: the money follows in `settlement_replaced`.
    """

    refund_id: UUID
    refund_no: str
    settlement_id: UUID
    patient_id: UUID
    encounter_id: UUID | None
    shift_id: UUID
    business_day: date
    amount: Decimal
    payments: list[Payment]
    lines: list[RefundedLine]
    reason_code: str
    refunded_at: datetime


class SettlementReplaced(Event, type="payments.billing.settlement_replaced", subject="old_settlement_id"):
    """An insured settlement was reversed and what remains of it settled anew (部分退费重新结算); finance books both.

    Lines that stay paid are not announced again. `returned` is what really went back by each means, negative where the
    new settlement took more; together it is what the refunded lines were worth.
    """

    old_settlement_id: UUID
    old_settlement_no: str
    new_settlement_id: UUID
    new_settlement_no: str
    refund_id: UUID
    patient_id: UUID
    business_day: date
    old_total: Decimal
    """What the old settlement was worth after the refunded lines."""
    new_total: Decimal
    returned: list[Payment]
    replaced_at: datetime


class ReceiptIssued(Event, type="payments.billing.receipt_issued", subject="settlement_id"):
    """A receipt (医疗收费票据) was issued for what a settlement is worth now."""

    receipt_id: UUID
    receipt_no: str
    settlement_id: UUID
    amount: Decimal
    replaces_id: UUID | None


class ReceiptReversed(Event, type="payments.billing.receipt_reversed", subject="settlement_id"):
    """A receipt was reversed (红冲)."""

    receipt_id: UUID
    receipt_no: str
    settlement_id: UUID
    amount: Decimal
    reason: str


class DebtOpened(Event, type="payments.billing.debt_opened", subject="settlement_id"):
    """The hospital agreed to wait for a part of a settlement (欠费登记)."""

    debt_id: UUID
    settlement_id: UUID
    patient_id: UUID
    amount: Decimal


class DebtSettled(Event, type="payments.billing.debt_settled", subject="settlement_id"):
    """Nothing of a debt is outstanding any more: paid, given back with its lines, or written off."""

    debt_id: UUID
    settlement_id: UUID
    patient_id: UUID
    amount: Decimal
    paid: Decimal


class ShiftOpened(Event, type="payments.cashier.shift_opened", subject="shift_id"):
    """A cashier signed in at a counter (签到)."""

    shift_id: UUID
    shift_no: str
    counter_id: UUID | None
    cashier_staff_id: UUID | None
    business_day: date
    opening_float: Decimal


class ShiftClosed(Event, type="payments.cashier.shift_closed", subject="shift_id"):
    """A shift was counted and closed (日结): its figures are final. Reconciliation and reports take them."""

    shift_id: UUID
    shift_no: str
    kind: str
    channel: str
    cashier_staff_id: UUID | None
    business_day: date
    opening_float: Decimal
    cash_in: Decimal
    cash_out: Decimal
    handed_in: Decimal
    float_added: Decimal = Decimal(0)
    float_returned: Decimal = Decimal(0)
    counted: Decimal | None
    difference: Decimal | None
    methods: list[MethodFigures]
    closed_at: datetime


class ShiftReceived(Event, type="payments.cashier.shift_received", subject="shift_id"):
    """Finance confirmed the cash of a shift by its bank slip (收款确认)."""

    shift_id: UUID
    shift_no: str
    amount: Decimal
    bank_slip_no: str
    received_at: datetime


class CashDifferenceFound(Event, type="payments.cashier.cash_difference_found", subject="shift_id"):
    """The drawer held more (positive) or less (negative) than it should (长短款)."""

    shift_id: UUID
    shift_no: str
    cashier_staff_id: UUID | None
    difference: Decimal


class PaymentCreated(Event, type="payments.gateway.payment_created", subject="payment_id"):
    """A module asked for an electronic payment (下单); nothing is paid yet."""

    payment_id: UUID
    order_no: str
    purpose: str
    ref_module: str
    ref_id: str
    channel: str
    product: str
    amount: Decimal
    expires_at: datetime


class PaymentSucceeded(Event, type="payments.gateway.payment_succeeded", subject="payment_id"):
    """The money of a payment arrived (支付成功), told once however often the channel says so.

    `late`: it arrived after the payment was closed. The gateway gives it back after five minutes unless the module it
    was for accepts it in time.
    """

    payment_id: UUID
    order_no: str
    merchant_id: UUID
    purpose: str
    ref_module: str
    ref_id: str
    channel: str
    product: str
    amount: Decimal
    channel_no: str
    paid_at: datetime
    late: bool


class PaymentFailed(Event, type="payments.gateway.payment_failed", subject="payment_id"):
    """The channel refused a payment for good (支付失败): no money moved and none will."""

    payment_id: UUID
    order_no: str
    ref_module: str
    ref_id: str
    channel: str
    amount: Decimal
    reason_code: str


class PaymentClosed(Event, type="payments.gateway.payment_closed", subject="payment_id"):
    """An unpaid payment was closed: out of time, replaced, or no longer wanted (关单)."""

    payment_id: UUID
    order_no: str
    ref_module: str
    ref_id: str
    channel: str
    amount: Decimal


class RefundSucceeded(Event, type="payments.gateway.refund_succeeded", subject="payment_id"):
    """Money went back to the payer. `route` is original (原路退回) or bank_transfer (异常退款转账)."""

    channel_refund_id: UUID
    refund_no: str
    refund_ref: str
    payment_id: UUID
    ref_module: str
    ref_id: str
    channel: str
    amount: Decimal
    refunded_total: Decimal
    route: str
    finished_at: datetime


class RefundFailed(Event, type="payments.gateway.refund_failed", subject="payment_id"):
    """A refund did not reach the payer. `final`: the channel rejected it and the money is still ours to give back
    otherwise; not final: it came back from the payer's bank and finance pays it by transfer."""

    channel_refund_id: UUID
    refund_no: str
    refund_ref: str
    payment_id: UUID
    ref_module: str
    ref_id: str
    channel: str
    amount: Decimal
    reason_code: str
    final: bool


class ChannelPaused(Event, type="payments.gateway.channel_paused", subject="merchant_id"):
    """A channel takes no payments at a campus (故障停用). Screens show `text`, alarms tell information staff."""

    merchant_id: UUID
    channel: str
    automatic: bool
    text: str
    paused_at: datetime


class NotificationsForged(Event, type="payments.gateway.notifications_forged", subject="merchant_id"):
    """Three notifications of a merchant's channel within an hour were not to be believed (伪造通知告警): signature,
    time or sender did not hold. Information staff and finance look into it; told once until somebody said what it was.
    """

    alarm_id: UUID
    merchant_id: UUID
    channel: str
    forged: int
    first_at: datetime
    raised_at: datetime


class ChannelResumed(Event, type="payments.gateway.channel_resumed", subject="merchant_id"):
    """A paused channel takes payments again."""

    merchant_id: UUID
    channel: str
    automatic: bool
    resumed_at: datetime
