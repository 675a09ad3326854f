"""The week grid and a doctor's own sessions."""

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, and_, bindparam, func, literal, null, or_, select

from functions.outpatient.schedule.models import Clinic, Session, Slot
from functions.outpatient.schedule.queries.pool import free_now, frozen, not_kept
from shared.database.query import Query, one_of


class WeekRow(NamedTuple):
    """A session of the week grid with its clinic and how many of its numbers are taken."""

    session_id: UUID
    campus_id: str
    clinic_id: UUID
    clinic_name: str
    grade: str
    unit_id: UUID
    doctor_id: UUID | None
    room_id: UUID
    desk: int
    day: date
    part: str
    starts_at: datetime
    ends_at: datetime
    status: str
    partly_stopped: bool
    extra_cap: int
    version: int
    planned: Any
    total: int
    taken: int
    extra: int


_numbers = (
    select(
        func.count().filter(Slot.extra_no.is_(null())).label("total"),
        func.count().filter(one_of(Slot.status, "taken", "used")).label("taken"),
        func.count().filter(and_(Slot.extra_no.is_not(null()), Slot.status != "withdrawn")).label("extra"),
    )
    .where(Slot.session_id == Session.session_id)
    .lateral()
)
WEEK = Query(
    WeekRow,
    select(
        Session.session_id,
        Session.campus_id,
        Session.clinic_id,
        Clinic.name,
        func.coalesce(Session.grade, Clinic.grade),
        Session.unit_id,
        Session.doctor_id,
        Session.room_id,
        Session.desk,
        Session.day,
        Session.part,
        Session.starts_at,
        Session.ends_at,
        Session.status,
        Session.partly_stopped_at.is_not(null()),
        Session.extra_cap,
        Session.version,
        Session.bands,
        _numbers.c.total,
        _numbers.c.taken,
        _numbers.c.extra,
    )
    .join(Clinic, Clinic.clinic_id == Session.clinic_id)
    .join(_numbers, literal(True))
    .where(
        Session.campus_id == bindparam("campus"),
        Session.day >= bindparam("since"),
        Session.day <= bindparam("until"),
        Session.status != "discarded",
        or_(bindparam("unit", type_=Uuid).is_(null()), Session.unit_id == bindparam("unit", type_=Uuid)),
        or_(bindparam("doctor", type_=Uuid).is_(null()), Session.doctor_id == bindparam("doctor", type_=Uuid)),
        or_(bindparam("room", type_=Uuid).is_(null()), Session.room_id == bindparam("room", type_=Uuid)),
        or_(bindparam("clinic", type_=Uuid).is_(null()), Session.clinic_id == bindparam("clinic", type_=Uuid)),
        Session.session_id > bindparam("after"),
    )
    .order_by(Session.session_id)
    .limit(bindparam("limit")),
)
"""The week grid: sessions of a campus by department, doctor, room or clinic."""

OWN_SESSIONS = Query(
    Session,
    select(Session)
    .where(
        Session.doctor_id == bindparam("doctor"),
        Session.day >= bindparam("since"),
        Session.day <= bindparam("until"),
        one_of(Session.status, "published", "open", "closed", "stopped"),
    )
    .order_by(Session.starts_at, Session.session_id)
    .limit(bindparam("limit")),
)
"""A doctor's published sessions at every campus."""


class Left(NamedTuple):
    """What is left of a session."""

    session_id: UUID
    remaining: int


_free = (
    select(func.count().label("n"))
    .select_from(Slot)
    .where(Slot.session_id == Session.session_id, free_now(Slot), not_kept(Slot, Session), ~frozen(Session))
    .lateral()
)
LEFT_OF_DAY = Query(
    Left,
    select(Session.session_id, _free.c.n)
    .join(_free, literal(True))
    .where(
        Session.campus_id == bindparam("campus"),
        Session.day == bindparam("day"),
        one_of(Session.status, "published", "open"),
    ),
)
