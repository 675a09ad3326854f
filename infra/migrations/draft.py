"""Draft the next migration: what the models have and the history has not, with the wall of each new table.

    python -m infra.migrations.draft wheelchairs

It builds the schema of the whole history on a scratch PostgreSQL of its own, so nothing needs to run and nothing is
touched. A draft is read before it is used: the kind of wall is guessed from the columns.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations.ops import CreateTableOp, UpgradeOps
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from functions.registry import metadata
from infra.local.postgres import Postgres
from infra.local.record import choose
from infra.migrations import HERE, configuration, upgrade

_FILE = '''"""{title}."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import {helpers}

revision = "{revision}"
down_revision = "{parent}"


def upgrade() -> None:
    {operations}
    for statement in [
        {walls}
    ]:
        op.execute(statement)
'''


def draft(name: str) -> Path:
    """Write `<next number>_<name>.py` and give its path. Raises SystemExit when the models hold nothing new."""
    operations, parent = _difference()
    if operations.is_empty():
        raise SystemExit("The history already has everything the models have.")
    revision = f"{int(parent) + 1:04d}"
    tables = [made for made in operations.ops if isinstance(made, CreateTableOp)]
    walls = [f'*schema("{area}"),' for area in sorted({str(table.schema) for table in tables})]
    walls += [_wall(table) for table in tables]
    path = HERE / "versions" / f"{revision}_{name}.py"
    content = _FILE.format(
        title=name.replace("_", " ").capitalize(),
        helpers=", ".join(sorted({wall.lstrip("*").split("(")[0] for wall in walls}) or ["campus_table"]),
        revision=revision,
        parent=parent,
        operations=_code(operations),
        walls="\n        ".join(walls),
    )
    path.write_text(content, encoding="utf-8")
    for step in ("check --fix --select I,F401", "format"):
        subprocess.run([sys.executable, "-m", "ruff", *step.split(), "--quiet", str(path)], check=True)
    return path


def _difference() -> tuple[UpgradeOps, str]:
    """What to do to the newest schema so that it has what the models have, and the newest revision."""
    tables = metadata()
    schemas = {table.schema for table in tables.tables.values()}
    include: Callable[..., bool] = lambda name, kind, parents: name in schemas if kind == "schema" else True  # noqa: E731
    with tempfile.TemporaryDirectory(prefix="his-draft-") as folder:
        server = Postgres(Path(folder), choose(26432, ()), fast=True)
        try:
            server.start()
            url = server.dsn("his_owner")
            upgrade(url)
            engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
            with engine.connect() as connection:
                context = MigrationContext.configure(
                    connection, opts={"include_schemas": True, "include_name": include, "compare_type": True}
                )
                operations = produce_migrations(context, tables).upgrade_ops
            head = ScriptDirectory.from_config(configuration(url)).get_current_head()
        finally:
            server.destroy()
    if operations is None or head is None:
        raise SystemExit("The history is empty.")
    operations.ops = [
        found for found in operations.ops if "schema_history" not in str(getattr(found, "table_name", ""))
    ]
    return operations, head


def _wall(table: CreateTableOp) -> str:
    """The helper that fits a table by its columns; a table of no campus needs its reason from whoever adds it."""
    columns = {getattr(column, "name", "") for column in table.columns}
    name = f"{table.schema}.{table.table_name}"
    if "campus_id" not in columns:
        return f'*consortium_table("{name}", "WHY EVERY CAMPUS SHARES THIS TABLE"),'
    return f'*{"record_table" if "patient_id" in columns else "campus_table"}("{name}"),'


def _code(operations: UpgradeOps) -> str:
    lines = render_python_code(operations).splitlines()
    kept = [line for line in lines if "###" not in line]
    return "\n".join(kept).strip().replace("astext_type=Text()", "astext_type=sa.Text()")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m infra.migrations.draft <name_in_lower_case>")
    print(draft(sys.argv[1]))
