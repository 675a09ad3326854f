"""A whole bill at its price: rules between lines, pure and without order (spec 40, "States and rules").

Steps: quantity by unit of time -> base -> extension -> surcharge -> reduction -> cap. A percentage acts on the unit
price before rounding; every line is rounded once; the bill is the sum of its rounded lines. A surcharge is a line of
its own that points to its base, so that a refund takes both; a reduction or a cap takes off a line and its surcharges.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from shared.money import ZERO, Money, line_amount, round_money
from shared.schemas import SHANGHAI

ONE = Decimal(1)
HUNDRED = Decimal(100)
FOUR_PLACES = Decimal("0.0001")


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
        return str(self.params.get("scope", "day"))


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

    @property
    def day(self) -> date:
        return self.at.astimezone(SHANGHAI).date()


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


@dataclass(slots=True)
class _Open:
    """A line while rules act on it."""

    line: BillLine
    quantity: Decimal
    unit_price: Decimal
    surcharges: list[tuple[Rule, Decimal]] = field(default_factory=list)
    cuts: list[tuple[Rule, Decimal]] = field(default_factory=list)
    """Rule and the share of the line that stays, one after another."""

    def key(self) -> tuple[Any, ...]:
        """An order that does not depend on how the bill was written."""
        line = self.line
        return (-self.unit_price, line.at, line.item_code, line.request, -self.quantity, line.line_no)


def quote(lines: Sequence[BillLine], rules: Iterable[Rule], person: Person, history: Sequence[BillLine] = ()) -> Quote:
    """Price a bill. `history` holds what the patient was charged before in the day and the visit the rules count over.

    The order of the lines changes nothing. Raises ValueError for two lines of one number.
    """
    if len({line.line_no for line in lines}) != len(lines):
        raise ValueError("two lines of one number")
    ordered = sorted(rules, key=lambda rule: (rule.kind, str(rule.rule_id)))
    work = {line.line_no: _Open(line, line.quantity, line.unit_price) for line in lines}
    for kind, act in _STEPS:
        for rule in ordered:
            if rule.kind == kind:
                touched = [one for one in work.values() if one.line.item_code in rule.subjects]
                act(rule, sorted(touched, key=_Open.key), person, history)
    closed = {line_no: list(_close(one)) for line_no, one in work.items()}
    for rule in ordered:
        if rule.kind.startswith("cap_per_"):
            touched = [one for one in work.values() if one.line.item_code in rule.subjects]
            _cap(rule, sorted(touched, key=_Open.key), closed, history)
    quoted = tuple(part for line in lines for part in closed[line.line_no])
    return Quote(quoted, tuple(_breaches(lines, ordered, history)))


def reverse(quoted: Quote) -> tuple[QuotedLine, ...]:
    """The refund of all lines: exactly the negative of each."""
    return tuple(replace(line, amount=-line.amount) for line in quoted.lines)


def _close(one: _Open) -> Iterator[QuotedLine]:
    """A line and its surcharges, each rounded once."""
    line = one.line
    yield _rounded(one, line.line_no, one.unit_price, None, None)
    for place, (rule, extra) in enumerate(one.surcharges, 1):
        yield _rounded(one, f"{line.line_no}+{place}", extra, line.line_no, rule)


def _rounded(one: _Open, line_no: str, unit_price: Decimal, base_line: str | None, rule: Rule | None) -> QuotedLine:
    amount = line_amount(unit_price, one.quantity)
    taken = []
    share = ONE
    for cut, stays in one.cuts:
        before, share = share, share * stays
        less = round_money(unit_price * one.quantity * before) - round_money(unit_price * one.quantity * share)
        amount -= less
        if less:
            taken.append(TakenOff(cut.rule_id, less))
    return QuotedLine(
        line_no=line_no,
        item_code=str(rule.params.get("charge_code") or one.line.item_code) if rule else one.line.item_code,
        name=f"{one.line.name}（{rule.title}）" if rule else one.line.name,
        quantity=one.quantity,
        unit_price=unit_price,
        amount=amount,
        version_id=one.line.version_id,
        base_line=base_line,
        rule_id=rule.rule_id if rule else None,
        taken_off=tuple(taken),
    )


# -- conditions


def applies(rule: Rule, line: BillLine, person: Person) -> bool:
    """Whether the patient and the moment are those of the rule. A condition the bill cannot answer is not met."""
    params = rule.params
    if "age_below" in params and not (
        person.birth_date and line.day < birthday(person.birth_date, params["age_below"])
    ):
        return False
    if params.get("emergency") and not person.emergency:
        return False
    return "night_from" not in params or _at_night(line.at, str(params["night_from"]), str(params["night_to"]))


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


def _at_night(at: datetime, start: str, end: str) -> bool:
    clock = at.astimezone(SHANGHAI).time()
    first, last = time.fromisoformat(start), time.fromisoformat(end)
    return first <= clock < last if first <= last else clock >= first or clock < last


# -- steps


def _round_time(rule: Rule, lines: Sequence[_Open], person: Person, history: Sequence[BillLine]) -> None:
    """By the hour: the first unit full, what follows in steps (半小时)."""
    first, step = rule.number("first"), rule.number("step")
    for one in lines:
        over = max(one.quantity - first, Decimal(0))
        one.quantity = first + (over / step).to_integral_value(ROUND_CEILING) * step


def _extend(rule: Rule, lines: Sequence[_Open], person: Person, history: Sequence[BillLine]) -> None:
    for one in lines:
        if applies(rule, one.line, person):
            one.unit_price = (one.unit_price * rule.number("percent") / HUNDRED).quantize(FOUR_PLACES, ROUND_HALF_UP)


def _surcharge(rule: Rule, lines: Sequence[_Open], person: Person, history: Sequence[BillLine]) -> None:
    for one in lines:
        if applies(rule, one.line, person):
            extra = (
                rule.number("amount")
                if rule.kind == "surcharge_fixed"
                else (one.unit_price * rule.number("percent") / HUNDRED).quantize(FOUR_PLACES, ROUND_HALF_UP)
            )
            one.surcharges.append((rule, extra))


def _reduce_after_first(rule: Rule, lines: Sequence[_Open], person: Person, history: Sequence[BillLine]) -> None:
    """The dearest in full, every further one at a part. One line of two is a first and a second."""
    stays = rule.number("percent") / HUNDRED
    for scope, group in _by_scope(rule, lines):
        had = sum((line.quantity for line in history if _counts(rule, line, scope)), Decimal(0))
        for one in group:
            full = min(max(ONE - had, Decimal(0)), one.quantity)
            _cut(one, rule, (full + (one.quantity - full) * stays) / one.quantity)
            had += one.quantity


def _first_free(rule: Rule, lines: Sequence[_Open], person: Person, history: Sequence[BillLine]) -> None:
    for scope, group in _by_scope(rule, lines):
        free = rule.number("quantity") - sum(
            (line.quantity for line in history if _counts(rule, line, scope)), Decimal(0)
        )
        for one in group:
            given = min(max(free, Decimal(0)), one.quantity)
            _cut(one, rule, (one.quantity - given) / one.quantity)
            free -= given


def _cap(rule: Rule, lines: Sequence[_Open], closed: dict[str, list[QuotedLine]], history: Sequence[BillLine]) -> None:
    """At most so many yuan, or so many units at their price, over the scope; the dearest are charged first.

    Acts on rounded amounts, so that the bill never passes the cap by a cent.
    """
    for scope, group in _by_scope(rule, lines):
        before = [line for line in history if _counts(rule, line, scope)]
        by_quantity = "quantity" in rule.params
        had = [line.quantity if by_quantity else line_amount(line.unit_price, line.quantity) for line in before]
        left = max(rule.number("quantity" if by_quantity else "amount") - sum(had, Decimal(0)), Decimal(0))
        for one in group:
            parts = closed[one.line.line_no]
            for place, part in enumerate(parts):
                if by_quantity:
                    allowed = round_money(part.amount * min(left, one.quantity) / one.quantity)
                else:
                    allowed = min(left, part.amount)
                    left -= allowed
                if allowed < part.amount:
                    taken = (*part.taken_off, TakenOff(rule.rule_id, part.amount - allowed))
                    parts[place] = replace(part, amount=allowed, taken_off=taken)
            if by_quantity:
                left -= min(left, one.quantity)


def _cut(one: _Open, rule: Rule, stays: Decimal) -> None:
    if stays != ONE:
        one.cuts.append((rule, stays))


_Step = Callable[[Rule, Sequence[_Open], Person, Sequence[BillLine]], None]
_STEPS: tuple[tuple[str, _Step], ...] = (
    ("time_unit_rounding", _round_time),
    ("extension_pct", _extend),
    ("surcharge_pct", _surcharge),
    ("surcharge_fixed", _surcharge),
    ("first_n_free", _first_free),
    ("reduce_pct_after_first", _reduce_after_first),
)


def _scope_of(rule: Rule) -> str:
    return rule.kind.removeprefix("cap_per_") if rule.kind.startswith("cap_per_") else rule.scope


def _group(scope: str, line: BillLine) -> object:
    return {"request": line.request, "day": line.day, "visit": None}[scope]


def _by_scope(rule: Rule, lines: Sequence[_Open]) -> Iterator[tuple[object, list[_Open]]]:
    groups: dict[object, list[_Open]] = defaultdict(list)
    for one in lines:
        groups[_group(_scope_of(rule), one.line)].append(one)
    yield from groups.items()


def _counts(rule: Rule, line: BillLine, group: object) -> bool:
    return line.item_code in rule.subjects and _group(_scope_of(rule), line) == group


# -- what must not be


def _breaches(lines: Sequence[BillLine], rules: Sequence[Rule], history: Sequence[BillLine]) -> Iterator[Breach]:
    for rule in rules:
        mine = [line for line in lines if line.item_code in rule.subjects]
        if rule.kind == "max_quantity":
            yield from _too_much(rule, mine, history)
        elif rule.kind == "mutually_exclusive":
            yield from _exclusive(rule, mine, history)
        elif rule.kind == "included_in":
            yield from _included(rule, lines, history)


def _too_much(rule: Rule, lines: Sequence[BillLine], history: Sequence[BillLine]) -> Iterator[Breach]:
    most = rule.number("quantity")
    groups: dict[object, list[BillLine]] = defaultdict(list)
    for line in lines:
        groups[_group(_scope_of(rule), line)].append(line)
    for scope, group in groups.items():
        had = [line for line in history if _counts(rule, line, scope)]
        total = sum((line.quantity for line in [*had, *group]), Decimal(0))
        if total > most:
            first = group[0]
            yield _breach(
                rule,
                [*had, *group],
                f"“{first.name}”最多 {plain(most)}{first.unit}，本单与已记共 {plain(total)}{first.unit}，请核对数量。",
            )


def _exclusive(rule: Rule, lines: Sequence[BillLine], history: Sequence[BillLine]) -> Iterator[Breach]:
    seen: set[frozenset[str]] = set()
    for line in lines:
        for other in [*lines, *history]:
            pair = frozenset((line.line_no, other.line_no))
            apart = line.item_code != other.item_code and other.item_code in rule.subjects
            if apart and pair not in seen and _group(_scope_of(rule), other) == _group(_scope_of(rule), line):
                seen.add(pair)
                yield _breach(
                    rule,
                    [line, other],
                    f"“{line.name}”与“{other.name}”{_WITHIN[_scope_of(rule)]}不能同时收取，请保留其一。",
                )


def _included(rule: Rule, lines: Sequence[BillLine], history: Sequence[BillLine]) -> Iterator[Breach]:
    """What is contained in another item is not charged beside it, whichever came first."""
    new = {line.line_no for line in lines}
    every = [*lines, *history]
    for part in every:
        for whole in every:
            if part.item_code not in rule.subjects or whole.item_code not in rule.others:
                continue
            if part.line_no not in new and whole.line_no not in new:
                continue
            if _group(_scope_of(rule), part) == _group(_scope_of(rule), whole):
                yield _breach(rule, [part, whole], f"“{part.name}”已包含在“{whole.name}”中，不能另收，请删去前者。")


_WITHIN = {"request": "同一申请内", "day": "同一日内", "visit": "同一次就诊内"}


def _breach(rule: Rule, lines: Sequence[BillLine], message: str) -> Breach:
    return Breach(rule.rule_id, rule.title, rule.kind, tuple(line.line_no for line in lines), message)


def plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
