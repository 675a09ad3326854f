"""Safety facts that every campus sees, newborns, death."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.patients.index import service
from functions.patients.index.rules import Sex
from functions.patients.index.schemas.care import EndFact, RecordAlert, RecordAllergy
from shared.problems import Problem
from tests.patients.conftest import BASE, Desks, refused, resident_id
from tests.support.hospital import Hospital


def path(person: dict[str, Any], *rest: str) -> str:
    return "/".join((BASE, "patients", person["patient_id"], *rest))


def allergy(**fields: Any) -> RecordAllergy:
    given = {
        "substance": "青霉素",
        "category": "drug",
        "severity": "severe",
        "certainty": "confirmed",
        "source": "observed",
    }
    return RecordAllergy.model_validate(given | fields)


@pytest.mark.case("P-patient-index", 9)
def test_case_9_an_allergy_of_one_campus_shows_at_the_other_without_grant(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("过敏者")
    who = UUID(person["patient_id"])
    assert desks.doctor.get(path(person, "banner")).json()["allergy_state"] == "not_asked"
    with hospital.tx("mch") as tx:
        none = service.record_allergy(
            tx, who, RecordAllergy.model_validate({"statement": "none_known", "source": "stated"})
        )
    assert desks.doctor.get(path(person, "banner")).json()["allergy_state"] == "none_known"
    with hospital.tx("mch") as tx:
        recorded = service.record_allergy(tx, who, allergy())
    banner = desks.doctor.get(path(person, "banner")).json()
    assert (banner["allergy_state"], [one["substance"] for one in banner["allergies"]]) == ("recorded", ["青霉素"])
    assert banner["allergies"][0]["recorded_campus_id"] == "mch"
    superseded = hospital.value("SELECT status FROM patients.allergies WHERE allergy_id = %s", [none.allergy_id])
    assert superseded == "superseded"
    with hospital.tx("hq") as tx, pytest.raises(service_problem("allergy_on_record")):
        service.record_allergy(tx, who, RecordAllergy.model_validate({"statement": "unknown", "source": "stated"}))
    with hospital.tx("hq") as tx:
        service.refute_allergy(tx, recorded.allergy_id, EndFact(reason="激发试验阴性"))
    assert desks.doctor.get(path(person, "banner")).json()["allergy_state"] == "not_asked"
    with hospital.tx("hq") as tx, pytest.raises(service_problem("fact_already_ended")):
        service.refute_allergy(tx, recorded.allergy_id, EndFact(reason="再次"))
    kinds = [event["type"].split(".")[-2] for event in hospital.events() if "allergy" in event["type"]]
    assert kinds == ["allergy_recorded", "allergy_recorded", "allergy_refuted"]


def service_problem(code: str) -> type[Exception]:
    return Problem.catalogue()[code]


@pytest.mark.parametrize(
    "fields",
    [{"substance": None}, {"severity": None}, {"statement": "none_known"}, {"category": "粉尘"}, {"onset": "明天"}],
)
def test_incomplete_allergies_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        allergy(**fields)


def test_alerts_end_by_time_and_by_hand(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("警示者", resident_id(sex="2"))
    who = UUID(person["patient_id"])
    with hospital.tx("hq") as tx:
        service.record_alert(tx, who, RecordAlert(kind="pregnancy", valid_to=tx.now + timedelta(minutes=1)))
        pacemaker = service.record_alert(tx, who, RecordAlert(kind="mr_unsafe", detail="起搏器"))
    assert [one["kind"] for one in desks.doctor.get(path(person, "banner")).json()["alerts"]] == [
        "pregnancy",
        "mr_unsafe",
    ]
    hospital.clock.move(minutes=2)
    try:
        assert [one["kind"] for one in desks.doctor.get(path(person, "banner")).json()["alerts"]] == ["mr_unsafe"]
    finally:
        hospital.clock.move(minutes=-2)
    with hospital.tx("hq") as tx:
        service.end_alert(tx, pacemaker.alert_id, EndFact(reason="已取出"))
    with hospital.tx("hq") as tx, pytest.raises(service_problem("fact_already_ended")):
        service.end_alert(tx, pacemaker.alert_id, EndFact(reason="再次"))


def test_safety_facts_need_their_permission(desks: Desks) -> None:
    person = desks.register("权限者")
    body = allergy().model_dump(mode="json")
    for caller in (desks.registrar, desks.steward, desks.privacy):
        refused(caller.post(path(person, "allergies"), body), 403, "permission_denied")


def test_a_pharmacist_records_an_allergy_and_a_clinician_alone_refutes_it(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("药师所记")
    pharmacist = hospital.caller("outpatient_pharmacist", campus="hq")
    recorded = pharmacist.post(path(person, "allergies"), allergy().model_dump(mode="json"))
    assert recorded.status_code == 201, recorded.text
    refute = f"{BASE}/allergies/{recorded.json()['allergy_id']}/refute"
    with desks.unchanged():
        refused(pharmacist.post(refute, {"reason": "患者否认"}), 403, "permission_denied")
    assert desks.doctor.post(refute, {"reason": "激发试验阴性"}).json()["status"] == "refuted"


def test_twins_are_two_and_never_duplicates(desks: Desks, hospital: Hospital) -> None:
    mother = desks.register("吴秀珍", resident_id("19940404", "2"))
    who = UUID(mother["patient_id"])
    with hospital.tx("mch") as tx:
        born = tx.now - timedelta(hours=1)
        twins = [
            service.create_newborn(
                tx,
                service.CreateNewborn(
                    mother_id=who,
                    sex=Sex.MALE,
                    birth_datetime=born + timedelta(minutes=4 * order),
                    birth_order=order + 1,
                    births=2,
                ),
            )
            for order in (0, 1)
        ]
    assert [one.name for one in twins] == ["吴秀珍之大", "吴秀珍之二"]
    assert {one.identity_level for one in twins} == {"unverified"}
    assert (
        hospital.value(
            "SELECT count(*) FROM patients.match_candidates WHERE %(one)s IN (first_id, second_id)",
            {"one": twins[1].patient_id},
        )
        == 0
    )
    with hospital.tx("mch") as tx:
        again = service.create_newborn(
            tx, service.CreateNewborn(mother_id=who, sex=Sex.MALE, birth_datetime=born, birth_order=1, births=2)
        )
        assert again.patient_id == twins[0].patient_id
        assert [one.name for one in service.guardians(tx, twins[0].patient_id)] == ["吴秀珍"]
    merged = desks.steward.post(
        f"{BASE}/merges",
        {
            "survivor_id": str(twins[0].patient_id),
            "retired_id": str(twins[1].patient_id),
            "survivor_version": 1,
            "retired_version": 1,
            "reason": "误操作",
        },
    )
    refused(merged, 422, "merge_twins")

    certificate = desks.registrar.post(
        f"{BASE}/patients/{twins[0].patient_id}/identifiers", {"type": "birth_certificate", "value": "X450000001"}
    )
    assert certificate.status_code == 201
    named = desks.registrar.post(
        f"{BASE}/patients/{twins[0].patient_id}/corrections",
        {"version": 1, "changes": {"name": "吴子安"}, "evidence": "scanned_document", "reason": "出生医学证明"},
    )
    assert named.json()["patient"]["name"] == "吴子安"
    history = desks.registrar.get(f"{BASE}/patients/{twins[0].patient_id}/history").json()["items"]
    assert [(one["old_value"], one["new_value"]) for one in history] == [("吴秀珍之大", "吴子安")]


def test_death_and_its_reversal(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("辞世者")
    body = {"died_at": hospital.clock().isoformat(), "certificate_no": "D2026001"}
    refused(desks.registrar.post(path(person, "death"), body), 403, "permission_denied")
    assert desks.steward.post(path(person, "death"), body).json()["status"] == "deceased"
    refused(desks.steward.post(path(person, "death"), body), 409, "already_deceased")
    reverse = {"reason": "证明开错", "evidence_file_id": str(uuid4())}
    assert desks.steward.post(path(person, "death", "reverse"), reverse).json()["status"] == "active"
    refused(desks.steward.post(path(person, "death", "reverse"), reverse), 409, "not_deceased")
    assert [event["data"]["reversed"] for event in hospital.events("patient_deceased")] == [False, True]


def test_a_death_lies_between_birth_and_now(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("未亡者", resident_id("19900307"))
    now = hospital.clock()
    with desks.unchanged():
        for died in (now + timedelta(minutes=1), now.replace(year=1989)):
            body = {"died_at": died.isoformat(), "certificate_no": "D2026002"}
            refused(desks.steward.post(path(person, "death"), body), 422, "death_moment")


def test_a_blood_group_by_hearsay_never_outranks_a_confirmed_one(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("血型者")
    said = desks.doctor.post(path(person, "blood-group"), {"version": 1, "abo": "AB", "rh": "-"})
    assert (said.status_code, said.json()["version"]) == (200, 2)
    seen = desks.doctor.get(path(person, "banner")).json()
    assert (seen["abo"], seen["rh"], seen["blood_group_status"]) == ("AB", "-", "stated")
    assert hospital.events("patient_updated")[-1]["data"]["fields"] == ["abo", "blood_group_status", "rh"]
    hospital.execute(
        "UPDATE patients.patients SET blood_group_status = 'confirmed' WHERE patient_id = %s", [person["patient_id"]]
    )
    with desks.unchanged():
        refused(
            desks.doctor.post(path(person, "blood-group"), {"version": 2, "abo": "O"}), 409, "blood_group_confirmed"
        )
        refused(desks.doctor.post(path(person, "blood-group"), {"version": 1, "abo": "O"}), 409, "version_conflict")
        refused(desks.doctor.post(path(person, "blood-group"), {"version": 2, "abo": "C"}), 422, "invalid")
        refused(desks.registrar.post(path(person, "blood-group"), {"version": 2, "abo": "O"}), 403, "permission_denied")


def test_alerts_fit_the_person(desks: Desks, hospital: Hospital) -> None:
    man = desks.register("男患者", resident_id(sex="1"))
    with desks.unchanged():
        refused(desks.doctor.post(path(man, "alerts"), {"kind": "pregnancy"}), 422, "alert_mismatch")
        over = {"kind": "fall", "valid_to": hospital.clock().isoformat()}
        refused(desks.doctor.post(path(man, "alerts"), over), 422, "alert_mismatch")
