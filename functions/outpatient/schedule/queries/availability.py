"""What is left: by session, band, campus. Read as it would be sold, to the same condition."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, and_, bindparam, case, func, literal, null, or_, select, true
from sqlalchemy.dialects.postgresql import JSONB

from functions.outpatient.schedule.models import Clinic, Session, Slot
from functions.outpatient.schedule.queries.pool import free_now, frozen, not_kept
from shared.database.query import Query, among, one_of

_OPEN = and_(free_now(Slot), not_kept(Slot, Session))


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
    next_release_at: datetime | None
    frozen: bool


_SESSION = (
    Session.session_id,
    Session.campus_id,
    Session.clinic_id,
    Clinic.name,
    Clinic.standard_code,
    func.coalesce(Session.grade, Clinic.grade),
    Session.unit_id,
    Session.doctor_id,
    Session.room_id,
    Session.day,
    Session.part,
    Session.starts_at,
    Session.ends_at,
    Session.status,
)


def _availability() -> Query[Available]:
    per_channel = (
        select(
            Slot.channel,
            func.count().filter(Slot.extra_no.is_(null())).label("slots"),
            func.count().filter(_OPEN).label("free"),
            func.min(Slot.on_sale_at)
            .filter(and_(one_of(Slot.status, "free"), Slot.on_sale_at > bindparam("now")))
            .label("release"),
        )
        .where(Slot.session_id == Session.session_id)
        .group_by(Slot.channel)
        .lateral()
    )
    left = case((frozen(Session), 0), else_=per_channel.c.free)
    return Query(
        Available,
        select(
            *_SESSION,
            func.coalesce(func.sum(per_channel.c.slots), 0).cast(Integer),
            func.coalesce(
                func.jsonb_object_agg(per_channel.c.channel, left).filter(per_channel.c.channel.is_not(null())),
                literal({}, JSONB),
            ),
            func.min(per_channel.c.release),
            frozen(Session),
        )
        .join(Clinic, Clinic.clinic_id == Session.clinic_id)
        .outerjoin(per_channel, true())
        .where(
            Session.day == bindparam("day"),
            among(Session.campus_id, "campuses"),
            one_of(Session.status, "published", "open", "stopped"),
            func.coalesce(bindparam("standard_code", type_=Text), Clinic.standard_code) == Clinic.standard_code,
            or_(bindparam("unit", type_=Uuid).is_(null()), Session.unit_id == bindparam("unit", type_=Uuid)),
            or_(bindparam("doctor", type_=Uuid).is_(null()), Session.doctor_id == bindparam("doctor", type_=Uuid)),
            Session.session_id > bindparam("after"),
        )
        .group_by(Session.session_id, Clinic.clinic_id)
        .order_by(Session.session_id)
        .limit(bindparam("limit")),
    )


AVAILABILITY = _availability()
"""Sessions of a day with the numbers left by channel; one statement for the whole window."""


class BandLeft(NamedTuple):
    """What is left of a band in a channel."""

    band_start: datetime
    band_end: datetime
    channel: str
    total: int
    remaining: int


BANDS_LEFT = Query(
    BandLeft,
    select(
        Slot.band_start,
        Slot.band_end,
        Slot.channel,
        func.count().filter(Slot.extra_no.is_(null())),
        func.count().filter(and_(_OPEN, ~frozen(Session))),
    )
    .join(Session, Session.session_id == Slot.session_id)
    .where(Slot.session_id == bindparam("session_id"))
    .group_by(Slot.band_start, Slot.band_end, Slot.channel)
    .order_by(Slot.band_start, Slot.channel),
)


class Offer(NamedTuple):
    """A session with numbers left, as an alternative to another."""

    session_id: UUID
    campus_id: str
    clinic_name: str
    doctor_id: UUID | None
    day: date
    starts_at: datetime
    ends_at: datetime
    remaining: int


def _offers() -> Query[Offer]:
    left = (
        select(func.count().label("n")).select_from(Slot).where(Slot.session_id == Session.session_id, _OPEN).lateral()
    )
    return Query(
        Offer,
        select(
            Session.session_id,
            Session.campus_id,
            Clinic.name,
            Session.doctor_id,
            Session.day,
            Session.starts_at,
            Session.ends_at,
            left.c.n,
        )
        .join(Clinic, Clinic.clinic_id == Session.clinic_id)
        .join(left, true())
        .where(
            Clinic.standard_code == bindparam("standard_code"),
            Session.day >= bindparam("since"),
            Session.day <= bindparam("until"),
            one_of(Session.status, "published", "open"),
            Session.ends_at > bindparam("now"),
            Session.session_id != bindparam("but"),
            ~frozen(Session),
            left.c.n > 0,
        )
        .order_by(
            case((Session.doctor_id == bindparam("doctor", type_=Uuid), 0), else_=1),
            Session.day,
            case((Session.campus_id == bindparam("campus"), 0), else_=1),
            Session.starts_at,
            Session.session_id,
        )
        .limit(bindparam("limit")),
    )


OFFERS = _offers()
"""Where patients of a session could go: the same doctor first, then the soonest, this campus before the others."""


class ClinicLeft(NamedTuple):
    """What a clinic has left on a day."""

    campus_id: str
    clinic_id: UUID
    clinic_name: str
    grade: str
    fee_item_code: str
    total: int
    remaining: int
    sessions: list[UUID]


def _compare() -> Query[ClinicLeft]:
    numbers = (
        select(
            func.count().filter(Slot.extra_no.is_(null())).label("total"),
            func.count().filter(_OPEN).label("free"),
        )
        .where(Slot.session_id == Session.session_id)
        .lateral()
    )
    left = case((frozen(Session), 0), else_=numbers.c.free)
    return Query(
        ClinicLeft,
        select(
            Clinic.campus_id,
            Clinic.clinic_id,
            Clinic.name,
            Clinic.grade,
            Clinic.fee_item_code,
            func.coalesce(func.sum(numbers.c.total), 0).cast(Integer),
            func.coalesce(func.sum(left), 0).cast(Integer),
            func.array_remove(func.array_agg(Session.session_id), null()),
        )
        .select_from(Clinic)
        .outerjoin(
            Session,
            and_(
                Session.clinic_id == Clinic.clinic_id,
                Session.day == bindparam("day"),
                one_of(Session.status, "published", "open"),
                Session.ends_at > bindparam("now"),
            ),
        )
        .outerjoin(numbers, true())
        .where(Clinic.standard_code == bindparam("standard_code"), Clinic.active)
        .group_by(Clinic.clinic_id)
        .order_by(func.coalesce(func.sum(left), 0).desc(), Clinic.campus_id, Clinic.code)
        .limit(50),
    )


COMPARE = _compare()
"""The clinics of one standard code at every campus with what is left of a day."""


class SaleState(NamedTuple):
    """Why a number could not be had: the state of the session and of its campus."""

    campus_id: str
    status: str
    day: date
    ends_at: datetime
    doctor_id: UUID | None
    standard_code: str
    moved_from: UUID | None
    frozen: bool


SALE_STATE = Query(
    SaleState,
    select(
        Session.campus_id,
        Session.status,
        Session.day,
        Session.ends_at,
        Session.doctor_id,
        Clinic.standard_code,
        Session.moved_from,
        frozen(Session),
    )
    .join(Clinic, Clinic.clinic_id == Session.clinic_id)
    .where(Session.session_id == bindparam("session_id")),
)
