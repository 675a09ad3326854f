"""What a person may do by law and by grant: licences, clinical privileges, delegations, signatures.

Periods are `[valid_from, valid_to)`. Days of a licence begin at midnight in Asia/Shanghai: a licence that expires on
June 30 has `valid_to` July 1.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

from functions.organisation.structure.models.structure import DAYS, LIVE, MOMENTS, SCHEMA, Recorded
from shared.database.model import CampusOwned, Model

STAFF = "organisation.staff.staff_id"


class Ended(MappedAsDataclass, kw_only=True):
    """Who cut a period short, when and why."""

    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)


class Licence(CampusOwned, Recorded, Ended, Model):
    """A licence or certificate of a person (执业证书, 资格证书, 上岗证), of any campus's reading.

    A renewal is a row of its own. A number belongs to one person.
    """

    __tablename__ = "licences"
    __table_args__ = (
        ExcludeConstraint(
            ("kind", "="), ("number", "="), ("staff_id", "<>"), name="ex_licences_number", where=text(LIVE)
        ),
        ExcludeConstraint(
            ("staff_id", "="),
            ("kind", "="),
            ("number", "="),
            (DAYS, "&&"),
            name="ex_licences_period",
            where=text(LIVE),
        ),
        Index(None, "staff_id"),
        Index("ix_licences_expiring", "campus_id", "valid_to", "licence_id", postgresql_where=text(LIVE)),
        CheckConstraint("valid_to >= valid_from", name="period"),
        SCHEMA,
    )

    licence_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF))
    kind: Mapped[str] = mapped_column(Text)
    """A key of rules.LICENCES."""
    number: Mapped[str] = mapped_column(Text)
    category: Mapped[str | None] = mapped_column(Text)
    """Category of a physician: 临床 clinical, 口腔 dental, 公卫 public_health, 中医 tcm."""
    scope: Mapped[str | None] = mapped_column(Text)
    """执业范围, or the equipment a certificate is for."""
    issuer: Mapped[str | None] = mapped_column(Text)
    issued_on: Mapped[date | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class LicencePlace(CampusOwned, Recorded, Ended, Model):
    """Where a licence may be practised: the main place (主执业) and filed further ones (多机构备案)."""

    __tablename__ = "licence_places"
    __table_args__ = (
        ExcludeConstraint(
            ("licence_id", "="),
            ("practice_campus", "="),
            (DAYS, "&&"),
            name="ex_licence_places_period",
            where=text(LIVE),
        ),
        Index(None, "staff_id"),
        CheckConstraint("valid_to >= valid_from", name="period"),
        CheckConstraint("kind IN ('main', 'filed')", name="kind"),
        SCHEMA,
    )

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    licence_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.licences.licence_id"))
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF))
    practice_campus: Mapped[str] = mapped_column(Text, ForeignKey("organisation.campuses.code"))
    kind: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class LicenceNotice(CampusOwned, Model):
    """A warning that was given `days` before a licence expired; 0 tells that it has."""

    __tablename__ = "licence_notices"
    __table_args__ = (PrimaryKeyConstraint("licence_id", "days"), SCHEMA)

    licence_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.licences.licence_id"))
    days: Mapped[int] = mapped_column(SmallInteger)
    told_at: Mapped[datetime]


class Privilege(CampusOwned, Ended, Model):
    """A clinical privilege (处方权, 手术权限, 报告审核权 ...) of a person, at named campuses, over a period."""

    __tablename__ = "privileges"
    __table_args__ = (
        ExcludeConstraint(
            ("staff_id", "="),
            ("kind", "="),
            ("level", "="),
            ("campus_id", "="),
            (MOMENTS, "&&"),
            name="ex_privileges_period",
        ),
        Index(None, "staff_id", "kind"),
        Index(None, "campus_id", "kind", "privilege_id"),
        CheckConstraint("valid_to >= valid_from", name="period"),
        CheckConstraint("cardinality(campuses) > 0", name="campuses"),
        SCHEMA,
    )

    privilege_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF))
    kind: Mapped[str] = mapped_column(Text)
    """A key of rules.PRIVILEGES."""
    level: Mapped[int] = mapped_column(SmallInteger)
    """0 where the kind has no levels; a level includes those below it."""
    campuses: Mapped[list[str]]
    procedures: Mapped[list[str]]
    """Codes of the procedures it is limited to; empty for all of the level."""
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    evidence: Mapped[str] = mapped_column(Text)
    """Training, examination, meeting: on what paper the grant rests."""
    source: Mapped[str] = mapped_column(Text)
    """Which module and document decided, such as `medical_affairs/antibiotics 2026-014`."""
    granted_at: Mapped[datetime]
    granted_by: Mapped[str] = mapped_column(Text)


class PrivilegeSuspension(CampusOwned, Ended, Model):
    """A privilege is not to be used over a period (暂停); the row a refusal points to."""

    __tablename__ = "privilege_suspensions"
    __table_args__ = (
        ExcludeConstraint(("privilege_id", "="), (MOMENTS, "&&"), name="ex_privilege_suspensions_period"),
        Index(None, "staff_id"),
        CheckConstraint("valid_to >= valid_from", name="period"),
        SCHEMA,
    )

    suspension_id: Mapped[UUID] = mapped_column(primary_key=True)
    privilege_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.privileges.privilege_id"))
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    suspended_at: Mapped[datetime]
    suspended_by: Mapped[str] = mapped_column(Text)


class StaffSuspension(CampusOwned, Ended, Model):
    """A person was suspended (停职) over a period, so that any past moment can be judged. Why stays at home."""

    __tablename__ = "staff_suspensions"
    __table_args__ = (
        ExcludeConstraint(("staff_id", "="), (MOMENTS, "&&"), name="ex_staff_suspensions_period"),
        CheckConstraint("valid_to >= valid_from", name="period"),
        SCHEMA,
    )

    suspension_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    suspended_by: Mapped[str] = mapped_column(Text)


class Delegation(CampusOwned, Ended, Model):
    """A post of a unit held by a named person for a few days (代班). Never a privilege: those are a person's own."""

    __tablename__ = "delegations"
    __table_args__ = (
        ExcludeConstraint(
            ("staff_id", "="),
            ("campus_id", "="),
            ("unit_id", "="),
            ("post", "="),
            (MOMENTS, "&&"),
            name="ex_delegations_post",
        ),
        Index(None, "staff_id"),
        Index(None, "unit_id"),
        Index(None, "campus_id", "delegation_id"),
        Index(
            "ix_delegations_due", "campus_id", "valid_from", postgresql_where=text("status IN ('planned', 'active')")
        ),
        CheckConstraint("valid_to >= valid_from", name="period"),
        CheckConstraint("status IN ('planned', 'active', 'ended', 'withdrawn')", name="status"),
        SCHEMA,
    )

    delegation_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF))
    post: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.units.unit_id"))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    """What has been told; rights follow the period itself."""
    delegated_at: Mapped[datetime]
    delegated_by: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)


class SignOnLock(CampusOwned, Model):
    """An account was shut after too many wrong passwords (platform/sso): shown on the staff card. Append-only."""

    __tablename__ = "sign_on_locks"
    __table_args__ = (Index(None, "staff_id", "locked_at"), SCHEMA)

    lock_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID]
    way: Mapped[str] = mapped_column(Text)
    """password, badge."""
    locked_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]
    """Null until somebody unlocks it."""


class StaffCode(CampusOwned, Recorded, Model):
    """A code another system knows a person by, such as 医保医师代码, over a period of days."""

    __tablename__ = "staff_codes"
    __table_args__ = (
        ExcludeConstraint(
            ("system", "="),
            ("code", "="),
            ("staff_id", "<>"),
            name="ex_staff_codes_code",
            where=text(LIVE),
        ),
        ExcludeConstraint(
            ("staff_id", "="), ("system", "="), (DAYS, "&&"), name="ex_staff_codes_period", where=text(LIVE)
        ),
        CheckConstraint("valid_to >= valid_from", name="period"),
        SCHEMA,
    )

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF))
    system: Mapped[str] = mapped_column(Text)
    """A key of rules.STAFF_SYSTEMS."""
    code: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class SignatureSpecimen(CampusOwned, Ended, Model):
    """The specimen of a person's signature (签名留样), filed with every institution the person signs at.

    处方管理办法 (2007) article 10. It keeps the picture's hash and the serial of the CA certificate.
    """

    __tablename__ = "signature_specimens"
    __table_args__ = (
        ExcludeConstraint(("staff_id", "="), ("campus_id", "="), (MOMENTS, "&&"), name="ex_signature_specimens_period"),
        UniqueConstraint("file_id"),
        CheckConstraint("valid_to >= valid_from", name="period"),
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
        SCHEMA,
    )

    specimen_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF))
    file_id: Mapped[UUID] = mapped_column(ForeignKey("kernel.stored_files.file_id"))
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    certificate_serial: Mapped[str | None] = mapped_column(Text)
    """Serial number of the person's CA certificate, hexadecimal."""
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    registered_by: Mapped[str] = mapped_column(Text)


class ActingChoice(CampusOwned, Model):
    """A person chose where and as what to act (登录或切换). The latest one counts. Append-only."""

    __tablename__ = "acting_choices"
    __table_args__ = (Index(None, "staff_id", "choice_id"), SCHEMA)

    choice_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey(STAFF))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.units.unit_id"))
    post: Mapped[str] = mapped_column(Text)
    workstation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.workstations.workstation_id"))
    chosen_at: Mapped[datetime]
