"""Selects, locks and guarded updates of code systems, versions, imports and codes."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    DateTime,
    Integer,
    Text,
    Uuid,
    and_,
    bindparam,
    column,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import aliased

from functions.catalogue.codes.models import Code, CodeImport, CodeReject, CodeSystem, CodeVersion
from functions.catalogue.codes.searching import SEPARATOR
from shared.database.query import Query, constant

MOMENT = DateTime(timezone=True)
_AT = bindparam("at", type_=MOMENT)


def version_at(system: Any, at: Any) -> Any:
    """The version of a system in force at a moment, as a condition on CodeVersion."""
    return and_(
        CodeVersion.system == system,
        CodeVersion.status == constant("published"),
        CodeVersion.effective_from <= at,
        or_(CodeVersion.effective_to.is_(null()), CodeVersion.effective_to > at),
    )


# -- systems

SYSTEM = Query(CodeSystem, select(CodeSystem).where(CodeSystem.system == bindparam("system")))
SYSTEMS = Query(CodeSystem, select(CodeSystem).order_by(CodeSystem.system).limit(500))
SET_PROFILE = Query(
    CodeSystem,
    update(CodeSystem)
    .where(CodeSystem.system == bindparam("system_"), CodeSystem.version == bindparam("seen"))
    .values(profile=bindparam("new_profile", type_=JSONB), version=CodeSystem.version + 1)
    .returning(CodeSystem),
)

# -- versions

VERSIONS = Query(
    CodeVersion,
    select(CodeVersion)
    .where(CodeVersion.system == bindparam("system"))
    .order_by(CodeVersion.made_at.desc())
    .limit(200),
)
VERSION = Query(CodeVersion, select(CodeVersion).where(CodeVersion.version_id == bindparam("version_id")))
LOCK_VERSION = Query(
    CodeVersion, select(CodeVersion).where(CodeVersion.version_id == bindparam("version_id")).with_for_update()
)
VERSION_AT = Query(CodeVersion, select(CodeVersion).where(version_at(bindparam("system"), _AT)))
_last = (
    select(CodeVersion)
    .where(CodeVersion.system == bindparam("system"), CodeVersion.status == constant("published"))
    .order_by(CodeVersion.effective_from.desc())
    .limit(1)
)
LATEST = Query(CodeVersion, _last)
LAST_PUBLISHED = Query(CodeVersion, _last.with_for_update())
"""The version that was published for the latest moment, locked while another takes its place."""
END_VERSION = Query(
    object,
    update(CodeVersion)
    .where(CodeVersion.version_id == bindparam("id_"))
    .values(effective_to=bindparam("until", type_=MOMENT), version=CodeVersion.version + 1),
)
PUBLISH = Query(
    CodeVersion,
    update(CodeVersion)
    .where(
        CodeVersion.version_id == bindparam("id_"),
        CodeVersion.version == bindparam("seen"),
        CodeVersion.status == constant("staged"),
    )
    .values(
        status="published",
        checker=bindparam("who"),
        published_at=bindparam("now", type_=MOMENT),
        effective_from=bindparam("start", type_=MOMENT),
        codes=bindparam("count"),
        count_confirmed_by=bindparam("confirmed_by", type_=Text),
        version=CodeVersion.version + 1,
    )
    .returning(CodeVersion),
)
DISCARD = Query(
    CodeVersion,
    update(CodeVersion)
    .where(
        CodeVersion.version_id == bindparam("id_"),
        CodeVersion.version == bindparam("seen"),
        CodeVersion.status == constant("staged"),
    )
    .values(status="discarded", version=CodeVersion.version + 1)
    .returning(CodeVersion),
)

# -- imports


def _finish(**values: Any) -> Query[CodeImport]:
    return Query(
        CodeImport,
        update(CodeImport)
        .where(CodeImport.import_id == bindparam("id_"), CodeImport.status == constant("reading"))
        .values(**values, version=CodeImport.version + 1)
        .returning(CodeImport),
    )


_COUNTS = ("rows_read", "accepted", "rejected", "ignored", "new", "changed", "unchanged", "withdrawn")
FINISH_IMPORT = _finish(
    status=bindparam("to"),
    version_id=bindparam("staged_as", type_=Uuid),
    sha256=bindparam("hash"),
    **{name: bindparam(f"{name}_", type_=Integer) for name in _COUNTS},
)
FAIL_IMPORT = _finish(status="failed", fault=bindparam("why"), sha256=bindparam("hash"))
IMPORT = Query(CodeImport, select(CodeImport).where(CodeImport.import_id == bindparam("import_id")))
IMPORTS = Query(
    CodeImport,
    select(CodeImport)
    .where(CodeImport.system == bindparam("system"), CodeImport.import_id < bindparam("before"))
    .order_by(CodeImport.import_id.desc())
    .limit(bindparam("limit")),
)
SAME_FILE = Query(
    UUID,
    select(CodeImport.import_id)
    .join(CodeVersion, CodeVersion.version_id == CodeImport.version_id)
    .where(
        CodeImport.system == bindparam("system"),
        CodeImport.sha256 == bindparam("sha256"),
        CodeVersion.status != constant("discarded"),
    )
    .limit(1),
)
"""An import of the very same file whose version still stands."""


class Word(NamedTuple):
    """A code and what may change of it from version to version."""

    code: str
    display: str
    attrs: dict[str, Any]
    sex: str | None
    age_min_days: int | None
    age_max_days: int | None


_word = select(Code.code, Code.display, Code.attrs, Code.sex, Code.age_min_days, Code.age_max_days)
OFFICIAL = Query(Word, _word.where(Code.version_id == bindparam("version_id"), ~Code.local))

_names = (
    "code_id",
    "code",
    "display",
    "initials",
    "parent",
    "leaf",
    "place",
    "attrs",
    "sex",
    "age_min",
    "age_max",
    "grams",
    "wubi",
)
_types = (Uuid, Text, Text, Text, Text, Boolean, Integer, Text, Text, Integer, Integer, Text, Text)
_staged = (
    func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in zip(_names, _types, strict=True)))
    .table_valued(*(column(name, kind) for name, kind in zip(_names, _types, strict=True)))
    .render_derived(name="staged")
)
STAGE_CODES = Query(
    object,
    insert(Code).from_select(
        [
            "code_id",
            "version_id",
            "code",
            "display",
            "initials",
            "wubi",
            "grams",
            "parent",
            "leaf",
            "place",
            "attrs",
            "sex",
            "age_min_days",
            "age_max_days",
            "local",
        ],
        select(
            _staged.c.code_id,
            bindparam("version_id", type_=Uuid),
            _staged.c.code,
            _staged.c.display,
            _staged.c.initials,
            _staged.c.wubi,
            func.string_to_array(_staged.c.grams, SEPARATOR),
            _staged.c.parent,
            _staged.c.leaf,
            _staged.c.place,
            _staged.c.attrs.cast(JSONB),
            _staged.c.sex,
            _staged.c.age_min,
            _staged.c.age_max,
            literal(False),
        ),
    ),
)
"""A whole list in one statement."""

# -- rejected rows

REJECTS = Query(
    CodeReject,
    select(CodeReject).where(CodeReject.version_id == bindparam("version_id")).order_by(CodeReject.row_no).limit(2000),
)
REJECT = Query(
    CodeReject,
    select(CodeReject)
    .where(CodeReject.version_id == bindparam("version_id"), CodeReject.row_no == bindparam("row_no"))
    .with_for_update(),
)
DECIDE = Query(
    CodeReject,
    update(CodeReject)
    .where(CodeReject.reject_id == bindparam("id_"), CodeReject.decision.is_(null()))
    .values(
        decision=bindparam("what"),
        decided_by=bindparam("who"),
        decided_at=bindparam("at", type_=MOMENT),
        note=bindparam("why", type_=Text),
    )
    .returning(CodeReject),
)
UNDECIDED = Query(
    int,
    select(func.count()).where(CodeReject.version_id == bindparam("version_id"), CodeReject.decision.is_(null())),
)

# -- staged codes before publication

COUNT_CODES = Query(
    int,
    select(func.count()).where(
        Code.version_id == bindparam("version_id"), ~Code.local, Code.attrs["heading"].astext.is_(null())
    ),
)
"""Codes as the issuer counts them: without local ones, without categories that stood in columns."""
_parent = aliased(Code)
LOST_PARENTS = Query(
    str,
    select(Code.code)
    .where(
        Code.version_id == bindparam("version_id"),
        Code.parent.is_not(null()),
        ~exists().where(_parent.version_id == Code.version_id, _parent.code == Code.parent),
    )
    .order_by(Code.code)
    .limit(50),
)
REPLACE_DISPLAY = Query(
    Code,
    update(Code)
    .where(Code.version_id == bindparam("version_id_"), Code.code == bindparam("code_"))
    .values(
        display=bindparam("new_display"),
        initials=bindparam("new_initials"),
        wubi=bindparam("new_wubi"),
        grams=bindparam("new_grams", type_=ARRAY(Text)),
        attrs=Code.attrs.op("-")("wubi"),
    )
    .returning(Code),
)
NOT_A_LEAF = Query(
    object,
    update(Code)
    .where(Code.version_id == bindparam("version_id_"), Code.code == bindparam("code_"), Code.leaf)
    .values(leaf=False),
)
_local = aliased(Code)
_target = aliased(Code)
CARRY_LOCAL = Query(
    str,
    insert(Code)
    .from_select(
        [
            "code_id",
            "version_id",
            "code",
            "display",
            "initials",
            "wubi",
            "grams",
            "parent",
            "leaf",
            "place",
            "attrs",
            "sex",
            "age_min_days",
            "age_max_days",
            "local",
            "official_code",
        ],
        select(
            func.gen_random_uuid(),
            bindparam("to_version", type_=Uuid),
            _local.code,
            _local.display,
            _local.initials,
            _local.wubi,
            _local.grams,
            _local.parent,
            literal(True),
            _local.place,
            _local.attrs,
            _local.sex,
            _local.age_min_days,
            _local.age_max_days,
            literal(True),
            _local.official_code,
        ).where(
            _local.version_id == bindparam("from_version", type_=Uuid),
            _local.local,
            _local.withdrawn_from.is_(null()),
            exists().where(
                _target.version_id == bindparam("to_version", type_=Uuid), _target.code == _local.official_code
            ),
            ~exists().where(_target.version_id == bindparam("to_version", type_=Uuid), _target.code == _local.code),
        ),
    )
    .returning(Code.code),
)
"""Local codes go on in the next version while the official code they stand for does."""
LOCAL_CODES = Query(
    str,
    select(Code.code).where(Code.version_id == bindparam("version_id"), Code.local, Code.withdrawn_from.is_(null())),
)
