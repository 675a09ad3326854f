"""MinIO as the object store of one machine: what the data centre runs, for the conformance tests.

`make minio` builds it from its Go module into `.state/bin`; the local stack itself uses SeaweedFS, a wheel.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from infra.local import process
from infra.local.environment import REPOSITORY
from infra.local.process import Process
from infra.local.storage import Storage
from infra.local.supervisor import StackError

BINARY = REPOSITORY / ".state" / "bin" / "minio"


def program() -> str:
    """Path of the server. Raises StackError with advice when nobody built it."""
    found = BINARY if BINARY.exists() else shutil.which("minio")
    if found is None:
        raise StackError("MinIO is not built: run `make minio` (some minutes, needs Go).")
    return str(found)


class MinioServer(Storage):
    """One MinIO server under `<state_dir>/minio`, with the bucket and keys of the local stack."""

    name = "minio"

    def prepare(self, progress: Callable[[str], None] = lambda step: None) -> None:
        """Make the folder."""
        (self.home / "data").mkdir(parents=True, exist_ok=True, mode=0o700)

    def launch(self) -> Process:
        environment = process.environment("HIS_", "MINIO_", "AWS_", "S3_") | {
            "MINIO_ROOT_USER": self.credentials.s3_access_key,
            "MINIO_ROOT_PASSWORD": self.credentials.s3_secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }
        return process.spawn(self._arguments(), log=self.log, tag=self.tag, environment=environment, cwd=self.home)

    def tidy(self) -> None:
        """Nothing outside its folder."""

    def recipe(self) -> str:
        return json.dumps(self._arguments())

    def _arguments(self) -> list[str]:
        data: Path = self.home / "data"
        return [program(), "server", "--quiet", "--address", self.endpoint, str(data)]
