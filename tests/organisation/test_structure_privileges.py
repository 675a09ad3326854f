"""Privileges: granted on what earns them, judged at the instant, suspended, ended."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.organisation.structure import service
from tests.organisation.conftest import BASE, Consortium
from tests.organisation.credentials import at, grant, licence, physician, sign, signing_hospital
from tests.support.hospital import Caller, Hospital


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with signing_hospital() as one:
        yield one


@pytest.fixture(autouse=True)
def _march(consortium: Consortium) -> None:
    at(consortium, "2026-03-02 09:00")


@pytest.mark.case("P-organisation", 3)
def test_a_suspended_privilege_stops_the_next_signature_and_leaves_the_last(
    consortium: Consortium, affairs: Caller
) -> None:
    doctor = physician(consortium)
    staff = doctor["staff_id"]
    granted = grant(affairs, staff).json()
    caller = consortium.hospital.caller("outpatient_doctor", campus="hq", staff_id=UUID(staff))
    at(consortium, "2026-03-02 09:59")
    signed = sign(caller, "prescriptions", "antibiotic", 3, key="prescription-0959")
    assert signed.status_code == 201, signed.text
    at(consortium, "2026-03-02 10:00")
    path = f"{BASE}/privileges/{granted['privilege_id']}"
    suspended = affairs.post(f"{path}/suspend", {"reason": "处方点评连续两次不合格"})
    assert (suspended.status_code, suspended.json()["state"]) == (200, "suspended")
    pause = suspended.json()["suspensions"][0]["suspension_id"]

    at(consortium, "2026-03-02 10:01")
    before = consortium.hospital.census()
    refused = sign(caller, "prescriptions", "antibiotic", 3)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_privileged")
    assert refused.json()["reason_code"] == "privilege_suspended"
    assert "2026-03-02 10:00 暂停：处方点评连续两次不合格" in refused.json()["detail"]
    assert (refused.json()["source"], refused.json()["source_id"]) == ("privilege_suspensions", pause)
    assert consortium.hospital.census() == before
    attempt = consortium.hospital.rows(
        "SELECT detail FROM kernel.audit_entries WHERE action = 'refused' AND actor = %s", [caller.subject]
    )
    assert [row["detail"] for row in attempt] == [{"code": "not_privileged"}]

    again = sign(caller, "prescriptions", "antibiotic", 3, key="prescription-0959")
    assert (again.status_code, again.json()) == (201, signed.json()), "what was signed at 09:59 stands"
    verdict = f"{BASE}/staff/{staff}/privileges/antibiotic"
    then = consortium.admin.get(verdict, level=3, at="2026-03-02T09:59:00+08:00").json()
    now = consortium.admin.get(verdict, level=3).json()
    assert (then["allowed"], now["allowed"], now["source_id"]) == (True, False, pause)
    assert [event["cause"] for event in consortium.told("privilege_suspended", staff)] == ["decision"]

    twice = affairs.post(f"{path}/suspend", {"reason": "再次"})
    assert (twice.status_code, twice.json()["code"]) == (409, "privilege_suspended_already")
    assert affairs.post(f"{path}/resume", {"reason": "复训合格"}).json()["state"] == "granted"
    assert sign(caller, "prescriptions", "antibiotic", 3).status_code == 201
    assert [event["resumed"] for event in consortium.told("privilege_granted", staff)] == [False, True]
    idle = affairs.post(f"{path}/resume", {"reason": "复训合格"})
    assert (idle.status_code, idle.json()["code"]) == (409, "privilege_not_suspended")


def test_the_order_of_the_judgement(consortium: Consortium, affairs: Caller) -> None:
    """In service, licence, practice place, privilege for campus and level, not suspended: the first failure answers."""
    doctor = consortium.engage(category="doctor", title_code="232")
    staff = doctor["staff_id"]
    path = f"{BASE}/staff/{staff}/privileges/antibiotic"

    def code(**params: Any) -> str:
        return str(consortium.admin.get(path, **params).json()["code"])

    assert code() == "licence_missing"
    paper_held = licence(consortium, staff)
    assert code() == "privilege_missing"
    assert code(campus="mch") == "place_not_filed"
    granted = grant(affairs, staff, level=2, procedures=["J01"]).json()
    assert (code(), code(level=2), code(level=3)) == ("allowed", "allowed", "privilege_level")
    assert (code(level=2, procedure="J01"), code(level=2, procedure="J02")) == ("allowed", "privilege_procedure")
    place = f"{BASE}/licences/{paper_held['licence_id']}/places"
    filed = consortium.personnel.post(place, {"campus": "mch"})
    assert [one["campus"] for one in filed.json()["places"]] == ["hq", "mch"]
    assert code(campus="mch") == "privilege_campus"
    again = consortium.personnel.post(place, {"campus": "mch"})
    assert (again.status_code, again.json()["code"]) == (409, "practice_place_overlaps")
    affairs.post(f"{BASE}/privileges/{granted['privilege_id']}/suspend", {"reason": "待查"})
    assert code(level=2) == "privilege_suspended"
    assert consortium.personnel.post(f"{BASE}/staff/{staff}/suspend", {"reason": "调查", "version": 1}).is_success
    assert code(level=2) == "staff_not_active"
    before_it = "2026-03-02T08:59:00+08:00"
    assert code(at=before_it) == "privilege_over", "at an earlier moment it was not granted yet, and nobody suspended"
    assert consortium.personnel.post(f"{BASE}/staff/{staff}/resume", {"reason": "查清", "version": 2}).is_success
    assert code(level=2) == "privilege_suspended"
    revoked = affairs.post(f"{BASE}/privileges/{granted['privilege_id']}/revoke", {"reason": "收回"})
    assert (revoked.status_code, revoked.json()["state"]) == (200, "ended")
    assert code(level=2) == "privilege_over"
    over = affairs.post(f"{BASE}/privileges/{granted['privilege_id']}/revoke", {"reason": "收回"})
    assert (over.status_code, over.json()["code"]) == (409, "privilege_over")
    assert len(consortium.told("privilege_revoked", staff)) == 1


@pytest.mark.parametrize(
    ("title", "fields", "status", "code"),
    [
        ("233", {"kind": "antibiotic", "level": 3}, 422, "privilege_not_earned"),
        ("234", {"kind": "antibiotic", "level": 2}, 422, "privilege_not_earned"),
        ("232", {"kind": "dispensing", "level": 0}, 422, "licence_missing"),
        ("232", {"kind": "antibiotic", "level": 4}, 422, "privilege_unknown"),
        ("232", {"kind": "prescribing", "level": 1}, 422, "privilege_unknown"),
        ("232", {"kind": "wizardry", "level": 0}, 422, "privilege_unknown"),
        ("232", {"campuses": ["mch"]}, 422, "privilege_not_earned"),
        ("232", {"campuses": ["zz"]}, 404, "campus_not_found"),
        ("232", {"valid_from": "2026-03-01T00:00:00+08:00"}, 422, "past_change"),
        ("232", {"evidence": ""}, 422, "invalid"),
    ],
)
def test_refused_grants_write_nothing(
    consortium: Consortium, affairs: Caller, title: str, fields: dict[str, Any], status: int, code: str
) -> None:
    doctor = physician(consortium, title)
    before = consortium.hospital.census()
    body = {"kind": "antibiotic", "level": 3, **fields}
    refused = grant(affairs, doctor["staff_id"], body.pop("kind"), body.pop("level"), **body)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert consortium.hospital.census() == before


def test_who_grants(consortium: Consortium, affairs: Caller) -> None:
    doctor = physician(consortium)
    staff = doctor["staff_id"]
    before = consortium.hospital.census()
    assert grant(consortium.personnel, staff).json()["code"] == "permission_denied"
    own = consortium.hospital.caller("medical_affairs", campus="hq", staff_id=UUID(staff))
    assert grant(own, staff).json()["code"] == "same_person"
    assert consortium.hospital.census() == before
    granted = grant(affairs, staff).json()
    held = consortium.hospital.census()
    again = grant(affairs, staff)
    assert (again.status_code, again.json()["code"]) == (409, "privilege_held_already")
    elsewhere = consortium.hospital.caller("medical_affairs", campus="mch")
    for verb in ("suspend", "resume", "revoke"):
        foreign = elsewhere.post(f"{BASE}/privileges/{granted['privilege_id']}/{verb}", {"reason": "越权"})
        assert (foreign.status_code, foreign.json()["code"]) == (404, "privilege_not_found"), verb
    assert consortium.hospital.census() == held
    listed = affairs.get(f"{BASE}/privileges/antibiotic/holders").json()["items"]
    assert staff in {row["staff_id"] for row in listed}
    assert elsewhere.get(f"{BASE}/privileges/antibiotic/holders").json()["items"] == []


def test_a_repeated_grant_grants_once(consortium: Consortium, affairs: Caller) -> None:
    staff = physician(consortium)["staff_id"]
    body = {"kind": "prescribing", "level": 0, "evidence": "考核合格"}
    first = affairs.post(f"{BASE}/staff/{staff}/privileges", body, key="grant-once-1")
    again = affairs.post(f"{BASE}/staff/{staff}/privileges", body, key="grant-once-1")
    assert (first.status_code, again.json()) == (201, first.json())
    assert len(consortium.told("privilege_granted", staff)) == 1


def test_leaving_ends_privileges_of_the_home_campus(consortium: Consortium, affairs: Caller) -> None:
    staff = physician(consortium)["staff_id"]
    grant(affairs, staff)
    left = consortium.personnel.post(f"{BASE}/staff/{staff}/end", {"reason": "辞职", "version": 1})
    assert left.status_code == 200, left.text
    assert [row["state"] for row in consortium.admin.get(f"{BASE}/staff/{staff}/privileges").json()] == ["ended"]
    assert len(consortium.told("privilege_revoked", staff)) == 1
    verdict = consortium.admin.get(f"{BASE}/staff/{staff}/privileges/antibiotic").json()
    assert (verdict["code"], verdict["source"]) == ("staff_not_active", "staff")


def test_a_judgement_is_one_exchange_of_seven_reads(consortium: Consortium, affairs: Caller) -> None:
    staff = UUID(physician(consortium)["staff_id"])
    grant(affairs, str(staff))
    with consortium.hospital.tx("hq") as tx:
        before = tx.session.statements
        assert service.privilege_at(tx, staff, "antibiotic", level=3).allowed
        assert tx.session.statements - before == 7
        earlier = service.privilege_at(tx, staff, "antibiotic", tx.now - timedelta(hours=1), level=3)
        assert earlier.code == "privilege_over"
