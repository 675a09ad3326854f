"""Tables of the cashier."""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.payments.cashier.models.bags import BagSlip, CashBag, CashCollection
    from functions.payments.cashier.models.floats import FloatChange
    from functions.payments.cashier.models.shifts import (
        CashHandIn,
        MoneyMovement,
        PrintedCopy,
        Shift,
        ShiftCount,
    )

__all__ = [
    "BagSlip",
    "CashBag",
    "CashCollection",
    "CashHandIn",
    "FloatChange",
    "MoneyMovement",
    "PrintedCopy",
    "Shift",
    "ShiftCount",
]

__getattr__ = loaded_on_use(__name__)
