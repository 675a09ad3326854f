"""What must always add up in the organisation, and that a break of it is seen."""

import pytest

from integrity.runner import load, run
from tests.organisation.conftest import BASE, Consortium
from tests.organisation.test_structure_id_numbers import id_number

NAMES = frozenset(check.name for check in load() if check.name.startswith("organisation."))


def broken(consortium: Consortium) -> dict[str, int]:
    results = run(consortium.hospital.settings.auditor_database_url, NAMES)
    return {result.name: result.count for result in results if not result.holds}


def test_the_organisation_adds_up(consortium: Consortium) -> None:
    assert len(NAMES) == 10
    person = consortium.engage()
    assert consortium.assign(person["staff_id"], "registrar").status_code == 201
    left = consortium.personnel.post(f"{BASE}/staff/{person['staff_id']}/end", {"reason": "辞职", "version": 1})
    assert left.status_code == 200
    assert broken(consortium) == {}


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("posts_without_unit", "UPDATE organisation.unit_versions SET superseded_at = now() WHERE unit_id = %(unit)s"),
        ("leavers_with_rights", "UPDATE organisation.staff SET status = 'left' WHERE staff_id = %(staff)s"),
        (
            "leavers_not_signed_off",
            "UPDATE organisation.staff SET leaves_at = now() - interval '1 hour' WHERE staff_id = %(staff)s",
        ),
        (
            "beds_beyond_licence",
            "UPDATE organisation.campuses SET licensed_beds = 0 WHERE code = 'hq'",
        ),
        (
            "licences_not_warned",
            "INSERT INTO organisation.licences (licence_id, campus_id, staff_id, kind, number, valid_from, valid_to,"
            " recorded_at, recorded_by, reason) SELECT gen_random_uuid(), 'hq', %(staff)s, 'nurse', 'x', '2020-01-01',"
            " current_date + 3, now() - interval '1 day', 'x', ''",
        ),
        (
            "succession_shares",
            "INSERT INTO organisation.unit_successions (row_id, campus_id, effective_on, kind, from_unit_id,"
            " to_unit_id, share, back_share, recorded_at, recorded_by, reason)"
            " SELECT gen_random_uuid(), 'hq', '2026-01-01', 'split', %(unit)s, unit_id, 0.5, 1, now(), 'x', ''"
            " FROM organisation.units WHERE campus_id = 'hq' AND code = 'root'",
        ),
        (
            "column_keys",
            "UPDATE organisation.staff_identities SET key_id = 'old', sealed_at = now() - interval '2 days',"
            " number_sealed = 'old:x' WHERE staff_id = %(staff)s",
        ),
        (
            "leavers_with_number",
            "UPDATE organisation.staff_identities SET ended_at = now() WHERE staff_id = %(staff)s",
        ),
        (
            "leavers_not_handed_over",
            "WITH gone AS (UPDATE organisation.staff SET status = 'left', leaves_at = now() - interval '8 days'"
            " WHERE staff_id = %(staff)s) INSERT INTO organisation.handover_items (item_id, campus_id, staff_id,"
            " source, message, way_out, listed_at, note, version) VALUES (gen_random_uuid(), 'hq', %(staff)s,"
            " 'own_post', 'x', 'x', now(), '', 1)",
        ),
        ("beds_without_ward", "UPDATE organisation.unit_versions SET superseded_at = now() WHERE unit_id = %(unit)s"),
    ],
)
def test_each_break_is_seen(consortium: Consortium, name: str, damage: str) -> None:
    hospital = consortium.hospital
    unit = consortium.unit(kind="nursing")["unit_id"]
    staff = consortium.engage(unit_id=unit, id_number=id_number())["staff_id"]
    consortium.engage(id_number=id_number())
    assert consortium.assign(staff, "registrar").status_code == 201
    nursing = hospital.caller("nursing_office", campus="hq")
    assert nursing.post(f"{BASE}/beds", {"ward_id": unit, "number": "1"}).status_code == 201
    hospital.execute("BEGIN")
    try:
        hospital.execute(damage, {"unit": unit, "staff": staff})
        check = next(check for check in load() if check.name == f"organisation.{name}")
        assert hospital.rows(check.detail), name
    finally:
        hospital.execute("ROLLBACK")
    assert broken(consortium) == {}
