"""Who may do what, why, and who could at a past moment."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries, rules
from functions.platform.permissions.models import ExtraScope, Freeze
from functions.platform.permissions.rules import Link
from functions.platform.permissions.service.templating import Template, templates
from shared.identity.data_rules import read_beyond
from shared.identity.posts import PERMISSIONS, POSTS
from shared.schemas import SHANGHAI
from shared.tx import Tx


class Sheet(NamedTuple):
    """Everything a person could do at a moment."""

    staff: organisation.StaffInfo
    at: datetime
    posts: list[organisation.Held]
    templates: dict[str, Template]
    grants: list[ExtraScope]
    freeze: Freeze | None
    credentials: list[organisation.Credential]

    @property
    def shut_out(self) -> bool:
        """Frozen, so that no right counts."""
        return self.freeze is not None

    def permissions(self, campus: str) -> frozenset[str]:
        """What the person may do at a campus."""
        if self.shut_out:
            return frozenset()
        by_post = [self.templates[held.post].permissions for held in self.posts if held.campus_id == campus]
        single = {grant.permission for grant in self.grants if grant.campus_id == campus} if by_post else set()
        return frozenset(single).union(*by_post)

    @property
    def campuses(self) -> list[str]:
        """Campuses where the person acts."""
        return sorted({held.campus_id for held in self.posts})


class DataScope(NamedTuple):
    """Whose rows a permission is about: the whole campus, some units, or the person's own patients."""

    kind: str
    """campus, department, own, none."""
    unit_ids: frozenset[UUID]

    def covers(self, unit_id: UUID) -> bool:
        """Whether rows of a unit are within it."""
        return self.kind == "campus" or unit_id in self.unit_ids


class Holder(NamedTuple):
    """Somebody with a permission, by a post or a single grant."""

    staff_id: UUID
    campus_id: str
    by: str
    until: datetime | None


def sheet(tx: Tx, staff_id: UUID, at: datetime | None = None) -> Sheet:
    """What a person could do at a moment, rebuilt from the history. Raises StaffNotFound."""
    moment = at or tx.now
    contents = templates(tx, moment)
    grants = tx.session.send(queries.GRANTS_OF, staff_id=staff_id, at=moment)
    freezes = tx.session.send(queries.FREEZES_OF, staff_id=staff_id)
    single, shut = grants.all(), freezes.all()
    held = [one for one in organisation.posts_of(tx, staff_id, moment) if one.post in contents]
    frozen = next(
        (row for row in shut if row.frozen_at <= moment and (row.lifted_at is None or moment < row.lifted_at)), None
    )
    person = organisation.staff_member(tx, staff_id)
    papers = organisation.credentials_of(tx, staff_id, moment)
    return Sheet(person, moment, held, contents, single, frozen, papers)


def why(tx: Tx, staff_id: UUID, permission: str, campus: str, at: datetime | None = None) -> tuple[bool, list[Link]]:
    """能不能、为什么: whether a person could do something at a campus at a moment, with the chain behind it.

    Raises UnknownPermission, StaffNotFound.
    """
    rules.known([permission])
    found = sheet(tx, staff_id, at)
    name = PERMISSIONS[permission]
    chain: list[Link] = []
    if found.freeze is not None:
        chain.append(
            Link("freeze", f"账号自 {_day(found.freeze.frozen_at)} 起冻结", str(found.freeze.freeze_id), False)
        )
    here = [held for held in found.posts if held.campus_id == campus]
    if not here:
        chain.append(Link("post", "此时在该院区没有岗位或派驻", None, False))
    for held in here:
        meant = found.templates[held.post]
        row = held.assignment_id or held.secondment_id or held.delegation_id
        until = "" if held.valid_to is None else f"至 {_day(held.valid_to)}"
        chain.append(Link("post", f"任“{POSTS[held.post].title}”，自 {_day(held.valid_from)}{until}", str(row), True))
        holds = permission in meant.permissions
        which = f"第 {meant.version_no} 版" if meant.version_no else "程序内置版"
        words = "含" if holds else "不含"
        chain.append(Link("template", f"岗位模板{which}{words}“{name}”", str(meant.template_id or meant.post), holds))
        paper = organisation.post_licence_at(tx, staff_id, held.post, found.at, campus=campus)
        if paper is not None:
            told = paper.reason if paper.allowed else f"{paper.reason}须凭证书签署的业务会被拒绝。"
            row_id = None if paper.source_id is None else str(paper.source_id)
            chain.append(Link("licence", told, row_id, paper.allowed))
    for grant in found.grants:
        if grant.campus_id == campus and grant.permission == permission:
            chain.append(Link("grant", f"单项授权“{name}”，至 {_day(grant.valid_to)}", str(grant.grant_id), True))
    tx.audit("rights.explained", "staff", staff_id, permission=permission)
    return permission in found.permissions(campus), chain


def holders(tx: Tx, permission: str) -> list[Holder]:
    """Who holds a permission now, at any campus. Raises UnknownPermission."""
    rules.known([permission])
    posts = {post for post, meant in templates(tx).items() if permission in meant.permissions}
    found = [
        Holder(person.staff_id, campus, post, None)
        for person in organisation.staff_accounts(tx)
        for campus, held in sorted(person.posts.items())
        for post in sorted(held & posts)
        if person.enabled
    ]
    single = tx.session.all(queries.HOLDERS_OF, permission=permission, at=tx.now)
    return found + [Holder(row.staff_id, row.campus_id, "grant", row.valid_to) for row in single]


def data_scope(tx: Tx, permission: str, purpose: str | None = None) -> DataScope:
    """Whose rows the actor may see under a permission at the acting campus now (数据权限).

    A post about the whole campus says so by itself. For the others the units count that the person holds such a post in
    at this moment, delegations and secondments among them, and those of single grants: what begins or ends does so by
    the clock. Lists filter with `unit_ids` unless it is the campus.

    With a purpose (会诊, 病案) a rule over data lets the post read the whole campus; that it did stays on record.
    Raises PurposeNotAllowed.
    """
    if not tx.actor.may(permission, tx.campus):
        return DataScope("none", frozenset())
    if purpose is not None and tx.actor.kind == "staff":
        read_beyond(tx, purpose, permission)
        return DataScope("campus", frozenset())
    contents = templates(tx)
    meant = [contents[post] for post in tx.actor.posts_at(tx.campus) if post in contents]
    kinds = {one.dimension for one in meant if permission in one.permissions}
    if tx.actor.kind != "staff" or tx.actor.staff_id is None or "campus" in kinds:
        return DataScope("campus", frozenset())
    grants = tx.session.send(queries.GRANTS_OF, staff_id=tx.actor.staff_id, at=tx.now)
    single = [row for row in grants.all() if row.campus_id == tx.campus and row.permission == permission]
    if any(not row.unit_ids for row in single):
        return DataScope("campus", frozenset())
    departments = {
        one.post for one in contents.values() if one.dimension == "department" and permission in one.permissions
    }
    held = organisation.posts_of(tx, tx.actor.staff_id)
    units = frozenset(one.unit_id for one in held if one.campus_id == tx.campus and one.post in departments)
    units |= frozenset(unit for row in single for unit in row.unit_ids)
    if units:
        return DataScope("department", units)
    return DataScope("own" if "own" in kinds else "none", frozenset())


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
