"""Tables of locked screens, of sign-on by scanning and of the archive of log-in records."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model

SCHEMA = {"schema": "platform"}
_OPEN = text("unlocked_at IS NULL AND ended_at IS NULL")


class ScreenLock(Model):
    """A locked screen (锁屏): opened -> locked -> opened, or ended. The session's tokens open nothing meanwhile."""

    __tablename__ = "screen_locks"
    __table_args__ = (
        Index("uq_screen_locks_open", "realm_session", unique=True, postgresql_where=_OPEN),
        Index(
            "uq_screen_locks_workstation",
            "workstation",
            unique=True,
            postgresql_where=text("unlocked_at IS NULL AND ended_at IS NULL AND workstation IS NOT NULL"),
        ),
        Index("ix_screen_locks_due", "locked_at", postgresql_where=_OPEN),
        CheckConstraint("cause IN ('idle', 'asked')", name="cause"),
        CheckConstraint("way IN ('pin', 'badge', 'password')", name="way"),
        CheckConstraint("(unlocked_at IS NULL) = (way IS NULL)", name="unlocked_by_a_way"),
        CheckConstraint("unlocked_at IS NULL OR ended_at IS NULL", name="one_end"),
        SCHEMA,
    )

    lock_id: Mapped[UUID] = mapped_column(primary_key=True)
    realm_session: Mapped[str] = mapped_column(Text)
    staff_id: Mapped[UUID]
    cause: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    """How the lock screen names the desk."""
    workstation: Mapped[str | None] = mapped_column(Text)
    """The registered workstation it stands at, without the generation of its secret: there PIN and badge unlock."""
    hold_id: Mapped[UUID]
    """The entry of the deny list that keeps the session's tokens, renewed ones too, from opening anything."""
    locked_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(default=0)
    unlocked_at: Mapped[datetime | None] = mapped_column(default=None)
    way: Mapped[str | None] = mapped_column(Text, default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    """The session ended instead: locked for too long, wrong answers, somebody else took the workstation."""


class ScannedSignOn(CampusOwned, Model):
    """A sign-on by scanning (扫码登录): a code on a workstation's screen, agreed to on a telephone already signed on.

    A code nobody scanned is overwritten by the next one of the workstation: only real attempts are kept.
    """

    __tablename__ = "scanned_sign_ons"
    __table_args__ = (
        Index(None, "campus_id", "scan_id"),
        Index("uq_scanned_sign_ons_shown", "workstation", unique=True, postgresql_where=text("state = 'shown'")),
        CheckConstraint("state IN ('shown', 'scanned', 'agreed', 'refused', 'used')", name="state"),
        CheckConstraint("(state = 'shown') = (staff_id IS NULL)", name="by_somebody"),
        CheckConstraint("(state = 'used') = (used_at IS NOT NULL)", name="used_once"),
        CheckConstraint("expires_at <= shown_at + interval '2 minutes'", name="term"),
        SCHEMA,
    )

    scan_id: Mapped[UUID] = mapped_column(primary_key=True)
    workstation: Mapped[str] = mapped_column(Text)
    """The workstation's client in the realm; only it collects."""
    title: Mapped[str] = mapped_column(Text)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(Text)
    shown_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    staff_id: Mapped[UUID | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class LoginArchive(Model):
    """A month of log-in records on its way out of the database (登录记录归档): writing -> archived."""

    __tablename__ = "login_archives"
    __table_args__ = (
        Index("uq_login_archives_writing", "state", unique=True, postgresql_where=text("state = 'writing'")),
        CheckConstraint("state IN ('writing', 'archived')", name="state"),
        CheckConstraint("(state = 'archived') = (archived_at IS NOT NULL)", name="archived"),
        CheckConstraint("extract(day FROM month) = 1", name="month"),
        SCHEMA,
    )

    month: Mapped[date] = mapped_column(Date, primary_key=True)
    """Its first day, Asia/Shanghai."""
    state: Mapped[str] = mapped_column(Text)
    begun_at: Mapped[datetime]
    rows: Mapped[int] = mapped_column(default=0)
    """Records that were emptied out of the database, all of them in sealed files."""
    archived_at: Mapped[datetime | None] = mapped_column(default=None)


class LoginArchiveDay(Model):
    """A day of log-in records as a sealed file, written and read back. Append-only; each names the one before."""

    __tablename__ = "login_archive_days"
    __table_args__ = (
        Index(None, "month", "day"),
        CheckConstraint("(rows = 0) = (file_id IS NULL)", name="file"),
        CheckConstraint("(file_id IS NULL) = (sha256 IS NULL)", name="hash"),
        CheckConstraint("rows >= 0", name="rows"),
        SCHEMA,
    )

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    month: Mapped[date] = mapped_column(Date, ForeignKey("platform.login_archives.month"))
    rows: Mapped[int]
    file_id: Mapped[UUID | None]
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of the file's bytes; also of what the object store has to give back."""
    chain: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 over the chain of the day before, the day, its count and its file's hash."""
    sealed_at: Mapped[datetime]
