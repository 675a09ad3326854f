"""Changes after publication: who must agree, what they cost, how punctual a session was."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from functions.outpatient.schedule.problems import CorrectionInvalid

HOLD = timedelta(minutes=15)
"""How long a number is held for somebody who pays (占号)."""
SMALL_MOVE = timedelta(minutes=30)
"""A move up to this, or of the room only, needs a message; a longer one is a stop with priority (spec 44, 12)."""
URGENT = timedelta(hours=24)
EARLIEST = timedelta(hours=2)
"""So long before a session its doctor may sign on."""
LATEST = timedelta(hours=12)
"""So long after a session the last patient may have been seen: later is another day's work (hospital rule)."""
GRACE = timedelta(minutes=15)
"""Later sign-on counts as late, earlier sign-off as left early."""

CHANGE_NAMES: Mapping[str, str] = {
    "stop": "停诊",
    "part_stop": "部分停诊",
    "replace": "替诊",
    "move": "改时",
    "room": "改诊室",
    "extend": "增加时段",
    "extra": "加号",
    "extra_cap": "调整加号上限",
    "block": "停用时段",
    "unblock": "恢复时段",
    "quota": "调配号源",
    "release": "手工放号",
    "swap": "互换",
    "emergency": "应急加开",
}
LEAVE_NAMES: Mapping[str, str] = {"leave": "请假", "meeting": "会议", "surgery": "手术日"}

_RANKS: Mapping[str, int] = {"general": 0, "associate_chief": 1, "chief": 2}


class Outcome(NamedTuple):
    """Punctuality of one session."""

    outcome: str
    late_minutes: int
    early_minutes: int


def is_urgent(starts_at: datetime, now: datetime) -> bool:
    """Inside 24 hours before the session: counts to the stop rate."""
    return starts_at - now < URGENT


def missing_consents(*, urgent: bool, head: bool, office: bool, medical: bool) -> list[str]:
    """Who must still agree to a stop: the head of department in time, 门诊部 and 医务科 inside 24 hours."""
    if not urgent:
        return [] if head else ["head"]
    return [side for side, given in (("office", office), ("medical", medical)) if not given]


def grade_of_title(title_code: str | None) -> str:
    """The highest clinic grade a title may hold: 正高 chief, 副高 associate_chief, others general (GB/T 8561)."""
    position = title_code[-1] if title_code and len(title_code) == 3 else ""
    return {"1": "chief", "2": "associate_chief"}.get(position, "general")


def outranks(grade: str, title_code: str | None) -> bool:
    """Whether a clinic of this grade is above what the doctor's title allows."""
    return _RANKS.get(grade, 0) > _RANKS[grade_of_title(title_code)]


def require_attendance_times(
    starts_at: datetime, ends_at: datetime, opened_at: datetime, closed_at: datetime, now: datetime
) -> None:
    """Refuse times of a correction that cannot be: outside the session's hours by more than EARLIEST and LATEST
    allow, in the wrong order, not yet over. Raises CorrectionInvalid."""
    if closed_at <= opened_at:
        raise CorrectionInvalid("签退时间须晚于签到时间，请核对。")
    if closed_at > now:
        raise CorrectionInvalid("签退时间不能晚于现在，请核对。")
    if not starts_at - EARLIEST <= opened_at < ends_at or closed_at > ends_at + LATEST:
        raise CorrectionInvalid("签到须在开诊前 2 小时至班次结束之间，签退不得晚于班次结束后 12 小时，请核对。")


def attendance(
    starts_at: datetime, ends_at: datetime, opened_at: datetime | None, closed_at: datetime | None
) -> Outcome:
    """On time, late, left early or absent; minutes beyond the 15 of grace are what counts as late or early."""
    if opened_at is None:
        return Outcome("absent", 0, 0)
    late = max(0, int((opened_at - starts_at).total_seconds() // 60))
    early = max(0, int((ends_at - closed_at).total_seconds() // 60)) if closed_at is not None else 0
    if opened_at - starts_at > GRACE:
        return Outcome("late", late, early)
    if closed_at is not None and ends_at - closed_at > GRACE:
        return Outcome("early_leave", late, early)
    return Outcome("on_time" if closed_at is not None else "open", late, early)
