"""A whole bill at its price: rules between lines, pure and without order (spec 40, "States and rules").

Steps: quantity by unit of time -> base -> extension -> surcharge -> reduction -> cap. A percentage acts on the unit
price before rounding; every line is rounded once; the bill is the sum of its rounded lines. A surcharge is a line of
its own that points to its base, so that a refund takes both; a reduction or a cap takes off a line and its surcharges.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any

from functions.catalogue.prices.bill import BillLine, Person, Quote, QuotedLine, Rule, TakenOff, birthday
from functions.catalogue.prices.forbidding import breaches
from shared.money import line_amount, round_money
from shared.schemas import SHANGHAI

ONE = Decimal(1)
HUNDRED = Decimal(100)
FOUR_PLACES = Decimal("0.0001")


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


def quote(
    lines: Sequence[BillLine],
    rules: Iterable[Rule],
    person: Person,
    history: Sequence[BillLine] = (),
    later: Sequence[BillLine] = (),
) -> Quote:
    """Price a bill. `history` holds what the patient was charged before in the day and the visit the rules count over,
    `later` what was charged after a bill that is priced anew: no first one any more, but part of what a cap holds.

    The order of the lines changes nothing. Raises ValueError for two lines of one number.
    """
    if len({line.line_no for line in lines}) != len(lines):
        raise ValueError("two lines of one number")
    ordered = sorted(rules, key=lambda rule: (rule.kind, str(rule.rule_id)))
    work = {line.line_no: _Open(line, line.quantity, line.unit_price) for line in lines}
    for kind, act in _STEPS:
        for rule in ordered:
            if rule.kind == kind:
                act(rule, _touched(rule, work), person, history)
    closed = {line_no: list(_close(one)) for line_no, one in work.items()}
    for rule in ordered:
        if rule.is_cap:
            _cap(rule, _touched(rule, work), closed, [*history, *later])
    quoted = tuple(part for line in lines for part in closed[line.line_no])
    return Quote(quoted, tuple(breaches(lines, ordered, history)))


def _touched(rule: Rule, work: Mapping[str, _Open]) -> list[_Open]:
    return sorted((one for one in work.values() if one.line.item_code in rule.subjects), key=_Open.key)


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
        had = sum((line.quantity for line in history if rule.counts(line, scope)), Decimal(0))
        for one in group:
            full = min(max(ONE - had, Decimal(0)), one.quantity)
            _cut(one, rule, (full + (one.quantity - full) * stays) / one.quantity)
            had += one.quantity


def _first_free(rule: Rule, lines: Sequence[_Open], person: Person, history: Sequence[BillLine]) -> None:
    for scope, group in _by_scope(rule, lines):
        free = rule.number("quantity") - sum(
            (line.quantity for line in history if rule.counts(line, scope)), Decimal(0)
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
        before = [line for line in history if rule.counts(line, scope)]
        by_quantity = "quantity" in rule.params
        had = [line.quantity if by_quantity else line.gross for line in before]
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


def _by_scope(rule: Rule, lines: Sequence[_Open]) -> Iterator[tuple[object, list[_Open]]]:
    groups: dict[object, list[_Open]] = defaultdict(list)
    for one in lines:
        groups[rule.group(one.line)].append(one)
    yield from groups.items()
