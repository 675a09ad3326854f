"""Rules of signing on at a campus's bridge while the line is down (spec 42 no. 13, spec 06 no. 4). No I/O, no clock.

What a bridge is given proves a card and its PIN together and gives neither away. With K = card number in capitals and
P = PIN:

    card   = SHA-256("his.badge" 00 K)
    pin    = scrypt(P, pin_salt, n=16384, r=8, p=1, 32 bytes)
    fits   = Argon2id verifies `verifier` (PHC notation) against card || pin

`card_hint` is the first two bytes of `card`: it picks the one or two people whose verifier is worth trying. A thief of
the bridge has to guess card and PIN at once, through both functions.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from functions.platform.sso.rules import card_hash, pin_hash

VALID = timedelta(hours=72)
"""How long a bridge that hears nothing more may go on (spec 06: longest offline)."""
WORKED_WITHIN = timedelta(days=7)
"""Who has not worked at a campus for a week is no user of its bridge."""
SKEW = timedelta(minutes=2)
"""A bridge's clock may be ahead by this; beyond it the offset is corrected first."""
HINT = 2
TIME_COST, MEMORY_KIB, LANES = 2, 19 * 1024, 1
"""Argon2id as OWASP advises for servers: some 30 ms a try on the bridge."""


def source_of(card: bytes, pin: bytes) -> bytes:
    """Tells whether a verifier was made of this card and PIN as they are kept."""
    return hashlib.sha256(b"his.offline\0" + card + pin).digest()


def verifier_of(card: bytes, pin: bytes) -> str:
    """A verifier with a fresh salt of a card and a PIN as they are kept; slow on purpose."""
    from argon2 import PasswordHasher

    return PasswordHasher(TIME_COST, MEMORY_KIB, LANES).hash(card + pin)


def hint_of(card: bytes) -> str:
    """What picks the people worth trying, and says next to nothing about the card."""
    return card[:HINT].hex()


def verifies(verifier: str, pin_salt: bytes, card_no: str, pin: str) -> bool:
    """What the bridge does with a card and a PIN."""
    from argon2 import PasswordHasher
    from argon2.exceptions import VerifyMismatchError

    try:
        return PasswordHasher().verify(verifier, card_hash(card_no) + pin_hash(pin, pin_salt))
    except VerifyMismatchError:
        return False


class Issue(NamedTuple):
    """Whom a bridge had when."""

    issue_id: UUID
    bridge: str
    issued_at: datetime
    valid_to: datetime
    staff_ids: frozenset[UUID]


def allowed_by(issues: Iterable[Issue], staff_id: UUID, at: datetime) -> UUID | None:
    """The issue by which a person could sign on at a moment: the last one some bridge of the campus had got by then.

    An older one counts no longer once the bridge has been given another without that person.
    """
    last: dict[str, Issue] = {}
    for one in issues:
        if one.issued_at <= at and (one.bridge not in last or one.issued_at > last[one.bridge].issued_at):
            last[one.bridge] = one
    fitting = [one for one in last.values() if at < one.valid_to and staff_id in one.staff_ids]
    return max(fitting, key=lambda one: one.issued_at).issue_id if fitting else None


def differing(known: Mapping[str, object], told: Mapping[str, object]) -> list[str]:
    """Fields in which a repeated entry is not what was told first."""
    return sorted(name for name in told if known[name] != told[name])
