"""The ASGI application of one process: the function apps named by HIS_FUNCTIONS on one runtime.

functions-framework knows nothing of lifespans; the runtime is therefore made at the first request, after any fork,
and `shared.serve` closes it.
"""

import logging
import threading
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from shared import telemetry
from shared.deliveries import deliver, handshake
from shared.function import FunctionApp
from shared.http import problem_response
from shared.runtime import Runtime
from shared.settings import Settings, settings
from shared.switchboard import Api
from shared.telemetry import accept_trace

log = logging.getLogger("his.host")


def load_apps(names: str) -> list[FunctionApp]:
    """The function apps of a comma-separated list of names, or all."""
    from functions import registry

    if names == "all":
        return registry.all_apps()
    return [registry.app(name.strip()) for name in names.split(",") if name.strip()]


def build(apps: list[FunctionApp], runtime: Runtime) -> FastAPI:
    """An ASGI application that serves these function apps on one runtime."""
    title = apps[0].name if len(apps) == 1 else "consortium"
    api = Api(title=title, version="1", docs_url=None, redoc_url=None, openapi_url=None)
    api.state.runtime = runtime
    api.state.apps = {app.name: app for app in apps}
    api.connect(apps)
    for kind in (404, 405, Exception):
        api.add_exception_handler(kind, _refuse)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(request: Request) -> Response:
        if runtime.draining:
            return JSONResponse({"status": "draining"}, status_code=503)
        ready = await anyio.to_thread.run_sync(runtime.database.ready, limiter=_probe_limiter())
        return JSONResponse({"status": "ready" if ready else "no database"}, status_code=200 if ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def openapi(_: Request) -> Response:
        return JSONResponse(openapi_document(api))

    api.add_route("/healthz", healthz)
    api.add_route("/readyz", readyz)
    api.add_route("/metrics", metrics)
    api.add_route("/openapi.json", openapi)
    api.add_route("/events", deliver, methods=["POST"])
    api.add_route("/events/{area}/{module}", deliver, methods=["POST"])
    api.add_route("/events", handshake, methods=["OPTIONS"])
    api.add_route("/events/{area}/{module}", handshake, methods=["OPTIONS"])
    if runtime.settings.start_page:
        from shared.start_page import mount

        mount(api)
    return api


async def _refuse(request: Request, error: Exception) -> Response:
    return problem_response(error, accept_trace(request.headers.get("traceparent")))


def openapi_document(api: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of everything this process serves, with the headers every call carries."""
    if api.openapi_schema is None:
        document = get_openapi(title="县域医共体医院信息系统", version="1", openapi_version="3.1.0", routes=api.routes)
        for path in document["paths"].values():
            for method, operation in path.items():
                _describe(method, operation)
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        runtime: Runtime = api.state.runtime
        base = f"{runtime.settings.issuer}/protocol/openid-connect"
        schemes["login"] = {
            "type": "oauth2",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": f"{base}/auth",
                    "tokenUrl": f"{base}/token",
                    "scopes": {"openid": "登录"},
                }
            },
        }
        api.openapi_schema = document
    return api.openapi_schema


def _describe(method: str, operation: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    parameters.append(_header("X-Campus", "当前院区，例如 hq、mch", "hq"))
    if method != "get":
        parameters.append(_header("Idempotency-Key", "本次操作的唯一编号，重试时保持不变", "3f6c1a52-0001"))
    operation["security"] = [{"login": ["openid"]}]
    answers = operation.setdefault("responses", {})
    problem = {"description": "Problem document (RFC 9457)", "content": {"application/problem+json": {}}}
    answers.pop("422", None)
    for status in ("400", "401", "403", "404", "409", "413", "422", "423", "503"):
        answers.setdefault(status, problem)


def _header(name: str, description: str, example: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1 if name == "X-Campus" else 8, "maxLength": 80}
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example,
    }


_probe: list[anyio.CapacityLimiter] = []


def _probe_limiter() -> anyio.CapacityLimiter:
    if not _probe:
        _probe.append(anyio.CapacityLimiter(1))
    return _probe[0]


class Host:
    """The process: builds its application at the first request and forwards to it."""

    def __init__(self, configuration: Settings) -> None:
        self.settings = configuration
        self._lock = threading.Lock()
        self._api: FastAPI | None = None
        self.runtime: Runtime | None = None

    def load(self) -> None:
        """Import the function apps now: one that does not import ends the process before it listens."""
        load_apps(self.settings.functions)

    def api(self) -> FastAPI:
        """The application; its runtime is made at the first request."""
        with self._lock:
            if self._api is None:
                telemetry.configure(self.settings.functions, self.settings.log_level)
                self.runtime = Runtime(self.settings)
                self._api = build(load_apps(self.settings.functions), self.runtime)
                anyio.to_thread.current_default_thread_limiter().total_tokens = self.settings.pool_size
            return self._api

    def close(self) -> None:
        if self.runtime is not None:
            self.runtime.close()


class Forward(Response):
    """What `main` returns: asked to send itself, it lets the application answer instead."""

    def __init__(self, api: FastAPI) -> None:
        super().__init__()
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._api(scope, receive, send)


HOST = Host(settings())
"""The process's host; empty until its first request."""
