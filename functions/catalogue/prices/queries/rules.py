"""Selects and guarded updates of rules between lines, packages and mappings."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Text, and_, bindparam, exists, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from functions.catalogue.prices.models import (
    ChargeItem,
    ItemMapping,
    MappingRequirement,
    PackageMember,
    PackageVersion,
    PriceRule,
    PriceRuleItem,
    PriceVersion,
)
from shared.database.query import Query, among, constant, one_of

MOMENT = DateTime(timezone=True)
_AT = bindparam("at", type_=MOMENT)


def in_force(table: Any) -> Any:
    """Checked rows whose period holds the moment `at`."""
    return and_(
        table.status == constant("checked"),
        table.valid_from <= _AT,
        or_(table.valid_to.is_(null()), table.valid_to > _AT),
    )


# -- rules between lines


class FullRule(NamedTuple):
    """A rule with the items it speaks of."""

    rule_id: UUID
    kind: str
    title: str
    params: dict[str, Any]
    basis_document: str
    valid_from: datetime
    valid_to: datetime | None
    status: str
    maker: str
    checker: str | None
    version: int
    subjects: list[str]
    others: list[str]


def _items(role: str) -> Any:
    codes = func.array_agg(aggregate_order_by(PriceRuleItem.item_code, PriceRuleItem.item_code))
    of_rule = select(codes).where(PriceRuleItem.rule_id == PriceRule.rule_id, PriceRuleItem.role == constant(role))
    return func.coalesce(of_rule.scalar_subquery(), literal([], ARRAY(Text)))


_full = select(
    PriceRule.rule_id,
    PriceRule.kind,
    PriceRule.title,
    PriceRule.params,
    PriceRule.basis_document,
    PriceRule.valid_from,
    PriceRule.valid_to,
    PriceRule.status,
    PriceRule.maker,
    PriceRule.checker,
    PriceRule.version,
    _items("subject"),
    _items("other"),
)
_speaks_of = select(PriceRuleItem.rule_id).where(among(PriceRuleItem.item_code, "codes"))

RULES_FOR = Query(FullRule, _full.where(PriceRule.rule_id.in_(_speaks_of), in_force(PriceRule)))
"""Rules in force that speak of any of these items: one statement for a bill."""
RULE = Query(FullRule, _full.where(PriceRule.rule_id == bindparam("rule_id")))
LOCK_RULE = Query(PriceRule, select(PriceRule).where(PriceRule.rule_id == bindparam("rule_id")).with_for_update())
RULES = Query(
    FullRule,
    _full.where(PriceRule.rule_id > bindparam("after"), one_of(PriceRule.status, "draft", "checked"))
    .order_by(PriceRule.rule_id)
    .limit(bindparam("limit")),
)
RULES_OF_ITEM = Query(
    FullRule,
    _full.where(
        exists().where(PriceRuleItem.rule_id == PriceRule.rule_id, PriceRuleItem.item_code == bindparam("code")),
        one_of(PriceRule.status, "draft", "checked"),
    ).order_by(PriceRule.rule_id),
)


class Inclusion(NamedTuple):
    """A part that is contained in a whole."""

    part: str
    whole: str


_part, _whole = PriceRuleItem.__table__.alias("part"), PriceRuleItem.__table__.alias("whole")
INCLUSIONS = Query(
    Inclusion,
    select(_part.c.item_code, _whole.c.item_code)
    .select_from(PriceRule)
    .join(_part, and_(_part.c.rule_id == PriceRule.rule_id, _part.c.role == constant("subject")))
    .join(_whole, and_(_whole.c.rule_id == PriceRule.rule_id, _whole.c.role == constant("other")))
    .where(
        PriceRule.kind == constant("included_in"),
        PriceRule.status == constant("checked"),
        or_(PriceRule.valid_to.is_(null()), PriceRule.valid_to > bindparam("at", type_=MOMENT)),
    ),
)
CHECK_RULE = Query(
    PriceRule,
    update(PriceRule)
    .where(PriceRule.rule_id == bindparam("id_"), PriceRule.status == constant("draft"))
    .values(
        status="checked",
        checker=bindparam("who"),
        checked_at=bindparam("now"),
        valid_from=bindparam("start"),
        version=PriceRule.version + 1,
    )
    .returning(PriceRule),
)
END_RULE = Query(
    PriceRule,
    update(PriceRule)
    .where(PriceRule.rule_id == bindparam("id_"), PriceRule.version == bindparam("seen"))
    .values(status=bindparam("to"), valid_to=bindparam("until", type_=MOMENT), version=PriceRule.version + 1)
    .returning(PriceRule),
)

KNOWN_CODES = Query(str, select(ChargeItem.code).where(among(ChargeItem.code, "codes")))


# -- packages

PACKAGE = Query(
    PackageVersion,
    select(PackageVersion).where(PackageVersion.package_code == bindparam("code"), in_force(PackageVersion)),
)
LOCK_PACKAGE = Query(
    PackageVersion,
    select(PackageVersion).where(PackageVersion.package_version_id == bindparam("version_id")).with_for_update(),
)
PACKAGE_VERSIONS = Query(
    PackageVersion,
    select(PackageVersion)
    .where(PackageVersion.package_code == bindparam("code"))
    .order_by(PackageVersion.valid_from.desc(), PackageVersion.package_version_id.desc())
    .limit(50),
)
OWN_PRICE_OF = Query(
    str,
    select(PackageVersion.own_price)
    .where(PackageVersion.package_code == bindparam("code"), PackageVersion.own_price.is_not(null()))
    .limit(1),
)
"""Kind of own price a package was ever drafted with."""
PACKAGES_AMONG = Query(
    str,
    select(ChargeItem.code)
    .where(among(ChargeItem.code, "codes"), ChargeItem.kind == constant("package"))
    .order_by(ChargeItem.code),
)
PRICED_AFTER = Query(
    bool,
    select(
        exists().where(
            ChargeItem.code == bindparam("code"),
            PriceVersion.item_id == ChargeItem.item_id,
            PriceVersion.status == constant("checked"),
            or_(PriceVersion.valid_to.is_(null()), PriceVersion.valid_to > _AT),
        )
    ),
)
"""Whether a package has a price of its own at a moment or later."""
MEMBERS = Query(
    PackageMember,
    select(PackageMember)
    .where(among(PackageMember.package_version_id, "version_ids"))
    .order_by(PackageMember.package_version_id, PackageMember.place),
)
MEMBERS_NOW = Query(
    PackageMember,
    select(PackageMember)
    .join(PackageVersion, PackageVersion.package_version_id == PackageMember.package_version_id)
    .where(PackageVersion.package_code == bindparam("code"), in_force(PackageVersion))
    .order_by(PackageMember.place),
)
PACKAGES_WITH_ANY = Query(
    str,
    select(PackageVersion.package_code)
    .join(PackageMember, PackageMember.package_version_id == PackageVersion.package_version_id)
    .where(among(PackageMember.member_code, "codes"), in_force(PackageVersion))
    .distinct()
    .order_by(PackageVersion.package_code),
)
END_PACKAGE = Query(
    object,
    update(PackageVersion)
    .where(
        PackageVersion.package_code == bindparam("code"),
        PackageVersion.status == constant("checked"),
        PackageVersion.valid_from < bindparam("until", type_=MOMENT),
        PackageVersion.valid_to.is_(null()),
    )
    .values(valid_to=bindparam("until", type_=MOMENT)),
)
CHECK_PACKAGE = Query(
    PackageVersion,
    update(PackageVersion)
    .where(PackageVersion.package_version_id == bindparam("id_"), PackageVersion.status == constant("draft"))
    .values(status="checked", checker=bindparam("who"), checked_at=bindparam("now"), valid_from=bindparam("start"))
    .returning(PackageVersion),
)


# -- mappings

MAPPED = Query(
    ItemMapping,
    select(ItemMapping).where(
        among(ItemMapping.item_code, "codes"), ItemMapping.scheme == bindparam("scheme"), in_force(ItemMapping)
    ),
)
MAPPINGS_OF_ITEM = Query(
    ItemMapping,
    select(ItemMapping)
    .where(ItemMapping.item_code == bindparam("code"), ItemMapping.status == constant("checked"))
    .order_by(ItemMapping.scheme, ItemMapping.valid_from),
)
MAPPING_DRAFTS = Query(
    ItemMapping,
    select(ItemMapping)
    .where(ItemMapping.status == constant("draft"), ItemMapping.mapping_id > bindparam("after"))
    .order_by(ItemMapping.mapping_id)
    .limit(bindparam("limit")),
)
LOCK_MAPPINGS = Query(
    ItemMapping,
    select(ItemMapping)
    .where(among(ItemMapping.mapping_id, "ids"), ItemMapping.status == constant("draft"))
    .order_by(ItemMapping.mapping_id)
    .with_for_update(),
)
END_MAPPING = Query(
    object,
    update(ItemMapping)
    .where(
        ItemMapping.item_code == bindparam("code"),
        ItemMapping.scheme == bindparam("of_scheme"),
        ItemMapping.status == constant("checked"),
        ItemMapping.valid_from < bindparam("until", type_=MOMENT),
        ItemMapping.valid_to.is_(null()),
    )
    .values(valid_to=bindparam("until", type_=MOMENT)),
)
CHECK_MAPPING = Query(
    ItemMapping,
    update(ItemMapping)
    .where(ItemMapping.mapping_id == bindparam("id_"), ItemMapping.status == constant("draft"))
    .values(status="checked", checker=bindparam("who"), checked_at=bindparam("now"), valid_from=bindparam("start"))
    .returning(ItemMapping),
)


class Unmapped(NamedTuple):
    """A published item, or a draft that waits to be published, without a code in a scheme."""

    code: str
    name: str
    national_code: str | None
    status: str


UNMAPPED = Query(
    Unmapped,
    select(ChargeItem.code, ChargeItem.name, ChargeItem.national_code, ChargeItem.status)
    .where(
        ChargeItem.code > bindparam("after"),
        one_of(ChargeItem.status, "published", "draft"),
        ~exists().where(
            ItemMapping.item_code == ChargeItem.code, ItemMapping.scheme == bindparam("scheme"), in_force(ItemMapping)
        ),
    )
    .order_by(ChargeItem.code)
    .limit(bindparam("limit")),
)


# -- mappings an item needs before it is published

REQUIREMENTS = Query(
    MappingRequirement, select(MappingRequirement).order_by(MappingRequirement.requirement_id).limit(200)
)
LOCK_REQUIREMENT = Query(
    MappingRequirement,
    select(MappingRequirement)
    .where(MappingRequirement.requirement_id == bindparam("requirement_id"))
    .with_for_update(),
)
CHECK_REQUIREMENT = Query(
    MappingRequirement,
    update(MappingRequirement)
    .where(MappingRequirement.requirement_id == bindparam("id_"), MappingRequirement.status == constant("draft"))
    .values(status="checked", checker=bindparam("who"), checked_at=bindparam("now"), required_from=bindparam("start"))
    .returning(MappingRequirement),
)
REQUIRED_AT = Query(
    str,
    select(MappingRequirement.scheme)
    .where(MappingRequirement.status == constant("checked"), MappingRequirement.required_from <= _AT)
    .order_by(MappingRequirement.scheme),
)
"""Schemes without which no item is published at a moment."""


class MappedScheme(NamedTuple):
    """What an item is in a scheme."""

    item_code: str
    scheme: str
    target: str


MAPPED_IN = Query(
    MappedScheme,
    select(ItemMapping.item_code, ItemMapping.scheme, ItemMapping.target).where(
        among(ItemMapping.item_code, "codes"), among(ItemMapping.scheme, "schemes"), in_force(ItemMapping)
    ),
)


# -- what contradicts itself


class Contradiction(NamedTuple):
    kind: str
    code: str
    detail: str


_gone = one_of(ChargeItem.status, "suspended", "withdrawn")
STOPPED_MEMBERS = Query(
    Contradiction,
    select(literal("package_member_stopped"), PackageVersion.package_code, PackageMember.member_code)
    .join(PackageMember, PackageMember.package_version_id == PackageVersion.package_version_id)
    .join(ChargeItem, ChargeItem.code == PackageMember.member_code)
    .where(in_force(PackageVersion), _gone, ChargeItem.stopped_from <= _AT)
    .order_by(PackageVersion.package_code, PackageMember.member_code)
    .limit(200),
)
RULES_OF_STOPPED = Query(
    Contradiction,
    select(literal("rule_of_stopped_item"), PriceRuleItem.item_code, PriceRule.title)
    .join(PriceRuleItem, PriceRuleItem.rule_id == PriceRule.rule_id)
    .join(ChargeItem, ChargeItem.code == PriceRuleItem.item_code)
    .where(in_force(PriceRule), _gone, ChargeItem.stopped_from <= _AT)
    .order_by(PriceRuleItem.item_code, PriceRule.rule_id)
    .limit(200),
)


class Trial(NamedTuple):
    code: str
    name: str
    trial_until: Any


TRIALS = Query(
    Trial,
    select(ChargeItem.code, ChargeItem.name, ChargeItem.trial_until)
    .where(ChargeItem.status == constant("published"), ChargeItem.trial_until <= bindparam("until"))
    .order_by(ChargeItem.trial_until, ChargeItem.code)
    .limit(200),
)
SET_TRIAL = Query(
    ChargeItem,
    update(ChargeItem)
    .where(ChargeItem.code == bindparam("code_"), ChargeItem.status == constant("published"))
    .values(trial_until=bindparam("until"), version=ChargeItem.version + 1)
    .returning(ChargeItem),
)


class Difference(NamedTuple):
    code: str
    name: str
    here: Decimal | None
    there: Decimal | None
