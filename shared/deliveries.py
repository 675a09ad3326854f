"""Events coming in: `POST /events` (all subscribers of this process) or `/events/<area>/<module>` (one).

An event of our own is trusted because the outbox holds it, not because the network brought it: the delivery is compared
with its outbox row in the transaction that handles it. Anything else needs a device's token with the permission
`<area>.<module>.receive` at its campus. The answer is 204 without a body, which is the only answer a Knative
Broker takes as done. The inbox row and the effect commit together, so a second delivery changes nothing.
"""

import logging
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from events.envelope import Event
from events.inbox import CLAIM, COUNT_FAILURE, ORIGINAL, Original
from events.wire import Delivery, NotACloudEvent, parse
from shared.function import FunctionApp, Onwards
from shared.http import authenticate, limited_body, problem_response
from shared.identity.actor import Actor, system_actor
from shared.identity.problems import PermissionDenied, TokenMissing
from shared.locks import WAKE_RELAY
from shared.problems import NotFound, Problem
from shared.runtime import Runtime
from shared.steps import Steps
from shared.telemetry import EVENTS, accept_trace, span
from shared.tx import Tx

log = logging.getLogger("his.events")


class NotHandled(Problem):
    status = 503
    code = "event_not_handled"
    title = "事件尚未处理"


class NotBelieved(TokenMissing):
    """The delivery is not what the outbox holds, and no device vouches for it."""

    code = "event_not_believed"
    title = "事件来源无法确认"


class DataMismatch(Problem):
    """The event is true, but this version of the subscriber cannot read its data."""

    status = 503
    code = "event_data_mismatch"
    title = "事件数据与订阅方不符"


class _Done(Exception):
    """There is nothing to do: handled before, or given up by the relay meanwhile."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


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
    if (area := request.path_params.get("area")) is not None:
        named = apps.get(f"{area}/{request.path_params['module']}")
        apps = {named.name: named} if named else {}
    subscribers = [app for app in apps.values() if delivery.type in app.handlers]
    if not subscribers:
        raise NotFound("此处没有功能订阅此类事件。")
    return subscribers


def _deliver_to_all(subscribers: list[FunctionApp], delivery: Delivery, runtime: Runtime, device: Actor | None) -> None:
    failed: list[str] = []
    for app in subscribers:
        try:
            outcome = handle(app, delivery, runtime, device)
        except NotBelieved:
            raise
        except Exception as error:
            if device is not None and isinstance(error, Problem):
                raise  # the device's own, to be mended there
            failed.append(app.name)
            outcome = "failed"
            log.warning(
                "event not handled",
                exc_info=error,
                extra={"fields": {"event_type": delivery.type, "event_id": delivery.id, "subscriber": app.name}},
            )
            if device is None:
                _count_failure(app, delivery, runtime, error)
        EVENTS.labels(app.name, delivery.type, outcome).inc()
    if failed:
        raise NotHandled(f"以下功能尚未处理该事件，稍后会再次投递：{'、'.join(failed)}。")


def handle(app: FunctionApp, delivery: Delivery, runtime: Runtime, device: Actor | None = None) -> str:
    """Run one subscriber's handler once in its own transaction. Returns `handled`, `repeated` or `late`.

    A late delivery comes when the event is a dead letter for this subscriber: younger events of its subject may have
    gone by, and only a person's replay may still bring it.
    """
    if device is not None:
        _require_permission(app, delivery, device)
    kind, handler = app.handlers[delivery.type]
    actor = device or system_actor(app.name, delivery.campus)
    steps = Steps(runtime, actor, delivery.campus, accept_trace(delivery.traceparent), app.name)

    def once(tx: Tx) -> Onwards | None:
        original = None if device else tx.session.send(ORIGINAL, event_id=_event_id(delivery), subscriber=app.name)
        claim = tx.session.send(
            CLAIM,
            event_id=delivery.id,
            source=_inbox_source(delivery, device),
            subscriber=app.name,
            campus_id=delivery.campus,
            handled_at=tx.now,
        )
        believed = _believed(delivery, original.first()) if original else None
        if claim.first() is None:
            raise _Done("repeated")
        if believed and believed.given_up:
            raise _Done("late")
        onward: Onwards | None = handler(tx, _typed(kind, believed.data if believed else delivery.data, device))
        if not tx.emitted:  # a step that told something wakes the relay itself
            tx.session.execute(WAKE_RELAY)
        return onward

    about = {"function": app.name, "campus": delivery.campus, "type": delivery.type}
    with span(f"event {app.name}", steps.traceparent, delivery.traceparent, **about):
        try:
            onward = steps.step(once)
        except _Done as done:
            return done.outcome
        if onward is not None:
            onward(steps)
    return "handled"


def _inbox_source(delivery: Delivery, device: Actor | None) -> str:
    """A device's events are kept apart under its own name, so that none can be taken for another's, or for ours."""
    return f"{device.subject} {delivery.source}" if device else delivery.source


def _event_id(delivery: Delivery) -> UUID:
    try:
        return UUID(delivery.id)
    except ValueError:
        raise NotBelieved("外部事件须带设备令牌。") from None


def _believed(delivery: Delivery, original: Original | None) -> Original:
    """The event of our own that a delivery brings. Refuses one that is not exactly what was emitted."""
    if original is None or original[:5] != (
        delivery.type,
        delivery.source,
        delivery.subject,
        delivery.campus,
        delivery.data,
    ):
        raise NotBelieved("事件不在发件箱中；外部事件须带设备令牌。")
    return original


def _require_permission(app: FunctionApp, delivery: Delivery, device: Actor) -> None:
    permission = f"{app.name.replace('/', '.')}.receive"
    if device.kind != "device" or not device.may(permission, delivery.campus):
        raise PermissionDenied("该设备无权在此院区发送此类事件。", permission=permission)


def _typed(kind: type[Event], data: dict[str, Any], device: Actor | None) -> Event:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        fields = "、".join(".".join(str(part) for part in item["loc"]) for item in error.errors())
        problem = NotACloudEvent if device else DataMismatch
        raise problem(f"事件数据不符合 {kind.event_type} 的定义：{fields}。") from error


def _count_failure(app: FunctionApp, delivery: Delivery, runtime: Runtime, error: Exception) -> None:
    reason = error.code if isinstance(error, Problem) else type(error).__name__
    actor = system_actor(app.name, delivery.campus)
    try:
        with runtime.database.transaction(runtime.scope(actor, delivery.campus)) as session:
            session.execute(
                COUNT_FAILURE, event_id=_event_id(delivery), subscriber=app.name, reason=reason, at=runtime.clock()
            )
    except Exception as second:
        log.error("failure not recorded", exc_info=second)
