"""Events of the outpatient area."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from events.envelope import Event


class SchedulePublished(Event, type="outpatient.schedule.schedule_published", subject="session_id"):
    """A session's numbers can be sold. Screens and the regional platform show it."""

    session_id: UUID
    clinic_id: UUID
    unit_id: UUID
    doctor_id: UUID | None
    day: date
    slots: int


class AffectedNumber(BaseModel):
    """A number somebody had when its session changed: whose it was, `visit` or `booking`; `patient` for an extra number
    (加号) that still waited for the person it was made for."""

    model_config = ConfigDict(frozen=True)

    slot_id: UUID
    number: int
    owner_kind: str
    owner_id: UUID


class SessionStopped(Event, type="outpatient.schedule.session_stopped", subject="session_id"):
    """A session is stopped (停诊): registration cancels and refunds its visits, patients are told.

    `partial`: only the numbers `slot_ids` are stopped (部分停诊) and the session goes on; otherwise all of it is.
    `affected` lists the numbers somebody had; `moved_to` is the session they come first in when the stop is a move by
    more than 30 minutes.
    """

    session_id: UUID
    clinic_id: UUID
    reason: str
    withdrawn_slots: int
    slot_ids: list[UUID] = Field(default_factory=list)
    partial: bool = False
    affected: list[AffectedNumber] = Field(default_factory=list)
    moved_to: UUID | None = None


class SessionMoved(Event, type="outpatient.schedule.session_moved", subject="session_id"):
    """A session moves by at most 30 minutes, or to another room (改时、改诊室); patients keep their numbers.

    `rebook` true: it was stopped instead, and its patients come first in `moved_to`.
    """

    session_id: UUID
    clinic_id: UUID
    shifted_minutes: int
    starts_at: datetime
    ends_at: datetime
    room_id: UUID
    rebook: bool
    moved_to: UUID | None
    affected: list[AffectedNumber]


class DoctorReplaced(Event, type="outpatient.schedule.doctor_replaced", subject="session_id"):
    """Another doctor holds a session (替诊): patients are told and may cancel free.

    Of a lower grade, the fee falls from `old_price` to `new_price`: every paid patient gets `refund_each` back. A
    doctor of the same or a higher grade moves no money (`refund_each` 0). Prices in yuan.
    """

    session_id: UUID
    clinic_id: UUID
    from_doctor_id: UUID | None
    to_doctor_id: UUID
    old_fee_item_code: str
    new_fee_item_code: str
    old_price: Decimal
    new_price: Decimal
    refund_each: Decimal
    affected: list[AffectedNumber]


class SlotsReleased(Event, type="outpatient.schedule.slots_released", subject="session_id"):
    """Numbers of a session can be sold from now on (放号). Booking serves its waiting list first.

    `cause`: wave, manual, returned (given back or a hold that ran out while people wait), unfrozen.
    """

    session_id: UUID
    clinic_id: UUID
    slots: int
    cause: str


class SlotsAdded(Event, type="outpatient.schedule.slots_added", subject="session_id"):
    """A session has more numbers: bands added, or one extra number (加号) for a patient. Contingency leases follow."""

    session_id: UUID
    clinic_id: UUID
    slots: int
    cause: str
    """extended, extra."""


class QuotaMoved(Event, type="outpatient.schedule.quota_moved", subject="session_id"):
    """Unsold numbers went from one channel to another, by hand or by the return rule (调配、回收)."""

    session_id: UUID
    from_channel: str
    to_channel: str
    slots: int
    cause: str
    """by_hand, day_before, before_band."""


class SessionOpened(Event, type="outpatient.schedule.session_opened", subject="session_id"):
    """A doctor signed on and the session has begun (出诊)."""

    session_id: UUID
    doctor_id: UUID | None
    opened_at: datetime


class SessionClosed(Event, type="outpatient.schedule.session_closed", subject="session_id"):
    """A session is over: what is unsold has lapsed."""

    session_id: UUID
    doctor_id: UUID | None
    closed_at: datetime
    used_slots: int
    missed_slots: int


class AttendanceRecorded(Event, type="outpatient.schedule.attendance_recorded", subject="session_id"):
    """How punctual a session was: on_time, late, early_leave, absent. Personnel counts it.

    `corrected`: it takes the place of what was told before (考勤更正).
    """

    session_id: UUID
    doctor_id: UUID
    day: date
    outcome: str
    late_minutes: int
    early_minutes: int
    corrected: bool = False


class AvailabilityChanged(Event, type="outpatient.schedule.availability_changed", subject="session_id"):
    """A session has another count of numbers on sale; coarse, at most one a minute. Screens and caches refresh."""

    session_id: UUID
    day: date
    remaining: int


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
    triage_level: int | None = None
    """Emergency level 1-4."""
    booking_id: UUID | None = None
    referral_id: UUID | None = None


class VisitCancelled(Event, type="outpatient.registration.visit_cancelled", subject="encounter_id"):
    """A visit was cancelled (退号). Triage takes it from the queue, the patient is told.

    `reason_code`: patient, mistake, doctor_absent, session_stopped.
    """

    encounter_id: UUID
    patient_id: UUID
    session_id: UUID | None
    slot_id: UUID | None
    reason_code: str
    cancelled_at: datetime
    booking_id: UUID | None = None


class VisitTransferred(Event, type="outpatient.registration.visit_transferred", subject="encounter_id"):
    """A visit changed to another doctor or department (换号、转科) before its consultation. Triage queues it there.

    Amounts in yuan; what lies between them was charged or given back.
    """

    encounter_id: UUID
    patient_id: UUID
    from_unit_id: UUID
    from_session_id: UUID | None
    from_slot_id: UUID | None
    kind: str
    unit_id: UUID
    clinic_id: UUID | None
    session_id: UUID | None
    slot_id: UUID | None
    slot_number: int | None
    doctor_id: UUID | None
    band_start: datetime | None
    band_end: datetime | None
    fee_before: Decimal
    fee_after: Decimal
    transferred_at: datetime


class VisitNoShow(Event, type="outpatient.registration.visit_no_show", subject="encounter_id"):
    """A registered patient was not seen before the number's validity ended. Without check-in it is a 爽约, with one the
    patient left unseen (未诊离开)."""

    encounter_id: UUID
    patient_id: UUID
    unit_id: UUID
    session_id: UUID | None
    slot_id: UUID | None
    booking_id: UUID | None
    checked_in: bool
    ended_at: datetime


class GreenChannelOpened(Event, type="outpatient.registration.green_channel_opened", subject="encounter_id"):
    """A doctor opened the green channel (绿色通道) of a visit: what is ordered is carried out before it is paid."""

    encounter_id: UUID
    patient_id: UUID
    unit_id: UUID
    reason_code: str
    approved_by: UUID
    triage_level: int | None
    opened_at: datetime
