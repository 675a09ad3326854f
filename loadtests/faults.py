"""Faults on purpose, against the local stack: `python -m loadtests.faults kill-function`.

    kill-function     SIGKILL the process of all functions, start it again
    restart-database  stop PostgreSQL as an operator would, start it again
    stop-relay        SIGKILL the worker, leave events undelivered for a while, start it again

Only processes the stack itself started, by id, on this machine.
"""

import os
import signal
import sys
import time
from collections.abc import Callable

from infra.local import process, stack
from infra.local.supervisor import Supervisor
from shared.settings import settings

APART = 5.0
"""Seconds events stay undelivered when the relay is stopped."""


def kill_function(services: Supervisor) -> None:
    """Whatever a function is doing dies in the middle of it."""
    _kill(services, "host")
    services.up(["host"])


def restart_database(services: Supervisor) -> None:
    """Every connection breaks; functions find new ones."""
    running = services.find("postgres")
    if running is not None:
        process.end(running, first=signal.SIGINT)
    services.up(["postgres"])


def stop_relay(services: Supervisor) -> None:
    """The broker is down: facts wait in the outbox."""
    _kill(services, "worker")
    time.sleep(APART)
    services.up(["worker"])


FAULTS: dict[str, Callable[[Supervisor], None]] = {
    "kill-function": kill_function,
    "restart-database": restart_database,
    "stop-relay": stop_relay,
}


def _kill(services: Supervisor, name: str) -> None:
    running = services.find(name)
    if running is not None:
        os.kill(running.pid, signal.SIGKILL)
        process.until(lambda: not running.alive, 10.0)


def main(names: list[str]) -> int:
    """Strike once for each name, in order."""
    for name in names:
        FAULTS[name](stack.supervisor(settings().state_dir))
        print(f"{name}: struck and mended")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
