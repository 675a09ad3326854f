"""Selects, locks and guarded updates of shifts and the journal of money."""

from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Text, and_, bindparam, cast, collate, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.payments.cashier.models import CashHandIn, MoneyMovement, PrintedCopy, Shift, ShiftCount
from functions.payments.cashier.rules import COUNTS_ALLOWED
from shared.database.model import MONEY
from shared.database.query import Query, constant, one_of


class MethodTotal(NamedTuple):
    """What one means of payment brought and took."""

    method: str
    in_count: int
    in_amount: Decimal
    out_count: int
    out_amount: Decimal


_DUE = Shift.opening_float + Shift.float_added - Shift.float_returned + Shift.cash_in - Shift.cash_out - Shift.handed_in
_MINE = and_(
    Shift.cashier == bindparam("who"),
    Shift.campus_id == bindparam("campus"),
    one_of(Shift.kind, "counter"),
    one_of(Shift.state, "open", "counting"),
)


def money(name: str) -> Any:
    """A sum of money given by name."""
    return bindparam(name, type_=MONEY)


# -- where money goes

MOVE_MY_CASH = Query(
    Shift,
    update(Shift)
    .where(_MINE, one_of(Shift.state, "open"), Shift.locked_at.is_(None))
    .values(cash_in=Shift.cash_in + money("came"), cash_out=Shift.cash_out + money("went"))
    .returning(Shift),
)
"""Lock the actor's open shift and move its cash (by nothing, for other means); no row when it takes no money.

Counting waits for this lock and this waits for counting, so that no sale falls between count and close.
"""

MOVE_CASH = Query(
    Shift,
    update(Shift)
    .where(Shift.shift_id == bindparam("id_"), one_of(Shift.state, "open"), one_of(Shift.kind, "counter"))
    .values(cash_in=Shift.cash_in + money("came"), cash_out=Shift.cash_out + money("went"))
    .returning(Shift),
)

HOLD_SHIFT = Query(
    Shift,
    select(Shift).where(Shift.shift_id == bindparam("id_"), one_of(Shift.state, "open")).with_for_update(read=True),
)
"""Keep a shift open until the commit without queueing behind others who only do the same."""

OPEN_SHIFT_OF = Query(
    Shift,
    select(Shift).where(_MINE, one_of(Shift.state, "open")).with_for_update(read=True),
)
"""Somebody's open shift, kept open until the commit; a locked counter still books what arrives by itself."""

MY_SHIFT = Query(Shift, select(Shift).where(_MINE))

CHANNEL_SHIFT = Query(
    Shift,
    select(Shift)
    .where(
        Shift.campus_id == bindparam("campus"),
        Shift.channel == bindparam("channel"),
        Shift.business_day == bindparam("day"),
        one_of(Shift.kind, "virtual"),
        one_of(Shift.state, "open"),
    )
    .with_for_update(read=True),
)

_opened = insert(Shift).values(
    shift_id=bindparam("shift_id"),
    campus_id=bindparam("campus"),
    shift_no=bindparam("shift_no"),
    kind="virtual",
    channel=bindparam("channel"),
    counter_name=bindparam("name"),
    campus_letter=bindparam("letter"),
    cashier_no="",
    cashier_name=bindparam("name"),
    business_day=bindparam("day"),
    state="open",
    opened_at=bindparam("at"),
    opening_float=0,
    float_added=0,
    float_returned=0,
    cash_in=0,
    cash_out=0,
    handed_in=0,
    counts_given=0,
    version=1,
)
OPEN_CHANNEL_SHIFT = Query(UUID, _opened.on_conflict_do_nothing().returning(Shift.shift_id))
"""Open a channel's shift of the day; no row when somebody was quicker."""

CLOSE_CHANNEL_SHIFTS = Query(
    Shift,
    update(Shift)
    .where(
        Shift.campus_id == bindparam("campus"),
        one_of(Shift.kind, "virtual"),
        one_of(Shift.state, "open"),
        Shift.business_day < bindparam("today"),
    )
    .values(state="closed", closed_at=bindparam("at"), closed_by=bindparam("who"), version=Shift.version + 1)
    .returning(Shift),
)

# -- life of a shift

SHIFT = Query(Shift, select(Shift).where(Shift.shift_id == bindparam("shift_id")))


def _step(*conditions: Any, **values: Any) -> Query[Shift]:
    return Query(
        Shift,
        update(Shift)
        .where(Shift.shift_id == bindparam("id_"), Shift.version == bindparam("seen"), *conditions)
        .values(**values, version=Shift.version + 1)
        .returning(Shift),
    )


TAKE_BOOKLET = _step(one_of(Shift.state, "open"), receipt_from=bindparam("first_"), receipt_to=bindparam("last_"))
_C = "C"
BOOKLET_HELD = Query(
    Shift,
    select(Shift)
    .where(
        Shift.campus_id == bindparam("campus"),
        one_of(Shift.kind, "counter"),
        one_of(Shift.state, "open", "counting"),
        Shift.shift_id != bindparam("own"),
        func.length(Shift.receipt_from) == func.length(bindparam("first", type_=Text)),
        collate(Shift.receipt_from, _C) <= bindparam("last", type_=Text),
        collate(Shift.receipt_to, _C) >= bindparam("first", type_=Text),
    )
    .order_by(Shift.shift_id)
    .limit(1),
)
"""An unfinished shift that holds one of these numbers: numbers of one length compare as they are printed."""
HAND_IN = Query(
    Shift,
    update(Shift)
    .where(_MINE, one_of(Shift.state, "open"), Shift.locked_at.is_(None), Shift.shift_id == bindparam("id_"))
    .values(handed_in=Shift.handed_in + money("went"))
    .returning(Shift),
)
LOCK = _step(
    one_of(Shift.state, "open"),
    Shift.locked_at.is_(None),
    locked_at=bindparam("at"),
    locked_by=bindparam("who"),
    lock_reason=bindparam("why"),
)
UNLOCK = _step(Shift.locked_at.is_not(None), locked_at=None, locked_by=None, lock_reason=None)
TAKE_OVER = _step(
    one_of(Shift.state, "open", "counting"),
    one_of(Shift.kind, "counter"),
    Shift.taken_over_at.is_(None),
    state="counting",
    counting_at=func.coalesce(Shift.counting_at, bindparam("at")),
    taken_over_at=bindparam("at"),
    taken_over_by=bindparam("who"),
    taken_over_name=bindparam("name"),
    takeover_reason=bindparam("why"),
)
START_COUNT = _step(
    one_of(Shift.state, "open"), one_of(Shift.kind, "counter"), state="counting", counting_at=bindparam("at")
)
GIVE_COUNT = _step(
    one_of(Shift.state, "counting"),
    Shift.counts_given < COUNTS_ALLOWED,
    counted=money("counted_"),
    difference=money("counted_") - _DUE,
    float_kept=money("kept_"),
    counts_given=Shift.counts_given + 1,
)
CLOSE = _step(
    one_of(Shift.state, "counting"),
    Shift.counts_given > 0,
    state="closed",
    difference_reason=bindparam("why"),
    closed_at=bindparam("at"),
    closed_by=bindparam("who"),
    closed_by_name=bindparam("name"),
)
CONFIRM = _step(
    one_of(Shift.state, "closed"),
    Shift.difference != 0,
    Shift.confirmed_at.is_(None),
    confirmed_at=bindparam("at"),
    confirmed_by=bindparam("who"),
    confirmed_by_name=bindparam("name"),
    confirm_note=bindparam("note"),
)
RECEIVE = _step(
    one_of(Shift.state, "closed"),
    one_of(Shift.kind, "counter"),
    state="received",
    received_at=bindparam("at"),
    received_by=bindparam("who"),
    received_by_name=bindparam("name"),
    received_amount=money("amount"),
    bank_slip_no=bindparam("slip"),
)

# -- lists and sums

SHIFTS = Query(
    Shift,
    select(Shift)
    .where(
        Shift.campus_id == bindparam("campus"),
        Shift.business_day == bindparam("day"),
        Shift.shift_id < bindparam("before"),
    )
    .order_by(Shift.shift_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)

UNFINISHED_SHIFTS = Query(
    Shift,
    select(Shift)
    .where(
        Shift.campus_id == bindparam("campus"),
        Shift.state != constant("received"),
        or_(one_of(Shift.kind, "counter"), one_of(Shift.state, "open")),
        Shift.shift_id < bindparam("before"),
    )
    .order_by(Shift.shift_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
"""Shifts not yet counted, closed or received; a closed virtual one has nothing left to do."""

HAND_INS = Query(
    CashHandIn,
    select(CashHandIn).where(CashHandIn.shift_id == bindparam("shift_id")).order_by(CashHandIn.hand_in_id),
)
HAND_IN_ROW = Query(CashHandIn, select(CashHandIn).where(CashHandIn.hand_in_id == bindparam("hand_in_id")))
LAST_COUNT = Query(
    ShiftCount,
    select(ShiftCount).where(ShiftCount.shift_id == bindparam("shift_id")).order_by(ShiftCount.attempt.desc()).limit(1),
)


_NOTHING = cast(literal(0), MONEY)


def _totals(*conditions: Any) -> Query[MethodTotal]:
    came, went = one_of(MoneyMovement.direction, "in"), one_of(MoneyMovement.direction, "out")
    return Query(
        MethodTotal,
        select(
            MoneyMovement.method,
            func.count().filter(came),
            func.coalesce(func.sum(MoneyMovement.amount).filter(came), _NOTHING),
            func.count().filter(went),
            func.coalesce(func.sum(MoneyMovement.amount).filter(went), _NOTHING),
        )
        .where(*conditions, MoneyMovement.kind.not_in([constant("hand_in"), constant("float")]))
        .group_by(MoneyMovement.method)
        .order_by(MoneyMovement.method),
    )


SHIFT_TOTALS = _totals(MoneyMovement.shift_id == bindparam("shift_id"))
DAY_TOTALS = _totals(MoneyMovement.campus_id == bindparam("campus"), MoneyMovement.business_day == bindparam("day"))

# -- printed copies

COPIES = Query(
    int,
    select(func.coalesce(func.max(PrintedCopy.copy_number), 0)).where(
        PrintedCopy.form == bindparam("form"), PrintedCopy.subject_id == bindparam("subject_id")
    ),
)
