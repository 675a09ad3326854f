"""Routes: what happens to a session after publication."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query as Parameter

from functions.outpatient.schedule import rules, service
from functions.outpatient.schedule.api.routing import FIRST, LAST, Limit, router, session_view
from functions.outpatient.schedule.models import SessionChange
from functions.outpatient.schedule.queries import changes as queries
from functions.outpatient.schedule.queries.availability import Offer
from functions.outpatient.schedule.schemas.changes import (
    BlockBands,
    ChangedNumberView,
    ChangeView,
    ExtendSession,
    MoveSession,
    OfferView,
    OpenEmergency,
    RefuseChange,
    ReplaceDoctor,
    ResolveTask,
    StopPreview,
    StopSession,
    TaskView,
)
from functions.outpatient.schedule.schemas.plans import SessionView
from functions.outpatient.schedule.service.sessions import own_session
from shared.command import command, query
from shared.problems import NotFound
from shared.schemas import Page
from shared.tx import Tx

ChangeStatus = Annotated[Literal["requested", "done", "refused"] | None, Parameter()]


@router.get("/sessions/{session_id}/stop-preview")
@query("outpatient.schedule.read")
def preview_stop(tx: Tx, session_id: UUID) -> StopPreview:
    """What a stop would do, before it is confirmed (停诊预览)."""
    found = service.preview_stop(tx, session_id)
    session = own_session(tx, session_id)
    return StopPreview(
        session_id=session_id,
        taken=found.taken,
        held=found.held,
        free=found.free,
        visits=found.visits,
        bookings=found.bookings,
        notes=found.notes,
        urgent=found.urgent,
        consents=found.consents,
        offers=[_offer(one, session.doctor_id) for one in found.offers],
    )


@router.post("/sessions/{session_id}/stop")
@command("outpatient.schedule.approve")
def stop_session(tx: Tx, session_id: UUID, body: StopSession) -> SessionView:
    """Stop a session on sale, or some of its bands, at once (停诊)."""
    return session_view(*service.stop_session(tx, session_id, body))


@router.post("/sessions/{session_id}/request-stop", status_code=201)
@command("outpatient.schedule.write")
def request_stop(tx: Tx, session_id: UUID, body: StopSession) -> ChangeView:
    """Ask for a stop (申请停诊)."""
    return _change(service.request_stop(tx, session_id, body))


@router.post("/changes/{change_id}/consent-head")
@command("outpatient.schedule.head")
def consent_head(tx: Tx, change_id: UUID) -> ChangeView:
    """The head of department agrees to a stop (科主任同意)."""
    return _change(service.consent_to_stop(tx, change_id, "head"))


@router.post("/changes/{change_id}/consent-office")
@command("outpatient.schedule.approve")
def consent_office(tx: Tx, change_id: UUID) -> ChangeView:
    """门诊部 agrees to a stop inside 24 hours (门诊部同意)."""
    return _change(service.consent_to_stop(tx, change_id, "office"))


@router.post("/changes/{change_id}/consent-medical")
@command("outpatient.schedule.medical")
def consent_medical(tx: Tx, change_id: UUID) -> ChangeView:
    """医务科 agrees to a stop inside 24 hours, or countersigns one (医务科同意、补签)."""
    return _change(service.consent_to_stop(tx, change_id, "medical"))


@router.post("/changes/{change_id}/refuse")
@command("outpatient.schedule.head")
def refuse_change(tx: Tx, change_id: UUID, body: RefuseChange) -> ChangeView:
    """The head of department refuses a stop (科主任不同意停诊)."""
    return _change(service.refuse_stop(tx, change_id, body.reason))


@router.post("/changes/{change_id}/refuse-office")
@command("outpatient.schedule.approve")
def refuse_change_office(tx: Tx, change_id: UUID, body: RefuseChange) -> ChangeView:
    """门诊部 refuses a stop inside 24 hours (门诊部不同意停诊)."""
    return _change(service.refuse_stop(tx, change_id, body.reason))


@router.post("/changes/{change_id}/refuse-medical")
@command("outpatient.schedule.medical")
def refuse_change_medical(tx: Tx, change_id: UUID, body: RefuseChange) -> ChangeView:
    """医务科 refuses a stop inside 24 hours (医务科不同意停诊)."""
    return _change(service.refuse_stop(tx, change_id, body.reason))


@router.get("/changes")
@query("outpatient.schedule.read")
def list_changes(
    tx: Tx,
    session_id: UUID | None = None,
    status: ChangeStatus = None,
    limit: Limit = 50,
    cursor: UUID | None = None,
) -> Page[ChangeView]:
    """Changes since publication, the latest first (班次变更)."""
    found = tx.session.all(
        queries.CHANGES, campus=tx.campus, session=session_id, status_=status, before=cursor or LAST, limit=limit
    )
    return Page[ChangeView](
        items=[_change(one) for one in found], next=str(found[-1].change_id) if len(found) == limit else None
    )


@router.get("/changes/{change_id}/numbers")
@query("outpatient.schedule.read")
def list_changed_numbers(
    tx: Tx,
    change_id: UUID,
    limit: Limit = 100,
    cursor: Annotated[int | None, Parameter(ge=0, le=32767)] = None,
) -> Page[ChangedNumberView]:
    """Whose numbers a change concerned (受影响名单), in the order of the numbers."""
    found = service.changed_numbers(tx, change_id, cursor or 0, limit)
    return Page[ChangedNumberView](
        items=[ChangedNumberView.model_validate(one) for one in found],
        next=str(found[-1].number) if len(found) == limit else None,
    )


@router.post("/sessions/{session_id}/replace")
@command("outpatient.schedule.approve")
def replace_doctor(tx: Tx, session_id: UUID, body: ReplaceDoctor) -> SessionView:
    """Another doctor holds the session (替诊)."""
    return session_view(*service.replace_doctor(tx, session_id, body))


@router.post("/sessions/{session_id}/move")
@command("outpatient.schedule.approve")
def move_session(tx: Tx, session_id: UUID, body: MoveSession) -> SessionView:
    """Another time or room (改时、改诊室)."""
    return session_view(*service.move_session(tx, session_id, body))


@router.post("/sessions/{session_id}/extend")
@command("outpatient.schedule.approve")
def extend_session(tx: Tx, session_id: UUID, body: ExtendSession) -> SessionView:
    """Add bands after the last (增加时段)."""
    return session_view(*service.extend_session(tx, session_id, body))


@router.post("/sessions/{session_id}/block")
@command("outpatient.schedule.write")
def block_bands(tx: Tx, session_id: UUID, body: BlockBands) -> SessionView:
    """Take the free numbers of bands off sale (停用时段)."""
    return session_view(*service.block_bands(tx, session_id, body, on=True))


@router.post("/sessions/{session_id}/unblock")
@command("outpatient.schedule.write")
def unblock_bands(tx: Tx, session_id: UUID, body: BlockBands) -> SessionView:
    """Put the numbers of bands back on sale (恢复时段)."""
    return session_view(*service.block_bands(tx, session_id, body, on=False))


@router.post("/emergency-sessions", status_code=201)
@command("outpatient.schedule.approve")
def open_emergency(tx: Tx, body: OpenEmergency) -> SessionView:
    """Open a further general session because people wait over an hour (应急加开)."""
    return session_view(*service.open_emergency(tx, body))


@router.get("/tasks")
@query("outpatient.schedule.write")
def list_tasks(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[TaskView]:
    """Sessions somebody must decide about (待处理班次), the oldest first."""
    found = tx.session.all(queries.TASKS, campus=tx.campus, after=cursor or FIRST, limit=limit)
    return Page[TaskView](
        items=[TaskView.model_validate(one) for one in found],
        next=str(found[-1].task_id) if len(found) == limit else None,
    )


@router.post("/tasks/{task_id}/resolve")
@command("outpatient.schedule.write")
def resolve_task(tx: Tx, task_id: UUID, body: ResolveTask) -> TaskView:
    """Say how a task was settled (办结)."""
    done = tx.session.first(
        queries.RESOLVE_TASK, id_=task_id, campus_=tx.campus, now=tx.now, who=tx.actor.subject, how=body.resolution
    )
    if done is None:
        raise NotFound("本院区没有这条待处理事项，或已办结。")
    tx.audit("task.resolved", "session_task", task_id)
    return TaskView.model_validate(done)


def _change(change: SessionChange) -> ChangeView:
    own = {"kind_name"}
    fields = {name: getattr(change, name) for name in ChangeView.model_fields if name not in own}
    return ChangeView(**fields, kind_name=rules.CHANGE_NAMES[change.kind])


def _offer(offer: Offer, doctor_id: UUID | None) -> OfferView:
    same = offer.doctor_id is not None and offer.doctor_id == doctor_id
    return OfferView(**offer._asdict(), same_doctor=same)
