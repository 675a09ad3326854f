"""Registering people: by document, unidentified, undocumented, newborn; and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from functions.patients.index import service
from functions.patients.index.schemas.people import RegisterPatient
from shared.resident_id import check_digit
from tests.patients.conftest import BASE, Desks, refused, resident_id
from tests.support.hospital import Hospital
from tests.support.server import listening

PATIENTS = f"{BASE}/patients"


@pytest.mark.case("P-patient-index", 1)
def test_case_1_a_number_is_accepted_or_refused_by_its_digits(desks: Desks) -> None:
    taken = desks.register("李秀英", "11010519491231002X", sex="2", birth_date="1949-12-31")
    assert (taken["sex"], taken["birth_date"], taken["identity_level"]) == ("2", "1949-12-31", "document_seen")
    assert taken["identifiers"][0]["value"] == "110105********002X"

    with desks.unchanged():
        wrong = desks.registrar.post(PATIENTS, desks.card("李秀英", "110105194912310021", sex="2"))
        refused(wrong, 422, "id_check_digit")
        contradicted = desks.registrar.post(PATIENTS, desks.card("李秀英", "11010519491231002X", sex="1"))
        assert refused(contradicted, 422, "id_sex_mismatch")["errors"][0]["field"] == "sex"


@pytest.mark.case("P-patient-index", 2)
def test_case_2_another_campus_finds_the_same_person(desks: Desks, hospital: Hospital) -> None:
    first = desks.register("覃伟", "450223199003074516")
    again = desks.register(
        "覃伟", "450223199003074516", by=desks.mch_registrar, read_by="chip", sex="1", birth_date="1990-03-07"
    )
    assert again["patient_id"] == first["patient_id"]
    assert [one["type"] for one in again["identifiers"]] == ["resident_id"]
    assert hospital.value("SELECT count(*) FROM patients.patients WHERE name = '覃伟'") == 1
    assert again["identity_level"] == "chip_read", "the card read proves more than what was seen"
    assert hospital.events("identity_verified")[-1]["data"]["level"] == "chip_read"


@pytest.mark.case("P-patient-index", 3)
def test_case_3_another_name_is_a_dispute(desks: Desks, hospital: Hospital) -> None:
    number = resident_id()
    holder = desks.register("韦小明", number)
    with desks.unchanged():
        problem = refused(desks.mch_registrar.post(PATIENTS, desks.card("黄志强", number)), 409, "identity_disputed")
    assert (problem["patient_id"], problem["holder_name"]) == (holder["patient_id"], "韦**")
    attempts = "SELECT detail ->> 'code' AS code, campus_id FROM kernel.audit_entries WHERE action = 'refused'"
    assert [tuple(row.values()) for row in hospital.rows(attempts)][-1:] == [("identity_disputed", "mch")]

    opened = desks.mch_registrar.post(
        f"{PATIENTS}/{holder['patient_id']}/disputes",
        {
            "claimed_name": "黄志强",
            "identifier_id": holder["identifiers"][0]["identifier_id"],
            "reason": "持证人姓名不符",
        },
    )
    assert opened.status_code == 201
    with hospital.tx("hq") as tx:
        assert service.access_patient(tx, UUID(holder["patient_id"])).disputed, (
            "insurance reads this and does not settle"
        )
        assert service.identity_disputed(tx, UUID(holder["patient_id"]))
    assert desks.register("韦小明", number)["disputed"]
    settled = desks.steward.post(
        f"{BASE}/disputes/{opened.json()['dispute_id']}/settle",
        {"outcome": "holder_right", "settlement": "核对户籍，持证人为本人"},
    )
    assert settled.status_code == 200
    with hospital.tx("hq") as tx:
        assert not service.identity_disputed(tx, UUID(holder["patient_id"]))


@pytest.mark.case("P-patient-index", 4)
def test_case_4_fifty_windows_make_one_person(desks: Desks, hospital: Hospital) -> None:
    body = desks.card("农凤兰", resident_id(sex="2"))
    before = hospital.value("SELECT count(*) FROM patients.patients")
    with listening(hospital) as address, httpx.Client(base_url=address, timeout=60) as client:

        def send(_: int) -> httpx.Response:
            return client.post(PATIENTS, json=body, headers=desks.registrar.headers())

        with ThreadPoolExecutor(50) as windows:
            answers = list(windows.map(send, range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert hospital.value("SELECT count(*) FROM patients.patients") == before + 1


def test_the_second_window_waits_and_finds_the_first(desks: Desks, hospital: Hospital) -> None:
    """Made to meet: the first has claimed the number and not yet committed when the second asks."""
    command = RegisterPatient.model_validate(desks.card("蒙秋月", resident_id(sex="2")))
    with ThreadPoolExecutor(1) as window:
        with hospital.tx("hq") as first:
            mine = service.register_patient(first, command)
            first.session.flush()

            def second() -> Any:
                with hospital.tx("mch") as tx:
                    return service.register_patient(tx, command)

            other = window.submit(second)
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
            while not hospital.value(waiting, [hospital.database]):
                assert not other.done()
        assert other.result() == mine


def test_a_repeated_command_gives_the_first_answer(desks: Desks, hospital: Hospital) -> None:
    body, key = desks.card("蓝天宇"), str(uuid4())
    first = desks.registrar.post(PATIENTS, body, key=key)
    census = hospital.census()
    again = desks.registrar.post(PATIENTS, body, key=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert hospital.census() == census


def test_what_a_registration_leaves_behind(desks: Desks, hospital: Hospital) -> None:
    person = desks.register(
        "罗 小 燕",
        resident_id("19850612", "2"),
        ethnic_group="08",
        current_address={
            "region": "450223",
            "township": "鹿寨镇",
            "village": "石路村",
            "text": "广西柳州市鹿寨县鹿寨镇石路村3号",
        },
        identifiers=[{"type": "visit_card", "value": "C0001"}, {"type": "health_card", "value": "E20260001"}],
    )
    assert (person["name"], person["phone"], person["version"]) == ("罗小燕", "138****1234", 1)
    assert {one["type"]: one["issuer_campus_id"] for one in person["identifiers"]} == {
        "resident_id": None,
        "visit_card": "hq",
        "health_card": None,
    }
    row = hospital.rows("SELECT * FROM patients.patients WHERE patient_id = %s", [person["patient_id"]])[0]
    assert (row["name_pinyin"], row["name_initials"], row["phone_reversed"]) == ("luoxiaoyan", "lxy", "43210277831")
    assert (row["survivor_id"], row["created_campus_id"]) == (row["patient_id"], "hq")
    event = hospital.events("patient_registered")[-1]
    assert event["subject"] == person["patient_id"]
    assert event["data"] == {"patient_id": person["patient_id"], "way": "document", "identity_level": "document_seen"}
    audit = hospital.rows("SELECT * FROM kernel.audit_entries WHERE patient_id = %s", [person["patient_id"]])
    assert [entry["action"] for entry in audit] == ["patient.registered"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"number": "45022319900307451"}, 422, "id_format"),
        ({"number": "450223900307451"}, 422, "id_format"),
        ({"type": "passport", "number": "E1"}, 422, "document_format"),
        ({"type": "visit_card", "number": "C0002"}, 422, "document_format"),
        ({"type": "foreign_pr"}, 422, "id_format"),
        ({"birth_date": "1990-03-08"}, 422, "id_birth_date_mismatch"),
        ({"phone": None}, 422, "phone_required"),
        ({"phone": "0772-6812345"}, 422, "phone_required"),
        ({"phone": "12345678"}, 422, "phone_format"),
        ({"type": "passport", "number": "E12345678"}, 422, "identity_incomplete"),
        ({"read_by": "chip"}, 422, "card_read_incomplete"),
        ({"number_of": ("20200105", "1")}, 422, "guardian_required"),
        ({"number_of": ("18800105", "1")}, 422, "birth_date_too_early"),
        ({"number_of": ("29991231", "1")}, 422, "birth_date_in_future"),
        ({"name": " "}, 422, "invalid"),
        ({"name": "\u0000"}, 422, "invalid"),
        ({"colour": "red"}, 422, "invalid"),
    ],
)
def test_refusals_write_nothing(desks: Desks, fields: dict[str, Any], status: int, code: str) -> None:
    fields = dict(fields)
    number = resident_id(*fields.pop("number_of")) if "number_of" in fields else fields.pop("number", resident_id())
    body = desks.card(fields.pop("name", "陆建军"), number, **fields)
    with desks.unchanged():
        refused(desks.registrar.post(PATIENTS, body), status, code)


def test_a_number_with_a_wrong_month_is_refused(desks: Desks) -> None:
    body = "45022319901307451"
    refused(desks.registrar.post(PATIENTS, desks.card("陆建军", body + check_digit(body))), 422, "id_birth_date")


def test_an_adult_without_mobile_says_why(desks: Desks) -> None:
    person = desks.register("黎德明", resident_id("19480101"), phone=None, phone_missing_reason="老人无手机")
    assert person["phone"] is None


def test_a_child_is_registered_with_a_guardian(desks: Desks, hospital: Hospital) -> None:
    guardian = {
        "name": "韦丽",
        "relation": "mother",
        "phone": "13500000001",
        "document_type": "resident_id",
        "document_no": resident_id("19950101", "2"),
    }
    child = desks.register("韦子涵", resident_id("20210301", "2"), phone=None, guardian=guardian)
    relations = desks.registrar.get(f"{PATIENTS}/{child['patient_id']}/relations").json()
    assert [(one["name"], one["is_guardian"], one["in_force"]) for one in relations] == [("韦丽", True, True)]
    with hospital.tx("hq") as tx:
        assert len(service.guardians(tx, UUID(child["patient_id"]))) == 1
        moved = tx.now + timedelta(days=365 * 20)
    offset = hospital.clock.offset
    hospital.clock.set(moved)
    try:
        with hospital.tx("hq") as tx:
            assert service.guardians(tx, UUID(child["patient_id"])) == [], (
                "authority ends on the 18th birthday by itself"
            )
    finally:
        hospital.clock.offset = offset


def test_a_household_book_and_an_id_card_name_one_person(desks: Desks) -> None:
    number = resident_id("20120501", "1")
    guardian = {"name": "黄家明", "relation": "father", "phone": "13500000002"}
    by_book = desks.register("黄子豪", number, type="household_book", phone=None, guardian=guardian)
    by_card = desks.register("黄子豪", number)
    assert by_card["patient_id"] == by_book["patient_id"]


def test_a_passport_and_a_former_name(desks: Desks) -> None:
    person = desks.register(
        "JOHN SMITH", "E 1234 5678", type="passport", sex="1", birth_date="1980-05-06", nationality="USA"
    )
    assert desks.register("john smith", "e12345678", type="passport")["patient_id"] == person["patient_id"]


def test_a_further_card_of_somebody_else_refuses_the_whole(desks: Desks) -> None:
    desks.register("梁一", identifiers=[{"type": "health_card", "value": "H77001"}])
    with desks.unchanged():
        answer = desks.registrar.post(
            PATIENTS, desks.card("梁二") | {"identifiers": [{"type": "health_card", "value": "H77001"}]}
        )
        refused(answer, 409, "identifier_in_use")


def test_an_existing_person_gains_the_new_card(desks: Desks, hospital: Hospital) -> None:
    number = resident_id()
    desks.register("莫文", number)
    again = desks.register("莫文", number, identifiers=[{"type": "health_card", "value": "H77002"}])
    assert {one["type"] for one in again["identifiers"]} == {"resident_id", "health_card"}
    assert hospital.events("identifier_bound")[-1]["data"]["identifier_type"] == "health_card"


def test_unidentified_keeps_its_number(desks: Desks, hospital: Hospital) -> None:
    answer = desks.registrar.post(
        f"{PATIENTS}/unidentified",
        {"sex": "1", "estimated_age": 40, "finder_kind": "police", "finder": "城关派出所", "finder_phone": "110 0000"},
    )
    assert answer.status_code == 201, answer.text
    person = answer.json()
    assert person["name"].startswith("无名氏2")
    assert person["name"].endswith("H")
    assert (person["identity_level"], person["birth_precision"], person["age"]) == ("unverified", "year", "40岁")
    banner = desks.doctor.get(f"{PATIENTS}/{person['patient_id']}/banner").json()
    assert banner["unverified"]
    arrival = hospital.value("SELECT arrival FROM patients.patients WHERE patient_id = %s", [person["patient_id"]])
    assert arrival["finder"] == "城关派出所"


def test_undocumented_is_unverified_until_a_document_is_seen(desks: Desks) -> None:
    refused(
        desks.registrar.post(
            f"{PATIENTS}/undocumented", {"why": "refused", "name": "陈某", "sex": "1", "phone": "13600000000"}
        ),
        422,
        "identity_incomplete",
    )
    answer = desks.registrar.post(
        f"{PATIENTS}/undocumented",
        {"why": "refused", "name": "陈守信", "sex": "1", "estimated_age": 50, "phone": "13600000000"},
    )
    person = answer.json()
    assert (answer.status_code, person["identity_level"]) == (201, "unverified")
    path = f"{PATIENTS}/{person['patient_id']}/identity-level"
    refused(desks.registrar.post(path, {"level": "document_seen", "evidence": "statement"}), 422, "evidence_required")
    seen = desks.registrar.post(path, {"level": "chip_read", "evidence": "card_read"})
    assert seen.json()["identity_level"] == "chip_read"
    refused(
        desks.registrar.post(path, {"level": "document_seen", "evidence": "card_read"}),
        422,
        "identity_level_not_higher",
    )


def test_callers(desks: Desks, hospital: Hospital) -> None:
    body = desks.card("矩阵")
    with desks.unchanged():
        assert hospital.client.post(PATIENTS, json=body).status_code == 401
        refused(desks.doctor.post(PATIENTS, body), 403, "permission_denied")
        refused(desks.registrar.at("mch").post(PATIENTS, body), 403, "acting_campus")
        refused(desks.patient_account(str(uuid4())).post(PATIENTS, body), 403, "permission_denied")


def test_an_unknown_person_is_not_found(desks: Desks) -> None:
    for path in ("", "/banner", "/details"):
        refused(desks.registrar.get(f"{PATIENTS}/{uuid4()}{path}"), 404, "not_found")


def test_registration_keeps_its_budget_of_statements(desks: Desks, hospital: Hospital) -> None:
    command = RegisterPatient.model_validate(desks.card("查询预算", resident_id()))
    with hospital.tx("hq") as tx:
        service.register_patient(tx, command)
        tx.session.flush()
        assert tx.session.statements <= 11, "8 reads and the claim in one exchange, then the row, its trace and event"
    with hospital.tx("hq") as tx:
        service.register_patient(tx, command)
        tx.session.flush()
        assert tx.session.statements <= 9
