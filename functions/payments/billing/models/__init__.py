"""Tables of billing: charges, settlements, tenders, refunds, debts, receipts.

The law of this module, checked by integrity/checks/money: at any moment, for every settlement,
    sum of its lines - what was refunded of them = sum of its tenders - what was returned of them,
and the journal of the cashier (payments.money_movements) shows the same sum in each shift and on each day.
"""

from functions.payments.billing.models.charges import Charge
from functions.payments.billing.models.refunds import Debt, Refund, RefundLine, RefundPart
from functions.payments.billing.models.settlements import Receipt, Settlement, SettlementLine, Tender

__all__ = [
    "Charge",
    "Debt",
    "Receipt",
    "Refund",
    "RefundLine",
    "RefundPart",
    "Settlement",
    "SettlementLine",
    "Tender",
]
