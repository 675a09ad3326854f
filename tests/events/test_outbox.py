"""The outbox in PostgreSQL where the state machine rarely comes: other relays, other clocks, sleep, a lost server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from events import dead_letters, health, housekeeping
from events.envelope import Event
from events.outbox import _TAKE, PostgresOutbox
from events.relay import Failure, Policy, Turn
from shared.database.engine import Database
from shared.ids import new_id
from shared.locks import WAKE_RELAY
from tests.events.memory_world import DECLARED, ForNobody, ForOne
from tests.events.worlds import APPS
from tests.support.hospital import Hospital, cloned_hospital

POLICY = Policy()
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital(list(APPS.values())) as one:
        yield one


@pytest.fixture(autouse=True)
def _empty(hospital: Hospital) -> None:
    hospital.execute(
        "TRUNCATE kernel.outbox, kernel.inbox, kernel.dead_letters, kernel.delivery_failures, kernel.held_subjects"
    )


@pytest.fixture
def outbox(hospital: Hospital) -> Iterator[PostgresOutbox]:
    one = PostgresOutbox(hospital.settings.worker_database_url, DECLARED)
    yield one
    one.close()


@pytest.fixture(scope="module")
def worker(hospital: Hospital) -> Iterator[Database]:
    database = Database(hospital.settings.worker_database_url, 2)
    yield database
    database.close()


def emit(hospital: Hospital, subject: str = "visit", kind: Any = ForOne) -> UUID:
    event: Event = kind(about=subject, effect=new_id())
    with hospital.tx() as tx:
        tx.emit(event)
    return hospital.value("SELECT event_id FROM kernel.outbox ORDER BY seq DESC LIMIT 1")


def let_strangers_pass(hospital: Hospital) -> None:
    """Transactions of other tests on this server hold rows back, as they should; here they would be noise."""
    newest = hospital.value("SELECT max(transaction) FROM kernel.outbox") or 0
    deadline = time.monotonic() + 20
    while hospital.value("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint") <= newest < 2**50:
        assert time.monotonic() < deadline, "another test keeps a transaction open"


def turn(
    outbox: PostgresOutbox,
    hospital: Hospital,
    *,
    now: datetime = NOW,
    answered: list[UUID] | None = None,
    failures: list[Failure] | None = None,
    limit: int = 10,
) -> Turn:
    let_strangers_pass(hospital)
    return outbox.turn(now, POLICY, answered or [], failures or [], limit)


def taken(result: Turn) -> list[UUID]:
    return [UUID(one.event.id) for one in result.taken]


def test_a_row_another_relay_is_taking_is_passed_over(hospital: Hospital, outbox: PostgresOutbox) -> None:
    first, second = emit(hospital, "a"), emit(hospital, "b")
    let_strangers_pass(hospital)
    with psycopg.connect(hospital.settings.worker_database_url) as other:
        other.execute("SELECT FROM kernel.outbox WHERE event_id = %s FOR UPDATE", [first])
        assert taken(outbox.turn(NOW, POLICY, [], [], 10)) == [second]
        other.rollback()
    assert taken(turn(outbox, hospital)) == [first]


def test_relays_side_by_side_take_every_row_once(hospital: Hospital) -> None:
    everything = {emit(hospital, f"visit {number}") for number in range(60)}
    found: list[UUID] = []

    def work() -> None:
        relay = PostgresOutbox(hospital.settings.worker_database_url, DECLARED)
        try:
            while batch := taken(turn(relay, hospital, limit=4)):
                found.extend(batch)
        finally:
            relay.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(set(found))
    assert set(found) | set(taken_rest(hospital)) == everything


def taken_rest(hospital: Hospital) -> list[UUID]:
    """What a relay missed because another just held it; a later turn takes it."""
    relay = PostgresOutbox(hospital.settings.worker_database_url, DECLARED)
    try:
        return taken(turn(relay, hospital, limit=100))
    finally:
        relay.close()


def test_an_event_of_a_slower_earlier_transaction_is_not_overtaken(hospital: Hospital, outbox: PostgresOutbox) -> None:
    with hospital.tx() as slow:
        slow.emit(ForOne(about="visit", effect=new_id()))
        slow.session.flush()
        emit(hospital, "visit")
        assert taken(outbox.turn(NOW, POLICY, [], [], 10)) == []
    seqs = [row["event_id"] for row in hospital.rows("SELECT event_id FROM kernel.outbox ORDER BY seq")]
    assert taken(turn(outbox, hospital)) == seqs[:1]


def test_a_restored_row_has_a_transaction_from_the_future(hospital: Hospital, outbox: PostgresOutbox) -> None:
    event_id = emit(hospital)
    hospital.execute("UPDATE kernel.outbox SET transaction = 2::bigint ^ 60")
    assert taken(turn(outbox, hospital)) == [event_id]


def test_a_moment_set_by_a_clock_that_jumped_does_not_bind(hospital: Hospital, outbox: PostgresOutbox) -> None:
    event_id = emit(hospital)
    assert taken(turn(outbox, hospital, now=NOW + timedelta(days=400))) == [event_id]
    assert taken(turn(outbox, hospital)) == [event_id]
    assert taken(turn(outbox, hospital)) == []


def test_an_old_failure_does_not_move_a_younger_attempt(hospital: Hospital, outbox: PostgresOutbox) -> None:
    event_id = emit(hospital)
    turn(outbox, hospital)
    turn(outbox, hospital, now=NOW + timedelta(seconds=16))
    before = hospital.value("SELECT next_attempt_at FROM kernel.outbox")
    turn(outbox, hospital, now=NOW + timedelta(seconds=17), failures=[Failure(event_id, 1, NOW)])
    assert hospital.value("SELECT next_attempt_at FROM kernel.outbox") == before
    turn(
        outbox, hospital, now=NOW + timedelta(seconds=17), failures=[Failure(event_id, 2, NOW + timedelta(seconds=60))]
    )
    assert hospital.value("SELECT next_attempt_at FROM kernel.outbox") == NOW + timedelta(seconds=60)


def test_a_held_subject_waits_and_others_go_on(hospital: Hospital, outbox: PostgresOutbox, worker: Database) -> None:
    held, other = emit(hospital, "held"), emit(hospital, "other")
    health.hold(worker, "hq", "held", reason="查明原因", held_by="dba")
    health.hold(worker, "hq", "held", reason="again", held_by="dba")
    assert taken(turn(outbox, hospital)) == [other]
    assert health.release(worker, "hq", "held")
    assert not health.release(worker, "hq", "held")
    assert taken(turn(outbox, hospital)) == [held]


def test_taking_reads_open_rows_only(hospital: Hospital, outbox: PostgresOutbox, worker: Database) -> None:
    hospital.execute(
        "INSERT INTO kernel.outbox"
        " (campus_id, event_id, type, source, subject, data, traceparent, created_at, closed_at)"
        " SELECT 'hq', gen_random_uuid(), 't', '/s', 's' || n, '{}', '', now(), CASE WHEN n % 100 > 0 THEN now() END"
        " FROM generate_series(1, 20000) AS n"
    )
    hospital.execute("ANALYZE kernel.outbox")
    parameters = {
        "types": list(DECLARED),
        "subscribers": ["x"] * len(DECLARED),
        "now": NOW,
        "nonsense": NOW,
        "lease": 15.0,
        "longest": 300.0,
        "limit": 64,
    }
    with psycopg.connect(hospital.settings.worker_database_url) as connection:
        rows = connection.execute("EXPLAIN (ANALYZE, BUFFERS) " + _TAKE.compiled(), _TAKE.bind(parameters)).fetchall()
        connection.rollback()
    plan = "\n".join(row[0] for row in rows)
    assert "ix_outbox_due" in plan
    assert "Seq Scan on outbox" not in plan, plan


# -- sleeping and waking


def test_a_writer_wakes_a_sleeping_relay_and_spares_one_awake(hospital: Hospital, outbox: PostgresOutbox) -> None:
    def write() -> bool:
        with hospital.tx() as tx:
            return tx.session.first(WAKE_RELAY) is not None

    outbox.stay_awake()
    outbox.stay_awake()
    assert not write()
    assert not outbox.sleep(0)
    threading.Timer(0.05, write).start()
    began = time.monotonic()
    assert outbox.sleep(20)
    assert time.monotonic() - began < 10
    assert not outbox.sleep(0)


def test_a_relay_that_cannot_have_the_lock_works_without(hospital: Hospital, outbox: PostgresOutbox) -> None:
    other = PostgresOutbox(hospital.settings.worker_database_url, DECLARED)
    other.stay_awake()
    outbox.stay_awake()
    event_id = emit(hospital)
    assert taken(turn(outbox, hospital)) == [event_id]
    assert not outbox.sleep(0)
    other.close()
    outbox.stay_awake()
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = " + (
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert hospital.value(locks) == 1


def test_a_lost_server_is_found_again(hospital: Hospital, outbox: PostgresOutbox) -> None:
    event_id = emit(hospital)
    outbox.stay_awake()
    hospital.cut_off("application_name = 'his relay'")
    with pytest.raises(psycopg.OperationalError):
        turn(outbox, hospital)
    outbox.close()
    assert taken(turn(outbox, hospital)) == [event_id]


# -- what operators see


def test_health_and_stuck_subjects(hospital: Hospital, worker: Database) -> None:
    assert health.health(worker) == (0, 0.0, 0, 0, 0)
    stuck, _, held = emit(hospital, "stuck"), emit(hospital, "stuck"), emit(hospital, "held")
    emit(hospital, "fine")
    hospital.execute(
        "UPDATE kernel.outbox SET attempts = 7, created_at = now() - interval '1 h' WHERE event_id = %s", [stuck]
    )
    hospital.execute(
        "INSERT INTO kernel.delivery_failures VALUES (%s, 'testing/alpha', 7, 'conflict', now(), 'hq')", [stuck]
    )
    health.hold(worker, "hq", "held", reason="查明原因", held_by="dba")
    now = health.health(worker)
    assert (now.depth, now.stuck, now.held, now.dead) == (4, 1, 1, 0)
    assert 3600 <= now.lag_seconds < 3700
    auditor = Database(hospital.settings.auditor_database_url, 1)
    first, second = health.stuck_subjects(auditor)
    auditor.close()
    assert (first.event_id, first.attempts, first.waiting, first.held) == (stuck, 7, 2, False)
    assert first.reasons == ["testing/alpha: conflict"]
    assert (second.event_id, second.held, second.waiting) == (held, True, 1)


# -- housekeeping


def age(hospital: Hospital, table: str, column: str, days: float) -> None:
    hospital.execute(f"UPDATE kernel.{table} SET {column} = now() - interval '1 day' * {days}")


def test_housekeeping_keeps_what_may_still_be_asked_for(hospital: Hospital, worker: Database) -> None:
    closed, dead, opened = emit(hospital, "closed"), emit(hospital, "dead"), emit(hospital, "open")
    age(hospital, "outbox", "created_at", 40)
    hospital.execute(
        "UPDATE kernel.outbox SET closed_at = now() - interval '39 days' WHERE event_id = ANY (%s)", [[closed, dead]]
    )
    hospital.execute(
        "INSERT INTO kernel.dead_letters (campus_id, event_id, subscriber, type, subject, reason, attempts, died_at)"
        " VALUES ('hq', %s, 'testing/alpha', 't', 's', 'r', 10, now())",
        [dead],
    )
    for event_id in (closed, dead, opened, "scale/7"):
        hospital.execute(
            "INSERT INTO kernel.inbox VALUES (%s, '/s', 'testing/beta', now() - interval '39 days', 'hq')",
            [str(event_id)],
        )
        if event_id != "scale/7":
            hospital.execute(
                "INSERT INTO kernel.delivery_failures VALUES (%s, 'x', 1, 'r', now() - interval '39 days', 'hq')",
                [event_id],
            )
    recent = emit(hospital, "recent")
    hospital.execute("UPDATE kernel.outbox SET closed_at = now() WHERE event_id = %s", [recent])
    while housekeeping.sweep(worker, datetime.now(UTC), limit=1):
        pass
    kept = {row["event_id"] for row in hospital.rows("SELECT event_id FROM kernel.outbox")}
    assert kept == {dead, opened, recent}
    assert {row["event_id"] for row in hospital.rows("SELECT event_id FROM kernel.inbox")} == {str(dead), str(opened)}
    failures = {row["event_id"] for row in hospital.rows("SELECT event_id FROM kernel.delivery_failures")}
    assert failures == {dead, opened}
    dead_letters.replay(worker, dead)
    hospital.execute("UPDATE kernel.outbox SET closed_at = now() - interval '8 days'")
    while housekeeping.sweep(worker, datetime.now(UTC)):
        pass
    assert {row["event_id"] for row in hospital.rows("SELECT event_id FROM kernel.outbox")} == {recent}
    assert hospital.value("SELECT count(*) FROM kernel.inbox") == 0


def test_housekeeping_forgets_first_answers_after_two_days(hospital: Hospital, worker: Database) -> None:
    for key, hours in (("old", 49), ("young", 47)):
        hospital.execute(
            "INSERT INTO kernel.idempotent_answers (subject, key, request_hash, status, body, created_at, campus_id)"
            " VALUES ('s', %s, '', 200, '', now() - interval '1 hour' * %s, 'hq')",
            [key, hours],
        )
    assert housekeeping.sweep(worker, datetime.now(UTC)) == 1
    assert [row["key"] for row in hospital.rows("SELECT key FROM kernel.idempotent_answers")] == ["young"]


def test_a_letter_whose_event_arrived_after_all_waits_for_nobody(hospital: Hospital, worker: Database) -> None:
    event_id = emit(hospital)
    hospital.execute(
        "INSERT INTO kernel.dead_letters (campus_id, event_id, subscriber, type, subject, reason, attempts, died_at)"
        " VALUES ('hq', %s, 'testing/alpha', 't', 's', 'r', 10, now())",
        [event_id],
    )
    assert [letter.event_id for letter in dead_letters.list_open(worker)] == [event_id]
    hospital.execute(
        "INSERT INTO kernel.inbox VALUES (%s, '/testing/machine', 'testing/alpha', now(), 'hq')", [str(event_id)]
    )
    assert dead_letters.list_open(worker) == []
    housekeeping.sweep(worker, datetime.now(UTC))
    assert health.health(worker).dead == 0


def test_nobody_but_the_worker_steers_delivery(hospital: Hospital) -> None:
    emit(hospital, kind=ForNobody)
    with psycopg.connect(hospital.settings.database_url, autocommit=True) as application:
        for statement in (
            "UPDATE kernel.outbox SET closed_at = now()",
            "DELETE FROM kernel.inbox",
            "INSERT INTO kernel.held_subjects VALUES ('hq', 's', 'r', 'me', now())",
            "DELETE FROM kernel.dead_letters",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(statement)
