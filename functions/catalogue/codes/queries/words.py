"""Selects and guarded updates of mappings, search words, use, bindings, questions and laboratory items."""

from typing import NamedTuple

from sqlalchemy import DateTime, Integer, Text, and_, bindparam, exists, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.catalogue.codes.models import (
    CodeFavourite,
    CodeMapping,
    CodeSynonym,
    CodeUse,
    LabItem,
    ReferenceRange,
    ValueSetBinding,
)
from shared.database.periods import holds, lasts
from shared.database.query import Query, among, constant

MOMENT = DateTime(timezone=True)
_AT = bindparam("at", type_=MOMENT)
_in_force = and_(
    CodeMapping.status == constant("checked"),
    holds(CodeMapping, _AT),
)

# -- mappings

FORWARD = Query(
    CodeMapping,
    select(CodeMapping).where(
        CodeMapping.from_system == bindparam("from_system"),
        CodeMapping.to_system == bindparam("to_system"),
        among(CodeMapping.from_code, "codes"),
        _in_force,
    ),
)
BACKWARD = Query(
    CodeMapping,
    select(CodeMapping).where(
        CodeMapping.to_system == bindparam("from_system"),
        CodeMapping.from_system == bindparam("to_system"),
        among(CodeMapping.to_code, "codes"),
        _in_force,
    ),
)
MAPPINGS = Query(
    CodeMapping,
    select(CodeMapping)
    .where(
        CodeMapping.from_system == bindparam("from_system"),
        CodeMapping.to_system == bindparam("to_system"),
        or_(
            CodeMapping.from_code > bindparam("after"),
            and_(CodeMapping.from_code == bindparam("after"), CodeMapping.to_code > bindparam("after_target")),
        ),
        _in_force,
    )
    .order_by(CodeMapping.from_code, CodeMapping.to_code)
    .limit(bindparam("limit")),
)
"""Mappings in force between two systems, in order of code."""
MAPPING_DRAFTS = Query(
    CodeMapping,
    select(CodeMapping)
    .where(CodeMapping.status == constant("draft"), CodeMapping.mapping_id > bindparam("after"))
    .order_by(CodeMapping.mapping_id)
    .limit(bindparam("limit")),
)
LOCK_MAPPINGS = Query(
    CodeMapping,
    select(CodeMapping)
    .where(among(CodeMapping.mapping_id, "ids"), CodeMapping.status == constant("draft"))
    .order_by(CodeMapping.mapping_id)
    .with_for_update(),
)
CHECK_MAPPINGS = Query(
    CodeMapping,
    update(CodeMapping)
    .where(among(CodeMapping.mapping_id, "ids"), CodeMapping.status == constant("draft"))
    .values(
        status="checked",
        checker=bindparam("who"),
        checked_at=bindparam("now", type_=MOMENT),
        valid_from=func.greatest(CodeMapping.valid_from, bindparam("now", type_=MOMENT)),
    )
    .returning(CodeMapping),
)
END_MAPPING = Query(
    CodeMapping,
    update(CodeMapping)
    .where(
        CodeMapping.mapping_id == bindparam("id_"),
        CodeMapping.status == constant("checked"),
        lasts(CodeMapping, bindparam("until", type_=MOMENT)),
        CodeMapping.valid_from < bindparam("until", type_=MOMENT),
    )
    .values(valid_to=bindparam("until", type_=MOMENT))
    .returning(CodeMapping),
)


class Used(NamedTuple):
    """A code and how often it was used."""

    code: str
    uses: int


UNMAPPED_IN_USE = Query(
    Used,
    select(CodeUse.code, func.sum(CodeUse.uses))
    .where(
        CodeUse.campus_id == bindparam("campus"),
        CodeUse.system == bindparam("system"),
        CodeUse.month >= bindparam("since_month", type_=Integer),
        ~exists().where(
            CodeMapping.from_system == CodeUse.system,
            CodeMapping.from_code == CodeUse.code,
            CodeMapping.to_system == bindparam("to_system"),
            CodeMapping.relation != constant("none"),
            _in_force,
        ),
        ~exists().where(
            CodeMapping.to_system == CodeUse.system,
            CodeMapping.to_code == CodeUse.code,
            CodeMapping.from_system == bindparam("to_system"),
            CodeMapping.relation != constant("none"),
            _in_force,
        ),
    )
    .group_by(CodeUse.code)
    .order_by(func.sum(CodeUse.uses).desc(), CodeUse.code)
    .limit(200),
)

# -- search words

SYNONYMS = Query(
    CodeSynonym,
    select(CodeSynonym)
    .where(CodeSynonym.system == bindparam("system"), CodeSynonym.code == bindparam("code"), CodeSynonym.active)
    .order_by(CodeSynonym.word),
)
DROP_SYNONYM = Query(
    CodeSynonym,
    update(CodeSynonym)
    .where(CodeSynonym.synonym_id == bindparam("id_"), CodeSynonym.active)
    .values(active=False)
    .returning(CodeSynonym),
)
_favourite = insert(CodeFavourite).values(
    campus_id=bindparam("campus"),
    subject=bindparam("who"),
    system=bindparam("of_system"),
    code=bindparam("of_code"),
    kept=bindparam("keep"),
)
KEEP_FAVOURITE = Query(
    object,
    _favourite.on_conflict_do_update(
        index_elements=[CodeFavourite.campus_id, CodeFavourite.subject, CodeFavourite.system, CodeFavourite.code],
        set_={"kept": _favourite.excluded.kept},
    ),
)
FAVOURITES = Query(
    str,
    select(CodeFavourite.code)
    .where(
        CodeFavourite.campus_id == bindparam("campus"),
        CodeFavourite.subject == bindparam("who"),
        CodeFavourite.system == bindparam("system"),
        CodeFavourite.kept,
    )
    .order_by(CodeFavourite.code)
    .limit(500),
)
_use = insert(CodeUse).values(
    campus_id=bindparam("campus"),
    system=bindparam("of_system"),
    code=bindparam("of_code"),
    unit_id=bindparam("unit"),
    month=bindparam("in_month", type_=Integer),
    uses=bindparam("times", type_=Integer),
)
COUNT_USE = Query(
    object,
    _use.on_conflict_do_update(
        index_elements=[CodeUse.campus_id, CodeUse.system, CodeUse.code, CodeUse.unit_id, CodeUse.month],
        set_={"uses": CodeUse.uses + _use.excluded.uses},
    ),
)

# -- bindings

BINDING = Query(ValueSetBinding, select(ValueSetBinding).where(ValueSetBinding.field == bindparam("field")))
BINDINGS = Query(ValueSetBinding, select(ValueSetBinding).order_by(ValueSetBinding.field).limit(2000))
REBIND = Query(
    ValueSetBinding,
    update(ValueSetBinding)
    .where(ValueSetBinding.field == bindparam("field_"), ValueSetBinding.version == bindparam("seen"))
    .values(
        system=bindparam("new_system"),
        strength=bindparam("new_strength"),
        bound_at=bindparam("now", type_=MOMENT),
        bound_by=bindparam("who"),
        version=ValueSetBinding.version + 1,
    )
    .returning(ValueSetBinding),
)

# -- laboratory items

LAB_ITEM = Query(LabItem, select(LabItem).where(LabItem.code == bindparam("code")))
LAB_ITEMS = Query(
    LabItem,
    select(LabItem).where(LabItem.code > bindparam("after")).order_by(LabItem.code).limit(bindparam("limit")),
)
CHANGE_LAB_ITEM = Query(
    LabItem,
    update(LabItem)
    .where(LabItem.code == bindparam("code_"), LabItem.version == bindparam("seen"))
    .values(
        name=bindparam("name_"),
        initials=bindparam("initials_"),
        short_name=bindparam("short_name_"),
        specimen=bindparam("specimen_"),
        method=bindparam("method_"),
        unit=bindparam("unit_"),
        loinc=bindparam("loinc_", type_=Text),
        national_code=bindparam("national_code_", type_=Text),
        active=bindparam("active_"),
        changed_at=bindparam("now", type_=MOMENT),
        changed_by=bindparam("who"),
        version=LabItem.version + 1,
    )
    .returning(LabItem),
)
END_RANGES = Query(
    object,
    update(ReferenceRange)
    .where(ReferenceRange.item_code == bindparam("of_code"), ReferenceRange.valid_to.is_(null()))
    .values(valid_to=bindparam("until", type_=MOMENT)),
)
RANGES = Query(
    ReferenceRange,
    select(ReferenceRange)
    .where(
        among(ReferenceRange.item_code, "codes"),
        holds(ReferenceRange, _AT),
    )
    .order_by(ReferenceRange.item_code, ReferenceRange.age_from_days, ReferenceRange.range_id),
)
