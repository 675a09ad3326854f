"""HTTP routes of outpatient registration. One line of intent per route."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query as Parameter

from functions.outpatient.registration import queries, service, slip
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.schemas import (
    CancelledView,
    CancelVisit,
    ChargeView,
    RegisteredView,
    RegisterVisit,
    SlipView,
    VisitView,
)
from shared.command import Document, command, query
from shared.http import Router
from shared.money import ZERO
from shared.schemas import SHANGHAI, Page
from shared.tx import Tx

router = Router()
LAST = UUID(int=2**128 - 1)
Limit = Annotated[int, Parameter(ge=1, le=200)]
Status = Literal["registered", "waiting", "in_consultation", "finished", "cancelled", "no_show"]


@router.post("/visits", status_code=201)
@command("outpatient.registration.write")
def register_visit(tx: Tx, body: RegisterVisit) -> RegisteredView:
    """Register a patient for a clinic session (挂号)."""
    registered = service.register_visit(tx, body)
    return RegisteredView(
        **_fields(registered.visit),
        charges=[ChargeView.model_validate(charge) for charge in registered.charges],
        fee=sum((charge.amount for charge in registered.charges), ZERO),
        notices=[notice.document() for notice in registered.notices],
    )


@router.post("/visits/{encounter_id}/cancel")
@command("outpatient.registration.write")
def cancel_visit(tx: Tx, encounter_id: UUID, body: CancelVisit) -> CancelledView:
    """Cancel a registration before the consultation (退号)."""
    cancelled = service.cancel_visit(tx, encounter_id, body)
    return CancelledView(**_fields(cancelled.visit), slot_returned=cancelled.slot_returned, refunded=cancelled.refunded)


@router.get("/visits")
@query("outpatient.registration.read")
def list_visits(
    tx: Tx,
    day: date | None = None,
    status: Status | None = None,
    patient_id: UUID | None = None,
    limit: Limit = 50,
    cursor: UUID | None = None,
) -> Page[VisitView]:
    """Visits of a day at the acting campus, or of one patient wherever they may be read; newest first."""
    if patient_id is not None:
        visits = tx.session.all(queries.VISITS_OF_PATIENT, patient_id=patient_id, before=cursor or LAST, limit=limit)
        tx.audit("visits.listed", "patient", patient_id, patient_id=patient_id)
    else:
        since = datetime.combine(day or tx.today, time(), SHANGHAI)
        visits = tx.session.all(
            queries.VISITS,
            campus=tx.campus,
            since=since,
            until=since + timedelta(days=1),
            status=status,
            before=cursor or LAST,
            limit=limit,
        )
        tx.audit("visits.listed", "campus", tx.campus, count=len(visits))
    return Page[VisitView](
        items=[VisitView(**_fields(visit)) for visit in visits],
        next=str(visits[-1].encounter_id) if len(visits) == limit else None,
    )


@router.get("/visits/{encounter_id}")
@query("outpatient.registration.read")
def read_visit(tx: Tx, encounter_id: UUID) -> VisitView:
    """One visit."""
    return VisitView(**_fields(service.read_visit(tx, encounter_id)))


@router.post("/visits/{encounter_id}/slips", status_code=201)
@command("outpatient.registration.write")
def print_slip(tx: Tx, encounter_id: UUID) -> SlipView:
    """Record a print of the slip (打印挂号凭条); the PDF is fetched next."""
    visit = service.record_slip(tx, encounter_id)
    return SlipView(encounter_id=visit.encounter_id, copy_number=visit.slips_printed, version=visit.version)


@router.get("/visits/{encounter_id}/slip.pdf")
@query("outpatient.registration.read")
def slip_pdf(tx: Tx, encounter_id: UUID) -> Document:
    """The slip as PDF, 80 mm (挂号凭条)."""
    return slip.document(tx, service.read_visit(tx, encounter_id))


def _fields(visit: Visit) -> dict[str, object]:
    return {name: getattr(visit, name) for name in VisitView.model_fields}
