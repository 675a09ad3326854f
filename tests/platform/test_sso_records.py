"""Log-in records leave the database month by month with a real object store, and are read back from there."""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError

from functions import registry
from functions.platform.sso import store
from functions.platform.sso.service.archiving import COLUMNS, Retention, chain_of
from integrity.runner import load, run
from shared.storage import StorageUnavailable
from tests.platform.beyond import SSO
from tests.platform.conftest import Consortium, ok, open_consortium, refused
from tests.shared.storage_probe import NOBODY, Bucket
from tests.support.hospital import Hospital, cloned_hospital

ARCHIVES = f"{SSO}/login-archives"
JANUARY = f"{ARCHIVES}/2025-01/logins"
ANNA, BERT = "11111111-1111-7111-8111-111111111111", "22222222-2222-7222-8222-222222222222"
NAMES = frozenset(check.name for check in load() if check.name.startswith("sso."))
DUE = datetime(2028, 2, 1, 3, tzinfo=UTC)
"""From then on January 2025 has been online for its 36 whole months."""


@pytest.fixture(autouse=True)
def _store(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HIS_KEYCLOAK_DIRECTORY_SECRET", raising=False)
    ours = bucket.store()
    monkeypatch.setattr(store, "object_store", lambda: ours)


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    names = ("organisation/structure", "platform/permissions", "patients/index", "platform/sso")
    with cloned_hospital([registry.app(name) for name in names]) as one:
        yield one


@pytest.fixture
def consortium(hospital: Hospital) -> Consortium:
    return open_consortium(hospital)


def happened(hospital: Hospital, at: str, account: str | None = ANNA, **fields: Any) -> None:
    row = {"kind": "LOGIN", "client": "his-web", "address": "10.1.2.3", "error": None, **fields}
    hospital.execute(
        "INSERT INTO platform.login_events (event_id, realm_event_id, at, kind, account_id, client, address,"
        " realm_session, error) VALUES (gen_random_uuid(), gen_random_uuid()::text, %s, %s, %s, %s, %s, 's', %s)",
        [at, row["kind"], account, row["client"], row["address"], row["error"]],
    )


def a_winter(hospital: Hospital) -> None:
    """Eight records of January by the hospital's clock, two beside it."""
    happened(hospital, "2024-12-31T23:59:59+08:00")
    happened(hospital, "2025-01-01T00:00:00+08:00")
    happened(hospital, "2025-01-01T08:00:00.123456+08:00", BERT)
    happened(hospital, "2025-01-01T08:00:00.123456+08:00")
    happened(hospital, "2025-01-03T09:00:00+08:00", None, kind="LOGIN_ERROR", error='bad, "user"\nsecond line')
    happened(hospital, "2025-01-03T10:00:00+08:00", BERT)
    happened(hospital, "2025-01-20T10:00:00+08:00")
    happened(hospital, "2025-01-31T10:00:00+08:00", client=None, address=None)
    happened(hospital, "2025-01-31T23:59:59.999999+08:00", BERT)
    happened(hospital, "2025-02-01T00:00:00+08:00")


def online(hospital: Hospital) -> int:
    return int(hospital.value("SELECT count(*) FROM platform.login_events"))


def months(hospital: Hospital) -> list[tuple[str, str, int]]:
    rows = hospital.rows("SELECT month::text, state, rows FROM platform.login_archives ORDER BY month")
    return [(row["month"], row["state"], row["rows"]) for row in rows]


def archived(hospital: Hospital) -> None:
    """As many minutes as it takes."""
    hospital.clock.set(DUE)
    for _ in range(12):
        hospital.minute("platform/sso")


def broken(hospital: Hospital) -> set[str]:
    return {one.name for one in run(hospital.settings.auditor_database_url, NAMES) if not one.holds}


def test_a_month_leaves_when_its_years_online_are_over(consortium: Consortium, bucket: Bucket) -> None:
    hospital = consortium.hospital
    a_winter(hospital)
    hospital.clock.set(DUE - timedelta(days=1))
    before = hospital.census()
    hospital.minute("platform/sso")
    assert hospital.census() == before
    hospital.clock.set(DUE)
    hospital.minute("platform/sso", "mch")  # the head hospital does it
    assert months(hospital) == []

    hospital.minute("platform/sso")
    assert months(hospital) == [("2025-01-01", "writing", 0)]
    days = hospital.rows("SELECT day::text, rows FROM platform.login_archive_days ORDER BY day")
    assert [(row["day"], row["rows"]) for row in days] == [("2025-01-01", 3), ("2025-01-02", 0), ("2025-01-03", 2)]
    assert online(hospital) == 10  # nothing leaves before the whole month is sealed
    refused(consortium.security.get(JANUARY), 404, "login_archive_not_found")
    archived(hospital)
    assert months(hospital) == [("2025-01-01", "archived", 8)]
    assert online(hospital) == 2
    sealed = hospital.rows("SELECT * FROM platform.login_archive_days ORDER BY day")
    chain = b""
    for row in sealed:
        chain = chain_of(chain, row["day"], row["rows"], row["sha256"])
        assert chain == row["chain"]
    assert len(sealed) == 31
    [shown] = ok(consortium.security.get(ARCHIVES))["items"]
    assert (shown["month"], shown["state"], shown["rows"], shown["days_sealed"]) == ("2025-01", "archived", 8, 31)
    assert shown["seal"] == chain.hex()
    acts = hospital.rows("SELECT action FROM kernel.audit_entries WHERE action LIKE 'logins.%%'")
    assert Counter(row["action"] for row in acts) == {"logins.archiving": 1, "logins.sealed": 31, "logins.archived": 1}

    files = {row["file_id"]: row for row in hospital.rows("SELECT * FROM kernel.stored_files")}
    assert [row["state"] for row in files.values()] == ["confirmed"] * 4
    third = files[sealed[2]["file_id"]]
    with bucket.store().open(third["key"]) as chunks:
        content = b"".join(chunks)
    assert hashlib.sha256(content).digest() == third["sha256"] == sealed[2]["sha256"]
    header, wrong, right = csv.reader(io.StringIO(content.decode()))
    assert tuple(header) == COLUMNS
    assert (wrong[2], wrong[8]) == ("2025-01-03T01:00:00+00:00", 'bad, "user" second line')
    assert right[4] == BERT
    assert broken(hospital) == set()
    archived(hospital)  # February is not due yet
    assert months(hospital) == [("2025-01-01", "archived", 8)]


def test_an_archived_month_is_read_page_by_page_and_by_account(consortium: Consortium) -> None:
    hospital, security = consortium.hospital, consortium.security
    a_winter(hospital)
    archived(hospital)
    found, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = ok(security.get(JANUARY, limit=2, **({"cursor": cursor} if cursor else {})))
        assert len(page["items"]) <= 2
        found, cursor, pages = [*found, *page["items"]], page["next"], pages + 1
    assert pages > 4
    assert [one["at"] for one in found] == sorted(one["at"] for one in found)
    assert len(found) == 8
    assert (found[0]["at"], found[0]["account_id"]) == ("2025-01-01T00:00:00+08:00", ANNA)
    assert (found[-1]["account_id"], found[3]["kind"], found[3]["account_id"]) == (BERT, "LOGIN_ERROR", None)

    theirs, cursor = [], None
    while cursor != "":
        page = ok(security.get(JANUARY, account_id=BERT, **({"cursor": cursor} if cursor else {})))
        theirs, cursor = [*theirs, *page["items"]], page["next"] or ""
    assert [one["account_id"] for one in theirs] == [BERT] * 3
    read = hospital.rows("SELECT detail FROM kernel.audit_entries WHERE action = 'archived_logins.read' ORDER BY at")
    assert read[-1]["detail"]["account_id"] == BERT

    refused(security.get(JANUARY, cursor="nonsense"), 404, "login_archive_not_found")
    refused(security.get(f"{ARCHIVES}/2025-02/logins"), 404, "login_archive_not_found")
    refused(security.get(f"{ARCHIVES}/2025-13/logins"), 422, "invalid")
    refused(hospital.caller("security_admin", campus="mch").get(JANUARY), 404, "login_archive_not_found")
    refused(hospital.caller("registrar").get(JANUARY), 403, "permission_denied")


def test_months_go_one_after_the_other_and_are_listed_in_pages(consortium: Consortium) -> None:
    hospital, security = consortium.hospital, consortium.security
    for month in ("01", "03", "04"):
        happened(hospital, f"2025-{month}-10T10:00:00+08:00")
    hospital.clock.set(datetime(2028, 6, 1, tzinfo=UTC))
    for _ in range(36):
        hospital.minute("platform/sso")
    assert [state for _, state, _ in months(hospital)] == ["archived"] * 3
    first = ok(security.get(ARCHIVES, limit=2))
    assert ([one["month"] for one in first["items"]], first["next"]) == (["2025-04", "2025-03"], "2025-03")
    rest = ok(security.get(ARCHIVES, limit=2, cursor=first["next"]))
    assert ([one["month"] for one in rest["items"]], rest["next"]) == (["2025-01"], None)
    assert online(hospital) == 0
    hospital.execute("SET enable_seqscan = off")  # a table of days is too small for the planner to bother
    plan = hospital.rows(
        "EXPLAIN SELECT * FROM platform.login_archive_days"
        " WHERE month = '2025-01-01' AND day >= '2025-01-01' ORDER BY day LIMIT 6"
    )
    assert "Index Scan" in str(plan)


def test_while_the_store_is_away_nothing_leaves(
    consortium: Consortium, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital = consortium.hospital
    a_winter(hospital)
    with monkeypatch.context() as away:
        away.setattr(store, "object_store", lambda: NOBODY)
        hospital.clock.set(DUE)
        hospital.minute("platform/sso")
        assert hospital.value("SELECT count(*) FROM platform.login_archive_days") == 0
        assert online(hospital) == 10
    archived(hospital)
    assert months(hospital) == [("2025-01-01", "archived", 8)]
    with monkeypatch.context() as away:
        away.setattr(store, "object_store", lambda: NOBODY)
        refused(consortium.security.get(JANUARY), 503, StorageUnavailable.code)


def test_a_record_that_came_after_its_day_was_sealed_stops_the_emptying(consortium: Consortium) -> None:
    hospital = consortium.hospital
    a_winter(hospital)
    hospital.clock.set(DUE)
    hospital.minute("platform/sso")
    happened(hospital, "2025-01-02T12:00:00+08:00")
    archived(hospital)
    assert months(hospital) == [("2025-01-01", "writing", 0)]
    assert online(hospital) == 11
    hospital.execute("UPDATE platform.login_archives SET begun_at = now() - interval '2 days'")
    assert broken(hospital) == {"sso.archive_stuck"}


@pytest.mark.parametrize("harm", ["overwritten", "removed", "another_row"])
def test_a_file_that_is_not_the_sealed_one_is_served_to_nobody(
    consortium: Consortium, bucket: Bucket, harm: str
) -> None:
    hospital = consortium.hospital
    a_winter(hospital)
    archived(hospital)
    key = hospital.value(
        "SELECT key FROM kernel.stored_files WHERE kind = 'login-records' ORDER BY reserved_at LIMIT 1"
    )
    if harm == "overwritten":
        bucket.overwrite(key, b"event_id\n")
    elif harm == "removed":
        bucket.remove(key)
    else:
        hospital.execute("UPDATE kernel.stored_files SET sha256 = sha256('x') WHERE key = %s", [key])
        assert broken(hospital) == {"sso.archive_chain"}
    problem = refused(consortium.security.get(JANUARY), 409, "login_archive_damaged")
    assert "2025-01-01" in problem["detail"]
    traces = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'archived_logins.damaged'"
    assert hospital.value(traces) == 1


def test_the_product_itself_empties_nothing_that_is_not_sealed(hospital: Hospital) -> None:
    a_winter(hospital)
    with psycopg.connect(hospital.settings.database_url) as app:
        for attempt, error in (
            ("DELETE FROM platform.login_events", psycopg.errors.InsufficientPrivilege),
            ("TRUNCATE platform.login_events", psycopg.errors.InsufficientPrivilege),
            ("TRUNCATE logins.m202501", psycopg.errors.InsufficientPrivilege),
            ("SELECT platform.empty_login_month('2025-01-01')", psycopg.errors.RaiseException),
        ):
            with pytest.raises(error):
                app.execute(attempt)
            app.rollback()
    with psycopg.connect(hospital.settings.worker_database_url) as worker, pytest.raises(psycopg.Error):
        worker.execute("SELECT platform.empty_login_month('2025-01-01')")
    assert online(hospital) == 10


def test_no_installation_keeps_less_than_the_law_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Retention().months_online == 36
    monkeypatch.setenv("HIS_LOGINS_MONTHS_ONLINE", "5")
    with pytest.raises(ValidationError):
        Retention()


def test_every_check_of_sign_on_finds_its_harm(consortium: Consortium) -> None:
    hospital = consortium.hospital
    a_winter(hospital)
    archived(hospital)
    assert broken(hospital) == set()
    lock = (
        "INSERT INTO platform.screen_locks"
        " (lock_id, realm_session, staff_id, cause, place, hold_id, locked_at, failures) VALUES"
        " (gen_random_uuid(), 's', gen_random_uuid(), 'idle', 'x', gen_random_uuid(), now() - %s::interval, 0)"
    )
    hospital.execute(lock, ["1 minute"])
    assert broken(hospital) == {"sso.lock_without_hold"}
    hospital.execute("DELETE FROM platform.screen_locks")
    hospital.execute(lock, ["1 hour"])
    assert broken(hospital) == {"sso.lock_without_hold", "sso.lock_not_ended"}
    hospital.execute("DELETE FROM platform.screen_locks")
    happened(hospital, "2025-01-15T10:00:00+08:00")
    assert broken(hospital) == {"sso.archive_rows"}
    hospital.execute("DELETE FROM platform.login_events WHERE at >= '2025-01-15' AND at < '2025-01-16'")
    hospital.execute("UPDATE platform.login_archive_days SET chain = sha256('x') WHERE day = %s", [date(2025, 1, 3)])
    assert broken(hospital) == {"sso.archive_chain"}
