"""`his demo`: a real clinic morning, played through the front door."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from infra.his import settings


class Step(StrEnum):
    """Parts of a demonstration that `his up` needs one by one."""

    FOUND = "found"
    PREPARE = "prepare"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(demo)


def demo(
    patients: Annotated[int, typer.Option(min=1, help="How many patients come.")] = 500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same morning.")] = 20260701,
    only: Annotated[
        Step | None,
        typer.Option(help="found: open the head hospital in an empty database. prepare: fill in both campuses."),
    ] = None,
) -> None:
    """Play a clinic morning at every campus through HTTP; exit code 1 when anything does not add up."""
    configuration = settings.load()

    from loadtests import demo as engine

    match only:
        case Step.FOUND:
            engine.found(configuration)
        case Step.PREPARE:
            engine.prepare(configuration)
        case None:
            raise typer.Exit(engine.play(configuration, patients=patients, seed=seed))
