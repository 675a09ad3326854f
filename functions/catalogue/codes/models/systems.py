"""Code systems, their versions and codes, and the files they came in."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import Model

CATALOGUE = "catalogue"
BY_CODE_POINT = Text(collation="C")
"""Texts searched by their beginning: a range of code points, in any locale of the database."""


class CodeSystem(Model):
    """A code system or value set (编码体系、值域), such as ICD-10 国临版 or CV02.01.101."""

    __tablename__ = "code_systems"
    __table_args__ = (
        CheckConstraint("kind IN ('diagnosis', 'procedure', 'tcm', 'morphology', 'value_set')", name="kind"),
        {"schema": CATALOGUE},
    )

    system: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    standard: Mapped[str] = mapped_column(Text)
    """Number of the standard or document it is published in."""
    kind: Mapped[str] = mapped_column(Text)
    pattern: Mapped[str] = mapped_column(Text)
    """Regular expression every official code matches whole."""
    hierarchy: Mapped[str] = mapped_column(Text)
    """`none`, `prefix` (a code's parent is the longest code it begins with) or `column` (the file names the parent)."""
    profile: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """How its official spreadsheet is read: sheet, heading row, columns, filled-down columns, footnotes."""
    registered_at: Mapped[datetime]
    registered_by: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)


class CodeVersion(Model):
    """A version of a code system. Status: staged, published, discarded; a published one is in force over its
    period, which its successor ends. Kept for ever: records point at it."""

    __tablename__ = "code_versions"
    __table_args__ = (
        ExcludeConstraint(
            ("system", "="),
            (func.tstzrange(text("effective_from"), text("effective_to")), "&&"),
            name="ex_code_versions_period",
            where=text("status = 'published'"),
        ),
        UniqueConstraint("system", "label"),
        CheckConstraint("status IN ('staged', 'published', 'discarded')", name="status"),
        CheckConstraint("(status = 'published') = (effective_from IS NOT NULL)", name="effective"),
        CheckConstraint("effective_to IS NULL OR effective_to > effective_from", name="period"),
        CheckConstraint("checker IS NULL OR checker <> maker", name="two_people"),
        {"schema": CATALOGUE},
    )

    version_id: Mapped[UUID] = mapped_column(primary_key=True)
    system: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.code_systems.system"))
    label: Mapped[str] = mapped_column(Text)
    """Version as its issuer calls it, such as 2.0."""
    maker: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    codes: Mapped[int] = mapped_column(Integer)
    announced: Mapped[int | None]
    """How many codes the issuer says there are."""
    count_confirmed_by: Mapped[str | None] = mapped_column(Text, default=None)
    """Who confirmed a count more than 1 % away from what was announced."""
    status: Mapped[str] = mapped_column(Text, default="staged")
    checker: Mapped[str | None] = mapped_column(Text, default=None)
    published_at: Mapped[datetime | None] = mapped_column(default=None)
    effective_from: Mapped[datetime | None] = mapped_column(default=None)
    effective_to: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class Code(Model):
    """A code of one version. Its text is never rewritten. A local code (院内扩展) stands under an official parent and
    is always mapped to an official code."""

    __tablename__ = "codes"
    __table_args__ = (
        UniqueConstraint("version_id", "code"),
        Index(None, "version_id", "initials"),
        Index(None, "version_id", "wubi"),
        Index("ix_codes_without_wubi", "code_id", postgresql_where=text("wubi IS NULL")),
        Index(None, "version_id", "display"),
        Index(None, "version_id", "parent", "code"),
        Index(None, "grams", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        CheckConstraint("sex IN ('1', '2')", name="sex"),
        CheckConstraint("official_code IS NOT NULL OR NOT local", name="local_is_mapped"),
        {"schema": CATALOGUE},
    )

    code_id: Mapped[UUID] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.code_versions.version_id"))
    code: Mapped[str] = mapped_column(BY_CODE_POINT)
    display: Mapped[str] = mapped_column(BY_CODE_POINT)
    initials: Mapped[str] = mapped_column(BY_CODE_POINT)
    """Pinyin initials of the display in lower case."""
    grams: Mapped[list[str]]
    """Characters and pairs of display, initials and wubi, for finding a text inside."""
    parent: Mapped[str | None] = mapped_column(BY_CODE_POINT)
    leaf: Mapped[bool]
    place: Mapped[int] = mapped_column(Integer)
    """Order in the official list."""
    attrs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sex: Mapped[str | None] = mapped_column(Text, default=None)
    age_min_days: Mapped[int | None] = mapped_column(default=None)
    age_max_days: Mapped[int | None] = mapped_column(default=None)
    local: Mapped[bool] = mapped_column(default=False)
    official_code: Mapped[str | None] = mapped_column(Text, default=None)
    withdrawn_from: Mapped[datetime | None] = mapped_column(default=None)
    successor: Mapped[str | None] = mapped_column(Text, default=None)
    wubi: Mapped[str | None] = mapped_column(BY_CODE_POINT, default=None)
    """First letters of the wubi of the display, or what the official list gives; null until it is worked out."""


class ReceivedFile(Model):
    """A spreadsheet on its way in. Its parts wait here until the whole is in the object store.

    Status: receiving, kept.
    """

    __tablename__ = "received_files"
    __table_args__ = (
        CheckConstraint("status IN ('receiving', 'kept')", name="status"),
        CheckConstraint("(status = 'kept') = (sha256 IS NOT NULL)", name="kept"),
        {"schema": CATALOGUE},
    )

    file_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(Integer)
    purpose: Mapped[str] = mapped_column(Text)
    """Module that takes it in."""
    received_at: Mapped[datetime]
    received_by: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default="receiving")
    stored_file_id: Mapped[UUID | None] = mapped_column(default=None)
    sha256: Mapped[str | None] = mapped_column(Text, default=None)


class ReceivedPart(Model):
    """A part of a file that is not whole yet. Emptied when the file is kept."""

    __tablename__ = "received_parts"
    __table_args__ = (PrimaryKeyConstraint("file_id", "part"), {"schema": CATALOGUE})

    file_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.received_files.file_id"))
    part: Mapped[int] = mapped_column(SmallInteger)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class CodeImport(Model):
    """An official spreadsheet read for a system, with its arithmetic:
    rows = accepted + rejected + ignored; accepted = new + changed + unchanged.

    Status: reading, staged (a version waits to be checked), unchanged (the same file or the same list as before: no
    version), failed (see `fault`).
    """

    __tablename__ = "code_imports"
    __table_args__ = (
        Index(None, "system", "import_id"),
        CheckConstraint("rows_read = accepted + rejected + ignored", name="rows"),
        CheckConstraint("accepted = new + changed + unchanged", name="accepted"),
        {"schema": CATALOGUE},
    )

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    system: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.code_systems.system"))
    version_id: Mapped[UUID | None] = mapped_column(ForeignKey("catalogue.code_versions.version_id"))
    file_id: Mapped[UUID | None] = mapped_column(ForeignKey("catalogue.received_files.file_id"))
    sha256: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    rows_read: Mapped[int] = mapped_column(Integer)
    accepted: Mapped[int] = mapped_column(Integer)
    rejected: Mapped[int] = mapped_column(Integer)
    ignored: Mapped[int] = mapped_column(Integer)
    new: Mapped[int] = mapped_column(Integer)
    changed: Mapped[int] = mapped_column(Integer)
    unchanged: Mapped[int] = mapped_column(Integer)
    withdrawn: Mapped[int] = mapped_column(Integer)
    """Codes of the version before that the list no longer has."""
    imported_at: Mapped[datetime]
    imported_by: Mapped[str] = mapped_column(Text)
    fault: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)


class CodeReject(Model):
    """A row that could not be taken. Nothing is published before somebody decided on each: put right, or left out."""

    __tablename__ = "code_rejects"
    __table_args__ = (
        UniqueConstraint("version_id", "row_no"),
        CheckConstraint("decision IN ('fixed', 'left_out')", name="decision"),
        CheckConstraint("(decision IS NULL) = (decided_by IS NULL)", name="decided"),
        {"schema": CATALOGUE},
    )

    reject_id: Mapped[UUID] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.code_versions.version_id"))
    row_no: Mapped[int] = mapped_column(Integer)
    cells: Mapped[dict[str, Any]] = mapped_column(JSONB)
    faults: Mapped[list[str]]
    decision: Mapped[str | None] = mapped_column(Text, default=None)
    decided_by: Mapped[str | None] = mapped_column(Text, default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    note: Mapped[str | None] = mapped_column(Text, default=None)
