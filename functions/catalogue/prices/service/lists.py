"""Price lists as batches: taken in row by row, published whole by a second officer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from functions.catalogue.prices import queries as catalogue
from functions.catalogue.prices import rules
from functions.catalogue.prices.marks import Marks
from functions.catalogue.prices.models import ImportBatch, ImportRow
from functions.catalogue.prices.problems import BatchStateWrong, BatchTooLong
from functions.catalogue.prices.queries import lists as queries
from functions.catalogue.prices.queries.lists import LevelPrice
from functions.catalogue.prices.queries.rules import MAPPED_IN, REQUIRED_AT, MappedScheme
from functions.catalogue.prices.rules import KnownItem, Verdict
from functions.catalogue.prices.schemas import AddRows, DiscardBatch, FixRow, ImportList, SetAside
from functions.catalogue.prices.service.items import require_head
from functions.catalogue.prices.sheets import usual_booking
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
    covers = [kind.value for kind in command.covers]
    batch = open_batch(tx, command.title, command.basis_document, command.effective_at, covers=covers)
    return take_rows(tx, batch, numbered(command.rows))


def open_batch(
    tx: Tx,
    title: str,
    basis_document: str,
    effective_at: datetime | None,
    *,
    file_id: UUID | None = None,
    undoes: UUID | None = None,
    covers: Sequence[str] = (),
) -> ImportBatch:
    """A batch without rows yet; `covers`: the kinds of items of which it will be the whole list.

    Raises ConsortiumList, PriceBackDated.
    """
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
        covers=list(covers),
    )
    tx.session.add(batch)
    return batch


def numbered(cells: Sequence[Cells]) -> list[tuple[int, Cells]]:
    """Rows that have no numbers of a sheet."""
    return list(enumerate(cells, 1))


def take_rows(tx: Tx, batch: ImportBatch, cells: Sequence[tuple[int, Cells]]) -> Batch:
    """The first rows of a batch with their numbers, judged."""
    verdicts, _ = judge(tx, batch, cells)
    rows = [_row(batch, *row, verdict) for row, verdict in zip(cells, verdicts, strict=True)]
    keep_rows(tx, rows)
    tx.audit("price_batch.imported", "price_batch", batch.batch_id, rows=len(rows))
    return Batch(batch, rows)


def add_rows(tx: Tx, batch_id: UUID, command: AddRows) -> Batch:
    """Further rows of a list that is longer than one call; all rows are judged again, for repeated codes."""
    batch = locked_batch(tx, batch_id, command.version)
    rows = tx.session.all(queries.BATCH_ROWS, batch_id=batch_id)
    if len(rows) + len(command.rows) > rules.BATCH_ROWS:
        raise BatchTooLong(f"一个批次最多 {rules.BATCH_ROWS} 行，请分批导入。")
    new = list(enumerate(command.rows, rows[-1].row_no + 1 if rows else 1))
    kept = [(row.row_no, row.content) for row in rows if not row.set_aside]
    verdicts, _ = judge(tx, batch, [*kept, *new])
    added = [_row(batch, *row, verdict) for row, verdict in zip(new, verdicts[len(kept) :], strict=True)]
    keep_rows(tx, added)
    touched = touch(tx, batch, "open")
    tx.audit("price_batch.rows_added", "price_batch", batch_id, rows=len(added))
    return Batch(touched, [*rows, *added])


def fix_row(tx: Tx, batch_id: UUID, row_no: int, command: FixRow) -> Batch:
    """Put a row right; the whole list is judged again, because one row's code may be another's duplicate."""
    batch = locked_batch(tx, batch_id, command.version)
    if tx.session.first(queries.REPLACE_ROW, batch=batch_id, number=row_no, new_content=dict(command.row)) is None:
        raise NotFound("该批次没有这一行，请刷新后核对行号。")
    rows = tx.session.all(queries.BATCH_ROWS, batch_id=batch_id)
    _judge_again(tx, batch, rows)
    touched = touch(tx, batch, "open")
    tx.audit("price_batch.row_fixed", "price_batch", batch_id, row=row_no)
    return Batch(touched, tx.session.all(queries.BATCH_ROWS, batch_id=batch_id))


def set_aside(tx: Tx, batch_id: UUID, command: SetAside) -> Batch:
    """Leave rows of a batch out of the publication (剔除)."""
    batch = locked_batch(tx, batch_id, command.version)
    found = tx.session.all(queries.SET_ASIDE, batch=batch_id, numbers=command.row_numbers)
    if missing := sorted(set(command.row_numbers) - set(found)):
        raise NotFound(f"该批次没有第 {missing[0]} 行，请刷新后核对行号。")
    rows = tx.session.all(queries.BATCH_ROWS, batch_id=batch_id)
    _judge_again(tx, batch, rows)
    touched = touch(tx, batch, "open")
    tx.audit("price_batch.rows_set_aside", "price_batch", batch_id, rows=len(found))
    return Batch(touched, tx.session.all(queries.BATCH_ROWS, batch_id=batch_id))


def discard_batch(tx: Tx, batch_id: UUID, command: DiscardBatch) -> Batch:
    """Give a batch up (作废); it stays readable."""
    batch = locked_batch(tx, batch_id, command.version)
    touched = touch(tx, batch, "discarded")
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


def read_batch_line(tx: Tx, batch_id: UUID) -> ImportBatch:
    """A batch without its rows. Raises NotFound."""
    batch = tx.session.first(queries.READ_BATCH, batch_id=batch_id)
    if batch is None:
        raise NotFound("没有这个导入批次，请刷新后重试。")
    return batch


def batches(tx: Tx, before: UUID, limit: int) -> list[ImportBatch]:
    """Batches, latest first."""
    return tx.session.all(queries.BATCHES, before=before, limit=limit)


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


def starts_at(tx: Tx, batch: ImportBatch) -> datetime:
    """When the prices of a batch take effect if it were published now."""
    return max(batch.effective_at or tx.now, tx.now)


def judge(tx: Tx, batch: ImportBatch, rows: Sequence[tuple[int, Cells]]) -> tuple[list[Verdict], dict[str, KnownItem]]:
    """What becomes of each row, against the prices of the moment the batch would take effect."""
    start = starts_at(tx, batch)
    codes = sorted({(cells.get("code") or "").strip() for _, cells in rows})
    units = tx.session.send(catalogue.UNITS)
    needed = tx.session.send(REQUIRED_AT, at=start)
    mapped = tx.session.send(MAPPED_IN, codes=codes, schemes=list(rules.SCHEMES), at=start)
    found = tx.session.all(queries.KNOWN, codes=codes, at=start)
    known = _known(found, mapped.all())
    return rules.judge_rows(rows, frozenset(units.all()), known, usual_booking, needed.all()), known


def _known(rows: Sequence[LevelPrice], mapped: Sequence[MappedScheme]) -> dict[str, KnownItem]:
    schemes: dict[str, dict[str, str]] = {}
    for one in mapped:
        schemes.setdefault(one.item_code, {})[one.scheme] = one.target
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
        found[row.code] = KnownItem(
            name=row.name,
            unit=row.unit,
            kind=row.kind,
            fee_class=row.fee_class,
            status=row.status,
            prices=mine,
            ceilings=limits,
            mappings=schemes.get(row.code, {}),
            own_price=row.own_price,
            marks=Marks(row.market_priced, row.special_need),
        )
    return found


def _judge_again(tx: Tx, batch: ImportBatch, rows: Sequence[ImportRow]) -> None:
    """A row set aside neither blocks the list nor makes another row a duplicate."""
    kept = [row for row in rows if not row.set_aside]
    verdicts, _ = judge(tx, batch, [(row.row_no, row.content) for row in kept])
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


def locked_batch(tx: Tx, batch_id: UUID, version: int) -> ImportBatch:
    """An open batch of the version seen, locked. Raises ConsortiumList, NotFound, Stale, BatchStateWrong."""
    require_head(tx)
    batch = tx.session.first(queries.BATCH, batch_id=batch_id)
    if batch is None:
        raise NotFound("没有这个导入批次，请刷新后重试。")
    tx.check_version(batch.version, version)
    if batch.status != "open":
        raise BatchStateWrong("该批次已发布或已作废，请刷新后核对。", current_status=batch.status)
    return batch


def touch(tx: Tx, batch: ImportBatch, to: str) -> ImportBatch:
    """An open batch in its next state or version. Raises Stale."""
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
