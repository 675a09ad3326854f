"""Secondments: three consents, listed days, gone without anyone's doing."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from functions import registry
from functions.organisation.structure import service
from shared.schemas import SHANGHAI
from tests.organisation.conftest import BASE, Consortium
from tests.support.hospital import Caller, Hospital, cloned_hospital

PATH = f"{BASE}/secondments"


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    """It is February 2026 here."""
    with cloned_hospital([registry.app("organisation/structure")]) as one:
        one.clock.set(datetime(2026, 2, 20, 2, tzinfo=UTC))
        yield one


@pytest.fixture(scope="module")
def hr(consortium: Consortium) -> Caller:
    return consortium.hospital.caller("personnel", campus="hq")


def at(consortium: Consortium, day: str, hour: int = 10) -> None:
    moment = datetime.combine(date.fromisoformat(day), datetime.min.time(), SHANGHAI).replace(hour=hour)
    consortium.hospital.clock.set(moment)


@pytest.fixture(autouse=True)
def _february(consortium: Consortium) -> None:
    at(consortium, "2026-02-20")


def licensed_doctor(consortium: Consortium) -> str:
    doctor = str(consortium.engage(category="doctor", title_code="232")["staff_id"])
    consortium.licensed(doctor)
    return doctor


def wish(consortium: Consortium, **fields: Any) -> dict[str, Any]:
    doctor = fields.pop("staff_id", None) or licensed_doctor(consortium)
    return {
        "staff_id": doctor,
        "receiving_campus": "mch",
        "unit_id": consortium.tree("mch")["root"]["unit_id"],
        "kind": "technical",
        "posts": ["outpatient_doctor"],
        "mode": "weekdays",
        "weekdays": [1, 3],
        "from_day": "2026-03-01",
        "to_day": "2026-05-31",
        "practice_filed": True,
        **fields,
    }


def approve(consortium: Consortium, hr: Caller, body: dict[str, Any]) -> dict[str, Any]:
    proposed = consortium.personnel.post(PATH, body)
    assert proposed.status_code == 201, proposed.text
    path = f"{PATH}/{proposed.json()['secondment_id']}/approve"
    received = consortium.mch_personnel.post(path, {"side": "receiving", "version": 1})
    assert (received.status_code, received.json()["status"]) == (200, "proposed"), received.text
    done = hr.post(path, {"side": "hr", "version": 2})
    assert done.status_code == 200, done.text
    return dict(done.json())


def campuses(consortium: Consortium, staff_id: str) -> dict[str, frozenset[str]]:
    return dict(consortium.accounts()[UUID(staff_id)].posts)


@pytest.mark.case("P-organisation", 2)
def test_rights_follow_the_listed_days(consortium: Consortium, hr: Caller) -> None:
    body = wish(consortium)
    doctor = body["staff_id"]
    assert consortium.assign(doctor, "outpatient_doctor").status_code == 201
    done = approve(consortium, hr, body)
    assert (done["status"], done["approvals"]) == ("approved", ["home", "hr", "receiving"])
    home = {"hq": frozenset({"outpatient_doctor"})}
    both = {**home, "mch": frozenset({"outpatient_doctor"})}
    for day, expected in [
        ("2026-02-25", home),  # a Wednesday before it begins
        ("2026-03-02", both),  # Monday
        ("2026-03-04", both),  # Wednesday
        ("2026-03-05", home),  # Thursday
        ("2026-05-27", both),  # the last Wednesday
        ("2026-06-01", home),  # Monday after the end
    ]:
        at(consortium, day)
        assert campuses(consortium, doctor) == expected, day


def test_its_turns_are_told_once(consortium: Consortium, hr: Caller) -> None:
    body = wish(consortium)
    approve(consortium, hr, body)

    def turn() -> int:
        with consortium.hospital.tx("mch") as tx:
            return service.turn_secondments(tx)

    def told(kind: str) -> int:
        return len([event for event in consortium.hospital.events(kind) if event["subject"] == body["staff_id"]])

    turn()
    assert (told("secondment_started"), told("secondment_ended")) == (0, 0)
    at(consortium, "2026-03-01", 0)
    assert turn() >= 1
    assert turn() == 0
    assert (told("secondment_started"), told("secondment_ended")) == (1, 0)
    at(consortium, "2026-06-01", 0)
    assert turn() >= 1
    assert turn() == 0
    assert (told("secondment_started"), told("secondment_ended")) == (1, 1)


def test_a_standing_secondment_counts_every_day_and_gives_posts_there(consortium: Consortium, hr: Caller) -> None:
    body = wish(consortium, mode="standing", weekdays=[], from_day="2026-02-20")
    done = approve(consortium, hr, body)
    assert done["status"] == "active"
    assert campuses(consortium, body["staff_id"]) == {"mch": frozenset({"outpatient_doctor"})}
    further = consortium.assign(body["staff_id"], "schedule_clerk", consortium.mch_personnel)
    assert further.status_code == 201, further.text
    assert further.json()["valid_to"] == done["valid_to"]
    assert campuses(consortium, body["staff_id"]) == {"mch": frozenset({"outpatient_doctor", "schedule_clerk"})}
    holders = consortium.mch_admin.get(f"{BASE}/posts/outpatient_doctor/holders").json()
    assert body["staff_id"] in {holder["staff_id"] for holder in holders}
    ended = consortium.mch_personnel.post(
        f"{PATH}/{done['secondment_id']}/end", {"reason": "工作结束", "version": done["version"]}
    )
    assert (ended.status_code, ended.json()["status"]) == (200, "ended")
    assert campuses(consortium, body["staff_id"]) == {}
    again = consortium.mch_personnel.post(f"{PATH}/{done['secondment_id']}/end", {"reason": "再", "version": 9})
    assert (again.status_code, again.json()["code"]) == (409, "secondment_state")


def test_it_is_renewed_from_its_end_with_three_new_consents(consortium: Consortium, hr: Caller) -> None:
    body = wish(consortium)
    done = approve(consortium, hr, body)
    path = f"{PATH}/{done['secondment_id']}/renew"
    renewed = consortium.mch_personnel.post(path, {"to_day": "2026-08-31", "weekdays": [2]})
    assert renewed.status_code == 201, renewed.text
    second = renewed.json()
    assert (second["status"], second["approvals"], second["renews"]) == (
        "proposed",
        ["receiving"],
        done["secondment_id"],
    )
    assert (second["valid_from"], second["weekdays"], second["posts"]) == (
        done["valid_to"],
        [2],
        ["outpatient_doctor"],
    )
    at(consortium, "2026-06-02")  # a Tuesday after the first one
    assert campuses(consortium, body["staff_id"]) == {}
    again = f"{PATH}/{second['secondment_id']}/approve"
    assert consortium.personnel.post(again, {"side": "home", "version": 1}).is_success
    assert hr.post(again, {"side": "hr", "version": 2}).json()["status"] == "active"
    assert campuses(consortium, body["staff_id"]) == {"mch": frozenset({"outpatient_doctor"})}
    before = consortium.hospital.census()
    too_long = consortium.personnel.post(path, {"to_day": "2027-12-31"})
    assert (too_long.status_code, too_long.json()["code"]) == (422, "secondment_invalid")
    waiting = consortium.personnel.post(PATH, {**wish(consortium), "from_day": "2026-07-01", "to_day": "2026-07-02"})
    held = consortium.hospital.census()
    early = consortium.personnel.post(f"{PATH}/{waiting.json()['secondment_id']}/renew", {"to_day": "2026-09-01"})
    assert (early.status_code, early.json()["code"]) == (409, "secondment_state")
    assert consortium.hospital.census() == held
    assert before["organisation.secondments"] == held["organisation.secondments"] - 1


def test_leaving_ends_it(consortium: Consortium, hr: Caller) -> None:
    body = wish(consortium, mode="full_time", weekdays=[], from_day="2026-02-20")
    approve(consortium, hr, body)
    waiting = consortium.personnel.post(PATH, {**body, "from_day": "2026-06-01", "to_day": "2026-06-30"}).json()
    left = consortium.personnel.post(f"{BASE}/staff/{body['staff_id']}/end", {"reason": "辞职", "version": 1})
    assert left.status_code == 200, left.text
    assert campuses(consortium, body["staff_id"]) == {}
    states = consortium.hospital.rows(
        "SELECT status FROM organisation.secondments WHERE staff_id = %s ORDER BY secondment_id", [body["staff_id"]]
    )
    assert [row["status"] for row in states] == ["ended", "withdrawn"]
    path = f"{PATH}/{waiting['secondment_id']}/approve"
    assert consortium.mch_personnel.post(path, {"side": "receiving", "version": 2}).json()["code"] == "secondment_state"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"to_day": "2027-03-05"}, 422, "secondment_invalid"),
        ({"to_day": "2026-02-28"}, 422, "secondment_invalid"),
        ({"from_day": "2026-02-19"}, 422, "past_change"),
        ({"weekdays": []}, 422, "secondment_invalid"),
        ({"mode": "dates"}, 422, "secondment_invalid"),
        ({"posts": ["campus_admin"]}, 422, "secondment_invalid"),
        ({"posts": ["wizard"]}, 422, "unknown_post"),
        ({"posts": ["registrar", "cashier_lead"]}, 422, "incompatible_posts"),
        ({"receiving_campus": "hq"}, 422, "secondment_invalid"),
        ({"receiving_campus": "zz"}, 404, "campus_not_found"),
        ({"unit_id": "home"}, 404, "unit_not_found"),
    ],
)
def test_refusals_propose_nothing(consortium: Consortium, change: dict[str, Any], status: int, code: str) -> None:
    body = wish(consortium, **change)
    if body["unit_id"] == "home":
        body["unit_id"] = consortium.tree()["root"]["unit_id"]
    before = consortium.hospital.census()
    refused = consortium.personnel.post(PATH, body)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert consortium.hospital.census() == before


def test_each_side_agrees_for_itself(consortium: Consortium, hr: Caller) -> None:
    proposed = consortium.personnel.post(PATH, wish(consortium)).json()
    path = f"{PATH}/{proposed['secondment_id']}/approve"
    before = consortium.hospital.census()
    for caller, side, expected in [
        (consortium.personnel, "receiving", (404, "secondment_not_found")),
        (consortium.mch_personnel, "home", (404, "secondment_not_found")),
        (consortium.mch_personnel, "hr", (404, "secondment_not_found")),
        (consortium.personnel, "hr", (422, "same_person")),
        (hr, "home", (409, "secondment_side_approved")),
        (consortium.admin, "home", (403, "permission_denied")),
    ]:
        refused = caller.post(path, {"side": side, "version": 1})
        assert (refused.status_code, refused.json()["code"]) == expected, side
    stale = hr.post(path, {"side": "hr", "version": 7})
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert consortium.hospital.census() == before


def test_a_third_campus_does_not_see_it(consortium: Consortium) -> None:
    proposed = consortium.personnel.post(PATH, wish(consortium)).json()
    opened = consortium.opener.post(
        f"{BASE}/campuses",
        {
            "code": "zx",
            "letter": "Z",
            "name": "卫生院",
            "short_name": "卫生院",
            "price_level": "primary",
            "address": "路",
        },
    )
    assert opened.status_code == 201
    stranger = consortium.hospital.caller("personnel", campus="zx")
    assert stranger.get(f"{PATH}/{proposed['secondment_id']}").status_code == 404
    assert stranger.get(PATH).json() == {"items": [], "next": None}
    assert consortium.mch_personnel.get(f"{PATH}/{proposed['secondment_id']}").json()["approvals"] == ["home"]
    listed = consortium.mch_personnel.get(PATH, limit=1).json()
    assert listed["items"][0]["secondment_id"] == proposed["secondment_id"]
    before = consortium.hospital.census()
    foreign = stranger.post(PATH, wish_for(proposed, "2026-04-01"))
    assert (foreign.status_code, foreign.json()["code"]) == (422, "unit_not_theirs")
    assert consortium.hospital.census() == before


def wish_for(proposed: dict[str, Any], day: str) -> dict[str, Any]:
    fields = ("staff_id", "receiving_campus", "unit_id", "kind", "posts")
    return {**{name: proposed[name] for name in fields}, "mode": "full_time", "from_day": day, "to_day": day}


def test_a_doctor_needs_the_practice_filed(consortium: Consortium, hr: Caller) -> None:
    proposed = consortium.personnel.post(PATH, wish(consortium, practice_filed=False)).json()
    path = f"{PATH}/{proposed['secondment_id']}"
    before = consortium.hospital.census()
    refused = consortium.mch_personnel.post(f"{path}/approve", {"side": "receiving", "version": 1})
    assert (refused.status_code, refused.json()["code"]) == (422, "practice_not_filed")
    assert consortium.hospital.census() == before
    filed = consortium.mch_personnel.post(f"{path}/file-practice", {"version": 1})
    assert (filed.status_code, filed.json()["practice_filed"]) == (200, True)
    agreed = consortium.mch_personnel.post(f"{path}/approve", {"side": "receiving", "version": 2})
    assert agreed.status_code == 200, agreed.text


def test_full_time_secondments_do_not_overlap(consortium: Consortium, hr: Caller) -> None:
    body = wish(consortium, mode="full_time", weekdays=[])
    approve(consortium, hr, body)
    second = consortium.personnel.post(PATH, {**body, "from_day": "2026-05-01", "to_day": "2026-07-01"}).json()
    path = f"{PATH}/{second['secondment_id']}/approve"
    assert consortium.mch_personnel.post(path, {"side": "receiving", "version": 1}).status_code == 200
    before = consortium.hospital.census()
    refused = hr.post(path, {"side": "hr", "version": 2})
    assert (refused.status_code, refused.json()["code"]) == (409, "secondment_overlaps")
    assert consortium.hospital.census() == before
