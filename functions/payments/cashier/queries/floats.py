"""Selects, locks and guarded updates of floats raised and lowered."""

from sqlalchemy import Integer, bindparam, select, update

from functions.payments.cashier.models import FloatChange, Shift
from functions.payments.cashier.queries.shifts import money
from shared.database.query import Query, one_of

MOVE_FLOAT = Query(
    Shift,
    update(Shift)
    .where(Shift.shift_id == bindparam("id_"), one_of(Shift.state, "open"), one_of(Shift.kind, "counter"))
    .values(
        float_added=Shift.float_added + money("came"),
        float_returned=Shift.float_returned + money("went"),
    )
    .returning(Shift),
)
"""Move the float of a shift that takes money; no row when it does not."""

CHANGE = Query(FloatChange, select(FloatChange).where(FloatChange.change_id == bindparam("change_id")))
OFFERED = Query(
    FloatChange,
    select(FloatChange).where(FloatChange.shift_id == bindparam("shift_id"), one_of(FloatChange.state, "offered")),
)
"""The change of a shift that waits for its second person."""

_waiting = (
    update(FloatChange)
    .where(
        FloatChange.change_id == bindparam("id_"),
        FloatChange.version == bindparam("seen"),
        one_of(FloatChange.state, "offered"),
    )
    .values(
        ended_by=bindparam("who"),
        ended_by_name=bindparam("name"),
        ended_at=bindparam("at"),
        version=FloatChange.version + 1,
    )
    .returning(FloatChange)
)
CONFIRM_CHANGE = Query(FloatChange, _waiting.values(state="confirmed"))
WITHDRAW_CHANGE = Query(FloatChange, _waiting.values(state="withdrawn", withdraw_reason=bindparam("why")))

CHANGES_OF_SHIFT = Query(
    FloatChange,
    select(FloatChange).where(FloatChange.shift_id == bindparam("shift_id")).order_by(FloatChange.change_id),
)
CHANGES_WAITING = Query(
    FloatChange,
    select(FloatChange)
    .where(
        FloatChange.campus_id == bindparam("campus"),
        one_of(FloatChange.state, "offered"),
        FloatChange.change_id > bindparam("after"),
    )
    .order_by(FloatChange.change_id)
    .limit(bindparam("limit", type_=Integer)),
)
"""Changes of a campus that wait for their second person, the oldest first."""
