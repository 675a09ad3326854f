"""Selects and locks of the clinic schedule."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Text, and_, bindparam, func, literal, null, select, true, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased

from functions.outpatient.schedule.models import Clinic, Session, Slot
from shared.database.query import Query, among, constant, one_of

CLINIC = Query(Clinic, select(Clinic).where(Clinic.clinic_id == bindparam("clinic_id")))
CLINICS = Query(
    Clinic,
    select(Clinic)
    .where(Clinic.campus_id == bindparam("campus"), Clinic.code > bindparam("after"))
    .order_by(Clinic.code)
    .limit(bindparam("limit")),
)
SESSION = Query(Session, select(Session).where(Session.session_id == bindparam("session_id")))

CHANGE_STATE = Query(
    Session,
    update(Session)
    .where(Session.session_id == bindparam("id_"), Session.version == bindparam("seen"))
    .values(
        status=bindparam("to"),
        approved_by=func.coalesce(bindparam("approver", type_=Text), Session.approved_by),
        published_at=func.coalesce(bindparam("published", type_=Session.published_at.type), Session.published_at),
        stop_reason=func.coalesce(bindparam("reason", type_=Text), Session.stop_reason),
        version=Session.version + 1,
    )
    .returning(Session),
)
"""One step of a session's life; None when its version is no longer the one seen."""

COUNT_SLOTS = Query(int, select(func.count()).select_from(Slot).where(Slot.session_id == bindparam("session_id")))


class SlotTaken(NamedTuple):
    """A number that was just taken, with what its visit needs to know about its session and clinic."""

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


def _take(skip_locked: bool) -> Query[SlotTaken]:
    pool = aliased(Slot)
    free = (
        select(pool.slot_id)
        .where(
            pool.session_id == bindparam("session_id"),
            pool.status == constant("free"),
            among(pool.channel, "channels"),
            pool.band_end > bindparam("now"),
        )
        .order_by(pool.number)
        .limit(1)
        .with_for_update(skip_locked=skip_locked)
        .scalar_subquery()
    )
    return Query(
        SlotTaken,
        update(Slot)
        .where(
            Slot.slot_id == free,
            Slot.session_id == Session.session_id,
            one_of(Session.status, "published", "open"),
            Session.clinic_id == Clinic.clinic_id,
        )
        .values(status="taken", owner_kind="visit", owner_id=bindparam("owner"))
        .returning(
            Slot.slot_id,
            Slot.session_id,
            Slot.number,
            Slot.band_start,
            Slot.band_end,
            Clinic.clinic_id,
            Clinic.name,
            Clinic.grade,
            Session.unit_id,
            Session.doctor_id,
            Session.room_id,
            Session.day,
            Session.ends_at,
            Clinic.fee_item_code,
            Clinic.sex_limit,
            Clinic.age_from,
            Clinic.age_to,
        ),
    )


TAKE_FREE_SLOT = _take(skip_locked=True)
"""The earliest free number nobody else is taking at this moment."""

TAKE_CONTESTED_SLOT = _take(skip_locked=False)
"""The same, but waits for those being taken: one of them may be given back by a roll-back."""

RETURN_SLOT = Query(
    UUID,
    update(Slot)
    .where(
        Slot.slot_id == bindparam("id_"),
        Slot.owner_id == bindparam("owner"),
        Slot.status == constant("taken"),
        Slot.band_end > bindparam("now"),
    )
    .values(status="free", owner_kind=null(), owner_id=null())
    .returning(Slot.slot_id),
)
"""Give a number back to its pool while its band has not ended."""

WITHDRAW_SLOTS = Query(
    UUID,
    update(Slot)
    .where(Slot.session_id == bindparam("id_"), one_of(Slot.status, "free", "held", "taken", "blocked"))
    .values(status="withdrawn", owner_kind=null(), owner_id=null())
    .returning(Slot.slot_id),
)

OPEN_SESSIONS_OF_UNIT = Query(
    UUID,
    select(Session.session_id)
    .where(
        Session.unit_id == bindparam("unit_id"),
        one_of(Session.status, "published", "open"),
        Session.ends_at > bindparam("now"),
    )
    .limit(1),
)


class Available(NamedTuple):
    """A session on sale and what is left of it."""

    session_id: UUID
    campus_id: str
    clinic_id: UUID
    clinic_name: str
    standard_code: str
    grade: str
    unit_id: UUID
    doctor_id: UUID | None
    room_id: UUID
    day: date
    part: str
    starts_at: datetime
    ends_at: datetime
    status: str
    total: int
    remaining: dict[str, int]


def _availability() -> Query[Available]:
    per_channel = (
        select(
            Slot.channel,
            func.count().label("slots"),
            func.count().filter(and_(Slot.status == constant("free"), Slot.band_end > bindparam("now"))).label("free"),
        )
        .where(Slot.session_id == Session.session_id)
        .group_by(Slot.channel)
        .lateral()
    )
    return Query(
        Available,
        select(
            Session.session_id,
            Session.campus_id,
            Session.clinic_id,
            Clinic.name,
            Clinic.standard_code,
            Clinic.grade,
            Session.unit_id,
            Session.doctor_id,
            Session.room_id,
            Session.day,
            Session.part,
            Session.starts_at,
            Session.ends_at,
            Session.status,
            func.coalesce(func.sum(per_channel.c.slots), 0).cast(Session.extra_cap.type),
            func.coalesce(
                func.jsonb_object_agg(per_channel.c.channel, per_channel.c.free).filter(
                    per_channel.c.channel.is_not(null())
                ),
                literal({}, JSONB),
            ),
        )
        .join(Clinic, Clinic.clinic_id == Session.clinic_id)
        .outerjoin(per_channel, true())
        .where(
            Session.day == bindparam("day"),
            among(Session.campus_id, "campuses"),
            one_of(Session.status, "published", "open", "stopped"),
            func.coalesce(bindparam("standard_code", type_=Text), Clinic.standard_code) == Clinic.standard_code,
            Session.session_id > bindparam("after"),
        )
        .group_by(Session.session_id, Clinic.clinic_id)
        .order_by(Session.session_id)
        .limit(bindparam("limit")),
    )


AVAILABILITY = _availability()
"""Sessions of a day with the numbers left by channel; one statement for the whole window."""
