"""Tables of patients' sign-on by phone code (手机验证码登录), of relatives by consent, of messages and of outages.

A code is made from its row's id by a key (rules_phones) and stored nowhere; a phone number is known by a keyed hash.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import Model

SCHEMA = {"schema": "platform"}


class AccountPhone(Model):
    """The phone an account's owner was registered with when the binding was checked: it signs on to this account."""

    __tablename__ = "account_phones"
    __table_args__ = (
        Index("uq_account_phones_phone", "phone_hash", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("uq_account_phones_account", "account_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        SCHEMA,
    )

    phone_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("platform.patient_accounts.account_id"))
    phone_hash: Mapped[bytes] = mapped_column(LargeBinary)
    linked_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)


class PhoneCode(Model):
    """A code somebody asked for: six digits, five minutes, once, five tries. Kept for unknown phones just the same."""

    __tablename__ = "phone_codes"
    __table_args__ = (
        Index("ix_phone_codes_phone", "phone_hash", "asked_at"),
        CheckConstraint("purpose IN ('sign_on', 'family')", name="purpose"),
        CheckConstraint("state IN ('open', 'used', 'void')", name="state"),
        CheckConstraint("tries BETWEEN 0 AND 5", name="tries"),
        CheckConstraint("expires_at <= asked_at + interval '5 minutes'", name="term"),
        CheckConstraint("(state = 'used') = (used_at IS NOT NULL)", name="used"),
        CheckConstraint("used_at < expires_at", name="in_time"),
        SCHEMA,
    )

    code_id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(Text)
    phone_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """Of a family code: of the request, since the asker does not know the phone."""
    account_id: Mapped[UUID | None]
    """Who it lets in, or who asked for a relative; None: nobody, the phone is unknown."""
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text, default="open")
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class CodeCounter(Model):
    """What is counted within a minute or an hour: codes asked for by phone, failures and requests by address."""

    __tablename__ = "code_counters"
    __table_args__ = SCHEMA

    counted: Mapped[str] = mapped_column(Text, primary_key=True)
    since: Mapped[datetime] = mapped_column(primary_key=True)
    tries: Mapped[int]


class TextMessage(Model):
    """A message to a phone the hospital registered (短信): of what kind, about what, whether it went out. Its text, the
    phone and a code in it are put together when it is sent and kept nowhere."""

    __tablename__ = "text_messages"
    __table_args__ = (
        Index("ix_text_messages_due", "due_at", "message_id", postgresql_where=text("state = 'due'")),
        Index("ix_text_messages_code", "code_id", postgresql_where=text("code_id IS NOT NULL")),
        CheckConstraint("kind IN ('sign_on', 'family', 'family_bound', 'family_ended')", name="kind"),
        CheckConstraint("state IN ('due', 'sent', 'failed', 'late')", name="state"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent"),
        SCHEMA,
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[UUID]
    """Whose registered phone it goes to."""
    code_id: Mapped[UUID | None]
    asker_id: Mapped[UUID | None]
    """Of a message about a relative: the patient who asks or is bound."""
    due_at: Mapped[datetime]
    until: Mapped[datetime]
    """Later it helps nobody."""
    state: Mapped[str] = mapped_column(Text, default="due")
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    receipt: Mapped[str | None] = mapped_column(Text, default=None)
    """The gateway's own number."""
    error: Mapped[str | None] = mapped_column(Text, default=None)
    """The gateway's code."""


class WayOutage(Model):
    """A way patients sign on by does not work (登录方式故障): WeChat, text messages. One row from first failure to the
    next success."""

    __tablename__ = "way_outages"
    __table_args__ = (
        Index("uq_way_outages_open", "way", unique=True, postgresql_where=text("ended_at IS NULL")),
        CheckConstraint("way IN ('wechat', 'sms')", name="way"),
        SCHEMA,
    )

    outage_id: Mapped[UUID] = mapped_column(primary_key=True)
    way: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime]
    last_at: Mapped[datetime]
    failures: Mapped[int]
    alarmed_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class FamilyRequest(Model):
    """Somebody asks to act for an adult relative (成年家属绑定): agreed to by phone or at the window."""

    __tablename__ = "family_requests"
    __table_args__ = (
        Index(None, "account_id", "asked_at"),
        Index("ix_family_requests_open", "patient_id", postgresql_where=text("state = 'asked'")),
        Index("ix_family_requests_late", "expires_at", postgresql_where=text("state = 'asked'")),
        CheckConstraint("relation IN ('parent', 'spouse', 'other')", name="relation"),
        CheckConstraint("state IN ('asked', 'agreed', 'lapsed')", name="state"),
        CheckConstraint("way IN ('phone', 'window')", name="way"),
        CheckConstraint("(state = 'agreed') = (agreed_at IS NOT NULL)", name="agreed"),
        CheckConstraint("(state = 'agreed') = (way IS NOT NULL)", name="agreed_by_a_way"),
        CheckConstraint("(way = 'window') = (registrar IS NOT NULL)", name="registrar"),
        CheckConstraint("state <> 'agreed' OR patient_id IS NOT NULL", name="known"),
        SCHEMA,
    )

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("platform.patient_accounts.account_id"))
    owner_id: Mapped[UUID]
    """The patient who asks."""
    patient_id: Mapped[UUID | None]
    """The relative; None when number and name are nobody's: the answer is the same."""
    relation: Mapped[str] = mapped_column(Text)
    code_id: Mapped[UUID]
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text, default="asked")
    way: Mapped[str | None] = mapped_column(Text, default=None)
    agreed_at: Mapped[datetime | None] = mapped_column(default=None)
    registrar: Mapped[str | None] = mapped_column(Text, default=None)
    """Who saw both people at the window."""
    evidence: Mapped[str | None] = mapped_column(Text, default=None)
    """What was seen."""
    link_id: Mapped[UUID | None] = mapped_column(ForeignKey("platform.account_links.link_id"), default=None)
