"""How the audit reads a number back: which counter it was drawn from, and which it was."""

from alembic import op

revision = "0038"
down_revision = "0037"

READ = """
CREATE FUNCTION kernel.number_read(
    of_campus text, of_series text, own_mark text, own_reset text, number text, OUT period text, OUT value bigint
) LANGUAGE sql STABLE AS $$
    SELECT CASE reset WHEN 'day' THEN '20' || left(digits, 6) WHEN 'month' THEN '20' || left(digits, 4)
                      WHEN 'year' THEN '20' || left(digits, 2) ELSE '-' END
           || CASE WHEN mark = own_mark THEN '' ELSE '/' || mark END,
           substring(digits FROM CASE reset WHEN 'day' THEN 7 WHEN 'month' THEN 5 WHEN 'year' THEN 3 ELSE 1 END)::bigint
    FROM (
        SELECT mark, digits, coalesce((
            SELECT rule.reset FROM kernel.number_rules rule
            WHERE rule.at_campus = of_campus AND rule.series = of_series AND rule.mark = written.mark
              AND rule.state <> 'refused' LIMIT 1
        ), own_reset) AS reset
        FROM (
            SELECT substring(number FROM '^[A-Z]([A-Z]*)') AS mark, substring(number FROM '[0-9]+$') AS digits
        ) AS written
    ) AS read
$$
"""
"""A mark starts again in one way at a campus (shared/numbers.py), so the number says its period by itself."""


def upgrade() -> None:
    for statement in [
        READ,
        "REVOKE ALL ON FUNCTION kernel.number_read(text, text, text, text, text) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION kernel.number_read(text, text, text, text, text) TO his_auditor",
    ]:
        op.execute(statement)
