"""Rules of sign-on: hashes, PINs, terms, patterns of attack. No I/O, no clock."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from functions.platform.sso.problems import WeakPin
from shared.schemas import midnight

DEVICE_TERM = timedelta(days=365)
"""A device's secret is good for 12 months (spec 42)."""
SECRET_OVERLAP = timedelta(hours=24)
"""Old and new secret both sign on while the device is given the new one."""
BADGE_LOCK = timedelta(minutes=15)
EMERGENCY_POSTS = ("security_admin",)
"""What the sealed account may do once it is open: put others right, nothing clinical, no money."""
MAJORITY = 18
SPRAYING = 30
"""Failures of one address within SPRAYING_WITHIN that are no typing errors."""
SPRAYING_WITHIN = timedelta(minutes=5)
LOCKED_KINDS = frozenset({"USER_DISABLED_BY_TEMPORARY_LOCKOUT", "USER_DISABLED_BY_TEMPORARY_LOCKOUT_ERROR"})


def openid_hash(appid: str, openid: str) -> bytes:
    """What recognises a WeChat user again; the openid itself, long and random, can't be had back from it."""
    return hashlib.sha256(f"{appid}\0{openid}".encode()).digest()


def card_hash(card_no: str) -> bytes:
    """What recognises a staff card again."""
    return hashlib.sha256(b"his.badge\0" + card_no.strip().upper().encode()).digest()


def pin_hash(pin: str, salt: bytes) -> bytes:
    """A PIN, made slow to guess (scrypt, 16 MB)."""
    return hashlib.scrypt(pin.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)


def pin_fits(pin: str, salt: bytes, expected: bytes) -> bool:
    """Whether a PIN is the right one; takes equally long for a wrong one."""
    return hmac.compare_digest(pin_hash(pin, salt), expected)


def check_pin(pin: str, staff_no: str) -> None:
    """Refuse PINs everybody tries first. Raises WeakPin."""
    steps = {ord(after) - ord(before) for before, after in pairwise(pin)}
    digits = "".join(character for character in staff_no if character.isdigit())
    if len(set(pin)) < 3 or steps in ({1}, {-1}) or (len(digits) >= 4 and digits in pin):
        raise WeakPin("口令不能是重复、连续的数字，也不能含工号，请换一个。")


def until_of_age(birth_date: date) -> datetime:
    """The 18th birthday: a guardian's binding ends then (民法典 art. 17)."""
    year = birth_date.year + MAJORITY
    try:
        day = birth_date.replace(year=year)
    except ValueError:  # born on 29 February
        day = date(year, 3, 1)
    return midnight(day)


class Failure(NamedTuple):
    """A refused sign-on."""

    at: datetime
    address: str


def spraying(failures: Iterable[Failure], now: datetime) -> dict[str, int]:
    """Addresses with too many failures of late, with how many."""
    recent = Counter(one.address for one in failures if now - one.at <= SPRAYING_WITHIN)
    return {address: count for address, count in sorted(recent.items()) if count >= SPRAYING}
