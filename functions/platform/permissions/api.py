"""HTTP routes of permissions: scopes, templates, applications, grants, freezing, who may what and why."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.organisation.structure import service as organisation
from functions.platform.permissions import (
    api_data,
    api_my,
    api_numbers,
    api_packages,
    api_prints,
    api_settings,
    api_unused,
    rules,
    service,
)
from functions.platform.permissions.models import ExtraScope, Freeze, PermissionRequest, TemplateVersion
from functions.platform.permissions.schemas import (
    AskPermission,
    ConflictView,
    CredentialView,
    DraftTemplate,
    EndGrant,
    FreezeStaff,
    FreezeView,
    GrantView,
    HeldPostView,
    HolderView,
    LinkView,
    PreviewView,
    RefuseRequest,
    RequestView,
    ScopeView,
    SheetView,
    Step,
    TemplateVersionView,
    TemplateView,
    WhyView,
)
from shared.command import command, query
from shared.database.engine import REPORT
from shared.http import Router
from shared.identity.posts import PERMISSIONS, POSTS
from shared.schemas import Moment, Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
PostPath = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Scope = Annotated[str, Parameter(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}\.[a-z_]{1,40}$")]
Campus = Annotated[str | None, Parameter(pattern=r"^[a-z][a-z0-9]{1,9}$")]
LAST = UUID(int=2**128 - 1)


# -- scopes and templates


@router.get("/scopes")
@query("platform.permissions.read")
def list_scopes(tx: Tx) -> list[ScopeView]:
    """Every permission a route may ask for, and the posts that hold it (权限点)."""
    contents = service.templates(tx)
    return [
        ScopeView(
            code=code,
            title=title,
            risk=rules.risk_of(code),
            risk_label=rules.RISK_TITLES[rules.risk_of(code)],
            posts=sorted(post for post, meant in contents.items() if code in meant.permissions),
        )
        for code, title in PERMISSIONS.items()
    ]


@router.get("/templates")
@query("platform.permissions.read")
def list_templates(tx: Tx, at: Moment | None = None) -> list[TemplateView]:
    """What every post may do, now or at a past moment (岗位模板)."""
    return [_template(meant) for meant in service.templates(tx, at).values()]


@router.get("/templates/{post}/versions")
@query("platform.permissions.read")
def list_versions(
    tx: Tx, post: PostPath, limit: Limit = 50, cursor: Annotated[int | None, Parameter(ge=1, le=2**31 - 1)] = None
) -> Page[TemplateVersionView]:
    """Versions of a post's template, latest first (模板历史)."""
    found = service.versions_of(tx, post, cursor or 2**31 - 1, limit)
    return Page[TemplateVersionView](
        items=[_version(row) for row in found], next=str(found[-1].version_no) if len(found) == limit else None
    )


@router.post("/templates/{post}/versions", status_code=201)
@command("platform.permissions.grant")
def draft_template(tx: Tx, post: PostPath, body: DraftTemplate) -> TemplateVersionView:
    """Draft the next version of a post's template (拟订模板)."""
    return _version(service.draft_template(tx, post, body))


@router.get("/template-versions/{template_id}/preview")
@query("platform.permissions.read", REPORT)
def preview_template(tx: Tx, template_id: UUID) -> PreviewView:
    """Whom a version would touch, what they gain and lose, who would break a rule (影响预览)."""
    found = service.preview(tx, template_id)
    return PreviewView(
        template_id=template_id,
        post=found.template.post,
        added=found.added,
        removed=found.removed,
        holders=found.holders,
        holders_by_campus=found.by_campus,
        conflicts=[
            ConflictView(
                staff_id=one.staff_id,
                staff_no=one.staff_no,
                rule=one.rule.code,
                title=one.rule.title,
                campus_id=one.campus,
            )
            for one in found.conflicts
        ],
    )


@router.post("/template-versions/{template_id}/review")
@command("platform.permissions.approve")
def review_template(tx: Tx, template_id: UUID, body: Step) -> TemplateVersionView:
    """The owner office agrees with a draft (审批模板)."""
    return _version(service.review_template(tx, template_id, body.version))


@router.post("/template-versions/{template_id}/publish")
@command("platform.permissions.grant", REPORT)
def publish_template(tx: Tx, template_id: UUID, body: Step) -> TemplateVersionView:
    """Put an agreed version in force (发布模板)."""
    return _version(service.publish_template(tx, template_id, body.version))


@router.post("/template-versions/{template_id}/withdraw")
@command("platform.permissions.grant")
def withdraw_template(tx: Tx, template_id: UUID, body: Step) -> TemplateVersionView:
    """Give up a version that is not in force (撤回模板)."""
    return _version(service.withdraw_template(tx, template_id, body.version))


# -- applications and single grants


@router.get("/requests")
@query("platform.permissions.read")
def list_requests(
    tx: Tx,
    state: Annotated[str, Parameter(pattern="^(requested|agreed|approved|refused)$")] = "requested",
    limit: Limit = 50,
    cursor: UUID | None = None,
) -> Page[RequestView]:
    """Applications of the acting campus in a state (权限申请)."""
    found = service.requests_here(tx, state, cursor or LAST, limit)
    return Page[RequestView](
        items=[_request(row) for row in found], next=str(found[-1].request_id) if len(found) == limit else None
    )


@router.get("/requests/numbered/{request_no}")
@query("platform.permissions.read")
def read_request(tx: Tx, request_no: Annotated[str, Path(pattern=r"^[A-Za-z]{1,5}[0-9]{3,20}$")]) -> RequestView:
    """The application of the acting campus with the number on its form (按申请编号查找)."""
    return _request(service.numbered_request(tx, request_no.upper()))


@router.post("/requests", status_code=201)
@command("platform.permissions.apply")
def ask_permission(tx: Tx, body: AskPermission) -> RequestView:
    """Apply for a post or a single permission (申请权限)."""
    return _request(service.ask_permission(tx, body))


@router.post("/requests/{request_id}/agree")
@command("platform.permissions.approve")
def agree_request(tx: Tx, request_id: UUID, body: Step) -> RequestView:
    """The owner office agrees (归口审批)."""
    return _request(service.agree_request(tx, request_id, body.version))


@router.post("/requests/{request_id}/carry-out")
@command("platform.permissions.grant")
def carry_out_request(tx: Tx, request_id: UUID, body: Step) -> RequestView:
    """Assign the post or grant the permission that was agreed (授权)."""
    return _request(service.carry_out_request(tx, request_id, body.version))


@router.post("/requests/{request_id}/refuse")
@command("platform.permissions.approve")
def refuse_request(tx: Tx, request_id: UUID, body: RefuseRequest) -> RequestView:
    """The owner office says no (驳回)."""
    return _request(service.refuse_request(tx, request_id, body.version, body.reason))


@router.get("/grants")
@query("platform.permissions.read")
def list_grants(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[GrantView]:
    """Single grants of the acting campus in force or to come (单项授权)."""
    found = service.grants_here(tx, cursor or LAST, limit)
    return Page[GrantView](
        items=[_grant(row) for row in found], next=str(found[-1].grant_id) if len(found) == limit else None
    )


@router.post("/grants/{grant_id}/end")
@command("platform.permissions.grant")
def end_grant(tx: Tx, grant_id: UUID, body: EndGrant) -> GrantView:
    """End a single grant before its time (结束授权)."""
    return _grant(service.end_grant(tx, grant_id, body.reason))


# -- freezing


@router.get("/freezes")
@query("platform.permissions.read")
def list_freezes(tx: Tx) -> list[FreezeView]:
    """Everybody who is frozen now (冻结名单)."""
    return [_freeze(row) for row in service.open_freezes(tx)]


@router.post("/staff/{staff_id}/freeze")
@command("platform.permissions.freeze")
def freeze_staff(tx: Tx, staff_id: UUID, body: FreezeStaff) -> FreezeView:
    """Shut a person out at once (冻结)."""
    return _freeze(service.freeze_staff(tx, staff_id, body))


@router.post("/staff/{staff_id}/ask-lift")
@command("platform.permissions.freeze")
def ask_lift(tx: Tx, staff_id: UUID) -> FreezeView:
    """The first of two says that a freeze may end (提出解冻)."""
    return _freeze(service.ask_lift(tx, staff_id))


@router.post("/staff/{staff_id}/lift")
@command("platform.permissions.freeze")
def lift_freeze(tx: Tx, staff_id: UUID) -> FreezeView:
    """The second of two ends a freeze (解冻)."""
    return _freeze(service.lift_freeze(tx, staff_id))


# -- who may what


@router.get("/staff/{staff_id}/rights")
@query("platform.permissions.read")
def read_sheet(tx: Tx, staff_id: UUID, at: Moment | None = None) -> SheetView:
    """What a person may do, or could at a past moment (权限单)."""
    found = service.sheet(tx, staff_id, at)
    tx.audit("rights.read", "staff", staff_id)
    contents = {post: meant.permissions for post, meant in found.templates.items()}
    held: dict[str, set[str]] = {}
    for one in found.posts:
        held.setdefault(one.campus_id, set()).add(one.post)
    return SheetView(
        staff_id=staff_id,
        staff_no=found.staff.staff_no,
        name=found.staff.name,
        status=found.staff.status,
        at=found.at,
        frozen=found.shut_out,
        posts=[
            HeldPostView(
                campus_id=one.campus_id,
                post=one.post,
                title=POSTS[one.post].title,
                unit_id=one.unit_id,
                since=one.valid_from,
                until=one.valid_to,
                template_version=found.templates[one.post].version_no,
            )
            for one in found.posts
        ],
        permissions={campus: sorted(found.permissions(campus)) for campus in found.campuses},
        grants=[_grant(row) for row in found.grants],
        credentials=[
            CredentialView(**{**paper._asdict(), "campuses": list(paper.campuses)}) for paper in found.credentials
        ],
        conflicts=[rule.title for rule, _ in rules.broken_by(held, contents)],
    )


@router.get("/staff/{staff_id}/why")
@query("platform.permissions.read")
def why(tx: Tx, staff_id: UUID, permission: Scope, campus: Campus = None, at: Moment | None = None) -> WhyView:
    """Whether a person may do something, and why (能不能、为什么)."""
    where = campus or tx.campus
    moment: datetime = at or tx.now
    allowed, chain = service.why(tx, staff_id, permission, where, moment)
    return WhyView(
        staff_id=staff_id,
        permission=permission,
        campus_id=where,
        at=moment,
        allowed=allowed,
        chain=[LinkView(kind=link.kind, text=link.text, row_id=link.row_id, holds=link.holds) for link in chain],
    )


@router.get("/holders")
@query("platform.permissions.read", REPORT)
def list_holders(
    tx: Tx, permission: Scope, limit: Limit = 100, cursor: Annotated[int, Parameter(ge=0, le=1_000_000)] = 0
) -> Page[HolderView]:
    """Who holds a permission now, at any campus (谁有此权限)."""
    found = service.holders(tx, permission)
    window = found[cursor : cursor + limit]
    people = organisation.staff_members(tx, [one.staff_id for one in window])
    items = [
        HolderView(
            staff_id=one.staff_id,
            staff_no=people[one.staff_id].staff_no,
            name=people[one.staff_id].name,
            campus_id=one.campus_id,
            by=one.by,
            until=one.until,
        )
        for one in window
        if one.staff_id in people
    ]
    return Page[HolderView](items=items, next=str(cursor + limit) if cursor + limit < len(found) else None)


for part in (api_settings, api_data, api_my, api_numbers, api_packages, api_prints, api_unused):
    router.include_router(part.router)


# -- views


def _template(meant: service.Template) -> TemplateView:
    post = POSTS[meant.post]
    return TemplateView(
        post=meant.post,
        title=post.title,
        privileged=post.privileged,
        consortium_wide=post.consortium_wide,
        dimension=meant.dimension,
        dimension_label=rules.DIMENSION_TITLES[meant.dimension],
        version_no=meant.version_no,
        template_id=meant.template_id,
        permissions=sorted(meant.permissions),
    )


def _version(row: TemplateVersion) -> TemplateVersionView:
    return TemplateVersionView.model_validate(row)


def _request(row: PermissionRequest) -> RequestView:
    title = POSTS[row.code].title if row.kind == "post" and row.code in POSTS else PERMISSIONS.get(row.code, row.code)
    names = [name for name in RequestView.model_fields if name != "title"]
    return RequestView(title=title, **{name: getattr(row, name) for name in names})


def _grant(row: ExtraScope) -> GrantView:
    names = [name for name in GrantView.model_fields if name != "title"]
    title = PERMISSIONS.get(row.permission, row.permission)
    return GrantView(title=title, **{name: getattr(row, name) for name in names})


def _freeze(row: Freeze) -> FreezeView:
    names = [name for name in FreezeView.model_fields if name != "reason_label"]
    label = rules.FREEZE_REASONS[row.reason_code]
    return FreezeView(reason_label=label, **{name: getattr(row, name) for name in names})
