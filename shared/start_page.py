"""The start page of a hospital on one machine: what runs, who may log in, what happens today, an API reference to try.

Served by the local host when `start_page` is set, never in the data centre. Pages, scripts and styles come from
clients/start and, for the reference, from the package swagger-ui-dist installed there; nothing is loaded from
elsewhere, and the Content-Security-Policy says so. What a page shows of the hospital beyond "it runs" it asks of the
functions with the token of whoever signed on.
"""

import mimetypes
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
from fastapi import FastAPI, Request
from sqlalchemy import text
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.database.engine import Scope as Rows
from shared.database.query import Query
from shared.function import FunctionApp
from shared.identity.actor import system_actor
from shared.identity.posts import POSTS
from shared.problems import Busy, NotFound, Problem
from shared.runtime import Runtime
from shared.settings import REPOSITORY
from shared.switchboard import Api
from shared.telemetry import current_traceparent
from shared.tx import Tx

PAGES = REPOSITORY / "clients" / "start"
SWAGGER = PAGES / "node_modules" / "swagger-ui-dist"
SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "oauth2-redirect.html", "oauth2-redirect.js")
SERVED = {".html", ".css", ".js", ".svg"}

LOOK_AGAIN = 4.0
"""Seconds between two looks at the services, however many pages ask."""
PROBE_SECONDS = 1.5
ALL_CAMPUSES = Rows(campus="", readable=("*",), subject="system:start-page")

_WORKERS = Query(
    int, text("SELECT count(*) FROM pg_stat_activity WHERE usename = 'his_worker' AND datname = current_database()")
)


def mount(api: Api) -> None:
    """Serve the start page at `/`, the API reference at `/reference/`, and what both ask before anybody signs on."""
    runtime: Runtime = api.state.runtime
    headers = _headers(runtime)
    for path, file in pages().items():
        api.add_route(path, _file(file, headers))
    traffic = {name: Traffic() for name in api.state.apps}
    api.put_before(lambda app: Counting(app, traffic))
    look = Look(runtime)

    async def state(request: Request) -> Response:
        return await _answer(lambda: _state(request.app, look, traffic))

    async def logins(request: Request) -> Response:
        if not runtime.settings.demo_password or not is_loopback(request):
            return _problem(NotFound("演示账号只在本机、演示环境中显示。"))
        return await _answer(lambda: _logins(runtime))

    api.add_route("/start/state.json", state)
    api.add_route("/start/logins.json", logins)


def pages() -> dict[str, Path]:
    """Address -> file: the pages as they lie in clients/start, and the few files of Swagger UI that they use."""
    found = {}
    for file in sorted(PAGES.rglob("*")):
        if file.is_file() and file.suffix in SERVED and "node_modules" not in file.parts:
            relative = file.relative_to(PAGES).as_posix()
            address = relative if relative.startswith("reference/") else f"start/{relative}"
            found[f"/{address.removesuffix('index.html')}"] = file
    found["/"] = found.pop("/start/")
    return found | {f"/reference/{name}": SWAGGER / name for name in SWAGGER_FILES}


def is_loopback(request: Request) -> bool:
    """Whether a person at this machine asks, under this machine's own name and through no proxy.

    The name matters as well: a page on the internet may let its name resolve to 127.0.0.1.
    """
    client = request.client.host if request.client else ""
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-forwarded-host"))
    name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return not forwarded and _is_loopback_name(client) and _is_loopback_name(name)


def _is_loopback_name(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


# -- files


def _headers(runtime: Runtime) -> dict[str, str]:
    identity = urlsplit(runtime.settings.keycloak_url)
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        f" connect-src 'self' {identity.scheme}://{identity.netloc}; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": "no-cache",
    }


def _file(file: Path, headers: Mapping[str, str]) -> Callable[[Request], Any]:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"

    async def serve(_: Request) -> Response:
        if not file.is_file():
            return _problem(NotFound("接口参考的页面文件尚未安装，请在仓库目录运行：npm ci --prefix clients/start。"))
        return FileResponse(file, media_type=kind, headers=dict(headers))

    return serve


async def _answer(make: Callable[[], Any]) -> Response:
    try:
        body = await anyio.to_thread.run_sync(make)
    except Problem as problem:
        return _problem(problem)
    return JSONResponse(body, headers={"cache-control": "no-store"})


def _problem(problem: Problem) -> Response:
    document = problem.document()
    return JSONResponse(document, status_code=problem.status, media_type="application/problem+json")


# -- what runs


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the services found: database, identity, files, worker; and the open campuses."""

    services: list[dict[str, Any]]
    campuses: list[dict[str, str]]


class Look:
    """Looks at the services at most every few seconds."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = Lock()
        self._seen: Seen | None = None
        self._at = 0.0

    def seen(self) -> Seen:
        """The last look, taken anew when it is old."""
        with self._lock:
            if self._seen is None or time.monotonic() - self._at > LOOK_AGAIN:
                self._seen, self._at = self._take(), time.monotonic()
            return self._seen

    def _take(self) -> Seen:
        settings = self._runtime.settings
        scheme = "https" if settings.s3_secure else "http"
        database = self._runtime.database.ready()
        workers, campuses = self._hospital() if database else (0, [])
        services = [
            _service("database", "数据库", database, "PostgreSQL 没有应答，请运行 make up 重新启动。"),
            _service(
                "identity", "统一登录", _answers(settings.issuer), "Keycloak 没有应答，暂时无法登录，请运行 make up。"
            ),
            _service(
                "storage",
                "文件存储",
                _answers(f"{scheme}://{settings.s3_endpoint}/"),
                "文件暂时不能保存，请运行 make up。",
            ),
            _service("worker", "事件投递", workers > 0, "事件不会丢失，投递进程启动后继续，请运行 make up。"),
        ]
        return Seen(services, campuses)

    def _hospital(self) -> tuple[int, list[dict[str, str]]]:
        organisation = import_module("functions.organisation.structure.service")
        try:
            with self._runtime.database.transaction(ALL_CAMPUSES) as session:
                workers = session.one(_WORKERS)
                campuses = organisation.open_campuses(_tx(self._runtime, session))
        except Busy:
            return 0, []
        return workers, [
            {"code": campus.code, "name": campus.name, "short_name": campus.short_name} for campus in campuses
        ]


def _service(code: str, name: str, ready: bool, way_out: str) -> dict[str, Any]:
    return {"code": code, "name": name, "ready": ready, "way_out": "" if ready else way_out}


def _answers(url: str) -> bool:
    """Whether anything speaks HTTP there; a refusal is an answer too."""
    try:
        with _DIRECT.open(url, timeout=PROBE_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The services stand on this machine; a proxy of the environment is not asked."""


@dataclass(slots=True)
class Traffic:
    """Requests of one function since the process began."""

    calls: int = 0
    failures: int = 0
    durations: deque[float] = field(default_factory=lambda: deque(maxlen=500))
    """Seconds of the last requests."""

    def document(self) -> dict[str, Any]:
        return {"calls": self.calls, "failures": self.failures, "p95_ms": self.p95()}

    def p95(self) -> int | None:
        """Milliseconds within which 95 of the last 100 requests were answered; None before the first."""
        if not self.durations:
            return None
        return round(sorted(self.durations)[int(len(self.durations) * 0.95 - 0.001)] * 1000)


class Counting:
    """Counts the requests of each function on their way through."""

    def __init__(self, app: ASGIApp, traffic: Mapping[str, Traffic]) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        traffic = self._traffic.get("/".join(scope["path"].split("/")[2:4])) if scope["type"] == "http" else None
        if traffic is None or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            traffic.calls += 1
            traffic.failures += status >= 500
            traffic.durations.append(time.perf_counter() - started)


def _state(api: FastAPI, look: Look, traffic: Mapping[str, Traffic]) -> dict[str, Any]:
    runtime: Runtime = api.state.runtime
    seen = look.seen()
    apps: dict[str, FunctionApp] = api.state.apps
    return {
        "identity": {
            "url": runtime.settings.keycloak_url,
            "realm": runtime.settings.keycloak_realm,
            "client": "his-web",
        },
        "reference": all((SWAGGER / name).is_file() for name in SWAGGER_FILES),
        "demo": bool(runtime.settings.demo_password),
        "posts": {code: post.title for code, post in POSTS.items()},
        "services": seen.services,
        "campuses": seen.campuses,
        "modules": [
            {
                "name": app.name,
                "area": app.name.split("/")[0],
                "module": str(app.module),
                "title": app.title,
                "routes": len(app.routes()),
                "handles": len(app.on),
                **traffic[app.name].document(),
            }
            for app in apps.values()
        ],
    }


# -- who may log in


def _logins(runtime: Runtime) -> dict[str, Any]:
    """People of the demonstration with their posts, and the password they begin with."""
    organisation = import_module("functions.organisation.structure.service")
    with runtime.database.transaction(ALL_CAMPUSES) as session:
        accounts = organisation.staff_accounts(_tx(runtime, session))
    people = [
        {"username": account.staff_no.lower(), "name": account.name, "campus": campus, "posts": _posts(posts)}
        for account in accounts
        if account.enabled
        for campus, posts in sorted(account.posts.items())
    ]
    people.sort(key=lambda one: (one["campus"], _rank(one["posts"]), one["username"]))
    return {"password": runtime.settings.demo_password, "people": people}


def _rank(posts: list[dict[str, str]]) -> int:
    """Posts in the order of their declaration: windows and clinics first."""
    order = list(POSTS)
    return min((order.index(post["code"]) for post in posts), default=len(order))


def _posts(codes: frozenset[str]) -> list[dict[str, str]]:
    return [{"code": code, "title": POSTS[code].title} for code in sorted(codes) if code in POSTS]


def _tx(runtime: Runtime, session: Any) -> Tx:
    return Tx(session, system_actor("start page", ""), "", runtime.clock(), current_traceparent())
