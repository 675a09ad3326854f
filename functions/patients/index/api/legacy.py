"""Routes of the migration of an old index (老系统迁移)."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.patients.index.api.routing import LAST, Cursor, Limit, read_cursor, router
from functions.patients.index.models import LegacyImport
from functions.patients.index.queries import legacy as queries
from functions.patients.index.schemas.legacy import ImportView, LegacyRowView, MoveImport, OpenImport, SendRows
from functions.patients.index.service import legacy
from shared.command import command, query
from shared.database.engine import REPORT
from shared.schemas import Page
from shared.tx import Tx

Outcome = Annotated[str, Parameter(pattern="^(new|linked|suspected|rejected)$")]


@router.post("/legacy-imports", status_code=201)
@command("patients.index.migrate")
def open_import(tx: Tx, body: OpenImport) -> ImportView:
    """Announce a file of the old system (老系统迁移)."""
    return _view(legacy.open_import(tx, body), 0)


@router.get("/legacy-imports")
@query("patients.index.migrate")
def list_imports(tx: Tx, limit: Limit = 50, cursor: Cursor = None) -> Page[ImportView]:
    """Imports of this campus, the youngest first."""
    found = tx.session.all(queries.LIST, campus=tx.campus, before=read_cursor(cursor, LAST), limit=limit)
    return Page[ImportView](
        items=[_view(row, row.rows) for row in found],
        next=str(found[-1].import_id) if len(found) == limit else None,
    )


@router.get("/legacy-imports/{import_id}")
@query("patients.index.migrate")
def read_import(tx: Tx, import_id: UUID) -> ImportView:
    """How far an import is."""
    row = tx.session.first(queries.FIND, import_id=import_id)
    if row is None:
        raise legacy.NoSuchImport("没有这次迁移，请刷新列表。")
    return _view(row, tx.session.one(queries.RECEIVED, import_id=import_id))


@router.get("/legacy-imports/{import_id}/rows")
@query("patients.index.migrate")
def list_rows(
    tx: Tx, import_id: UUID, outcome: Outcome = "rejected", after: int = 0, limit: Limit = 100
) -> Page[LegacyRowView]:
    """Rows by what became of them; rejected ones with the reason. `next` is the row number to go on after."""
    found = tx.session.all(queries.REJECTED, import_id=import_id, outcome=outcome, after=after, limit=limit)
    tx.audit("legacy_rows.read", "legacy_import", import_id, outcome=outcome)
    return Page[LegacyRowView](
        items=[
            LegacyRowView(
                row_no=row.row_no,
                legacy_no=str(row.person.get("legacy_no", "")),
                outcome=row.outcome or "",
                reason=row.reason,
                patient_id=row.patient_id,
            )
            for row in found
        ],
        next=str(found[-1].row_no) if len(found) == limit else None,
    )


@router.post("/legacy-imports/{import_id}/rows")
@command("patients.index.migrate", REPORT)
def send_rows(tx: Tx, import_id: UUID, body: SendRows) -> ImportView:
    """Send a chunk of the file."""
    return _view(*legacy.receive_rows(tx, import_id, body))


@router.post("/legacy-imports/{import_id}/check")
@command("patients.index.migrate", REPORT)
def check_import(tx: Tx, import_id: UUID, body: MoveImport) -> ImportView:
    """Close the file and begin the dry run (预检)."""
    row = legacy.check_import(tx, import_id, body.version)
    return _view(row, row.rows)


@router.post("/legacy-imports/{import_id}/load")
@command("patients.index.migrate")
def load_import(tx: Tx, import_id: UUID, body: MoveImport) -> ImportView:
    """Load what was checked (正式导入)."""
    row = legacy.load_import(tx, import_id, body.version)
    return _view(row, row.rows)


@router.post("/legacy-imports/{import_id}/advance")
@command("patients.index.migrate", REPORT)
def advance_import(tx: Tx, import_id: UUID) -> ImportView:
    """Deal with the next slice now instead of at the next minute."""
    row = legacy.advance(tx, import_id)
    return _view(row, row.rows)


@router.post("/legacy-imports/{import_id}/drop")
@command("patients.index.migrate")
def drop_import(tx: Tx, import_id: UUID, body: MoveImport) -> ImportView:
    """Give a file up before it is loaded (放弃)."""
    row = legacy.drop_import(tx, import_id, body.version)
    return _view(row, row.rows)


def _view(row: LegacyImport, received: int) -> ImportView:
    return ImportView(
        import_id=row.import_id,
        source=row.source,
        rows=row.rows,
        received=received,
        status=row.status,
        done=row.done,
        new=row.new_rows,
        linked=row.linked_rows,
        suspected=row.suspected_rows,
        rejected=row.rejected_rows,
        digest=row.digest,
        opened_at=row.opened_at,
        ended_at=row.ended_at,
        version=row.version,
    )
