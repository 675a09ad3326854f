"""`his modules | generate`: what the code declares, and the files made from it."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(modules)
    app.command()(generate)


def modules(
    as_json: Annotated[bool, typer.Option("--json", help="Everything they declare, for programs.")] = False,
) -> None:
    """List the function apps."""
    if as_json:
        from infra.his.generate import declared

        typer.echo(declared().rstrip())
        return

    from functions.registry import all_apps

    for app in all_apps():
        typer.echo(
            f"{app.module!s:>3}  {app.name:<28} {len(app.routes()):>3} routes {len(app.on):>3} events  {app.title}"
        )


def generate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit code 1 when a file is stale.")] = False,
) -> None:
    """Write the files that are made from the code's declarations."""
    from infra.his.generate import stale, write

    if not check:
        for path in write():
            typer.echo(f"wrote {path}")
        return
    found = stale()
    for path in found:
        typer.echo(f"stale: {path}", err=True)
    if found:
        typer.echo("Run `his generate` and commit the result.", err=True)
        raise typer.Exit(1)
