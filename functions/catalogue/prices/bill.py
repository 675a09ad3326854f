"""A bill and the rules that speak of its lines, as values: what is to be charged, what it comes to, what forbids it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.money import ZERO, Money, line_amount
from shared.schemas import SHANGHAI

CAP = "cap_per_"
"""What the kinds of caps begin with; their scope follows."""


@dataclass(frozen=True, slots=True)
class BillLine:
    """A line to be charged, at its base price. `quantity` in the item's unit; hours for an item by the hour."""

    line_no: str
    item_code: str
    name: str
    unit: str
    quantity: Decimal
    unit_price: Decimal
    at: datetime
    request: str = ""
    version_id: UUID | None = None
    visit: str = ""
    """Visit or stay it belongs to; lines that name none are of one visit."""
    charged: Money | None = None
    """Of what was charged before: what it came to with its surcharges; reckoned from the price where unknown."""

    @property
    def gross(self) -> Money:
        """What it came to, or would before any rule."""
        return self.charged if self.charged is not None else line_amount(self.unit_price, self.quantity)

    @property
    def day(self) -> date:
        return self.at.astimezone(SHANGHAI).date()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in force. `subjects` are the items it acts on, `others` those they must not stand beside."""

    rule_id: UUID
    kind: str
    title: str
    params: Mapping[str, Any]
    subjects: frozenset[str]
    others: frozenset[str] = frozenset()

    def number(self, name: str) -> Decimal:
        return Decimal(str(self.params[name]))

    @property
    def scope(self) -> str:
        """Over what it counts: one request, one calendar day, one visit or stay."""
        return self.kind.removeprefix(CAP) if self.is_cap else str(self.params.get("scope", "day"))

    @property
    def is_cap(self) -> bool:
        return self.kind.startswith(CAP)

    def group(self, line: BillLine) -> object:
        """Lines of one group count together: all its items, or with `each` every item by itself (逐项计算)."""
        place = {"request": line.request, "day": line.day, "visit": line.visit}[self.scope]
        return (place, line.item_code) if self.params.get("each") else place

    def counts(self, line: BillLine, group: object) -> bool:
        """Whether it acts on a line, and the line is of a group."""
        return line.item_code in self.subjects and self.group(line) == group


@dataclass(frozen=True, slots=True)
class Person:
    """What of the patient and the visit rules ask for."""

    birth_date: date | None = None
    sex: str | None = None
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class TakenOff:
    """What a reduction or a cap took off a line."""

    rule_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """A line at its price. `base_line` names the line a surcharge belongs to; `amount` is less what was taken off."""

    line_no: str
    item_code: str
    name: str
    quantity: Decimal
    unit_price: Decimal
    amount: Money
    version_id: UUID | None
    base_line: str | None = None
    rule_id: UUID | None = None
    taken_off: tuple[TakenOff, ...] = ()


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that forbids the bill: which lines stand against which rule, in the user's words."""

    rule_id: UUID
    title: str
    kind: str
    lines: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A bill at its price. With breaches it must not be charged."""

    lines: tuple[QuotedLine, ...]
    breaches: tuple[Breach, ...]

    @property
    def total(self) -> Money:
        return sum((line.amount for line in self.lines), ZERO)


def reverse(quoted: Quote) -> tuple[QuotedLine, ...]:
    """The refund of all lines: exactly the negative of each."""
    return tuple(replace(line, amount=-line.amount) for line in quoted.lines)


def birthday(born: date, years: int) -> date:
    """The day on which a person becomes so many years old; one born on 29 February does so on 1 March."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def age_in_years(born: date, day: date) -> int:
    """Whole years of age on a day."""
    years = day.year - born.year
    return years if day >= birthday(born, years) else years - 1


def plain(value: Decimal) -> str:
    """A quantity as people write it."""
    return f"{value.normalize():f}"
