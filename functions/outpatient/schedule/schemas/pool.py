"""The number pool as others see it: what is left, where, at what price."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.outpatient.schedule.schemas.plans import Channel, Grade, Part, Version
from shared.money import Money
from shared.schemas import Input, Moment, Text, View


class AvailabilityView(View):
    """What is left of a session on sale. `remaining` counts free numbers that are not past, by channel."""

    session_id: UUID
    campus_id: str
    clinic_id: UUID
    clinic_name: str
    standard_code: str
    grade: Grade
    unit_id: UUID
    doctor_id: UUID | None
    room_id: UUID
    day: date
    part: Part
    starts_at: Moment
    ends_at: Moment
    status: str
    total: int
    remaining: dict[str, int]
    next_release_at: Moment | None
    frozen: bool


class BandView(View):
    """What is left of one band."""

    band_start: Moment
    band_end: Moment
    total: int
    remaining: dict[str, int]


class CampusOffer(View):
    """A campus's numbers of a standard clinic: for "总院无号、分院有余号"."""

    campus_id: str
    campus_name: str
    address: str
    clinic_id: UUID
    clinic_name: str
    grade: Grade
    price: Money | None
    total: int
    remaining: int
    sessions: list[UUID]


class MoveQuota(Input):
    """Give unsold numbers of one channel to another; the latest ones go."""

    from_channel: Channel
    to_channel: Channel
    count: Annotated[int, Field(ge=1, le=500)]
    reason: Text


class QuotaView(View):
    """Numbers of a session by channel after a transfer."""

    session_id: UUID
    moved: int
    totals: dict[str, int]


class ReleaseByHand(Input):
    """Put numbers kept back on sale: so many, or all."""

    count: Annotated[int | None, Field(ge=1, le=500)] = None
    reason: Text


class ReleasedView(View):
    session_id: UUID
    slots: int


class SetReturn(Input):
    """Where unsold numbers go: at a time of the day before, or minutes before the band."""

    day_before_time: Annotated[str | None, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = None
    before_band_minutes: Annotated[int | None, Field(ge=0, le=600)] = None
    to_channels: Annotated[list[Channel], Field(min_length=1, max_length=5)]


class ReturnView(View):
    channel: str
    moment: str
    minute: int
    to_channels: list[str]
    own: bool


class FreezePool(Input):
    """Keep today's numbers for the windows of this campus while it is cut off."""

    cause: Text


class FreezeView(View):
    freeze_id: UUID
    day: date
    cause: str
    frozen_at: Moment
    slots: int
    lifted_at: Moment | None


class LiftFreeze(Input):
    reason: Text


class ExtraCap(Input):
    """How many extra numbers a session may have."""

    cap: Annotated[int, Field(ge=0, le=200)]
    reason: Text
    version: Version


class AddExtra(Input):
    """An extra number (加号) for a named patient."""

    patient_id: UUID
    reason: Text


class ExtraView(View):
    """The extra number as it is printed, such as 加11; it waits for its patient until the session ends."""

    slot_id: UUID
    session_id: UUID
    number: int
    label: str
    band_start: Moment
    band_end: Moment
