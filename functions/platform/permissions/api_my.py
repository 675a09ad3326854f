"""HTTP routes for everybody: what I may do, and whose rows it is about."""

from typing import Annotated

from fastapi import Query as Parameter

from functions.platform.permissions import rules, service
from functions.platform.permissions.menus import home_of, menu_of
from functions.platform.permissions.schemas import DataScopeView, MenuEntryView, MyRightsView
from functions.platform.permissions.schemas_data import Purpose
from shared.command import query
from shared.http import Router
from shared.identity.posts import PERMISSIONS
from shared.identity.rights import STRONG_METHODS
from shared.problems import Invalid
from shared.tx import Tx

router = Router()
Scope = Annotated[str, Parameter(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}\.[a-z_]{1,40}$")]


@router.get("/my/rights")
@query("platform.permissions.self")
def my_rights(tx: Tx) -> MyRightsView:
    """What I may do at the acting campus, with my menu and first screen (我的权限与菜单)."""
    entries = menu_of(lambda permission: tx.actor.may(permission, tx.campus))
    return MyRightsView(
        campuses=sorted(tx.actor.campuses),
        posts=sorted(tx.actor.posts_at(tx.campus)),
        permissions=sorted(code for code in PERMISSIONS if tx.actor.may(code, tx.campus)),
        menu=[MenuEntryView(code=entry.code, title=entry.title, group=entry.group) for entry in entries],
        home=home_of(entries),
        second_factor=not tx.actor.methods.isdisjoint(STRONG_METHODS),
    )


@router.get("/my/data-scope")
@query("platform.permissions.self")
def my_data_scope(tx: Tx, permission: Scope, purpose: Purpose | None = None) -> DataScopeView:
    """Whose rows a permission is about for me now (我的数据范围)."""
    if permission not in PERMISSIONS:
        raise Invalid("没有这个权限点。", errors=[{"field": "permission", "message": "不在权限点清单内"}])
    found = service.data_scope(tx, permission, purpose)
    label = rules.DIMENSION_TITLES.get(found.kind, "无")
    return DataScopeView(permission=permission, kind=found.kind, kind_label=label, unit_ids=sorted(found.unit_ids))
