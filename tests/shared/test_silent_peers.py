"""A process that falls silent in the middle of a transaction: whoever waits for what it held goes on soon."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.database.engine import COUNTER, REPORT, Scope, Timeouts
from shared.database.session import Session
from shared.locks import TRY_LOCK, LockKind, lock_key
from shared.problems import Busy
from tests.support.hospital import Hospital, cloned_hospital

WHO = Scope(campus="hq", readable=("hq",), subject="tests")
KEY = lock_key(LockKind.IDEMPOTENCY, "somebody\0a command")


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([]) as one:
        yield one


def take(session: Session) -> bool:
    return bool(session.one(TRY_LOCK, key=KEY))


def silent(hospital: Hospital, timeouts: Timeouts, seconds: float) -> bool:
    """Hold a lock and say nothing for so long, half way through a pipeline; whether somebody else got it meanwhile."""
    with hospital.runtime.database.transaction(WHO, timeouts) as session:
        assert take(session)
        time.sleep(seconds)
        with hospital.runtime.database.transaction(WHO) as somebody:
            return take(somebody)


def test_what_it_held_is_let_go_and_it_is_told(hospital: Hospital) -> None:
    with pytest.raises(Busy):
        silent(hospital, replace(COUNTER, transaction=300), 0.8)
    assert not silent(hospital, replace(COUNTER, idle=100), 0.4), "half way through a pipeline nobody counts as idle"


def test_others_go_on_while_it_is_silent(hospital: Hospital) -> None:
    held = hospital.runtime.database.transaction(WHO, replace(COUNTER, transaction=300))
    silent_one = held.__enter__()
    assert take(silent_one)
    with hospital.runtime.database.transaction(WHO) as somebody:
        assert not take(somebody), "while it may still speak, its lock is its own"
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with hospital.runtime.database.transaction(WHO) as somebody:
            if take(somebody):
                break
        time.sleep(0.05)
    else:
        pytest.fail("the lock of a silent process was never let go")
    with pytest.raises(Busy):
        held.__exit__(None, None, None)


@pytest.mark.parametrize("timeouts", [COUNTER, REPORT])
def test_a_transaction_outlasts_its_statements(timeouts: Timeouts) -> None:
    """Else a statement that may take so long ends with the whole connection."""
    assert timeouts.transaction > timeouts.statement + timeouts.lock
    assert timeouts.transaction > timeouts.idle
