"""Requests and answers about diagnoses, conformity and laboratory items."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from functions.catalogue.codes.schemas import CodeText, SystemId, Version
from shared.schemas import Input, Moment, Text, View


class DiagnosisIn(Input):
    code: CodeText
    principal: bool = False
    age_days: Annotated[int | None, Field(ge=0, le=60_000)] = None


class CheckDiagnoses(Input):
    """Diagnoses of one record, for a purpose."""

    system: SystemId
    diagnoses: Annotated[list[DiagnosisIn], Field(min_length=1, max_length=60)]
    sex: Annotated[str | None, Field(pattern="^[0129]$")] = None
    age_days: Annotated[int | None, Field(ge=0, le=60_000)] = None
    purpose: Annotated[str, Field(pattern="^(clinical|front_page|settlement)$")] = "clinical"
    delivery_record: bool = False
    at: Moment | None = None


class FindingView(View):
    level: str
    code: str
    diagnosis: str
    message: str
    way_out: str
    replacements: list[str]


class CheckValues(Input):
    """Values of one field of a data set, to be measured against a system."""

    values: Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=10_000)]


class ConformityView(View):
    values: int
    conforming: int
    percent: Decimal
    strangers: list[str]


class RangeIn(Input):
    """A reference range. Ages in days, both inclusive; a number or a text."""

    sex: Annotated[str | None, Field(pattern="^[12]$")] = None
    age_from_days: Annotated[int, Field(ge=0, le=60_000)] = 0
    age_to_days: Annotated[int, Field(ge=0, le=60_000)] = 60_000
    week_from: Annotated[int | None, Field(ge=0, le=45)] = None
    week_to: Annotated[int | None, Field(ge=0, le=45)] = None
    low: Annotated[str | None, Field(pattern=r"^-?\d{1,9}(\.\d{1,4})?$")] = None
    high: Annotated[str | None, Field(pattern=r"^-?\d{1,9}(\.\d{1,4})?$")] = None
    text_value: Text | None = None


class SaveLabItem(Input):
    """A laboratory item with all its reference ranges. `version` is given when it exists."""

    version: Version | None = None
    name: Text
    short_name: Text
    specimen: Text
    method: Text
    unit: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00\s]+$", description="UCUM")]
    loinc: Annotated[str | None, Field(pattern=r"^\d{1,7}-\d$")] = None
    national_code: CodeText | None = None
    active: bool = True
    ranges: Annotated[list[RangeIn], Field(max_length=60)] = Field(default_factory=list)


class RangeView(View):
    sex: str | None
    age_from_days: int
    age_to_days: int
    week_from: int | None
    week_to: int | None
    low: str | None
    high: str | None
    text_value: str | None


class LabItemView(View):
    code: str
    name: str
    short_name: str
    specimen: str
    method: str
    unit: str
    loinc: str | None
    national_code: str | None
    active: bool
    ranges: list[RangeView]
    version: int
