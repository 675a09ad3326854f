"""Tables of the authorities certificates are judged by, their revocation lists, and of sign-on by certificate."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Numeric, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model

SCHEMA = {"schema": "platform"}


class TrustAnchor(Model):
    """The certificate of an authority, root or intermediate (信任的 CA 证书): registered -> in_force -> ended.

    One person registers it, another compares the fingerprint with the authority's own paper. Without a campus of its
    own: the campuses that may use it are listed.
    """

    __tablename__ = "trust_anchors"
    __table_args__ = (
        Index(
            "uq_trust_anchors_fingerprint",
            "fingerprint",
            unique=True,
            postgresql_where=text("state <> 'ended'"),
        ),
        Index("ix_trust_anchors_due", "fetch_due_at", postgresql_where=text("state = 'in_force'")),
        CheckConstraint("state IN ('registered', 'in_force', 'ended')", name="state"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint("state <> 'in_force' OR confirmed_at IS NOT NULL", name="confirmed"),
        CheckConstraint("(confirmed_at IS NULL) = (confirmed_by IS NULL)", name="confirmed_by"),
        CheckConstraint("confirmed_by <> registered_by", name="two_people"),
        CheckConstraint("algorithm IN ('rsa', 'sm2')", name="algorithm"),
        CheckConstraint("cardinality(campuses) > 0", name="campuses"),
        CheckConstraint("valid_to > valid_from", name="term"),
        SCHEMA,
    )

    anchor_id: Mapped[UUID] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(Text)
    """SHA-256 of the certificate, hexadecimal, capitals."""
    subject: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    serial: Mapped[str] = mapped_column(Text)
    algorithm: Mapped[str] = mapped_column(Text)
    key_bits: Mapped[int]
    root: Mapped[bool]
    """It has signed itself: a chain ends here."""
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    campuses: Mapped[list[str]]
    """Campuses whose staff it may vouch for."""
    crl_url: Mapped[str | None] = mapped_column(Text)
    """Where the authority publishes its revocation list; null: lists are uploaded."""
    state: Mapped[str] = mapped_column(Text)
    registered_at: Mapped[datetime]
    registered_by: Mapped[str] = mapped_column(Text)
    registered_name: Mapped[str] = mapped_column(Text)
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    confirmed_by: Mapped[str | None] = mapped_column(Text, default=None)
    confirmed_name: Mapped[str | None] = mapped_column(Text, default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)
    fetch_due_at: Mapped[datetime | None] = mapped_column(default=None)
    fetched_at: Mapped[datetime | None] = mapped_column(default=None)
    """The last time the address gave a list that could be taken, the one already kept included."""
    fetch_error: Mapped[str | None] = mapped_column(Text, default=None)
    stale_told_at: Mapped[datetime | None] = mapped_column(default=None)
    """The alarm over a list that has run out; null again with the next list."""
    version: Mapped[int] = mapped_column(default=1)


class RevocationList(Model):
    """A revocation list that was taken over (吊销列表). Append-only; the latest of an authority is in force."""

    __tablename__ = "revocation_lists"
    __table_args__ = (
        Index(None, "anchor_id", "list_id"),
        CheckConstraint("scope IN ('all', 'users', 'authorities')", name="scope"),
        CheckConstraint("source IN ('uploaded', 'fetched')", name="source"),
        CheckConstraint("next_update > this_update", name="term"),
        CheckConstraint("entries >= 0", name="entries"),
        SCHEMA,
    )

    list_id: Mapped[UUID] = mapped_column(primary_key=True)
    anchor_id: Mapped[UUID] = mapped_column(ForeignKey("platform.trust_anchors.anchor_id"))
    number: Mapped[Decimal | None] = mapped_column(Numeric(50, 0))
    """CRL number; null where the authority writes none and only the time tells which list is the newer."""
    this_update: Mapped[datetime]
    next_update: Mapped[datetime]
    scope: Mapped[str] = mapped_column(Text)
    """Whose certificates it covers."""
    entries: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    source: Mapped[str] = mapped_column(Text)
    kept_at: Mapped[datetime]
    kept_by: Mapped[str] = mapped_column(Text)


class RevokedCertificate(Model):
    """A line of the revocation list in force: what its authority has taken back. Nothing is deleted: a line that is
    gone from a later list (the end of a suspension) carries when."""

    __tablename__ = "revoked_certificates"
    __table_args__ = (
        Index(
            "uq_revoked_certificates_listed",
            "anchor_id",
            "serial",
            unique=True,
            postgresql_where=text("gone_at IS NULL"),
        ),
        SCHEMA,
    )

    line_id: Mapped[UUID] = mapped_column(primary_key=True)
    anchor_id: Mapped[UUID] = mapped_column(ForeignKey("platform.trust_anchors.anchor_id"))
    serial: Mapped[str] = mapped_column(Text)
    revoked_at: Mapped[datetime]
    suspended: Mapped[bool]
    """certificateHold: it may come back, so the register is left alone."""
    listed_at: Mapped[datetime]
    gone_at: Mapped[datetime | None] = mapped_column(default=None)


class CertificateChallenge(CampusOwned, Model):
    """What a workstation asked to have signed (证书登录): two minutes, once, there. One not used is overwritten by the
    workstation's next."""

    __tablename__ = "certificate_challenges"
    __table_args__ = (
        Index(None, "campus_id", "challenge_id"),
        Index("uq_certificate_challenges_open", "workstation", unique=True, postgresql_where=text("used_at IS NULL")),
        CheckConstraint("expires_at <= asked_at + interval '2 minutes'", name="term"),
        SCHEMA,
    )

    challenge_id: Mapped[UUID] = mapped_column(primary_key=True)
    workstation: Mapped[str] = mapped_column(Text)
    nonce: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class SessionProof(Model):
    """How somebody proved to be it for a session the realm opened on this module's word (会话的验证方式).

    Rides in the tokens of the person and counts for this one session only.
    """

    __tablename__ = "session_proofs"
    __table_args__ = (
        Index(None, "staff_id", "until"),
        Index(None, "until"),
        Index(None, "certificate_id"),
        CheckConstraint("methods IN ('x509', 'pwd+x509')", name="methods"),
        CheckConstraint("until >= proved_at", name="term"),
        SCHEMA,
    )

    realm_session: Mapped[str] = mapped_column(Text, primary_key=True)
    staff_id: Mapped[UUID]
    certificate_id: Mapped[UUID]
    methods: Mapped[str] = mapped_column(Text)
    proved_at: Mapped[datetime]
    until: Mapped[datetime]
    """Longer than any session lives; the moment the certificate was taken back."""
