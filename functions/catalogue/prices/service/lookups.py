"""What an item costs: the look-ups every charging module calls in its own transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from functions.catalogue.prices import queries, rules
from functions.catalogue.prices.problems import ItemStopped, ItemUnknown, NoPrice
from functions.catalogue.prices.queries import ComingPrice, PricedItem, PublicPrice, aliases
from shared.database.query import Query
from shared.database.session import Pending
from shared.problems import Problem
from shared.tx import Tx

Listed = TypeVar("Listed", bound=PricedItem | PublicPrice)

PAGE = 5000
EVERYBODY = "all"
"""Payer class (费别) of the price that holds for all who have none of their own."""


def current_prices(
    tx: Tx, codes: Sequence[str], at: datetime | None = None, payer_class: str = EVERYBODY
) -> dict[str, PricedItem]:
    """Items with the price in force here at a moment; those stopped or without a price are left out. One round trip."""
    found = _ask(tx, codes, at, payer_class)
    return {item.code: item for item in found if not item.stopped and item.version_id is not None}


def prices_at(
    tx: Tx, codes: Sequence[str], at: datetime | None = None, payer_class: str = EVERYBODY
) -> dict[str, PricedItem]:
    """Items with the price in force here at a moment (default now), all of them. One round trip.

    The price is the one of the acting campus's level at that moment; the campus's own price goes before it, and the
    price of the payer class before the one for everybody. Raises ItemUnknown, ItemStopped or NoPrice, naming the item.
    """
    found = {item.code: item for item in _ask(tx, codes, at, payer_class)}
    refuse_unpriced(found, codes)
    return found


def refuse_unpriced(found: Mapping[str, PricedItem], codes: Sequence[str]) -> None:
    """Raises ItemUnknown, ItemStopped or NoPrice for the first code that can't be charged; `refused` names them all."""
    problems = [problem for code in dict.fromkeys(codes) if (problem := _unpriced(code, found.get(code))) is not None]
    if problems:
        problems[0].extra["refused"] = [
            {"item_code": problem.extra["item_code"], "code": problem.code, "message": problem.detail}
            for problem in problems
        ]
        raise problems[0]


def _unpriced(code: str, item: PricedItem | None) -> Problem | None:
    if item is None:
        return ItemUnknown(f"没有代码为“{code}”的收费项目，请核对后重新选择。", item_code=code)
    if item.stopped:
        return ItemStopped(f"项目“{item.name}”已停用，请改用其他项目或联系物价科。", item_code=code)
    if item.version_id is None:
        return NoPrice(f"项目“{item.name}”在本院区没有执行价格，请联系物价科。", item_code=code)
    return None


def price_at(tx: Tx, code: str, at: datetime | None = None, payer_class: str = EVERYBODY) -> PricedItem:
    """One item with the price in force here at a moment (default now)."""
    return prices_at(tx, [code], at, payer_class)[code]


def check_quantity(item: PricedItem, quantity: Decimal, already_today: Decimal = Decimal(0)) -> None:
    """Refuse a quantity the item does not allow on one line, or for one patient in one day. Raises QuantityNotAllowed.

    `already_today`: what the patient was charged of it today, which the charging module knows.
    """
    rules.check_quantity(
        item.name,
        item.unit,
        quantity,
        already_today,
        most=item.max_quantity,
        most_per_day=item.max_per_day,
        step=item.quantity_step,
    )


def search(tx: Tx, text: str, limit: int) -> list[PricedItem]:
    """Items that can be charged here whose code, first letters of pinyin or wubi, name or other name (别名) begins with
    the text; those of the official name first. One round trip."""
    return _found(tx, queries.SEARCH, aliases.CALLED, text, limit)


def _typed(text: str) -> tuple[tuple[str, ...], str]:
    """What a typed text may begin: initials, a code or a name."""
    if text.isascii() and text.isalpha():
        return ("initials", "wubi"), text.lower()
    return ("code" if text.isascii() else "name",), text


def public_search(tx: Tx, text: str, limit: int) -> list[PublicPrice]:
    """As `search`, with what patients are shown."""
    return _found(tx, queries.PUBLIC_SEARCH, aliases.PUBLIC_CALLED, text, limit)


def _found(
    tx: Tx, named: Mapping[str, Query[Listed]], called: Mapping[str, Query[Listed]], text: str, limit: int
) -> list[Listed]:
    kinds, low = _typed(text)
    asked = {
        "low": low,
        "high": low + "\U0010ffff",
        "campus": tx.campus,
        "at": tx.now,
        "payer": EVERYBODY,
        "limit": limit,
    }
    queries_of = [texts[kind] for texts in (named, called) for kind in kinds]
    sent: list[Pending[Listed]] = [tx.session.send(query, **asked) for query in queries_of]
    found: dict[str, Listed] = {}
    for one in sent:
        for item in one.all():
            found.setdefault(item.code, item)
    return list(found.values())[:limit]


def coming_prices(tx: Tx, days: int, since: datetime | None, after: str, limit: int) -> list[ComingPrice]:
    """Prices of this campus that take effect within some days, in order of time: the calendar of scheduled changes,
    and where market-regulated prices are announced before they hold."""
    return tx.session.all(
        queries.COMING,
        campus=tx.campus,
        at=tx.now,
        until=tx.now + timedelta(days=days),
        since=since or tx.now,
        after=after,
        limit=limit,
    )


def public_list(tx: Tx, after: str, limit: int) -> list[PublicPrice]:
    """The effective prices of this campus in order of code (价格公示): generated, never typed."""
    return tx.session.all(queries.PUBLIC_LIST, after=after, campus=tx.campus, at=tx.now, payer=EVERYBODY, limit=limit)


def whole_public_list(tx: Tx) -> list[PublicPrice]:
    """Every effective price of this campus, for the printed list (价格公示表)."""
    found: list[PublicPrice] = []
    while page := public_list(tx, found[-1].code if found else "", PAGE):
        found += page
    return found


def _ask(tx: Tx, codes: Sequence[str], at: datetime | None, payer_class: str) -> list[PricedItem]:
    return tx.session.all(queries.PRICES_AT, codes=list(codes), campus=tx.campus, at=at or tx.now, payer=payer_class)
