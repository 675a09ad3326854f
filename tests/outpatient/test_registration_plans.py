"""Every list, lock and change of registration keeps its index behind row-level security, whatever it is asked with."""

import importlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from functions.outpatient.registration.queries import changes, corrections, records, visits
from shared.database.query import Query
from tests.support import plans
from tests.support.hospital import Hospital

MONTH = """
INSERT INTO outpatient.visits (encounter_id, campus_id, visit_no, patient_id, kind, unit_id, clinic_name, session_id,
    slot_id, payer_kind, channel, first_visit, status, registered_at, registered_by, valid_until,
    slips_printed, version)
SELECT gen_random_uuid(), CASE n % 3 WHEN 0 THEN 'mch' ELSE 'hq' END, 'X' || n, md5((n % 4001)::text)::uuid, 'general',
    md5((n % 30)::text)::uuid, '门诊', md5((n % 811)::text)::uuid, gen_random_uuid(), 'self_pay', 'window', true,
    CASE WHEN n > 11900 THEN 'registered' ELSE 'finished' END, now() - n * interval '4 minutes', 'x', now(), 0, 1
FROM generate_series(1, 12000) n
"""
MODULES = ["visits", "changes", "records", "clinics", "corrections"]


def queries() -> Iterator[Any]:
    for name in MODULES:
        for constant, value in vars(
            importlib.import_module(f"functions.outpatient.registration.queries.{name}")
        ).items():
            if isinstance(value, Query):
                yield pytest.param(value, id=f"{name}.{constant}")


@pytest.fixture(scope="module")
def application(hospital: Hospital) -> Iterator["psycopg.Connection[Any]"]:
    """The application's role, acting at a campus with a month of visits."""
    hospital.execute(MONTH)
    hospital.execute("ANALYZE outpatient.visits")
    with plans.application(hospital) as connection:
        yield connection


@pytest.mark.parametrize("query", list(queries()))
def test_no_scan_of_a_whole_table(application: "psycopg.Connection[Any]", query: Query[Any]) -> None:
    assert "Seq Scan on" not in (plan := plans.generic_plan(application, query)), plan


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (visits.EARLIER, "ix_visits_patient_id_registered_at"),
        (visits.VISITS_OF_PATIENT, "ix_visits_patient_id_registered_at"),
        (visits.LOAD, "ix_visits_campus_id_registered_at_encounter_id"),
        (visits.VISITS, "ix_visits_campus_id_registered_at_encounter_id"),
        (changes.END_DUE, "ix_visits_ending"),
        (changes.LOCK_OPEN_OF_SESSION, "ix_visits_session_id"),
        (visits.OF_SESSION, "ix_visits_session_id"),
        (visits.OPEN_VISIT_OF_UNIT, "ix_visits_unfinished"),
        (corrections.DUE, "ix_fee_corrections_open"),
        (corrections.LOWERED, "ix_fee_corrections_encounter_id"),
        (records.BATCHES, "ix_bracelet_batches_campus_id_batch_id"),
    ],
)
def test_the_index_made_for_it(application: "psycopg.Connection[Any]", query: Query[Any], index: str) -> None:
    assert index in (plan := plans.generic_plan(application, query)), plan
