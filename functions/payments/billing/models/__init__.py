"""Tables of billing: charges, settlements, tenders, refunds, debts, receipts, prepayments.

The law of this module, checked by integrity/checks/money: at any moment, for every settlement,
    sum of its lines - what was refunded of them = sum of its tenders - what was returned of them,
and the journal of the cashier (payments.money_movements) shows the same sum in each shift and on each day.
"""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.payments.billing.models.charges import Charge
    from functions.payments.billing.models.prepayments import (
        BillingSetting,
        CourseMovement,
        CoursePayment,
        CoursePrepayment,
        LegacyBalance,
        PriceCorrection,
    )
    from functions.payments.billing.models.receipts import PaperReceipt, Receipt, ReceiptJob
    from functions.payments.billing.models.refunds import (
        ChannelRefund,
        Debt,
        DebtWriteOff,
        Refund,
        RefundDifference,
        RefundLine,
        RefundPart,
    )
    from functions.payments.billing.models.settlements import Settlement, SettlementLine, Tender

__all__ = [
    "BillingSetting",
    "ChannelRefund",
    "Charge",
    "CourseMovement",
    "CoursePayment",
    "CoursePrepayment",
    "Debt",
    "DebtWriteOff",
    "LegacyBalance",
    "PaperReceipt",
    "PriceCorrection",
    "Receipt",
    "ReceiptJob",
    "Refund",
    "RefundDifference",
    "RefundLine",
    "RefundPart",
    "Settlement",
    "SettlementLine",
    "Tender",
]

__getattr__ = loaded_on_use(__name__)
