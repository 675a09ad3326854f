"""Events of the catalogue area."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from pydantic import Field

from events.envelope import Event


class ItemPublished(Event, type="catalogue.prices.item_published", subject="item_id"):
    """A charge item (收费项目) may be used from now on. Insurance looks for its national code.

    Items that came with a list are told of by `prices_batch_published` instead.
    """

    item_id: UUID
    code: str
    national_code: str | None
    kind: str
    fee_class: str


class ItemSuspended(Event, type="catalogue.prices.item_suspended", subject="item_id"):
    """A charge item can no longer be charged from a moment on; what is already charged stands."""

    item_id: UUID
    code: str
    stopped_from: datetime
    withdrawn: bool
    replacement_code: str | None


class PricePublished(Event, type="catalogue.prices.price_published", subject="item_id"):
    """A price was checked and takes effect at a moment. Billing prices unsettled lines again from then on.

    Prices that came with a list are told of by `prices_batch_published` instead.
    """

    item_id: UUID
    code: str
    version_id: UUID
    level: str
    payer_class: str
    campus_code: str | None
    """Null for the price of all campuses of the level."""
    old_price: Decimal | None
    new_price: Decimal
    effective_at: datetime


class PricesBatchPublished(Event, type="catalogue.prices.prices_batch_published", subject="batch_id"):
    """A whole price list was published in one transaction, or taken back before it took effect (`rolled_back`).

    It stands for the `item_published` and `price_published` of its items: a provincial list would be 80,000 of them.
    A long list is told in parts of some hundred items, in order; `prices.listed_prices` reads old and new prices.
    """

    batch_id: UUID
    items: int
    """Items of the whole list that are new or cost something else."""
    prices: int
    """Prices of the whole list."""
    effective_at: datetime
    part: int = 1
    parts: int = 1
    item_codes: list[str] = Field(default_factory=list)
    """Items of this part."""
    new_codes: list[str] = Field(default_factory=list)
    """Those of them that may be used from now on and could not before."""
    stopped_codes: list[str] = Field(default_factory=list)
    """Those of them a whole list names no more: they can't be charged from then on."""
    rolled_back: bool = False


class PriceCorrected(Event, type="catalogue.prices.price_corrected", subject="item_id"):
    """A wrong price was put right (更正). Lines charged at `wrong_version_id` in `[affected_from, affected_to)` were
    wrong: billing lists them by that version for refund or waiver. Open lines follow the new price by themselves."""

    correction_id: UUID
    item_id: UUID
    code: str
    wrong_version_id: UUID
    right_version_id: UUID | None
    """The version in force since; null when the wrong one had already ended."""
    wrong_price: Decimal
    right_price: Decimal
    affected_from: datetime
    affected_to: datetime
    campus_code: str | None
    """Null for the price of all campuses of the level."""


class PackageChanged(Event, type="catalogue.prices.package_changed", subject="package_code"):
    """A package (收费套餐) consists of other members from a moment on, or can no longer be used because one stopped."""

    package_code: str
    package_version_id: UUID | None
    effective_at: datetime
    usable: bool


class MappingChanged(Event, type="catalogue.prices.mapping_changed", subject="item_code"):
    """An item is mapped (对照) to another code of a scheme from a moment on. Insurance uploads by it."""

    item_code: str
    scheme: str
    target: str
    effective_at: datetime


class FindingOpened(Event, type="catalogue.prices.finding_opened", subject="finding_id"):
    """A monitoring rule found something in a day's charges. The executing department answers within seven days."""

    finding_id: UUID
    rule_id: UUID
    item_code: str
    charge_ids: list[UUID]
    unit_id: UUID | None
    amount: Decimal
    due_on: date


class SpecialShareExceeded(Event, type="catalogue.prices.special_share_exceeded", subject="warning_id"):
    """Special-need services of a month are above `limit` per cent of all medical services at a campus (特需服务超比例).
    `measure` is amount or times; told once by each. The price office and management look at what is offered."""

    warning_id: UUID
    month: date
    measure: str
    special: Decimal
    services: Decimal
    share: Decimal
    limit: Decimal


class CodeSystemPublished(Event, type="catalogue.codes.code_system_published", subject="system"):
    """A version of a code system was published and is in force from a moment on. Reports and the lake follow it."""

    system: str
    version_id: UUID
    label: str
    codes: int
    effective_from: datetime


class CodeWithdrawn(Event, type="catalogue.codes.code_withdrawn", subject="system"):
    """A code can no longer be chosen from a moment on; records that carry it stay as they are."""

    system: str
    code: str
    withdrawn_from: datetime
    successor: str | None


class CodeMappingPublished(Event, type="catalogue.codes.mapping_published", subject="from_system"):
    """Codes of one system are mapped to another's (对照) since a moment; so many rows at once."""

    from_system: str
    to_system: str
    rows: int
    effective_at: datetime


class LabItemChanged(Event, type="catalogue.codes.lab_item_changed", subject="code"):
    """A laboratory item or its reference ranges changed."""

    code: str
    version: int


class BindingChanged(Event, type="catalogue.codes.binding_changed", subject="field"):
    """A field of the data model takes its values from another system, or must take them now."""

    field: str
    system: str
    strength: str
