"""Licences, privileges, delegations, codes, signatures, and where a person acts."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Base64Bytes, Field, StringConstraints, model_validator

from functions.organisation.structure.schemas.times import At, Day
from shared.schemas import Code, Input, LongText, Moment, Text, View

CampusCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,9}$")]
Number = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9A-Za-z\-]{6,40}$")]
Kind = Annotated[str, StringConstraints(pattern=r"^[a-z_0-9]{2,40}$")]
Level = Annotated[int, Field(ge=0, le=9)]


class PracticePlace(Input):
    """A campus where a licence is practised: the main place (主执业) or a filed one (多机构备案)."""

    campus: CampusCode
    kind: Literal["main", "filed"] = "main"


class _LicenceFields(Input):
    kind: Kind
    number: Number
    category: Kind | None = None
    scope: Text | None = None
    issuer: Text | None = None
    issued_on: Day | None = None
    valid_from: Day
    expires_on: Day | None = Field(default=None, description="有效期止（含当日）")
    places: list[PracticePlace] = Field(default=[], max_length=20, description="默认在本院区主执业")


class RecordLicence(_LicenceFields):
    """Record a licence of a person of the acting campus."""


class CorrectLicence(_LicenceFields):
    """Another row in the place of a wrong one."""

    reason: Text


class EndLicence(Input):
    """A licence ends early: revoked (吊销) or cancelled (注销). `last_day` is its last, by default yesterday."""

    reason: Text
    last_day: Day | None = None


class AddPracticePlace(Input):
    """A further practice place of a licence (多机构备案)."""

    campus: CampusCode
    valid_from: Day | None = None
    valid_to: Day | None = Field(default=None, description="首个不再执业的日期")


class GrantPrivilege(Input):
    """Grant a clinical privilege (授予处方权、手术权限等); `campuses` by default the acting one."""

    kind: Kind
    level: Level = 0
    campuses: list[CampusCode] = Field(default=[], max_length=20)
    procedures: list[Code] = Field(default=[], max_length=500)
    valid_from: At | None = None
    valid_to: At | None = None
    evidence: LongText
    source: Text | None = None

    @model_validator(mode="after")
    def _period(self) -> "GrantPrivilege":
        if self.valid_from is not None and self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("有效期止须晚于有效期起")
        return self


class SuspendPrivilege(Input):
    """Suspend a privilege (暂停), by default from now on and until it is resumed."""

    reason: Text
    valid_from: At | None = None
    valid_to: At | None = None
    source: Text | None = None


class EndPrivilege(Input):
    """Take a privilege back (收回), or let a suspended one count again."""

    reason: Text
    at: At | None = None


class Delegate(Input):
    """Let a named person hold a post of a unit for at most 14 days (代班)."""

    staff_id: UUID
    post: Code
    unit_id: UUID
    valid_from: At | None = None
    valid_to: At
    reason: Text


class EndDelegation(Input):
    reason: Text
    version: int


class SetStaffCode(Input):
    """The code by which another system knows a person, from a day on; null ends it."""

    code: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9A-Za-z]{6,30}$")] | None
    valid_from: Day | None = None


class RegisterSignature(Input):
    """Register a signature specimen (签名留样): a PNG picture, Base64, and the CA certificate's serial number."""

    picture: Annotated[Base64Bytes, Field(max_length=300_000)]
    certificate_serial: Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9A-Fa-f]{2,64}$")] | None = None


class RetireSignature(Input):
    reason: Text


class ChooseActing(Input):
    """Choose as what to act at the acting campus, at sign-on or when switching."""

    unit_id: UUID
    post: Code
    workstation_id: UUID | None = None


class PlaceOfLicence(View):
    campus: str
    kind: str
    valid_from: date
    valid_to: date | None


class LicenceView(View):
    licence_id: UUID
    staff_id: UUID
    kind: str
    kind_title: str
    number: str
    category: str | None
    scope: str | None
    issuer: str | None
    issued_on: date | None
    valid_from: date
    expires_on: date | None
    state: Literal["future", "valid", "expiring", "expired"]
    """Traffic light: `expiring` within 90 days."""
    places: list[PlaceOfLicence]
    end_reason: str | None


class ExpiringView(View):
    """A licence that ends soon."""

    licence_id: UUID
    staff_id: UUID
    staff_no: str
    name: str
    kind: str
    kind_title: str
    number: str
    expires_on: date
    days_left: int


class SuspensionView(View):
    suspension_id: UUID
    valid_from: Moment
    valid_to: Moment | None
    reason: str


class PrivilegeView(View):
    privilege_id: UUID
    staff_id: UUID
    kind: str
    level: int
    title: str
    campuses: list[str]
    procedures: list[str]
    valid_from: Moment
    valid_to: Moment | None
    evidence: str
    source: str
    state: Literal["future", "granted", "suspended", "ended"]
    suspensions: list[SuspensionView]


class VerdictView(View):
    """Whether a person may do something at a campus and a moment, why, and the row it rests on."""

    allowed: bool
    code: str
    reason: str
    source: str | None
    source_id: UUID | None
    at: Moment


class DelegationView(View):
    delegation_id: UUID
    staff_id: UUID
    campus_id: str
    unit_id: UUID
    post: str
    post_title: str
    valid_from: Moment
    valid_to: Moment
    reason: str
    status: str
    version: int


class StaffCodeView(View):
    system: str
    system_title: str
    code: str
    valid_from: date
    valid_to: date | None


class SignatureView(View):
    """A specimen; `state` is uploading, registered or retired, `sha256` the picture's hash in hexadecimal."""

    specimen_id: UUID | None
    staff_id: UUID
    state: str
    sha256: str | None
    certificate_serial: str | None
    valid_from: Moment | None
    valid_to: Moment | None


class ActingView(View):
    choice_id: UUID
    campus_id: str
    unit_id: UUID
    unit_name: str
    post: str
    post_title: str
    workstation_id: UUID | None
    chosen_at: Moment


class KindView(View):
    """A kind of licence or privilege one may record."""

    kind: str
    title: str
    levels: list[str]
    licences: list[str]
