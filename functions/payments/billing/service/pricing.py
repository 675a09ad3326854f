"""What lines cost: a bill by the rules between its lines when it is posted, and unsettled lines again when prices move.

Posting and preview ask the same function, so that what is shown is what is charged. Unsettled lines follow the price in
force until they are settled (spec 40).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from uuid import UUID

from functions.catalogue.prices import service as prices
from functions.catalogue.prices.service import BillLine, Person, PriceBook, PricedItem, QuotedLine, Wanted
from functions.payments.billing import rules
from functions.payments.billing.models import Charge
from functions.payments.billing.queries import pricing as queries
from functions.payments.billing.rules import PricedLine
from functions.payments.billing.service.earlier import charged_beside, charged_line, history_of, request_of, visit_of
from functions.payments.billing.service.orders import ChargeOrder
from functions.payments.billing.service.quoted import NewPrice, QuotedCharge
from functions.payments.billing.service.unpacking import (
    PACKAGE,
    origins,
    packages_again,
    person_of,
    quantity_of,
    unpack,
)
from shared.money import ZERO, Money, line_amount, round_money
from shared.tx import Tx

NOBODY = Person()
GONE = ("voided", "refunded")
"""States of lines that cost nothing any more."""


def quote_order(tx: Tx, order: ChargeOrder) -> list[QuotedCharge]:
    """Price an order with every rule between its lines and what was charged before, surcharges after their lines, then
    the members of its packages.

    One round trip when no rule and no limit speaks of its items. Else who the patient is and what stands beside counts,
    and the patient's bills are priced one after another, so that two at once can't both be the first.

    Raises ItemUnknown, ItemStopped, NoPrice; LimitsBroken, QuantityNotAllowed for what must not be charged so,
    ExecutingUnitNotAllowed and RequestRequired for what must not be done there or charged from there; PackageUnusable.
    """
    book = prices.price_book(tx, [line.item_code for line in order.lines])
    lines, shares = order.lines, list[QuotedCharge]()
    if any(item.kind == PACKAGE for item in book.items.values()):
        lines, shares = unpack(tx, order, book)
        book = prices.price_book(tx, {line.item_code for line in lines})
    prices.refuse_unpriced(book.items, [line.item_code for line in lines])
    prices.require_origin(tx, book.items, origins(order, lines))
    person, past, emergency = NOBODY, list[BillLine](), order.emergency
    if beside := book.beside:
        emergency = emergency or _is_emergency(tx, order.encounter_id)
        person = person_of(tx, order.patient_id, emergency=emergency)
        past = history_of(charged_beside(tx, order.patient_id, order.encounter_id, beside, tx.now))
    request, visit = request_of(order.source_module, order.source_id), visit_of(order.encounter_id)
    bill = [
        book.line(Wanted(line.source_line, line.item_code, quantity_of(line), tx.now, request, visit)) for line in lines
    ]
    quoted = book.checked(bill, person, past)
    named = _surcharge_items(tx, book, quoted.lines)
    by_line = {line.source_line: line for line in lines}
    return [
        QuotedCharge(
            line=by_line[one.base_line or one.line_no],
            item=named[one.item_code],
            quoted=replace(one, amount=round_money(one.amount)),
            list_price=one.unit_price if one.base_line else book.items[one.item_code].unit_price,
            by_rule=book.ruled(by_line[one.base_line or one.line_no].item_code),
            emergency=emergency,
        )
        for one in quoted.lines
    ] + shares


def _surcharge_items(tx: Tx, book: PriceBook, quoted: Sequence[QuotedLine]) -> Mapping[str, PricedItem]:
    """Items of the bill, and those surcharges are charged as when they have a code of their own."""
    more = {one.item_code for one in quoted if one.item_code not in book.items}
    if not more:
        return book.items
    found = prices.price_book(tx, more).items
    for code in sorted(more - found.keys()):
        raise prices.ItemUnknown(f"没有代码为“{code}”的加收项目，请联系物价科核对收费规则。", item_code=code)
    return {**book.items, **found}


def _is_emergency(tx: Tx, encounter_id: UUID | None) -> bool:
    """What was told once with a charge of a visit holds for what comes later."""
    if encounter_id is None:
        return False
    return tx.session.one(queries.EMERGENCY, encounter=encounter_id, campus=tx.campus)


# -- unsettled lines when prices move


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
    codes = sorted({charge.package_code or charge.item_code for charge in first if charge.base_charge_id is None})
    current = prices.current_prices(tx, codes) if codes else {}
    changed = packages_again(tx, first, current)
    again: list[Charge] = []
    for charge in first:
        if charge.package_code is not None:
            continue
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
    """Whole sources at the prices and rules in force, oldest first. Lines others settle or settled stand in the bill as
    they are; what an earlier source comes to now counts for the later ones."""
    changed: dict[UUID, NewPrice] = {}
    if sources:
        book = prices.price_book(tx, {charge.item_code for lines in sources for charge in lines})
        for lines in sources:
            changed |= _source_again(tx, book, lines, chosen, changed)
    return changed


def whole_sources(tx: Tx, moved: Sequence[Charge]) -> list[list[Charge]]:
    """What stands of the sources of some lines: the lines of each, oldest first. Shares of packages that have a price
    of their own are none of the rules' business."""
    wanted = {(charge.source_module, charge.source_id) for charge in moved}
    found = tx.session.all(
        queries.OF_SOURCES,
        modules=[module for module, _ in wanted],
        sources=[source for _, source in wanted],
        campus=tx.campus,
    )
    sources: dict[tuple[str, str], list[Charge]] = defaultdict(list)
    for charge in found:
        if (charge.source_module, charge.source_id) in wanted and charge.status not in GONE and not charge.package_code:
            sources[charge.source_module, charge.source_id].append(charge)
    return sorted(sources.values(), key=lambda lines: lines[0].charge_id)


def said_of(quoted: Sequence[QuotedLine]) -> Callable[[Charge], QuotedLine | None]:
    """Finds what a quote of a source says of a charge: a line goes by its id, a surcharge by its line and its rule."""
    by_line = {one.line_no: one for one in quoted if one.base_line is None}
    surcharges = {(one.base_line, one.rule_id): one for one in quoted if one.base_line is not None}

    def find(charge: Charge) -> QuotedLine | None:
        if charge.base_charge_id is None:
            return by_line.get(str(charge.charge_id))
        return surcharges.get((str(charge.base_charge_id), charge.rule_id))

    return find


def _source_again(
    tx: Tx, book: PriceBook, lines: Sequence[Charge], chosen: Set[UUID], before: Mapping[UUID, NewPrice]
) -> dict[UUID, NewPrice]:
    first = lines[0]
    bases = [charge for charge in lines if charge.base_charge_id is None]
    ours = {charge.charge_id for charge in lines}
    beside = [
        one
        for one in charged_beside(tx, first.patient_id, first.encounter_id, book.beside, first.posted_at)
        if one.charge.charge_id not in ours
    ]
    past = [one for one in beside if one.charge.charge_id < first.charge_id]
    later = [one for one in beside if one.charge.charge_id > first.charge_id and one.charge.charge_id not in chosen]
    bill = [_at_price_now(book, charge, ours=charge.charge_id in chosen) for charge in bases]
    quoted = book.quote(
        bill,
        person_of(tx, first.patient_id, emergency=first.emergency),
        history_of(past, {charge_id: new.amount for charge_id, new in before.items()}),
        later=history_of(later),
    ).lines
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
