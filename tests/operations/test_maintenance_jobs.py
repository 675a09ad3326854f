"""The integrity checks as a job: planned every night, run on demand, taken over from a dead worker, kept."""

import pytest

from events.worker import Office
from functions.operations.maintenance import jobs, queries, rules
from integrity.runner import load
from tests.operations.conftest import FAILED, PASSED, Operations

BASE = "/api/operations/maintenance/integrity"


def runs(operations: Operations) -> list[dict]:
    return operations.hospital.rows("SELECT * FROM operations.job_runs ORDER BY planned_at")


def test_before_the_first_run_nothing_is_claimed(operations: Operations) -> None:
    body = operations.admin.get(BASE).json()
    assert (body["outcome"], body["items"], body["running"]) == (None, [], False)


def test_the_night_s_checks_run_once(operations: Operations) -> None:
    assert operations.operator().check() == 1
    assert operations.operator().check() == 0
    [run] = runs(operations)
    assert (run["outcome"], run["asked_by"]) == ("passed", None)
    assert run["planned_at"] == rules.last_planned(operations.hospital.clock())
    operations.hospital.clock.move(days=1)
    assert operations.operator().check() == 1
    assert len(runs(operations)) == 2


def test_an_operator_runs_them_now_and_reads_what_to_do(operations: Operations) -> None:
    operations.operator().check()
    asked = operations.admin.post(f"{BASE}/runs")
    assert asked.status_code == 202, asked.text
    second = operations.admin.post(f"{BASE}/runs")
    assert (second.status_code, second.json()["code"]) == (409, "integrity_checks_running")
    assert operations.admin.get(BASE).json()["running"]

    assert operations.operator(lambda: [PASSED, FAILED]).check() == 1
    body = operations.admin.get(BASE).json()
    assert body["run_id"] == asked.json()["run_id"]
    assert (body["outcome"], body["running"], body["detail"]) == ("failed", False, "2 项核对，1 项不符。")
    assert [(item["check_name"], item["failures"]) for item in body["items"]] == [("beds", 2), ("money", 0)]
    assert body["items"][0]["what_to_do"] == "请护士长核对床位。"
    assert body["items"][0]["examples"] == [{"bed": "101", "amount": "0.10"}, {"bed": "102"}]


def test_checks_that_cannot_run_are_not_green(operations: Operations) -> None:
    def broken() -> list:
        raise OSError("no auditor")

    assert operations.operator(broken).check() == 1
    body = operations.admin.get(BASE).json()
    assert (body["outcome"], body["items"]) == ("broken", [])
    assert "OSError" in body["detail"]


def test_the_worker_s_own_tasks_run_the_real_checks(operations: Operations) -> None:
    office = Office(operations.hospital.settings, operations.worker, operations.hospital.clock)
    replay, check = jobs.tasks(office)
    event_id = operations.dead()
    operations.replay(event_id)
    assert (replay.step(), check.step()) == (1, 1)
    body = operations.admin.get(BASE).json()
    assert [item["check_name"] for item in body["items"]] == [item.name for item in load()]
    assert body["outcome"] in {"passed", "failed"}
    operations.hospital.drain()
    assert operations.effects(event_id) == 1


def test_a_run_is_one_worker_s_until_it_has_died(operations: Operations) -> None:
    """The first worker stops in the middle; another one that meets the run leaves it for 15 minutes."""
    first = operations.operator()

    def meet() -> list:
        assert operations.operator().check() == 0
        operations.hospital.clock.move(minutes=14)
        assert operations.operator().check() == 0
        operations.hospital.clock.move(minutes=2)
        assert operations.operator(lambda: [PASSED, FAILED]).check() == 1
        raise SystemExit

    first._run_checks = meet
    with pytest.raises(SystemExit):
        first.check()
    [run] = runs(operations)
    assert run["outcome"] == "failed"


def test_a_worker_given_up_changes_nothing_when_it_comes_back(operations: Operations) -> None:
    def slow() -> list:
        operations.hospital.clock.move(minutes=16)
        operations.operator(lambda: [FAILED]).check()
        return []

    operations.operator(slow).check()
    [run] = runs(operations)
    assert run["outcome"] == "failed"
    assert operations.hospital.value("SELECT count(*) FROM operations.integrity_results") == 1


def test_functions_cannot_write_results(operations: Operations) -> None:
    import psycopg

    with psycopg.connect(operations.hospital.settings.database_url) as connection:
        connection.execute("SELECT set_config('his.subject', 'x', true), set_config('his.campus', 'hq', true)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "INSERT INTO operations.integrity_results SELECT gen_random_uuid(), 'x', 'x', 'x', 0, '[]', 'x'"
            )


def test_the_list_of_letters_uses_its_index(operations: Operations) -> None:
    operations.hospital.execute(
        "INSERT INTO kernel.dead_letters (campus_id, event_id, subscriber, type, subject, reason, attempts, died_at)"
        " SELECT 'hq', gen_random_uuid(), 'payments/billing', 't', 's', 'r', 10, now() - n * interval '1 second'"
        " FROM generate_series(1, 5000) AS n"
    )
    operations.hospital.execute("ANALYZE kernel.dead_letters")
    with operations.hospital.tx("hq") as tx:
        params = {
            "before_at": tx.now,
            "before_id": queries.first_id_at(tx.now),
            "before_subscriber": "",
            "limit": 50,
        }
        plan = tx.session._connection.execute(
            "EXPLAIN " + queries.LETTERS.compiled(), queries.LETTERS.bind(params)
        ).fetchall()
    text = "\n".join(row[0] for row in plan)
    assert "ix_dead_letters_died_at" in text, text


def test_rows_of_all_campuses_are_for_those_who_read_all(
    operations: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations.operator(lambda: [FAILED]).check()
    whole = operations.admin.get(BASE).json()["items"][0]
    monkeypatch.setattr("shared.identity.rights.Templates.consortium_wide", lambda self, posts: frozenset())
    part = operations.admin.get(BASE).json()["items"][0]
    assert len(whole["examples"]) == 2
    assert part == {**whole, "examples": []}
