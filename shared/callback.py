"""`@callback`: the edge of what an outside party sends by itself, such as a payment channel's notification.

    @router.post("/notifications/{channel}/{merchant_id}", include_in_schema=False)
    @callback(service.campus_of_merchant)
    def receive(tx: Tx, message: Message, channel: str, merchant_id: UUID) -> Reply: ...

Nobody signs on here: no token, no X-Campus. `campus_of` finds the campus from the path, in a transaction that sees no
rows but by a SECURITY DEFINER function; then the use case runs once in a transaction of the system at that campus and
believes the message by its signature only. What it returns is sent as it stands and what it wrote is committed, also
when the answer is a refusal, so that a forged message can be kept.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from fastapi import Request
from starlette.responses import Response

from shared.command import Call, Edge
from shared.database.engine import COUNTER, Scope, Timeouts
from shared.identity.actor import system_actor
from shared.problems import NotFound
from shared.steps import Steps
from shared.tx import Tx

F = TypeVar("F", bound=Callable[..., Any])


class Message(NamedTuple):
    """What was sent: header names in lower case, the body byte for byte, as signatures need it."""

    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """What the sender is answered, in its own format."""

    status: int
    body: bytes
    media_type: str


def callback(campus_of: Callable[..., str | None], timeouts: Timeouts = COUNTER) -> Callable[[F], F]:
    """A use case an outside party calls. `campus_of(session, **path)` gives the campus, or None for nobody's (404)."""
    edge = Edge("callback", "", timeouts)

    def decorate(use_case: F) -> F:
        parameters = list(inspect.signature(use_case, eval_str=True).parameters.values())
        if [item.annotation for item in parameters[:2]] != [Tx, Message]:
            raise TypeError(f"{use_case.__qualname__}: a callback takes tx: Tx, message: Message, then its path")
        request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
        keywords = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in parameters[2:]]

        @wraps(use_case)
        def endpoint(request: Request, **path: Any) -> Response:
            return _run(edge, campus_of, use_case, request, path)

        endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [request, *keywords], return_annotation=Response
        )
        endpoint.__annotations__ = {item.name: item.annotation for item in [request, *keywords]} | {"return": Response}
        endpoint.edge = edge  # type: ignore[attr-defined]
        return endpoint  # type: ignore[return-value]

    return decorate


def _run(
    edge: Edge, campus_of: Callable[..., str | None], use_case: Callable[..., Reply], request: Request, path: Any
) -> Response:
    call: Call = request.state.call
    runtime = call.runtime
    nobody = Scope(campus="", readable=(), subject="kernel")

    with runtime.database.transaction(nobody, edge.timeouts) as session:
        campus = campus_of(session, **path)
    if campus is None:
        raise NotFound("没有这个通知地址。")
    steps = Steps(runtime, system_actor(call.function, campus), campus, call.traceparent, call.function)
    message = Message({name.lower(): value for name, value in request.headers.items()}, call.body)
    reply = steps.step(lambda tx: use_case(tx, message, **path), edge.timeouts)
    return Response(reply.body, status_code=reply.status, media_type=reply.media_type)
