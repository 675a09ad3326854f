"""Bringing the people of an old system into the index (老系统迁移): sent in chunks, checked, then loaded in slices.

Each row ends as new, linked (the person is known), suspected (new, and a pair waits for the steward) or rejected, with
the reason; the four add up to the rows. A slice is one transaction: a crash costs nothing, the next minute goes on.
A file that was loaded before changes nothing, and a person who was loaded before is known by the old number.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson

from functions.patients.index.models import LegacyImport
from functions.patients.index.queries import legacy
from functions.patients.index.schemas.legacy import LegacyPerson, OpenImport, SendRows
from functions.patients.index.service.legacy_slice import Person, judge
from functions.patients.index.service.numbers import about_row, keys, mark
from shared.column_cipher import Cipher
from shared.database.engine import REPORT
from shared.ids import new_id
from shared.problems import Conflict, NotFound, Problem, Stale
from shared.steps import Steps
from shared.tx import Tx

SLICE = 2000
"""Rows of one transaction."""
SLICES_A_MINUTE = 30


class NoSuchImport(NotFound):
    code = "no_such_legacy_import"
    title = "没有这次迁移"


class ImportRunning(Conflict):
    code = "legacy_import_open"
    title = "该院区有未完成的迁移"
    constraint = "uq_legacy_imports_open"
    constraint_detail = "该院区还有一次迁移没有完成，请先完成或放弃它。"


class ImportState(Conflict):
    code = "legacy_import_state"
    title = "迁移当前状态不允许此操作"


class RowsMissing(Conflict):
    code = "legacy_rows_missing"
    title = "数据行尚未收齐"


class RowsBeyond(Problem):
    code = "legacy_rows_beyond"
    title = "行号超出申报的行数"


def open_import(tx: Tx, command: OpenImport) -> LegacyImport:
    """Announce a file of this campus. Raises ImportRunning while another is open."""
    row = LegacyImport(
        import_id=new_id(),
        campus_id=tx.campus,
        source=command.source,
        rows=command.rows,
        status="receiving",
        opened_at=tx.now,
        opened_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("legacy_import.opened", "legacy_import", row.import_id, rows=command.rows)
    return row


def receive_rows(tx: Tx, import_id: UUID, command: SendRows) -> tuple[LegacyImport, int]:
    """Take a chunk; returns the import and how many rows are here now. A chunk sent twice counts once."""
    current = _locked(tx, import_id, "receiving")
    if command.first + len(command.people) - 1 > current.rows:
        raise RowsBeyond(f"申报 {current.rows} 行，收到的行号超过了它，请核对文件。")
    seals = keys(tx, writing=True) if any(person.document_no for person in command.people) else None
    people = [_received(seals, import_id, row_no, one) for row_no, one in enumerate(command.people, command.first)]
    tx.session.execute(
        legacy.RECEIVE,
        campus=tx.campus,
        import_id=import_id,
        first=command.first,
        people=orjson.dumps(people).decode(),
        key_id=seals.newest if seals else None,
    )
    return current, tx.session.one(legacy.RECEIVED, import_id=import_id)


def _received(seals: Cipher | None, import_id: UUID, row_no: int, sent: LegacyPerson) -> dict[str, Any]:
    """A row as it is kept: the document number sealed beside the rest."""
    person = sent.model_dump(exclude_defaults=True)
    number = person.pop("document_no", None)
    if seals is None or not number:
        return {"person": person}
    sealed = seals.seal(number, about_row(import_id, row_no))
    return {"person": person, "document_no": sealed, "number": mark(seals, number)}


def check_import(tx: Tx, import_id: UUID, version: int) -> LegacyImport:
    """Close the file and begin the dry run; a file that was loaded before ends here, unchanged."""
    current = _locked(tx, import_id, "receiving", version)
    received = tx.session.one(legacy.RECEIVED, import_id=import_id)
    if received != current.rows:
        raise RowsMissing(f"申报 {current.rows} 行，已收到 {received} 行，请补传缺少的行后再检查。")
    digest = tx.session.one(legacy.DIGEST, import_id=import_id)
    before = tx.session.first(legacy.LOADED_BEFORE, campus=tx.campus, digest=digest)
    tx.audit("legacy_import.checked", "legacy_import", import_id, digest=digest)
    if before is not None:
        return _move(tx, current, "unchanged", digest=digest, like=before)
    return _move(tx, current, "checking", digest=digest)


def load_import(tx: Tx, import_id: UUID, version: int) -> LegacyImport:
    """After the report of the dry run: load for good."""
    current = _locked(tx, import_id, "checked", version)
    tx.audit("legacy_import.loaded", "legacy_import", import_id, digest=current.digest)
    return _move(tx, current, "loading")


def drop_import(tx: Tx, import_id: UUID, version: int) -> LegacyImport:
    """Give a file up before anything was loaded; its rows stay to be looked at."""
    current = _locked(tx, import_id, "receiving", version, "checking", "checked")
    tx.audit("legacy_import.dropped", "legacy_import", import_id)
    return _move(tx, current, "dropped", like=current)


def each_slice(tx: Tx) -> Callable[[Steps], None] | None:
    """A minute has passed: go on with the import that is under way at this campus, slice by slice."""
    current = tx.session.first(legacy.UNDER_WAY, campus=tx.campus)
    if current is None:
        return None
    import_id = current.import_id

    def go_on(steps: Steps) -> None:
        for _ in range(SLICES_A_MINUTE):
            if steps.step(lambda tx: advance(tx, import_id), REPORT).status not in {"checking", "loading"}:
                return

    return go_on


def advance(tx: Tx, import_id: UUID) -> LegacyImport:
    """Deal with the next slice of the phase that runs; nothing to do in any other state."""
    current = tx.session.first(legacy.LOCK, import_id=import_id)
    if current is None:
        raise NoSuchImport("没有这次迁移，请刷新列表。")
    if current.status not in {"checking", "loading"}:
        return current
    rows = tx.session.all(legacy.SLICE, import_id=import_id, after=current.done, until=current.done + SLICE)
    people = judge(tx, current, rows)
    return _judged(tx, current, people)


def _judged(tx: Tx, current: LegacyImport, people: list[Person]) -> LegacyImport:
    loading = current.status == "loading"
    if people:
        tx.session.execute(
            legacy.JUDGE,
            import_id=current.import_id,
            first=people[0].row.row_no,
            last=people[-1].row.row_no,
            outcomes=[person.outcome for person in people],
            reasons=[person.reason for person in people],
            patients=[person.patient_id if loading and person.outcome != "rejected" else None for person in people],
            numbers=[person.mark for person in people],
        )
    counts = {
        outcome: getattr(current, f"{outcome}_rows") + sum(person.outcome == outcome for person in people)
        for outcome in ("new", "linked", "suspected", "rejected")
    }
    done = current.done + len(people)
    status = current.status
    if done == current.rows:
        status = "loaded" if loading else "checked"
    return _move(tx, current, status, done=done, **counts)


def _locked(tx: Tx, import_id: UUID, wanted: str, version: int | None = None, *others: str) -> LegacyImport:
    current = tx.session.first(legacy.LOCK, import_id=import_id)
    if current is None:
        raise NoSuchImport("没有这次迁移，请刷新列表。")
    if version is not None:
        tx.check_version(current.version, version)
    if current.status not in {wanted, *others}:
        raise ImportState(f"迁移处于“{STATUS_NAMES[current.status]}”状态，不能进行此操作，请刷新后查看。")
    return current


STATUS_NAMES = {
    "receiving": "接收中",
    "checking": "检查中",
    "checked": "已检查",
    "loading": "导入中",
    "loaded": "已导入",
    "unchanged": "此前已导入，无变化",
    "dropped": "已放弃",
}


def _move(
    tx: Tx,
    current: LegacyImport,
    status: str,
    *,
    digest: str | None = None,
    like: LegacyImport | None = None,
    done: int = 0,
    new: int = 0,
    linked: int = 0,
    suspected: int = 0,
    rejected: int = 0,
) -> LegacyImport:
    moved = tx.session.first(
        legacy.MOVE,
        id_=current.import_id,
        seen=current.version,
        to_status=status,
        to_digest=digest,
        to_done=like.done if like else done,
        to_new=like.new_rows if like else new,
        to_linked=like.linked_rows if like else linked,
        to_suspected=like.suspected_rows if like else suspected,
        to_rejected=like.rejected_rows if like else rejected,
        at=tx.now,
        by=tx.actor.subject,
    )
    if moved is None:
        raise Stale("迁移已被他人推进，请刷新后再操作。")
    return moved
