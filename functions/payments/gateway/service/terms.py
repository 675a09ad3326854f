"""What other modules say to the gateway and hear from it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID


class PaymentOrder(NamedTuple):
    """What a module wants paid (下单).

    One payment is open at a time for each `ref_module` and `ref_id`, so a bill paid by two means gives each its own
    `ref_id` (the tender). `channel` is wechat, alipay, bank_card or ecny; with `auth_code` (付款码) it is told from
    the code. `product` is payment_code, qr, jsapi, h5 or pos; left out, it follows from what is given. `payer` is the
    payer's id at the channel (openid, or Alipay's user id) for jsapi, the address (IP) of the payer's browser for h5.
    `description` is what the payer reads at the channel: never a diagnosis or a department; left out, the name of the
    purpose.
    """

    purpose: str
    """registration 挂号, outpatient 门诊, deposit 住院预交, discharge 住院结算, checkup 体检, records 病案复印,
    other."""
    ref_module: str
    ref_id: str
    amount: Decimal
    channel: str | None = None
    auth_code: str | None = None
    product: str | None = None
    payer: str | None = None
    terminal: str | None = None
    description: str | None = None
    expires_in: timedelta | None = None
    """How long the payer may take; 5 min at a window, 15 min in the mini-program, 3 min for a QR code."""
    merchant_id: UUID | None = None
    """The merchant to pay to; left out, the acting campus's own for the channel."""
    patient_id: UUID | None = None
    """Whose bill it is, so that the payment is found by the patient."""
    encounter_id: UUID | None = None
    """The one visit it is for."""


class PaymentInfo(NamedTuple):
    """A payment as other modules see it.

    `state`: paying, unknown (支付结果确认中), succeeded, closed, part_refunded, refunded. A closed payment with a
    `reason_code` was refused by the channel (支付失败); without one it was closed unpaid. `late`: the money came after
    the payment was closed; it is given back within minutes unless the module calls `accept_late_payment`.
    """

    payment_id: UUID
    order_no: str
    state: str
    channel: str
    product: str
    purpose: str
    ref_module: str
    ref_id: str
    amount: Decimal
    refunded: Decimal
    refunding: Decimal
    """Asked back and not settled yet."""
    channel_no: str | None
    code_url: str | None
    """What the QR code on the screen says (qr)."""
    jsapi: dict[str, str] | None
    """What the mini-program hands to the channel (jsapi): WeChat's signed parameters, Alipay's `tradeNO`."""
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    late: bool
    reason_code: str | None
    reason: str | None
    version: int
    h5_url: str | None = None
    """The channel's page the payer's browser is sent to (h5)."""

    @property
    def is_open(self) -> bool:
        """Whether money may still come."""
        return self.state in ("paying", "unknown")

    @property
    def is_paid(self) -> bool:
        """Whether the money came, whatever went back since."""
        return self.state in ("succeeded", "part_refunded", "refunded")


class RefundInfo(NamedTuple):
    """A refund at the channel as other modules see it.

    `state`: requested, processing, succeeded, abnormal (退款异常, finance pays by transfer), resolved (paid by
    transfer), rejected.
    """

    channel_refund_id: UUID
    refund_no: str
    payment_id: UUID
    channel: str
    amount: Decimal
    refund_ref: str
    state: str
    channel_refund_no: str | None
    requested_at: datetime
    finished_at: datetime | None
    reason_code: str | None
    reason: str | None
    version: int

    @property
    def is_open(self) -> bool:
        """Whether its outcome is still to come."""
        return self.state in ("requested", "processing", "abnormal")
