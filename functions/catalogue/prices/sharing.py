"""Members of a package, and a price shared out over the parts it pays for, to the cent. Pure."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import NamedTuple

from functions.catalogue.prices.queries import PricedItem
from shared.money import CENT, ZERO, Money, line_amount

FOUR_PLACES = Decimal("0.0001")


class Expanded(NamedTuple):
    """A member as it would be charged. `share`: its part of the package's own price, of a package that has one."""

    item: PricedItem
    quantity: Decimal
    share: Money | None = None
    refund_rule: str = "share"
    """What the package costs when a part of it goes back: share or list_price, as in PackageVersion."""

    @property
    def amount(self) -> Money:
        return self.share if self.share is not None else line_amount(self.item.unit_price, self.quantity)


def share_out(total: Money, weights: Sequence[Decimal]) -> list[Money]:
    """Shares of a total in proportion to weights that are not negative, whole cents, adding up to the total.

    Every share is rounded down; the cents left over go to the largest remainders, of equal ones to the earlier
    (最大余数法). Without any weight all parts weigh the same. Raises ValueError for a total of parts there are none of.
    """
    if not weights:
        raise ValueError("nothing to share a price out over")
    whole = sum(weights, Decimal(0))
    parts = list(weights) if whole else [Decimal(1)] * len(weights)
    whole = whole or Decimal(len(weights))
    exact = [total * part / whole for part in parts]
    shares = [one.quantize(CENT, ROUND_FLOOR) for one in exact]
    left = int((total - sum(shares, ZERO)) / CENT)
    largest = sorted(range(len(parts)), key=lambda place: (shares[place] - exact[place], place))
    for place in largest[:left]:
        shares[place] += CENT
    return shares


def unit_price_of(share: Money, quantity: Decimal) -> tuple[Decimal, Money]:
    """A share as a unit price with four decimals, and what has to come off its line for the exact share.

    The nearest price, where that falls short the next; below a quantity of 100 nothing comes off.
    """
    exact = share / quantity
    price = exact.quantize(FOUR_PLACES, ROUND_HALF_UP)
    if line_amount(price, quantity) < share:
        price = exact.quantize(FOUR_PLACES, ROUND_CEILING)
    return price, line_amount(price, quantity) - share
