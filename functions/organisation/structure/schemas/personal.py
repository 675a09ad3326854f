"""ID numbers, pictures and scans of people; what a leaver hands over."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Base64Bytes, Field

from functions.organisation.structure.rules.personal import read_id_number
from shared.schemas import Input, LongText, Moment, Text, View

IdNumber = Annotated[str, Field(max_length=40), AfterValidator(read_id_number)]
"""Resident ID number (公民身份号码) with a right check digit."""
Picture = Annotated[Base64Bytes, Field(max_length=1_000_000)]


class RecordIdNumber(Input):
    """The ID number of a person, or the right one in place of a wrong one; a correction says why."""

    number: IdNumber
    reason: Text | None = None


class FindByIdNumber(Input):
    number: IdNumber


class KnownPerson(View):
    """A person of any campus, as the directory has them."""

    staff_id: UUID
    staff_no: str
    name: str
    campus_id: str
    status: str


class IdNumberView(View):
    """The whole number: each reading is on record."""

    staff_id: UUID
    number: str


class IdNumberKept(View):
    """That a number is kept, with its middle hidden."""

    staff_id: UUID
    masked: str


class AddPhoto(Input):
    """A picture of a person (人员照片), Base64."""

    picture: Picture
    content_type: Literal["image/jpeg", "image/png"] = "image/jpeg"


class AddScan(Input):
    """One page of a licence's scan (执业证书扫描件), Base64."""

    page: Picture
    content_type: Literal["application/pdf", "image/jpeg", "image/png"]
    title: Text = Field(description="如 正本、变更注册页")


class RetirePicture(Input):
    reason: Text


class StaffFileView(View):
    staff_file_id: UUID | None
    """Null while the bytes are on their way."""
    staff_id: UUID
    licence_id: UUID | None
    kind: str
    state: Literal["uploading", "kept", "retired"]
    content_type: str
    title: str
    sha256: str | None
    added_at: Moment | None
    retired_at: Moment | None


class OpenWorkView(View):
    """A piece of open work of a person, as the module that keeps it says."""

    source: str
    message: str
    way_out: str


class SettleHandover(Input):
    """A piece of a leaver's work is taken over by a colleague, or done with and needs nobody."""

    version: int
    taken_by: UUID | None = None
    note: LongText


class HandoverView(View):
    """A line of a leaver's hand-over list (离职交接清单)."""

    item_id: UUID
    staff_id: UUID
    source: str
    message: str
    way_out: str
    listed_at: Moment
    taken_by: UUID | None
    note: str
    settled_at: Moment | None
    version: int
