"""Events coming in: `POST /events` (all subscribers of this process) or `/events/<area>/<module>` (one).

An event of our own is trusted because the outbox holds it, not because the network brought it: the delivery is compared
with its outbox row in the transaction that handles it. Anything else needs a device's token with the permission
`<area>.<module>.receive` at its campus. The answer is 204 without a body, which is the only answer a Knative
Broker takes as done. The inbox row and the effect commit together, so a second delivery changes nothing.
"""

import logging
from datetime import datetime

from fastapi import Request
from pydantic import ValidationError
from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from events.envelope import Event
from events.wire import Delivery, NotACloudEvent, parse
from shared.command import ATTEMPTS, WAKE_RELAY
from shared.database.engine import COUNTER, Retry
from shared.database.query import Query
from shared.function import FunctionApp
from shared.http import authenticate, limited_body, problem_response
from shared.identity.actor import Actor, system_actor
from shared.identity.problems import PermissionDenied, TokenMissing
from shared.problems import Busy, NotFound, Problem
from shared.runtime import Runtime
from shared.tables import DeliveryFailure, InboxEntry, OutboxEvent
from shared.telemetry import EVENTS, accept_trace, span
from shared.tx import Tx

log = logging.getLogger("his.events")

_CLAIM = Query(
    str,
    insert(InboxEntry)
    .values(
        event_id=bindparam("event_id"),
        source=bindparam("source"),
        subscriber=bindparam("subscriber"),
        campus_id=bindparam("campus_id"),
        handled_at=bindparam("handled_at"),
    )
    .on_conflict_do_nothing()
    .returning(InboxEntry.event_id),
)
_OUTBOX_ROW = Query(OutboxEvent, select(OutboxEvent).where(OutboxEvent.event_id == bindparam("event_id")))
_failure = insert(DeliveryFailure).values(
    event_id=bindparam("event_id"),
    subscriber=bindparam("subscriber"),
    campus_id=bindparam("campus_id"),
    attempts=1,
    reason=bindparam("reason"),
    at=bindparam("at"),
)
_RECORD_FAILURE = Query(
    int,
    _failure.on_conflict_do_update(
        index_elements=["event_id", "subscriber"],
        set_={
            "attempts": DeliveryFailure.attempts + 1,
            "reason": _failure.excluded.reason,
            "at": _failure.excluded.at,
        },
    ),
)


class NotHandled(Problem):
    status = 503
    code = "event_not_handled"
    title = "事件尚未处理"


async def handshake(request: Request) -> Response:
    """CloudEvents web-hook handshake: devices ask before they send."""
    origin = request.headers.get("webhook-request-origin", "")
    headers = {"Allow": "POST, OPTIONS"}
    if origin:
        headers |= {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "600"}
    return Response(status_code=200, headers=headers)


async def deliver(request: Request) -> Response:
    """Hand one event to every subscriber it is meant for."""
    traceparent = accept_trace(request.headers.get("traceparent"))
    runtime: Runtime = request.app.state.runtime
    try:
        device = await authenticate(request, runtime) if "authorization" in request.headers else None
        delivery = parse(request.headers, await limited_body(request, runtime.settings.max_body_bytes))
        subscribers = _subscribers(request, delivery)
        await run_in_threadpool(_deliver_to_all, subscribers, delivery, runtime, device)
    except Exception as error:
        return problem_response(error, traceparent)
    return Response(status_code=204)


def _subscribers(request: Request, delivery: Delivery) -> list[FunctionApp]:
    apps: dict[str, FunctionApp] = request.app.state.apps
    named = request.path_params.get("area")
    if named is None:
        return [app for app in apps.values() if delivery.type in app.handlers]
    app = apps.get(f"{named}/{request.path_params['module']}")
    if app is None or delivery.type not in app.handlers:
        raise NotFound("该功能没有订阅此类事件。")
    return [app]


def _deliver_to_all(subscribers: list[FunctionApp], delivery: Delivery, runtime: Runtime, device: Actor | None) -> None:
    failed: list[str] = []
    for app in subscribers:
        try:
            outcome = handle(app, delivery, runtime, device)
        except (TokenMissing, PermissionDenied, NotACloudEvent):
            raise
        except Exception as error:
            failed.append(app.name)
            outcome = "failed"
            log.warning(
                "event not handled",
                exc_info=error,
                extra={"fields": {"event_type": delivery.type, "event_id": delivery.id, "subscriber": app.name}},
            )
            _record_failure(app, delivery, runtime, error)
        EVENTS.labels(app.name, delivery.type, outcome).inc()
    if failed:
        raise NotHandled(f"以下功能尚未处理该事件，稍后会再次投递：{'、'.join(failed)}。")


def handle(app: FunctionApp, delivery: Delivery, runtime: Runtime, device: Actor | None = None) -> str:
    """Run one subscriber's handler once in its own transaction. Returns `handled` or `repeated`."""
    kind, handler = app.handlers[delivery.type]
    event = _typed(kind, delivery)
    actor = device or system_actor(app.name, delivery.campus)
    scope = runtime.scope(actor, delivery.campus)
    traceparent = accept_trace(delivery.traceparent)
    for _ in range(ATTEMPTS):
        try:
            with span(f"event {app.name}", traceparent), runtime.database.transaction(scope, COUNTER) as session:
                tx = Tx(session, actor, delivery.campus, runtime.clock(), traceparent)
                outbox = session.send(_OUTBOX_ROW, event_id=_event_id(delivery)) if device is None else None
                claim = session.send(
                    _CLAIM,
                    event_id=delivery.id,
                    source=delivery.source,
                    subscriber=app.name,
                    campus_id=delivery.campus,
                    handled_at=tx.now,
                )
                _trust(app, delivery, device, outbox.first() if outbox else None)
                if claim.first() is None:
                    return "repeated"
                handler(tx, event)
                session.execute(WAKE_RELAY)
            return "handled"
        except Retry:
            continue
    raise Busy()


def _typed(kind: type[Event], delivery: Delivery) -> Event:
    try:
        return kind.model_validate(delivery.data)
    except ValidationError as error:
        fields = "、".join(".".join(str(part) for part in item["loc"]) for item in error.errors())
        raise NotACloudEvent(f"事件数据不符合 {delivery.type} 的定义：{fields}。") from error


def _event_id(delivery: Delivery) -> object:
    from uuid import UUID

    try:
        return UUID(delivery.id)
    except ValueError:
        raise TokenMissing("外部事件须带设备令牌。") from None


def _trust(app: FunctionApp, delivery: Delivery, device: Actor | None, row: OutboxEvent | None) -> None:
    if device is not None:
        permission = f"{app.name.replace('/', '.')}.receive"
        if not device.may(permission, delivery.campus):
            raise PermissionDenied("该设备无权在此院区发送此类事件。", permission=permission)
        return
    ours = row is not None and (row.type, row.source, row.subject, row.campus_id, row.data) == (
        delivery.type,
        delivery.source,
        delivery.subject,
        delivery.campus,
        delivery.data,
    )
    if not ours:
        raise TokenMissing("事件不在发件箱中；外部事件须带设备令牌。")


def _record_failure(app: FunctionApp, delivery: Delivery, runtime: Runtime, error: Exception) -> None:
    reason = error.code if isinstance(error, Problem) else type(error).__name__
    actor = system_actor(app.name, delivery.campus)
    now: datetime = runtime.clock()
    try:
        with runtime.database.transaction(runtime.scope(actor, delivery.campus)) as session:
            session.execute(
                _RECORD_FAILURE,
                event_id=_event_id(delivery),
                subscriber=app.name,
                campus_id=delivery.campus,
                reason=reason,
                at=now,
            )
    except Exception as second:
        log.error("failure not recorded", exc_info=second)
