"""Beds, workstations, the calendar, successions and codes of units, imports, lists."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Base64Bytes, Field, StringConstraints, model_validator

from functions.organisation.structure.schemas.structure import UnitKind
from functions.organisation.structure.schemas.times import Day
from shared.schemas import Code, Input, Moment, Text, View

BedNumber = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9A-Za-z+\-]{1,10}$")]
Share = Annotated[Decimal, Field(gt=0, le=1, max_digits=7, decimal_places=6)]
CampusCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,9}$")]
HostName = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[0-9A-Za-z.\-]{1,100}$")]
Fingerprint = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9A-Fa-f]{64}$")]


class BedClass(StrEnum):
    """Class of a bed."""

    NORMAL = "normal"  # 普通
    RESCUE = "rescue"  # 抢救
    INTENSIVE = "intensive"  # 监护
    MOTHER_BABY = "mother_baby"  # 母婴同室
    NEWBORN = "newborn"  # 新生儿
    ISOLATION = "isolation"  # 隔离
    DAY = "day"  # 日间
    OBSERVATION = "observation"  # 留观
    EXTRA = "extra"  # 加床
    COT = "cot"  # 婴儿床


class OutCause(StrEnum):
    """Why a bed is out of service."""

    DISINFECTION = "disinfection"  # 终末消毒
    MINOR_REPAIR = "minor_repair"  # 小修
    MAJOR_REPAIR = "major_repair"  # 大修
    REBUILDING = "rebuilding"  # 病房改扩建
    OTHER = "other"  # 其他


class _BedFields(Input):
    room_id: UUID | None = None
    bed_class: BedClass = BedClass.NORMAL
    established: bool = True
    open: bool = True
    gender: Literal["any", "1", "2"] = "any"
    price_class: Code | None = None
    nursing_group: Text | None = None

    @model_validator(mode="after")
    def _counted(self) -> "_BedFields":
        if self.bed_class in {BedClass.EXTRA, BedClass.COT} and (self.established or self.open):
            raise ValueError("加床和婴儿床不计入编制和开放床位")
        return self


class CreateBed(_BedFields):
    """A new bed of a ward from now on."""

    ward_id: UUID
    number: BedNumber


class ChangeBed(Input):
    """Change what is given of a bed from now on; the rest stays."""

    version: int
    reason: Text
    ward_id: UUID | None = None
    number: BedNumber | None = None
    room_id: UUID | None = None
    bed_class: BedClass | None = None
    established: bool | None = None
    open: bool | None = None
    gender: Literal["any", "1", "2"] | None = None
    price_class: Code | None = None
    nursing_group: Text | None = None


class BedOut(Input):
    """Out of service (停用) from now on."""

    version: int
    cause: OutCause
    reason: Text


class BedStep(Input):
    """Back in service (恢复), or retired (撤销); `confirmed` holds warnings read and accepted."""

    version: int
    reason: Text
    confirmed: list[Code] = Field(default=[], max_length=20)


class CreateWorkstation(Input):
    code: Code
    name: Text
    unit_id: UUID
    place_id: UUID | None = None
    host: HostName | None = None
    certificate: Fingerprint | None = None
    printers: dict[Code, Text] = Field(default={}, max_length=40, description="单据 -> 打印机")
    card_readers: list[Code] = Field(default=[], max_length=10)


class ChangeWorkstation(Input):
    """Change what is given of a workstation; the rest stays."""

    version: int
    name: Text | None = None
    unit_id: UUID | None = None
    place_id: UUID | None = None
    host: HostName | None = None
    certificate: Fingerprint | None = None
    printers: dict[Code, Text] | None = Field(default=None, max_length=40)
    card_readers: list[Code] | None = Field(default=None, max_length=10)


class RetireWorkstation(Input):
    version: int
    reason: Text


class DayOfCalendar(Input):
    """A day that is not as its weekday says. `clinics_open` by default as the kind suggests."""

    day: Day
    kind: Literal["holiday", "workday", "clinic"]
    clinics_open: bool | None = None
    name: Text

    @property
    def is_open(self) -> bool:
        """Clinics are open on a swapped workday, closed on a holiday and on a day closed for them."""
        return self.kind == "workday" if self.clinics_open is None else self.clinics_open


class SetCalendar(Input):
    """Enter or replace days; `everywhere` for all campuses (head hospital only); `cleared` days are as any other."""

    days: list[DayOfCalendar] = Field(default=[], max_length=200)
    cleared: list[Day] = Field(default=[], max_length=200)
    everywhere: bool = False
    reason: Text


class NewUnit(Input):
    """One of the units another one is split into: people and beds named go there, the others to the first."""

    code: Code
    name: Text
    share: Share | None = None
    staff_ids: list[UUID] = Field(default=[], max_length=500)
    bed_ids: list[UUID] = Field(default=[], max_length=500)


class SplitUnit(Input):
    """Split a unit (拆分) from a day on. `share`: what part of the old unit's figures each new one takes on."""

    into: list[NewUnit] = Field(min_length=2, max_length=10)
    effective_on: Day
    version: int
    reason: Text
    confirmed: list[Code] = Field(default=[], max_length=20)


class MergedUnit(Input):
    unit_id: UUID
    version: int
    back_share: Share | None = None


class MergeUnits(Input):
    """Merge units (合并) into a new one from a day on. `back_share`: what part of its figures each old one was."""

    units: list[MergedUnit] = Field(min_length=2, max_length=10)
    code: Code
    name: Text
    kind: UnitKind
    parent_id: UUID | None = None
    subject_code: Annotated[str, StringConstraints(pattern=r"^\d{2}(\.\d{2}){0,2}$")] | None = None
    effective_on: Day
    reason: Text
    confirmed: list[Code] = Field(default=[], max_length=20)


class SetUnitCode(Input):
    """The code another system knows a unit by, from a day on; null ends it."""

    code: Code | None
    name: Text | None = None
    valid_from: Day | None = None


class SetServes(Input):
    """A shared centre works for a campus from a day on, or no longer."""

    campus: CampusCode
    serves: bool = True
    valid_from: Day | None = None


class ImportSheet(Input):
    """A filled-in sheet (.xlsx or .xls, Base64). `dry_run` only tells what each row would become."""

    kind: Literal["staff", "units", "beds", "licences", "posts"]
    content: Annotated[Base64Bytes, Field(max_length=900_000)]
    dry_run: bool = True


class BedView(View):
    bed_id: UUID
    campus_id: str
    ward_id: UUID
    room_id: UUID | None
    room: str | None
    number: str
    bed_class: BedClass
    established: bool
    open: bool
    gender: str
    price_class: str | None
    nursing_group: str | None
    status: str
    out_cause: OutCause | None
    valid_from: Moment
    version: int


class BedHistoryView(View):
    """One period of a bed's life; the last one ended means retired."""

    ward_id: UUID
    number: str
    bed_class: BedClass
    established: bool
    open: bool
    status: str
    out_cause: OutCause | None
    valid_from: Moment
    valid_to: Moment | None
    reason: str


class BedCountView(View):
    """Beds of a ward at 24:00 of a day."""

    ward_id: UUID
    ward: str
    established: int
    open: int
    extra: int
    out_of_service: int
    total: int


class BedDaysView(View):
    """实际开放总床日数 of a ward over days."""

    ward_id: UUID
    ward: str
    days: int


class WorkstationView(View):
    workstation_id: UUID
    campus_id: str
    code: str
    name: str
    unit_id: UUID
    place_id: UUID | None
    host: str | None
    certificate: str | None
    printers: dict[str, str]
    card_readers: list[str]
    status: str
    version: int


class CalendarDayView(View):
    """One day of a campus; `name` and `reason_code` where it is not as its weekday says."""

    day: date
    clinics_open: bool
    workday: bool
    kind: str | None
    name: str | None
    hours: list[tuple[str, str]]


class SuccessionView(View):
    effective_on: date
    from_unit_id: UUID
    to_unit_id: UUID
    share: Decimal
    back_share: Decimal


class ShareView(View):
    unit_id: UUID
    share: Decimal


class ToldView(View):
    """What a unit's figures of one day count for in the structure of another."""

    unit_id: UUID
    shares: list[ShareView]


class UnitCodeView(View):
    unit_id: UUID
    system: str
    system_title: str
    code: str
    name: str
    valid_from: date
    valid_to: date | None


class CodedUnitView(View):
    unit_id: UUID
    unit_code: str
    name: str
    codes: dict[str, str]


class CentreView(View):
    unit_id: UUID
    campus_id: str
    code: str
    name: str
    serves_campus: str
    valid_from: date
    valid_to: date | None


class RowReport(View):
    """What became of a row of a sheet: loaded, valid (dry run) or refused, and what to mend."""

    row: int
    outcome: Literal["loaded", "valid", "refused"]
    message: str


class ImportView(View):
    import_id: UUID | None
    kind: str
    total: int
    loaded: int
    rows: list[RowReport]


class FindingView(View):
    """One line of a list of what needs looking after."""

    subject_id: UUID
    code: str
    name: str
    finding: str


class RatioView(View):
    """Staffing of a campus: open beds, people by category, 床护比 and 医护比 (to one)."""

    day: date
    open_beds: int
    doctors: int
    nurses: int
    ward_nurses: int
    nurses_per_bed: Decimal | None
    nurses_per_doctor: Decimal | None
