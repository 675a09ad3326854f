"""The store of backups.

system.json                          which database this is the backup of
base/<moment>/base                   the data directory as one tar, sealed
base/<moment>/manifest               PostgreSQL's own list of its files with checksums, sealed
base/<moment>/about.json             written last: a base backup without it never happened
wal/<timeline>/<segment>             a whole segment, sealed
tail/<timeline>/<segment>/<offset>   what is there of the segment that is being written, sealed
history/<timeline>                   where a timeline branched off, sealed
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.backup.seal import Keys, seal, unseal
from infra.backup.settings import BackupError, Settings

if TYPE_CHECKING:
    from minio import Minio

SEGMENT = 16 * 1024 * 1024
_PART = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Base:
    """A finished base backup."""

    name: str
    timeline: int
    start: int
    """Log position from which the log is needed."""
    end: int
    """Log position up to which it is needed at least."""
    began: str
    ended: str
    bytes: int
    """Of the data directory."""


class Vault:
    """Reads and writes sealed objects. Every name is known to the seal, so objects cannot be exchanged."""

    def __init__(self, settings: Settings) -> None:
        self._keys: Keys = settings.keys
        self._bucket = settings.bucket
        self._lock_days = settings.lock_days
        self._client = _client(settings)

    # -- objects

    def put(self, name: str, content: Iterable[bytes], *, lasting: bool = False) -> None:
        """Seal and store; `lasting` objects cannot be deleted before their time."""
        sealed = seal(content, name, self._keys)
        self._client.put_object(
            self._bucket, name, _Reader(sealed), -1, part_size=_PART, retention=self._retention(lasting)
        )

    def get(self, name: str) -> Iterator[bytes]:
        """The content, piece by piece."""
        answer = self._client.get_object(self._bucket, name)
        try:
            yield from unseal(answer, name, self._keys)
        finally:
            answer.close()
            answer.release_conn()

    def names(self, prefix: str, after: str = "") -> Iterator[str]:
        """Names below a prefix, in order."""
        for one in self._client.list_objects(self._bucket, prefix, recursive=True, start_after=after or None):
            yield str(one.object_name)

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects."""
        from minio.deleteobjects import DeleteObject

        doomed = [DeleteObject(name) for name in names]
        for error in self._client.remove_objects(self._bucket, doomed) if doomed else ():
            raise BackupError(f"{error.name}: {error.message}")

    # -- what they mean

    def claim(self, system: str) -> None:
        """Bind the store to one database. Raises BackupError when it holds another's backup."""
        known = self._document("system.json")
        if known is None:
            self._write("system.json", {"system": system})
        elif known["system"] != system:
            raise BackupError(
                f"The bucket {self._bucket} holds the backup of database {known['system']}, this is {system}: "
                "use a bucket of its own, so that a restore cannot mix them."
            )

    def put_base(self, base: Base) -> None:
        """Declare a base backup finished."""
        self._write(f"base/{base.name}/about.json", asdict(base), lasting=True)

    def bases(self) -> list[Base]:
        """Finished base backups, oldest first."""
        abouts = [name for name in self.names("base/") if name.endswith("/about.json")]
        found = [self._document(name) for name in sorted(abouts)]
        return [Base(**one) for one in found if one is not None]

    def segment(self, timeline: int, number: int) -> bytes | None:
        """A segment: whole, or as much as there is of it, filled up with zeros; None when there is nothing."""
        from minio.error import S3Error

        name = segment_name(timeline, number)
        try:
            whole = b"".join(self.get(f"wal/{timeline:08X}/{name}"))
            if len(whole) != SEGMENT:
                raise BackupError(f"{name} has {len(whole)} bytes")
            return whole
        except S3Error as error:
            if error.code != "NoSuchKey":
                raise
        found = self._tail(timeline, number)
        return None if found is None else found[0]

    def _tail(self, timeline: int, number: int) -> tuple[bytes, int] | None:
        """A segment's pieces put together up to the first gap, and how far that is."""
        name = segment_name(timeline, number)
        found = bytearray(SEGMENT)
        end = 0
        for key in self.names(f"tail/{timeline:08X}/{name}/"):
            offset = int(key.rpartition("/")[2], 16)
            if offset > end:
                break  # what comes after a gap is of no use
            content = b"".join(self.get(key))
            found[offset : offset + len(content)] = content
            end = max(end, offset + len(content))
        return (bytes(found), end) if end else None

    def reach(self, timeline: int, number: int) -> int | None:
        """How far into a segment the store goes without a gap; None when it has nothing of it."""
        name = segment_name(timeline, number)
        if list(self.names(f"wal/{timeline:08X}/{name}")):
            return SEGMENT
        found = self._tail(timeline, number)
        return None if found is None else found[1]

    def segments(self, start: int) -> list[tuple[int, int]]:
        """(timeline, number) of every segment from a log position on, whole or begun."""
        found = set()
        for prefix in ("wal/", "tail/"):
            for key in self.names(prefix):
                name = key.split("/")[2]
                timeline, number = int(name[:8], 16), _number(name)
                if number >= start // SEGMENT:
                    found.add((timeline, number))
        return sorted(found)

    def _document(self, name: str) -> dict[str, Any] | None:
        from minio.error import S3Error

        try:
            answer = self._client.get_object(self._bucket, name)
        except S3Error as error:
            if error.code == "NoSuchKey":
                return None
            raise
        try:
            found: dict[str, Any] = json.loads(answer.read())
        finally:
            answer.close()
            answer.release_conn()
        return found

    def _write(self, name: str, document: dict[str, Any], *, lasting: bool = False) -> None:
        content = json.dumps(document).encode()
        self._client.put_object(
            self._bucket, name, io.BytesIO(content), len(content), retention=self._retention(lasting)
        )

    def _retention(self, lasting: bool) -> Any:
        if not (lasting and self._lock_days):
            return None
        from minio.commonconfig import COMPLIANCE
        from minio.retention import Retention

        return Retention(COMPLIANCE, datetime.now(UTC) + timedelta(days=self._lock_days))


def segment_name(timeline: int, number: int) -> str:
    """PostgreSQL's name of a segment of 16 MB."""
    return f"{timeline:08X}{number // 256:08X}{number % 256:08X}"


def _number(name: str) -> int:
    return int(name[8:16], 16) * 256 + int(name[16:24], 16)


def lsn(position: int) -> str:
    """A log position as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def position(text: str) -> int:
    """A log position from PostgreSQL's writing."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


class _Reader(io.BytesIO):
    """Pieces as a file that the client library reads parts from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = bytearray()

    def readable(self) -> bool:
        return True

    def read(self, amount: int | None = -1, /) -> bytes:
        amount = -1 if amount is None else amount
        while amount < 0 or len(self._rest) < amount:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        taken = bytes(self._rest if amount < 0 else self._rest[:amount])
        del self._rest[: len(taken)]
        return taken


def _client(settings: Settings) -> Minio:
    import urllib3
    from minio import Minio

    return Minio(
        settings.s3_endpoint,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        secure=settings.s3_secure,
        http_client=urllib3.PoolManager(timeout=urllib3.Timeout(connect=3, read=30), retries=False, maxsize=8),
    )
