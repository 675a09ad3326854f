"""What stays of lines under rules between them when some go back: priced as if the others had never been charged.

Of three operations the dearest goes back: another one is now the first, and costs its full price. So a refund under
rules gives back what the lines were worth together less what the rest is worth by the same rules and prices; a line
that stays and costs more (or less) stands in the refund with quantity 0 and what it takes from (or adds to) it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from functions.catalogue.prices import service as prices
from functions.catalogue.prices.service import BillLine, QuotedLine
from functions.patients.index import service as patients
from functions.payments.billing.models import Charge
from functions.payments.billing.problems import NotRefundable
from functions.payments.billing.queries import pricing as queries
from functions.payments.billing.service.earlier import charged_beside, charged_line, history_of
from functions.payments.billing.service.part_packages import at_list_prices, repriced_packages
from functions.payments.billing.service.pricing import quote_open, reprice, said_of, whole_sources
from functions.payments.billing.service.unpacking import person_of
from shared.money import ZERO, Money
from shared.schemas import SHANGHAI, midnight
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class Wanted:
    """So much of a charge to be refunded. `amount`: what that is in money, where the quantity is only its share.

    Quantity 0: the line stays, and costs so much less (negative: more) because of what goes back.
    """

    charge: Charge
    quantity: Decimal
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Regrouped:
    """Lines of a refund with what they come to by the rules between them.

    `elsewhere`: lines of other settlements, by charge, and what each would cost more (negative: less) without what goes
    back. A refund moves money of its own settlement only; these are named for the price officer.
    """

    lines: Sequence[Wanted]
    ruled: bool = False
    elsewhere: Mapping[UUID, Money] = field(default_factory=dict)


def regroup(tx: Tx, settlement_id: UUID, lines: Sequence[Wanted]) -> Regrouped:
    """Price what a refund leaves again, by the prices and rules its lines were charged at. The settlement is locked.

    Lines whose worth the rules don't explain (a difference was given back) go back by their share. NotRefundable when
    the rest alone would cost more than everything did. A package that is refunded at list prices is priced again too.
    """
    ruled = [line for line in lines if line.charge.by_rule and line.amount is None]
    packed = [line.charge for line in lines if at_list_prices(line.charge) and line.amount is None]
    if not ruled and not packed:
        return Regrouped(lines)
    gone = {line.charge.charge_id: line.quantity for line in lines}
    worth: dict[UUID, Money] = {}
    known: dict[UUID, Charge] = {}
    elsewhere: dict[UUID, Money] = {}
    for package in repriced_packages(tx, settlement_id, packed, gone):
        for charge_id, (charge, new) in package.items():
            known[charge_id], worth[charge_id] = charge, new
    for source in _sources(tx, [line.charge for line in ruled]) if ruled else ():
        for charge_id, new in _after(tx, source, gone, worth).items():
            charge = known[charge_id] = source[charge_id]
            if charge_id in gone or charge.settlement_id == settlement_id or charge.status == "open":
                worth[charge_id] = new
            elif new != charge.worth:
                elsewhere[charge_id] = new - charge.worth
    priced = [
        replace(line, amount=line.charge.worth - worth[line.charge.charge_id])
        if line.amount is None and line.charge.charge_id in worth
        else line
        for line in lines
    ]
    staying = [
        Wanted(known[charge_id], ZERO, known[charge_id].worth - new)
        for charge_id, new in sorted(worth.items())
        if charge_id not in gone and known[charge_id].settlement_id == settlement_id and new != known[charge_id].worth
    ]
    if sum((line.amount for line in (*priced, *staying) if line.amount is not None), ZERO) < ZERO:
        names = "、".join(sorted({line.charge.name for line in staying}))
        raise NotRefundable(
            f"退去所选项目后，其余项目（{names}）按收费规则应收更多，不能单独退费：请一并退费后按实际项目重新记费。",
            lines=[str(line.charge.charge_id) for line in staying],
        )
    return Regrouped((*priced, *staying), True, elsewhere)


def follow_removal(tx: Tx, removed: Sequence[Charge]) -> None:
    """Charges under rules were withdrawn or given back: what is unsettled beside them is quoted again without them."""
    ruled = [charge for charge in removed if charge.by_rule and charge.base_charge_id is None]
    if not ruled:
        return
    moved = [one for one in _beside(tx, ruled) if one.status == "open" and one.by_rule and not one.refunded_quantity]
    for charge, new in quote_open(tx, moved):
        reprice(tx, charge, new, None)


def _beside(tx: Tx, ruled: Sequence[Charge]) -> list[Charge]:
    """What stands beside lines under rules: of their day and later, and of their visit."""
    first = min(ruled, key=lambda charge: charge.charge_id)
    book = prices.price_book(tx, {charge.item_code for charge in ruled}, at=_moment(ruled))
    codes = book.beside | {charge.item_code for charge in ruled}
    return tx.session.all(
        queries.BESIDE,
        patients=patients.group_ids(tx, first.patient_id),
        campus=tx.campus,
        codes=sorted(codes),
        since=midnight(first.posted_at.astimezone(SHANGHAI).date()),
        encounter=first.encounter_id,
    )


def _sources(tx: Tx, ruled: Sequence[Charge]) -> list[dict[UUID, Charge]]:
    """The sources that lose lines, and those charged after them beside them: what stands of each, oldest first."""
    first = min(charge.charge_id for charge in ruled)
    beside = [charge for charge in _beside(tx, ruled) if charge.by_rule and charge.charge_id > first]
    sources = [{charge.charge_id: charge for charge in lines} for lines in whole_sources(tx, [*ruled, *beside])]
    return sorted(sources, key=min)


def _after(
    tx: Tx, source: Mapping[UUID, Charge], gone: Mapping[UUID, Decimal], worth: Mapping[UUID, Money]
) -> dict[UUID, Money]:
    """What each line of a source is worth when some lines are gone; nothing where the rules don't explain its worth."""
    lines = list(source.values())
    first = lines[0]
    bases = [charge for charge in lines if charge.base_charge_id is None]
    book = prices.price_book(tx, {charge.item_code for charge in bases}, at=_moment(lines))
    beside = charged_beside(tx, first.patient_id, first.encounter_id, book.beside, first.posted_at)
    past = [one for one in beside if one.charge.charge_id < first.charge_id]
    person = person_of(tx, first.patient_id, emergency=any(charge.emergency for charge in lines))
    left = {charge.charge_id: charge.remaining_quantity for charge in lines}

    def priced(history: Sequence[BillLine]) -> dict[UUID, Money] | None:
        bill = [replace(charged_line(one), quantity=left[one.charge_id]) for one in bases if left[one.charge_id]]
        return _worths(lines, left, book.quote(bill, person, history).lines)

    now = priced(history_of(past))
    if now is None or any(now[charge.charge_id] != charge.worth for charge in lines):
        return {}
    left = {charge_id: quantity - gone.get(charge_id, ZERO) for charge_id, quantity in left.items()}
    if min(left.values()) < ZERO:
        return {}
    return priced([line for one in past if (line := one.line(worth, gone)) is not None]) or {}


def _worths(
    lines: Sequence[Charge], left: Mapping[UUID, Decimal], quoted: Sequence[QuotedLine]
) -> dict[UUID, Money] | None:
    """What a quote says of each line; None when it speaks of other quantities or lines than there are."""
    said = said_of(quoted)
    found: dict[UUID, Money] = {}
    for charge in lines:
        one = said(charge)
        quantity = left[charge.charge_id]
        if (one.quantity if one else ZERO) != quantity:
            return None
        found[charge.charge_id] = one.amount if one else ZERO
    return found


def _moment(lines: Sequence[Charge]) -> datetime:
    """When the prices and rules of lines were last looked up."""
    return max(charge.repriced_at or charge.posted_at for charge in lines)
