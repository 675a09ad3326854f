"""The audit chain: sealed in order by one sealer, and no row can be changed, removed or inserted unseen."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from shared import audit
from shared.audit.sealing import _UNSEALED
from shared.database.engine import Database
from shared.ids import new_id
from tests.support.hospital import Hospital, cloned_hospital


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([]) as one:
        yield one


@pytest.fixture(scope="module")
def worker(hospital: Hospital) -> Iterator[Database]:
    database = Database(hospital.settings.worker_database_url, 2)
    yield database
    database.close()


@pytest.fixture(scope="module")
def auditor(hospital: Hospital) -> Iterator[Database]:
    database = Database(hospital.settings.auditor_database_url, 1)
    yield database
    database.close()


@pytest.fixture(autouse=True)
def _empty(hospital: Hospital) -> None:
    hospital.execute("TRUNCATE kernel.audit_entries, kernel.audit_links, kernel.audit_heads")


def act(hospital: Hospital, count: int = 1, campus: str = "hq", **detail: Any) -> None:
    """Leave audit entries, each in its own transaction."""
    for number in range(count):
        with hospital.tx(campus) as tx:
            tx.audit("record.read", "record", number, patient_id=new_id(), 理由="复诊", amount="12.50", **detail)


def seal(hospital: Hospital, worker: Database, limit: int = 1000, now: datetime | None = None) -> int:
    """Seal what can be sealed, once the transactions of other tests on this server are out of the way."""
    newest = hospital.value("SELECT max(transaction) FROM kernel.audit_entries WHERE transaction < 2::bigint ^ 50") or 0
    deadline = time.monotonic() + 20
    while hospital.value("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint") <= newest:
        assert time.monotonic() < deadline, "another test keeps a transaction open"
    return audit.seal(worker, now or datetime.now(UTC), limit)


def found(auditor: Database, **options: Any) -> list[tuple[str, int | None]]:
    return [(finding.kind, finding.position) for finding in audit.verify(auditor, **options).findings]


# -- sealing


def test_a_chain_is_what_its_description_says(hospital: Hospital, worker: Database, auditor: Database) -> None:
    act(hospital, 3)
    act(hospital, 2, "mch")
    assert seal(hospital, worker) == 5
    assert seal(hospital, worker) == 0
    before = bytes(32)
    links = hospital.rows(
        "SELECT * FROM kernel.audit_links JOIN kernel.audit_entries USING (campus_id, entry_id)"
        " WHERE campus_id = 'hq' ORDER BY position"
    )
    assert [link["position"] for link in links] == [1, 2, 3]
    for link in links:
        detail = hospital.value("SELECT detail::text FROM kernel.audit_entries WHERE entry_id = %s", [link["entry_id"]])
        entry = {
            "action": "record.read",
            "actor": "system:tests",
            "actor_name": "tests",
            "at": link["at"].astimezone(UTC).isoformat(timespec="microseconds"),
            "campus_id": "hq",
            "detail": detail,
            "entry_id": str(link["entry_id"]),
            "patient_id": str(link["patient_id"]),
            "subject_id": link["subject_id"],
            "subject_kind": "record",
            "trace_id": link["trace_id"],
            "transaction": link["transaction"],
        }
        text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        before = hashlib.sha256(before + text.encode()).digest()
        assert link["hash"] == before
    report = audit.verify(auditor)
    assert report.ok
    assert report.links == 5
    assert [chain.campus_id for chain in report.chains] == ["hq", "mch"]


def test_entries_are_sealed_in_the_order_of_their_transactions(
    hospital: Hospital, worker: Database, auditor: Database
) -> None:
    with hospital.tx() as slow:
        slow.audit("slow.act", "record", "slow")
        slow.session.flush()
        act(hospital, 3)
        assert audit.seal(worker, datetime.now(UTC)) == 0
    assert seal(hospital, worker) == 4
    first = hospital.value(
        "SELECT action FROM kernel.audit_links JOIN kernel.audit_entries USING (entry_id) ORDER BY position LIMIT 1"
    )
    assert first == "slow.act"
    assert audit.verify(auditor).ok


def test_batches_continue_one_chain(hospital: Hospital, worker: Database, auditor: Database) -> None:
    act(hospital, 7)
    assert [seal(hospital, worker, limit=3) for _ in range(4)] == [3, 3, 1, 0]
    act(hospital, 2)
    assert seal(hospital, worker) == 2
    assert audit.verify(auditor, page=2).ok
    assert audit.verify(auditor, "hq", page=9).links == 9


def test_sealers_at_once_make_one_chain(hospital: Hospital, worker: Database, auditor: Database) -> None:
    act(hospital, 40)
    seal(hospital, worker, limit=1)
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda _: audit.seal(worker, datetime.now(UTC), 5), range(20)))
    assert sum(counts) + seal(hospital, worker) == 39
    assert audit.verify(auditor).ok


def test_a_restored_database_starts_its_transactions_again(
    hospital: Hospital, worker: Database, auditor: Database
) -> None:
    act(hospital, 4)
    hospital.execute("UPDATE kernel.audit_entries SET transaction = transaction + 2::bigint ^ 60")
    assert audit.seal(worker, datetime.now(UTC), 3) == 3
    act(hospital, 3)
    assert seal(hospital, worker) == 4
    act(hospital, 2)
    assert seal(hospital, worker) == 2
    assert seal(hospital, worker) == 0
    assert audit.verify(auditor).ok


def test_heads_are_kept_by_day_and_said_in_the_log(
    hospital: Hospital, worker: Database, auditor: Database, caplog: pytest.LogCaptureFixture
) -> None:
    first_day = datetime(2026, 3, 2, 15, 59, tzinfo=UTC)
    for now in (first_day, first_day + timedelta(minutes=2)):  # 23:59 and 00:01 in Shanghai
        act(hospital, 2)
        seal(hospital, worker, now=now)
    heads = hospital.rows("SELECT day::text, position FROM kernel.audit_heads ORDER BY day")
    assert heads == [{"day": "2026-03-02", "position": 2}, {"day": "2026-03-03", "position": 4}]
    with caplog.at_level(logging.INFO, "his.audit"):
        (head,) = audit.announce(worker)
    assert caplog.records[0].fields["hash"] == head.hash.hex()  # type: ignore[attr-defined]
    assert caplog.records[0].fields["position"] == 4  # type: ignore[attr-defined]
    assert audit.verify(auditor, witnesses=[head]).ok


def test_finding_the_unsealed_reads_no_sealed_entry(hospital: Hospital, worker: Database) -> None:
    hospital.execute(
        "INSERT INTO kernel.audit_entries (campus_id, entry_id, at, actor, actor_name, action, subject_kind,"
        " subject_id, detail, trace_id, transaction)"
        " SELECT 'hq', gen_random_uuid(), now(), 'a', 'a', 'a', 'k', 's', '{}', '', 3 + n % 2"
        " FROM generate_series(1, 20000) AS n"
    )
    assert seal(hospital, worker, limit=50_000) == 20_000
    act(hospital, 5)
    hospital.execute("ANALYZE kernel.audit_entries, kernel.audit_links")
    last = hospital.rows(
        "SELECT transaction, entry_id FROM kernel.audit_entries WHERE transaction = 4 ORDER BY entry_id DESC LIMIT 1"
    )[0]
    parameters = _UNSEALED.bind({"campus": "hq", "limit": 1000, **last})
    with psycopg.connect(hospital.settings.worker_database_url) as connection:
        rows = connection.execute("EXPLAIN (ANALYZE, BUFFERS) " + _UNSEALED.compiled(), parameters).fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert "ix_audit_entries_campus_id_transaction_entry_id" in plan
    assert "Seq Scan" not in plan, plan


# -- tampering


def change(column: str, value: str) -> str:
    return (
        f"UPDATE kernel.audit_entries SET {column} = {value}"
        " WHERE entry_id = (SELECT entry_id FROM kernel.audit_links WHERE campus_id = 'hq' AND position = 4)"
    )


CHANGES = {
    "at": "at + interval '1 microsecond'",
    "actor": "'somebody'",
    "actor_name": "'某人'",
    "action": "'record.changed'",
    "subject_kind": "'x'",
    "subject_id": "'x'",
    "patient_id": "NULL",
    "detail": """detail || '{"amount": "12.51"}'""",
    "trace_id": "'x'",
    "transaction": "transaction + 1",
    "campus_id": "'mch'",
}


@pytest.fixture
def sealed(hospital: Hospital, worker: Database, auditor: Database) -> None:
    """Ten links at hq, three at mch, in order."""
    act(hospital, 10)
    act(hospital, 3, "mch")
    seal(hospital, worker)
    assert audit.verify(auditor).ok


@pytest.mark.case("P-patient-index", 8)
@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_entry_is_found(hospital: Hospital, auditor: Database, column: str) -> None:
    assert set(audit.Entry._fields) - {"entry_id"} == CHANGES.keys()
    assert hospital.execute(change(column, CHANGES[column])) == 1
    report = audit.verify(auditor)
    assert not report.ok
    (finding,) = report.findings
    assert (finding.campus_id, finding.kind, finding.position) == ("hq", "altered", 4)
    assert report.chains[0].first_broken == 4
    assert "第 4 环" in str(finding)


OF_HQ = "WHERE campus_id = 'hq' AND position"
ENTRIES_OF = f"DELETE FROM kernel.audit_entries WHERE entry_id IN (SELECT entry_id FROM kernel.audit_links {OF_HQ}"
TAMPERINGS: dict[str, tuple[list[str], list[tuple[str, int | None]]]] = {
    "an entry is removed": ([f"{ENTRIES_OF} = 4)"], [("missing", 4)]),
    "an entry and its link are removed": (
        [f"{ENTRIES_OF} = 4)", f"DELETE FROM kernel.audit_links {OF_HQ} = 4"],
        [("gap", 5)],
    ),
    "the first entry and its link are removed": (
        [f"{ENTRIES_OF} = 1)", f"DELETE FROM kernel.audit_links {OF_HQ} = 1"],
        [("gap", 2)],
    ),
    "a link is removed": ([f"DELETE FROM kernel.audit_links {OF_HQ} = 4"], [("gap", 5)]),
    "a hash is changed": (
        [f"UPDATE kernel.audit_links SET hash = sha256(hash) {OF_HQ} = 4"],
        [("altered", 4), ("altered", 5)],
    ),
    "the last hash is changed": (
        [f"UPDATE kernel.audit_links SET hash = sha256(hash) {OF_HQ} = 10"],
        [("altered", 10), ("head", 10)],
    ),
    "the tail is cut off": (
        [f"{ENTRIES_OF} > 7)", f"DELETE FROM kernel.audit_links {OF_HQ} > 7"],
        [("truncated", 10)],
    ),
    "everything is removed": (
        ["DELETE FROM kernel.audit_entries WHERE campus_id = 'hq'", f"DELETE FROM kernel.audit_links {OF_HQ} > 0"],
        [("truncated", 10)],
    ),
    "positions are closed over a removed link": (
        [
            f"{ENTRIES_OF} = 4)",
            f"DELETE FROM kernel.audit_links {OF_HQ} = 4",
            f"UPDATE kernel.audit_links SET position = -position {OF_HQ} > 4",
            f"UPDATE kernel.audit_links SET position = -position - 1 {OF_HQ} < 0",
        ],
        [("altered", 4), ("truncated", 10)],
    ),
    "a head is changed": (["UPDATE kernel.audit_heads SET hash = sha256(hash) WHERE campus_id = 'hq'"], [("head", 10)]),
    "an entry is inserted among old ones": (
        [
            "INSERT INTO kernel.audit_entries SELECT gen_random_uuid(), at - interval '1 h', actor, actor_name, action,"
            " subject_kind, subject_id, patient_id, detail, trace_id, transaction - 1, campus_id"
            " FROM kernel.audit_entries WHERE campus_id = 'hq' LIMIT 1"
        ],
        [("unsealed", None)],
    ),
    "an entry is inserted for later": (
        [
            "INSERT INTO kernel.audit_entries SELECT gen_random_uuid(), at + interval '1 h', actor, actor_name, action,"
            " subject_kind, subject_id, patient_id, detail, trace_id, transaction - 1, campus_id"
            " FROM kernel.audit_entries WHERE campus_id = 'hq' LIMIT 1"
        ],
        [("unsealed", None)],
    ),
    "a forged link is appended": (
        [
            "INSERT INTO kernel.audit_entries SELECT gen_random_uuid(), at, actor, actor_name, action,"
            " subject_kind, 'forged', patient_id, detail, trace_id, transaction, campus_id"
            " FROM kernel.audit_entries WHERE campus_id = 'hq' LIMIT 1",
            "INSERT INTO kernel.audit_links SELECT 11, entry_id, sha256('guess'), 'hq'"
            " FROM kernel.audit_entries WHERE subject_id = 'forged'",
        ],
        [("altered", 11)],
    ),
}


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found(hospital: Hospital, auditor: Database, what: str) -> None:
    statements, expected = TAMPERINGS[what]
    for statement in statements:
        hospital.execute(statement)
    report = audit.verify(auditor)
    assert sorted(found(auditor), key=str) == sorted(expected, key=str)
    assert {finding.campus_id for finding in report.findings} == {"hq"}
    assert not report.ok


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("keep_entries", [True, False])
def test_sealing_on_does_not_grow_over_a_cut(
    hospital: Hospital, worker: Database, auditor: Database, keep_entries: bool
) -> None:
    if not keep_entries:
        hospital.execute(f"{ENTRIES_OF} > 7)")
    hospital.execute(f"DELETE FROM kernel.audit_links {OF_HQ} > 7")
    act(hospital, 5)
    seal(hospital, worker)
    assert found(auditor) == [("gap", 11)]
    assert audit.verify(auditor).chains[0].counts == {"gap": 3}


@pytest.mark.usefixtures("sealed")
def test_a_chain_rewritten_as_a_whole_is_found_by_a_head_kept_outside(
    hospital: Hospital, worker: Database, auditor: Database
) -> None:
    (witness, _) = audit.announce(worker)
    hospital.execute(change("actor", "'somebody'"))
    hospital.execute("TRUNCATE kernel.audit_links, kernel.audit_heads")
    seal(hospital, worker)
    assert audit.verify(auditor).ok
    assert found(auditor, witnesses=[witness]) == [("head", 10)]


def test_entries_that_wait_too_long_are_found(hospital: Hospital, worker: Database, auditor: Database) -> None:
    act(hospital, 30)
    assert audit.verify(auditor).ok
    report = audit.verify(auditor, unsealed_after=timedelta(0), page=7)
    assert report.chains[0].counts == {"unsealed": 30}
    assert len(report.findings) == 20
    seal(hospital, worker)
    assert audit.verify(auditor, unsealed_after=timedelta(0), page=7).ok


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("database_url", "UPDATE kernel.audit_entries SET actor = 'x'"),
        ("database_url", "DELETE FROM kernel.audit_entries"),
        ("database_url", "INSERT INTO kernel.audit_links VALUES (1, gen_random_uuid(), '', 'hq')"),
        ("database_url", "INSERT INTO kernel.audit_heads VALUES (now(), 1, '', now(), 'hq')"),
        ("worker_database_url", "UPDATE kernel.audit_entries SET actor = 'x'"),
        ("worker_database_url", "DELETE FROM kernel.audit_entries"),
        ("worker_database_url", "UPDATE kernel.audit_links SET hash = ''"),
        ("worker_database_url", "DELETE FROM kernel.audit_links"),
        ("worker_database_url", "DELETE FROM kernel.audit_heads"),
        ("auditor_database_url", "DELETE FROM kernel.audit_entries"),
        ("auditor_database_url", "INSERT INTO kernel.audit_links VALUES (1, gen_random_uuid(), '', 'hq')"),
    ],
)
def test_no_role_of_the_product_can_tamper(hospital: Hospital, role: str, statement: str) -> None:
    with (
        psycopg.connect(getattr(hospital.settings, role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)
