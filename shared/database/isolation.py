"""Campus isolation as SQL, for migrations: one helper per kind of table, so that no policy is written by hand.

    op.create_table("visits", ..., schema="outpatient")
    op.execute_all(record_table("outpatient.visits"))

Kinds of table
    campus_table        rows of one campus; read where readable, written only where one acts
    record_table        the same, and readable elsewhere through a record-access grant for its patient
    shared_read_table   rows of one campus that every campus reads, with the reason why
    consortium_table    one truth for all campuses, with the reason why (kept as its policy's comment)
    worker_table        written by functions, drained by the worker (outbox and its like)

Every table has row-level security enabled and forced; without settings there are no rows. Settings stand in
`(select ...)` so that PostgreSQL reads them once a statement instead of once a row.
"""

CAMPUS = "(select current_setting('his.campus', true))"
READABLE = "(select kernel.readable_campuses())::text[]"
SIGNED_ON = "((select current_setting('his.subject', true)) <> '')"


def _forced(table: str) -> list[str]:
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY auditor_reads ON {table} FOR SELECT TO his_auditor USING (true)",
        f"GRANT SELECT ON {table} TO his_auditor",
    ]


def campus_table(table: str, *, update: bool = True, read: str = "") -> list[str]:
    """Rows of one campus. `update=False` makes it append-only for functions. Nothing is ever deleted."""
    verbs = "SELECT, INSERT, UPDATE" if update else "SELECT, INSERT"
    statements = [
        *_forced(table),
        f"CREATE POLICY campus_reads ON {table} FOR SELECT TO his_app USING (campus_id = ANY ({READABLE}){read})",
        f"CREATE POLICY campus_inserts ON {table} FOR INSERT TO his_app WITH CHECK (campus_id = {CAMPUS})",
        f"GRANT {verbs} ON {table} TO his_app",
    ]
    if update:
        statements.append(
            f"CREATE POLICY campus_updates ON {table} FOR UPDATE TO his_app"
            f" USING (campus_id = {CAMPUS}) WITH CHECK (campus_id = {CAMPUS})"
        )
    return statements


def record_table(table: str, *, update: bool = True, patient: str = "patient_id") -> list[str]:
    """A clinical record: another campus reads it only while a grant for the patient is in force there."""
    return campus_table(table, update=update, read=f" OR kernel.may_read_record({patient})")


def shared_read_table(table: str, reason: str, *, update: bool = True) -> list[str]:
    """Rows of one campus that every campus may read, with the reason why; written only where one acts."""
    return [
        *campus_table(table, update=update, read=f" OR {SIGNED_ON}"),
        "COMMENT ON POLICY campus_reads ON {} IS '{}'".format(table, reason.replace("'", "''")),
    ]


def consortium_table(table: str, reason: str, *, update: bool = True) -> list[str]:
    """One truth for all campuses. The reason is kept with the policy and listed by the isolation test."""
    verbs = "SELECT, INSERT, UPDATE" if update else "SELECT, INSERT"
    statements = [
        *_forced(table),
        f"CREATE POLICY signed_on_reads ON {table} FOR SELECT TO his_app USING {SIGNED_ON}",
        f"CREATE POLICY signed_on_inserts ON {table} FOR INSERT TO his_app WITH CHECK {SIGNED_ON}",
        f"GRANT {verbs} ON {table} TO his_app",
        "COMMENT ON POLICY signed_on_reads ON {} IS '{}'".format(table, reason.replace("'", "''")),
    ]
    if update:
        statements.append(
            f"CREATE POLICY signed_on_updates ON {table} FOR UPDATE TO his_app USING {SIGNED_ON} WITH CHECK {SIGNED_ON}"
        )
    return statements


def worker_table(table: str, *, verbs: str = "SELECT, INSERT, UPDATE, DELETE") -> list[str]:
    """Let the worker (relay, sealer, sweeps) see every campus of a table already made by another helper."""
    return [
        f"CREATE POLICY worker_works ON {table} FOR ALL TO his_worker USING (true) WITH CHECK (true)",
        f"GRANT {verbs} ON {table} TO his_worker",
    ]


def search_table(table: str) -> list[str]:
    """Let the owner of the SECURITY DEFINER searches read a table without a policy in the way of its indexes."""
    return [
        f"CREATE POLICY search_reads ON {table} FOR SELECT TO his_search USING (true)",
        f"GRANT SELECT ON {table} TO his_search",
    ]


def search_function(signature: str) -> list[str]:
    """Hand a SECURITY DEFINER function to his_search; only functions may call it.

    Rights are given before it changes hands: afterwards the owner of the schema may no longer give them, and
    PostgreSQL hands a function only to a role that may create in its schema.
    """
    area = signature.partition(".")[0]
    return [
        f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {signature} TO his_app",
        f"GRANT CREATE ON SCHEMA {area} TO his_search",
        f"ALTER FUNCTION {signature} OWNER TO his_search",
        f"REVOKE CREATE ON SCHEMA {area} FROM his_search",
    ]


def schema(name: str) -> list[str]:
    """A schema per area."""
    return [
        f"CREATE SCHEMA IF NOT EXISTS {name}",
        f"GRANT USAGE ON SCHEMA {name} TO his_app, his_worker, his_auditor, his_search",
    ]
