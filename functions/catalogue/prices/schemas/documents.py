"""Requests and answers about basis documents."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from shared.schemas import Input, Moment, Text, View

Target = Literal["item", "price", "batch", "rule", "package"]
TargetId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,40}$")]


class AnnounceDocument(Input):
    """A document to come (PDF, JPG or PNG): its parts follow, base64, in pieces of `part_bytes`."""

    name: Text
    size: Annotated[int, Field(ge=1, le=64 * 1024 * 1024)]


class RegisterDocument(Input):
    """A received document with its number (依据文号), title and day of issue."""

    file_id: UUID
    number: Text
    title: Text
    issued_on: date | None = None


class AttachDocument(Input):
    """What a document is the basis of: an item by its code, a price version, an imported list, a rule or a package
    version by its id."""

    target: Target
    target_id: TargetId

    @model_validator(mode="after")
    def _id(self) -> "AttachDocument":
        if self.target != "item":
            try:
                UUID(self.target_id)
            except ValueError as error:
                raise ValueError("编号须为 UUID") from error
        return self

    @property
    def key(self) -> str:
        """The code or id as it is kept."""
        return self.target_id if self.target == "item" else str(UUID(self.target_id))


class RetireDocument(Input):
    reason: Text


class DocumentView(View):
    """A basis document. `document_id` and `sha256` are null while the file is on its way to the store."""

    document_id: UUID | None
    number: str
    title: str
    issued_on: date | None
    name: str
    content_type: str
    size: int
    sha256: str | None
    added_at: Moment | None
    added_by: str
    retired_at: Moment | None
    retire_reason: str | None


class LinkView(View):
    document_id: UUID
    target: Target
    target_id: str
    attached_at: Moment
    attached_by: str
