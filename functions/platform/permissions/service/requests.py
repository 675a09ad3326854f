"""Applications (权限申请): department head asks, owner office agrees, security administrator carries out."""

from datetime import datetime
from uuid import UUID

from events.platform import ExtraScopeGranted
from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries, rules
from functions.platform.permissions.models import ExtraScope, PermissionRequest
from functions.platform.permissions.problems import (
    LicenceLacking,
    NotHere,
    RequestNotFound,
    TemplateNotFound,
    TooManyGrants,
    WrongState,
)
from functions.platform.permissions.schemas import AskPermission
from functions.platform.permissions.service.templating import templates
from shared.identity.posts import POSTS
from shared.identity.rights import MAX_GRANTS
from shared.ids import new_id
from shared.numbers import NUMBERINGS
from shared.problems import Invalid, Stale
from shared.tx import Tx

REQUEST_NUMBERS = NUMBERINGS["platform.permission_request"]


def ask_permission(tx: Tx, command: AskPermission) -> PermissionRequest:
    """Apply for a post or a single permission at the acting campus, for a term that lies ahead.

    What would keep a post from being assigned is said now, not at the third desk. Raises NotHere, EndMissing,
    TermTooLong, CompanionMissing, SeparationBroken, UnknownPermission, TemplateNotFound, LicenceLacking, and for a
    post what organisation/structure refuses: IncompatiblePosts, NotTheirs, StaffNotActive.
    """
    valid_from = command.valid_from or tx.now
    if command.valid_to is not None and command.valid_to <= max(valid_from, tx.now):
        raise Invalid(
            "截止日期须晚于开始时间和现在，请改填。",
            errors=[{"field": "valid_to", "message": "须晚于开始时间和现在"}],
        )
    person, _ = organisation.staff_card(tx, command.staff_id)
    if person.status != "active":
        raise NotHere("该职工已停职或离职，不能申请权限。")
    if command.kind == "post":
        if command.code not in POSTS:
            raise TemplateNotFound(f"没有岗位“{command.code}”，请从岗位表中选择。")
        rules.check_post_term(person.employment, command.valid_to)
        begins = max(valid_from, tx.now)
        _check_licence(tx, command.staff_id, command.code, begins)
        if tx.actor.staff_id != command.staff_id:  # a head may ask for his own; somebody else assigns it
            organisation.appointed(
                tx, _assignment(command.staff_id, command.code, command.unit_id, begins, command.valid_to)
            )
    else:
        rules.known([command.code])
        rules.check_term(
            command.code,
            person.employment,
            valid_from,
            command.valid_to,
            accompanied=command.companion_id is not None,
        )
        _check_fits(tx, command.staff_id, command.code)
    if command.companion_id is not None:
        organisation.staff_member(tx, command.companion_id)
    row = PermissionRequest(
        request_id=new_id(),
        campus_id=tx.campus,
        staff_id=command.staff_id,
        kind=command.kind,
        code=command.code,
        unit_id=command.unit_id,
        valid_from=valid_from,
        valid_to=command.valid_to,
        ground=command.ground,
        companion_id=command.companion_id,
        state="requested",
        asked_at=tx.now,
        asked_by=tx.actor.subject,
        asked_name=tx.actor.name,
        request_no=tx.document_number(REQUEST_NUMBERS, organisation.campus(tx).letter),
    )
    tx.session.add(row)
    tx.audit("permission.asked", "permission_request", row.request_id, staff_id=str(row.staff_id), code=row.code)
    return row


def agree_request(tx: Tx, request_id: UUID, version: int) -> PermissionRequest:
    """The owner office agrees. Raises SamePerson, WrongState, Stale."""
    row = _own(tx, request_id)
    tx.assert_distinct([row.asked_by], "申请与审批须由不同人员办理。")
    if row.state != "requested":
        raise _state(row)
    after = tx.session.first(
        queries.AGREE_REQUEST, id_=request_id, seen=version, now=tx.now, by=tx.actor.subject, name=tx.actor.name
    )
    if after is None:
        raise _stale(row)
    tx.audit("permission.agreed", "permission_request", request_id, staff_id=str(row.staff_id), code=row.code)
    return after


def carry_out_request(tx: Tx, request_id: UUID, version: int) -> PermissionRequest:
    """Assign the post or grant the permission that was agreed, in this very transaction.

    Raises SamePerson, WrongState, Stale, SeparationBroken, GrantOverlaps, and what organisation/structure refuses.
    """
    row = _own(tx, request_id)
    tx.assert_distinct([row.asked_by, row.agreed_by], "申请、审批与授权须由不同人员办理。")
    if row.state != "agreed":
        raise _state(row)
    if row.kind == "post":
        since = _begins(tx, row)
        assignment = organisation.assign_post(
            tx, _assignment(row.staff_id, row.code, row.unit_id, since, row.valid_to, row.ground)
        )
        result = assignment.assignment_id
    else:
        result = _grant(tx, row).grant_id
    after = tx.session.first(
        queries.DECIDE_REQUEST,
        id_=request_id,
        seen=version,
        from_=["agreed"],
        to="approved",
        now=tx.now,
        by=tx.actor.subject,
        name=tx.actor.name,
        why=None,
        result=result,
    )
    if after is None:
        raise _stale(row)
    tx.audit("permission.granted", "permission_request", request_id, staff_id=str(row.staff_id), code=row.code)
    return after


def refuse_request(tx: Tx, request_id: UUID, version: int, reason: str) -> PermissionRequest:
    """Say no, at either desk. Raises WrongState, Stale."""
    row = _own(tx, request_id)
    if row.state not in ("requested", "agreed"):
        raise _state(row)
    after = tx.session.first(
        queries.DECIDE_REQUEST,
        id_=request_id,
        seen=version,
        from_=["requested", "agreed"],
        to="refused",
        now=tx.now,
        by=None if tx.actor.subject in {row.asked_by, row.agreed_by} else tx.actor.subject,
        name=tx.actor.name,
        why=reason,
        result=None,
    )
    if after is None:
        raise _stale(row)
    tx.audit("permission.refused", "permission_request", request_id, staff_id=str(row.staff_id), code=row.code)
    return after


def requests_here(tx: Tx, state: str, before: UUID, limit: int) -> list[PermissionRequest]:
    """Applications of the acting campus in a state, latest first."""
    return tx.session.all(queries.REQUESTS, campus=tx.campus, state=state, before=before, limit=limit)


def numbered_request(tx: Tx, request_no: str) -> PermissionRequest:
    """The application of the acting campus with a number. Raises RequestNotFound."""
    row = tx.session.first(queries.REQUEST_NUMBERED, request_no=request_no)
    if row is None or row.campus_id != tx.campus:
        raise RequestNotFound("本院区没有这个编号的申请，请核对编号。")
    return row


# -- inside


def _assignment(
    staff_id: UUID,
    post: str,
    unit_id: UUID | None,
    valid_from: datetime,
    valid_to: datetime | None,
    basis: str | None = None,
) -> organisation.AssignPost:
    return organisation.AssignPost(
        staff_id=staff_id,
        post=post,
        unit_id=unit_id,
        is_main=False,
        valid_from=valid_from,
        valid_to=valid_to,
        basis=basis,
    )


def _check_licence(tx: Tx, staff_id: UUID, post: str, at: datetime) -> None:
    """Refuse what rests on a licence the person has not when it begins. Raises LicenceLacking, StaffNotFound."""
    verdict = organisation.post_licence_at(tx, staff_id, post, at)
    if verdict is None or verdict.allowed:
        return
    number = ""
    if verdict.source == "licences" and verdict.source_id is not None:
        row, _ = organisation.licence(tx, verdict.source_id)
        number = f"证书编号 {row.number}。"
    raise LicenceLacking(
        f"“{POSTS[post].title}”须凭执业证书：{verdict.reason}{number}请先在组织机构登记有效证书后再申请。",
        reason_code=verdict.code,
    )


def _begins(tx: Tx, row: PermissionRequest) -> datetime:
    """When what was asked for begins, carried out now. Raises WrongState when it would already be over."""
    begins = max(row.valid_from, tx.now)
    if row.valid_to is not None and row.valid_to <= begins:
        raise WrongState("申请的期限已过，请重新申请。", state_now=row.state)
    return begins


def _grant(tx: Tx, row: PermissionRequest) -> ExtraScope:
    _check_fits(tx, row.staff_id, row.code)
    valid_from = _begins(tx, row)
    assert row.valid_to is not None  # noqa: S101  checked when it was asked
    grant = ExtraScope(
        grant_id=new_id(),
        campus_id=tx.campus,
        staff_id=row.staff_id,
        permission=row.code,
        unit_ids=[] if row.unit_id is None else [row.unit_id],
        ground=row.ground,
        companion_id=row.companion_id,
        approved_by=row.agreed_by or "",
        granted_by=tx.actor.subject,
        granted_at=tx.now,
        valid_from=valid_from,
        valid_to=row.valid_to,
    )
    tx.session.add(grant)
    tx.emit(
        ExtraScopeGranted(
            grant_id=grant.grant_id,
            staff_id=grant.staff_id,
            campus_code=grant.campus_id,
            permission=grant.permission,
            valid_from=grant.valid_from,
            valid_to=grant.valid_to,
        )
    )
    return grant


def _check_fits(tx: Tx, staff_id: UUID, permission: str) -> None:
    """The person works here now, and the permission joins nothing that must be kept apart."""
    grants = tx.session.all(queries.GRANTS_TO_COME, staff_id=staff_id, at=tx.now)
    if len(grants) >= MAX_GRANTS:
        raise TooManyGrants(f"该职工已有 {MAX_GRANTS} 项单项授权，请先结束不再需要的，或改为任命岗位。")
    contents = templates(tx)
    by_campus: dict[str, set[str]] = {}
    for held in organisation.posts_of(tx, staff_id):
        if held.post in contents:
            by_campus.setdefault(held.campus_id, set()).update(contents[held.post].permissions)
    if tx.campus not in by_campus:
        raise NotHere("该职工在本院区没有岗位，请先任命岗位或办理派驻。")
    for grant in grants:
        by_campus.setdefault(grant.campus_id, set()).add(grant.permission)
    rules.check_extra(permission, by_campus[tx.campus], set().union(*by_campus.values()))


def _own(tx: Tx, request_id: UUID) -> PermissionRequest:
    row = tx.session.first(queries.REQUEST, id_=request_id)
    if row is None or row.campus_id != tx.campus:
        raise RequestNotFound("本院区没有这份申请，请刷新后核对。")
    return row


def _state(row: PermissionRequest) -> WrongState:
    return WrongState("该申请已由他人办理或尚未到这一步，请刷新后核对。", state_now=row.state)


def _stale(row: PermissionRequest) -> Stale:
    return Stale("该申请已被他人办理，请刷新后再操作。", current_version=row.version)
