"""Changes of published sessions."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from functions.outpatient.schedule.schemas.plans import Bands, ChangeState, DeskNo, Instant, Part, Quotas
from shared.schemas import Input, Moment, Text, View

BandStarts = Annotated[list[Instant], Field(min_length=1, max_length=60)]


class StopSession(ChangeState):
    """Stop a published session (停诊), or some of its bands."""

    reason: Text
    bands: BandStarts | None = None


class RefuseChange(Input):
    reason: Text


class ChangeView(View):
    change_id: UUID
    session_id: UUID
    kind: str
    kind_name: str
    status: str
    reason: str
    urgent: bool
    affected: int
    detail: dict[str, Any]
    requested_by: str
    requested_at: Moment
    head_by: str | None
    office_by: str | None
    medical_by: str | None
    decided_at: Moment | None
    version: int


class ChangedNumberView(View):
    """A number a change concerned: whose it was (visit, booking, or the patient of an extra number)."""

    number: int
    slot_id: UUID
    owner_kind: str
    owner_id: UUID


class OfferView(View):
    """Another session patients can be offered."""

    session_id: UUID
    campus_id: str
    clinic_name: str
    doctor_id: UUID | None
    same_doctor: bool
    day: date
    starts_at: Moment
    ends_at: Moment
    remaining: int


class StopPreview(View):
    """What a stop would do, before it is confirmed: numbers taken, held and free, what it touches elsewhere (`notes`),
    and where patients could go."""

    session_id: UUID
    taken: int
    held: int
    free: int
    visits: int
    bookings: int
    notes: list[str]
    urgent: bool
    consents: list[str]
    offers: list[OfferView]


class ReplaceDoctor(ChangeState):
    """Another doctor holds the session (替诊)."""

    doctor_id: UUID
    reason: Text


class MoveSession(ChangeState):
    """Another time, another room (改时、改诊室). More than 30 minutes is a stop with priority for its patients."""

    starts_at: Instant | None = None
    room_id: UUID | None = None
    desk: DeskNo | None = None
    reason: Text


class ExtendSession(ChangeState):
    """Bands after the last one, with their numbers by channel."""

    bands: Bands
    quotas: Quotas
    reason: Text


class BlockBands(ChangeState):
    """Bands that cannot be used for now (医生临时离开), or that can again."""

    bands: BandStarts
    reason: Text


class OpenEmergency(Input):
    """A further general session right now because people wait (应急加开)."""

    clinic_id: UUID
    doctor_id: UUID | None = None
    room_id: UUID
    desk: DeskNo = 1
    part: Part
    bands: Bands
    quotas: Quotas
    waiting_minutes: Annotated[int, Field(ge=0, le=600, description="当前候诊时长")]
    reason: Text


class TaskView(View):
    task_id: UUID
    session_id: UUID
    kind: str
    reason: str
    opened_at: Moment
    done_at: Moment | None
    resolution: str | None


class ResolveTask(Input):
    resolution: Text
