"""`@command` and `@query`: the edge of a transaction.

    @router.post("/visits", status_code=201)
    @command("outpatient.registration.write")
    def register_visit(tx: Tx, body: RegisterVisit) -> VisitView: ...

The route has checked token, campus and permission before the body is read. Here, in the endpoint's own thread: open
the session, answer a repeated command from its first answer, run the use case, serialise, commit. Nobody else commits.
"""

import hashlib
import hmac
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, Generic, Literal, NamedTuple, TypeVar
from urllib.parse import quote
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import and_, bindparam, select
from starlette.responses import Response

from shared.database.engine import COUNTER, Timeouts
from shared.database.query import Query, among
from shared.identity.actor import Actor
from shared.locks import TRY_LOCK, LockKind, lock_key
from shared.problems import Problem
from shared.runtime import Runtime
from shared.steps import Steps
from shared.tables import IdempotentAnswer
from shared.tx import Tx

log = logging.getLogger("his.command")

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

PUBLIC = ""
"""Permission of a route that anyone signed on may call."""


class StillRunning(Problem):
    status = 409
    code = "command_still_running"
    title = "该操作正在处理"


class KeyReused(Problem):
    status = 422
    code = "idempotency_key_reused"
    title = "幂等键已用于其他请求"


@dataclass(frozen=True, slots=True)
class Edge:
    """How a route is entered: what the caller must hold and what kind of work follows."""

    kind: Literal["command", "query", "callback"]
    permission: str
    timeouts: Timeouts


@dataclass(slots=True)
class Call:
    """What the route found out about a request before its body was parsed."""

    actor: Actor
    campus: str
    runtime: Runtime
    function: str
    target: str
    """Method, path and query: what an Idempotency-Key is bound to besides the body."""
    traceparent: str
    status_code: int
    idempotency_key: str | None = None
    if_match: int | None = None
    body: bytes = b""

    @property
    def door(self) -> str:
        """Method and path, for the audit: a query may hold names and numbers."""
        return self.target.partition("?")[0]


class Document:
    """An answer that is not JSON: a printed form, an exported list. `make` runs after the commit."""

    __slots__ = ("_filename", "_make", "_media_type")

    def __init__(self, make: Callable[[], bytes], media_type: str, filename: str) -> None:
        self._make = make
        self._media_type = media_type
        self._filename = filename

    def response(self) -> Response:
        """The document itself, to be shown in the browser."""
        disposition = f"inline; filename*=UTF-8''{quote(self._filename)}"
        return Response(self._make(), media_type=self._media_type, headers={"content-disposition": disposition})


class Onward(Generic[T]):
    """An answer that is not the last word: work goes on outside the transaction, at a channel or another system.

    `answer` is committed with the command and is what a repeated command gets. Then `go_on` runs in the same request,
    with no transaction open; what it returns is sent instead. A process that dies in between leaves what `answer`
    says, and the module's sweep takes the work up again.
    """

    __slots__ = ("answer", "go_on")

    def __init__(self, answer: T, go_on: Callable[[Steps], T]) -> None:
        self.answer = answer
        self.go_on = go_on


def command(permission: str, timeouts: Timeouts = COUNTER) -> Callable[[F], F]:
    """A use case that changes something. The client sends an Idempotency-Key made when the person decided."""
    return _edge(Edge("command", permission, timeouts))


def query(permission: str, timeouts: Timeouts = COUNTER) -> Callable[[F], F]:
    """A use case that reads. It may still write audit rows."""
    return _edge(Edge("query", permission, timeouts))


def _edge(edge: Edge) -> Callable[[F], F]:
    def decorate(use_case: F) -> F:
        signature = inspect.signature(use_case, eval_str=True)
        parameters = list(signature.parameters.values())
        if not parameters or parameters[0].annotation is not Tx:
            raise TypeError(f"{use_case.__qualname__}: the first parameter of a {edge.kind} is tx: Tx")
        request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
        keywords = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in parameters[1:]]

        @wraps(use_case)
        def endpoint(request: Request, **arguments: Any) -> Response:
            return _run(edge, use_case, request.state.call, arguments, signature.return_annotation)

        shown = Response if signature.return_annotation is Document else signature.return_annotation
        endpoint.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[request, *keywords], return_annotation=shown
        )
        endpoint.__annotations__ = {item.name: item.annotation for item in [request, *keywords]} | {"return": shown}
        endpoint.edge = edge  # type: ignore[attr-defined]
        return endpoint  # type: ignore[return-value]

    return decorate


def _run(edge: Edge, use_case: Callable[..., Any], call: Call, arguments: dict[str, Any], answer_type: Any) -> Response:
    steps = Steps(call.runtime, call.actor, call.campus, call.traceparent, call.function, edge.permission)

    def once(tx: Tx) -> _Outcome:
        if call.idempotency_key is not None and (first := _first_answer(tx, call)) is not None:
            return _Outcome(None, first.status, first.body, replayed=True)
        result = use_case(tx, **arguments)
        shown = result.answer if isinstance(result, Onward) else result
        status, body = (204, b"") if shown is None else (call.status_code, b"")
        if shown is not None and not isinstance(shown, Document):
            body = serialise(shown, answer_type)
        if edge.kind == "command" and not tx.audited:
            tx.audit(use_case.__name__, "request", call.door)
        if call.idempotency_key is not None:
            _keep_answer(tx, call, status, body)
        return _Outcome(result, status, body)

    try:
        outcome = steps.step(once, edge.timeouts, if_match=call.if_match)
    except Problem as refusal:
        if refusal.traced:
            trace_refusal(call, refusal)
        raise
    call.runtime.uses.note(call.actor, call.campus, edge.permission, steps.clock())
    result, body = outcome.result, outcome.body
    if isinstance(result, Document):
        return result.response()
    if isinstance(result, Onward):
        result = result.go_on(steps)
        body = serialise(result, answer_type)
    return _respond(body, outcome.status, version=getattr(result, "version", None), replayed=outcome.replayed)


class _Outcome(NamedTuple):
    result: Any
    status: int
    body: bytes
    replayed: bool = False


def trace_refusal(call: Call, refusal: Problem) -> None:
    """Keep that somebody tried what was refused (`Problem.traced`), in a transaction of its own.

    The attempt stands at the acting campus, or where the person may act when that campus is none of theirs.
    """
    at = call.campus if call.campus in call.actor.campuses else min(call.actor.campuses, default="")
    if not at:
        log.warning("refused to a stranger", extra={"fields": {"code": refusal.code, "actor": call.actor.subject}})
        return
    steps = Steps(call.runtime, call.actor, at, call.traceparent, call.function)
    try:
        steps.step(lambda tx: tx.audit("refused", "request", call.door, code=refusal.code))
    except Problem as error:
        log.error("refusal not recorded", exc_info=error, extra={"fields": {"code": refusal.code}})


_FIND_ANSWER = Query(
    IdempotentAnswer,
    select(IdempotentAnswer).where(
        and_(IdempotentAnswer.subject == bindparam("subject"), among(IdempotentAnswer.key, "keys"))
    ),
)


def kept_as(key: str) -> str:
    """What a client's Idempotency-Key is kept as: 128 bits of its hash, written as a UUID."""
    return str(UUID(bytes=hashlib.sha256(key.encode()).digest()[:16]))


def _request_hash(call: Call, kept_key: str) -> bytes:
    """What a request is known again by, under its key as it was kept.

    A body may hold a PIN or an ID number, which anybody finds by hashing guesses. So the hash is keyed with what the
    client sent, which is kept nowhere. The release before kept the key itself and a plain hash: a command repeated
    while the release changes has one effect too.
    """
    key = call.idempotency_key or ""
    request = b"\0".join((call.target.encode(), call.campus.encode(), call.body))
    if kept_key == key:
        return hashlib.sha256(request).digest()
    return hmac.new(key.encode(), request, hashlib.sha256).digest()


def _first_answer(tx: Tx, call: Call) -> IdempotentAnswer | None:
    subject, key = call.actor.subject, call.idempotency_key or ""
    ours = tx.session.send(TRY_LOCK, key=lock_key(LockKind.IDEMPOTENCY, f"{subject}\0{key}"))
    answer = tx.session.first(_FIND_ANSWER, subject=subject, keys=[kept_as(key), key])
    if not ours.one():
        raise StillRunning("上一次提交仍在处理，请稍候查看结果，不要重复提交。")
    if answer is not None and answer.request_hash != _request_hash(call, answer.key):
        raise KeyReused("同一 Idempotency-Key 不能用于内容不同的请求，请为新的操作生成新的键。")
    return answer


def _keep_answer(tx: Tx, call: Call, status: int, body: bytes) -> None:
    key = kept_as(call.idempotency_key or "")
    tx.session.add(
        IdempotentAnswer(
            subject=call.actor.subject,
            key=key,
            campus_id=tx.campus,
            request_hash=_request_hash(call, key),
            status=status,
            body=body,
            created_at=tx.now,
        )
    )


@cache
def _adapter(answer_type: Any) -> TypeAdapter[Any]:
    return TypeAdapter(answer_type)


def serialise(result: Any, answer_type: Any) -> bytes:
    """JSON of an answer."""
    if isinstance(result, BaseModel):
        return type(result).__pydantic_serializer__.to_json(result)
    return _adapter(answer_type).dump_json(result)


def _respond(body: bytes, status: int, *, version: int | None = None, replayed: bool = False) -> Response:
    response = Response(body, status_code=status, media_type="application/json" if body else None)
    if version is not None:
        response.headers["etag"] = f'"{version}"'
    if replayed:
        response.headers["idempotent-replayed"] = "true"
    return response
