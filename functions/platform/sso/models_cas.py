"""Tables of sign-on by CAS tickets (CAS 票据), for old programs that speak neither OpenID Connect nor SAML."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import Model

SCHEMA = {"schema": "platform"}


class CasSession(Model):
    """One browser's sign-on as old programs see it: what the ticket-granting cookie stands for."""

    __tablename__ = "cas_sessions"
    __table_args__ = (
        UniqueConstraint("cookie_hash"),
        Index("ix_cas_sessions_open", "realm_session", postgresql_where=text("ended_at IS NULL")),
        Index("ix_cas_sessions_old", "opened_at", postgresql_where=text("ended_at IS NULL")),
        SCHEMA,
    )

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    cookie_hash: Mapped[bytes] = mapped_column(LargeBinary)
    realm_session: Mapped[str] = mapped_column(Text)
    staff_id: Mapped[UUID]
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class CasTicket(Model):
    """A service ticket (ST): proves to one address, once, within seconds, who has signed on.

    Good for nothing once tried: only then is its text kept, since a program knows its session by it and a sign-out
    names it (CAS 3.0, appendix C).
    """

    __tablename__ = "cas_tickets"
    __table_args__ = (
        UniqueConstraint("ticket_hash"),
        Index(None, "partner_id", "ticket_id"),
        Index("ix_cas_tickets_issued", "expires_at", postgresql_where=text("state = 'issued'")),
        Index("ix_cas_tickets_session", "session_id", postgresql_where=text("sign_out = 'open'")),
        Index("ix_cas_tickets_due", "sign_out_due", postgresql_where=text("sign_out = 'due'")),
        CheckConstraint("state IN ('issued', 'used', 'refused', 'lapsed')", name="state"),
        CheckConstraint("(state IN ('used', 'refused')) = (tried_at IS NOT NULL)", name="tried"),
        CheckConstraint("(state = 'used') = (ticket IS NOT NULL)", name="kept_when_used"),
        CheckConstraint("state <> 'used' OR tried_at < expires_at", name="in_time"),
        CheckConstraint("expires_at <= issued_at + interval '60 seconds'", name="term"),
        CheckConstraint("sign_out IN ('none', 'open', 'due', 'told', 'failed')", name="sign_out"),
        CheckConstraint("(state = 'used') = (sign_out <> 'none')", name="signed_on"),
        SCHEMA,
    )

    ticket_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_hash: Mapped[bytes] = mapped_column(LargeBinary)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("platform.cas_sessions.session_id"))
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("platform.partners.partner_id"))
    service: Mapped[str] = mapped_column(Text)
    """The address it is bound to, to the letter."""
    staff_id: Mapped[UUID]
    signed_on_at: Mapped[datetime]
    """When the person proved to be it at the realm."""
    fresh: Mapped[bool]
    """Whether that was for this very ticket, and not for a program before it (isFromNewLogin)."""
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text, default="issued")
    """issued, used (believed by its program), refused (tried in vain), lapsed (never tried)."""
    tried_at: Mapped[datetime | None] = mapped_column(default=None)
    outcome: Mapped[str | None] = mapped_column(Text, default=None)
    """What the program was answered, where the ticket was refused: a code of the protocol."""
    ticket: Mapped[str | None] = mapped_column(Text, default=None)
    sign_out: Mapped[str] = mapped_column(Text, default="none")
    """none; open while the program's session runs; due, told or failed once the sign-on has ended."""
    sign_out_due: Mapped[datetime | None] = mapped_column(default=None)
    sign_out_tries: Mapped[int] = mapped_column(default=0)
