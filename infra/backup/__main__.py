"""`python -m infra.backup archive | base | list | prune | check | restore | key | drill`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from infra.backup.seal import SealError, new_key
from infra.backup.settings import BackupError, Settings, load


def main() -> int:
    """Run one command; exit code 1 when there is no backup where there should be one."""
    given = _arguments()
    try:
        match given.command:
            case "key":
                print(new_key(given.name))
            case "drill":
                from infra.backup.drill import drill

                return drill(given.gigabytes, given.seconds, _say)
            case "archive":
                return _archive(load(), given.port)
            case "base":
                from infra.backup.base_backup import take

                base = take(load())
                print(f"{base.name}: {base.bytes / 2**30:.2f} GiB")
            case "list":
                for base in load().vault().bases():
                    print(f"{base.name}  timeline {base.timeline}  {base.bytes / 2**30:6.2f} GiB  until {base.ended}")
            case "prune":
                from infra.backup.base_backup import prune

                print(f"{len(prune(load().vault(), given.keep_days))} objects removed")
            case "check":
                return _check(load(), given.hours)
            case "restore":
                from infra.backup.restore import laid_out, restore

                if given.once and laid_out(given.into):
                    print(f"{given.into}: laid out already")
                    return 0
                until = datetime.fromisoformat(given.until) if given.until else None
                if until is not None and until.tzinfo is None:
                    raise BackupError("Say the time zone too: 2026-11-23T08:15:00+08:00")
                done = restore(load().vault(), given.into, until=until, again=given.once, say=_say)
                print(f"{given.into}: ready to be started; it replays {done.segments} segments and then opens")
    except (BackupError, SealError) as error:
        _say(str(error))
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    archive = commands.add_parser("archive", help="stream the log into the store, for ever")
    archive.add_argument("--port", type=int, default=8002, help="where Prometheus reads; 0 for nowhere")
    commands.add_parser("base", help="take a base backup")
    commands.add_parser("list", help="list the base backups")
    prune = commands.add_parser("prune", help="forget old base backups and the log only they need")
    prune.add_argument("--keep-days", type=int, default=14)
    check = commands.add_parser("check", help="fail when the newest base backup is too old or cannot be read")
    check.add_argument("--hours", type=int, default=26)
    back = commands.add_parser("restore", help="lay out a data directory from the store")
    back.add_argument("--into", type=Path, required=True)
    back.add_argument("--until", default="", help="last moment to come back, with its time zone; else everything")
    back.add_argument("--once", action="store_true", help="leave what is laid out alone, begin an interrupted one anew")
    key = commands.add_parser("key", help="make a key for HIS_BACKUP_KEYS")
    key.add_argument("name", help="for example the month: 2026-11")
    drill = commands.add_parser("drill", help="lose a database on this machine and get it back, with figures")
    drill.add_argument("--gigabytes", type=float, default=1.0)
    drill.add_argument("--seconds", type=int, default=20)
    return parser.parse_args()


def _archive(settings: Settings, port: int) -> int:
    from prometheus_client import start_http_server

    from infra.backup.archive import Archive
    from shared.telemetry import configure

    configure("his-archive")
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if port:
        start_http_server(port)
    Archive(settings).run(stop)
    return 0


def _check(settings: Settings, hours: int) -> int:
    """Read the newest base backup to its end: what cannot be opened is no backup."""
    vault = settings.vault()
    bases = vault.bases()
    if not bases:
        raise BackupError("There is no base backup.")
    newest = bases[-1]
    age = (datetime.now(UTC) - datetime.fromisoformat(newest.ended)).total_seconds() / 3600
    size = sum(len(piece) for piece in vault.get(f"base/{newest.name}/base"))
    listed = json.loads(b"".join(vault.get(f"base/{newest.name}/manifest")))["Files"]
    print(f"{newest.name}: {age:.1f} h old, {size / 2**30:.2f} GiB readable, {len(listed)} files")
    if size != newest.bytes:
        raise BackupError(f"{newest.name} has {size} bytes, {newest.bytes} were stored")
    if age > hours:
        raise BackupError(f"The newest base backup is {age:.0f} hours old.")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
