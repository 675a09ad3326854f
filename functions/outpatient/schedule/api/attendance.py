"""Routes: attendance set right (考勤更正)."""

from uuid import UUID

from functions.outpatient.schedule import service
from functions.outpatient.schedule.api.routing import FIRST, Limit, router
from functions.outpatient.schedule.problems import NotYourSession
from functions.outpatient.schedule.queries import attendance as queries
from functions.outpatient.schedule.schemas.attendance import CorrectAttendance, CorrectionView, DecideCorrection
from functions.outpatient.schedule.service.sessions import own_session
from shared.command import command, query
from shared.schemas import Page
from shared.tx import Tx


@router.post("/sessions/{session_id}/attendance-corrections", status_code=201)
@command("outpatient.schedule.own")
def correct_attendance(tx: Tx, session_id: UUID, body: CorrectAttendance) -> CorrectionView:
    """Ask that the attendance of an ended session be set right (申请考勤更正)."""
    return CorrectionView.model_validate(service.correct_attendance(tx, session_id, body))


@router.post("/attendance-corrections/{correction_id}/decide")
@command("outpatient.schedule.approve")
def decide_correction(tx: Tx, correction_id: UUID, body: DecideCorrection) -> CorrectionView:
    """Agree to a correction or refuse it (审批考勤更正)."""
    return CorrectionView.model_validate(service.decide_correction(tx, correction_id, body))


@router.get("/sessions/{session_id}/attendance-corrections")
@query("outpatient.schedule.own")
def list_corrections(tx: Tx, session_id: UUID) -> list[CorrectionView]:
    """The history of a session's attendance (考勤更正记录)."""
    session = own_session(tx, session_id)
    sees_all = any(tx.actor.may(f"outpatient.schedule.{right}", tx.campus) for right in ("write", "head", "approve"))
    if tx.actor.staff_id != session.doctor_id and not sees_all:
        raise NotYourSession("只能查看本人班次的考勤更正记录。")
    found = tx.session.all(queries.CORRECTIONS_OF, session_id=session_id)
    tx.audit("attendance.corrections_listed", "session", session_id, count=len(found))
    return [CorrectionView.model_validate(one) for one in found]


@router.get("/attendance-corrections")
@query("outpatient.schedule.approve")
def list_waiting_corrections(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[CorrectionView]:
    """Corrections that wait for a decision, the oldest first (待审批考勤更正)."""
    found = tx.session.all(queries.CORRECTIONS_WAITING, campus=tx.campus, after=cursor or FIRST, limit=limit)
    tx.audit("attendance.corrections_listed", "campus", tx.campus, count=len(found))
    return Page[CorrectionView](
        items=[CorrectionView.model_validate(one) for one in found],
        next=str(found[-1].correction_id) if len(found) == limit else None,
    )
