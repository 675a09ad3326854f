"""Campuses, settings, units and places."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, field_validator

from functions.organisation.structure.rules import valid_uscc
from functions.organisation.structure.schemas.people import Founder
from functions.organisation.structure.schemas.times import At, Day
from shared.schemas import Code, Input, LongText, Moment, Text, View

PriceLevel = Literal["tertiary", "secondary", "primary"]
CampusCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,9}$")]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9+\-转 ]{3,30}$")]
Digits = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9A-Za-z]{6,40}$")]


class UnitKind(StrEnum):
    """What a unit is."""

    CAMPUS = "campus"  # 院区 (the root)
    CLINICAL = "clinical"  # 临床
    MEDTECH = "medtech"  # 医技
    PHARMACY = "pharmacy"  # 药房、药库
    NURSING = "nursing"  # 病区、护理单元
    CLINIC_AREA = "clinic_area"  # 诊区
    ADMINISTRATIVE = "administrative"  # 行政后勤
    SHARED_CENTRE = "shared_centre"  # 共享中心
    COMMITTEE = "committee"  # 委员会
    VIRTUAL = "virtual"  # 虚拟（MDT、诊疗组）


class PlaceKind(StrEnum):
    """What a place is. A place lies in a wider one: buildings hold floors, floors hold areas, areas hold the rest."""

    BUILDING = "building"  # 楼
    FLOOR = "floor"  # 层
    CLINIC_AREA = "clinic_area"  # 诊区
    ROOM = "room"  # 诊室
    COUNTER = "counter"  # 窗口
    BLOOD_DESK = "blood_desk"  # 采血台
    INFUSION_CHAIR = "infusion_chair"  # 输液座椅
    TREATMENT_POSITION = "treatment_position"  # 治疗位
    OPERATING_ROOM = "operating_room"  # 手术间
    EXAMINATION_ROOM = "examination_room"  # 检查室

    @property
    def depth(self) -> int:
        """How deep it lies: a place only lies in one of smaller depth, so places form no cycle."""
        return {"building": 0, "floor": 1, "clinic_area": 2}.get(self.value, 3)


class _CampusFields(Input):
    grade: Text | None = None
    licence_no: Digits | None = None
    licence_valid_to: Day | None = None
    uscc: Annotated[str, StringConstraints(to_upper=True, min_length=18, max_length=18)] | None = None
    institution_code: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{22}$")] | None = None
    insurance_code: Annotated[str, StringConstraints(pattern=r"^H\d{11}$")] | None = None
    phone: Phone | None = None
    licensed_beds: Annotated[int, Field(ge=0, le=10_000)] | None = None
    edge_identity: Code | None = None

    @field_validator("uscc")
    @classmethod
    def _uscc(cls, value: str | None) -> str | None:
        if value is not None and not valid_uscc(value):
            raise ValueError("统一社会信用代码校验位不正确，请核对")
        return value


class OpenCampus(_CampusFields):
    """Open a campus (开设院区). `founders` are its first people, so that somebody can sign on there."""

    code: CampusCode
    letter: Annotated[str, StringConstraints(pattern=r"^[A-Z]$")]
    name: Text
    short_name: Text
    price_level: PriceLevel
    address: Text
    is_head: bool = False
    opened_on: Day | None = Field(default=None, description="默认今天")
    founders: list[Founder] = Field(default=[], max_length=20)


class ChangeCampus(_CampusFields):
    """Change what is given of a campus; the rest stays."""

    name: Text | None = None
    short_name: Text | None = None
    address: Text | None = None
    version: int


class CloseCampus(Input):
    reason: Text
    version: int


class SetPriceLevel(Input):
    """Another price level (价格等级) from a moment on."""

    price_level: PriceLevel
    valid_from: At
    reason: Text


class ChangeSetting(Input):
    """Another value of a campus setting from a moment on, by default now."""

    value: bool | int | Annotated[str, StringConstraints(max_length=200)]
    valid_from: At | None = None
    reason: Text | None = None


class CreateUnit(Input):
    """A new unit (科室); without a parent it stands under the root."""

    code: Code
    name: Text
    short_name: Text | None = None
    kind: UnitKind
    parent_id: UUID | None = None
    subject_code: Annotated[str, StringConstraints(pattern=r"^\d{2}(\.\d{2}){0,2}$")] | None = None
    location: Text | None = None
    phone: Phone | None = None
    valid_from: Day | None = Field(default=None, description="默认今天")


class ChangeUnit(Input):
    """Rename a unit, or change what else is given, from a day on."""

    effective_on: Day
    version: int
    reason: Text
    name: Text | None = None
    short_name: Text | None = None
    kind: UnitKind | None = None
    subject_code: Annotated[str, StringConstraints(pattern=r"^\d{2}(\.\d{2}){0,2}$")] | None = None
    location: Text | None = None
    phone: Phone | None = None


class MoveUnit(Input):
    """Put a unit under another one from a day on."""

    parent_id: UUID
    effective_on: Day
    version: int
    reason: Text


class CloseUnit(Input):
    """Close a unit; `closes_on` is the first day without it. `confirmed` holds warnings read and accepted."""

    closes_on: Day
    version: int
    reason: Text
    confirmed: list[Code] = Field(default=[], max_length=20)


class CreatePlace(Input):
    kind: PlaceKind
    code: Code
    name: Text
    parent_id: UUID | None = None
    unit_id: UUID | None = None
    directions: LongText | None = None


class ChangePlace(Input):
    """Change what is given of a place; the rest stays."""

    version: int
    reason: Text | None = None
    name: Text | None = None
    parent_id: UUID | None = None
    unit_id: UUID | None = None
    directions: LongText | None = None


class ClosePlace(Input):
    version: int
    reason: Text


class CampusView(View):
    code: str
    letter: str
    name: str
    short_name: str
    is_head: bool
    price_level: str
    price_level_label: str
    grade: str | None
    licence_no: str | None
    licence_valid_to: date | None
    uscc: str | None
    institution_code: str | None
    insurance_code: str | None
    address: str
    phone: str | None
    licensed_beds: int | None
    edge_identity: str | None
    status: str
    opened_on: date
    version: int


class SettingView(View):
    key: str
    title: str
    value: bool | int | str
    valid_from: Moment | None


class UnitView(View):
    unit_id: UUID
    campus_id: str
    code: str
    name: str
    short_name: str
    initials: str
    kind: UnitKind
    parent_id: UUID | None
    subject_code: str | None
    location: str | None
    phone: str | None
    valid_from: date
    valid_to: date | None
    reason: str
    version: int


class PlaceView(View):
    place_id: UUID
    campus_id: str
    kind: PlaceKind
    code: str
    name: str
    building: str
    floor: str
    parent_id: UUID | None
    unit_id: UUID | None
    directions: str
    status: str
    version: int


class ChangeView(View):
    """One line of the change log."""

    changed_at: Moment
    changed_by: str
    change: str
    before: dict[str, object]
    after: dict[str, object]
    reason: str
