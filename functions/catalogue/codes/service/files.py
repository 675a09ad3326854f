"""Official files on their way in: received in parts, kept in the object store with their hash, read by their owner.

The parts wait in the database because a request is small; the store is written outside any transaction, and the parts
are emptied when it has the whole.
"""

import base64
import binascii
import io
from collections.abc import Callable, Mapping
from functools import lru_cache
from uuid import UUID

from functions.catalogue.codes.models import ReceivedFile, ReceivedPart
from functions.catalogue.codes.problems import FileIncomplete, FilePartWrong, StandardList
from functions.catalogue.codes.queries import files as queries
from functions.organisation.structure import service as organisation
from shared.ids import new_id
from shared.problems import NotFound
from shared.settings import settings
from shared.spreadsheets import COMPOUND, ZIP
from shared.steps import Steps
from shared.storage import (
    CSV,
    JPEG,
    MEBIBYTE,
    PDF,
    PNG,
    XLS,
    XLSX,
    FileKind,
    ObjectStore,
    confirm,
    confirmed_file,
    open_stream,
    reserve,
    upload,
)
from shared.tx import Tx

PART_BYTES = 512 * 1024
MAX_BYTES = 64 * MEBIBYTE
LISTS = {".xlsx": XLSX, ".xls": XLS, ".csv": CSV}
"""Spreadsheets: ending of the name -> content type."""
BY_HEAD = {ZIP: XLSX, COMPOUND: XLS}
DOCUMENTS = {".pdf": PDF, ".jpg": JPEG, ".jpeg": JPEG, ".png": PNG}
"""Documents as they were issued, scanned or photographed."""
_KINDS = (
    FileKind("official-list", frozenset(LISTS.values())),
    FileKind("official-document", frozenset(DOCUMENTS.values())),
)


@lru_cache(maxsize=1)
def object_store() -> ObjectStore:
    """The store this process was told to use."""
    return ObjectStore.from_settings(settings())


def require_head(tx: Tx) -> None:
    """Code systems and price lists of all campuses are kept at the head hospital. Raises StandardList."""
    if not organisation.campus(tx).is_head:
        raise StandardList("标准编码与官方文件由总院维护；本院区可提交编码建议。")


def receive_file(tx: Tx, purpose: str, name: str, size: int) -> ReceivedFile:
    """Announce a spreadsheet (.xlsx, .xls or .csv) of `size` bytes. Its parts of PART_BYTES follow, numbered from 1."""
    return _announced(tx, purpose, name, size, LISTS, "只接收 .xlsx、.xls 或 .csv 文件，请另存后上传。")


def receive_document(tx: Tx, purpose: str, name: str, size: int) -> ReceivedFile:
    """Announce a document (.pdf, .jpg or .png); as `receive_file`."""
    return _announced(tx, purpose, name, size, DOCUMENTS, "只接收 PDF、JPG、PNG 文件，请转换后上传。")


def _announced(tx: Tx, purpose: str, name: str, size: int, kinds: Mapping[str, str], refusal: str) -> ReceivedFile:
    require_head(tx)
    content_type = next((kind for ending, kind in kinds.items() if name.lower().endswith(ending)), None)
    if content_type is None:
        raise FilePartWrong(refusal)
    if not 0 < size <= MAX_BYTES:
        raise FilePartWrong(f"文件须在 {MAX_BYTES // MEBIBYTE} MB 以内，请拆分后上传。")
    row = ReceivedFile(
        file_id=new_id(),
        name=name,
        content_type=content_type,
        size=size,
        purpose=purpose,
        received_at=tx.now,
        received_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("file.announced", "received_file", row.file_id, size=size)
    return row


def parts_of(size: int) -> int:
    """How many parts a file of so many bytes has."""
    return -(-size // PART_BYTES)


def add_part(tx: Tx, file_id: UUID, part: int, content: str) -> ReceivedFile:
    """One part in base64; the same part again replaces it while the file is not kept. Raises FilePartWrong."""
    require_head(tx)
    found = received(tx, file_id)
    if found.status != "receiving":
        raise FilePartWrong("该文件已收齐，不能再改。")
    try:
        raw = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FilePartWrong("分段内容不是有效的 base64。") from error
    count = parts_of(found.size)
    expected = PART_BYTES if part < count else found.size - PART_BYTES * (count - 1)
    if not 1 <= part <= count or len(raw) != expected:
        raise FilePartWrong(f"第 {part} 段的大小应为 {expected} 字节，请重传。", parts=count)
    tx.session.execute(queries.PUT_PART, file=file_id, number=part, bytes=raw)
    tx.audit("file.part_received", "received_file", file_id, part=part)
    return found


def received(tx: Tx, file_id: UUID) -> ReceivedFile:
    """A file by id. Raises NotFound."""
    found = tx.session.first(queries.FILE, file_id=file_id)
    if found is None:
        raise NotFound("没有这个文件，请重新上传。")
    return found


def content_of(
    steps: Steps, file_id: UUID, store: Callable[[], ObjectStore] | None = None
) -> tuple[ReceivedFile, bytes]:
    """The whole file. The first call puts it into the object store and keeps its SHA-256; outside any transaction.

    Raises FileIncomplete, NotFound, StorageUnavailable.
    """
    open_store = store or object_store
    found = steps.step(lambda tx: received(tx, file_id))
    if found.status == "kept":
        stored = steps.step(lambda tx: confirmed_file(tx, _stored_id(found)))
        return found, b"".join(open_stream(open_store(), stored))
    parts: list[ReceivedPart] = steps.step(lambda tx: tx.session.all(queries.PARTS, file_id=file_id))
    content = b"".join(part.content for part in parts)
    if len(parts) != parts_of(found.size) or len(content) != found.size:
        raise FileIncomplete(f"已收到 {len(parts)} 段，共 {parts_of(found.size)} 段，请继续上传。")
    content_type = _type_of(content, found.content_type)
    kind = next(one for one in _KINDS if content_type in one.content_types)
    reserved = steps.step(lambda tx: reserve(tx, kind, content_type))
    uploaded = upload(open_store(), reserved, io.BytesIO(content), MAX_BYTES)

    def keep(tx: Tx) -> ReceivedFile:
        confirm(tx, reserved.file_id, uploaded)
        kept = tx.session.first(queries.KEEP, id_=file_id, stored=reserved.file_id, hash=uploaded.sha256.hex())
        tx.session.execute(queries.EMPTY_PARTS, file=file_id)
        tx.audit("file.kept", "received_file", file_id, sha256=uploaded.sha256.hex())
        return kept or received(tx, file_id)

    return steps.step(keep), content


def _type_of(content: bytes, announced: str) -> str:
    """What a spreadsheet is by its bytes, whatever its name ends in; other files are what they were announced as."""
    if announced in LISTS.values():
        return next((kind for head, kind in BY_HEAD.items() if content.startswith(head)), announced)
    return announced


def _stored_id(found: ReceivedFile) -> UUID:
    assert found.stored_file_id is not None  # noqa: S101  a kept file has its place
    return found.stored_file_id


def kept_content(tx: Tx, file: ReceivedFile) -> Callable[[], bytes]:
    """Reads a kept file, proved by its hash; outside the transaction. Raises FileNotFound where it is not kept."""
    stored = confirmed_file(tx, _stored_id(file))
    return lambda: b"".join(open_stream(object_store(), stored))
