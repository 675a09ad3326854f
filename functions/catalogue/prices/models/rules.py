"""Rules between lines, packages and mappings."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from functions.catalogue.prices.models.items import CATALOGUE
from shared.database.model import QUANTITY, Model

_PERIOD = (func.tstzrange(text("valid_from"), text("valid_to")), "&&")


class PriceRule(Model):
    """A rule between lines (加收、减收、封顶、不得同时收取…), over a period. Status: draft, checked, dropped.

    `kind` and `params` as in quoting.py. Made by one officer, in force when another has checked it.
    """

    __tablename__ = "price_rules"
    __table_args__ = (
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="period"),
        CheckConstraint("checker IS NULL OR checker <> maker", name="two_people"),
        CheckConstraint("status IN ('draft', 'checked', 'dropped')", name="status"),
        {"schema": CATALOGUE},
    )

    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    basis_document: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[datetime]
    maker: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(default=None)
    status: Mapped[str] = mapped_column(Text, default="draft")
    checker: Mapped[str | None] = mapped_column(Text, default=None)
    checked_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class PriceRuleItem(Model):
    """An item a rule speaks of. Role `subject`: what it acts on; `other`: what that must not stand beside."""

    __tablename__ = "price_rule_items"
    __table_args__ = (
        Index(None, "item_code", "rule_id"),
        CheckConstraint("role IN ('subject', 'other')", name="role"),
        {"schema": CATALOGUE},
    )

    rule_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.price_rules.rule_id"), primary_key=True)
    item_code: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.charge_items.code"), primary_key=True)
    role: Mapped[str] = mapped_column(Text, primary_key=True)


OWN_PRICES = ("single_disease", "day_case", "checkup")
"""Packages that may have an approved price of their own: 单病种, 日间, 体检."""


class PackageVersion(Model):
    """What a package (收费套餐) consists of during a period. Its price is the sum of its members' prices; only an
    approved one of `own_price` has the price of the list, which its members share."""

    __tablename__ = "package_versions"
    __table_args__ = (
        ExcludeConstraint(
            ("package_code", "="), _PERIOD, name="ex_package_versions_period", where=text("status = 'checked'")
        ),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="period"),
        CheckConstraint("checker IS NULL OR checker <> maker", name="two_people"),
        CheckConstraint(
            "(own_price IS NULL) = (approval_no IS NULL) AND own_price IN ('single_disease', 'day_case', 'checkup')",
            name="own_price",
        ),
        CheckConstraint(
            "refund_rule IN ('share', 'list_price') AND (refund_rule = 'share' OR own_price IS NOT NULL)",
            name="refund_rule",
        ),
        Index(None, "package_code", "valid_from"),
        {"schema": CATALOGUE},
    )

    package_version_id: Mapped[UUID] = mapped_column(primary_key=True)
    package_code: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.charge_items.code"))
    valid_from: Mapped[datetime]
    maker: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(default=None)
    status: Mapped[str] = mapped_column(Text, default="draft")
    checker: Mapped[str | None] = mapped_column(Text, default=None)
    checked_at: Mapped[datetime | None] = mapped_column(default=None)
    own_price: Mapped[str | None] = mapped_column(Text, default=None)
    """single_disease, day_case or checkup: the package item's own price is charged instead of the sum."""
    approval_no: Mapped[str | None] = mapped_column(Text, default=None)
    """批准文号 of the own price."""
    refund_rule: Mapped[str] = mapped_column(Text, default="share")
    """What a package done in part costs: its shares, or what was done at its price of the list (按单价)."""


class PackageMember(Model):
    """A member of a package. Members of one `choice` are alternatives of which the first that fits is taken."""

    __tablename__ = "package_members"
    __table_args__ = (
        UniqueConstraint("package_version_id", "place"),
        Index(None, "member_code"),
        CheckConstraint("quantity > 0", name="quantity"),
        {"schema": CATALOGUE},
    )

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    package_version_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue.package_versions.package_version_id"))
    place: Mapped[int] = mapped_column(Integer)
    member_code: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.charge_items.code"))
    quantity: Mapped[Decimal] = mapped_column(QUANTITY)
    choice: Mapped[str | None] = mapped_column(Text, default=None)
    sex: Mapped[str | None] = mapped_column(Text, default=None)
    """1 or 2: a member for men or women only."""
    age_min: Mapped[int | None] = mapped_column(default=None)
    age_max: Mapped[int | None] = mapped_column(default=None)
    """Whole years, both inclusive."""


class ItemMapping(Model):
    """What an item is called in another scheme (对照) during a period: insurance, front page of the record, accounts,
    costs, RBRVS. One to one for the insurance. Status: draft, checked, dropped."""

    __tablename__ = "item_mappings"
    __table_args__ = (
        ExcludeConstraint(
            ("item_code", "="),
            ("scheme", "="),
            _PERIOD,
            name="ex_item_mappings_period",
            where=text("status = 'checked'"),
        ),
        ExcludeConstraint(
            ("target", "="),
            _PERIOD,
            name="ex_item_mappings_insurance",
            where=text("status = 'checked' AND scheme = 'insurance'"),
        ),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="period"),
        CheckConstraint("checker IS NULL OR checker <> maker", name="two_people"),
        Index("ix_item_mappings_checked", "item_code", "scheme", postgresql_where=text("status = 'checked'")),
        Index("ix_item_mappings_drafts", "mapping_id", postgresql_where=text("status = 'draft'")),
        {"schema": CATALOGUE},
    )

    mapping_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_code: Mapped[str] = mapped_column(Text, ForeignKey("catalogue.charge_items.code"))
    scheme: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text)
    target_name: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[datetime]
    maker: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(default=None)
    status: Mapped[str] = mapped_column(Text, default="draft")
    checker: Mapped[str | None] = mapped_column(Text, default=None)
    checked_at: Mapped[datetime | None] = mapped_column(default=None)


class MappingRequirement(Model):
    """From when on no item is published without a code in a scheme (对照齐全方可发布). Made by one officer, in force
    when another has checked it; never taken back. Status: draft, checked."""

    __tablename__ = "mapping_requirements"
    __table_args__ = (
        Index("uq_mapping_requirements_scheme", "scheme", unique=True, postgresql_where=text("status = 'checked'")),
        CheckConstraint("status IN ('draft', 'checked')", name="status"),
        CheckConstraint("scheme IN ('front_page', 'account', 'cost', 'insurance')", name="scheme"),
        CheckConstraint("(status = 'checked') = (checker IS NOT NULL) AND checker <> maker", name="two_people"),
        {"schema": CATALOGUE},
    )

    requirement_id: Mapped[UUID] = mapped_column(primary_key=True)
    scheme: Mapped[str] = mapped_column(Text)
    required_from: Mapped[datetime]
    basis_document: Mapped[str] = mapped_column(Text)
    maker: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(Text, default="draft")
    checker: Mapped[str | None] = mapped_column(Text, default=None)
    checked_at: Mapped[datetime | None] = mapped_column(default=None)
