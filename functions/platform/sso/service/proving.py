"""How somebody proved to be it where the realm was not asked (会话的验证方式): kept here, carried by the tokens."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from functions.platform.sso import directory
from functions.platform.sso import queries_trust as queries
from functions.platform.sso.models_trust import SessionProof
from functions.platform.sso.rules_trust import proof_text
from functions.platform.sso.service.realm import note
from functions.platform.sso.service.sessions import deny_session
from shared.identity.rights import MAX_PROOFS
from shared.steps import Steps
from shared.tx import Tx

GOOD_FOR = timedelta(hours=10)
"""As long as any session lives."""


class Proven(NamedTuple):
    """By which certificate somebody has signed on, with the password or without."""

    certificate_id: UUID
    password: bool


def prove(steps: Steps, door: directory.Directory, staff_id: UUID, account_id: str, session: str, by: Proven) -> None:
    """Put on record how a session was opened, and into the account, so that every token of the session says it.

    Run before the session's first token is issued. Raises RealmOutOfReach.
    """

    def book(tx: Tx) -> list[str]:
        tx.session.add(
            SessionProof(
                realm_session=session,
                staff_id=staff_id,
                certificate_id=by.certificate_id,
                methods="pwd+x509" if by.password else "x509",
                proved_at=tx.now,
                until=tx.now + GOOD_FOR,
            )
        )
        note(tx, "person", staff_id, "proof")  # told again: another writer may have read the account before this
        tx.session.flush()
        mine = tx.session.all(queries.PROOFS_OF, whose=staff_id, now=tx.now, limit=MAX_PROOFS)
        return [proof_text(row) for row in mine]

    door.keep_proofs(account_id, steps.step(book))


def end_proofs(tx: Tx, certificates: Sequence[UUID]) -> None:
    """The certificate was taken back: the sessions opened by it end."""
    if not certificates:
        return
    for row in tx.session.all(queries.END_PROOFS, certificates=list(certificates), now=tx.now):
        deny_session(tx, row.realm_session, str(row.staff_id), "certificate revoked")
        note(tx, "session", row.realm_session, "certificate revoked")
        tx.audit("session.ended", "account", row.staff_id, cause="certificate", realm_session=row.realm_session)
