"""Processes of the local stack, named so that a reused process id is never mistaken for one of ours."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

TAG = "HIS_LOCAL_SERVICE"
"""Environment variable every service carries: `<state folder>#<name>`. It finds what a lost record no longer names."""

_LINUX = sys.platform.startswith("linux")
_children: list[subprocess.Popen[bytes]] = []  # services outlive the caller: kept, so that nothing warns about them


class Process(NamedTuple):
    """A process id together with the moment it started; the pair is unique where the id alone is not."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not, a later owner of the id is another process)."""
        return started(self.pid) == self.started


def started(pid: int) -> str | None:
    """Start time of a running process as an opaque text, None when no such process runs.

    On Linux: boot id and clock ticks since boot, so that a record that outlives a reboot never matches.
    """
    if pid <= 0:
        return None
    if not _LINUX:
        return _ps(pid, "lstart=") if _ps(pid, "stat=")[:1] not in ("", "Z") else None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The command name stands in parentheses and may hold blanks and parentheses itself.
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        for child in _children:
            child.poll()  # collects it when it was ours
        return None
    return f"{boot[:8]}-{fields[19]}"


def identify(pid: int) -> Process | None:
    """The process now running under an id."""
    moment = started(pid)
    return None if moment is None else Process(pid, moment)


def command(pid: int) -> list[str]:
    """Command line of a running process, empty when it is gone."""
    if not _LINUX:
        return _ps(pid, "args=").split()
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []


def tagged(tag: str) -> list[Process]:
    """Running processes that were spawned under a tag, and their children, oldest first. Linux only, else none."""
    found: list[tuple[int, Process]] = []
    for folder in Path("/proc").glob("[0-9]*") if _LINUX else ():
        with contextlib.suppress(OSError):
            if f"{TAG}={tag}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                one = identify(int(folder.name))
                if one is not None:
                    found.append((int(one.started.rpartition("-")[2]), one))
    return [one for _, one in sorted(found)]


def environment(*without: str) -> dict[str, str]:
    """The caller's environment without variables of these prefixes, which would steer the program by chance."""
    return {name: value for name, value in os.environ.items() if not name.startswith(without)}


def spawn(
    arguments: list[str],
    *,
    log: Path,
    tag: str,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: int | None = None,
    group: int | None = None,
) -> Process:
    """Start a service in a session of its own (Ctrl-C in the terminal does not reach it), output appended to a log.

    Raises OSError when the program cannot be started; a program that ends at once is returned and not alive.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**(os.environ if environment is None else environment), TAG: tag},
            cwd=cwd or "/",
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            start_new_session=True,
        )
    _children.append(child)
    return identify(child.pid) or Process(child.pid, "ended")


def end(process: Process, *, patience: float = 15.0, first: signal.Signals = signal.SIGTERM) -> bool:
    """Ask a process to end, wait, then force it. True when it was running.

    The start time is compared again before every signal. Raises TimeoutError when even force does not help.
    """
    if not process.alive:
        return False
    for attempt, wait in ((first, patience), (signal.SIGKILL, 15.0)):
        with contextlib.suppress(ProcessLookupError):
            if process.alive:
                os.kill(process.pid, attempt)
        if until(lambda: not process.alive, wait):
            return True
    raise TimeoutError(f"process {process.pid} does not end")


def until(condition: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Wait until a condition holds; False when it still does not after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
    return True


def _ps(pid: int, column: str) -> str:
    done = subprocess.run(["ps", "-p", str(pid), "-o", column], capture_output=True, text=True, check=False)
    return done.stdout.strip()
