"""Ages as the hospital prints and compares them.

Months and years end on the day with the same number, or on the last day of a month that lacks it (民法典 art. 202);
this is also how PostgreSQL adds an interval to a date, so database and program agree on every birthday.
"""

from calendar import monthrange
from datetime import date, datetime, timedelta
from enum import StrEnum

from shared.schemas import SHANGHAI

GUARDIAN_NEEDED_BELOW = 14
"""A person under 14 is registered with a guardian (个人信息保护法 art. 31)."""

ADULT_AT = 18
"""Guardian authority ends on the 18th birthday (民法典 art. 17)."""


class BirthPrecision(StrEnum):
    """How exactly the moment of birth is known."""

    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


def add_months(day: date, months: int) -> date:
    """The corresponding day `months` later, or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def add_years(day: date, years: int) -> date:
    """The birthday `years` later; 29 February falls on 28 February in common years."""
    return add_months(day, 12 * years)


def completed_months(birth: date, on: date) -> int:
    """Whole months of life on a day. Raises ValueError before birth."""
    if on < birth:
        raise ValueError("an age before birth was asked for")
    months = (on.year - birth.year) * 12 + on.month - birth.month
    return months if add_months(birth, months) <= on else months - 1


def completed_years(birth: date, on: date) -> int:
    """Age in whole years (周岁) on a day. Raises ValueError before birth."""
    return completed_months(birth, on) // 12


def age_text(birth: datetime, at: datetime, precision: BirthPrecision = BirthPrecision.MINUTE) -> str:
    """Age at the moment of care as it stands on every print and screen.

    Below 24 hours `N小时`, below 28 days `N天`, below 1 year `N月N天`, below 6 years `N岁N月`, else `N岁`. Days count
    full 24 hours from the minute of birth; when only the day is known they count calendar days in China, starting
    with `0天`; when only the month or year is known, finer parts are left out. Both moments carry a zone.
    Raises ValueError before birth.
    """
    lived = at - birth
    born, on = birth.astimezone(SHANGHAI).date(), at.astimezone(SHANGHAI).date()
    if precision is BirthPrecision.YEAR:
        return f"{_not_before_birth(on.year - born.year)}岁"
    if precision is BirthPrecision.MONTH:
        months = _not_before_birth((on.year - born.year) * 12 + on.month - born.month)
        return _years_text(months) if months >= 12 else f"{months}月"
    if precision is BirthPrecision.MINUTE:
        _not_before_birth(lived // timedelta(hours=1))
        if lived < timedelta(hours=24):
            return f"{lived // timedelta(hours=1)}小时"
        days = lived.days
    else:
        days = _not_before_birth((on - born).days)
    if days < 28:
        return f"{days}天"
    months = completed_months(born, on)
    if months < 12:
        return f"{months}月{(on - add_months(born, months)).days}天"
    return _years_text(months)


def needs_guardian(birth_date: date, on: date) -> bool:
    """Whether a guardian must be recorded at registration: under 14 on that day."""
    return completed_years(birth_date, on) < GUARDIAN_NEEDED_BELOW


def guardian_authority_ends(birth_date: date) -> date:
    """First day on which a guardian may no longer act for the person: the 18th birthday."""
    return add_years(birth_date, ADULT_AT)


def guardian_has_authority(birth_date: date, on: date) -> bool:
    """Whether a guardian may act for the person on that day."""
    return on < guardian_authority_ends(birth_date)


def _years_text(months: int) -> str:
    years, rest = divmod(months, 12)
    return f"{years}岁{rest}月" if years < 6 else f"{years}岁"


def _not_before_birth(count: int) -> int:
    if count < 0:
        raise ValueError("an age before birth was asked for")
    return count
