"""Packages (收费套餐): a name for several items. The price is the sum of the members'; only one approved as 单病种,
日间 or 体检 has a price of its own, which its members share."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from events.catalogue import PackageChanged
from functions.catalogue.prices.bill import Person, age_in_years
from functions.catalogue.prices.models import PackageMember, PackageVersion
from functions.catalogue.prices.problems import NoPrice, PackageUnusable, RuleStateWrong
from functions.catalogue.prices.queries import PricedItem
from functions.catalogue.prices.queries import rules as queries
from functions.catalogue.prices.rules import require_future
from functions.catalogue.prices.schemas.rules import DraftPackage
from functions.catalogue.prices.service.items import known, require_head
from functions.catalogue.prices.service.lookups import current_prices
from functions.catalogue.prices.service.rules import require_known
from functions.catalogue.prices.sharing import Expanded, share_out
from shared.ids import new_id
from shared.money import ZERO, Money, line_amount
from shared.problems import NotFound
from shared.schemas import SHANGHAI
from shared.tx import Tx

ONE = Decimal(1)


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
    nested = tx.session.all(queries.PACKAGES_AMONG, codes=sorted(codes))
    if nested:
        raise PackageUnusable(f"套餐不能包含其他套餐（{'、'.join(nested)}），请直接列出其中的项目。", package_code=code)
    if command.valid_from is not None:
        require_future(command.valid_from, tx.now)
    version = PackageVersion(
        package_version_id=new_id(),
        package_code=code,
        valid_from=command.valid_from or tx.now,
        maker=tx.actor.subject,
        made_at=tx.now,
        own_price=command.own_price.value if command.own_price is not None else None,
        approval_no=command.approval_no,
        refund_rule=command.refund_rule.value,
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
    if version.own_price is None and tx.session.one(queries.PRICED_AFTER, code=version.package_code, at=start):
        raise RuleStateWrong(
            "该套餐有自己的执行价格，新的组成也须写明类别与批准文号；不再单独定价的，请停用本套餐并新增套餐。",
            current_status=version.status,
        )
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


def expand(tx: Tx, code: str, person: Person, at: datetime | None = None, quantity: Decimal = ONE) -> list[Expanded]:
    """The members of so many of a package for a patient, priced here. Of alternatives the first that fits and can be
    charged. Members of a package with a price of its own share it in proportion to their prices, to the cent.

    Raises PackageUnusable when it was stopped, has no members in force, or one of them can't be charged; NoPrice when
    it has an approved price that does not hold here.
    """
    moment = at or tx.now
    package = known(tx, code)
    if package.status in ("suspended", "withdrawn") and package.stopped_from and package.stopped_from <= moment:
        raise PackageUnusable(f"套餐“{package.name}”已停用，请改选其他套餐。", package_code=code)
    version = tx.session.send(queries.PACKAGE, code=code, at=moment)
    members = tx.session.all(queries.MEMBERS_NOW, code=code, at=moment)
    if not members:
        raise PackageUnusable("该套餐没有在用的组成，请联系物价科。", package_code=code)
    priced = current_prices(tx, sorted({code, *(member.member_code for member in members)}), moment)
    chosen = _chosen(code, members, priced, person, moment)
    lines = [Expanded(priced[member.member_code], member.quantity * quantity) for member in chosen]
    found = version.one()
    if found.own_price is None:
        return lines
    if code not in priced:
        raise NoPrice(f"套餐“{package.name}”在本院区没有执行价格，请联系物价科。", item_code=code)
    shares = share_out(line_amount(priced[code].unit_price, quantity), [line.amount for line in lines])
    return [
        line._replace(share=share, refund_rule=found.refund_rule) for line, share in zip(lines, shares, strict=True)
    ]


def _chosen(
    code: str, members: Sequence[PackageMember], priced: Mapping[str, PricedItem], person: Person, moment: datetime
) -> list[PackageMember]:
    chosen: list[PackageMember] = []
    done: set[str] = set()
    fitting = _fitting(members, person, moment)
    for member in fitting:
        if member.choice is not None and member.choice in done:
            continue
        if member.member_code in priced:
            chosen.append(member)
            if member.choice is not None:
                done.add(member.choice)
        elif member.choice is None:
            raise PackageUnusable(
                f"套餐中的项目 {member.member_code} 已停用或没有价格，该套餐暂不能使用，请联系物价科。",
                package_code=code,
                member_code=member.member_code,
            )
    if any(member.choice is not None and member.choice not in done for member in fitting):
        raise PackageUnusable("套餐中的可选项目均已停用或没有价格，请联系物价科。", package_code=code)
    if not chosen:
        raise PackageUnusable("套餐中没有适合该患者性别、年龄的项目，请改选其他套餐。", package_code=code)
    return chosen


def total(lines: Sequence[Expanded]) -> Money:
    """Price of an expanded package: the sum of its rounded lines, its own price where it has one."""
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
