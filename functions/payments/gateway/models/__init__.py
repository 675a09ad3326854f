"""Tables of the gateway."""

from functions.payments.gateway.models.merchants import ChannelHealth, Merchant, MerchantKey
from functions.payments.gateway.models.payments import Notification, Payment, PaymentAttempt
from functions.payments.gateway.models.refunds import GatewayRefund, TerminalBatch

__all__ = [
    "ChannelHealth",
    "GatewayRefund",
    "Merchant",
    "MerchantKey",
    "Notification",
    "Payment",
    "PaymentAttempt",
    "TerminalBatch",
]
