"""Answers about debts, receipts, money on its way back, prepayments."""

from decimal import Decimal
from uuid import UUID

from shared.money import Money
from shared.schemas import Moment, View


class PaymentView(View):
    """The electronic payment a settlement, debt or course waits for.

    `code_url` is the content of the QR code to show, `jsapi` what the mini-program hands on (WeChat's
    signed package, Alipay's `tradeNO`), `h5_url` the channel's page the payer's browser is sent to.
    """

    payment_id: UUID
    order_no: str
    state: str
    channel: str
    product: str
    amount: Money
    code_url: str | None
    jsapi: dict[str, str] | None
    h5_url: str | None
    expires_at: Moment
    reason: str | None


class ChannelRefundView(View):
    """Money on its way back through a channel: of a settlement, or of a course prepayment that ended.

    State: requested, succeeded, failed (finance must act: ask again, or allow cash), cash (paid at a window instead).
    """

    channel_refund_id: UUID
    gateway_refund_id: UUID
    settlement_id: UUID | None
    course_payment_id: UUID | None
    refund_id: UUID | None
    cause: str
    method: str
    method_name: str
    amount: Money
    state: str
    failure: str | None
    requested_at: Moment
    finished_at: Moment | None
    cash_allowed_by_name: str | None
    cash_allowed_at: Moment | None
    cash_paid_by_name: str | None


class DebtView(View):
    """A debt."""

    debt_id: UUID
    campus_id: str
    settlement_id: UUID
    patient_id: UUID
    encounter_id: UUID | None
    amount: Money
    paid: Money
    reduced: Money
    written_off: Money
    outstanding: Money
    reason: str
    approved_by: UUID
    state: str
    opened_at: Moment
    settled_at: Moment | None
    version: int


class DebtPaidView(DebtView):
    """A debt just paid, wholly or in part."""

    received: Money
    change: Money
    receipt_no: str | None
    payment: PaymentView | None


class WriteOffView(View):
    """A request to give a debt up, with its two approvals."""

    write_off_id: UUID
    debt_id: UUID
    patient_id: UUID
    amount: Money
    written_off: Money | None
    reason: str
    evidence: str
    state: str
    applicant_name: str
    requested_at: Moment
    first_approver_name: str | None
    first_approved_at: Moment | None
    second_approver_name: str | None
    second_approved_at: Moment | None
    rejected_by_name: str | None
    note: str | None
    version: int


class ReceiptView(View):
    """A receipt. `platform_*` are empty until the fiscal platform has issued it (票据稍后开具)."""

    receipt_id: UUID
    campus_id: str
    receipt_no: str
    settlement_id: UUID
    amount: Money
    state: str
    issued_at: Moment
    platform_code: str | None
    platform_number: str | None
    platform_check_code: str | None
    platform_url: str | None
    platform_at: Moment | None
    red_code: str | None
    red_number: str | None
    reversed_at: Moment | None
    reverse_reason: str | None


class PaperView(View):
    """A numbered sheet of paper."""

    paper_id: UUID
    paper_no: str
    receipt_id: UUID | None
    state: str
    recorded_at: Moment
    recorded_by_name: str
    voided_at: Moment | None
    voided_by_name: str | None
    void_reason: str | None


class ReceiptJobView(View):
    """What the fiscal platform has still to do, or refused."""

    job_id: UUID
    receipt_id: UUID
    kind: str
    subject_no: str
    state: str
    attempts: int
    next_attempt_at: Moment
    last_error: str | None
    queued_at: Moment


class VoidedView(View):
    """Receipts reversed and sheets voided on a day (作废票据)."""

    receipts: list[ReceiptView]
    papers: list[PaperView]
    next: str | None


class CourseView(View):
    """A course prepayment."""

    course_id: UUID
    campus_id: str
    course_no: str
    patient_id: UUID
    purpose: str
    purpose_name: str
    plan: str
    doctor_id: UUID
    planned: Money
    paid_in: Money
    used: Money
    returned: Money
    balance: Money
    state: str
    opened_at: Moment
    closed_at: Moment | None
    version: int


class CoursePaidView(CourseView):
    """A course just paid into or ended. `payment` is the electronic payment that is awaited; `sent_back` what is on its
    way back through channels; `change` goes back over the counter."""

    change: Money
    payment: PaymentView | None
    sent_back: list[ChannelRefundView]


class CourseMovementView(View):
    """One change of a course's balance."""

    movement_id: UUID
    kind: str
    amount: Money
    method: str | None
    ref_id: UUID | None
    at: Moment


class CoursePaymentView(View):
    """Electronic money for a course. State: pending, received, cancelled; `returned` went back the way it came."""

    course_payment_id: UUID
    method: str
    method_name: str
    amount: Money
    returned: Money
    state: str
    order_no: str
    payment_id: UUID
    asked_at: Moment


class CourseDetail(CourseView):
    """A course with every change of its balance, and the electronic payments behind it."""

    movements: list[CourseMovementView]
    payments: list[CoursePaymentView]


class LegacyView(View):
    """What is left on a card of the system before."""

    legacy_id: UUID
    card_no: str
    holder_name: str
    patient_id: UUID | None
    amount: Money
    state: str
    cleared_at: Moment | None
    cleared_by_name: str | None
    method: str | None
    reference: str | None
    version: int


class SettingsView(View):
    """What the campus decided about billing."""

    campus_id: str
    cash_step: Money
    set_at: Moment | None
    set_by_name: str | None


class CorrectionView(View):
    """A wrong price that was corrected."""

    correction_id: UUID
    version_id: UUID
    item_code: str
    wrong_price: Decimal
    right_price: Decimal
    affected_from: Moment
    affected_to: Moment
    told_at: Moment


class AffectedView(View):
    """A settled line at a wrong price: what it cost, what it should have cost.

    Where a rule between lines acted (`by_rule`) the right amount keeps its share of the price, to be looked at by hand.
    """

    charge_id: UUID
    patient_id: UUID
    settlement_id: UUID | None
    name: str
    quantity: Decimal
    unit_price: Decimal
    amount: Money
    right_amount: Money
    difference: Money
    by_rule: bool
    status: str
    posted_at: Moment
