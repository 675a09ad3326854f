"""The check of a schedule (排班检查): what must not be, and what somebody should look at."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Literal
from uuid import UUID

from functions.outpatient.schedule.rules.changes import outranks
from functions.outpatient.schedule.rules.plans import ELDER_SHARE, TRAVEL, Band
from shared.schemas import SHANGHAI

Level = Literal["error", "warning"]
LONGEST_BAND = timedelta(minutes=30)
EXTRA_LEAST, EXTRA_SHARE = 10, 20
"""Extra numbers (加号) nobody asks about: up to ten, or a fifth of the session's numbers (spec 44)."""
_MINUTES: Mapping[str, tuple[int, int]] = {
    "general": (6, 10),
    "associate_chief": (8, 15),
    "chief": (8, 15),
    "specialist": (6, 15),
    "multidisciplinary": (30, 60),
}
"""Minutes for one patient by grade, least and most (spec 44)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of the check. `other_id` is the session it clashes with."""

    level: Level
    code: str
    message: str
    session_id: UUID
    other_id: UUID | None = None

    def document(self) -> dict[str, str | None]:
        return {
            "level": self.level,
            "code": self.code,
            "message": self.message,
            "session_id": str(self.session_id),
            "other_id": str(self.other_id) if self.other_id else None,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """A session as the check sees it."""

    session_id: UUID
    campus_id: str
    doctor_id: UUID | None
    room_id: UUID
    desk: int
    day: date
    starts_at: datetime
    ends_at: datetime
    grade: str
    bands: Sequence[Band] = ()
    quotas: Mapping[str, int] = field(default_factory=dict)
    extra_cap: int = 0


@dataclass(frozen=True, slots=True)
class Absence:
    """A time a doctor may hold no session: approved leave, or a bar from a moment on (`ends_at` null)."""

    doctor_id: UUID
    campus_id: str | None
    starts_at: datetime
    ends_at: datetime | None
    code: str
    message: str


def check(
    plans: Iterable[Plan],
    others: Iterable[Plan],
    absences: Iterable[Absence],
    titles: Mapping[UUID, str | None],
    practises: Collection[tuple[UUID, str, date]],
    heads: Collection[str],
) -> list[Finding]:
    """Everything to be said about `plans`, given the other sessions of their doctors and rooms.

    `titles`: title code by doctor. `practises`: doctor, campus, day for which the campus is a practice place.
    `heads`: campuses that keep a share for elderly people.
    """
    mine = list(plans)
    found: list[Finding] = []
    found += _meetings(mine, [*mine, *others])
    away = list(absences)
    for plan in mine:
        found += _doctor(plan, away, titles, practises)
        found += _numbers(plan, plan.campus_id in heads)
    return sorted(found, key=lambda item: (item.level, str(item.session_id), item.code))


def errors(found: Iterable[Finding]) -> list[Finding]:
    """Only what forbids publication."""
    return [item for item in found if item.level == "error"]


def _meetings(mine: Sequence[Plan], everything: Sequence[Plan]) -> Iterator[Finding]:
    ours = {plan.session_id for plan in mine}
    with_doctor = sorted(
        (plan for plan in everything if plan.doctor_id), key=lambda plan: (str(plan.doctor_id), plan.starts_at)
    )
    for _, group in groupby(with_doctor, key=lambda plan: plan.doctor_id):
        for one, other in _close(list(group), TRAVEL):
            if one.ends_at > other.starts_at:
                yield from _pair(ours, one, other, "doctor_session_overlap", "医生班次时间重叠")
            elif one.campus_id != other.campus_id:
                yield from _pair(ours, one, other, "doctor_travel_too_short", "跨院区班次间隔不足 45 分钟")
    by_room = sorted(everything, key=lambda plan: (str(plan.room_id), plan.desk, plan.starts_at))
    for _, group in groupby(by_room, key=lambda plan: (plan.room_id, plan.desk)):
        for one, other in _close(list(group), timedelta()):
            yield from _pair(ours, one, other, "room_session_overlap", "诊室诊台时间重叠")


def _close(ordered: Sequence[Plan], gap: timedelta) -> Iterator[tuple[Plan, Plan]]:
    """Pairs of which the later begins before the earlier has ended and the gap is over."""
    for place, one in enumerate(ordered):
        for other in ordered[place + 1 :]:
            if other.starts_at >= one.ends_at + gap:
                break
            if one.session_id != other.session_id:
                yield one, other


def _pair(ours: Collection[UUID], one: Plan, other: Plan, code: str, what: str) -> Iterator[Finding]:
    for this, that in ((one, other), (other, one)):
        if this.session_id in ours:
            message = f"{_when(this)} 与 {_when(that)} 的班次{what}。"
            yield Finding("error", code, message, this.session_id, that.session_id)


def _doctor(
    plan: Plan,
    absences: Sequence[Absence],
    titles: Mapping[UUID, str | None],
    practises: Collection[tuple[UUID, str, date]],
) -> Iterator[Finding]:
    if plan.doctor_id is None:
        return
    for absence in absences:
        if (
            absence.doctor_id == plan.doctor_id
            and absence.campus_id in (None, plan.campus_id)
            and absence.starts_at < plan.ends_at
            and (absence.ends_at is None or absence.ends_at > plan.starts_at)
        ):
            yield Finding("error", absence.code, f"{_when(plan)}：{absence.message}", plan.session_id)
    if outranks(plan.grade, titles.get(plan.doctor_id)):
        yield Finding("error", "grade_above_title", f"{_when(plan)}：门诊级别高于医生职称。", plan.session_id)
    if (plan.doctor_id, plan.campus_id, plan.day) not in practises:
        message = f"{_when(plan)}：该医生当日不在本院区执业或派驻日之内。"
        yield Finding("error", "practice_place", message, plan.session_id)


def _numbers(plan: Plan, keeps_share: bool) -> Iterator[Finding]:
    total = sum(band.count for band in plan.bands)
    if not total:
        return
    if any(band.ends_at - band.starts_at > LONGEST_BAND for band in plan.bands):
        yield Finding("warning", "band_too_long", f"{_when(plan)}：有时段超过 30 分钟。", plan.session_id)
    minutes = sum(int((band.ends_at - band.starts_at).total_seconds()) // 60 for band in plan.bands)
    least, most = _MINUTES.get(plan.grade, (1, 60))
    if total * least * 10 > minutes * 11:
        message = f"{_when(plan)}：{total} 个号按每人至少 {least} 分钟计，超过出诊时长的 110%。"
        yield Finding("warning", "too_many_numbers", message, plan.session_id)
    elif minutes * 10 > total * most * 11:
        message = f"{_when(plan)}：平均每号 {minutes // total} 分钟，超过该级别的 {most} 分钟。"
        yield Finding("warning", "too_few_numbers", message, plan.session_id)
    if plan.extra_cap > max(EXTRA_LEAST, total * EXTRA_SHARE // 100):
        message = f"{_when(plan)}：加号上限 {plan.extra_cap} 个，超过 {EXTRA_LEAST} 个且超过号数的 {EXTRA_SHARE}%。"
        yield Finding("warning", "extra_cap_high", message, plan.session_id)
    kept = plan.quotas.get("elder", 0)
    if keeps_share and plan.grade == "general" and kept * 100 < total * ELDER_SHARE:
        message = f"{_when(plan)}：老年/现场号 {kept} 个，不足普通号的 {ELDER_SHARE}%。"
        yield Finding("warning", "elder_share_low", message, plan.session_id)


def _when(plan: Plan) -> str:
    start, end = plan.starts_at.astimezone(SHANGHAI), plan.ends_at.astimezone(SHANGHAI)
    return f"{start:%Y-%m-%d %H:%M}-{end:%H:%M}"
