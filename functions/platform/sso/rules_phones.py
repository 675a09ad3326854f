"""Rules of codes by text message: made from a key, never stored. No I/O, no clock."""

import hashlib
import hmac
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

GOOD_FOR = timedelta(minutes=5)
TRIES = 5
EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""Since when the codes of a phone are counted."""
APART = timedelta(minutes=1)
AN_HOUR = timedelta(hours=1)
AT_MOST = 5
"""Codes for one phone within any hour."""
FAILURES = 30
"""Wrong codes from one address within a minute (spec 42)."""
ASKED_FROM = 2_000
"""Codes asked for from one address within a minute: behind one address may stand a whole operator's network, and at
the release of numbers 1,500 patients sign on within a minute."""
ALARM_AFTER = 3
"""Failures of a way in a row before somebody is called."""
SEND_TRIES = 3
SEND_AGAIN = timedelta(seconds=20)


def phone_hash(phone: str, key: str) -> bytes:
    """What a phone is recognised by again: without the key the eleven digits can't be tried out."""
    return _made(key, b"phone", phone.encode())


def code_of(code_id: UUID, key: str) -> str:
    """The six digits of a code."""
    return f"{int.from_bytes(_made(key, b'code', code_id.bytes)[:8], 'big') % 1_000_000:06d}"


def fits(given: str, code_id: UUID, key: str) -> bool:
    """Whether these are the digits; takes equally long for wrong ones."""
    return hmac.compare_digest(given.encode(), code_of(code_id, key).encode())


def minute_of(now: datetime) -> datetime:
    """The minute something is counted in."""
    return now.replace(second=0, microsecond=0)


def masked(name: str) -> str:
    """A name as a stranger's phone may show it: the first character and the last of a longer one."""
    return name[:1] + "*" * max(1, len(name) - 2) + (name[-1] if len(name) > 2 else "")


def born_by(number: str) -> date | None:
    """The birth date an ID number of 18 digits states (GB 11643-1999, digits 7-14); None for other documents."""
    if len(number) != 18 or not number[6:14].isdigit():
        return None
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def months_later(moment: datetime, months: int) -> datetime:
    """The same day so many months later, the last of a shorter month."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _made(key: str, use: bytes, value: bytes) -> bytes:
    return hmac.new(key.encode(), use + b"\0" + value, hashlib.sha256).digest()
