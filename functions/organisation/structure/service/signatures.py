"""Signature specimens (签名留样): the picture in the object store, its hash and the CA certificate here."""

from datetime import datetime
from io import BytesIO
from uuid import UUID

from functions.organisation.structure import client
from functions.organisation.structure.models import SignatureSpecimen
from functions.organisation.structure.problems import StaffNotActive, StaffNotFound
from functions.organisation.structure.problems.credentials import SignatureInvalid, SignatureNotFound
from functions.organisation.structure.queries import people, signatures
from functions.organisation.structure.schemas.credentials import RegisterSignature, RetireSignature, SignatureView
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.posts import posts_of
from shared.command import Document, Onward
from shared.ids import new_id
from shared.steps import Steps
from shared.storage import PNG, FileKind, Uploaded, confirm, confirmed_file, open_stream, reserve, upload
from shared.tx import Tx

SPECIMEN = FileKind("signature-specimen", frozenset({PNG}))
LARGEST = 200 * 1024
"""Bytes of a picture at most: it is printed on every prescription."""


def register_signature(tx: Tx, staff_id: UUID, command: RegisterSignature) -> Onward[SignatureView]:
    """Register the specimen of a person who works at the acting campus; it takes the place of the one before.

    The picture is stored between two transactions; until it is there the old specimen counts. Raises
    SignatureInvalid, StaffNotFound, StaffNotActive, StorageUnavailable.
    """
    if len(command.picture) > LARGEST:
        raise SignatureInvalid("签名图样不能超过 200 KB，请缩小后上传。")
    person = tx.session.first(people.STAFF, staff_id=staff_id)
    if person is None:
        raise StaffNotFound("没有这位职工，请核对后重新选择。")
    if person.status != "active":
        raise StaffNotActive("该职工不在岗，不能登记签名留样。")
    if person.campus_id != tx.campus and not any(held.campus_id == tx.campus for held in posts_of(tx, staff_id)):
        raise StaffNotFound("该职工不在本院区任职或派驻，请核对后重新选择。")
    reserved = reserve(tx, SPECIMEN, PNG)
    record(tx, "staff", staff_id, "signature_reserved", after={"file_id": reserved.file_id})

    def go_on(steps: Steps) -> SignatureView:
        uploaded = upload(client.object_store(), reserved, BytesIO(command.picture), LARGEST)
        return steps.step(lambda later: _registered(later, staff_id, reserved.file_id, uploaded, command))

    view = SignatureView(
        specimen_id=None,
        staff_id=staff_id,
        state="uploading",
        sha256=None,
        certificate_serial=command.certificate_serial,
        valid_from=None,
        valid_to=None,
    )
    return Onward(view, go_on)


def retire_signature(tx: Tx, staff_id: UUID, command: RetireSignature) -> SignatureView:
    """Take a specimen out of use at the acting campus; what was signed with it stays. Raises SignatureNotFound."""
    ended = _end(tx, staff_id, command.reason)
    if ended is None:
        raise SignatureNotFound("该职工在本院区没有有效的签名留样。")
    record(tx, "staff", staff_id, "signature_retired", reason=command.reason)
    return signature_view(ended, tx.now)


def signature_at(tx: Tx, staff_id: UUID, at: datetime | None = None) -> SignatureSpecimen:
    """The specimen a person signed with at the acting campus at a moment, by default now. Raises SignatureNotFound."""
    found = tx.session.first(signatures.SIGNATURE_AT, staff_id=staff_id, campus=tx.campus, at=at or tx.now)
    if found is None:
        raise SignatureNotFound("该职工在本院区没有签名留样，请先登记。")
    return found


def signature_picture(tx: Tx, staff_id: UUID, at: datetime | None = None) -> Document:
    """The picture of a specimen, proved by its hash while it is read."""
    found = signature_at(tx, staff_id, at)
    file = confirmed_file(tx, found.file_id)
    tx.audit("signature.read", "staff", staff_id)
    return Document(lambda: b"".join(open_stream(client.object_store(), file)), PNG, "签名留样.png")


def signature_view(row: SignatureSpecimen, now: datetime) -> SignatureView:
    """A specimen as it is shown."""
    over = row.valid_to is not None and row.valid_to <= now
    return SignatureView(
        specimen_id=row.specimen_id,
        staff_id=row.staff_id,
        state="retired" if over else "registered",
        sha256=row.sha256.hex(),
        certificate_serial=row.certificate_serial,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _registered(tx: Tx, staff_id: UUID, file_id: UUID, uploaded: Uploaded, command: RegisterSignature) -> SignatureView:
    confirm(tx, file_id, uploaded)
    _end(tx, staff_id, "更换签名留样")
    row = SignatureSpecimen(
        specimen_id=new_id(),
        campus_id=tx.campus,
        staff_id=staff_id,
        file_id=file_id,
        sha256=uploaded.sha256,
        certificate_serial=command.certificate_serial,
        valid_from=tx.now,
        valid_to=None,
        registered_by=tx.actor.subject,
    )
    tx.session.add(row)
    after = {"specimen_id": row.specimen_id, "sha256": uploaded.sha256.hex()}
    record(tx, "staff", staff_id, "signature_registered", after=after)
    tx.session.flush()
    return signature_view(row, tx.now)


def _end(tx: Tx, staff_id: UUID, why: str) -> SignatureSpecimen | None:
    return tx.session.first(
        signatures.END_SIGNATURE,
        id_=staff_id,
        campus=tx.campus,
        until=tx.now,
        now=tx.now,
        by=tx.actor.subject,
        why=why,
    )
