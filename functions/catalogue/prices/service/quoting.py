"""Quotes: a whole bill priced with the rules between its lines, in one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from functions.catalogue.prices import quoting
from functions.catalogue.prices.problems import LimitsBroken
from functions.catalogue.prices.queries import PRICES_AT, PricedItem
from functions.catalogue.prices.queries.rules import RULES_FOR
from functions.catalogue.prices.quoting import BillLine, Person, Quote, Rule
from functions.catalogue.prices.service.lookups import EVERYBODY, check_quantity, refuse_unpriced
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line somebody would charge. `request` joins what belongs to one operation or request."""

    line_no: str
    item_code: str
    quantity: Decimal
    at: datetime | None = None
    request: str = ""


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
    return _quote(tx, lines, person, history, at or tx.now, payer_class)[0]


def check_limits(
    tx: Tx, lines: Sequence[Wanted], person: Person, history: Sequence[Wanted] = (), *, at: datetime | None = None
) -> Quote:
    """As `quote`, and refuses a bill that breaks a rule or an item's own limits: LimitsBroken, QuantityNotAllowed."""
    moment = at or tx.now
    quoted, items = _quote(tx, lines, person, history, moment, EVERYBODY)
    if quoted.breaches:
        raise LimitsBroken(
            "；".join(breach.message.rstrip("。") for breach in quoted.breaches) + "。",
            breaches=[
                {"rule_id": str(one.rule_id), "title": one.title, "lines": list(one.lines), "message": one.message}
                for one in quoted.breaches
            ],
        )
    for line in lines:
        item = items[line.item_code]
        day = _bill_line(line, item, moment).day
        before = [one for one in (*history, *lines) if one.item_code == line.item_code and one.line_no != line.line_no]
        on_day = [one for one in before if _bill_line(one, item, moment).day == day]
        check_quantity(item, line.quantity, sum((one.quantity for one in on_day), Decimal(0)))
        _check_person(item, person, line, moment, sum((one.quantity for one in before), Decimal(0)))
    return quoted


def _quote(
    tx: Tx, lines: Sequence[Wanted], person: Person, history: Sequence[Wanted], at: datetime, payer_class: str
) -> tuple[Quote, dict[str, PricedItem]]:
    codes = sorted({line.item_code for line in (*lines, *history)})
    asked = tx.session.send(PRICES_AT, codes=codes, campus=tx.campus, at=at, payer=payer_class)
    found = tx.session.all(RULES_FOR, codes=codes, at=at)
    items = {item.code: item for item in asked.all()}
    refuse_unpriced(items, [line.item_code for line in lines])
    rules = [
        Rule(one.rule_id, one.kind, one.title, one.params, frozenset(one.subjects), frozenset(one.others))
        for one in found
    ]
    past = [_bill_line(line, items[line.item_code], at) for line in history if line.item_code in items]
    bill = [_bill_line(line, items[line.item_code], at) for line in lines]
    return quoting.quote(bill, rules, person, past), items


def _bill_line(line: Wanted, item: PricedItem, at: datetime) -> BillLine:
    return BillLine(
        line_no=line.line_no,
        item_code=line.item_code,
        name=item.name,
        unit=item.unit,
        quantity=line.quantity,
        unit_price=item.unit_price if item.unit_price is not None else Decimal(0),
        at=line.at or at,
        request=line.request,
        version_id=item.version_id,
    )


def _check_person(item: PricedItem, person: Person, line: Wanted, at: datetime, before: Decimal) -> None:
    limits = item.limits
    if limits.get("sex") and person.sex in {"1", "2"} and person.sex != limits["sex"]:
        only = "男性" if limits["sex"] == "1" else "女性"
        raise LimitsBroken(f"“{item.name}”仅用于{only}，请核对患者与项目。", item_code=item.code)
    if person.birth_date is not None:
        age = quoting.age_in_years(person.birth_date, _bill_line(line, item, at).day)
        if not int(limits.get("age_min", 0)) <= age <= int(limits.get("age_max", 999)):
            raise LimitsBroken(f"“{item.name}”不适用于 {age} 岁患者，请核对患者与项目。", item_code=item.code)
    most = limits.get("per_visit")
    if most is not None and before + line.quantity > Decimal(str(most)):
        raise LimitsBroken(f"“{item.name}”每次就诊最多 {most}{item.unit}，请核对数量。", item_code=item.code)
