"""The pool's queries keep their indexes behind row-level security, among the numbers of many years."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.outpatient.schedule.queries import attendance, availability, changes, grid, people, plans, pool, upkeep
from shared.database.query import Query
from shared.identity.actor import system_actor
from tests.support.clinic import open_hospital
from tests.support.hospital import Hospital

NIL = UUID(int=0)
LAST = UUID(int=2**128 - 1)

FILL = """
INSERT INTO outpatient.sessions (session_id, campus_id, clinic_id, unit_id, doctor_id, room_id, desk, day, part,
    starts_at, ends_at, extra_cap, status, made_by, version)
SELECT gen_random_uuid(), c.campus_id, c.clinic_id, c.unit_id, gen_random_uuid(), gen_random_uuid(), 1,
    current_date - 800 + n / 5, 'morning', now() + (n / 5 - 800) * interval '1 day',
    now() + (n / 5 - 800) * interval '1 day' + interval '3 hours', 0,
    CASE WHEN n / 5 < 800 THEN 'closed' ELSE 'published' END, 'x', 1
FROM outpatient.clinics c CROSS JOIN generate_series(1, 4050) n;

INSERT INTO outpatient.slots (slot_id, campus_id, session_id, number, band_start, band_end, channel, status)
SELECT gen_random_uuid(), campus_id, session_id, n, starts_at, ends_at, 'window',
    CASE status WHEN 'closed' THEN 'lapsed' ELSE 'free' END
FROM outpatient.sessions CROSS JOIN generate_series(1, 12) n;

INSERT INTO outpatient.release_waves (session_id, ordinal, campus_id, due_at, slots, released_at)
SELECT session_id, 1, campus_id, starts_at, 12, CASE status WHEN 'closed' THEN now() END FROM outpatient.sessions;

INSERT INTO outpatient.session_changes (change_id, campus_id, session_id, kind, status, reason, urgent, detail,
    affected, requested_by, requested_at, version)
SELECT gen_random_uuid(), campus_id, session_id, 'stop', 'done', 'x', false, '{}', 0, 'x', now(), 1
FROM outpatient.sessions;

INSERT INTO outpatient.session_tasks (task_id, campus_id, session_id, kind, reason, opened_at, done_at)
SELECT gen_random_uuid(), campus_id, session_id, 'leave', 'x', now(), now() FROM outpatient.sessions;

INSERT INTO outpatient.doctor_leaves (leave_id, campus_id, doctor_id, kind, starts_at, ends_at, reason, requested_by,
    requested_at, status, version)
SELECT gen_random_uuid(), campus_id, doctor_id, 'leave', starts_at, ends_at, 'x', 'x', now(), 'refused', 1
FROM outpatient.sessions;

INSERT INTO outpatient.attendance_corrections (correction_id, campus_id, session_id, doctor_id, before_outcome,
    outcome, ground, requested_by, requested_by_name, requested_at, status, decided_by, version)
SELECT gen_random_uuid(), campus_id, session_id, doctor_id, 'absent', 'on_time', 'x', 'x', 'x', now(), 'approved',
    'y', 1 FROM outpatient.sessions;

ANALYZE outpatient.sessions, outpatient.slots, outpatient.release_waves, outpatient.session_changes,
    outpatient.attendance_corrections, outpatient.session_tasks, outpatient.doctor_leaves
"""


@pytest.fixture(scope="module")
def full(hospital: Hospital) -> Hospital:
    open_hospital(hospital)
    for statement in FILL.split(";"):
        hospital.execute(statement)
    return hospital


def cases(hospital: Hospital) -> dict[str, tuple[Query[Any], dict[str, Any]]]:
    now = hospital.clock()
    row = hospital.rows("SELECT session_id, doctor_id, day FROM outpatient.sessions WHERE status = 'published'")[0]
    one, day = row["session_id"], row["day"]
    call = {"now": now, "last_call": now + timedelta(minutes=30)}
    at = {"campus": "hq", "now": now, "limit": 100}
    week = {"campus": "hq", "since": day, "until": day + timedelta(days=6)}
    anything = {"unit": None, "doctor": None, "room": None, "clinic": None, "after": NIL, "limit": 100}
    sale = {"session_id": one, "channels": ["window"], "band": None, **call}
    return {
        "take": (pool.TAKE_FREE, {**sale, "kind": "visit", "owner": NIL}),
        "hold": (pool.HOLD_FREE, {**sale, "by": "x", "until": now}),
        "bands": (availability.BANDS_LEFT, {"session_id": one, **call}),
        "availability": (
            availability.AVAILABILITY,
            {
                "day": day,
                "campuses": ["hq", "mch"],
                "standard_code": None,
                "unit": None,
                "doctor": None,
                "after": NIL,
                "limit": 100,
                **call,
            },
        ),
        "compare": (availability.COMPARE, {"standard_code": "internal-general", "day": day, **call}),
        "week": (grid.WEEK, {**week, **anything}),
        "own": (grid.OWN_SESSIONS, {"doctor": row["doctor_id"], "since": day, "until": day, "limit": 50}),
        "rivals": (plans.RIVALS, {**week, "rooms": [NIL], "doctors": [row["doctor_id"]]}),
        "waves": (plans.TELL_WAVES, {**at, "who": "x"}),
        "holds": (upkeep.CLEAR_HOLDS, at),
        "lapse": (upkeep.LAPSE, at),
        "of the day": (upkeep.UNSOLD_OF_DAY, {**at, "days": [day], "channels": ["mini"]}),
        "before the band": (upkeep.UNSOLD_BEFORE, {**at, "channels": ["mini"], "until": now, "ends_by": now}),
        "ended": (upkeep.CLOSE_ENDED, {"campus": "hq", "before": now, "limit": 100}),
        "barred": (changes.BARRED_SESSIONS, at),
        "changes": (
            changes.CHANGES,
            {"campus": "hq", "session": None, "status_": None, "before": LAST, "limit": 50},
        ),
        "tasks": (changes.TASKS, {"campus": "hq", "after": NIL, "limit": 50}),
        "numbers of a change": (changes.CHANGED_NUMBERS, {"change_id": NIL, "after": 0, "limit": 50}),
        "of a closing unit": (
            plans.SESSIONS_OF_UNIT_FROM,
            {"campus": "hq", "unit_id": NIL, "day_from": day, "since": now},
        ),
        "promises": (upkeep.END_PROMISES, at),
        "places": (pool.SLOT_PLACES, {"slots": [NIL, LAST]}),
        "used": (pool.USE_SLOT, {"id_": NIL, "owner": NIL}),
        "returned": (pool.RETURN_SLOT, {"id_": NIL, "owner": NIL, "states": ["taken"], "now": now}),
        "corrections waiting": (attendance.CORRECTIONS_WAITING, {"campus": "hq", "after": NIL, "limit": 50}),
        "corrections of a session": (attendance.CORRECTIONS_OF, {"session_id": one}),
        "leaves": (people.LEAVES, {"campus": "hq", "doctor": None, "before": LAST, "limit": 50}),
        "leaves of": (people.LEAVES_OF, {"doctors": [row["doctor_id"]], "since": now, "until": now}),
    }


def test_no_query_reads_a_table_through(full: Hospital) -> None:
    scanned: dict[str, list[str]] = {}
    for name, (query, params) in cases(full).items():
        scope = full.runtime.scope(system_actor("tests", "hq"), "hq")
        with full.runtime.database.transaction(scope) as session:
            explain = "EXPLAIN " + query.compiled()
            lines = [str(row[0]) for row in session._connection.execute(explain, query.bind(params)).fetchall()]
        through = [line.strip() for line in lines if "Seq Scan on " in line and not _small(line)]
        if through:
            scanned[name] = through
    assert scanned == {}


def _small(line: str) -> bool:
    """Tables of a few rows, which a plan may well read whole."""
    return any(f"Seq Scan on {name}" in line for name in ("clinics", "pool_freezes", "doctor_bars"))
