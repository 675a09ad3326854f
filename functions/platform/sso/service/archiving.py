"""Log-in records leave the database after their years online (登录记录归档), and are still read.

A month goes day by day: the day's records are written as a CSV file into the object store, read back, and sealed by a
row that names the file's hash and chains it to the day before. When every day of the month is sealed, the database
empties the month itself after counting once more (`platform.empty_login_month`): no role of the running product may
delete a record or make a table. It all happens at the head hospital, a few days a minute.
"""

import csv
import hashlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import IO
from uuid import UUID

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from functions.organisation.structure import service as organisation
from functions.platform.sso import queries_archive as queries
from functions.platform.sso import store
from functions.platform.sso.models import LoginEvent
from functions.platform.sso.models_locks import LoginArchiveDay
from functions.platform.sso.problems import LoginArchiveDamaged, LoginArchiveNotFound
from functions.platform.sso.schemas_locks import ArchivedLoginView, LoginArchiveView
from shared.command import Onward
from shared.schemas import SHANGHAI, Page, midnight
from shared.steps import Steps
from shared.storage import (
    CSV,
    MEBIBYTE,
    FileDamaged,
    FileKind,
    StorageUnavailable,
    StoredFile,
    confirm,
    open_stream,
    reserve,
    upload,
)
from shared.tx import Tx

log = logging.getLogger("his.identity")

RECORDS = FileKind("login-records", frozenset({CSV}))
COLUMNS = ("event_id", "realm_event_id", "at", "kind", "account_id", "client", "address", "realm_session", "error")
FIRST_MONTH, LAST_MONTH = date(2025, 1, 1), date(2030, 12, 1)
"""Months that lie in a partition of their own; others stay where they are until a release gives them one."""
DAYS_AT_ONCE = 3
ROWS_AT_ONCE = 5000
LARGEST = 512 * MEBIBYTE
IN_MEMORY = 8 * MEBIBYTE
FILES_AT_ONCE = 5
"""Sealed days read for one page."""
_FROM_THE_START = UUID(int=0)


class Retention(BaseSettings):
    """How long log-in records stay in the database. Of the installation, not of a desk: nobody who signs on shortens
    the trail of sign-ons. At least the six months the law asks for (网络安全法 art. 21), three years by default."""

    model_config = SettingsConfigDict(env_prefix="HIS_LOGINS_", frozen=True, extra="ignore")

    months_online: int = Field(default=36, ge=6)


def archive_due(tx: Tx) -> Callable[[Steps], None] | None:
    """Whether a month has to leave, for the minute of the head hospital: the oldest one, one at a time."""
    writing = tx.session.send(queries.WRITING)
    latest = tx.session.send(queries.LAST_ARCHIVED)
    row, last = writing.first(), latest.first()
    month = row.month if row is not None else _next_month(tx, last)
    if month is None:
        return None
    if row is None:
        tx.session.execute(queries.BEGIN, month=month, now=tx.now)
        tx.audit("logins.archiving", "login_archive", month)
    return lambda steps: archive(steps, month)


def archive(steps: Steps, month: date) -> None:
    """Seal the next days of a month; with the last one sealed, empty it. Safe to run twice at once."""
    try:
        for day in _days_left(steps, month):
            _seal_day(steps, month, day)
    except (StorageUnavailable, FileDamaged) as error:
        log.warning("log-in records wait to be archived", extra={"fields": {"cause": type(error).__name__}})
        return
    if not _days_left(steps, month):
        steps.step(lambda tx: _empty(tx, month))


def login_archives(tx: Tx, before: date, limit: int) -> list[LoginArchiveView]:
    """Months that left the database or are leaving it, latest first."""
    return [
        LoginArchiveView(
            month=f"{one.month:%Y-%m}",
            state=one.state,
            rows=one.rows,
            days_sealed=one.days,
            seal=one.seal.hex() if one.seal is not None else None,
            begun_at=one.begun_at,
            archived_at=one.archived_at,
        )
        for one in tx.session.all(queries.ARCHIVES, before=before, limit=limit)
    ]


def archived_logins(
    tx: Tx, month: date, account_id: str | None, cursor: str | None, limit: int
) -> Onward[Page[ArchivedLoginView]]:
    """Read a month back from its sealed files, oldest first, of one account or of all.

    A page looks into five days at most, so it may hold fewer records than asked for although `next` says there is more.
    Raises LoginArchiveNotFound (not archived; not at the head hospital), LoginArchiveDamaged, StorageUnavailable.
    """
    day, line = _place(month, cursor)
    found = tx.session.first(queries.ARCHIVE, month=month)
    if found is None or found.state != "archived":
        raise LoginArchiveNotFound("该月的登录记录没有归档；未归档的请在“登录记录”中查询。")
    if not organisation.campus(tx).is_head:
        raise LoginArchiveNotFound("归档的登录记录存于总院，请由总院的安全管理员查阅。")
    days = tx.session.all(queries.DAYS_FROM, month=month, day=day, limit=FILES_AT_ONCE + 1)
    looked_at, beyond = days[:FILES_AT_ONCE], days[FILES_AT_ONCE:]
    files = {row.file_id: row for row in tx.session.all(queries.FILES, files=[one.file_id for one in looked_at])}
    tx.audit("archived_logins.read", "login_archive", month, account_id=account_id, day=str(day))

    def go_on(steps: Steps) -> Page[ArchivedLoginView]:
        items: list[ArchivedLoginView] = []
        for one in looked_at:
            first = line if one.day == day else 0
            for number, record in enumerate(_sealed(steps, one, files.get(one.file_id) if one.file_id else None)):
                if number < first or (account_id is not None and record.account_id != account_id):
                    continue
                if len(items) == limit:
                    return Page(items=items, next=f"{one.day}:{number}")
                items.append(record)
        return Page(items=items, next=f"{beyond[0].day}:0" if beyond else None)

    return Onward(Page(items=[], next=None), go_on)


# -- inside


def _next_month(tx: Tx, last: date | None) -> date | None:
    today = tx.now.astimezone(SHANGHAI).date()
    months = today.year * 12 + today.month - 1 - Retention().months_online
    online_from = min(date(months // 12, months % 12 + 1, 1), _month_after(LAST_MONTH))
    since = FIRST_MONTH if last is None else _month_after(last)
    if since >= online_from:
        return None
    oldest = tx.session.first(queries.OLDEST_SINCE, since=midnight(since), before=midnight(online_from))
    return oldest.astimezone(SHANGHAI).date().replace(day=1) if oldest is not None else None


def _month_after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _days_left(steps: Steps, month: date) -> list[date]:
    sealed = steps.step(lambda tx: tx.session.all(queries.DAYS_FROM, month=month, day=month, limit=31))
    known = {one.day for one in sealed}
    length = (_month_after(month) - month).days
    return [day for day in (month + timedelta(days=n) for n in range(length)) if day not in known][:DAYS_AT_ONCE]


def _seal_day(steps: Steps, month: date, day: date) -> None:
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        rows = _write(steps, day, file)
        if rows == 0:
            steps.step(lambda tx: _seal(tx, month, day, 0, None))
            return
        file.seek(0)
        bucket = store.object_store()
        reserved = steps.step(lambda tx: reserve(tx, RECORDS, CSV))
        uploaded = upload(bucket, reserved, file, LARGEST)
    stored = steps.step(lambda tx: confirm(tx, reserved.file_id, uploaded))
    back = sum(chunk.count(b"\n") for chunk in open_stream(bucket, stored))
    if back != rows + 1:
        raise FileDamaged("归档文件行数不符，已停止归档，请联系信息科。")
    steps.step(lambda tx: _seal(tx, month, day, rows, stored))


def _write(steps: Steps, day: date, file: IO[bytes]) -> int:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    after_at, after_id, rows = midnight(day), _FROM_THE_START, 0
    before = midnight(day + timedelta(days=1))
    while found := steps.step(lambda tx, at=after_at, one=after_id: _some(tx, before, at, one)):  # type: ignore[misc]
        lines.writerows(_line(row) for row in found)
        rows += len(found)
        after_at, after_id = found[-1].at, found[-1].event_id
    text.detach()
    return rows


def _some(tx: Tx, before: datetime, after_at: datetime, after_id: UUID) -> list[LoginEvent]:
    return tx.session.all(queries.EVENTS_AFTER, before=before, after_at=after_at, after_id=after_id, limit=ROWS_AT_ONCE)


def _line(row: LoginEvent) -> list[str]:
    """Line ends in what a stranger typed as a user name would tear a record apart, so they become spaces."""
    values = (getattr(row, name) for name in COLUMNS)
    texts = (one.astimezone(UTC).isoformat() if isinstance(one, datetime) else str(one or "") for one in values)
    return [" ".join(one.split()) if any(sign < " " or sign == "\x7f" for sign in one) else one for one in texts]


def _seal(tx: Tx, month: date, day: date, rows: int, file: StoredFile | None) -> None:
    last = tx.session.first(queries.LAST_DAY)
    sha256 = file.sha256 if file is not None else None
    sealed = tx.session.first(
        queries.SEAL,
        day=day,
        month=month,
        rows=rows,
        file_id=file.file_id if file is not None else None,
        sha256=sha256,
        chain=chain_of(last.chain if last is not None else b"", day, rows, sha256),
        now=tx.now,
    )
    if sealed is not None:
        tx.audit("logins.sealed", "login_archive", day, rows=rows, sha256=sha256.hex() if sha256 is not None else None)


def chain_of(before: bytes, day: date, rows: int, sha256: bytes | None) -> bytes:
    """The seal of a day: over the seal of the day before, the day, how many records, and its file's hash."""
    return hashlib.sha256(b"\0".join((before, f"{day} {rows}".encode(), sha256 or b""))).digest()


def _empty(tx: Tx, month: date) -> None:
    writing = tx.session.first(queries.TO_EMPTY)
    if writing is None or writing.month != month:
        return
    emptied = tx.session.one(queries.EMPTY_MONTH, month=month)
    if emptied < 0:
        log.error("a month of log-in records is not what was sealed", extra={"fields": {"month": str(month)}})
        return
    tx.session.one(queries.ARCHIVED, which=month, emptied=emptied, now=tx.now)
    tx.audit("logins.archived", "login_archive", month, rows=emptied)


def _place(month: date, cursor: str | None) -> tuple[date, int]:
    try:
        day, _, line = (cursor or f"{month}:0").partition(":")
        return date.fromisoformat(day), int(line)
    except ValueError as error:
        raise LoginArchiveNotFound("翻页标记无法识别，请从第一页重新查询。") from error


def _sealed(steps: Steps, day: LoginArchiveDay, file: StoredFile | None) -> Iterator[ArchivedLoginView]:
    """A day's records; a file that is not the sealed one leaves a trace before it is refused."""
    if day.file_id is None:
        return iter(())
    try:
        if file is None or file.sha256 != day.sha256:
            raise FileDamaged("归档文件与封存时不符。")
        content = b"".join(open_stream(store.object_store(), file))
    except FileDamaged as error:
        cause = error.code
        steps.step(lambda tx: tx.audit("archived_logins.damaged", "login_archive", day.day, cause=cause))
        raise LoginArchiveDamaged(
            f"{day.day} 的归档文件与封存时不符或已丢失，请保护现场并联系信息科、审计管理员。"
        ) from error
    return map(_record, islice(csv.reader(io.StringIO(content.decode())), 1, None))


def _record(values: list[str]) -> ArchivedLoginView:
    record = dict(zip(COLUMNS, values, strict=True))
    return ArchivedLoginView(
        at=datetime.fromisoformat(record["at"]),
        kind=record["kind"],
        **{name: record[name] or None for name in ("account_id", "client", "address", "error")},
    )
