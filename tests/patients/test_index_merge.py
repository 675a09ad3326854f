"""Merges and their undoing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions import wiring
from functions.patients.index import service
from functions.patients.index.gates import PatientsToMerge
from functions.patients.index.schemas.care import RecordAllergy
from functions.patients.index.schemas.stewardship import MergePatients
from shared import gates
from shared.problems import Problem
from shared.tx import Tx
from tests.patients.conftest import BASE, Desks, refused, resident_id
from tests.support.hospital import Hospital


def state(hospital: Hospital, *people: dict[str, Any]) -> dict[str, Any]:
    """Everything of these records that a merge could touch, but the version."""
    ids = [one["patient_id"] for one in people]
    found: dict[str, Any] = {}
    for table in (
        "patients.patients",
        "patients.identifiers",
        "patients.allergies",
        "patients.relations",
        "kernel.access_grants",
    ):
        rows = hospital.rows(f"SELECT * FROM {table} WHERE patient_id = ANY (%s::uuid[])", [ids])
        for row in rows:
            row.pop("version", None)
        found[table] = sorted(map(str, rows))
    return found


def unmerge(desks: Desks, merge: dict[str, Any], *assignments: dict[str, str]) -> Any:
    return desks.steward.post(
        f"{BASE}/merges/{merge['merge_id']}/unmerge", {"reason": "核实为两人", "assignments": list(assignments)}
    )


def a_couple(desks: Desks, first: str = "冯一", second: str = "冯壹") -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        desks.register(first, resident_id("19830101"), phone="13800000001"),
        desks.register(
            second, "E" + resident_id()[9:], type="passport", sex="1", birth_date="1983-01-02", phone="13800000002"
        ),
    )


@pytest.mark.case("P-patient-index", 6)
def test_case_6_merge_then_unmerge_is_as_before(desks: Desks, hospital: Hospital) -> None:
    one, other = a_couple(desks)
    desks.register("第三人", resident_id("19200101"))
    with hospital.tx("hq") as tx:
        service.record_allergy(tx, UUID(other["patient_id"]), penicillin())
        service.grant_record_access(
            tx, UUID(other["patient_id"]), "registration", uuid4(), tx.now.replace(year=tx.now.year + 1)
        )
    before = state(hospital, one, other)

    merge = desks.merge(one, other, chosen=["name", "phone", "birth_date"]).json()
    assert merge["status"] == "done"
    seen = desks.registrar.get(f"{BASE}/patients/{other['patient_id']}").json()
    assert (seen["patient_id"], seen["name"], seen["birth_date"]) == (one["patient_id"], "冯壹", "1983-01-02")
    assert {number["type"] for number in seen["identifiers"]} == {"resident_id", "passport"}
    banner = desks.doctor.get(f"{BASE}/patients/{one['patient_id']}/banner").json()
    assert (banner["earlier_names"], [fact["substance"] for fact in banner["allergies"]]) == (["冯一"], ["青霉素"])
    assert [hit["patient_id"] for hit in desks.find(text="冯壹")] == [one["patient_id"]]

    card = desks.registrar.post(
        f"{BASE}/patients/{one['patient_id']}/identifiers", {"type": "health_card", "value": "M-6001"}
    ).json()
    with hospital.tx("hq") as tx:
        fact = service.record_allergy(tx, UUID(one["patient_id"]), penicillin("磺胺"))
    written = desks.steward.get(f"{BASE}/merges/{merge['merge_id']}/records").json()
    assert {(row["kind"], row["record_id"]) for row in written} == {
        ("identifier", card["identifier_id"]),
        ("allergy", str(fact.allergy_id)),
    }
    mine = {"kind": "identifier", "record_id": card["identifier_id"], "belongs_to": "survivor"}
    theirs = {"kind": "allergy", "record_id": str(fact.allergy_id), "belongs_to": "retired"}
    with desks.unchanged():
        problem = refused(unmerge(desks, merge, mine), 422, "assignments_missing")
        assert [row["record_id"] for row in problem["records"]] == [str(fact.allergy_id)]

    assert unmerge(desks, merge, mine, theirs).json()["status"] == "undone"
    owners = {
        row["value"]: str(row["patient_id"])
        for row in hospital.rows("SELECT value, patient_id FROM patients.identifiers WHERE value = 'M-6001'")
    } | {
        row["substance"]: str(row["patient_id"])
        for row in hospital.rows("SELECT substance, patient_id FROM patients.allergies WHERE substance = '磺胺'")
    }
    assert owners == {"M-6001": one["patient_id"], "磺胺": other["patient_id"]}
    hospital.execute(
        "UPDATE patients.identifiers SET patient_id = %s WHERE value = 'M-6001'", [uuid_of_nobody(hospital)]
    )
    hospital.execute(
        "UPDATE patients.allergies SET patient_id = %s WHERE substance = '磺胺'", [uuid_of_nobody(hospital)]
    )
    assert state(hospital, one, other) == before
    refused(unmerge(desks, merge), 409, "merge_not_done")
    kinds = [event["type"].split(".")[-2] for event in hospital.events() if "merged" in event["type"]]
    assert kinds == ["patients_merged", "patients_unmerged"]


def penicillin(substance: str = "青霉素") -> RecordAllergy:
    return RecordAllergy.model_validate(
        {
            "substance": substance,
            "category": "drug",
            "severity": "severe",
            "certainty": "confirmed",
            "source": "observed",
        }
    )


def uuid_of_nobody(hospital: Hospital) -> UUID:
    """Some third record, to set aside what was written between."""
    return UUID(str(hospital.value("SELECT patient_id FROM patients.patients WHERE name = '第三人' LIMIT 1")))


@pytest.mark.case("P-patient-index", 6)
def test_case_6_a_grant_for_one_holds_for_both_while_merged(desks: Desks, hospital: Hospital) -> None:
    one, other = a_couple(desks, "授权甲", "授权乙")
    with hospital.tx("mch") as tx:
        service.grant_record_access(
            tx, UUID(other["patient_id"]), "registration", uuid4(), tx.now.replace(year=tx.now.year + 1)
        )
    assert may_read(hospital, "mch", one, other) == [False, True]
    merge = desks.merge(one, other).json()
    assert may_read(hospital, "mch", one, other) == [True, True]
    unmerge(desks, merge)
    assert may_read(hospital, "mch", one, other) == [False, True]


def may_read(hospital: Hospital, campus: str, *people: dict[str, Any]) -> list[bool]:
    with hospital.tx(campus) as tx:
        return [service.may_read_record(tx, UUID(one["patient_id"])) for one in people]


def test_merges_point_everybody_to_the_final_survivor(desks: Desks, hospital: Hospital) -> None:
    people = [
        desks.register(name, "G" + resident_id()[9:], type="passport", sex="1", birth_date=f"19{year}-01-01")
        for name, year in (("甲一", 71), ("乙二", 72), ("丙三", 73))
    ]
    a, b, c = people
    first = desks.merge(b, c).json()
    desks.merge(a, b)
    ids = [UUID(one["patient_id"]) for one in people]
    with hospital.tx("mch") as tx:
        assert service.resolve(tx, ids) == dict.fromkeys(ids, ids[0])
        assert sorted(service.group_ids(tx, ids[2])) == sorted(ids)
        assert service.access_patient(tx, ids[2]).name == "甲一"
    refused(desks.merge(b, c), 409, "same_record")
    refused(desks.merge(a, c), 409, "same_record")

    assert unmerge(desks, first).status_code == 200
    with hospital.tx("mch") as tx:
        assert service.resolve(tx, ids) == {ids[0]: ids[0], ids[1]: ids[0], ids[2]: ids[2]}
    log = desks.steward.get(f"{BASE}/patients/{a['patient_id']}/merges").json()
    assert {(entry["retired_id"], entry["status"]) for entry in log} == {
        (b["patient_id"], "done"),
        (c["patient_id"], "undone"),
    }


def test_a_correction_that_waits_is_not_given_to_whoever_the_record_was_merged_into(
    desks: Desks, hospital: Hospital
) -> None:
    one, other = a_couple(desks, "待核甲", "待核乙")
    desks.treat(other["patient_id"])
    body = {"version": 1, "changes": {"name": "待核丙"}, "evidence": "card_read", "reason": "录错"}
    waiting = desks.registrar.post(f"{BASE}/patients/{other['patient_id']}/corrections", body).json()
    assert waiting["status"] == "pending"
    assert desks.merge(one, other).json()["status"] == "done"
    hospital.execute("UPDATE patients.patients SET version = 1 WHERE patient_id = %s", [one["patient_id"]])
    with desks.unchanged():
        path = f"{BASE}/corrections/{waiting['correction_id']}"
        refused(desks.colleague.post(f"{path}/confirm"), 409, "version_conflict")
    assert desks.registrar.get(f"{BASE}/patients/{one['patient_id']}").json()["name"] == "待核甲"
    assert desks.colleague.post(f"{path}/reject", {"reason": "档案已合并"}).status_code == 204


@pytest.mark.parametrize("_", range(3))
def test_a_chain_of_merges_at_once_leaves_a_tree(desks: Desks, hospital: Hospital, _: int) -> None:
    a, b, c = (
        desks.register(name, "T" + resident_id()[9:], type="passport", sex="1", birth_date=f"19{year}-03-03")
        for name, year in (("连环甲", 61), ("连环乙", 62), ("连环丙", 63))
    )
    with ThreadPoolExecutor(2) as stewards:
        answers = list(stewards.map(lambda pair: desks.merge(*pair), [(a, b), (b, c)]))
    codes = sorted(str(answer.json().get("code", "done")) for answer in answers)
    assert codes in (["done", "same_record"], ["done", "version_conflict"]), codes
    ids = [UUID(one["patient_id"]) for one in (a, b, c)]
    with hospital.tx("hq") as tx:
        found = service.resolve(tx, ids)
        assert service.resolve(tx, set(found.values())) == {one: one for one in set(found.values())}
    assert len(set(found.values())) == 2


def test_what_only_the_retired_record_knew_of_blood_and_death_is_not_lost(desks: Desks, hospital: Hospital) -> None:
    one, other = a_couple(desks, "血型甲", "血型乙")
    hospital.execute(
        "UPDATE patients.patients SET abo = 'B', rh = '-', blood_group_status = 'confirmed' WHERE patient_id = %s",
        [other["patient_id"]],
    )
    stated = {"version": 1, "abo": "A"}
    blood = f"{BASE}/patients/{one['patient_id']}/blood-group"
    assert desks.doctor.post(blood, stated).status_code == 200
    died = {"died_at": hospital.clock().isoformat(), "certificate_no": "D-7001"}
    assert desks.steward.post(f"{BASE}/patients/{other['patient_id']}/death", died).status_code == 200
    before = state(hospital, one, other)
    merge = desks.merge(one, other).json()
    banner = desks.doctor.get(f"{BASE}/patients/{one['patient_id']}/banner").json()
    assert (banner["abo"], banner["rh"], banner["blood_group_status"]) == ("B", "-", "confirmed")
    assert banner["status"] == "deceased"
    told = [(event["subject"], event["data"]["reversed"]) for event in hospital.events("patient_deceased")][-2:]
    assert told == [(other["patient_id"], False), (one["patient_id"], False)], "booking of the survivor stops too"
    unmerge(desks, merge)
    assert state(hospital, one, other) == before
    assert hospital.events("patient_deceased")[-1]["data"] == {
        "patient_id": one["patient_id"],
        "died_at": None,
        "reversed": True,
    }


def test_a_consent_withdrawn_is_withdrawn_for_every_record(desks: Desks, hospital: Hospital) -> None:
    one, other = a_couple(desks, "同意甲", "同意乙")
    body = {"kind": "sms", "text_version": "2026-1", "given_by": "patient"}
    given = [desks.registrar.post(f"{BASE}/patients/{who['patient_id']}/consents", body).json() for who in (one, other)]
    desks.merge(one, other)
    withdrawn = desks.registrar.post(f"{BASE}/consents/{given[0]['consent_id']}/withdraw")
    assert (withdrawn.status_code, withdrawn.json()["consent_id"]) == (200, given[0]["consent_id"])
    with hospital.tx("hq") as tx:
        assert not service.has_consent(tx, UUID(one["patient_id"]), service.ConsentKind.SMS)
    refused(desks.registrar.post(f"{BASE}/consents/{given[1]['consent_id']}/withdraw"), 409, "conflict")


def test_fields_taken_twice_go_back_in_any_order(desks: Desks, hospital: Hospital) -> None:
    a, b, c = (
        desks.register(
            name,
            "H" + resident_id()[9:],
            type="passport",
            sex="1",
            birth_date="1964-04-0" + day,
            phone="1390000444" + day,
        )
        for name, day in (("子丑", "1"), ("寅卯", "2"), ("辰巳", "3"))
    )
    before = state(hospital, a, b, c)
    first = desks.merge(a, b, chosen=["phone", "name"]).json()
    second = desks.merge(a, c, chosen=["phone", "name", "birth_date"]).json()
    unmerge(desks, first)
    assert desks.registrar.get(f"{BASE}/patients/{a['patient_id']}").json()["name"] == "辰巳"
    unmerge(desks, second)
    assert state(hospital, a, b, c) == before


def test_a_correction_after_the_merge_stays(desks: Desks, hospital: Hospital) -> None:
    one, other = a_couple(desks, "更正留", "更正流")
    merge = desks.merge(one, other, chosen=["phone", "name"]).json()
    body = {"version": 2, "changes": {"phone": "13800000777"}, "evidence": "statement", "reason": "换号"}
    assert desks.registrar.post(f"{BASE}/patients/{one['patient_id']}/corrections", body).status_code == 200
    unmerge(desks, merge)
    row = hospital.rows(
        "SELECT name, name_pinyin, phone FROM patients.patients WHERE patient_id = %s", [one["patient_id"]]
    )[0]
    assert row == {"name": "更正留", "name_pinyin": "gengzhengliu", "phone": "13800000777"}


def test_refused_merges(desks: Desks, hospital: Hospital) -> None:
    one, other = a_couple(desks, "拒绝甲", "拒绝乙")
    citizen = desks.register("另一公民", resident_id("19830101"))
    woman = desks.register("女乘客", "E55550000", type="passport", sex="2", birth_date="1983-01-01")
    with desks.unchanged():
        refused(desks.merge(one, citizen), 422, "merge_resident_ids_differ")
        refused(desks.merge(one, woman), 422, "merge_sex_conflict")
        refused(desks.merge(one, one), 409, "same_record")
        refused(desks.merge(one, other, survivor_version=9), 409, "version_conflict")
        refused(desks.merge(one, other, chosen=["empi_no"]), 422, "invalid")
        refused(desks.registrar.post(f"{BASE}/merges", {}), 403, "permission_denied")
    hospital.execute(
        "UPDATE patients.patients SET abo = 'A', blood_group_status = 'confirmed' WHERE patient_id = %s",
        [one["patient_id"]],
    )
    hospital.execute(
        "UPDATE patients.patients SET abo = 'B', blood_group_status = 'confirmed' WHERE patient_id = %s",
        [other["patient_id"]],
    )
    refused(desks.merge(one, other), 422, "merge_blood_conflict")
    assert desks.merge(one, other, evidence_file_id=str(uuid4())).json()["status"] == "done", "a document settles it"


def test_an_open_dispute_holds_a_merge_up(desks: Desks) -> None:
    one, other = a_couple(desks, "争议甲", "争议乙")
    path = f"{BASE}/patients/{other['patient_id']}/disputes"
    number = other["identifiers"][0]["identifier_id"]
    dispute = desks.registrar.post(path, {"claimed_name": "某人", "identifier_id": number, "reason": "冒用"}).json()
    again = desks.registrar.post(path, {"claimed_name": "某人", "identifier_id": number, "reason": "再报"}).json()
    assert again["dispute_id"] == dispute["dispute_id"]
    refused(desks.merge(one, other), 409, "merge_disputed")
    listed = desks.steward.get(f"{BASE}/disputes").json()["items"]
    assert dispute["dispute_id"] in [entry["dispute_id"] for entry in listed]
    settle = f"{BASE}/disputes/{dispute['dispute_id']}/settle"
    revoked = desks.steward.post(settle, {"outcome": "identifier_revoked", "settlement": "护照为他人所有"})
    assert revoked.json()["status"] == "settled"
    refused(desks.steward.post(settle, {"outcome": "misused", "settlement": "再次"}), 409, "dispute_settled")
    seen = desks.registrar.get(f"{BASE}/patients/{other['patient_id']}").json()
    assert (seen["identifiers"], seen["identity_level"]) == ([], "unverified")
    assert desks.merge(one, other).json()["status"] == "done"


def test_two_treated_people_are_merged_by_two_stewards(desks: Desks, hospital: Hospital) -> None:
    one, other = a_couple(desks, "复核甲", "复核乙")
    for person in (one, other):
        desks.treat(person["patient_id"])
    merge = desks.merge(one, other).json()
    assert merge["status"] == "pending"
    with hospital.tx("hq") as tx:
        assert service.resolve(tx, [UUID(other["patient_id"])]) == {
            UUID(other["patient_id"]): UUID(other["patient_id"])
        }
    refused(desks.merge(one, other), 409, "merge_pending")
    assert merge["merge_id"] in [
        entry["merge_id"] for entry in desks.second_steward.get(f"{BASE}/merges").json()["items"]
    ]
    refused(desks.steward.post(f"{BASE}/merges/{merge['merge_id']}/confirm"), 422, "same_person")
    done = desks.second_steward.post(f"{BASE}/merges/{merge['merge_id']}/confirm")
    assert (done.json()["status"], done.json()["confirmed_by"]) == ("done", desks.second_steward.subject)
    refused(desks.second_steward.post(f"{BASE}/merges/{merge['merge_id']}/confirm"), 409, "merge_not_pending")


def test_a_waiting_merge_is_rejected_or_overtaken(desks: Desks) -> None:
    one, other = a_couple(desks, "驳回甲", "驳回乙")
    for person in (one, other):
        desks.treat(person["patient_id"])
    merge = desks.merge(one, other).json()
    body = {"version": 1, "changes": {"phone": "13800000888"}, "evidence": "statement", "reason": "换号"}
    desks.registrar.post(f"{BASE}/patients/{one['patient_id']}/corrections", body)
    refused(desks.second_steward.post(f"{BASE}/merges/{merge['merge_id']}/confirm"), 409, "version_conflict")
    rejected = desks.second_steward.post(f"{BASE}/merges/{merge['merge_id']}/reject", {"reason": "档案已变更"})
    assert rejected.json()["status"] == "rejected"
    refused(desks.steward.post(f"{BASE}/merges/{merge['merge_id']}/unmerge", {"reason": "无"}), 409, "merge_not_done")


SETTLING: set[UUID] = set()


def answer_open_settlement(tx: Tx, question: PatientsToMerge) -> list[gates.Objection]:
    """Stands in for payments/billing: says who is being settled."""
    if SETTLING & question.record_ids:
        return [gates.Objection("block", "settlement_open", "正在结算", "稍后重试")]
    return []


def test_a_settlement_in_progress_blocks(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(wiring.ANSWERS, "patients/index: before_merge", (f"{__name__}:answer_open_settlement",))
    gates._answers.cache_clear()
    one, other = a_couple(desks, "结算甲", "结算乙")
    SETTLING.add(UUID(other["patient_id"]))
    try:
        with desks.unchanged():
            problem = refused(desks.merge(one, other), 409, "gate_blocked")
        assert "正在结算" in problem["detail"]
        SETTLING.clear()
        assert desks.merge(one, other).json()["status"] == "done"
    finally:
        gates._answers.cache_clear()


def test_opposite_merges_at_once_leave_one(desks: Desks, hospital: Hospital) -> None:
    one, other = a_couple(desks, "对撞甲", "对撞乙")

    def merge(pair: tuple[dict[str, Any], dict[str, Any]]) -> str:
        command = MergePatients(
            survivor_id=pair[0]["patient_id"],
            retired_id=pair[1]["patient_id"],
            survivor_version=1,
            retired_version=1,
            reason="重复",
        )
        try:
            with hospital.tx("hq") as tx:
                return service.merge_patients(tx, command).status
        except Problem as problem:
            return problem.code

    with ThreadPoolExecutor(2) as stewards:
        answers = sorted(stewards.map(merge, [(one, other), (other, one)]))
    assert answers in (["done", "same_record"], ["done", "version_conflict"])
    with hospital.tx("hq") as tx:
        assert len(set(service.resolve(tx, [UUID(one["patient_id"]), UUID(other["patient_id"])]).values())) == 1
