"""Registering, finding, correcting and reading people."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from functions.patients.index.schemas.values import (
    Address,
    Country,
    Day,
    Education,
    EthnicGroup,
    Evidence,
    IdentifierType,
    IdentityLevel,
    MaritalStatus,
    Number,
    PersonName,
    Phone,
    ReadBy,
    RelationKind,
    SexCode,
    Version,
)
from shared.schemas import Code, Input, LongText, Moment, Text, View

Years = Annotated[int, Field(ge=0, le=130, description="周岁")]


class DocumentRead(Input):
    """A document as it was read or typed."""

    type: IdentifierType
    number: Number
    read_by: ReadBy = ReadBy.SEEN
    issued_by: Text | None = None
    valid_to: Day | None = None


class IdentifierRead(Input):
    """A further card or number of the person."""

    type: IdentifierType
    value: Number


class GuardianRead(Input):
    """Who acts for a child; `patient_id` when the guardian is in the index."""

    name: PersonName
    relation: RelationKind
    phone: Phone | None = None
    document_type: IdentifierType | None = None
    document_no: Number | None = None
    patient_id: UUID | None = None


class Demographics(Input):
    """What else is known of a person; all of it optional."""

    ethnic_group: EthnicGroup | None = None
    nationality: Country | None = None
    marital_status: MaritalStatus | None = None
    occupation: Text | None = None
    education: Education | None = None
    native_place: Text | None = None
    registered_address: Address | None = None
    current_address: Address | None = None
    employer: Text | None = None
    payer_kind: Code | None = None
    phone: Phone | None = None
    photo_file_id: UUID | None = None


class RegisterPatient(Demographics):
    """Register a person by a document (建档). Birth date and sex may be left out when the number tells them."""

    document: DocumentRead
    name: PersonName
    sex: SexCode | None = None
    birth_date: Day | None = None
    phone_missing_reason: Text | None = None
    guardian: GuardianRead | None = None
    identifiers: list[IdentifierRead] = Field(default_factory=list, max_length=10)


class RegisterUnidentified(Input):
    """Register a person nobody can name (无名氏)."""

    sex: SexCode
    estimated_age: Years
    finder_kind: Annotated[str, Field(pattern="^(police|ambulance|passer_by|other)$")]
    finder: Text
    finder_phone: Phone | None = None
    note: LongText | None = None


class RegisterUndocumented(Demographics):
    """Register a person without a document: foreigner, refusing, forgotten, or in an emergency."""

    why: Annotated[str, Field(pattern="^(foreigner|refused|forgotten|emergency)$")]
    name: PersonName
    sex: SexCode
    birth_date: Day | None = None
    estimated_age: Years | None = None
    phone_missing_reason: Text | None = None
    guardian: GuardianRead | None = None


class CreateNewborn(Input):
    """A child born here, called by inpatient/adt at the birth."""

    mother_id: UUID
    sex: SexCode
    birth_datetime: Moment
    birth_order: Annotated[int, Field(ge=1, le=9)] = 1
    births: Annotated[int, Field(ge=1, le=9)] = 1


class IdentifierView(View):
    """A number of the person, masked."""

    identifier_id: UUID
    type: str
    value: str
    issuer_campus_id: str | None
    status: str


class PatientView(View):
    """A person as a counter needs to see them. Phone and numbers are masked; full values by details."""

    patient_id: UUID
    empi_no: str
    name: str
    sex: str
    birth_date: date
    birth_precision: str
    age: str
    phone: str | None
    identity_level: str
    status: str
    confidentiality: str
    disputed: bool
    identifiers: list[IdentifierView]
    version: int


class RelationView(View):
    relation_id: UUID
    kind: str
    name: str
    phone: str | None
    related_patient_id: UUID | None
    is_guardian: bool
    is_emergency_contact: bool
    shares_account: bool
    in_force: bool
    """Not ended, and for a guardian the patient is not yet 18."""


class PatientDetails(View):
    """Everything of a person unmasked; reading it is logged."""

    patient_id: UUID
    empi_no: str
    name: str
    former_names: list[str]
    sex: str
    birth_date: date
    birth_datetime: Moment | None
    birth_precision: str
    ethnic_group: str | None
    nationality: str | None
    marital_status: str | None
    occupation: str | None
    education: str | None
    native_place: str | None
    registered_address: dict[str, Any] | None
    current_address: dict[str, Any] | None
    phone: str | None
    employer: str | None
    payer_kind: str | None
    identity_level: str
    confidentiality: str
    status: str
    arrival: dict[str, Any] | None
    mother_id: UUID | None
    identifiers: list[IdentifierView]
    relations: list[RelationView]
    version: int


class FindPatients(Input):
    """One box, as it was scanned or typed, and what narrows it."""

    text: Annotated[Text | None, Field(max_length=64)] = None
    birth_date: Day | None = None
    sex: SexCode | None = None
    mother_id: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=50)] = 50


class FoundPatient(View):
    """One hit, masked."""

    patient_id: UUID
    empi_no: str
    name: str
    sex: str
    birth_date: date
    age: str
    phone: str | None
    document: str | None
    address: str | None
    identity_level: str
    status: str
    restricted: bool
    match: str
    """exact, phonetic (same sound or initials), similar (one character apart)."""


class FoundPatients(View):
    """At most 50 hits; `more` says that a birth date would help."""

    items: list[FoundPatient]
    more: bool


class ResolveIds(Input):
    """Ids that may belong to retired records, and numbers."""

    patient_ids: list[UUID] = Field(default_factory=list, max_length=1000)
    identifiers: list[IdentifierRead] = Field(default_factory=list, max_length=1000)


class ResolvedIdentifier(View):
    type: str
    value: str
    patient_id: UUID


class Resolved(View):
    """Survivor of each known id, and the person each active number names; unknown ones are left out."""

    patient_ids: dict[UUID, UUID]
    identifiers: list[ResolvedIdentifier]


class DocumentCorrection(Input):
    """The right number of a document."""

    type: IdentifierType
    number: Number


class CorrectedFields(Demographics):
    """Fields to change; a field left out stays, a field given as null is emptied."""

    name: PersonName | None = None
    sex: SexCode | None = None
    birth_date: Day | None = None
    document: DocumentCorrection | None = None


class CorrectPatient(Input):
    """Correct a person's data (更正). Name, sex, birth date and document number need a document or a card read."""

    version: Version
    changes: CorrectedFields
    evidence: Evidence
    evidence_file_id: UUID | None = None
    reason: Text


class CorrectionView(View):
    """A correction: applied at once, or pending until a second person has confirmed it."""

    correction_id: UUID | None
    status: str
    patient: PatientView


class PendingCorrection(View):
    """A correction that waits for a second person."""

    correction_id: UUID
    patient_id: UUID
    changes: dict[str, Any]
    evidence: str
    evidence_file_id: UUID | None
    reason: str
    acting_campus_id: str
    requested_at: Moment
    requested_by: str


class DecideCorrection(Input):
    """Confirm or reject; a rejection says why."""

    reason: Text | None = None


class ChangeView(View):
    """One field before and after."""

    change_id: UUID
    patient_id: UUID
    field: str
    old_value: Any
    new_value: Any
    cause: str
    evidence: str | None
    acting_campus_id: str
    changed_at: Moment
    changed_by: str
    confirmed_by: str | None


class VerifyIdentity(Input):
    """Raise the identity level on evidence."""

    level: IdentityLevel
    evidence: Evidence
    evidence_file_id: UUID | None = None


class BindIdentifier(Input):
    """Bind a card or number."""

    type: IdentifierType
    value: Number
    issued_by: Text | None = None
    valid_to: Day | None = None


class ReplaceIdentifier(Input):
    """The new number of a card."""

    value: Number


class StopIdentifier(Input):
    """Why a number is no longer used."""

    reason: Text


class RecordDeath(Input):
    """A death with the number of its certificate (死亡医学证明)."""

    died_at: Moment
    certificate_no: Number


class ReverseDeath(Input):
    """The certificate was wrong; on evidence the person is alive."""

    reason: Text
    evidence_file_id: UUID
