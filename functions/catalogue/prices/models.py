"""Tables of the charge catalogue: items, price versions and import batches."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import QUANTITY, UNIT_PRICE, Model

CATALOGUE = "catalogue"


class ChargeItem(Model):
    """A charge item (收费项目). One list for the consortium; the campus's price level decides what it costs there.

    Status: draft, published, suspended, withdrawn.
    """

    __tablename__ = "charge_items"
    __table_args__ = (
        UniqueConstraint("code"),
        Index("ix_charge_items_name", text('name COLLATE "C"')),
        Index("ix_charge_items_initials", text('initials COLLATE "C"')),
        {"schema": CATALOGUE},
    )

    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    national_code: Mapped[str | None] = mapped_column(Text)
    """Nine digits of the 2001/2012 specification, or the insurance code."""
    name: Mapped[str] = mapped_column(Text)
    initials: Mapped[str] = mapped_column(Text)
    """Pinyin initials in lower case."""
    content: Mapped[str] = mapped_column(Text)
    """项目内涵."""
    excluded: Mapped[str] = mapped_column(Text)
    """除外内容."""
    unit: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    fee_class: Mapped[str] = mapped_column(Text)
    """Receipt fee class 01-14 (财政票据, med_chrgitm_type)."""
    direct_entry: Mapped[bool]
    """收费处可录."""
    max_quantity: Mapped[Decimal | None] = mapped_column(QUANTITY)
    basis_document: Mapped[str] = mapped_column(Text)
    """依据文号."""
    status: Mapped[str] = mapped_column(Text)
    stopped_from: Mapped[datetime | None] = mapped_column(default=None)
    replacement_code: Mapped[str | None] = mapped_column(Text, default=None)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)


class PriceVersion(Model):
    """A price of an item for a level, a payer class and a campus (null: all) during a period.

    Status: draft (made by one officer), checked (by another; in force by its period alone), cancelled. A checked
    price is never edited; its successor ends its period.
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
        Index(None, "item_id", "valid_from"),
        {"schema": CATALOGUE},
    )

    version_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.charge_items.item_id"))
    level: Mapped[str] = mapped_column(Text)
    payer_class: Mapped[str] = mapped_column(Text, default="all")
    campus_id: Mapped[str | None] = mapped_column(Text, default=None)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(default=None)
    unit_price: Mapped[Decimal] = mapped_column(UNIT_PRICE)
    ceiling: Mapped[Decimal | None] = mapped_column(UNIT_PRICE, default=None)
    basis_document: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default="draft")
    maker: Mapped[str] = mapped_column(Text)
    checker: Mapped[str | None] = mapped_column(Text, default=None)
    batch_id: Mapped[UUID | None] = mapped_column(default=None)
    made_at: Mapped[datetime]


class ImportBatch(Model):
    """A price list handed in as rows. Nothing of it is in force before every row is good or set aside and a second
    officer publishes it whole. Status: open, published, discarded."""

    __tablename__ = "import_batches"
    __table_args__ = (Index(None, "made_at"), {"schema": CATALOGUE})

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    basis_document: Mapped[str] = mapped_column(Text)
    effective_at: Mapped[datetime | None]
    """Null: at publication."""
    status: Mapped[str] = mapped_column(Text, default="open")
    maker: Mapped[str] = mapped_column(Text)
    checker: Mapped[str | None] = mapped_column(Text, default=None)
    made_at: Mapped[datetime]
    published_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class ImportRow(Model):
    """One row of a batch: as it came, what is wrong with it, and whether it was set aside."""

    __tablename__ = "import_rows"
    __table_args__ = (UniqueConstraint("batch_id", "row_no"), {"schema": CATALOGUE})

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.import_batches.batch_id"))
    row_no: Mapped[int] = mapped_column(SmallInteger)
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    faults: Mapped[list[str]]
    set_aside: Mapped[bool] = mapped_column(default=False)
