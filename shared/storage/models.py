"""One row per stored file: where it lies, how long it is, what its bytes hash to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model

RESERVED = "reserved"
CONFIRMED = "confirmed"
ABANDONED = "abandoned"


class StoredFile(CampusOwned, Model):
    """A file of a campus in the object store.

    `state`: reserved (the row is there, the bytes may not be) -> confirmed (bytes stored and hashed), or
    reserved -> abandoned (never confirmed, object removed). Rows are never deleted. The name a person gave the file
    is not kept here, it may name a patient; the owning module keeps what it needs.
    """

    __tablename__ = "stored_files"
    __table_args__ = (
        CheckConstraint("state IN ('reserved', 'confirmed', 'abandoned')", name="state"),
        CheckConstraint(
            "state <> 'confirmed' OR (coalesce(size >= 0, false)"
            " AND coalesce(octet_length(sha256) = 32, false) AND confirmed_at IS NOT NULL)",
            name="confirmed",
        ),
        CheckConstraint("scrub_failure IN ('missing', 'size', 'sha256')", name="scrub_failure"),
        Index("ix_stored_files_reserved", "reserved_at", postgresql_where=text("state = 'reserved'")),
        Index(
            "ix_stored_files_scrub",
            text("scrubbed_at NULLS FIRST"),
            "file_id",
            postgresql_where=text("state = 'confirmed'"),
        ),
        {"schema": "kernel"},
    )

    file_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    """What it is to the hospital, as its FileKind is named: `consent-scan`, `report-pdf`."""
    key: Mapped[str] = mapped_column(Text, unique=True)
    """`<campus>/<kind>/<yyyy>/<mm>/<dd>/<uuid>`; never shown to a client."""
    content_type: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    reserved_at: Mapped[datetime]
    reserved_by: Mapped[str] = mapped_column(Text)
    """Subject of the person, device or function that stored it."""
    size: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """Bytes."""
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    abandoned_at: Mapped[datetime | None] = mapped_column(default=None)
    scrubbed_at: Mapped[datetime | None] = mapped_column(default=None)
    """When the scrubber last read the bytes back."""
    scrub_failed_at: Mapped[datetime | None] = mapped_column(default=None)
    """When the bytes were first found not to be what was confirmed; null again once they read well."""
    scrub_failure: Mapped[str | None] = mapped_column(Text, default=None)
    """missing, size or sha256."""
