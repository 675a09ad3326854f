"""A consortium of two campuses, its operators, and dead letters as the relay leaves them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from events import dead_letters
from events.operations import DeadLetterReplayed
from functions import registry
from functions.operations.maintenance.jobs import Operator
from integrity.runner import CheckResult
from shared.database.engine import Database
from shared.function import FunctionApp
from shared.http import Router
from shared.ids import new_id
from shared.tx import Tx
from tests.support.campuses import branch, head, open_campuses
from tests.support.hospital import Hospital, cloned_hospital

SUBSCRIBER = "outpatient/registration"
"""A declared function; in these tests its handler is `Consumer`."""

PASSED = CheckResult("money", "收支相符", "critical", "无需处理。", 0)
FAILED = CheckResult(
    "beds", "床位相符", "error", "请护士长核对床位。", 2, [{"bed": "101", "amount": Decimal("0.10")}, {"bed": "102"}]
)


class Consumer:
    """A subscriber that remembers what it did, inside the same transaction."""

    def __call__(self, tx: Tx, event: DeadLetterReplayed) -> None:
        tx.audit("test.consumed", "event", event.letter_event_id)


class Operations:
    """The hospital, its operators and its worker."""

    def __init__(self, hospital: Hospital, worker: Database) -> None:
        self.hospital = hospital
        self.worker = worker
        self.admin = hospital.caller("system_admin", campus="hq", name="黄运维")
        self.mch_admin = hospital.caller("system_admin", campus="mch", name="莫运维")
        self.auditor = hospital.caller("audit_admin", campus="hq")

    def emit(self, campus: str = "hq", letter_type: str = "test") -> UUID:
        """An event that `Consumer` handles; its id."""
        subject = new_id()
        with self.hospital.tx(campus) as tx:
            tx.emit(DeadLetterReplayed(letter_event_id=subject, letter_type=letter_type, subscriber=SUBSCRIBER))
        found: UUID = self.hospital.value("SELECT event_id FROM kernel.outbox WHERE subject = %s", [str(subject)])
        return found

    def bury(self, event_id: UUID, subscriber: str = SUBSCRIBER) -> None:
        """What the relay does after too many failures."""
        self.hospital.execute(
            "INSERT INTO kernel.dead_letters"
            " (campus_id, event_id, subscriber, type, subject, reason, attempts, died_at)"
            " SELECT campus_id, event_id, %s, type, subject, 'no_price', 10, clock_timestamp()"
            " FROM kernel.outbox WHERE event_id = %s",
            [subscriber, event_id],
        )
        self.hospital.execute("UPDATE kernel.outbox SET closed_at = now() WHERE event_id = %s", [event_id])

    def dead(self, campus: str = "hq") -> UUID:
        """A dead letter of `SUBSCRIBER`; the id of its event."""
        event_id = self.emit(campus)
        self.bury(event_id)
        return event_id

    def replay(self, event_id: UUID, **more: Any) -> Any:
        path = f"/api/operations/maintenance/dead-letters/{event_id}/{SUBSCRIBER}/replay"
        return self.admin.post(path, {"reason": "价格已补录"}, **more)

    def operator(self, run_checks: Callable[[], Any] = lambda: [PASSED]) -> Operator:
        """The worker's part."""
        return Operator(
            self.worker,
            lambda event_id, subscriber: bool(dead_letters.replay(self.worker, event_id, subscriber)),
            run_checks,
            self.hospital.clock,
        )

    def effects(self, event_id: UUID) -> int:
        """How often `Consumer` took effect for an event."""
        count: int = self.hospital.value(
            "SELECT count(*) FROM kernel.audit_entries WHERE action = 'test.consumed' AND subject_id ="
            " (SELECT subject FROM kernel.outbox WHERE event_id = %s)",
            [event_id],
        )
        return count

    def clean(self) -> None:
        """Nothing dead, nothing open, no run."""
        for table in ("dead_letter_actions", "integrity_results", "job_runs"):
            self.hospital.execute(f"DELETE FROM operations.{table}")
        for table in ("dead_letters", "delivery_failures", "outbox", "inbox"):
            self.hospital.execute(f"DELETE FROM kernel.{table}")


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    consumer = FunctionApp(SUBSCRIBER, module=1, title="测试", router=Router(), on={DeadLetterReplayed: Consumer()})
    with cloned_hospital([registry.app("operations/maintenance"), consumer]) as one:
        open_campuses(one, head(), branch())
        yield one


@pytest.fixture(scope="module")
def worker(hospital: Hospital) -> Iterator[Database]:
    database = Database(hospital.settings.worker_database_url, 2)
    yield database
    database.close()


@pytest.fixture
def operations(hospital: Hospital, worker: Database) -> Operations:
    one = Operations(hospital, worker)
    one.clean()
    hospital.clock.offset = timedelta()
    return one
