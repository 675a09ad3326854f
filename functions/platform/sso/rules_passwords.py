"""Rules of passwords by posts: how long, of what, for how long (spec 42; GB/T 22239-2019, 8.1.4.1 a). No I/O, no clock.

The realm knows one rule for everybody: 10 characters, three classes, not the last five, none that is known to
everybody. Whoever holds a privileged post needs 14 and another every 90 days, everybody another every 180 days, and no
password holds its owner's name: that only this module can see to.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from functions.platform.sso.problems_offline import WeakPassword
from functions.platform.sso.problems_passwords import KnownPassword
from shared.identity.known_passwords import is_known

LEAST, LEAST_PRIVILEGED, CLASSES = 10, 14, 3
AGE, AGE_PRIVILEGED = timedelta(days=180), timedelta(days=90)
TOLD_BEFORE = timedelta(days=7)
CLOCKS_DIFFER = timedelta(seconds=30)
"""Between the realm and us at most (spec 42). In doubt the realm's page was last, and another has to be set."""
GIVEN = 0
"""Set by somebody else: for one sign-on."""
_LONG_ENOUGH_TO_MEAN = 3
"""Letters and digits of a word that is looked for in a password; in Chinese characters two."""


def check_password(password: str, least: int, words: Iterable[str]) -> None:
    """Refuse a password that is short, of too few classes, holds a word of its owner's or is known to everybody. Raises
    WeakPassword, KnownPassword."""
    if len(password) < least or classes(password) < CLASSES:
        raise WeakPassword(f"新密码至少 {least} 位，大写字母、小写字母、数字、符号至少三类。")
    plain = _plain(password)
    for word in words:
        wanted = _plain(word)
        if len(wanted) >= (_LONG_ENOUGH_TO_MEAN if wanted.isascii() else 2) and wanted in plain:
            raise WeakPassword("新密码不能含有工号、姓名、电话、医院名称（包括拼音），请换一个。")
    refuse_known(password)


def classes(password: str) -> int:
    """How many of lower case, upper case, digits and signs a password has."""
    kinds = (str.islower, str.isupper, str.isdigit, lambda one: not one.isalnum())
    return sum(any(map(kind, password)) for kind in kinds)


def refuse_known(password: str) -> None:
    """Refuse a password that is known to everybody. Raises KnownPassword."""
    if is_known(password):
        raise KnownPassword("它在泄露密码库或常用词中（前后加数字、符号，换大小写也算），容易被猜中，请换一个。")


def due(privileged: bool, set_at: datetime | None, least: int | None, now: datetime) -> str:
    """What is wrong with a password for whoever has it now, as the account says it; both None: nothing is known
    of it.

    initial: somebody else has set it. short: not known to be long enough for a privileged post. expired: too old for
    one. aged: too old for anybody, with the Unix second since when; who signed on before goes on working.
    """
    if least == GIVEN:
        return "initial"
    if set_at is not None and now >= set_at + AGE:
        return f"aged:{int((set_at + AGE).timestamp())}"
    if not privileged:
        return ""
    if least is None or set_at is None or least < LEAST_PRIVILEGED:
        return "short"
    return "expired" if now >= set_at + AGE_PRIVILEGED else ""


def due_at(privileged: bool, set_at: datetime | None, now: datetime) -> datetime | None:
    """When another password has to be set, from a week before on; None while it is far off or unknown."""
    if set_at is None:
        return None
    at = set_at + (AGE_PRIVILEGED if privileged else AGE)
    return at if now >= at - TOLD_BEFORE else None


def _plain(text: str) -> str:
    return "".join(one for one in text.lower() if one.isalnum())
