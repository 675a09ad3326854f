"""Routes of rules between lines, quotes, packages and mappings."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.catalogue.prices import service
from functions.catalogue.prices.api.routing import FIRST, CodeCursor, ItemCode, Limit, router
from functions.catalogue.prices.bill import Person, Quote
from functions.catalogue.prices.schemas.rules import (
    AskQuote,
    CheckMappings,
    DraftMappings,
    DraftPackage,
    DraftRule,
    EndRule,
    ExpandedLine,
    ExpandedView,
    MappingView,
    MemberView,
    OwnPrice,
    PackageView,
    QuoteView,
    RefundRule,
    RequireMapping,
    RequirementView,
    RuleView,
    Scheme,
    UnmappedView,
    WantedLine,
)
from functions.catalogue.prices.service import Package, Wanted
from shared.command import command, query
from shared.schemas import Page
from shared.tx import Tx


@router.post("/rules", status_code=201)
@command("catalogue.prices.write")
def draft_rule(tx: Tx, body: DraftRule) -> RuleView:
    """Draft a rule between lines (加收、减收、封顶、互斥规则)."""
    return RuleView.model_validate(service.draft_rule(tx, body))


@router.get("/rules")
@query("catalogue.prices.read")
def list_rules(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[RuleView]:
    """Drafts and rules in use, oldest first (收费规则)."""
    found = service.rules_list(tx, cursor or FIRST, limit)
    return Page[RuleView](
        items=[RuleView.model_validate(one) for one in found],
        next=str(found[-1].rule_id) if len(found) == limit else None,
    )


@router.get("/items/{code}/rules")
@query("catalogue.prices.read")
def item_rules(tx: Tx, code: ItemCode) -> list[RuleView]:
    """Rules that speak of an item."""
    return [RuleView.model_validate(one) for one in service.rules_of(tx, code)]


@router.post("/rules/{rule_id}/check")
@command("catalogue.prices.approve")
def check_rule(tx: Tx, rule_id: UUID) -> RuleView:
    """Put a rule in force (复核规则)."""
    return RuleView.model_validate(service.check_rule(tx, rule_id))


@router.post("/rules/{rule_id}/end")
@command("catalogue.prices.approve")
def end_rule(tx: Tx, rule_id: UUID, body: EndRule) -> RuleView:
    """End a rule, or drop a draft (终止规则)."""
    return RuleView.model_validate(service.end_rule(tx, rule_id, body))


@router.post("/quote")
@command("catalogue.prices.read")
def quote_bill(tx: Tx, body: AskQuote) -> QuoteView:
    """Price a bill with all rules, step by step (试算整单)."""
    person = Person(body.birth_date, body.sex, body.emergency)
    tx.audit("bill.quoted", "campus", tx.campus, lines=len(body.lines))
    return _quote(service.quote(tx, _wanted(body.lines), person, _wanted(body.history)))


# -- packages


@router.post("/packages/{code}/versions", status_code=201)
@command("catalogue.prices.write")
def draft_package(tx: Tx, code: ItemCode, body: DraftPackage) -> PackageView:
    """What a package consists of (编制套餐)."""
    return _package(service.draft_package(tx, code, body))


@router.post("/package-versions/{package_version_id}/check")
@command("catalogue.prices.approve")
def check_package(tx: Tx, package_version_id: UUID) -> PackageView:
    """Put a package's members in force (复核套餐)."""
    return _package(service.check_package(tx, package_version_id))


@router.get("/packages/{code}/versions")
@query("catalogue.prices.read")
def package_versions(tx: Tx, code: ItemCode) -> list[PackageView]:
    """Versions of a package, latest first."""
    return [_package(one) for one in service.packages_of(tx, code)]


@router.get("/packages/{code}/expanded")
@query("catalogue.prices.read")
def expand_package(
    tx: Tx,
    code: ItemCode,
    birth_date: date | None = None,
    sex: Annotated[str | None, Parameter(pattern="^[12]$")] = None,
) -> ExpandedView:
    """A package as a patient's charges (展开套餐)."""
    lines = service.expand(tx, code, Person(birth_date, sex))
    return ExpandedView(
        package_code=code,
        lines=[
            ExpandedLine(
                item_code=line.item.code,
                name=line.item.name,
                quantity=line.quantity,
                unit_price=line.item.unit_price,
                amount=line.amount,
            )
            for line in lines
        ],
        total=service.package_total(lines),
        list_total=service.package_total([line._replace(share=None) for line in lines]),
    )


# -- mappings


@router.post("/mappings", status_code=201)
@command("catalogue.prices.write")
def draft_mappings(tx: Tx, body: DraftMappings) -> list[MappingView]:
    """Codes of items in a scheme (编制对照)."""
    return [MappingView.model_validate(row) for row in service.draft_mappings(tx, body)]


@router.get("/mappings/waiting")
@query("catalogue.prices.read")
def waiting_mappings(tx: Tx, limit: Limit = 100, cursor: UUID | None = None) -> Page[MappingView]:
    """Mappings that wait for their second officer (待复核对照)."""
    found = service.waiting_mappings(tx, cursor or FIRST, limit)
    return Page[MappingView](
        items=[MappingView.model_validate(row) for row in found],
        next=str(found[-1].mapping_id) if len(found) == limit else None,
    )


@router.post("/mappings/check")
@command("catalogue.prices.approve")
def check_mappings(tx: Tx, body: CheckMappings) -> list[MappingView]:
    """Put mappings in force, all or none (复核对照)."""
    return [MappingView.model_validate(row) for row in service.check_mappings(tx, body.mapping_ids)]


@router.get("/items/{code}/mappings")
@query("catalogue.prices.read")
def item_mappings(tx: Tx, code: ItemCode) -> list[MappingView]:
    """Everything an item is or was mapped to."""
    return [MappingView.model_validate(row) for row in service.mappings_of(tx, code)]


@router.get("/unmapped")
@query("catalogue.prices.read")
def list_unmapped(tx: Tx, scheme: Scheme, limit: Limit = 100, cursor: CodeCursor = None) -> Page[UnmappedView]:
    """Published items and drafts without a code in a scheme (未对照)."""
    found = service.unmapped(tx, scheme.value, cursor or "", limit)
    return Page[UnmappedView](
        items=[
            UnmappedView(
                code=one.code,
                name=one.name,
                national_code=one.national_code,
                status=one.status,
                suggestion=one.national_code,
            )
            for one in found
        ],
        next=found[-1].code if len(found) == limit else None,
    )


@router.post("/mapping-requirements", status_code=201)
@command("catalogue.prices.write")
def draft_requirement(tx: Tx, body: RequireMapping) -> RequirementView:
    """From when on no item is published without a code in a scheme (发布须对照)."""
    return RequirementView.model_validate(service.draft_requirement(tx, body))


@router.get("/mapping-requirements")
@query("catalogue.prices.read")
def list_requirements(tx: Tx) -> list[RequirementView]:
    """Mappings an item needs before it is published, drafts and those in force."""
    return [RequirementView.model_validate(one) for one in service.requirements(tx)]


@router.post("/mapping-requirements/{requirement_id}/check")
@command("catalogue.prices.approve")
def check_requirement(tx: Tx, requirement_id: UUID) -> RequirementView:
    """Put a requirement in force (复核)."""
    return RequirementView.model_validate(service.check_requirement(tx, requirement_id))


# -- shapes


def _wanted(lines: list[WantedLine]) -> list[Wanted]:
    return [Wanted(line.line_no, line.item_code, line.quantity, line.at, line.request) for line in lines]


def _quote(quoted: Quote) -> QuoteView:
    return QuoteView.model_validate({"lines": quoted.lines, "breaches": quoted.breaches, "total": quoted.total})


def _package(package: Package) -> PackageView:
    version, members = package
    return PackageView(
        package_version_id=version.package_version_id,
        package_code=version.package_code,
        status=version.status,
        own_price=OwnPrice(version.own_price) if version.own_price is not None else None,
        approval_no=version.approval_no,
        refund_rule=RefundRule(version.refund_rule),
        valid_from=version.valid_from,
        valid_to=version.valid_to,
        members=[MemberView.model_validate(member) for member in members],
    )
