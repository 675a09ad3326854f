"""`his prepare database | storage | campus`: what a new data centre needs before its first release, made by ourselves.

Each may run any number of times and changes only what is not as it should be; Terraform runs them as jobs.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import psycopg

app = typer.Typer(help="What a new data centre needs.", no_args_is_help=True, rich_markup_mode=None)

DATABASE_URLS = {
    "his_owner": "HIS_OWNER_DATABASE_URL",
    "his_app": "HIS_DATABASE_URL",
    "his_worker": "HIS_WORKER_DATABASE_URL",
    "his_auditor": "HIS_AUDITOR_DATABASE_URL",
    "his_backup": "HIS_BACKUP_DATABASE_URL",
    "keycloak": "HIS_KEYCLOAK_DATABASE_URL",
}
"""Role -> the setting whose address holds its password. The last two only where they are set."""


@app.callback()
def group() -> None:
    """What a new data centre needs."""


@app.command()
def database() -> None:
    """Roles with the passwords of the settings, databases, who may connect; HIS_ADMIN_DATABASE_URL is a superuser's."""
    import psycopg

    wanted = {role: os.environ[name] for role, name in DATABASE_URLS.items() if os.environ.get(name)}
    admin = os.environ.get("HIS_ADMIN_DATABASE_URL", "")
    missing = [name for role, name in list(DATABASE_URLS.items())[:4] if role not in wanted]
    if missing or not admin:
        typer.echo(f"Not set: {', '.join([*missing, *([] if admin else ['HIS_ADMIN_DATABASE_URL'])])}", err=True)
        raise typer.Exit(1)
    with psycopg.connect(admin, autocommit=True, connect_timeout=10) as connection:
        for role, url in wanted.items():
            typer.echo(f"{role}: {_role(connection, role, _password(url))}")
        typer.echo(f"his_search: {_role(connection, 'his_search', None)}")
        # SET without INHERIT: the owner hands functions over to the search role, and gains none of its reach.
        connection.execute("GRANT his_search TO his_owner WITH SET TRUE, INHERIT FALSE, ADMIN FALSE")
        guests = [role for role in wanted if role not in {"keycloak", "his_backup"}]
        typer.echo(f"database his: {_database(connection, 'his', 'his_owner', guests)}")
        if "keycloak" in wanted:
            typer.echo(f"database keycloak: {_database(connection, 'keycloak', 'keycloak', ['keycloak'])}")


@app.command()
def storage() -> None:
    """Buckets with versions, locks and lifecycle; on MinIO also the users and what each may do.

    HIS_S3_ADMIN_ACCESS_KEY and HIS_S3_ADMIN_SECRET_KEY are the store's administrator, else the functions' own keys.
    """
    from minio.error import MinioException

    from infra.his import buckets
    from shared.settings import settings

    configuration = settings()
    access = os.environ.get("HIS_S3_ADMIN_ACCESS_KEY") or configuration.s3_access_key
    secret = os.environ.get("HIS_S3_ADMIN_SECRET_KEY") or configuration.s3_secret_key
    client = buckets.client(configuration.s3_endpoint, access, secret, secure=configuration.s3_secure)
    try:
        for change in buckets.make(client, configuration.s3_bucket, os.environ.get("HIS_BACKUP_BUCKET", "his-backup")):
            typer.echo(change)
        if os.environ.get("HIS_S3_ADMIN_ACCESS_KEY"):
            for change in buckets.users(configuration, access, secret, os.environ):
                typer.echo(change)
    except MinioException as error:
        typer.echo(f"object store: {error}", err=True)
        raise typer.Exit(1) from None


@app.command()
def campus(
    document: Annotated[
        str, typer.Option("--json", envvar="HIS_CAMPUS", help="The command that opens it, as the API takes it.")
    ],
) -> None:
    """Open a campus unless it is open: the first one as head hospital. Ends with 1 and the reason when refused."""
    from pydantic import ValidationError

    from functions.organisation.structure import service as organisation
    from infra.his import settings
    from shared.database.engine import Database
    from shared.identity.actor import system_actor
    from shared.problems import Problem
    from shared.runtime import Runtime
    from shared.telemetry import accept_trace
    from shared.tx import Tx

    try:
        command = organisation.OpenCampus.model_validate_json(document)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            typer.echo(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}", err=True)
        raise typer.Exit(1) from None
    configuration = settings.load()
    now = datetime.now(UTC)
    actor = system_actor("organisation/structure", command.code)
    connection = Database(configuration.database_url, 1, name="his-campus")
    runtime = Runtime(configuration, database=connection, clock=lambda: now)
    try:
        with connection.transaction(runtime.scope(actor, command.code)) as session:
            tx = Tx(session, actor, command.code, now, accept_trace(None))
            known = organisation.campuses(tx)
            if any(one.code == command.code for one in known):
                typer.echo(f"{command.code}: open already")
                return
            if known:
                organisation.open_campus(tx, command)
            else:
                organisation.bootstrap(tx, command)
        typer.echo(f"{command.code}: opened with {len(command.founders)} people; `his identity sync` lets them sign on")
    except Problem as refusal:
        typer.echo(f"{command.code}: {refusal.title}。{refusal.detail}", err=True)
        raise typer.Exit(1) from None
    finally:
        runtime.close()


def _password(url: str) -> str:
    from psycopg.conninfo import conninfo_to_dict

    return str(conninfo_to_dict(url).get("password") or "")


def _role(connection: psycopg.Connection[Any], role: str, password: str | None) -> str:
    """Make a role, or make it what it should be; its password is set anew each time, because nobody can compare it."""
    from psycopg import sql

    known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None
    rights = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS "
    rights += "REPLICATION" if role == "his_backup" else "NOREPLICATION"
    order = sql.SQL(f"{'ALTER' if known else 'CREATE'} ROLE {{}} {rights} {{}}")
    login: sql.Composable = sql.SQL("NOLOGIN")
    if password is not None:
        # The server sees the verifier only, so no log of its can hold the password.
        verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        login = sql.SQL("LOGIN PASSWORD {}").format(sql.Literal(verifier.decode()))
    connection.execute(order.format(sql.Identifier(role), login))
    return "as it should be" if known else "made"


def _database(connection: psycopg.Connection[Any], name: str, owner: str, guests: list[str]) -> str:
    from psycopg import sql

    known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None
    identifier = sql.Identifier(name)
    if not known:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(identifier, sql.Identifier(owner)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(identifier))
    roles = sql.SQL(", ").join(map(sql.Identifier, guests))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(identifier, roles))
    return "there" if known else "made"
