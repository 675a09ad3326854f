"""Operation and maintenance: what operators see, and dead letters that come back to life once."""

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from functions import registry
from functions.operations.maintenance import declared, rules, service
from shared.application import build
from tests.operations.conftest import SUBSCRIBER, Operations
from tests.support.hospital import Caller

BASE = "/api/operations/maintenance"
EVENT = "cn.consortium.operations.maintenance.dead_letter_replayed.v1"


def census(operations: Operations) -> dict[str, int]:
    return operations.hospital.census()


# -- functions


def test_lists_every_declared_function(operations: Operations) -> None:
    answer = operations.admin.get(f"{BASE}/modules")
    assert answer.status_code == 200, answer.text
    items = {item["name"]: item for item in answer.json()["items"]}
    assert list(items) == list(registry.MODULES)
    ours = items["operations/maintenance"]
    assert ours["title"] == "基础运维管理"
    assert ours["permissions"] == [
        "operations.audit.read",
        "operations.maintenance.read",
        "operations.maintenance.write",
    ]
    assert EVENT in ours["emits"]
    assert {item["health"]["state"] for item in items.values()} == {"ok"}


def test_a_process_of_this_function_alone_knows_all(operations: Operations) -> None:
    alone = build([registry.app("operations/maintenance")], operations.hospital.runtime)
    admin = operations.admin
    answer = TestClient(alone).get(f"{BASE}/modules", headers=admin.headers())
    assert [item["name"] for item in answer.json()["items"]] == list(registry.MODULES)


def test_a_dead_letter_shows_at_its_function(operations: Operations) -> None:
    operations.dead()
    health = operations.admin.get(f"{BASE}/modules/{SUBSCRIBER}").json()["health"]
    assert (health["state"], health["dead_letters"], health["label"]) == ("failing", 1, "有事件未能处理")


def test_a_retry_shows_at_its_function(operations: Operations) -> None:
    event_id = operations.emit()
    operations.hospital.execute(
        "INSERT INTO kernel.delivery_failures (campus_id, event_id, subscriber, attempts, reason, at)"
        " VALUES ('hq', %s, %s, 2, 'busy', now())",
        [event_id, SUBSCRIBER],
    )
    health = operations.admin.get(f"{BASE}/modules/{SUBSCRIBER}").json()["health"]
    assert (health["state"], health["retrying"]) == ("retrying", 1)
    operations.hospital.drain()
    health = operations.admin.get(f"{BASE}/modules/{SUBSCRIBER}").json()["health"]
    assert (health["state"], health["retrying"], health["handled_today"]) == ("ok", 0, 1)


def test_an_undeclared_function_is_not_found(operations: Operations) -> None:
    answer = operations.admin.get(f"{BASE}/modules/no/such")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_module")


# -- events


def test_counts_events_by_type_and_campus(operations: Operations) -> None:
    operations.emit("hq")
    operations.emit("hq")
    operations.hospital.drain()
    operations.emit("mch")
    body = operations.admin.get(f"{BASE}/events").json()
    counts = {(item["type"], item["campus_id"]): (item["told"], item["open"]) for item in body["items"]}
    assert counts == {(EVENT, "hq"): (2, 0), (EVENT, "mch"): (1, 1)}
    assert (body["open"], body["lag"], body["dead_letters"]) == (1, "ok", 0)


def test_an_old_open_event_is_a_lag_on_any_day(operations: Operations) -> None:
    event_id = operations.emit()
    operations.hospital.execute(
        "UPDATE kernel.outbox SET created_at = now() - interval '11 minutes' WHERE event_id = %s", [event_id]
    )
    body = operations.admin.get(f"{BASE}/events", day="2020-01-01").json()
    assert body["items"] == []
    assert (body["open"], body["lag"], body["lag_label"]) == (1, "stuck", "严重积压")
    assert 660 <= body["lag_seconds"] < 700


def test_an_operator_of_one_campus_counts_that_campus_only(operations: Operations) -> None:
    operations.emit("hq")
    operations.dead("hq")
    operations.emit("mch")
    with operations.hospital.tx("mch") as tx:
        since = rules.start_of_day(tx.now)
        seen = service.events_of_day(tx, since, tx.now)
        assert {count.campus_id for count in seen.counts} == {"mch"}
        assert (seen.open.events, seen.letters) == (1, 0)
        assert service.conditions(tx)[SUBSCRIBER].dead_letters == 0


# -- dead letters


@pytest.mark.case("46", 1)
def test_a_letter_replayed_twice_takes_effect_once(operations: Operations) -> None:
    event_id = operations.dead()
    answer = operations.replay(event_id)
    assert answer.status_code == 202, answer.text
    refused = operations.replay(event_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "replay_already_asked")

    assert operations.operator().replay() == 1
    operations.hospital.drain()
    assert operations.effects(event_id) == 1

    again = operations.replay(event_id)
    assert (again.status_code, again.json()["code"]) == (409, "dead_letter_replayed")
    assert operations.operator().replay() == 0
    operations.hospital.drain()
    assert operations.effects(event_id) == 1

    [entry] = operations.hospital.rows(
        "SELECT actor, actor_name FROM kernel.audit_entries WHERE action = 'dead_letter.replayed' AND subject_id = %s",
        [str(event_id)],
    )
    assert entry == {"actor": operations.admin.subject, "actor_name": "黄运维"}
    [event] = [e for e in operations.hospital.events() if e["subject"] == str(event_id)]
    assert event["data"]["subscriber"] == SUBSCRIBER
    [action] = operations.hospital.rows("SELECT outcome, reason FROM operations.dead_letter_actions")
    assert action == {"outcome": "replayed", "reason": "价格已补录"}


def test_a_letter_that_fails_again_may_be_replayed_again(operations: Operations) -> None:
    event_id = operations.dead()
    operations.replay(event_id)
    operations.operator().replay()
    operations.hospital.execute("UPDATE kernel.dead_letters SET replayed_at = NULL, died_at = now()")
    [letter] = operations.admin.get(f"{BASE}/dead-letters").json()["items"]
    assert (letter["outcome"], letter["asked_by_name"]) == ("replayed", "黄运维")
    assert operations.replay(event_id).status_code == 202


def test_a_repeated_command_orders_once(operations: Operations) -> None:
    event_id, key = operations.dead(), str(uuid4())
    first, second = operations.replay(event_id, key=key), operations.replay(event_id, key=key)
    assert first.json() == second.json()
    assert operations.hospital.value("SELECT count(*) FROM operations.dead_letter_actions") == 1


def test_of_two_operators_at_once_one_orders(operations: Operations) -> None:
    event_id = operations.dead()
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: operations.replay(event_id), range(2)))
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    assert operations.hospital.value("SELECT count(*) FROM operations.dead_letter_actions") == 1
    assert len([e for e in operations.hospital.events() if e["subject"] == str(event_id)]) == 1


def test_a_letter_gone_meanwhile_is_said_so(operations: Operations) -> None:
    event_id = operations.dead()
    operations.replay(event_id)
    operations.hospital.execute("DELETE FROM kernel.dead_letters")
    operations.operator().replay()
    assert operations.hospital.value("SELECT outcome FROM operations.dead_letter_actions") == "gone"


def test_a_letter_that_cannot_be_put_back_stays_and_may_be_asked_again(operations: Operations) -> None:
    event_id = operations.dead()
    operations.replay(event_id)
    broken = operations.operator()
    broken._put_back = lambda event_id, subscriber: bool(1 // 0)
    assert broken.replay() == 1
    assert operations.hospital.value("SELECT outcome FROM operations.dead_letter_actions") == "failed"
    assert operations.replay(event_id).status_code == 202


def test_a_letter_whose_event_was_handled_after_all_is_not_listed(operations: Operations) -> None:
    event_id = operations.emit()
    operations.hospital.drain()
    operations.bury(event_id)
    assert operations.admin.get(f"{BASE}/dead-letters").json()["items"] == []
    assert operations.admin.get(f"{BASE}/events").json()["dead_letters"] == 0


def test_another_campus_s_letter_is_seen_and_not_touched(operations: Operations) -> None:
    event_id = operations.dead("mch")
    [letter] = operations.admin.get(f"{BASE}/dead-letters").json()["items"]
    assert letter["campus_id"] == "mch"
    before = census(operations)
    answer = operations.replay(event_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "dead_letter_of_another_campus")
    assert census(operations) == before
    operations.admin = operations.mch_admin
    assert operations.replay(event_id).status_code == 202


def test_without_a_letter_nothing_is_ordered(operations: Operations) -> None:
    before = census(operations)
    answer = operations.replay(operations.emit())
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_dead_letter")
    assert census(operations)["operations.dead_letter_actions"] == before["operations.dead_letter_actions"]


def test_the_list_turns_pages_without_loss(operations: Operations) -> None:
    event_id = operations.emit()
    subscribers = sorted(registry.MODULES)[:5]
    for subscriber in subscribers:
        operations.bury(event_id, subscriber)
    operations.hospital.execute("UPDATE kernel.dead_letters SET died_at = '2026-03-02T08:00:00+08:00'")
    seen: list[str] = []
    cursor = None
    while True:
        body = operations.admin.get(f"{BASE}/dead-letters", limit=2, **({"cursor": cursor} if cursor else {})).json()
        seen += [item["subscriber"] for item in body["items"]]
        cursor = body["next"]
        if cursor is None:
            break
    assert seen == subscribers[::-1]


@pytest.mark.parametrize("cursor", ["x", "eHg=", "MjAyNi0wMy0wMlQwODowMDowMCAxIGE=", "%00"])
def test_a_made_up_cursor_is_refused(operations: Operations, cursor: str) -> None:
    answer = operations.admin.get(f"{BASE}/dead-letters", cursor=cursor)
    assert answer.status_code == 422
    assert "第一页" in answer.json()["detail"]


# -- who may


READS = ["modules", "events", "dead-letters", "integrity"]


@pytest.mark.parametrize("path", READS)
def test_only_system_administrators_read(operations: Operations, path: str) -> None:
    hospital = operations.hospital
    assert hospital.anonymous().get(f"{BASE}/{path}").status_code == 401
    assert hospital.caller("registrar").get(f"{BASE}/{path}").status_code == 403
    assert operations.auditor.get(f"{BASE}/{path}").status_code == 403
    assert operations.admin.at("mch").get(f"{BASE}/{path}").status_code == 403
    assert operations.admin.get(f"{BASE}/{path}").status_code == 200


def test_only_system_administrators_order(operations: Operations) -> None:
    event_id = operations.dead()
    before = census(operations)
    path = f"{BASE}/dead-letters/{event_id}/{SUBSCRIBER}/replay"
    callers: list[Caller] = [operations.hospital.caller("registrar"), operations.auditor, operations.admin.at("mch")]
    for caller in callers:
        assert caller.post(path, {"reason": "x"}).status_code == 403
        assert caller.post(f"{BASE}/integrity/runs").status_code == 403
    assert census(operations) == before


# -- audit


def test_the_audit_administrator_and_no_other_reads_the_audit(operations: Operations) -> None:
    operations.replay(operations.dead())
    assert operations.admin.get(f"{BASE}/audit").status_code == 403
    body = operations.auditor.get(f"{BASE}/audit").json()
    actions = {(item["campus_id"], item["action"]) for item in body["items"]}
    assert ("hq", "dead_letter.replayed") in actions
    chains = {chain["campus_id"]: chain for chain in body["chains"]}
    assert chains["hq"]["entries"] > chains["hq"]["sealed"] == 0
    assert chains["hq"]["oldest_unsealed_at"] is not None
    again = operations.auditor.get(f"{BASE}/audit").json()
    assert ("hq", "audit.summarised") in {(item["campus_id"], item["action"]) for item in again["items"]}


def test_the_file_of_declarations_is_read_once() -> None:
    assert declared.modules() is declared.modules()
    assert json.loads(declared.DECLARED.read_text(encoding="utf-8"))[0]["name"] == registry.MODULES[0]
