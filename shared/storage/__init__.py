"""Files (对象存储): rows in PostgreSQL, bytes in S3, in three steps so that no transaction waits for the network.

    CONSENTS = FileKind("consent-scan", frozenset({PDF, JPEG}))

    with transaction() as tx:
        reserved = reserve(tx, CONSENTS, content_type)
    uploaded = upload(store, reserved, request_body, max_bytes=20 * MEBIBYTE)
    with transaction() as tx:
        confirm(tx, reserved.file_id, uploaded)

Readers get `open_stream` (proved while it streams) or `presigned_get` (one object, five minutes at most), never
a key. `sweeps` reaps, finds orphans and re-reads. The minio client is imported when the first store is made.
"""

from shared.storage.content import CONTENT_TYPES, CSV, JPEG, PDF, PNG, XLS, XLSX, Inspector
from shared.storage.files import FileKind, Uploaded, confirm, confirmed_file, object_key, reserve
from shared.storage.models import StoredFile
from shared.storage.problems import (
    FileConflict,
    FileContentMismatch,
    FileDamaged,
    FileEmpty,
    FileNotFound,
    FileTooLarge,
    FileTypeRefused,
    ObjectMissing,
    StorageUnavailable,
)
from shared.storage.store import ObjectStore, Readable
from shared.storage.transfer import MAX_LINK_SECONDS, open_stream, presigned_get, upload

MEBIBYTE = 1024 * 1024

__all__ = [
    "CONTENT_TYPES",
    "CSV",
    "JPEG",
    "MAX_LINK_SECONDS",
    "MEBIBYTE",
    "PDF",
    "PNG",
    "XLS",
    "XLSX",
    "FileConflict",
    "FileContentMismatch",
    "FileDamaged",
    "FileEmpty",
    "FileKind",
    "FileNotFound",
    "FileTooLarge",
    "FileTypeRefused",
    "Inspector",
    "ObjectMissing",
    "ObjectStore",
    "Readable",
    "StorageUnavailable",
    "StoredFile",
    "Uploaded",
    "confirm",
    "confirmed_file",
    "object_key",
    "open_stream",
    "presigned_get",
    "reserve",
    "upload",
]
