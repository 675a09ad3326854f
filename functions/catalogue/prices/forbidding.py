"""Rules that forbid a bill: too much of an item, items that exclude each other, items contained in others. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from functions.catalogue.prices.bill import BillLine, Breach, Rule, plain


def breaches(lines: Sequence[BillLine], rules: Sequence[Rule], history: Sequence[BillLine]) -> Iterator[Breach]:
    """What forbids a bill, rule by rule."""
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
        groups[rule.group(line)].append(line)
    for scope, group in groups.items():
        had = [line for line in history if rule.counts(line, scope)]
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
    beside = [*lines, *(line for line in history if line.item_code in rule.subjects)]
    for line in lines:
        for other in beside:
            pair = frozenset((line.line_no, other.line_no))
            apart = line.item_code != other.item_code and pair not in seen
            if apart and rule.group(other) == rule.group(line):
                seen.add(pair)
                yield _breach(
                    rule,
                    [line, other],
                    f"“{line.name}”与“{other.name}”{_WITHIN[rule.scope]}不能同时收取，请保留其一。",
                )


def _included(rule: Rule, lines: Sequence[BillLine], history: Sequence[BillLine]) -> Iterator[Breach]:
    """What is contained in another item is not charged beside it, whichever came first."""
    new = {line.line_no for line in lines}
    every = [*lines, *history]
    wholes = [line for line in every if line.item_code in rule.others]
    for part in every if wholes else ():
        for whole in wholes if part.item_code in rule.subjects else ():
            judged = part.line_no in new or whole.line_no in new
            if judged and rule.group(part) == rule.group(whole):
                yield _breach(rule, [part, whole], f"“{part.name}”已包含在“{whole.name}”中，不能另收，请删去前者。")


_WITHIN = {"request": "同一申请内", "day": "同一日内", "visit": "同一次就诊内"}


def _breach(rule: Rule, lines: Sequence[BillLine], message: str) -> Breach:
    return Breach(rule.rule_id, rule.title, rule.kind, tuple(line.line_no for line in lines), message)
