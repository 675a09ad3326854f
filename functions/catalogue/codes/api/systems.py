"""Routes of systems, files, imports and versions."""

from typing import Annotated
from uuid import UUID

from fastapi import Path

from functions.catalogue.codes import exports, service
from functions.catalogue.codes.api.routing import LAST, After, Limit, System, router
from functions.catalogue.codes.models import ReceivedFile
from functions.catalogue.codes.queries.terms import Changed
from functions.catalogue.codes.schemas import (
    AnnounceFile,
    ChangedView,
    DecideReject,
    DiscardVersion,
    FilePart,
    FileView,
    ImportView,
    PublishedView,
    PublishVersion,
    RegisterSystem,
    RejectView,
    StartImport,
    SystemView,
    VersionView,
)
from shared.command import Document, Onward, command, query
from shared.database.engine import REPORT
from shared.schemas import Page
from shared.tx import Tx

PAGE = 5000
PartNumber = Annotated[int, Path(ge=1, le=200)]
RowNumber = Annotated[int, Path(ge=1, le=300_000)]


@router.get("/systems")
@query("catalogue.codes.read")
def list_systems(tx: Tx) -> list[SystemView]:
    """Registered code systems and value sets (编码体系)."""
    return [SystemView.model_validate(one) for one in service.systems(tx)]


@router.post("/systems", status_code=201)
@command("catalogue.codes.write")
def register_system(tx: Tx, body: RegisterSystem) -> SystemView:
    """Register a code system or value set (登记编码体系)."""
    return SystemView.model_validate(service.register_system(tx, body))


@router.post("/standard")
@command("catalogue.codes.write", REPORT)
def load_standard(tx: Tx) -> list[str]:
    """Load the value sets that come with the product and are not there yet (装载标准值域)."""
    return service.load_standard(tx)


# -- files


@router.post("/files", status_code=201)
@command("catalogue.codes.write")
def announce_file(tx: Tx, body: AnnounceFile) -> FileView:
    """Announce an official spreadsheet; its parts follow (上传官方表)."""
    return _file(service.receive_file(tx, "catalogue/codes", body.name, body.size))


@router.put("/files/{file_id}/parts/{part}")
@command("catalogue.codes.write")
def put_part(tx: Tx, file_id: UUID, part: PartNumber, body: FilePart) -> FileView:
    """One part of a spreadsheet (分段上传)."""
    return _file(service.add_part(tx, file_id, part, body.content))


@router.get("/files/{file_id}")
@query("catalogue.codes.read")
def read_file(tx: Tx, file_id: UUID) -> FileView:
    """A received file with its SHA-256 (原始文件)."""
    return _file(service.received(tx, file_id))


# -- imports


@router.post("/systems/{system}/imports", status_code=201)
@command("catalogue.codes.write")
def import_file(tx: Tx, system: System, body: StartImport) -> ImportView:
    """Read an official spreadsheet into a staged version (导入官方表)."""
    started = service.start_import(tx, system, body)
    answer = ImportView.model_validate(started)
    return Onward(answer, lambda steps: ImportView.model_validate(service.read_import(steps, started, body)))  # type: ignore[return-value]


@router.get("/systems/{system}/imports")
@query("catalogue.codes.read")
def list_imports(tx: Tx, system: System, limit: Limit = 50, cursor: UUID | None = None) -> Page[ImportView]:
    """Imports of a system, latest first (导入记录)."""
    found = service.imports(tx, system, cursor or LAST, limit)
    return Page[ImportView](
        items=[ImportView.model_validate(one) for one in found],
        next=str(found[-1].import_id) if len(found) == limit else None,
    )


@router.get("/imports/{import_id}")
@query("catalogue.codes.read")
def read_import(tx: Tx, import_id: UUID) -> ImportView:
    """One import with its arithmetic."""
    return ImportView.model_validate(service.read_import_row(tx, import_id))


# -- versions


@router.get("/systems/{system}/versions")
@query("catalogue.codes.read")
def list_versions(tx: Tx, system: System) -> list[VersionView]:
    """Versions of a system, latest first (版本)."""
    return [VersionView.model_validate(one) for one in service.versions(tx, system)]


@router.get("/versions/{version_id}/rejects")
@query("catalogue.codes.read")
def list_rejects(tx: Tx, version_id: UUID) -> list[RejectView]:
    """Rows that could not be taken, and what was decided (被拒行)."""
    return [RejectView.model_validate(one) for one in service.rejects(tx, version_id)]


@router.post("/versions/{version_id}/rejects/{row_no}")
@command("catalogue.codes.write")
def decide_reject(tx: Tx, version_id: UUID, row_no: RowNumber, body: DecideReject) -> RejectView:
    """Leave a rejected row out, or put it right (处理被拒行)."""
    return RejectView.model_validate(service.decide_reject(tx, version_id, row_no, body))


@router.post("/versions/{version_id}/publish")
@command("catalogue.codes.approve", REPORT)
def publish_version(tx: Tx, version_id: UUID, body: PublishVersion) -> PublishedView:
    """Check and publish a version from a moment on (校核发布)."""
    version, lost = service.publish_version(tx, version_id, body)
    return PublishedView(version=version.version, published=VersionView.model_validate(version), local_lost=lost)


@router.post("/versions/{version_id}/discard")
@command("catalogue.codes.write")
def discard_version(tx: Tx, version_id: UUID, body: DiscardVersion) -> VersionView:
    """Give a staged version up (作废)."""
    return VersionView.model_validate(service.discard_version(tx, version_id, body))


@router.get("/versions/{version_id}/differences")
@query("catalogue.codes.read", REPORT)
def version_differences(
    tx: Tx, version_id: UUID, older: UUID, limit: Limit = 100, after: After = ""
) -> Page[ChangedView]:
    """What a version changes against an older one (版本差异)."""
    found = service.version_difference(tx, older, version_id, after, limit)
    return Page[ChangedView](
        items=[ChangedView.model_validate(one) for one in found],
        next=found[-1].code if len(found) == limit else None,
    )


@router.get("/versions/{version_id}/differences.csv")
@query("catalogue.codes.read", REPORT)
def download_differences(tx: Tx, version_id: UUID, older: UUID) -> Document:
    """Everything a version changes against an older one (下载版本差异报告)."""
    changes: list[Changed] = []
    while page := service.version_difference(tx, older, version_id, changes[-1].code if changes else "", PAGE):
        changes += page
    return Document(lambda: exports.differences_csv(changes), "text/csv", f"差异-{version_id}.csv")


def _file(file: ReceivedFile) -> FileView:
    return FileView(
        file_id=file.file_id,
        name=file.name,
        size=file.size,
        status=file.status,
        sha256=file.sha256,
        parts=service.parts_of(file.size),
        part_bytes=service.PART_BYTES,
    )
