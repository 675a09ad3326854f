"""Requests of outpatient registration."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from functions.outpatient.registration.rules import Payer
from functions.patients.index.service import RegisterUnidentified
from shared.schemas import Code, Input, Text

Version = Annotated[int, Field(ge=1, description="所见版本")]
Confirmed = Annotated[tuple[Text, ...], Field(max_length=20, description="已确认的提醒代码")]
TriageLevel = Annotated[int, Field(ge=1, le=4, description="急诊预检分级：1 急危 2 急重 3 急症 4 亚急症或非急症")]
Digits = Annotated[str, Field(pattern=r"^\d{2,3}$")]


class PayerKind(StrEnum):
    """Who pays in the end: self_pay 自费, resident 城乡居民医保, employee 职工医保, contract 合同单位."""

    SELF_PAY = "self_pay"
    RESIDENT = "resident"
    EMPLOYEE = "employee"
    CONTRACT = "contract"


class CancelReason(StrEnum):
    """Why a visit is cancelled."""

    PATIENT = "patient"
    MISTAKE = "mistake"
    DOCTOR_ABSENT = "doctor_absent"
    SESSION_STOPPED = "session_stopped"


class PayerFields(Input):
    """Who pays. Left open, 险种 and 医疗类别 follow from the payer kind and the kind of visit."""

    payer_kind: PayerKind = PayerKind.SELF_PAY
    insutype: Annotated[Digits | None, Field(description="险种：310 职工 390 城乡居民")] = None
    med_type: Annotated[Digits | None, Field(description="医疗类别：11 12 13 14 51")] = None
    special_disease: Annotated[Code | None, Field(description="门诊慢特病病种代码")] = None
    work_injury: Annotated[bool, Field(description="工伤")] = False
    trauma: Annotated[bool, Field(description="外伤")] = False
    third_party: Annotated[bool, Field(description="有第三方责任")] = False

    def payer(self) -> Payer:
        """As the rules take it."""
        return Payer(
            self.payer_kind.value,
            self.insutype,
            self.med_type,
            self.special_disease,
            self.work_injury,
            self.trauma,
            self.third_party,
        )


def _require_contract(payer_kind: PayerKind, contract_unit: str | None) -> None:
    if contract_unit is not None and payer_kind is not PayerKind.CONTRACT:
        raise ValueError("合同单位只在费别为合同单位时填写")


class RegisterVisit(PayerFields):
    """Register a patient for a clinic session, or for the first free number of a department's general clinic today.

    A general clinic gives a follow-up without fee by itself where the right exists; `follow_up_of` names the first
    visit where it is asked for, and is refused with the reason where there is no right. `extra_number` takes the
    one a doctor added for this patient (加号). `age_consent_by` is the doctor who agreed to a patient outside the
    clinic's ages. `contract_unit` is the unit whose account the fee is put to at once (记账). `confirmed` holds codes
    of warnings the registrar accepted.
    """

    patient_id: UUID
    session_id: UUID | None = None
    unit_id: UUID | None = None
    follow_up_of: UUID | None = None
    referral_id: UUID | None = None
    extra_number: Annotated[bool, Field(description="取医生为其加的号")] = False
    age_consent_by: Annotated[UUID | None, Field(description="同意接诊超龄患者的医师")] = None
    contract_unit: Annotated[Text | None, Field(description="合同单位，诊查费记其账")] = None
    confirmed: Confirmed = ()

    @model_validator(mode="after")
    def _unit_pays(self) -> "RegisterVisit":
        _require_contract(self.payer_kind, self.contract_unit)
        return self

    @model_validator(mode="after")
    def _one_place(self) -> "RegisterVisit":
        if (self.session_id is None) == (self.unit_id is None):
            raise ValueError("班次与科室填写其一")
        return self


class CollectNumber(PayerFields):
    """Turn a booked or held number into a visit (取号).

    `booking_id` has the number confirmed; `holder` is the key it is still held with.
    """

    patient_id: UUID
    slot_id: UUID
    booking_id: UUID | None = None
    holder: Code | None = None
    referral_id: UUID | None = None
    contract_unit: Annotated[Text | None, Field(description="合同单位，诊查费记其账")] = None
    confirmed: Confirmed = ()

    @model_validator(mode="after")
    def _unit_pays(self) -> "CollectNumber":
        _require_contract(self.payer_kind, self.contract_unit)
        return self

    @model_validator(mode="after")
    def _one_claim(self) -> "CollectNumber":
        if (self.booking_id is None) == (self.holder is None):
            raise ValueError("预约与占号标识填写其一")
        return self


class GreenReason(StrEnum):
    """Why a green channel is opened (绿色通道): the five centres, poisoning, sepsis, mass casualty, other."""

    CHEST_PAIN = "chest_pain"
    STROKE = "stroke"
    TRAUMA = "trauma"
    OBSTETRIC = "obstetric"
    NEWBORN = "newborn"
    POISONING = "poisoning"
    SEPSIS = "sepsis"
    MASS_CASUALTY = "mass_casualty"
    OTHER = "other"


class OpenGreenChannel(Input):
    """Open the green channel (绿色通道): why, and the doctor who answers for it."""

    reason_code: GreenReason
    reason: Text
    approved_by: UUID


class RegisterEmergency(PayerFields):
    """Register an emergency (急诊): no number, no fee first. The patient is known, or nobody can name him (无名氏).

    `bracelet_no` is the visit number of a bracelet made beforehand.
    """

    clinic_id: UUID
    triage_level: TriageLevel
    patient_id: UUID | None = None
    unidentified: RegisterUnidentified | None = None
    green_channel: OpenGreenChannel | None = None
    bracelet_no: Code | None = None
    confirmed: Confirmed = ()

    @model_validator(mode="after")
    def _one_person(self) -> "RegisterEmergency":
        if (self.patient_id is None) == (self.unidentified is None):
            raise ValueError("已建档患者与无名氏填写其一")
        return self


class ChangeLevel(Input):
    """Another emergency level (急诊分级调整)."""

    triage_level: TriageLevel


class PrepareBracelets(Input):
    """Make bracelets ready for many casualties (批量伤员)."""

    kind: Literal["accident", "outbreak", "disaster"]
    title: Text
    clinic_id: UUID
    size: Annotated[int, Field(ge=1, le=200, description="腕带数")]


class ChangeVersion(Input):
    """A step that needs nothing but the version the user saw."""

    version: Version


class CancelVisit(Input):
    """Cancel a registration (退号). `version` is the one the user saw."""

    version: Version
    reason: CancelReason = CancelReason.PATIENT


class ReleaseVisit(Input):
    """The doctor releases a visit that began, so that it may be cancelled."""

    version: Version
    reason: Text


class TransferVisit(Input):
    """Change to another session before the consultation (换号、转科)."""

    version: Version
    session_id: UUID
    reason: Text
    age_consent_by: Annotated[UUID | None, Field(description="同意接诊超龄患者的医师")] = None
    confirmed: Confirmed = ()


class ChangePayer(PayerFields):
    """Set or correct who pays, before the fee is settled."""

    version: Version


class IssueArticle(Input):
    """Hand out a visit card (就诊卡) or a record booklet (病历本). `item_code` charges for it."""

    patient_id: UUID
    encounter_id: UUID | None = None
    kind: Literal["visit_card", "record_booklet"]
    card_no: Code | None = None
    item_code: Code | None = None

    @model_validator(mode="after")
    def _card_has_number(self) -> "IssueArticle":
        if (self.kind == "visit_card") != (self.card_no is not None):
            raise ValueError("就诊卡须填写卡号，病历本不填")
        return self


class PrivatePayer(StrEnum):
    """Who pays where nobody of the staff is by: what needs an agreement or a judgement is for the window."""

    SELF_PAY = "self_pay"
    RESIDENT = "resident"
    EMPLOYEE = "employee"


class RegisterSelf(Input):
    """A patient registers at a machine (自助挂号): a session, or the first free number of a department's general
    clinic."""

    patient_id: UUID
    session_id: UUID | None = None
    unit_id: UUID | None = None
    payer_kind: PrivatePayer = PrivatePayer.SELF_PAY
    confirmed: Confirmed = ()

    @model_validator(mode="after")
    def _one_place(self) -> "RegisterSelf":
        if (self.session_id is None) == (self.unit_id is None):
            raise ValueError("班次与科室填写其一")
        return self


class CollectSelf(Input):
    """A patient collects a booked number at a machine (自助取号)."""

    patient_id: UUID
    slot_id: UUID
    booking_id: UUID
    payer_kind: PrivatePayer = PrivatePayer.SELF_PAY
    confirmed: Confirmed = ()
