"""Requests and answers about corrections, applications, complaints, findings, and lists from files."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from functions.catalogue.prices.schemas import Covers, FeeClass, ItemKind, Level, UnitText, Version
from functions.catalogue.prices.schemas.rules import Codes
from shared.money import Money, MoneyAmount, Quantity, UnitPrice
from shared.schemas import Code, Input, LongText, Moment, Text, View


class ProposeCorrection(Input):
    """A price that was wrong (更正). `right_price` is what it should have been."""

    version_id: UUID
    right_price: UnitPrice
    reason: LongText
    basis_document: Text


class DecideCorrection(Input):
    """One of the three approvals, or the refusal."""

    version: Version
    passed: bool = True


class CorrectionView(View):
    correction_id: UUID
    item_code: str
    wrong_version_id: UUID
    right_version_id: UUID | None
    campus_id: str | None
    wrong_price: UnitPrice
    right_price: UnitPrice
    affected_from: Moment
    affected_to: Moment | None
    reason: str
    basis_document: str
    status: str
    maker: str
    approved_price: str | None
    approved_finance: str | None
    approved_director: str | None
    version: int


class Comparable(Input):
    place: Text
    price: UnitPrice


class ApplyForItem(Input):
    """A new item a department would charge: what it contains, costs, and costs elsewhere."""

    unit_id: UUID | None = None
    name: Text
    content: LongText
    charge_unit: UnitText
    costs: Annotated[dict[Annotated[str, Field(max_length=40)], MoneyAmount], Field(min_length=1, max_length=40)]
    comparables: Annotated[list[Comparable], Field(max_length=20)] = Field(default_factory=list)
    proposed_price: UnitPrice
    basis_document: Text


class Step(StrEnum):
    """Steps of an application in their order; a withdrawal ends it."""

    COMMITTEE = "committee"
    CONSORTIUM = "consortium"
    PROVINCE = "province"
    PUBLICATION = "publication"


class DecideApplication(Input):
    """A decision of the next step. The provincial one carries its number, the publication the item and the last day
    of a trial price."""

    step: Step
    passed: bool
    opinion: LongText
    approval_no: Text | None = None
    item_code: Code | None = None
    trial_until: date | None = None


class WithdrawApplication(Input):
    reason: Text


class DecisionView(View):
    step: str
    passed: bool
    opinion: str
    approval_no: str | None
    item_code: str | None
    decided_at: Moment
    decided_by: str


class ApplicationView(View):
    application_id: UUID
    campus_id: str
    unit_id: UUID | None
    name: str
    content: str
    charge_unit: str
    costs: dict[str, Any]
    cost: Money
    comparables: list[Any]
    proposed_price: UnitPrice
    basis_document: str
    applied_at: Moment
    applied_by: str
    state: str
    decisions: list[DecisionView]


class RegisterComplaint(Input):
    """A complaint about a price (价格投诉)."""

    channel: Annotated[str, Field(pattern="^(window|phone|letter|online)$")]
    patient_id: UUID | None = None
    content: LongText
    item_codes: Codes = Field(default_factory=list)


class AnswerComplaint(Input):
    version: Version
    founded: bool
    answer: LongText
    refund_id: UUID | None = None


class ComplaintView(View):
    complaint_id: UUID
    channel: str
    patient_id: UUID | None
    content: str
    item_codes: list[str]
    received_at: Moment
    due_on: date
    status: str
    overdue: bool
    founded: bool | None
    answer: str | None
    answered_at: Moment | None
    refund_id: UUID | None
    version: int


class MonitorKind(StrEnum):
    """duplicate: more lines of an item in a day than `times`; over_quantity: more than `quantity`; beside: together
    with one of `others`; many_lines: at least `times` different items of the rule in a day (split charging)."""

    DUPLICATE = "duplicate"
    OVER_QUANTITY = "over_quantity"
    BESIDE = "beside"
    MANY_LINES = "many_lines"


class DefineMonitorRule(Input):
    kind: MonitorKind
    title: Text
    item_codes: Annotated[Codes, Field(min_length=1)]
    times: Annotated[int | None, Field(ge=1, le=1000)] = None
    quantity: Quantity | None = None
    others: Codes = Field(default_factory=list)
    basis_document: Text


class StopMonitorRule(Input):
    version: Version


class MonitorRuleView(View):
    rule_id: UUID
    kind: str
    title: str
    item_codes: list[str]
    params: dict[str, Any]
    basis_document: str
    active: bool
    version: int


class AnswerFinding(Input):
    version: Version
    answer: LongText
    refund_proposed: MoneyAmount | None = None


class CloseFinding(Input):
    version: Version


class FindingView(View):
    finding_id: UUID
    rule_id: UUID
    day: date
    patient_id: UUID
    item_code: str
    charge_ids: list[UUID]
    unit_id: UUID | None
    message: str
    amount: MoneyAmount
    due_on: date
    status: str
    answer: str | None
    refund_proposed: Money | None
    version: int


class AnnounceFile(Input):
    """A spreadsheet to come: its parts follow, base64, in pieces of `part_bytes`."""

    name: Text
    size: Annotated[int, Field(ge=1, le=64 * 1024 * 1024)]


class FilePart(Input):
    content: Annotated[str, Field(min_length=4, max_length=720_000, pattern=r"^[A-Za-z0-9+/=]+$")]


class FileView(View):
    file_id: UUID
    name: str
    size: int
    status: str
    sha256: str | None
    parts: int
    part_bytes: int


class ImportFile(Input):
    """A received spreadsheet as a price list."""

    file_id: UUID
    title: Text
    basis_document: Text
    effective_at: Moment | None = None
    covers: Covers = Field(default_factory=list)


class AdjustPrices(Input):
    """A change of many prices by a percentage (批量调价): every listed item, or every item of the classes and kinds.

    `percent` is what the new price is of the old: 110 raises by a tenth. New prices are rounded half up to `places`.
    """

    title: Text
    basis_document: Text
    percent: Annotated[Decimal, Field(gt=0, le=1000, max_digits=7, decimal_places=3)]
    places: Annotated[int, Field(ge=0, le=4)] = 2
    levels: Annotated[list[Level], Field(min_length=1, max_length=3)]
    item_codes: Codes = Field(default_factory=list)
    kinds: Annotated[list[ItemKind], Field(max_length=6)] = Field(default_factory=list)
    fee_classes: Annotated[list[FeeClass], Field(max_length=14)] = Field(default_factory=list)
    effective_at: Moment


class UndoBatch(Input):
    version: Version
    reason: Text


class EffectLine(View):
    """What a change of price would have meant with the volume of the last twelve months here."""

    item_code: str
    quantity: Decimal
    old_price: UnitPrice | None
    new_price: UnitPrice
    difference: Money


class EffectView(View):
    lines: list[EffectLine]
    total: Money
    """Yuan a year; less than nothing when patients pay less."""


class DifferenceView(View):
    """An item whose price differs between two campuses; null where it has none."""

    code: str
    name: str
    here: UnitPrice | None
    there: UnitPrice | None


class CatalogueFault(View):
    """What contradicts itself in the catalogue."""

    kind: str
    code: str
    detail: str


class TrialView(View):
    code: str
    name: str
    trial_until: date
