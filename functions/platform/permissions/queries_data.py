"""What is read and changed of rules over data, configuration packages and uses of permissions."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Text, bindparam, func, null, or_, select, update

from functions.platform.permissions.models import ConfigPackage, DataRule, PermissionUse
from shared.database.periods import holds
from shared.database.query import Query, constant

_AT = bindparam("at", type_=DateTime(timezone=True))

# -- rules over data

RULE = Query(DataRule, select(DataRule).where(DataRule.rule_id == bindparam("rule_id")))
RULES_AT = Query(
    DataRule,
    select(DataRule)
    .where(
        DataRule.state == constant("effective"),
        or_(bindparam("kind", type_=Text) == "", DataRule.kind == bindparam("kind", type_=Text)),
        or_(DataRule.at_campus == constant(""), DataRule.at_campus == bindparam("campus")),
        holds(DataRule, _AT),
        DataRule.content.is_not(null()),
    )
    .order_by(DataRule.kind, DataRule.key, DataRule.at_campus)
    .limit(500),
)
"""The rules that count at a campus at a moment, one a key and campus."""
ALL_RULES_AT = Query(
    DataRule,
    select(DataRule)
    .where(
        DataRule.state == constant("effective"),
        holds(DataRule, _AT),
        DataRule.content.is_not(null()),
    )
    .order_by(DataRule.kind, DataRule.key, DataRule.at_campus),
)
"""The rules of every campus: what a package takes along."""
LOCK_RULE = Query(
    DataRule,
    select(DataRule)
    .where(
        DataRule.kind == bindparam("kind"),
        DataRule.key == bindparam("key"),
        DataRule.at_campus == bindparam("at_campus"),
        DataRule.state == constant("effective"),
        DataRule.valid_to.is_(null()),
    )
    .with_for_update(),
)
"""The version in force of one rule, held while the next takes its place."""
RULES_ASKED = Query(
    DataRule,
    select(DataRule)
    .where(
        DataRule.state == constant("asked"),
        or_(DataRule.at_campus == constant(""), DataRule.at_campus == bindparam("campus")),
    )
    .order_by(DataRule.rule_id)
    .limit(200),
)
RULE_HISTORY = Query(
    DataRule,
    select(DataRule)
    .where(
        DataRule.kind == bindparam("kind"),
        DataRule.key == bindparam("key"),
        DataRule.rule_id < bindparam("before"),
        or_(DataRule.at_campus == constant(""), DataRule.at_campus == bindparam("campus")),
    )
    .order_by(DataRule.rule_id.desc())
    .limit(bindparam("limit")),
)
END_RULE = Query(
    object,
    update(DataRule)
    .where(DataRule.rule_id == bindparam("id_"))
    .values(valid_to=bindparam("until"), version=DataRule.version + 1),
)
DECIDE_RULE = Query(
    DataRule,
    update(DataRule)
    .where(
        DataRule.rule_id == bindparam("id_"),
        DataRule.version == bindparam("seen"),
        DataRule.state == constant("asked"),
    )
    .values(
        state=bindparam("to"),
        decided_at=bindparam("now"),
        decided_by=bindparam("by"),
        valid_from=bindparam("since", type_=_AT.type),
        version=DataRule.version + 1,
    )
    .returning(DataRule),
)

# -- configuration packages

PACKAGE = Query(ConfigPackage, select(ConfigPackage).where(ConfigPackage.package_id == bindparam("package_id")))
PACKAGES = Query(
    ConfigPackage,
    select(ConfigPackage)
    .where(ConfigPackage.package_id < bindparam("before"))
    .order_by(ConfigPackage.package_id.desc())
    .limit(bindparam("limit")),
)
STEP_PACKAGE = Query(
    ConfigPackage,
    update(ConfigPackage)
    .where(
        ConfigPackage.package_id == bindparam("id_"),
        ConfigPackage.version == bindparam("seen"),
        ConfigPackage.state == bindparam("from_"),
    )
    .values(
        state=bindparam("to"),
        reviewed_at=func.coalesce(ConfigPackage.reviewed_at, bindparam("reviewed_at_", type_=_AT.type)),
        reviewed_by=func.coalesce(ConfigPackage.reviewed_by, bindparam("reviewer", type_=Text)),
        applied_at=func.coalesce(ConfigPackage.applied_at, bindparam("applied_at_", type_=_AT.type)),
        applied_by=func.coalesce(ConfigPackage.applied_by, bindparam("applier", type_=Text)),
        before=func.coalesce(ConfigPackage.before, bindparam("before_", type_=ConfigPackage.before.type)),
        rolled_back_at=func.coalesce(ConfigPackage.rolled_back_at, bindparam("rolled_back_at_", type_=_AT.type)),
        rolled_back_by=func.coalesce(ConfigPackage.rolled_back_by, bindparam("roller", type_=Text)),
        version=ConfigPackage.version + 1,
    )
    .returning(ConfigPackage),
)
SUPERSEDE_PACKAGE = Query(
    object,
    update(ConfigPackage)
    .where(ConfigPackage.state == constant("in_force"))
    .values(state="superseded", version=ConfigPackage.version + 1),
)

# -- uses of permissions


class Used(NamedTuple):
    """The last day somebody used a permission at the campus."""

    staff_id: UUID
    permission: str
    last_used: date


USES = Query(
    Used,
    select(PermissionUse.staff_id, PermissionUse.permission, PermissionUse.last_used).where(
        PermissionUse.campus_id == bindparam("campus")
    ),
)
"""One row a person and permission: some ten thousand at a large campus, for a report."""
FIRST_USE = Query(
    date,
    select(func.min(PermissionUse.first_used))
    .where(PermissionUse.campus_id == bindparam("campus"))
    .having(func.count() > 0),
)
"""Since when uses are recorded at the campus."""
