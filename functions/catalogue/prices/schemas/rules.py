"""Requests and answers about rules between lines, quotes, packages and mappings."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, model_validator

from functions.catalogue.prices.rulebook import KINDS
from shared.money import MoneyAmount, Quantity, UnitPrice
from shared.schemas import Code, Input, Moment, Text, View

RuleKind = StrEnum("RuleKind", {kind.upper(): kind for kind in KINDS})  # type: ignore[misc]
"""Kinds of rules between lines, as quoting.py acts on them."""
Percent = Annotated[Decimal, Field(ge=0, le=1000, max_digits=7, decimal_places=3)]
Codes = Annotated[list[Code], Field(max_length=2000)]
Sex = Annotated[str, Field(pattern="^[12]$", description="1 男，2 女")]
Years = Annotated[int, Field(ge=0, le=150)]
ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class RuleParams(Input):
    """What a rule says; which of it a kind needs is checked when the rule is drafted."""

    percent: Percent | None = None
    amount: MoneyAmount | None = None
    quantity: Quantity | None = None
    first: Quantity | None = None
    step: Quantity | None = None
    scope: Annotated[str | None, Field(pattern="^(request|day|visit)$")] = None
    each: bool | None = None
    """Every item counts by itself (逐项计算) instead of all together."""
    charge_code: Code | None = None
    age_below: Years | None = None
    emergency: bool | None = None
    night_from: ClockTime | None = None
    night_to: ClockTime | None = None


class DraftRule(Input):
    """A rule between lines, to be checked by a second officer."""

    kind: RuleKind
    title: Text
    params: RuleParams
    subjects: Annotated[Codes, Field(min_length=1)]
    others: Codes = Field(default_factory=list)
    basis_document: Text
    valid_from: Moment | None = None
    valid_to: Moment | None = None


class EndRule(Input):
    """End a rule from a moment on (default now); a draft is dropped."""

    version: Annotated[int, Field(ge=1)]
    reason: Text
    valid_to: Moment | None = None


class RuleView(View):
    rule_id: UUID
    kind: str
    title: str
    params: dict[str, Any]
    subjects: list[str]
    others: list[str]
    basis_document: str
    valid_from: Moment
    valid_to: Moment | None
    status: str
    maker: str
    checker: str | None
    version: int


class WantedLine(Input):
    """A line somebody would charge. `request` joins what belongs to one operation or request."""

    line_no: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00+]+$")]
    item_code: Code
    quantity: Quantity
    at: Moment | None = None
    request: Annotated[str, Field(max_length=80, pattern=r"^[^\x00]*$")] = ""


class AskQuote(Input):
    """A bill to be priced as it stands, with what was charged before in the day and visit."""

    lines: Annotated[list[WantedLine], Field(min_length=1, max_length=500)]
    history: Annotated[list[WantedLine], Field(max_length=2000)] = Field(default_factory=list)
    birth_date: date | None = None
    sex: Sex | None = None
    emergency: bool = False

    @model_validator(mode="after")
    def _numbers(self) -> "AskQuote":
        numbers = [line.line_no for line in [*self.lines, *self.history]]
        if len(set(numbers)) != len(numbers):
            raise ValueError("行号不能重复")
        return self


class TakenOffView(View):
    rule_id: UUID
    amount: MoneyAmount


class QuotedLineView(View):
    line_no: str
    item_code: str
    name: str
    quantity: Quantity
    unit_price: UnitPrice
    amount: MoneyAmount
    version_id: UUID | None
    base_line: str | None
    rule_id: UUID | None
    taken_off: list[TakenOffView]


class BreachView(View):
    rule_id: UUID
    title: str
    kind: str
    lines: list[str]
    message: str


class QuoteView(View):
    """A bill at its price, and what forbids it."""

    lines: list[QuotedLineView]
    breaches: list[BreachView]
    total: MoneyAmount


class MemberIn(Input):
    """A member of a package. Members of one `choice` are alternatives: the first that fits the patient is taken."""

    member_code: Code
    quantity: Quantity
    choice: Code | None = None
    sex: Sex | None = None
    age_min: Years | None = None
    age_max: Years | None = None


class OwnPrice(StrEnum):
    """Packages that may have an approved price of their own: 单病种, 日间, 体检."""

    SINGLE_DISEASE = "single_disease"
    DAY_CASE = "day_case"
    CHECKUP = "checkup"


class RefundRule(StrEnum):
    """What a package of its own price costs when a part of it goes back: the shares of what stays (按分摊), or what
    stays at its price of the list, together the package's price at most (按单价)."""

    SHARE = "share"
    LIST_PRICE = "list_price"


class DraftPackage(Input):
    """What a package consists of from a moment on (default: when it is checked).

    With `own_price` and its `approval_no` (批准文号) the price of the list for the package is charged, shared out over
    the members; without, the sum of the members' prices. `refund_rule` stands in the same approval.
    """

    members: Annotated[list[MemberIn], Field(min_length=1, max_length=200)]
    valid_from: Moment | None = None
    own_price: OwnPrice | None = None
    approval_no: Text | None = None
    refund_rule: RefundRule = RefundRule.SHARE

    @model_validator(mode="after")
    def _approved(self) -> "DraftPackage":
        if (self.own_price is None) != (self.approval_no is None):
            raise ValueError("套餐自有价格须写明类别（单病种、日间、体检）与批准文号")
        if self.own_price is None and self.refund_rule is not RefundRule.SHARE:
            raise ValueError("没有自有价格的套餐按各项目价格退费，不能另定退费规则")
        return self


class MemberView(View):
    member_code: str
    quantity: Quantity
    choice: str | None
    sex: str | None
    age_min: int | None
    age_max: int | None


class PackageView(View):
    package_version_id: UUID
    package_code: str
    status: str
    own_price: OwnPrice | None
    approval_no: str | None
    refund_rule: RefundRule
    valid_from: Moment
    valid_to: Moment | None
    members: list[MemberView]


class ExpandedLine(View):
    item_code: str
    name: str
    quantity: Quantity
    unit_price: UnitPrice
    amount: MoneyAmount


class ExpandedView(View):
    """A package as charges of a patient; its price is their sum, `list_total` what they would cost one by one."""

    package_code: str
    lines: list[ExpandedLine]
    total: MoneyAmount
    list_total: MoneyAmount


class Scheme(StrEnum):
    """Schemes an item is mapped to."""

    INSURANCE = "insurance"
    FRONT_PAGE = "front_page"
    ACCOUNT = "account"
    COST = "cost"
    RBRVS = "rbrvs"


class MappingIn(Input):
    item_code: Code
    target: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00]+$")]
    target_name: Text


class DraftMappings(Input):
    """Items and their codes in a scheme, valid from a moment on (default: when they are checked)."""

    scheme: Scheme
    rows: Annotated[list[MappingIn], Field(min_length=1, max_length=2000)]
    valid_from: Moment | None = None


class CheckMappings(Input):
    mapping_ids: Annotated[list[UUID], Field(min_length=1, max_length=2000)]


class MappingView(View):
    mapping_id: UUID
    item_code: str
    scheme: str
    target: str
    target_name: str
    valid_from: Moment
    valid_to: Moment | None
    status: str
    maker: str
    checker: str | None


class RequiredScheme(StrEnum):
    """Schemes an item may need a code in before it is published."""

    FRONT_PAGE = "front_page"
    ACCOUNT = "account"
    COST = "cost"
    INSURANCE = "insurance"


class RequireMapping(Input):
    """From a moment on (default: when it is checked) no item is published without a code in a scheme."""

    scheme: RequiredScheme
    required_from: Moment | None = None
    basis_document: Text


class RequirementView(View):
    requirement_id: UUID
    scheme: RequiredScheme
    required_from: Moment
    basis_document: str
    status: str
    maker: str
    checker: str | None


class UnmappedView(View):
    code: str
    name: str
    national_code: str | None
    status: str
    """published, or draft: mapped before it is published."""
    suggestion: str | None
    """A target that fits by the national code, to be looked at by a person."""
