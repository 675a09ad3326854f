"""Requests and answers of the gateway."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.money import Money, PositiveMoney
from shared.schemas import Code, Input, Moment, Text, View

Version = Annotated[int, Field(ge=1, description="所见版本")]
ChannelCode = Literal["wechat", "alipay", "bank_card", "ecny", "transfer"]
Product = Literal["payment_code", "qr", "jsapi", "h5", "pos", "transfer"]
Tail = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]
"""Last four digits of an account."""
SecretRef = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,80}$")]
"""Name of a file in the secret store; never the key itself."""
Serial = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,80}$")]


# -- merchants


class ProposeMerchant(Input):
    """A campus's merchant at a channel (商户号), to be tested and activated by another person."""

    channel: ChannelCode
    merchant_no: Code
    app_id: Code | None = None
    mini_app_id: Annotated[Code | None, Field(description="支付宝小程序应用编号，与签约应用不同时填写")] = None
    name: Text
    bank_name: Text
    account_tail: Tail
    products: Annotated[list[Product], Field(min_length=1, max_length=6)]
    limit_per_payment: PositiveMoney
    fee_rate: Annotated[Decimal, Field(ge=0, lt=1, max_digits=7, decimal_places=6, description="费率，0.006 即 0.6%")]


class ProposeTerms(Input):
    """New terms of a merchant, to be put in force by another person; what is left out stays as it is."""

    version: Version
    products: Annotated[list[Product], Field(min_length=1, max_length=6)] | None = None
    limit_per_payment: PositiveMoney | None = None
    fee_rate: Annotated[Decimal, Field(ge=0, lt=1, max_digits=7, decimal_places=6)] | None = None
    mini_app_id: Code | None = None
    name: Text | None = None
    bank_name: Text | None = None
    account_tail: Tail | None = None


class ChangeMerchant(Input):
    """A step that needs nothing but the version the user saw."""

    version: Version


class ProposeKey(Input):
    """A key by reference, to be put in force by another person."""

    role: Literal["sign", "verify", "cipher"]
    serial: Serial
    secret_ref: SecretRef
    valid_from: Moment | None = None
    valid_to: Moment | None = None
    expires_on: date | None = None


class ApproveKey(Input):
    """Put a proposed key in force. The keys of its role before it end after the overlap (密钥轮换)."""

    version: Version
    overlap_minutes: Annotated[int, Field(ge=0, le=10_080, description="新旧密钥并行时间（分钟）")] = 30


class PauseChannel(Input):
    """Pause a channel (故障停用) with the text every screen shows."""

    text: Text


class MerchantView(View):
    """A merchant."""

    merchant_id: UUID
    campus_id: str
    channel: str
    channel_name: str
    merchant_no: str
    app_id: str | None
    mini_app_id: str | None
    name: str
    bank_name: str
    account_tail: str
    products: list[str]
    limit_per_payment: Money
    fee_rate: Decimal
    state: str
    proposed_by_name: str
    proposed_at: Moment
    tested_at: Moment | None
    test_result: str | None
    valid_from: Moment | None
    activated_by_name: str | None
    stopped_at: Moment | None
    change: dict[str, Any] | None
    change_by_name: str | None
    change_at: Moment | None
    version: int


class KeyView(View):
    """A key of a merchant, by reference."""

    key_id: UUID
    merchant_id: UUID
    role: str
    serial: str
    secret_ref: str
    valid_from: Moment
    valid_to: Moment | None
    expires_on: date | None
    state: str
    proposed_by_name: str
    approved_by_name: str | None
    approved_at: Moment | None
    version: int


class CertificateView(View):
    """A certificate the channel signs with (平台证书). Public."""

    serial: str
    effective_at: Moment
    expires_at: Moment
    not_after: Moment
    fetched_at: Moment
    in_force: bool


class CertificatesView(View):
    """How the download of a merchant's platform certificates goes, and what it brought."""

    merchant_id: UUID
    is_on: bool
    started_by_name: str
    started_at: Moment
    asked_at: Moment | None
    listed_at: Moment | None
    next_at: Moment
    failures: int
    trouble: str | None
    certificates: list[CertificateView]
    version: int


class ChannelView(View):
    """How a channel does at a campus now, and what it takes; screens show `text` while it is paused."""

    merchant_id: UUID
    channel: str
    channel_name: str
    products: list[str]
    state: str
    automatic: bool
    text: str
    paused_at: Moment | None
    calls: int
    errors: int
    version: int


class RefusedNotificationView(View):
    """A notification that was not believed."""

    notification_id: UUID
    received_at: Moment
    reason: str | None
    content: dict[str, Any]
    unreadable: str | None
    """Why what it said can't be shown."""


# -- payments


class PaymentView(View):
    """A payment."""

    payment_id: UUID
    campus_id: str
    order_no: str
    merchant_id: UUID
    channel: str
    channel_name: str
    product: str
    product_name: str
    purpose: str
    ref_module: str
    ref_id: str
    patient_id: UUID | None
    """Whose bill it paid, as it was written then: of a merged person it may be an earlier record's."""
    encounter_id: UUID | None
    amount: Money
    refunded: Money
    refunding: Money
    state: str
    state_label: str
    channel_no: str | None
    terminal: str | None
    code_url: str | None
    created_by_name: str
    created_at: Moment
    expires_at: Moment
    paid_at: Moment | None
    closed_at: Moment | None
    late: bool
    late_refund_at: Moment | None
    trouble: str | None
    reason_code: str | None
    reason: str | None
    version: int


class AttemptView(View):
    """One exchange with the channel, masked."""

    operation: str
    outcome: str
    http_status: int | None
    request: dict[str, Any]
    answer: dict[str, Any] | None
    started_at: Moment
    milliseconds: int
    actor: str
    unreadable: str | None
    """Why what was said can't be shown."""


class NotificationView(View):
    """What the channel sent by itself about a payment."""

    kind: str | None
    state: str
    reason: str | None
    content: dict[str, Any]
    received_at: Moment
    applied_at: Moment | None
    times: int
    unreadable: str | None
    """Why what it says can't be shown."""


class RefundView(View):
    """A refund at the channel."""

    channel_refund_id: UUID
    campus_id: str
    refund_no: str
    payment_id: UUID
    channel: str
    amount: Money
    refund_ref: str
    reason: str
    state: str
    state_label: str
    channel_refund_no: str | None
    requested_by_name: str
    requested_at: Moment
    finished_at: Moment | None
    age_hours: int
    """Hours from the request to its end, or to now."""
    reason_code: str | None
    failure: str | None
    transfer: dict[str, Any]
    transfer_by_name: str | None
    approved_first_by_name: str | None
    approved_second_by_name: str | None
    version: int


class TimelineView(View):
    """A payment with everything that was said about it."""

    payment: PaymentView
    attempts: list[AttemptView]
    notifications: list[NotificationView]
    refunds: list[RefundView]


class ChannelDayView(View):
    """A channel's day at a campus. `abandoned_percent`: orders closed unpaid; `seconds_to_pay`: from order to money."""

    channel: str
    channel_name: str
    created: int
    paid: int
    paid_amount: Money
    late: int
    refunds: int
    refunds_amount: Money
    net: Money
    abandoned: int
    abandoned_percent: Decimal
    seconds_to_pay: Decimal | None


class DayView(View):
    """The gateway's column of a day."""

    day: date
    campus_id: str
    channels: list[ChannelDayView]
    net: Money
