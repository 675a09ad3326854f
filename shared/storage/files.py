"""The rows of the file store: reserve before the upload, confirm after it, each in its own transaction."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.ids import new_id
from shared.schemas import SHANGHAI
from shared.storage import queries
from shared.storage.content import CONTENT_TYPES
from shared.storage.models import ABANDONED, CONFIRMED, RESERVED, StoredFile
from shared.storage.problems import FileConflict, FileNotFound, FileTypeRefused
from shared.tx import Tx

_SEGMENT = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file a module keeps, declared once at module level.

    `name` is part of the object's key; `content_types` are those of shared.storage.content it may have.
    """

    name: str
    content_types: frozenset[str]

    def __post_init__(self) -> None:
        if not _SEGMENT.fullmatch(self.name):
            raise ValueError(f"file kind {self.name!r}: lower-case letters, digits and hyphens")
        if not self.content_types or not self.content_types <= CONTENT_TYPES:
            raise ValueError(f"file kind {self.name!r} takes a content type the store cannot check")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an upload proved: bytes stored and their SHA-256."""

    size: int
    sha256: bytes


def object_key(campus: str, kind: str, file_id: UUID, at: datetime) -> str:
    """`<campus>/<kind>/<yyyy>/<mm>/<dd>/<uuid>`, the day in Asia/Shanghai."""
    if not _SEGMENT.fullmatch(campus):
        raise ValueError(f"campus {campus!r} can't be part of a key")
    return f"{campus}/{kind}/{at.astimezone(SHANGHAI):%Y/%m/%d}/{file_id}"


def reserve(tx: Tx, kind: FileKind, content_type: str) -> StoredFile:
    """Step one: the row of a file to come. Commit, then `upload` outside the transaction, then `confirm`.

    A reservation that is never confirmed is reaped. Raises FileTypeRefused when the kind does not take the type.
    """
    if content_type not in kind.content_types:
        raise FileTypeRefused("此处不接收这种类型的文件，请转换格式后上传。", allowed=sorted(kind.content_types))
    file_id = new_id()
    row = StoredFile(
        file_id=file_id,
        campus_id=tx.campus,
        kind=kind.name,
        key=object_key(tx.campus, kind.name, file_id, tx.now),
        content_type=content_type,
        state=RESERVED,
        reserved_at=tx.now,
        reserved_by=tx.actor.subject,
    )
    tx.session.add(row)
    return row


def confirm(tx: Tx, file_id: UUID, uploaded: Uploaded) -> StoredFile:
    """Step three: the file is there. Confirming the same bytes again gives the same row.

    Raises FileNotFound, and FileConflict when other bytes were confirmed or the reservation was reaped.
    """
    row = tx.session.first(
        queries.CONFIRM, file_id=file_id, campus=tx.campus, size=uploaded.size, sha256=uploaded.sha256, now=tx.now
    )
    if row is not None:
        return row
    row = tx.session.first(queries.FILE, file_id=file_id)
    if row is None or row.campus_id != tx.campus:
        raise FileNotFound("文件不存在，请重新上传。")
    if row.state == ABANDONED:
        raise FileConflict("上传超时，文件已清理，请重新上传。")
    if (row.size, row.sha256) != (uploaded.size, uploaded.sha256):
        raise FileConflict("该文件已确认为其他内容，不能替换，请作为新文件上传。")
    return row


def confirmed_file(tx: Tx, file_id: UUID) -> StoredFile:
    """A confirmed file the campus may read. Raises FileNotFound. Whose it is, the owning module checks first."""
    row = tx.session.first(queries.FILE, file_id=file_id)
    if row is None or row.state != CONFIRMED:
        raise FileNotFound("文件不存在或尚未上传完成。")
    return row
