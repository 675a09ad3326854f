"""`his migrate`: the database schema."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.his import settings


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(migrate)


def migrate(
    revision: Annotated[str, typer.Option(help="Bring the schema to this revision.")] = "head",
) -> None:
    """Bring the database schema up to date; does nothing when it is."""
    configuration = settings.load()

    from infra.migrations import upgrade

    upgrade(configuration.owner_database_url, revision)
    typer.echo(f"Schema is at {revision}.")
