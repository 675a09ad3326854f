"""Routes of basis documents."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.catalogue.prices.api.procedures import file_view
from functions.catalogue.prices.api.routing import LAST, Limit, router
from functions.catalogue.prices.schemas.documents import (
    AnnounceDocument,
    AttachDocument,
    DocumentView,
    LinkView,
    RegisterDocument,
    RetireDocument,
    Target,
    TargetId,
)
from functions.catalogue.prices.schemas.procedures import FileView
from functions.catalogue.prices.service import documenting
from shared.command import Document, command, query
from shared.schemas import Page
from shared.tx import Tx


@router.post("/documents/files", status_code=201)
@command("catalogue.prices.write")
def announce_document(tx: Tx, body: AnnounceDocument) -> FileView:
    """Announce a basis document; its parts follow at /files (上传依据文件)."""
    return file_view(documenting.receive_document(tx, body.name, body.size))


@router.post("/documents", status_code=201)
@command("catalogue.prices.write")
def register_document(tx: Tx, body: RegisterDocument) -> DocumentView:
    """Register a received basis document (登记依据文件)."""
    return documenting.register_document(tx, body)  # type: ignore[return-value]


@router.get("/documents")
@query("catalogue.prices.read")
def list_documents(
    tx: Tx,
    number: Annotated[str | None, Parameter(min_length=1, max_length=200, pattern=r"^[^\x00]+$")] = None,
    limit: Limit = 50,
    cursor: UUID | None = None,
) -> Page[DocumentView]:
    """Basis documents, latest first; of a number those in use (依据文件)."""
    found = documenting.documents(tx, number, cursor or LAST, limit)
    return Page[DocumentView](
        items=[documenting.document_view(one) for one in found],
        next=str(found[-1].document_id) if len(found) == limit else None,
    )


@router.get("/documents/attached")
@query("catalogue.prices.read")
def attached_documents(tx: Tx, target: Target, target_id: TargetId) -> list[DocumentView]:
    """Documents an item (with its prices and their lists), a price, a list, a rule or a package rests on."""
    return [documenting.document_view(one) for one in documenting.attached(tx, target, target_id)]


@router.get("/documents/{document_id}")
@query("catalogue.prices.read")
def read_document(tx: Tx, document_id: UUID) -> DocumentView:
    """A basis document with the SHA-256 of its file."""
    return documenting.document_view(documenting.document(tx, document_id))


@router.get("/documents/{document_id}/content")
@query("catalogue.prices.read")
def document_content(tx: Tx, document_id: UUID) -> Document:
    """The file of a basis document (查看依据文件)."""
    return documenting.document_content(tx, document_id)


@router.get("/documents/{document_id}/links")
@query("catalogue.prices.read")
def document_links(tx: Tx, document_id: UUID) -> list[LinkView]:
    """What rests on a document."""
    return [documenting.link_view(one) for one in documenting.links_of(tx, document_id)]


@router.post("/documents/{document_id}/links", status_code=201)
@command("catalogue.prices.write")
def attach_document(tx: Tx, document_id: UUID, body: AttachDocument) -> list[LinkView]:
    """Attach a document to an item, a price, a list, a rule or a package (附依据文件)."""
    return [documenting.link_view(one) for one in documenting.attach_document(tx, document_id, body)]


@router.post("/documents/{document_id}/retire")
@command("catalogue.prices.approve")
def retire_document(tx: Tx, document_id: UUID, body: RetireDocument) -> DocumentView:
    """Take a document out of use; it stays readable (作废依据文件)."""
    return documenting.document_view(documenting.retire_document(tx, document_id, body))
