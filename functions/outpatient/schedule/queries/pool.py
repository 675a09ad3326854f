"""The number pool: every lock and guarded update of a slot. Numbers are locked in the order of their session."""

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    SmallInteger,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from functions.outpatient.schedule.models import Clinic, PoolFreeze, Session, Slot
from shared.database.query import Query, among, one_of

_NOW = bindparam("now", type_=DateTime(timezone=True))
_LAST_CALL = bindparam("last_call", type_=DateTime(timezone=True))
_BAND = bindparam("band", None, type_=DateTime(timezone=True))


def free_now(slot: Any) -> ColumnElement[bool]:
    """A number nobody has: free, or held by somebody whose time is over. On sale, and its band not past."""
    return and_(
        one_of(slot.status, "free", "held"),
        or_(slot.status == "free", slot.held_until <= _NOW),
        slot.band_end > _NOW,
        or_(slot.on_sale_at.is_(null()), slot.on_sale_at <= _NOW),
        slot.for_patient.is_(null()),
    )


def not_kept(slot: Any, session: Any) -> ColumnElement[bool]:
    """What came back while people wait is theirs first, until half an hour before the band."""
    return or_(
        session.waiting == 0,
        and_(slot.returned_at.is_(null()), slot.status == "free"),
        slot.band_start <= _LAST_CALL,
    )


def frozen(session: Any) -> ColumnElement[bool]:
    """The campus keeps that day's numbers for its own windows."""
    return exists().where(
        PoolFreeze.campus_id == session.campus_id, PoolFreeze.day == session.day, PoolFreeze.lifted_at.is_(null())
    )


class SlotTaken(NamedTuple):
    """A number that was just taken or held, with what its visit needs to know about its session and clinic."""

    slot_id: UUID
    session_id: UUID
    number: int
    band_start: datetime
    band_end: datetime
    clinic_id: UUID
    clinic_name: str
    grade: str
    unit_id: UUID
    doctor_id: UUID | None
    room_id: UUID
    day: date
    session_ends_at: datetime
    fee_item_code: str
    sex_limit: str | None
    age_from: int | None
    age_to: int | None
    channel: str
    extra_no: int | None
    held_until: datetime | None

    @property
    def label(self) -> str:
        """The number as it is printed: 17, or 加3 for an extra one."""
        return str(self.number) if self.extra_no is None else f"加{self.extra_no}"


_ANSWER = (
    Slot.slot_id,
    Slot.session_id,
    Slot.number,
    Slot.band_start,
    Slot.band_end,
    Clinic.clinic_id,
    Clinic.name,
    func.coalesce(Session.grade, Clinic.grade),
    Session.unit_id,
    Session.doctor_id,
    Session.room_id,
    Session.day,
    Session.ends_at,
    func.coalesce(Session.fee_item_code, Clinic.fee_item_code),
    Clinic.sex_limit,
    Clinic.age_from,
    Clinic.age_to,
    Slot.channel,
    Slot.extra_no,
    Slot.held_until,
)
_OF_SESSION = (
    Slot.session_id == Session.session_id,
    one_of(Session.status, "published", "open"),
    Session.clinic_id == Clinic.clinic_id,
)
_TAKEN: dict[str, Any] = {
    "status": "taken",
    "owner_kind": bindparam("kind", type_=Text),
    "owner_id": bindparam("owner"),
    "holder": null(),
    "held_until": null(),
}
_HELD: dict[str, Any] = {"status": "held", "holder": bindparam("by"), "held_until": bindparam("until")}


def _first(values: dict[str, Any], *, skip_locked: bool, waiting: bool) -> Query[SlotTaken]:
    pool, session = aliased(Slot), aliased(Session)
    conditions = [
        pool.session_id == bindparam("session_id"),
        session.session_id == pool.session_id,
        free_now(pool),
        among(pool.channel, "channels"),
        or_(_BAND.is_(null()), pool.band_start == _BAND),
        ~frozen(session),
    ]
    if not waiting:
        conditions.append(not_kept(pool, session))
    chosen = (
        select(pool.slot_id)
        .where(*conditions)
        .order_by(pool.number)
        .limit(1)
        .with_for_update(of=pool, skip_locked=skip_locked)
        .scalar_subquery()
    )
    statement = update(Slot).where(Slot.slot_id == chosen, *_OF_SESSION).values(**values).returning(*_ANSWER)
    return Query(SlotTaken, statement)


TAKE_FREE = _first(_TAKEN, skip_locked=True, waiting=False)
"""The earliest free number nobody else is taking at this moment."""
TAKE_CONTESTED = _first(_TAKEN, skip_locked=False, waiting=False)
"""The same, but waits for those being taken: one of them may be given back by a roll-back."""
TAKE_PROMISED = _first(_TAKEN, skip_locked=True, waiting=True)
"""For a patient of the session this one took the place of: also the numbers kept for those who come first."""
TAKE_PROMISED_CONTESTED = _first(_TAKEN, skip_locked=False, waiting=True)
HOLD_FREE = _first(_HELD, skip_locked=True, waiting=False)
HOLD_CONTESTED = _first(_HELD, skip_locked=False, waiting=False)
HOLD_WAITING = _first(_HELD, skip_locked=True, waiting=True)
"""For somebody on the waiting list: also the numbers kept for them."""
HOLD_WAITING_CONTESTED = _first(_HELD, skip_locked=False, waiting=True)

_reserved = aliased(Slot)
TAKE_RESERVED = Query(
    SlotTaken,
    update(Slot)
    .where(
        Slot.slot_id
        == select(_reserved.slot_id)
        .where(
            _reserved.session_id == bindparam("id_"),
            among(_reserved.for_patient, "patients"),
            one_of(_reserved.status, "held"),
            _reserved.held_until > bindparam("now"),
        )
        .order_by(_reserved.number)
        .limit(1)
        .with_for_update()
        .scalar_subquery(),
        *_OF_SESSION,
    )
    .values(**_TAKEN)
    .returning(*_ANSWER),
)
"""The extra number that waits for this patient, by any record of the person; one, where records were merged."""

CONFIRM = Query(
    SlotTaken,
    update(Slot)
    .where(
        Slot.slot_id == bindparam("id_"),
        *_OF_SESSION,
        Slot.band_end > bindparam("now"),
        or_(
            and_(
                one_of(Slot.status, "held"),
                Slot.holder == bindparam("by_"),
                or_(Slot.held_until > bindparam("now"), Session.waiting == 0),
            ),
            and_(one_of(Slot.status, "free"), Slot.for_patient.is_(null()), Session.waiting == 0),
        ),
    )
    .values(**_TAKEN)
    .returning(*_ANSWER),
)
"""The number a payer held becomes theirs; also when the hold ran out and nobody else has it or waits for it."""


class Returned(NamedTuple):
    """A number that went back, and whether people wait for its session."""

    slot_id: UUID
    session_id: UUID
    clinic_id: UUID
    waiting: int
    status: str


_BACK: dict[str, Any] = {
    "status": case(
        (Slot.extra_no.is_not(null()), "withdrawn"), (Slot.band_end <= bindparam("now"), "lapsed"), else_="free"
    ),
    "owner_kind": null(),
    "owner_id": null(),
    "holder": null(),
    "held_until": null(),
    "returned_at": bindparam("now", type_=DateTime(timezone=True)),
}
_BACK_ANSWER = (Slot.slot_id, Slot.session_id, Session.clinic_id, Session.waiting, Slot.status)
RETURN_SLOT = Query(
    Returned,
    update(Slot)
    .where(
        Slot.slot_id == bindparam("id_"),
        Slot.owner_id == bindparam("owner"),
        among(Slot.status, "states"),
        Session.session_id == Slot.session_id,
    )
    .values(**_BACK)
    .returning(*_BACK_ANSWER),
)
"""Give a number back to its pool; past its band it lapses. An extra number is withdrawn: it was made for one."""
DROP_HOLD = Query(
    Returned,
    update(Slot)
    .where(
        Slot.slot_id == bindparam("id_"),
        Slot.holder == bindparam("by_"),
        one_of(Slot.status, "held"),
        Session.session_id == Slot.session_id,
    )
    .values(**_BACK)
    .returning(*_BACK_ANSWER),
)
HAND_OVER = Query(
    UUID,
    update(Slot)
    .where(Slot.slot_id == bindparam("id_"), Slot.owner_id == bindparam("from_"), one_of(Slot.status, "taken"))
    .values(owner_kind=bindparam("kind", type_=Text), owner_id=bindparam("to"))
    .returning(Slot.slot_id),
)
"""A booking's number becomes its visit's."""


class Used(NamedTuple):
    """A number that is used now, and how far its session is."""

    session_id: UUID
    session_status: str
    doctor_id: UUID | None


USE_SLOT = Query(
    Used,
    update(Slot)
    .where(
        Slot.slot_id == bindparam("id_"),
        Slot.owner_id == bindparam("owner"),
        one_of(Slot.status, "taken"),
        Session.session_id == Slot.session_id,
    )
    .values(status="used")
    .returning(Slot.session_id, Session.status, Session.doctor_id),
)
TAKE_FROZEN = Query(
    SlotTaken,
    update(Slot)
    .where(
        Slot.session_id == bindparam("id_"),
        Slot.number == bindparam("number_"),
        one_of(Slot.status, "blocked"),
        Slot.block_reason == "contingency",
        *_OF_SESSION,
    )
    .values(**_TAKEN, block_reason=null())
    .returning(*_ANSWER),
)
"""A number sold by the campus's own windows while it was cut off."""
_CHANGE = bindparam("change", type_=SmallInteger())
EXPECT_WAITING = Query(
    UUID,
    update(Session)
    .where(Session.session_id == bindparam("id_"), one_of(Session.status, "published", "open"))
    .values(
        waiting=func.greatest(0, Session.waiting + _CHANGE),
        promised=func.greatest(0, Session.promised + func.least(0, _CHANGE)),
    )
    .returning(Session.session_id),
)
"""More or fewer people wait; whoever is served or goes counts against those who were promised a place."""

TAKEN_BY = Query(
    SlotTaken,
    select(*_ANSWER)
    .select_from(Slot)
    .join(Session, Session.session_id == Slot.session_id)
    .join(Clinic, Clinic.clinic_id == Session.clinic_id)
    .where(
        Slot.slot_id == bindparam("slot_id"), Slot.owner_id == bindparam("owner"), one_of(Slot.status, "taken", "used")
    ),
)


class SlotPlace(NamedTuple):
    """When and where a number is seen, and by whom, as its session stands now."""

    slot_id: UUID
    band_start: datetime
    band_end: datetime
    room_id: UUID
    doctor_id: UUID | None


SLOT_PLACES = Query(
    SlotPlace,
    select(Slot.slot_id, Slot.band_start, Slot.band_end, Session.room_id, Session.doctor_id)
    .join(Session, Session.session_id == Slot.session_id)
    .where(among(Slot.slot_id, "slots")),
)
SESSION_OF = Query(UUID, select(Slot.session_id).where(Slot.slot_id == bindparam("slot_id")))
