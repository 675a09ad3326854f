"""Settings of a command: the environment's, else those of the local stack of this checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from shared.settings import Settings


def load() -> Settings:
    """Settings for a command that needs a hospital; ends the command with advice when there is none."""
    from infra.local.environment import adopt, state_dir

    if not adopt(state_dir()):
        typer.echo("No hospital here: set HIS_DATABASE_URL and its like, or start one with `his up`.", err=True)
        raise typer.Exit(1)

    from shared.settings import settings

    return settings()
