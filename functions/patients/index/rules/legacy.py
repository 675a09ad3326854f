"""Reading the cells of an old system: what they can only mean, or nothing."""

import re
from datetime import date

_DAY = re.compile(r"(?:(\d{4})(\d{2})(\d{2})|(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?)(?:[ T].*)?")
_SEX = {"1": "1", "男": "1", "M": "1", "2": "2", "女": "2", "F": "2", "0": "0", "9": "9"}


def read_day(cell: str) -> date | None:
    """A birth date as old systems write it: 1986-03-15, 19860315, 1986/3/15, 1986年3月15日, with or without a time."""
    found = _DAY.fullmatch(cell)
    if found is None:
        return None
    try:
        return date(*(int(part) for part in found.groups() if part))
    except ValueError:
        return None


def read_sex(cell: str) -> str | None:
    """GB/T 2261.1 code of a cell that says it as code, word or letter."""
    return _SEX.get(cell.upper())


def is_old_number(cell: str) -> bool:
    """A 15-digit number of GB 11643-1989: kept with the row as history, never as an identifier of today."""
    return re.fullmatch(r"\d{15}", cell) is not None
