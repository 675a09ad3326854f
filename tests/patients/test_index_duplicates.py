"""Likely duplicates: proposed, decided, proposed again."""

from typing import Any
from uuid import UUID, uuid4

from tests.patients.conftest import BASE, Desks, refused, resident_id
from tests.support.hospital import Hospital


def test_a_likely_duplicate_is_proposed_at_registration(desks: Desks, hospital: Hospital) -> None:
    first = desks.register("邓丽华", resident_id("19750505", "2"), phone="13811110000")
    second = desks.register(
        "邓丽华", "P7505050", type="passport", sex="2", birth_date="1975-05-05", phone="13811110000"
    )
    stranger = desks.register("邓丽华", resident_id("19330101", "2"), phone="13811119999")
    pair = pair_of(hospital, first, second)
    assert (str(pair["score"]), pair["suspicion"], pair["status"]) == ("15.50", "high", "open")
    assert pair["points"] == {"name": "6", "birth_date": "5", "sex": "0.5", "phone": "4"}
    assert pair_of(hospital, first, stranger) is None
    event = hospital.events("duplicate_suspected")[-1]
    assert (event["subject"], event["data"]["other_id"]) == (second["patient_id"], first["patient_id"])

    refused(desks.registrar.get(f"{BASE}/duplicates"), 403, "permission_denied")
    listed = desks.steward.get(f"{BASE}/duplicates").json()["items"]
    assert str(pair["candidate_id"]) in [one["candidate_id"] for one in listed]
    details = desks.steward.get(f"{BASE}/duplicates/{pair['candidate_id']}").json()
    assert details["differing"] == ["identifiers"]


def pair_of(hospital: Hospital, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any] | None:
    ids = sorted((UUID(one["patient_id"]), UUID(other["patient_id"])))
    rows = hospital.rows("SELECT * FROM patients.match_candidates WHERE first_id = %s AND second_id = %s", ids)
    return rows[0] if rows else None


def test_two_people_are_not_proposed_again_until_something_changes(desks: Desks, hospital: Hospital) -> None:
    first = desks.register("龚雪梅", resident_id("19690909", "2"), phone="13822220000")
    second = desks.register(
        "龚雪梅", "P6909090", type="passport", sex="2", birth_date="1969-09-09", phone="13822220001"
    )
    pair = pair_of(hospital, first, second)
    path = f"{BASE}/duplicates/{pair['candidate_id']}/not-same"
    assert desks.steward.post(path, {"reason": "同名同日"}).json()["status"] == "not_same"
    refused(desks.steward.post(path, {"reason": "再次"}), 409, "pair_decided")
    body = {"first_id": first["patient_id"], "second_id": second["patient_id"]}
    refused(desks.registrar.post(f"{BASE}/duplicates", body), 409, "pair_decided")

    correction = {"version": 1, "changes": {"occupation": "工人"}, "evidence": "statement", "reason": "补录"}
    desks.registrar.post(f"{BASE}/patients/{first['patient_id']}/corrections", correction)
    assert pair_of(hospital, first, second)["status"] == "not_same"
    correction |= {"version": 2, "changes": {"phone": "13822220001"}}
    desks.registrar.post(f"{BASE}/patients/{first['patient_id']}/corrections", correction)
    assert (pair_of(hospital, first, second)["status"], str(pair_of(hospital, first, second)["score"])) == (
        "open",
        "15.50",
    )


def test_a_pair_that_is_no_longer_alike_dissolves(desks: Desks, hospital: Hospital) -> None:
    first = desks.register("孔祥瑞", resident_id("19650606"), phone="13833330000")
    second = desks.register(
        "孔祥瑞", "P6506060", type="passport", sex="1", birth_date="1965-06-06", phone="13833330000"
    )
    changes = {"birth_date": "1991-12-25", "phone": "13833339999"}
    body = {"version": 1, "changes": changes, "evidence": "scanned_document", "reason": "护照录错"}
    assert (
        desks.registrar.post(f"{BASE}/patients/{second['patient_id']}/corrections", body).json()["status"] == "applied"
    )
    assert pair_of(hospital, first, second)["status"] == "dissolved"


def test_a_registrar_proposes_a_pair_the_score_would_not(desks: Desks) -> None:
    one = desks.register("关羽飞", resident_id("19830101"))
    other = desks.register("张大山", resident_id("19760102"))
    body = {"first_id": one["patient_id"], "second_id": other["patient_id"]}
    proposed = desks.registrar.post(f"{BASE}/duplicates", body)
    assert (proposed.status_code, proposed.json()["status"]) == (201, "open")
    assert desks.registrar.post(f"{BASE}/duplicates", body).json()["candidate_id"] == proposed.json()["candidate_id"]
    refused(desks.registrar.post(f"{BASE}/duplicates", body | {"second_id": str(uuid4())}), 404, "not_found")


def test_the_list_goes_on_where_it_stopped(desks: Desks) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = desks.steward.get(f"{BASE}/duplicates", limit=1, **cursor).json()
        seen += [one["candidate_id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len(seen) == len(set(seen)) >= 2
    refused(desks.steward.get(f"{BASE}/duplicates", cursor="2026~x"), 400, "unreadable")
