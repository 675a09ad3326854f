"""Lists keep their indexes behind row-level security, with the rows of many years."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.organisation.structure.queries import (
    credentials,
    people,
    posts,
    signatures,
    structure,
    unit_codes,
    wards,
)
from tests.organisation.conftest import Consortium
from tests.support.plans import plan

TABLES = (
    "staff",
    "staff_contacts",
    "staff_units",
    "unit_versions",
    "places",
    "post_assignments",
    "change_log",
    "licences",
    "licence_places",
    "licence_notices",
    "privileges",
    "privilege_suspensions",
    "delegations",
    "staff_codes",
    "acting_choices",
    "bed_versions",
    "beds",
    "workstations",
    "calendar_days",
    "unit_codes",
    "sheet_imports",
)
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

INSERT INTO organisation.licences (licence_id, campus_id, staff_id, kind, number, valid_from, valid_to, recorded_at,
    recorded_by, reason)
SELECT gen_random_uuid(), campus_id, staff_id, 'nurse', 'n' || staff_no, '2015-01-01',
    '2020-01-01'::date + (row_number() OVER ())::int, now(), 'x', '' FROM organisation.staff WHERE staff_no LIKE 'S%';

INSERT INTO organisation.licence_places (row_id, campus_id, licence_id, staff_id, practice_campus, kind, valid_from,
    recorded_at, recorded_by, reason)
SELECT gen_random_uuid(), campus_id, licence_id, staff_id, campus_id, 'main', valid_from, now(), 'x', ''
FROM organisation.licences WHERE recorded_by = 'x';

INSERT INTO organisation.licence_notices (licence_id, days, campus_id, told_at)
SELECT licence_id, 0, campus_id, now() FROM organisation.licences WHERE recorded_by = 'x' AND valid_to < now();

INSERT INTO organisation.privileges (privilege_id, campus_id, staff_id, kind, level, campuses, procedures, valid_from,
    evidence, source, granted_at, granted_by)
SELECT gen_random_uuid(), campus_id, staff_id, 'kind' || (row_number() OVER ()) % 20, 0, ARRAY[campus_id], '{}',
    '2020-01-01', '', '', now(), 'x' FROM organisation.staff WHERE staff_no LIKE 'S%';

INSERT INTO organisation.privilege_suspensions (suspension_id, campus_id, privilege_id, staff_id, valid_from, valid_to,
    reason, source, suspended_at, suspended_by)
SELECT gen_random_uuid(), campus_id, privilege_id, staff_id, '2021-01-01', '2021-02-01', '', '', now(), 'x'
FROM organisation.privileges WHERE granted_by = 'x';

INSERT INTO organisation.delegations (delegation_id, campus_id, staff_id, post, unit_id, valid_from, valid_to, reason,
    status, delegated_at, delegated_by, version)
SELECT gen_random_uuid(), campus_id, staff_id, 'post1', unit_id, '2020-01-01'::timestamptz + n * interval '1 hour',
    '2020-01-05'::timestamptz + n * interval '1 hour', '', 'ended', now(), 'x', 1
FROM (SELECT *, row_number() OVER () AS n FROM organisation.staff_units WHERE recorded_by = 'x') m;

INSERT INTO organisation.acting_choices (choice_id, campus_id, staff_id, unit_id, post, chosen_at)
SELECT gen_random_uuid(), campus_id, staff_id, unit_id, 'post1', now()
FROM organisation.staff_units WHERE recorded_by = 'x';

INSERT INTO organisation.beds (bed_id, campus_id, version)
SELECT gen_random_uuid(), CASE n % 2 WHEN 0 THEN 'hq' ELSE 'mch' END, 1 FROM generate_series(1, 20000) n;

INSERT INTO organisation.bed_versions (row_id, campus_id, bed_id, ward_id, number, bed_class, established, open, gender,
    status, valid_from, recorded_at, recorded_by, reason)
SELECT gen_random_uuid(), b.campus_id, b.bed_id, u.unit_id, 'n' || b.n, 'normal', true, true, 'any', 'in_service',
    '2020-01-01', now(), 'x', ''
FROM (SELECT *, row_number() OVER () AS n FROM organisation.beds) b
JOIN (SELECT *, row_number() OVER () AS n FROM organisation.units WHERE code LIKE 'fill%') u ON u.n = b.n % 1000 + 1;

INSERT INTO organisation.workstations (workstation_id, campus_id, code, name, host, unit_id, printers, card_readers,
    status, version)
SELECT gen_random_uuid(), campus_id, 'w' || code, 'w', 'host-' || code, unit_id, '{}', '{}', 'active', 1
FROM organisation.units WHERE code LIKE 'fill%';

INSERT INTO organisation.calendar_days (row_id, campus_id, day, everywhere, kind, clinics_open, name, recorded_at,
    recorded_by, reason)
SELECT gen_random_uuid(), CASE n % 2 WHEN 0 THEN 'hq' ELSE 'mch' END, '1950-01-01'::date + n, false, 'holiday', false,
    'x', now(), 'x', '' FROM generate_series(1, 20000) n;

INSERT INTO organisation.unit_codes (row_id, campus_id, unit_id, system, code, name, valid_from, recorded_at,
    recorded_by, reason)
SELECT gen_random_uuid(), campus_id, unit_id, system, code, 'x', '2020-01-01', now(), 'x', ''
FROM organisation.units, unnest(ARRAY['statistics', 'cost_centre', 'front_page']) system WHERE code LIKE 'fill%';

INSERT INTO organisation.sheet_imports (import_id, campus_id, kind, sha256, total, loaded, report, imported_at,
    imported_by)
SELECT gen_random_uuid(), CASE n % 2 WHEN 0 THEN 'hq' ELSE 'mch' END, 'staff', '', 1, 1, '[]', now(), 'x'
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
        ("leavers", people.LEAVERS_DUE, {"campus": "hq", "now": now, "limit": 50}, "ix_staff_leaving"),
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
            {"prefix": "z77", "beyond": "z77\U0010ffff", "day": day, "reader": someone, "limit": 20},
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
        *more_cases(consortium, someone, somewhere),
    ]


def more_cases(consortium: Consortium, someone: Any, somewhere: Any) -> list[tuple[str, Any, dict[str, Any], str]]:
    now = consortium.hospital.clock()
    day = now.date()
    one = {"staff_id": someone}
    window = {"campus": "hq", "limit": 50}
    near = {"since": day - timedelta(days=30), "until": day + timedelta(days=91)}
    after = {"after_day": day - timedelta(days=30), "after_id": UUID(int=0)}
    return [
        ("licences", credentials.LICENCES_OF, one, "licences"),
        ("expiring", credentials.EXPIRING, {**window, **near, **after}, "ix_licences_expiring"),
        ("to warn", credentials.TO_WARN, {**window, **near, "day": day}, "ix_licences_expiring"),
        ("practice places", credentials.PLACES_OF, one, "ix_licence_places_staff_id"),
        ("privileges", credentials.PRIVILEGES_OF, one, "privileges"),
        (
            "holders of a privilege",
            credentials.HOLDERS_OF,
            {**window, "kind": "kind7", "at": now, "after": UUID(int=0)},
            "ix_privileges_campus_id_kind",
        ),
        ("suspensions", credentials.SUSPENSIONS_OF, one, "ix_privilege_suspensions_staff_id"),
        ("delegations of one", credentials.DELEGATIONS_SINCE, {**one, "at": now}, "delegations"),
        ("delegations", credentials.DELEGATIONS_OF_CAMPUS, {**window, "before": LAST}, "ix_delegations_campus_id"),
        ("delegations due", credentials.DELEGATIONS_DUE, {**window, "now": now}, "ix_delegations_due"),
        ("acting", signatures.LAST_CHOICE, one, "ix_acting_choices"),
        ("beds of a ward", wards.BEDS_OF_WARD, {"ward_id": somewhere, "at": now}, "bed_versions"),
        ("workstations", wards.WORKSTATIONS, {**window, "after": "w"}, "uq_workstations_campus_id_code"),
        ("by host", wards.WORKSTATION_BY_HOST, {"host": "host-fill4"}, "uq_workstations_host"),
        ("calendar", wards.CALENDAR, {"campus": "hq", "first": day, "last": day}, "calendar_days"),
        (
            "units by code",
            unit_codes.UNITS_BY_CODE,
            {"campuses": ["hq", "mch"], "system": "statistics", "code": "fill8", "day": day},
            "ix_unit_codes_campus_id",
        ),
        ("imports", unit_codes.IMPORTS, {**window, "before": LAST}, "ix_sheet_imports_campus_id"),
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
