"""Doctors' own matters: leave (请假), swaps (互换), introductions (医生介绍)."""

from typing import cast
from uuid import UUID

from events.outpatient import AffectedNumber, DoctorReplaced
from functions.catalogue.prices import service as prices
from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import pictures
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.models import DoctorProfile, Leave, Session, Swap
from functions.outpatient.schedule.problems import NotYourSession, PlanHasErrors, RequestStateWrong
from functions.outpatient.schedule.queries import people as queries
from functions.outpatient.schedule.queries import plans, session_slots
from functions.outpatient.schedule.schemas.people import AskLeave, Decide, IntroduceDoctor, ProposeSwap, Withdraw
from functions.outpatient.schedule.service.checking import check_sessions
from functions.outpatient.schedule.service.sessions import own_session, travel
from functions.outpatient.schedule.service.stops import affected_of, open_task, record_change
from shared.command import Document
from shared.ids import new_id
from shared.money import ZERO, round_money
from shared.problems import NotFound, Stale
from shared.tx import Tx


def ask_leave(tx: Tx, command: AskLeave) -> Leave:
    """Ask for time away from the clinic (请假、会议、手术日), for oneself; the clerk may for others."""
    doctor_id = _self_or_other(tx, command.doctor_id)
    if command.ends_at <= command.starts_at or command.ends_at <= tx.now:
        raise rules.PlanInvalid("结束时间须晚于开始时间，且不能已过。")
    leave = Leave(
        leave_id=new_id(),
        campus_id=tx.campus,
        doctor_id=doctor_id,
        kind=command.kind.value,
        starts_at=command.starts_at,
        ends_at=command.ends_at,
        reason=command.reason,
        requested_by=tx.actor.subject,
        requested_at=tx.now,
    )
    tx.session.add(leave)
    tx.audit("leave.requested", "doctor_leave", leave.leave_id)
    return leave


def decide_leave(tx: Tx, leave_id: UUID, command: Decide) -> tuple[Leave, list[Session]]:
    """The head of department approves or refuses. Approved, it bars new sessions at every campus; those already on
    sale are listed for a decision, none is dropped silently."""
    leave = _leave(tx, leave_id)
    tx.assert_distinct([leave.requested_by], "请假的申请与审批须由不同人员办理。")
    decided = _step_leave(tx, leave, command.version, ["requested"], "approved" if command.approve else "refused")
    sessions: list[Session] = []
    if command.approve:
        sessions = tx.session.all(
            queries.SESSIONS_IN, doctor=leave.doctor_id, campus=tx.campus, since=leave.starts_at, until=leave.ends_at
        )
        for session in sessions:
            open_task(tx, session.session_id, "leave", leave_reason(leave.kind))
    return decided, sessions


def withdraw_leave(tx: Tx, leave_id: UUID, command: Withdraw) -> Leave:
    """Take back a request, or an approved absence that is not over (销假)."""
    leave = _leave(tx, leave_id)
    _self_or_other(tx, leave.doctor_id)
    if leave.ends_at <= tx.now:
        raise RequestStateWrong("该假期已结束，不能撤回。", current_status=leave.status)
    return _step_leave(tx, leave, command.version, ["requested", "approved"], "withdrawn")


def leave_reason(kind: str) -> str:
    """What a task says about a session inside an absence."""
    return f"该班次医生已批准{rules.LEAVE_NAMES[kind]}，请停诊、替诊或改时。"


def propose_swap(tx: Tx, command: ProposeSwap) -> Swap:
    """Offer a session of one's own for a colleague's (互换). Both must be on sale or drafts of this campus."""
    mine, theirs = own_session(tx, command.session_a), own_session(tx, command.session_b)
    if mine.doctor_id is None or theirs.doctor_id is None or mine.doctor_id == theirs.doctor_id:
        raise rules.PlanInvalid("互换须是两位医生各自的班次。")
    if mine.doctor_id != tx.actor.staff_id:
        raise NotYourSession("只能用自己的班次提出互换。")
    for session in (mine, theirs):
        if session.status not in rules.LIVE or session.starts_at <= tx.now:
            raise RequestStateWrong("已开始、已停诊或已结束的班次不能互换。", current_status=session.status)
    swap = Swap(
        swap_id=new_id(),
        campus_id=tx.campus,
        session_a=mine.session_id,
        session_b=theirs.session_id,
        doctor_a=mine.doctor_id,
        doctor_b=theirs.doctor_id,
        reason=command.reason,
        proposed_by=tx.actor.subject,
        proposed_at=tx.now,
    )
    tx.session.add(swap)
    tx.audit("swap.proposed", "session_swap", swap.swap_id)
    return swap


def answer_swap(tx: Tx, swap_id: UUID, command: Decide) -> Swap:
    """The colleague agrees or declines."""
    swap = _swap(tx, swap_id)
    if swap.doctor_b != tx.actor.staff_id:
        raise NotYourSession("须由对方医生本人确认互换。")
    return _step_swap(tx, swap, command.version, "proposed", "agreed" if command.approve else "refused", agreed=True)


def decide_swap(tx: Tx, swap_id: UUID, command: Decide) -> Swap:
    """The head approves: the two sessions change doctors in one step; patients of published ones are told.

    Raises PlanHasErrors when one of them may not hold the other's session.
    """
    swap = _swap(tx, swap_id)
    tx.assert_distinct([swap.proposed_by, swap.agreed_by], "互换的双方与审批须由不同人员办理。")
    to = "approved" if command.approve else "refused"
    decided = _step_swap(tx, swap, command.version, "agreed" if command.approve else swap.status, to, decided=True)
    if command.approve:
        _change_places(tx, swap)
    return decided


def introduce_doctor(tx: Tx, command: IntroduceDoctor) -> DoctorProfile:
    """Hand in a doctor's introduction; the approved one stays shown until this one is approved.

    PictureNotFound when the picture is to be shown and personnel have none at this campus.
    """
    doctor_id = _self_or_other(tx, command.doctor_id)
    if command.show_photo:
        pictures.photo(tx, doctor_id)
    profile = DoctorProfile(
        profile_id=new_id(),
        campus_id=tx.campus,
        doctor_id=doctor_id,
        specialities=command.specialities,
        introduction=command.introduction,
        made_by=tx.actor.subject,
        made_at=tx.now,
        show_photo=command.show_photo,
    )
    tx.session.add(profile)
    tx.audit("doctor_profile.submitted", "doctor_profile", profile.profile_id)
    return profile


def decide_profile(tx: Tx, profile_id: UUID, command: Decide) -> DoctorProfile:
    """Approve an introduction for patients, or refuse it (宣传、医务审核); never the person who wrote it."""
    known = tx.session.first(queries.PROFILE, profile_id=profile_id)
    if known is None or known.campus_id != tx.campus:
        raise NotFound("本院区没有这份医生介绍，请刷新后重试。")
    tx.assert_distinct([known.made_by], "医生介绍的编写与审核须由不同人员办理。")
    tx.check_version(known.version, command.version)
    if command.approve:
        tx.session.execute(queries.SUPERSEDE_PROFILE, doctor=known.doctor_id)
    decided = tx.session.first(
        queries.DECIDE_PROFILE,
        id_=profile_id,
        seen=command.version,
        to="approved" if command.approve else "refused",
        who=tx.actor.subject,
        now=tx.now,
    )
    if decided is None:
        raise RequestStateWrong("该介绍已审核，请刷新后核对。", current_status=known.status)
    tx.audit("doctor_profile.decided", "doctor_profile", profile_id, status=decided.status)
    return decided


def doctor_photo(tx: Tx, doctor_id: UUID) -> Document:
    """The picture of a doctor whose approved introduction shows it, at the doctor's home campus. Raises NotFound,
    PictureNotFound."""
    profile = tx.session.first(queries.PROFILE_OF, doctor_id=doctor_id)
    if profile is None or not profile.show_photo:
        raise NotFound("该医生没有公开的照片。")
    return pictures.photo(tx, doctor_id)


def _self_or_other(tx: Tx, doctor_id: UUID | None) -> UUID:
    who = doctor_id or tx.actor.staff_id
    if who is None or (who != tx.actor.staff_id and not tx.actor.may("outpatient.schedule.write", tx.campus)):
        raise NotYourSession("只能办理本人的事项；代办请由排班员操作。")
    organisation.staff_member(tx, who)
    return who


def _leave(tx: Tx, leave_id: UUID) -> Leave:
    leave = tx.session.first(queries.LEAVE, leave_id=leave_id)
    if leave is None or leave.campus_id != tx.campus:
        raise NotFound("本院区没有这条请假，请刷新后重试。")
    return leave


def _step_leave(tx: Tx, leave: Leave, seen: int, from_: list[str], to: str) -> Leave:
    tx.check_version(leave.version, seen)
    stepped = tx.session.first(
        queries.STEP_LEAVE, id_=leave.leave_id, seen=seen, from_=from_, to=to, who=tx.actor.subject, now=tx.now
    )
    if stepped is None:
        raise RequestStateWrong("该请假已处理，请刷新后核对。", current_status=leave.status)
    tx.audit(f"leave.{to}", "doctor_leave", leave.leave_id)
    return stepped


def _swap(tx: Tx, swap_id: UUID) -> Swap:
    swap = tx.session.first(queries.SWAP, swap_id=swap_id)
    if swap is None or swap.campus_id != tx.campus:
        raise NotFound("本院区没有这条互换，请刷新后重试。")
    return swap


def _step_swap(
    tx: Tx, swap: Swap, seen: int, from_: str, to: str, *, agreed: bool = False, decided: bool = False
) -> Swap:
    tx.check_version(swap.version, seen)
    if swap.status != from_ or swap.status not in ("proposed", "agreed"):
        raise RequestStateWrong("该互换当前不能这样处理，请刷新后核对。", current_status=swap.status)
    stepped = tx.session.first(
        queries.STEP_SWAP,
        id_=swap.swap_id,
        seen=seen,
        from_=from_,
        to=to,
        agreed=tx.actor.subject if agreed else None,
        decided=tx.actor.subject if decided else None,
        at=tx.now if decided else None,
    )
    if stepped is None:
        raise Stale("该互换刚被他人处理，请刷新后再操作。")
    tx.audit(f"swap.{to}", "session_swap", swap.swap_id)
    return stepped


def _change_places(tx: Tx, swap: Swap) -> None:
    sessions = tx.session.all(plans.LOCK_SESSIONS, session_ids=[swap.session_a, swap.session_b])
    by_id = {session.session_id: session for session in sessions}
    wanted = {swap.session_a: (swap.doctor_a, swap.doctor_b), swap.session_b: (swap.doctor_b, swap.doctor_a)}
    for session_id, (now, _) in wanted.items():
        session = by_id[session_id]
        if session.doctor_id != now or session.status not in rules.LIVE or session.starts_at <= tx.now:
            raise RequestStateWrong("班次的医生或状态已变化，请重新提出互换。", current_status=session.status)
    for session_id in sorted(wanted):
        tx.session.execute(plans.CHANGE_SESSION, id_=session_id, clear_doctor=True)
    changed = [
        tx.session.one(
            plans.CHANGE_SESSION,
            id_=session_id,
            doctor=doctor,
            travel=travel(by_id[session_id].ends_at, doctor),
        )
        for session_id, (_, doctor) in sorted(wanted.items())
    ]
    found = [one for one in rules.errors(check_sessions(tx, changed, against=())) if one.other_id is None]
    if found:
        raise PlanHasErrors(found[0].message, findings=[one.document() for one in found])
    for session in changed:
        affected = affected_of(tx.session.all(session_slots.SLOTS, session_id=session.session_id))
        record_change(tx, session, "swap", swap.reason, {"swap": str(swap.swap_id)}, affected, head_by=tx.actor.subject)
        if session.status in ("published", "open"):
            _tell(tx, session, wanted[session.session_id][0], affected)


def _tell(tx: Tx, session: Session, before: UUID, affected: list[AffectedNumber]) -> None:
    clinic = tx.session.one(plans.CLINIC, clinic_id=session.clinic_id)
    item = session.fee_item_code or clinic.fee_item_code
    price = round_money(prices.price_at(tx, item).unit_price)
    tx.emit(
        DoctorReplaced(
            session_id=session.session_id,
            clinic_id=session.clinic_id,
            from_doctor_id=before,
            to_doctor_id=cast(UUID, session.doctor_id),
            old_fee_item_code=item,
            new_fee_item_code=item,
            old_price=price,
            new_price=price,
            refund_each=ZERO,
            affected=affected,
        )
    )
