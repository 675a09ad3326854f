"""Licences and privileges: recorded, judged at the instant, warned of, suspended."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions import registry
from functions.organisation.structure import service
from shared.schemas import SHANGHAI
from tests.organisation import signing
from tests.organisation.conftest import BASE, Consortium
from tests.support.hospital import Caller, Hospital, cloned_hospital

SIGNING = "/api/probe/signing"


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    """It is March 2026 here, and a module signs."""
    with cloned_hospital([registry.app("organisation/structure"), signing.app]) as one:
        one.clock.set(datetime(2026, 3, 2, 1, tzinfo=UTC))
        yield one


@pytest.fixture(autouse=True)
def _march(consortium: Consortium) -> None:
    at(consortium, "2026-03-02 09:00")


@pytest.fixture(scope="module")
def affairs(consortium: Consortium) -> Caller:
    return consortium.hospital.caller("medical_affairs", campus="hq")


def at(consortium: Consortium, moment: str) -> None:
    consortium.hospital.clock.set(datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI))


def physician(consortium: Consortium, title: str = "232", **fields: Any) -> dict[str, Any]:
    doctor = consortium.engage(category="doctor", title_code=title)
    return {**doctor, "licence": licence(consortium, doctor["staff_id"], **fields)}


def licence(consortium: Consortium, staff_id: str, caller: Caller | None = None, **fields: Any) -> dict[str, Any]:
    answer = (caller or consortium.personnel).post(f"{BASE}/staff/{staff_id}/licences", paper(**fields))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def paper(**fields: Any) -> dict[str, Any]:
    number = f"{uuid4().int % 10**15:015d}"
    body = {"kind": "physician", "number": number, "category": "clinical", "valid_from": "2020-01-01"}
    return {**body, **fields}


def nurse_paper(**fields: Any) -> dict[str, Any]:
    number = f"{uuid4().int % 10**12:012d}"
    return {"kind": "nurse", "number": number, "category": None, "valid_from": "2021-07-01", **fields}


def grant(affairs: Caller, staff_id: str, kind: str = "antibiotic", level: int = 3, **fields: Any) -> Any:
    body = {"kind": kind, "level": level, "evidence": "培训考核合格，医务〔2026〕3号", **fields}
    return affairs.post(f"{BASE}/staff/{staff_id}/privileges", body)


def sign(caller: Caller, path: str, kind: str, level: int | None = None, key: str | None = None) -> Any:
    document = "0190b0a0-0000-7000-8000-000000000001" if key else str(uuid4())
    return caller.post(f"{SIGNING}/{path}", {"document": document, "kind": kind, "level": level}, key=key)


def told(consortium: Consortium, kind: str, staff_id: str) -> list[dict[str, Any]]:
    return [event["data"] for event in consortium.hospital.events(kind) if event["subject"] == staff_id]


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
    assert [event["cause"] for event in told(consortium, "privilege_suspended", staff)] == ["decision"]

    twice = affairs.post(f"{path}/suspend", {"reason": "再次"})
    assert (twice.status_code, twice.json()["code"]) == (409, "privilege_suspended_already")
    assert affairs.post(f"{path}/resume", {"reason": "复训合格"}).json()["state"] == "granted"
    assert sign(caller, "prescriptions", "antibiotic", 3).status_code == 201
    assert [event["resumed"] for event in told(consortium, "privilege_granted", staff)] == [False, True]
    idle = affairs.post(f"{path}/resume", {"reason": "复训合格"})
    assert (idle.status_code, idle.json()["code"]) == (409, "privilege_not_suspended")


@pytest.mark.case("P-organisation", 4)
def test_a_nurses_licence_expires_at_midnight_and_was_warned_of(consortium: Consortium) -> None:
    hospital = consortium.hospital
    nurse = consortium.engage(category="nurse", title_code="253")
    staff = nurse["staff_id"]
    held = licence(consortium, staff, **nurse_paper(expires_on="2026-06-30"))
    assert (held["expires_on"], held["state"]) == ("2026-06-30", "valid")
    caller = hospital.caller("outpatient_doctor", campus="hq", staff_id=UUID(staff))

    def pass_a_minute() -> list[int]:
        hospital.minute("organisation/structure", "hq")
        return [event["days_left"] for event in told(consortium, "licence_expiring", staff)]

    for day, expected in [
        ("2026-03-31", []),  # 91 days before
        ("2026-04-01", [90]),
        ("2026-04-15", [90]),
        ("2026-05-01", [90, 60]),
        ("2026-05-31", [90, 60, 30]),
        ("2026-06-23", [90, 60, 30, 7]),
        ("2026-06-29", [90, 60, 30, 7]),
    ]:
        at(consortium, f"{day} 00:00")
        assert pass_a_minute() == expected, day
        assert pass_a_minute() == expected, "told once"
    listed = consortium.personnel.get(f"{BASE}/licences/expiring", days=7).json()["items"]
    assert [row["days_left"] for row in listed if row["staff_id"] == staff] == [1]

    at(consortium, "2026-06-30 23:59")
    assert sign(caller, "orders", "nurse").status_code == 201
    pass_a_minute()
    assert told(consortium, "licence_expired", staff) == []
    at(consortium, "2026-07-01 00:00")
    before = hospital.census()
    refused = sign(caller, "orders", "nurse")
    assert (refused.status_code, refused.json()["reason_code"]) == (403, "licence_expired")
    assert (refused.json()["source"], refused.json()["source_id"]) == ("licences", held["licence_id"])
    assert "2026-06-30 到期" in refused.json()["detail"]
    assert hospital.census() == before
    pass_a_minute()
    pass_a_minute()
    assert [event["expired_on"] for event in told(consortium, "licence_expired", staff)] == ["2026-06-30"]

    renewed = nurse_paper(number=held["number"], valid_from="2026-07-01", expires_on="2031-06-30")
    assert consortium.personnel.post(f"{BASE}/staff/{staff}/licences", renewed).status_code == 201
    assert sign(caller, "orders", "nurse").status_code == 201


def test_what_rests_on_an_expired_licence_is_told_suspended_and_resumed(
    consortium: Consortium, affairs: Caller
) -> None:
    doctor = physician(consortium, expires_on="2026-03-31")
    staff = doctor["staff_id"]
    granted = grant(affairs, staff, "prescribing", 0).json()
    at(consortium, "2026-04-01 00:00")
    consortium.hospital.minute("organisation/structure", "hq")
    expired = told(consortium, "licence_expired", staff)
    assert [event["privilege_ids"] for event in expired] == [[granted["privilege_id"]]]
    assert [event["cause"] for event in told(consortium, "privilege_suspended", staff)] == ["licence_expired"]
    verdict = consortium.admin.get(f"{BASE}/staff/{staff}/privileges/prescribing").json()
    assert (verdict["allowed"], verdict["code"]) == (False, "licence_expired")
    body = paper(number=doctor["licence"]["number"], valid_from="2026-04-01")
    assert consortium.personnel.post(f"{BASE}/staff/{staff}/licences", body).status_code == 201
    assert [event["resumed"] for event in told(consortium, "privilege_granted", staff)] == [False, True]
    assert consortium.admin.get(f"{BASE}/staff/{staff}/privileges/prescribing").json()["allowed"] is True


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
    assert len(told(consortium, "privilege_revoked", staff)) == 1


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
    assert len(told(consortium, "privilege_granted", staff)) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "pilot"}, "licence_invalid"),
        ({"number": "1234567"}, "licence_invalid"),
        ({"category": None}, "licence_invalid"),
        ({"expires_on": "2019-12-31"}, "licence_invalid"),
        (nurse_paper(expires_on="2031-07-02", valid_from="2026-07-01"), "licence_invalid"),
        (nurse_paper(expires_on=None), "licence_invalid"),
        ({"places": [{"campus": "hq", "kind": "filed"}]}, "licence_invalid"),
        ({"places": [{"campus": "zz"}]}, "campus_not_found"),
    ],
)
def test_refused_licences_write_nothing(consortium: Consortium, fields: dict[str, Any], code: str) -> None:
    staff = consortium.engage(category="doctor")["staff_id"]
    before = consortium.hospital.census()
    refused = consortium.personnel.post(f"{BASE}/staff/{staff}/licences", paper(**fields))
    assert refused.json()["code"] == code, refused.text
    assert consortium.hospital.census() == before


def test_a_number_belongs_to_one_person_and_the_attempt_is_kept(consortium: Consortium) -> None:
    first = consortium.engage(name="覃大明", category="doctor")
    number = licence(consortium, first["staff_id"])["number"]
    second = consortium.engage(category="doctor")
    before = consortium.hospital.census()
    path = f"{BASE}/staff/{second['staff_id']}/licences"
    refused = consortium.personnel.post(path, paper(number=number))
    assert (refused.status_code, refused.json()["code"]) == (422, "licence_number_taken")
    assert "覃*明" in refused.json()["detail"]
    assert "覃大明" not in refused.text
    assert consortium.hospital.census() == before
    kept = consortium.hospital.rows(
        "SELECT subject_id FROM kernel.audit_entries WHERE action = 'refused' AND actor = %s",
        [consortium.personnel.subject],
    )
    assert [row["subject_id"] for row in kept][-1] == f"POST {path}"
    twice = consortium.personnel.post(f"{BASE}/staff/{first['staff_id']}/licences", paper(number=number))
    assert (twice.status_code, twice.json()["code"]) == (409, "licence_overlaps")
    foreign = consortium.mch_personnel.post(f"{BASE}/staff/{first['staff_id']}/licences", paper())
    assert (foreign.status_code, foreign.json()["code"]) == (404, "staff_not_found")


def test_a_wrong_licence_is_corrected_and_a_revoked_one_ends(consortium: Consortium) -> None:
    doctor = physician(consortium)
    staff, wrong = doctor["staff_id"], doctor["licence"]
    body = {**paper(), "reason": "编号录错"}
    right = consortium.personnel.post(f"{BASE}/licences/{wrong['licence_id']}/correct", body)
    assert right.status_code == 201, right.text
    listed = consortium.admin.get(f"{BASE}/staff/{staff}/licences").json()
    assert [row["number"] for row in listed] == [right.json()["number"]]
    again = consortium.personnel.post(f"{BASE}/licences/{wrong['licence_id']}/correct", {**paper(), "reason": "再"})
    assert (again.status_code, again.json()["code"]) == (409, "licence_over")
    foreign = consortium.mch_personnel.post(f"{BASE}/licences/{right.json()['licence_id']}/end", {"reason": "吊销"})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "licence_not_found")
    ended = consortium.personnel.post(f"{BASE}/licences/{right.json()['licence_id']}/end", {"reason": "吊销"})
    assert (ended.status_code, ended.json()["state"], ended.json()["end_reason"]) == (200, "expired", "吊销")
    assert len(told(consortium, "licence_expired", staff)) == 1
    verdict = consortium.admin.get(f"{BASE}/staff/{staff}/licences/physician/valid").json()
    assert (verdict["allowed"], verdict["source_id"]) == (False, right.json()["licence_id"])
    with pytest.raises(Exception, match="is not rewritten"):
        consortium.hospital.execute(
            "UPDATE organisation.licences SET valid_to = NULL WHERE licence_id = %s", [right.json()["licence_id"]]
        )


def test_leaving_ends_privileges_of_the_home_campus(consortium: Consortium, affairs: Caller) -> None:
    staff = physician(consortium)["staff_id"]
    grant(affairs, staff)
    left = consortium.personnel.post(f"{BASE}/staff/{staff}/end", {"reason": "辞职", "version": 1})
    assert left.status_code == 200, left.text
    assert [row["state"] for row in consortium.admin.get(f"{BASE}/staff/{staff}/privileges").json()] == ["ended"]
    assert len(told(consortium, "privilege_revoked", staff)) == 1
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


def test_the_minute_signs_off_leavers_and_turns_secondments(consortium: Consortium) -> None:
    person = consortium.engage()
    leaving = consortium.moment(hours=1)
    body = {"reason": "退休", "version": 1, "at": leaving}
    assert consortium.personnel.post(f"{BASE}/staff/{person['staff_id']}/end", body).json()["status"] == "active"
    consortium.hospital.minute("organisation/structure", "hq")
    assert told(consortium, "staff_left", person["staff_id"]) == []
    consortium.hospital.clock.move(hours=2)
    consortium.hospital.minute("organisation/structure", "mch")
    assert told(consortium, "staff_left", person["staff_id"]) == [], "the home campus signs off"
    consortium.hospital.minute("organisation/structure", "hq")
    consortium.hospital.minute("organisation/structure", "hq")
    assert len(told(consortium, "staff_left", person["staff_id"])) == 1
    assert date.fromisoformat(told(consortium, "staff_left", person["staff_id"])[0]["left_at"][:10])


def test_the_list_of_expiring_licences_is_paged(consortium: Consortium) -> None:
    path = f"{BASE}/licences/expiring"
    for last in ("2026-03-20", "2026-03-20", "2026-03-25"):
        licence(consortium, consortium.engage(category="nurse")["staff_id"], **nurse_paper(expires_on=last))
    whole = [row["licence_id"] for row in consortium.personnel.get(path, days=60).json()["items"]]
    assert len(whole) >= 3
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        more = {"cursor": cursor} if cursor else {}
        page = consortium.personnel.get(path, days=60, limit=1, **more).json()
        found += [row["licence_id"] for row in page["items"]]
        cursor = page["next"]
    assert found == whole
    wrong = consortium.personnel.get(path, cursor="2026-99-01 00000000-0000-0000-0000-000000000000")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")
    assert consortium.mch_personnel.get(path, days=366).json()["items"] == []


def test_kinds_are_listed(consortium: Consortium) -> None:
    kinds = {row["kind"]: row for row in consortium.admin.get(f"{BASE}/privilege-kinds").json()}
    assert kinds["antibiotic"]["levels"] == ["非限制使用级", "限制使用级", "特殊使用级"]
    assert "护士执业证书" in {row["title"] for row in consortium.admin.get(f"{BASE}/licence-kinds").json()}
