"""Templates of posts (岗位模板): drafted by security, agreed by the owner office, put in force, never rewritten."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from events.platform import TemplateChanged
from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries, rules
from functions.platform.permissions.models import TemplateVersion
from functions.platform.permissions.problems import TemplateBreaksSeparation, TemplateNotFound, WrongState
from functions.platform.permissions.schemas import DraftTemplate
from shared.identity.posts import EVERY_POST, POSTS
from shared.identity.separation import SeparationRule
from shared.ids import new_id
from shared.problems import Stale
from shared.tx import Tx


class Template(NamedTuple):
    """What a post means at a moment. Version 0 is the program's own."""

    post: str
    version_no: int
    template_id: UUID | None
    permissions: frozenset[str]
    dimension: str


class HolderConflict(NamedTuple):
    """Somebody who would stand on two sides."""

    staff_id: UUID
    staff_no: str
    rule: SeparationRule
    campus: str | None


class Preview(NamedTuple):
    """Whom a version touches."""

    template: TemplateVersion
    added: list[str]
    removed: list[str]
    holders: int
    by_campus: dict[str, int]
    conflicts: list[HolderConflict]


def templates(tx: Tx, at: datetime | None = None) -> dict[str, Template]:
    """Every post's template at a moment."""
    found = {post: _of_code(post) for post in POSTS}
    for row in tx.session.all(queries.TEMPLATES_AT, at=at or tx.now):
        if row.post in POSTS:
            found[row.post] = _of_row(row)
    return found


def template(tx: Tx, post: str, at: datetime | None = None) -> Template:
    """One post's template at a moment. Raises TemplateNotFound."""
    if post not in POSTS:
        raise TemplateNotFound(f"没有岗位“{post}”，请从岗位表中选择。")
    row = tx.session.first(queries.TEMPLATE_AT, post=post, at=at or tx.now)
    return _of_code(post) if row is None else _of_row(row)


def published(tx: Tx) -> dict[str, frozenset[str]]:
    """Posts whose version in force differs from the program's: what the realm has to carry."""
    return {
        one.post: one.permissions
        for one in templates(tx).values()
        if one.version_no and one.permissions != POSTS[one.post].permissions
    }


def draft_template(tx: Tx, post: str, command: DraftTemplate) -> TemplateVersion:
    """Draft the next version of a post's template.

    Raises TemplateBreaksSeparation, UnknownPermission, NothingChanges, DraftOpen.
    """
    current = template(tx, post)
    wanted = rules.known(command.permissions) | EVERY_POST
    rules.check_template(wanted)
    if command.dimension == current.dimension:
        rules.difference(current.permissions, wanted)
    versions = tx.session.all(queries.LOCK_TEMPLATES, post=post)
    row = TemplateVersion(
        template_id=new_id(),
        post=post,
        version_no=max((one.version_no for one in versions), default=0) + 1,
        permissions=sorted(wanted),
        dimension=command.dimension,
        state="draft",
        reason=command.reason,
        drafted_at=tx.now,
        drafted_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("template.drafted", "post_template", row.template_id, post=post, version_no=row.version_no)
    return row


def preview(tx: Tx, template_id: UUID) -> Preview:
    """Whom a version touches: holders by campus at this moment, what they gain and lose, who would break a rule."""
    row = _version(tx, template_id)
    current = template(tx, row.post)
    added = sorted(set(row.permissions) - current.permissions)
    removed = sorted(current.permissions - set(row.permissions))
    contents = {post: one.permissions for post, one in templates(tx).items()} | {row.post: frozenset(row.permissions)}
    holders, by_campus, found = _holders(tx, row.post, contents)
    return Preview(row, added, removed, len(holders), by_campus, found)


def review_template(tx: Tx, template_id: UUID, version: int) -> TemplateVersion:
    """The owner office agrees with a draft. Raises SamePerson, WrongState, Stale."""
    row = _version(tx, template_id)
    tx.assert_distinct([row.drafted_by], "模板的拟订与审批须由不同人员办理。")
    after = _step(tx, row, version, "draft", "reviewed")
    tx.audit("template.reviewed", "post_template", template_id, post=row.post, version_no=row.version_no)
    return after


def withdraw_template(tx: Tx, template_id: UUID, version: int) -> TemplateVersion:
    """A version that is not in force is given up. Raises WrongState, Stale."""
    row = _version(tx, template_id)
    if row.state not in ("draft", "reviewed"):
        raise WrongState("该版本已发布或已撤回，不能撤回；需要恢复时请拟订新版本。", state_now=row.state)
    after = _step(tx, row, version, row.state, "withdrawn")
    tx.audit("template.withdrawn", "post_template", template_id, post=row.post, version_no=row.version_no)
    return after


def publish_template(tx: Tx, template_id: UUID, version: int) -> TemplateVersion:
    """Put an agreed version in force, at once and for every holder.

    The version before ends at this moment. Raises WrongState, Stale, TemplateBreaksSeparation (a holder would stand on
    two sides), TemplateTooFar.
    """
    seen = _version(tx, template_id)
    versions = tx.session.all(queries.LOCK_TEMPLATES, post=seen.post)
    row = next(one for one in versions if one.template_id == template_id)
    now = template(tx, row.post)
    touched = preview(tx, template_id)
    if touched.conflicts:
        first = touched.conflicts[0]
        raise TemplateBreaksSeparation(
            f"发布后有 {len(touched.conflicts)} 人违反“{first.rule.title}”（如工号 {first.staff_no}），请先调整岗位。",
            rule=first.rule.code,
        )
    rules.check_distance({**published(tx), row.post: frozenset(row.permissions)})
    if now.template_id is not None:
        former = next(one for one in versions if one.template_id == now.template_id)
        supersede_template(tx, former)
    after = _step(tx, row, version, "reviewed", "in_force", since=tx.now, holders=touched.holders)
    tx.audit(
        "template.published",
        "post_template",
        template_id,
        post=row.post,
        version_no=row.version_no,
        holders=touched.holders,
    )
    tx.emit(
        TemplateChanged(
            post=row.post,
            template_id=template_id,
            version_no=row.version_no,
            added=touched.added,
            removed=touched.removed,
            holders=touched.holders,
        )
    )
    return after


def supersede_template(tx: Tx, former: TemplateVersion) -> None:
    """The version in force ends at this moment. Raises WrongState, Stale."""
    _step(tx, former, former.version, "in_force", "superseded", until=tx.now, holders=former.holders)


def holders_losing(tx: Tx, template_ids: Sequence[UUID]) -> list[UUID]:
    """Who holds a post from which these versions took something: their tokens still say more."""
    posts = set()
    for template_id in template_ids:
        row = _version(tx, template_id)
        before = tx.session.first(queries.TEMPLATE_BEFORE, post=row.post, since=row.valid_from)
        had = POSTS[row.post].permissions if before is None else frozenset(before.permissions)
        if had - set(row.permissions):
            posts.add(row.post)
    if not posts:
        return []
    return [
        person.staff_id
        for person in organisation.staff_accounts(tx)
        if any(posts & held for held in person.posts.values())
    ]


def versions_of(tx: Tx, post: str, before: int, limit: int) -> list[TemplateVersion]:
    """Versions of a post's template, latest first."""
    return tx.session.all(queries.VERSIONS, post=post, before=before, limit=limit)


# -- inside


def _of_code(post: str) -> Template:
    return Template(post, 0, None, POSTS[post].permissions, POSTS[post].dimension)


def _of_row(row: TemplateVersion) -> Template:
    return Template(row.post, row.version_no, row.template_id, frozenset(row.permissions) | EVERY_POST, row.dimension)


def _version(tx: Tx, template_id: UUID) -> TemplateVersion:
    row = tx.session.first(queries.TEMPLATE, template_id=template_id)
    if row is None:
        raise TemplateNotFound("没有这个模板版本，请刷新后核对。")
    return row


def _holders(
    tx: Tx, post: str, contents: Mapping[str, frozenset[str]]
) -> tuple[set[UUID], dict[str, int], list[HolderConflict]]:
    holders: set[UUID] = set()
    by_campus: dict[str, int] = {}
    found: list[HolderConflict] = []
    before = {code: one.permissions for code, one in templates(tx).items()}
    for person in organisation.staff_accounts(tx):
        places = [campus for campus, held in person.posts.items() if post in held]
        if not places:
            continue
        holders.add(person.staff_id)
        for campus in places:
            by_campus[campus] = by_campus.get(campus, 0) + 1
        already = {(rule.code, campus) for rule, campus in rules.broken_by(person.posts, before)}
        for rule, where in rules.broken_by(person.posts, contents):
            if (rule.code, where) not in already:
                found.append(HolderConflict(person.staff_id, person.staff_no, rule, where))
    return holders, dict(sorted(by_campus.items())), found


def _step(
    tx: Tx,
    row: TemplateVersion,
    seen: int,
    before: str,
    to: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    holders: int | None = None,
) -> TemplateVersion:
    if row.state != before:
        raise WrongState("该版本当前状态不能办理此操作，请刷新后核对。", state_now=row.state)
    after = tx.session.first(
        queries.STEP_TEMPLATE,
        id_=row.template_id,
        seen=seen,
        from_=before,
        to=to,
        reviewed_at_=tx.now if to == "reviewed" else None,
        by=tx.actor.subject if to == "reviewed" else None,
        holders_=holders,
        since=since,
        until=until,
    )
    if after is None:
        raise Stale("该模板版本已被他人修改，请刷新后再操作。", current_version=row.version)
    return after
