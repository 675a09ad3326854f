"""Upkeep of the file store: reaping, orphans, the scrubber, and a store that fails."""

import io
from datetime import timedelta

import psycopg
import pytest

from shared.database.engine import Database
from shared.ids import new_id
from shared.storage import (
    FileConflict,
    ObjectStore,
    StorageUnavailable,
    confirm,
    open_stream,
    upload,
)
from shared.storage.sweeps import reap, remove_orphans, scrub
from tests.shared.storage_probe import DAY, LIMIT, NOBODY, Bucket, pdf, reserved, state_of, stored
from tests.support.hospital import Hospital


@pytest.fixture(autouse=True)
def _empty(hospital: Hospital, bucket: Bucket) -> None:
    hospital.execute("DELETE FROM kernel.stored_files")
    bucket.remove(*bucket.keys())


def test_reservations_never_confirmed_are_reaped(
    hospital: Hospital, store: ObjectStore, bucket: Bucket, worker: Database
) -> None:
    kept = stored(hospital, store, pdf(), campus="mch")
    empty, filled = reserved(hospital), reserved(hospital, campus="mch")
    uploaded = upload(store, filled, io.BytesIO(pdf()), LIMIT)
    hospital.clock.move(hours=3)
    young = reserved(hospital)
    upload(store, young, io.BytesIO(pdf()), LIMIT)
    assert reap(worker, store, timedelta(hours=1), hospital.clock()) == 2
    assert [state_of(hospital, row) for row in (kept, empty, filled, young)] == [
        "confirmed",
        "abandoned",
        "abandoned",
        "reserved",
    ]
    assert sorted(bucket.keys()) == sorted([kept.key, young.key])
    with hospital.tx("mch") as tx, pytest.raises(FileConflict, match="清理"):
        confirm(tx, filled.file_id, uploaded)
    assert reap(worker, store, timedelta(hours=1), hospital.clock()) == 0


def test_reaping_keeps_off_a_file_just_being_confirmed(
    hospital: Hospital, store: ObjectStore, bucket: Bucket, worker: Database
) -> None:
    row = reserved(hospital)
    uploaded = upload(store, row, io.BytesIO(pdf()), LIMIT)
    hospital.clock.move(hours=3)
    with hospital.tx() as tx:
        confirm(tx, row.file_id, uploaded)
        assert reap(worker, store, timedelta(hours=1), hospital.clock()) == 0
    assert state_of(hospital, row) == "confirmed"
    assert bucket.keys() == [row.key]


def test_reaping_goes_on_where_it_was_killed(
    hospital: Hospital, store: ObjectStore, bucket: Bucket, worker: Database
) -> None:
    row = reserved(hospital)
    upload(store, row, io.BytesIO(pdf()), LIMIT)
    hospital.clock.move(hours=3)
    with pytest.raises(StorageUnavailable):
        reap(worker, NOBODY, timedelta(hours=1), hospital.clock())
    assert (state_of(hospital, row), bucket.keys()) == ("abandoned", [row.key])
    assert remove_orphans(worker, store, timedelta(hours=1), hospital.clock()).keys == (row.key,)
    assert bucket.keys() == []


def test_objects_without_a_row_are_removed_when_old(
    hospital: Hospital, store: ObjectStore, bucket: Bucket, worker: Database
) -> None:
    kept, waiting = stored(hospital, store, pdf()), reserved(hospital)
    upload(store, waiting, io.BytesIO(pdf()), LIMIT)
    stray = f"hq/consent-scan/2026/03/02/{new_id()}"
    bucket.overwrite(stray, pdf())
    bucket.overwrite("operators-own/note.txt", b"not ours")
    young = remove_orphans(worker, store, DAY, hospital.clock())
    assert (young.keys, young.removed) == ((), True)
    found = remove_orphans(worker, store, DAY, hospital.clock() + 2 * DAY)
    assert (found.keys, found.removed) == ((stray,), True)
    assert sorted(bucket.keys()) == sorted([kept.key, waiting.key, "operators-own/note.txt"])


def test_a_bucket_full_of_orphans_is_left_to_a_person(
    hospital: Hospital, store: ObjectStore, bucket: Bucket, worker: Database
) -> None:
    files = [stored(hospital, store, pdf()) for _ in range(4)]
    hospital.execute("DELETE FROM kernel.stored_files")  # what a restore to an earlier moment looks like
    found = remove_orphans(worker, store, DAY, hospital.clock() + 2 * DAY, limit=3)
    assert sorted(found.keys) == sorted(file.key for file in files)
    assert found.removed is False
    assert len(bucket.keys()) == 4


def test_the_scrubber_finds_every_kind_of_damage(
    hospital: Hospital, store: ObjectStore, bucket: Bucket, worker: Database
) -> None:
    whole, changed, shortened, gone = (stored(hospital, store, pdf(), campus=campus) for campus in ("hq", "mch") * 2)
    reserved(hospital)
    bucket.overwrite(changed.key, pdf()[:-8] + b"?" + pdf()[-7:])
    bucket.overwrite(shortened.key, pdf(300))
    bucket.remove(gone.key)
    report = scrub(worker, store, 10, hospital.clock())
    assert report.checked == 4
    assert {damage.file_id: damage.failure for damage in report.damaged} == {
        changed.file_id: "sha256",
        shortened.file_id: "size",
        gone.file_id: "missing",
    }
    assert {damage.campus_id for damage in report.damaged} == {"hq", "mch"}
    rows = hospital.rows("SELECT file_id, scrubbed_at, scrub_failed_at, scrub_failure FROM kernel.stored_files")
    failures = {row["file_id"]: row["scrub_failure"] for row in rows if row["scrub_failed_at"]}
    assert failures == {damage.file_id: damage.failure for damage in report.damaged}
    assert next(row for row in rows if row["file_id"] == whole.file_id)["scrubbed_at"] is not None

    first = next(row["scrub_failed_at"] for row in rows if row["file_id"] == changed.file_id)
    hospital.clock.move(hours=1)
    scrub(worker, store, 10, hospital.clock())
    question = "SELECT scrub_failed_at FROM kernel.stored_files WHERE file_id = %s"
    assert hospital.value(question, [changed.file_id]) == first, "damage is dated from when it was first seen"
    bucket.overwrite(changed.key, pdf())
    report = scrub(worker, store, 10, hospital.clock())
    assert changed.file_id not in {damage.file_id for damage in report.damaged}
    assert hospital.value(question, [changed.file_id]) is None


def test_every_file_is_read_before_any_is_read_again(hospital: Hospital, store: ObjectStore, worker: Database) -> None:
    files = {stored(hospital, store, pdf()).file_id for _ in range(5)}
    for _ in range(3):
        hospital.clock.move(minutes=1)
        assert scrub(worker, store, 2, hospital.clock()).checked == 2
    times = hospital.rows("SELECT file_id, scrubbed_at FROM kernel.stored_files")
    assert {row["file_id"] for row in times if row["scrubbed_at"]} == files


def test_a_store_that_is_down_damages_nothing(hospital: Hospital, store: ObjectStore, worker: Database) -> None:
    file, row = stored(hospital, store, pdf()), reserved(hospital)
    with pytest.raises(StorageUnavailable) as caught:
        upload(NOBODY, row, io.BytesIO(pdf()), LIMIT)
    assert caught.value.status == 503
    with pytest.raises(StorageUnavailable):
        list(open_stream(NOBODY, file))
    with pytest.raises(StorageUnavailable):
        scrub(worker, NOBODY, 10, hospital.clock())
    assert hospital.value("SELECT count(*) FROM kernel.stored_files WHERE scrub_failed_at IS NOT NULL") == 0


def test_wrong_keys_of_the_store_are_no_missing_file(hospital: Hospital, bucket: Bucket, store: ObjectStore) -> None:
    file = stored(hospital, store, pdf())
    stranger = ObjectStore(bucket.endpoint, "somebody", "else-entirely", "his")
    with pytest.raises(StorageUnavailable):
        list(open_stream(stranger, file))


def test_functions_delete_no_row(hospital: Hospital) -> None:
    row = reserved(hospital)
    for url in (hospital.settings.database_url, hospital.settings.worker_database_url):
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM kernel.stored_files")
    assert state_of(hospital, row) == "reserved"
