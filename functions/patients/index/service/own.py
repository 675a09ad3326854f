"""What patients do themselves, for the persons bound to their account (本人及家人). Others are nobody to them."""

from datetime import datetime
from uuid import UUID

from functions.patients.index import rules
from functions.patients.index.queries import care, people
from functions.patients.index.queries.care import LogEntry
from functions.patients.index.schemas.care import ConsentView, GiveConsent, GiveOwnConsent
from functions.patients.index.schemas.people import PatientView
from functions.patients.index.service.access import access_log
from functions.patients.index.service.read import survivor
from functions.patients.index.service.relating import consents, give_consent, withdraw_consent
from functions.patients.index.service.views import patient_view
from shared.problems import NotFound
from shared.tx import Tx

NOT_MINE = "没有这位患者，请核对账号绑定。"


def own_view(tx: Tx, patient_id: UUID) -> PatientView:
    """The person's data as the mini-program shows them, numbers masked. Raises NotFound for a person not bound."""
    _mine(tx, patient_id)
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    disputed = tx.session.send(people.DISPUTED, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    tx.audit("patient.own_read", "patient", patient.patient_id, patient_id=patient.patient_id)
    return patient_view(patient, identifiers.all(), tx.now, disputed=disputed.one())


def own_access_log(tx: Tx, patient_id: UUID, before: datetime, before_id: UUID, limit: int) -> list[LogEntry]:
    """Who read or changed the record; that it was asked stands in it from now on. Raises NotFound."""
    _mine(tx, patient_id)
    found = access_log(tx, patient_id, before, before_id, limit)
    tx.audit("access_log.read", "patient", patient_id, patient_id=patient_id)
    return found


def own_consents(tx: Tx, patient_id: UUID) -> list[ConsentView]:
    """Consents and withdrawals, newest first. Raises NotFound."""
    _mine(tx, patient_id)
    return consents(tx, patient_id)


def give_own_consent(tx: Tx, patient_id: UUID, command: GiveOwnConsent) -> ConsentView:
    """Agree for oneself, or as the guardian for a child under 14 (个人信息保护法 art. 31). Raises ConsentInForce."""
    _mine(tx, patient_id)
    child = rules.needs_guardian(survivor(tx, patient_id).birth_date, tx.today)
    given_by = "guardian" if child else "patient"
    return give_consent(
        tx, patient_id, GiveConsent(kind=command.kind, text_version=command.text_version, given_by=given_by)
    )


def withdraw_own_consent(tx: Tx, patient_id: UUID, consent_id: UUID) -> ConsentView:
    """Take a consent of the person back. Raises NotFound for somebody else's, Conflict when it was before."""
    ids = _mine(tx, patient_id)
    consent = tx.session.first(care.CONSENT, consent_id=consent_id)
    if consent is None or consent.patient_id not in ids:
        raise NotFound("没有这项同意，请刷新后重新选择。")
    return withdraw_consent(tx, consent_id)


def _mine(tx: Tx, patient_id: UUID) -> frozenset[UUID]:
    """All records of a person the account is bound to, by whichever of them."""
    ids = frozenset(tx.session.all(people.GROUP, patient_id=patient_id))
    if tx.actor.patient_ids.isdisjoint(ids):
        raise NotFound(NOT_MINE)
    return ids
