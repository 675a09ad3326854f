"""Tables of what bounds a sign-on: how many at once, when and from where."""

from datetime import datetime, time
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger, Text, Time, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model

SCHEMA = {"schema": "platform"}


class SessionPolicy(Model):
    """How many sessions somebody may have at once (同时在线数), by post or kind of account; the strictest counts."""

    __tablename__ = "session_policies"
    __table_args__ = (
        Index("uq_session_policies_open", "subject", unique=True, postgresql_where=text("ended_at IS NULL")),
        CheckConstraint("max_sessions BETWEEN 1 AND 20", name="max_sessions"),
        CheckConstraint("beyond IN ('displace', 'confirm', 'refuse')", name="beyond"),
        SCHEMA,
    )

    policy_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(Text)
    """`staff`, `patient`, or `post:<code>`."""
    max_sessions: Mapped[int] = mapped_column(SmallInteger)
    beyond: Mapped[str] = mapped_column(Text)
    """displace: the oldest ends; confirm: the same once the newcomer agrees; refuse: the newcomer ends."""
    reason: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)


class SessionEntry(Model):
    """A session that has come in at the product itself: counted, its place and hour seen, others ended if need be."""

    __tablename__ = "session_entries"
    __table_args__ = (SCHEMA,)

    realm_session: Mapped[str] = mapped_column(Text, primary_key=True)
    account_id: Mapped[UUID]
    entered_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(Text)
    strong: Mapped[bool]
    """Signed on with a second factor."""
    opened_here: Mapped[bool]
    """At a registered workstation by badge or scan: the address the realm saw is the product's own."""


class SessionNotice(Model):
    """Why a session ends (下线通知): shown to whoever works in it, carried out when its time has come."""

    __tablename__ = "session_notices"
    __table_args__ = (
        Index("uq_session_notices_session", "realm_session", unique=True),
        Index("ix_session_notices_due", "ends_at", postgresql_where=text("ended_at IS NULL")),
        Index(None, "account_id", "notice_id"),
        CheckConstraint(
            "cause IN ('displaced', 'not_confirmed', 'refused', 'wrong_hour', 'wrong_place', 'second_factor',"
            " 'locked_too_long', 'unlock_failed')",
            name="cause",
        ),
        SCHEMA,
    )

    notice_id: Mapped[UUID] = mapped_column(primary_key=True)
    realm_session: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID]
    cause: Mapped[str] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    """Where the session that ends had signed on."""
    raised_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class SignOnRule(CampusOwned, Model):
    """When and from where holders of a post may sign on (按时间地点限制登录). Rules of one post are alternatives."""

    __tablename__ = "sign_on_rules"
    __table_args__ = (
        Index(None, "campus_id", "rule_id"),
        Index("ix_sign_on_rules_open", "post", postgresql_where=text("ended_at IS NULL")),
        CheckConstraint("outside IN ('refuse', 'second_factor')", name="outside"),
        CheckConstraint("cardinality(weekdays) > 0 AND weekdays <@ '{1,2,3,4,5,6,7}'::smallint[]", name="weekdays"),
        CheckConstraint("from_time <> to_time", name="hours"),
        SCHEMA,
    )

    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    post: Mapped[str] = mapped_column(Text)
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    """ISO days, 1 Monday; the day on which a night span begins."""
    from_time: Mapped[time] = mapped_column(Time)
    to_time: Mapped[time] = mapped_column(Time)
    """Before `from_time`: over midnight. 00:00 to 23:59:59 is the whole day."""
    networks: Mapped[list[str]]
    """CIDR; empty means anywhere."""
    outside: Mapped[str] = mapped_column(Text)
    """What a sign-on from elsewhere needs: it is refused, or a second factor lets it in."""
    message: Mapped[str] = mapped_column(Text)
    """What the person refused reads."""
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
