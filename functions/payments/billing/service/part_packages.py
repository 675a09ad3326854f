"""Packages of which a part goes back and which are refunded at list prices (按单价退费).

What stays of such a package costs its price of the list as it was when the package was charged, together never more
than the package. It follows from what stays alone: however many refunds lead there, they come to the same.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from functions.catalogue.prices import service as prices
from functions.payments.billing.models import Charge
from functions.payments.billing.service.unpacking import package_parts
from shared.money import ZERO, Money, line_amount
from shared.tx import Tx

LIST_PRICE = "list_price"


def at_list_prices(charge: Charge) -> bool:
    """Whether a line is a share of a package that is refunded at list prices."""
    return charge.package_refund_rule == LIST_PRICE


def repriced_packages(
    tx: Tx, settlement_id: UUID, charges: Sequence[Charge], gone: Mapping[UUID, Decimal]
) -> list[dict[UUID, tuple[Charge, Money]]]:
    """The packages some lines are shares of, each with what its lines are worth when some quantities are gone.

    A package that was not settled whole in this settlement, or whose worth something else changed, is left out: its
    lines go back by their shares.
    """
    found = []
    for parts in package_parts(tx, [one for one in charges if at_list_prices(one)]):
        left = [one.remaining_quantity - gone.get(one.charge_id, ZERO) for one in parts]
        now = worths(parts, [one.remaining_quantity for one in parts])
        whole = all(one.settlement_id == settlement_id for one in parts)
        if whole and now == [one.worth for one in parts] and min(left) >= ZERO:
            found.append({one.charge_id: (one, worth) for one, worth in zip(parts, worths(parts, left), strict=True)})
    return found


def worths(parts: Sequence[Charge], left: Sequence[Decimal]) -> list[Money]:
    """What each line of a package is worth while so much of it stays: its share while nothing is gone, else its price
    of the list; where those add up to more than the package, parts of the package's price in proportion to them."""
    if all(one.quantity == stays for one, stays in zip(parts, left, strict=True)):
        return [one.amount for one in parts]
    single = [line_amount(one.list_price, stays) for one, stays in zip(parts, left, strict=True)]
    price = sum((one.amount for one in parts), ZERO)
    return single if sum(single, ZERO) <= price else prices.share_out(price, single)
