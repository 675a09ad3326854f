"""Laboratory items (检验项目字典): one list for the consortium, so that results can be recognised between campuses."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from functions.catalogue.codes.models.systems import BY_CODE_POINT, CATALOGUE
from shared.database.model import Model


class LabItem(Model):
    """A laboratory item. Units are UCUM codes."""

    __tablename__ = "lab_items"
    __table_args__ = (Index(None, "initials"), {"schema": CATALOGUE})

    code: Mapped[str] = mapped_column(BY_CODE_POINT, primary_key=True)
    name: Mapped[str] = mapped_column(BY_CODE_POINT)
    initials: Mapped[str] = mapped_column(BY_CODE_POINT)
    short_name: Mapped[str] = mapped_column(Text)
    specimen: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    loinc: Mapped[str | None] = mapped_column(Text)
    national_code: Mapped[str | None] = mapped_column(Text)
    """Code of 医疗机构临床检验项目目录."""
    active: Mapped[bool]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)


class ReferenceRange(Model):
    """A reference range (参考区间) of an item for a sex, an age and a week of pregnancy, since a moment."""

    __tablename__ = "reference_ranges"
    __table_args__ = (
        CheckConstraint("low IS NULL OR high IS NULL OR low <= high", name="range"),
        CheckConstraint("low IS NOT NULL OR high IS NOT NULL OR text_value IS NOT NULL", name="something"),
        CheckConstraint("age_from_days <= age_to_days", name="age"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="period"),
        Index("ix_reference_ranges_open", "item_code", postgresql_where=text("valid_to IS NULL")),
        Index(None, "item_code", "valid_from"),
        {"schema": CATALOGUE},
    )

    range_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_code: Mapped[str] = mapped_column(BY_CODE_POINT)
    sex: Mapped[str | None] = mapped_column(Text)
    age_from_days: Mapped[int]
    age_to_days: Mapped[int]
    week_from: Mapped[int | None]
    week_to: Mapped[int | None]
    low: Mapped[Decimal | None] = mapped_column(Numeric(14, 4))
    high: Mapped[Decimal | None] = mapped_column(Numeric(14, 4))
    text_value: Mapped[str | None] = mapped_column(Text)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(default=None)
    set_by: Mapped[str] = mapped_column(Text, default="")
