"""Statements of the file store."""

from sqlalchemy import LargeBinary, bindparam, nulls_first, select, update

from shared.database.query import Query, among
from shared.storage.models import ABANDONED, CONFIRMED, RESERVED, StoredFile

FILE = Query(StoredFile, select(StoredFile).where(StoredFile.file_id == bindparam("file_id")))

CONFIRM = Query(
    StoredFile,
    update(StoredFile)
    .where(StoredFile.file_id == bindparam("file_id"))
    .where(StoredFile.campus_id == bindparam("campus"))
    .where(StoredFile.state == RESERVED)
    .values(
        state=CONFIRMED,
        size=bindparam("size"),
        sha256=bindparam("sha256", type_=LargeBinary),
        confirmed_at=bindparam("now"),
    )
    .returning(StoredFile),
)

_EXPIRED = (
    select(StoredFile.file_id)
    .where(StoredFile.state == RESERVED)
    .where(StoredFile.reserved_at < bindparam("before"))
    .order_by(StoredFile.reserved_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
ABANDON = Query(
    str,
    update(StoredFile)
    .where(StoredFile.file_id.in_(_EXPIRED.scalar_subquery()))
    .where(StoredFile.state == RESERVED)
    .values(state=ABANDONED, abandoned_at=bindparam("now"))
    .returning(StoredFile.key),
)
"""Give up old reservations; a confirm that comes later finds them given up, so no confirmed object is removed."""

LIVE_KEYS = Query(str, select(StoredFile.key).where(among(StoredFile.key, "keys")).where(StoredFile.state != ABANDONED))

SCRUB_NEXT = Query(
    StoredFile,
    select(StoredFile)
    .where(StoredFile.state == CONFIRMED)
    .order_by(nulls_first(StoredFile.scrubbed_at), StoredFile.file_id)
    .limit(bindparam("limit")),
)

SCRUB_WELL = Query(
    object,
    update(StoredFile)
    .where(StoredFile.file_id == bindparam("file_id"))
    .values(scrubbed_at=bindparam("now"), scrub_failed_at=None, scrub_failure=None),
)

SCRUB_DAMAGED = Query(
    object,
    update(StoredFile)
    .where(StoredFile.file_id == bindparam("file_id"))
    .values(
        scrubbed_at=bindparam("now"),
        scrub_failed_at=bindparam("failed_at"),
        scrub_failure=bindparam("failure"),
    ),
)
