"""What patients do themselves: their own data, consents, who looked. Of others they learn nothing, not even that they
exist."""

from uuid import UUID, uuid4

import pytest

from functions.patients.index import rules, service
from functions.patients.index.problems import EvidenceRequired
from functions.patients.index.schemas.people import RegisterPatient
from shared.identity.actor import Actor
from tests.patients.conftest import BASE, Desks, refused, resident_id
from tests.support.hospital import Hospital

SELF = f"{BASE}/self"


def test_a_person_sees_the_own_data_masked_and_the_reading_is_logged(desks: Desks) -> None:
    person = desks.register("自查者", resident_id("19700101"), phone="13877209999")
    account = desks.patient_account(person["patient_id"])
    mine = account.get(f"{SELF}/{person['patient_id']}").json()
    assert (mine["name"], mine["phone"]) == ("自查者", "138****9999")
    assert all("*" in number["value"] for number in mine["identifiers"])
    log = account.get(f"{SELF}/{person['patient_id']}/access-log").json()["items"]
    assert [(one["action_label"], one["own"]) for one in log] == [("本人或家人查看", True), ("建档", False)]
    again = account.get(f"{SELF}/{person['patient_id']}/access-log", limit=1).json()
    assert [one["action_label"] for one in again["items"]] == ["查看调阅记录"]
    rest = account.get(f"{SELF}/{person['patient_id']}/access-log", cursor=again["next"]).json()["items"]
    assert [one["entry_id"] for one in rest] == [one["entry_id"] for one in log]


def test_consents_are_given_and_taken_back_in_the_mini_program(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("授权者")
    account = desks.patient_account(person["patient_id"])
    path = f"{SELF}/{person['patient_id']}/consents"
    given = account.post(path, {"kind": "sharing", "text_version": "2026-3"})
    assert (given.status_code, given.json()["given_by"]) == (201, "patient")
    refused(account.post(path, {"kind": "sharing", "text_version": "2026-3"}), 409, "consent_in_force")
    ended = account.post(f"{path}/{given.json()['consent_id']}/withdraw")
    assert ended.json()["withdrawn_at"]
    with hospital.tx("mch") as tx:
        assert not service.has_consent(tx, UUID(person["patient_id"]), service.ConsentKind.SHARING)
    assert len(account.get(path).json()) == 1

    guardian = {"name": "授权者", "relation": "father", "patient_id": person["patient_id"]}
    child = desks.register("授权小", resident_id("20190909"), guardian=guardian)
    father = desks.patient_account(person["patient_id"], child["patient_id"])
    of_child = father.post(f"{SELF}/{child['patient_id']}/consents", {"kind": "privacy", "text_version": "2026-1"})
    assert of_child.json()["given_by"] == "guardian"


def test_others_are_nobody(desks: Desks) -> None:
    person, other = desks.register("我自己"), desks.register("别的人")
    consent = desks.registrar.post(
        f"{BASE}/patients/{other['patient_id']}/consents",
        {"kind": "sms", "text_version": "2026-1", "given_by": "patient"},
    ).json()["consent_id"]
    account = desks.patient_account(person["patient_id"])
    body = {"kind": "sms", "text_version": "2026-1"}
    with desks.unchanged():
        for stranger in (other["patient_id"], str(uuid4())):
            path = f"{SELF}/{stranger}"
            answers = [account.get(path), account.get(f"{path}/access-log"), account.get(f"{path}/consents")]
            answers.append(account.post(f"{path}/consents", body))
            answers.append(account.post(f"{path}/consents/{consent}/withdraw"))
            assert {refused(one, 404, "not_found")["detail"] for one in answers} == {"没有这位患者，请核对账号绑定。"}
        mine = f"{SELF}/{person['patient_id']}/consents/{consent}/withdraw"
        refused(account.post(mine), 404, "not_found")
        for caller in (desks.registrar, desks.doctor, desks.privacy):
            refused(caller.get(f"{SELF}/{person['patient_id']}"), 403, "permission_denied")


def test_who_knows_a_name_and_a_number_hangs_nothing_on_the_record(desks: Desks, hospital: Hospital) -> None:
    number = resident_id("19790101")
    person = desks.register("被冒者", number)
    stranger = Actor(kind="patient", subject=str(uuid4()), name="患者", patient_ids=frozenset({uuid4()}))
    command = RegisterPatient.model_validate(
        desks.card("被冒者", number, read_by="stated", identifiers=[{"type": "wechat", "value": "openid-of-mine"}])
    )
    with hospital.tx("hq", stranger) as tx, pytest.raises(EvidenceRequired):
        service.register_patient(tx, command)
    owner = Actor(
        kind="patient", subject=str(uuid4()), name="患者", patient_ids=frozenset({UUID(person["patient_id"])})
    )
    with hospital.tx("hq", owner) as tx:
        bound = service.register_patient(tx, command)
    assert {one.type for one in bound.identifiers} == {"resident_id", "wechat"}


@pytest.mark.parametrize("guardian_first", [True, False])
def test_a_guardian_is_known_by_the_document_read_at_the_counter(
    desks: Desks, hospital: Hospital, guardian_first: bool
) -> None:
    number = resident_id("19880808", "2")
    mother = desks.register("农秀兰", number) if guardian_first else None
    said = {"name": "农秀兰", "relation": "mother", "document_type": "resident_id", "document_no": number}
    child = UUID(desks.register("黄小北", resident_id("20200101"), guardian=said)["patient_id"])
    mother = mother or desks.register("农秀兰", number)
    with hospital.tx("mch") as tx:
        (guardian,) = service.guardians(tx, child)
    assert str(guardian.related_patient_id) == mother["patient_id"]


def test_a_guardian_of_another_name_is_nobody_we_know(desks: Desks, hospital: Hospital) -> None:
    number = resident_id("19880809", "2")
    desks.register("梁春花", number)
    said = {"name": "梁秋花", "relation": "mother", "document_type": "resident_id", "document_no": number}
    child = desks.register("黄小南", resident_id("20200102"), guardian=said)
    with hospital.tx("mch") as tx:
        (guardian,) = service.guardians(tx, UUID(child["patient_id"]))
    assert guardian.related_patient_id is None


@pytest.mark.parametrize(
    ("action", "label"),
    [
        ("patient.banner_read", "诊疗中查看基本信息"),
        ("settlement.read", "查看相关记录"),
        ("visits.listed", "查看相关记录"),
        ("settlement.started", "办理相关业务"),
    ],
)
def test_acts_of_other_modules_have_words_too(action: str, label: str) -> None:
    assert rules.act_label(action) == label
