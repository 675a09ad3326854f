"""Tables of the gateway."""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.payments.gateway.models.certificates import CertificateDownload, PlatformCertificate
    from functions.payments.gateway.models.merchants import ChannelHealth, Merchant, MerchantKey
    from functions.payments.gateway.models.payments import (
        ForgeryAlarm,
        MessageKey,
        Notification,
        Payment,
        PaymentAttempt,
    )
    from functions.payments.gateway.models.refunds import GatewayRefund, TerminalBatch

__all__ = [
    "CertificateDownload",
    "ChannelHealth",
    "ForgeryAlarm",
    "GatewayRefund",
    "Merchant",
    "MerchantKey",
    "MessageKey",
    "Notification",
    "Payment",
    "PaymentAttempt",
    "PlatformCertificate",
    "TerminalBatch",
]

__getattr__ = loaded_on_use(__name__)
