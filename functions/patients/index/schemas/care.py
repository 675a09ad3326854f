"""Safety facts, relations, consents, the banner, record access."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from functions.patients.index.schemas.values import (
    Day,
    IdentifierType,
    Number,
    PersonName,
    Phone,
    RelationKind,
    Version,
)
from shared.schemas import Code, Input, Moment, Text, View

Reasoning = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=r"^[^\x00]*$")]


class Statement(StrEnum):
    """allergy, or the statement that none is known (无过敏史) or that nobody can tell (不详)."""

    ALLERGY = "allergy"
    NONE_KNOWN = "none_known"
    UNKNOWN = "unknown"


class AllergyCategory(StrEnum):
    DRUG = "drug"
    FOOD = "food"
    ENVIRONMENT = "environment"
    CONTRAST = "contrast"
    BIOLOGICAL = "biological"
    OTHER = "other"


class Severity(StrEnum):
    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"
    LIFE_THREATENING = "life_threatening"


class Certainty(StrEnum):
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"


class AllergySource(StrEnum):
    """stated 自述, observed 本院观察, skin_test 皮试, document 外院资料."""

    STATED = "stated"
    OBSERVED = "observed"
    SKIN_TEST = "skin_test"
    DOCUMENT = "document"


class AlertKind(StrEnum):
    IMPLANT = "implant"
    MR_UNSAFE = "mr_unsafe"
    PREGNANCY = "pregnancy"
    LACTATION = "lactation"
    INFECTION_PRECAUTION = "infection_precaution"
    ISOLATION = "isolation"
    FALL = "fall"
    VIOLENCE = "violence"
    SUICIDE = "suicide"
    SKIN_TEST = "skin_test"


class RecordAllergy(Input):
    """An allergy, or an explicit statement about allergies."""

    statement: Statement = Statement.ALLERGY
    substance: Text | None = None
    substance_code: Code | None = None
    category: AllergyCategory | None = None
    reaction: Text | None = None
    severity: Severity | None = None
    certainty: Certainty | None = None
    source: AllergySource
    onset: Day | None = None

    @model_validator(mode="after")
    def _complete(self) -> "RecordAllergy":
        given = (self.substance, self.category, self.severity, self.certainty)
        if self.statement is Statement.ALLERGY and not all(given):
            raise ValueError("过敏记录须有过敏原、类别、严重程度和确定程度")
        if self.statement is not Statement.ALLERGY and any((*given, self.substance_code, self.reaction)):
            raise ValueError("无过敏史或不详的声明不能同时填写过敏原")
        return self


class StateBloodGroup(Input):
    """A blood group as the person or an older paper says it; only laboratory and transfusion confirm one."""

    version: Version
    abo: Annotated[str, Field(pattern="^(A|B|AB|O)$")]
    rh: Annotated[str | None, Field(pattern="^[+-]$")] = None


class EndFact(Input):
    """Why a fact no longer holds."""

    reason: Text


class RecordAlert(Input):
    """A warning for everybody who treats the person."""

    kind: AlertKind
    detail: Text | None = None
    expected_date: Day | None = None
    valid_to: Moment | None = None


class AllergyView(View):
    allergy_id: UUID
    statement: str
    substance: str | None
    substance_code: str | None
    category: str | None
    reaction: str | None
    severity: str | None
    certainty: str | None
    source: str
    onset: date | None
    status: str
    recorded_campus_id: str
    recorded_at: Moment


class AlertView(View):
    alert_id: UUID
    kind: str
    detail: str | None
    expected_date: date | None
    valid_to: Moment | None
    status: str
    recorded_at: Moment


class Banner(View):
    """The patient header of every clinical screen."""

    patient_id: UUID
    empi_no: str
    name: str
    sex: str
    birth_date: date
    age: str
    identity_level: str
    unverified: bool
    """未核实身份: shown in orange."""
    disputed: bool
    restricted: bool
    status: str
    payer_kind: str | None
    abo: str | None
    rh: str | None
    blood_group_status: str | None
    allergy_state: str
    """recorded (red), none_known 无过敏, unknown 不详, not_asked 无过敏史记录."""
    allergies: list[AllergyView]
    alerts: list[AlertView]
    earlier_names: list[str]
    """Names the person was registered under before, 无名氏 among them (原登记)."""
    version: int


class RelateInput(Input):
    """A family member, guardian or contact."""

    kind: RelationKind
    name: PersonName
    phone: Phone | None = None
    related_patient_id: UUID | None = None
    document_type: IdentifierType | None = None
    document_no: Number | None = None
    is_guardian: bool = False
    is_emergency_contact: bool = False
    shares_account: bool = False


class ConsentKind(StrEnum):
    """privacy 隐私政策, sharing 信息共享, sms 短信, research 科研."""

    PRIVACY = "privacy"
    SHARING = "sharing"
    SMS = "sms"
    RESEARCH = "research"


class GiveConsent(Input):
    """A consent to a text of a version; for a child under 14 by the guardian."""

    kind: ConsentKind
    text_version: Code
    given_by: Annotated[str, Field(pattern="^(patient|guardian)$")]


class GiveOwnConsent(Input):
    """What a person agrees to in the mini-program, after the text of this version was shown."""

    kind: ConsentKind
    text_version: Code


class ConsentView(View):
    consent_id: UUID
    kind: str
    text_version: str
    given_by: str
    given_at: Moment
    withdrawn_at: Moment | None


class SetConfidentiality(Input):
    """普通 or 受限, with the ground."""

    version: Version
    restricted: bool
    ground: Annotated[str, Field(pattern="^(staff|vip|hiv|mental_health|minor|domestic_violence|other)$")]


class BreakGlass(Input):
    """Open a person's records of other campuses in an emergency (紧急调阅)."""

    reason_code: Annotated[str | None, Field(max_length=40)] = None
    """rescue 抢救, emergency 急诊, consultation 急会诊, other."""
    reason: Reasoning | None = None
    """Ten characters or more. Judged by the use case, because an attempt without it must stay on record."""


class GrantView(View):
    """A record access: who may read, why, until when."""

    grant_id: UUID
    patient_id: UUID
    reader_campus_id: str
    basis: str
    valid_from: Moment
    valid_to: Moment
    personal: bool


class OpeningView(View):
    """A break-glass opening and what the privacy officer said of it."""

    opening_id: UUID
    patient_id: UUID
    grant_id: UUID
    reader_campus_id: str
    reader_name: str
    reason_code: str
    reason: str
    opened_at: Moment
    valid_to: Moment
    review_due_at: Moment
    verdict: str | None
    action: str | None
    reviewed_at: Moment | None


class ReviewOpening(Input):
    """Whether an opening was justified, and what follows."""

    verdict: Annotated[str, Field(pattern="^(justified|not_justified)$")]
    action: Text | None = None

    @model_validator(mode="after")
    def _action(self) -> "ReviewOpening":
        if self.verdict == "not_justified" and self.action is None:
            raise ValueError("认定不当调阅时须填写处理措施")
        return self


class AccessLogEntry(View):
    """Somebody looked at or changed the record, with the words the patient reads."""

    entry_id: UUID
    at: Moment
    campus_id: str
    campus_name: str
    actor_name: str
    own: bool
    """Done by the account that asks."""
    action: str
    action_label: str
    reason: str | None
    reason_label: str | None
