"""Requests and answers of the charge catalogue."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from functions.organisation.structure.service import UnitKind
from shared.money import Money, Quantity, UnitPrice
from shared.schemas import Code, Input, LongText, Moment, Text, View


class Level(StrEnum):
    """Price level (价格等级): 三级, 二级, 一级."""

    TERTIARY = "tertiary"
    SECONDARY = "secondary"
    PRIMARY = "primary"


class ItemKind(StrEnum):
    """Kind of charge item."""

    REGISTRATION = "registration"
    SERVICE = "service"
    DRUG = "drug"
    CONSUMABLE = "consumable"
    BED = "bed"
    PACKAGE = "package"


FeeClass = Annotated[str, Field(pattern="^(0[1-9]|1[0-4])$", description="财政票据收费类别 01-14")]
NationalCode = Annotated[str, Field(pattern=r"^[0-9A-Za-z\-]{9,30}$", description="国家项目代码")]
UnitText = Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[^\x00]+$")]
Version = Annotated[int, Field(ge=1)]


class RequestKind(StrEnum):
    """What a charge may come from: a kind of request, a prescription, an order."""

    IMAGING = "imaging"
    ULTRASOUND = "ultrasound"
    ECG = "ecg"
    ENDOSCOPY = "endoscopy"
    LABORATORY = "laboratory"
    PATHOLOGY = "pathology"
    TREATMENT = "treatment"
    SURGERY = "surgery"
    ANAESTHESIA = "anaesthesia"
    TRANSFUSION = "transfusion"
    CONSULTATION = "consultation"
    PRESCRIPTION = "prescription"
    ORDER = "order"
    CHECKUP = "checkup"


class ItemLimits(Input):
    """Who an item may be charged to: a sex, an age in whole years (both inclusive), so much in one visit; who may carry
    it out; what it may be charged from.

    `executing_units` and `executing_kinds` together name the units that may (执行科室限制), without both any may; with
    `request_kinds` it is charged from one of these requests only (必需的申请类型), never entered directly.
    """

    sex: Annotated[str | None, Field(pattern="^[12]$")] = None
    age_min: Annotated[int | None, Field(ge=0, le=150)] = None
    age_max: Annotated[int | None, Field(ge=0, le=150)] = None
    per_visit: Quantity | None = None
    executing_units: Annotated[list[UUID] | None, Field(min_length=1, max_length=50)] = None
    executing_kinds: Annotated[list[UnitKind] | None, Field(min_length=1, max_length=10)] = None
    request_kinds: Annotated[list[RequestKind] | None, Field(min_length=1, max_length=20)] = None


class DefineUnit(Input):
    """A unit of charge (计价单位) the catalogue does not have yet."""

    unit: UnitText


class DraftItem(Input):
    """A new charge item as a draft. `basis_document` (依据文号) is what allows it: there are no free-text items."""

    code: Code
    national_code: NationalCode | None = None
    name: Text
    content: LongText | None = None
    excluded: LongText | None = None
    note: LongText | None = None
    unit: UnitText
    kind: ItemKind
    fee_class: FeeClass
    direct_entry: bool = False
    market_priced: bool = False
    special_need: bool = False
    max_quantity: Quantity | None = None
    max_per_day: Quantity | None = None
    quantity_step: Quantity | None = None
    limits: ItemLimits = ItemLimits()
    basis_document: Text


class ChangeItem(Input):
    """Change what is given of an item; the rest stays. Name, unit, kind and fee class only while it is a draft."""

    version: Version
    reason: Text
    national_code: NationalCode | None = None
    name: Text | None = None
    content: LongText | None = None
    excluded: LongText | None = None
    note: LongText | None = None
    unit: UnitText | None = None
    kind: ItemKind | None = None
    fee_class: FeeClass | None = None
    direct_entry: bool | None = None
    market_priced: bool | None = None
    special_need: bool | None = None
    max_quantity: Quantity | None = None
    max_per_day: Quantity | None = None
    quantity_step: Quantity | None = None
    limits: ItemLimits | None = None


class NameItem(Input):
    """All other names of an item (项目别名); `seen` are those the officer saw, so that two do not undo each other."""

    aliases: Annotated[list[Text], Field(max_length=20)]
    seen: Annotated[list[Text], Field(max_length=20)]


class DraftPrice(Input):
    """A price to be checked by a second officer. Without `valid_from` it takes effect when checked."""

    item_code: Code
    level: Level
    payer_class: Annotated[str, Field(pattern="^(all|resident|employee|self_pay|contract)$")] = "all"
    campus_id: Annotated[str | None, Field(pattern=r"^[a-z][a-z0-9]{1,9}$")] = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None
    unit_price: UnitPrice
    ceiling: UnitPrice | None = None
    basis_document: Text

    @model_validator(mode="after")
    def _period(self) -> "DraftPrice":
        if self.valid_to is not None and self.valid_from is not None and self.valid_to <= self.valid_from:
            raise ValueError("价格结束时间须晚于生效时间")
        return self


class StopItem(Input):
    """Suspend an item (停用), or withdraw it for good (废止), from a moment on."""

    version: Version
    stopped_from: Moment | None = None
    withdrawn: bool = False
    replacement_code: Code | None = None
    reason: Text


class ResumeItem(Input):
    version: Version
    reason: Text


def _without_nul(text: str) -> str:
    return text.replace("\x00", "\ufffd")


Cell = Annotated[str, Field(max_length=2100), AfterValidator(_without_nul)]
"""A cell of a spreadsheet as text. A character no database keeps becomes the replacement character: a fault."""
Row = Annotated[dict[Cell, Cell | None], Field(max_length=40)]
Rows = Annotated[list[Row], Field(min_length=1, max_length=2000)]


Covers = Annotated[list[ItemKind], Field(max_length=6)]


class ImportList(Input):
    """A price list as rows of a spreadsheet: each a mapping from column to text. Checked row by row.

    `covers`: kinds of items of which it is the whole list; what it does not name of them stops with its publication.
    """

    title: Text
    basis_document: Text
    effective_at: Moment | None = None
    covers: Covers = Field(default_factory=list)
    rows: Rows


class AddRows(Input):
    """Further rows of a list that is longer than one call."""

    version: Version
    rows: Rows


class FixRow(Input):
    """A row put right."""

    version: Version
    row: Row


class SetAside(Input):
    """Rows of a batch that are not to be published."""

    version: Version
    row_numbers: Annotated[list[Annotated[int, Field(ge=1, le=32_000)]], Field(min_length=1, max_length=2000)]


class PublishBatch(Input):
    """`stops`: how many items not on a whole list stop, as the officer saw it."""

    version: Version
    stops: Annotated[int | None, Field(ge=0)] = None


class DiscardBatch(Input):
    version: Version
    reason: Text


class ItemView(View):
    item_id: UUID
    code: str
    national_code: str | None
    name: str
    content: str
    excluded: str
    note: str | None
    unit: str
    kind: ItemKind
    fee_class: str
    direct_entry: bool
    market_priced: bool
    special_need: bool
    max_quantity: Quantity | None
    max_per_day: Quantity | None
    quantity_step: Quantity | None
    limits: dict[str, Any]
    trial_until: date | None
    basis_document: str
    status: str
    stopped_from: Moment | None
    replacement_code: str | None
    version: int


class PriceView(View):
    version_id: UUID
    item_id: UUID
    level: Level
    payer_class: str
    campus_id: str | None
    valid_from: Moment
    valid_to: Moment | None
    unit_price: UnitPrice
    ceiling: UnitPrice | None
    basis_document: str
    status: str
    maker: str
    checker: str | None


class ItemCardView(View):
    """An item with the whole history of its prices."""

    item: ItemView
    prices: list[PriceView]


class PricedItemView(View):
    """An item with the price that is in force here now."""

    item_id: UUID
    code: str
    national_code: str | None
    name: str
    unit: str
    kind: ItemKind
    fee_class: str
    unit_price: UnitPrice
    direct_entry: bool


class PublicPriceView(View):
    """What patients are shown of an item (明码标价)."""

    code: str
    national_code: str | None
    name: str
    unit: str
    kind: ItemKind
    fee_class: str
    unit_price: UnitPrice
    content: str
    excluded: str
    note: str | None
    basis_document: str


class ComingPriceView(View):
    """A price that takes effect later; `own` for a market-regulated price of this campus."""

    code: str
    name: str
    unit: str
    old_price: UnitPrice | None
    new_price: UnitPrice
    effective_at: Moment
    basis_document: str
    own: bool


class PriceEffectView(View):
    """What a price means at this campus: charged volume times the difference to the price before.

    `yearly_quantity` is that of the twelve months before it takes effect (or before today), `since_quantity` what was
    charged since it holds.
    """

    item_code: str
    old_price: UnitPrice | None
    new_price: UnitPrice
    yearly_quantity: Decimal
    yearly_difference: Money
    since_quantity: Decimal
    since_difference: Money


class WaitingPriceView(View):
    """A price that waits for its second officer."""

    item_code: str
    item_name: str
    price: PriceView


class FaultView(View):
    row_no: int
    faults: list[str]
    content: dict[str, Any]


class BatchView(View):
    """A batch: how many rows, what they would do, and which are wrong and not yet set aside (the first 200)."""

    batch_id: UUID
    title: str
    status: str
    effective_at: Moment | None
    rows: int
    new: int
    changed: int
    same: int
    set_aside: int
    wrong: int
    ignored: int
    """Rows of the sheet that are none: headings, classification, notes, blanks."""
    covers: list[ItemKind]
    faults: list[FaultView]
    version: int


class MissingItemView(View):
    """An item in use that a whole list does not name."""

    code: str
    name: str
    kind: ItemKind
    unit: str


class BatchLineView(View):
    batch_id: UUID
    title: str
    status: str
    effective_at: Moment | None
    made_at: Moment
    version: int
