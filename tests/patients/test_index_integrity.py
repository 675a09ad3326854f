"""The checks of the index hold after its use cases, and find what somebody breaks behind their back."""

from typing import Any

import pytest

from integrity.runner import load, run
from tests.patients.conftest import Desks, resident_id
from tests.patients.test_index_legacy import migrated, row
from tests.support.hospital import Hospital

OURS = frozenset(check.name for check in load() if check.name.startswith("patients."))


def broken(hospital: Hospital) -> dict[str, int]:
    found = run(hospital.settings.auditor_database_url, OURS)
    assert len(found) == len(OURS) == 7
    return {result.name: result.count for result in found if not result.holds}


@pytest.fixture(scope="module")
def pair(desks: Desks, hospital: Hospital) -> dict[str, Any]:
    """Two records of one person, merged, beside an old index that was loaded."""
    kept = desks.register("岑玉凤", resident_id("19830606", "2"))
    given = desks.register("岑玉风", type="passport", number="G87654321", sex="2", birth_date="1983-06-06")
    assert desks.merge(kept, given).status_code == 201
    migrated(hospital, desks.steward, [row("I1", "莫丽", document_no=resident_id("19770707", "2")), row("", "无编号")])
    third = desks.register("农大勇", resident_id("19900101"), phone="13900007777")
    return {"kept": kept["patient_id"], "given": given["patient_id"], "third": third["patient_id"]}


def test_what_the_use_cases_leave_holds(hospital: Hospital, pair: dict[str, Any]) -> None:
    assert broken(hospital) == {}


BREAKING = {
    "patients.column_keys": (
        "WITH newer AS (INSERT INTO patients.number_keys (key_id, proof, first_used_at)"
        " VALUES ('newer', '', now() - interval '3 days')) UPDATE patients.number_keys"
        " SET first_used_at = now() - interval '9 days'"
    ),
    "patients.numbers_clear": (
        "UPDATE patients.identifiers SET value = 'X', sealed = NULL, key_id = NULL, tail = NULL,"
        " bound_at = now() - interval '2 days' WHERE patient_id = %(given)s AND type = 'passport'"
    ),
    "patients.legacy_sum": "UPDATE patients.legacy_rows SET outcome = 'linked' WHERE outcome = 'new'",
    "patients.survivor_speaks": (
        "UPDATE patients.patients SET survivor_id = %(given)s, status = 'merged' WHERE patient_id = %(third)s"
    ),
    "patients.merged_by_merge": "UPDATE patients.merges SET status = 'undone' WHERE retired_id = %(given)s",
    "patients.pregnancy_once": (
        "INSERT INTO patients.alerts"
        " (alert_id, patient_id, kind, source_id, status, recorded_campus_id, recorded_at, recorded_by)"
        " SELECT gen_random_uuid(), patient, 'pregnancy', gen_random_uuid(), 'active', 'hq', now(), 'nobody'"
        " FROM unnest(ARRAY[%(kept)s, %(given)s]::uuid[]) AS patient"
    ),
    "patients.suspected_late": (
        "UPDATE patients.match_candidates SET status = 'open', suspicion = 'high', due_at = now() - interval '1 day'"
    ),
}


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_somebody_breaks_is_found(hospital: Hospital, pair: dict[str, Any], name: str) -> None:
    hospital.execute("BEGIN")
    try:
        assert hospital.execute(BREAKING[name], pair) > 0
        found = {
            check.name: len(hospital.rows(check.detail.replace("%%", "%"))) for check in load() if check.name in OURS
        }
    finally:
        hospital.execute("ROLLBACK")
    assert found[name] > 0
    assert broken(hospital) == {}
