"""Statements of the migration of an old index: all of them take a slice of rows at once."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Date, Integer, Text, Uuid, bindparam, case, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY

from functions.patients.index.models import LegacyImport, LegacyRow
from shared.database.query import Query, one_of

FIND = Query(LegacyImport, select(LegacyImport).where(LegacyImport.import_id == bindparam("import_id")))
LOCK = Query(
    LegacyImport, select(LegacyImport).where(LegacyImport.import_id == bindparam("import_id")).with_for_update()
)
LIST = Query(
    LegacyImport,
    select(LegacyImport)
    .where(LegacyImport.campus_id == bindparam("campus"), LegacyImport.import_id < bindparam("before"))
    .order_by(LegacyImport.import_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
LOADED_BEFORE = Query(
    LegacyImport,
    select(LegacyImport).where(
        LegacyImport.campus_id == bindparam("campus"),
        LegacyImport.digest == bindparam("digest"),
        LegacyImport.status == "loaded",
    ),
)

RECEIVE = Query(
    int,
    text("""
    WITH received AS (
        INSERT INTO patients.legacy_rows (campus_id, import_id, row_no, person, document_no, key_id, number)
        SELECT :campus, :import_id, CAST(:first AS int) + place::int - 1, sent -> 'person', sent ->> 'document_no',
               CASE WHEN sent ? 'document_no' THEN CAST(:key_id AS text) END, sent ->> 'number'
        FROM jsonb_array_elements(CAST(:people AS jsonb)) WITH ORDINALITY AS sent (sent, place)
        ON CONFLICT (import_id, row_no) DO NOTHING RETURNING 1)
    SELECT count(*) FROM received
    """),
)
"""Rows from `first` on, their document numbers sealed beside; a chunk sent twice counts once."""

RECEIVED = Query(int, select(func.count()).where(LegacyRow.import_id == bindparam("import_id")))
DIGEST = Query(
    str,
    text("""
    SELECT encode(sha256(string_agg(
        sha256(convert_to(person::text || coalesce(number, ''), 'UTF8')), '' ORDER BY row_no)), 'hex')
    FROM patients.legacy_rows WHERE import_id = :import_id
    """),
)

SLICE = Query(
    LegacyRow,
    select(LegacyRow)
    .where(
        LegacyRow.import_id == bindparam("import_id"),
        LegacyRow.row_no > bindparam("after", type_=Integer),
        LegacyRow.row_no <= bindparam("until", type_=Integer),
    )
    .order_by(LegacyRow.row_no),
)
REJECTED = Query(
    LegacyRow,
    select(LegacyRow)
    .where(
        LegacyRow.import_id == bindparam("import_id"),
        LegacyRow.outcome == bindparam("outcome"),
        LegacyRow.row_no > bindparam("after", type_=Integer),
    )
    .order_by(LegacyRow.row_no)
    .limit(bindparam("limit", type_=Integer)),
)
JUDGE = Query(
    object,
    text("""
    UPDATE patients.legacy_rows
    SET outcome = (CAST(:outcomes AS text[]))[row_no - CAST(:first AS int) + 1],
        reason = (CAST(:reasons AS text[]))[row_no - CAST(:first AS int) + 1],
        patient_id = (CAST(:patients AS uuid[]))[row_no - CAST(:first AS int) + 1],
        number = (CAST(:numbers AS text[]))[row_no - CAST(:first AS int) + 1]
    WHERE import_id = :import_id AND row_no BETWEEN CAST(:first AS int) AND CAST(:last AS int)
    """),
)
"""What became of the rows from `first` to `last`, in their order.

One range of the primary key and no join: while the tables fill there are no statistics, and a join of the slice with
the file was planned as one walk through the file per row.
"""

MOVE = Query(
    LegacyImport,
    update(LegacyImport)
    .where(LegacyImport.import_id == bindparam("id_"), LegacyImport.version == bindparam("seen"))
    .values(
        status=bindparam("to_status"),
        digest=func.coalesce(bindparam("to_digest", type_=Text), LegacyImport.digest),
        done=bindparam("to_done"),
        new_rows=bindparam("to_new"),
        linked_rows=bindparam("to_linked"),
        suspected_rows=bindparam("to_suspected"),
        rejected_rows=bindparam("to_rejected"),
        ended_at=case(
            (one_of(bindparam("to_status", type_=Text), "loaded", "unchanged", "dropped"), bindparam("at")),
            else_=LegacyImport.ended_at,
        ),
        ended_by=bindparam("by"),
        version=LegacyImport.version + 1,
    )
    .returning(LegacyImport),
)


class NumberOwner(NamedTuple):
    """Whom a number names today, with every name that person bears or bore."""

    type: str
    value: str
    patient_id: UUID
    name: str
    former_names: list[str]


OWNERS = Query(
    NumberOwner,
    text("""
    SELECT held.type, sought.value, held.survivor_id, held.name, held.former_names
    FROM unnest(CAST(:values AS text[])) AS sought (value) CROSS JOIN LATERAL (
        SELECT identifiers.type, patients.survivor_id, patients.name, patients.former_names
        FROM patients.identifiers JOIN patients.patients ON patients.patient_id = identifiers.patient_id
        WHERE identifiers.value = sought.value AND identifiers.status = 'active'
          AND coalesce(identifiers.issuer_campus_id, :campus) = :campus
        LIMIT 20) AS held
    """),
)
"""One look into the index per number, by the limit, whatever the statistics say while the tables fill."""


class Alike(NamedTuple):
    """A row and a record that may be the same person."""

    place: int
    patient_id: UUID


ALIKE = Query(
    Alike,
    text("""
    WITH sought AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:places AS int[]), CAST(:pinyins AS text[]), CAST(:births AS date[]),
                             CAST(:phones AS text[]), CAST(:own AS uuid[]))
                 AS row (place, pinyin, born, phone, own))
    SELECT place, found.patient_id
    FROM sought CROSS JOIN LATERAL (
        SELECT patient_id FROM patients.patients
        WHERE name_pinyin = sought.pinyin AND birth_date = sought.born AND status = 'active'
        UNION
        SELECT patient_id FROM patients.patients
        WHERE phone = sought.phone AND (name_pinyin = sought.pinyin OR birth_date = sought.born) AND status = 'active'
        LIMIT 20) AS found
    WHERE found.patient_id IS DISTINCT FROM sought.own
    """).bindparams(
        bindparam("births", type_=ARRAY(Date)),
        bindparam("own", type_=ARRAY(Uuid)),
    ),
)
"""Records that share sound and birthday, or the phone and one of the two: what the score can lift over its limit."""


class Earlier(NamedTuple):
    """A row of the same file that a document number was first seen in."""

    number: str
    name: str


EARLIER = Query(
    Earlier,
    text("""
    SELECT sought.number, seen.name
    FROM unnest(CAST(:numbers AS text[])) AS sought (number) CROSS JOIN LATERAL (
        SELECT person ->> 'name' AS name FROM patients.legacy_rows
        WHERE import_id = :import_id AND number = sought.number AND row_no <= :until AND outcome <> 'rejected'
        LIMIT 1) AS seen
    """),
)
"""Any row that counts will do: those of one number that are not rejected bear one name."""

UNDER_WAY = Query(
    LegacyImport,
    select(LegacyImport).where(
        LegacyImport.campus_id == bindparam("campus"), one_of(LegacyImport.status, "checking", "loading")
    ),
)

EMPI_NUMBERS = Query(int, text("SELECT nextval('patients.empi_numbers') FROM generate_series(1, CAST(:count AS int))"))
