"""What other modules tell the index: pregnancies, birth certificates, blood groups, revoked death certificates.

Each handler leaves things as they are when they stand so already; the inbox keeps a redelivery out before that.
"""

from datetime import date
from typing import Any
from uuid import UUID

from events.diagnostics import BloodGroupConfirmed
from events.maternal_child import (
    CertificateIssued,
    DeliveryRecorded,
    EddChanged,
    PregnancyClosed,
    PregnancyRegistered,
)
from events.patients import PatientDeceased, PatientUpdated
from events.reporting import DeathCertificateRevoked
from functions.patients.index.models import Alert, Patient
from functions.patients.index.queries import care, people
from functions.patients.index.schemas.care import AlertKind
from functions.patients.index.schemas.values import IdentifierType
from functions.patients.index.service.correct import compare_again, renamed
from functions.patients.index.service.facts import checked_number
from functions.patients.index.service.identifiers import replace_document
from functions.patients.index.service.read import survivor
from functions.patients.index.service.safety import tell_alert
from functions.patients.index.service.verify import change_patient
from shared.ids import new_id
from shared.tx import Tx


def pregnancy_registered(tx: Tx, event: PregnancyRegistered) -> None:
    """Warn of the pregnancy with its expected date; the file outranks an alert entered by hand or left from before."""
    owner = survivor(tx, event.patient_id).patient_id
    _end_pregnancy(tx, owner, event.pregnancy_id, "pregnancy_registered", of_any_file=True)
    _warn(tx, owner, event.pregnancy_id, event.expected_date)


def edd_changed(tx: Tx, event: EddChanged) -> None:
    """Warn with the corrected date; a file that warns no more (closed, another registered since) changes nothing."""
    owner = survivor(tx, event.patient_id).patient_id
    if _end_pregnancy(tx, owner, event.pregnancy_id, "edd_changed"):
        _warn(tx, owner, event.pregnancy_id, event.expected_date)


def delivery_recorded(tx: Tx, event: DeliveryRecorded) -> None:
    """The child is born: the pregnancy alert ends. The second of twins finds it ended."""
    _end_pregnancy(tx, survivor(tx, event.patient_id).patient_id, event.pregnancy_id, "delivery_recorded")


def pregnancy_closed(tx: Tx, event: PregnancyClosed) -> None:
    """The file is closed: the alert ends if it still stands."""
    _end_pregnancy(tx, survivor(tx, event.patient_id).patient_id, event.pregnancy_id, "pregnancy_closed")


def _end_pregnancy(tx: Tx, owner: UUID, pregnancy_id: UUID, why: str, *, of_any_file: bool = False) -> list[Alert]:
    ended = tx.session.all(
        care.END_PREGNANCY,
        patient_id=owner,
        pregnancy_id=pregnancy_id,
        of_any_file="yes" if of_any_file else "no",
        at=tx.now,
        by=tx.actor.subject,
        why=why,
    )
    for row in ended:
        tell_alert(tx, row, owner, active=False)
    return ended


def _warn(tx: Tx, owner: UUID, pregnancy_id: UUID, expected: date) -> None:
    row = Alert(
        alert_id=new_id(),
        patient_id=owner,
        kind=AlertKind.PREGNANCY.value,
        expected_date=expected,
        source_id=pregnancy_id,
        recorded_campus_id=tx.campus,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
    )
    tx.session.add(row)
    tell_alert(tx, row, owner, active=True)


def certificate_issued(tx: Tx, event: CertificateIssued) -> None:
    """Bind the certificate's number to the child and give it the registered name (之子、之女 becomes a former name).

    A number bound before gives way to the newest. Raises IdentifierInUse when the number is another child's: the
    event then waits among those that could not be handled, for the steward to look at.
    """
    number = checked_number(IdentifierType.BIRTH_CERTIFICATE, event.certificate_no)
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=event.newborn_id)
    child = survivor(tx, event.newborn_id)
    held = identifiers.all()
    if (number.type.value, number.value) not in {(one.type, one.value) for one in held}:
        replace_document(tx, child, held, number)
    name = renamed(child, event.registered_name)
    if name["name"] == child.name:
        return
    row = change_patient(tx, child, name, "birth_certificate", evidence=str(event.certificate_id))
    _updated(tx, row, ["name"])
    compare_again(tx, row)


def blood_group_confirmed(tx: Tx, event: BloodGroupConfirmed) -> None:
    """Show the group as confirmed; the one stated or confirmed before stays in the history."""
    patient = survivor(tx, event.patient_id)
    group: dict[str, Any] = {"abo": event.abo, "rh": event.rh, "blood_group_status": "confirmed"}
    changed = sorted(field for field, value in group.items() if getattr(patient, field) != value)
    if changed:
        row = change_patient(tx, patient, group, "transfusion", evidence=str(event.report_id))
        _updated(tx, row, changed)


def death_certificate_revoked(tx: Tx, event: DeathCertificateRevoked) -> None:
    """Take back the death the certificate recorded, or only its number when the paper alone was wrong.

    A death recorded with another certificate stands.
    """
    patient = survivor(tx, event.patient_id)
    if patient.status != "deceased" or patient.death_certificate_no != event.certificate_no:
        return
    evidence = f"{event.certificate_id} {event.reason}"
    if not event.alive:
        row = change_patient(tx, patient, {"death_certificate_no": None}, "death", evidence=evidence)
        _updated(tx, row, ["death_certificate_no"])
        return
    changes = {"status": "active", "deceased_at": None, "death_certificate_no": None}
    change_patient(tx, patient, changes, "death", evidence=evidence)
    tx.audit("patient.death_reversed", "patient", patient.patient_id, patient_id=patient.patient_id)
    tx.emit(PatientDeceased(patient_id=patient.patient_id, died_at=None, reversed=True))


def _updated(tx: Tx, patient: Patient, fields: list[str]) -> None:
    tx.audit("patient.updated", "patient", patient.patient_id, patient_id=patient.patient_id, fields=fields)
    tx.emit(PatientUpdated(patient_id=patient.patient_id, fields=fields))
