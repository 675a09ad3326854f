"""Attendance set right: selects and guarded updates."""

from sqlalchemy import DateTime, Integer, SmallInteger, bindparam, select, update

from functions.outpatient.schedule.models import Attendance, AttendanceCorrection
from shared.database.query import Query, one_of

CORRECTION = Query(
    AttendanceCorrection,
    select(AttendanceCorrection).where(AttendanceCorrection.correction_id == bindparam("correction_id")),
)
CORRECTIONS_OF = Query(
    AttendanceCorrection,
    select(AttendanceCorrection)
    .where(AttendanceCorrection.session_id == bindparam("session_id"))
    .order_by(AttendanceCorrection.correction_id),
)
"""The history of a session's attendance."""
CORRECTIONS_WAITING = Query(
    AttendanceCorrection,
    select(AttendanceCorrection)
    .where(
        AttendanceCorrection.campus_id == bindparam("campus"),
        one_of(AttendanceCorrection.status, "requested"),
        AttendanceCorrection.correction_id > bindparam("after"),
    )
    .order_by(AttendanceCorrection.correction_id)
    .limit(bindparam("limit", type_=Integer)),
)
DECIDE_CORRECTION = Query(
    AttendanceCorrection,
    update(AttendanceCorrection)
    .where(
        AttendanceCorrection.correction_id == bindparam("id_"),
        AttendanceCorrection.version == bindparam("seen"),
        one_of(AttendanceCorrection.status, "requested"),
    )
    .values(
        status=bindparam("to"),
        decided_by=bindparam("who"),
        decided_by_name=bindparam("name"),
        decided_at=bindparam("now"),
        decide_note=bindparam("note"),
        version=AttendanceCorrection.version + 1,
    )
    .returning(AttendanceCorrection),
)
SET_ATTENDANCE = Query(
    Attendance,
    update(Attendance)
    .where(Attendance.session_id == bindparam("id_"))
    .values(
        opened_at=bindparam("opened", type_=DateTime(timezone=True)),
        closed_at=bindparam("closed", type_=DateTime(timezone=True)),
        late_minutes=bindparam("late", type_=SmallInteger),
        early_minutes=bindparam("early", type_=SmallInteger),
        outcome=bindparam("outcome_"),
    )
    .returning(Attendance),
)
