"""Tables of permissions and parameters. Whatever has a period keeps it for ever: any past moment can be asked."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model
from shared.identity.data_rules import DataRule
from shared.identity.uses import PermissionUse
from shared.numbers import NumberRule

__all__ = [
    "Attestation",
    "AttestationLine",
    "ConfigPackage",
    "DataRule",
    "ExtraScope",
    "Freeze",
    "NumberRule",
    "ParameterValue",
    "PermissionRequest",
    "PermissionUse",
    "Reconciliation",
    "TemplateVersion",
]

SCHEMA = {"schema": "platform"}
PERIOD = func.tstzrange(text("valid_from"), text("valid_to"))


class TemplateVersion(Model):
    """One version of a post's template (岗位模板): what its holders may do while it is in force.

    Without any version in force the template of the code counts.
    """

    __tablename__ = "template_versions"
    __table_args__ = (
        ExcludeConstraint(
            ("post", "="),
            (PERIOD, "&&"),
            name="ex_template_versions_period",
            where=text("state IN ('in_force', 'superseded')"),
        ),
        Index("uq_template_versions_number", "post", "version_no", unique=True),
        Index(
            "uq_template_versions_open", "post", unique=True, postgresql_where=text("state IN ('draft', 'reviewed')")
        ),
        CheckConstraint("state IN ('draft', 'reviewed', 'in_force', 'superseded', 'withdrawn')", name="state"),
        CheckConstraint("(state IN ('in_force', 'superseded')) = (valid_from IS NOT NULL)", name="period"),
        CheckConstraint("reviewed_by <> drafted_by", name="two_people"),
        SCHEMA,
    )

    template_id: Mapped[UUID] = mapped_column(primary_key=True)
    post: Mapped[str] = mapped_column(Text)
    version_no: Mapped[int]
    permissions: Mapped[list[str]]
    dimension: Mapped[str] = mapped_column(Text)
    """campus, department, own: whose rows the post is about (数据范围)."""
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    drafted_at: Mapped[datetime]
    drafted_by: Mapped[str] = mapped_column(Text)
    reviewed_at: Mapped[datetime | None] = mapped_column(default=None)
    reviewed_by: Mapped[str | None] = mapped_column(Text, default=None)
    holders: Mapped[int | None] = mapped_column(default=None)
    """People who held the post when the version came into force."""
    valid_from: Mapped[datetime | None] = mapped_column(default=None)
    valid_to: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class ExtraScope(CampusOwned, Model):
    """A single permission beside the posts (单项授权) with an end: 90 days at most; privileged, for an outsider: 7."""

    __tablename__ = "extra_scopes"
    __table_args__ = (
        ExcludeConstraint(
            ("staff_id", "="),
            ("campus_id", "="),
            ("permission", "="),
            (PERIOD, "&&"),
            name="ex_extra_scopes_period",
        ),
        Index(None, "campus_id", "valid_to", "grant_id"),
        Index(None, "permission", "valid_to"),
        CheckConstraint("valid_to >= valid_from AND valid_to <= valid_from + interval '90 days'", name="period"),
        CheckConstraint("approved_by <> granted_by", name="two_people"),
        SCHEMA,
    )

    grant_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID]
    permission: Mapped[str] = mapped_column(Text)
    unit_ids: Mapped[list[UUID]]
    """Units whose rows it is about; empty for the whole campus."""
    ground: Mapped[str] = mapped_column(Text)
    companion_id: Mapped[UUID | None]
    """Who goes along with an outsider (陪同人)."""
    approved_by: Mapped[str] = mapped_column(Text)
    granted_by: Mapped[str] = mapped_column(Text)
    granted_at: Mapped[datetime]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)


class PermissionRequest(CampusOwned, Model):
    """An application for a post or a single permission (权限申请): department, then owner office, then security."""

    __tablename__ = "permission_requests"
    __table_args__ = (
        Index(None, "campus_id", "state", "request_id"),
        Index(None, "staff_id"),
        Index("uq_permission_requests_request_no", "request_no", unique=True),
        CheckConstraint("kind IN ('post', 'permission')", name="kind"),
        CheckConstraint("state IN ('requested', 'agreed', 'approved', 'refused')", name="state"),
        CheckConstraint("agreed_by <> asked_by AND decided_by <> agreed_by AND decided_by <> asked_by", name="people"),
        SCHEMA,
    )

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    """A post or a permission."""
    unit_id: Mapped[UUID | None]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    ground: Mapped[str] = mapped_column(Text)
    companion_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(Text)
    asked_name: Mapped[str | None] = mapped_column(Text, default=None)
    agreed_at: Mapped[datetime | None] = mapped_column(default=None)
    agreed_by: Mapped[str | None] = mapped_column(Text, default=None)
    """The owner office (归口管理部门)."""
    agreed_name: Mapped[str | None] = mapped_column(Text, default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by: Mapped[str | None] = mapped_column(Text, default=None)
    """The security administrator, or whoever refused."""
    decided_name: Mapped[str | None] = mapped_column(Text, default=None)
    refusal: Mapped[str | None] = mapped_column(Text, default=None)
    result_id: Mapped[UUID | None] = mapped_column(default=None)
    """The post assignment or the extra scope."""
    request_no: Mapped[str | None] = mapped_column(Text, default=None)
    """What people call it (申请编号); none on what a release before numbers made beside this one."""
    version: Mapped[int] = mapped_column(default=1)


class Freeze(Model):
    """A person shut out at once (冻结) until two people lift it."""

    __tablename__ = "freezes"
    __table_args__ = (
        Index("uq_freezes_open", "staff_id", unique=True, postgresql_where=text("lifted_at IS NULL")),
        Index(None, "staff_id", "frozen_at"),
        CheckConstraint("lifted_by <> lift_asked_by", name="two_people"),
        SCHEMA,
    )

    freeze_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID]
    reason_code: Mapped[str] = mapped_column(Text)
    """leaver, incident, risk, lost_credential."""
    reason: Mapped[str] = mapped_column(Text)
    denial_id: Mapped[UUID]
    """Entry of the kernel's deny list that every function holds."""
    frozen_at: Mapped[datetime]
    frozen_by: Mapped[str] = mapped_column(Text)
    lift_asked_at: Mapped[datetime | None] = mapped_column(default=None)
    lift_asked_by: Mapped[str | None] = mapped_column(Text, default=None)
    lifted_at: Mapped[datetime | None] = mapped_column(default=None)
    lifted_by: Mapped[str | None] = mapped_column(Text, default=None)


class ParameterValue(Model):
    """A value of a declared parameter (系统参数) at a level over a period; asked, then effective, never rewritten."""

    __tablename__ = "parameter_values"
    __table_args__ = (
        ExcludeConstraint(
            ("key", "="),
            ("level", "="),
            ("level_id", "="),
            (PERIOD, "&&"),
            name="ex_parameter_values_period",
            where=text("state = 'effective' AND superseded_at IS NULL"),
        ),
        Index(None, "key", "level", "level_id", "valid_from"),
        Index("uq_parameter_values_change_no", "change_no", unique=True),
        Index("ix_parameter_values_asked", "value_id", postgresql_where=text("state = 'asked'")),
        CheckConstraint("level IN ('system', 'campus', 'department', 'workstation')", name="level"),
        CheckConstraint("state IN ('asked', 'effective', 'refused')", name="state"),
        CheckConstraint("approved_by <> asked_by", name="two_people"),
        CheckConstraint("(level = 'system') = (level_id = '')", name="level_id"),
        SCHEMA,
    )

    value_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    level: Mapped[str] = mapped_column(Text)
    level_id: Mapped[str] = mapped_column(Text)
    """'' for the system, campus code, unit id, place id of a workstation."""
    value: Mapped[Any] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(Text)
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[str | None] = mapped_column(Text)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None] = mapped_column(default=None)
    """Set when it was replaced before it began."""
    change_no: Mapped[str | None] = mapped_column(Text, default=None)
    """On the form (变更单号), of the campus where it was asked; none on what was set before changes had numbers."""
    asked_name: Mapped[str | None] = mapped_column(Text, default=None)
    approved_name: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)


class Attestation(CampusOwned, Model):
    """The quarterly review of a department's posts and grants (权限复核)."""

    __tablename__ = "attestations"
    __table_args__ = (
        Index("uq_attestations_quarter", "unit_id", "quarter", unique=True),
        Index(None, "campus_id", "state", "due_at"),
        CheckConstraint("state IN ('open', 'answered', 'overdue')", name="state"),
        SCHEMA,
    )

    attestation_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[UUID]
    quarter: Mapped[str] = mapped_column(Text)
    """Such as 2026Q1, or 2026M02 for the monthly review of what is privileged."""
    state: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
    answered_by: Mapped[str | None] = mapped_column(Text, default=None)
    answered_name: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)


class AttestationLine(CampusOwned, Model):
    """One post or grant to be confirmed or struck."""

    __tablename__ = "attestation_lines"
    __table_args__ = (
        Index(None, "attestation_id", "line_id"),
        CheckConstraint("verdict IN ('keep', 'strike')", name="verdict"),
        CheckConstraint("(assignment_id IS NULL) <> (grant_id IS NULL)", name="one_thing"),
        SCHEMA,
    )

    line_id: Mapped[UUID] = mapped_column(primary_key=True)
    attestation_id: Mapped[UUID] = mapped_column(ForeignKey("platform.attestations.attestation_id"))
    staff_id: Mapped[UUID]
    code: Mapped[str] = mapped_column(Text)
    """The post or the permission."""
    assignment_id: Mapped[UUID | None]
    grant_id: Mapped[UUID | None]
    verdict: Mapped[str | None] = mapped_column(Text, default=None)
    suspended: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), default=None)
    """The post as it was (unit_id, is_main, valid_to) when an unanswered review suspended it."""


class ConfigPackage(Model):
    """Parameters carried from another installation (配置包): signed, compared, agreed by two, taken back."""

    __tablename__ = "config_packages"
    __table_args__ = (
        Index("uq_config_packages_in_force", "state", unique=True, postgresql_where=text("state = 'in_force'")),
        CheckConstraint(
            "state IN ('draft', 'reviewed', 'in_force', 'superseded', 'rolled_back', 'withdrawn', 'refused')",
            name="state",
        ),
        CheckConstraint("reviewed_by <> imported_by AND applied_by <> reviewed_by", name="two_people"),
        CheckConstraint(
            "state NOT IN ('in_force', 'superseded', 'rolled_back') OR reviewed_by IS NOT NULL AND before IS NOT NULL",
            name="applied",
        ),
        SCHEMA,
    )

    package_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    """The installation it was made at."""
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    key_id: Mapped[str] = mapped_column(Text)
    """Which key signed it."""
    digest: Mapped[str] = mapped_column(Text)
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """key, level, level_id, value."""
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    refused_for: Mapped[list[str]]
    """Keys the package was refused for."""
    imported_at: Mapped[datetime]
    imported_by: Mapped[str] = mapped_column(Text)
    reviewed_at: Mapped[datetime | None] = mapped_column(default=None)
    reviewed_by: Mapped[str | None] = mapped_column(Text, default=None)
    applied_at: Mapped[datetime | None] = mapped_column(default=None)
    applied_by: Mapped[str | None] = mapped_column(Text, default=None)
    before: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True), default=None)
    """What it changed, with the value that counted before (null: none at that level)."""
    rolled_back_at: Mapped[datetime | None] = mapped_column(default=None)
    rolled_back_by: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)


class Reconciliation(Model):
    """One comparison of people and templates with the realm (一致性核对), and what was put right."""

    __tablename__ = "reconciliations"
    __table_args__ = (
        Index(None, "started_at"),
        CheckConstraint("outcome IN ('running', 'clean', 'repaired', 'failed')", name="outcome"),
        SCHEMA,
    )

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(Text)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    people: Mapped[int] = mapped_column(default=0)
    changes: Mapped[int] = mapped_column(default=0)
    """Objects brought up to date because the hospital had changed something."""
    differences: Mapped[int] = mapped_column(default=0)
    """Objects somebody had changed by hand."""
    lines: Mapped[list[str]] = mapped_column(default_factory=list)
