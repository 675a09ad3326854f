"""A database from the store, as it was at a moment."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.backup.base_backup import choose
from infra.backup.settings import BackupError
from infra.backup.vault import Base, Vault, segment_name

LOG = "his-archived-log"
"""Folder beside the data directory that holds the log to be replayed."""
DONE = "his-laid-out"
"""File beside them, written last: what the base backup was."""


_GUARD: Any = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
"""Python 3.11.2, the image's, does not know filters yet."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was laid out."""

    base: Base
    segments: int
    bytes: int


def restore(
    vault: Vault,
    into: Path,
    *,
    until: datetime | None = None,
    again: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Restored:
    """Lay out a data directory under `into` that a PostgreSQL of the same major version replays and then opens.

    `until` is the last moment to come back, else everything there is. `again` begins anew what was interrupted. Raises
    BackupError for a folder that is not empty, and when no base backup fits; SealError when an object is not what was
    stored.
    """
    if again and not laid_out(into):
        shutil.rmtree(into, ignore_errors=True)
    if into.exists() and any(into.iterdir()):
        raise BackupError(f"{into} is not empty.")
    base = choose(vault.bases(), until)
    into.mkdir(parents=True, exist_ok=True)
    into.chmod(0o700)
    shelf = into.parent / LOG
    shelf.mkdir(exist_ok=True)
    numbers = vault.segments(base.start)
    say(f"base backup {base.name}, {base.bytes / 2**30:.2f} GiB, {len(numbers)} segments of the log")

    def fetch(one: tuple[int, int]) -> None:
        content = vault.segment(*one)
        if content is not None:
            (shelf / segment_name(*one)).write_bytes(content)

    with ThreadPoolExecutor(2) as pool:
        fetching = [pool.submit(fetch, one) for one in numbers]
        reader = io.BufferedReader(_Stream(vault.get(f"base/{base.name}/base")), 1 << 20)
        with tarfile.open(fileobj=reader, mode="r|") as archive:
            archive.extractall(into, **_GUARD)  # noqa: S202  sealed by ourselves
        for one in fetching:
            one.result()
    for name in vault.names("history/"):
        (shelf / f"{name.rpartition('/')[2]}.history").write_bytes(b"".join(vault.get(name)))
    (into / "backup_manifest").write_bytes(b"".join(vault.get(f"base/{base.name}/manifest")))
    _instruct(into, shelf, until)
    (into.parent / DONE).write_text(base.name, encoding="utf-8")
    return Restored(base, len(numbers), base.bytes)


def laid_out(into: Path) -> bool:
    """Whether a data directory was laid out to its end; a server may have worked on it since."""
    return (into.parent / DONE).exists()


_ELSEWHERE = (
    "ssl = off",
    "unix_socket_directories = ''",
    "logging_collector = off",
    "shared_preload_libraries = ''",
    # No commit here may wait for a standby of the server that was lost.
    "synchronous_standby_names = ''",
    "primary_conninfo = ''",
    "primary_slot_name = ''",
    # A clone of this server must have none of these: `ALTER SYSTEM RESET ALL` before it is made.
    "allow_alter_system = on",
)
"""An operator's server names certificates, sockets and programs that its pod had; none of them came along."""
_CLONERS = "host replication his_backup all scram-sha-256"
"""The role of the backup may clone the restored server, which has no certificate."""


def _instruct(into: Path, shelf: Path, until: datetime | None) -> None:
    """How PostgreSQL is to replay: everything on the shelf, up to the moment, then open."""
    (into / "recovery.signal").touch()
    # The signal of a standby wins over it; a base backup of one carries it along.
    (into / "standby.signal").unlink(missing_ok=True)
    lines = [
        "",
        *_ELSEWHERE,
        f'restore_command = \'cp "{shelf}/%f" "%p"\'',
        "recovery_target_timeline = 'latest'",
        "recovery_target_action = 'promote'",
        # A restored server must not write into the archive of the one it replaces.
        "archive_mode = 'off'",
    ]
    if until is not None:
        lines.append(f"recovery_target_time = '{until.isoformat()}'")
    for name, text in (("postgresql.auto.conf", "\n".join(lines)), ("pg_hba.conf", f"\n{_CLONERS}")):
        path = into / name
        # An operator may have made the file read-only.
        path.chmod(0o600)
        with path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")


class _Stream(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        amount = min(len(buffer), len(self._rest))
        buffer[:amount] = self._rest[:amount]
        self._rest = self._rest[amount:]
        return amount
