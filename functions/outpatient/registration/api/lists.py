"""Lists of the window: visits of a day or a patient, releases that wait, the load of the departments."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query as Parameter

from functions.outpatient.registration import service
from functions.outpatient.registration.api.routing import FIRST, LAST, Limit, fields_of, router, visit_view
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.schemas import (
    ClinicRestView,
    FeeCorrectionView,
    LoadView,
    ReleaseView,
    SessionVisitView,
    UnitLoadView,
    VisitView,
)
from shared.command import query
from shared.schemas import Page
from shared.tx import Tx

Status = Literal["registered", "waiting", "in_consultation", "finished", "cancelled", "no_show"]
Kind = Literal["general", "expert", "specialist", "convenience", "emergency", "follow_up"]
VisitNo = Annotated[str | None, Parameter(pattern=r"^[A-Za-z]\d{11}$")]


@router.get("/visits")
@query("outpatient.registration.read")
def list_visits(
    tx: Tx,
    day: date | None = None,
    status: Status | None = None,
    unit_id: UUID | None = None,
    kind: Kind | None = None,
    patient_id: UUID | None = None,
    visit_no: VisitNo = None,
    limit: Limit = 50,
    cursor: UUID | None = None,
) -> Page[VisitView]:
    """Visits of a day at the acting campus, of one patient wherever they may be read, or one by its number."""
    if visit_no is not None:
        return _page([service.find_visit(tx, visit_no)], 2)
    if patient_id is not None:
        return _page(service.visits_of_patient(tx, patient_id, cursor or LAST, limit), limit)
    wanted = service.DayFilter(day or tx.today, status, unit_id, kind)
    return _page(service.visits_of_day(tx, wanted, cursor or LAST, limit), limit)


@router.get("/sessions/{session_id}/visits")
@query("outpatient.registration.read")
def list_visits_of_session(
    tx: Tx, session_id: UUID, status: Status | None = None, limit: Limit = 100, cursor: UUID | None = None
) -> Page[SessionVisitView]:
    """Visits of a session of the acting campus (班次挂号名单), those a stop cancelled too (停诊名单)."""
    found = service.visits_of_session(tx, session_id, status, cursor or FIRST, limit)
    return Page[SessionVisitView](
        items=[SessionVisitView(**fields_of(visit), cancel_reason=visit.cancel_reason) for visit in found],
        next=str(found[-1].encounter_id) if len(found) == limit else None,
    )


@router.get("/releases")
@query("outpatient.registration.approve_release")
def list_releases(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[ReleaseView]:
    """Releases of doctors that wait for the lead, oldest first."""
    found = service.waiting_releases(tx, cursor or FIRST, limit)
    return Page[ReleaseView](
        items=[ReleaseView.model_validate(one) for one in found],
        next=str(found[-1].encounter_id) if len(found) == limit else None,
    )


@router.get("/fee-corrections")
@query("outpatient.registration.read")
def list_fee_corrections(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[FeeCorrectionView]:
    """Fees the system has still to give back or lower, and why it could not yet (待办诊查费更正), oldest first."""
    found = service.waiting_corrections(tx, cursor or FIRST, limit)
    return Page[FeeCorrectionView](
        items=[FeeCorrectionView.model_validate(one) for one in found],
        next=str(found[-1].correction_id) if len(found) == limit else None,
    )


@router.get("/load")
@query("outpatient.registration.read")
def department_load(tx: Tx, day: date | None = None) -> LoadView:
    """Visits by department and state here, numbers left at every campus (科室负荷与余号)."""
    wanted = day or tx.today
    load = service.department_load(tx, wanted)
    return LoadView(
        day=wanted,
        units=[UnitLoadView(unit_id=unit_id, **counts) for unit_id, counts in load.units.items()],
        clinics=[ClinicRestView.model_validate(one) for one in load.clinics],
    )


def _page(visits: Sequence[Visit], limit: int) -> Page[VisitView]:
    return Page[VisitView](
        items=[visit_view(visit) for visit in visits],
        next=str(visits[-1].encounter_id) if len(visits) == limit else None,
    )
