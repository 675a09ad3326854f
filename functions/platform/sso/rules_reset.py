"""Rules of setting a new password by oneself. No I/O, no clock."""

import hashlib
from datetime import datetime

from functions.platform.sso.problems_offline import WeakPassword
from functions.platform.sso.rules_passwords import CLASSES, LEAST, classes, refuse_known

NAME_TRIES, PLACE_TRIES = 5, 30
"""Tries within an hour, of one name and at one workstation; whoever succeeds needs one."""
_NEEDED = "新密码至少 10 位，大写字母、小写字母、数字、符号至少三类，不含工号。"


def check_password(password: str, staff_no: str) -> None:
    """What can be said without knowing whose it is, so that it is said for every name alike. Raises WeakPassword,
    KnownPassword."""
    if len(password) < LEAST or classes(password) < CLASSES or staff_no.lower() in password.lower():
        raise WeakPassword(_NEEDED)
    refuse_known(password)


def counted_name(staff_no: str) -> str:
    """A name as it is counted: a guess at a name need not be kept."""
    return f"name:{hashlib.sha256(staff_no.strip().lower().encode()).hexdigest()}"


def hour_of(now: datetime) -> datetime:
    """The hour tries are counted in."""
    return now.replace(minute=0, second=0, microsecond=0)
