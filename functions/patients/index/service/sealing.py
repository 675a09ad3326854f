"""Sealing what is in clear (升级后的首次加密) and what an older key sealed (密钥轮换), while people work on.

How it goes on is shared.sealing's; here is what a batch of each table is.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple
from uuid import UUID

from functions.patients.index.queries import sealing as queries
from functions.patients.index.service.numbers import (
    CORRECTIONS,
    KEYS,
    RELATIONS,
    about_row,
    mark,
    number_of,
    number_of_relation,
    number_of_row,
    opened_correction,
    written,
)
from shared.column_cipher import Cipher
from shared.database.query import Query
from shared.resident_id import normalise_id_number
from shared.sealing import opened, work_off
from shared.steps import Steps
from shared.tx import Tx

log = logging.getLogger("his.patients")

BATCH = 1000
"""Rows of one transaction: a window waits for them no longer than a moment."""
BATCHES_A_MINUTE = 30


class Place(NamedTuple):
    """How far the work is in one table: the row it goes on after."""

    after: UUID = UUID(int=0)
    row: int = 0


def each_round(tx: Tx) -> Callable[[Steps], None] | None:
    """A minute has passed: go on while there is something to seal."""
    left = KEYS.due(tx, lambda seals: tx.session.one(queries.LEFT, older=list(seals.older), campus=tx.campus))
    return go_on if left else None


def go_on(steps: Steps) -> None:
    """Batch after batch, table after table, as many as a minute may take."""
    work_off(steps, KEYS, (_identifiers, _relations, _corrections, _legacy_rows), Place(), BATCHES_A_MINUTE)


def _identifiers(tx: Tx, seals: Cipher, place: Place) -> Place | None:
    rows = tx.session.all(queries.IDENTIFIERS, older=list(seals.older), after=place.after, limit=BATCH)
    fresh = {
        row.identifier_id: written(seals, row.type, number, row.identifier_id)
        for row in rows
        if (number := opened(partial(number_of, row), log, "identifier", row.identifier_id)) is not None
    }
    done = tx.session.all(
        queries.SEAL_IDENTIFIERS,
        ids=list(fresh),
        values=[one.value for one in fresh.values()],
        sealeds=[one.sealed for one in fresh.values()],
        tails=[one.tail for one in fresh.values()],
        key_id=seals.newest,
    )
    for twice in fresh.keys() - set(done):
        log.error("a number stands twice", extra={"fields": {"identifier_id": str(twice)}})
    _trace(tx, seals, "identifiers", len(done))
    return Place(rows[-1].identifier_id) if rows else None


def _relations(tx: Tx, seals: Cipher, place: Place) -> Place | None:
    rows = tx.session.all(queries.RELATIONS, older=list(seals.older), after=place.after, limit=BATCH)
    numbers = {row.relation_id: partial(number_of_relation, row) for row in rows}
    return _documents(tx, seals, "relation", RELATIONS, queries.SEAL_RELATIONS, numbers)


def _corrections(tx: Tx, seals: Cipher, place: Place) -> Place | None:
    rows = tx.session.all(queries.CORRECTIONS, older=list(seals.older), after=place.after, limit=BATCH)
    numbers = {row.correction_id: partial(opened_correction, row) for row in rows}
    return _documents(tx, seals, "correction", CORRECTIONS, queries.SEAL_CORRECTIONS, numbers)


def _documents(
    tx: Tx,
    seals: Cipher,
    kind: str,
    column: str,
    seal: Query[object],
    numbers: Mapping[UUID, Callable[[], str | None]],
) -> Place | None:
    """Seal the numbers that open, by the row they stand in; the rows come in their order."""
    found = {row_id: opened(read, log, kind, row_id) for row_id, read in numbers.items()}
    whole = {row_id: number for row_id, number in found.items() if number is not None}
    tx.session.execute(
        seal,
        ids=list(whole),
        sealeds=[seals.seal(number, f"{column}:{row_id}") for row_id, number in whole.items()],
        key_id=seals.newest,
    )
    _trace(tx, seals, f"{kind}s", len(whole))
    return Place(list(numbers)[-1]) if numbers else None


def _legacy_rows(tx: Tx, seals: Cipher, place: Place) -> Place | None:
    rows = tx.session.all(
        queries.LEGACY_ROWS,
        older=list(seals.older),
        campus=tx.campus,
        after=place.after,
        after_row=place.row,
        limit=BATCH,
    )
    whole = [
        (row, number)
        for row in rows
        if (number := opened(partial(number_of_row, row), log, "legacy_row", row.import_id)) is not None
    ]
    tx.session.execute(
        queries.SEAL_LEGACY_ROWS,
        ids=[row.import_id for row, _ in whole],
        places=[row.row_no for row, _ in whole],
        sealeds=[seals.seal(number, about_row(row.import_id, row.row_no)) for row, number in whole],
        numbers=[mark(seals, normalise_id_number(number) if row.outcome else number) for row, number in whole],
        key_id=seals.newest,
    )
    _trace(tx, seals, "legacy_rows", len(whole))
    return Place(rows[-1].import_id, rows[-1].row_no) if rows else None


def _trace(tx: Tx, seals: Cipher, table: str, rows: int) -> None:
    if rows:
        tx.audit("numbers.sealed", "key", seals.newest, table=table, rows=rows)
