"""The switchboard: a path leads to its function at once."""

import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.convertors import Convertor
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.function import FunctionApp


class Api(FastAPI):
    """FastAPI with a switchboard: a path leads to its function at once, and only its few routes are tried.

    FastAPI tries every route of every included router, twice, below seven layers of middleware that our routes have no
    use for (they answer their own errors and bound their own bodies): two fifths of a request's time in Python. And
    before it tries the first one it unfolds them all, which a starting process would do for its first probe. What the
    switchboard does not know (a wrong address or method) goes FastAPI's way.
    """

    _own: list[BaseRoute]
    _lines: dict[str, list[tuple[re.Pattern[str], dict[str, Convertor[Any]], APIRoute]]]
    _door: ASGIApp

    def connect(self, apps: list[FunctionApp]) -> None:
        """Serve these function apps."""
        self._door = self._dispatch
        self._own = []
        self._lines = {}
        for app in apps:
            self.include_router(app.router, prefix=app.prefix, tags=[app.title])
            lines = self._lines[app.prefix] = []
            for context in iter_route_contexts(app.router.routes):
                route = context.original_route
                if isinstance(route, APIRoute):
                    pattern, _, convertors = compile_path(app.prefix + (context.path or ""))
                    lines.append((pattern, convertors, route))

    def add_route(self, path: str, *more: Any, **options: Any) -> None:
        """Serve an address of the process itself: a probe, its figures, events."""
        super().add_route(path, *more, **options)
        self._own.append(self.router.routes[-1])

    def put_before(self, layer: Callable[[ASGIApp], ASGIApp]) -> None:
        """Let a layer see every request first."""
        self._door = layer(self._door)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._door(scope, receive, send)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        line = self._line(scope) if scope["type"] == "http" else None
        if line is None:
            await self._serve_own(scope, receive, send)
            return
        route, scope["path_params"] = line
        scope.update(app=self, route=route, endpoint=route.endpoint)
        async with AsyncExitStack() as files:
            scope["fastapi_middleware_astack"] = files
            await route.app(scope, receive, send)

    async def _serve_own(self, scope: Scope, receive: Receive, send: Send) -> None:
        for route in self._own:
            found, known = route.matches(scope)
            if found is Match.FULL:
                scope.update(app=self, **known)
                scope["starlette.exception_handlers"] = (self.exception_handlers, {})
                await route.handle(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    def _line(self, scope: Scope) -> tuple[APIRoute, dict[str, Any]] | None:
        path, method = scope["path"], scope["method"]
        for pattern, convertors, route in self._lines.get("/".join(path.split("/", 4)[:4]), ()):
            if method in (route.methods or ()) and (found := pattern.match(path)):
                return route, {name: convertors[name].convert(value) for name, value in found.groupdict().items()}
        return None
