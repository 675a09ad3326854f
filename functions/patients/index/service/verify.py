"""Changing a person's row: one guarded write, the history with it; the identity level; death."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from events.patients import IdentityVerified, PatientDeceased
from functions.patients.index import problems
from functions.patients.index.models import IdentityChange, Patient
from functions.patients.index.queries import people
from functions.patients.index.queries.people import DEMOGRAPHIC
from functions.patients.index.schemas.people import PatientView, RecordDeath, ReverseDeath, VerifyIdentity
from functions.patients.index.schemas.values import Evidence, IdentityLevel
from functions.patients.index.service.read import survivor
from functions.patients.index.service.views import patient_view
from shared.ids import new_id
from shared.problems import Stale
from shared.schemas import SHANGHAI
from shared.tx import Tx

DERIVED = frozenset({"name_pinyin", "name_initials", "name_keys", "former_names"})
"""Follow the name and stand in no history of their own."""


def change_patient(
    tx: Tx,
    patient: Patient,
    changes: dict[str, Any],
    cause: str,
    *,
    evidence: str | None = None,
    evidence_file_id: UUID | None = None,
    changed_by: str | None = None,
    confirmed_by: str | None = None,
) -> Patient:
    """Write changed fields over the version read, with one row of history per field. Raises Stale.

    `changed_by` when somebody else than the actor entered the change, whom the actor confirms.
    """
    values = {f"new_{name}": changes.get(name, getattr(patient, name)) for name in DEMOGRAPHIC}
    row = tx.session.first(people.UPDATE_PATIENT, id_=patient.patient_id, seen=patient.version, **values)
    if row is None:
        raise Stale("该患者档案已被他人修改，请刷新后再操作。", current_version=patient.version + 1)
    for field in sorted(changes.keys() - DERIVED):
        old = getattr(patient, field)
        if old != changes[field]:
            tx.session.add(
                IdentityChange(
                    change_id=new_id(),
                    patient_id=patient.patient_id,
                    field=field,
                    old_value=plain(old),
                    new_value=plain(changes[field]),
                    cause=cause,
                    evidence=evidence,
                    evidence_file_id=evidence_file_id,
                    acting_campus_id=tx.campus,
                    changed_at=tx.now,
                    changed_by=changed_by or tx.actor.subject,
                    confirmed_by=confirmed_by,
                    patient_version=row.version,
                )
            )
    return row


def plain(value: Any) -> Any:
    """A value as JSON holds it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def raise_level(
    tx: Tx, patient: Patient, level: IdentityLevel, evidence: str, evidence_file_id: UUID | None = None
) -> Patient:
    """Raise the identity level of the row read. Raises Stale."""
    row = change_patient(
        tx,
        patient,
        {"identity_level": level.value},
        "verification",
        evidence=evidence,
        evidence_file_id=evidence_file_id,
    )
    tx.audit("patient.verified", "patient", patient.patient_id, patient_id=patient.patient_id, level=level.value)
    tx.emit(IdentityVerified(patient_id=patient.patient_id, level=level.value))
    return row


def verify_identity(tx: Tx, patient_id: UUID, command: VerifyIdentity) -> PatientView:
    """Raise the identity level on evidence (核实身份). Raises IdentityLevelNotHigher, EvidenceRequired."""
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    disputed = tx.session.send(people.DISPUTED, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    if command.level.rank <= IdentityLevel(patient.identity_level).rank:
        raise problems.IdentityLevelNotHigher("身份核实等级只能提高；需要降低的请提交身份争议。")
    if command.evidence is Evidence.STATEMENT:
        raise problems.EvidenceRequired("核实身份须读卡或上传证件扫描件。")
    if command.level is IdentityLevel.CHIP_READ and command.evidence is not Evidence.CARD_READ:
        raise problems.EvidenceRequired("“读卡”等级须由读卡器读取证件；只有扫描件的请选“看过证件”。")
    if command.level is IdentityLevel.POLICE_VERIFIED and command.evidence_file_id is None:
        raise problems.EvidenceRequired("“公安核验”等级由联网核验给出；手工登记须上传公安机关的核验证明。")
    row = raise_level(tx, patient, command.level, command.evidence.value, command.evidence_file_id)
    return patient_view(row, identifiers.all(), tx.now, disputed=disputed.one())


def record_death(tx: Tx, patient_id: UUID, command: RecordDeath) -> PatientView:
    """Record a death with its certificate; booking and messages stop. Raises AlreadyDeceased."""
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    if patient.status == "deceased":
        raise problems.AlreadyDeceased("该患者已登记死亡，请核对证明编号。")
    if not patient.birth_date <= command.died_at.astimezone(SHANGHAI).date() or command.died_at > tx.now:
        raise problems.DeathMoment("死亡时间须在出生之后、此刻之前，请对照死亡医学证明重新录入。")
    changes = {"status": "deceased", "deceased_at": command.died_at, "death_certificate_no": command.certificate_no}
    row = change_patient(tx, patient, changes, "death")
    tx.audit("patient.deceased", "patient", patient.patient_id, patient_id=patient.patient_id)
    tx.emit(PatientDeceased(patient_id=patient.patient_id, died_at=command.died_at, reversed=False))
    return patient_view(row, identifiers.all(), tx.now, disputed=False)


def reverse_death(tx: Tx, patient_id: UUID, command: ReverseDeath) -> PatientView:
    """Take a recorded death back on evidence. Raises NotDeceased."""
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    if patient.status != "deceased":
        raise problems.NotDeceased("该患者没有死亡登记，无需撤销。")
    changes = {"status": "active", "deceased_at": None, "death_certificate_no": None}
    row = change_patient(
        tx, patient, changes, "death", evidence=command.reason, evidence_file_id=command.evidence_file_id
    )
    tx.audit("patient.death_reversed", "patient", patient.patient_id, patient_id=patient.patient_id)
    tx.emit(PatientDeceased(patient_id=patient.patient_id, died_at=None, reversed=True))
    return patient_view(row, identifiers.all(), tx.now, disputed=False)
