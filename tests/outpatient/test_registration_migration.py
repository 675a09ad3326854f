"""The migration that tells older visits where their fee stands."""

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from infra.migrations import upgrade
from tests.support import services

BEFORE, AFTER = "0014", "0015"
FILLER = {"uuid": str(uuid.UUID(int=1)), "text": "x", "boolean": False, "jsonb": "{}", "ARRAY": "{}"}
"""A value of each type for columns the test does not care about; numbers and times have 1 and now."""


@pytest.fixture
def database() -> Iterator[tuple[str, "psycopg.Connection[dict[str, Any]]"]]:
    """A database as the release before left it: the owner's address and a superuser's connection."""
    server = services.postgres()
    name = f"m_{uuid.uuid4().hex[:12]}"
    server.create_database(name)
    owner = server.dsn("his_owner", name)
    upgrade(owner, BEFORE)
    with psycopg.connect(server.superuser_dsn(name), autocommit=True, row_factory=dict_row) as connection:
        yield owner, connection
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def put(connection: "psycopg.Connection[dict[str, Any]]", schema: str, table: str, **known: Any) -> None:
    """Insert a row: what is known, and something of the right type where the table insists."""
    needed = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
        " AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER'",
        [schema, table],
    ).fetchall()
    row = {column["column_name"]: _something(column["data_type"]) for column in needed} | known
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(schema, table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        ),
        list(row.values()),
    )


def _something(kind: str) -> Any:
    if kind.startswith("timestamp"):
        return "2026-11-01T08:00:00+08:00"
    return FILLER.get(kind, 1)


def test_older_visits_learn_where_their_fee_stands(
    database: tuple[str, "psycopg.Connection[dict[str, Any]]"],
) -> None:
    owner, connection = database
    charged, free = uuid.uuid4(), uuid.uuid4()
    for number, encounter_id in enumerate((charged, free)):
        put(
            connection,
            "outpatient",
            "visits",
            encounter_id=encounter_id,
            visit_no=f"H2611010000{number}",
            campus_id="hq",
            status="registered",
            kind="general",
            patient_id=encounter_id,
        )
    put(
        connection,
        "payments",
        "charges",
        charge_id=uuid.uuid4(),
        campus_id="hq",
        source_module="outpatient/registration",
        source_id=str(charged),
        source_line="fee",
        item_code="110200001",
        status="open",
        execution="none",
        executed_quantity=0,
        refunding_quantity=0,
        refunded_quantity=0,
        refunded_amount=0,
    )
    upgrade(owner, AFTER)
    rows = connection.execute(
        "SELECT encounter_id, fee_item_code, fee_module, fee_source, work_injury FROM outpatient.visits"
    ).fetchall()
    found = {row.pop("encounter_id"): row for row in rows}
    assert found == {
        charged: {
            "fee_item_code": "110200001",
            "fee_module": "outpatient/registration",
            "fee_source": str(charged),
            "work_injury": False,
        },
        free: {"fee_item_code": None, "fee_module": None, "fee_source": None, "work_injury": False},
    }
    walls = connection.execute(
        "SELECT relname, relforcerowsecurity FROM pg_class WHERE relname IN ('visits', 'charges') AND relkind = 'r'"
    ).fetchall()
    assert {row["relname"]: row["relforcerowsecurity"] for row in walls} == {"visits": True, "charges": True}
