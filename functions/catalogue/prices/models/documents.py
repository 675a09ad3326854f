"""Basis documents (依据文件): what a price or an item rests on, as it was issued."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from functions.catalogue.prices.models.items import CATALOGUE
from shared.database.model import Model


class PriceDocument(Model):
    """A document kept for ever in the object store, with the hash of what was received. One that was taken in by
    mistake is retired and stays readable."""

    __tablename__ = "price_documents"
    __table_args__ = (
        UniqueConstraint("received_id"),
        Index(None, "stored_file_id"),
        Index("ix_price_documents_number", "number", postgresql_where=text("retired_at IS NULL")),
        CheckConstraint("(retired_at IS NULL) = (retired_by IS NULL)", name="retired"),
        CheckConstraint("size > 0 AND length(sha256) = 64", name="content"),
        {"schema": CATALOGUE},
    )

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    received_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.received_files.file_id"))
    stored_file_id: Mapped[UUID]
    number: Mapped[str] = mapped_column(Text)
    """依据文号."""
    title: Mapped[str] = mapped_column(Text)
    issued_on: Mapped[date | None] = mapped_column(Date)
    name: Mapped[str] = mapped_column(Text)
    """Name of the file as it was handed in."""
    content_type: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(Text)
    retired_at: Mapped[datetime | None] = mapped_column(default=None)
    retired_by: Mapped[str | None] = mapped_column(Text, default=None)
    retire_reason: Mapped[str | None] = mapped_column(Text, default=None)


class DocumentLink(Model):
    """What a document is the basis of: an item, a price version, an imported list, a rule, a package version."""

    __tablename__ = "document_links"
    __table_args__ = (
        UniqueConstraint("target", "target_id", "document_id"),
        Index(None, "document_id"),
        CheckConstraint("target IN ('item', 'price', 'batch', 'rule', 'package')", name="target"),
        {"schema": CATALOGUE},
    )

    link_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.price_documents.document_id"))
    target: Mapped[str] = mapped_column(Text)
    target_id: Mapped[str] = mapped_column(Text)
    """Code of an item, id of the others."""
    attached_at: Mapped[datetime]
    attached_by: Mapped[str] = mapped_column(Text)
