"""Bytes in and out: step two of an upload, streams and addresses for readers. No database here."""

import hashlib
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from shared.storage.content import Inspector, inspector_for
from shared.storage.files import Uploaded
from shared.storage.models import CONFIRMED, RESERVED, StoredFile
from shared.storage.problems import FileConflict, FileDamaged, FileEmpty, FileNotFound, FileTooLarge
from shared.storage.store import ObjectStore, Readable

MAX_LINK_SECONDS = 300
"""Presigned addresses live at most five minutes (GB/T 22239 review, rule 12 of spec X-security-level)."""


def upload(
    store: ObjectStore,
    reserved: StoredFile,
    stream: Readable,
    max_bytes: int,
    inspectors: Sequence[Inspector] = (),
) -> Uploaded:
    """Step two: stream the bytes into the store, hashing, measuring and checking them in passing.

    Never more than one part of the file is in memory and nothing touches a disk here. `inspectors` are further
    looks at the content, such as a virus scanner; whatever refuses, nothing is stored. Raises FileTooLarge,
    FileEmpty, FileContentMismatch, FileConflict (this reservation was already used), StorageUnavailable.
    """
    if reserved.state != RESERVED or store.exists(reserved.key):
        raise FileConflict("该文件已上传，如需替换请作为新文件上传。")
    passing = _Passing(stream, max_bytes, [inspector_for(reserved.content_type), *inspectors])
    store.put(reserved.key, passing, reserved.content_type)
    return passing.uploaded()


class _Passing:
    """A stream that is hashed, measured and looked at while somebody reads it."""

    def __init__(self, stream: Readable, max_bytes: int, inspectors: Sequence[Inspector]) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._inspectors = inspectors
        self._hash = hashlib.sha256()
        self._size = 0
        self._ended = False

    def read(self, size: int, /) -> bytes:
        chunk = self._stream.read(size)
        if chunk:
            self._take(chunk)
        elif not self._ended:
            self._end()
        return chunk

    def _take(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise FileTooLarge(
                f"文件不能超过 {_size_text(self._max_bytes)}，请压缩或拆分后上传。", max_bytes=self._max_bytes
            )
        self._hash.update(chunk)
        for inspector in self._inspectors:
            inspector.feed(chunk)

    def _end(self) -> None:
        self._ended = True
        if not self._size:
            raise FileEmpty("文件内容为空，请重新选择文件。")
        for inspector in self._inspectors:
            inspector.finish()

    def uploaded(self) -> Uploaded:
        if not self._ended:
            raise RuntimeError("the store took the file without reading it to its end")
        return Uploaded(self._size, self._hash.digest())


def open_stream(store: ObjectStore, file: StoredFile) -> Iterator[bytes]:
    """A confirmed file's bytes in chunks, proved on the way.

    The last chunk is held back until size and SHA-256 are right, so a damaged file reaches nobody as if whole.
    Raises FileNotFound for a file that is not confirmed, FileDamaged, StorageUnavailable.
    """
    _must_be_confirmed(file)
    return _proved(store, file)


def _proved(store: ObjectStore, file: StoredFile) -> Iterator[bytes]:
    digest = hashlib.sha256()
    size = 0
    held = b""
    with store.open(file.key) as chunks:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            if held:
                yield held
            held = chunk
    if (size, digest.digest()) != (file.size, file.sha256):
        raise FileDamaged("文件校验不符，已停止读取，请联系信息科。")
    yield held


def presigned_get(store: ObjectStore, file: StoredFile, seconds: int, name: str = "") -> str:
    """An address under which a client reads this one object, for at most MAX_LINK_SECONDS.

    `name` is what the download is called; without it the browser shows the file. Raises FileNotFound,
    and ValueError for a longer life.
    """
    _must_be_confirmed(file)
    if not 1 <= seconds <= MAX_LINK_SECONDS:
        raise ValueError(f"a link lives 1 to {MAX_LINK_SECONDS} seconds")
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}" if name else "inline"
    headers = {
        "response-content-type": file.content_type,
        "response-content-disposition": disposition,
        "response-cache-control": "private, no-store",
    }
    return store.presign(file.key, seconds, headers)


def _must_be_confirmed(file: StoredFile) -> None:
    if file.state != CONFIRMED:
        raise FileNotFound("文件不存在或尚未上传完成。")


def _size_text(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MB" if size >= 1024 * 1024 else f"{size / 1024:.0f} KB"
