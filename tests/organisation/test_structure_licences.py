"""Licences: recorded, warned of before they end, corrected; what rests on them ends with them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.organisation.conftest import BASE, Consortium
from tests.organisation.credentials import (
    at,
    grant,
    licence,
    nurse_paper,
    paper,
    physician,
    sign,
    signing_hospital,
)
from tests.support.hospital import Caller, Hospital


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with signing_hospital() as one:
        yield one


@pytest.fixture(autouse=True)
def _march(consortium: Consortium) -> None:
    at(consortium, "2026-03-02 09:00")


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
        return [event["days_left"] for event in consortium.told("licence_expiring", staff)]

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
    assert consortium.told("licence_expired", staff) == []
    at(consortium, "2026-07-01 00:00")
    before = hospital.census()
    refused = sign(caller, "orders", "nurse")
    assert (refused.status_code, refused.json()["reason_code"]) == (403, "licence_expired")
    assert (refused.json()["source"], refused.json()["source_id"]) == ("licences", held["licence_id"])
    assert "2026-06-30 到期" in refused.json()["detail"]
    assert hospital.census() == before
    pass_a_minute()
    pass_a_minute()
    assert [event["expired_on"] for event in consortium.told("licence_expired", staff)] == ["2026-06-30"]

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
    expired = consortium.told("licence_expired", staff)
    assert [event["privilege_ids"] for event in expired] == [[granted["privilege_id"]]]
    assert [event["cause"] for event in consortium.told("privilege_suspended", staff)] == ["licence_expired"]
    verdict = consortium.admin.get(f"{BASE}/staff/{staff}/privileges/prescribing").json()
    assert (verdict["allowed"], verdict["code"]) == (False, "licence_expired")
    body = paper(number=doctor["licence"]["number"], valid_from="2026-04-01")
    assert consortium.personnel.post(f"{BASE}/staff/{staff}/licences", body).status_code == 201
    assert [event["resumed"] for event in consortium.told("privilege_granted", staff)] == [False, True]
    assert consortium.admin.get(f"{BASE}/staff/{staff}/privileges/prescribing").json()["allowed"] is True


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
    assert len(consortium.told("licence_expired", staff)) == 1
    verdict = consortium.admin.get(f"{BASE}/staff/{staff}/licences/physician/valid").json()
    assert (verdict["allowed"], verdict["source_id"]) == (False, right.json()["licence_id"])
    with pytest.raises(Exception, match="is not rewritten"):
        consortium.hospital.execute(
            "UPDATE organisation.licences SET valid_to = NULL WHERE licence_id = %s", [right.json()["licence_id"]]
        )


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
