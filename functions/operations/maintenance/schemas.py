"""Requests and answers of operation and maintenance."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from functions.operations.maintenance.rules import Health, Lag
from shared.schemas import Input, LongText, Moment, View


class HealthView(View):
    """State of a function by its events: `ok`, `retrying`, `failing`, with the label in Chinese."""

    state: Health
    label: str
    dead_letters: int
    retrying: int
    retrying_since: Moment | None
    handled_today: int
    last_handled_at: Moment | None


class RouteView(View):
    """One route of a function and the permission it asks for."""

    method: str
    path: str
    permission: str
    kind: Literal["command", "query", "callback"]
    summary: str


class ModuleView(View):
    """A function app as it is declared, and how it is."""

    name: str
    service: str
    module: str
    """Number of the module in the hospital's list, or a letter."""
    area: str
    title: str
    routes: list[RouteView]
    permissions: list[str]
    emits: list[str]
    consumes: list[str]
    warm: int
    peak: int
    concurrency: int
    health: HealthView


class ModulesView(View):
    """Every function app, in building order."""

    items: list[ModuleView]


class EventCountView(View):
    """Events of one type at one campus on a day: told, of them not yet delivered to all, of them retried."""

    type: str
    campus_id: str
    told: int
    open: int
    retried: int


class EventsView(View):
    """Events of a day, and what is open now whatever its day."""

    day: date
    items: list[EventCountView]
    open: int
    open_subjects: int
    oldest_open_at: Moment | None
    lag_seconds: int
    lag: Lag
    lag_label: str
    dead_letters: int


class DeadLetterView(View):
    """An event one subscriber could not handle. `reason` is the code of the problem or the name of the error."""

    event_id: UUID
    subscriber: str
    campus_id: str
    type: str
    subject: str
    reason: str
    attempts: int
    died_at: Moment
    asked_at: Moment | None
    asked_by_name: str | None
    outcome: Literal["replayed", "gone", "failed"] | None


class Replay(Input):
    """Ask for a dead letter to be delivered again. `reason` says what was mended."""

    reason: LongText


class ReplayAskedView(View):
    """The order is given; the worker carries it out within seconds."""

    action_id: UUID
    event_id: UUID
    subscriber: str
    asked_at: Moment


class CheckView(View):
    """One integrity check: how many rows break it, the first of them, and what to do."""

    check_name: str
    title: str
    severity: str
    failures: int
    examples: list[Any]
    what_to_do: str


class IntegrityView(View):
    """The last finished run of the checks. `outcome` is null while none has ever finished."""

    run_id: UUID | None
    outcome: Literal["passed", "failed", "broken"] | None
    finished_at: Moment | None
    detail: str
    running: bool
    """A newer run is waiting or at work."""
    items: list[CheckView]


class RunAskedView(View):
    """The checks will run within seconds."""

    run_id: UUID
    planned_at: Moment


class AuditCountView(View):
    """Entries of a day by action, and how many people made them."""

    campus_id: str
    action: str
    entries: int
    people: int


class AuditChainView(View):
    """How far a campus's chain reaches: today's entries, of them sealed, and the last published head."""

    campus_id: str
    entries: int
    sealed: int
    oldest_unsealed_at: Moment | None
    head_position: int | None
    head_published_at: Moment | None


class AuditView(View):
    """Summary of a day's audit, without content."""

    day: date
    chains: list[AuditChainView]
    items: list[AuditCountView]
