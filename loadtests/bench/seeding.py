"""A hospital to work on: the demonstration's two campuses, a county's people, and sessions with numbers on sale."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from functions.patients.index import rules
from functions.patients.index.service import numbers
from loadtests.bench.ground import Ground, Superuser
from loadtests.bench.hosts import serving
from loadtests.bench.realm import BenchFront
from loadtests.bench.workload import Workload, patient_id, session_id
from loadtests.demo import found
from loadtests.founding import SEED
from loadtests.population import Person, copy_text, people
from loadtests.preparing import prepare_hospital
from shared.column_cipher import cipher
from shared.schemas import SHANGHAI

CAMPUS = "hq"
SESSIONS = 250
NUMBERS = 1000
"""Numbers of a session: more than a run can sell."""
PAYERS = {"310": "employee", "390": "resident", "": "self_pay"}
_PATIENT_COLUMNS = (
    "patient_id, survivor_id, empi_no, name, name_pinyin, name_initials, name_keys, former_names, sex, birth_date,"
    " birth_precision, ethnic_group, phone, current_address, payer_kind, identity_level, confidentiality, status,"
    " created_campus_id, created_at, created_by, version"
)
_IDENTIFIER_COLUMNS = (
    "identifier_id, patient_id, type, value, sealed, key_id, tail, status, bound_at, bound_by, bound_campus_id"
)


class Population:
    """The people of a county, put into the patient index as far as a measurement needs them.

    `spare` people come after the last one of `largest`: newcomers nobody has registered.
    """

    def __init__(self, ground: Ground, largest: int, spare: int = 0) -> None:
        self._ground = ground
        self._people = people(SEED, largest + spare)
        self.count = 0

    def grow(self, count: int) -> None:
        """Have `count` people in the index."""
        batch = list(islice(self._people, count - self.count))
        self.count += len(batch)
        with self._ground.superuser() as connection:
            rebuilt = _drop_indexes(connection) if len(batch) > 100_000 else []
            with connection.transaction():
                connection.execute("SET LOCAL session_replication_role = replica")  # keys are ours, and hold
                _copy(connection, "patients.patients", _PATIENT_COLUMNS, _patients(batch))
                _copy(connection, "patients.identifiers", _IDENTIFIER_COLUMNS, _identifiers(batch))
                connection.execute("SELECT setval('patients.empi_numbers', %s)", [self.count])
                _register_key(connection)
            for statement in rebuilt:
                connection.execute(statement)
            connection.execute("VACUUM ANALYZE patients.patients, patients.identifiers")
            connection.execute("CHECKPOINT")

    def newcomers(self, count: int) -> list[Person]:
        """People who are not in the index and never will be by `grow`."""
        return list(islice(self._people, count))


def open_hospital(ground: Ground) -> None:
    """Found both campuses and fill them in, through HTTP as the demonstration does."""
    found(ground.settings)
    with serving(ground) as (host,):
        settings = ground.settings.model_copy(update={"host_url": host.url})
        with BenchFront(settings, ground.realm) as front:
            prepare_hospital(front, lambda: None)


def put_on_sale(ground: Ground, patients: int) -> Workload:
    """Sessions of the clinics that treat everybody, on sale now and until the evening."""
    now = datetime.now(UTC)
    with ground.superuser() as connection:
        clinics = connection.execute(
            "SELECT clinic_id, unit_id FROM outpatient.clinics WHERE campus_id = %s AND grade = 'general'"
            " AND sex_limit IS NULL AND age_to IS NULL ORDER BY code",
            [CAMPUS],
        ).fetchall()
        rooms = connection.execute(
            "SELECT place_id FROM organisation.places WHERE campus_id = %s AND kind = 'room' ORDER BY code", [CAMPUS]
        ).fetchall()
        rows = (
            (
                session_id(number),
                CAMPUS,
                *clinics[number % len(clinics)],
                rooms[number % len(rooms)][0],
                1 + number // len(rooms),
                now.astimezone(SHANGHAI).date(),
                "morning",
                now - timedelta(hours=1),
                now + timedelta(hours=6),
                0,
                "published",
                "bench",
                1,
            )
            for number in range(SESSIONS)
        )
        columns = (
            "session_id, campus_id, clinic_id, unit_id, room_id, desk, day, part, starts_at, ends_at, extra_cap,"
            " status, made_by, version"
        )
        with connection.transaction():
            _copy(connection, "outpatient.sessions", columns, rows)
            connection.execute(
                "INSERT INTO outpatient.slots (slot_id, campus_id, session_id, number, band_start, band_end, channel,"
                " status) SELECT uuidv7(), s.campus_id, s.session_id, n, s.starts_at, s.ends_at, 'window', 'free'"
                " FROM outpatient.sessions AS s CROSS JOIN generate_series(1, %s) AS n ORDER BY s.session_id, n",
                [NUMBERS],
            )
        connection.execute("VACUUM ANALYZE outpatient.slots, outpatient.sessions")
        connection.execute("CHECKPOINT")
    return Workload(patients, SESSIONS)


def _patients(batch: Iterable[Person]) -> Iterator[tuple[object, ...]]:
    made = datetime.now(UTC)
    keys: dict[str, str] = {}
    for person in batch:
        number = patient_id(person.number)
        filed = keys.get(person.name)
        if filed is None:
            filed = keys[person.name] = (
                "{" + ",".join(sorted(filter(None, rules.one_character_keys(person.name)))) + "}"
            )
        address = {
            "region": person.county,
            "township": person.township,
            "village": person.village,
            "text": person.address,
        }
        yield (
            number,
            number,
            rules.empi_number(person.number + 1),
            person.name,
            person.pinyin,
            person.initials,
            filed,
            "{}",
            person.sex,
            person.birth_date,
            "day",
            person.ethnic_group,
            person.phone,
            json.dumps(address, ensure_ascii=False),
            PAYERS[person.payer],
            "document_seen",
            "normal",
            "active",
            CAMPUS,
            made,
            "bench",
            1,
        )


def _identifiers(batch: Iterable[Person]) -> Iterator[tuple[object, ...]]:
    made, seals = datetime.now(UTC), cipher()
    for person in batch:
        row_id = UUID(patient_id(person.number).replace("019a0000-0000", "019a0000-0002"))
        yield (
            row_id,
            patient_id(person.number),
            "resident_id",
            *numbers.written(seals, "resident_id", person.id_number, row_id),
            "active",
            made,
            "bench",
            CAMPUS,
        )


def _register_key(connection: Superuser) -> None:
    """The key, as the first process that sealed a number left it."""
    seals = cipher()
    connection.execute(
        "INSERT INTO patients.number_keys (key_id, proof, first_used_at) VALUES (%s, %s, now()) ON CONFLICT DO NOTHING",
        [seals.newest, seals.proofs()[seals.newest]],
    )


def _copy(connection: Superuser, table: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for block in copy_text(rows):
            copy.write(block)


def _drop_indexes(connection: Superuser) -> list[str]:
    """Drop the indexes that no constraint needs and give the statements that make them again."""
    found = connection.execute(
        "SELECT n.nspname || '.' || c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index AS i"
        " JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE i.indrelid IN ('patients.patients'::regclass, 'patients.identifiers'::regclass)"
        " AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid)"
    ).fetchall()
    connection.execute("SET maintenance_work_mem = '512MB'")
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    return [statement for _, statement in found]
