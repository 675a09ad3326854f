"""Numbers of one session, locked or changed together: stops, moves, quotas, releases, priority."""

from uuid import UUID

from sqlalchemy import DateTime, Interval, bindparam, func, null, or_, select, update

from functions.outpatient.schedule.models import Session, Slot
from shared.database.query import Query, among, one_of

_SHIFT = bindparam("by_", type_=Interval)

LOCK_SLOTS = Query(
    Slot, select(Slot).where(Slot.session_id == bindparam("session_id")).order_by(Slot.slot_id).with_for_update()
)
"""All numbers of a session: a stop or a move sees every one as it is, and nobody takes one meanwhile."""
WITHDRAW = Query(
    UUID,
    update(Slot)
    .where(among(Slot.slot_id, "ids"), one_of(Slot.status, "free", "held", "taken", "blocked"))
    .values(
        status="withdrawn",
        owner_kind=null(),
        owner_id=null(),
        holder=null(),
        held_until=null(),
        block_reason=null(),
    )
    .returning(Slot.slot_id),
)
SHIFT_SLOTS = Query(
    object,
    update(Slot)
    .where(Slot.session_id == bindparam("id_"))
    .values(band_start=Slot.band_start + _SHIFT, band_end=Slot.band_end + _SHIFT),
)
BLOCK_BANDS = Query(
    UUID,
    update(Slot)
    .where(
        Slot.session_id == bindparam("id_"),
        among(Slot.band_start, "bands"),
        one_of(Slot.status, "free", "held"),
        or_(one_of(Slot.status, "free"), Slot.held_until <= bindparam("now")),
    )
    .values(status="blocked", block_reason="rescue", holder=null(), held_until=null())
    .returning(Slot.slot_id),
)
UNBLOCK_BANDS = Query(
    UUID,
    update(Slot)
    .where(
        Slot.session_id == bindparam("id_"),
        among(Slot.band_start, "bands"),
        one_of(Slot.status, "blocked"),
        Slot.block_reason == "rescue",
    )
    .values(status="free", block_reason=null())
    .returning(Slot.slot_id),
)
_withheld = (
    select(Slot.slot_id)
    .where(Slot.session_id == bindparam("id_"), one_of(Slot.status, "blocked"), Slot.block_reason == "withheld")
    .order_by(Slot.number)
    .limit(bindparam("limit"))
    .with_for_update()
)
RELEASE_WITHHELD = Query(
    UUID,
    update(Slot).where(Slot.slot_id.in_(_withheld)).values(status="free", block_reason=null()).returning(Slot.slot_id),
)
_to_move = (
    select(Slot.slot_id)
    .where(
        Slot.session_id == bindparam("id_"),
        Slot.channel == bindparam("from_"),
        one_of(Slot.status, "free"),
        Slot.band_end > bindparam("now"),
        Slot.for_patient.is_(null()),
    )
    .order_by(Slot.number.desc())
    .limit(bindparam("limit"))
    .with_for_update()
)
MOVE_QUOTA = Query(
    UUID,
    update(Slot).where(Slot.slot_id.in_(_to_move)).values(channel=bindparam("to")).returning(Slot.slot_id),
)
PROMISE = Query(
    object,
    update(Session)
    .where(Session.session_id == bindparam("id_"))
    .values(
        waiting=Session.waiting + bindparam("people", type_=Session.waiting.type),
        promised=Session.promised + bindparam("people", type_=Session.waiting.type),
        promised_until=bindparam("until", type_=DateTime(timezone=True)),
    ),
)
GIVE_PRIORITY = Query(
    object,
    update(Slot).where(Slot.session_id == bindparam("id_")).values(returned_at=bindparam("now")),
)
"""Numbers of a session that took another's place: the other's patients come first."""
SLOTS = Query(Slot, select(Slot).where(Slot.session_id == bindparam("session_id")).order_by(Slot.number))
COUNT_WITHHELD = Query(
    int,
    select(func.count())
    .select_from(Slot)
    .where(Slot.session_id == bindparam("session_id"), one_of(Slot.status, "blocked"), Slot.block_reason == "withheld"),
)
