"""Routes: doctors' own matters, attendance, introductions, bars."""

from datetime import timedelta
from uuid import UUID

from functions.outpatient.schedule import service
from functions.outpatient.schedule.api.routing import FIRST, LAST, Limit, router, session_view
from functions.outpatient.schedule.models import Leave
from functions.outpatient.schedule.problems import NotYourSession
from functions.outpatient.schedule.queries import changes as queries
from functions.outpatient.schedule.queries import grid, people
from functions.outpatient.schedule.schemas.people import (
    AskLeave,
    AttendanceView,
    BarView,
    Decide,
    DecidedLeaveView,
    IntroduceDoctor,
    LeaveView,
    LiftBar,
    ProfileView,
    ProposeSwap,
    SwapView,
    Withdraw,
)
from functions.outpatient.schedule.schemas.plans import Day, SessionView
from shared.command import Document, command, query
from shared.problems import NotFound
from shared.schemas import Page
from shared.tx import Tx


@router.get("/my-sessions")
@query("outpatient.schedule.own")
def my_sessions(tx: Tx, since: Day | None = None, days: Limit = 14) -> list[SessionView]:
    """The signed-on doctor's published sessions at every campus (我的出诊)."""
    if tx.actor.staff_id is None:
        raise NotYourSession("仅医务人员可查看本人出诊。")
    start = since or tx.today
    found = tx.session.all(
        grid.OWN_SESSIONS, doctor=tx.actor.staff_id, since=start, until=start + timedelta(days=days), limit=200
    )
    return [session_view(one, sum(band["count"] for band in one.bands or [])) for one in found]


@router.post("/sessions/{session_id}/open")
@command("outpatient.schedule.own")
def open_session(tx: Tx, session_id: UUID) -> AttendanceView:
    """The doctor signs on (开诊签到)."""
    return AttendanceView.model_validate(service.open_session(tx, session_id))


@router.post("/sessions/{session_id}/close")
@command("outpatient.schedule.own")
def close_session(tx: Tx, session_id: UUID) -> AttendanceView:
    """The doctor signs off (结束出诊)."""
    return AttendanceView.model_validate(service.close_session(tx, session_id))


@router.post("/leaves", status_code=201)
@command("outpatient.schedule.own")
def ask_leave(tx: Tx, body: AskLeave) -> LeaveView:
    """Ask for time away from the clinic (请假、会议、手术日)."""
    return LeaveView.model_validate(service.ask_leave(tx, body))


@router.post("/leaves/{leave_id}/decide")
@command("outpatient.schedule.head")
def decide_leave(tx: Tx, leave_id: UUID, body: Decide) -> DecidedLeaveView:
    """Approve or refuse leave (审批请假)."""
    leave, sessions = service.decide_leave(tx, leave_id, body)
    return DecidedLeaveView(**_leave(leave), sessions=[session.session_id for session in sessions])


@router.post("/leaves/{leave_id}/withdraw")
@command("outpatient.schedule.own")
def withdraw_leave(tx: Tx, leave_id: UUID, body: Withdraw) -> LeaveView:
    """Take leave back (撤回、销假)."""
    return LeaveView.model_validate(service.withdraw_leave(tx, leave_id, body))


@router.get("/leaves")
@query("outpatient.schedule.own")
def list_leaves(
    tx: Tx, doctor_id: UUID | None = None, limit: Limit = 50, cursor: UUID | None = None
) -> Page[LeaveView]:
    """Leave of this campus's doctors, the latest first; a doctor without a clerk's or head's post sees the own."""
    sees_all = any(tx.actor.may(f"outpatient.schedule.{right}", tx.campus) for right in ("write", "head", "approve"))
    who = doctor_id if sees_all else tx.actor.staff_id
    found = tx.session.all(people.LEAVES, campus=tx.campus, doctor=who, before=cursor or LAST, limit=limit)
    return Page[LeaveView](
        items=[LeaveView.model_validate(one) for one in found],
        next=str(found[-1].leave_id) if len(found) == limit else None,
    )


@router.post("/swaps", status_code=201)
@command("outpatient.schedule.own")
def propose_swap(tx: Tx, body: ProposeSwap) -> SwapView:
    """Offer a session for a colleague's (提出互换)."""
    return SwapView.model_validate(service.propose_swap(tx, body))


@router.post("/swaps/{swap_id}/answer")
@command("outpatient.schedule.own")
def answer_swap(tx: Tx, swap_id: UUID, body: Decide) -> SwapView:
    """The colleague agrees or declines (确认互换)."""
    return SwapView.model_validate(service.answer_swap(tx, swap_id, body))


@router.post("/swaps/{swap_id}/decide")
@command("outpatient.schedule.head")
def decide_swap(tx: Tx, swap_id: UUID, body: Decide) -> SwapView:
    """The head approves a swap, and it is done (审批互换)."""
    return SwapView.model_validate(service.decide_swap(tx, swap_id, body))


@router.get("/swaps")
@query("outpatient.schedule.own")
def list_swaps(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[SwapView]:
    """Swaps of this campus, the latest first."""
    found = tx.session.all(people.SWAPS, campus=tx.campus, before=cursor or LAST, limit=limit)
    return Page[SwapView](
        items=[SwapView.model_validate(one) for one in found],
        next=str(found[-1].swap_id) if len(found) == limit else None,
    )


@router.post("/profiles", status_code=201)
@command("outpatient.schedule.own")
def introduce_doctor(tx: Tx, body: IntroduceDoctor) -> ProfileView:
    """Hand in a doctor's introduction (提交医生介绍)."""
    return ProfileView.model_validate(service.introduce_doctor(tx, body))


@router.post("/profiles/{profile_id}/decide")
@command("outpatient.schedule.medical")
def decide_profile(tx: Tx, profile_id: UUID, body: Decide) -> ProfileView:
    """Approve an introduction for patients (审核医生介绍)."""
    return ProfileView.model_validate(service.decide_profile(tx, profile_id, body))


@router.get("/profiles")
@query("outpatient.schedule.medical")
def list_profiles(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[ProfileView]:
    """Introductions that wait for approval, the oldest first."""
    found = tx.session.all(people.PROFILES_WAITING, campus=tx.campus, after=cursor or FIRST, limit=limit)
    return Page[ProfileView](
        items=[ProfileView.model_validate(one) for one in found],
        next=str(found[-1].profile_id) if len(found) == limit else None,
    )


@router.get("/doctors/{doctor_id}/profile")
@query("outpatient.schedule.read")
def doctor_profile(tx: Tx, doctor_id: UUID) -> ProfileView:
    """The approved introduction of a doctor, of any campus (医生介绍)."""
    found = tx.session.first(people.PROFILE_OF, doctor_id=doctor_id)
    if found is None:
        raise NotFound("该医生还没有已审核的介绍。")
    return ProfileView.model_validate(found)


@router.get("/doctors/{doctor_id}/photo")
@query("outpatient.schedule.read")
def doctor_photo(tx: Tx, doctor_id: UUID) -> Document:
    """The picture of a doctor whose approved introduction shows it (医生照片)."""
    return service.doctor_photo(tx, doctor_id)


@router.get("/bars")
@query("outpatient.schedule.approve")
def list_bars(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[BarView]:
    """Doctors who may hold no session now, and why (出诊限制)."""
    found = tx.session.all(queries.BARS, after=cursor or FIRST, limit=limit)
    return Page[BarView](
        items=[BarView.model_validate(one) for one in found],
        next=str(found[-1].bar_id) if len(found) == limit else None,
    )


@router.post("/bars/{bar_id}/lift")
@command("outpatient.schedule.medical")
def lift_bar(tx: Tx, bar_id: UUID, body: LiftBar) -> BarView:
    """A bar is over (解除出诊限制)."""
    return BarView.model_validate(service.lift_bar(tx, bar_id, body.reason))


def _leave(leave: Leave) -> dict[str, object]:
    return {name: getattr(leave, name) for name in LeaveView.model_fields}
