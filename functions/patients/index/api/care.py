"""Routes: the banner, safety facts, family and consents."""

from uuid import UUID

from functions.patients.index import service
from functions.patients.index.api.routing import Reason, router
from functions.patients.index.schemas.care import (
    AlertView,
    AllergyView,
    Banner,
    ConsentView,
    EndFact,
    GiveConsent,
    RecordAlert,
    RecordAllergy,
    RelateInput,
    StateBloodGroup,
)
from functions.patients.index.schemas.people import PatientView, RelationView
from shared.command import command, query
from shared.tx import Tx


@router.get("/patients/{patient_id}/banner")
@query("patients.index.read")
def read_banner(tx: Tx, patient_id: UUID, reason: Reason = None) -> Banner:
    """The patient header of every clinical screen."""
    return service.banner(tx, patient_id, reason)


@router.post("/patients/{patient_id}/allergies", status_code=201)
@command("patients.index.record_safety")
def record_allergy(tx: Tx, patient_id: UUID, body: RecordAllergy) -> AllergyView:
    """Record an allergy, or the statement that there is none (过敏史)."""
    return service.record_allergy(tx, patient_id, body)


@router.post("/allergies/{allergy_id}/refute")
@command("patients.index.refute_safety")
def refute_allergy(tx: Tx, allergy_id: UUID, body: EndFact) -> AllergyView:
    """An allergy does not hold (否定); it stays in the history."""
    return service.refute_allergy(tx, allergy_id, body)


@router.post("/patients/{patient_id}/alerts", status_code=201)
@command("patients.index.record_safety")
def record_alert(tx: Tx, patient_id: UUID, body: RecordAlert) -> AlertView:
    """Warn everybody who treats the person (警示)."""
    return service.record_alert(tx, patient_id, body)


@router.post("/patients/{patient_id}/blood-group")
@command("patients.index.record_safety")
def state_blood_group(tx: Tx, patient_id: UUID, body: StateBloodGroup) -> PatientView:
    """Record a blood group by hearsay (自述血型); only laboratory and transfusion confirm one."""
    return service.state_blood_group(tx, patient_id, body)


@router.post("/alerts/{alert_id}/end")
@command("patients.index.record_safety")
def end_alert(tx: Tx, alert_id: UUID, body: EndFact) -> AlertView:
    """End a warning (解除警示)."""
    return service.end_alert(tx, alert_id, body)


@router.post("/patients/{patient_id}/relations", status_code=201)
@command("patients.index.write")
def relate(tx: Tx, patient_id: UUID, body: RelateInput) -> RelationView:
    """Record a family member, guardian or contact (亲属与联系人)."""
    return service.relate(tx, patient_id, body)


@router.get("/patients/{patient_id}/relations")
@query("patients.index.write")
def list_relations(tx: Tx, patient_id: UUID, reason: Reason = None) -> list[RelationView]:
    """Everybody related to a person."""
    return service.relations(tx, patient_id, reason)


@router.post("/relations/{relation_id}/end")
@command("patients.index.write")
def end_relation(tx: Tx, relation_id: UUID, body: EndFact) -> RelationView:
    """A relation no longer counts."""
    return service.end_relation(tx, relation_id, body)


@router.post("/patients/{patient_id}/consents", status_code=201)
@command("patients.index.write")
def give_consent(tx: Tx, patient_id: UUID, body: GiveConsent) -> ConsentView:
    """Record a consent to a version of its text (知情同意)."""
    return service.give_consent(tx, patient_id, body)


@router.get("/patients/{patient_id}/consents")
@query("patients.index.read")
def list_consents(tx: Tx, patient_id: UUID) -> list[ConsentView]:
    """Consents and withdrawals, newest first."""
    return service.consents(tx, patient_id)


@router.post("/consents/{consent_id}/withdraw")
@command("patients.index.write")
def withdraw_consent(tx: Tx, consent_id: UUID) -> ConsentView:
    """Withdraw a consent from now on (撤回同意)."""
    return service.withdraw_consent(tx, consent_id)
