"""Sealing what is in clear (升级后的首次加密) and what an older key sealed (密钥轮换), while people work on.

The minute begins it, batch by batch, each a transaction: a crash costs nothing, two at once share the rows, and what is
done is not done again. A number that does not open stays as it is, for whoever looks into it.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple
from uuid import UUID

from functions.patients.index.queries import sealing as queries
from functions.patients.index.service.numbers import (
    CORRECTIONS,
    RELATIONS,
    about_row,
    keys,
    mark,
    number_of,
    number_of_relation,
    number_of_row,
    opened_correction,
    written,
)
from shared.column_cipher import Cipher, ColumnKeysMissing, SealBroken
from shared.database.engine import REPORT
from shared.database.query import Query
from shared.resident_id import normalise_id_number
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


Batch = Callable[[Tx, Cipher, Place], Place | None]
"""Seals the rows after a place; the place reached, None when nothing is left there."""


def each_round(tx: Tx) -> Callable[[Steps], None] | None:
    """A minute has passed: go on while there is something to seal. A process without the key leaves it to others."""
    try:
        seals = keys(tx)
    except ColumnKeysMissing as missing:
        log.error("numbers of certificates are not sealed", extra={"fields": {"reason": missing.detail}})
        return None
    return go_on if tx.session.one(queries.LEFT, older=list(seals.older), campus=tx.campus) else None


def go_on(steps: Steps) -> None:
    """Batch after batch, table after table, as many as a minute may take."""
    left = BATCHES_A_MINUTE
    for seal in (_identifiers, _relations, _corrections, _legacy_rows):
        place: Place | None = Place()
        while place is not None and left:
            place = steps.step(partial(_batch, seal=seal, place=place), REPORT)
            left -= 1


def _batch(tx: Tx, seal: Batch, place: Place) -> Place | None:
    return seal(tx, keys(tx, writing=True), place)


def _identifiers(tx: Tx, seals: Cipher, place: Place) -> Place | None:
    rows = tx.session.all(queries.IDENTIFIERS, older=list(seals.older), after=place.after, limit=BATCH)
    fresh = {
        row.identifier_id: written(seals, row.type, number, row.identifier_id)
        for row in rows
        if (number := _opened(partial(number_of, row), "identifier", row.identifier_id)) is not None
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
    opened = {row_id: number for row_id, read in numbers.items() if (number := _opened(read, kind, row_id)) is not None}
    tx.session.execute(
        seal,
        ids=list(opened),
        sealeds=[seals.seal(number, f"{column}:{row_id}") for row_id, number in opened.items()],
        key_id=seals.newest,
    )
    _trace(tx, seals, f"{kind}s", len(opened))
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
    opened = [
        (row, number)
        for row in rows
        if (number := _opened(partial(number_of_row, row), "legacy_row", row.import_id)) is not None
    ]
    tx.session.execute(
        queries.SEAL_LEGACY_ROWS,
        ids=[row.import_id for row, _ in opened],
        places=[row.row_no for row, _ in opened],
        sealeds=[seals.seal(number, about_row(row.import_id, row.row_no)) for row, number in opened],
        numbers=[mark(seals, normalise_id_number(number) if row.outcome else number) for row, number in opened],
        key_id=seals.newest,
    )
    _trace(tx, seals, "legacy_rows", len(opened))
    return Place(rows[-1].import_id, rows[-1].row_no) if rows else None


def _opened(read: Callable[[], str | None], kind: str, row_id: UUID) -> str | None:
    try:
        return read()
    except SealBroken:
        log.error("a sealed number does not open", extra={"fields": {"kind": kind, "row_id": str(row_id)}})
        return None


def _trace(tx: Tx, seals: Cipher, table: str, rows: int) -> None:
    if rows:
        tx.audit("numbers.sealed", "key", seals.newest, table=table, rows=rows)
