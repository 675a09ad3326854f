"""The object store: S3 through the minio client, its faults turned into problems. Never called inside a transaction."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from shared.settings import Settings
from shared.storage.problems import ObjectMissing, StorageUnavailable

if TYPE_CHECKING:
    from minio import Minio

CHUNK = 256 * 1024
_PART = 8 * 1024 * 1024
"""Bytes held in memory per upload; S3 wants parts of at least 5 MiB."""
_NO_SUCH_KEY = "NoSuchKey"


class Readable(Protocol):
    """Anything bytes can be read from, such as the body of a request."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a listing tells of an object."""

    key: str
    modified_at: datetime


class ObjectStore:
    """One bucket. `public_endpoint` is the host and port under which clients reach it, where that is another."""

    def __init__(
        self,
        endpoint: str,
        access_key: str,
        secret_key: str,
        bucket: str,
        *,
        secure: bool = False,
        public_endpoint: str = "",
        connections: int = 10,
        timeout: float = 30.0,
    ) -> None:
        import urllib3
        from minio import Minio

        def client(host: str) -> "Minio":
            # The region is given so that signing needs no request of its own.
            return Minio(
                host,
                access_key=access_key,
                secret_key=secret_key,
                secure=secure,
                region="us-east-1",
                http_client=urllib3.PoolManager(
                    maxsize=connections,
                    timeout=urllib3.Timeout(connect=3.0, read=timeout),
                    retries=urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)),
                ),
            )

        self.bucket = bucket
        self._client = client(endpoint)
        self._signer = client(public_endpoint) if public_endpoint else self._client

    @classmethod
    def from_settings(cls, settings: Settings) -> "ObjectStore":
        """The store this process was told to use."""
        return cls(
            settings.s3_endpoint,
            settings.s3_access_key,
            settings.s3_secret_key,
            settings.s3_bucket,
            secure=settings.s3_secure,
        )

    def put(self, key: str, data: Readable, content_type: str) -> None:
        """Store a stream of unknown length. What `data` raises goes through; nothing stays behind then."""
        with _faults():
            self._client.put_object(
                self.bucket,
                key,
                cast(BinaryIO, data),
                length=-1,
                part_size=_PART,
                num_parallel_uploads=1,
                content_type=content_type,
            )

    def exists(self, key: str) -> bool:
        """Whether there is an object of this key."""
        from minio.error import S3Error

        with _faults():
            try:
                self._client.stat_object(self.bucket, key)
            except S3Error as error:
                if error.code != _NO_SUCH_KEY:
                    raise
                return False
        return True

    @contextmanager
    def open(self, key: str) -> Iterator[Iterator[bytes]]:
        """An object's bytes in chunks. Raises ObjectMissing when there is none."""
        from minio.error import S3Error

        with _faults():
            try:
                answer = self._client.get_object(self.bucket, key)
            except S3Error as error:
                if error.code != _NO_SUCH_KEY:
                    raise
                raise ObjectMissing("文件已丢失，请联系信息科。") from error
            try:
                yield answer.stream(CHUNK)
            finally:
                answer.close()
                answer.release_conn()

    def listing(self) -> Iterator[StoredObject]:
        """Every object of the bucket, in order of keys."""
        with _faults():
            for entry in self._client.list_objects(self.bucket, recursive=True):
                yield StoredObject(entry.object_name, entry.last_modified)

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is not there is no fault."""
        from minio.deleteobjects import DeleteObject

        with _faults():
            refused = list(self._client.remove_objects(self.bucket, [DeleteObject(key) for key in keys]))
        if refused:
            raise StorageUnavailable(f"文件存储未能删除 {len(refused)} 个对象。")

    def presign(self, key: str, seconds: int, headers: dict[str, str]) -> str:
        """An address that reads one object for some seconds, with the answer's headers fixed in the signature."""
        url: str = self._signer.get_presigned_url(
            "GET",
            self.bucket,
            key,
            expires=timedelta(seconds=seconds),
            response_headers=cast(Any, headers),
        )
        return url


@contextmanager
def _faults() -> Iterator[None]:
    """Faults of the network and of the server as StorageUnavailable."""
    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (MinioException, HTTPError) as error:
        raise StorageUnavailable("文件存储暂时无法访问，请稍后重试。") from error
