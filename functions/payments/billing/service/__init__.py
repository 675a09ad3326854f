"""Billing: charges, settlements, refunds, debts, receipts. What other modules call stands in `__all__`."""

from functions.payments.billing.service.charges import (
    enter_charges,
    post_charges,
    source_amount,
    source_charges,
    source_state,
    void_charge,
    void_source,
)
from functions.payments.billing.service.debts import DebtPaid, pay_debt
from functions.payments.billing.service.execution import (
    Executed,
    begin_execution,
    record_execution,
    record_return,
    undo_begin,
)
from functions.payments.billing.service.orders import ChargeInfo, ChargeLine, ChargeOrder, RefundInfo
from functions.payments.billing.service.paying_back import PaidBack
from functions.payments.billing.service.prepayments import take_prepayment
from functions.payments.billing.service.pricing import Priced
from functions.payments.billing.service.refunding import (
    approve_refund,
    execute_refund,
    reject_refund,
    request_refund,
    withdraw_refund,
)
from functions.payments.billing.service.settling import (
    Settled,
    add_tender,
    cancel_settlement,
    cancel_stale_settlements,
    complete_settlement,
    preview,
    settle,
    start_settlement,
)
from functions.payments.billing.service.sources import refund_source

__all__ = [
    "ChargeInfo",
    "ChargeLine",
    "ChargeOrder",
    "DebtPaid",
    "Executed",
    "PaidBack",
    "Priced",
    "RefundInfo",
    "Settled",
    "add_tender",
    "approve_refund",
    "begin_execution",
    "cancel_settlement",
    "cancel_stale_settlements",
    "complete_settlement",
    "enter_charges",
    "execute_refund",
    "pay_debt",
    "post_charges",
    "preview",
    "record_execution",
    "record_return",
    "refund_source",
    "reject_refund",
    "request_refund",
    "settle",
    "source_amount",
    "source_charges",
    "source_state",
    "start_settlement",
    "take_prepayment",
    "undo_begin",
    "void_charge",
    "void_source",
    "withdraw_refund",
]
