"""Finding people: what each kind of text finds, what stays hidden, what is logged."""

import string
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.patients.index import service
from functions.patients.index.service.finding import Way, ways
from tests.patients.conftest import BASE, Desks, numbers_of, refused, resident_id
from tests.support.hospital import Hospital

FIND = f"{BASE}/patients/find"


@pytest.fixture(scope="module")
def people(desks: Desks) -> dict[str, dict[str, Any]]:
    return {
        "wang": desks.register(
            "王小伟", "110101198001010176", phone="13900001111", identifiers=[{"type": "visit_card", "value": "KH8800"}]
        ),
        "sound": desks.register("王晓伟", resident_id("19810202"), phone="13900002222"),
        "near": desks.register("王小明", resident_id("19820303"), phone="13900003333"),
        "other": desks.register("欧阳振华", resident_id("19830404"), phone="13900004444"),
    }


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [one["patient_id"] for one in found]


@pytest.mark.parametrize(
    "text",
    [
        "110101198001010176",
        "110101 19800101 0176",
        "KH8800",
        "kh8800",
        "13900001111",
        "+86 139-0000-1111",
        "110101800101017",
    ],
)
def test_a_number_finds_its_person(desks: Desks, people: dict[str, Any], text: str) -> None:
    found = desks.find(by=desks.mch_registrar, text=text)
    assert ids(found) == [people["wang"]["patient_id"]]
    assert found[0]["match"] == "exact"


def test_the_empi_number_and_last_digits(desks: Desks, people: dict[str, Any]) -> None:
    wang = people["wang"]
    assert ids(desks.find(text=wang["empi_no"])) == [wang["patient_id"]]
    assert ids(desks.find(text="0176")) == [wang["patient_id"]], "last four of the ID number"
    assert ids(desks.find(text="001111")) == [wang["patient_id"]], "last six of the phone"


def test_names_rank_exact_then_sound_then_one_character(desks: Desks, people: dict[str, Any]) -> None:
    found = desks.find(text="王小伟")
    assert [(one["patient_id"], one["match"]) for one in found] == [
        (people["wang"]["patient_id"], "exact"),
        (people["sound"]["patient_id"], "phonetic"),
        (people["near"]["patient_id"], "similar"),
    ]
    assert ids(desks.find(text="王小伟", birth_date="1982-03-03")) == [people["near"]["patient_id"]]
    assert ids(desks.find(text="wangxiaowei", sex="1")) == [people["wang"]["patient_id"], people["sound"]["patient_id"]]
    assert ids(desks.find(text="OYZH")) == [people["other"]["patient_id"]]
    assert desks.find(text="oyzh", birth_date="1999-01-01") == []


def test_two_characters_are_compared_with_those_born_the_same_day(desks: Desks) -> None:
    person = desks.register("施敏", resident_id("19771105", "2"))
    assert ids(desks.find(text="施俊", birth_date="1977-11-05")) == []
    assert ids(desks.find(text="施敏敏", birth_date="1977-11-05")) == [person["patient_id"]]


def test_what_a_hit_shows_is_masked(desks: Desks, people: dict[str, Any]) -> None:
    hit = desks.find(text="110101198001010176")[0]
    assert (hit["name"], hit["phone"], hit["document"]) == ("王**", "139****1111", "110101********0176")
    assert desks.find(text="欧阳振华")[0]["name"] == "欧阳**"


def test_full_values_by_a_logged_click(desks: Desks, people: dict[str, Any], hospital: Hospital) -> None:
    person = people["wang"]["patient_id"]
    shown = desks.registrar.get(f"{BASE}/patients/{person}/details").json()
    assert shown["identifiers"][0]["value"] == "110101198001010176"
    assert shown["phone"] == "13900001111"
    actions = hospital.rows("SELECT action FROM kernel.audit_entries WHERE patient_id = %s ORDER BY entry_id", [person])
    assert actions[-1]["action"] == "patient.revealed"
    refused(desks.doctor.get(f"{BASE}/patients/{person}/details"), 403, "permission_denied")


def test_refused_searches(desks: Desks) -> None:
    refused(desks.registrar.post(FIND, {}), 422, "search_empty")
    refused(desks.registrar.post(FIND, {"text": "王"}), 422, "name_too_short")
    refused(desks.registrar.post(FIND, {"text": "w"}), 422, "name_too_short")
    refused(desks.registrar.post(FIND, {"text": "王小伟", "limit": 51}), 422, "invalid")


def test_a_search_by_name_alone_is_logged_without_the_name(
    desks: Desks, hospital: Hospital, people: dict[str, Any]
) -> None:
    desks.find(text="王小明")
    desks.find(text="王小明", birth_date="1982-03-03")
    last = hospital.rows("SELECT * FROM kernel.audit_entries ORDER BY entry_id DESC LIMIT 2")
    assert [entry["action"] for entry in last] == ["patients.searched", "patients.searched_by_name"]
    assert [entry["actor"] for entry in last] == [desks.registrar.subject] * 2
    assert "王小明" not in str(last)


def test_children_of_a_mother(desks: Desks, hospital: Hospital) -> None:
    mother = desks.register("苏红", resident_id("19960606", "2"))
    with hospital.tx("hq") as tx:
        child = service.create_newborn(
            tx, service.CreateNewborn(mother_id=UUID(mother["patient_id"]), sex="2", birth_datetime=tx.now)
        )
    found = desks.find(mother_id=mother["patient_id"])
    assert ids(found) == [str(child.patient_id)]


@pytest.mark.case("P-patient-index", 12)
def test_case_12_a_lost_card_is_refused_everywhere_at_once(
    desks: Desks, people: dict[str, Any], hospital: Hospital
) -> None:
    card = next(one for one in people["wang"]["identifiers"] if one["type"] == "visit_card")
    path = f"{BASE}/identifiers/{card['identifier_id']}"
    assert desks.registrar.post(f"{path}/lost", {"reason": "患者挂失"}).json()["status"] == "lost"
    with desks.unchanged():
        refused(desks.mch_registrar.post(FIND, {"text": "KH8800"}), 409, "identifier_stopped")
        refused(desks.registrar.post(f"{path}/lost", {"reason": "重复"}), 409, "identifier_not_active")
    event = hospital.events("identifier_revoked")[-1]
    assert (event["subject"], event["data"]["status"]) == (people["wang"]["patient_id"], "lost")

    replaced = desks.registrar.post(f"{path}/replace", {"value": "KH8801"})
    assert (replaced.status_code, replaced.json()["status"]) == (201, "active")
    assert ids(desks.find(text="KH8801")) == [people["wang"]["patient_id"]]
    refused(desks.registrar.post(FIND, {"text": "KH8800"}), 409, "identifier_stopped")
    history = hospital.rows(
        "SELECT value, status, replaced_by FROM patients.identifiers WHERE value LIKE 'KH88%%' ORDER BY value"
    )
    assert [(row["value"], row["status"]) for row in history] == [("KH8800", "replaced"), ("KH8801", "active")]
    assert str(history[0]["replaced_by"]) == replaced.json()["identifier_id"]


def test_the_same_card_number_of_two_campuses_finds_both(desks: Desks) -> None:
    one = desks.register("班一鸣", identifiers=[{"type": "visit_card", "value": "0009999"}])
    other = desks.register("班二鸣", by=desks.mch_registrar, identifiers=[{"type": "visit_card", "value": "0009999"}])
    assert set(ids(desks.find(text="0009999"))) == {one["patient_id"], other["patient_id"]}


def test_restricted_people_are_hidden_but_where_they_are_treated(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("戴保密", resident_id("19910101"), phone="13911112222")
    path = f"{BASE}/patients/{person['patient_id']}"
    refused(
        desks.registrar.post(f"{path}/confidentiality", {"version": 1, "restricted": True, "ground": "hiv"}),
        403,
        "permission_denied",
    )
    restricted = desks.privacy.post(f"{path}/confidentiality", {"version": 1, "restricted": True, "ground": "hiv"})
    assert restricted.json()["confidentiality"] == "restricted"
    refused(
        desks.privacy.post(f"{path}/confidentiality", {"version": 1, "restricted": False, "ground": "hiv"}),
        409,
        "version_conflict",
    )
    for text in ("戴保密", "daibaomi", "dbm", "13911112222", "112222"):
        assert desks.find(text=text) == [], text
    card = desks.find(text=resident_number(hospital, person))
    assert [one["restricted"] for one in card] == [True], "the card in the hand opens"

    refused(desks.doctor.get(f"{path}/banner"), 422, "opening_reason_required")
    for part in ("", "/details", "/relations", "/history"):
        refused(desks.registrar.get(path + part), 422, "opening_reason_required")
        assert desks.registrar.get(path + part, reason="registration").status_code == 200
    opened = desks.doctor.get(f"{path}/banner", reason="treatment")
    assert opened.json()["restricted"]
    entry = hospital.rows(
        "SELECT * FROM kernel.audit_entries WHERE patient_id = %s ORDER BY entry_id DESC LIMIT 1",
        [person["patient_id"]],
    )[0]
    assert (entry["action"], entry["detail"]) == (
        "patient.banner_read",
        {"restricted": True, "reason_code": "treatment"},
    )

    desks.treat(person["patient_id"], "mch")
    assert ids(desks.find(by=desks.mch_registrar, text="戴保密")) == [person["patient_id"]]
    assert desks.find(text="戴保密") == [], "treated at mch, still hidden at hq"
    assert desks.mch_doctor.get(f"{path}/banner").status_code == 200
    refused(desks.doctor.get(f"{path}/banner"), 422, "opening_reason_required")


def resident_number(hospital: Hospital, person: dict[str, Any]) -> str:
    return next(
        str(one["number"]) for one in numbers_of(hospital, person["patient_id"]) if one["type"] == "resident_id"
    )


def test_resolve_in_batches(desks: Desks, people: dict[str, Any]) -> None:
    known = [one["patient_id"] for one in people.values()]
    answer = desks.registrar.post(
        f"{BASE}/patients/resolve",
        {
            "patient_ids": [*known, str(uuid4())],
            "identifiers": [
                {"type": "resident_id", "value": "110101198001010176"},
                {"type": "visit_card", "value": "none"},
            ],
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["patient_ids"] == {one: one for one in known}
    assert [one["patient_id"] for one in answer.json()["identifiers"]] == [people["wang"]["patient_id"]]


def test_more_than_fifty_says_so(desks: Desks) -> None:
    for _ in range(52):
        desks.register("甲乙丙", resident_id("19600101"))
    answer = desks.registrar.post(FIND, {"text": "甲乙丙"}).json()
    assert (len(answer["items"]), answer["more"]) == (50, True)
    answer = desks.registrar.post(FIND, {"text": "jyb", "limit": 5}).json()
    assert (len(answer["items"]), answer["more"]) == (5, True)


@given(st.text(alphabet=string.ascii_letters + string.digits + "王小 ·-+.'", min_size=1, max_size=64))
def test_every_text_is_looked_for_in_some_way(text: str) -> None:
    found = ways(" ".join(text.split()))
    assert found
    assert len(set(found)) == len(found)
    if Way.NAME in found or Way.PINYIN in found:
        assert len(found) == 1
