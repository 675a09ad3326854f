"""The wall between campuses, read from pg_catalog: no table may miss it, no role may pass it."""

import pytest

from functions import registry
from tests.support.hospital import Hospital

SCHEMAS = sorted({table.schema for table in registry.metadata().tables.values() if table.schema})
"""The schemas of every declared table: an area is walled from its first migration on."""
OURS = "nspname IN ({})".format(", ".join(f"'{name}'" for name in SCHEMAS))
EXEMPT = {"kernel.schema_history"}
"""Alembic's own bookkeeping: one row, no data of ours."""

ROLES = ("his_app", "his_worker", "his_auditor", "his_search", "his_owner")


@pytest.fixture(scope="module")
def tables(hospital: Hospital) -> dict[str, dict]:
    rows = hospital.rows(
        f"""
        SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relrowsecurity AS enabled,
               c.relforcerowsecurity AS forced,
               pg_get_userbyid(c.relowner) AS owner,
               EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'campus_id'
                       AND a.attnotnull AND NOT a.attisdropped) AS campus_owned
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND {OURS}
        """
    )
    return {row["name"]: row for row in rows if row["name"] not in EXEMPT}


@pytest.fixture(scope="module")
def policies(hospital: Hospital) -> dict[str, dict[str, dict]]:
    found: dict[str, dict[str, dict]] = {}
    for row in hospital.rows(
        """
        SELECT p.polrelid::regclass::text AS name, p.polname, p.polcmd::text AS command, p.polpermissive AS permissive,
               pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS checked,
               (SELECT array_agg(r.rolname::text) FROM pg_roles r WHERE r.oid = ANY (p.polroles)) AS roles,
               obj_description(p.oid, 'pg_policy') AS reason
        FROM pg_policy p
        """
    ):
        found.setdefault(row["name"], {})[row["polname"]] = row
    return found


def test_there_are_tables(tables: dict) -> None:
    assert {"kernel.outbox", "outpatient.visits", "outpatient.slots"} <= tables.keys()


def test_every_table_forces_row_level_security(tables: dict) -> None:
    assert [name for name, row in tables.items() if not (row["enabled"] and row["forced"])] == []


def test_application_owns_nothing(tables: dict) -> None:
    assert {row["owner"] for row in tables.values()} == {"his_owner"}


def test_no_role_bypasses(hospital: Hospital) -> None:
    rows = hospital.rows(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND (rolbypassrls OR rolsuper OR rolcreaterole)",
        [list(ROLES)],
    )
    assert rows == []


def test_application_is_no_member_of_a_stronger_role(hospital: Hospital) -> None:
    rows = hospital.rows(
        "SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
        " JOIN pg_roles u ON u.oid = m.member WHERE u.rolname IN ('his_app', 'his_worker', 'his_auditor')"
    )
    assert rows == []


def test_campus_tables_admit_only_the_acting_campus(tables: dict, policies: dict) -> None:
    for name, row in tables.items():
        if not row["campus_owned"]:
            continue
        of_application = [policy for policy in policies[name].values() if "his_app" in (policy["roles"] or [])]
        commands = {policy["command"] for policy in of_application}
        assert commands <= {"r", "a", "w"}, name
        for policy in of_application:
            if policy["command"] == "r":
                assert "readable_campuses" in policy["using"], name
                open_to_all = "his.subject" in policy["using"]
                assert bool(policy["reason"]) == open_to_all, f"{name}: an open read needs its reason, only then"
            else:
                condition = "campus_id = ( SELECT current_setting('his.campus'::text, true)"
                assert condition in policy["checked"], name
                assert policy["command"] == "a" or condition in policy["using"], name


def test_unscoped_tables_have_a_reason(tables: dict, policies: dict) -> None:
    for name, row in tables.items():
        if row["campus_owned"]:
            continue
        reasons = [policy["reason"] for policy in policies.get(name, {}).values() if policy["reason"]]
        assert reasons, f"{name} has neither campus_id nor a reason"
        assert all(len(reason) > 20 for reason in reasons), name


def test_application_deletes_nothing(hospital: Hospital) -> None:
    rows = hospital.rows(
        "SELECT table_schema || '.' || table_name AS name, privilege_type FROM information_schema.role_table_grants"
        " WHERE grantee = 'his_app' AND privilege_type IN ('DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER')"
    )
    assert rows == []


def test_nothing_is_granted_to_everyone(hospital: Hospital) -> None:
    rows = hospital.rows(
        "SELECT table_schema, table_name FROM information_schema.role_table_grants WHERE grantee = 'PUBLIC'"
        " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    assert rows == []


def test_security_definer_functions_belong_to_the_search_role(hospital: Hospital) -> None:
    rows = hospital.rows(
        f"""
        SELECT p.oid::regprocedure::text AS name, pg_get_userbyid(p.proowner) AS owner,
               has_function_privilege('public', p.oid, 'EXECUTE') AS everyone, p.proconfig AS config
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.prosecdef AND {OURS}
        """
    )
    for row in rows:
        assert row["owner"] == "his_search", row["name"]
        assert not row["everyone"], row["name"]
        assert any(setting.startswith("search_path=") for setting in row["config"] or []), row["name"]


def test_without_settings_there_are_no_rows(hospital: Hospital, tables: dict) -> None:
    import psycopg

    with hospital.tx("hq") as tx:
        tx.audit("test.written", "test", "1")
    with psycopg.connect(hospital.settings.database_url) as connection:
        for name in tables:
            allowed = connection.execute("SELECT has_table_privilege(current_user, %s, 'SELECT')", [name]).fetchone()
            if allowed and allowed[0]:
                assert connection.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,), name
    assert hospital.value("SELECT count(*) FROM kernel.audit_entries") > 0


def test_another_campus_reads_and_writes_nothing(hospital: Hospital) -> None:
    import psycopg

    with hospital.tx("hq") as tx:
        tx.audit("test.written", "test", "2")
    with psycopg.connect(hospital.settings.database_url) as connection:
        connection.execute("SELECT set_config('his.campus', 'mch', true), set_config('his.readable', 'mch', true)")
        assert connection.execute("SELECT count(*) FROM kernel.audit_entries").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "INSERT INTO kernel.number_series (campus_id, series, period, last_value) VALUES ('hq', 'x', '-', 1)"
            )
