"""Reading one person: access for other modules, the counter's view, full details, the banner, the history."""

from collections.abc import Iterable
from uuid import UUID

from functions.patients.index import problems, rules
from functions.patients.index.models import IdentityChange, Patient
from functions.patients.index.queries import care, holding, people
from functions.patients.index.queries.holding import NumberHolder
from functions.patients.index.queries.people import PatientInfo
from functions.patients.index.schemas.care import AlertView, AllergyView, Banner
from functions.patients.index.schemas.people import PatientDetails, PatientView
from functions.patients.index.schemas.values import IdentityLevel, OpeningReason
from functions.patients.index.service import masks
from functions.patients.index.service.numbers import forms_of
from functions.patients.index.service.views import age_text, identifier_view, patient_view, relation_view
from shared.identity import data_rules
from shared.problems import NotFound
from shared.tx import Tx

NO_SUCH_PATIENT = "没有这位患者，请重新查询后选择。"


def access_patient(tx: Tx, patient_id: UUID) -> PatientInfo:
    """The person behind any record of the index, in one round trip: always the survivor. Raises NotFound."""
    found = tx.session.first(people.ACCESS, patient_id=patient_id)
    if found is None:
        raise NotFound(NO_SUCH_PATIENT)
    return found


def resolve(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Survivor of each known id, in one round trip; unknown ids are left out. Idempotent: a survivor is its own."""
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    return {link.patient_id: link.survivor_id for link in tx.session.all(people.RESOLVE, ids=wanted)}


def resolve_numbers(tx: Tx, numbers: Iterable[tuple[str, str]]) -> list[NumberHolder]:
    """Survivor behind each active (type, value), in one round trip; of a campus's own numbers those issued here."""
    wanted = list(dict.fromkeys(numbers))
    if not wanted:
        return []
    asked = {(kind, form): number for kind, number in wanted for form in forms_of(tx, kind, number)}
    found = tx.session.all(
        holding.RESOLVE_NUMBERS,
        types=[kind for kind, _ in asked],
        values=[form for _, form in asked],
        campus=tx.campus,
    )
    return [one._replace(value=asked[one.type, one.value]) for one in found]


def group_ids(tx: Tx, patient_id: UUID) -> list[UUID]:
    """Ids of all records of a person, the survivor's among them: what a list "by patient" filters by.

    Rows keep the id they were written with, so a query names all of them. An unknown id is alone.
    """
    return tx.session.all(people.GROUP, patient_id=patient_id) or [patient_id]


def printed_name(tx: Tx, written_with: UUID) -> str:
    """The person's name for a paper, from the id its rows were written with. Raises NotFound.

    What was written for somebody registered under another name says so: 韦建国（原登记：无名氏20260302081530H）. A
    placeholder is named also when the same record was given the real name later.
    """
    found = tx.session.first(people.PRINTED_NAME, patient_id=written_with)
    if found is None:
        raise NotFound(NO_SUCH_PATIENT)
    return rules.printed_name(*found)


def identity_disputed(tx: Tx, patient_id: UUID) -> bool:
    """Whether an identity dispute of the person is open: insurance does not settle meanwhile."""
    return tx.session.one(people.DISPUTED, patient_id=patient_id)


def survivor(tx: Tx, patient_id: UUID) -> Patient:
    """The row that speaks for a record. Raises NotFound."""
    found = tx.session.first(people.SURVIVOR, patient_id=patient_id)
    if found is None:
        raise NotFound(NO_SUCH_PATIENT)
    return found


def view(tx: Tx, patient_id: UUID, reason: OpeningReason | None = None) -> PatientView:
    """A person for the counter. A restricted one (受限) is opened with a reason or while treated here."""
    row = tx.session.send(people.SURVIVOR, patient_id=patient_id)
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    disputed = tx.session.send(people.DISPUTED, patient_id=patient_id)
    treated = tx.session.send(care.TREATED_HERE, patient_id=patient_id)
    held_back = data_rules.ask_masks(tx)
    patient = row.first()
    if patient is None:
        raise NotFound(NO_SUCH_PATIENT)
    opened(tx, patient, "patient.viewed", treated_here=treated.one(), reason=reason)
    shown = patient_view(patient, identifiers.all(), tx.now, disputed=disputed.one())
    return masks.of_view(held_back(), shown)


def opened(tx: Tx, patient: Patient, act: str, *, treated_here: bool, reason: OpeningReason | None) -> None:
    """Log that a record was opened; refuse a restricted one without reason, or closed to the post by its class.

    Raises OpeningReasonRequired, SensitiveClosed.
    """
    restricted = patient.confidentiality == "restricted"
    if restricted and not treated_here:
        data_rules.check_sensitive(tx, patient.sensitivity)
    if restricted and not treated_here and reason is None:
        raise problems.OpeningReasonRequired("该档案为受限档案，请选择调阅原因后再打开；调阅会被记录。")
    detail = {"reason_code": reason.value} if reason else {}
    tx.audit(act, "patient", patient.patient_id, patient_id=patient.patient_id, restricted=restricted, **detail)


def details(tx: Tx, patient_id: UUID, reason: OpeningReason | None = None) -> PatientDetails:
    """Everything of a person as far as the post may see it unmasked; each reading is logged (GB/T 39725-2020)."""
    row = tx.session.send(people.SURVIVOR, patient_id=patient_id)
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    relations = tx.session.send(care.RELATIONS, patient_id=patient_id)
    treated = tx.session.send(care.TREATED_HERE, patient_id=patient_id)
    held_back = data_rules.ask_masks(tx)
    patient = row.first()
    if patient is None:
        raise NotFound(NO_SUCH_PATIENT)
    opened(tx, patient, "patient.revealed", treated_here=treated.one(), reason=reason)
    fields = {name: getattr(patient, name) for name in PatientDetails.model_fields if hasattr(patient, name)}
    whole = PatientDetails.model_validate(
        fields
        | {
            "identifiers": [identifier_view(one, full=True) for one in identifiers.all()],
            "relations": [relation_view(one, patient, tx.today) for one in relations.all()],
        }
    )
    return masks.of_details(held_back(), whole)


def banner(tx: Tx, patient_id: UUID, reason: OpeningReason | None = None) -> Banner:
    """The patient header of a clinical screen, in one round trip. What protects the patient needs no grant."""
    row = tx.session.send(people.SURVIVOR, patient_id=patient_id)
    names = tx.session.send(people.EARLIER_NAMES, patient_id=patient_id)
    allergies = tx.session.send(care.ALLERGIES, patient_id=patient_id)
    alerts = tx.session.send(care.ALERTS, patient_id=patient_id, now=tx.now)
    disputed = tx.session.send(people.DISPUTED, patient_id=patient_id)
    treated = tx.session.send(care.TREATED_HERE, patient_id=patient_id)
    patient = row.first()
    if patient is None:
        raise NotFound(NO_SUCH_PATIENT)
    opened(tx, patient, "patient.banner_read", treated_here=treated.one(), reason=reason)
    facts = allergies.all()
    earlier = {name for record in names.all() for name in (record.name, *record.former_names)}
    return Banner(
        patient_id=patient.patient_id,
        empi_no=patient.empi_no,
        name=patient.name,
        sex=patient.sex,
        birth_date=patient.birth_date,
        age=age_text(patient, tx.now),
        identity_level=patient.identity_level,
        unverified=patient.identity_level == IdentityLevel.UNVERIFIED.value,
        disputed=disputed.one(),
        restricted=patient.confidentiality == "restricted",
        status=patient.status,
        payer_kind=patient.payer_kind,
        abo=patient.abo,
        rh=patient.rh,
        blood_group_status=patient.blood_group_status,
        allergy_state=_allergy_state({fact.statement for fact in facts}),
        allergies=[AllergyView.model_validate(fact) for fact in facts if fact.statement == "allergy"],
        alerts=[AlertView.model_validate(alert) for alert in alerts.all()],
        earlier_names=sorted(earlier - {patient.name}),
        version=patient.version,
    )


def _allergy_state(statements: set[str]) -> str:
    for statement, state in (("allergy", "recorded"), ("none_known", "none_known"), ("unknown", "unknown")):
        if statement in statements:
            return state
    return "not_asked"


def history(
    tx: Tx, patient_id: UUID, before: UUID, limit: int, reason: OpeningReason | None = None
) -> list[IdentityChange]:
    """Changes of identity of all records of a person, newest first."""
    changes = tx.session.send(care.CHANGES, patient_id=patient_id, before=before, limit=limit)
    treated = tx.session.send(care.TREATED_HERE, patient_id=patient_id)
    opened(tx, survivor(tx, patient_id), "patient.history_read", treated_here=treated.one(), reason=reason)
    return changes.all()
