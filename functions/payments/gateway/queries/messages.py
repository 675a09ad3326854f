"""Sealed messages: the keys they are sealed with; and rows in clear or of an older key, a batch at a time.

Each asks for one key, so that an index gives its rows in order however many there are. Rows somebody else has just
taken are left to them.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, bindparam, exists, literal_column, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert

from functions.payments.gateway.models import MessageKey, Notification, PaymentAttempt
from shared.database.query import Query, among
from shared.sealing import KeyInUse

_CAMPUS: Any = bindparam("campus", type_=Text)
_AFTER: Any = bindparam("after", type_=Uuid)
_KEY: Any = bindparam("key", type_=Text)

MESSAGE_KEYS = Query(KeyInUse, select(MessageKey.key_id, MessageKey.proof, literal_column("false")))
"""A message is never looked for by what it says: a key that is gone keeps nobody from paying."""
ADD_MESSAGE_KEY = Query(
    object,
    insert(MessageKey)
    .values(key_id=bindparam("key_id"), proof=bindparam("proof"), first_used_at=bindparam("now"))
    .on_conflict_do_nothing(),
)


def _left(model: Any) -> Any:
    return or_(
        exists().where(model.campus_id == _CAMPUS, model.key_id.is_(None)),
        exists().where(model.campus_id == _CAMPUS, among(model.key_id, "older")),
    )


LEFT = Query(bool, select(or_(_left(PaymentAttempt), _left(Notification))))
"""Whether anything of a campus is left to seal."""


def _batch(model: Any, row_id: Any, of_key: Any) -> Query[Any]:
    return Query(
        model,
        select(model)
        .where(model.campus_id == _CAMPUS, of_key, row_id > _AFTER)
        .order_by(model.key_id, row_id)
        .limit(bindparam("limit", type_=Integer))
        .with_for_update(skip_locked=True),
    )


CLEAR_ATTEMPTS = _batch(PaymentAttempt, PaymentAttempt.attempt_id, PaymentAttempt.key_id.is_(None))
OLD_ATTEMPTS = _batch(PaymentAttempt, PaymentAttempt.attempt_id, PaymentAttempt.key_id == _KEY)
CLEAR_NOTIFICATIONS = _batch(Notification, Notification.notification_id, Notification.key_id.is_(None))
OLD_NOTIFICATIONS = _batch(Notification, Notification.notification_id, Notification.key_id == _KEY)


def _seal(statement: str) -> Query[UUID]:
    return Query(UUID, text(statement).bindparams(bindparam("ids", type_=ARRAY(Uuid))))


SEAL_ATTEMPTS = _seal("""
    UPDATE payments.gateway_attempts AS held
    SET request = '{}', answer = NULL, sealed = fresh.sealed, key_id = :key_id
    FROM unnest(CAST(:ids AS uuid[]), CAST(:sealeds AS text[])) AS fresh (id, sealed)
    WHERE held.attempt_id = fresh.id
    RETURNING held.attempt_id
    """)
SEAL_NOTIFICATIONS = _seal("""
    UPDATE payments.gateway_notifications AS held
    SET content = held.content - ARRAY['says', 'headers', 'body'], sealed = fresh.sealed, key_id = :key_id
    FROM unnest(CAST(:ids AS uuid[]), CAST(:sealeds AS text[])) AS fresh (id, sealed)
    WHERE held.notification_id = fresh.id
    RETURNING held.notification_id
    """)
