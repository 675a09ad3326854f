"""`his dead-letters list | replay`: events one subscriber could not handle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from infra.his import settings

if TYPE_CHECKING:
    from shared.database.engine import Database

app = typer.Typer(help="Events one subscriber could not handle.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="Show so many at most.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="With their data, for programs.")] = False,
) -> None:
    """List the dead letters nobody has replayed, oldest first."""
    with _database() as database:
        from events.dead_letters import list_open

        letters = list_open(database, limit)
    if as_json:
        typer.echo(json.dumps([letter._asdict() for letter in letters], ensure_ascii=False, default=str, indent=2))
        return
    for letter in letters:
        typer.echo(
            f"{letter.event_id}  {letter.died_at:%Y-%m-%d %H:%M:%S%z}  {letter.campus_id}  {letter.subscriber}  "
            f"{letter.type}  {letter.subject}  {letter.reason} after {letter.attempts} attempts"
        )
    if not letters:
        typer.echo("No dead letters.")


@app.command()
def replay(
    events: Annotated[list[UUID] | None, typer.Argument(help="Events, as `list` shows them.")] = None,
    subscriber: Annotated[str | None, typer.Option(help="Only to this one of the event's subscribers.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
) -> None:
    """Deliver events again to the subscribers that could not handle them. Exit code 1 when one has no dead letter."""
    if bool(events) == every:
        raise typer.BadParameter("name the events to replay, or --all")
    missing = False
    with _database() as database:
        from events.dead_letters import list_open
        from events.dead_letters import replay as put_back

        chosen = events or list(dict.fromkeys(letter.event_id for letter in list_open(database, limit=100_000)))
        for event_id in chosen:
            replayed = put_back(database, event_id, subscriber)
            missing = missing or not replayed
            typer.echo(f"{event_id}  {', '.join(replayed) or 'no such dead letter'}")
    if missing and not every:
        raise typer.Exit(1)


@contextmanager
def _database() -> Iterator[Database]:
    configuration = settings.load()

    from shared.database.engine import Database

    database = Database(configuration.worker_database_url, 1, name="his-dead-letters")
    try:
        yield database
    finally:
        database.close()
