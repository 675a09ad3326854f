"""What lines cost now: unsettled lines follow the price in force until they are settled (spec 40)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from functions.catalogue.prices import service as prices
from functions.catalogue.prices.service import PricedItem
from functions.payments.billing import rules
from functions.payments.billing.models import Charge
from functions.payments.billing.rules import PricedLine
from shared.money import ZERO, Money, line_amount
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class Priced:
    """Lines at the price in force."""

    lines: tuple[PricedLine, ...]
    changed: Mapping[UUID, PricedItem]
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
    a line that was paid once and is settled anew."""
    current = prices.current_prices(
        tx, sorted({charge.item_code for charge in charges if not charge.refunded_quantity})
    )
    changed = {
        charge.charge_id: item
        for charge in charges
        if not charge.refunded_quantity
        and (item := current.get(charge.item_code)) is not None
        and item.unit_price != charge.unit_price
    }
    return Priced(tuple(_line(charge, changed.get(charge.charge_id)) for charge in charges), changed)


def _line(charge: Charge, item: PricedItem | None) -> PricedLine:
    if item is None:
        return PricedLine(charge.charge_id, charge.remaining_quantity, charge.unit_price, charge.worth)
    return PricedLine(charge.charge_id, charge.quantity, item.unit_price, line_amount(item.unit_price, charge.quantity))
