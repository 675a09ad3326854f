"""Settings of the backup, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.backup.seal import Keys

if TYPE_CHECKING:
    from infra.backup.vault import Vault


class BackupError(Exception):
    """What cannot go on, and what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the database is, where its backup goes, and the keys between."""

    database_url: str = ""
    """Of a role with REPLICATION; the archiver and base backups need it, a restore does not."""
    keys: Keys
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    s3_secure: bool = False
    bucket: str = "his-backup"
    lock_days: int = 0
    """Days during which nobody, not even this program, can delete a base backup or a whole segment (object lock)."""

    def vault(self) -> Vault:
        """The store."""
        from infra.backup.vault import Vault

        return Vault(self)


def load() -> Settings:
    """From HIS_BACKUP_* and HIS_S3_*. Raises BackupError for what is missing."""
    missing = [name for name in ("HIS_BACKUP_KEYS", "HIS_S3_ENDPOINT") if not os.environ.get(name)]
    if missing:
        raise BackupError(f"Not set: {', '.join(missing)}")
    return Settings(
        database_url=os.environ.get("HIS_BACKUP_DATABASE_URL", ""),
        keys=Keys.parse(os.environ["HIS_BACKUP_KEYS"]),
        s3_endpoint=os.environ["HIS_S3_ENDPOINT"],
        s3_access_key=os.environ.get("HIS_BACKUP_S3_ACCESS_KEY") or os.environ.get("HIS_S3_ACCESS_KEY", ""),
        s3_secret_key=os.environ.get("HIS_BACKUP_S3_SECRET_KEY") or os.environ.get("HIS_S3_SECRET_KEY", ""),
        s3_secure=os.environ.get("HIS_S3_SECURE", "").lower() in {"1", "true"},
        bucket=os.environ.get("HIS_BACKUP_BUCKET", "his-backup"),
        lock_days=int(os.environ.get("HIS_BACKUP_LOCK_DAYS", "0")),
    )
