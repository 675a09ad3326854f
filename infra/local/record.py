"""What the local stack remembers between two commands: ports and processes, in <state>/stack.json."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypedDict

from infra.local import credentials
from infra.local.process import Process


class Entry(NamedTuple):
    """A process we started, and a digest of what it was started with."""

    process: Process
    recipe: str


class _Stored(TypedDict):
    ports: dict[str, int]
    processes: dict[str, dict[str, str | int]]


class Record:
    """<state>/stack.json. Every change is on disk before the call returns; threads of one process may share it."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir.absolute()
        self.path = self.state_dir / "stack.json"
        self._lock = threading.Lock()

    def ports(self) -> dict[str, int]:
        """Ports by name; empty before the first start."""
        return self._read()["ports"]

    def keep_ports(self, ports: Mapping[str, int]) -> None:
        with self._change() as stored:
            stored["ports"].update(ports)

    def entry(self, name: str) -> Entry | None:
        """What was last started under a name, alive or not."""
        stored = self._read()["processes"].get(name)
        if stored is None:
            return None
        return Entry(Process(int(stored["pid"]), str(stored["started"])), str(stored["recipe"]))

    def keep(self, name: str, entry: Entry) -> None:
        pid, started = entry.process
        with self._change() as stored:
            stored["processes"][name] = {"pid": pid, "started": started, "recipe": entry.recipe}

    def forget(self, name: str) -> None:
        if self.entry(name) is not None:
            with self._change() as stored:
                stored["processes"].pop(name, None)

    def _read(self) -> _Stored:
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            return {"ports": dict(stored["ports"]), "processes": dict(stored["processes"])}
        except (OSError, ValueError, KeyError, TypeError):
            # Lost or damaged: processes are found again by their tag, ports are chosen anew.
            return {"ports": {}, "processes": {}}

    @contextlib.contextmanager
    def _change(self) -> Iterator[_Stored]:
        with self._lock:
            stored = self._read()
            yield stored
            credentials.write_private(self.path, json.dumps(stored, indent=2) + "\n")


@contextlib.contextmanager
def exclusive(state_dir: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Let one `up` or `down` work on a state folder at a time; `waiting` is told who holds it, then we queue."""
    path = credentials.prepare(state_dir) / "stack.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as refusal:
            if refusal.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            waiting(os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "?")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose(wish: int, taken: Iterable[int]) -> int:
    """The wished port, or the next one above it that is free and not promised to another service.

    Raises OSError when none is left.
    """
    promised = set(taken)
    for port in range(wish, 65536):
        if port not in promised and free(port):
            return port
    raise OSError(errno.EADDRNOTAVAIL, f"no free port from {wish} up")
