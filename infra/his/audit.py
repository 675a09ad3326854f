"""`his audit verify`: the audit log proves its order and completeness."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.his import settings

if TYPE_CHECKING:
    from shared.audit import Head

app = typer.Typer(help="The audit log.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """The audit log."""


@app.command()
def verify(
    campus: Annotated[str | None, typer.Option(help="Only this campus.")] = None,
    witnesses: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A log of the worker: heads kept outside.")
    ] = None,
) -> None:
    """Recompute the hash chains; exit code 1 when one does not hold, with what is wrong where."""
    configuration = settings.load()

    from shared.audit import verify as verify_chains
    from shared.database.engine import Database

    database = Database(configuration.auditor_database_url, 1, name="his-audit")
    try:
        heads = [head for path in witnesses or () for head in _heads(path)]
        report = verify_chains(database, campus, witnesses=heads)
    finally:
        database.close()
    for chain in report.chains:
        for finding in chain.findings:
            typer.echo(str(finding), err=True)
        wrong = ", ".join(f"{count} {kind}" for kind, count in chain.counts.items())
        typer.echo(f"{chain.campus_id}: {chain.links} links, {wrong or 'in order and complete'}")
    if not report.ok:
        raise typer.Exit(1)


def _heads(log: Path) -> Iterator[Head]:
    """Heads the worker wrote to its log, where whoever can rewrite the database does not reach them."""
    from shared.audit import Head

    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if '"audit head"' in line:
                said = json.loads(line)
                published = datetime.fromisoformat(said["published_at"])
                yield Head(said["campus"], int(said["position"]), bytes.fromhex(said["hash"]), published)
