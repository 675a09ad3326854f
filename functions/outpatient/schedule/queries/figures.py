"""Figures of sessions over days, and the attendance sheet."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, bindparam, case, exists, func, null, select, true

from functions.outpatient.schedule.models import Attendance, AttendanceCorrection, Clinic, Session, SessionChange, Slot
from shared.database.query import Query, one_of


class Figures(NamedTuple):
    """What a doctor's or unit's sessions of some days came to."""

    key: UUID | None
    sessions: int
    stopped: int
    stopped_urgent: int
    held: int
    on_time: int
    numbers: int
    taken: int
    used: int
    no_show: int


def _figures(key: object) -> Query[Figures]:
    numbers = (
        select(
            func.count().filter(and_(Slot.extra_no.is_(null()), Slot.status != "withdrawn")).label("total"),
            func.count().filter(one_of(Slot.status, "taken", "used")).label("taken"),
            func.count().filter(one_of(Slot.status, "used")).label("used"),
        )
        .where(Slot.session_id == Session.session_id)
        .lateral()
    )
    stop = (
        select(func.bool_or(SessionChange.urgent).label("urgent"))
        .where(
            SessionChange.session_id == Session.session_id,
            SessionChange.kind == "stop",
            SessionChange.status == "done",
        )
        .lateral()
    )
    stopped = Session.status == "stopped"
    return Query(
        Figures,
        select(
            key,  # type: ignore[call-overload]
            func.count(),
            func.count().filter(stopped),
            func.count().filter(and_(stopped, stop.c.urgent)),
            func.count().filter(Attendance.outcome.is_not(null())),
            func.count().filter(Attendance.outcome == "on_time"),
            func.coalesce(func.sum(case((~stopped, numbers.c.total), else_=0)), 0),
            func.coalesce(func.sum(numbers.c.taken), 0),
            func.coalesce(func.sum(numbers.c.used), 0),
            func.coalesce(func.sum(case((Session.status == "closed", numbers.c.taken - numbers.c.used), else_=0)), 0),
        )
        .select_from(Session)
        .join(numbers, true())
        .join(stop, true())
        .outerjoin(Attendance, and_(Attendance.session_id == Session.session_id, Attendance.outcome != "open"))
        .where(
            Session.campus_id == bindparam("campus"),
            Session.day >= bindparam("since"),
            Session.day <= bindparam("until"),
            one_of(Session.status, "published", "open", "closed", "stopped"),
        )
        .group_by(key)
        .order_by(key)
        .limit(500),
    )


FIGURES = {
    "doctor": _figures(Session.doctor_id),
    "unit": _figures(Session.unit_id),
    "clinic": _figures(Session.clinic_id),
}


class AttendanceRow(NamedTuple):
    """A line of the attendance sheet (出诊考勤表)."""

    day: date
    doctor_id: UUID | None
    clinic_name: str
    part: str
    outcome: str
    late_minutes: int
    early_minutes: int
    corrected: bool


ATTENDANCE_SHEET = Query(
    AttendanceRow,
    select(
        Session.day,
        Session.doctor_id,
        Clinic.name,
        Session.part,
        Attendance.outcome,
        Attendance.late_minutes,
        Attendance.early_minutes,
        exists().where(
            AttendanceCorrection.session_id == Session.session_id, one_of(AttendanceCorrection.status, "approved")
        ),
    )
    .join(Attendance, Attendance.session_id == Session.session_id)
    .join(Clinic, Clinic.clinic_id == Session.clinic_id)
    .where(
        Session.campus_id == bindparam("campus"),
        Session.day >= bindparam("since"),
        Session.day <= bindparam("until"),
        Session.doctor_id.is_not(null()),
    )
    .order_by(Session.day, Session.starts_at, Session.session_id)
    .limit(bindparam("limit")),
)
