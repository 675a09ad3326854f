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
    from functions.payments.cashier.queries.shifts import MethodTotal
    from functions.payments.cashier.service.bags import (
        count_bag,
        explain_bag,
        find_bag,
        find_collection,
        hand_over,
        open_bag,
        seal_bag,
        underway_days,
    )
    from functions.payments.cashier.service.floats import (
        find_change,
        hand_float,
        return_float,
        take_float,
        take_float_back,
        withdraw_float,
        withdraw_own_float,
    )
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
    from functions.payments.cashier.service.receiving import confirm_difference, receive_shift
    from functions.payments.cashier.service.shifts import (
        close_shift,
        find_shift,
        give_count,
        hand_in,
        is_blind,
        last_count,
        lock_shift,
        open_shift,
        refuse_before_count,
        start_count,
        take_booklet,
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
    "count_bag",
    "count_copy",
    "current_shift",
    "day_totals",
    "each_minute",
    "explain_bag",
    "find_bag",
    "find_change",
    "find_collection",
    "find_shift",
    "give_count",
    "hand_float",
    "hand_in",
    "hand_over",
    "is_blind",
    "last_count",
    "lock_shift",
    "open_bag",
    "open_shift",
    "open_till",
    "receive_shift",
    "record_money",
    "refuse_before_count",
    "return_float",
    "seal_bag",
    "shift_for",
    "shift_totals",
    "start_count",
    "take_booklet",
    "take_float",
    "take_float_back",
    "take_over",
    "underway_days",
    "unlock_shift",
    "withdraw_float",
    "withdraw_own_float",
]

__getattr__ = loaded_on_use(__name__)
