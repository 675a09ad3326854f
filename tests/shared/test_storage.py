"""The three steps against a real S3 server and the real database: reserve, upload, confirm; reading; upkeep."""

import hashlib
import io
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest

from shared.identity.actor import system_actor
from shared.ids import new_id
from shared.storage import (
    JPEG,
    MAX_LINK_SECONDS,
    PDF,
    FileConflict,
    FileContentMismatch,
    FileDamaged,
    FileEmpty,
    FileNotFound,
    FileTooLarge,
    FileTypeRefused,
    ObjectMissing,
    ObjectStore,
    Uploaded,
    confirm,
    confirmed_file,
    open_stream,
    presigned_get,
    reserve,
    upload,
)
from tests.shared.storage_probe import LIMIT, MIB, SCANS, Bucket, pdf, png, reserved, state_of, stored
from tests.support.hospital import Hospital


@pytest.fixture(autouse=True)
def _empty(hospital: Hospital, bucket: Bucket) -> None:
    hospital.execute("DELETE FROM kernel.stored_files")
    bucket.remove(*bucket.keys())


def test_a_file_goes_in_and_comes_out_the_same(hospital: Hospital, store: ObjectStore, bucket: Bucket) -> None:
    data = pdf(3 * MIB + 17)
    row = reserved(hospital)
    assert row.state == "reserved"
    uploaded = upload(store, row, io.BytesIO(data), LIMIT)
    assert uploaded == Uploaded(len(data), hashlib.sha256(data).digest())
    with hospital.tx() as tx:
        file = confirm(tx, row.file_id, uploaded)
    assert (file.state, file.size, file.sha256) == ("confirmed", len(data), hashlib.sha256(data).digest())
    assert b"".join(open_stream(store, file)) == data
    assert bucket.keys() == [row.key]


def test_the_key_says_campus_kind_and_day_in_shanghai(hospital: Hospital) -> None:
    hospital.clock.set(hospital.clock().replace(hour=17, minute=30))  # 01:30 of the next day in Shanghai
    try:
        row = reserved(hospital, campus="mch")
    finally:
        hospital.clock.move(seconds=-hospital.clock.offset.total_seconds())
    day = (row.reserved_at + timedelta(hours=8)).strftime("%Y/%m/%d")
    assert row.key == f"mch/consent-scan/{day}/{row.file_id}"
    assert day != row.reserved_at.strftime("%Y/%m/%d")


@pytest.mark.parametrize("size", [8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20 * MIB + 5])
def test_parts_are_put_together_again(hospital: Hospital, store: ObjectStore, size: int) -> None:
    file = stored(hospital, store, pdf(size))
    assert file.size == size
    digest = hashlib.sha256()
    for chunk in open_stream(store, file):
        digest.update(chunk)
    assert digest.digest() == file.sha256


@pytest.mark.parametrize(
    ("data", "limit", "problem"),
    [
        (pdf(5000), 4999, FileTooLarge),
        (pdf(20 * MIB), 17 * MIB, FileTooLarge),
        (b"", LIMIT, FileEmpty),
        (png(), LIMIT, FileContentMismatch),
        (pdf(20 * MIB)[:-20], LIMIT, FileContentMismatch),
    ],
    ids=["over the limit", "over the limit in a later part", "empty", "another type", "cut off in a later part"],
)
def test_what_is_refused_leaves_nothing_behind(
    hospital: Hospital, store: ObjectStore, bucket: Bucket, data: bytes, limit: int, problem: type[Exception]
) -> None:
    row = reserved(hospital)
    with pytest.raises(problem):
        upload(store, row, io.BytesIO(data), limit)
    assert bucket.keys() == []
    assert state_of(hospital, row) == "reserved"
    # The same set-up succeeds with a good file: the refusal was for its reason only.
    assert upload(store, row, io.BytesIO(pdf(100)), limit).size == 100


def test_too_large_says_how_large_may_be(hospital: Hospital, store: ObjectStore) -> None:
    with pytest.raises(FileTooLarge, match="2 MB") as caught:
        upload(store, reserved(hospital), io.BytesIO(pdf(2 * MIB + 1)), 2 * MIB)
    assert caught.value.document()["max_bytes"] == 2 * MIB
    assert caught.value.status == 413


def test_an_endless_stream_is_stopped_at_the_limit(hospital: Hospital, store: ObjectStore, bucket: Bucket) -> None:
    class Endless:
        given = 0

        def read(self, size: int, /) -> bytes:
            chunk = pdf(size) if self.given == 0 else b"x" * size
            self.given += size
            return chunk

    stream = Endless()
    with pytest.raises(FileTooLarge):
        upload(store, reserved(hospital), stream, 9 * MIB)
    assert stream.given < 18 * MIB
    assert bucket.keys() == []


def test_a_client_that_hangs_up_leaves_nothing(hospital: Hospital, store: ObjectStore, bucket: Bucket) -> None:
    class HangsUp(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 9 * MIB:
                raise ConnectionResetError("gone")
            return super().read(size)

    with pytest.raises(ConnectionResetError):
        upload(store, reserved(hospital), HangsUp(pdf(30 * MIB)), LIMIT)
    assert bucket.keys() == []


def test_a_scanner_can_refuse_a_file(hospital: Hospital, store: ObjectStore, bucket: Bucket) -> None:
    class Scanner:
        seen = b""

        def feed(self, chunk: bytes) -> None:
            self.seen = (self.seen + chunk)[-100:]
            if b"X5O!P%@AP" in self.seen:
                raise FileContentMismatch("文件含病毒，已拒绝。")

        def finish(self) -> None:
            return

    row = reserved(hospital)
    with pytest.raises(FileContentMismatch, match="病毒"):
        upload(store, row, io.BytesIO(pdf()[:-7] + b"X5O!P%@AP[4" + b"\n%%EOF\n"), LIMIT, [Scanner()])
    assert bucket.keys() == []
    assert upload(store, row, io.BytesIO(pdf()), LIMIT, [Scanner()]).size == 400


def test_a_kind_refuses_types_it_does_not_take(hospital: Hospital) -> None:
    with hospital.tx() as tx, pytest.raises(FileTypeRefused):
        reserve(tx, SCANS, JPEG)
    assert hospital.value("SELECT count(*) FROM kernel.stored_files") == 0


def test_confirming_twice_is_once(hospital: Hospital, store: ObjectStore) -> None:
    file = stored(hospital, store, pdf())
    assert file.size is not None
    assert file.sha256 is not None
    hospital.clock.move(minutes=5)
    with hospital.tx() as tx:
        again = confirm(tx, file.file_id, Uploaded(file.size, file.sha256))
    assert again.confirmed_at == file.confirmed_at
    with hospital.tx() as tx, pytest.raises(FileConflict):
        confirm(tx, file.file_id, Uploaded(file.size, hashlib.sha256(b"other").digest()))
    with hospital.tx() as tx:
        assert confirmed_file(tx, file.file_id).sha256 == file.sha256


def test_a_stored_object_can_not_be_replaced(hospital: Hospital, store: ObjectStore) -> None:
    row = reserved(hospital)
    uploaded = upload(store, row, io.BytesIO(pdf()), LIMIT)
    with pytest.raises(FileConflict):
        upload(store, row, io.BytesIO(pdf(500)), LIMIT)
    with hospital.tx() as tx:
        file = confirm(tx, row.file_id, uploaded)
    with pytest.raises(FileConflict):
        upload(store, file, io.BytesIO(pdf(500)), LIMIT)
    assert b"".join(open_stream(store, file)) == pdf()


def test_another_campus_sees_and_confirms_nothing(hospital: Hospital, store: ObjectStore) -> None:
    row = reserved(hospital)
    uploaded = upload(store, row, io.BytesIO(pdf()), LIMIT)
    with hospital.tx("mch") as tx, pytest.raises(FileNotFound):
        confirm(tx, row.file_id, uploaded)
    assert state_of(hospital, row) == "reserved"
    with hospital.tx("hq") as tx:
        confirm(tx, row.file_id, uploaded)
    with hospital.tx("mch") as tx, pytest.raises(FileNotFound):
        confirmed_file(tx, row.file_id)
    with hospital.tx("hq") as tx:
        assert confirmed_file(tx, row.file_id).file_id == row.file_id


def test_who_may_read_all_campuses_still_confirms_only_at_home(hospital: Hospital, store: ObjectStore) -> None:
    row = reserved(hospital, campus="mch")
    uploaded = upload(store, row, io.BytesIO(pdf()), LIMIT)
    scope = hospital.runtime.scope(system_actor("tests", "hq"), "hq")
    wide = type(scope)(campus="hq", readable=("hq", "mch"), subject=scope.subject)
    with hospital.tx() as tx:
        outer = tx
    with hospital.runtime.database.transaction(wide) as session:
        inner = type(outer)(session, outer.actor, "hq", outer.now, outer.traceparent)
        with pytest.raises(FileNotFound):
            confirm(inner, row.file_id, uploaded)
    assert state_of(hospital, row) == "reserved"


def test_files_that_are_not_confirmed_are_not_read(hospital: Hospital, store: ObjectStore) -> None:
    row = reserved(hospital)
    upload(store, row, io.BytesIO(pdf()), LIMIT)
    with pytest.raises(FileNotFound):
        open_stream(store, row)
    with pytest.raises(FileNotFound):
        presigned_get(store, row, 60)
    with hospital.tx() as tx, pytest.raises(FileNotFound):
        confirmed_file(tx, row.file_id)
    with hospital.tx() as tx, pytest.raises(FileNotFound):
        confirmed_file(tx, new_id())


def test_a_row_can_not_claim_to_be_whole_without_hash(hospital: Hospital) -> None:
    row = reserved(hospital)
    with pytest.raises(psycopg.errors.CheckViolation):
        hospital.execute(
            "UPDATE kernel.stored_files SET state = 'confirmed', confirmed_at = now() WHERE file_id = %s", [row.file_id]
        )


def test_a_damaged_file_never_reaches_a_reader_whole(hospital: Hospital, store: ObjectStore, bucket: Bucket) -> None:
    data = pdf(700_000)
    file = stored(hospital, store, data)
    bucket.overwrite(file.key, data[:-9] + b"?" + data[-8:])
    got: list[bytes] = []
    with pytest.raises(FileDamaged):
        got.extend(open_stream(store, file))
    assert len(b"".join(got)) < len(data)
    bucket.remove(file.key)
    with pytest.raises(ObjectMissing):
        list(open_stream(store, file))


# -- links: one object, one method, five minutes at most


def fetched(url: str, method: str = "GET") -> httpx.Response:
    return httpx.request(method, url, trust_env=False)


def test_a_link_opens_one_object_by_one_method(hospital: Hospital, store: ObjectStore) -> None:
    file, other = stored(hospital, store, pdf()), stored(hospital, store, pdf(500))
    url = presigned_get(store, file, 60, "知情同意书.pdf")
    answer = fetched(url)
    assert (answer.status_code, answer.content) == (200, pdf())
    assert answer.headers["content-type"] == PDF
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''%E7%9F%A5%E6%83%85%E5%90%8C%E6%84%8F%E4%B9%A6.pdf"
    )
    assert answer.headers["cache-control"] == "private, no-store"
    for method in ("PUT", "DELETE", "POST"):
        assert fetched(url, method).status_code in (400, 403, 405), method
    assert fetched(url.replace(str(file.file_id), str(other.file_id))).status_code == 403
    assert fetched(url.replace("attachment", "inline")).status_code == 403
    assert b"".join(open_stream(store, file)) == pdf()


@pytest.mark.parametrize("seconds", [0, -1, MAX_LINK_SECONDS + 1, 604_800])
def test_a_link_lives_five_minutes_at_most(hospital: Hospital, store: ObjectStore, seconds: int) -> None:
    file = stored(hospital, store, pdf())
    with pytest.raises(ValueError, match="300 seconds"):
        presigned_get(store, file, seconds)
    url = presigned_get(store, file, MAX_LINK_SECONDS)
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["300"]


def test_links_are_signed_for_the_host_clients_see(hospital: Hospital, bucket: Bucket, store: ObjectStore) -> None:
    file = stored(hospital, store, pdf())
    outside = bucket.store(public_endpoint="files.example")
    assert urlsplit(presigned_get(outside, file, 60)).netloc == "files.example"
    assert b"".join(open_stream(outside, file)) == pdf()
