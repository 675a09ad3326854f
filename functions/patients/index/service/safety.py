"""Safety facts: allergies (过敏史) and alerts, shown at every campus, never deleted."""

from uuid import UUID

from events.patients import AlertChanged, AllergyRecorded, AllergyRefuted, PatientUpdated
from functions.patients.index import problems
from functions.patients.index.models import Alert, Allergy
from functions.patients.index.queries import care, people
from functions.patients.index.rules import Sex
from functions.patients.index.schemas.care import (
    AlertKind,
    AlertView,
    AllergyView,
    EndFact,
    RecordAlert,
    RecordAllergy,
    StateBloodGroup,
    Statement,
)
from functions.patients.index.schemas.people import PatientView
from functions.patients.index.service.read import survivor
from functions.patients.index.service.verify import change_patient
from functions.patients.index.service.views import patient_view
from shared.ids import new_id
from shared.problems import NotFound
from shared.tx import Tx

_OF_WOMEN = frozenset({AlertKind.PREGNANCY, AlertKind.LACTATION})


def record_allergy(tx: Tx, patient_id: UUID, command: RecordAllergy) -> AllergyView:
    """Record an allergy, or the statement that none is known or nobody can tell.

    An allergy overrules an earlier statement; a statement against recorded allergies is refused (AllergyOnRecord).
    """
    facts = tx.session.send(care.ALLERGIES, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    standing = facts.all()
    if command.statement is not Statement.ALLERGY and any(fact.statement == "allergy" for fact in standing):
        raise problems.AllergyOnRecord("该患者已有过敏记录，不能声明无过敏史；如记录有误请先由临床医生否定。")
    overruled = [fact.allergy_id for fact in standing if fact.statement not in ("allergy", command.statement.value)]
    if overruled:
        tx.session.execute(
            care.END_ALLERGIES, ids=overruled, to="superseded", at=tx.now, by=tx.actor.subject, why="superseded"
        )
    row = Allergy(
        allergy_id=new_id(),
        patient_id=patient.patient_id,
        statement=command.statement.value,
        substance=command.substance,
        substance_code=command.substance_code,
        category=command.category.value if command.category else None,
        reaction=command.reaction,
        severity=command.severity.value if command.severity else None,
        certainty=command.certainty.value if command.certainty else None,
        source=command.source.value,
        onset=command.onset,
        recorded_campus_id=tx.campus,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("allergy.recorded", "allergy", row.allergy_id, patient_id=patient.patient_id, statement=row.statement)
    tx.emit(
        AllergyRecorded(
            patient_id=patient.patient_id,
            allergy_id=row.allergy_id,
            statement=row.statement,
            substance_code=row.substance_code,
            category=row.category,
            severity=row.severity,
        )
    )
    return AllergyView.model_validate(row)


def refute_allergy(tx: Tx, allergy_id: UUID, command: EndFact) -> AllergyView:
    """A clinician finds that an allergy does not hold (否定), with the reason. Raises FactEnded."""
    ended = tx.session.all(
        care.END_ALLERGIES, ids=[allergy_id], to="refuted", at=tx.now, by=tx.actor.subject, why=command.reason
    )
    if not ended:
        if tx.session.first(care.ALLERGY, allergy_id=allergy_id) is None:
            raise NotFound("没有这条过敏记录，请刷新后重新选择。")
        raise problems.FactEnded("该过敏记录已否定或被替代，请刷新后核对。")
    owner = survivor(tx, ended[0].patient_id).patient_id
    tx.audit("allergy.refuted", "allergy", allergy_id, patient_id=owner)
    tx.emit(AllergyRefuted(patient_id=owner, allergy_id=allergy_id))
    return AllergyView.model_validate(ended[0])


def record_alert(tx: Tx, patient_id: UUID, command: RecordAlert) -> AlertView:
    """Record a warning for everybody who treats the person. Raises AlertMismatch."""
    patient = survivor(tx, patient_id)
    if command.kind in _OF_WOMEN and patient.sex == Sex.MALE:
        raise problems.AlertMismatch("患者性别为男，不能登记妊娠或哺乳警示；性别有误的请先更正。")
    if command.valid_to is not None and command.valid_to <= tx.now:
        raise problems.AlertMismatch("警示的截止时间已过，请核对后重新录入。")
    row = Alert(
        alert_id=new_id(),
        patient_id=patient.patient_id,
        kind=command.kind.value,
        detail=command.detail,
        expected_date=command.expected_date,
        valid_to=command.valid_to,
        recorded_campus_id=tx.campus,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
    )
    tx.session.add(row)
    tell_alert(tx, row, patient.patient_id, active=True)
    return AlertView.model_validate(row)


def state_blood_group(tx: Tx, patient_id: UUID, command: StateBloodGroup) -> PatientView:
    """Record a blood group by hearsay (自述血型); a confirmed one stands. Raises BloodGroupConfirmed, Stale."""
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    disputed = tx.session.send(people.DISPUTED, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    tx.check_version(patient.version, command.version)
    if patient.blood_group_status == "confirmed":
        raise problems.BloodGroupConfirmed("血型已由检验科或输血科确认，不能用自述内容覆盖；有疑问请复查血型。")
    group = {"abo": command.abo, "rh": command.rh, "blood_group_status": "stated"}
    if any(getattr(patient, field) != value for field, value in group.items()):
        patient = change_patient(tx, patient, group, "statement")
        fields = sorted(group)
        tx.audit("patient.updated", "patient", patient.patient_id, patient_id=patient.patient_id, fields=fields)
        tx.emit(PatientUpdated(patient_id=patient.patient_id, fields=fields))
    return patient_view(patient, identifiers.all(), tx.now, disputed=disputed.one())


def end_alert(tx: Tx, alert_id: UUID, command: EndFact) -> AlertView:
    """End a warning, with the reason. Raises FactEnded."""
    row = tx.session.first(care.END_ALERT, id_=alert_id, at=tx.now, by=tx.actor.subject, why=command.reason)
    if row is None:
        raise problems.FactEnded("该警示不存在或已解除，请刷新后核对。")
    tell_alert(tx, row, survivor(tx, row.patient_id).patient_id, active=False)
    return AlertView.model_validate(row)


def tell_alert(tx: Tx, row: Alert, owner: UUID, *, active: bool) -> None:
    """Trace and tell that a warning began or ended."""
    tx.audit("alert.recorded" if active else "alert.ended", "alert", row.alert_id, patient_id=owner, kind=row.kind)
    tx.emit(AlertChanged(patient_id=owner, alert_id=row.alert_id, kind=row.kind, active=active))
