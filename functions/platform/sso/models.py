"""Tables of sign-on. Credentials and sessions themselves are the realm's; here is who is bound to what, and why."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from functions.platform.sso import (  # noqa: F401  found with these
    models_cas,
    models_certificates,
    models_limits,
    models_locks,
    models_offline,
    models_passwords,
    models_phones,
    models_trust,
)
from shared.database.model import CampusOwned, Model

SCHEMA = {"schema": "platform"}


class IdentityChange(Model):
    """Something the realm must be told (待同步): written with the change itself, done as soon as the realm answers."""

    __tablename__ = "identity_changes"
    __table_args__ = (
        Index("ix_identity_changes_open", "due_at", "change_id", postgresql_where=text("done_at IS NULL")),
        Index(
            "uq_identity_changes_open",
            "kind",
            "subject_id",
            unique=True,
            postgresql_where=text("done_at IS NULL AND taken_until IS NULL"),
        ),
        CheckConstraint("kind IN ('person', 'realm', 'patient', 'session', 'sessions')", name="kind"),
        SCHEMA,
    )

    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)
    """Staff id, patient account, session to end, account whose sessions end, or '' for the realm."""
    cause: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    taken_until: Mapped[datetime | None] = mapped_column(default=None)
    """Somebody works at it until then."""
    done_at: Mapped[datetime | None] = mapped_column(default=None)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(Text, default="")


class AppliedAccount(Model):
    """What the realm was last told of a person: tells a change of ours from one made by hand."""

    __tablename__ = "applied_accounts"
    __table_args__ = (SCHEMA,)

    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(Text)
    applied_at: Mapped[datetime]


class Device(CampusOwned, Model):
    """A device, bridge or shared workstation that signs on by itself, bound to one campus (接入设备)."""

    __tablename__ = "devices"
    __table_args__ = (
        UniqueConstraint("campus_id", "code"),
        Index(None, "campus_id", "device_id"),
        Index("ix_devices_due", "valid_to", postgresql_where=text("state = 'active'")),
        CheckConstraint("state IN ('active', 'ended')", name="state"),
        CheckConstraint("valid_to <= secret_since + interval '366 days'", name="term"),
        SCHEMA,
    )

    device_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    """A kind of shared.identity.posts.DEVICES, without `device:`."""
    title: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    """Who answers for it: a department or a person."""
    state: Mapped[str] = mapped_column(Text)
    enrolled_at: Mapped[datetime]
    enrolled_by: Mapped[str] = mapped_column(Text)
    secret_since: Mapped[datetime]
    valid_to: Mapped[datetime]
    """The secret is good for 12 months at most."""
    generation: Mapped[int] = mapped_column(default=1)
    former_until: Mapped[datetime | None] = mapped_column(default=None)
    """While this lies ahead the generation before still signs on."""
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class Partner(Model):
    """A program of another maker that signs its users on here (第三方系统): its owner, what it learns, until when."""

    __tablename__ = "partners"
    __table_args__ = (
        UniqueConstraint("code"),
        Index("uq_partners_entity_id", "entity_id", unique=True, postgresql_where=text("state = 'active'")),
        CheckConstraint("state IN ('active', 'ended')", name="state"),
        CheckConstraint("protocol IN ('oidc', 'saml', 'cas')", name="protocol"),
        CheckConstraint("(protocol = 'saml') = (entity_id IS NOT NULL)", name="entity"),
        SCHEMA,
    )

    partner_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    shared_data: Mapped[str] = mapped_column(Text)
    redirect_uris: Mapped[list[str]]
    """Where a sign-on may come back to; of SAML the addresses that consume assertions (ACS), of CAS those of its
    services, to the letter."""
    backchannel_logout_url: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    valid_to: Mapped[datetime]
    registered_at: Mapped[datetime]
    registered_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    protocol: Mapped[str] = mapped_column(Text, default="oidc")
    """oidc; saml for a program that speaks SAML 2.0, cas for an old one that takes tickets."""
    entity_id: Mapped[str | None] = mapped_column(Text, default=None)
    """What a SAML program calls itself (entityID)."""
    version: Mapped[int] = mapped_column(default=1)


class PatientAccount(Model):
    """An account of a patient: one WeChat user. The openid itself is not kept, only what recognises it again."""

    __tablename__ = "patient_accounts"
    __table_args__ = (UniqueConstraint("openid_hash"), SCHEMA)

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    """Also the account's subject in the realm."""
    openid_hash: Mapped[bytes] = mapped_column(LargeBinary)
    opened_at: Mapped[datetime]
    last_login_at: Mapped[datetime]


class AccountLink(Model):
    """A person of the patient index an account may act for (绑定就诊人): oneself, or family on a proof."""

    __tablename__ = "account_links"
    __table_args__ = (
        Index(
            "uq_account_links_open", "account_id", "patient_id", unique=True, postgresql_where=text("ended_at IS NULL")
        ),
        Index(
            "uq_account_links_self",
            "account_id",
            unique=True,
            postgresql_where=text("relation = 'self' AND ended_at IS NULL"),
        ),
        Index("ix_account_links_patient", "patient_id", postgresql_where=text("ended_at IS NULL")),
        CheckConstraint("relation IN ('self', 'child', 'parent', 'spouse', 'other')", name="relation"),
        CheckConstraint("proof IN ('real_name', 'guardian', 'consent')", name="proof"),
        CheckConstraint("(relation = 'self') = (proof = 'real_name')", name="self_proof"),
        CheckConstraint("proof <> 'consent' OR (until IS NOT NULL AND relation_id IS NOT NULL)", name="consent_ends"),
        SCHEMA,
    )

    link_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("platform.patient_accounts.account_id"))
    patient_id: Mapped[UUID]
    """As bound; a merge is followed by resolving it, so that taking the merge back needs nothing."""
    relation: Mapped[str] = mapped_column(Text)
    proof: Mapped[str] = mapped_column(Text)
    bound_at: Mapped[datetime]
    until: Mapped[datetime | None]
    """A guardian's binding ends with the child's 18th birthday, an adult's consent after some months."""
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)
    relation_id: Mapped[UUID | None] = mapped_column(default=None)
    """Of an adult relative: the relation in the patient index that says so (家庭成员共享)."""


class Badge(CampusOwned, Model):
    """A staff card with a PIN (胸卡加口令) for changing users at a shared workstation. Useless anywhere else."""

    __tablename__ = "badges"
    __table_args__ = (
        Index("uq_badges_card", "card_hash", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("uq_badges_staff", "staff_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        SCHEMA,
    )

    badge_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID]
    card_hash: Mapped[bytes] = mapped_column(LargeBinary)
    pin_salt: Mapped[bytes] = mapped_column(LargeBinary)
    pin_hash: Mapped[bytes] = mapped_column(LargeBinary)
    issued_at: Mapped[datetime]
    issued_by: Mapped[str] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)


class WorkstationSession(CampusOwned, Model):
    """Who worked at a shared workstation from when to when (换班登录)."""

    __tablename__ = "workstation_sessions"
    __table_args__ = (
        Index("uq_workstation_sessions_open", "workstation", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index(None, "campus_id", "session_id"),
        Index("ix_workstation_sessions_staff", "staff_id", postgresql_where=text("ended_at IS NULL")),
        Index(None, "staff_id", "opened_at"),
        SCHEMA,
    )

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    workstation: Mapped[str] = mapped_column(Text)
    """The workstation's client in the realm."""
    staff_id: Mapped[UUID]
    realm_session: Mapped[str | None] = mapped_column(Text)
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)


class LoginEvent(Model):
    """A success, failure, lock or change of credentials as the realm reports it. Never a password, PIN or token.

    Partitioned by the hospital's months.
    """

    __tablename__ = "login_events"
    __table_args__ = (
        UniqueConstraint("realm_event_id", "at"),
        Index(None, "account_id", "at"),
        Index(None, "at", "event_id"),
        Index("ix_login_events_failures", "address", "at", postgresql_where=text("error IS NOT NULL")),
        {**SCHEMA, "postgresql_partition_by": "RANGE (at)"},
    )

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    """Rises with the moment of collecting, not with `at`."""
    realm_event_id: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str | None] = mapped_column(Text)
    client: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
    realm_session: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)


class EmergencyAccess(CampusOwned, Model):
    """A sealed account for the day nobody else gets in (应急账号): opened by two, reported, sealed again by itself."""

    __tablename__ = "emergency_accesses"
    __table_args__ = (
        Index("uq_emergency_accesses_open", "campus_id", unique=True, postgresql_where=text("state <> 'sealed'")),
        Index(None, "campus_id", "access_id"),
        CheckConstraint("state IN ('asked', 'open', 'sealed')", name="state"),
        CheckConstraint("opened_by <> asked_by", name="two_people"),
        CheckConstraint("until <= opened_at + interval '4 hours'", name="term"),
        SCHEMA,
    )

    access_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime | None] = mapped_column(default=None)
    opened_by: Mapped[str | None] = mapped_column(Text, default=None)
    until: Mapped[datetime | None] = mapped_column(default=None)
    sealed_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)
