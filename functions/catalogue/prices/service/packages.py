"""Packages (收费套餐): a name for several items. The price is the sum of the members', never one of its own."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from events.catalogue import PackageChanged
from functions.catalogue.prices.bill import Person, age_in_years
from functions.catalogue.prices.models import PackageMember, PackageVersion
from functions.catalogue.prices.problems import PackageUnusable, RuleStateWrong
from functions.catalogue.prices.queries import PricedItem
from functions.catalogue.prices.queries import rules as queries
from functions.catalogue.prices.rules import require_future
from functions.catalogue.prices.schemas.rules import DraftPackage
from functions.catalogue.prices.service.items import known, require_head
from functions.catalogue.prices.service.lookups import current_prices
from functions.catalogue.prices.service.rules import require_known
from shared.ids import new_id
from shared.money import ZERO, Money, line_amount
from shared.problems import NotFound
from shared.schemas import SHANGHAI
from shared.tx import Tx


class Expanded(NamedTuple):
    """A member as it would be charged."""

    item: PricedItem
    quantity: Decimal

    @property
    def amount(self) -> Money:
        return line_amount(self.item.unit_price, self.quantity)


class Package(NamedTuple):
    """A version of a package with its members in order."""

    version: PackageVersion
    members: list[PackageMember]


def draft_package(tx: Tx, code: str, command: DraftPackage) -> Package:
    """What a package consists of, to be checked by a second officer. Raises PackageUnusable, ItemUnknown."""
    require_head(tx)
    item = known(tx, code)
    if item.kind != "package":
        raise PackageUnusable(f"“{item.name}”不是套餐项目，不能设置组成。")
    codes = {member.member_code for member in command.members}
    if code in codes:
        raise PackageUnusable("套餐不能包含它自己。")
    require_known(tx, codes)
    if command.valid_from is not None:
        require_future(command.valid_from, tx.now)
    version = PackageVersion(
        package_version_id=new_id(),
        package_code=code,
        valid_from=command.valid_from or tx.now,
        maker=tx.actor.subject,
        made_at=tx.now,
    )
    members = [
        PackageMember(
            member_id=new_id(), package_version_id=version.package_version_id, place=place, **member.model_dump()
        )
        for place, member in enumerate(command.members, 1)
    ]
    tx.session.add(version, *members)
    tx.audit("package.drafted", "package", code, members=len(members))
    return Package(version, members)


def check_package(tx: Tx, package_version_id: UUID) -> Package:
    """Put the members of a package in force (复核); what it consisted of before ends there."""
    require_head(tx)
    version = tx.session.first(queries.LOCK_PACKAGE, version_id=package_version_id)
    if version is None:
        raise NotFound("没有这个套餐版本，请刷新后重试。")
    if version.status != "draft":
        raise RuleStateWrong("该套餐已复核，请刷新后核对。", current_status=version.status)
    tx.assert_distinct([version.maker], "套餐的经办与复核须由不同人员办理。")
    start = max(version.valid_from, tx.now)
    tx.session.execute(queries.END_PACKAGE, code=version.package_code, until=start)
    checked = tx.session.one(
        queries.CHECK_PACKAGE, id_=package_version_id, who=tx.actor.subject, now=tx.now, start=start
    )
    tx.emit(
        PackageChanged(
            package_code=version.package_code,
            package_version_id=package_version_id,
            effective_at=start,
            usable=True,
        )
    )
    tx.audit("package.checked", "package", version.package_code)
    return Package(checked, tx.session.all(queries.MEMBERS, version_ids=[package_version_id]))


def packages_of(tx: Tx, code: str) -> list[Package]:
    """Every version of a package, latest first."""
    known(tx, code)
    versions = tx.session.all(queries.PACKAGE_VERSIONS, code=code)
    members = tx.session.all(queries.MEMBERS, version_ids=[one.package_version_id for one in versions])
    return [
        Package(version, [one for one in members if one.package_version_id == version.package_version_id])
        for version in versions
    ]


def expand(tx: Tx, code: str, person: Person, at: datetime | None = None) -> list[Expanded]:
    """The members of a package for a patient, priced here. Of alternatives the first that fits and can be charged.

    Raises PackageUnusable when it has no members in force, or one of them can't be charged.
    """
    moment = at or tx.now
    members = tx.session.all(queries.MEMBERS_NOW, code=code, at=moment)
    if not members:
        raise PackageUnusable("该套餐没有在用的组成，请联系物价科。", package_code=code)
    priced = current_prices(tx, sorted({member.member_code for member in members}), moment)
    chosen: list[Expanded] = []
    done: set[str] = set()
    for member in _fitting(members, person, moment):
        if member.choice is not None and member.choice in done:
            continue
        item = priced.get(member.member_code)
        if item is not None:
            chosen.append(Expanded(item, member.quantity))
            if member.choice is not None:
                done.add(member.choice)
        elif member.choice is None:
            raise PackageUnusable(
                f"套餐中的项目 {member.member_code} 已停用或没有价格，该套餐暂不能使用，请联系物价科。",
                package_code=code,
                member_code=member.member_code,
            )
    open_choices = {member.choice for member in members if member.choice is not None} - done
    if any(member.choice in open_choices for member in _fitting(members, person, moment)):
        raise PackageUnusable("套餐中的可选项目均已停用或没有价格，请联系物价科。", package_code=code)
    return chosen


def total(lines: Sequence[Expanded]) -> Money:
    """Price of an expanded package: the sum of its rounded lines."""
    return sum((line.amount for line in lines), ZERO)


def _fitting(members: Sequence[PackageMember], person: Person, at: datetime) -> list[PackageMember]:
    day = at.astimezone(SHANGHAI).date()
    age = age_in_years(person.birth_date, day) if person.birth_date else None
    return [
        member
        for member in members
        if (member.sex is None or member.sex == person.sex)
        and (member.age_min is None or (age is not None and age >= member.age_min))
        and (member.age_max is None or (age is not None and age <= member.age_max))
    ]
