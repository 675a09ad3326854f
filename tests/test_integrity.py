"""Integrity checks: every one runs on an empty and on a living hospital, and each finds what it is there to find."""

from pathlib import Path

import pytest

from integrity.runner import load, run
from tests.support.clinic import (
    ok,
    open_hospital,
    open_shift,
    pay_cash,
    put_on_sale,
    register_person,
    register_visit,
    resident_id,
)
from tests.support.hospital import Hospital


def results(hospital: Hospital) -> dict[str, int]:
    return {result.name: result.count for result in run(hospital.settings.auditor_database_url)}


def test_an_empty_hospital_adds_up(hospital: Hospital) -> None:
    assert set(results(hospital).values()) == {0}


@pytest.fixture(scope="module")
def living(hospital: Hospital) -> dict:
    """Three paid visits, one of them refunded."""
    desk = open_hospital(hospital)["hq"]
    session = put_on_sale(hospital, desk)
    open_shift(desk)
    visits = []
    for serial in range(3):
        visit = register_visit(desk.registrar, register_person(desk.registrar, resident_id(serial)), session)
        pay_cash(desk.registrar, visit)
        visits.append(visit)
    ok(desk.registrar.post(f"/api/outpatient/registration/visits/{visits[0]['encounter_id']}/cancel", {"version": 1}))
    return {"visits": visits, "session": session}


def test_a_living_hospital_adds_up(hospital: Hospital, living: dict) -> None:
    assert {name: count for name, count in results(hospital).items() if count} == {}


DAMAGE = [
    (
        "numbers.visits",
        "UPDATE kernel.number_series SET last_value = last_value + 1 WHERE series = 'visit'",
        "UPDATE kernel.number_series SET last_value = last_value - 1 WHERE series = 'visit'",
    ),
    (
        "outpatient.slot_has_one_visit",
        "UPDATE outpatient.slots SET owner_id = gen_random_uuid() WHERE status = 'taken' AND number = 2",
        None,
    ),
    (
        "events.outbox_late",
        "UPDATE kernel.outbox SET created_at = now() - interval '2 hours', closed_at = NULL",
        "UPDATE kernel.outbox SET created_at = now()",
    ),
    (
        "events.dead_letters",
        "INSERT INTO kernel.dead_letters VALUES (gen_random_uuid(), 's', 't', 'x', 'r', 10, now(), NULL, 'hq')",
        "UPDATE kernel.dead_letters SET replayed_at = now()",
    ),
    (
        "campus.strangers",
        "INSERT INTO kernel.number_series (campus_id, series, period, last_value) VALUES ('nowhere', 'x', '-', 1)",
        "DELETE FROM kernel.number_series WHERE campus_id = 'nowhere'",
    ),
    (
        "isolation.visit_without_grant",
        "UPDATE kernel.access_grants SET basis = 'referral'",
        "UPDATE kernel.access_grants SET basis = 'registration'",
    ),
]


@pytest.mark.parametrize(("name", "damage", "repair"), DAMAGE)
def test_a_check_finds_its_damage(hospital: Hospital, living: dict, name: str, damage: str, repair: str | None) -> None:
    before = results(hospital)
    assert before[name] == 0
    hospital.execute(damage)
    found = next(result for result in run(hospital.settings.auditor_database_url) if result.name == name)
    assert found.count > 0
    assert found.rows
    if repair:
        hospital.execute(repair)
    else:
        hospital.execute(
            "UPDATE outpatient.slots s SET owner_id = v.encounter_id FROM outpatient.visits v"
            " WHERE v.slot_id = s.slot_id AND v.status <> 'cancelled'"
        )
    assert results(hospital)[name] == 0


def test_the_auditor_writes_nothing(hospital: Hospital) -> None:
    import psycopg

    with (
        psycopg.connect(hospital.settings.auditor_database_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("UPDATE outpatient.visits SET status = 'finished'")


def test_a_file_that_is_no_check_is_refused(tmp_path: Path) -> None:
    (tmp_path / "money").mkdir()
    (tmp_path / "money" / "half.toml").write_text('title = "x"\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"half\.toml"):
        load(tmp_path)
