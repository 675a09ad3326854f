"""The clock of the house: every minute each function that asks for it is told, once per campus.

A function sleeps at zero instances and the worker may not write its tables; so what ends by itself (a hold on a number,
an unpaid settlement, a secondment) is looked after by the function, woken by an event like any other: delivered at
least once, trusted because the outbox holds it. A function that is behind is not told again before it has caught up.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from types import new_class
from typing import NamedTuple

from sqlalchemy import text

from events.envelope import PREFIX, Event
from events.health import WORKER
from shared.database.engine import Database
from shared.database.query import Query
from shared.ids import new_id
from shared.locks import WAKE_RELAY
from shared.telemetry import accept_trace

MINUTE = timedelta(minutes=1)
SUFFIX = ".minute_passed.v1"
"""How every type of this file ends: nobody who counts what happened wants to see them."""


class MinutePassed(Event):
    """A minute has passed at a campus: the function sees to what ends by itself."""

    queue: str
    """`<area>/<module>@<campus>`: one at a time."""
    at: datetime


def minute_of(function: str, asked_by: str) -> type[MinutePassed]:
    """The event that wakes one function, `<area>/<module>`; `asked_by` is the Python module that asked for it."""
    name = f"{function.replace('/', '.')}.minute_passed"
    body = {"__doc__": MinutePassed.__doc__, "__module__": asked_by, "__qualname__": f"MinutePassed[{function}]"}
    made: type[MinutePassed] = new_class(
        "MinutePassed", (MinutePassed,), {"type": name, "subject": "queue"}, lambda namespace: namespace.update(body)
    )
    return made


def woken(types: Iterable[str]) -> list[str]:
    """Of event types: the functions that asked for the clock."""
    ours = (kind for kind in types if kind.startswith(PREFIX) and kind.endswith(SUFFIX))
    return sorted(kind.removeprefix(PREFIX).removesuffix(SUFFIX).replace(".", "/") for kind in ours)


class _Due(NamedTuple):
    function: str
    campus: str


_DUE = Query(
    _Due,
    text("""
    INSERT INTO kernel.minutes AS minute (function, campus_id, told_at)
    SELECT function, campus.code, :now
    FROM unnest(CAST(:functions AS text[])) AS function CROSS JOIN organisation.campuses AS campus
    ON CONFLICT (function, campus_id) DO UPDATE SET told_at = excluded.told_at
    WHERE (minute.told_at <= :before OR minute.told_at > :now)
      AND NOT EXISTS (
        SELECT FROM kernel.outbox AS open
        WHERE open.closed_at IS NULL AND open.subject = minute.function || '@' || minute.campus_id)
    RETURNING function, campus_id
    """),
)
"""Functions and campuses whose minute has passed. Who the campuses are is the one thing events read of a module."""

_TELL = Query(
    object,
    text("""
    INSERT INTO kernel.outbox (event_id, campus_id, type, source, subject, data, traceparent, created_at)
    SELECT told.event_id, told.campus_id, told.type, told.source, told.queue,
           jsonb_build_object('queue', told.queue, 'at', CAST(:at AS text)), :traceparent, :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:campuses AS text[]), CAST(:types AS text[]), CAST(:sources AS text[]),
                CAST(:queues AS text[])) AS told (event_id, campus_id, type, source, queue)
    """),
)


def tell(database: Database, functions: Sequence[str], now: datetime) -> int:
    """Tell every function whose minute has passed. `database`: of the worker. Two workers tell once."""
    if not functions:
        return 0
    with database.transaction(WORKER) as session:
        due = session.all(_DUE, functions=list(functions), now=now, before=now - MINUTE)
        if due:
            session.execute(
                _TELL,
                ids=[new_id() for _ in due],
                campuses=[campus for _, campus in due],
                types=[f"{PREFIX}{function.replace('/', '.')}{SUFFIX}" for function, _ in due],
                sources=[f"/{function}" for function, _ in due],
                queues=[f"{function}@{campus}" for function, campus in due],
                at=now.isoformat(),
                traceparent=accept_trace(None),
                now=now,
            )
            session.execute(WAKE_RELAY)
    return len(due)
