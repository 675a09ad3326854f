"""Who comes without a token: a browser on its way to an old program, the program itself, the realm with a sign-out.

The protocol says how they are answered, so a use case here takes `Steps` (it asks the realm in between), gives a whole
answer, and refusals become that protocol's own words.
"""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import NamedTuple

from fastapi import Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from shared.command import Call, Edge
from shared.database.engine import COUNTER
from shared.http import as_problem
from shared.identity.actor import system_actor
from shared.problems import Invalid, Problem
from shared.steps import Steps

log = logging.getLogger("his.identity")


class Asked(NamedTuple):
    """What was asked: parameters of the address and of a posted form, cookies, and whom no function lets in."""

    parameters: Mapping[str, str]
    cookies: Mapping[str, str]
    denied: Callable[[str, str | None, int], bool]
    """Of a subject, a session and the second of a sign-on: whether tokens of it are refused."""

    def text(self, name: str) -> str:
        """A parameter, or nothing."""
        return self.parameters.get(name, "")

    def flag(self, name: str) -> bool:
        """Whether a parameter is set at all; only `false` is an unset one (CAS 3.0, 2.1.1)."""
        return name in self.parameters and self.parameters[name].lower() != "false"


class Reply(NamedTuple):
    """A whole answer."""

    status: int
    body: str = ""
    media_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


UseCase = Callable[[Steps, Asked], Reply]


def visited(
    refusal: Callable[[Problem, Mapping[str, str]], Reply],
) -> Callable[[UseCase], Callable[[Request], Response]]:
    """A route that asks for no token. `refusal` says a Problem in the visitor's own language."""

    def decorate(use_case: UseCase) -> Callable[[Request], Response]:
        @wraps(use_case)
        def endpoint(request: Request) -> Response:
            call: Call = request.state.call
            given: dict[str, str] = {}
            try:
                given = _parameters(request, call)
                asked = Asked(given, request.cookies, _denied(call))
                reply = use_case(_steps(call), asked)
            except Exception as error:  # whatever it was, the visitor understands its own protocol only
                problem = as_problem(error)
                if problem.status >= 500:
                    log.error("a visitor was not served", exc_info=error, extra={"fields": {"code": problem.code}})
                reply = refusal(problem, given)
            response = Response(reply.body, status_code=reply.status, media_type=reply.media_type)
            for name, value in reply.headers:
                response.headers.append(name, value)
            return response

        endpoint.__annotations__ = {"request": Request, "return": Response}
        del endpoint.__wrapped__  # FastAPI would read the signature of the use case
        endpoint.edge = Edge("callback", "", COUNTER)  # type: ignore[attr-defined]
        return endpoint

    return decorate


def _steps(call: Call) -> Steps:
    """Transactions of the function itself, at the head hospital: an old program belongs to no campus."""
    from functions.organisation.structure import service as organisation

    nowhere = Steps(call.runtime, system_actor(call.function, ""), "", call.traceparent, call.function)
    opened = nowhere.step(organisation.open_campuses)
    campus = next((one.code for one in opened if one.is_head), "")
    return Steps(call.runtime, system_actor(call.function, campus), campus, call.traceparent, call.function)


def _parameters(request: Request, call: Call) -> dict[str, str]:
    pairs = list(request.query_params.multi_items())
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        try:
            pairs += QueryParams(call.body.decode()).multi_items()
        except UnicodeDecodeError as error:
            raise Invalid("提交的内容不是 UTF-8。") from error
    found = dict(pairs)
    if len(found) != len(pairs) or any("\0" in value or len(value) > 8192 for value in found.values()):
        raise Invalid("同一参数不能出现两次，也不能过长。")
    return found


def _denied(call: Call) -> Callable[[str, str | None, int], bool]:
    def denied(subject: str, session: str | None, at: int) -> bool:
        if call.runtime.deny_list_is_old():
            call.runtime.refresh_deny_list()
        return call.runtime.deny_list.is_denied(subject, session, at)

    return denied
