"""Searches keep to their indexes under row-level security, on a county's worth of rows and with very common names."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.patients.index import rules, service
from functions.patients.index.queries import care, checks, exchange, holding, people, search, stewardship
from functions.patients.index.schemas.people import FindPatients
from functions.patients.index.service import facts, matching, numbers
from loadtests.population.people import Person
from loadtests.population.people import people as population
from shared.column_cipher import cipher
from shared.database.query import Query
from shared.ids import new_id
from shared.tx import Tx
from tests.support.hospital import Hospital
from tests.support.plans import plan

COUNT = 50_000
COMMON = 20_000
"""People of one name, born on different days."""

_PATIENT = (
    "patient_id, survivor_id, empi_no, name, name_pinyin, name_initials, name_keys, former_names, sex, birth_date,"
    " birth_precision, phone, identity_level, confidentiality, status, created_campus_id, created_at, created_by,"
    " version"
)
_IDENTIFIER = (
    "identifier_id, patient_id, type, value, sealed, key_id, tail, status, bound_at, bound_by, bound_campus_id"
)


@pytest.fixture(scope="module")
def county(hospital: Hospital) -> list[Person]:
    """The population of a county in the index, 20,000 of them called 王伟."""
    made = list(population(11, COUNT))
    ids = [new_id() for _ in made]
    common = facts.name_fields("王伟")
    with psycopg.connect(hospital.server.superuser_dsn(hospital.database)) as connection:
        connection.execute("SET session_replication_role = replica")
        with connection.cursor().copy(f"COPY patients.patients ({_PATIENT}) FROM STDIN") as copy:
            for person, one in zip(made, ids, strict=True):
                named = common if person.number % 5 < 2 else facts.name_fields(person.name)
                fixed = ("{}", person.sex, person.birth_date, "day", person.phone, "document_seen", "normal", "active")
                copy.write_row(
                    (
                        one,
                        one,
                        rules.empi_number(person.number + 1),
                        *named.values(),
                        *fixed,
                        "hq",
                        "2026-01-01",
                        "x",
                        1,
                    )
                )
        with connection.cursor().copy(f"COPY patients.identifiers ({_IDENTIFIER}) FROM STDIN") as copy:
            for person, one in zip(made, ids, strict=True):
                row_id = new_id()
                kept = numbers.written(cipher(), "resident_id", person.id_number, row_id)
                copy.write_row((row_id, one, "resident_id", *kept, "active", "2026-01-01", "x", "hq"))
        connection.execute("ANALYZE patients.patients")
        connection.execute("ANALYZE patients.identifiers")
    assert hospital.value("SELECT count(*) FROM patients.patients WHERE name = '王伟'") >= COMMON
    return made


def someone(county: list[Person]) -> Person:
    return next(person for person in county if person.number % 5 == 4 and len(person.name) == 3)


class Reads:
    """What a piece of work read from the index's tables in its transaction."""

    def __init__(self, tx: Tx) -> None:
        self._connection = tx.session._connection
        self._before = self._count()

    def _count(self) -> tuple[int, int]:
        row = self._connection.execute(
            "SELECT coalesce(sum(seq_scan), 0), coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_xact_user_tables"
            " WHERE schemaname = 'patients' AND relname IN ('patients', 'identifiers')"
        ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def since(self) -> tuple[int, int]:
        """Scans of a whole table, and rows fetched through indexes."""
        now = self._count()
        return now[0] - self._before[0], now[1] - self._before[1]


@pytest.mark.parametrize(
    ("way", "most"),
    [
        ("id", 20),
        ("phone", 40),
        ("empi", 20),
        ("tail", 1_500),
        ("last four of the ID", 200),
        ("birthday and last four of the ID", 200),
        ("name", 2_500),
        ("common name", 700),
        ("initials", 700),
        ("common initials", 700),
        ("name and birth date", 300),
        ("slip of the name", 2_500),
    ],
)
def test_a_search_reads_little(hospital: Hospital, county: list[Person], way: str, most: int) -> None:
    """Ten times over on one connection, so that the plans PostgreSQL keeps are judged too."""
    person = someone(county)
    wanted: dict[str, Any] = {
        "id": {"text": person.id_number},
        "phone": {"text": person.phone},
        "empi": {"text": rules.empi_number(person.number + 1)},
        "tail": {"text": person.phone[-4:]},
        "last four of the ID": {"text": person.id_number[-4:]},
        "birthday and last four of the ID": {"text": person.id_number[-8:]},
        "name": {"text": person.name},
        "common name": {"text": "王伟"},
        "initials": {"text": person.initials},
        "common initials": {"text": "ww"},
        "name and birth date": {"text": person.name, "birth_date": person.birth_date},
        "slip of the name": {"text": person.name[:2] + "龘"},
    }[way]
    with hospital.tx("hq") as tx:
        for _ in range(10):
            reads = Reads(tx)
            found = service.find(tx, FindPatients.model_validate(wanted))
            scans, fetched = reads.since()
            assert scans == 0
            assert fetched <= most
    if way not in ("slip of the name", "common name", "common initials"):
        assert any(one.birth_date == person.birth_date for one in found.items)


def test_likely_duplicates_read_little(hospital: Hospital, county: list[Person]) -> None:
    for name in (someone(county).name, "王伟"):
        person = someone(county)
        parameters = matching.likely_parameters(facts.name_fields(name), person.birth_date, person.phone, None)
        with hospital.tx("hq") as tx:
            for _ in range(10):
                reads = Reads(tx)
                tx.session.all(search.LIKELY_DUPLICATES, **parameters)
                scans, fetched = reads.since()
                assert scans == 0
                assert fetched <= 600


@pytest.mark.parametrize(
    ("query", "params"),
    [
        (people.ACCESS, {"patient_id": "id"}),
        (people.SURVIVOR, {"patient_id": "id"}),
        (people.GROUP, {"patient_id": "id"}),
        (people.RESOLVE, {"ids": "ids"}),
        (people.IDENTIFIERS, {"patient_id": "id"}),
        (holding.HOLDER, {"forms": ["number"], "type": "resident_id", "issuer": None}),
        (holding.HOLDER_IDENTIFIERS, {"forms": ["number"], "type": "resident_id", "issuer": None}),
        (holding.RESOLVE_NUMBERS, {"types": ["resident_id"], "values": ["number"], "campus": "hq"}),
        (people.NEWBORN, {"mother_id": "id", "birth_date": "2026-01-01", "birth_order": 1}),
        (people.EARLIER_NAMES, {"patient_id": "id"}),
        (search.BY_IDENTIFIER, {"values": ["number"]}),
        (search.BY_EMPI, {"text": "0000000018"}),
        (search.BY_MOTHER, {"mother_id": "id"}),
        (search.COMPARABLES, {"ids": "ids"}),
        (holding.STOPPED, {"values": ["number"]}),
        (people.NAMES, {"ids": "ids"}),
        (exchange.SURVIVORS, {"ids": "ids"}),
        (exchange.NUMBERS_OF, {"ids": "ids"}),
        (checks.NUMBER, {"patient_id": "id"}),
    ],
    ids=lambda value: "" if isinstance(value, dict) else None,
)
def test_a_look_up_uses_its_index(
    hospital: Hospital, county: list[Person], query: Query[Any], params: dict[str, Any]
) -> None:
    known = {"id": UUID(int=1), "ids": [UUID(int=1), UUID(int=2)]}
    bound = {name: known.get(value, value) if isinstance(value, str) else value for name, value in params.items()}
    bound |= {
        name: numbers.forms(cipher(), someone(county).id_number) for name in ("forms", "values") if name in params
    }
    if "types" in params:
        bound["types"] = ["resident_id"] * len(bound["values"])
    with hospital.tx("hq") as tx:
        text = plan(tx, query, **bound)
    assert "Seq Scan on patients" not in text, text
    assert "Seq Scan on identifiers" not in text, text


def test_lists_use_their_indexes(hospital: Hospital) -> None:
    """Small tables are read whole whatever index there is, so the planner is told to avoid that."""
    lists: list[tuple[Query[Any], dict[str, Any], str]] = [
        (
            stewardship.PAIRS,
            {"status": "open", "after_due": "2026-01-01", "after_id": UUID(int=0), "limit": 50},
            "ix_match_candidates_status_due_at_candidate_id",
        ),
        (stewardship.MERGES_WAITING, {"after": UUID(int=0), "limit": 50}, "ix_merges_status_merge_id"),
        (stewardship.DISPUTES, {"status": "open", "after": UUID(int=0), "limit": 50}, "ix_disputes_status_dispute_id"),
        (care.CORRECTIONS, {"after": UUID(int=0), "limit": 50}, "ix_corrections_status_correction_id"),
        (
            care.OPENINGS,
            {"campus": "hq", "before": UUID(int=1 << 127), "limit": 50, "all_": "no"},
            "ix_break_glass_openings_reader_campus_id_opening_id",
        ),
        (
            care.CHANGES,
            {"patient_id": UUID(int=1), "before": UUID(int=1 << 127), "limit": 50},
            "ix_identity_changes_patient_id",
        ),
        (care.ALLERGIES, {"patient_id": UUID(int=1)}, "ix_allergies_patient_id"),
        (care.ALERTS, {"patient_id": UUID(int=1), "now": "2026-01-01"}, "ix_alerts_patient_id"),
        (care.RELATIONS, {"patient_id": UUID(int=1)}, "ix_relations_patient_id"),
        (
            checks.LIST,
            {"campus": "hq", "status": "waiting", "before": UUID(int=1 << 127), "limit": 50},
            "ix_police_checks_campus_id_status_check_id",
        ),
        (
            checks.TAKE_DUE,
            {"campus": "hq", "now": "2026-01-01", "lost_at": "2026-01-01", "limit": 20},
            "ix_police_checks_due",
        ),
    ]
    with hospital.tx("hq") as tx:
        tx.session._connection.execute("SET LOCAL enable_seqscan = off")
        tx.session._connection.execute("SET LOCAL enable_bitmapscan = off")
        for query, params, index in lists:
            assert index in plan(tx, query, **params)


def test_searches_belong_to_the_search_role_alone(hospital: Hospital) -> None:
    rows = hospital.rows(
        "SELECT proname, proowner::regrole::text AS owner, has_function_privilege('his_app', oid, 'EXECUTE') AS app,"
        " has_function_privilege('his_auditor', oid, 'EXECUTE') AS auditor,"
        " has_function_privilege('his_worker', oid, 'EXECUTE') AS worker"
        " FROM pg_proc WHERE prosecdef AND pronamespace = 'patients'::regnamespace"
    )
    assert {row["proname"] for row in rows} == {
        "search_by_name",
        "search_by_pinyin",
        "search_by_phone",
        "search_by_tail",
        "likely_duplicates",
        "access_log",
    }
    assert {(row["owner"], row["app"], row["auditor"], row["worker"]) for row in rows} == {
        ("his_search", True, False, False)
    }
    assert not hospital.value("SELECT has_schema_privilege('his_search', 'patients', 'CREATE')")


def test_without_sign_on_nothing_is_found(hospital: Hospital, county: list[Person]) -> None:
    person = someone(county)
    with psycopg.connect(hospital.settings.database_url) as connection:
        assert connection.execute("SELECT * FROM patients.search_by_phone(%s)", [person.phone]).fetchall() == []
        tails = numbers.tail_marks(cipher(), person.id_number[-4:])
        by_tail = "SELECT * FROM patients.search_by_tail(%s, %s::bigint[], '')"
        assert connection.execute(by_tail, [person.phone[::-1][:6], tails]).fetchall() == []
        assert connection.execute("SELECT * FROM patients.search_by_pinyin(%s, NULL, NULL)", ["ww"]).fetchall() == []


@given(st.text(alphabet="王小伟明张大", max_size=4), st.text(alphabet="王小伟明张大", max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_compares_names_as_the_rule_does(hospital: Hospital, one: str, other: str) -> None:
    found = hospital.value("SELECT patients.one_character_apart(%s, %s)", [one, other])
    assert found is rules.one_character_apart(one, other)
