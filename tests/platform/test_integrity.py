"""Every check of permissions finds the very harm it is there for, and nothing on a sound hospital."""

from collections.abc import Iterator

import pytest

from functions import registry
from integrity.runner import load, run
from tests.platform.conftest import BASE, Consortium, ok, open_consortium
from tests.support.hospital import Hospital, cloned_hospital

NAMES = frozenset(check.name for check in load() if check.name.startswith("permissions."))


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    names = ("organisation/structure", "platform/permissions", "patients/index", "platform/sso")
    with cloned_hospital([registry.app(name) for name in names]) as one:
        yield one


@pytest.fixture(scope="module")
def consortium(hospital: Hospital) -> Consortium:
    one = open_consortium(hospital)
    person = one.posted("registrar")
    one.published("schedule_clerk", add=("patients.index.read",))
    ok(one.security.post(f"{BASE}/staff/{person}/freeze", {"reason_code": "risk", "reason": "x"}))
    return one


def broken(hospital: Hospital) -> set[str]:
    return {one.name for one in run(hospital.settings.auditor_database_url, NAMES) if not one.holds}


ACCOUNT = "INSERT INTO platform.patient_accounts VALUES (gen_random_uuid(), 'x', now(), now()) RETURNING account_id"
HARM = {
    "permissions.frozen_but_let_in": "UPDATE kernel.denied_subjects SET expires_at = now()"
    " WHERE reason = 'staff frozen'",
    "permissions.realm_not_told": "UPDATE platform.identity_changes SET asked_at = now() - interval '1 hour'",
    "permissions.comparison_late": "INSERT INTO platform.reconciliations (run_id, started_at, outcome, people, changes,"
    " differences, lines) VALUES (gen_random_uuid(), now() - interval '1 hour', 'clean', 0, 0, 0, '{}')",
    "permissions.account_of_nobody": f"WITH a AS ({ACCOUNT}) INSERT INTO platform.account_links (link_id, account_id,"
    " patient_id, relation, proof, bound_at) SELECT gen_random_uuid(), account_id, gen_random_uuid(), 'self',"
    " 'real_name', now() FROM a",
    "permissions.emergency_not_sealed": "INSERT INTO platform.emergency_accesses (access_id, campus_id, state, reason,"
    " asked_at, asked_by, opened_at, opened_by, until, version) VALUES (gen_random_uuid(), 'hq', 'open', 'x', now(),"
    " 'a', now() - interval '3 hours', 'b', now() - interval '1 hour', 1)",
    "permissions.package_half_applied": "INSERT INTO platform.config_packages (package_id, source, made_at, made_by,"
    " note, key_id, digest, lines, state, reason, refused_for, imported_at, imported_by, reviewed_by, applied_at,"
    " before, version) VALUES (gen_random_uuid(), 'x', now(), 'x', 'x', 'x', 'x', '[]', 'in_force', 'x', '{}', now(),"
    " 'a', 'b',"
    ' now(), \'[{"key": "k", "level": "system", "level_id": "", "before": null, "after": 1}]\', 1)',
    "permissions.change_numbers": "INSERT INTO kernel.number_series (campus_id, series, period, last_value)"
    " VALUES ('hq', 'platform.parameter_change', '2026', 7)",
    "permissions.request_numbers": "INSERT INTO kernel.number_series (campus_id, series, period, last_value)"
    " VALUES ('hq', 'platform.permission_request', '2026', 7)",
    "permissions.number_rule_not_followed": "WITH n AS (INSERT INTO kernel.number_series (campus_id, series, period,"
    " last_value) VALUES ('hq', 'platform.permission_request', '2026/ZZ', 1)) INSERT INTO"
    " platform.permission_requests (request_id, campus_id, staff_id, kind, code, valid_from, ground, state, asked_at,"
    " asked_by, version, request_no) VALUES (gen_random_uuid(), 'hq', gen_random_uuid(), 'post', 'registrar', now(),"
    " 'x', 'requested', now(), 'x', 1, 'HZZ2600001')",
    "permissions.review_suspends": "WITH a AS (INSERT INTO platform.attestations (attestation_id, campus_id, unit_id,"
    " quarter, state, opened_at, due_at, version) VALUES (gen_random_uuid(), 'hq', gen_random_uuid(), '2026Q1',"
    " 'overdue', now(), now() - interval '31 days', 1) RETURNING attestation_id) INSERT INTO"
    " platform.attestation_lines (line_id, campus_id, attestation_id, staff_id, code, assignment_id, suspended)"
    " SELECT gen_random_uuid(), 'hq', attestation_id, gen_random_uuid(), 'registrar', gen_random_uuid(), '{}' FROM a",
    "permissions.template_by_one": "UPDATE platform.template_versions SET reviewed_by = NULL",
}


def test_there_is_a_harm_for_every_check() -> None:
    assert HARM.keys() == NAMES


def test_a_sound_hospital_adds_up(hospital: Hospital, consortium: Consortium) -> None:
    assert broken(hospital) == set()


@pytest.mark.parametrize("name", sorted(HARM))
def test_each_check_finds_its_harm_and_nothing_else(hospital: Hospital, consortium: Consortium, name: str) -> None:
    before = broken(hospital)
    hospital.drain()
    assert hospital.execute(HARM[name]) > 0
    assert broken(hospital) - before == {name}
