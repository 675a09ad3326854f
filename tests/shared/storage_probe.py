"""Files the storage tests feed, and a bucket to feed them to."""

import io
import struct
import zipfile
import zlib
from datetime import timedelta

from minio import Minio

from shared.ids import new_id
from shared.storage import PDF, PNG, FileKind, ObjectStore, StoredFile, confirm, reserve, upload
from tests.support.hospital import Hospital


def pdf(size: int = 400) -> bytes:
    """A PDF by its outside; what is between head and trailer is no one's business here."""
    head, trailer = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", b"\0\n%%EOF\n"
    return head + b"x" * max(0, size - len(head) - len(trailer)) + trailer


def png() -> bytes:
    """A whole grey picture of one pixel."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")
    )


def archive(*names: str) -> bytes:
    """A ZIP holding members of these names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in names:
            target.writestr(name, "content of " + name)
    return buffer.getvalue()


class Bucket:
    """A bucket of a test file's own, looked at and broken behind the store's back."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str) -> None:
        self.endpoint = endpoint
        self.name = f"test-{new_id()}"
        self._keys = (access_key, secret_key)
        self._client = Minio(endpoint, access_key=access_key, secret_key=secret_key, secure=False)
        self._client.make_bucket(self.name)

    def store(self, public_endpoint: str = "") -> ObjectStore:
        return ObjectStore(self.endpoint, *self._keys, self.name, timeout=5.0, public_endpoint=public_endpoint)

    def keys(self) -> list[str]:
        return [entry.object_name for entry in self._client.list_objects(self.name, recursive=True)]

    def overwrite(self, key: str, data: bytes) -> None:
        self._client.put_object(self.name, key, io.BytesIO(data), len(data))

    def remove(self, *keys: str) -> None:
        for key in keys:
            self._client.remove_object(self.name, key)

    def drop(self) -> None:
        self.remove(*self.keys())
        self._client.remove_bucket(self.name)


SCANS = FileKind("consent-scan", frozenset({PDF, PNG}))
MIB = 1024 * 1024
LIMIT = 40 * MIB
DAY = timedelta(days=1)
NOBODY = ObjectStore("127.0.0.1:9", "key", "secret", "his")
"""A store that does not answer."""


def reserved(hospital: Hospital, content_type: str = PDF, campus: str = "hq") -> StoredFile:
    with hospital.tx(campus) as tx:
        return reserve(tx, SCANS, content_type)


def stored(hospital: Hospital, store: ObjectStore, data: bytes, campus: str = "hq") -> StoredFile:
    row = reserved(hospital, campus=campus)
    uploaded = upload(store, row, io.BytesIO(data), LIMIT)
    with hospital.tx(campus) as tx:
        return confirm(tx, row.file_id, uploaded)


def state_of(hospital: Hospital, row: StoredFile) -> str:
    return str(hospital.value("SELECT state FROM kernel.stored_files WHERE file_id = %s", [row.file_id]))
