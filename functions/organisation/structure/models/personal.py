"""What only the home campus keeps of a person: the ID number (sealed), pictures and scans, what is handed over."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from functions.organisation.structure.models.credentials import STAFF
from functions.organisation.structure.models.structure import SCHEMA
from shared.database.model import CampusOwned, Model


class StaffIdentity(CampusOwned, Model):
    """The resident ID number (公民身份号码) of a person, sealed by shared.column_cipher: the database cannot read it.

    Among those who have not left a number belongs to one person. Who comes back later may bring it again.
    """

    __tablename__ = "staff_identities"
    __table_args__ = (
        Index("uq_staff_identities_number", "number_index", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index(None, "campus_id", "key_id"),
        CheckConstraint("octet_length(number_index) = 32", name="number_index"),
        CheckConstraint("starts_with(number_sealed, key_id || ':')", name="key_id"),
        SCHEMA,
    )

    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF), primary_key=True)
    number_sealed: Mapped[str] = mapped_column(Text)
    number_index: Mapped[bytes] = mapped_column(LargeBinary)
    """Keyed hash by which a number is found and kept unique."""
    key_id: Mapped[str] = mapped_column(Text)
    """The key both were made with; rotation finds its work by it."""
    sealed_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    """When the person left."""


class StaffFile(CampusOwned, Model):
    """A picture of a person (人员照片) or a page of a licence's scan (证书扫描件); bytes lie in the object store."""

    __tablename__ = "staff_files"
    __table_args__ = (
        UniqueConstraint("file_id"),
        Index(
            "uq_staff_files_photo",
            "staff_id",
            unique=True,
            postgresql_where=text("kind = 'photo' AND retired_at IS NULL"),
        ),
        Index(None, "staff_id"),
        Index(None, "licence_id", "staff_file_id"),
        CheckConstraint("kind IN ('photo', 'licence_scan')", name="kind"),
        CheckConstraint("(kind = 'licence_scan') = (licence_id IS NOT NULL)", name="licence"),
        CheckConstraint("(retired_at IS NULL) = (retired_by IS NULL)", name="retired"),
        SCHEMA,
    )

    staff_file_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF))
    kind: Mapped[str] = mapped_column(Text)
    licence_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.licences.licence_id"))
    file_id: Mapped[UUID]
    content_type: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    title: Mapped[str] = mapped_column(Text)
    """What the page shows, such as 正本 or 变更注册页; empty for a photo."""
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(Text)
    retired_at: Mapped[datetime | None] = mapped_column(default=None)
    retired_by: Mapped[str | None] = mapped_column(Text, default=None)
    retire_reason: Mapped[str | None] = mapped_column(Text, default=None)


class HandoverItem(CampusOwned, Model):
    """One piece of open work a leaver hands over (离职交接): as a module told it when leaving was decided, and who took
    it over. It never keeps anybody from leaving."""

    __tablename__ = "handover_items"
    __table_args__ = (
        UniqueConstraint("staff_id", "source", "message"),
        Index("ix_handover_items_open", "campus_id", "item_id", postgresql_where=text("settled_at IS NULL")),
        CheckConstraint("(settled_at IS NULL) = (settled_by IS NULL)", name="settled"),
        CheckConstraint("settled_at IS NOT NULL OR taken_by IS NULL", name="taken"),
        CheckConstraint("taken_by <> staff_id", name="another"),
        SCHEMA,
    )

    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF))
    source: Mapped[str] = mapped_column(Text)
    """Code of what is open, such as own_post or price_drafts."""
    message: Mapped[str] = mapped_column(Text)
    way_out: Mapped[str] = mapped_column(Text)
    listed_at: Mapped[datetime]
    taken_by: Mapped[UUID | None] = mapped_column(ForeignKey(STAFF), default=None)
    note: Mapped[str] = mapped_column(Text, default="")
    settled_at: Mapped[datetime | None] = mapped_column(default=None)
    settled_by: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)
