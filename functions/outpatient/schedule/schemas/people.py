"""Doctors' own matters, attendance, and figures."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.outpatient.schedule.schemas.plans import Instant, Version
from shared.schemas import Input, LongText, Moment, Text, View


class LeaveKind(StrEnum):
    """Why a doctor is away: leave 请假, meeting 会议, surgery 手术日."""

    LEAVE = "leave"
    MEETING = "meeting"
    SURGERY = "surgery"


class AskLeave(Input):
    kind: LeaveKind
    starts_at: Instant
    ends_at: Instant
    reason: Text
    doctor_id: UUID | None = Field(default=None, description="默认本人；排班员可代办")


class Decide(Input):
    version: Version
    approve: bool


class Withdraw(Input):
    version: Version


class LeaveView(View):
    leave_id: UUID
    campus_id: str
    doctor_id: UUID
    kind: str
    starts_at: Moment
    ends_at: Moment
    reason: str
    status: str
    version: int


class DecidedLeaveView(LeaveView):
    """With the published sessions that fall into it and wait for a decision."""

    sessions: list[UUID]


class ProposeSwap(Input):
    """My session for a colleague's (互换)."""

    session_a: UUID
    session_b: UUID
    reason: Text


class SwapView(View):
    swap_id: UUID
    session_a: UUID
    session_b: UUID
    doctor_a: UUID
    doctor_b: UUID
    reason: str
    status: str
    version: int


class AttendanceView(View):
    session_id: UUID
    doctor_id: UUID | None
    opened_at: Moment | None
    closed_at: Moment | None
    late_minutes: int
    early_minutes: int
    outcome: str


class IntroduceDoctor(Input):
    """A doctor's introduction; patients see it when it is approved, with the picture personnel keep if asked for."""

    doctor_id: UUID | None = Field(default=None, description="默认本人")
    specialities: Annotated[list[Text], Field(min_length=1, max_length=20)]
    introduction: LongText
    show_photo: bool = Field(default=False, description="公开人事登记的照片")


class ProfileView(View):
    profile_id: UUID
    campus_id: str
    doctor_id: UUID
    specialities: list[str]
    introduction: str
    show_photo: bool
    status: str
    version: int


class BarView(View):
    bar_id: UUID
    doctor_id: UUID
    campus_code: str | None
    kind: str
    reason: str
    from_at: Moment
    lifted_at: Moment | None


class LiftBar(Input):
    reason: Text


class SessionRow(View):
    """A cell of the week grid: what, who, where, used of total."""

    session_id: UUID
    campus_id: str
    clinic_id: UUID
    clinic_name: str
    grade: str
    unit_id: UUID
    doctor_id: UUID | None
    room_id: UUID
    desk: int
    day: date
    part: str
    starts_at: Moment
    ends_at: Moment
    status: str
    partly_stopped: bool
    total: int
    taken: int
    extra: int
    extra_cap: int
    version: int


class StatisticView(View):
    """A doctor's or unit's figures over days. Rates in percent with one decimal; null without anything to divide by."""

    key: UUID | None
    sessions: int
    stopped: int
    stopped_urgent: int
    stop_rate: str | None
    held: int
    on_time: int
    on_time_rate: str | None
    numbers: int
    taken: int
    utilisation: str | None
    used: int
    no_show: int
    no_show_rate: str | None


class BoardRow(View):
    """A line of the public screen: today's doctor, room, remaining numbers."""

    session_id: UUID
    clinic_name: str
    doctor_name: str | None
    doctor_title: str | None
    room: str
    part: str
    starts_at: Moment
    ends_at: Moment
    status: str
    remaining: int
