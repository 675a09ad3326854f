"""Requests and answers of the charge catalogue."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from shared.money import Quantity, UnitPrice
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


class DraftItem(Input):
    """A new charge item as a draft. `basis_document` (依据文号) is what allows it: there are no free-text items."""

    code: Code
    national_code: NationalCode | None = None
    name: Text
    content: LongText | None = None
    excluded: LongText | None = None
    unit: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[^\x00]+$")]
    kind: ItemKind
    fee_class: FeeClass
    direct_entry: bool = False
    max_quantity: Quantity | None = None
    basis_document: Text


class DraftPrice(Input):
    """A price to be checked by a second officer. Without `valid_from` it takes effect when checked."""

    item_code: Code
    level: Level
    payer_class: Annotated[str, Field(pattern="^(all|resident|employee|self_pay|contract)$")] = "all"
    campus_id: Annotated[str | None, Field(pattern=r"^[a-z][a-z0-9]{1,9}$")] = None
    valid_from: Moment | None = None
    unit_price: UnitPrice
    ceiling: UnitPrice | None = None
    basis_document: Text


class StopItem(Input):
    """Suspend an item (停用) from a moment on."""

    version: Annotated[int, Field(ge=1)]
    stopped_from: Moment | None = None
    replacement_code: Code | None = None
    reason: Text


class ImportList(Input):
    """A price list as rows of a spreadsheet: each a mapping from column to text. Checked row by row."""

    title: Text
    basis_document: Text
    effective_at: Moment | None = None
    rows: Annotated[list[dict[str, str | None]], Field(min_length=1, max_length=2000)]


class SetAside(Input):
    """Rows of a batch that are not to be published."""

    version: Annotated[int, Field(ge=1)]
    row_numbers: Annotated[list[Annotated[int, Field(ge=1, le=2000)]], Field(min_length=1, max_length=2000)]


class PublishBatch(Input):
    version: Annotated[int, Field(ge=1)]


class ItemView(View):
    item_id: UUID
    code: str
    national_code: str | None
    name: str
    content: str
    excluded: str
    unit: str
    kind: ItemKind
    fee_class: str
    direct_entry: bool
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


class FaultView(View):
    row_no: int
    faults: list[str]
    content: dict[str, Any]


class BatchView(View):
    """A batch: how many rows, which are wrong and not yet set aside."""

    batch_id: UUID
    title: str
    status: str
    effective_at: Moment | None
    rows: int
    set_aside: int
    faults: list[FaultView]
    version: int
