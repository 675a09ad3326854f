"""Lists keep their indexes behind row-level security, with the rows of many years."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.organisation.structure.queries import people, posts, structure
from tests.organisation.conftest import Consortium, plan

TABLES = ("staff", "staff_contacts", "staff_units", "unit_versions", "places", "post_assignments", "change_log")
LAST = UUID(int=2**128 - 1)

FILL = """
INSERT INTO organisation.units (unit_id, campus_id, code, version)
SELECT gen_random_uuid(), CASE n % 2 WHEN 0 THEN 'hq' ELSE 'mch' END, 'fill' || n, 1 FROM generate_series(1, 4000) n;

INSERT INTO organisation.unit_versions (row_id, campus_id, unit_id, parent_id, name, short_name, initials, kind,
    valid_from, valid_to, recorded_at, recorded_by, reason)
SELECT gen_random_uuid(), campus_id, unit_id, NULL, code, code, code, 'clinical',
    '1990-01-01'::date + (row_number() OVER ())::int, '1990-01-02'::date + (row_number() OVER ())::int, now(), 'x', ''
FROM organisation.units WHERE code LIKE 'fill%';

INSERT INTO organisation.staff (staff_id, campus_id, staff_no, sign_on_name, name, initials, category, employment,
    engaged_on, status, version)
SELECT gen_random_uuid(), CASE n % 2 WHEN 0 THEN 'hq' ELSE 'mch' END, 'S' || n, 's' || n, chr(19968 + n % 5000) || n,
    'z' || n, 'nurse', 'contract', '2020-01-01', 'active', 1 FROM generate_series(1, 20000) n;

INSERT INTO organisation.staff_contacts (staff_id, campus_id, mobile)
SELECT staff_id, campus_id, '13800000000' FROM organisation.staff WHERE staff_no LIKE 'S%';

INSERT INTO organisation.staff_units (row_id, campus_id, staff_id, unit_id, is_primary, valid_from, recorded_at,
    recorded_by, reason)
SELECT gen_random_uuid(), s.campus_id, s.staff_id, u.unit_id, true, '2020-01-01', now(), 'x', ''
FROM (SELECT *, row_number() OVER () AS n FROM organisation.staff WHERE staff_no LIKE 'S%') s
JOIN (SELECT *, row_number() OVER () AS n FROM organisation.units WHERE code LIKE 'fill%') u ON u.n = s.n % 4000 + 1;

INSERT INTO organisation.post_assignments (assignment_id, campus_id, staff_id, post, unit_id, is_main, valid_from,
    valid_to, basis, assigned_at, assigned_by)
SELECT gen_random_uuid(), campus_id, staff_id, 'post' || n % 50, unit_id, true,
    '2020-01-01'::timestamptz + n * interval '1 hour', '2024-01-01'::timestamptz + n * interval '1 hour', '', now(), 'x'
FROM (SELECT *, row_number() OVER () AS n FROM organisation.staff_units WHERE recorded_by = 'x') m;

INSERT INTO organisation.places (place_id, campus_id, kind, code, name, directions, status, version)
SELECT gen_random_uuid(), CASE n % 2 WHEN 0 THEN 'hq' ELSE 'mch' END,
    CASE n % 40 WHEN 0 THEN 'counter' ELSE 'room' END, 'p' || n, 'p', '', 'active', 1 FROM generate_series(1, 20000) n;

INSERT INTO organisation.change_log (change_id, campus_id, kind, subject_id, change, before, after, reason, changed_at,
    changed_by)
SELECT gen_random_uuid(), 'hq', 'unit', 'u' || n % 500, 'changed', '{}', '{}', '', now(), 'x'
FROM generate_series(1, 20000) n;
"""


@pytest.fixture(scope="module")
def many(consortium: Consortium) -> Consortium:
    for statement in FILL.split(";"):
        if statement.strip():
            consortium.hospital.execute(statement)
    consortium.hospital.execute("ANALYZE")
    return consortium


def cases(consortium: Consortium) -> list[tuple[str, Any, dict[str, Any], str]]:
    now = consortium.hospital.clock()
    day = now.date()
    someone = consortium.hospital.value("SELECT staff_id FROM organisation.staff LIMIT 1")
    somewhere = consortium.hospital.value("SELECT unit_id FROM organisation.units LIMIT 1")
    return [
        ("unit on a day", structure.UNIT_ON, {"unit_id": somewhere, "day": day}, "unit_versions"),
        (
            "unit by code",
            structure.UNIT_BY_CODE,
            {"campus": "hq", "code": "fill2", "day": day},
            "uq_units_campus_id_code",
        ),
        ("places", structure.PLACES, {"campus": "hq", "after": "p1", "limit": 50}, "places_campus_id"),
        (
            "counters",
            structure.PLACES_OF_KIND,
            {"campus": "hq", "kind": "counter", "after": "", "limit": 50},
            "ix_places_campus_id_kind_code",
        ),
        (
            "changes",
            structure.CHANGES,
            {"campus": "hq", "kind": "unit", "subject_id": "u1", "before": LAST, "limit": 50},
            "ix_change_log",
        ),
        ("person", people.STAFF_INFO, {"staff_id": someone}, "pk_staff"),
        ("people by id", people.STAFF_INFOS, {"staff_ids": [someone]}, "pk_staff"),
        ("by number", people.STAFF_BY_NO, {"staff_no": "s17"}, "uq_staff_sign_on_name"),
        (
            "staff list",
            people.STAFF_OF_CAMPUS,
            {"campus": "hq", "after": "S1", "limit": 50},
            "ix_staff_campus_id_staff_no",
        ),
        ("leavers", people.LEAVERS_DUE, {"campus": "hq", "now": now}, "ix_staff_leaving"),
        (
            "staff of unit",
            people.STAFF_OF_UNIT,
            {"unit_id": somewhere, "day": day, "after": "", "limit": 50},
            "staff_units_unit",
        ),
        ("memberships", people.UNITS_OF_STAFF, {"staff_id": someone}, "ex_staff_units"),
        (
            "directory",
            people.DIRECTORY,
            {"prefix": "z77", "beyond": "z77\U0010ffff", "day": day, "limit": 20},
            "ix_staff_initials",
        ),
        ("posts of one", posts.ASSIGNMENTS_SINCE, {"staff_id": someone, "at": now}, "ex_post_assignments"),
        (
            "holders",
            posts.ASSIGNMENTS_AT,
            {"campus": "hq", "post": "post7", "at": now},
            "ix_post_assignments_campus_id_post",
        ),
        (
            "ending",
            posts.ENDING_POSTS,
            {"campus": "hq", "now": now - timedelta(days=2), "until": now},
            "ix_post_assignments_valid_to",
        ),
    ]


def test_every_list_uses_its_index(many: Consortium) -> None:
    with many.hospital.tx("hq") as tx:
        for name, query, params, index in cases(many):
            found = plan(tx, query, **params)
            assert index in found, f"{name}\n{found}"
            for table in TABLES:
                assert f"Seq Scan on {table} " not in found, f"{name}\n{found}"


def test_look_ups_are_one_round_trip(many: Consortium) -> None:
    from functions.organisation.structure import service

    someone = many.hospital.value("SELECT staff_id FROM organisation.staff LIMIT 1")
    with many.hospital.tx("hq") as tx:
        for look_up in (
            lambda: service.campus(tx),
            lambda: service.staff_member(tx, someone),
            lambda: service.unit_by_code(tx, "root"),
        ):
            before = tx.session.statements
            look_up()
            assert tx.session.statements - before == 1
