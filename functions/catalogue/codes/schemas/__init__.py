"""Requests and answers of the code systems."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.schemas import Input, Moment, Text, View

SystemId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{1,39}$")]
CodeText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^\x00\s]+$")
]
Version = Annotated[int, Field(ge=1)]
Heading = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00]+$")]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class SystemKind(StrEnum):
    """What a code system is for."""

    DIAGNOSIS = "diagnosis"
    PROCEDURE = "procedure"
    TCM = "tcm"
    MORPHOLOGY = "morphology"
    VALUE_SET = "value_set"


class Hierarchy(StrEnum):
    """How a code finds its parent."""

    NONE = "none"
    PREFIX = "prefix"
    COLUMN = "column"


class Relation(StrEnum):
    """What the target of a mapping is to the code."""

    EQUAL = "equal"
    NARROWER = "narrower"
    BROADER = "broader"
    NONE = "none"


class ReadingProfile(Input):
    """How the official spreadsheet is read: headings of columns by name, columns filled down, the sheet."""

    columns: Annotated[dict[Annotated[str, Field(max_length=40)], Heading], Field(max_length=20)] = Field(
        default_factory=dict
    )
    fill_down: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=20)] = Field(default_factory=list)
    sheet: Heading | None = None


class RegisterSystem(Input):
    """A code system or value set. Without a pattern any code without blanks is taken."""

    system: SystemId
    name: Text
    issuer: Text
    standard: Text
    kind: SystemKind
    pattern: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")] = r"\S{1,60}"
    hierarchy: Hierarchy = Hierarchy.NONE
    profile: ReadingProfile = Field(default_factory=ReadingProfile)


class SystemView(View):
    system: str
    name: str
    issuer: str
    standard: str
    kind: SystemKind
    pattern: str
    hierarchy: Hierarchy
    profile: dict[str, Any]
    version: int


class AnnounceFile(Input):
    """A spreadsheet to come: its parts follow, base64, in pieces of `part_bytes`."""

    name: Text
    size: Annotated[int, Field(ge=1, le=64 * 1024 * 1024)]


class FilePart(Input):
    content: Annotated[str, Field(min_length=4, max_length=720_000, pattern=r"^[A-Za-z0-9+/=]+$")]


class FileView(View):
    file_id: UUID
    name: str
    size: int
    status: str
    sha256: str | None
    parts: int
    part_bytes: int


class StartImport(Input):
    """Read a received file as a list of a system. `profile` is used instead of the system's, and kept with
    `keep_profile`."""

    file_id: UUID
    label: Text
    announced: Count | None = None
    profile: ReadingProfile | None = None
    keep_profile: bool = False


class ImportView(View):
    """What was read: rows_read = accepted + rejected + ignored."""

    import_id: UUID
    system: str
    version_id: UUID | None
    file_id: UUID | None
    sha256: str
    status: str
    rows_read: int
    accepted: int
    rejected: int
    ignored: int
    new: int
    changed: int
    unchanged: int
    withdrawn: int
    fault: str | None
    imported_at: Moment
    version: int


class RejectView(View):
    row_no: int
    cells: dict[str, Any]
    faults: list[str]
    decision: str | None
    note: str | None


class DecideReject(Input):
    """Leave a rejected row out, or put it right with `code` and `display`. `replace` takes this row's display for a
    code the list already has."""

    leave_out: bool = False
    code: CodeText | None = None
    display: Text | None = None
    replace: bool = False
    note: Text | None = None


class PublishVersion(Input):
    """`effective_from` defaults to now. `confirm_count` accepts a count far from the announced one."""

    version: Version
    effective_from: Moment | None = None
    confirm_count: bool = False


class DiscardVersion(Input):
    version: Version
    reason: Text


class VersionView(View):
    version_id: UUID
    system: str
    label: str
    status: str
    codes: int
    announced: int | None
    effective_from: Moment | None
    effective_to: Moment | None
    maker: str
    checker: str | None
    version: int


class PublishedView(View):
    """A published version, and local codes that could not go on because their official code is gone."""

    version: int
    published: VersionView
    local_lost: list[str]


class ChangedView(View):
    code: str
    before: str | None
    after: str | None


class TermView(View):
    """A code with its version: system, label, code and display are what a record keeps."""

    system: str
    label: str
    code: str
    display: str
    parent: str | None
    leaf: bool
    local: bool
    official_code: str | None
    sex: str | None
    age_min_days: int | None
    age_max_days: int | None
    attrs: dict[str, Any]
    withdrawn_from: datetime | None
    successor: str | None


class NodeView(View):
    """A code with its ancestors, root first."""

    term: TermView
    ancestors: list[TermView]
    synonyms: list[str]


class FoundView(View):
    code: str
    display: str


class WithdrawCode(Input):
    successor: CodeText | None = None
    withdrawn_from: Moment | None = None
    reason: Text


class AddLocalCode(Input):
    """A local code under an official parent; it stands for `official_code` wherever data leave the house."""

    code: CodeText
    display: Text
    parent: CodeText
    official_code: CodeText
    reason: Text


class MappingRow(Input):
    from_code: CodeText
    to_code: CodeText | None = None
    relation: Relation


class DraftCodeMappings(Input):
    to_system: SystemId
    official: bool = False
    valid_from: Moment | None = None
    rows: Annotated[list[MappingRow], Field(min_length=1, max_length=2000)]


class CheckCodeMappings(Input):
    mapping_ids: Annotated[list[UUID], Field(min_length=1, max_length=2000)]


class CodeMappingView(View):
    mapping_id: UUID
    from_system: str
    from_code: str
    to_system: str
    to_code: str
    relation: Relation
    source: str
    status: str
    valid_from: Moment
    valid_to: Moment | None
    maker: str
    checker: str | None


class MappedPairView(View):
    """A mapping in force with the displays of both codes."""

    mapping_id: UUID
    from_code: str
    from_display: str | None
    to_code: str
    to_display: str | None
    relation: Relation
    source: str
    valid_from: Moment


class TranslationView(View):
    """A code in another system. Relation `none`: there is no mapping, and nothing is guessed."""

    code: str | None
    display: str | None
    relation: Relation


class UsedView(View):
    code: str
    uses: int


class AddSynonym(Input):
    code: CodeText
    word: Text


class SynonymView(View):
    synonym_id: UUID
    code: str
    word: str


class KeepFavourite(Input):
    code: CodeText
    kept: bool = True


class BindField(Input):
    system: SystemId
    strength: Annotated[str, Field(pattern="^(required|extensible)$")]
    version: Version | None = None


class BindingView(View):
    field: str
    system: str
    strength: str
    version: int
