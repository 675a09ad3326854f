"""What the worker carries out for operators: orders about dead letters, and the integrity checks.

Functions run as `his_app`, which may neither steer delivery nor read every campus. They write orders; this file runs in
the worker, as `his_worker`, and asks the owners of those powers: events/ for delivery, integrity/ for the checks. Every
step may be done twice without harm, so a worker that dies in the middle costs nothing.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import UUID

from pydantic_core import to_jsonable_python

from functions.operations.maintenance import queries, rules
from functions.operations.maintenance.models import IntegrityResult, JobRun
from shared.database.engine import REPORT, Database, Scope
from shared.ids import new_id
from shared.settings import Settings

if TYPE_CHECKING:
    from integrity.runner import CheckResult

log = logging.getLogger("his.operations")

AT_ONCE = 50
"""Orders about dead letters carried out in one step."""
EXAMPLES = 5
"""Rows kept of those that break a check; the auditor's own run shows more."""


class Office(Protocol):
    """What the worker gives its tasks: settings, its database, its clock."""

    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> Database: ...
    @property
    def clock(self) -> Callable[[], datetime]: ...


class Task(NamedTuple):
    """Periodic work of the worker: `step` says how much it did, nothing means rest for `seconds`."""

    name: str
    seconds: int
    step: Callable[[], int]


PutBack = Callable[[UUID, str], bool]
"""Put one subscriber's dead letter back into delivery; False when there is no such letter any more."""
RunChecks = Callable[[], "Iterable[CheckResult]"]
"""Run every integrity check."""


class Operator:
    """Carries out what operators ordered and what the clock planned. `database` is the worker's."""

    def __init__(
        self, database: Database, put_back: PutBack, run_checks: RunChecks, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._put_back = put_back
        self._run_checks = run_checks
        self._clock = clock

    def step(self) -> int:
        """Do what is open now. Returns how many orders and runs were dealt with."""
        return self.replay() + self.check()

    def replay(self) -> int:
        """Put ordered dead letters back into delivery, oldest order first."""
        with self._database.transaction(_SCOPE, REPORT) as session:
            actions = session.all(queries.OPEN_ACTIONS, limit=AT_ONCE)
            for action in actions:
                outcome = self._outcome(action.letter_event_id, action.subscriber)
                session.execute(queries.CLOSE_ACTION, id_=action.action_id, at=self._clock(), what=outcome)
        return len(actions)

    def check(self) -> int:
        """Run the integrity checks when somebody asked or the night has come; keep what they found."""
        now = self._clock()
        with self._database.transaction(_SCOPE) as session:
            session.execute(
                queries.PLAN_RUN, run_id=new_id(), job=rules.CHECK_INTEGRITY, planned_at=rules.last_planned(now)
            )
            run = session.first(
                queries.TAKE_RUN, which=rules.CHECK_INTEGRITY, stale=now - rules.TAKE_OVER_AFTER, at=now
            )
        if run is None:
            return 0
        try:
            findings = list(self._run_checks())
        except Exception as error:
            log.error("integrity checks did not run", exc_info=error)
            self._finish(run, "broken", f"核对未能运行（{type(error).__name__}），请查看后台日志后重新核对。", [])
            return 1
        failed = [finding for finding in findings if not finding.holds]
        words = f"{len(findings)} 项核对，{len(failed)} 项不符。" if failed else f"{len(findings)} 项核对全部相符。"
        self._finish(run, "failed" if failed else "passed", words, findings)
        return 1

    def _outcome(self, event_id: UUID, subscriber: str) -> str:
        try:
            return "replayed" if self._put_back(event_id, subscriber) else "gone"
        except Exception as error:
            log.error("dead letter not replayed", exc_info=error, extra={"fields": {"event_id": str(event_id)}})
            return "failed"

    def _finish(self, run: JobRun, outcome: str, words: str, findings: "list[CheckResult]") -> None:
        with self._database.transaction(_SCOPE) as session:
            session.add(*(_result(run.run_id, finding) for finding in findings))
            session.execute(
                queries.FINISH_RUN,
                id_=run.run_id,
                mine=run.started_at,
                at=self._clock(),
                what=outcome,
                words=words,
            )


_SCOPE = Scope(campus="", readable=(), subject="system:operations/maintenance")
"""The worker's role sees the rows by its own policies, not by a campus."""


def tasks(office: Office) -> list[Task]:
    """What the worker does for this module: functions/wiring.py names it."""
    from events import dead_letters
    from integrity import runner

    operator = Operator(
        office.database,
        lambda event_id, subscriber: bool(dead_letters.replay(office.database, event_id, subscriber)),
        lambda: runner.run(office.settings.auditor_database_url),
        office.clock,
    )
    return [Task("dead letter orders", 2, operator.replay), Task("integrity checks", 5, operator.check)]


def _result(run_id: UUID, finding: "CheckResult") -> IntegrityResult:
    return IntegrityResult(
        run_id=run_id,
        check_name=finding.name,
        title=finding.title,
        severity=finding.severity,
        failures=finding.count,
        examples=to_jsonable_python(finding.rows[:EXAMPLES]),
        what_to_do=finding.remedy,
    )
