"""Drafts edited, and the steps to publication: submit, approve, publish, one session or a whole week."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from events.outpatient import SchedulePublished
from functions.organisation.structure import service as organisation
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.gates import SessionToPublish, before_publish
from functions.outpatient.schedule.models import ReleaseWave, Session
from functions.outpatient.schedule.problems import PlanHasErrors, PublishConflict
from functions.outpatient.schedule.queries import plans as queries
from functions.outpatient.schedule.schemas.plans import (
    ChangeState,
    EditSession,
    PlanSession,
    SplitSession,
    StepSessions,
)
from functions.outpatient.schedule.service.checking import check_sessions
from functions.outpatient.schedule.service.sessions import (
    NewSlot,
    check_room,
    count_numbers,
    draft,
    make_slots,
    own_clinic,
    own_session,
    travel,
)
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.tx import Tx

ON_SALE = ("published", "open")
_LEFT_TO_CONSTRAINTS = {"doctor_session_overlap", "room_session_overlap", "doctor_travel_too_short"}
"""What the database decides for a single session, with its own refusal."""


def plan_session(tx: Tx, command: PlanSession) -> tuple[Session, int]:
    """Draft a session (排班). Returns it and how many numbers it will have."""
    clinic = own_clinic(tx, command.clinic_id)
    check_room(tx, clinic, command.room_id)
    if command.doctor_id is not None:
        organisation.staff_member(tx, command.doctor_id)
    session = draft(tx, clinic, command)
    tx.session.add(session)
    numbers = count_numbers(tx, session)
    tx.audit("session.planned", "session", session.session_id, slots=numbers)
    return session, numbers


def edit_session(tx: Tx, session_id: UUID, command: EditSession) -> tuple[Session, int]:
    """Change a draft: doctor, room, time, bands, quotas, waves. Refuses what is submitted already."""
    known = own_session(tx, session_id)
    tx.check_version(known.version, command.version)
    rules.require_state("edit", known.status)
    clinic = own_clinic(tx, command.clinic_id)
    check_room(tx, clinic, command.room_id)
    if command.doctor_id is not None:
        organisation.staff_member(tx, command.doctor_id)
    edited = _edit(tx, known, draft(tx, clinic, command))
    tx.audit("session.edited", "session", session_id)
    return edited, count_numbers(tx, edited)


def split_session(tx: Tx, session_id: UUID, command: SplitSession) -> tuple[Session, Session]:
    """Cut a draft in two at a band's start (拆分): each part keeps the channels in the same proportion."""
    known = own_session(tx, session_id)
    tx.check_version(known.version, command.version)
    rules.require_state("edit", known.status)
    bands = rules.bands_of(known.bands or [])
    early = [band for band in bands if band.starts_at < command.at]
    late = [band for band in bands if band.starts_at >= command.at]
    if not early or not late or late[0].starts_at != command.at:
        raise rules.PlanInvalid("请在某个时段的开始时间处拆分，且前后各留至少一个时段。")
    if command.doctor_id is not None:
        organisation.staff_member(tx, command.doctor_id)
    slots = rules.plan_slots(known.day, bands, known.quotas or {})
    parts = []
    for part, doctor in ((early, known.doctor_id), (late, command.doctor_id or known.doctor_id)):
        quotas: dict[str, int] = {}
        for slot in slots:
            if part[0].starts_at <= slot.band_start <= part[-1].starts_at:
                quotas[slot.channel] = quotas.get(slot.channel, 0) + 1
        parts.append(_part(tx, known, part, quotas, doctor))
    first = _edit(tx, known, parts[0])
    tx.session.add(parts[1])
    tx.audit("session.split", "session", session_id, into=str(parts[1].session_id))
    return first, parts[1]


def discard_session(tx: Tx, session_id: UUID, command: ChangeState) -> tuple[Session, int]:
    """Discard a draft (作废)."""
    return _one(tx, "discard", session_id, command)


def submit_session(tx: Tx, session_id: UUID, command: ChangeState) -> tuple[Session, int]:
    """The department hands its draft to the outpatient office (提交)."""
    return _one(tx, "submit", session_id, command)


def send_back_session(tx: Tx, session_id: UUID, command: ChangeState) -> tuple[Session, int]:
    """The outpatient office sends a session back to be changed (退回)."""
    return _one(tx, "send_back", session_id, command)


def approve_session(tx: Tx, session_id: UUID, command: ChangeState) -> tuple[Session, int]:
    """The outpatient office approves (审批); never the person who drafted it."""
    return _one(tx, "approve", session_id, command)


def publish_session(tx: Tx, session_id: UUID, command: ChangeState) -> tuple[Session, int]:
    """Put the numbers on sale (发布). Overlaps of the doctor or the room are refused here."""
    return _one(tx, "publish", session_id, command)


def step_sessions(tx: Tx, action: str, command: StepSessions) -> tuple[int, int]:
    """Take a step with many sessions at once (整周): all or none. Returns sessions and numbers.

    Raises PublishConflict with what differs when somebody was quicker, PlanHasErrors with the findings.
    """
    seen = {one.session_id: one.version for one in command.sessions}
    known = {session.session_id: session for session in tx.session.all(queries.SESSIONS_BY_ID, session_ids=list(seen))}
    if any(session_id not in known or known[session_id].campus_id != tx.campus for session_id in seen):
        raise NotFound("所选班次有的不在本院区，请刷新后重试。")
    _refuse_changed(action, seen, list(known.values()))
    stepped = _step(tx, action, list(known.values()), seen)
    return len(stepped), sum(sum(band.count for band in rules.bands_of(one.bands or [])) for one in stepped)


def _one(tx: Tx, action: str, session_id: UUID, command: ChangeState) -> tuple[Session, int]:
    session = own_session(tx, session_id)
    tx.check_version(session.version, command.version)
    rules.require_state(action, session.status)
    [stepped] = _step(tx, action, [session], {session_id: session.version})
    return stepped, count_numbers(tx, stepped)


def _step(tx: Tx, action: str, sessions: Sequence[Session], seen: dict[UUID, int]) -> list[Session]:
    if action == "approve":
        tx.assert_distinct([session.made_by for session in sessions], "排班的编制与审批须由不同人员办理。")
    if action == "publish":
        _require_publishable(tx, sessions)
    stepped = tx.session.all(
        queries.STEP_SESSIONS,
        ids=list(seen),
        versions=list(seen.values()),
        campus=tx.campus,
        from_=list(rules.TRANSITIONS[action]),
        to=rules.RESULT[action],
        approver=tx.actor.subject if action == "approve" else None,
        published=tx.now if action == "publish" else None,
    )
    if len(stepped) < len(seen):
        if len(seen) == 1:
            raise Stale("该班次刚被他人修改，请刷新后再操作。")
        now = tx.session.all(queries.SESSIONS_BY_ID, session_ids=list(seen))
        done = {session.session_id for session in stepped}
        _refuse_changed(action, seen, [session for session in now if session.session_id not in done], always=True)
    if action == "publish":
        _publish(tx, stepped)
    for session in stepped:
        tx.audit(f"session.{action}", "session", session.session_id)
    return stepped


def _refuse_changed(action: str, seen: dict[UUID, int], sessions: Sequence[Session], *, always: bool = False) -> None:
    differing = [
        {
            "session_id": str(session.session_id),
            "status": session.status,
            "version": session.version,
            "seen": seen[session.session_id],
        }
        for session in sessions
        if always or session.version != seen[session.session_id] or session.status not in rules.TRANSITIONS[action]
    ]
    if differing:
        raise PublishConflict(
            f"有 {len(differing)} 个班次已被他人处理或修改，本次操作未执行；请刷新后核对再办理。", sessions=differing
        )


def _require_publishable(tx: Tx, sessions: Sequence[Session]) -> None:
    for session in sessions:
        question = SessionToPublish(session.session_id, session.doctor_id, session.starts_at, session.ends_at)
        before_publish.ask(tx, question)
    found = rules.errors(check_sessions(tx, sessions, against=ON_SALE))
    if len(sessions) == 1:
        found = [one for one in found if one.code not in _LEFT_TO_CONSTRAINTS]
    if found:
        raise PlanHasErrors(
            f"排班检查有 {len(found)} 处错误：{found[0].message}请修改后再发布。",
            findings=[one.document() for one in found],
        )


def _publish(tx: Tx, sessions: Sequence[Session]) -> None:
    slots: list[NewSlot] = []
    for session in sessions:
        made = make_numbers(tx, session)
        slots += made
        tx.emit(
            SchedulePublished(
                session_id=session.session_id,
                clinic_id=session.clinic_id,
                unit_id=session.unit_id,
                doctor_id=session.doctor_id,
                day=session.day,
                slots=len(made),
            )
        )
    make_slots(tx, slots)


def make_numbers(tx: Tx, session: Session) -> list[NewSlot]:
    """The numbers of a session's plan with their release; its waves are stored. A wave already due is on sale now."""
    planned = rules.plan_slots(session.day, rules.bands_of(session.bands or []), session.quotas or {})
    waves = rules.releases(session.day, session.waves)
    found = rules.release_of(planned, waves)
    for wave in waves:
        due = wave.due_at is not None and wave.due_at <= tx.now
        tx.session.add(
            ReleaseWave(
                campus_id=tx.campus,
                session_id=session.session_id,
                ordinal=wave.ordinal,
                due_at=wave.due_at,
                slots=sum(one is wave for one in found),
                released_at=tx.now if due else None,
                released_by=tx.actor.subject if due else None,
            )
        )
    return [
        NewSlot(
            session.session_id,
            slot.number,
            slot.band_start,
            slot.band_end,
            slot.channel,
            _later(wave, tx.now),
            "withheld" if wave is not None and wave.due_at is None else None,
        )
        for slot, wave in zip(planned, found, strict=True)
    ]


def _later(wave: rules.Release | None, now: datetime) -> datetime | None:
    return wave.due_at if wave is not None and wave.due_at is not None and wave.due_at > now else None


def _part(
    tx: Tx, known: Session, bands: Sequence[rules.Band], quotas: dict[str, int], doctor_id: UUID | None
) -> Session:
    ends_at = bands[-1].ends_at
    return Session(
        session_id=new_id(),
        campus_id=known.campus_id,
        clinic_id=known.clinic_id,
        unit_id=known.unit_id,
        doctor_id=doctor_id,
        room_id=known.room_id,
        desk=known.desk,
        day=known.day,
        part=known.part,
        starts_at=bands[0].starts_at,
        ends_at=ends_at,
        travel_until=travel(ends_at, doctor_id),
        bands=rules.stored_bands(bands),
        quotas=quotas,
        waves=known.waves,
        extra_cap=known.extra_cap,
        made_by=tx.actor.subject,
    )


def _edit(tx: Tx, known: Session, plan: Session) -> Session:
    edited = tx.session.first(
        queries.EDIT_SESSION,
        id_=known.session_id,
        seen=known.version,
        clinic=plan.clinic_id,
        unit=plan.unit_id,
        doctor=plan.doctor_id,
        room=plan.room_id,
        desk_=plan.desk,
        day_=plan.day,
        part_=plan.part,
        start=plan.starts_at,
        end=plan.ends_at,
        travel=plan.travel_until,
        bands_=plan.bands,
        quotas_=plan.quotas,
        waves_=plan.waves,
        cap=plan.extra_cap,
    )
    if edited is None:
        raise Stale("该班次刚被他人修改，请刷新后再操作。")
    return edited
