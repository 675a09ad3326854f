"""The catalogue's integrity checks find what they are there to find, and nothing else."""

from typing import Any

import pytest

from integrity.runner import load, run
from tests.catalogue.conftest import BASE, Catalogue
from tests.support.clinic import ok

OURS = frozenset(check.name for check in load() if check.name.startswith("catalogue."))


def broken(catalogue: Catalogue) -> set[str]:
    return {one.name for one in run(catalogue.hospital.settings.auditor_database_url, OURS) if not one.holds}


@pytest.fixture(scope="module")
def living(catalogue: Catalogue) -> dict[str, Any]:
    """Value sets, two items with a rule, a package and a price that was corrected."""
    manager = catalogue.hospital.caller("standard_manager")
    ok(manager.post("/api/catalogue/codes/standard"))
    codes = [str(catalogue.item()["code"]) for _ in range(2)]
    prices = [catalogue.price(code, "10.00") for code in codes]
    package = str(catalogue.item(kind="package", unit="套")["code"])
    body: dict[str, Any] = {"members": [{"member_code": codes[0], "quantity": "1"}]}
    version = ok(catalogue.officer.post(f"{BASE}/packages/{package}/versions", body))
    ok(catalogue.checker.post(f"{BASE}/package-versions/{version['package_version_id']}/check"))
    rule = {"kind": "included_in", "title": "包含", "params": {}, "subjects": [codes[0]], "others": [codes[1]]}
    made = ok(catalogue.officer.post(f"{BASE}/rules", {**rule, "basis_document": "文"}))
    ok(catalogue.checker.post(f"{BASE}/rules/{made['rule_id']}/check"))
    catalogue.hospital.clock.move(minutes=1)
    wrong = {"version_id": prices[0]["version_id"], "right_price": "9", "reason": "错", "basis_document": "文"}
    step = ok(catalogue.officer.post(f"{BASE}/corrections", wrong))
    for post, office in (("price_checker", "price"), ("consortium_finance", "finance"), ("vice_president", "director")):
        caller = catalogue.hospital.caller(post)
        path = f"{BASE}/corrections/{step['correction_id']}/{office}-approval"
        step = ok(caller.post(path, {"version": step["version"]}))
    assert step["status"] == "effective"
    return {"codes": codes, "rule": made["rule_id"], "correction": step["correction_id"]}


def test_a_living_catalogue_adds_up(catalogue: Catalogue, living: dict[str, Any]) -> None:
    assert len(OURS) == 16
    assert broken(catalogue) == set()


DAMAGE = [
    (
        "catalogue.prices_rule_circle",
        "INSERT INTO catalogue.price_rule_items SELECT rule_id, item_code, CASE role WHEN 'other' THEN 'subject' ELSE"
        " 'other' END FROM catalogue.price_rule_items",
        "DELETE FROM catalogue.price_rule_items a USING catalogue.price_rule_items b"
        " WHERE a.rule_id = b.rule_id AND a.item_code = b.item_code AND a.ctid > b.ctid",
    ),
    (
        "catalogue.prices_correction_effect",
        "UPDATE catalogue.price_corrections SET affected_to = affected_to + interval '1 day'",
        "UPDATE catalogue.price_corrections SET affected_to = affected_to - interval '1 day'",
    ),
    (
        "catalogue.prices_package_stopped",
        "UPDATE catalogue.charge_items SET stopped_from = '2020-01-01' WHERE code = (SELECT member_code FROM"
        " catalogue.package_members LIMIT 1)",
        "UPDATE catalogue.charge_items SET stopped_from = NULL",
    ),
    (
        "catalogue.codes_version_count",
        "UPDATE catalogue.code_versions SET codes = codes + 1 WHERE system = 'gbt3304'",
        "UPDATE catalogue.code_versions SET codes = codes - 1 WHERE system = 'gbt3304'",
    ),
    (
        "catalogue.codes_lost_parent",
        "INSERT INTO catalogue.codes (code_id, version_id, code, display, initials, grams, parent, leaf, place, attrs,"
        " local, official_code) SELECT gen_random_uuid(), version_id, 'Z99', 'x', 'x', '{}', 'Z98', true, 0, '{}',"
        " true, 'I10' FROM catalogue.code_versions WHERE system = 'icd10-gbt14396'",
        "DELETE FROM catalogue.codes WHERE code = 'Z99'",
    ),
    (
        "catalogue.codes_local_mapped",
        "INSERT INTO catalogue.codes (code_id, version_id, code, display, initials, grams, parent, leaf, place, attrs,"
        " local, official_code) SELECT gen_random_uuid(), version_id, 'Z99', 'x', 'x', '{}', NULL, true, 0, '{}', true,"
        " 'Q00' FROM catalogue.code_versions WHERE system = 'icd10-gbt14396'",
        "DELETE FROM catalogue.codes WHERE code = 'Z99'",
    ),
    (
        "catalogue.prices_stopped_with_rolled_back",
        "WITH back AS (INSERT INTO catalogue.import_batches (batch_id, title, basis_document, maker, made_at, status,"
        " version) VALUES (gen_random_uuid(), 'x', 'x', 'x', now(), 'rolled_back', 1) RETURNING batch_id)"
        " UPDATE catalogue.charge_items SET status = 'suspended', stopped_with = back.batch_id FROM back"
        " WHERE kind = 'service' AND stopped_from IS NULL",
        "UPDATE catalogue.charge_items SET status = 'published', stopped_with = NULL WHERE stopped_with IS NOT NULL",
    ),
]


def test_categories_of_a_wide_list_are_not_counted(catalogue: Catalogue, living: dict[str, Any]) -> None:
    insert = (
        "INSERT INTO catalogue.codes (code_id, version_id, code, display, initials, grams, parent, leaf, place, attrs,"
        " local) SELECT gen_random_uuid(), version_id, 'Z9', 'x', 'x', '{}', NULL, false, 0, '{\"heading\": true}',"
        " false FROM catalogue.code_versions WHERE system = 'icd10-gbt14396'"
    )
    assert catalogue.hospital.execute(insert) == 1
    assert broken(catalogue) == set()
    assert catalogue.hospital.execute("DELETE FROM catalogue.codes WHERE code = 'Z9'") == 1


@pytest.mark.parametrize(("name", "damage", "repair"), DAMAGE, ids=lambda value: str(value)[:40])
def test_damage_is_found(catalogue: Catalogue, living: dict[str, Any], name: str, damage: str, repair: str) -> None:
    assert catalogue.hospital.execute(damage) >= 1
    try:
        assert broken(catalogue) == {name}
    finally:
        catalogue.hospital.execute(repair)
    assert broken(catalogue) == set()
