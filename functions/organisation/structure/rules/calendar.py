"""The calendar: which days clinics are open, which are workdays, and the hours of a day. No I/O, no clock."""

from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Any, NamedTuple


class Exceptional(NamedTuple):
    """A day that is not as its weekday says; `own` when the campus itself said so."""

    day: date
    own: bool
    kind: str
    clinics_open: bool
    name: str


def outranking(days: Iterable[Exceptional]) -> dict[date, Exceptional]:
    """The word that counts for each day: a campus's own outranks the consortium's."""
    found: dict[date, Exceptional] = {}
    for one in days:
        if one.day not in found or one.own:
            found[one.day] = one
    return found


def clinics_open(day: date, exceptional: Exceptional | None, settings: Mapping[str, Any]) -> bool:
    """Whether the outpatient clinics of a campus see patients on a day.

    A holiday of the consortium's calendar is open where the campus keeps its clinics open on holidays.
    """
    if exceptional is None:
        return str(day.isoweekday()) in str(settings["open_weekdays"])
    if exceptional.kind == "holiday" and not exceptional.own:
        return exceptional.clinics_open or bool(settings["open_on_holidays"])
    return exceptional.clinics_open


def is_workday(day: date, exceptional: Exceptional | None) -> bool:
    """Whether offices work on a day: Monday to Friday, but for holidays and swapped days (调休)."""
    if exceptional is not None and exceptional.kind in {"holiday", "workday"}:
        return exceptional.kind == "workday"
    return day.isoweekday() <= 5


def hours(day: date, settings: Mapping[str, Any]) -> list[tuple[time, time]]:
    """Office hours of a day by season: (from, to) of each part of the day."""
    start, end = (tuple(map(int, part.split("-"))) for part in str(settings["summer_season"]).split("/"))
    now = (day.month, day.day)
    summer = start <= now <= end if start <= end else now >= start or now <= end
    text = str(settings["hours_summer" if summer else "hours_winter"])
    parts = [part.split("-") for part in text.split(",")]
    return [(time.fromisoformat(first), time.fromisoformat(last)) for first, last in parts]
