"""The cashier: shifts at counters, and the one door through which money is booked into them.

Other modules book money like this, in their own transaction:

    till = open_till(tx, cash_in=amount)      # sent; counts the cash and holds the shift open until the commit
    ...                                       # other reads of the same round trip
    shift = till.shift()                      # NoOpenShift, ShiftLocked, CashInsufficient
    book(tx, shift, "in", "cash", amount, kind="settlement", subject_id=..., ref_id=...)
"""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.payments.cashier.models import Shift
    from functions.payments.cashier.problems import CountFirst
    from functions.payments.cashier.queries import MethodTotal
    from functions.payments.cashier.service.money import (
        Direction,
        Kind,
        ShiftInfo,
        Till,
        book,
        channel_of,
        close_channel_shifts,
        current_shift,
        day_totals,
        each_minute,
        open_till,
        record_money,
        shift_for,
        shift_totals,
    )
    from functions.payments.cashier.service.prints import copies_printed, count_copy
    from functions.payments.cashier.service.shifts import (
        close_shift,
        confirm_difference,
        find_shift,
        give_count,
        hand_in,
        is_blind,
        last_count,
        lock_shift,
        open_shift,
        receive_shift,
        refuse_before_count,
        start_count,
        take_over,
        unlock_shift,
    )

__all__ = [
    "CountFirst",
    "Direction",
    "Kind",
    "MethodTotal",
    "Shift",
    "ShiftInfo",
    "Till",
    "book",
    "channel_of",
    "close_channel_shifts",
    "close_shift",
    "confirm_difference",
    "copies_printed",
    "count_copy",
    "current_shift",
    "day_totals",
    "each_minute",
    "find_shift",
    "give_count",
    "hand_in",
    "is_blind",
    "last_count",
    "lock_shift",
    "open_shift",
    "open_till",
    "receive_shift",
    "record_money",
    "refuse_before_count",
    "shift_for",
    "shift_totals",
    "start_count",
    "take_over",
    "unlock_shift",
]

__getattr__ = loaded_on_use(__name__)
