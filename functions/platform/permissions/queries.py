"""What is read, locked and changed of permissions and parameters."""

from uuid import UUID

from sqlalchemy import and_, bindparam, func, null, or_, select, update

from functions.platform.permissions.models import (
    ExtraScope,
    Freeze,
    ParameterValue,
    PermissionRequest,
    TemplateVersion,
)
from shared.database.periods import holds, lasts
from shared.database.query import Query, among, constant, one_of
from shared.tables import DeniedSubject

_AT = bindparam("at", type_=TemplateVersion.valid_from.type)


# -- templates

_PUBLISHED = one_of(TemplateVersion.state, "in_force", "superseded")
TEMPLATES_AT = Query(
    TemplateVersion,
    select(TemplateVersion).where(_PUBLISHED, holds(TemplateVersion, _AT)).order_by(TemplateVersion.post),
)
"""The versions in force at a moment, one a post at most."""
TEMPLATE_AT = Query(
    TemplateVersion,
    select(TemplateVersion).where(_PUBLISHED, TemplateVersion.post == bindparam("post"), holds(TemplateVersion, _AT)),
)
LOCK_TEMPLATES = Query(
    TemplateVersion,
    select(TemplateVersion)
    .where(TemplateVersion.post == bindparam("post"))
    .order_by(TemplateVersion.version_no)
    .with_for_update(),
)
"""Every version of a post, held while one of them changes its state."""
TEMPLATE_BEFORE = Query(
    TemplateVersion,
    select(TemplateVersion)
    .where(
        _PUBLISHED,
        TemplateVersion.post == bindparam("post"),
        TemplateVersion.valid_from < bindparam("since", type_=_AT.type),
    )
    .order_by(TemplateVersion.valid_from.desc())
    .limit(1),
)
"""What was in force until a version; drafts that came to nothing never were."""
VERSIONS = Query(
    TemplateVersion,
    select(TemplateVersion)
    .where(TemplateVersion.post == bindparam("post"), TemplateVersion.version_no < bindparam("before"))
    .order_by(TemplateVersion.version_no.desc())
    .limit(bindparam("limit")),
)
TEMPLATE = Query(
    TemplateVersion, select(TemplateVersion).where(TemplateVersion.template_id == bindparam("template_id"))
)
STEP_TEMPLATE = Query(
    TemplateVersion,
    update(TemplateVersion)
    .where(
        TemplateVersion.template_id == bindparam("id_"),
        TemplateVersion.version == bindparam("seen"),
        TemplateVersion.state == bindparam("from_"),
    )
    .values(
        state=bindparam("to"),
        reviewed_at=func.coalesce(TemplateVersion.reviewed_at, bindparam("reviewed_at_", type_=_AT.type)),
        reviewed_by=func.coalesce(TemplateVersion.reviewed_by, bindparam("by")),
        holders=bindparam("holders_"),
        valid_from=func.coalesce(TemplateVersion.valid_from, bindparam("since", type_=_AT.type)),
        valid_to=bindparam("until", type_=_AT.type),
        version=TemplateVersion.version + 1,
    )
    .returning(TemplateVersion),
)

# -- single grants

GRANT = Query(ExtraScope, select(ExtraScope).where(ExtraScope.grant_id == bindparam("grant_id")))
GRANTS_OF = Query(
    ExtraScope,
    select(ExtraScope)
    .where(ExtraScope.staff_id == bindparam("staff_id"), holds(ExtraScope, _AT))
    .order_by(ExtraScope.campus_id, ExtraScope.permission),
)
GRANTS_TO_COME = Query(
    ExtraScope,
    select(ExtraScope)
    .where(ExtraScope.staff_id == bindparam("staff_id"), ExtraScope.valid_to > _AT)
    .order_by(ExtraScope.valid_from, ExtraScope.grant_id),
)
ALL_GRANTS = Query(ExtraScope, select(ExtraScope).where(holds(ExtraScope, _AT)).order_by(ExtraScope.grant_id))
GRANTS_TURNING = Query(
    UUID,
    select(ExtraScope.staff_id)
    .where(
        or_(
            and_(ExtraScope.valid_from > bindparam("since", type_=_AT.type), ExtraScope.valid_from <= _AT),
            and_(ExtraScope.valid_to > bindparam("since", type_=_AT.type), ExtraScope.valid_to <= _AT),
        )
    )
    .distinct(),
)
"""Whose grants began or ended since a moment."""
GRANTS_HERE = Query(
    ExtraScope,
    select(ExtraScope)
    .where(
        ExtraScope.campus_id == bindparam("campus"),
        ExtraScope.valid_to > _AT,
        ExtraScope.grant_id < bindparam("before"),
    )
    .order_by(ExtraScope.grant_id.desc())
    .limit(bindparam("limit")),
)
HOLDERS_OF = Query(
    ExtraScope,
    select(ExtraScope)
    .where(ExtraScope.permission == bindparam("permission"), holds(ExtraScope, _AT))
    .order_by(ExtraScope.grant_id)
    .limit(500),
)
END_GRANT = Query(
    ExtraScope,
    update(ExtraScope)
    .where(ExtraScope.grant_id == bindparam("id_"), ExtraScope.valid_to > bindparam("now"))
    .values(
        valid_to=func.greatest(ExtraScope.valid_from, bindparam("now")),
        ended_at=bindparam("now"),
        ended_by=bindparam("by"),
        end_reason=bindparam("why"),
    )
    .returning(ExtraScope),
)

# -- requests

REQUEST = Query(PermissionRequest, select(PermissionRequest).where(PermissionRequest.request_id == bindparam("id_")))
REQUEST_NUMBERED = Query(
    PermissionRequest, select(PermissionRequest).where(PermissionRequest.request_no == bindparam("request_no"))
)
REQUESTS = Query(
    PermissionRequest,
    select(PermissionRequest)
    .where(
        PermissionRequest.campus_id == bindparam("campus"),
        PermissionRequest.state == bindparam("state"),
        PermissionRequest.request_id < bindparam("before"),
    )
    .order_by(PermissionRequest.request_id.desc())
    .limit(bindparam("limit")),
)
AGREE_REQUEST = Query(
    PermissionRequest,
    update(PermissionRequest)
    .where(
        PermissionRequest.request_id == bindparam("id_"),
        PermissionRequest.version == bindparam("seen"),
        PermissionRequest.state == constant("requested"),
    )
    .values(
        state="agreed",
        agreed_at=bindparam("now"),
        agreed_by=bindparam("by"),
        agreed_name=bindparam("name"),
        version=PermissionRequest.version + 1,
    )
    .returning(PermissionRequest),
)
DECIDE_REQUEST = Query(
    PermissionRequest,
    update(PermissionRequest)
    .where(
        PermissionRequest.request_id == bindparam("id_"),
        PermissionRequest.version == bindparam("seen"),
        among(PermissionRequest.state, "from_"),
    )
    .values(
        state=bindparam("to"),
        decided_at=bindparam("now"),
        decided_by=bindparam("by"),
        decided_name=bindparam("name"),
        refusal=bindparam("why"),
        result_id=bindparam("result"),
        version=PermissionRequest.version + 1,
    )
    .returning(PermissionRequest),
)

# -- freezes

OPEN_FREEZE = Query(
    Freeze, select(Freeze).where(Freeze.staff_id == bindparam("staff_id"), Freeze.lifted_at.is_(null()))
)
OPEN_FREEZES = Query(
    Freeze, select(Freeze).where(Freeze.lifted_at.is_(null())).order_by(Freeze.frozen_at, Freeze.freeze_id).limit(200)
)
FROZEN = Query(UUID, select(Freeze.staff_id).where(Freeze.lifted_at.is_(null())))
FREEZES_OF = Query(Freeze, select(Freeze).where(Freeze.staff_id == bindparam("staff_id")).order_by(Freeze.frozen_at))
ASK_LIFT = Query(
    Freeze,
    update(Freeze)
    .where(Freeze.staff_id == bindparam("id_"), Freeze.lifted_at.is_(null()), Freeze.lift_asked_at.is_(null()))
    .values(lift_asked_at=bindparam("now"), lift_asked_by=bindparam("by"))
    .returning(Freeze),
)
LIFT = Query(
    Freeze,
    update(Freeze)
    .where(Freeze.staff_id == bindparam("id_"), Freeze.lifted_at.is_(null()), Freeze.lift_asked_at.is_not(null()))
    .values(lifted_at=bindparam("now"), lifted_by=bindparam("by"))
    .returning(Freeze),
)
END_DENIAL = Query(
    UUID,
    update(DeniedSubject)
    .where(DeniedSubject.denial_id == bindparam("id_"))
    .values(expires_at=bindparam("now"))
    .returning(DeniedSubject.denial_id),
)

# -- parameters

_EFFECTIVE = and_(ParameterValue.state == constant("effective"), ParameterValue.superseded_at.is_(null()))
VALUES_FOR = Query(
    ParameterValue,
    select(ParameterValue).where(
        ParameterValue.key == bindparam("key"),
        or_(
            ParameterValue.level == constant("system"),
            and_(ParameterValue.level == constant("campus"), ParameterValue.level_id == bindparam("campus")),
            and_(ParameterValue.level == constant("department"), ParameterValue.level_id == bindparam("unit")),
            and_(ParameterValue.level == constant("workstation"), ParameterValue.level_id == bindparam("place")),
        ),
        _EFFECTIVE,
        holds(ParameterValue, _AT),
    ),
)
"""Every value that could decide at one desk, at most one a level."""
VALUE = Query(ParameterValue, select(ParameterValue).where(ParameterValue.value_id == bindparam("value_id")))
VALUE_BEFORE = Query(
    ParameterValue,
    select(ParameterValue)
    .where(
        ParameterValue.key == bindparam("key"),
        ParameterValue.level == bindparam("level"),
        ParameterValue.level_id == bindparam("level_id"),
        ParameterValue.value_id != bindparam("id_"),
        _EFFECTIVE,
        ParameterValue.valid_from < bindparam("since", type_=_AT.type),
        or_(ParameterValue.valid_to.is_(null()), ParameterValue.valid_to >= bindparam("since", type_=_AT.type)),
    )
    .order_by(ParameterValue.valid_from.desc())
    .limit(1),
)
"""What counted at that level until a change."""
VALUES_AT_LEVEL = Query(
    ParameterValue,
    select(ParameterValue)
    .where(
        ParameterValue.key == bindparam("key"),
        ParameterValue.level == bindparam("level"),
        ParameterValue.level_id == bindparam("level_id"),
        _EFFECTIVE,
        lasts(ParameterValue, _AT),
    )
    .order_by(ParameterValue.valid_from)
    .with_for_update(),
)
"""What holds at one level from a moment on, held while it changes."""
VALUES_OF = Query(
    ParameterValue,
    select(ParameterValue)
    .where(ParameterValue.key == bindparam("key"), ParameterValue.value_id < bindparam("before"))
    .order_by(ParameterValue.value_id.desc())
    .limit(bindparam("limit")),
)
ALL_VALUES_AT = Query(ParameterValue, select(ParameterValue).where(_EFFECTIVE, holds(ParameterValue, _AT)))
VALUES_ASKED = Query(
    ParameterValue,
    select(ParameterValue)
    .where(
        ParameterValue.state == constant("asked"),
        or_(ParameterValue.level == constant("system"), ParameterValue.level_id == bindparam("campus")),
    )
    .order_by(ParameterValue.value_id)
    .limit(200),
)
SHORTEN_VALUE = Query(
    ParameterValue,
    update(ParameterValue)
    .where(ParameterValue.value_id == bindparam("id_"))
    .values(valid_to=bindparam("until"), version=ParameterValue.version + 1)
    .returning(ParameterValue),
)
SUPERSEDE_VALUE = Query(
    ParameterValue,
    update(ParameterValue)
    .where(ParameterValue.value_id == bindparam("id_"))
    .values(superseded_at=bindparam("now"), version=ParameterValue.version + 1)
    .returning(ParameterValue),
)
DECIDE_VALUE = Query(
    ParameterValue,
    update(ParameterValue)
    .where(
        ParameterValue.value_id == bindparam("id_"),
        ParameterValue.version == bindparam("seen"),
        ParameterValue.state == constant("asked"),
    )
    .values(
        state=bindparam("to"),
        approved_at=bindparam("now"),
        approved_by=bindparam("by"),
        approved_name=bindparam("name"),
        valid_from=func.greatest(ParameterValue.valid_from, bindparam("now")),
        version=ParameterValue.version + 1,
    )
    .returning(ParameterValue),
)
