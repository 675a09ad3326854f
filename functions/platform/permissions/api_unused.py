"""HTTP routes of the rights nobody uses (未用权限清单)."""

from typing import Annotated

from fastapi import Query as Parameter

from functions.organisation.structure import service as organisation
from functions.platform.permissions import service
from functions.platform.permissions.schemas_data import UnusedPage, UnusedPermissionView, UnusedView
from functions.platform.permissions.service import disusing
from shared.command import Document, query
from shared.database.engine import REPORT
from shared.http import Router
from shared.identity.posts import PERMISSIONS, POSTS
from shared.tx import Tx

router = Router()


@router.get("/unused")
@query("platform.permissions.read", REPORT)
def list_unused(
    tx: Tx,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 100,
    cursor: Annotated[int, Parameter(ge=0, le=1_000_000)] = 0,
) -> UnusedPage:
    """Posts and single grants nobody used for 90 and 30 days (未用权限清单)."""
    found = service.unused_rights(tx)
    window = found.items[cursor : cursor + limit]
    people = organisation.staff_members(tx, sorted({one.staff_id for one in window}))
    return UnusedPage(
        recorded_since=found.recorded_since,
        complete=found.complete(tx.today),
        items=[
            UnusedView(
                staff_no=people[one.staff_id].staff_no,
                name=people[one.staff_id].name,
                title=disusing.title_of(one.code),
                **one._asdict(),
            )
            for one in window
            if one.staff_id in people
        ],
        next=str(cursor + limit) if cursor + limit < len(found.items) else None,
    )


@router.get("/unused.xlsx")
@query("platform.permissions.read", REPORT)
def export_unused(tx: Tx) -> Document:
    """The list of unused rights as a sheet, within the export limit of the post (导出未用权限清单)."""
    return service.unused_sheet(tx)


@router.get("/unused/permissions")
@query("platform.permissions.read", REPORT)
def list_unused_permissions(tx: Tx) -> list[UnusedPermissionView]:
    """Permissions of posts that no holder at the acting campus used for 90 days (模板中未用的权限)."""
    return [
        UnusedPermissionView(
            post=one.post,
            post_title=POSTS[one.post].title,
            permission=one.permission,
            permission_title=PERMISSIONS[one.permission],
            holders=one.holders,
        )
        for one in service.unused_permissions(tx)
    ]
