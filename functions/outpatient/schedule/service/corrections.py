"""Attendance set right (考勤更正): asked for with a ground, agreed to by another, the history kept."""

from uuid import UUID

from events.outpatient import AttendanceRecorded
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.models import AttendanceCorrection
from functions.outpatient.schedule.problems import (
    CorrectionDecided,
    CorrectionInvalid,
    NotYourSession,
)
from functions.outpatient.schedule.queries import attendance as queries
from functions.outpatient.schedule.queries import upkeep
from functions.outpatient.schedule.schemas.attendance import CorrectAttendance, DecideCorrection
from functions.outpatient.schedule.service.sessions import own_session
from shared.ids import new_id
from shared.problems import NotFound
from shared.tx import Tx

TWO_PERSONS = "考勤更正须由申请人、出诊医生以外的人员审批。"


def correct_attendance(tx: Tx, session_id: UUID, command: CorrectAttendance) -> AttendanceCorrection:
    """Ask that the attendance of an ended session be set right; nothing changes before somebody else agrees.

    By the session's doctor, or a clerk. Raises NotFound, SessionStateWrong before it is closed, NotYourSession,
    CorrectionInvalid for times that cannot be, CorrectionWaiting.
    """
    session = own_session(tx, session_id)
    known = tx.session.first(upkeep.ATTENDANCE, session_id=session_id)
    if session.status != "closed" or known is None or session.doctor_id is None:
        raise rules.SessionStateWrong(
            "只有已结束、有出诊医生的班次可以更正考勤，请核对班次。", current_status=session.status
        )
    if tx.actor.staff_id != session.doctor_id and not tx.actor.may("outpatient.schedule.write", tx.campus):
        raise NotYourSession("只能申请更正本人的考勤；代办请由排班员操作。")
    opened, closed = command.opened_at, command.closed_at
    if opened is not None and closed is not None:
        rules.require_attendance_times(session.starts_at, session.ends_at, opened, closed, tx.now)
    if (opened, closed) == (known.opened_at, known.closed_at):
        raise CorrectionInvalid("更正后的签到、签退时间与现有记录相同，无需更正。")
    found = rules.attendance(session.starts_at, session.ends_at, opened, closed)
    row = AttendanceCorrection(
        correction_id=new_id(),
        campus_id=tx.campus,
        session_id=session_id,
        doctor_id=session.doctor_id,
        before_opened_at=known.opened_at,
        before_closed_at=known.closed_at,
        before_outcome=known.outcome,
        opened_at=opened,
        closed_at=closed,
        outcome=found.outcome,
        ground=command.ground,
        requested_by=tx.actor.subject,
        requested_by_name=tx.actor.name,
        requested_at=tx.now,
    )
    tx.session.add(row)
    tx.audit("attendance.correction_requested", "session", session_id, before=known.outcome, after=found.outcome)
    return row


def decide_correction(tx: Tx, correction_id: UUID, command: DecideCorrection) -> AttendanceCorrection:
    """门诊部 agrees or refuses; neither who asked nor the doctor it is about. Agreed, the attendance is what it says,
    and personnel are told anew.

    Raises NotFound, SamePerson, CorrectionDecided, Stale.
    """
    row = tx.session.first(queries.CORRECTION, correction_id=correction_id)
    if row is None or row.campus_id != tx.campus:
        raise NotFound("本院区没有这条考勤更正，请刷新后重试。")
    about_oneself = tx.actor.subject if tx.actor.staff_id == row.doctor_id else None
    tx.assert_distinct([row.requested_by, about_oneself], TWO_PERSONS)
    if row.status != "requested":
        raise CorrectionDecided("该考勤更正已审批，请刷新后核对。", current_status=row.status)
    tx.check_version(row.version, command.version)
    decided = tx.session.first(
        queries.DECIDE_CORRECTION,
        id_=correction_id,
        seen=command.version,
        to="approved" if command.approve else "refused",
        who=tx.actor.subject,
        name=tx.actor.name,
        now=tx.now,
        note=command.note,
    )
    if decided is None:
        raise CorrectionDecided("该考勤更正刚由他人审批，请刷新后核对。")
    tx.audit("attendance.correction_decided", "session", row.session_id, status=decided.status)
    if command.approve:
        _set_right(tx, decided)
    return decided


def _set_right(tx: Tx, row: AttendanceCorrection) -> None:
    session = own_session(tx, row.session_id)
    found = rules.attendance(session.starts_at, session.ends_at, row.opened_at, row.closed_at)
    tx.session.one(
        queries.SET_ATTENDANCE,
        id_=row.session_id,
        opened=row.opened_at,
        closed=row.closed_at,
        late=found.late_minutes,
        early=found.early_minutes,
        outcome_=found.outcome,
    )
    tx.emit(
        AttendanceRecorded(
            session_id=row.session_id,
            doctor_id=row.doctor_id,
            day=session.day,
            outcome=found.outcome,
            late_minutes=found.late_minutes,
            early_minutes=found.early_minutes,
            corrected=True,
        )
    )
