"""Items, price versions and import batches."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import QUANTITY, UNIT_PRICE, Model

CATALOGUE = "catalogue"
BY_CODE_POINT = Text(collation="C")
"""Texts searched by their beginning: a range of code points, in any locale of the database."""


class ChargeUnit(Model):
    """A unit of charge (计价单位) items may be priced by, such as 次, 日, 项."""

    __tablename__ = "charge_units"
    __table_args__ = ({"schema": CATALOGUE},)

    unit: Mapped[str] = mapped_column(Text, primary_key=True)


class ChargeItem(Model):
    """A charge item (收费项目). One list for the consortium; the campus's price level decides what it costs there.

    Status: draft, published, suspended, withdrawn. A suspended or withdrawn item can be charged until `stopped_from`.
    """

    __tablename__ = "charge_items"
    __table_args__ = (
        UniqueConstraint("code"),
        Index(None, "name"),
        Index(None, "initials"),
        Index(None, "wubi"),
        Index("ix_charge_items_without_wubi", "item_id", postgresql_where=text("wubi IS NULL")),
        Index(None, "stopped_with", postgresql_where=text("stopped_with IS NOT NULL")),
        Index("ix_charge_items_special_need", "code", postgresql_where=text("special_need")),
        CheckConstraint("market_priced OR NOT special_need", name="special_need"),
        {"schema": CATALOGUE},
    )

    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    national_code: Mapped[str | None] = mapped_column(Text)
    """Nine digits of the 2001/2012 specification, or the insurance code."""
    name: Mapped[str] = mapped_column(BY_CODE_POINT)
    initials: Mapped[str] = mapped_column(BY_CODE_POINT)
    """Pinyin initials in lower case."""
    content: Mapped[str] = mapped_column(Text)
    """项目内涵."""
    excluded: Mapped[str] = mapped_column(Text)
    """除外内容."""
    unit: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.charge_units.unit"))
    kind: Mapped[str] = mapped_column(Text)
    fee_class: Mapped[str] = mapped_column(Text)
    """Receipt fee class 01-14 (财政票据, med_chrgitm_type)."""
    direct_entry: Mapped[bool]
    """收费处可录."""
    market_priced: Mapped[bool]
    """市场调节价: a campus may set a price of its own."""
    max_quantity: Mapped[Decimal | None] = mapped_column(QUANTITY)
    """Most of one charge line, in `unit`."""
    max_per_day: Mapped[Decimal | None] = mapped_column(QUANTITY)
    """Most for one patient in one day, in `unit`: 24 for an hourly item, 1 for a bed-day."""
    quantity_step: Mapped[Decimal | None] = mapped_column(QUANTITY)
    """Quantities are multiples of this; null admits any."""
    basis_document: Mapped[str] = mapped_column(Text)
    """依据文号."""
    status: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Text)
    stopped_from: Mapped[datetime | None] = mapped_column(default=None)
    replacement_code: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)
    limits: Mapped[dict[str, Any]] = mapped_column(JSONB, default_factory=dict)
    """Who it may be charged to: `sex` (1 or 2), `age_min` and `age_max` in whole years, `per_visit` in `unit`; who may
    carry it out: `executing_units`, `executing_kinds`; what it may be charged from: `request_kinds`."""
    trial_until: Mapped[date | None] = mapped_column(default=None)
    """Last day of a trial price (试行价格), two years at most after its publication."""
    note: Mapped[str | None] = mapped_column(Text, default=None)
    """计价说明."""
    stopped_with: Mapped[UUID | None] = mapped_column(default=None)
    """The whole list that no longer named it and stopped it by its publication."""
    wubi: Mapped[str | None] = mapped_column(BY_CODE_POINT, default=None)
    """First letters of the wubi of the name, or what its list gives; null until it is worked out."""
    special_need: Mapped[bool] = mapped_column(default=False)
    """特需服务: beyond basic care, at a market-regulated price; its share of all services is watched."""


class ItemAlias(Model):
    """Another name an item is searched by (项目别名), such as 血常规. One that is taken back stays as a retired row."""

    __tablename__ = "item_aliases"
    __table_args__ = (
        Index("ix_item_aliases_alias", "alias", postgresql_where=text("retired_at IS NULL")),
        Index("ix_item_aliases_initials", "initials", postgresql_where=text("retired_at IS NULL")),
        Index("ix_item_aliases_wubi", "wubi", postgresql_where=text("retired_at IS NULL")),
        Index("ix_item_aliases_without_wubi", "alias", postgresql_where=text("wubi IS NULL")),
        {"schema": CATALOGUE},
    )

    item_code: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.charge_items.code"), primary_key=True)
    alias: Mapped[str] = mapped_column(BY_CODE_POINT, primary_key=True)
    initials: Mapped[str] = mapped_column(BY_CODE_POINT)
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(Text)
    retired_at: Mapped[datetime | None] = mapped_column(default=None)
    wubi: Mapped[str | None] = mapped_column(BY_CODE_POINT, default=None)
    """As of an item."""


class PriceVersion(Model):
    """A price of an item for a level, a payer class and a campus (null: all) during a period.

    Status: draft (made by one officer), checked (by another; in force by its period alone), cancelled. A checked
    price is never edited: a trigger lets its successor end its period, and gives the end back when the successor is
    cancelled before it began.
    """

    __tablename__ = "price_versions"
    __table_args__ = (
        ExcludeConstraint(
            ("item_id", "="),
            ("level", "="),
            ("payer_class", "="),
            (func.coalesce(text("campus_id"), text("'*'")), "="),
            (func.tstzrange(text("valid_from"), text("valid_to")), "&&"),
            name="ex_price_versions_period",
            where=text("status = 'checked'"),
        ),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="period"),
        CheckConstraint("unit_price >= 0 AND (ceiling IS NULL OR unit_price <= ceiling)", name="price"),
        CheckConstraint("checker IS NULL OR checker <> maker", name="two_people"),
        CheckConstraint("level IN ('tertiary', 'secondary', 'primary')", name="level"),
        Index(
            "ix_price_versions_checked", "item_id", "level", "valid_from", postgresql_where=text("status = 'checked'")
        ),
        Index("ix_price_versions_from", "valid_from", postgresql_where=text("status = 'checked'")),
        Index("ix_price_versions_drafts", "version_id", postgresql_where=text("status = 'draft'")),
        Index(None, "item_id", "valid_from"),
        Index(None, "batch_id", postgresql_where=text("batch_id IS NOT NULL")),
        {"schema": CATALOGUE},
    )

    version_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.charge_items.item_id"))
    level: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[datetime]
    unit_price: Mapped[Decimal] = mapped_column(UNIT_PRICE)
    basis_document: Mapped[str] = mapped_column(Text)
    maker: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    payer_class: Mapped[str] = mapped_column(Text, default="all")
    campus_id: Mapped[str | None] = mapped_column(Text, default=None)
    valid_to: Mapped[datetime | None] = mapped_column(default=None)
    ceiling: Mapped[Decimal | None] = mapped_column(UNIT_PRICE, default=None)
    status: Mapped[str] = mapped_column(Text, default="draft")
    checker: Mapped[str | None] = mapped_column(Text, default=None)
    checked_at: Mapped[datetime | None] = mapped_column(default=None)
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("catalogue.import_batches.batch_id"), default=None)
    succeeded_by: Mapped[UUID | None] = mapped_column(default=None)
    """The version whose beginning ended this one; null for an end of its own."""
    cancelled_by: Mapped[str | None] = mapped_column(Text, default=None)


class ImportBatch(Model):
    """A price list handed in as rows. Nothing of it is in force before every row is good or set aside and a second
    officer publishes it whole. Status: open, published, rolled_back (before it took effect), discarded."""

    __tablename__ = "import_batches"
    __table_args__ = ({"schema": CATALOGUE},)

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    basis_document: Mapped[str] = mapped_column(Text)
    effective_at: Mapped[datetime | None]
    """Null: at publication."""
    maker: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(Text, default="open")
    checker: Mapped[str | None] = mapped_column(Text, default=None)
    published_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)
    file_id: Mapped[UUID | None] = mapped_column(default=None)
    """The original spreadsheet, kept as it came."""
    undoes: Mapped[UUID | None] = mapped_column(default=None)
    """The published batch whose prices this one puts back."""
    covers: Mapped[list[str] | None] = mapped_column(default=None)
    """Kinds of items of which it is the whole list; what it does not name of them stops with its publication."""
    ignored: Mapped[int | None] = mapped_column(default=None)
    """Rows of its sheet that are none: headings, classification, notes, blanks."""


class ImportRow(Model):
    """One row of a batch: as it came, what it would do (new, changed, same), what is wrong with it, and whether it was
    set aside."""

    __tablename__ = "import_rows"
    __table_args__ = (UniqueConstraint("batch_id", "row_no"), {"schema": CATALOGUE})

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.import_batches.batch_id"))
    row_no: Mapped[int] = mapped_column(SmallInteger)
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    change: Mapped[str] = mapped_column(Text)
    """new item, changed price, same as now; empty for a row with faults."""
    faults: Mapped[list[str]]
    set_aside: Mapped[bool] = mapped_column(default=False)
