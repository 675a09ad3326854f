"""Events of the outpatient area."""

from datetime import date, datetime
from uuid import UUID

from events.envelope import Event


class SchedulePublished(Event, type="outpatient.schedule.schedule_published", subject="session_id"):
    """A session's numbers can be sold. Screens and the regional platform show it."""

    session_id: UUID
    clinic_id: UUID
    unit_id: UUID
    doctor_id: UUID | None
    day: date
    slots: int


class SessionStopped(Event, type="outpatient.schedule.session_stopped", subject="session_id"):
    """A session is stopped (停诊): registration cancels and refunds its visits, patients are told."""

    session_id: UUID
    clinic_id: UUID
    reason: str
    withdrawn_slots: int


class VisitRegistered(Event, type="outpatient.registration.visit_registered", subject="encounter_id"):
    """A patient has a number for a clinic session. Triage queues the visit, statistics count it."""

    encounter_id: UUID
    patient_id: UUID
    visit_no: str
    kind: str
    unit_id: UUID
    clinic_id: UUID | None
    session_id: UUID | None
    slot_id: UUID | None
    slot_number: int | None
    doctor_id: UUID | None
    band_start: datetime | None
    band_end: datetime | None
    registered_at: datetime


class VisitCancelled(Event, type="outpatient.registration.visit_cancelled", subject="encounter_id"):
    """A visit was cancelled (退号) before its consultation. Triage takes it from the queue."""

    encounter_id: UUID
    patient_id: UUID
    session_id: UUID | None
    slot_id: UUID | None
    reason_code: str
    cancelled_at: datetime
