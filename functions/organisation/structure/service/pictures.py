"""Pictures of people and scans of their licences: bytes in the object store, the row and its hash here."""

from io import BytesIO
from uuid import UUID

from functions.organisation.structure import client
from functions.organisation.structure.models import StaffFile
from functions.organisation.structure.problems import StaffNotActive
from functions.organisation.structure.problems.personal import PictureInvalid, PictureNotFound
from functions.organisation.structure.queries import personal as queries
from functions.organisation.structure.schemas.personal import AddPhoto, AddScan, RetirePicture, StaffFileView
from functions.organisation.structure.service.licences import licence
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.whose import own_staff
from shared.command import Document, Onward
from shared.ids import new_id
from shared.steps import Steps
from shared.storage import JPEG, PDF, PNG, FileKind, StoredFile, confirm, confirmed_file, open_stream, reserve, upload
from shared.tx import Tx

PHOTO = FileKind("staff-photo", frozenset({JPEG, PNG}))
SCAN = FileKind("licence-scan", frozenset({PDF, JPEG, PNG}))
LARGEST = {"photo": 300 * 1024, "licence_scan": 700 * 1024}
"""Bytes at most: a photo is on a card, a page is read on a screen; a request holds no more."""
_ENDINGS = {JPEG: "jpg", PNG: "png", PDF: "pdf"}


def add_photo(tx: Tx, staff_id: UUID, command: AddPhoto) -> Onward[StaffFileView]:
    """The picture of a person of the acting campus; it takes the place of the one before when it is stored.

    Raises PictureInvalid, StaffNotFound, StaffNotActive, StorageUnavailable.
    """
    person = own_staff(tx, staff_id)
    if person.status == "left":
        raise StaffNotActive("该职工已离职，不能再更换照片。")
    return _taken_in(tx, staff_id, None, "photo", command.picture, command.content_type, "")


def add_scan(tx: Tx, licence_id: UUID, command: AddScan) -> Onward[StaffFileView]:
    """One page of the scan of a licence of the acting campus's own staff. Raises PictureInvalid, LicenceNotFound."""
    row, _ = licence(tx, licence_id)
    if row.campus_id != tx.campus:
        raise PictureNotFound("扫描件由持证人所在院区人事登记。")
    return _taken_in(tx, row.staff_id, licence_id, "licence_scan", command.page, command.content_type, command.title)


def photo(tx: Tx, staff_id: UUID) -> Document:
    """The picture of a person, at the home campus. Raises PictureNotFound."""
    row = tx.session.first(queries.PHOTO, staff_id=staff_id)
    if row is None:
        raise PictureNotFound("该职工在本院区没有照片。")
    return _document(tx, row, "人员照片")


def scans_of(tx: Tx, licence_id: UUID) -> list[StaffFile]:
    """Pages of a licence's scan, retired ones too, in the order they came."""
    tx.audit("licence.scans_listed", "licence", licence_id)
    return tx.session.all(queries.SCANS, licence_id=licence_id)


def scan(tx: Tx, staff_file_id: UUID) -> Document:
    """One page, proved by its hash while it is read. Raises PictureNotFound."""
    row = tx.session.first(queries.STAFF_FILE, staff_file_id=staff_file_id)
    if row is None or row.kind != "licence_scan":
        raise PictureNotFound("没有这页扫描件，请刷新后核对。")
    return _document(tx, row, f"执业证书-{row.title}")


def retire_scan(tx: Tx, staff_file_id: UUID, command: RetirePicture) -> StaffFile:
    """Take a page out of use (登错、换新); it stays readable. Raises PictureNotFound."""
    row = tx.session.first(queries.STAFF_FILE, staff_file_id=staff_file_id)
    if row is None or row.campus_id != tx.campus or row.kind != "licence_scan":
        raise PictureNotFound("本院区没有这页扫描件，请刷新后核对。")
    retired = tx.session.first(
        queries.RETIRE_FILE, id_=staff_file_id, now=tx.now, by=tx.actor.subject, why=command.reason
    )
    if retired is None:
        raise PictureNotFound("这页扫描件已停用，请刷新后核对。")
    record(
        tx, "licence", row.licence_id, "scan_retired", before={"staff_file_id": staff_file_id}, reason=command.reason
    )
    return retired


def file_view(row: StaffFile) -> StaffFileView:
    """A picture or page as it is shown."""
    return StaffFileView(
        staff_file_id=row.staff_file_id,
        staff_id=row.staff_id,
        licence_id=row.licence_id,
        kind=row.kind,
        state="kept" if row.retired_at is None else "retired",
        content_type=row.content_type,
        title=row.title,
        sha256=row.sha256.hex(),
        added_at=row.added_at,
        retired_at=row.retired_at,
    )


# -- inside


def _taken_in(
    tx: Tx, staff_id: UUID, licence_id: UUID | None, kind: str, content: bytes, content_type: str, title: str
) -> Onward[StaffFileView]:
    if len(content) > LARGEST[kind]:
        most = LARGEST[kind] // 1024
        raise PictureInvalid(f"文件不能超过 {most} KB，请降低分辨率后上传；多页证书请逐页上传。")
    reserved = reserve(tx, PHOTO if kind == "photo" else SCAN, content_type)
    subject = ("staff", staff_id) if licence_id is None else ("licence", licence_id)
    record(tx, *subject, f"{kind}_reserved", after={"file_id": reserved.file_id})

    def go_on(steps: Steps) -> StaffFileView:
        uploaded = upload(client.object_store(), reserved, BytesIO(content), LARGEST[kind])

        def keep(later: Tx) -> StaffFileView:
            row = _row(later, confirm(later, reserved.file_id, uploaded), staff_id, licence_id, kind, title)
            if kind == "photo":
                later.session.execute(
                    queries.RETIRE_PHOTO, id_=staff_id, now=later.now, by=later.actor.subject, why="更换照片"
                )
            later.session.add(row)
            after = {"staff_file_id": row.staff_file_id, "sha256": row.sha256.hex()}
            record(later, *subject, f"{kind}_added", after=after)
            later.session.flush()
            return file_view(row)

        return steps.step(keep)

    view = StaffFileView(
        staff_file_id=None,
        staff_id=staff_id,
        licence_id=licence_id,
        kind=kind,
        state="uploading",
        content_type=content_type,
        title=title,
        sha256=None,
        added_at=None,
        retired_at=None,
    )
    return Onward(view, go_on)


def _row(tx: Tx, file: StoredFile, staff_id: UUID, licence_id: UUID | None, kind: str, title: str) -> StaffFile:
    assert file.sha256 is not None  # noqa: S101  a confirmed file has its hash
    return StaffFile(
        staff_file_id=new_id(),
        campus_id=tx.campus,
        staff_id=staff_id,
        kind=kind,
        licence_id=licence_id,
        file_id=file.file_id,
        content_type=file.content_type,
        sha256=file.sha256,
        title=title,
        added_at=tx.now,
        added_by=tx.actor.subject,
    )


def _document(tx: Tx, row: StaffFile, name: str) -> Document:
    file = confirmed_file(tx, row.file_id)
    tx.audit(f"{row.kind}.read", "staff", row.staff_id)
    ending = _ENDINGS[row.content_type]
    return Document(lambda: b"".join(open_stream(client.object_store(), file)), row.content_type, f"{name}.{ending}")
