"""Codes in force: looked up, searched, browsed, compared, withdrawn."""

from datetime import datetime
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
from sqlalchemy.orm import aliased

from functions.catalogue.codes.models import Code, CodeVersion
from functions.catalogue.codes.queries.systems import version_at
from shared.database.query import Query, among

MOMENT = DateTime(timezone=True)
_AT = bindparam("at", type_=MOMENT)
DEEPEST = 12
"""Levels above a code at most, so that a list whose codes name each other as parents ends."""


class Term(NamedTuple):
    """A code with the version it belongs to: what a record keeps (pin) and shows."""

    system: str
    label: str
    version_id: UUID
    code: str
    display: str
    parent: str | None
    leaf: bool
    local: bool
    official_code: str | None
    sex: str | None
    age_min_days: int | None
    age_max_days: int | None
    attrs: dict[str, Any]
    withdrawn_from: datetime | None
    successor: str | None


_term = select(
    CodeVersion.system,
    CodeVersion.label,
    CodeVersion.version_id,
    Code.code,
    Code.display,
    Code.parent,
    Code.leaf,
    Code.local,
    Code.official_code,
    Code.sex,
    Code.age_min_days,
    Code.age_max_days,
    Code.attrs,
    Code.withdrawn_from,
    Code.successor,
).join(CodeVersion, CodeVersion.version_id == Code.version_id)
_of_system = version_at(bindparam("system"), _AT)

TERMS = Query(Term, _term.where(_of_system, among(Code.code, "codes")))
TERM_OF_VERSION = Query(Term, _term.where(Code.version_id == bindparam("version_id"), Code.code == bindparam("code")))
TERMS_BY_ID = Query(Term, _term.where(among(Code.code_id, "ids")))
CHILDREN = Query(
    Term,
    _term.where(_of_system, Code.parent == bindparam("parent"), Code.code > bindparam("after"))
    .order_by(Code.code)
    .limit(bindparam("limit")),
)
CHILDREN_OF = Query(Term, _term.where(_of_system, among(Code.parent, "parents")).order_by(Code.code).limit(2000))
ROOTS = Query(
    Term,
    _term.where(_of_system, Code.parent.is_(null()), Code.code > bindparam("after"))
    .order_by(Code.code)
    .limit(bindparam("limit")),
)
_self = (
    select(Code.version_id, Code.code, Code.parent, literal(0).label("depth"))
    .join(CodeVersion, CodeVersion.version_id == Code.version_id)
    .where(_of_system, Code.code == bindparam("code"))
    .cte("up", recursive=True)
)
_up = _self.union_all(
    select(Code.version_id, Code.code, Code.parent, _self.c.depth + 1).where(
        Code.version_id == _self.c.version_id, Code.code == _self.c.parent, _self.c.depth < DEEPEST
    )
)
ANCESTORS = Query(
    Term,
    _term.join(_up, and_(_up.c.version_id == Code.version_id, _up.c.code == Code.code))
    .where(_up.c.depth > 0)
    .order_by(_up.c.depth.desc()),
)
"""Codes above another, topmost first."""
_top = (
    select(Code.version_id, Code.code)
    .join(CodeVersion, CodeVersion.version_id == Code.version_id)
    .where(_of_system, Code.code == bindparam("above"))
    .cte("below", recursive=True)
)
_below = _top.union(
    select(Code.version_id, Code.code).where(Code.version_id == _top.c.version_id, Code.parent == _top.c.code)
)
DESCENDANTS = Query(
    Term,
    _term.join(_below, and_(_below.c.version_id == Code.version_id, _below.c.code == Code.code))
    .where(Code.leaf, Code.code != bindparam("above"), Code.code > bindparam("after"))
    .order_by(Code.code)
    .limit(bindparam("limit")),
)
"""Codes that may be chosen anywhere below another."""
EVERY_TERM = Query(
    Term,
    _term.where(Code.version_id == bindparam("version_id"), Code.code > bindparam("after"))
    .order_by(Code.code)
    .limit(bindparam("limit")),
)
VALUE_SET = Query(
    Term,
    _term.where(_of_system, or_(Code.withdrawn_from.is_(null()), Code.withdrawn_from > _AT))
    .order_by(Code.place, Code.code)
    .limit(5000),
)
WITHDRAW = Query(
    Code,
    update(Code)
    .where(
        Code.version_id == bindparam("version_id_"),
        Code.code == bindparam("code_"),
        Code.withdrawn_from.is_(null()),
    )
    .values(withdrawn_from=bindparam("start", type_=MOMENT), successor=bindparam("next_code", type_=Text))
    .returning(Code),
)


class Found(NamedTuple):
    """A search result."""

    code_id: UUID
    code: str
    display: str
    place: int


_search = (
    func.catalogue.search_codes(
        bindparam("system", type_=Text),
        bindparam("at", type_=MOMENT),
        bindparam("typed", type_=Text),
        bindparam("code_typed", type_=Text),
        bindparam("tokens", type_=ARRAY(Text)),
        bindparam("wanted", type_=ARRAY(Text)),
        bindparam("unit", type_=Uuid),
        bindparam("sex", type_=Text),
        bindparam("age_days", type_=Integer),
        bindparam("since_month", type_=Integer),
        bindparam("principal", type_=Boolean),
        bindparam("most", type_=Integer),
    )
    .table_valued(
        column("found_id", Uuid),
        column("found_code", Text),
        column("found_display", Text),
        column("found_place", Integer),
    )
    .render_derived(name="found")
)
SEARCH = Query(Found, select(_search.c.found_id, _search.c.found_code, _search.c.found_display, _search.c.found_place))


class Changed(NamedTuple):
    """A code that differs between two versions; null where it is missing."""

    code: str
    before: str | None
    after: str | None


_before, _after = aliased(Code), aliased(Code)
NEWER_DIFFERS = Query(
    Changed,
    select(_after.code, _before.display, _after.display)
    .outerjoin(_before, and_(_before.version_id == bindparam("older", type_=Uuid), _before.code == _after.code))
    .where(
        _after.version_id == bindparam("newer", type_=Uuid),
        _after.code > bindparam("after"),
        _before.display.is_distinct_from(_after.display),
    )
    .order_by(_after.code)
    .limit(bindparam("limit")),
)
ONLY_OLDER = Query(
    Changed,
    select(_before.code, _before.display, null())
    .where(
        _before.version_id == bindparam("older", type_=Uuid),
        _before.code > bindparam("after"),
        ~exists().where(_after.version_id == bindparam("newer", type_=Uuid), _after.code == _before.code),
    )
    .order_by(_before.code)
    .limit(bindparam("limit")),
)
