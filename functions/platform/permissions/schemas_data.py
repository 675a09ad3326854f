"""Inputs and outputs of the rules over data and of the list of unused rights."""

from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from functions.platform.permissions.schemas import Permission, PostCode
from shared.identity.data_rules import Form
from shared.schemas import Input, Moment, Text, View

FieldName = Literal["patient.document", "patient.phone", "patient.address", "patient.employer", "patient.contact"]
Purpose = Literal["consultation", "records", "quality", "infection", "public_health", "insurance", "research"]
SensitiveClass = Literal["staff", "vip", "hiv", "mental_health", "minor", "domestic_violence", "other"]
Posts = Annotated[list[PostCode], Field(max_length=60)]


class MaskContent(Input):
    """What each post sees of a field; `others` is for the posts not named."""

    posts: Annotated[dict[PostCode, Form], Field(max_length=60)]
    others: Form = "reveal"


class PurposeContent(Input):
    """Which posts read beyond the own department for a purpose, under which permissions."""

    posts: Annotated[Posts, Field(min_length=1)]
    permissions: Annotated[list[Permission], Field(min_length=1, max_length=50)]


class SensitiveContent(Input):
    """How closed a class of records is, and which diagnoses (ICD-10 prefixes) make it."""

    level: Annotated[int, Field(ge=1, le=3)]
    posts: Posts = Field(default_factory=list)
    """Of level 2: who opens with a reason."""
    prefixes: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]{2}(\.[0-9]{1,2})?$")]], Field(max_length=100)
    ] = Field(default_factory=list)

    @model_validator(mode="after")
    def _posts(self) -> Self:
        if (self.level == 2) != bool(self.posts):
            raise ValueError("二级须指定可打开的岗位，一级和三级不指定岗位")
        return self


class ExportContent(Input):
    """Rows of personal data one export may hold."""

    most: Annotated[int, Field(ge=1, le=100_000)]


class BreakGlassReasonInput(Input):
    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,39}$")]
    title: Annotated[Text, StringConstraints(max_length=20)]


class BreakGlassContent(Input):
    """Reasons, duration and review of emergency openings (紧急调阅)."""

    reasons: Annotated[list[BreakGlassReasonInput], Field(min_length=1, max_length=10)]
    hours: Annotated[int, Field(ge=1, le=24)]
    review_working_days: Annotated[int, Field(ge=1, le=10)]
    shortest_reason: Annotated[int, Field(ge=10, le=100)] = 10

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len({one.code for one in self.reasons}) < len(self.reasons):
            raise ValueError("原因代码不能重复")
        return self


class _Ask(Input):
    everywhere: bool = False
    """For all campuses, set at the head hospital; otherwise for the acting campus."""
    reason: Text


class AskMask(_Ask):
    """Another mask of a field; without content the rule is lifted."""

    kind: Literal["mask"]
    key: FieldName
    content: MaskContent | None


class AskPurpose(_Ask):
    kind: Literal["purpose"]
    key: Purpose
    content: PurposeContent | None


class AskSensitive(_Ask):
    kind: Literal["sensitive"]
    key: SensitiveClass
    content: SensitiveContent | None


class AskExport(_Ask):
    """`key`: a post, or `*` for all."""

    kind: Literal["export"]
    key: Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9_]{0,39})$")]
    content: ExportContent | None


class AskBreakGlass(_Ask):
    kind: Literal["break_glass"]
    key: Literal["policy"] = "policy"
    content: BreakGlassContent | None


AskRule = Annotated[
    AskMask | AskPurpose | AskSensitive | AskExport | AskBreakGlass, Field(discriminator="kind", title="AskRule")
]


class RuleView(View):
    """A version of a rule over data; `content` is null when it lifts the rule."""

    rule_id: UUID
    kind: str
    kind_label: str
    key: str
    key_label: str
    at_campus: str
    content: dict[str, Any] | None
    state: str
    reason: str
    asked_at: Moment
    decided_at: Moment | None
    valid_from: Moment | None
    valid_to: Moment | None
    version: int


class ChoiceView(View):
    code: str
    title: str


class RuleChoicesView(View):
    """What a rule may name: for the editor."""

    kinds: list[ChoiceView]
    fields: list[ChoiceView]
    forms: list[ChoiceView]
    purposes: list[ChoiceView]
    classes: list[ChoiceView]
    levels: list[ChoiceView]


class MyFieldView(View):
    """What I see of a field."""

    field: str
    title: str
    form: str
    form_label: str


class SensitiveClassView(View):
    """The strictest sensitive class of diagnosis codes; null when none is sensitive."""

    sensitivity: str | None
    title: str | None
    level: int | None
    level_label: str | None


# -- unused rights


class UnusedView(View):
    """A post, or a single grant, whose permissions nobody used for so many days."""

    kind: str
    staff_id: UUID
    staff_no: str
    name: str
    code: str
    title: str
    since: Moment
    until: Moment | None
    last_used: date | None


class UnusedPage(View):
    """A window of the list. `complete`: uses have been recorded for 90 days; before, no posts are listed."""

    recorded_since: date | None
    complete: bool
    items: list[UnusedView]
    next: str | None


class UnusedPermissionView(View):
    """A permission of a post that no holder at the acting campus used."""

    post: str
    post_title: str
    permission: str
    permission_title: str
    holders: int
