"""`his up | down | status | env`: the local stack."""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.local.supervisor import Line


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command("env")(environment)


def up(
    services: Annotated[
        list[str] | None, typer.Argument(help="Start only these and what they need: postgres, storage, keycloak, ...")
    ] = None,
) -> None:
    """Start the hospital on this machine, or find it running."""
    from infra.local import stack
    from infra.local.environment import state_dir
    from infra.local.record import exclusive

    state = state_dir()
    with (
        _interruptible("What has started keeps running: `his up` goes on from there, `his down` ends it."),
        exclusive(state, _waiting),
    ):
        good = stack.up(state, services or (), _show)
    if not good:
        typer.echo(f"Not everything is up. Logs: {state / 'logs'}", err=True)
        raise typer.Exit(1)
    if not services:
        typer.echo(f"\nThe hospital is open: {stack.address(state)}")


def down(
    erase: Annotated[bool, typer.Option("--erase", help="Also remove all data of the local stack.")] = False,
) -> None:
    """End everything `his up` started."""
    from infra.local import stack
    from infra.local.environment import state_dir
    from infra.local.record import exclusive

    state = state_dir()
    if not state.exists():
        typer.echo("Nothing runs.")
        return
    with _interruptible("`his down` goes on from there."), exclusive(state, _waiting):
        ended = stack.erase(state, _show) if erase else stack.down(state, _show)
    if not ended:
        typer.echo("Nothing runs.")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what runs. Exit code 1 unless all of it is ready."""
    from infra.local import stack
    from infra.local.environment import state_dir

    with _plainly():
        found = stack.supervisor(state_dir()).status()
    if as_json:
        rows = [
            {"name": service.name, "state": state, "pid": running.pid if running else None, "address": service.address}
            for service, state, running in found
        ]
        typer.echo(json.dumps(rows, indent=2))
    else:
        for service, state, running in found:
            typer.echo(f"{service.name:<10} {state:<10} {running.pid if running else '-':>8}  {service.address}")
    if any(state != "ready" for _, state, _ in found):
        raise typer.Exit(1)


def environment() -> None:
    """Print the settings of the local stack for a shell: eval "$(his env)"."""
    from infra.local.environment import environment as settings
    from infra.local.environment import state_dir

    with _plainly():
        for name, value in settings(state_dir()).items():
            typer.echo(f"export {name}={shlex.quote(value)}")


def _show(line: Line) -> None:
    first, *rest = line.detail.splitlines() or [""]
    typer.echo(f"{line.name:<11} {line.state:<11} {line.seconds:5.1f} s  {first}".rstrip())
    for more in rest:
        typer.echo(f"    {more}")


def _waiting(holder: str) -> None:
    typer.echo(f"Another `his up` or `his down` is at work (process {holder}); waiting for it.")


@contextmanager
def _plainly() -> Iterator[None]:
    """Say without a traceback what the machine refuses: nothing started, a folder of another user, no free port."""
    from infra.local.supervisor import StackError

    try:
        yield
    except (StackError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


@contextmanager
def _interruptible(advice: str) -> Iterator[None]:
    """Treat the end of the terminal and a polite kill like Ctrl-C: finish the step in hand, then stop."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with _plainly():
            yield
    except KeyboardInterrupt:
        typer.echo(f"\nInterrupted. {advice}", err=True)
        raise typer.Exit(130) from None
