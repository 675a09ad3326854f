"""The way into a route: size limit, token, campus, permission, idempotency key; and problems on the way out.

All of it runs before the body is parsed, so that a stranger learns nothing about shapes. Errors leave as RFC 9457
problem documents and never carry a stack, an SQL text or a value a patient entered.
"""

import logging
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from shared.command import Call, Edge, trace_refusal
from shared.identity.actor import Actor, system_actor
from shared.identity.problems import TokenMissing
from shared.problems import (
    PROBLEM_JSON,
    BodyTooLarge,
    Internal,
    Invalid,
    NotFound,
    Problem,
    Unreadable,
)
from shared.runtime import Runtime
from shared.telemetry import IN_FLIGHT, REQUESTS, accept_trace, mark, span, trace_id_of

log = logging.getLogger("his.http")

_CAMPUS = re.compile(r"^[a-z][a-z0-9]{1,9}$")
_KEY = re.compile(r"^[\x21-\x7e]{8,80}$")
_ETAG = re.compile(r'^(?:W/)?"?(\d{1,18})"?$')


class CampusMissing(Problem):
    status = 400
    code = "campus_missing"
    title = "缺少院区标识"


class IdempotencyKeyMissing(Problem):
    status = 400
    code = "idempotency_key_missing"
    title = "缺少幂等键"


class MethodNotAllowed(Problem):
    status = 405
    code = "method_not_allowed"
    title = "不支持的请求方法"


class Route(APIRoute):
    """A route that authorises first. Its endpoint carries an `edge` from @command, @query or @callback."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        edge: Edge | None = getattr(self.endpoint, "edge", None)
        if edge is None:
            raise TypeError(f"{self.path}: routes of a function are declared with @command, @query or @callback")
        status_code = self.status_code or 200
        label = self.path

        async def handle(request: Request) -> Response:
            started = time.perf_counter()
            traceparent = accept_trace(request.headers.get("traceparent"))
            campus = ""
            IN_FLIGHT.inc()
            try:
                with span(f"{request.method} {label}", traceparent, request.headers.get("traceparent")):
                    try:
                        call = await _enter(request, edge, traceparent, status_code)
                        campus = call.campus
                        request.state.call = call
                        response = await answer(request)
                    except Exception as error:
                        response = problem_response(error, traceparent)
                    mark(function=_function_of(request), campus=campus, status=response.status_code)
            finally:
                IN_FLIGHT.dec()
            REQUESTS.labels(_function_of(request), label, str(response.status_code), campus).observe(
                time.perf_counter() - started
            )
            response.headers["traceparent"] = traceparent
            runtime: Runtime = request.app.state.runtime
            if response.background is None and runtime.uses.claim():
                response.background = BackgroundTask(runtime.uses.write, runtime.database)
            return private(response)

        return handle


class Router(APIRouter):
    """The routes of one function app."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(route_class=Route, **kwargs)


async def _enter(request: Request, edge: Edge, traceparent: str, status_code: int) -> Call:
    runtime: Runtime = request.app.state.runtime
    if edge.kind == "callback":
        return await _enter_callback(request, runtime, traceparent, status_code)
    actor = await authenticate(request, runtime)
    campus = request.headers.get("x-campus", "")
    if not _CAMPUS.match(campus):
        raise CampusMissing("请在请求头 X-Campus 中注明当前院区，例如 hq。")
    call = Call(
        actor=actor,
        campus=campus,
        runtime=runtime,
        function=_function_of(request),
        target=f"{request.method} {request.url.path}?{request.url.query}",
        traceparent=traceparent,
        status_code=status_code,
    )
    try:
        actor.require(edge.permission, campus)
    except Problem as refusal:
        if refusal.traced:
            await run_in_threadpool(trace_refusal, call, refusal)
        raise
    key = request.headers.get("idempotency-key")
    if edge.kind == "command":
        if key is None:
            raise IdempotencyKeyMissing("请在请求头 Idempotency-Key 中附上本次操作的唯一编号后重试。")
        if not _KEY.match(key):
            raise IdempotencyKeyMissing("Idempotency-Key 须为 8 至 80 个可见的 ASCII 字符。")
    else:
        key = None
    if_match = _ETAG.match(request.headers.get("if-match", ""))
    call.idempotency_key = key
    call.if_match = int(if_match.group(1)) if if_match else None
    call.body = await limited_body(request, runtime.settings.max_body_bytes)
    if call.body and not request.headers.get("content-type", "").startswith("application/json"):
        raise Unreadable("请以 Content-Type: application/json 提交 JSON 正文。")
    return call


async def _enter_callback(request: Request, runtime: Runtime, traceparent: str, status_code: int) -> Call:
    """A signed message from outside: no token, no campus yet; `shared.callback` finds the campus from the path."""
    function = _function_of(request)
    return Call(
        actor=system_actor(function, ""),
        campus="",
        runtime=runtime,
        function=function,
        target=f"{request.method} {request.url.path}",
        traceparent=traceparent,
        status_code=status_code,
        body=await limited_body(request, runtime.settings.max_body_bytes),
    )


def _function_of(request: Request) -> str:
    """`<area>/<module>` of a path `/api/<area>/<module>/...`."""
    return "/".join(request.url.path.split("/", 4)[2:4])


async def authenticate(request: Request, runtime: Runtime) -> Actor:
    """The caller behind the bearer token. Checked offline; the event loop only waits when keys must be fetched."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenMissing("请先登录。")
    if runtime.deny_list_is_old():
        await run_in_threadpool(runtime.refresh_deny_list)
    if runtime.verifier.remembers(token):
        return runtime.verifier.verify(token)
    return await run_in_threadpool(runtime.verifier.verify, token)


async def limited_body(request: Request, limit: int) -> bytes:
    """The whole body, refused as soon as it grows past the limit."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(f"提交内容超过 {limit // 1024} KB，请减少内容或改用文件上传。")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(f"提交内容超过 {limit // 1024} KB，请减少内容或改用文件上传。")
        chunks.append(chunk)
    body = b"".join(chunks)
    request._body = body  # what Starlette's own body() would have kept
    return body


def problem_response(error: Exception, traceparent: str) -> Response:
    """The problem document of any exception; an unexpected one is logged by type and place only."""
    problem = as_problem(error)
    if problem.status >= 500:
        fields = {"code": problem.code, "cause": type(error).__name__}
        log.error("request failed", exc_info=error, extra={"fields": fields})
    document = problem.document(trace_id_of(traceparent))
    return private(
        JSONResponse(document, status_code=problem.status, media_type=PROBLEM_JSON, headers=problem.headers or None)
    )


def private(response: Response) -> Response:
    """Kept by no browser or proxy, so that "back" on a shared workstation shows nobody; no guess at its type."""
    response.headers["cache-control"] = "no-store"
    response.headers["x-content-type-options"] = "nosniff"
    return response


def as_problem(error: Exception) -> Problem:
    """Any exception as the problem its caller should read."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _validation_problem(error)
        case HTTPException(status_code=404):
            return NotFound("没有这个地址，请核对。")
        case HTTPException(status_code=405):
            return MethodNotAllowed("该地址不支持此请求方法。")
        case HTTPException(status_code=status) if status < 500:
            return Unreadable("请求无法读取，请检查内容与格式。")
        case ClientDisconnect():
            return Unreadable("请求未发送完整，请重试。")
        case _:
            return Internal("系统出现意外错误，本次操作未保存。请重试；仍不成功时请将 trace_id 告知信息科。")


_MESSAGES = {
    "missing": "必填",
    "extra_forbidden": "没有这个字段，请核对字段名",
    "string_too_short": "不能为空或过短",
    "string_too_long": "过长",
    "string_pattern_mismatch": "格式不正确",
    "decimal_max_places": "小数位数过多",
    "decimal_max_digits": "数字过大",
    "decimal_whole_digits": "数字过大",
    "greater_than": "须大于 {gt}",
    "greater_than_equal": "不能小于 {ge}",
    "less_than": "须小于 {lt}",
    "less_than_equal": "不能大于 {le}",
    "decimal_parsing": "须为数字",
    "int_parsing": "须为整数",
    "uuid_parsing": "编号格式不正确",
    "date_from_datetime_parsing": "日期格式须为 YYYY-MM-DD",
    "date_parsing": "日期格式须为 YYYY-MM-DD",
    "datetime_parsing": "时间格式须为 ISO 8601",
    "datetime_from_date_parsing": "时间格式须为 ISO 8601",
    "enum": "不在允许的取值内：{expected}",
    "literal_error": "不在允许的取值内：{expected}",
    "too_short": "至少 {min_length} 项",
    "too_long": "最多 {max_length} 项",
}


def _validation_problem(error: RequestValidationError) -> Problem:
    failures = error.errors()
    if any(failure["type"] == "json_invalid" for failure in failures):
        return Unreadable("请求正文不是有效的 JSON，请检查格式。")
    errors = []
    for failure in failures:
        place = [str(part) for part in failure["loc"] if part not in {"body", "query", "path", "header"}]
        template = _MESSAGES.get(failure["type"])
        if template is not None:
            message = template.format_map(_Context(failure.get("ctx", {})))
        elif failure["type"] == "value_error":
            message = str(failure.get("ctx", {}).get("error", "填写有误"))
        else:
            message = "填写有误"
        errors.append({"field": ".".join(place), "code": failure["type"], "message": message})
    fields = "、".join(dict.fromkeys(item["field"] or "正文" for item in errors))
    return Invalid(f"以下内容需要改正：{fields}。", errors=errors)


class _Context(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""
