"""What the minute's work locks and changes, always bounded; and the freeze of a day."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    DateTime,
    SmallInteger,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from functions.outpatient.schedule.models import Attendance, PoolFreeze, ReturnRule, Session, Slot
from functions.outpatient.schedule.queries.pool import Returned, free_now, frozen
from functions.outpatient.schedule.queries.rows import rows_given
from shared.database.query import Query, among, one_of

_over = (
    select(Slot.slot_id)
    .where(
        Slot.campus_id == bindparam("campus"),
        one_of(Slot.status, "held"),
        Slot.held_until <= bindparam("now"),
        Slot.band_end > bindparam("now"),
        Slot.for_patient.is_(null()),
    )
    .order_by(Slot.held_until)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
CLEAR_HOLDS = Query(
    Returned,
    update(Slot)
    .where(Slot.slot_id.in_(_over), Session.session_id == Slot.session_id)
    .values(status="free", holder=null(), held_until=null(), returned_at=Slot.held_until)
    .returning(Slot.slot_id, Slot.session_id, Session.clinic_id, Session.waiting, Slot.status),
)
"""Holds whose time is over: what reading already calls free is written down as free."""

_past = (
    select(Slot.slot_id)
    .where(
        Slot.campus_id == bindparam("campus"),
        or_(one_of(Slot.status, "free", "held"), one_of(Slot.status, "blocked")),
        Slot.band_end <= bindparam("now"),
    )
    .order_by(Slot.band_end)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
LAPSE = Query(
    UUID,
    update(Slot)
    .where(Slot.slot_id.in_(_past))
    .values(status="lapsed", holder=null(), held_until=null(), block_reason=null())
    .returning(Slot.slot_id),
)


_promised = (
    select(Session.session_id)
    .where(Session.campus_id == bindparam("campus"), Session.promised_until <= bindparam("now"))
    .order_by(Session.session_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
END_PROMISES = Query(
    UUID,
    update(Session)
    .where(Session.session_id.in_(_promised))
    .values(
        waiting=func.greatest(0, Session.waiting - Session.promised),
        promised=literal(0),
        promised_until=literal(None, DateTime(timezone=True)),
    )
    .returning(Session.session_id),
)
"""Who did not choose in time waits no longer: what was kept is everybody's again."""


class Unsold(NamedTuple):
    """A number nobody bought, of a channel that gives its unsold ones away."""

    slot_id: UUID
    session_id: UUID
    channel: str


UNSOLD_OF_DAY = Query(
    Unsold,
    select(Slot.slot_id, Slot.session_id, Slot.channel)
    .join(Session, Session.session_id == Slot.session_id)
    .where(
        Session.campus_id == bindparam("campus"),
        among(Session.day, "days"),
        one_of(Session.status, "published", "open"),
        one_of(Slot.status, "free"),
        among(Slot.channel, "channels"),
        Slot.band_end > bindparam("now"),
    )
    .order_by(Slot.session_id, Slot.number)
    .limit(bindparam("limit"))
    .with_for_update(of=Slot, skip_locked=True),
)
UNSOLD_BEFORE = Query(
    Unsold,
    select(Slot.slot_id, Slot.session_id, Slot.channel)
    .where(
        Slot.campus_id == bindparam("campus"),
        one_of(Slot.status, "free"),
        among(Slot.channel, "channels"),
        Slot.band_end > bindparam("now"),
        Slot.band_end <= bindparam("ends_by"),
        Slot.band_start <= bindparam("until"),
    )
    .order_by(Slot.session_id, Slot.number)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True),
)
"""Numbers whose band starts soon; the bound on its end lets the index answer."""
_moves = rows_given("moves", slot_id=("ids", Uuid()), channel=("channels", Text()))
GIVE_AWAY = Query(
    object,
    update(Slot).where(Slot.slot_id == _moves.c.slot_id, one_of(Slot.status, "free")).values(channel=_moves.c.channel),
)
RETURN_RULES = Query(ReturnRule, select(ReturnRule).where(ReturnRule.campus_id == bindparam("campus")))
_rule = insert(ReturnRule).values(
    campus_id=bindparam("campus"),
    channel=bindparam("channel_"),
    moment=bindparam("moment_"),
    minute=bindparam("minute_"),
    to_channels=bindparam("to"),
)
SET_RETURN = Query(
    object,
    _rule.on_conflict_do_update(
        index_elements=[ReturnRule.campus_id, ReturnRule.channel, ReturnRule.moment],
        set_={"minute": _rule.excluded.minute, "to_channels": _rule.excluded.to_channels},
    ),
)

# -- the end of a session


class Ended(NamedTuple):
    """A session whose time is over, with what became of its numbers."""

    session_id: UUID
    doctor_id: UUID | None
    day: date
    starts_at: datetime
    ends_at: datetime


_ended = (
    select(Session.session_id)
    .where(
        Session.campus_id == bindparam("campus"),
        one_of(Session.status, "published", "open"),
        Session.ends_at <= bindparam("before"),
    )
    .order_by(Session.session_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
CLOSE_ENDED = Query(
    Ended,
    update(Session)
    .where(Session.session_id.in_(_ended))
    .values(status="closed", waiting=0, version=Session.version + 1)
    .returning(Session.session_id, Session.doctor_id, Session.day, Session.starts_at, Session.ends_at),
)


class Use(NamedTuple):
    """Numbers of a session that were used, and taken but never used."""

    session_id: UUID
    used: int
    missed: int


USE_OF = Query(
    Use,
    select(
        Slot.session_id,
        func.count().filter(one_of(Slot.status, "used")),
        func.count().filter(one_of(Slot.status, "taken")),
    )
    .where(among(Slot.session_id, "session_ids"))
    .group_by(Slot.session_id),
)
ATTENDANCE = Query(Attendance, select(Attendance).where(Attendance.session_id == bindparam("session_id")))
ATTENDANCES = Query(Attendance, select(Attendance).where(among(Attendance.session_id, "session_ids")))
_attendance = insert(Attendance).values(
    session_id=bindparam("id_"),
    campus_id=bindparam("campus"),
    doctor_id=bindparam("doctor", type_=Uuid),
    opened_at=bindparam("opened", type_=DateTime(timezone=True)),
    closed_at=bindparam("closed", type_=DateTime(timezone=True)),
    late_minutes=bindparam("late", type_=SmallInteger),
    early_minutes=bindparam("early", type_=SmallInteger),
    outcome=bindparam("outcome_"),
)
RECORD_ATTENDANCE = Query(
    Attendance,
    _attendance.on_conflict_do_update(
        index_elements=[Attendance.session_id],
        set_={
            "opened_at": func.coalesce(Attendance.opened_at, _attendance.excluded.opened_at),
            "closed_at": _attendance.excluded.closed_at,
            "late_minutes": _attendance.excluded.late_minutes,
            "early_minutes": _attendance.excluded.early_minutes,
            "outcome": _attendance.excluded.outcome,
        },
    ).returning(Attendance),
)

# -- what is told coarsely


class Changed(NamedTuple):
    """A session whose count of numbers on sale is not the one last told."""

    session_id: UUID
    day: date
    remaining: int


_left = (
    select(func.count().label("n"))
    .select_from(Slot)
    .where(Slot.session_id == Session.session_id, free_now(Slot))
    .lateral()
)
_remaining = case((frozen(Session), literal(0)), else_=_left.c.n)
AVAILABILITY_CHANGED = Query(
    Changed,
    select(Session.session_id, Session.day, _remaining)
    .join(_left, true())
    .where(
        Session.campus_id == bindparam("campus"),
        one_of(Session.status, "published", "open"),
        Session.ends_at > bindparam("now"),
        Session.told_remaining.is_distinct_from(_remaining),
    )
    .order_by(Session.day, Session.session_id)
    .limit(bindparam("limit")),
)
_told = rows_given("told", session_id=("ids", Uuid()), remaining=("counts", SmallInteger()))
MARK_TOLD = Query(
    object,
    update(Session).where(Session.session_id == _told.c.session_id).values(told_remaining=_told.c.remaining),
)

# -- contingency

FREEZES = Query(
    PoolFreeze,
    select(PoolFreeze).where(PoolFreeze.campus_id == bindparam("campus"), PoolFreeze.lifted_at.is_(null())),
)
FREEZE_SLOTS = Query(
    UUID,
    update(Slot)
    .where(
        Slot.campus_id == bindparam("campus"),
        Session.session_id == Slot.session_id,
        Session.campus_id == bindparam("campus"),
        Session.day == bindparam("day_"),
        one_of(Session.status, "published", "open"),
        Slot.band_end > bindparam("now"),
        one_of(Slot.status, "free", "held"),
        or_(one_of(Slot.status, "free"), Slot.held_until <= bindparam("now")),
    )
    .values(status="blocked", block_reason="contingency", holder=null(), held_until=null())
    .returning(Slot.slot_id),
)
THAW_SLOTS = Query(
    Returned,
    update(Slot)
    .where(
        Slot.campus_id == bindparam("campus"),
        Session.session_id == Slot.session_id,
        Session.campus_id == bindparam("campus"),
        Session.day == bindparam("day_"),
        one_of(Slot.status, "blocked"),
        Slot.block_reason == "contingency",
    )
    .values(
        status=case((and_(Slot.band_end > bindparam("now")), "free"), else_="lapsed"),
        block_reason=null(),
    )
    .returning(Slot.slot_id, Slot.session_id, Session.clinic_id, Session.waiting, Slot.status),
)
LIFT_FREEZE = Query(
    PoolFreeze,
    update(PoolFreeze)
    .where(PoolFreeze.campus_id == bindparam("campus_"), PoolFreeze.lifted_at.is_(null()))
    .values(lifted_at=bindparam("now"), lifted_by=bindparam("who"))
    .returning(PoolFreeze),
)
