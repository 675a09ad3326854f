"""HTTP routes of the clinic schedule."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.outpatient.schedule import queries, service
from functions.outpatient.schedule.models import Clinic, Session
from functions.outpatient.schedule.queries import Available
from functions.outpatient.schedule.schemas import (
    AvailabilityView,
    ChangeState,
    ClinicView,
    DefineClinic,
    PlanSession,
    SessionView,
    StopSession,
)
from shared.command import command, query
from shared.http import Router
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
Cursor = Annotated[str | None, Parameter(max_length=64)]


@router.post("/clinics", status_code=201)
@command("outpatient.schedule.write")
def define_clinic(tx: Tx, body: DefineClinic) -> ClinicView:
    """Define a clinic (诊疗门诊)."""
    return _clinic(service.define_clinic(tx, body))


@router.get("/clinics")
@query("outpatient.schedule.read")
def list_clinics(tx: Tx, limit: Limit = 100, cursor: Cursor = None) -> Page[ClinicView]:
    """Clinics of the acting campus in order of code."""
    found = tx.session.all(queries.CLINICS, campus=tx.campus, after=cursor or "", limit=limit)
    return Page[ClinicView](
        items=[_clinic(clinic) for clinic in found], next=found[-1].code if len(found) == limit else None
    )


@router.post("/sessions", status_code=201)
@command("outpatient.schedule.write")
def plan_session(tx: Tx, body: PlanSession) -> SessionView:
    """Draft a session with its bands and channel quotas (排班)."""
    return _session(*service.plan_session(tx, body))


@router.post("/sessions/{session_id}/submit")
@command("outpatient.schedule.write")
def submit_session(tx: Tx, session_id: UUID, body: ChangeState) -> SessionView:
    """Submit a draft for approval (提交)."""
    return _session(*service.submit_session(tx, session_id, body))


@router.post("/sessions/{session_id}/approve")
@command("outpatient.schedule.approve")
def approve_session(tx: Tx, session_id: UUID, body: ChangeState) -> SessionView:
    """Approve a submitted session (审批)."""
    return _session(*service.approve_session(tx, session_id, body))


@router.post("/sessions/{session_id}/publish")
@command("outpatient.schedule.approve")
def publish_session(tx: Tx, session_id: UUID, body: ChangeState) -> SessionView:
    """Put a session's numbers on sale (发布)."""
    return _session(*service.publish_session(tx, session_id, body))


@router.post("/sessions/{session_id}/stop")
@command("outpatient.schedule.approve")
def stop_session(tx: Tx, session_id: UUID, body: StopSession) -> SessionView:
    """Stop a session on sale (停诊)."""
    return _session(*service.stop_session(tx, session_id, body))


@router.get("/availability")
@query("outpatient.schedule.read")
def availability(
    tx: Tx,
    day: date,
    campus: Annotated[list[str] | None, Parameter(max_length=20)] = None,
    standard_code: Annotated[str | None, Parameter(max_length=40, pattern=r"^[A-Za-z0-9_.\-]+$")] = None,
    limit: Limit = 100,
    cursor: UUID | None = None,
) -> Page[AvailabilityView]:
    """Sessions of a day with the numbers left, here or at any campuses ("总院无号、分院有余号")."""
    found = service.availability(tx, day, campus or [tx.campus], standard_code, limit, cursor or UUID(int=0))
    return Page[AvailabilityView](
        items=[_available(item) for item in found],
        next=str(found[-1].session_id) if len(found) == limit else None,
    )


def _clinic(clinic: Clinic) -> ClinicView:
    return ClinicView.model_validate(clinic)


def _session(session: Session, slots: int) -> SessionView:
    fields = {name: getattr(session, name) for name in SessionView.model_fields if name != "slots"}
    return SessionView(**fields, slots=slots)


def _available(item: Available) -> AvailabilityView:
    return AvailabilityView.model_validate(item._asdict())
