"""Changes, tasks, leave, swaps, introductions, bars, and figures."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Text, Uuid, and_, bindparam, exists, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.outpatient.schedule.models import (
    ChangedNumber,
    DoctorBar,
    Leave,
    Session,
    SessionChange,
    SessionTask,
)
from shared.database.query import Query, among, one_of

CHANGE = Query(SessionChange, select(SessionChange).where(SessionChange.change_id == bindparam("change_id")))
CHANGES = Query(
    SessionChange,
    select(SessionChange)
    .where(
        SessionChange.campus_id == bindparam("campus"),
        SessionChange.change_id < bindparam("before"),
        or_(bindparam("session", type_=Uuid).is_(null()), SessionChange.session_id == bindparam("session", type_=Uuid)),
        or_(bindparam("status_", type_=Text).is_(null()), SessionChange.status == bindparam("status_", type_=Text)),
    )
    .order_by(SessionChange.change_id.desc())
    .limit(bindparam("limit")),
)
DECIDE_CHANGE = Query(
    SessionChange,
    update(SessionChange)
    .where(
        SessionChange.change_id == bindparam("id_"),
        SessionChange.version == bindparam("seen"),
        SessionChange.status == "requested",
    )
    .values(
        status=bindparam("to"),
        urgent=bindparam("urgent_"),
        head_by=func.coalesce(SessionChange.head_by, bindparam("head", type_=Text)),
        office_by=func.coalesce(SessionChange.office_by, bindparam("office", type_=Text)),
        medical_by=func.coalesce(SessionChange.medical_by, bindparam("medical", type_=Text)),
        affected=bindparam("affected_"),
        decided_at=bindparam("at", type_=SessionChange.decided_at.type),
        version=SessionChange.version + 1,
    )
    .returning(SessionChange),
)
CHANGED_NUMBERS = Query(
    ChangedNumber,
    select(ChangedNumber)
    .where(ChangedNumber.change_id == bindparam("change_id"), ChangedNumber.number > bindparam("after"))
    .order_by(ChangedNumber.number)
    .limit(bindparam("limit")),
)

_task = insert(SessionTask).values(
    task_id=bindparam("task"),
    campus_id=bindparam("campus"),
    session_id=bindparam("session"),
    kind=bindparam("kind_"),
    reason=bindparam("why"),
    opened_at=bindparam("now"),
)
OPEN_TASK = Query(
    UUID,
    _task.on_conflict_do_nothing(
        index_elements=[SessionTask.session_id, SessionTask.kind], index_where=SessionTask.done_at.is_(null())
    ).returning(SessionTask.task_id),
)
"""Once for a session and a kind, however often the reason is told."""
TASKS = Query(
    SessionTask,
    select(SessionTask)
    .where(
        SessionTask.campus_id == bindparam("campus"),
        SessionTask.done_at.is_(null()),
        SessionTask.task_id > bindparam("after"),
    )
    .order_by(SessionTask.task_id)
    .limit(bindparam("limit")),
)
RESOLVE_TASK = Query(
    SessionTask,
    update(SessionTask)
    .where(
        SessionTask.task_id == bindparam("id_"),
        SessionTask.campus_id == bindparam("campus_"),
        SessionTask.done_at.is_(null()),
    )
    .values(done_at=bindparam("now"), done_by=bindparam("who"), resolution=bindparam("how"))
    .returning(SessionTask),
)

# -- bars

BARS_OF = Query(
    DoctorBar,
    select(DoctorBar).where(
        among(DoctorBar.doctor_id, "doctors"), DoctorBar.lifted_at.is_(null()), DoctorBar.from_at < bindparam("until")
    ),
)
BARS = Query(
    DoctorBar,
    select(DoctorBar)
    .where(DoctorBar.lifted_at.is_(null()), DoctorBar.bar_id > bindparam("after"))
    .order_by(DoctorBar.bar_id)
    .limit(bindparam("limit")),
)
LIFT_BAR = Query(
    DoctorBar,
    update(DoctorBar)
    .where(DoctorBar.bar_id == bindparam("id_"), DoctorBar.lifted_at.is_(null()))
    .values(lifted_at=bindparam("now"), lifted_by=bindparam("who"))
    .returning(DoctorBar),
)


class Barred(NamedTuple):
    """A session on sale whose doctor may not hold it."""

    session_id: UUID
    kind: str
    reason: str


BARRED_SESSIONS = Query(
    Barred,
    select(Session.session_id, DoctorBar.kind, DoctorBar.reason)
    .join(
        DoctorBar,
        and_(
            DoctorBar.doctor_id == Session.doctor_id,
            DoctorBar.lifted_at.is_(null()),
            or_(DoctorBar.campus_code.is_(null()), DoctorBar.campus_code == Session.campus_id),
            Session.starts_at >= DoctorBar.from_at,
        ),
    )
    .where(
        Session.campus_id == bindparam("campus"),
        one_of(Session.status, "published", "open"),
        Session.ends_at > bindparam("now"),
    )
    .order_by(Session.session_id)
    .limit(bindparam("limit")),
)

COUNTERSIGN = Query(
    SessionChange,
    update(SessionChange)
    .where(
        SessionChange.change_id == bindparam("id_"),
        SessionChange.status == "done",
        SessionChange.medical_by.is_(null()),
    )
    .values(medical_by=bindparam("who"), version=SessionChange.version + 1)
    .returning(SessionChange),
)
RESOLVE_KIND = Query(
    object,
    update(SessionTask)
    .where(
        SessionTask.session_id == bindparam("session"),
        SessionTask.kind == bindparam("kind_"),
        SessionTask.done_at.is_(null()),
    )
    .values(done_at=bindparam("now"), done_by=bindparam("who"), resolution=bindparam("how")),
)


class AbsenceMet(NamedTuple):
    """A session on sale that falls into its doctor's approved leave and was not put before anybody yet."""

    session_id: UUID
    kind: str


LEAVE_CONFLICTS = Query(
    AbsenceMet,
    select(Session.session_id, Leave.kind)
    .join(
        Leave,
        and_(
            Leave.doctor_id == Session.doctor_id,
            one_of(Leave.status, "approved"),
            Leave.starts_at < Session.ends_at,
            Leave.ends_at > Session.starts_at,
        ),
    )
    .where(
        Session.campus_id == bindparam("campus"),
        one_of(Session.status, "published", "open"),
        Session.ends_at > bindparam("now"),
        ~exists().where(
            SessionTask.session_id == Session.session_id,
            SessionTask.kind == "leave",
            SessionTask.opened_at >= Leave.decided_at,
        ),
    )
    .order_by(Session.session_id)
    .limit(bindparam("limit")),
)
LIFT_SECONDMENT_BARS = Query(
    object,
    update(DoctorBar)
    .where(
        DoctorBar.doctor_id == bindparam("doctor"),
        DoctorBar.campus_code == bindparam("campus"),
        DoctorBar.kind == "secondment_ended",
        DoctorBar.lifted_at.is_(null()),
    )
    .values(lifted_at=bindparam("now"), lifted_by=bindparam("who")),
)
