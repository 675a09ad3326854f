"""A session's numbers: bands, channels, release waves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from functions.outpatient.schedule.problems import PlanInvalid
from shared.schemas import SHANGHAI, midnight

TRAVEL = timedelta(minutes=45)
"""Between two campuses (spec 44, seconded doctors)."""
ELDER_SHARE = 20
"""Percent of general numbers kept for on-site and elderly patients at the head hospital (适老化)."""


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


@dataclass(frozen=True, slots=True)
class Release:
    """A wave (放号批次): which share of the numbers goes on sale when; `due_at` null waits for a person's hand."""

    ordinal: int
    share: int
    due_at: datetime | None


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
    if ordered[0].starts_at.astimezone(SHANGHAI).date() != day:
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


def _spread(quotas: Mapping[Any, int], total: int) -> list[Any]:
    given = dict.fromkeys(quotas, 0)
    order = []
    for position in range(1, total + 1):
        open_channels = [channel for channel, quota in quotas.items() if given[channel] < quota]
        channel = max(open_channels, key=lambda name: quotas[name] * position - given[name] * total)
        given[channel] += 1
        order.append(channel)
    return order


def releases(day: date, waves: Sequence[Mapping[str, Any]] | None) -> list[Release]:
    """The waves of a session's day, earliest first. Refuses shares that are not 100 % together."""
    if not waves:
        return []
    total = sum(int(wave["share"]) for wave in waves)
    if total != 100:
        raise PlanInvalid(f"各批次放号比例合计 {total}%，须为 100%。", total=total)
    timed = []
    for wave in waves:
        due = None
        if not wave.get("manual"):
            hour, minute = (int(part) for part in str(wave["time"]).split(":"))
            due = datetime.combine(day - timedelta(days=int(wave["days_before"])), time(hour, minute), SHANGHAI)
        timed.append((due, int(wave["share"])))
    far = midnight(day + timedelta(days=1))
    timed.sort(key=lambda item: item[0] or far)
    return [Release(place, share, due) for place, (due, share) in enumerate(timed, 1)]


def release_of(slots: Sequence[PlannedSlot], waves: Sequence[Release]) -> list[Release | None]:
    """The wave of each number: waves have their shares of all, each channel within a number, spread over bands."""
    if not waves:
        return [None] * len(slots)
    found: list[Release | None] = [None] * len(slots)
    channels = list(dict.fromkeys(slot.channel for slot in slots))
    places = sorted(range(len(slots)), key=lambda place: (channels.index(slots[place].channel), place))
    counts = _shares([wave.share for wave in waves], len(slots))
    for place, wave in zip(places, _spread(dict(enumerate(counts)), len(slots)), strict=True):
        found[place] = waves[wave]
    return found


def _shares(shares: Sequence[int], total: int) -> list[int]:
    """Whole numbers in these percentages that add up to the total (largest remainder)."""
    exact = [share * total for share in shares]
    counts = [value // 100 for value in exact]
    for place in sorted(range(len(shares)), key=lambda item: -(exact[item] % 100))[: total - sum(counts)]:
        counts[place] += 1
    return counts


def stored_bands(bands: Sequence[Band]) -> list[dict[str, Any]]:
    """Bands as the plan keeps them."""
    return [
        {"starts_at": band.starts_at.isoformat(), "ends_at": band.ends_at.isoformat(), "count": band.count}
        for band in sorted(bands, key=lambda band: band.starts_at)
    ]


def bands_of(stored: Sequence[Mapping[str, Any]]) -> list[Band]:
    """Bands of a kept plan."""
    return [
        Band(datetime.fromisoformat(band["starts_at"]), datetime.fromisoformat(band["ends_at"]), int(band["count"]))
        for band in stored
    ]


def day_of(moment: datetime) -> date:
    """The hospital's calendar day of a moment."""
    return moment.astimezone(SHANGHAI).date()
