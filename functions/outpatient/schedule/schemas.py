"""Requests and answers of the clinic schedule."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.schemas import Code, Input, LongText, Moment, Text, View


class Grade(StrEnum):
    """Grade of a clinic (门诊级别)."""

    GENERAL = "general"
    ASSOCIATE_CHIEF = "associate_chief"
    CHIEF = "chief"
    SPECIALIST = "specialist"
    CONVENIENCE = "convenience"
    NURSING = "nursing"
    MULTIDISCIPLINARY = "multidisciplinary"
    EMERGENCY = "emergency"


class Channel(StrEnum):
    """Where a number is sold: window 窗口, kiosk 自助机, mini 小程序, phone 电话, referral 转诊, revisit 诊间,
    elder 老年/现场, platform 省市平台, follow_up 续诊."""

    WINDOW = "window"
    KIOSK = "kiosk"
    MINI = "mini"
    PHONE = "phone"
    REFERRAL = "referral"
    REVISIT = "revisit"
    ELDER = "elder"
    PLATFORM = "platform"
    FOLLOW_UP = "follow_up"


class Part(StrEnum):
    """Part of the day."""

    MORNING = "morning"
    NOON = "noon"
    AFTERNOON = "afternoon"
    EVENING = "evening"
    WHOLE_DAY = "whole_day"


Years = Annotated[int, Field(ge=0, le=130, description="周岁")]
Count = Annotated[int, Field(ge=0, le=500)]


class DefineClinic(Input):
    """A clinic of the acting campus."""

    code: Code
    name: Text
    unit_id: UUID
    grade: Grade
    fee_item_code: Code
    standard_code: Code
    sex_limit: Annotated[str | None, Field(pattern="^[12]$")] = None
    age_from: Years | None = None
    age_to: Years | None = None
    follow_up_allowed: bool = True
    guidance: LongText | None = None


class ClinicView(View):
    clinic_id: UUID
    campus_id: str
    code: str
    name: str
    unit_id: UUID
    grade: Grade
    fee_item_code: str
    standard_code: str
    sex_limit: str | None
    age_from: int | None
    age_to: int | None
    active: bool
    version: int


class BandPlan(Input):
    """A time band (时段) and how many numbers it holds."""

    starts_at: Moment
    ends_at: Moment
    count: Annotated[int, Field(ge=1, le=100)]


class PlanSession(Input):
    """A session as a draft. The sum of the quotas is the sum of the bands."""

    clinic_id: UUID
    doctor_id: UUID | None = None
    room_id: UUID
    desk: Annotated[int, Field(ge=1, le=20)] = 1
    day: date
    part: Part
    bands: Annotated[list[BandPlan], Field(min_length=1, max_length=60)]
    quotas: Annotated[dict[Channel, Count], Field(min_length=1)]
    extra_cap: Annotated[int, Field(ge=0, le=100)] = 0


class SessionView(View):
    session_id: UUID
    campus_id: str
    clinic_id: UUID
    unit_id: UUID
    doctor_id: UUID | None
    room_id: UUID
    day: date
    part: Part
    starts_at: Moment
    ends_at: Moment
    status: str
    slots: int
    version: int


class ChangeState(Input):
    """The version of the session the user saw."""

    version: Annotated[int, Field(ge=1)]


class StopSession(ChangeState):
    """Stop a published session (停诊)."""

    reason: Text


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
