"""A line as it would be charged, before it is, and what it costs anew."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from functions.catalogue.prices.service import PricedItem, QuotedLine
from functions.payments.billing.service.orders import ChargeLine
from shared.money import Money, line_amount


@dataclass(frozen=True, slots=True)
class PackageOrdered:
    """A package of an approved price of its own, as it was ordered."""

    item: PricedItem
    line: str
    quantity: Decimal
    refund_rule: str
    """share or list_price, as it was approved."""


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
    package: PackageOrdered | None = None
    """The package whose own price it has a share of."""

    @property
    def taken_off(self) -> Money:
        """What reductions and caps took off, or what a package's share lacks of its rounded unit price."""
        return line_amount(self.quoted.unit_price, self.quoted.quantity) - self.quoted.amount


@dataclass(frozen=True, slots=True)
class NewPrice:
    """The price that replaces the one a line was posted at."""

    list_price: Decimal
    unit_price: Decimal
    amount: Money
    taken_off: Money
    version_id: UUID
