"""Tables of signing on while the line is down (应急离线登录), and of the counters that slow guessing of a reset."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model

SCHEMA = {"schema": "platform"}


class OfflineVerifier(Model):
    """What a bridge recognises a card and its PIN by; made once a card, since making it is slow on purpose."""

    __tablename__ = "offline_verifiers"
    __table_args__ = (SCHEMA,)

    badge_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[bytes] = mapped_column(LargeBinary)
    """Tells whether card and PIN are still those it was made of."""
    verifier: Mapped[str] = mapped_column(Text)
    """Argon2id in PHC notation, with a salt of its own."""
    made_at: Mapped[datetime]


class VerifierIssue(CampusOwned, Model):
    """Verifiers handed to the bridge of a campus: to which, of whom, good until when."""

    __tablename__ = "verifier_issues"
    __table_args__ = (
        Index(None, "campus_id", "issue_id"),
        Index(None, "campus_id", "valid_to"),
        CheckConstraint("valid_to <= issued_at + interval '72 hours'", name="term"),
        SCHEMA,
    )

    issue_id: Mapped[UUID] = mapped_column(primary_key=True)
    bridge: Mapped[str] = mapped_column(Text)
    """The bridge's client in the realm."""
    issued_at: Mapped[datetime]
    valid_to: Mapped[datetime]
    staff_ids: Mapped[list[UUID]]


class OfflineSession(CampusOwned, Model):
    """A sign-on at a campus's own bridge while the line was down, as the bridge told it afterwards."""

    __tablename__ = "offline_sessions"
    __table_args__ = (
        UniqueConstraint("campus_id", "entry_id"),
        Index(None, "campus_id", "session_id"),
        Index(None, "staff_id", "session_id"),
        CheckConstraint("outcome IN ('opened', 'refused', 'locked')", name="outcome"),
        CheckConstraint("ended_at >= opened_at", name="term"),
        CheckConstraint("(outcome = 'opened') = (ended_at IS NOT NULL)", name="ended"),
        SCHEMA,
    )

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID]
    """The bridge's own name for it."""
    staff_id: Mapped[UUID]
    workstation: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    issue_id: Mapped[UUID | None]
    """The issue that allowed it. None: no issue to this campus did, which security looks at."""
    bridge: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime]


class ResetCounter(Model):
    """Tries of setting a new password, by name or by place and hour. Unknown names are counted like known ones."""

    __tablename__ = "reset_counters"
    __table_args__ = (SCHEMA,)

    counted: Mapped[str] = mapped_column(Text, primary_key=True)
    """`name:<hash>` or `place:<client>`."""
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    tries: Mapped[int]
