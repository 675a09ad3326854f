"""Rules of the number pool: pure, no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from shared.problems import Problem

SOLD_AT_WINDOW = ("window", "elder", "follow_up")
"""Channels a window may sell from: its own, and those kept for people who come in person."""

CHANNELS_OF: Mapping[str, tuple[str, ...]] = {"window": SOLD_AT_WINDOW}


class PlanInvalid(Problem):
    status = 422
    code = "session_plan_invalid"
    title = "班次安排有误"


class SessionStateWrong(Problem):
    status = 409
    code = "session_state_wrong"
    title = "班次当前状态不允许此操作"


class SessionFull(Problem):
    status = 409
    code = "session_full"
    title = "号已约满"


class SessionNotOnSale(Problem):
    status = 409
    code = "session_not_on_sale"
    title = "该班次不在售号"


class DoctorBusy(Problem):
    status = 409
    code = "doctor_session_overlap"
    title = "医生班次重叠"
    constraint = "ex_sessions_doctor"
    constraint_detail = "该医生在这一时间已有发布的班次，请改期或改派其他医生。"


class RoomBusy(Problem):
    status = 409
    code = "room_session_overlap"
    title = "诊室班次重叠"
    constraint = "ex_sessions_room"
    constraint_detail = "该诊室在这一时间已有发布的班次，请改用其他诊室或诊台。"


class ClinicCodeTaken(Problem):
    status = 409
    code = "clinic_code_taken"
    title = "门诊代码已使用"
    constraint = "uq_clinics_campus_id_code"
    constraint_detail = "本院区已有相同代码的门诊，请核对或改用其他代码。"


TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "submit": ("draft",),
    "approve": ("submitted",),
    "publish": ("approved",),
    "stop": ("published", "open"),
}
"""From which states a session may take a step (spec 44 "States and rules")."""

RESULT: Mapping[str, str] = {
    "submit": "submitted",
    "approve": "approved",
    "publish": "published",
    "stop": "stopped",
}


@dataclass(frozen=True, slots=True)
class Band:
    """A time band and its count of numbers."""

    starts_at: datetime
    ends_at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """A number before it is stored."""

    number: int
    band_start: datetime
    band_end: datetime
    channel: str


def plan_slots(day: date, bands: Sequence[Band], quotas: Mapping[str, int]) -> list[PlannedSlot]:
    """The numbers of a session in band order, its channels spread evenly over the morning.

    Each number goes to the channel that is furthest behind its share so far, so that no channel gets only
    the late ones. Refuses bands that overlap, run backwards or leave the day's session, and quotas that do not add up.
    """
    ordered = sorted(bands, key=lambda band: band.starts_at)
    for band in ordered:
        if band.ends_at <= band.starts_at:
            raise PlanInvalid("时段的结束时间须晚于开始时间。")
    if any(later.starts_at < earlier.ends_at for earlier, later in pairwise(ordered)):
        raise PlanInvalid("时段之间不能重叠。")
    if ordered[0].starts_at.date() != day:
        raise PlanInvalid("时段须在出诊日期当天开始。")
    total = sum(band.count for band in ordered)
    given = sum(quotas.values())
    if given != total:
        raise PlanInvalid(f"各渠道号源合计 {given}，与时段号源合计 {total} 不符，请调整。", total=total, quotas=given)
    channels = _spread(quotas, total)
    slots = []
    number = 0
    for band in ordered:
        for _ in range(band.count):
            slots.append(PlannedSlot(number + 1, band.starts_at, band.ends_at, channels[number]))
            number += 1
    return slots


def _spread(quotas: Mapping[str, int], total: int) -> list[str]:
    given = dict.fromkeys(quotas, 0)
    order = []
    for position in range(1, total + 1):
        open_channels = [channel for channel, quota in quotas.items() if given[channel] < quota]
        channel = max(open_channels, key=lambda name: quotas[name] * position - given[name] * total)
        given[channel] += 1
        order.append(channel)
    return order


def require_state(action: str, status: str) -> None:
    """Refuse a step the session's state does not allow."""
    if status not in TRANSITIONS[action]:
        names = {"submit": "提交", "approve": "审批", "publish": "发布", "stop": "停诊"}
        raise SessionStateWrong(f"该班次当前为“{STATE_NAMES[status]}”，不能{names[action]}。", current_status=status)


STATE_NAMES: Mapping[str, str] = {
    "draft": "草稿",
    "submitted": "已提交",
    "approved": "已审批",
    "published": "已发布",
    "open": "出诊中",
    "closed": "已结束",
    "stopped": "已停诊",
}
