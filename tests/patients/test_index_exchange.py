"""The index for other systems: demographics query, identifier cross-reference, identity feed (IHE ITI-78, 83, 104)."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.patients.index.rules import fhir
from functions.patients.index.schemas.values import CAMPUS_ISSUED, IdentifierType
from tests.patients.conftest import BASE, Desks, refused, resident_id
from tests.support import tokens
from tests.support.hospital import Caller, Hospital

FHIR = f"{BASE}/fhir/Patient"
RESIDENT = "urn:oid:2.16.156.10011.1.3"
CARD = "urn:his:identifier:visit_card"


def bridge(hospital: Hospital, campus: str = "hq") -> Caller:
    """A system of a campus, signed on as its bridge."""
    subject = str(uuid4())
    claims = {"sub": subject, "name": f"{campus}网桥", "azp": f"device-{campus}-bridge", "campus": campus}
    return Caller(hospital.client, tokens.sign(claims | {"device": "bridge"}), campus, subject, uuid4())


@pytest.fixture(scope="module")
def ris(hospital: Hospital) -> Caller:
    return bridge(hospital)


def ids(bundle: httpx.Response) -> list[str]:
    assert bundle.status_code == 200, bundle.text
    return [one["resource"]["id"] for one in bundle.json()["entry"] if one["search"]["mode"] == "match"]


def numbers(resource: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["system"], one["value"]) for one in resource["identifier"]}


def issue(answer: httpx.Response) -> str:
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    return str(body["issue"][0]["code"])


def test_demographics_are_found_by_number_name_and_phone(desks: Desks, ris: Caller, hospital: Hospital) -> None:
    number = resident_id("19871123", "2")
    person = desks.register("欧阳美玉", number, phone="13977000111")
    other = desks.register("欧阳美玉", resident_id("19911123", "2"), phone="13977000112")
    both = [person["patient_id"], other["patient_id"]]
    assert ids(ris.get(FHIR, identifier=f"{RESIDENT}|{number.lower()}")) == both[:1]
    assert ids(ris.get(FHIR, identifier=number)) == both[:1]
    assert sorted(ids(ris.get(FHIR, name="欧阳美玉"))) == sorted(both)
    assert ids(ris.get(FHIR, family="欧阳", given="美玉", birthdate="1987-11-23")) == both[:1]
    assert ids(ris.get(FHIR, telecom="13977000112")) == both[1:]
    assert ids(ris.get(FHIR, name="欧阳美玉", gender="male")) == []
    assert ids(ris.get(FHIR, name="欧阳美丽")) == [], "a machine is told who matches, not who sounds alike"
    assert ids(ris.get(FHIR, identifier=f"{RESIDENT}|{number}", birthdate="1990-01-01")) == []
    assert ids(ris.get(FHIR, _id=person["patient_id"])) == both[:1]
    first = ris.get(FHIR, name="欧阳美玉", _count=1).json()
    assert "total" not in first
    assert first["entry"][-1]["search"]["mode"] == "outcome"

    resource = ris.get(f"{FHIR}/{person['patient_id']}").json()
    assert resource["name"] == [{"use": "official", "text": "欧阳美玉", "family": "欧阳", "given": ["美玉"]}]
    assert (resource["gender"], resource["birthDate"]) == ("female", "1987-11-23")
    assert numbers(resource) == {(RESIDENT, number), (fhir.EMPI_SYSTEM, person["empi_no"])}
    assert None not in resource.values(), "what is not known is left out"
    refused(ris.get(f"{FHIR}/{uuid4()}"), 404, "not_found")
    seen = hospital.rows(
        "SELECT actor, campus_id FROM kernel.audit_entries WHERE action = 'patient.exchanged' AND patient_id = %s",
        [person["patient_id"]],
    )
    assert {row["actor"] for row in seen} == {ris.subject}


def test_what_would_widen_a_search_is_refused(ris: Caller, desks: Desks) -> None:
    with desks.unchanged():
        refused(ris.get(FHIR, name="韦建国", address="城关镇"), 422, "invalid")
        assert issue(ris.get(FHIR, gender="male")) == "invalid"
        assert issue(ris.get(FHIR, identifier="urn:oid:1.2.3|4")) == "code-invalid"
        refused(ris.get(FHIR, birthdate="1987-13-01", name="韦建国"), 400, "exchange_query")
        refused(ris.get(FHIR, name="韦"), 422, "name_too_short")
        refused(desks.registrar.get(FHIR, name="韦建国"), 403, "permission_denied")
        refused(desks.patient_account(str(uuid4())).get(FHIR, name="韦建国"), 403, "permission_denied")


def test_a_restricted_person_is_found_by_number_only(desks: Desks, ris: Caller) -> None:
    number = resident_id()
    person = desks.register("受限之人", number)
    body = {"version": 1, "restricted": True, "ground": "vip"}
    assert desks.privacy.post(f"{BASE}/patients/{person['patient_id']}/confidentiality", body).status_code == 200
    assert ids(ris.get(FHIR, name="受限之人")) == []
    assert ids(ris.get(FHIR, identifier=f"{RESIDENT}|{number}")) == [person["patient_id"]]


def test_numbers_lead_to_the_other_numbers_of_the_person(desks: Desks, ris: Caller, hospital: Hospital) -> None:
    number = resident_id()
    person = desks.register("交叉索引", number)
    for caller, value in ((desks.registrar, "K-100"), (desks.mch_registrar, "K-900")):
        body = {"type": "visit_card", "value": value}
        assert caller.post(f"{BASE}/patients/{person['patient_id']}/identifiers", body).status_code == 201

    def targets(**query: Any) -> set[tuple[str, str]]:
        answer = ris.get(f"{FHIR}/$ihe-pix", **query)
        assert answer.status_code == 200, answer.text
        given = answer.json()["parameter"]
        assert given[-1] == {
            "name": "targetId",
            "valueReference": {"reference": f"Patient/{person['patient_id']}"},
        }
        return {(one["valueIdentifier"]["system"], one["valueIdentifier"]["value"]) for one in given[:-1]}

    empi = (fhir.EMPI_SYSTEM, person["empi_no"])
    cards = {(f"{CARD}:hq", "K-100"), (f"{CARD}:mch", "K-900")}
    assert targets(sourceIdentifier=f"{RESIDENT}|{number}") == {empi, *cards}
    assert targets(sourceIdentifier=f"{CARD}:mch|K-900") == {empi, (RESIDENT, number), (f"{CARD}:hq", "K-100")}
    assert targets(sourceIdentifier=f"{fhir.EMPI_SYSTEM}|{person['empi_no']}", targetSystem=[f"{CARD}:mch"]) == {
        (f"{CARD}:mch", "K-900")
    }
    assert targets(sourceIdentifier=f"{RESIDENT}|{number}", targetSystem=["urn:his:identifier:passport"]) == set()

    pix = f"{FHIR}/$ihe-pix"
    unknown_source = ris.get(pix, sourceIdentifier="urn:oid:9.9|1")
    assert (unknown_source.status_code, issue(unknown_source)) == (400, "code-invalid")
    unknown_target = ris.get(pix, sourceIdentifier=f"{RESIDENT}|{number}", targetSystem="urn:oid:9.9")
    assert (unknown_target.status_code, issue(unknown_target)) == (403, "code-invalid")
    nobody = ris.get(pix, sourceIdentifier=f"{RESIDENT}|{resident_id()}")
    assert (nobody.status_code, issue(nobody)) == (404, "not-found")
    refused(ris.get(pix, sourceIdentifier=number), 400, "exchange_query")
    refused(ris.get(pix, sourceIdentifier=f"{CARD}:hq|K-900"), 404, "number_unknown")


def test_after_a_merge_either_number_leads_to_the_survivor(desks: Desks, ris: Caller) -> None:
    number = resident_id("19700707")
    one = desks.register("并者甲", number)
    other = desks.register("并者乙", "P70070711", type="passport", sex="1", birth_date="1970-07-07")
    assert desks.merge(one, other).json()["status"] == "done"
    answer = ris.get(f"{FHIR}/$ihe-pix", sourceIdentifier="urn:his:identifier:passport|P70070711").json()
    assert answer["parameter"][-1]["valueReference"]["reference"] == f"Patient/{one['patient_id']}"
    assert (RESIDENT, number) in {
        (row["valueIdentifier"]["system"], row["valueIdentifier"]["value"]) for row in answer["parameter"][:-1]
    }
    assert ids(ris.get(FHIR, _id=other["patient_id"])) == [one["patient_id"]]


def patient(number: str, name: str, **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": RESIDENT, "value": number}],
        "name": [{"use": "official", "text": name}],
        "maritalStatus": {"text": "已婚"},
        **fields,
    }


def fed(caller: Caller, resource: dict[str, Any], key: str | None = None) -> httpx.Response:
    source = resource["identifier"][0]
    return caller.put(f"{FHIR}?identifier={source['system']}%7C{source['value']}", resource, key=key)


def test_a_feed_registers_and_revises(desks: Desks, ris: Caller, hospital: Hospital) -> None:
    number = resident_id("19760606")
    resource = patient(number, "陆天明", telecom=[{"system": "phone", "value": "13877001122"}])
    new = fed(ris, resource, key="feed-0001-a")
    assert new.status_code == 200, new.text
    person = new.json()
    assert fed(ris, resource, key="feed-0001-a").json() == person
    view = desks.registrar.get(f"{BASE}/patients/{person['id']}").json()
    assert (view["name"], view["identity_level"], view["birth_date"]) == ("陆天明", "unverified", "1976-06-06")

    card = {"system": f"{CARD}:hq", "value": "F-77"}
    revised = patient(number, "陆天明", telecom=[{"value": "13877001199"}], address=[{"text": "城关镇解放路5号"}])
    revised["identifier"].append(card)
    assert fed(ris, revised).status_code == 200
    details = desks.registrar.get(f"{BASE}/patients/{person['id']}/details").json()
    assert (details["phone"], details["current_address"]["text"]) == ("13877001199", "城关镇解放路5号")
    assert ("visit_card", "F-77", "hq") in {
        (one["type"], one["value"], one["issuer_campus_id"]) for one in details["identifiers"]
    }
    before = hospital.census()
    assert fed(ris, revised).status_code == 200
    after = hospital.census()
    assert {name for name in after if after[name] != before[name]} <= {"kernel.idempotent_answers"}, "told twice"


def test_what_contradicts_documents_is_for_people(desks: Desks, ris: Caller, hospital: Hospital) -> None:
    number = resident_id("19800808")
    person = desks.register("王守信", number)
    with desks.unchanged():
        answer = fed(ris, patient(number, "王失信"))
        problem = refused(answer, 409, "feed_conflict")
        assert (problem["fields"], issue(answer)) == (["name"], "conflict")
        refused(fed(ris, patient(number, "王守信", birthDate="1980-08-09")), 409, "feed_conflict")
        refused(fed(ris, patient(number, "王守信", gender="female")), 409, "feed_conflict")
        refused(fed(ris, patient("110105194912310021", "王守信")), 422, "id_check_digit")
        refused(fed(bridge(hospital, "mch"), _card("hq", "F-1")), 400, "exchange_query")
        refused(fed(ris, _card("hq", "F-2")), 422, "identity_incomplete")
        refused(
            fed(ris, {"resourceType": "Observation", "identifier": [{"system": RESIDENT, "value": number}]}),
            422,
            "invalid",
        )
        dispute = patient(number, "王失信")
        dispute["identifier"].insert(0, {"system": f"{CARD}:hq", "value": "F-3"})
        refused(fed(ris, dispute), 409, "feed_conflict")
    traces = "SELECT count(*) FROM kernel.audit_entries WHERE subject_id LIKE %s"
    assert hospital.value(traces, [f"%{number}%"]) == 0, "a number in an address stays out of the traces"
    assert desks.registrar.get(f"{BASE}/patients/{person['patient_id']}").json()["version"] == 1


def _card(campus: str, value: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": f"{CARD}:{campus}", "value": value}],
        "name": [{"text": "某某人"}],
    }


def test_a_message_joins_nobody(desks: Desks, ris: Caller, hospital: Hospital) -> None:
    number = resident_id("19650505")
    kept = desks.register("莫丽娟", number)
    given = desks.register("莫丽鹃", "L65050501", type="passport", sex="1", birth_date="1965-05-05")
    link = {"type": "replaced-by", "other": {"identifier": {"system": RESIDENT, "value": number}}}
    gone = {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:his:identifier:passport", "value": "L65050501"}],
        "active": False,
        "link": [link],
    }
    answer = fed(ris, gone)
    assert (answer.status_code, issue(answer)) == (200, "informational")
    waiting = desks.steward.get(f"{BASE}/duplicates", limit=200).json()["items"]
    pair = {kept["patient_id"], given["patient_id"]}
    assert any({one["first_id"], one["second_id"]} == pair for one in waiting)
    assert (
        hospital.value("SELECT status FROM patients.patients WHERE patient_id = %s", [given["patient_id"]]) == "active"
    )
    link["other"] = {"reference": f"Patient/{uuid4()}"}
    refused(fed(ris, gone), 404, "not_found")
    refused(fed(ris, gone | {"link": []}), 400, "exchange_query")


@given(st.sampled_from([kind.value for kind in IdentifierType]), st.sampled_from([None, "hq", "mch"]))
def test_a_system_names_exactly_one_kind_of_number(kind: str, issuer: str | None) -> None:
    issued = {one.value for one in CAMPUS_ISSUED}
    kinds = [one.value for one in IdentifierType]
    system = fhir.system_of(kind, issuer)
    known = fhir.domain_of(system, kinds, issued)
    fits = (issuer is not None) == (kind in issued)
    assert known == (fhir.Domain(kind, issuer) if fits else None)
