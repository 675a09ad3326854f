"""Clinics, templates, sessions before publication."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from shared.schemas import Code, Input, LongText, Moment, Text, View


class Grade(StrEnum):
    """Grade of a clinic (门诊级别): general 普通, associate_chief 副主任, chief 主任, specialist 专科, disease 专病,
    convenience 便民, nursing 护理, midwifery 助产士, pharmacy 药学, multidisciplinary MDT, emergency 急诊."""

    GENERAL = "general"
    ASSOCIATE_CHIEF = "associate_chief"
    CHIEF = "chief"
    SPECIALIST = "specialist"
    DISEASE = "disease"
    CONVENIENCE = "convenience"
    NURSING = "nursing"
    MIDWIFERY = "midwifery"
    PHARMACY = "pharmacy"
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


class WeekParity(StrEnum):
    """Weeks of the ISO calendar a template holds in: every 每周, odd 单周, even 双周."""

    EVERY = "every"
    ODD = "odd"
    EVEN = "even"


def _near(value: datetime) -> datetime:
    if not 2000 <= value.year <= 2100:
        raise ValueError("时间须在 2000 至 2100 年之间")
    return value


Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 12, 31))]
"""A calendar day somebody could mean."""
Instant = Annotated[Moment, AfterValidator(_near)]
"""A point in time somebody could mean."""
Years = Annotated[int, Field(ge=0, le=130, description="周岁")]
Count = Annotated[int, Field(ge=0, le=500)]
Version = Annotated[int, Field(ge=1)]
DeskNo = Annotated[int, Field(ge=1, le=20)]
Time = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM，北京时间")]
Quotas = Annotated[dict[Channel, Count], Field(min_length=1)]


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
    questions: Annotated[list[Text], Field(max_length=20)] = Field(default_factory=list)
    room_ids: Annotated[list[UUID], Field(max_length=50)] = Field(default_factory=list)
    grade_fees: Annotated[dict[Grade, Code], Field(max_length=11)] = Field(
        default_factory=dict, description="替诊医生级别较低时改收的诊查费项目"
    )


class ChangeClinic(DefineClinic):
    """Change a clinic; sessions already published keep what they were sold as. The code stays."""

    version: Version
    active: bool = True


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
    follow_up_allowed: bool
    guidance: str
    questions: list[str]
    room_ids: list[UUID]
    active: bool
    version: int


class BandPlan(Input):
    """A time band (时段) and how many numbers it holds."""

    starts_at: Instant
    ends_at: Instant
    count: Annotated[int, Field(ge=1, le=100)]


Bands = Annotated[list[BandPlan], Field(min_length=1, max_length=60)]


class Wave(Input):
    """A share of the numbers goes on sale some days ahead at a time of day, or when a person releases it."""

    share: Annotated[int, Field(ge=1, le=100, description="百分比")]
    days_before: Annotated[int | None, Field(ge=0, le=30)] = None
    time: Time | None = None
    manual: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> "Wave":
        if self.manual == (self.time is not None) or self.manual == (self.days_before is not None):
            raise ValueError("请填写放号日和时刻，或选择手工放号")
        return self


Waves = Annotated[list[Wave], Field(max_length=6)]


class PlanSession(Input):
    """A session as a draft. The sum of the quotas is the sum of the bands. Without waves every number is on sale at
    publication."""

    clinic_id: UUID
    doctor_id: UUID | None = None
    room_id: UUID
    desk: DeskNo = 1
    day: Day
    part: Part
    bands: Bands
    quotas: Quotas
    waves: Waves | None = None
    extra_cap: Annotated[int, Field(ge=0, le=100)] = 0


class EditSession(PlanSession):
    """The draft as it should be from now on."""

    version: Version


class TimeBand(Input):
    """A band of a template, times of day."""

    starts: Time
    ends: Time
    count: Annotated[int, Field(ge=1, le=100)]


class DefineTemplate(Input):
    """A weekday's half day, week after week."""

    clinic_id: UUID
    doctor_id: UUID | None = None
    room_id: UUID
    desk: DeskNo = 1
    weekday: Annotated[int, Field(ge=1, le=7, description="1 为星期一")]
    week_parity: WeekParity = WeekParity.EVERY
    months: Annotated[list[Annotated[int, Field(ge=1, le=12)]], Field(max_length=12)] = Field(
        default_factory=list, description="夏令、冬令作息的月份；空为全年"
    )
    part: Part
    bands: Annotated[list[TimeBand], Field(min_length=1, max_length=60)]
    quotas: Quotas
    waves: Waves | None = None
    extra_cap: Annotated[int, Field(ge=0, le=100)] = 0
    valid_from: Day
    valid_to: Day | None = None


class TemplateView(View):
    template_id: UUID
    campus_id: str
    clinic_id: UUID
    doctor_id: UUID | None
    room_id: UUID
    desk: int
    weekday: int
    week_parity: WeekParity
    months: list[int]
    part: Part
    bands: list[dict[str, str | int]]
    quotas: dict[str, int]
    extra_cap: int
    valid_from: date
    valid_to: date | None
    status: str
    version: int


class EndTemplate(Input):
    """The last day a template makes sessions for."""

    version: Version
    last_day: Day


class Generate(Input):
    """Make draft sessions of the active templates for some weeks. `swapped` says which weekday a workday counts as."""

    monday: Day
    weeks: Annotated[int, Field(ge=1, le=5)] = 1
    unit_id: UUID | None = None
    closed_days: Annotated[list[Day], Field(max_length=35)] = Field(default_factory=list, description="节假日，不生成")
    swapped: Annotated[dict[Day, Annotated[int, Field(ge=1, le=7)]], Field(max_length=35)] = Field(
        default_factory=dict, description="调休上班日按星期几排班"
    )


class CopyWeek(Input):
    """Copy the sessions of a week into drafts of another, where their place is not taken."""

    from_monday: Day
    to_monday: Day
    unit_id: UUID | None = None


class SplitSession(Input):
    """Cut a draft in two at a band's start; the later part may have another doctor."""

    version: Version
    at: Instant
    doctor_id: UUID | None = None


class FindingView(View):
    """One result of the check: `error` forbids publication, `warning` wants a look."""

    level: str
    code: str
    message: str
    session_id: UUID
    other_id: UUID | None


class SessionView(View):
    session_id: UUID
    campus_id: str
    clinic_id: UUID
    unit_id: UUID
    doctor_id: UUID | None
    room_id: UUID
    desk: int
    day: date
    part: Part
    starts_at: Moment
    ends_at: Moment
    status: str
    partly_stopped: bool
    extra_cap: int
    slots: int
    version: int


class GeneratedView(View):
    """What was made: `skipped` templates had their day already or none in these weeks."""

    sessions: list[UUID]
    skipped: int
    findings: list[FindingView]


class ChangeState(Input):
    """The version of the session the user saw."""

    version: Version


class SeenSession(Input):
    session_id: UUID
    version: Version


class StepSessions(Input):
    """A step of many sessions at once (整周提交、审批、发布): all of them or none."""

    sessions: Annotated[list[SeenSession], Field(min_length=1, max_length=800)]


class SteppedView(View):
    """How many sessions took the step, and their numbers."""

    sessions: int
    slots: int
