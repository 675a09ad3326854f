"""Billing (费用、结算、退费、票据), module 1."""

from events.catalogue import PriceCorrected, PricePublished, PricesBatchPublished
from events.payments import (
    ChargesRefunded,
    PaymentClosed,
    PaymentFailed,
    PaymentSucceeded,
    ReceiptIssued,
    ReceiptReversed,
    RefundFailed,
    RefundSucceeded,
)
from functions.payments.billing import api, service
from shared.function import FunctionApp, Scaling, Trust

app = FunctionApp(
    "payments/billing",
    module=1,
    title="费用结算",
    router=api.router,
    on={
        PaymentSucceeded: service.payment_told,
        PaymentFailed: service.payment_told,
        PaymentClosed: service.payment_told,
        ChargesRefunded: service.send_refunded,
        RefundSucceeded: service.refund_arrived,
        RefundFailed: service.refund_came_back,
        PricePublished: service.price_told,
        PricesBatchPublished: service.list_told,
        PriceCorrected: service.correction_told,
        ReceiptIssued: service.receipt_told,
        ReceiptReversed: service.receipt_told,
    },
    minute=service.each_minute,
    scaling=Scaling(warm=1, peak=20, concurrency=5),
    trust=Trust(secrets=("his-receipts",), outside=True),
)
