"""The calendar: holidays and swapped days (节假日、调休), closed clinics, hours of the day."""

from datetime import date, time, timedelta
from typing import Any, NamedTuple

from events.organisation import CalendarChanged
from functions.organisation.structure.models import CalendarDay, CampusSetting
from functions.organisation.structure.problems.wards import CalendarInvalid
from functions.organisation.structure.queries import structure
from functions.organisation.structure.queries import wards as queries
from functions.organisation.structure.rules import SETTINGS, not_before
from functions.organisation.structure.rules import calendar as rules
from functions.organisation.structure.schemas.wards import SetCalendar
from functions.organisation.structure.service.consortium import campus as campus_info
from functions.organisation.structure.service.log import record
from shared.ids import new_id
from shared.schemas import midnight
from shared.tx import Tx

LONGEST = 400
"""Days one question may span."""


class CalendarInfo(NamedTuple):
    """A day at a campus. `kind` and `name` only where it is not as its weekday says."""

    day: date
    clinics_open: bool
    workday: bool
    kind: str | None
    name: str | None
    hours: list[tuple[time, time]]


def calendar(tx: Tx, first: date, last: date, campus: str | None = None) -> list[CalendarInfo]:
    """Every day from first to last at a campus, by default the acting one. Raises CalendarInvalid."""
    if last < first or (last - first).days > LONGEST:
        raise CalendarInvalid(f"日历区间须从前到后，最长 {LONGEST} 天。")
    code = campus or tx.campus
    days = tx.session.send(queries.CALENDAR, campus=code, first=first, last=last)
    kept = tx.session.send(
        structure.SETTINGS_BETWEEN, campus=code, since=midnight(first), until=midnight(last + timedelta(days=1))
    )
    exceptional = rules.outranking(
        rules.Exceptional(row.day, row.campus_id == code, row.kind, row.clinics_open, row.name) for row in days.all()
    )
    rows = kept.all()
    found = []
    for place in range((last - first).days + 1):
        day = first + timedelta(days=place)
        settings = _settings_on(rows, day)
        word = exceptional.get(day)
        found.append(
            CalendarInfo(
                day,
                rules.clinics_open(day, word, settings),
                rules.is_workday(day, word),
                word.kind if word else None,
                word.name if word else None,
                rules.hours(day, settings),
            )
        )
    return found


def is_open_day(tx: Tx, campus: str | None = None, day: date | None = None) -> bool:
    """Whether the clinics of a campus see patients on a day, by default here and today."""
    return calendar(tx, day or tx.today, day or tx.today, campus)[0].clinics_open


def is_workday(tx: Tx, campus: str | None = None, day: date | None = None) -> bool:
    """Whether offices work on a day: weekdays with holidays and swaps (调休), by default here and today."""
    return calendar(tx, day or tx.today, day or tx.today, campus)[0].workday


def open_days(tx: Tx, first: date, last: date, campus: str | None = None) -> list[date]:
    """Days from first to last on which the clinics of a campus are open."""
    return [one.day for one in calendar(tx, first, last, campus) if one.clinics_open]


def working_hours(tx: Tx, day: date, campus: str | None = None) -> list[tuple[time, time]]:
    """Hours of a day by season (夏季、冬季作息), (from, to) of each part of the day; empty when clinics are closed."""
    found = calendar(tx, day, day, campus)[0]
    return found.hours if found.clinics_open else []


def set_calendar(tx: Tx, command: SetCalendar) -> list[CalendarInfo]:
    """Enter, replace or clear days from today on, for the acting campus or, by the head hospital, for all.

    Raises CalendarInvalid, PastChange, CalendarChanged (409) when somebody else entered the same days meanwhile.
    """
    changed = sorted([*(one.day for one in command.days), *command.cleared])
    if not changed:
        raise CalendarInvalid("请至少选择一天。")
    if len(set(changed)) != len(changed):
        raise CalendarInvalid("同一天只能填写一次。")
    not_before(changed[0], tx.today, "日历日期")
    if command.everywhere and not campus_info(tx).is_head:
        raise CalendarInvalid("全医共体日历由总院维护；本院区请另行登记。")
    tx.session.execute(
        queries.SUPERSEDE_DAYS, campus=tx.campus, everywhere_=command.everywhere, days=changed, now=tx.now
    )
    tx.session.add(
        *(
            CalendarDay(
                row_id=new_id(),
                campus_id=tx.campus,
                day=one.day,
                everywhere=command.everywhere,
                kind=one.kind,
                clinics_open=one.is_open,
                name=one.name,
                recorded_at=tx.now,
                recorded_by=tx.actor.subject,
                reason=command.reason,
            )
            for one in command.days
        )
    )
    after = {"days": [one.model_dump(mode="json") for one in command.days], "everywhere": command.everywhere}
    record(tx, "campus", tx.campus, "calendar_set", after=after, reason=command.reason)
    tx.emit(CalendarChanged(campus_code=tx.campus, everywhere=command.everywhere, days=changed))
    first, last = changed[0], changed[-1]
    shown = {one.day: one for one in calendar(tx, first, min(last, first + timedelta(days=LONGEST)))}
    return [shown[day] for day in changed if day in shown]


def _settings_on(rows: list[CampusSetting], day: date) -> dict[str, Any]:
    """Settings in force when a day begins; one that begins during the day of its change counts for it."""
    morning, evening = midnight(day), midnight(day + timedelta(days=1))
    settings = {key: known.default for key, known in SETTINGS.items()}
    for row in sorted(rows, key=lambda row: row.valid_from):
        if row.valid_from < evening and (row.valid_to is None or row.valid_to > morning):
            settings[row.key] = row.value
    return settings
