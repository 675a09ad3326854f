"""Advisory locks: every kind has its number here, so that two never meet. Always transaction-scoped."""

import hashlib
from enum import IntEnum

from sqlalchemy import BigInteger, bindparam, func, select, text

from shared.database.query import Query


class LockKind(IntEnum):
    """First byte of a lock key."""

    IDEMPOTENCY = 1
    RELAY = 2
    AUDIT_SEALER = 3
    IDENTITY_NUMBER = 4
    PATIENT_BILL = 5


def lock_key(kind: LockKind, name: str = "") -> int:
    """A 64-bit key: one byte of kind, seven bytes of the name's hash."""
    digest = hashlib.blake2b(name.encode(), digest_size=7).digest()
    key = (int(kind) << 56) | int.from_bytes(digest, "big")
    return key


TRY_LOCK = Query(bool, select(func.pg_try_advisory_xact_lock(bindparam("key", type_=BigInteger))))
"""True when the lock is ours until the transaction ends."""

WAIT_LOCK = Query(object, select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger))))
"""Waits, at most lock_timeout, for the lock."""

WAKE_RELAY = Query(
    object,
    select(func.pg_notify("his_outbox", "")).where(
        text(f"pg_try_advisory_xact_lock_shared({lock_key(LockKind.RELAY)})")
    ),
)
"""Wake the relay at commit, but only when it sleeps: awake it holds this lock, and a NOTIFY would queue all commits."""
