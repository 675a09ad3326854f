"""The hold on a locked session (锁屏): while it lies, no function takes a token of that session.

The realm hands a new token to whoever shows the refresh token and can't be told to wait, so what is held back is what
the token opens: an entry of the deny list names the session, not a moment, and covers the tokens at hand as well as
those renewed while the screen is locked. Every process reads the list within 15 seconds; `POST /my/session` refuses at
once. Lifting an entry takes as long to be seen, so work goes on in another session of the realm and the held one ends.
"""

import re
from datetime import timedelta
from uuid import UUID

from functions.platform.sso import queries_locks as queries
from functions.platform.sso.models_locks import ScreenLock
from shared.identity.denied import KEPT
from shared.ids import new_id
from shared.tables import DeniedSubject
from shared.tx import Tx

HELD_FOR = timedelta(hours=12)
"""Longer than any session lives (10 hours): a clock that stands still lets nobody back in."""
_GENERATION = re.compile(r"-g\d+$")


def station_of(client: str) -> str:
    """The workstation behind a client of the realm; its name lasts when the secret changes."""
    return _GENERATION.sub("", client)


def hold(tx: Tx, realm_session: str, staff_id: UUID) -> UUID:
    """Let no token of a session open anything from now on."""
    row = DeniedSubject(
        denial_id=new_id(),
        subject=str(staff_id),
        login_session=realm_session,
        issued_before=None,
        reason="screen locked",
        expires_at=tx.now + HELD_FOR,
    )
    tx.session.add(row)
    return row.denial_id


def ease(tx: Tx, lock: ScreenLock) -> None:
    """The session is over: the hold lasts until nobody can have a token of it any more."""
    tx.session.execute(queries.EASE_HOLD, id_=lock.hold_id, until=tx.now + KEPT)


def lift(tx: Tx, lock: ScreenLock) -> None:
    """The session goes on: its tokens open again what they did, in every process within 15 seconds."""
    tx.session.execute(queries.EASE_HOLD, id_=lock.hold_id, until=tx.now)


def over(tx: Tx, realm_session: str) -> None:
    """A session has ended: its locked screen waits for nobody any longer."""
    lock = tx.session.first(queries.END_LOCK, session_=realm_session, now=tx.now)
    if lock is not None:
        ease(tx, lock)


def leave_ended(tx: Tx) -> None:
    """Whoever's session was ended is no longer at a workstation of the acting campus."""
    tx.session.execute(queries.LEAVE_ENDED, campus=tx.campus, now=tx.now)
