"""Inputs and outputs of permissions and parameters."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.schemas import Input, Moment, Text, View

Permission = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}\.[a-z_]{1,40}$")]
PostCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
LevelName = Literal["system", "campus", "department", "workstation"]


# -- scopes and templates


class ScopeView(View):
    """A declared permission (权限点)."""

    code: str
    title: str
    risk: str
    risk_label: str
    posts: list[str]
    """Posts whose template in force holds it."""


class TemplateView(View):
    """What a post may do: the version in force, or the program's own (version 0)."""

    post: str
    title: str
    privileged: bool
    consortium_wide: bool
    dimension: str
    dimension_label: str
    version_no: int
    template_id: UUID | None
    permissions: list[str]


class DraftTemplate(Input):
    """A new version of a post's template; the whole list of permissions."""

    permissions: list[Permission] = Field(min_length=1, max_length=200)
    dimension: Literal["campus", "department", "own"] = "campus"
    reason: Text


class TemplateVersionView(View):
    template_id: UUID
    post: str
    version_no: int
    state: str
    permissions: list[str]
    dimension: str
    reason: str
    drafted_at: Moment
    reviewed_at: Moment | None
    valid_from: Moment | None
    valid_to: Moment | None
    holders: int | None
    version: int


class ConflictView(View):
    """A holder who would stand on two sides of a separation rule."""

    staff_id: UUID
    staff_no: str
    rule: str
    title: str
    campus_id: str | None


class PreviewView(View):
    """Whom a template version touches before it is in force."""

    template_id: UUID
    post: str
    added: list[str]
    removed: list[str]
    holders: int
    holders_by_campus: dict[str, int]
    conflicts: list[ConflictView]


class Step(Input):
    version: int


# -- requests and grants


class AskPermission(Input):
    """Apply for a post, or a single permission, for a member of staff at the acting campus."""

    staff_id: UUID
    kind: Literal["post", "permission"]
    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,119}$")]
    unit_id: UUID | None = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None
    ground: Text
    companion_id: UUID | None = None


class RefuseRequest(Input):
    version: int
    reason: Text


class RequestView(View):
    request_id: UUID
    request_no: str | None
    """Null on what was made before applications had numbers."""
    campus_id: str
    staff_id: UUID
    kind: str
    code: str
    title: str
    unit_id: UUID | None
    valid_from: Moment
    valid_to: Moment | None
    ground: str
    companion_id: UUID | None
    state: str
    asked_at: Moment
    agreed_at: Moment | None
    decided_at: Moment | None
    refusal: str | None
    result_id: UUID | None
    version: int


class EndGrant(Input):
    reason: Text


class GrantView(View):
    grant_id: UUID
    campus_id: str
    staff_id: UUID
    permission: str
    title: str
    unit_ids: list[UUID]
    ground: str
    companion_id: UUID | None
    valid_from: Moment
    valid_to: Moment
    ended_at: Moment | None


# -- freezing


class FreezeStaff(Input):
    reason_code: Literal["leaver", "incident", "risk", "lost_credential"]
    reason: Text


class FreezeView(View):
    freeze_id: UUID
    staff_id: UUID
    reason_code: str
    reason_label: str
    reason: str
    frozen_at: Moment
    lift_asked_at: Moment | None
    lifted_at: Moment | None


# -- rights


class LinkView(View):
    kind: str
    text: str
    row_id: str | None
    holds: bool


class WhyView(View):
    """能不能、为什么: the answer with its chain."""

    staff_id: UUID
    permission: str
    campus_id: str
    at: Moment
    allowed: bool
    chain: list[LinkView]


class HeldPostView(View):
    campus_id: str
    post: str
    title: str
    unit_id: UUID
    since: Moment
    until: Moment | None
    template_version: int


class CredentialView(View):
    """A licence or clinical privilege of a person (执业证书、医疗权限); `valid_to` is the first moment without it."""

    kind: str
    """licence, privilege."""
    title: str
    row_id: UUID
    campuses: list[str]
    valid_from: Moment
    valid_to: Moment | None
    state: str
    """valid, suspended."""


class SheetView(View):
    """What a person may do at a moment, campus by campus (权限单)."""

    staff_id: UUID
    staff_no: str
    name: str
    status: str
    at: Moment
    frozen: bool
    posts: list[HeldPostView]
    permissions: dict[str, list[str]]
    grants: list[GrantView]
    credentials: list[CredentialView]
    conflicts: list[str]


class HolderView(View):
    staff_id: UUID
    staff_no: str
    name: str
    campus_id: str
    by: str
    """The post, or `grant`."""
    until: Moment | None


class MenuEntryView(View):
    code: str
    title: str
    group: str


class MyRightsView(View):
    """What the signed-on person may do here and now, and what to show."""

    campuses: list[str]
    posts: list[str]
    permissions: list[str]
    menu: list[MenuEntryView]
    home: str | None
    second_factor: bool


class DataScopeView(View):
    """Whose rows a permission is about for this person now (数据范围)."""

    permission: str
    kind: str
    kind_label: str
    unit_ids: list[UUID]


# -- parameters


class SetValue(Input):
    """Another value of a parameter at a level from now or a later moment on."""

    level: LevelName
    level_id: Annotated[str, StringConstraints(max_length=40, pattern=r"^[a-z0-9-]*$")] = ""
    value: bool | int | Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
    valid_from: Moment | None = None
    reason: Text


class ValueView(View):
    value_id: UUID
    change_no: str | None
    """Null on what was set before changes had numbers."""
    key: str
    level: str
    level_label: str
    level_id: str
    value: Any
    state: str
    reason: str
    asked_at: Moment
    approved_at: Moment | None
    valid_from: Moment
    valid_to: Moment | None
    version: int


class ResolvedView(View):
    """The value that counts at a desk and the level it comes from."""

    key: str
    title: str
    value: Any
    level: str
    level_label: str
    since: Moment | None


class ParameterView(View):
    key: str
    title: str
    kind: str
    meaning: str
    owner: str
    default: Any
    risky: bool
    levels: list[str]
    value: Any
    level: str
    level_label: str


# -- attestation


class VerdictInput(Input):
    line_id: UUID
    verdict: Literal["keep", "strike"]


class AnswerAttestation(Input):
    version: int
    verdicts: list[VerdictInput] = Field(min_length=1, max_length=500)


class AttestationLineView(View):
    line_id: UUID
    staff_id: UUID
    code: str
    title: str
    kind: str
    verdict: str | None


class AttestationView(View):
    attestation_id: UUID
    unit_id: UUID
    quarter: str
    state: str
    opened_at: Moment
    due_at: Moment
    answered_at: Moment | None
    version: int


class AttestationSheetView(AttestationView):
    lines: list[AttestationLineView]


class ReconciliationView(View):
    run_id: UUID
    started_at: Moment
    finished_at: Moment | None
    outcome: str
    people: int
    changes: int
    differences: int
    lines: list[str]
