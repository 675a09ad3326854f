"""Beds, workstations, the calendar, successions and code maps of units, imported sheets."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    Numeric,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from functions.organisation.structure.models.structure import DAYS, LIVE, MOMENTS, SCHEMA, Recorded
from shared.database.model import CampusOwned, Model

UNIT = "organisation.units.unit_id"


class Bed(CampusOwned, Model):
    """A bed (病床) as such: what stays and orders point to. All that can change is in its versions."""

    __tablename__ = "beds"
    __table_args__ = (SCHEMA,)

    bed_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=1)


class BedVersion(CampusOwned, Recorded, Model):
    """A bed over a period: its ward, number, class and what it counts as. Retired is a bed without a version."""

    __tablename__ = "bed_versions"
    __table_args__ = (
        ExcludeConstraint(("bed_id", "="), (MOMENTS, "&&"), name="ex_bed_versions_period", where=text(LIVE)),
        ExcludeConstraint(
            ("ward_id", "="), ("number", "="), (MOMENTS, "&&"), name="ex_bed_versions_number", where=text(LIVE)
        ),
        Index(None, "campus_id", "ward_id"),
        CheckConstraint("valid_to > valid_from", name="period"),
        CheckConstraint("(status = 'out_of_service') = (out_cause IS NOT NULL)", name="status"),
        CheckConstraint("bed_class NOT IN ('extra', 'cot') OR NOT (established OR open)", name="counted"),
        SCHEMA,
    )

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    bed_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.beds.bed_id"))
    ward_id: Mapped[UUID] = mapped_column(ForeignKey(UNIT))
    room_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.places.place_id"))
    number: Mapped[str] = mapped_column(Text)
    """Bed number, unique in the ward among beds in force."""
    bed_class: Mapped[str] = mapped_column(Text)
    """BedClass of schemas."""
    established: Mapped[bool]
    """Counts as 编制床位."""
    open: Mapped[bool]
    """Counts as 开放床位."""
    gender: Mapped[str] = mapped_column(Text)
    """GB/T 2261.1 code the bed is limited to, or `any`."""
    price_class: Mapped[str | None] = mapped_column(Text)
    """Charge item of the bed fee."""
    nursing_group: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    """in_service, out_of_service."""
    out_cause: Mapped[str | None] = mapped_column(Text)
    """OutCause of schemas, while out of service."""
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(default=None)


class Workstation(CampusOwned, Model):
    """A workstation (工作站): which machine stands where, with which printers and card readers."""

    __tablename__ = "workstations"
    __table_args__ = (
        UniqueConstraint("campus_id", "code"),
        Index("uq_workstations_host", "host", unique=True, postgresql_where=text("status = 'active'")),
        Index("uq_workstations_certificate", "certificate", unique=True, postgresql_where=text("status = 'active'")),
        Index(None, "unit_id"),
        CheckConstraint("status IN ('active', 'retired')", name="status"),
        SCHEMA,
    )

    workstation_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    host: Mapped[str | None] = mapped_column(Text)
    """Name of the machine in lower case."""
    certificate: Mapped[str | None] = mapped_column(Text)
    """SHA-256 fingerprint of its client certificate, hexadecimal."""
    unit_id: Mapped[UUID] = mapped_column(ForeignKey(UNIT))
    place_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.places.place_id"))
    printers: Mapped[dict[str, Any]]
    """Form -> printer of that form."""
    card_readers: Mapped[list[str]]
    status: Mapped[str] = mapped_column(Text, default="active")
    version: Mapped[int] = mapped_column(default=1)


class CalendarDay(CampusOwned, Recorded, Model):
    """A day that is not as its weekday says: holiday (放假), swapped workday (调休上班), closed clinics (停诊).

    `everywhere`: entered by the head hospital for all campuses; a campus's own day outranks it.
    """

    __tablename__ = "calendar_days"
    __table_args__ = (
        Index("uq_calendar_days_live", "campus_id", "day", "everywhere", unique=True, postgresql_where=text(LIVE)),
        Index(None, "day"),
        CheckConstraint("kind IN ('holiday', 'workday', 'clinic')", name="kind"),
        SCHEMA,
    )

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date]
    everywhere: Mapped[bool]
    kind: Mapped[str] = mapped_column(Text)
    """holiday, workday, or clinic: an ordinary day on which only the clinics differ."""
    clinics_open: Mapped[bool]
    name: Mapped[str] = mapped_column(Text)


class UnitSuccession(CampusOwned, Recorded, Model):
    """From a day on, a unit continues in another one (拆分, 合并): what statistics of two times are joined by.

    `share` of the old unit's figures goes to the new one; the shares of an old unit sum to 1.
    """

    __tablename__ = "unit_successions"
    __table_args__ = (
        Index(None, "from_unit_id"),
        Index(None, "to_unit_id"),
        Index(None, "campus_id", "effective_on"),
        CheckConstraint("share > 0 AND share <= 1 AND back_share > 0 AND back_share <= 1", name="share"),
        CheckConstraint("from_unit_id <> to_unit_id", name="units"),
        CheckConstraint("kind IN ('split', 'merge')", name="kind"),
        SCHEMA,
    )

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    effective_on: Mapped[date]
    kind: Mapped[str] = mapped_column(Text)
    from_unit_id: Mapped[UUID] = mapped_column(ForeignKey(UNIT))
    to_unit_id: Mapped[UUID] = mapped_column(ForeignKey(UNIT))
    share: Mapped[Decimal] = mapped_column(Numeric(7, 6))
    back_share: Mapped[Decimal] = mapped_column(Numeric(7, 6))
    """Of the new unit's figures told in the old structure; 1 for a split, for a merger they sum to 1."""


class UnitCode(CampusOwned, Recorded, Model):
    """A code another system knows a unit by, over a period of days."""

    __tablename__ = "unit_codes"
    __table_args__ = (
        ExcludeConstraint(
            ("unit_id", "="), ("system", "="), (DAYS, "&&"), name="ex_unit_codes_period", where=text(LIVE)
        ),
        Index(None, "campus_id", "system", "code"),
        CheckConstraint("valid_to >= valid_from", name="period"),
        SCHEMA,
    )

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey(UNIT))
    system: Mapped[str] = mapped_column(Text)
    """A key of rules.UNIT_SYSTEMS."""
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class UnitServes(CampusOwned, Recorded, Model):
    """A shared centre (共享中心) of this campus works for another one, over a period of days."""

    __tablename__ = "unit_serves"
    __table_args__ = (
        ExcludeConstraint(
            ("unit_id", "="), ("serves_campus", "="), (DAYS, "&&"), name="ex_unit_serves_period", where=text(LIVE)
        ),
        Index(None, "serves_campus"),
        CheckConstraint("valid_to >= valid_from", name="period"),
        SCHEMA,
    )

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey(UNIT))
    serves_campus: Mapped[str] = mapped_column(Text, ForeignKey("organisation.campuses.code"))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class SheetImport(CampusOwned, Model):
    """A sheet that was imported, with what became of each row. Append-only."""

    __tablename__ = "sheet_imports"
    __table_args__ = (Index(None, "campus_id", "import_id"), SCHEMA)

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    """staff, units, beds, licences, posts."""
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    total: Mapped[int]
    loaded: Mapped[int]
    report: Mapped[list[Any]] = mapped_column(JSONB)
    """Row number, outcome and what to mend; no personal data."""
    imported_at: Mapped[datetime]
    imported_by: Mapped[str] = mapped_column(Text)
