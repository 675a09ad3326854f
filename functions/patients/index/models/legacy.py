"""The old system's people on their way into the index (老系统迁移)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model

SCHEMA = "patients"


class LegacyImport(CampusOwned, Model):
    """One file of the old system of a campus.

    receiving -> checking -> checked -> loading -> loaded; a file that was loaded before ends as `unchanged`.
    `done` is the last row dealt with in the running phase; the four outcomes add up to it.
    """

    __tablename__ = "legacy_imports"
    __table_args__ = (
        Index(None, "campus_id", "import_id"),
        Index("ix_legacy_imports_digest", "campus_id", "digest", postgresql_where=text("status = 'loaded'")),
        Index(
            "uq_legacy_imports_open",
            "campus_id",
            unique=True,
            postgresql_where=text("status IN ('receiving', 'checking', 'checked', 'loading')"),
        ),
        CheckConstraint(
            "status IN ('receiving', 'checking', 'checked', 'loading', 'loaded', 'unchanged', 'dropped')",
            name="status",
        ),
        CheckConstraint(
            "status NOT IN ('checking', 'loading', 'checked', 'loaded')"
            " OR done = new_rows + linked_rows + suspected_rows + rejected_rows",
            name="sum",
        ),
        {"schema": SCHEMA},
    )

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    """The old system and the file, in words."""
    rows: Mapped[int]
    status: Mapped[str] = mapped_column(Text)
    digest: Mapped[str | None] = mapped_column(Text, default=None)
    done: Mapped[int] = mapped_column(default=0)
    new_rows: Mapped[int] = mapped_column(default=0)
    linked_rows: Mapped[int] = mapped_column(default=0)
    suspected_rows: Mapped[int] = mapped_column(default=0)
    rejected_rows: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime]
    opened_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)


class LegacyRow(CampusOwned, Model):
    """One person of such a file and what became of it: new, linked, suspected or rejected (with the reason)."""

    __tablename__ = "legacy_rows"
    __table_args__ = (
        PrimaryKeyConstraint("import_id", "row_no"),
        Index("ix_legacy_rows_outcome", "import_id", "outcome", "row_no"),
        Index("ix_legacy_rows_number", "import_id", "number", postgresql_where=text("number IS NOT NULL")),
        Index("ix_legacy_rows_key", "key_id", postgresql_where=text("document_no IS NOT NULL")),
        CheckConstraint("outcome IN ('new', 'linked', 'suspected', 'rejected')", name="outcome"),
        CheckConstraint("key_id IS NULL OR starts_with(document_no, key_id || ':')", name="key_id"),
        {"schema": SCHEMA},
    )

    import_id: Mapped[UUID]
    row_no: Mapped[int]
    person: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The row as it was sent, but for the document number."""
    document_no: Mapped[str | None] = mapped_column(Text, default=None)
    """The document number as it was sent: sealed, bound to this row; in clear where `key_id` is missing."""
    key_id: Mapped[str | None] = mapped_column(Text, default=None)
    number: Mapped[str | None] = mapped_column(Text, default=None)
    """Mark of the document number, so that a later row of the same person is found: first as it was sent, and once
    judged as it would be stored."""
    outcome: Mapped[str | None] = mapped_column(Text, default=None)
    reason: Mapped[str | None] = mapped_column(Text, default=None)
    patient_id: Mapped[UUID | None] = mapped_column(default=None)
