"""Templates: on which days they hold, and when two of them meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from functions.outpatient.schedule.problems import PlanInvalid
from functions.outpatient.schedule.rules.plans import Band
from shared.schemas import SHANGHAI


@dataclass(frozen=True, slots=True)
class Pattern:
    """What decides when a template occupies its doctor and its room."""

    template_id: UUID
    campus_id: str
    doctor_id: UUID | None
    room_id: UUID
    desk: int
    weekday: int
    week_parity: str
    months: tuple[int, ...]
    starts: time
    ends: time
    valid_from: date
    valid_to: date | None


def holds_on(pattern: Pattern, day: date, weekday: int | None = None) -> bool:
    """Whether a template makes a session on a day; `weekday` is what a swapped workday (调休) counts as."""
    return (
        pattern.weekday == (weekday or day.isoweekday())
        and pattern.valid_from <= day
        and (pattern.valid_to is None or day <= pattern.valid_to)
        and (not pattern.months or day.month in pattern.months)
        and _parity_holds(pattern.week_parity, day)
    )


def _parity_holds(parity: str, day: date) -> bool:
    return parity == "every" or (day.isocalendar().week % 2 == 1) == (parity == "odd")


def overlap(one: Pattern, other: Pattern) -> str | None:
    """`doctor` or `room` when two templates would meet some day; None when they never do."""
    apart = (
        one.weekday != other.weekday
        or {one.week_parity, other.week_parity} == {"odd", "even"}
        or (one.months and other.months and not set(one.months) & set(other.months))
        or (one.valid_to is not None and other.valid_from > one.valid_to)
        or (other.valid_to is not None and one.valid_from > other.valid_to)
        or one.ends <= other.starts
        or other.ends <= one.starts
    )
    if apart:
        return None
    if one.doctor_id is not None and one.doctor_id == other.doctor_id:
        return "doctor"
    return "room" if (one.room_id, one.desk) == (other.room_id, other.desk) else None


def timed_bands(day: date, times: Sequence[Mapping[str, Any]]) -> list[Band]:
    """A template's bands on a day."""
    return [
        Band(
            datetime.combine(day, time.fromisoformat(band["starts"]), SHANGHAI),
            datetime.combine(day, time.fromisoformat(band["ends"]), SHANGHAI),
            int(band["count"]),
        )
        for band in times
    ]


def stored_times(bands: Sequence[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """Bands of a template as it keeps them, in order. Refuses an empty list."""
    if not bands:
        raise PlanInvalid("至少需要一个时段。")
    return [{"starts": starts, "ends": ends, "count": count} for starts, ends, count in sorted(bands)]
