"""Price lists put in force: whole, by a second officer, told of in parts, what they name no more stopped."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from events.catalogue import MappingChanged, PackageChanged, PricesBatchPublished
from functions.catalogue.codes import service as codes
from functions.catalogue.prices import queries as catalogue
from functions.catalogue.prices.models import ChargeItem, ImportBatch, ItemMapping
from functions.catalogue.prices.problems import BatchNotClean, StopsUnconfirmed
from functions.catalogue.prices.queries import lists as queries
from functions.catalogue.prices.queries import special, wubi
from functions.catalogue.prices.queries.lists import ListedPrice, MissingItem
from functions.catalogue.prices.queries.rules import PACKAGES_WITH_ANY
from functions.catalogue.prices.rules import KnownItem, ListedItem
from functions.catalogue.prices.schemas import PublishBatch
from functions.catalogue.prices.service.items import new_item
from functions.catalogue.prices.service.lists import Batch, judge, locked_batch, read_batch_line, starts_at, touch
from shared.ids import new_id
from shared.tx import Tx

TOLD_AT_ONCE = 500
"""Items one event tells of: what a subscriber puts right in one transaction."""


def publish_batch(tx: Tx, batch_id: UUID, command: PublishBatch) -> Batch:
    """Publish a whole list in one transaction, by a second officer. Refused while a row is wrong and not set aside.

    Rows are judged once more against the catalogue of this moment. Rows that change nothing publish nothing.
    """
    batch = locked_batch(tx, batch_id, command.version)
    tx.assert_distinct([batch.maker], "价格目录的导入与发布须由不同人员办理。")
    rows = tx.session.all(queries.BATCH_ROWS, batch_id=batch_id)
    kept = [row for row in rows if not row.set_aside]
    locked = tx.session.all(catalogue.LOCK_ITEMS, codes=[(row.content.get("code") or "").strip() for row in kept])
    verdicts, known = judge(tx, batch, [(row.row_no, row.content) for row in kept])
    wrong = [(row.row_no, verdict.faults) for row, verdict in zip(kept, verdicts, strict=True) if verdict.faults]
    if wrong:
        raise BatchNotClean(
            f"还有 {len(wrong)} 行有问题，请修正或剔除后再发布。",
            rows=[{"row_no": number, "faults": faults} for number, faults in wrong[:50]],
        )
    listed = [verdict.item for verdict in verdicts if verdict.item is not None and verdict.change != "same"]
    _give_wubi(tx, [verdict.item for verdict in verdicts if verdict.item is not None and verdict.change != "new"])
    _give_marks(tx, listed, known)
    prices, usable = _publish(tx, batch, listed, {item.code: item for item in locked}, known)
    stopped = _stop_missing(tx, batch, command.stops)
    tell_list(
        tx,
        batch_id,
        [*(item.code for item in listed), *stopped],
        prices,
        starts_at(tx, batch),
        new_codes=usable,
        stopped_codes=frozenset(stopped),
    )
    tx.audit("price_batch.published", "price_batch", batch_id, items=len(listed), prices=prices, stopped=len(stopped))
    return Batch(touch(tx, batch, "published"), rows)


def listed_prices(tx: Tx, batch_id: UUID, codes: Sequence[str] | None = None) -> list[ListedPrice]:
    """What a published list made items cost, and what they cost before; of some items or of all. One round trip."""
    return tx.session.all(queries.LISTED_PRICES, batch_id=batch_id, all_codes=codes is None, codes=list(codes or ()))


def tell_list(
    tx: Tx,
    batch_id: UUID,
    codes: Sequence[str],
    prices: int,
    effective_at: datetime,
    *,
    new_codes: frozenset[str] = frozenset(),
    stopped_codes: frozenset[str] = frozenset(),
    rolled_back: bool = False,
) -> None:
    """Tell of a whole list, some hundred items an event; of one that changes nothing too."""
    parts = max(-(-len(codes) // TOLD_AT_ONCE), 1)
    for part in range(parts):
        some = list(codes[part * TOLD_AT_ONCE : (part + 1) * TOLD_AT_ONCE])
        tx.emit(
            PricesBatchPublished(
                batch_id=batch_id,
                items=len(codes),
                prices=prices,
                effective_at=effective_at,
                part=part + 1,
                parts=parts,
                item_codes=some,
                new_codes=[code for code in some if code in new_codes],
                stopped_codes=[code for code in some if code in stopped_codes],
                rolled_back=rolled_back,
            )
        )


def missing_items(tx: Tx, batch_id: UUID, after: str, limit: int) -> list[MissingItem]:
    """Items a whole list does not name any more, in order of code: its publication stops them."""
    batch = read_batch_line(tx, batch_id)
    return tx.session.all(queries.MISSING, batch_id=batch_id, kinds=batch.covers or [], after=after, limit=limit)


def _stop_missing(tx: Tx, batch: ImportBatch, seen: int | None) -> list[str]:
    """Stop what a whole list does not name, if the officer has seen how many. Raises StopsUnconfirmed."""
    if not batch.covers:
        return []
    start = starts_at(tx, batch)
    stopped = sorted(tx.session.all(queries.STOP_MISSING, batch_id=batch.batch_id, kinds=batch.covers, start=start))
    if stopped and seen != len(stopped):
        raise StopsUnconfirmed(
            f"该目录未列出的 {len(stopped)} 个在用项目将在生效时停用，请核对名单后确认数量再发布。",
            stops=len(stopped),
            first=stopped[:50],
        )
    for package in tx.session.all(PACKAGES_WITH_ANY, codes=stopped, at=tx.now) if stopped else ():
        tx.emit(PackageChanged(package_code=package, package_version_id=None, effective_at=start, usable=False))
    return stopped


def _publish(
    tx: Tx,
    batch: ImportBatch,
    listed: Sequence[ListedItem],
    there: Mapping[str, ChargeItem],
    known: Mapping[str, KnownItem],
) -> tuple[int, frozenset[str]]:
    """How many prices were made, and the items that may be used from now on.

    Prices travel as plain values in one document: built as rows, a provincial list would cost three times as much.
    """
    import orjson

    start = starts_at(tx, batch)
    new = [new_item(tx, entry, batch.basis_document, status="published") for entry in listed if entry.code not in there]
    items = {item.code: item.item_id for item in (*there.values(), *new)}
    made: list[dict[str, object]] = []
    for entry in listed:
        before = known.get(entry.code)
        made += [
            {
                "version_id": new_id(),
                "item_id": items[entry.code],
                "level": level,
                "unit_price": amount,
                "ceiling": before.ceilings.get(level) if before is not None else None,
            }
            for level, amount in entry.prices.items()
            if before is None or before.prices.get(level) != amount
        ]
    drafts = [there[entry.code].item_id for entry in listed if entry.code in there]
    published = tx.session.all(queries.PUBLISH_ITEMS, ids=drafts)
    tx.session.add_many(new)
    _map(tx, batch, listed, known, start)
    document = orjson.dumps(made, default=str).decode()
    tx.session.execute(queries.END_PRICES, listed=document, until=start)
    tx.session.execute(
        queries.LIST_PRICES,
        listed=document,
        start=start,
        batch=batch.batch_id,
        basis=batch.basis_document,
        maker=batch.maker,
        made_at=batch.made_at,
        checker=tx.actor.subject,
        checked_at=tx.now,
    )
    return len(made), frozenset([*published, *(item.code for item in new)])


def _give_wubi(tx: Tx, there: Sequence[ListedItem]) -> None:
    """A list that brings wubi of its own brings it for items there are too: it changes how they are found, no more."""
    given = {item.code: own for item in there if (own := codes.own_wubi(item.wubi)) is not None}
    if given:
        tx.session.execute(wubi.GIVE_ITEMS, keys=list(given), wubi=list(given.values()))


def _give_marks(tx: Tx, listed: Sequence[ListedItem], known: Mapping[str, KnownItem]) -> None:
    """A list that says of an item there is that it is market-priced or a special-need service marks it so."""
    given = {
        item.code: [now if said is None else said for said, now in zip(item.marks, known[item.code].marks, strict=True)]
        for item in listed
        if item.code in known and any(said is not None for said in item.marks)
    }
    if given:
        marks = list(given.values())
        tx.session.execute(
            special.GIVE_MARKS, codes=list(given), market=[one[0] for one in marks], special=[one[1] for one in marks]
        )
        tx.audit("charge_items.marked", "campus", tx.campus, items=len(given))


def _map(
    tx: Tx, batch: ImportBatch, listed: Sequence[ListedItem], known: Mapping[str, KnownItem], start: datetime
) -> None:
    """Put the mappings a list names in force with it, where an item has none."""
    wanted = [
        (entry.code, scheme, target)
        for entry in listed
        for scheme, target in entry.mappings.items()
        if entry.code not in known or scheme not in known[entry.code].mappings
    ]
    ids = sorted(new_id() for _ in wanted)
    tx.session.add_many(
        [
            ItemMapping(
                mapping_id=mapping_id,
                item_code=code,
                scheme=scheme,
                target=target,
                target_name=name,
                valid_from=start,
                maker=batch.maker,
                made_at=batch.made_at,
                status="checked",
                checker=tx.actor.subject,
                checked_at=tx.now,
            )
            for mapping_id, (code, scheme, (target, name)) in zip(ids, wanted, strict=True)
        ]
    )
    for code, scheme, (target, _) in wanted:
        tx.emit(MappingChanged(item_code=code, scheme=scheme, target=target, effective_at=start))
