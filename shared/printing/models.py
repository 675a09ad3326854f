"""Layouts the hospital published itself."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Integer, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import Model


class PrintLayout(Model):
    """One published version of a form: a fact. A correction is a new version; going back is publishing the old again.

    Holds no personal data. `campus_id` null means every campus, so the table is one truth for the consortium.
    """

    __tablename__ = "print_layouts"
    __table_args__ = (
        UniqueConstraint("form", "version", "campus_id", postgresql_nulls_not_distinct=True),
        CheckConstraint("version > 0", name="version"),
        {"schema": "kernel"},
    )

    layout_id: Mapped[UUID] = mapped_column(primary_key=True)
    form: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    campus_id: Mapped[str | None] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    css: Mapped[str] = mapped_column(Text)
    meta: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """title, paper, landscape, fields (JSON schema of the data), sample, as in a shipped meta.json."""
    effective_from: Mapped[datetime]
    published_at: Mapped[datetime]
    published_by: Mapped[str] = mapped_column(Text)
    """Subject of the person who published it."""
