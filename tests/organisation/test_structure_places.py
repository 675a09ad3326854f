"""Places: one inside the other, found with their building and floor."""

from uuid import UUID

import pytest

from functions.organisation.structure import service
from functions.organisation.structure.problems import PlaceNotFound
from shared.ids import new_id
from tests.organisation.conftest import BASE, Consortium


def make(consortium: Consortium, kind: str, code: str, name: str, **fields: object) -> dict[str, str]:
    answer = consortium.admin.post(f"{BASE}/places", {"kind": kind, "code": code, "name": name, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.fixture(scope="module")
def house(consortium: Consortium) -> dict[str, dict[str, str]]:
    building = make(consortium, "building", "b1", "门诊楼")
    floor = make(consortium, "floor", "b1-2", "2层", parent_id=building["place_id"])
    area = make(consortium, "clinic_area", "b1-2-a", "内科诊区", parent_id=floor["place_id"])
    room = make(consortium, "room", "b1-2-01", "201诊室", parent_id=area["place_id"], directions="出电梯左转")
    window = make(consortium, "counter", "b1-w1", "1号窗口", parent_id=building["place_id"])
    return {"building": building, "floor": floor, "area": area, "room": room, "window": window}


def test_a_place_knows_its_building_and_floor(consortium: Consortium, house: dict[str, dict[str, str]]) -> None:
    with consortium.hospital.tx("mch") as tx:
        room = service.place(tx, UUID(house["room"]["place_id"]))
        assert (room.building, room.floor, room.name, room.campus_id) == ("门诊楼", "2层", "201诊室", "hq")
        window = service.place(tx, UUID(house["window"]["place_id"]))
        assert (window.building, window.floor, window.kind) == ("门诊楼", "", "counter")
        with pytest.raises(PlaceNotFound):
            service.place(tx, new_id())
    assert house["building"]["building"] == "门诊楼"


def test_renaming_a_building_shows_in_all_of_it(consortium: Consortium) -> None:
    building = make(consortium, "building", "r1", "旧楼")
    floor = make(consortium, "floor", "r1-1", "1层", parent_id=building["place_id"])
    make(consortium, "room", "r1-1-01", "101", parent_id=floor["place_id"])
    changed = consortium.admin.patch(f"{BASE}/places/{building['place_id']}", {"version": 1, "name": "医技楼"})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    rooms = consortium.admin.get(f"{BASE}/places", kind="room").json()["items"]
    assert {room["building"] for room in rooms if room["code"] == "r1-1-01"} == {"医技楼"}


def test_places_are_listed_by_kind_in_pages(consortium: Consortium, house: dict[str, dict[str, str]]) -> None:
    first = consortium.admin.get(f"{BASE}/places", limit=2).json()
    assert len(first["items"]) == 2
    rest = consortium.admin.get(f"{BASE}/places", cursor=first["next"], limit=200).json()
    codes = [place["code"] for place in first["items"] + rest["items"]]
    assert codes == sorted(codes)
    assert {"b1", "b1-2-01", "b1-w1"} <= set(codes)
    assert rest["next"] is None
    windows = consortium.admin.get(f"{BASE}/places", kind="counter").json()["items"]
    assert [window["code"] for window in windows] == ["b1-w1"]
    assert consortium.mch_admin.get(f"{BASE}/places", kind="counter").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "building", "code": "n1", "parent": "floor"}, 422, "place_lies_wrong"),
        ({"kind": "room", "code": "n2", "parent": "room"}, 422, "place_lies_wrong"),
        ({"kind": "room", "code": "b1-2-01"}, 409, "place_code_taken"),
        ({"kind": "cellar", "code": "n3"}, 422, "invalid"),
    ],
)
def test_refusals_set_nothing_up(
    consortium: Consortium, house: dict[str, dict[str, str]], body: dict[str, str], status: int, code: str
) -> None:
    given = {key: value for key, value in body.items() if key != "parent"}
    if "parent" in body:
        given["parent_id"] = house[body["parent"]]["place_id"]
    before = consortium.hospital.census()
    refused = consortium.admin.post(f"{BASE}/places", {"name": "某处", **given})
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert consortium.hospital.census() == before


def test_a_place_of_another_campus_is_not_found(consortium: Consortium, house: dict[str, dict[str, str]]) -> None:
    place = house["room"]["place_id"]
    before = consortium.hospital.census()
    attempts = [
        consortium.mch_admin.patch(f"{BASE}/places/{place}", {"version": 1, "name": "我的"}),
        consortium.mch_admin.post(f"{BASE}/places/{place}/close", {"version": 1, "reason": "停用"}),
        consortium.mch_admin.post(
            f"{BASE}/places", {"kind": "room", "code": "m1", "name": "我的", "parent_id": house["area"]["place_id"]}
        ),
        consortium.mch_admin.post(
            f"{BASE}/places",
            {"kind": "room", "code": "m1", "name": "我的", "unit_id": consortium.tree()["root"]["unit_id"]},
        ),
    ]
    assert [attempt.status_code for attempt in attempts] == [404, 404, 404, 404]
    assert consortium.hospital.census() == before


def test_a_place_closes_when_nothing_in_it_is_used(consortium: Consortium) -> None:
    building = make(consortium, "building", "c1", "拆迁楼")
    room = make(consortium, "room", "c1-1", "1室", parent_id=building["place_id"])
    before = consortium.hospital.census()
    body = {"version": 1, "reason": "拆除"}
    refused = consortium.admin.post(f"{BASE}/places/{building['place_id']}/close", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "place_in_use")
    assert consortium.hospital.census() == before
    assert consortium.admin.post(f"{BASE}/places/{room['place_id']}/close", body).json()["status"] == "closed"
    again = consortium.admin.post(f"{BASE}/places/{room['place_id']}/close", body)
    assert (again.status_code, again.json()["code"]) == (409, "version_conflict")
    assert consortium.admin.post(f"{BASE}/places/{building['place_id']}/close", body).status_code == 200
    listed = {place["code"] for place in consortium.admin.get(f"{BASE}/places", limit=200).json()["items"]}
    assert not listed & {"c1", "c1-1"}
    inside = {"kind": "room", "code": "c1-2", "name": "2室", "parent_id": building["place_id"]}
    assert consortium.admin.post(f"{BASE}/places", inside).json()["code"] == "place_lies_wrong"
    with consortium.hospital.tx("hq") as tx:
        assert service.place(tx, UUID(room["place_id"])).status == "closed"


def test_an_edit_carries_its_version(consortium: Consortium) -> None:
    made = make(consortium, "room", "v1", "甲室")
    path = f"{BASE}/places/{made['place_id']}"
    assert consortium.admin.patch(path, {"version": 1, "name": "乙室"}).status_code == 200
    stale = consortium.admin.patch(path, {"version": 1, "name": "丙室"})
    assert (stale.status_code, stale.json()["current_version"]) == (409, 2)
    assert consortium.admin.get(path).json()["name"] == "乙室"
    assert consortium.admin.patch(path, {"version": 2, "name": None}).status_code == 422
    changes = [
        event["data"]["change"]
        for event in consortium.hospital.events("place_changed")
        if event["subject"] == made["place_id"]
    ]
    assert changes == ["created", "changed"]
