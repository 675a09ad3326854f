"""Rights nobody uses (90 天未用权限清单): posts and single grants to be struck, permissions to leave a template."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service.sheets import workbook
from functions.platform.permissions import queries, queries_data
from functions.platform.permissions.service.rights import data_scope
from functions.platform.permissions.service.templating import templates
from shared.command import Document
from shared.identity.data_rules import check_export
from shared.identity.posts import EVERY_POST, PERMISSIONS, POSTS
from shared.schemas import SHANGHAI
from shared.storage import XLSX
from shared.tx import Tx

READ = "platform.permissions.read"
UNUSED_DAYS = 90
GRANT_DAYS = 30
"""A single grant lasts 90 days at most, so a month without use is told."""


class Unused(NamedTuple):
    """A post or a single grant whose permissions its holder has not used at the acting campus."""

    kind: str
    """post, grant."""
    staff_id: UUID
    code: str
    since: datetime
    until: datetime | None
    last_used: date | None


class UnusedPermission(NamedTuple):
    """A permission of a post that none of its holders at the acting campus has used."""

    post: str
    permission: str
    holders: int


class UnusedRights(NamedTuple):
    """The list, and since when uses are recorded here: what is younger than the term cannot be told yet."""

    recorded_since: date | None
    items: list[Unused]

    def complete(self, today: date) -> bool:
        """Whether the record is old enough to tell of posts."""
        return self.recorded_since is not None and self.recorded_since <= today - timedelta(days=UNUSED_DAYS)


def unused_rights(tx: Tx) -> UnusedRights:
    """Posts of 90 days and single grants of 30 days at the acting campus that nobody used for as long.

    A department head sees the posts of the own units.
    """
    scope = data_scope(tx, READ)
    first = tx.session.send(queries_data.FIRST_USE, campus=tx.campus)
    rows = tx.session.send(queries_data.USES, campus=tx.campus)
    grants = tx.session.send(queries.ALL_GRANTS, at=tx.now)
    used = _last_used(rows.all())
    found = UnusedRights(first.first(), [])
    single = [row for row in grants.all() if row.campus_id == tx.campus]
    if found.complete(tx.today):
        long_ago = tx.today - timedelta(days=UNUSED_DAYS)
        contents = {post: one.permissions - EVERY_POST for post, one in templates(tx).items()}
        idle: dict[str, dict[UUID, date | None]] = {}
        for person in organisation.staff_accounts(tx):
            for post in person.posts.get(tx.campus, frozenset()) & contents.keys():
                last = _latest(used.get(person.staff_id, {}), contents[post])
                if last is None or last < long_ago:
                    idle.setdefault(post, {})[person.staff_id] = last
        for post, people in sorted(idle.items()):
            for held in organisation.holders(tx, post):
                old = _day(held.valid_from) <= long_ago and held.delegation_id is None
                if old and held.staff_id in people and scope.covers(held.unit_id):
                    found.items.append(
                        Unused("post", held.staff_id, post, held.valid_from, held.valid_to, people[held.staff_id])
                    )
    month_ago = tx.today - timedelta(days=GRANT_DAYS)
    if scope.kind == "campus" and found.recorded_since is not None and found.recorded_since <= month_ago:
        for grant in single:
            last = used.get(grant.staff_id, {}).get(grant.permission)
            if _day(grant.valid_from) <= month_ago and (last is None or last < month_ago):
                found.items.append(
                    Unused("grant", grant.staff_id, grant.permission, grant.valid_from, grant.valid_to, last)
                )
    return found


def unused_permissions(tx: Tx) -> list[UnusedPermission]:
    """Permissions of each post that none of its holders here used for 90 days; none while the record is young."""
    first = tx.session.send(queries_data.FIRST_USE, campus=tx.campus)
    rows = tx.session.send(queries_data.USES, campus=tx.campus)
    used = _last_used(rows.all())
    if not UnusedRights(first.first(), []).complete(tx.today):
        return []
    long_ago = tx.today - timedelta(days=UNUSED_DAYS)
    holders: dict[str, list[UUID]] = {}
    for person in organisation.staff_accounts(tx):
        for post in person.posts.get(tx.campus, frozenset()):
            holders.setdefault(post, []).append(person.staff_id)
    return [
        UnusedPermission(post, permission, len(holders[post]))
        for post, one in sorted(templates(tx).items())
        if post in holders
        for permission in sorted(one.permissions - EVERY_POST)
        if all(used.get(staff_id, {}).get(permission, date.min) < long_ago for staff_id in holders[post])
    ]


def unused_sheet(tx: Tx) -> Document:
    """The list as .xlsx, for the offices that go through it. Raises ExportTooLarge."""
    items = unused_rights(tx).items
    check_export(tx, len(items))
    people = organisation.staff_members(tx, sorted({one.staff_id for one in items}))
    lines = [
        [
            people[one.staff_id].staff_no,
            people[one.staff_id].name,
            "岗位" if one.kind == "post" else "单项授权",
            title_of(one.code),
            _day(one.since).isoformat(),
            "" if one.until is None else _day(one.until).isoformat(),
            "无记录" if one.last_used is None else one.last_used.isoformat(),
        ]
        for one in items
        if one.staff_id in people
    ]
    tx.audit("unused_rights.exported", "campus", tx.campus, rows=len(lines))
    titles = ["工号", "姓名", "类别", "岗位或权限", "开始", "截止", "最近使用"]
    return Document(lambda: workbook("未用权限清单", titles, lines), XLSX, "90天未用权限清单.xlsx")


def title_of(code: str) -> str:
    """The Chinese name of a post or a permission."""
    return POSTS[code].title if code in POSTS else PERMISSIONS.get(code, code)


def _last_used(rows: list[queries_data.Used]) -> dict[UUID, dict[str, date]]:
    found: dict[UUID, dict[str, date]] = {}
    for row in rows:
        found.setdefault(row.staff_id, {})[row.permission] = row.last_used
    return found


def _latest(used: Mapping[str, date], permissions: frozenset[str]) -> date | None:
    return max((day for permission, day in used.items() if permission in permissions), default=None)


def _day(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()
