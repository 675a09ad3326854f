"""Selects and updates of received files."""

from sqlalchemy import LargeBinary, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.catalogue.codes.models import ReceivedFile, ReceivedPart
from shared.database.query import Query, constant

FILE = Query(ReceivedFile, select(ReceivedFile).where(ReceivedFile.file_id == bindparam("file_id")))
PARTS = Query(
    ReceivedPart,
    select(ReceivedPart).where(ReceivedPart.file_id == bindparam("file_id")).order_by(ReceivedPart.part),
)
_put = insert(ReceivedPart).values(
    file_id=bindparam("file"), part=bindparam("number"), content=bindparam("bytes", type_=LargeBinary)
)
PUT_PART = Query(
    object,
    _put.on_conflict_do_update(
        index_elements=[ReceivedPart.file_id, ReceivedPart.part], set_={"content": _put.excluded.content}
    ),
)
KEEP = Query(
    ReceivedFile,
    update(ReceivedFile)
    .where(ReceivedFile.file_id == bindparam("id_"), ReceivedFile.status == constant("receiving"))
    .values(status="kept", stored_file_id=bindparam("stored"), sha256=bindparam("hash"))
    .returning(ReceivedFile),
)
EMPTY_PARTS = Query(object, update(ReceivedPart).where(ReceivedPart.file_id == bindparam("file")).values(content=b""))
