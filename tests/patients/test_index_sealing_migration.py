"""Revision 0039 takes document numbers out of rows' JSON, so that the minute can seal them."""

import psycopg

from infra.migrations import upgrade
from tests.outpatient.test_registration_migration import put
from tests.support import services

BEFORE, AFTER = "0038", "0039"


def test_numbers_in_json_move_beside_it_and_nothing_else_changes() -> None:
    server, name = services.postgres(), "m_sealing_0039"
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    server.create_database(name)
    owner = server.dsn("his_owner", name)
    upgrade(owner, BEFORE)
    with psycopg.connect(server.superuser_dsn(name), autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        connection.execute("SET session_replication_role = replica")
        whole = '{"name": "甲", "document_no": "45022319690101049X"}'
        for place, person in enumerate((whole, '{"name": "乙", "document_no": ""}', '{"name": "丙"}'), 1):
            put(connection, "patients", "legacy_rows", row_no=place, person=person, outcome=None)
        asked = '{"name": "丁", "document": {"type": "resident_id", "number": "45022319690101049X"}}'
        put(connection, "patients", "corrections", changes=asked, status="pending")
        put(connection, "patients", "identifiers", type="resident_id", value="45022319690101049X", status="active")
        upgrade(owner, AFTER)
        rows = connection.execute("SELECT person, document_no, key_id FROM patients.legacy_rows ORDER BY row_no")
        assert [tuple(row.values()) for row in rows] == [
            ({"name": "甲"}, "45022319690101049X", None),
            ({"name": "乙", "document_no": ""}, None, None),
            ({"name": "丙"}, None, None),
        ]
        rows = connection.execute("SELECT changes, document_no, key_id FROM patients.corrections")
        assert [tuple(row.values()) for row in rows] == [
            ({"name": "丁", "document": {"type": "resident_id"}}, "45022319690101049X", None)
        ]
        rows = connection.execute("SELECT value, sealed, key_id, tail FROM patients.identifiers")
        assert [tuple(row.values()) for row in rows] == [("45022319690101049X", None, None, None)]
        forced = "SELECT relforcerowsecurity FROM pg_class WHERE oid = ANY (%s::regclass[])"
        tables = ["patients.corrections", "patients.legacy_rows", "patients.number_keys"]
        assert [row["relforcerowsecurity"] for row in connection.execute(forced, [tables])] == [True] * 3
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
