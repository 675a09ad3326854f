"""Who a person is: the patient, their identifiers, relations and consents, and how their data came to be."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import Model

SCHEMA = "patients"
PATIENT = "patients.patients.patient_id"
ACTIVE = "status = 'active'"
SINGLE_VALUED = "type IN ('resident_id', 'birth_certificate', 'insurance_person_no')"
CERTIFICATES = (
    "type IN ('resident_id', 'household_book', 'passport', 'officer', 'hk_macau_permit', 'taiwan_permit',"
    " 'hmt_residence', 'foreign_pr', 'birth_certificate')"
)
"""Kinds whose number is sealed (schemas.values.DOCUMENT_CODES)."""


def document() -> JSONB:
    """JSON whose absence is SQL NULL."""
    return JSONB(none_as_null=True)


class Patient(Model):
    """One record of a person (患者). Records of the same person are linked: `survivor_id` names the one that speaks.

    A record that was never merged is its own survivor. Rows elsewhere keep the `patient_id` they were written with.
    The keys of the name are computed by rules.name_keys and rules.one_character_keys when the name is written.
    """

    __tablename__ = "patients"
    __table_args__ = (
        UniqueConstraint("empi_no"),
        Index(None, "survivor_id"),
        Index(None, "name", "birth_date"),
        Index(None, "name_pinyin", "birth_date"),
        Index(None, "name_initials", "birth_date"),
        Index(None, "birth_date"),
        Index(None, "phone", postgresql_where=text("phone IS NOT NULL")),
        Index(None, "phone_reversed", postgresql_where=text("phone_reversed IS NOT NULL")),
        Index(None, "created_at"),
        Index("ix_patients_arrival", "created_at", postgresql_where=text("arrival IS NOT NULL")),
        Index(None, "name_keys", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index(
            "uq_patients_newborn",
            "mother_id",
            "birth_date",
            "birth_order",
            unique=True,
            postgresql_where=text("mother_id IS NOT NULL"),
        ),
        CheckConstraint("empi_no ~ '^[0-9]{10}$'", name="empi_no"),
        CheckConstraint("sex IN ('0', '1', '2', '9')", name="sex"),
        CheckConstraint("birth_precision IN ('minute', 'day', 'month', 'year')", name="birth_precision"),
        CheckConstraint("(birth_precision = 'minute') = (birth_datetime IS NOT NULL)", name="birth_datetime"),
        CheckConstraint(
            "identity_level IN ('unverified', 'document_seen', 'chip_read', 'police_verified')", name="identity_level"
        ),
        CheckConstraint("confidentiality IN ('normal', 'restricted')", name="confidentiality"),
        CheckConstraint("status IN ('active', 'merged', 'deceased')", name="status"),
        CheckConstraint("(status = 'merged') = (survivor_id <> patient_id)", name="survivor"),
        {"schema": SCHEMA},
    )

    patient_id: Mapped[UUID] = mapped_column(primary_key=True)
    survivor_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    empi_no: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    name_pinyin: Mapped[str] = mapped_column(Text)
    name_initials: Mapped[str] = mapped_column(Text)
    name_keys: Mapped[list[str]] = mapped_column(ARRAY(Text))
    former_names: Mapped[list[str]] = mapped_column(ARRAY(Text), default_factory=list)
    sex: Mapped[str] = mapped_column(Text)
    """GB/T 2261.1."""
    birth_date: Mapped[date]
    """Calendar day in China; the first day of what is known when only the month or year is."""
    birth_datetime: Mapped[datetime | None] = mapped_column(default=None)
    birth_precision: Mapped[str] = mapped_column(Text, default="day")
    ethnic_group: Mapped[str | None] = mapped_column(Text, default=None)
    """GB/T 3304."""
    nationality: Mapped[str | None] = mapped_column(Text, default=None)
    """GB/T 2659."""
    marital_status: Mapped[str | None] = mapped_column(Text, default=None)
    """GB/T 2261.2."""
    occupation: Mapped[str | None] = mapped_column(Text, default=None)
    education: Mapped[str | None] = mapped_column(Text, default=None)
    """GB/T 4658."""
    native_place: Mapped[str | None] = mapped_column(Text, default=None)
    registered_address: Mapped[dict[str, Any] | None] = mapped_column(document(), default=None)
    current_address: Mapped[dict[str, Any] | None] = mapped_column(document(), default=None)
    phone: Mapped[str | None] = mapped_column(Text, default=None)
    phone_reversed: Mapped[str | None] = mapped_column(
        Text(collation="C"), Computed("reverse(phone)", persisted=True), init=False
    )
    """Read backwards, so that the last digits are a prefix an index can find."""
    phone_missing_reason: Mapped[str | None] = mapped_column(Text, default=None)
    employer: Mapped[str | None] = mapped_column(Text, default=None)
    payer_kind: Mapped[str | None] = mapped_column(Text, default=None)
    abo: Mapped[str | None] = mapped_column(Text, default=None)
    rh: Mapped[str | None] = mapped_column(Text, default=None)
    blood_group_status: Mapped[str | None] = mapped_column(Text, default=None)
    """stated, or confirmed by laboratory or transfusion."""
    identity_level: Mapped[str] = mapped_column(Text)
    confidentiality: Mapped[str] = mapped_column(Text, default="normal")
    sensitivity: Mapped[str | None] = mapped_column(Text, default=None)
    """Of a restricted record why (shared.identity.data_rules.SENSITIVE)."""
    status: Mapped[str] = mapped_column(Text, default="active")
    photo_file_id: Mapped[UUID | None] = mapped_column(default=None)
    mother_id: Mapped[UUID | None] = mapped_column(ForeignKey(PATIENT), default=None)
    birth_order: Mapped[int | None] = mapped_column(SmallInteger, default=None)
    births: Mapped[int | None] = mapped_column(SmallInteger, default=None)
    arrival: Mapped[dict[str, Any] | None] = mapped_column(document(), default=None)
    """How a person without document came: kind, finder, police or ambulance unit."""
    deceased_at: Mapped[datetime | None] = mapped_column(default=None)
    death_certificate_no: Mapped[str | None] = mapped_column(Text, default=None)
    created_campus_id: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)


class Identifier(Model):
    """A number that names a person: document, card, insurance number. An active one names one person only.

    The number of a certificate is sealed (service.numbers): `value` is then the mark it is found by and kept unique by,
    which nobody turns back into the number. A card's value is its number. A certificate that was entered before numbers
    were sealed has its number in `value` until the minute's work comes to it.

    The reference to the patient is checked at commit, because a number is claimed before its person is written.
    """

    __tablename__ = "identifiers"
    __table_args__ = (
        Index(
            "uq_identifiers_active",
            "value",
            "type",
            "issuer_campus_id",
            unique=True,
            postgresql_where=text(ACTIVE),
            postgresql_nulls_not_distinct=True,
        ),
        Index(
            "uq_identifiers_single",
            "patient_id",
            "type",
            unique=True,
            postgresql_where=text(f"{ACTIVE} AND {SINGLE_VALUED}"),
        ),
        Index("ix_identifiers_stopped", "value", postgresql_where=text("status <> 'active'")),
        Index("ix_identifiers_tail", "tail", postgresql_where=text(f"{ACTIVE} AND tail IS NOT NULL")),
        Index("ix_identifiers_key", "key_id", postgresql_where=text(CERTIFICATES)),
        Index("ix_identifiers_clear", "value_reversed", postgresql_where=text(f"key_id IS NULL AND {CERTIFICATES}")),
        Index(None, "patient_id"),
        CheckConstraint("(sealed IS NULL) = (key_id IS NULL)", name="sealed"),
        CheckConstraint("sealed IS NULL OR starts_with(sealed, key_id || ':')", name="key_id"),
        CheckConstraint("sealed IS NULL OR starts_with(value, '#')", name="mark"),
        CheckConstraint("status IN ('active', 'lost', 'replaced', 'revoked')", name="status"),
        CheckConstraint("(status = 'active') = (ended_at IS NULL)", name="ended_at"),
        {"schema": SCHEMA},
    )

    identifier_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT, deferrable=True, initially="DEFERRED"))
    type: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    value_reversed: Mapped[str] = mapped_column(
        Text(collation="C"), Computed("reverse(value)", persisted=True), init=False
    )
    """Read by the search for last digits as long as there are numbers not sealed yet."""
    sealed: Mapped[str | None] = mapped_column(Text, default=None)
    """A certificate's number as shared.column_cipher seals it, bound to this row."""
    key_id: Mapped[str | None] = mapped_column(Text, default=None)
    """The key seal and marks were made with; rotation finds its work by it."""
    tail: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """Mark of the last four characters of an 18-digit number, which people type to find somebody."""
    issuer_campus_id: Mapped[str | None] = mapped_column(Text, default=None)
    """Campus that gave a card or number of its own; null for what is valid everywhere."""
    status: Mapped[str] = mapped_column(Text, default="active")
    issued_by: Mapped[str | None] = mapped_column(Text, default=None)
    document_valid_to: Mapped[date | None] = mapped_column(default=None)
    bound_at: Mapped[datetime]
    bound_by: Mapped[str] = mapped_column(Text)
    bound_campus_id: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)
    replaced_by: Mapped[UUID | None] = mapped_column(default=None)


class Relation(Model):
    """A person related to the patient: mother, guardian, contact, family member who shares the mini-program.

    A guardian's authority ends on the 18th birthday of the patient without anybody doing anything (rules).
    """

    __tablename__ = "relations"
    __table_args__ = (
        Index(None, "patient_id"),
        Index(None, "related_patient_id", postgresql_where=text("related_patient_id IS NOT NULL")),
        Index("ix_relations_key", "key_id", postgresql_where=text("document_no IS NOT NULL")),
        CheckConstraint("key_id IS NULL OR starts_with(document_no, key_id || ':')", name="key_id"),
        {"schema": SCHEMA},
    )

    relation_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT, deferrable=True, initially="DEFERRED"))
    kind: Mapped[str] = mapped_column(Text)
    related_patient_id: Mapped[UUID | None] = mapped_column(ForeignKey(PATIENT), default=None)
    name: Mapped[str] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text, default=None)
    document_type: Mapped[str | None] = mapped_column(Text, default=None)
    document_no: Mapped[str | None] = mapped_column(Text, default=None)
    """Sealed, bound to this row; in clear where `key_id` is missing."""
    key_id: Mapped[str | None] = mapped_column(Text, default=None)
    is_guardian: Mapped[bool] = mapped_column(default=False)
    is_emergency_contact: Mapped[bool] = mapped_column(default=False)
    shares_account: Mapped[bool] = mapped_column(default=False)
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)


class Consent(Model):
    """A consent by its text version; a withdrawal has effect from its moment and leaves the consent in the history."""

    __tablename__ = "consents"
    __table_args__ = (
        Index(None, "patient_id"),
        Index("uq_consents_in_force", "patient_id", "kind", unique=True, postgresql_where=text("withdrawn_at IS NULL")),
        {"schema": SCHEMA},
    )

    consent_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    kind: Mapped[str] = mapped_column(Text)
    text_version: Mapped[str] = mapped_column(Text)
    given_by: Mapped[str] = mapped_column(Text)
    """patient or guardian (under 14: 个人信息保护法 art. 31)."""
    given_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)
    withdrawn_at: Mapped[datetime | None] = mapped_column(default=None)
    withdrawn_recorded_by: Mapped[str | None] = mapped_column(Text, default=None)


class IdentityChange(Model):
    """One field of a person before and after: who changed it where, on what evidence. Append-only."""

    __tablename__ = "identity_changes"
    __table_args__ = (Index(None, "patient_id", "changed_at"), {"schema": SCHEMA})

    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    field: Mapped[str] = mapped_column(Text)
    old_value: Mapped[Any] = mapped_column(document(), nullable=True)
    new_value: Mapped[Any] = mapped_column(document(), nullable=True)
    cause: Mapped[str] = mapped_column(Text)
    """correction, merge, unmerge, verification, confidentiality, dispute, death, birth_certificate, transfusion,
    statement."""
    evidence: Mapped[str | None] = mapped_column(Text, default=None)
    evidence_file_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    acting_campus_id: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(Text)
    confirmed_by: Mapped[str | None] = mapped_column(Text, default=None)
    """Second person (双人核对), where one is asked for."""
    patient_version: Mapped[int]


class Correction(Model):
    """A correction of identity that waits for a second person: pending, applied or rejected."""

    __tablename__ = "corrections"
    __table_args__ = (
        Index("uq_corrections_pending", "patient_id", unique=True, postgresql_where=text("status = 'pending'")),
        Index(None, "status", "correction_id"),
        Index("ix_corrections_key", "key_id", postgresql_where=text("document_no IS NOT NULL")),
        CheckConstraint("status IN ('pending', 'applied', 'rejected')", name="status"),
        CheckConstraint("key_id IS NULL OR starts_with(document_no, key_id || ':')", name="key_id"),
        {"schema": SCHEMA},
    )

    correction_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey(PATIENT))
    seen_version: Mapped[int]
    changes: Mapped[dict[str, Any]]
    """By field the value asked for; of a document its kind only."""
    document_no: Mapped[str | None] = mapped_column(Text, default=None)
    """The number asked for: sealed, bound to this row; in clear where `key_id` is missing."""
    key_id: Mapped[str | None] = mapped_column(Text, default=None)
    evidence: Mapped[str] = mapped_column(Text)
    evidence_file_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    reason: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default="pending")
    acting_campus_id: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    requested_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by: Mapped[str | None] = mapped_column(Text, default=None)
    decision_reason: Mapped[str | None] = mapped_column(Text, default=None)


class NumberKey(Model):
    """A key that numbers of certificates were sealed with. `proof` shows which key it is and tells nothing of it: a
    process that was given another one under this name, or not this one, writes and finds nothing."""

    __tablename__ = "number_keys"
    __table_args__ = ({"schema": SCHEMA},)

    key_id: Mapped[str] = mapped_column(Text, primary_key=True)
    proof: Mapped[str] = mapped_column(Text)
    first_used_at: Mapped[datetime]
