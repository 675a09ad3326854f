"""What the stack's servers have in common: each can be one service of the stack, or be started alone (tests)."""

from __future__ import annotations

import abc
import functools
from pathlib import Path
from typing import ClassVar

from infra.local import credentials
from infra.local.process import Process
from infra.local.supervisor import Line, Progress, Service, StackError, Supervisor


class Server(abc.ABC):
    """One server of a state folder, listening on one port of the loopback interface."""

    name: ClassVar[str]
    patience: ClassVar[float] = 120.0
    drain: ClassVar[float] = 15.0

    def __init__(self, state_dir: Path, port: int) -> None:
        self.state_dir = state_dir.absolute()
        self.port = port
        self.home = self.state_dir / self.name
        self.log = self.state_dir / "logs" / f"{self.name}.log"
        self.tag = f"{self.state_dir}#{self.name}"

    @functools.cached_property
    def credentials(self) -> credentials.Credentials:
        return credentials.load(self.state_dir)

    @abc.abstractmethod
    def prepare(self, progress: Progress) -> None:
        """Make what must be there before it can be launched, once; an interrupted step is done again."""

    @abc.abstractmethod
    def launch(self) -> Process:
        """Start the process; it answers some seconds later."""

    @abc.abstractmethod
    def ready(self) -> bool:
        """Whether it does its work."""

    @abc.abstractmethod
    def recipe(self) -> str:
        """Everything it is started with, as a text that changes when any of it does."""

    def tidy(self) -> None:
        """Remove what a forced end leaves behind outside the state folder."""
        return

    @property
    @abc.abstractmethod
    def address(self) -> str:
        """Where clients reach it."""

    def service(self, *needs: str) -> Service:
        """This server as a service of a stack."""
        return Service(
            name=self.name,
            needs=needs,
            prepare=self.prepare,
            launch=self.launch,
            ready=self.ready,
            recipe=self.recipe,
            patience=self.patience,
            drain=self.drain,
            tidy=self.tidy,
            address=self.address,
        )

    def start(self) -> None:
        """Start it alone and wait until it is ready; fine when it runs, fine when several processes ask at once.

        Raises StackError with the end of its log.
        """
        lines: list[Line] = []
        credentials.prepare(self.state_dir)
        with credentials.locked(self.state_dir / f"{self.name}.lock"):
            if not Supervisor(self.state_dir, [self.service()], lines.append).up():
                raise StackError(f"{self.name}: {lines[-1].detail}")

    def running(self) -> Process | None:
        """Its process."""
        return Supervisor(self.state_dir, [self.service()], lambda line: None).find(self.name)

    def stop(self) -> bool:
        """End it; True when it ran."""
        return Supervisor(self.state_dir, [self.service()], lambda line: None).down()
