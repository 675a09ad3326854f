"""Registering people: by document, unidentified, without document, newborn."""

import logging
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from events.patients import PatientRegistered
from functions.organisation.structure import service as organisation
from functions.patients.index import problems, rules
from functions.patients.index.models import Identifier, Patient, Relation
from functions.patients.index.queries import holding, people, search
from functions.patients.index.queries.people import RecordNames
from functions.patients.index.queries.search import Comparable
from functions.patients.index.schemas.people import (
    CreateNewborn,
    GuardianRead,
    PatientView,
    RegisterPatient,
    RegisterUndocumented,
    RegisterUnidentified,
)
from functions.patients.index.schemas.values import (
    LEVEL_OF,
    REGISTERED_BY,
    IdentifierType,
    IdentityLevel,
    ReadBy,
    RelationKind,
)
from functions.patients.index.service import facts, matching
from functions.patients.index.service.checking import queue_check
from functions.patients.index.service.facts import CheckedNumber, Described
from functions.patients.index.service.identifiers import announce, bind, claim
from functions.patients.index.service.numbers import document_fields, forms_of
from functions.patients.index.service.read import survivor
from functions.patients.index.service.verify import raise_level
from functions.patients.index.service.views import patient_view
from shared.database.session import Pending
from shared.ids import new_id
from shared.problems import Busy, Invalid, Stale
from shared.schemas import SHANGHAI
from shared.tx import Tx

log = logging.getLogger("his.patients")


class _Claim:
    """One exchange with the database: who holds the number, and the number taken when nobody does."""

    def __init__(self, tx: Tx, patient_id: UUID, number: CheckedNumber, command: RegisterPatient) -> None:
        key = {"forms": forms_of(tx, number.type.value, number.value), "type": number.type.value, "issuer": None}
        self._holder = tx.session.send(holding.HOLDER, **key)
        self._names = tx.session.send(holding.HOLDER_NAMES, **key)
        self._identifiers = tx.session.send(holding.HOLDER_IDENTIFIERS, **key)
        self._disputed = tx.session.send(holding.HOLDER_DISPUTED, **key)
        self._claimed = claim(
            tx, patient_id, [number], issued_by=command.document.issued_by, valid_to=command.document.valid_to
        )

    def verdict(self) -> "_Found | Identifier | None":
        """The holder, or the number now ours, or None when another window was quicker just now."""
        holder, claimed = self._holder.first(), self._claimed.first()
        if holder is not None:
            return _Found(holder, self._names.all(), self._identifiers.all(), self._disputed.one())
        return claimed


class _Found(NamedTuple):
    patient: Patient
    names: list[RecordNames]
    identifiers: list[Identifier]
    disputed: bool


class _Likely:
    """What a new person is compared with, on its way."""

    def __init__(self, tx: Tx, name: dict[str, Any], born: date | None, phone: str | None) -> None:
        self.sequence = tx.session.send(people.NEXT_EMPI)
        self._points = tx.session.send(search.POINTS, now=tx.now)
        self._alike: Pending[Comparable] = tx.session.send(
            search.LIKELY_DUPLICATES, **matching.likely_parameters(name, born, phone, None)
        )

    def propose(self, tx: Tx, patient: Patient, guardian_document: str | None, insurance_no: str | None) -> None:
        alike = self._alike.all()
        if not alike:
            return
        mine = Comparable(
            patient_id=patient.patient_id,
            name=patient.name,
            name_pinyin=patient.name_pinyin,
            birth_date=patient.birth_date,
            birth_precision=patient.birth_precision,
            sex=patient.sex,
            phone=patient.phone,
            current_address=patient.current_address,
            guardian_document=guardian_document,
            insurance_no=insurance_no,
            mother_id=patient.mother_id,
            birth_order=patient.birth_order,
        )
        matching.propose_all(tx, mine, alike, matching.weights_of(self._points.first()))


def register_patient(tx: Tx, command: RegisterPatient) -> PatientView:
    """Register a person by document (建档), or find the one who has it: same document, number and name.

    Two windows at once make one person: the unique number decides, and the second window finds the first's.
    Raises the problems of the number, birth date and sex; IdentityDisputed for another name; CardReadIncomplete,
    IdentityIncomplete, PhoneRequired, GuardianRequired for a new person; IdentifierInUse for a further number.
    """
    document = command.document
    if document.type not in REGISTERED_BY:
        raise problems.DocumentFormat("请使用身份证件、医保或健康卡建档；就诊卡等号码请在建档后绑定。")
    facts.require_complete_read(document, command.name, command.sex, command.birth_date)
    number = facts.checked_number(document.type, document.number)
    person = facts.described(command.name, command.sex, command.birth_date, command.phone, number.resident, tx.today)
    further = [facts.checked_number(one.type, one.value) for one in command.identifiers]
    name = facts.name_fields(person.name)
    patient_id = new_id()
    for _ in range(3):
        claim = _Claim(tx, patient_id, number, command)
        likely = _Likely(tx, name, person.birth_date, person.phone)
        verdict = claim.verdict()
        if isinstance(verdict, _Found):
            return _existing(tx, command, person, verdict, further)
        if verdict is not None:
            return _new(tx, command, person, name, verdict, further, likely)
    raise Busy("该证件正在其他窗口办理，请稍候重试。")


def _existing(
    tx: Tx, command: RegisterPatient, person: Described, found: _Found, further: list[CheckedNumber]
) -> PatientView:
    patient = found.patient
    known = {name.casefold() for record in found.names for name in (record.name, *record.former_names)}
    if person.name.casefold() not in known:
        log.warning(
            "identity number claimed under another name",
            extra={"fields": {"patient_id": str(patient.patient_id), "campus": tx.campus, "actor": tx.actor.subject}},
        )
        raise problems.IdentityDisputed(
            "该证件号已属于另一姓名，请核对证件；确认有人冒用或登记有误的，请提交身份争议。",
            patient_id=str(patient.patient_id),
            holder_name=rules.mask_name(patient.name),
        )
    if further and tx.actor.kind == "patient" and patient.patient_id not in tx.actor.patient_ids:
        # Who knows a name and a number is not yet the person: nothing of a stranger's is hung on the record.
        raise problems.EvidenceRequired("该证件已有档案，增加卡号请本人持证件到窗口办理。")
    added = bind(tx, patient.patient_id, found.identifiers, further)
    for row in added:
        announce(tx, row, patient.patient_id)
    level = _level(tx, command.document.read_by)
    if level.rank > IdentityLevel(patient.identity_level).rank:
        try:
            patient = raise_level(tx, patient, level, command.document.read_by.value)
        except Stale:  # another window has just changed the person; what it wrote stands
            patient = survivor(tx, patient.patient_id)
    tx.audit(
        "patient.matched", "patient", patient.patient_id, patient_id=patient.patient_id, reason_code="registration"
    )
    return patient_view(patient, [*found.identifiers, *added], tx.now, disputed=found.disputed)


def _level(tx: Tx, read_by: ReadBy) -> IdentityLevel:
    """What a patient types at home proves nothing."""
    return LEVEL_OF[read_by] if tx.actor.kind != "patient" else IdentityLevel.UNVERIFIED


def _new(
    tx: Tx,
    command: RegisterPatient,
    person: Described,
    name: dict[str, Any],
    claimed: Identifier,
    further: list[CheckedNumber],
    likely: _Likely,
) -> PatientView:
    sex, born = facts.require_complete(person, command.phone_missing_reason, command.guardian, tx.today)
    patient = _patient(
        tx,
        claimed.patient_id,
        likely.sequence.one(),
        name,
        sex=sex,
        birth_date=born,
        phone=person.phone,
        phone_missing_reason=command.phone_missing_reason,
        identity_level=_level(tx, command.document.read_by).value,
        **facts.demographics(command),
    )
    tx.session.add(patient)
    added = bind(tx, patient.patient_id, [claimed], further)
    guardian_document = _add_guardian(tx, patient, command.guardian)
    insurance = next((one.value for one in (claimed, *added) if one.type == "insurance_person_no"), None)
    likely.propose(tx, patient, guardian_document, insurance)
    _tell(tx, patient, "document")
    if claimed.type == IdentifierType.RESIDENT_ID.value and command.document.read_by is not ReadBy.CHIP:
        queue_check(tx, patient)
    return patient_view(patient, [claimed, *added], tx.now, disputed=False)


def _patient(tx: Tx, patient_id: UUID, sequence: int, name: dict[str, Any], **fields: Any) -> Patient:
    return Patient(
        patient_id=patient_id,
        survivor_id=patient_id,
        empi_no=rules.empi_number(sequence),
        created_campus_id=tx.campus,
        created_at=tx.now,
        created_by=tx.actor.subject,
        **name,
        **fields,
    )


def _tell(tx: Tx, patient: Patient, way: str) -> None:
    tx.audit("patient.registered", "patient", patient.patient_id, patient_id=patient.patient_id, way=way)
    tx.emit(PatientRegistered(patient_id=patient.patient_id, way=way, identity_level=patient.identity_level))


def _add_guardian(tx: Tx, patient: Patient, guardian: GuardianRead | None) -> str | None:
    """Record the guardian of a new person; returns the guardian's document number."""
    if guardian is None:
        return None
    relation_id, number = new_id(), None
    if guardian.document_no is not None:
        if guardian.document_type is None:
            raise Invalid("请选择监护人证件类型。", errors=[{"field": "guardian.document_type", "message": "必填"}])
        number = facts.checked_number(guardian.document_type, guardian.document_no)
    tx.session.add(
        Relation(
            relation_id=relation_id,
            patient_id=patient.patient_id,
            kind=guardian.relation.value,
            related_patient_id=guardian.patient_id,
            name=rules.normalise_name(guardian.name),
            phone=facts.checked_phone(guardian.phone),
            document_type=number.type.value if number else None,
            **document_fields(tx, relation_id, number.value if number else None),
            is_guardian=True,
            is_emergency_contact=True,
            recorded_at=tx.now,
            recorded_by=tx.actor.subject,
        )
    )
    return number.value if number else None


def register_unidentified(tx: Tx, command: RegisterUnidentified) -> PatientView:
    """Register a person nobody can name (无名氏); the number stays when the name is found."""
    campus = organisation.campus(tx)
    name = facts.name_fields(rules.unknown_person_name(tx.now, campus.letter))
    patient = _patient(
        tx,
        new_id(),
        tx.session.one(people.NEXT_EMPI),
        name,
        sex=command.sex,
        birth_date=_estimated(tx.today, command.estimated_age),
        birth_precision=rules.BirthPrecision.YEAR.value,
        identity_level=IdentityLevel.UNVERIFIED.value,
        arrival={"why": "unidentified", **command.model_dump(exclude={"sex"}, exclude_none=True)},
    )
    tx.session.add(patient)
    _tell(tx, patient, "unidentified")
    return patient_view(patient, [], tx.now, disputed=False)


def _estimated(today: date, age: int) -> date:
    return date(today.year - age, 1, 1)


def register_undocumented(tx: Tx, command: RegisterUndocumented) -> PatientView:
    """Register a person without document: foreigner, refusing, forgotten, emergency. Unverified until one is seen."""
    person = facts.described(command.name, command.sex, command.birth_date, command.phone, None, tx.today)
    precision = rules.BirthPrecision.DAY
    if person.birth_date is None:
        if command.estimated_age is None:
            raise problems.IdentityIncomplete("请录入出生日期，不清楚的录入估计年龄。")
        person = person._replace(birth_date=_estimated(tx.today, command.estimated_age))
        precision = rules.BirthPrecision.YEAR
    sex, born = facts.require_complete(person, command.phone_missing_reason, command.guardian, tx.today)
    name = facts.name_fields(person.name)
    exact = born if precision is rules.BirthPrecision.DAY else None
    likely = _Likely(tx, name, exact, person.phone)
    patient = _patient(
        tx,
        new_id(),
        likely.sequence.one(),
        name,
        sex=sex,
        birth_date=born,
        birth_precision=precision.value,
        phone=person.phone,
        phone_missing_reason=command.phone_missing_reason,
        identity_level=IdentityLevel.UNVERIFIED.value,
        arrival={"why": command.why},
        **facts.demographics(command),
    )
    tx.session.add(patient)
    likely.propose(tx, patient, _add_guardian(tx, patient, command.guardian), None)
    _tell(tx, patient, "undocumented")
    return patient_view(patient, [], tx.now, disputed=False)


def create_newborn(tx: Tx, command: CreateNewborn) -> PatientView:
    """A child born here (新生儿建档), for inpatient/adt: named after the mother, guarded by her.

    Asked twice for the same child it returns the same. Raises NotFound for the mother, and what contradicts.
    """
    mother = survivor(tx, command.mother_id)
    born = command.birth_datetime.astimezone(SHANGHAI).date()
    if command.birth_datetime > tx.now:
        raise rules.BirthDateInFuture("出生时间不能晚于现在，请核对。")
    if command.birth_order > command.births:
        raise Invalid("胎次不能大于胎数，请核对。", errors=[{"field": "birth_order", "message": "大于胎数"}])
    known = tx.session.first(
        people.NEWBORN, mother_id=mother.patient_id, birth_date=born, birth_order=command.birth_order
    )
    if known is not None:
        identifiers = tx.session.all(people.IDENTIFIERS, patient_id=known.patient_id)
        return patient_view(known, identifiers, tx.now, disputed=False)
    name = facts.name_fields(
        rules.newborn_name(mother.name, command.sex, order=command.birth_order, births=command.births)
    )
    likely = _Likely(tx, name, born, None)
    patient = _patient(
        tx,
        new_id(),
        likely.sequence.one(),
        name,
        sex=command.sex,
        birth_date=born,
        birth_datetime=command.birth_datetime,
        birth_precision=rules.BirthPrecision.MINUTE.value,
        identity_level=IdentityLevel.UNVERIFIED.value,
        mother_id=mother.patient_id,
        birth_order=command.birth_order,
        births=command.births,
        current_address=mother.current_address,
    )
    tx.session.add(patient)
    _add_guardian(
        tx,
        patient,
        GuardianRead(name=mother.name, relation=RelationKind.MOTHER, phone=mother.phone, patient_id=mother.patient_id),
    )
    likely.propose(tx, patient, None, None)
    _tell(tx, patient, "newborn")
    return patient_view(patient, [], tx.now, disputed=False)
