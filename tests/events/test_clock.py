"""The clock: every minute, every campus, once; nobody is told again before they have caught up."""

from collections import Counter
from collections.abc import Iterator

import pytest

from events import clock
from shared.database.engine import Database
from shared.function import FunctionApp, Onwards
from shared.http import Router
from shared.numbers import Series
from shared.steps import Steps
from shared.tx import Tx
from tests.support.hospital import Hospital, cloned_hospital

SWEEPS = Series("sweep", daily=False)
CALLS = Series("call", daily=False)


def sweep(tx: Tx) -> Onwards:
    tx.number(SWEEPS)
    tx.audit("swept", "campus", tx.campus)

    def call(steps: Steps) -> None:
        steps.step(lambda tx: tx.number(CALLS))

    return call


SWEEPER = FunctionApp("testing/sweeper", module=0, title="巡查", router=Router(), minute=sweep)
IDLER = FunctionApp("testing/idler", module=0, title="静候", router=Router())


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([SWEEPER, IDLER]) as one:
        one.execute(
            "INSERT INTO organisation.campuses (code, letter, name,"
            " short_name, is_head, address, status, opened_on, version)"
            " VALUES ('hq', 'A', '总院', '总院', true, '', 'active', '2026-01-01', 1),"
            " ('mch', 'B', '妇幼分院', '妇幼', false, '', 'active', '2026-01-01', 1)"
        )
        yield one


@pytest.fixture
def worker(hospital: Hospital) -> Iterator[Database]:
    database = Database(hospital.settings.worker_database_url, 2)
    yield database
    database.close()


def told(hospital: Hospital) -> Counter[str]:
    return Counter(row["subject"] for row in hospital.events("testing.sweeper.minute_passed"))


def test_only_those_who_ask_are_woken() -> None:
    assert clock.woken([*SWEEPER.handlers, *IDLER.handlers, "cn.consortium.testing.ward.weighed.v1"]) == [
        "testing/sweeper"
    ]


def test_each_campus_once_a_minute_and_not_before_it_caught_up(hospital: Hospital, worker: Database) -> None:
    queues = ["testing/sweeper@hq", "testing/sweeper@mch"]
    tell = lambda: clock.tell(worker, ["testing/sweeper"], hospital.clock())  # noqa: E731
    assert tell() == len(queues)
    assert tell() == 0
    hospital.clock.move(seconds=61)
    assert tell() == 0, "the first is not yet delivered"
    hospital.drain()
    assert tell() == len(queues)
    assert told(hospital) == dict.fromkeys(queues, 2)
    hospital.drain()
    hospital.clock.move(days=-400)
    assert tell() == len(queues), "a clock set back must not stop the house"


def test_the_function_works_at_its_campus_and_goes_on_outside(hospital: Hospital, worker: Database) -> None:
    clock.tell(worker, ["testing/sweeper"], hospital.clock())
    hospital.drain()
    for series in (SWEEPS, CALLS):
        rows = hospital.rows("SELECT campus_id, last_value FROM kernel.number_series WHERE series = %s", [series.name])
        assert {row["campus_id"]: row["last_value"] for row in rows} == {"hq": 1, "mch": 1}


def test_a_function_may_not_tell_itself(hospital: Hospital) -> None:
    assert hospital.value("SELECT has_table_privilege('his_app', 'kernel.minutes', 'INSERT, UPDATE')") is False
