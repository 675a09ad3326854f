"""What was said to the channels and by them (往来报文): masked and sealed where it is written, opened where it may be
read, sealed anew after a rotation.

Which order a notification names stays in clear beside it: our own numbers, by which the sweep asks again. Messages from
before, or of a process of the release before, are read as they are until the minute has come to them.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from functions.payments.gateway.models import Notification, PaymentAttempt
from functions.payments.gateway.queries import messages as queries
from shared.column_cipher import Cipher, ColumnKeysMissing, SealBroken, cipher
from shared.database.query import Query
from shared.sealing import Batch, KeyRing, opened, work_off
from shared.steps import Steps
from shared.tx import Tx

log = logging.getLogger("his.payments.gateway")

ATTEMPTS = "payments.gateway_attempts"
NOTIFICATIONS = "payments.gateway_notifications"
KEYS = KeyRing(queries.MESSAGE_KEYS, queries.ADD_MESSAGE_KEY, "支付往来报文", log)
_CLOSED = ("says", "headers", "body")
"""Parts of a notification that are sealed."""

BATCH = 500
"""Rows of one transaction."""
BATCHES_A_MINUTE = 20
FIRST = UUID(int=0)


class Read(NamedTuple):
    """A message as screens show it; `unreadable` says why it can't be read."""

    said: dict[str, Any]
    unreadable: str | None = None


# -- writing


def sealed(tx: Tx, place: str, row_id: UUID, message: dict[str, Any]) -> dict[str, Any]:
    """The columns of a message that is written now. Raises ColumnKeysMissing: what can't be sealed is not kept."""
    seals = KEYS.cipher(tx, writing=True)
    return {"sealed": _closed(seals, place, row_id, message), "key_id": seals.newest}


def why_not(tx: Tx) -> ColumnKeysMissing | None:
    """Why messages can't be sealed here now, or None: whoever is to speak to a channel must be able to record it."""
    try:
        KEYS.cipher(tx, writing=True)
    except ColumnKeysMissing as missing:
        return missing
    return None


def _closed(seals: Cipher, place: str, row_id: UUID, message: dict[str, Any]) -> str:
    return seals.seal(orjson.dumps(message, default=str).decode(), f"{place}:{row_id}")


# -- reading


def exchange_of(row: PaymentAttempt) -> Read:
    """`request` and `answer` of an exchange."""
    return _read(partial(_exchange, row))


def content_of(row: Notification) -> Read:
    """What a notification says, with the order it names."""
    read = _read(partial(_parts, row))
    return Read({**row.content, **read.said}, read.unreadable)


def _read(read: Callable[[], dict[str, Any]]) -> Read:
    try:
        return Read(read())
    except (ColumnKeysMissing, SealBroken) as problem:
        return Read({}, problem.detail)


def _exchange(row: PaymentAttempt) -> dict[str, Any]:
    if row.sealed is None:
        return {"request": row.request, "answer": row.answer}
    return _open(row.sealed, ATTEMPTS, row.attempt_id)


def _parts(row: Notification) -> dict[str, Any]:
    if row.sealed is None:
        return {name: row.content[name] for name in _CLOSED if name in row.content}
    return _open(row.sealed, NOTIFICATIONS, row.notification_id)


def _open(text: str, place: str, row_id: UUID) -> dict[str, Any]:
    message: dict[str, Any] = orjson.loads(cipher().open(text, f"{place}:{row_id}"))
    return message


# -- afterwards


def each_round(tx: Tx) -> Callable[[Steps], None] | None:
    """A minute has passed: go on while messages of this campus are in clear or of an older key."""
    left = KEYS.due(tx, lambda seals: tx.session.one(queries.LEFT, campus=tx.campus, older=list(seals.older)))
    return go_on if left else None


def go_on(steps: Steps) -> None:
    """Batch after batch, as many as a minute may take: first what is in clear, then key by key."""
    batches: list[Batch[UUID]] = [_attempts, _notifications]
    for key in cipher().older:
        batches += [partial(_attempts, key=key), partial(_notifications, key=key)]
    work_off(steps, KEYS, batches, FIRST, BATCHES_A_MINUTE)


def _attempts(tx: Tx, seals: Cipher, after: UUID, key: str | None = None) -> UUID | None:
    rows = _due(tx, queries.CLEAR_ATTEMPTS, queries.OLD_ATTEMPTS, after, key)
    found = {row.attempt_id: opened(partial(_exchange, row), log, "attempt", row.attempt_id) for row in rows}
    return _seal(tx, seals, ATTEMPTS, queries.SEAL_ATTEMPTS, found)


def _notifications(tx: Tx, seals: Cipher, after: UUID, key: str | None = None) -> UUID | None:
    rows = _due(tx, queries.CLEAR_NOTIFICATIONS, queries.OLD_NOTIFICATIONS, after, key)
    found = {
        row.notification_id: opened(partial(_parts, row), log, "notification", row.notification_id) for row in rows
    }
    return _seal(tx, seals, NOTIFICATIONS, queries.SEAL_NOTIFICATIONS, found)


def _due(tx: Tx, clear: Query[Any], old: Query[Any], after: UUID, key: str | None) -> Sequence[Any]:
    if key is None:
        return tx.session.all(clear, campus=tx.campus, after=after, limit=BATCH)
    return tx.session.all(old, campus=tx.campus, after=after, limit=BATCH, key=key)


def _seal(
    tx: Tx, seals: Cipher, place: str, write: Query[UUID], found: dict[UUID, dict[str, Any] | None]
) -> UUID | None:
    """Seal what opened; the rows come in their order."""
    whole = {row_id: message for row_id, message in found.items() if message is not None}
    if whole:
        texts = [_closed(seals, place, row_id, message) for row_id, message in whole.items()]
        tx.session.execute(write, ids=list(whole), sealeds=texts, key_id=seals.newest)
        tx.audit("channel_messages.sealed", "key", seals.newest, table=place, rows=len(whole))
    return list(found)[-1] if found else None
