"""Record access: grants of a treatment, break-glass and its review, who looked."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.patients.index import service
from shared.database.isolation import record_table
from shared.identity.actor import Actor
from tests.patients.conftest import BASE, Desks, refused, resident_id
from tests.support import tokens
from tests.support.hospital import Caller, Hospital

REASON = {"reason_code": "rescue", "reason": "患者昏迷抢救，需了解既往用药"}


@pytest.fixture(scope="module")
def notes(hospital: Hospital) -> str:
    """A clinical table as any module has one: rows of a campus, readable elsewhere through a grant."""
    hospital.execute("CREATE TABLE patients.notes (note_id uuid, patient_id uuid, campus_id text, body text)")
    hospital.execute("ALTER TABLE patients.notes OWNER TO his_owner")
    for statement in record_table("patients.notes"):
        hospital.execute(statement)
    return "patients.notes"


def note(hospital: Hospital, person: dict[str, Any]) -> None:
    hospital.execute("INSERT INTO patients.notes VALUES (%s, %s, 'hq', '病程')", [uuid4(), person["patient_id"]])


def readable(hospital: Hospital, caller: Caller, person: dict[str, Any]) -> int:
    """Notes of the person the caller sees, through the policies of the database."""
    post = "outpatient_doctor"
    actor = Actor(kind="staff", subject=caller.subject, name="医生", posts={caller.campus: frozenset((post,))})
    with hospital.tx(caller.campus, actor) as tx:
        rows = tx.session._connection.execute(
            "SELECT 1 FROM patients.notes WHERE patient_id = %s", [person["patient_id"]]
        )
        return len(rows.fetchall())


@pytest.mark.case("P-patient-index", 7)
def test_case_7_treatment_opens_and_time_closes(desks: Desks, hospital: Hospital, notes: str) -> None:
    person = desks.register("孙老师", resident_id("19550505"))
    note(hospital, person)
    assert readable(hospital, desks.doctor, person) == 1
    assert readable(hospital, desks.mch_doctor, person) == 0

    visit = uuid4()
    with hospital.tx("mch") as tx:
        grant = service.grant_record_access(
            tx, UUID(person["patient_id"]), "registration", visit, tx.now + timedelta(days=7)
        )
        assert service.may_read_record(tx, UUID(person["patient_id"]))
        changed = tx.session._connection.execute("UPDATE patients.notes SET body = '改' RETURNING note_id").fetchall()
        assert changed == [], "readable, not writable"
    assert readable(hospital, desks.mch_doctor, person) == 1
    granted = hospital.events("record_access_granted")[-1]["data"]
    assert (granted["grant_id"], granted["reader_campus_id"], granted["basis"]) == (
        str(grant.grant_id),
        "mch",
        "registration",
    )

    with hospital.tx("mch") as tx:
        service.end_record_access(tx, "registration", visit, tx.now + timedelta(days=7))
    assert readable(hospital, desks.mch_doctor, person) == 1, "the visit ended; access lasts seven days more"
    hospital.execute(
        "UPDATE kernel.access_grants SET valid_to = now() - interval '1 second' WHERE grant_id = %s", [grant.grant_id]
    )
    assert readable(hospital, desks.mch_doctor, person) == 0, "no job has run; the database compared the time"
    with hospital.tx("mch") as tx:
        service.extend_record_access(tx, "registration", visit, tx.now + timedelta(days=1))
    assert readable(hospital, desks.mch_doctor, person) == 1
    with hospital.tx("mch") as tx:
        service.end_record_access(tx, "registration", visit, tx.now)
    assert hospital.events("record_access_ended")[-1]["data"]["grant_id"] == str(grant.grant_id)


@pytest.mark.case("P-patient-index", 8)
def test_case_8_break_glass_is_short_personal_shown_and_reviewed(desks: Desks, hospital: Hospital, notes: str) -> None:
    person = desks.register("急诊者", resident_id("19600606"))
    note(hospital, person)
    path = f"{BASE}/patients/{person['patient_id']}/break-glass"
    opened = desks.mch_doctor.post(path, REASON)
    assert opened.status_code == 201, opened.text
    row = hospital.rows("SELECT * FROM kernel.access_grants WHERE grant_id = %s", [opened.json()["grant_id"]])[0]
    assert row["valid_to"] - row["valid_from"] == timedelta(hours=4)
    assert (row["basis"], row["reader_subject"]) == ("break_glass", desks.mch_doctor.subject)
    assert readable(hospital, desks.mch_doctor, person) == 1
    assert readable(hospital, hospital.caller("outpatient_doctor", campus="mch"), person) == 0, (
        "for this clinician only"
    )

    log = (
        desks.patient_account(person["patient_id"])
        .get(f"{BASE}/self/{person['patient_id']}/access-log")
        .json()["items"]
    )
    assert (log[0]["action"], log[0]["campus_id"], log[0]["actor_name"], log[0]["reason"]) == (
        "record_access.break_glass",
        "mch",
        "陆医生",
        "rescue",
    )
    assert {(entry["campus_id"], entry["campus_name"]) for entry in log} == {("hq", "总院"), ("mch", "妇幼分院")}
    assert (log[0]["action_label"], log[0]["reason_label"], log[0]["own"]) == ("紧急调阅", "抢救", False)
    event = hospital.events("break_glass_opened")[-1]
    assert (event["subject"], event["data"]["reason_code"]) == (person["patient_id"], "rescue")

    listed = desks.mch_privacy.get(f"{BASE}/break-glass").json()["items"]
    assert [entry["opening_id"] for entry in listed] == [opened.json()["opening_id"]]
    assert desks.privacy.get(f"{BASE}/break-glass").json()["items"] == [], "of the reader's campus"
    review = f"{BASE}/break-glass/{opened.json()['opening_id']}/review"
    refused(desks.privacy.post(review, {"verdict": "justified"}), 404, "not_found")
    refused(desks.mch_privacy.post(review, {"verdict": "not_justified"}), 422, "invalid")
    done = desks.mch_privacy.post(review, {"verdict": "not_justified", "action": "约谈"})
    assert (done.json()["verdict"], done.json()["action"]) == ("not_justified", "约谈")
    refused(desks.mch_privacy.post(review, {"verdict": "justified"}), 409, "opening_already_reviewed")
    assert desks.mch_privacy.get(f"{BASE}/break-glass").json()["items"] == []
    assert len(desks.mch_privacy.get(f"{BASE}/break-glass", reviewed_too=True).json()["items"]) == 1
    assert hospital.events("break_glass_reviewed")[-1]["data"]["verdict"] == "not_justified"

    hospital.execute("UPDATE kernel.access_grants SET valid_to = now() WHERE grant_id = %s", [row["grant_id"]])
    assert readable(hospital, desks.mch_doctor, person) == 0


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"reason_code", "reason"}),
        (REASON | {"reason": "抢救"}, {"reason"}),
        (REASON | {"reason": " " * 12}, {"reason"}),
        (REASON | {"reason_code": "curious"}, {"reason_code"}),
    ],
)
def test_break_glass_without_reason_is_refused_and_the_attempt_stays(
    desks: Desks, hospital: Hospital, body: dict[str, str], fields: set[str]
) -> None:
    person = desks.register("无理由")
    path = f"{BASE}/patients/{person['patient_id']}/break-glass"
    with desks.unchanged():
        problem = refused(desks.mch_doctor.post(path, body), 422, "break_glass_reason_missing")
    assert {error["field"] for error in problem["errors"]} == fields
    (kept,) = hospital.rows(
        "SELECT actor, campus_id, detail FROM kernel.audit_entries WHERE action = 'refused' AND subject_id LIKE %s",
        [f"POST {path}%"],
    )
    assert (kept["actor"], kept["campus_id"]) == (desks.mch_doctor.subject, "mch")
    assert kept["detail"]["code"] == "break_glass_reason_missing"


def test_break_glass_asks_for_the_password_again(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("再认证")
    claims = {"sub": str(uuid4()), "name": "老登录", "staff_id": str(uuid4()), "posts": ["/mch/outpatient_doctor"]}
    token = tokens.sign(claims, auth_time=int(time.time()) - 360)
    stale = Caller(hospital.client, token, "mch", claims["sub"], UUID(claims["staff_id"]))
    with desks.unchanged():
        refused(
            stale.post(f"{BASE}/patients/{person['patient_id']}/break-glass", REASON), 401, "fresh_sign_on_required"
        )
        refused(
            desks.mch_registrar.post(f"{BASE}/patients/{person['patient_id']}/break-glass", REASON),
            403,
            "permission_denied",
        )


def test_the_log_is_for_the_privacy_officer_and_the_person(desks: Desks, hospital: Hospital) -> None:
    person, stranger = desks.register("日志甲"), desks.register("日志乙")
    path = f"{BASE}/patients/{person['patient_id']}/access-log"
    for _ in range(3):
        desks.mch_doctor.get(f"{BASE}/patients/{person['patient_id']}/banner")
    first = desks.privacy.get(path, limit=2).json()
    second = desks.privacy.get(path, limit=2, cursor=first["next"]).json()
    actions = [entry["action"] for entry in first["items"] + second["items"]]
    assert actions == ["patient.banner_read"] * 3 + ["patient.registered"]
    refused(desks.doctor.get(path), 403, "permission_denied")
    mine = f"{BASE}/self/{person['patient_id']}/access-log"
    refused(desks.patient_account(stranger["patient_id"]).get(mine), 404, "not_found")
    refused(desks.privacy.get(mine), 403, "permission_denied")


def test_the_log_follows_a_merge(desks: Desks, hospital: Hospital) -> None:
    one = desks.register("并档甲", resident_id("19720202"))
    other = desks.register("并档乙", "L72020200", type="passport", sex="1", birth_date="1972-02-02")
    desks.mch_doctor.get(f"{BASE}/patients/{other['patient_id']}/banner")
    assert desks.merge(one, other).json()["status"] == "done"
    log = desks.patient_account(one["patient_id"]).get(f"{BASE}/self/{one['patient_id']}/access-log").json()["items"]
    assert [entry["action"] for entry in log].count("patient.registered") == 2
    through_retired = desks.patient_account(other["patient_id"]).get(f"{BASE}/self/{one['patient_id']}/access-log")
    assert through_retired.status_code == 200


def test_grants_of_a_person_are_listed(desks: Desks) -> None:
    person = desks.register("授权列表")
    desks.treat(person["patient_id"], "mch")
    listed = desks.privacy.get(f"{BASE}/patients/{person['patient_id']}/access").json()
    assert [(grant["reader_campus_id"], grant["basis"], grant["personal"]) for grant in listed] == [
        ("mch", "registration", False)
    ]
