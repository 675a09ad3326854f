"""Inputs and outputs of configuration packages (配置包)."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Discriminator, Field, StringConstraints, Tag

from functions.platform.permissions.schemas import Permission, PostCode
from shared.numbers import Reset
from shared.schemas import Input, Moment, Text, View

CampusCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,9}$")]
Everywhere = Literal[""]


class ParameterLine(Input):
    """One parameter at one level; the only kind that packages of format 1 hold."""

    kind: Literal["parameter"] = "parameter"
    key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]{1,80}$")]
    level: Literal["system", "campus"]
    level_id: CampusCode | Everywhere
    value: bool | int | Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


class TemplateContent(Input):
    permissions: Annotated[list[Permission], Field(min_length=1, max_length=200)]
    dimension: Literal["campus", "department", "own"]


class TemplateLine(Input):
    """The template of one post."""

    kind: Literal["template"]
    key: PostCode
    level: Literal["system"]
    level_id: Everywhere
    value: TemplateContent


class DataRuleLine(Input):
    """One rule over data, such as `mask.patient.phone`, for all campuses or one."""

    kind: Literal["data_rule"]
    key: Annotated[
        str, StringConstraints(pattern=r"^(mask|purpose|sensitive|export|break_glass)\.(\*|[a-z0-9_.]{1,60})$")
    ]
    level: Literal["system", "campus"]
    level_id: CampusCode | Everywhere
    value: dict[str, Any]
    """The content of the rule, checked like one that is asked for."""


class FormContent(Input):
    mark: Annotated[str, StringConstraints(pattern=r"^[A-Z]{0,4}$")]
    reset: Reset
    width: Annotated[int, Field(ge=1, le=8)]


class NumberRuleLine(Input):
    """How one series of numbers reads at one campus."""

    kind: Literal["number_rule"]
    key: Annotated[str, StringConstraints(pattern=r"^[a-z_.]{1,60}$")]
    level: Literal["campus"]
    level_id: CampusCode
    value: FormContent


def _kind_of(line: Any) -> str:
    return str(line.get("kind", "parameter") if isinstance(line, dict) else getattr(line, "kind", "parameter"))


PackageLine = Annotated[
    Annotated[ParameterLine, Tag("parameter")]
    | Annotated[TemplateLine, Tag("template")]
    | Annotated[DataRuleLine, Tag("data_rule")]
    | Annotated[NumberRuleLine, Tag("number_rule")],
    Discriminator(_kind_of),
]


class PackageFile(Input):
    """A package as it travels. The signature (Ed25519) is over everything else as canonical JSON."""

    format: Literal["his-configuration-1", "his-configuration-2"]
    source: Text
    note: Text
    made_at: Moment
    made_by: Text
    lines: Annotated[list[PackageLine], Field(min_length=1, max_length=5000)]
    key_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/=]{88}$")]


class ExportPackage(Input):
    note: Text


class ImportPackage(Input):
    file: PackageFile
    reason: Text


class PackageView(View):
    package_id: UUID
    source: str
    made_at: Moment
    made_by: str
    note: str
    key_id: str
    digest: str
    state: str
    reason: str
    refused_for: list[str]
    imported_at: Moment
    reviewed_at: Moment | None
    applied_at: Moment | None
    rolled_back_at: Moment | None
    version: int


class PackageFileView(View):
    """The signed file, to be kept as it is."""

    format: str
    source: str
    note: str
    made_at: str
    made_by: str
    lines: list[dict[str, Any]]
    key_id: str
    signature: str


class DifferenceLineView(View):
    """What the package changes, or changed; null: nothing set at that level."""

    kind: str
    kind_label: str
    key: str
    title: str
    level: str
    level_label: str
    level_id: str
    before: Any
    after: Any
    added: list[str]
    """Of a template: the permissions its holders gain, by name."""
    removed: list[str]
    holders: int | None
    """Of a template that is not in force yet: how many people hold the post."""
    risky: bool


class DifferenceView(View):
    package_id: UUID
    state: str
    same: int
    """Lines that say what counts already."""
    lines: list[DifferenceLineView]


class RollBack(Input):
    version: int
    reason: Text
