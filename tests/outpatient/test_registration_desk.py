"""What the window shows and hands out: lists, look-up, load of the departments, cards and booklets."""

from typing import Any
from uuid import UUID

import pytest

from functions.outpatient.registration import service
from tests.outpatient.registering import (
    EXPERT_FEE_CODE,
    REGISTRATION,
    VISITS,
    clinic_of,
    emergency_clinic,
    refused,
    see,
)
from tests.support.clinic import Desk, ok, put_on_sale, register_person, register_visit, resident_id
from tests.support.hospital import Hospital

ARTICLES = f"{REGISTRATION}/articles"


@pytest.fixture(scope="module")
def clinics(hospital: Hospital, desks: dict[str, Desk]) -> dict[str, Desk]:
    """A clinic of its own at both campuses under one standard code."""
    return {
        code: clinic_of(hospital, desk, f"obstetrics-{code}", standard_code="obstetrics", name="产科门诊")
        for code, desk in desks.items()
    }


def people(desk: Desk, count: int, born: str) -> list[str]:
    return [register_person(desk.registrar, resident_id(n, born=born), name="黄月英") for n in range(count)]


# -- lists


def test_the_day_by_department_and_kind(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    expert = clinic_of(hospital, desk, "internal-chief", grade="chief", fee_item_code=EXPERT_FEE_CODE)
    one, two = people(desk, 2, "19710101")
    general = register_visit(desk.registrar, one, put_on_sale(hospital, desk, desk_no=1))
    chief = register_visit(desk.registrar, two, put_on_sale(hospital, expert, desk_no=2))

    def listed(**filters: Any) -> list[str]:
        return [item["encounter_id"] for item in ok(desk.registrar.get(VISITS, **filters))["items"]]

    assert listed() == [chief["encounter_id"], general["encounter_id"]]
    assert listed(kind="expert") == [chief["encounter_id"]]
    assert listed(unit_id=str(desk.unit_id), kind="general") == [general["encounter_id"]]
    assert listed(unit_id=str(UUID(int=1))) == []
    assert listed(day="2020-01-01") == []
    assert listed(visit_no=chief["visit_no"].lower()) == [chief["encounter_id"]]
    assert desks["mch"].registrar.get(VISITS, visit_no=chief["visit_no"]).status_code == 404
    assert desk.registrar.get(VISITS, visit_no="12").status_code == 422


def test_the_load_of_the_departments(hospital: Hospital, desks: dict[str, Desk], clinics: dict[str, Desk]) -> None:
    """总院无号、分院有余号."""
    desk = desks["hq"]
    session = put_on_sale(hospital, clinics["hq"], numbers=2, desk_no=3)
    put_on_sale(hospital, clinics["mch"], numbers=3, desk_no=4)
    before = counts(desk)
    one, two = people(desk, 2, "19720101")
    register_visit(desk.registrar, one, session)
    rest = clinic(desk)
    assert (rest["rest"], rest["hint"], rest["unit_id"]) == ({"hq": 1, "mch": 3}, "", str(desk.unit_id))
    visit = register_visit(desk.registrar, two, session)
    see(hospital, visit, hospital.caller("outpatient_doctor").staff_id)
    assert clinic(desk)["rest"] == {"hq": 0, "mch": 3}
    assert clinic(desk)["hint"] == "总院无号、妇幼分院有余号"
    assert clinic(desks["mch"])["hint"] == ""
    after = counts(desk)
    assert (after["registered"] - before["registered"], after["finished"] - before["finished"]) == (1, 1)


def counts(desk: Desk) -> dict[str, int]:
    units = ok(desk.registrar.get(f"{REGISTRATION}/load"))["units"]
    return next((unit for unit in units if unit["unit_id"] == str(desk.unit_id)), {"registered": 0, "finished": 0})


def clinic(desk: Desk) -> dict[str, Any]:
    found = ok(desk.registrar.get(f"{REGISTRATION}/load"))["clinics"]
    return next(one for one in found if one["standard_code"] == "obstetrics")


def test_a_list_costs_the_same_for_one_and_for_many(hospital: Hospital, desks: dict[str, Desk]) -> None:
    with hospital.tx("hq") as tx:
        service.department_load(tx, tx.today)
        assert tx.session.statements <= 4


# -- slips


def test_a_slip_of_an_emergency(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    body = {
        "clinic_id": emergency_clinic(hospital, desk),
        "triage_level": 2,
        "patient_id": people(desk, 1, "19730101")[0],
    }
    visit = ok(desk.registrar.post(f"{REGISTRATION}/emergencies", body))
    ok(desk.registrar.post(f"{VISITS}/{visit['encounter_id']}/slips"))
    pdf = desk.registrar.get(f"{VISITS}/{visit['encounter_id']}/slip.pdf")
    assert pdf.content.startswith(b"%PDF")


# -- cards and booklets


def test_a_card_names_the_patient_from_now_on(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    one, two = people(desk, 2, "19740101")
    card = {"patient_id": one, "kind": "visit_card", "card_no": "K00012345"}
    issued = ok(desk.registrar.post(ARTICLES, card))
    assert (issued["card_no"], issued["charges"]) == ("K00012345", [])
    kept = hospital.rows("SELECT patient_id FROM patients.identifiers WHERE value = 'K00012345' AND status = 'active'")
    assert [str(row["patient_id"]) for row in kept] == [one]
    refused(hospital, desk.registrar, ARTICLES, {**card, "patient_id": two}, 409, "identifier_in_use")
    assert desk.registrar.post(ARTICLES, {"patient_id": one, "kind": "visit_card"}).status_code == 422


def test_a_booklet_is_charged(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    person = people(desk, 1, "19750101")[0]
    visit = register_visit(desk.registrar, person, put_on_sale(hospital, desk, desk_no=5))
    body = {
        "patient_id": person,
        "encounter_id": visit["encounter_id"],
        "kind": "record_booklet",
        "item_code": EXPERT_FEE_CODE,
    }
    issued = ok(desk.registrar.post(ARTICLES, body))
    assert [charge["amount"] for charge in issued["charges"]] == ["30.00"]
    numbers = "SELECT DISTINCT encounter_no FROM payments.charges WHERE encounter_id = %s"
    assert hospital.rows(numbers, [visit["encounter_id"]]) == [{"encounter_no": visit["visit_no"]}]
    elsewhere = desks["mch"].registrar
    assert elsewhere.post(ARTICLES, body).status_code == 404
