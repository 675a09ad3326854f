"""Price lists as batches: taken in row by row, published whole by a second officer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from events.catalogue import PricesBatchPublished
from events.envelope import Event
from functions.catalogue.prices import queries as catalogue
from functions.catalogue.prices import rules
from functions.catalogue.prices.models import ChargeItem, ImportBatch, ImportRow, PriceVersion
from functions.catalogue.prices.problems import BatchNotClean, BatchStateWrong, BatchTooLong
from functions.catalogue.prices.queries import lists as queries
from functions.catalogue.prices.queries.lists import LevelPrice
from functions.catalogue.prices.rules import KnownItem, ListedItem, Verdict
from functions.catalogue.prices.schemas import AddRows, DiscardBatch, FixRow, ImportList, PublishBatch, SetAside
from functions.catalogue.prices.service.items import item_published, new_item, require_head
from functions.catalogue.prices.service.pricing import price_published
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.tx import Tx

Cells = Mapping[str, str | None]


class Batch(NamedTuple):
    """A batch with all its rows."""

    batch: ImportBatch
    rows: list[ImportRow]


def import_list(tx: Tx, command: ImportList) -> Batch:
    """Take in a price list: each row is read and its faults are kept with it. Nothing is in force yet."""
    batch = open_batch(tx, command.title, command.basis_document, command.effective_at)
    return take_rows(tx, batch, command.rows)


def open_batch(
    tx: Tx,
    title: str,
    basis_document: str,
    effective_at: datetime | None,
    *,
    file_id: UUID | None = None,
    undoes: UUID | None = None,
) -> ImportBatch:
    """A batch without rows yet. Raises ConsortiumList, PriceBackDated."""
    require_head(tx)
    if effective_at is not None:
        rules.require_future(effective_at, tx.now)
    batch = ImportBatch(
        batch_id=new_id(),
        title=title,
        basis_document=basis_document,
        effective_at=effective_at,
        maker=tx.actor.subject,
        made_at=tx.now,
        file_id=file_id,
        undoes=undoes,
    )
    tx.session.add(batch)
    return batch


def take_rows(tx: Tx, batch: ImportBatch, cells: Sequence[Cells]) -> Batch:
    """The first rows of a batch, judged."""
    numbered = list(enumerate(cells, 1))
    verdicts, _ = _judge(tx, batch, numbered)
    rows = [_row(batch, *row, verdict) for row, verdict in zip(numbered, verdicts, strict=True)]
    keep_rows(tx, rows)
    tx.audit("price_batch.imported", "price_batch", batch.batch_id, rows=len(rows))
    return Batch(batch, rows)


def add_rows(tx: Tx, batch_id: UUID, command: AddRows) -> Batch:
    """Further rows of a list that is longer than one call; all rows are judged again, for repeated codes."""
    batch = _open_batch(tx, batch_id, command.version)
    rows = tx.session.all(queries.BATCH_ROWS, batch_id=batch_id)
    if len(rows) + len(command.rows) > rules.BATCH_ROWS:
        raise BatchTooLong(f"一个批次最多 {rules.BATCH_ROWS} 行，请分批导入。")
    new = list(enumerate(command.rows, len(rows) + 1))
    kept = [(row.row_no, row.content) for row in rows if not row.set_aside]
    verdicts, _ = _judge(tx, batch, [*kept, *new])
    added = [_row(batch, *row, verdict) for row, verdict in zip(new, verdicts[len(kept) :], strict=True)]
    keep_rows(tx, added)
    touched = _touch(tx, batch, "open")
    tx.audit("price_batch.rows_added", "price_batch", batch_id, rows=len(added))
    return Batch(touched, [*rows, *added])


def fix_row(tx: Tx, batch_id: UUID, row_no: int, command: FixRow) -> Batch:
    """Put a row right; the whole list is judged again, because one row's code may be another's duplicate."""
    batch = _open_batch(tx, batch_id, command.version)
    if tx.session.first(queries.REPLACE_ROW, batch=batch_id, number=row_no, new_content=dict(command.row)) is None:
        raise NotFound("该批次没有这一行，请刷新后核对行号。")
    rows = tx.session.all(queries.BATCH_ROWS, batch_id=batch_id)
    _judge_again(tx, batch, rows)
    touched = _touch(tx, batch, "open")
    tx.audit("price_batch.row_fixed", "price_batch", batch_id, row=row_no)
    return Batch(touched, tx.session.all(queries.BATCH_ROWS, batch_id=batch_id))


def set_aside(tx: Tx, batch_id: UUID, command: SetAside) -> Batch:
    """Leave rows of a batch out of the publication (剔除)."""
    batch = _open_batch(tx, batch_id, command.version)
    found = tx.session.all(queries.SET_ASIDE, batch=batch_id, numbers=command.row_numbers)
    if missing := sorted(set(command.row_numbers) - set(found)):
        raise NotFound(f"该批次没有第 {missing[0]} 行，请刷新后核对行号。")
    rows = tx.session.all(queries.BATCH_ROWS, batch_id=batch_id)
    _judge_again(tx, batch, rows)
    touched = _touch(tx, batch, "open")
    tx.audit("price_batch.rows_set_aside", "price_batch", batch_id, rows=len(found))
    return Batch(touched, tx.session.all(queries.BATCH_ROWS, batch_id=batch_id))


def discard_batch(tx: Tx, batch_id: UUID, command: DiscardBatch) -> Batch:
    """Give a batch up (作废); it stays readable."""
    batch = _open_batch(tx, batch_id, command.version)
    touched = _touch(tx, batch, "discarded")
    tx.audit("price_batch.discarded", "price_batch", batch_id, reason=command.reason)
    return Batch(touched, tx.session.all(queries.BATCH_ROWS, batch_id=batch_id))


def read_batch(tx: Tx, batch_id: UUID) -> Batch:
    """A batch and its rows."""
    batch = tx.session.send(queries.READ_BATCH, batch_id=batch_id)
    rows = tx.session.all(queries.BATCH_ROWS, batch_id=batch_id)
    found = batch.first()
    if found is None:
        raise NotFound("没有这个导入批次，请刷新后重试。")
    return Batch(found, rows)


def batches(tx: Tx, before: UUID, limit: int) -> list[ImportBatch]:
    """Batches, latest first."""
    return tx.session.all(queries.BATCHES, before=before, limit=limit)


def publish_batch(tx: Tx, batch_id: UUID, command: PublishBatch) -> Batch:
    """Publish a whole list in one transaction, by a second officer. Refused while a row is wrong and not set aside.

    Rows are judged once more against the catalogue of this moment. Rows that change nothing publish nothing.
    """
    batch = _open_batch(tx, batch_id, command.version)
    tx.assert_distinct([batch.maker], "价格目录的导入与发布须由不同人员办理。")
    rows = tx.session.all(queries.BATCH_ROWS, batch_id=batch_id)
    kept = [row for row in rows if not row.set_aside]
    locked = tx.session.all(catalogue.LOCK_ITEMS, codes=[(row.content.get("code") or "").strip() for row in kept])
    verdicts, known = _judge(tx, batch, [(row.row_no, row.content) for row in kept])
    wrong = [(row.row_no, verdict.faults) for row, verdict in zip(kept, verdicts, strict=True) if verdict.faults]
    if wrong:
        raise BatchNotClean(
            f"还有 {len(wrong)} 行有问题，请修正或剔除后再发布。",
            rows=[{"row_no": number, "faults": faults} for number, faults in wrong[:50]],
        )
    listed = [verdict.item for verdict in verdicts if verdict.item is not None and verdict.change != "same"]
    prices = _publish(tx, batch, listed, {item.code: item for item in locked}, known)
    tx.emit(PricesBatchPublished(batch_id=batch_id, items=len(listed), prices=prices, effective_at=_start(tx, batch)))
    tx.audit("price_batch.published", "price_batch", batch_id, items=len(listed), prices=prices)
    return Batch(_touch(tx, batch, "published"), rows)


def keep_rows(tx: Tx, rows: Sequence[ImportRow]) -> None:
    """Write rows in one statement."""
    import orjson

    if rows:
        tx.session.execute(
            queries.STAGE_ROWS,
            batch=rows[0].batch_id,
            row_id=[row.row_id for row in rows],
            row_no=[row.row_no for row in rows],
            content=[orjson.dumps(row.content).decode() for row in rows],
            change=[row.change for row in rows],
            faults=[queries.SEPARATOR.join(row.faults) for row in rows],
        )


# -- inside


def _start(tx: Tx, batch: ImportBatch) -> datetime:
    """When the prices of a batch take effect if it were published now."""
    return max(batch.effective_at or tx.now, tx.now)


def _publish(
    tx: Tx,
    batch: ImportBatch,
    listed: Sequence[ListedItem],
    there: Mapping[str, ChargeItem],
    known: Mapping[str, KnownItem],
) -> int:
    start = _start(tx, batch)
    made: list[tuple[str, PriceVersion]] = []
    new: list[ChargeItem] = []
    told: list[Event] = []
    for entry in listed:
        item = there.get(entry.code)
        if item is None:
            item = new_item(tx, entry, batch.basis_document, status="published")
            new.append(item)
            told.append(item_published(item))
        elif item.status == "draft":
            told.append(item_published(tx.session.one(catalogue.PUBLISH_ITEM, id_=item.item_id)))
        before = known.get(entry.code)
        made += [
            (item.code, _price(tx, batch, item.item_id, level, amount, before))
            for level, amount in entry.prices.items()
            if before is None or before.prices.get(level) != amount
        ]
    ended = tx.session.all(
        queries.END_PRICES,
        item_ids=[price.item_id for _, price in made],
        levels=[price.level for _, price in made],
        version_ids=[price.version_id for _, price in made],
        until=start,
    )
    old = {one.successor: one.unit_price for one in ended}
    tx.session.add_many(new)
    tx.session.add_many([price for _, price in made])
    for event in (*told, *(price_published(price, code, old.get(price.version_id), start) for code, price in made)):
        tx.emit(event)
    return len(made)


def _price(
    tx: Tx, batch: ImportBatch, item_id: UUID, level: str, amount: Decimal, known: KnownItem | None
) -> PriceVersion:
    return PriceVersion(
        version_id=new_id(),
        item_id=item_id,
        level=level,
        valid_from=_start(tx, batch),
        unit_price=amount,
        ceiling=known.ceilings.get(level) if known is not None else None,
        basis_document=batch.basis_document,
        status="checked",
        maker=batch.maker,
        checker=tx.actor.subject,
        batch_id=batch.batch_id,
        made_at=batch.made_at,
        checked_at=tx.now,
    )


def _judge(tx: Tx, batch: ImportBatch, rows: Sequence[tuple[int, Cells]]) -> tuple[list[Verdict], dict[str, KnownItem]]:
    """What becomes of each row, against the prices of the moment the batch would take effect."""
    units = tx.session.send(catalogue.UNITS)
    codes = sorted({(cells.get("code") or "").strip() for _, cells in rows})
    known = _known(tx.session.all(queries.KNOWN, codes=codes, at=_start(tx, batch)))
    return rules.judge_rows(rows, frozenset(units.all()), known), known


def _known(rows: Sequence[LevelPrice]) -> dict[str, KnownItem]:
    found: dict[str, KnownItem] = {}
    prices: dict[str, dict[str, Decimal]] = {}
    ceilings: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        mine = prices.setdefault(row.code, {})
        limits = ceilings.setdefault(row.code, {})
        if row.level is not None and row.unit_price is not None:
            mine[row.level] = row.unit_price
        if row.level is not None and row.ceiling is not None:
            limits[row.level] = row.ceiling
        found[row.code] = KnownItem(row.name, row.unit, row.kind, row.fee_class, row.status, mine, limits)
    return found


def _judge_again(tx: Tx, batch: ImportBatch, rows: Sequence[ImportRow]) -> None:
    """A row set aside neither blocks the list nor makes another row a duplicate."""
    kept = [row for row in rows if not row.set_aside]
    verdicts, _ = _judge(tx, batch, [(row.row_no, row.content) for row in kept])
    for row, verdict in zip(kept, verdicts, strict=True):
        if (row.change, row.faults) != (verdict.change, verdict.faults):
            tx.session.execute(
                queries.JUDGE_ROW,
                batch=batch.batch_id,
                number=row.row_no,
                new_change=verdict.change,
                new_faults=verdict.faults,
            )


def _row(batch: ImportBatch, number: int, cells: Cells, verdict: Verdict) -> ImportRow:
    return ImportRow(
        row_id=new_id(),
        batch_id=batch.batch_id,
        row_no=number,
        content=dict(cells),
        change=verdict.change,
        faults=verdict.faults,
    )


def _open_batch(tx: Tx, batch_id: UUID, version: int) -> ImportBatch:
    require_head(tx)
    batch = tx.session.first(queries.BATCH, batch_id=batch_id)
    if batch is None:
        raise NotFound("没有这个导入批次，请刷新后重试。")
    tx.check_version(batch.version, version)
    if batch.status != "open":
        raise BatchStateWrong("该批次已发布或已作废，请刷新后核对。", current_status=batch.status)
    return batch


def _touch(tx: Tx, batch: ImportBatch, to: str) -> ImportBatch:
    publishing = to == "published"
    touched = tx.session.first(
        queries.TOUCH_BATCH,
        id_=batch.batch_id,
        seen=batch.version,
        to=to,
        who=tx.actor.subject if publishing else None,
        at=tx.now if publishing else None,
    )
    if touched is None:
        raise Stale("该批次刚被他人修改，请刷新后再操作。")
    return touched
