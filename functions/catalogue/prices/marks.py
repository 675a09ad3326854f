"""Marks an item may bear: market-regulated price (市场调节价) and special-need service (特需服务). Pure."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from functions.catalogue.prices.problems import SpecialNeedNotMarket

NAMES = {"market_priced": "市场调节价", "special_need": "特需服务"}
_YES = frozenset({"1", "是", "true", "√"})
_NO = frozenset({"0", "否", "false"})

LIMIT = Decimal(10)
"""Per cent of all medical services a public hospital may offer as special-need ones (国办发〔2015〕38号)."""
MEASURES = {"amount": "收入", "times": "服务项次"}


class Marks(NamedTuple):
    """What a list or a change says of an item; None where it says nothing."""

    market_priced: bool | None = None
    special_need: bool | None = None


UNSAID = Marks()
NEITHER = Marks(market_priced=False, special_need=False)


def read_marks(cells: Mapping[str, str]) -> tuple[Marks, list[str]]:
    """The marks of a row, and what is wrong with them in the words of the list."""
    faults = []
    found: dict[str, bool] = {}
    for name, label in NAMES.items():
        text = cells.get(name, "")
        if text in _YES | _NO:
            found[name] = text in _YES
        elif text:
            faults.append(f"{label}“{text[:20]}”须为“是”或“否”")
    return Marks(**found), faults


def contradiction(said: Marks, market_priced: bool, special_need: bool) -> str | None:
    """Why what a list says can't stand beside what the item is, or None."""
    market = market_priced if said.market_priced is None else said.market_priced
    special = special_need if said.special_need is None else said.special_need
    return "特需服务实行市场调节价，须同时标明“市场调节价”" if special and not market else None


def require_market(market_priced: bool, special_need: bool) -> None:
    """Refuse a special-need service at a government-guided price. Raises SpecialNeedNotMarket."""
    if special_need and not market_priced:
        raise SpecialNeedNotMarket("特需服务实行市场调节价，请同时标明“市场调节价”，或取消“特需服务”标志。")


def share(special: Decimal, services: Decimal) -> Decimal:
    """Special-need services in per cent of all medical services, four decimals; 0 where nothing was billed."""
    if services <= 0 or special <= 0:
        return Decimal("0.0000")
    return (special * 100 / services).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def is_over(special: Decimal, services: Decimal) -> bool:
    """Whether the share is above the limit: just 10 % is not."""
    return services > 0 and special * 100 > LIMIT * services
