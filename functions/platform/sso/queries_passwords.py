"""What is kept of passwords: the rule and the time, nothing else."""

from uuid import UUID

from sqlalchemy import DateTime, Integer, Uuid, and_, bindparam, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.platform.sso.models_passwords import PasswordState
from functions.platform.sso.rules_passwords import AGE
from shared.database.query import Query

_MOMENT = DateTime(timezone=True)

STATE = Query(PasswordState, select(PasswordState).where(PasswordState.staff_id == bindparam("whose", type_=Uuid())))
STATES = Query(PasswordState, select(PasswordState))
"""One a member of staff at most: some 1,600."""
_set = insert(PasswordState).values(
    staff_id=bindparam("whose", type_=Uuid()),
    set_at=bindparam("at", type_=_MOMENT),
    least=bindparam("at_least", type_=Integer()),
)
_newer = {"set_at": _set.excluded.set_at, "least": _set.excluded.least, "due_told_at": null()}
SET = Query(object, _set.on_conflict_do_update(index_elements=[PasswordState.staff_id], set_=_newer))
SET_ELSEWHERE = Query(
    UUID,
    _set.on_conflict_do_update(
        index_elements=[PasswordState.staff_id],
        set_=_newer,
        where=PasswordState.set_at < bindparam("unless_since", type_=_MOMENT),
    ).returning(PasswordState.staff_id),
)
"""At the realm's own page, which tells of it later; what was set here clearly after that stands."""
_AGED = (
    select(PasswordState.staff_id)
    .where(
        or_(
            and_(PasswordState.due_told_at.is_(null()), PasswordState.set_at <= bindparam("before", type_=_MOMENT)),
            # told for a privileged post only; 90 more days later it is too old for anybody
            and_(
                PasswordState.set_at <= bindparam("long_before", type_=_MOMENT),
                PasswordState.due_told_at < PasswordState.set_at + AGE,
            ),
        )
    )
    .order_by(PasswordState.set_at)
    .limit(200)
)
AGED = Query(
    UUID,
    update(PasswordState)
    .where(PasswordState.staff_id.in_(_AGED))
    .values(due_told_at=bindparam("now", type_=_MOMENT))
    .returning(PasswordState.staff_id),
)
