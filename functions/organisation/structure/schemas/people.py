"""Staff, posts and secondments."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from functions.organisation.structure.schemas.personal import IdNumber
from functions.organisation.structure.schemas.times import At, Day
from shared.schemas import Code, Input, Moment, Text, View

StaffNo = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9]{2,20}$")]
TitleCode = Annotated[str, StringConstraints(pattern=r"^\d{3}$")]
Mobile = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^1\d{10}$")]
OfficePhone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9\-转]{3,20}$")]
Share = Annotated[Decimal, Field(ge=0, le=100, max_digits=5, decimal_places=2)]


class StaffCategory(StrEnum):
    """Staff category (人员类别)."""

    DOCTOR = "doctor"  # 医
    PHARMACIST = "pharmacist"  # 药
    NURSE = "nurse"  # 护
    TECHNICIAN = "technician"  # 技
    MANAGEMENT = "management"  # 管
    SUPPORT = "support"  # 工勤


class EmploymentKind(StrEnum):
    """Kind of employment (用工性质)."""

    ESTABLISHED = "established"  # 编内
    CONTRACT = "contract"  # 编外
    REEMPLOYED = "reemployed"  # 返聘
    RESIDENT = "resident"  # 规培
    VISITING = "visiting"  # 进修
    INTERN = "intern"  # 实习
    THIRD_PARTY = "third_party"  # 第三方


class SecondmentKind(StrEnum):
    """Kind of secondment (派驻类别)."""

    MANAGEMENT = "management"  # 管理
    TECHNICAL = "technical"  # 技术
    CIRCUIT = "circuit"  # 巡诊
    ROTATION = "rotation"  # 轮转
    SUPPORT = "support"  # 支援


class Person(Input):
    staff_no: StaffNo
    name: Text
    category: StaffCategory
    title_code: TitleCode | None = None
    employment: EmploymentKind = EmploymentKind.ESTABLISHED
    mobile: Mobile | None = None
    office_phone: OfficePhone | None = None


class Founder(Person):
    """One of the first people of a campus, with the posts held in its root unit."""

    posts: list[Code] = Field(min_length=1, max_length=10)


class EngageStaff(Person):
    """Engage a person at the acting campus (入职)."""

    unit_id: UUID
    engaged_on: Day | None = Field(default=None, description="默认今天")
    id_number: IdNumber | None = None


class ChangeStaff(Input):
    """Change what is given of a person; the rest stays."""

    version: int
    reason: Text | None = None
    name: Text | None = None
    category: StaffCategory | None = None
    title_code: TitleCode | None = None
    employment: EmploymentKind | None = None
    mobile: Mobile | None = None
    office_phone: OfficePhone | None = None


class JoinUnit(Input):
    """Belong to a further unit over a period (兼属科室)."""

    unit_id: UUID
    valid_from: Day | None = None
    valid_to: Day | None = None


class ChangePrimaryUnit(Input):
    """Another primary unit from a day on (调科)."""

    unit_id: UUID
    effective_on: Day
    version: int
    reason: Text


class SuspendStaff(Input):
    reason: Text
    version: int


class EndStaff(Input):
    """Leaving (离职), by default now; at that minute posts, secondments and sign-ons end."""

    reason: Text
    version: int
    at: At | None = None


class AssignPost(Input):
    """Give a person a post (岗位任命) at the acting campus; without a unit, in the primary unit."""

    staff_id: UUID
    post: Code
    unit_id: UUID | None = None
    is_main: bool = True
    valid_from: At | None = None
    valid_to: At | None = None
    basis: Text | None = None

    @model_validator(mode="after")
    def _period(self) -> "AssignPost":
        if self.valid_from is not None and self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("任期结束须晚于开始")
        return self


class EndPost(Input):
    """End a post, by default now. `immediate` also refuses the tokens the person holds at this moment."""

    reason: Text
    at: At | None = None
    immediate: bool = False


class ProposeSecondment(Input):
    """Propose a secondment (派驻). Days run from `from_day` to `to_day`, both included."""

    staff_id: UUID
    receiving_campus: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,9}$")]
    unit_id: UUID
    kind: SecondmentKind
    posts: list[Code] = Field(min_length=1, max_length=10)
    mode: Literal["full_time", "weekdays", "dates", "standing"]
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(default=[], max_length=7)
    dates: list[Day] = Field(default=[], max_length=366)
    from_day: Day
    to_day: Day
    practice_filed: bool = False
    cost_share: Share = Decimal(0)
    performance_share: Share = Decimal(0)


class ApproveSecondment(Input):
    side: Literal["home", "receiving", "hr"]
    version: int


class FilePractice(Input):
    """The doctor's practice at the receiving campus is filed (多机构备案)."""

    version: int


class RenewSecondment(Input):
    """Go on with a secondment (续派) from its end to `to_day`, included; what is not given stays as it was."""

    to_day: Day
    mode: Literal["full_time", "weekdays", "dates", "standing"] | None = None
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] | None = Field(default=None, max_length=7)
    dates: list[Day] | None = Field(default=None, max_length=366)
    cost_share: Share | None = None
    performance_share: Share | None = None


class EndSecondment(Input):
    reason: Text
    version: int


class StaffView(View):
    """A person as every campus may see them; `mobile` only at the home campus."""

    staff_id: UUID
    staff_no: str
    name: str
    campus_id: str
    category: StaffCategory
    title_code: str | None
    title: str
    title_rank: str
    employment: EmploymentKind
    office_phone: str | None
    mobile: str | None
    engaged_on: date
    status: str
    leaves_at: Moment | None
    version: int


class StaffCardView(StaffView):
    """The staff card; with the time the account was last shut within a day (密码错误次数过多).

    `id_number`: with its middle hidden, for personnel of the home campus and the person only.
    """

    id_number: str | None
    sign_on_locked_at: Moment | None
    sign_on_locked_until: Moment | None


class DirectoryEntry(View):
    """One line of the directory (通讯录)."""

    staff_id: UUID
    staff_no: str
    name: str
    campus_id: str
    unit_name: str
    unit_phone: str | None
    """Phone of the unit, where somebody is on duty."""
    title: str
    office_phone: str | None
    mobile: str | None
    """Only at the home campus, and masked outside the person's unit."""


class StaffUnitView(View):
    staff_id: UUID
    staff_no: str
    name: str
    title: str
    title_rank: str
    unit_id: UUID
    is_primary: bool
    valid_from: date
    valid_to: date | None


class AssignmentView(View):
    assignment_id: UUID | None
    """Null for a post that comes with a secondment or a delegation."""
    secondment_id: UUID | None
    delegation_id: UUID | None
    staff_id: UUID
    campus_id: str
    post: str
    post_title: str
    unit_id: UUID
    is_main: bool
    valid_from: Moment
    valid_to: Moment | None


class HolderView(View):
    staff_id: UUID
    staff_no: str
    name: str
    office_phone: str | None
    unit_id: UUID
    post: str


class PostView(View):
    """A post template (岗位模板)."""

    code: str
    title: str
    consortium_wide: bool
    privileged: bool


class SecondmentView(View):
    secondment_id: UUID
    staff_id: UUID
    home_campus: str
    receiving_campus: str
    unit_id: UUID
    kind: SecondmentKind
    posts: list[str]
    mode: str
    weekdays: list[int]
    dates: list[date]
    valid_from: Moment
    valid_to: Moment
    practice_filed: bool
    cost_share: Decimal
    performance_share: Decimal
    status: str
    approvals: list[str]
    renews: UUID | None
    """The secondment this one goes on from."""
    version: int


class EpisodeView(View):
    """One period of a person's life here: unit, post, secondment, delegation, licence, privilege, suspension."""

    kind: str
    title: str
    campus_id: str
    subject_id: UUID
    unit_id: UUID | None
    valid_from: Moment
    valid_to: Moment | None
    note: str
