"""Quotes: a whole bill priced with the rules between its lines, in one round trip."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from functions.catalogue.prices import quoting
from functions.catalogue.prices.bill import BillLine, Person, Quote, Rule, age_in_years
from functions.catalogue.prices.problems import LimitsBroken, QuantityNotAllowed
from functions.catalogue.prices.queries import PRICES_AT, PricedItem
from functions.catalogue.prices.queries.rules import RULES_FOR
from functions.catalogue.prices.service.lookups import EVERYBODY, check_quantity, refuse_unpriced
from shared.problems import Problem
from shared.tx import Tx

OF_PATIENT = frozenset({"sex", "age_min", "age_max", "per_visit"})
"""Limits of an item that ask who the patient is or what was charged before."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line somebody would charge. `request` joins what belongs to one operation or request."""

    line_no: str
    item_code: str
    quantity: Decimal
    at: datetime | None = None
    request: str = ""
    visit: str = ""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices in force of some items and the rules between lines that speak of them, read once for any number of bills.

    A charging module reads it, learns from `beside` whether the patient and what was charged before matter at all, and
    quotes.
    """

    items: Mapping[str, PricedItem]
    rules: Sequence[Rule]
    at: datetime

    def ruled(self, code: str) -> bool:
        """Whether a rule has the item among those it acts on: its price depends on what stands beside it."""
        return any(code in rule.subjects for rule in self.rules)

    @property
    def beside(self) -> frozenset[str]:
        """Items that count when charged before, to this patient: those the rules name, those with limits of their
        own. Empty when only the price list decides."""
        named = {code for rule in self.rules for code in (*rule.subjects, *rule.others)}
        limited = {item.code for item in self.items.values() if item.max_per_day or item.limits.keys() & OF_PATIENT}
        return frozenset(named | limited)

    def line(self, wanted: Wanted) -> BillLine:
        """A line at its price of the list, before any rule. Nothing is asked of an item without a price."""
        item = self.items[wanted.item_code]
        return BillLine(
            line_no=wanted.line_no,
            item_code=wanted.item_code,
            name=item.name,
            unit=item.unit,
            quantity=wanted.quantity,
            unit_price=item.unit_price if item.unit_price is not None else Decimal(0),
            at=wanted.at or self.at,
            request=wanted.request,
            version_id=item.version_id,
            visit=wanted.visit,
        )

    def quote(
        self,
        bill: Sequence[BillLine],
        person: Person,
        history: Sequence[BillLine] = (),
        later: Sequence[BillLine] = (),
    ) -> Quote:
        """Price a bill with every rule. The caller decides what to do with its breaches.

        `later`: of a bill priced anew, what was charged after it and stands; it leaves less of a cap.
        """
        return quoting.quote(bill, self.rules, person, history, later)

    def checked(self, bill: Sequence[BillLine], person: Person, history: Sequence[BillLine] = ()) -> Quote:
        """As `quote`, and refuses what breaks a rule or an item's own limits: LimitsBroken, QuantityNotAllowed.

        `breaches` of the refusal names the lines that stand against a rule, `lines` each that its item does not allow.
        """
        quoted = self.quote(bill, person, history)
        if quoted.breaches:
            raise LimitsBroken(
                "；".join(breach.message.rstrip("。") for breach in quoted.breaches) + "。",
                breaches=[
                    {"rule_id": str(one.rule_id), "title": one.title, "lines": list(one.lines), "message": one.message}
                    for one in quoted.breaches
                ],
            )
        of_item: dict[str, list[BillLine]] = defaultdict(list)
        for line in (*history, *bill):
            of_item[line.item_code].append(line)
        refused = [
            (line, refusal) for line in bill if (refusal := self._refusal(line, person, of_item[line.item_code]))
        ]
        if refused:
            first = refused[0][1]
            first.extra["lines"] = [
                {"line_no": line.line_no, "item_code": line.item_code, "code": one.code, "message": one.detail}
                for line, one in refused
            ]
            raise first
        return quoted

    def _refusal(self, line: BillLine, person: Person, same: Sequence[BillLine]) -> Problem | None:
        """Why an item's own limits forbid a line; `same` are all lines of the item, charged before or now."""
        item = self.items[line.item_code]
        others = [one for one in same if one is not line]
        try:
            check_quantity(item, line.quantity, _sum(one for one in others if one.day == line.day))
            _check_person(item, person, line, _sum(one for one in others if one.visit == line.visit))
        except (QuantityNotAllowed, LimitsBroken) as refusal:
            return refusal
        return None


def price_book(
    tx: Tx, codes: Collection[str], *, at: datetime | None = None, payer_class: str = EVERYBODY
) -> PriceBook:
    """Prices and rules of items here at a moment (default now), in one round trip. Unknown items are left out."""
    moment = at or tx.now
    wanted = sorted(set(codes))
    asked = tx.session.send(PRICES_AT, codes=wanted, campus=tx.campus, at=moment, payer=payer_class)
    found = tx.session.all(RULES_FOR, codes=wanted, at=moment)
    rules = [
        Rule(one.rule_id, one.kind, one.title, one.params, frozenset(one.subjects), frozenset(one.others))
        for one in found
    ]
    return PriceBook({item.code: item for item in asked.all()}, rules, moment)


def quote(
    tx: Tx,
    lines: Sequence[Wanted],
    person: Person,
    history: Sequence[Wanted] = (),
    *,
    at: datetime | None = None,
    payer_class: str = EVERYBODY,
) -> Quote:
    """Price a bill with every rule in force between its lines. The caller decides what to do with its breaches.

    `history`: what the patient was charged before in the same day and visit, which the charging module knows. Raises
    ItemUnknown, ItemStopped, NoPrice for a line that can't be charged.
    """
    book, bill, past = _bill(tx, lines, history, at, payer_class)
    return book.quote(bill, person, past)


def check_limits(
    tx: Tx, lines: Sequence[Wanted], person: Person, history: Sequence[Wanted] = (), *, at: datetime | None = None
) -> Quote:
    """As `quote`, and refuses a bill that breaks a rule or an item's own limits: LimitsBroken, QuantityNotAllowed."""
    book, bill, past = _bill(tx, lines, history, at, EVERYBODY)
    return book.checked(bill, person, past)


def _bill(
    tx: Tx, lines: Sequence[Wanted], history: Sequence[Wanted], at: datetime | None, payer_class: str
) -> tuple[PriceBook, list[BillLine], list[BillLine]]:
    book = price_book(tx, {line.item_code for line in (*lines, *history)}, at=at, payer_class=payer_class)
    refuse_unpriced(book.items, [line.item_code for line in lines])
    past = [book.line(line) for line in history if line.item_code in book.items]
    return book, [book.line(line) for line in lines], past


def _sum(lines: Iterable[BillLine]) -> Decimal:
    return sum((line.quantity for line in lines), Decimal(0))


def _check_person(item: PricedItem, person: Person, line: BillLine, before: Decimal) -> None:
    limits = item.limits
    if limits.get("sex") and person.sex in {"1", "2"} and person.sex != limits["sex"]:
        only = "男性" if limits["sex"] == "1" else "女性"
        raise LimitsBroken(f"“{item.name}”仅用于{only}，请核对患者与项目。", item_code=item.code)
    if person.birth_date is not None:
        age = age_in_years(person.birth_date, line.day)
        if not int(limits.get("age_min", 0)) <= age <= int(limits.get("age_max", 999)):
            raise LimitsBroken(f"“{item.name}”不适用于 {age} 岁患者，请核对患者与项目。", item_code=item.code)
    most = limits.get("per_visit")
    if most is not None and before + line.quantity > Decimal(str(most)):
        raise LimitsBroken(f"“{item.name}”每次就诊最多 {most}{item.unit}，请核对数量。", item_code=item.code)
