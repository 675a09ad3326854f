"""Consents of adults to relatives, as they end (成年家属解除): the relation in the patient index ends, the adult is
told, the relative's tokens are refused at once."""

from collections.abc import Iterable
from uuid import UUID

from events.patients import ConsentChanged
from events.platform import MessageAsked
from functions.patients.index import service as patients
from functions.platform.sso import queries, queries_family
from functions.platform.sso.models import AccountLink
from functions.platform.sso.service.messaging import put_out
from functions.platform.sso.service.realm import note
from functions.platform.sso.service.sessions import refuse_before
from shared.problems import Problem
from shared.tx import Tx


def consents_ended(tx: Tx, rows: Iterable[AccountLink], reason: str) -> None:
    """Bindings by consent that have just been ended: everything that goes with them."""
    for row in rows:
        if row.proof != "consent":
            continue
        _end_relation(tx, row, reason)
        owner = next((one.patient_id for one in tx.session.all(queries_family.OWNERS, accounts=[row.account_id])), None)
        put_out(tx, "family_ended", row.patient_id, asker_id=owner)
        tx.audit("person.unbound", "patient_account", row.account_id, patient_id=row.patient_id, reason=reason)
        tx.emit(MessageAsked(code_id=row.link_id))
        note(tx, "patient", row.account_id, "consent ended")
        refuse_before(tx, str(row.account_id), "consent ended")


def consent_changed(tx: Tx, event: ConsentChanged) -> None:
    """Somebody takes the consent to sharing back: nobody acts for that person any more."""
    if event.given or event.kind != patients.ConsentKind.SHARING.value:
        return
    ids = patients.group_ids(tx, event.patient_id)
    rows = tx.session.all(queries_family.END_CONSENTS_ON, patients=list(ids), now=tx.now, why="撤回信息共享同意")
    consents_ended(tx, rows, "撤回信息共享同意")


def owner_gone(tx: Tx, account_id: UUID) -> None:
    """An account has no owner any more: consents were given to that person."""
    rows = tx.session.all(queries_family.END_CONSENTS_TO, account=account_id, now=tx.now, why="账号本人已解除")
    consents_ended(tx, rows, "账号本人已解除")


def end_due(tx: Tx) -> int:
    """End bindings whose time is over: children of age, consents after their months; returns how many."""
    rows = tx.session.all(queries.END_GROWN_UP, now=tx.now)
    for row in rows:
        if row.proof == "guardian":
            tx.audit("person.unbound", "patient_account", row.account_id, patient_id=row.patient_id)
            note(tx, "patient", row.account_id, "of age")
    consents_ended(tx, rows, "绑定到期")
    tx.session.execute(queries_family.LAPSE, now=tx.now, limit=500)
    return len(rows)


def _end_relation(tx: Tx, row: AccountLink, reason: str) -> None:
    if row.relation_id is None:
        return
    try:
        patients.end_relation(tx, row.relation_id, patients.EndFact(reason=reason))
    except Problem as refusal:
        if refusal.code != "fact_already_ended":  # ended at the window: what was wanted
            raise
