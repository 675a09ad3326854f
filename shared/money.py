"""Money and quantities: Decimal in, Decimal out, never float.

Line amount = round half up(unit price with 4 places x quantity with 4 places, 2 places)
(spec 01 "Amounts"; spec 40: the total of a bill is the sum of its rounded lines).
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from pydantic import Field

Money = Decimal
ZERO = Decimal("0.00")
CENT = Decimal("0.01")

_JSON_MONEY = {"examples": ["12.50"]}

MoneyAmount = Annotated[
    Decimal,
    Field(ge=0, max_digits=14, decimal_places=2, description="金额（元），两位小数", json_schema_extra=_JSON_MONEY),
]
"""An amount of yuan in a request: not negative, at most two decimals."""

PositiveMoney = Annotated[
    Decimal,
    Field(gt=0, max_digits=14, decimal_places=2, description="金额（元），大于零", json_schema_extra=_JSON_MONEY),
]
"""An amount of yuan that must be more than nothing: a payment, a refund."""

UnitPrice = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4, description="单价（元），四位小数")]
"""A unit price in yuan with at most four decimals (NUMERIC(14,4))."""

Quantity = Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=4, description="数量，大于零")]
"""A charged quantity: more than nothing, at most four decimals."""


def round_money(value: Decimal) -> Money:
    """Round to whole cents, half up, as a receipt does."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def line_amount(unit_price: Decimal, quantity: Decimal) -> Money:
    """The amount of one charge line, rounded once."""
    return round_money(unit_price * quantity)
