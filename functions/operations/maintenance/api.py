"""HTTP routes of operation and maintenance."""

from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.operations.maintenance import cursors, declared, queries, rules, service
from functions.operations.maintenance.models import IntegrityResult
from functions.operations.maintenance.schemas import (
    AuditChainView,
    AuditCountView,
    AuditView,
    CheckView,
    DeadLetterView,
    EventCountView,
    EventsView,
    HealthView,
    IntegrityView,
    ModulesView,
    ModuleView,
    Replay,
    ReplayAskedView,
    RunAskedView,
)
from functions.operations.maintenance.service import Condition
from shared.command import command, query
from shared.database.engine import REPORT
from shared.http import Router
from shared.identity.actor import ALL_CAMPUSES
from shared.schemas import Page, midnight
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
Cursor = Annotated[str | None, Parameter(max_length=200)]
Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{1,40}$")]


@router.get("/modules")
@query("operations.maintenance.read")
def list_modules(tx: Tx) -> ModulesView:
    """Every function with its routes, permissions, events and state (功能状态)."""
    found = service.conditions(tx)
    return ModulesView(items=[_module(module, found[module["name"]]) for module in declared.modules()])


@router.get("/modules/{area}/{module}")
@query("operations.maintenance.read")
def read_module(tx: Tx, area: Name, module: Name) -> ModuleView:
    """One function."""
    found = service.declaration(f"{area}/{module}")
    return _module(found, service.conditions(tx)[found["name"]])


@router.get("/events")
@query("operations.maintenance.read", REPORT)
def read_events(tx: Tx, day: date | None = None) -> EventsView:
    """Events of a day by type and campus, and how far delivery lags (事件台)."""
    since = midnight(day or tx.today)
    counts, waiting, letters = service.events_of_day(tx, since, since + timedelta(days=1))
    state = rules.lag(waiting.oldest, tx.now)
    return EventsView(
        day=since.date(),
        items=[EventCountView.model_validate(count._asdict()) for count in counts],
        open=waiting.events,
        open_subjects=waiting.subjects,
        oldest_open_at=waiting.oldest,
        lag_seconds=rules.seconds(tx.now - waiting.oldest) if waiting.oldest else 0,
        lag=state,
        lag_label=rules.LAG_NAMES[state],
        dead_letters=letters,
    )


@router.get("/dead-letters")
@query("operations.maintenance.read")
def list_dead_letters(tx: Tx, limit: Limit = 50, cursor: Cursor = None) -> Page[DeadLetterView]:
    """Events that a subscriber refused for good, newest first (死信)."""
    before = cursors.read(cursor)
    letters = tx.session.all(
        queries.LETTERS,
        before_at=before.at,
        before_id=before.event_id,
        before_subscriber=before.subscriber,
        limit=limit,
    )
    return Page[DeadLetterView](
        items=[DeadLetterView.model_validate(letter._asdict()) for letter in letters],
        next=cursors.write(letters[-1]) if len(letters) == limit else None,
    )


@router.post("/dead-letters/{event_id}/{area}/{module}/replay", status_code=202)
@command("operations.maintenance.write")
def replay_dead_letter(tx: Tx, event_id: UUID, area: Name, module: Name, body: Replay) -> ReplayAskedView:
    """Deliver a dead letter to its subscriber again (重放死信)."""
    action = service.ask_replay(tx, event_id, f"{area}/{module}", body.reason)
    return ReplayAskedView(
        action_id=action.action_id, event_id=event_id, subscriber=action.subscriber, asked_at=action.asked_at
    )


@router.get("/integrity")
@query("operations.maintenance.read")
def read_integrity(tx: Tx) -> IntegrityView:
    """What the integrity checks last found, and what to do (核对结果)."""
    last, results, current = service.integrity(tx)
    whole = tx.actor.readable_with("operations.maintenance.read") == ALL_CAMPUSES
    return IntegrityView(
        run_id=last.run_id if last else None,
        outcome=last.outcome if last else None,
        finished_at=last.finished_at if last else None,
        detail=last.detail if last else "",
        running=current is not None,
        items=[_check(result, whole) for result in results],
    )


@router.post("/integrity/runs", status_code=202)
@command("operations.maintenance.write")
def run_integrity(tx: Tx) -> RunAskedView:
    """Run the integrity checks now (立即核对)."""
    return RunAskedView.model_validate(service.ask_checks(tx))


@router.get("/audit")
@query("operations.audit.read", REPORT)
def read_audit(tx: Tx) -> AuditView:
    """Today's audit by action and the state of its chains (审计概况); for the audit administrator only."""
    since = rules.start_of_day(tx.now)
    counts, sealed, heads = service.audit_of_day(tx, since)
    published = {head.campus_id: head for head in heads}
    today = {row.campus_id: row for row in sealed}
    chains = []
    for campus in sorted(published.keys() | today.keys()):
        row, head = today.get(campus), published.get(campus)
        chains.append(
            AuditChainView(
                campus_id=campus,
                entries=row.entries if row else 0,
                sealed=row.sealed if row else 0,
                oldest_unsealed_at=row.oldest_unsealed if row else None,
                head_position=head.position if head else None,
                head_published_at=head.published_at if head else None,
            )
        )
    return AuditView(
        day=tx.today, chains=chains, items=[AuditCountView.model_validate(count._asdict()) for count in counts]
    )


def _check(result: IntegrityResult, whole: bool) -> CheckView:
    """Counts are for every operator; rows come from all campuses and are for those who may read all."""
    view = CheckView.model_validate(result)
    return view if whole else view.model_copy(update={"examples": []})


def _module(module: dict[str, Any], condition: Condition) -> ModuleView:
    retries, activity = condition.retries, condition.activity
    return ModuleView(
        **module,
        health=HealthView(
            state=condition.state,
            label=rules.HEALTH_NAMES[condition.state],
            dead_letters=condition.dead_letters,
            retrying=retries.events if retries else 0,
            retrying_since=retries.since if retries else None,
            handled_today=activity.events if activity else 0,
            last_handled_at=activity.last if activity else None,
        ),
    )
