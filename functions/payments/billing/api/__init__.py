"""HTTP routes of billing, by subject."""

from functions.payments.billing.api import charges, debts, prepayments, receipts, refunds, reports, settlements
from functions.payments.billing.api.routing import router

__all__ = ["charges", "debts", "prepayments", "receipts", "refunds", "reports", "router", "settlements"]
