"""Mappings an item needs before it is published: every published item has its receipt class, its insurance class, its
group of the record's front page and its account (spec 40, "Category schemes").

The first two are the fee class every item carries itself. The others are required from the day the price office says,
when the items already in use have been mapped; from then on nothing is published or resumed without them.
"""

from collections.abc import Sequence
from datetime import datetime

from functions.catalogue.prices.models import ChargeItem
from functions.catalogue.prices.problems import ItemMappingsMissing
from functions.catalogue.prices.queries import rules as queries
from functions.catalogue.prices.rules import lacking, schemes_named
from shared.tx import Tx


def required_at(tx: Tx, at: datetime) -> list[str]:
    """Schemes without which nothing is published at a moment."""
    return tx.session.all(queries.REQUIRED_AT, at=at)


def mapped_in(tx: Tx, codes: Sequence[str], schemes: Sequence[str], at: datetime) -> dict[str, dict[str, str]]:
    """What items are in schemes at a moment: item -> scheme -> code. One round trip."""
    found: dict[str, dict[str, str]] = {}
    for one in tx.session.all(queries.MAPPED_IN, codes=list(codes), schemes=list(schemes), at=at):
        found.setdefault(one.item_code, {})[one.scheme] = one.target
    return found


def require_mapped(tx: Tx, item: ChargeItem, at: datetime) -> None:
    """Refuse to publish an item that lacks a mapping at the moment it can be used. Raises ItemMappingsMissing."""
    required = required_at(tx, at)
    if not required:
        return
    missing = lacking(required, mapped_in(tx, [item.code], required, at).get(item.code, {}))
    if missing:
        raise ItemMappingsMissing(
            f"“{item.name}”缺少{schemes_named(missing)}对照，不能发布；请完成对照并复核后再办理。",
            item_code=item.code,
            missing=missing,
        )
