"""How Alembic reaches the database: as the owner, with a short lock timeout so that it never queues a clinic."""

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from functions.registry import metadata


def include_name(name, kind, parents):
    """Only schemas our tables live in: extensions and other tenants of the database are not ours to compare."""
    return name in {table.schema for table in metadata().tables.values()} if kind == "schema" else True


def sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def run() -> None:
    engine = create_engine(sqlalchemy_url(context.config.attributes["url"]), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS kernel"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=metadata(),
            include_schemas=True,
            include_name=include_name,
            version_table="schema_history",
            version_table_schema="kernel",
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
