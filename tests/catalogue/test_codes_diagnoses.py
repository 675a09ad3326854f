"""Diagnoses checked against each other and the patient, by the rules of the front page and of settlement."""

import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalogue.codes import rules, service
from functions.catalogue.codes.diagnoses import Diagnosis, Patient, check_diagnoses
from functions.catalogue.codes.service import SearchContext
from tests.catalogue.codes_support import CODES, Standards, put_in_force
from tests.support.clinic import ok


def check(standards: Standards, system: str, *coded: tuple[str, bool], **fields: Any) -> dict[str, dict[str, Any]]:
    body = {"system": system, "diagnoses": [{"code": code, "principal": main} for code, main in coded], **fields}
    found = ok(standards.doctor.post(f"{CODES}/diagnoses/check", body))
    return {one["code"]: one for one in found}


@pytest.mark.case("P-codes", 3)
def test_an_asterisk_is_never_principal(standards: Standards, icd: str) -> None:
    found = check(standards, icd, ("G63.2*", True), purpose="front_page")
    assert found["asterisk_principal"]["level"] == "block"
    assert found["dagger_missing"]["level"] == "block"
    assert check(standards, icd, ("E11.4†", True), ("G63.2*", False), purpose="front_page") == {}
    with standards.hospital.tx() as tx:
        hidden = service.search(tx, icd, "糖尿病", SearchContext(principal=True))
        shown = service.search(tx, icd, "糖尿病")
    assert {one.code for one in shown} - {one.code for one in hidden} == {"G63.2*"}


@pytest.mark.case("P-codes", 4)
def test_an_injury_needs_its_external_cause(standards: Standards, icd: str) -> None:
    found = check(standards, icd, ("S72.0", True), purpose="front_page")
    assert (found["external_cause_missing"]["level"], found["external_cause_missing"]["diagnosis"]) == (
        "block",
        "S72.0",
    )
    assert "外部原因" in found["external_cause_missing"]["way_out"]
    assert check(standards, icd, ("S72.0", True), ("W19", False), purpose="front_page") == {}
    assert check(standards, icd, ("W19", True), purpose="front_page")["external_cause_principal"]["level"] == "block"


@pytest.mark.case("P-codes", 5)
def test_sex_and_age_must_fit(standards: Standards, icd: str) -> None:
    found = check(standards, icd, ("O14.1", True), sex="1", age_days=30 * 365, purpose="front_page")
    assert (found["sex_conflict"]["level"], "女性" in found["sex_conflict"]["message"]) == ("block", True)
    assert check(standards, icd, ("O14.1", True), sex="2", age_days=30 * 365, purpose="front_page") == {}
    assert check(standards, icd, ("P07.3", True), sex="1", age_days=3, purpose="front_page") == {}
    late = check(standards, icd, ("P07.3", True), sex="1", age_days=2 * 365, purpose="front_page")
    assert {code: one["level"] for code, one in late.items()} == {"perinatal_age": "warn"}


@pytest.mark.case("P-codes", 7)
def test_a_grey_code_names_what_may_stand_in_its_place(standards: Standards) -> None:
    rows = [
        ("I21.900", "急性心肌梗死", {"grey": True}),
        ("I21.900x001", "急性前壁心肌梗死"),
        ("I21.900x002", "急性下壁心肌梗死"),
        ("I21.900x009", "急性心肌梗死，其他", {"grey": True}),
    ]
    system = put_in_force(standards, rows)
    found = check(standards, system, ("I21.900", True), purpose="settlement")
    grey = found["grey_principal"]
    assert (grey["level"], grey["replacements"]) == ("block", ["I21.900x001", "I21.900x002"])
    assert "I21.900x001" in grey["way_out"]
    assert "grey_principal" not in check(standards, system, ("I21.900", True), purpose="front_page")
    assert "grey_principal" not in check(
        standards, system, ("I21.900x001", True), ("I21.900", False), purpose="settlement"
    )


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((("Z37.0", True),), {"z_principal": "block"}),
        ((("Z51.1", True),), {}),
        ((("R50.9", True),), {"symptom_principal": "warn", "unspecified": "inform"}),
        ((("C34.1", True),), {"morphology_missing": "block"}),
        ((("O80.0", True), ("O14.1", False)), {"delivery_principal": "block"}),
        ((("O14.1", True), ("O80.0", False)), {}),
        ((("K35.8", False), ("I10", False)), {"principal_count": "block"}),
    ],
)
def test_rules_of_the_front_page(
    standards: Standards, icd: str, codes: tuple[tuple[str, bool], ...], expected: dict[str, str]
) -> None:
    found = check(standards, icd, *codes, sex="2", age_days=30 * 365, purpose="front_page")
    assert {code: one["level"] for code, one in found.items()} == expected


def test_a_mothers_record_names_the_outcome(standards: Standards, icd: str) -> None:
    found = check(standards, icd, ("O80.0", True), delivery_record=True, sex="2")
    assert found["outcome_missing"]["level"] == "block"
    assert "outcome_missing" not in check(
        standards, icd, ("O80.0", True), ("Z37.0", False), delivery_record=True, sex="2"
    )


@given(st.lists(st.from_regex(rules.ICD10, fullmatch=True), max_size=6), st.sampled_from(["1", "2", None]))
def test_checks_take_any_codes(codes: list[str], sex: str | None) -> None:
    given_ = [Diagnosis(code, place == 0) for place, code in enumerate(codes)]
    for purpose in ("clinical", "front_page", "settlement"):
        found = check_diagnoses(given_, Patient(sex, 100), purpose)  # type: ignore[arg-type]
        assert all(one.diagnosis in codes for one in found)


def test_a_hundred_thousand_records_in_their_budget() -> None:
    codes = ["E11.4†", "G63.2*", "S72.0", "W19", "O14.1", "P07.3", "I21.9", "Z51.1", "C34.1"]
    chance = random.Random(1)
    records = [
        [Diagnosis(code, place == 0) for place, code in enumerate(chance.sample(codes, 4))] for _ in range(10_000)
    ]
    started = time.process_time()
    for record in records:
        check_diagnoses(record, Patient("2", 12_000), "front_page")
    assert time.process_time() - started < 2.0, "20 s for 100,000"


def test_unknown_codes_are_refused(standards: Standards, icd: str) -> None:
    body = {"system": icd, "diagnoses": [{"code": "X99.9", "principal": True}]}
    refused = standards.doctor.post(f"{CODES}/diagnoses/check", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "code_unknown")
