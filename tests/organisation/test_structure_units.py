"""The tree of units over time."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.organisation.structure import service
from functions.organisation.structure.gates import UnitToClose, before_close_unit
from functions.organisation.structure.problems import UnitNotFound, UnitNotInForce
from functions.organisation.structure.schemas.structure import MoveUnit
from shared import gates as kernel_gates
from shared.gates import Objection
from shared.problems import Stale
from shared.tx import Tx
from tests.organisation.conftest import BASE, Consortium


def test_a_unit_is_created_under_the_root(consortium: Consortium) -> None:
    made = consortium.unit(code="cardiology", subject_code="03.04", location="门诊楼2层")
    assert (made["initials"], made["version"]) == ("xxgnk", 1)
    assert made["parent_id"] == consortium.tree()["root"]["unit_id"]
    with consortium.hospital.tx("mch") as tx:
        found = service.unit(tx, UUID(made["unit_id"]))
        assert (found.campus_id, found.code, found.name, found.location) == (
            "hq",
            "cardiology",
            "心血管内科",
            "门诊楼2层",
        )
        assert service.unit_by_code(tx, "cardiology", campus="hq") == found
        with pytest.raises(UnitNotFound):
            service.unit_by_code(tx, "cardiology")
    event = consortium.hospital.events("unit_changed")[-1]["data"]
    assert (event["change"], event["unit_id"]) == ("created", made["unit_id"])


def test_a_code_is_never_used_again(consortium: Consortium) -> None:
    consortium.unit(code="once")
    before = consortium.hospital.census()
    refused = consortium.admin.post(f"{BASE}/units", {"code": "once", "name": "又一科", "kind": "clinical"})
    assert (refused.status_code, refused.json()["code"]) == (409, "unit_code_taken")
    assert consortium.hospital.census() == before
    assert consortium.unit(consortium.mch_admin, code="once")["campus_id"] == "mch"


def test_a_child_stays_within_its_parents_time(consortium: Consortium) -> None:
    later = consortium.unit(valid_from=consortium.today(10))
    body = {"code": "tooearly", "name": "早科", "kind": "clinical", "parent_id": later["unit_id"]}
    before = consortium.hospital.census()
    refused = consortium.admin.post(f"{BASE}/units", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "parent_not_in_force")
    assert consortium.hospital.census() == before
    assert consortium.admin.post(f"{BASE}/units", {**body, "valid_from": consortium.today(10)}).status_code == 201


def test_a_second_root_is_refused(consortium: Consortium) -> None:
    before = consortium.hospital.census()
    refused = consortium.admin.post(f"{BASE}/units", {"code": "root2", "name": "根", "kind": "campus"})
    assert (refused.status_code, refused.json()["code"]) == (422, "root_stays")
    assert consortium.hospital.census() == before


def test_a_rename_shows_from_its_day_on(consortium: Consortium) -> None:
    made = consortium.unit(name="内一科")
    body = {"effective_on": consortium.today(30), "version": 1, "reason": "更名", "name": "心内科"}
    renamed = consortium.admin.patch(f"{BASE}/units/{made['unit_id']}", body)
    assert (renamed.status_code, renamed.json()["name"], renamed.json()["version"]) == (200, "心内科", 2)
    assert consortium.tree()[made["code"]]["name"] == "内一科"
    assert consortium.tree(at=consortium.today(29))[made["code"]]["name"] == "内一科"
    assert consortium.tree(at=consortium.today(30))[made["code"]]["name"] == "心内科"
    history = consortium.admin.get(f"{BASE}/units/{made['unit_id']}/history").json()
    assert [part["name"] for part in history] == ["内一科", "心内科"]
    assert history[0]["valid_to"] == history[1]["valid_from"] == consortium.today(30)


def test_a_change_before_a_planned_one_leaves_it(consortium: Consortium) -> None:
    made = consortium.unit(name="甲")
    unit = f"{BASE}/units/{made['unit_id']}"
    later = {"effective_on": consortium.today(20), "version": 1, "reason": "更名", "name": "丙"}
    sooner = {"effective_on": consortium.today(10), "version": 2, "reason": "更名", "name": "乙"}
    assert consortium.admin.patch(unit, later).status_code == 200
    assert consortium.admin.patch(unit, sooner).status_code == 200
    names = [(part["name"], part["valid_from"]) for part in consortium.admin.get(f"{unit}/history").json()]
    assert names == [("甲", consortium.today()), ("乙", consortium.today(10)), ("丙", consortium.today(20))]


def test_the_past_is_not_rewritten(consortium: Consortium) -> None:
    made = consortium.unit(name="旧科")
    body = {"effective_on": consortium.today(-1), "version": 1, "reason": "更名", "name": "新科"}
    before = consortium.hospital.census()
    refused = consortium.admin.patch(f"{BASE}/units/{made['unit_id']}", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "past_change")
    assert consortium.hospital.census() == before
    with pytest.raises(Exception, match="is not rewritten"):
        consortium.hospital.execute(
            "UPDATE organisation.unit_versions SET name = '改' WHERE unit_id = %s", [made["unit_id"]]
        )
    with pytest.raises(Exception, match="is not rewritten"):
        consortium.hospital.execute(
            "UPDATE organisation.unit_versions SET valid_to = NULL, valid_from = valid_from - 9 WHERE unit_id = %s",
            [made["unit_id"]],
        )


def test_a_move_under_its_own_child_is_refused(consortium: Consortium) -> None:
    top = consortium.unit()
    middle = consortium.unit(parent_id=top["unit_id"])
    bottom = consortium.unit(parent_id=middle["unit_id"])
    before = consortium.hospital.census()
    for target in (bottom, middle):
        body = {"parent_id": target["unit_id"], "effective_on": consortium.today(), "version": 1, "reason": "调整"}
        refused = consortium.admin.post(f"{BASE}/units/{top['unit_id']}/move", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "unit_cycle")
    assert consortium.hospital.census() == before


def test_a_move_is_dated_and_the_second_of_two_sees_the_tree(consortium: Consortium) -> None:
    here, there = consortium.unit(), consortium.unit()
    made = consortium.unit(parent_id=here["unit_id"])
    body = {"parent_id": there["unit_id"], "effective_on": consortium.today(5), "version": 1, "reason": "调整"}
    moved = consortium.admin.post(f"{BASE}/units/{made['unit_id']}/move", body)
    assert moved.status_code == 200, moved.text
    assert consortium.tree()[made["code"]]["parent_id"] == here["unit_id"]
    assert consortium.tree(at=consortium.today(5))[made["code"]]["parent_id"] == there["unit_id"]
    second = consortium.admin.post(f"{BASE}/units/{made['unit_id']}/move", body)
    assert (second.status_code, second.json()["code"], second.json()["current_version"]) == (409, "version_conflict", 2)
    assert made["unit_id"] in {entry["unit_id"] for entry in second.json()["tree"]}


def test_two_moves_at_once_make_no_cycle(consortium: Consortium) -> None:
    """Each alone is sound, both together are not: the second waits for the first and then sees it."""
    left, right = consortium.unit(), consortium.unit()
    hospital = consortium.hospital

    def move(tx: Tx, unit: dict[str, Any], under: dict[str, Any]) -> None:
        command = MoveUnit(parent_id=under["unit_id"], effective_on=tx.today, version=1, reason="调整")
        service.move_unit(tx, UUID(unit["unit_id"]), command)

    def other() -> None:
        with hospital.tx("hq") as tx:
            move(tx, right, left)

    with ThreadPoolExecutor(1) as thread:
        with hospital.tx("hq") as tx:
            move(tx, left, right)
            waiting = thread.submit(other)
        assert type(waiting.exception(10)).__name__ == "UnitCycle"
    tree = consortium.tree()
    assert tree[left["code"]]["parent_id"] == right["unit_id"]
    assert tree[right["code"]]["parent_id"] == tree["root"]["unit_id"]


def test_two_edits_of_one_unit_at_once(consortium: Consortium) -> None:
    made, target = consortium.unit(), consortium.unit()
    hospital = consortium.hospital

    def move() -> None:
        with hospital.tx("hq") as tx:
            command = MoveUnit(parent_id=target["unit_id"], effective_on=tx.today, version=1, reason="调整")
            service.move_unit(tx, UUID(made["unit_id"]), command)

    with ThreadPoolExecutor(2) as threads:
        outcomes = [future.exception(10) for future in [threads.submit(move), threads.submit(move)]]
    assert sorted(type(outcome) is Stale for outcome in outcomes) == [False, True]
    assert [outcome for outcome in outcomes if outcome is None] == [None]


def test_root_neither_moves_nor_closes(consortium: Consortium) -> None:
    root, other = consortium.tree()["root"], consortium.unit()
    before = consortium.hospital.census()
    base = {"version": root["version"], "reason": "调整"}
    move = {**base, "parent_id": other["unit_id"], "effective_on": consortium.today()}
    close = {**base, "closes_on": consortium.today()}
    for path, body in [("move", move), ("close", close)]:
        refused = consortium.admin.post(f"{BASE}/units/{root['unit_id']}/{path}", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "root_stays")
    assert consortium.hospital.census() == before


def test_a_unit_in_use_stays_open(consortium: Consortium) -> None:
    made = consortium.unit(name="检验科")
    below = consortium.unit(name="生化室", parent_id=made["unit_id"])
    person = consortium.engage(unit_id=made["unit_id"], name="李梅")
    assert consortium.assign(person["staff_id"], "schedule_clerk").status_code == 201
    before = consortium.hospital.census()
    body = {"closes_on": consortium.today(), "version": 1, "reason": "撤并"}
    refused = consortium.admin.post(f"{BASE}/units/{made['unit_id']}/close", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "unit_in_use")
    assert refused.json()["holds"] == ["下级科室：生化室", "在岗人员：李梅", "未结束的岗位任命"]
    assert consortium.hospital.census() == before
    closed = consortium.admin.post(f"{BASE}/units/{below['unit_id']}/close", body)
    assert (closed.status_code, closed.json()) == (200, [])
    assert below["code"] not in consortium.tree()


def test_a_closing_to_come_keeps_newcomers_out(consortium: Consortium) -> None:
    made = consortium.unit(name="将撤科")
    body = {"closes_on": consortium.today(10), "version": 1, "reason": "撤并"}
    assert consortium.admin.post(f"{BASE}/units/{made['unit_id']}/close", body).status_code == 200
    assert made["code"] in consortium.tree(at=consortium.today(9))
    assert made["code"] not in consortium.tree(at=consortium.today(10))
    before = consortium.hospital.census()
    engage = {"staff_no": "late1", "name": "晚来", "category": "doctor", "unit_id": made["unit_id"]}
    refused = consortium.personnel.post(f"{BASE}/staff", engage)
    assert (refused.status_code, refused.json()["code"]) == (422, "unit_not_in_force")
    child = {"code": "newchild", "name": "子科", "kind": "clinical", "parent_id": made["unit_id"]}
    refused = consortium.admin.post(f"{BASE}/units", child)
    assert (refused.status_code, refused.json()["code"]) == (422, "parent_not_in_force")
    assert consortium.hospital.census() == before
    hospital = consortium.hospital
    with hospital.tx("hq") as tx:
        assert service.unit(tx, UUID(made["unit_id"])).name == "将撤科"
        with pytest.raises(UnitNotInForce):
            service.unit(tx, UUID(made["unit_id"]), tx.today + timedelta(days=10))


def test_others_may_object_to_a_closing(consortium: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate asks in the closing's own transaction; a block writes nothing, a warning must be confirmed."""
    asked: list[UnitToClose] = []

    def block(tx: Tx, question: UnitToClose) -> Iterable[Objection]:
        asked.append(question)
        yield Objection("block", "unit_has_stock", "该科室还有库存", "请先调拨")

    def warn(tx: Tx, question: UnitToClose) -> Iterable[Objection]:
        yield Objection("warn", "unit_has_plans", "该科室有下月计划")

    made = consortium.unit()
    body = {"closes_on": consortium.today(), "version": 1, "reason": "撤并"}
    path = f"{BASE}/units/{made['unit_id']}/close"
    before = consortium.hospital.census()
    monkeypatch.setattr(kernel_gates, "_answers", lambda name: (block,) if name == before_close_unit.name else ())
    refused = consortium.admin.post(path, body)
    assert (refused.status_code, refused.json()["code"]) == (409, "gate_blocked")
    assert refused.json()["objections"][0]["way_out"] == "请先调拨"
    assert [str(question.unit_id) for question in asked] == [made["unit_id"]]
    assert consortium.hospital.census() == before
    monkeypatch.setattr(kernel_gates, "_answers", lambda name: (warn,))
    assert consortium.admin.post(path, body).json()["code"] == "confirmation_required"
    assert consortium.hospital.census() == before
    assert consortium.admin.post(path, {**body, "confirmed": ["unit_has_plans"]}).status_code == 200


@pytest.mark.case("P-organisation", 10)
def test_another_campus_changes_nothing(consortium: Consortium) -> None:
    made = consortium.unit(name="总院内科")
    path = f"{BASE}/units/{made['unit_id']}"
    dated = {"effective_on": consortium.today(), "version": 1, "reason": "改"}
    before = consortium.hospital.census()
    attempts = [
        consortium.mch_admin.patch(path, {**dated, "name": "分院内科"}),
        consortium.mch_admin.post(f"{path}/move", {**dated, "parent_id": consortium.tree("mch")["root"]["unit_id"]}),
        consortium.mch_admin.post(f"{path}/close", {"closes_on": consortium.today(), "version": 1, "reason": "改"}),
        consortium.mch_admin.post(
            f"{BASE}/units", {"code": "x1", "name": "某科", "kind": "clinical", "parent_id": made["unit_id"]}
        ),
    ]
    assert [attempt.status_code for attempt in attempts] == [404, 404, 404, 422]
    assert consortium.mch_admin.at("hq").patch(path, {**dated, "name": "分院内科"}).status_code == 403
    assert consortium.hospital.census() == before
    assert consortium.tree()[made["code"]]["name"] == "总院内科"
    seen = consortium.mch_admin.get(path)
    assert (seen.status_code, seen.json()["name"]) == (200, "总院内科")


def test_only_structure_officers_write(consortium: Consortium) -> None:
    before = consortium.hospital.census()
    body = {"code": "nope", "name": "某科", "kind": "clinical"}
    assert consortium.personnel.post(f"{BASE}/units", body).json()["code"] == "permission_denied"
    assert consortium.hospital.client.get(f"{BASE}/units").status_code == 401
    assert consortium.hospital.census() == before


def test_a_repeated_command_creates_once(consortium: Consortium) -> None:
    body = {"code": "repeated", "name": "重复科", "kind": "clinical"}
    first = consortium.admin.post(f"{BASE}/units", body, key="create-unit-repeated")
    again = consortium.admin.post(f"{BASE}/units", body, key="create-unit-repeated")
    assert first.json() == again.json()
    assert (
        len(
            [
                event
                for event in consortium.hospital.events("unit_changed")
                if event["subject"] == first.json()["unit_id"]
            ]
        )
        == 1
    )
