"""`his identity sync`: the realm, made what the code and the organisation say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from infra.his import settings

if TYPE_CHECKING:
    from shared.identity.keycloak_admin import Report
    from shared.settings import Settings

T = TypeVar("T")

app = typer.Typer(help="The identity server.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """The identity server."""


@app.command()
def sync() -> None:
    """Make the realm what the code and the organisation say: permissions, posts, campuses, accounts."""
    for report in synchronise(settings.load()):
        for change in report.changes:
            typer.echo(change)
        for change in report.drift:
            typer.echo(f"changed by hand, put right: {change}", err=True)
        for refusal in report.refused:
            typer.echo(f"refused: {refusal}", err=True)
        typer.echo(f"{len(report.changes)} changed, {report.unchanged} as declared")
        if report.refused:
            raise typer.Exit(1)


def synchronise(configuration: Settings) -> list[Report]:
    """Provision the realm, then the accounts of everybody who works here. A second run changes nothing.

    Accounts made here start with the demonstration's password where there is one; elsewhere with none, and the
    identity office sets the first. Ends the command with advice when no campus is open.
    """
    from datetime import UTC, datetime

    from functions.platform.sso import service as sso
    from shared.database.engine import REPORT, Database, Scope
    from shared.identity.accounts import sync_staff
    from shared.identity.actor import system_actor
    from shared.identity.keycloak_admin import connect
    from shared.identity.people import kept_up
    from shared.identity.provisioning import provision
    from shared.telemetry import current_traceparent
    from shared.tx import Tx

    database = Database(configuration.auditor_database_url, 1, name="his-identity")

    def read(what: Callable[[Tx], T]) -> T:
        """The auditor sees every campus and changes nothing."""
        with database.transaction(Scope(campus="", readable=(), subject="system:identity"), REPORT) as session:
            return what(Tx(session, system_actor("identity", ""), "", datetime.now(UTC), current_traceparent()))

    try:
        declaration = read(lambda tx: sso.declaration(tx, configuration))
        if not declaration.campuses:
            typer.echo(
                "No campus is open: open the head hospital first (`his demo --only found` for a demonstration).",
                err=True,
            )
            raise typer.Exit(1)
        admin = connect(configuration)
        realm = provision(admin, declaration)
        _, accounts = kept_up(
            lambda: read(lambda tx: sso.people(tx, None, configuration)), lambda people: sync_staff(admin, people)
        )
    finally:
        database.close()
    return [realm, accounts]
