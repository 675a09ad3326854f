"""Delegations: a post of the unit for some days, never a privilege."""

from typing import Any
from uuid import UUID

import pytest

from functions.organisation.structure import service
from tests.organisation.conftest import BASE, Consortium
from tests.support.hospital import Caller

PATH = f"{BASE}/delegations"


class Ward:
    """A unit with a head, somebody who holds its post, and a colleague who may stand in."""

    def __init__(self, consortium: Consortium) -> None:
        self.unit = consortium.unit(name="排班办")["unit_id"]
        head, self.holder, self.colleague = (consortium.engage(unit_id=self.unit)["staff_id"] for _ in range(3))
        assert consortium.assign(self.holder, "schedule_clerk").status_code == 201
        self.head: Caller = consortium.hospital.caller("unit_head", campus="hq", staff_id=UUID(head))

    def wish(self, consortium: Consortium, **fields: Any) -> dict[str, Any]:
        return {
            "staff_id": self.colleague,
            "post": "schedule_clerk",
            "unit_id": self.unit,
            "valid_to": consortium.moment(days=3),
            "reason": "排班员休假",
            **fields,
        }


@pytest.fixture
def ward(consortium: Consortium) -> Ward:
    return Ward(consortium)


def held(consortium: Consortium, staff_id: str) -> dict[str, frozenset[str]]:
    return dict(consortium.accounts()[UUID(staff_id)].posts)


def told(consortium: Consortium, kind: str, staff_id: str) -> int:
    return len([event for event in consortium.hospital.events(kind) if event["subject"] == staff_id])


def test_a_colleague_stands_in_and_it_ends_by_itself(consortium: Consortium, ward: Ward) -> None:
    made = ward.head.post(PATH, ward.wish(consortium))
    assert (made.status_code, made.json()["status"], made.json()["post_title"]) == (201, "active", "排班员"), made.text
    assert held(consortium, ward.colleague) == {"hq": frozenset({"schedule_clerk"})}
    holders = consortium.admin.get(f"{BASE}/posts/schedule_clerk/holders", unit_id=ward.unit).json()
    assert {one["staff_id"] for one in holders} == {ward.holder, ward.colleague}
    mine = consortium.admin.get(f"{BASE}/staff/{ward.colleague}/posts").json()
    assert [(one["delegation_id"], one["is_main"]) for one in mine] == [(made.json()["delegation_id"], False)]
    assert told(consortium, "delegation_started", ward.colleague) == 1
    consortium.hospital.clock.move(days=4)
    try:
        assert held(consortium, ward.colleague) == {}, "gone without anyone's doing"
        assert told(consortium, "delegation_ended", ward.colleague) == 0
        consortium.hospital.minute("organisation/structure", "mch")
        assert told(consortium, "delegation_ended", ward.colleague) == 0
        for _ in range(2):
            consortium.hospital.minute("organisation/structure", "hq")
        assert told(consortium, "delegation_ended", ward.colleague) == 1
    finally:
        consortium.hospital.clock.move(days=-4)


def test_a_planned_one_starts_by_the_minute_and_can_be_withdrawn(consortium: Consortium, ward: Ward) -> None:
    later = {"valid_from": consortium.moment(days=1), "valid_to": consortium.moment(days=2)}
    made = ward.head.post(PATH, ward.wish(consortium, **later)).json()
    assert made["status"] == "planned"
    assert held(consortium, ward.colleague) == {}
    consortium.hospital.clock.move(days=1, minutes=1)
    try:
        assert held(consortium, ward.colleague) == {"hq": frozenset({"schedule_clerk"})}
        consortium.hospital.minute("organisation/structure", "hq")
        assert told(consortium, "delegation_started", ward.colleague) == 1
        path = f"{PATH}/{made['delegation_id']}/end"
        stale = ward.head.post(path, {"reason": "提前返岗", "version": 1})
        assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
        ended = ward.head.post(path, {"reason": "提前返岗", "version": 2})
        assert (ended.status_code, ended.json()["status"]) == (200, "ended")
        assert held(consortium, ward.colleague) == {}
        again = ward.head.post(path, {"reason": "再", "version": 3})
        assert (again.status_code, again.json()["code"]) == (409, "delegation_over")
    finally:
        consortium.hospital.clock.move(days=-1, minutes=-1)
    later = {"valid_from": consortium.moment(days=5), "valid_to": consortium.moment(days=6)}
    second = ward.head.post(PATH, ward.wish(consortium, **later)).json()
    withdrawn = ward.head.post(f"{PATH}/{second['delegation_id']}/end", {"reason": "不休假了", "version": 1})
    assert withdrawn.json()["status"] == "withdrawn"
    assert ward.head.post(PATH, ward.wish(consortium, **later)).status_code == 201, "what was withdrawn is free again"
    listed = ward.head.get(PATH, limit=3).json()["items"]
    assert [row["delegation_id"] for row in listed[1:]] == [second["delegation_id"], made["delegation_id"]]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"days": 15}, 422, "delegation_invalid"),
        ({"days": -1}, 422, "delegation_invalid"),
        ({"post": "campus_admin"}, 422, "delegation_invalid"),
        ({"post": "consortium_finance"}, 422, "delegation_invalid"),
        ({"post": "wizard"}, 422, "unknown_post"),
        ({"post": "registrar"}, 422, "delegation_invalid"),
        ({"staff_id": "mch"}, 422, "unit_not_theirs"),
        ({"staff_id": "holder"}, 201, ""),
        ({"unit_id": "mch"}, 404, "unit_not_found"),
    ],
)
def test_who_may_stand_in(consortium: Consortium, ward: Ward, fields: dict[str, Any], status: int, code: str) -> None:
    days = fields.pop("days", None) if "days" in fields else None
    wish = ward.wish(consortium, **fields)
    if days is not None:
        wish["valid_to"] = consortium.moment(days=days, minutes=1)
        fields["days"] = days
    if wish["staff_id"] == "mch":
        wish["staff_id"] = consortium.engage(consortium.mch_personnel)["staff_id"]
    if wish["staff_id"] == "holder":
        wish["staff_id"] = ward.holder
    if wish["unit_id"] == "mch":
        wish["unit_id"] = consortium.tree("mch")["root"]["unit_id"]
    before = consortium.hospital.census()
    answer = ward.head.post(PATH, wish)
    assert answer.status_code == status, answer.text
    if code:
        assert answer.json()["code"] == code
        assert consortium.hospital.census() == before


def test_incompatible_posts_are_not_joined_by_standing_in(consortium: Consortium) -> None:
    unit = consortium.unit(name="收费处")["unit_id"]
    cashier, lead = (consortium.engage(unit_id=unit)["staff_id"] for _ in range(2))
    assert consortium.assign(cashier, "registrar").status_code == 201
    assert consortium.assign(lead, "cashier_lead").status_code == 201
    wish = {
        "staff_id": cashier,
        "post": "cashier_lead",
        "unit_id": unit,
        "valid_to": consortium.moment(days=1),
        "reason": "组长外出",
    }
    before = consortium.hospital.census()
    refused = consortium.personnel.post(PATH, wish)
    assert (refused.status_code, refused.json()["code"]) == (422, "incompatible_posts")
    assert consortium.hospital.census() == before
    free = consortium.engage(unit_id=unit)["staff_id"]
    assert consortium.personnel.post(PATH, {**wish, "staff_id": free}).status_code == 201
    joined = consortium.assign(free, "registrar", is_main=False)
    assert (joined.status_code, joined.json()["code"]) == (422, "incompatible_posts"), "what is stood in for counts"


def test_only_the_units_head_or_personnel(consortium: Consortium, ward: Ward) -> None:
    other = Ward(consortium)
    before = consortium.hospital.census()
    assert other.head.post(PATH, ward.wish(consortium)).json()["code"] == "unit_not_theirs"
    assert consortium.admin.post(PATH, ward.wish(consortium)).json()["code"] == "permission_denied"
    own = ward.wish(consortium, staff_id=str(ward.head.staff_id))
    assert ward.head.post(PATH, own).json()["code"] == "same_person"
    assert consortium.hospital.census() == before
    made = ward.head.post(PATH, ward.wish(consortium)).json()
    path = f"{PATH}/{made['delegation_id']}/end"
    assert other.head.post(path, {"reason": "越权", "version": 1}).json()["code"] == "unit_not_theirs"
    foreign = consortium.mch_personnel.post(path, {"reason": "越权", "version": 1})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "delegation_not_found")
    twice = ward.head.post(PATH, ward.wish(consortium))
    assert (twice.status_code, twice.json()["code"]) == (409, "delegation_overlaps")
    assert consortium.personnel.post(path, {"reason": "收回", "version": 1}).status_code == 200


def test_a_repeated_command_delegates_once(consortium: Consortium, ward: Ward) -> None:
    wish = ward.wish(consortium)
    first = ward.head.post(PATH, wish, key="delegate-once")
    again = ward.head.post(PATH, wish, key="delegate-once")
    assert (first.status_code, again.json()) == (201, first.json())
    assert told(consortium, "delegation_started", ward.colleague) == 1


def test_leaving_ends_what_is_stood_in_for_and_holds_a_unit_open(consortium: Consortium, ward: Ward) -> None:
    assert ward.head.post(PATH, ward.wish(consortium)).status_code == 201
    unit = consortium.admin.get(f"{BASE}/units/{ward.unit}").json()
    body = {"closes_on": consortium.today(1), "version": unit["version"], "reason": "撤并"}
    refused = consortium.admin.post(f"{BASE}/units/{ward.unit}/close", body)
    assert "未结束的代班" in refused.json()["holds"]
    left = consortium.personnel.post(f"{BASE}/staff/{ward.colleague}/end", {"reason": "辞职", "version": 1})
    assert left.status_code == 200, left.text
    assert told(consortium, "delegation_ended", ward.colleague) == 1
    with consortium.hospital.tx("hq") as tx:
        assert service.posts_of(tx, UUID(ward.colleague)) == []
