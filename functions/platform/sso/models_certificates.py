"""Table of the certificates staff sign with (CA 证书登记): whose, from whom, until when, in which medium."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model


class CaCertificate(CampusOwned, Model):
    """A certificate bound to a member of staff: what a signature names by its serial number.

    bound -> revoked (lost, left, changed) or expired. It counts for signing from the hand-out on, never before.
    """

    __tablename__ = "ca_certificates"
    __table_args__ = (
        Index(
            "uq_ca_certificates_serial",
            "serial",
            unique=True,
            postgresql_where=text("end_reason IS DISTINCT FROM 'wrong'"),
        ),
        Index(None, "campus_id", "certificate_id"),
        Index(None, "staff_id"),
        Index("ix_ca_certificates_due", "campus_id", "valid_to", postgresql_where=text("state = 'bound'")),
        CheckConstraint("state IN ('bound', 'revoked', 'expired')", name="state"),
        CheckConstraint("(state = 'bound') = (ended_at IS NULL)", name="ended"),
        CheckConstraint("algorithm IN ('rsa', 'sm2')", name="algorithm"),
        CheckConstraint("key_place IN ('usb_key', 'mobile')", name="key_place"),
        CheckConstraint("valid_to > valid_from", name="term"),
        CheckConstraint("handed_by <> bound_by", name="two_people"),
        CheckConstraint("(handed_at IS NULL) = (handed_by IS NULL)", name="handed"),
        CheckConstraint("end_reason <> 'wrong' OR handed_at IS NULL", name="wrong"),
        {"schema": "platform"},
    )

    certificate_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID]
    serial: Mapped[str] = mapped_column(Text)
    """As the certificate has it: hexadecimal, capitals, an even number of digits."""
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    algorithm: Mapped[str] = mapped_column(Text)
    key_bits: Mapped[int]
    key_place: Mapped[str] = mapped_column(Text)
    medium_no: Mapped[str | None] = mapped_column(Text)
    """Number on the USB key, or of the mobile certificate's contract."""
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """The certificate itself (DER): public, and needed to verify what was signed long after it has ended."""
    state: Mapped[str] = mapped_column(Text)
    bound_at: Mapped[datetime]
    bound_by: Mapped[str] = mapped_column(Text)
    bound_name: Mapped[str] = mapped_column(Text)
    handed_at: Mapped[datetime | None] = mapped_column(default=None)
    handed_by: Mapped[str | None] = mapped_column(Text, default=None)
    handed_name: Mapped[str | None] = mapped_column(Text, default=None)
    warned_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)
