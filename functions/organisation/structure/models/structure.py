"""Campuses, units, places, staff, posts and secondments.

What has a history is effective-dated `[valid_from, valid_to)` and never rewritten: a trigger lets an UPDATE only
shorten a period or mark a row as superseded (see the migration). Exclusion constraints keep periods from overlapping.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

from shared.database.model import CampusOwned, Model

SCHEMA = {"schema": "organisation"}
LIVE = "superseded_at IS NULL"
DAYS = func.daterange(text("valid_from"), text("valid_to"))
MOMENTS = func.tstzrange(text("valid_from"), text("valid_to"))


class Recorded(MappedAsDataclass, kw_only=True):
    """Who entered a row, when and why; `superseded_at` when a later entry took its place."""

    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, default="")
    superseded_at: Mapped[datetime | None] = mapped_column(default=None)


class Campus(Model):
    """A campus (院区): a legal and accounting unit of the consortium. Its code is its id and is never used again."""

    __tablename__ = "campuses"
    __table_args__ = (
        UniqueConstraint("letter"),
        Index("uq_campuses_head", "is_head", unique=True, postgresql_where=text("is_head")),
        CheckConstraint("code ~ '^[a-z][a-z0-9]{1,9}$'", name="code"),
        CheckConstraint("letter ~ '^[A-Z]$'", name="letter"),
        SCHEMA,
    )

    code: Mapped[str] = mapped_column(Text, primary_key=True)
    letter: Mapped[str] = mapped_column(Text)
    """Begins visit numbers; unique."""
    name: Mapped[str] = mapped_column(Text)
    short_name: Mapped[str] = mapped_column(Text)
    is_head: Mapped[bool]
    """The head hospital (总院): keeps the price list, and its personnel office is the consortium's."""
    grade: Mapped[str | None] = mapped_column(Text)
    """Level and grade of the licence, such as 三级甲等."""
    licence_no: Mapped[str | None] = mapped_column(Text)
    """医疗机构执业许可证 number."""
    licence_valid_to: Mapped[date | None]
    uscc: Mapped[str | None] = mapped_column(Text)
    """统一社会信用代码, GB 32100-2015."""
    institution_code: Mapped[str | None] = mapped_column(Text)
    """卫生机构代码, 22 characters, WS 218."""
    insurance_code: Mapped[str | None] = mapped_column(Text)
    """医保定点医疗机构编码: H and 11 digits."""
    address: Mapped[str] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    """open, closed."""
    opened_on: Mapped[date]
    licensed_beds: Mapped[int | None] = mapped_column(default=None)
    """Beds the licence allows: 编制床位 never exceed it."""
    edge_identity: Mapped[str | None] = mapped_column(Text, default=None)
    """Client id of the campus's bridge (院区网桥) in the realm."""
    closed_on: Mapped[date | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)
    opened_in: Mapped[int] = mapped_column(
        BigInteger, init=False, server_default=text("pg_current_xact_id()::text::bigint")
    )
    """Transaction that opened the campus: it alone may write the campus's first rows from outside."""


class CampusPriceLevel(Recorded, Model):
    """Price level (价格等级) of a campus: decides which of an item's lawful prices it may charge."""

    __tablename__ = "campus_price_levels"
    __table_args__ = (
        ExcludeConstraint(
            ("campus_code", "="), (MOMENTS, "&&"), name="ex_campus_price_levels_period", where=text(LIVE)
        ),
        CheckConstraint("price_level IN ('tertiary', 'secondary', 'primary')", name="level"),
        SCHEMA,
    )

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    campus_code: Mapped[str] = mapped_column(Text, ForeignKey("organisation.campuses.code"))
    price_level: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(default=None)


class CampusSetting(CampusOwned, Recorded, Model):
    """A typed setting of a campus over a period; keys and types stand in rules.SETTINGS."""

    __tablename__ = "campus_settings"
    __table_args__ = (
        ExcludeConstraint(
            ("campus_id", "="), ("key", "="), (MOMENTS, "&&"), name="ex_campus_settings_period", where=text(LIVE)
        ),
        SCHEMA,
    )

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    value: Mapped[Any] = mapped_column(JSONB)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(default=None)


class Unit(CampusOwned, Model):
    """A unit (科室) as such: what other modules point to. All that can change is in its versions."""

    __tablename__ = "units"
    __table_args__ = (UniqueConstraint("campus_id", "code"), SCHEMA)

    unit_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    """Unique in the campus and never used again."""
    version: Mapped[int] = mapped_column(default=1)


class UnitVersion(CampusOwned, Recorded, Model):
    """A unit over a period of days: its name, kind and place in the tree."""

    __tablename__ = "unit_versions"
    __table_args__ = (
        ExcludeConstraint(("unit_id", "="), (DAYS, "&&"), name="ex_unit_versions_period", where=text(LIVE)),
        ExcludeConstraint(
            ("campus_id", "="), (DAYS, "&&"), name="ex_unit_versions_root", where=text(f"parent_id IS NULL AND {LIVE}")
        ),
        Index(None, "campus_id", "valid_from"),
        Index(None, "parent_id"),
        CheckConstraint("parent_id <> unit_id", name="parent"),
        CheckConstraint("valid_to > valid_from", name="period"),
        SCHEMA,
    )

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.units.unit_id"))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.units.unit_id"))
    name: Mapped[str] = mapped_column(Text)
    short_name: Mapped[str] = mapped_column(Text)
    initials: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    """UnitKind of schemas."""
    subject_code: Mapped[str | None] = mapped_column(Text)
    """医疗机构诊疗科目名录, such as 03 or 05.01."""
    location: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None] = mapped_column(default=None)


class Place(CampusOwned, Model):
    """A place: building, floor, clinic area (诊区), room (诊室), counter (窗口), chair. It lies in a wider one."""

    __tablename__ = "places"
    __table_args__ = (
        UniqueConstraint("campus_id", "code"),
        Index(None, "campus_id", "kind", "code"),
        Index(None, "parent_id"),
        CheckConstraint("status IN ('active', 'closed')", name="status"),
        SCHEMA,
    )

    place_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    """PlaceKind of schemas."""
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.places.place_id"))
    unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.units.unit_id"))
    directions: Mapped[str] = mapped_column(Text)
    """How to get there, printed on guide slips (导诊单)."""
    status: Mapped[str] = mapped_column(Text, default="active")
    version: Mapped[int] = mapped_column(default=1)


class StaffMember(CampusOwned, Model):
    """A person who works here; `campus_id` is the home campus. Leavers stay readable as authors for ever."""

    __tablename__ = "staff"
    __table_args__ = (
        UniqueConstraint("sign_on_name"),
        CheckConstraint("sign_on_name = lower(staff_no)", name="sign_on_name"),
        Index(None, "campus_id", "staff_no"),
        Index(None, "initials"),
        Index(None, "name"),
        Index("ix_staff_leaving", "campus_id", "leaves_at", postgresql_where=text("leaves_at IS NOT NULL")),
        CheckConstraint("status IN ('active', 'suspended', 'left')", name="status"),
        SCHEMA,
    )

    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_no: Mapped[str] = mapped_column(Text)
    """工号: unique in the consortium whatever its case, never used again."""
    sign_on_name: Mapped[str] = mapped_column(Text)
    """The number in lower case: what a person signs on with, and what the number is found by."""
    name: Mapped[str] = mapped_column(Text)
    initials: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    """StaffCategory of schemas: 医 药 护 技 管 工勤."""
    title_code: Mapped[str | None] = mapped_column(Text)
    """Professional title (职称), GB/T 8561, a key of rules.TITLES."""
    employment: Mapped[str] = mapped_column(Text)
    """EmploymentKind of schemas: 编内 编外 返聘 规培 进修 实习 第三方."""
    office_phone: Mapped[str | None] = mapped_column(Text)
    engaged_on: Mapped[date]
    status: Mapped[str] = mapped_column(Text, default="active")
    leaves_at: Mapped[datetime | None] = mapped_column(default=None)
    """Set when leaving is decided; the sweep of that minute makes the status `left`."""
    version: Mapped[int] = mapped_column(default=1)


class StaffContact(CampusOwned, Model):
    """Private contact of a person: the home campus alone may read it, by the database's own wall."""

    __tablename__ = "staff_contacts"
    __table_args__ = (SCHEMA,)

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.staff.staff_id"), primary_key=True)
    mobile: Mapped[str | None] = mapped_column(Text)


class StaffUnit(CampusOwned, Recorded, Model):
    """A person's membership of a unit over a period of days; one unit at a time is the primary one."""

    __tablename__ = "staff_units"
    __table_args__ = (
        ExcludeConstraint(
            ("staff_id", "="), (DAYS, "&&"), name="ex_staff_units_primary", where=text(f"is_primary AND {LIVE}")
        ),
        ExcludeConstraint(
            ("staff_id", "="), ("unit_id", "="), (DAYS, "&&"), name="ex_staff_units_unit", where=text(LIVE)
        ),
        Index(None, "unit_id"),
        CheckConstraint("valid_to > valid_from", name="period"),
        SCHEMA,
    )

    row_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.staff.staff_id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.units.unit_id"))
    is_primary: Mapped[bool]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None] = mapped_column(default=None)


class PostAssignment(CampusOwned, Model):
    """A person holds a post (岗位) in a unit of this campus over a period.

    Away from the home campus it rests on a secondment and counts only while and on the days that is in force.
    """

    __tablename__ = "post_assignments"
    __table_args__ = (
        ExcludeConstraint(("staff_id", "="), (MOMENTS, "&&"), name="ex_post_assignments_main", where=text("is_main")),
        ExcludeConstraint(
            ("staff_id", "="),
            ("campus_id", "="),
            ("unit_id", "="),
            ("post", "="),
            (MOMENTS, "&&"),
            name="ex_post_assignments_post",
        ),
        Index(None, "campus_id", "post", "assignment_id"),
        Index(None, "unit_id"),
        Index(None, "valid_to"),
        CheckConstraint("valid_to >= valid_from", name="period"),
        SCHEMA,
    )

    assignment_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.staff.staff_id"))
    post: Mapped[str] = mapped_column(Text)
    """A code of shared.identity.posts.POSTS."""
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.units.unit_id"))
    is_main: Mapped[bool]
    """Main post (主岗), one at a time; the others are concurrent (兼岗)."""
    secondment_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.secondments.secondment_id"))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    basis: Mapped[str] = mapped_column(Text)
    assigned_at: Mapped[datetime]
    assigned_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    end_reason: Mapped[str | None] = mapped_column(Text, default=None)


class Secondment(Model):
    """A secondment (派驻, 县管乡用): a person of one campus acts at another, in listed posts, on listed days."""

    __tablename__ = "secondments"
    __table_args__ = (
        ExcludeConstraint(
            ("staff_id", "="),
            (MOMENTS, "&&"),
            name="ex_secondments_full_time",
            where=text("mode = 'full_time' AND status IN ('approved', 'active', 'ended')"),
        ),
        Index(None, "staff_id"),
        Index(None, "receiving_campus", "secondment_id"),
        Index(None, "home_campus", "secondment_id"),
        Index("ix_secondments_due", "valid_from", postgresql_where=text("status IN ('approved', 'active')")),
        CheckConstraint("receiving_campus <> home_campus", name="two_campuses"),
        CheckConstraint("valid_to >= valid_from", name="period"),
        CheckConstraint("status IN ('proposed', 'approved', 'active', 'ended', 'withdrawn')", name="status"),
        SCHEMA,
    )

    secondment_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.staff.staff_id"))
    home_campus: Mapped[str] = mapped_column(Text)
    receiving_campus: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.units.unit_id"))
    kind: Mapped[str] = mapped_column(Text)
    """SecondmentKind of schemas: 管理 技术 巡诊 轮转 支援."""
    posts: Mapped[list[str]]
    mode: Mapped[str] = mapped_column(Text)
    """full_time (every day), weekdays, dates, standing (常设远程)."""
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    """ISO weekdays, 1 = Monday, for mode `weekdays`."""
    dates: Mapped[list[date]] = mapped_column(ARRAY(Date))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    practice_filed: Mapped[bool]
    """多机构执业备案 of a doctor for the receiving campus is done."""
    cost_share: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    """Percent of the person's cost the receiving campus bears."""
    performance_share: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    """Percent of performance pay the receiving campus decides."""
    status: Mapped[str] = mapped_column(Text)
    proposed_at: Mapped[datetime]
    proposed_by: Mapped[str] = mapped_column(Text)
    renews: Mapped[UUID | None] = mapped_column(default=None)
    """The secondment this one goes on from (续派)."""
    version: Mapped[int] = mapped_column(default=1)


class SecondmentApproval(CampusOwned, Model):
    """One of the three consents to a secondment: home campus, receiving campus, consortium personnel (hr)."""

    __tablename__ = "secondment_approvals"
    __table_args__ = (PrimaryKeyConstraint("secondment_id", "side"), SCHEMA)

    secondment_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.secondments.secondment_id"))
    side: Mapped[str] = mapped_column(Text)
    approved_at: Mapped[datetime]
    approved_by: Mapped[str] = mapped_column(Text)


class ChangeLogEntry(CampusOwned, Model):
    """What was changed by whom: for rows whose history is not kept by periods. Append-only."""

    __tablename__ = "change_log"
    __table_args__ = (Index(None, "campus_id", "kind", "subject_id", "change_id"), SCHEMA)

    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    """campus, unit, place, staff, post, secondment."""
    subject_id: Mapped[str] = mapped_column(Text)
    change: Mapped[str] = mapped_column(Text)
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(Text)
