"""Old programs hear that a sign-on has ended (CAS 单点退出): a logout request to the address of each of its tickets."""

import logging
from collections.abc import Collection
from secrets import token_hex
from uuid import UUID

from functions.platform.sso import client, queries_cas
from functions.platform.sso import rules_cas as rules
from shared.steps import Steps
from shared.tx import Tx

log = logging.getLogger("his.identity")
AT_ONCE = 50
SECONDS = 3
"""A program that does not answer holds nobody up (CAS 3.0, 2.3.3.1); it is told twice more."""


def cas_over(tx: Tx, realm_sessions: Collection[str]) -> int:
    """Sessions of the realm have ended: so have those of old programs. Returns how many are to be told."""
    ended = tx.session.all(queries_cas.END_OF_REALM, sessions=list(realm_sessions), now=tx.now)
    return _due(tx, [row.session_id for row in ended]) if ended else 0


def tell_programs(steps: Steps) -> int:
    """Tell the programs that are due; whom it did not reach hears in a minute, three times in all. Returns how many
    heard."""
    due = steps.step(
        lambda tx: tx.session.all(queries_cas.TAKE_TELLINGS, now=tx.now, again=tx.now + rules.RETRY, limit=AT_ONCE)
    )
    heard: list[UUID] = []
    missed: list[UUID] = []
    for one in due:
        xml = rules.logout_request(one.ticket, token_hex(16), steps.clock())
        try:
            answer = client.post_form(one.address or one.service, {"logoutRequest": xml}, seconds=SECONDS)
            (heard if answer.status < 400 else missed).append(one.ticket_id)
        except client.NoAnswer:
            missed.append(one.ticket_id)
    if due:
        steps.step(lambda tx: _settle(tx, heard, missed))
    return len(heard)


def keep_tickets(tx: Tx) -> None:
    """What ends by itself: tickets nobody came with, sessions older than any of the realm."""
    tx.session.execute(queries_cas.LAPSE, now=tx.now, limit=500)
    old = tx.session.all(queries_cas.END_OLD, now=tx.now, before=tx.now - rules.LONGEST, limit=500)
    if old:
        _due(tx, [row.session_id for row in old])


def _due(tx: Tx, sessions: list[UUID]) -> int:
    found = tx.session.all(queries_cas.SIGN_OUT, sessions=sessions, now=tx.now)
    tx.audit("cas.signed_out", "cas_session", str(sessions[0]), sessions=len(sessions), tickets=len(found))
    return len(found)


def _settle(tx: Tx, heard: list[UUID], missed: list[UUID]) -> None:
    tx.session.execute(queries_cas.TOLD, ids=heard)
    tx.session.execute(queries_cas.GIVEN_UP, ids=missed, most=rules.TRIES)
    if missed:
        log.warning("programs did not hear of a sign-out", extra={"fields": {"tickets": len(missed)}})
