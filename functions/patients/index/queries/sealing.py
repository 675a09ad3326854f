"""The keys of certificates' numbers; and numbers that are in clear or sealed with an older key, a batch at a time.

Rows somebody else has just taken are left to them, so that the minutes of two campuses share the work.
"""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, bindparam, exists, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, insert

from functions.patients.index.models import Correction, Identifier, LegacyRow, NumberKey, Relation
from functions.patients.index.models.people import CERTIFICATES
from shared.database.query import Query, among
from shared.sealing import KeyInUse

_HELD = text(CERTIFICATES)


class Held(NamedTuple):
    """A row of patients.identifiers whose number is to be sealed."""

    identifier_id: UUID
    type: str
    value: str
    sealed: str | None


NUMBER_KEYS = Query(
    KeyInUse,
    select(
        NumberKey.key_id,
        NumberKey.proof,
        exists().where(Identifier.key_id == NumberKey.key_id, _HELD).correlate(NumberKey),
    ),
)
ADD_NUMBER_KEY = Query(
    object,
    insert(NumberKey)
    .values(key_id=bindparam("key_id"), proof=bindparam("proof"), first_used_at=bindparam("now"))
    .on_conflict_do_nothing(),
)


def _due(model: Any) -> Any:
    """Never sealed, or by a key that writes no more."""
    return or_(model.key_id.is_(None), among(model.key_id, "older"))


_limit = bindparam("limit", type_=Integer)

LEFT = Query(
    bool,
    select(
        or_(
            exists().where(_due(Identifier), _HELD),
            exists().where(_due(Relation), Relation.document_no.is_not(None)),
            exists().where(_due(Correction), Correction.document_no.is_not(None)),
            exists().where(
                LegacyRow.campus_id == bindparam("campus", type_=Text),
                _due(LegacyRow),
                LegacyRow.document_no.is_not(None),
            ),
        )
    ),
)
"""Whether anything is left to seal; of old systems' rows those of the acting campus."""

IN_CLEAR = Query(bool, select(exists().where(Identifier.key_id.is_(None), _HELD)))
"""Whether any number of a person stands in clear."""

IDENTIFIERS = Query(
    Held,
    select(Identifier.identifier_id, Identifier.type, Identifier.value, Identifier.sealed)
    .where(_due(Identifier), _HELD, Identifier.identifier_id > bindparam("after", type_=Uuid))
    .order_by(Identifier.identifier_id)
    .limit(_limit)
    .with_for_update(skip_locked=True),
)
RELATIONS = Query(
    Relation,
    select(Relation)
    .where(_due(Relation), Relation.document_no.is_not(None), Relation.relation_id > bindparam("after", type_=Uuid))
    .order_by(Relation.relation_id)
    .limit(_limit)
    .with_for_update(skip_locked=True),
)
CORRECTIONS = Query(
    Correction,
    select(Correction)
    .where(
        _due(Correction), Correction.document_no.is_not(None), Correction.correction_id > bindparam("after", type_=Uuid)
    )
    .order_by(Correction.correction_id)
    .limit(_limit)
    .with_for_update(skip_locked=True),
)
LEGACY_ROWS = Query(
    LegacyRow,
    select(LegacyRow)
    .where(
        LegacyRow.campus_id == bindparam("campus", type_=Text),
        _due(LegacyRow),
        LegacyRow.document_no.is_not(None),
        tuple_(LegacyRow.import_id, LegacyRow.row_no)
        > tuple_(bindparam("after", type_=Uuid), bindparam("after_row", type_=Integer)),
    )
    .order_by(LegacyRow.import_id, LegacyRow.row_no)
    .limit(_limit)
    .with_for_update(skip_locked=True),
)

SEAL_IDENTIFIERS = Query(
    UUID,
    text("""
    UPDATE patients.identifiers AS held
    SET value = fresh.value, sealed = fresh.sealed, key_id = :key_id, tail = fresh.tail
    FROM unnest(CAST(:ids AS uuid[]), CAST(:values AS text[]), CAST(:sealeds AS text[]), CAST(:tails AS bigint[]))
         AS fresh (id, value, sealed, tail)
    WHERE held.identifier_id = fresh.id AND NOT (held.status = 'active' AND EXISTS (
        SELECT FROM patients.identifiers AS other
        WHERE other.value = fresh.value AND other.type = held.type AND other.status = 'active'
          AND other.issuer_campus_id IS NOT DISTINCT FROM held.issuer_campus_id
          AND other.identifier_id <> held.identifier_id))
    RETURNING held.identifier_id
    """).bindparams(bindparam("ids", type_=ARRAY(Uuid))),
)
"""A number that stands twice, in two forms, stays as it is: people decide whose it is (integrity check)."""


def _seal_documents(table: str, row_id: str) -> Query[object]:
    return Query(
        object,
        text(f"""
        UPDATE patients.{table} AS held SET document_no = fresh.sealed, key_id = :key_id
        FROM unnest(CAST(:ids AS uuid[]), CAST(:sealeds AS text[])) AS fresh (id, sealed)
        WHERE held.{row_id} = fresh.id
        """).bindparams(bindparam("ids", type_=ARRAY(Uuid))),  # noqa: S608  names of this file
    )


SEAL_RELATIONS = _seal_documents("relations", "relation_id")
SEAL_CORRECTIONS = _seal_documents("corrections", "correction_id")
SEAL_LEGACY_ROWS = Query(
    object,
    text("""
    UPDATE patients.legacy_rows AS held
    SET document_no = fresh.sealed, key_id = :key_id,
        number = CASE WHEN held.number IS NOT NULL THEN fresh.number END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:places AS int[]), CAST(:sealeds AS text[]), CAST(:numbers AS text[]))
         AS fresh (id, place, sealed, number)
    WHERE held.import_id = fresh.id AND held.row_no = fresh.place
    """).bindparams(bindparam("ids", type_=ARRAY(Uuid))),
)
