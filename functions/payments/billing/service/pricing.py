"""What lines cost: a bill by the rules between its lines when it is posted, and unsettled lines again when prices move.

Posting and preview ask the same function, so that what is shown is what is charged. Unsettled lines follow the price in
force until they are settled (spec 40).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from functions.catalogue.prices import service as prices
from functions.catalogue.prices.service import BillLine, Person, PriceBook, PricedItem, QuotedLine, Wanted
from functions.patients.index import service as patients
from functions.payments.billing import rules
from functions.payments.billing.models import Charge
from functions.payments.billing.queries import pricing as queries
from functions.payments.billing.rules import PricedLine
from functions.payments.billing.service.orders import ChargeLine, ChargeOrder
from shared.money import ZERO, Money, line_amount, round_money
from shared.problems import Invalid
from shared.schemas import SHANGHAI, midnight
from shared.tx import Tx

NOBODY = Person()
GONE = ("voided", "refunded")
"""States of lines that cost nothing any more."""


@dataclass(frozen=True, slots=True)
class QuotedCharge:
    """A line as it would be charged: its base line or, of a surcharge (加收), the rule that makes it.

    `item` is the item on the bill; `list_price` is its price of the list, of a surcharge what it adds.
    """

    line: ChargeLine
    item: PricedItem
    quoted: QuotedLine
    list_price: Decimal
    by_rule: bool
    emergency: bool

    @property
    def taken_off(self) -> Money:
        """What reductions and caps took off."""
        return sum((one.amount for one in self.quoted.taken_off), ZERO)


def quote_order(tx: Tx, order: ChargeOrder) -> list[QuotedCharge]:
    """Price an order with every rule between its lines and what was charged before, surcharges after their lines.

    One round trip when no rule and no limit speaks of its items. Else who the patient is and what stands beside counts,
    and the patient's bills are priced one after another, so that two at once can't both be the first.

    Raises ItemUnknown, ItemStopped, NoPrice; LimitsBroken, QuantityNotAllowed for what must not be charged so.
    """
    codes = [line.item_code for line in order.lines]
    book = prices.priced_book(tx, codes)
    person, past, emergency = NOBODY, [], order.emergency
    if beside := book.beside:
        emergency = emergency or _is_emergency(tx, order.encounter_id)
        person = person_of(tx, order.patient_id, emergency=emergency)
        past = charged_before(tx, order.patient_id, order.encounter_id, beside, tx.now)
    request, visit = _request(order.source_module, order.source_id), _visit(order.encounter_id)
    bill = [
        book.line(Wanted(line.source_line, line.item_code, _quantity(line), tx.now, request, visit))
        for line in order.lines
    ]
    quoted = book.checked(bill, person, past)
    named = _surcharge_items(tx, book, quoted.lines)
    lines = {line.source_line: line for line in order.lines}
    return [
        QuotedCharge(
            line=lines[one.base_line or one.line_no],
            item=named[one.item_code],
            quoted=replace(one, amount=round_money(one.amount)),
            list_price=one.unit_price if one.base_line else book.items[one.item_code].unit_price,
            by_rule=book.ruled(lines[one.base_line or one.line_no].item_code),
            emergency=emergency,
        )
        for one in quoted.lines
    ]


def _surcharge_items(tx: Tx, book: PriceBook, quoted: Sequence[QuotedLine]) -> Mapping[str, PricedItem]:
    """Items of the bill, and those surcharges are charged as when they have a code of their own."""
    more = {one.item_code for one in quoted if one.item_code not in book.items}
    if not more:
        return book.items
    found = prices.price_book(tx, more).items
    for code in sorted(more - found.keys()):
        raise prices.ItemUnknown(f"没有代码为“{code}”的加收项目，请联系物价科核对收费规则。", item_code=code)
    return {**book.items, **found}


def _quantity(line: ChargeLine) -> Decimal:
    quantity = Decimal(line.quantity)
    if quantity <= 0 or quantity != quantity.quantize(Decimal("0.0001")):
        raise Invalid("数量须大于零，且最多四位小数，请核对后重新录入。")
    return quantity


def _request(module: str, source_id: str) -> str:
    return f"{module}:{source_id}"


def _visit(encounter_id: UUID | None) -> str:
    return str(encounter_id) if encounter_id else ""


def person_of(tx: Tx, patient_id: UUID, *, emergency: bool = False) -> Person:
    known = patients.access_patient(tx, patient_id)
    return Person(known.birth_date, known.sex, emergency)


def _is_emergency(tx: Tx, encounter_id: UUID | None) -> bool:
    """What was told once with a charge of a visit holds for what comes later."""
    if encounter_id is None:
        return False
    return tx.session.one(queries.EMERGENCY, encounter=encounter_id, campus=tx.campus)


def charged_before(
    tx: Tx, patient_id: UUID, encounter_id: UUID | None, codes: frozenset[str], at: datetime, before: UUID | None = None
) -> list[BillLine]:
    """What of some items the patient was charged on the day and in the visit, surcharges left to their lines."""
    group = patients.group_ids(tx, patient_id)
    tx.session.send(queries.ANCHOR, patients=group, campus=tx.campus)
    since = midnight(at.astimezone(SHANGHAI).date())
    found = tx.session.all(
        queries.BESIDE, patients=group, campus=tx.campus, codes=sorted(codes), since=since, encounter=encounter_id
    )
    return [_counted(one) for one in found if before is None or one.charge_id < before]


def _counted(charge: Charge) -> BillLine:
    """A charged line as it counts beside a bill: what of it was not refunded, for what was really charged of that."""
    return replace(charged_line(charge), unit_price=charge.worth / charge.remaining_quantity)


def charged_line(charge: Charge) -> BillLine:
    """A charged line at its price of the list, before any rule."""
    return BillLine(
        line_no=str(charge.charge_id),
        item_code=charge.item_code,
        name=charge.name,
        unit=charge.unit,
        quantity=charge.remaining_quantity,
        unit_price=charge.list_price,
        at=charge.posted_at,
        request=_request(charge.source_module, charge.source_id),
        version_id=charge.price_version_id,
        visit=_visit(charge.encounter_id),
    )


# -- unsettled lines when prices move


@dataclass(frozen=True, slots=True)
class NewPrice:
    """The price that replaces the one a line was posted at."""

    list_price: Decimal
    unit_price: Decimal
    amount: Money
    taken_off: Money
    version_id: UUID


@dataclass(frozen=True, slots=True)
class Priced:
    """Lines at the price in force."""

    lines: tuple[PricedLine, ...]
    changed: Mapping[UUID, NewPrice]
    """By charge id: the price that replaces the one the line was posted at."""

    @property
    def total(self) -> Money:
        """Sum of the rounded lines."""
        return sum((line.amount for line in self.lines), ZERO)

    @property
    def fingerprint(self) -> str:
        return rules.fingerprint(self.lines)


def price_now(tx: Tx, charges: Sequence[Charge]) -> Priced:
    """Price unsettled lines as of now. An item that was stopped meanwhile keeps the price it was posted at, and so does
    a line that was paid once and is settled anew.

    Where a price under rules moved, its whole source is quoted again by the rules in force, as it was when posted.
    """
    first = [charge for charge in charges if not charge.refunded_quantity]
    codes = sorted({charge.item_code for charge in first if charge.base_charge_id is None})
    current = prices.current_prices(tx, codes) if codes else {}
    changed: dict[UUID, NewPrice] = {}
    again: list[Charge] = []
    for charge in first:
        item = current.get(charge.item_code)
        if charge.base_charge_id is not None or item is None or item.unit_price == charge.list_price:
            continue
        if charge.by_rule:
            again.append(charge)
        else:
            worth = line_amount(item.unit_price, charge.quantity)
            changed[charge.charge_id] = NewPrice(item.unit_price, item.unit_price, worth, ZERO, item.version_id)
    if again:
        changed |= _quote_again(tx, whole_sources(tx, again), {charge.charge_id for charge in charges})
    return Priced(tuple(_line(charge, changed.get(charge.charge_id)) for charge in charges), changed)


def quote_open(tx: Tx, moved: Sequence[Charge]) -> list[tuple[Charge, NewPrice]]:
    """Unsettled lines of the sources of some lines that cost something else now, by the prices and rules in force."""
    sources = whole_sources(tx, moved) if moved else []
    ours = {charge.charge_id: charge for lines in sources for charge in lines if charge.status == "open"}
    return [(ours[charge_id], new) for charge_id, new in _quote_again(tx, sources, ours.keys()).items()]


def _quote_again(tx: Tx, sources: Sequence[list[Charge]], chosen: Set[UUID]) -> dict[UUID, NewPrice]:
    """Whole sources at the prices and rules in force. Lines others settle or settled stand in the bill as they are."""
    changed: dict[UUID, NewPrice] = {}
    if sources:
        book = prices.price_book(tx, {charge.item_code for lines in sources for charge in lines})
        for lines in sources:
            changed |= _source_again(tx, book, lines, chosen)
    return changed


def whole_sources(tx: Tx, moved: Sequence[Charge]) -> list[list[Charge]]:
    """What stands of the sources of some lines: the lines of each, oldest first."""
    wanted = {(charge.source_module, charge.source_id) for charge in moved}
    found = tx.session.all(
        queries.OF_SOURCES,
        modules=[module for module, _ in wanted],
        sources=[source for _, source in wanted],
        campus=tx.campus,
    )
    sources: dict[tuple[str, str], list[Charge]] = defaultdict(list)
    for charge in found:
        if (charge.source_module, charge.source_id) in wanted and charge.status not in GONE:
            sources[charge.source_module, charge.source_id].append(charge)
    return list(sources.values())


def said_of(quoted: Sequence[QuotedLine]) -> Callable[[Charge], QuotedLine | None]:
    """Finds what a quote of a source says of a charge: a line goes by its id, a surcharge by its line and its rule."""
    by_line = {one.line_no: one for one in quoted if one.base_line is None}
    surcharges = {(one.base_line, one.rule_id): one for one in quoted if one.base_line is not None}

    def find(charge: Charge) -> QuotedLine | None:
        if charge.base_charge_id is None:
            return by_line.get(str(charge.charge_id))
        return surcharges.get((str(charge.base_charge_id), charge.rule_id))

    return find


def _source_again(tx: Tx, book: PriceBook, lines: Sequence[Charge], chosen: Set[UUID]) -> dict[UUID, NewPrice]:
    first = lines[0]
    bases = [charge for charge in lines if charge.base_charge_id is None]
    past = charged_before(
        tx, first.patient_id, first.encounter_id, book.beside, first.posted_at, before=first.charge_id
    )
    bill = [_at_price_now(book, charge, ours=charge.charge_id in chosen) for charge in bases]
    quoted = book.quote(bill, person_of(tx, first.patient_id, emergency=first.emergency), past).lines
    said = said_of(quoted)
    changed: dict[UUID, NewPrice] = {}
    for charge in lines:
        one = said(charge)
        if (
            one is None
            or charge.charge_id not in chosen
            or charge.refunded_quantity
            or one.version_id is None
            or one.quantity != charge.quantity
        ):
            continue
        item = book.items.get(charge.item_code)
        listed = one.unit_price if charge.base_charge_id or item is None else item.unit_price
        off = sum((cut.amount for cut in one.taken_off), ZERO)
        new = NewPrice(listed, one.unit_price, one.amount, off, one.version_id)
        if (new.list_price, new.amount, new.taken_off) != (charge.list_price, charge.amount, charge.taken_off):
            changed[charge.charge_id] = new
    return changed


def _at_price_now(book: PriceBook, charge: Charge, *, ours: bool) -> BillLine:
    item = book.items.get(charge.item_code)
    line = charged_line(charge)
    if item is None or item.stopped or item.version_id is None or not (ours or charge.status == "open"):
        return line
    return replace(line, unit_price=item.unit_price, version_id=item.version_id)


def _line(charge: Charge, new: NewPrice | None) -> PricedLine:
    if new is None:
        return PricedLine(charge.charge_id, charge.remaining_quantity, charge.unit_price, charge.worth)
    return PricedLine(charge.charge_id, charge.quantity, new.unit_price, new.amount)


def reprice(tx: Tx, charge: Charge, new: NewPrice | None, settlement_id: UUID | None) -> Charge:
    """Put a price that took effect on an unsettled line (已调价); without one it stays as it is."""
    if new is None:
        return charge
    tx.audit("charge.repriced", "charge", charge.charge_id, patient_id=charge.patient_id)
    changed = tx.session.first(
        queries.REPRICE,
        id_=charge.charge_id,
        settlement=settlement_id,
        listed=new.list_price,
        price=new.unit_price,
        worth=new.amount,
        off=new.taken_off,
        price_version=new.version_id,
        at=tx.now,
    )
    return changed or charge
