"""The number pool (号源): slots, when they go on sale, where unsold ones return to, freezes."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from functions.outpatient.schedule.models.clinics import SCHEMA
from shared.database.model import CampusOwned, Model

SELLABLE = "status IN ('free', 'held')"
STATES = "'free', 'held', 'taken', 'used', 'blocked', 'withdrawn', 'lapsed'"


class Slot(CampusOwned, Model):
    """One number (号): free, held, taken, used, blocked, withdrawn or lapsed; at most one owner ever at a time.

    A hold past `held_until` is free, whether or not the minute's work has cleared it yet.
    """

    __tablename__ = "slots"
    __table_args__ = (
        UniqueConstraint("session_id", "number"),
        Index("uq_slots_extra", "session_id", "extra_no", unique=True, postgresql_where=text("extra_no IS NOT NULL")),
        Index("ix_slots_sellable", "session_id", "number", postgresql_where=text(SELLABLE)),
        Index("ix_slots_ending", "campus_id", "band_end", postgresql_where=text(f"{SELLABLE} OR status = 'blocked'")),
        Index("ix_slots_held", "campus_id", "held_until", postgresql_where=text("status = 'held'")),
        CheckConstraint("(status IN ('taken', 'used')) = (owner_id IS NOT NULL)", name="owner"),
        CheckConstraint("(status = 'held') = (held_until IS NOT NULL)", name="held"),
        CheckConstraint("(status = 'blocked') = (block_reason IS NOT NULL)", name="blocked"),
        CheckConstraint(f"status IN ({STATES})", name="status"),
        SCHEMA,
    )

    slot_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.sessions.session_id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    band_start: Mapped[datetime]
    band_end: Mapped[datetime]
    channel: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default="free")
    owner_kind: Mapped[str | None] = mapped_column(Text, default=None)
    """visit or booking."""
    owner_id: Mapped[UUID | None] = mapped_column(default=None)
    holder: Mapped[str | None] = mapped_column(Text, default=None)
    """Who holds it: a hash or key of the caller's, never a name."""
    held_until: Mapped[datetime | None] = mapped_column(default=None)
    on_sale_at: Mapped[datetime | None] = mapped_column(default=None)
    """Release time (放号时间); null means since publication."""
    returned_at: Mapped[datetime | None] = mapped_column(default=None)
    """When it last came back into the pool; such a number goes to the waiting list first."""
    block_reason: Mapped[str | None] = mapped_column(Text, default=None)
    """rescue (医生临时离开), withheld (待手工放号), contingency (应急冻结)."""
    extra_no: Mapped[int | None] = mapped_column(SmallInteger, default=None)
    """Ordinal of an extra number, printed 加1, 加2...; null for a planned number."""
    for_patient: Mapped[UUID | None] = mapped_column(default=None)
    """The patient an extra number was made for."""


class ReleaseWave(CampusOwned, Model):
    """One release (放号批次) of a session: when its numbers go on sale, and that it was told."""

    __tablename__ = "release_waves"
    __table_args__ = (
        PrimaryKeyConstraint("session_id", "ordinal"),
        Index("ix_release_waves_due", "campus_id", "due_at", postgresql_where=text("released_at IS NULL")),
        SCHEMA,
    )

    session_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.sessions.session_id"))
    ordinal: Mapped[int] = mapped_column(SmallInteger)
    due_at: Mapped[datetime | None]
    """Null waits for a person's hand (手工放号)."""
    slots: Mapped[int] = mapped_column(SmallInteger)
    released_at: Mapped[datetime | None] = mapped_column(default=None)
    released_by: Mapped[str | None] = mapped_column(Text, default=None)


class ReturnRule(CampusOwned, Model):
    """Where unsold numbers of a channel go, and when (回收规则)."""

    __tablename__ = "return_rules"
    __table_args__ = (
        PrimaryKeyConstraint("campus_id", "channel", "moment"),
        CheckConstraint("moment IN ('day_before', 'before_band')", name="moment"),
        CheckConstraint("cardinality(to_channels) > 0", name="to_channels"),
        SCHEMA,
    )

    channel: Mapped[str] = mapped_column(Text)
    moment: Mapped[str] = mapped_column(Text)
    """day_before: at `minute` of the day before; before_band: `minute` minutes before the band starts."""
    minute: Mapped[int] = mapped_column(SmallInteger)
    to_channels: Mapped[list[str]]
    """Receiving channels; several take turns."""


class PoolFreeze(CampusOwned, Model):
    """The numbers of a campus's day are kept for its windows while it is cut off (应急冻结)."""

    __tablename__ = "pool_freezes"
    __table_args__ = (
        Index("uq_pool_freezes_day", "campus_id", "day", unique=True, postgresql_where=text("lifted_at IS NULL")),
        SCHEMA,
    )

    freeze_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date]
    cause: Mapped[str] = mapped_column(Text)
    frozen_at: Mapped[datetime]
    frozen_by: Mapped[str] = mapped_column(Text)
    slots: Mapped[int] = mapped_column(SmallInteger)
    lifted_at: Mapped[datetime | None] = mapped_column(default=None)
    lifted_by: Mapped[str | None] = mapped_column(Text, default=None)
