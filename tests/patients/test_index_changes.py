"""Correcting people, their cards, relations and consents."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.patients.index import service
from functions.patients.index.queries import people
from functions.patients.index.service.verify import change_patient
from shared.problems import Stale
from tests.patients.conftest import BASE, Desks, numbers_of, refused, resident_id
from tests.support.hospital import Hospital


def path(person: dict[str, Any], *rest: str) -> str:
    return "/".join((BASE, "patients", person["patient_id"], *rest))


def correct(desks: Desks, person: dict[str, Any], version: int, changes: dict[str, Any], **fields: Any) -> Any:
    body = {"version": version, "changes": changes, "evidence": "scanned_document", "reason": "核对证件", **fields}
    return desks.registrar.post(path(person, "corrections"), body)


# ---------------------------------------------------------------- corrections


def test_a_correction_keeps_old_and_new(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("谭小丽", resident_id("19870101", "2"))
    answer = correct(
        desks, person, 1, {"phone": "13700000009", "occupation": "教师", "native_place": None}, evidence="statement"
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "applied")
    assert (answer.json()["patient"]["phone"], answer.json()["patient"]["version"]) == ("137****0009", 2)
    history = desks.registrar.get(path(person, "history")).json()["items"]
    assert {(one["field"], one["old_value"], one["new_value"]) for one in history} == {
        ("phone", "13877201234", "13700000009"),
        ("occupation", None, "教师"),
    }
    assert {one["changed_by"] for one in history} == {desks.registrar.subject}
    event = hospital.events("patient_updated")[-1]["data"]
    assert event == {"patient_id": person["patient_id"], "fields": ["native_place", "occupation", "phone"]}


def test_a_stale_correction_changes_nothing(desks: Desks) -> None:
    person = desks.register("谭小红")
    assert correct(desks, person, 1, {"phone": "13700000010"}).status_code == 200
    with desks.unchanged():
        problem = refused(correct(desks, person, 1, {"phone": "13700000011"}), 409, "version_conflict")
    assert problem["current_version"] == 2


def test_two_corrections_at_once_let_one_through(desks: Desks, hospital: Hospital) -> None:
    """Both have read version 1; the second write finds it gone."""
    person = desks.register("谭小军")
    seen = []
    for campus in ("hq", "mch"):
        with hospital.tx(campus) as tx:
            seen.append(tx.session.one(people.SURVIVOR, patient_id=UUID(person["patient_id"])))
    with hospital.tx("hq") as tx:
        change_patient(tx, seen[0], {"employer": "第一小学"}, "correction")
    with hospital.tx("mch") as tx, pytest.raises(Stale):
        change_patient(tx, seen[1], {"employer": "第二小学"}, "correction")
    row = hospital.rows(
        "SELECT employer, version FROM patients.patients WHERE patient_id = %s", [person["patient_id"]]
    )[0]
    assert row == {"employer": "第一小学", "version": 2}


def test_protected_fields_need_a_document(desks: Desks) -> None:
    person = desks.register("谭大明")
    with desks.unchanged():
        refused(correct(desks, person, 1, {"name": "谭大铭"}, evidence="statement"), 422, "evidence_required")
        refused(correct(desks, person, 1, {"sex": "2"}), 422, "id_sex_mismatch")
        refused(correct(desks, person, 1, {"birth_date": "1990-03-08"}), 422, "id_birth_date_mismatch")
        refused(correct(desks, person, 1, {"name": None}), 422, "invalid")
        refused(correct(desks, person, 1, {"phone": "13877201234"}), 422, "nothing_to_change")
        refused(correct(desks, person, 1, {}), 422, "nothing_to_change")


def test_a_new_name_is_found_and_the_old_one_still_registers(desks: Desks, hospital: Hospital) -> None:
    number = resident_id()
    person = desks.register("谭改名", number)
    assert correct(desks, person, 1, {"name": "谭新名"}).json()["patient"]["name"] == "谭新名"
    assert [one["patient_id"] for one in desks.find(text="谭新名")] == [person["patient_id"]]
    assert [one["patient_id"] for one in desks.find(text="txm", birth_date="1990-03-07")] == [person["patient_id"]]
    assert desks.register("谭改名", number)["patient_id"] == person["patient_id"]
    assert desks.doctor.get(path(person, "banner")).json()["earlier_names"] == ["谭改名"]


def test_a_person_with_records_is_corrected_by_two(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("双人核对", resident_id("19880101"))
    desks.treat(person["patient_id"])
    answer = correct(desks, person, 1, {"name": "双仁核对"})
    assert (answer.json()["status"], answer.json()["patient"]["name"]) == ("pending", "双人核对")
    correction = f"{BASE}/corrections/{answer.json()['correction_id']}"
    refused(correct(desks, person, 1, {"name": "双任核对"}), 409, "correction_pending")
    refused(desks.registrar.post(f"{correction}/confirm"), 422, "same_person")
    waiting = desks.colleague.get(f"{BASE}/corrections").json()["items"]
    assert [one["correction_id"] for one in waiting if one["patient_id"] == person["patient_id"]]

    confirmed = desks.colleague.post(f"{correction}/confirm")
    assert (confirmed.json()["status"], confirmed.json()["patient"]["name"]) == ("applied", "双仁核对")
    change = desks.registrar.get(path(person, "history")).json()["items"][0]
    assert (change["field"], change["changed_by"], change["confirmed_by"]) == (
        "name",
        desks.registrar.subject,
        desks.colleague.subject,
    )
    refused(desks.colleague.post(f"{correction}/confirm"), 409, "correction_decided")


def test_a_correction_overtaken_by_another_is_stale(desks: Desks) -> None:
    person = desks.register("被超越", resident_id("19880102"))
    desks.treat(person["patient_id"])
    waiting = correct(desks, person, 1, {"name": "被超月"}).json()["correction_id"]
    assert correct(desks, person, 1, {"phone": "13700000012"}).json()["status"] == "applied"
    refused(desks.colleague.post(f"{BASE}/corrections/{waiting}/confirm"), 409, "version_conflict")
    rejected = desks.colleague.post(f"{BASE}/corrections/{waiting}/reject", {"reason": "档案已变更"})
    assert rejected.status_code == 204


def test_a_wrong_document_number_is_replaced(desks: Desks, hospital: Hospital) -> None:
    wrong, right = resident_id("19790909"), resident_id("19790909")
    person = desks.register("证号更正", wrong)
    identifier = person["identifiers"][0]["identifier_id"]
    refused(
        desks.registrar.post(f"{BASE}/identifiers/{identifier}/revoke", {"reason": "录错"}), 422, "evidence_required"
    )
    answer = correct(desks, person, 1, {"document": {"type": "resident_id", "number": right}})
    assert answer.status_code == 200, answer.text
    assert desks.register("证号更正", right)["patient_id"] == person["patient_id"]
    assert desks.register("别人别人", wrong)["patient_id"] != person["patient_id"], "the wrong number is free again"
    taken = desks.register("已有证号", resident_id("19790910"))
    other = numbers_of(hospital, taken["patient_id"])[0]["number"]
    person_now = desks.registrar.get(path(person)).json()
    with desks.unchanged():
        refused(
            correct(
                desks,
                person,
                person_now["version"],
                {"birth_date": "1979-09-10", "document": {"type": "resident_id", "number": other}},
            ),
            409,
            "identifier_in_use",
        )


# ---------------------------------------------------------------- cards


def test_binding_cards(desks: Desks, hospital: Hospital) -> None:
    one, other = desks.register("绑定甲"), desks.register("绑定乙")
    bound = desks.registrar.post(path(one, "identifiers"), {"type": "health_card", "value": "JK-0001"})
    assert bound.status_code == 201
    again = desks.registrar.post(path(one, "identifiers"), {"type": "health_card", "value": "JK-0001"})
    assert again.json()["identifier_id"] == bound.json()["identifier_id"]
    with desks.unchanged():
        refused(
            desks.registrar.post(path(other, "identifiers"), {"type": "health_card", "value": "JK-0001"}),
            409,
            "identifier_in_use",
        )
        refused(
            desks.registrar.post(path(one, "identifiers"), {"type": "resident_id", "value": resident_id()}),
            409,
            "identifier_kind_taken",
        )
        refused(desks.registrar.post(path(one, "identifiers"), {"type": "resident_id", "value": "1"}), 422, "id_format")
    revoked = desks.registrar.post(f"{BASE}/identifiers/{bound.json()['identifier_id']}/revoke", {"reason": "停用"})
    assert revoked.json()["status"] == "revoked"
    assert (
        desks.registrar.post(path(other, "identifiers"), {"type": "health_card", "value": "JK-0001"}).status_code == 201
    )
    refused(desks.registrar.post(f"{BASE}/identifiers/{uuid4()}/lost", {"reason": "无"}), 404, "not_found")
    assert [event["data"]["status"] for event in hospital.events("identifier_revoked")][-1] == "revoked"


# ---------------------------------------------------------------- relations, consents


def test_relations(desks: Desks) -> None:
    person, spouse = desks.register("关系甲"), desks.register("关系乙")
    answer = desks.registrar.post(
        path(person, "relations"),
        {"kind": "spouse", "name": "关系乙", "related_patient_id": spouse["patient_id"], "is_emergency_contact": True},
    )
    assert answer.status_code == 201, answer.text
    with desks.unchanged():
        refused(
            desks.registrar.post(
                path(person, "relations"), {"kind": "other", "name": "本人", "related_patient_id": person["patient_id"]}
            ),
            422,
            "related_to_self",
        )
        refused(
            desks.registrar.post(path(person, "relations"), {"kind": "father", "name": "父", "is_guardian": True}),
            422,
            "invalid",
        )
    ended = desks.registrar.post(f"{BASE}/relations/{answer.json()['relation_id']}/end", {"reason": "离婚"})
    assert not ended.json()["in_force"]
    refused(
        desks.registrar.post(f"{BASE}/relations/{answer.json()['relation_id']}/end", {"reason": "离婚"}),
        409,
        "fact_already_ended",
    )


def test_consents_take_effect_and_end_at_once(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("知情同意")
    given = desks.registrar.post(
        path(person, "consents"), {"kind": "sms", "text_version": "2026-1", "given_by": "patient"}
    )
    assert given.status_code == 201
    who = UUID(person["patient_id"])
    with hospital.tx("mch") as tx:
        assert service.has_consent(tx, who, service.ConsentKind.SMS)
        assert not service.has_consent(tx, who, service.ConsentKind.RESEARCH)
    refused(
        desks.registrar.post(
            path(person, "consents"), {"kind": "sms", "text_version": "2026-2", "given_by": "patient"}
        ),
        409,
        "consent_in_force",
    )
    desks.registrar.post(f"{BASE}/consents/{given.json()['consent_id']}/withdraw")
    with hospital.tx("mch") as tx:
        assert not service.has_consent(tx, who, service.ConsentKind.SMS)
    refused(desks.registrar.post(f"{BASE}/consents/{given.json()['consent_id']}/withdraw"), 409, "conflict")
    kept = desks.registrar.get(path(person, "consents")).json()
    assert [(one["text_version"], one["withdrawn_at"] is None) for one in kept] == [("2026-1", False)]
    assert [event["data"]["given"] for event in hospital.events("consent_changed")] == [True, False]

    guardian = {"name": "韦父", "relation": "father"}
    child = desks.register("韦小宝", resident_id("20200202"), guardian=guardian)
    refused(
        desks.registrar.post(path(child, "consents"), {"kind": "privacy", "text_version": "1", "given_by": "patient"}),
        422,
        "invalid",
    )
