"""Basis documents (依据文件): received in parts, kept with their hash, attached to what rests on them, never lost."""

from uuid import UUID

from functions.catalogue.codes import service as codes
from functions.catalogue.prices.models import DocumentLink, PriceDocument
from functions.catalogue.prices.problems import DocumentWrong
from functions.catalogue.prices.queries import documents as queries
from functions.catalogue.prices.schemas.documents import (
    AttachDocument,
    DocumentView,
    LinkView,
    RegisterDocument,
    RetireDocument,
)
from functions.catalogue.prices.service.items import known, require_head
from functions.organisation.structure import service as organisation
from shared.command import Document, Onward
from shared.ids import new_id
from shared.problems import NotFound
from shared.steps import Steps
from shared.tx import Tx

PURPOSE = "catalogue/prices"


def receive_document(tx: Tx, name: str, size: int) -> codes.ReceivedFile:
    """Announce a document; its parts follow. Raises FilePartWrong for what is no PDF or picture."""
    return codes.receive_document(tx, PURPOSE, name, size)


def register_document(tx: Tx, command: RegisterDocument) -> Onward[DocumentView]:
    """Register a received document by its number (依据文号); the file goes to the store before the row is written.

    Raises NotFound, DocumentWrong for a spreadsheet, DocumentTaken, FileIncomplete, FileContentMismatch,
    StorageUnavailable.
    """
    require_head(tx)
    file = codes.received(tx, command.file_id)
    if file.content_type not in codes.DOCUMENTS.values():
        raise DocumentWrong("依据文件须为 PDF、JPG 或 PNG；价格表请从目录导入处上传。")
    tx.audit("price_document.announced", "received_file", file.file_id, number=command.number)

    def go_on(steps: Steps) -> DocumentView:
        kept, _ = codes.content_of(steps, file.file_id)

        def keep(later: Tx) -> DocumentView:
            row = _row(later, kept, command)
            later.session.add(row)
            later.session.flush()
            later.audit("price_document.registered", "price_document", row.document_id, sha256=row.sha256)
            return document_view(row)

        return steps.step(keep)

    view = DocumentView(
        document_id=None,
        number=command.number,
        title=command.title,
        issued_on=command.issued_on,
        name=file.name,
        content_type=file.content_type,
        size=file.size,
        sha256=None,
        added_at=None,
        added_by=tx.actor.subject,
        retired_at=None,
        retire_reason=None,
    )
    return Onward(view, go_on)


def _row(tx: Tx, file: codes.ReceivedFile, command: RegisterDocument) -> PriceDocument:
    assert file.stored_file_id is not None and file.sha256 is not None  # noqa: S101, PT018  a kept file has both
    return PriceDocument(
        document_id=new_id(),
        received_id=file.file_id,
        stored_file_id=file.stored_file_id,
        number=command.number,
        title=command.title,
        issued_on=command.issued_on,
        name=file.name,
        content_type=file.content_type,
        size=file.size,
        sha256=file.sha256,
        added_at=tx.now,
        added_by=tx.actor.subject,
    )


def document(tx: Tx, document_id: UUID) -> PriceDocument:
    """A document, a retired one too. Raises NotFound."""
    found = tx.session.first(queries.DOCUMENT, document_id=document_id)
    if found is None:
        raise NotFound("没有这份依据文件，请刷新后重试。")
    return found


def documents(tx: Tx, number: str | None, before: UUID, limit: int) -> list[PriceDocument]:
    """Documents, latest first; with a number those in use of that number."""
    if number is None:
        return tx.session.all(queries.DOCUMENTS, before=before, limit=limit)
    return tx.session.all(queries.DOCUMENTS_NUMBERED, number=number, before=before, limit=limit)


def document_content(tx: Tx, document_id: UUID) -> Document:
    """The document as it was received, proved by its hash while it is read.

    The files are the head hospital's; a branch reads those that apply to it: attached to what is published for all
    campuses, or to a price that holds or will hold there, and not retired. The database lets it read no other's row.
    Raises NotFound, FileDamaged.
    """
    row = document(tx, document_id)
    if not organisation.campus(tx).is_head and not tx.session.one(queries.APPLIES, document_id=document_id, at=tx.now):
        raise NotFound(
            "该依据文件已作废、尚未公布或未用于本院区的价格；需要原件请向总院物价科索取。", sha256=row.sha256
        )
    content = codes.kept_content(tx, codes.received(tx, row.received_id))
    tx.audit("price_document.read", "price_document", document_id)
    return Document(content, row.content_type, row.name)


def attach_document(tx: Tx, document_id: UUID, command: AttachDocument) -> list[DocumentLink]:
    """Say what rests on a document; said twice it stands once. Raises NotFound, DocumentWrong for a retired one."""
    require_head(tx)
    row = document(tx, document_id)
    if row.retired_at is not None:
        raise DocumentWrong("该依据文件已作废，不能再附到价格或项目，请改用现行文件。", document_id=str(document_id))
    if tx.session.first(queries.TARGETS[command.target], key=command.key) is None:
        raise NotFound("没有所附的项目、价格、批次、规则或套餐，请核对后重试。")
    made = tx.session.first(
        queries.LINK,
        link=new_id(),
        document=document_id,
        target_=command.target,
        target_id_=command.key,
        now=tx.now,
        who=tx.actor.subject,
    )
    if made is not None:
        tx.audit("price_document.attached", "price_document", document_id, target=command.target, id=command.key)
    return links_of(tx, document_id)


def links_of(tx: Tx, document_id: UUID) -> list[DocumentLink]:
    """What rests on a document."""
    return tx.session.all(queries.LINKS_OF, document_id=document_id)


def attached(tx: Tx, target: str, target_id: str) -> list[PriceDocument]:
    """Documents of a price, a list, a rule or a package version; of an item also of its prices and their lists."""
    if target == "item":
        item = known(tx, target_id)
        return tx.session.all(queries.ATTACHED_TO_ITEM, item=item.item_id, code=item.code)
    return tx.session.all(queries.ATTACHED, target=target, target_id=target_id)


def retire_document(tx: Tx, document_id: UUID, command: RetireDocument) -> PriceDocument:
    """Take a document out of use (传错、换新); it and what it is attached to stay readable."""
    require_head(tx)
    document(tx, document_id)
    retired = tx.session.first(queries.RETIRE, id_=document_id, now=tx.now, who=tx.actor.subject, why=command.reason)
    if retired is None:
        raise DocumentWrong("该依据文件已作废，请刷新后核对。", document_id=str(document_id))
    tx.audit("price_document.retired", "price_document", document_id, reason=command.reason)
    return retired


def document_view(row: PriceDocument) -> DocumentView:
    """A document as it is shown."""
    return DocumentView.model_validate(row)


def link_view(row: DocumentLink) -> LinkView:
    """What rests on a document, as it is shown."""
    return LinkView.model_validate(row)
