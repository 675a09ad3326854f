"""Completing and correcting a person's data (更正), by two people where a record depends on it (双人核对)."""

from typing import Any
from uuid import UUID

from events.patients import PatientUpdated
from functions.patients.index import problems, rules
from functions.patients.index.models import Correction, Identifier, Patient
from functions.patients.index.queries import care, people, search, stewardship
from functions.patients.index.schemas.people import (
    CorrectedFields,
    CorrectionView,
    CorrectPatient,
    DecideCorrection,
    DocumentCorrection,
    PendingCorrection,
)
from functions.patients.index.schemas.values import DOCUMENT_CODES, Evidence, IdentifierType
from functions.patients.index.service import facts, matching
from functions.patients.index.service.identifiers import replace_document
from functions.patients.index.service.numbers import CORRECTIONS, changes_of, document_fields, number_of
from functions.patients.index.service.read import survivor
from functions.patients.index.service.verify import change_patient
from functions.patients.index.service.views import patient_view
from shared.ids import new_id
from shared.problems import Invalid, NotFound, Stale
from shared.tx import Tx

PROTECTED = frozenset({"name", "sex", "birth_date", "document"})
"""Fields that say who somebody is: changed on a document or card read only."""


def correct_patient(tx: Tx, patient_id: UUID, command: CorrectPatient) -> CorrectionView:
    """Correct fields of the version seen. Protected ones of a person with records wait for a second person.

    Raises Stale, EvidenceRequired, NothingToChange, CorrectionPending and what contradicts the documents.
    """
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    ids = tx.session.send(people.GROUP, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    tx.check_version(patient.version, command.version)
    given = command.changes.model_fields_set
    held = identifiers.all()
    changes = _checked(tx, patient, held, command.changes)
    document = _document(command.changes)
    if not _differs(patient, changes) and document is None:
        raise problems.NothingToChange("内容与现有档案一致，没有需要更正的字段。")
    if PROTECTED & given:
        if command.evidence is Evidence.STATEMENT:
            raise problems.EvidenceRequired("更正姓名、性别、出生日期或证件号须读卡或上传证件扫描件。")
        if tx.session.one(care.HAS_RECORD, ids=ids.all()):
            if tx.session.first(care.PENDING_CORRECTION, patient_id=patient.patient_id) is not None:
                raise problems.CorrectionPending()
            return _hold(tx, patient, held, command)
    row = _apply(tx, patient, held, command, command.evidence.value, command.evidence_file_id)
    return CorrectionView(
        correction_id=None, status="applied", patient=patient_view(row[0], row[1], tx.now, disputed=False)
    )


def _hold(tx: Tx, patient: Patient, held: list[Identifier], command: CorrectPatient) -> CorrectionView:
    asked = command.changes.model_dump(mode="json", exclude_unset=True)
    number = asked["document"].pop("number") if asked.get("document") else None
    correction_id = new_id()
    correction = Correction(
        correction_id=correction_id,
        patient_id=patient.patient_id,
        seen_version=patient.version,
        changes=asked,
        **document_fields(tx, correction_id, number, CORRECTIONS),
        evidence=command.evidence.value,
        evidence_file_id=command.evidence_file_id,
        reason=command.reason,
        acting_campus_id=tx.campus,
        requested_at=tx.now,
        requested_by=tx.actor.subject,
    )
    tx.session.add(correction)
    tx.audit("patient.correction_requested", "correction", correction.correction_id, patient_id=patient.patient_id)
    return CorrectionView(
        correction_id=correction.correction_id,
        status="pending",
        patient=patient_view(patient, held, tx.now, disputed=False),
    )


def pending_correction(correction: Correction) -> PendingCorrection:
    """A correction as the second person compares it with the document: whole."""
    return PendingCorrection(
        correction_id=correction.correction_id,
        patient_id=correction.patient_id,
        changes=changes_of(correction),
        evidence=correction.evidence,
        evidence_file_id=correction.evidence_file_id,
        reason=correction.reason,
        acting_campus_id=correction.acting_campus_id,
        requested_at=correction.requested_at,
        requested_by=correction.requested_by,
    )


def confirm_correction(tx: Tx, correction_id: UUID) -> CorrectionView:
    """A second person has compared the document and agrees (双人核对). Raises SamePerson, CorrectionDecided, Stale."""
    correction = tx.session.first(care.CORRECTION, correction_id=correction_id)
    if correction is None:
        raise NotFound("没有这项更正，请刷新后重新选择。")
    tx.assert_distinct([correction.requested_by], "更正的录入与核对须由不同人员办理。")
    _decide(tx, correction_id, "applied", None)
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=correction.patient_id)
    patient = survivor(tx, correction.patient_id)
    if patient.patient_id != correction.patient_id:
        # The numbers of two records' versions may be equal by chance; what was asked of one is not asked of the other.
        raise Stale("该档案已并入他人，请驳回这项更正，需要时按现行档案重新提交。", current_version=patient.version)
    tx.check_version(patient.version, correction.seen_version)
    command = CorrectPatient(
        version=patient.version,
        changes=CorrectedFields.model_validate(changes_of(correction)),
        evidence=Evidence(correction.evidence),
        evidence_file_id=correction.evidence_file_id,
        reason=correction.reason,
    )
    row, held = _apply(
        tx,
        patient,
        identifiers.all(),
        command,
        correction.evidence,
        correction.evidence_file_id,
        correction.requested_by,
    )
    return CorrectionView(
        correction_id=correction_id, status="applied", patient=patient_view(row, held, tx.now, disputed=False)
    )


def reject_correction(tx: Tx, correction_id: UUID, command: DecideCorrection) -> None:
    """The second person does not agree. Raises CorrectionDecided."""
    if command.reason is None:
        raise Invalid("请填写不同意的原因。", errors=[{"field": "reason", "message": "必填"}])
    rejected = _decide(tx, correction_id, "rejected", command.reason)
    tx.audit("patient.correction_rejected", "correction", correction_id, patient_id=rejected.patient_id)


def _decide(tx: Tx, correction_id: UUID, to: str, why: str | None) -> Correction:
    decided = tx.session.first(
        care.DECIDE_CORRECTION, id_=correction_id, to=to, at=tx.now, by=tx.actor.subject, why=why
    )
    if decided is None:
        raise problems.CorrectionDecided("该更正不存在或已办结，请刷新后核对。")
    return decided


def _checked(tx: Tx, patient: Patient, held: list[Identifier], changes: CorrectedFields) -> dict[str, Any]:
    """The columns to write, each checked against the others and against the person's documents."""
    values = changes.model_dump(exclude_unset=True, exclude={"document"})
    for field in ("name", "sex", "birth_date"):
        if field in values and values[field] is None:
            raise Invalid("姓名、性别、出生日期不能清空。", errors=[{"field": field, "message": "不能为空"}])
    for field in ("registered_address", "current_address"):
        if field in values:
            values[field] = facts.address(getattr(changes, field))
    if "phone" in values:
        values["phone"] = facts.checked_phone(values["phone"])
    if "birth_date" in values:
        rules.check_birth_date(values["birth_date"], tx.today)
        if values["birth_date"] != patient.birth_date or patient.birth_precision != rules.BirthPrecision.MINUTE:
            values |= {"birth_datetime": None, "birth_precision": rules.BirthPrecision.DAY.value}
    document = _document(changes)
    residents = [document.resident] if document else []
    if not residents:
        residents = [_resident(one) for one in held]
    for resident in filter(None, residents):
        rules.check_consistency(resident, birth_date=values.get("birth_date"), sex=values.get("sex"))
        if document is not None:
            rules.check_consistency(
                resident,
                birth_date=values.get("birth_date", patient.birth_date),
                sex=values.get("sex", patient.sex),
            )
    if "name" in values:
        values |= renamed(patient, values["name"])
    return values


def renamed(patient: Patient, text: str) -> dict[str, Any]:
    """Columns of a new name; the old one joins the former names."""
    name = rules.normalise_name(text)
    former = patient.former_names
    if name != patient.name:
        former = [*(one for one in former if one != name), patient.name]
    return facts.name_fields(name) | {"former_names": former}


def _resident(identifier: Identifier) -> rules.ResidentId | None:
    kinds = {kind.value for kind in rules.ResidentIdKind}
    return rules.parse_resident_id(number_of(identifier)) if identifier.type in kinds else None


def _document(changes: CorrectedFields) -> facts.CheckedNumber | None:
    correction: DocumentCorrection | None = changes.document
    if correction is None:
        return None
    if IdentifierType(correction.type) not in DOCUMENT_CODES:
        raise problems.DocumentFormat("这里只更正身份证件；卡号请用更换。")
    return facts.checked_number(correction.type, correction.number)


def _differs(patient: Patient, changes: dict[str, Any]) -> bool:
    return any(getattr(patient, field) != value for field, value in changes.items())


def _apply(
    tx: Tx,
    patient: Patient,
    held: list[Identifier],
    command: CorrectPatient,
    evidence: str,
    evidence_file_id: UUID | None,
    requested_by: str | None = None,
) -> tuple[Patient, list[Identifier]]:
    changes = _checked(tx, patient, held, command.changes)
    document = _document(command.changes)
    row = change_patient(
        tx,
        patient,
        changes,
        "correction",
        evidence=evidence,
        evidence_file_id=evidence_file_id,
        changed_by=requested_by,
        confirmed_by=tx.actor.subject if requested_by else None,
    )
    changed = [name for name in command.changes.model_fields_set if name == "document" or name in changes]
    if document is not None:
        new = replace_document(tx, row, held, document)
        held = [*(one for one in held if one.type != new.type), new]
    tx.audit("patient.corrected", "patient", patient.patient_id, patient_id=patient.patient_id, fields=sorted(changed))
    tx.emit(PatientUpdated(patient_id=patient.patient_id, fields=sorted(changed)))
    if {"name", "sex", "birth_date", "phone", "current_address"} & set(changed):
        compare_again(tx, row)
    return row, held


def compare_again(tx: Tx, patient: Patient) -> None:
    """Look for duplicates anew after an identifying field changed, and dissolve pairs that are no longer alike."""
    exact = patient.birth_precision in (rules.BirthPrecision.MINUTE, rules.BirthPrecision.DAY)
    points = tx.session.send(search.POINTS, now=tx.now)
    likely = tx.session.send(
        search.LIKELY_DUPLICATES,
        **matching.likely_parameters(
            facts.name_fields(patient.name),
            patient.birth_date if exact else None,
            patient.phone,
            patient.patient_id,
        ),
    )
    standing = tx.session.all(stewardship.OPEN_PAIRS_OF, patient_id=patient.patient_id)
    others = {one.patient_id: one for one in likely.all()}
    paired = {pair.second_id if pair.first_id == patient.patient_id else pair.first_id: pair for pair in standing}
    rest = tx.session.all(search.COMPARABLES, ids=[patient.patient_id, *(paired.keys() - others.keys())])
    mine = next(one for one in rest if one.patient_id == patient.patient_id)
    others |= {one.patient_id: one for one in rest if one is not mine}
    weights = matching.weights_of(points.first())
    matching.propose_all(tx, mine, others.values(), weights)
    for other_id, pair in paired.items():
        unlike = rules.compare(matching.identity_of(mine), matching.identity_of(others[other_id]), weights)
        if unlike.suspicion is rules.Suspicion.NONE and pair.proposed_by == matching.SYSTEM:
            tx.session.execute(
                stewardship.DECIDE_PAIR,
                id_=pair.candidate_id,
                to="dissolved",
                at=tx.now,
                by=matching.SYSTEM,
                why="no longer alike",
            )
