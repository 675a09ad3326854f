"""The files made from the code's declarations: written by `his generate`, compared by `his generate --check`.

Everything here is a pure function of the code: sorted, without dates, the same on every machine.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from events.envelope import PREFIX, Event
from functions.registry import all_apps
from infra import observability
from infra.his import cases, manifests
from shared.function import DeclaredRoute, FunctionApp
from shared.identity import posts, separation
from shared.identity.posts import Post
from shared.problems import Problem
from shared.settings import REPOSITORY, Settings

REFERENCE = Path("docs") / "reference"
OURS = ("shared", "events", "functions")
NOT_IMPORTED = {"shared.host", "shared.serve", "events.worker"}
"""Entry points of processes: they declare nothing."""

ANYWHERE = Settings.model_construct()
"""The settings of a documentation: the defaults, whatever the environment says."""


def write(root: Path = REPOSITORY) -> list[Path]:
    """Bring every generated file up to date; the paths that were written."""
    outdated = _outdated(root)
    for path, content in outdated:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return [path.relative_to(root) for path, _ in outdated]


def stale(root: Path = REPOSITORY) -> list[Path]:
    """Generated files that differ from what the declarations say now."""
    return [path.relative_to(root) for path, _ in _outdated(root)]


def _outdated(root: Path) -> list[tuple[Path, str]]:
    found = []
    for relative, content in sorted(contents().items()):
        path = root / relative
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            found.append((path, content))
    return found


def load_everything() -> None:
    """Import every package of ours, so that every event and problem has declared itself."""
    for name in OURS:
        package = import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if module.name not in NOT_IMPORTED:
                import_module(module.name)


# -- documents for machines


def openapi() -> str:
    """Every route of every function."""
    from shared.application import build, openapi_document

    runtime: Any = SimpleNamespace(settings=ANYWHERE, draining=False)
    return _json(openapi_document(build(all_apps(), runtime)))


def asyncapi() -> str:
    """Every event with its subscribers."""
    document: Callable[[], dict[str, Any]] = import_module("events.asyncapi").document
    return _json(document())


def declared() -> str:
    """What operations/maintenance shows of every function, without importing them."""
    emitted = _emitted()
    return _json([_describe(app, emitted.get(app.name, [])) for app in all_apps()], in_order=True)


def _describe(app: FunctionApp, emits: Sequence[type[Event]]) -> dict[str, Any]:
    return {
        "name": app.name,
        "service": app.service_name,
        "module": str(app.module),
        "area": app.name.split("/")[0],
        "title": app.title,
        "routes": [
            {
                "method": route.method,
                "path": route.path,
                "permission": route.permission,
                "kind": route.kind,
                "summary": route.summary,
            }
            for route in app.routes()
        ],
        "permissions": sorted(app.permissions()),
        "emits": [kind.event_type for kind in emits],
        "consumes": sorted(kind.event_type for kind in app.on),
        "warm": app.scaling.warm,
        "peak": app.scaling.peak,
        "concurrency": app.scaling.concurrency,
    }


# -- pages for people


def modules() -> str:
    """Every function, in building order."""
    emitted = _emitted()
    lines = [
        "# Functions",
        "",
        "In building order: each calls only earlier ones.",
        "",
        *_table(
            ("Function", "Module", "Title", "Routes", "Emits", "Handles", "Warm", "Peak"),
            (
                (
                    f"`{app.name}`",
                    app.module,
                    app.title,
                    len(app.routes()),
                    len(emitted.get(app.name, [])),
                    len(app.on),
                    app.scaling.warm,
                    app.scaling.peak,
                )
                for app in all_apps()
            ),
        ),
    ]
    for app in all_apps():
        lines += ["", f"## {app.name} · {app.title}", ""]
        rows = ((route.method, f"`{route.path}`", f"`{route.permission}`", route.summary) for route in app.routes())
        lines += _table(("Method", "Path", "Permission", "What it does"), rows)
        for heading, kinds in (("Emits", emitted.get(app.name, [])), ("Handles", sorted(app.on, key=_type))):
            if kinds:
                lines += ["", f"{heading}: " + ", ".join(f"`{_short(kind)}`" for kind in kinds) + "."]
    return _page(lines)


def errors() -> str:
    """The error catalogue: every code a client may meet."""
    found = [(code, kind) for code, kind in Problem.catalogue().items() if _is_ours(kind)]
    rows = ((f"`{code}`", kind.status, kind.title, f"`{kind.__module__}`") for code, kind in found)
    return _page(
        [
            "# Errors",
            "",
            "Every refusal is an `application/problem+json` document (RFC 9457). `code` never changes; `title` is the",
            "heading below; `detail` says, in Chinese, what this user should do now; `trace_id` finds the request in",
            "the logs.",
            "",
            *_table(("Code", "Status", "Title", "Declared in"), rows),
        ]
    )


def permissions() -> str:
    """Permission by permission: which routes ask for it, which posts hold it."""
    asked = routes_by_permission()
    holders = holders_by_permission()
    rows = (
        (
            f"`{code}`",
            title,
            "<br>".join(f"{route.method} `{route.path}`" for route in asked.get(code, [])) or "none yet",
            "、".join(post.title for post in holders.get(code, [])),
        )
        for code, title in sorted(posts.PERMISSIONS.items())
    )
    everyone = [*posts.POSTS.values(), posts.PATIENT, *posts.DEVICES.values()]
    held = (
        (
            f"`{post.code}`",
            post.title,
            "yes" if post.consortium_wide else "",
            "yes" if post.privileged else "",
            "<br>".join(f"`{code}`" for code in sorted(post.permissions)),
        )
        for post in everyone
    )
    pairs = (
        (posts.POSTS[first].title, posts.POSTS[second].title, rule.title)
        for (first, second), rule in sorted(separation.incompatible_pairs().items())
    )
    return _page(
        [
            "# Permissions",
            "",
            "## Who may do what",
            "",
            *_table(("Permission", "Name", "Routes", "Posts"), rows),
            "",
            "## Posts (岗位)",
            "",
            "Consortium-wide posts read every campus under their own permissions, and write only while acting there.",
            "Privileged posts sign on with a second factor.",
            "",
            *_table(("Post", "Title", "Consortium-wide", "Privileged", "Permissions"), held),
            "",
            "## Posts one person must not hold together (不相容岗位)",
            "",
            *_table(("Post", "Post", "Rule"), pairs),
        ]
    )


def events() -> str:
    """Every event type: who tells it, who handles it, when it happens, what it carries."""
    handled: dict[str, list[str]] = {}
    for app in all_apps():
        for kind in app.on:
            handled.setdefault(kind.event_type, []).append(app.name)
    lines = ["# Events", "", f"CloudEvents 1.0. The full type is `{PREFIX}<type>.v<version>`.", ""]
    kinds = sorted((kind for kind in Event.types.values() if _is_ours(kind)), key=_type)
    for kind in kinds:
        fields = ", ".join(f"`{name}`" for name in kind.model_fields)
        handlers = ", ".join(f"`{name}`" for name in sorted(handled.get(kind.event_type, []))) or "nobody yet"
        lines += [
            f"## {_short(kind)}",
            "",
            " ".join((kind.__doc__ or "").split()),
            "",
            f"Subject `{kind.subject_field}`. Carries {fields}. Handled by {handlers}.",
            "",
        ]
    return _page(lines[:-1])


def connections() -> str:
    """The connection budget: what the functions may open on PostgreSQL at most."""
    apps = all_apps()
    warm = sum(app.scaling.warm * app.scaling.concurrency for app in apps)
    peak = sum(app.scaling.peak * app.scaling.concurrency for app in apps)
    rows: list[tuple[Any, ...]] = [
        (
            f"`{app.name}`",
            app.scaling.concurrency,
            app.scaling.warm,
            app.scaling.peak,
            app.scaling.warm * app.scaling.concurrency,
            app.scaling.peak * app.scaling.concurrency,
        )
        for app in apps
    ]
    return _page(
        [
            "# Connection budget",
            "",
            "An instance opens at most as many connections as it answers requests at once: `concurrency`, which is at",
            f"most the pool of {ANYWHERE.pool_size}. All functions at their peak is the ceiling that the transaction",
            "pooler must accept from its clients; PostgreSQL itself sees the pooler's server connections only.",
            "",
            *_table(
                ("Function", "Per instance", "Warm", "Peak", "Connections warm", "Connections peak"),
                [*rows, ("**all**", "", "", "", f"**{warm}**", f"**{peak}**")],
            ),
        ]
    )


# -- what is declared


def routes_by_permission() -> dict[str, list[DeclaredRoute]]:
    """Permission -> the routes that ask for it, in order of path."""
    found: dict[str, list[DeclaredRoute]] = {}
    for app in all_apps():
        for route in app.routes():
            found.setdefault(route.permission, []).append(route)
    return {code: sorted(routes, key=lambda route: (route.path, route.method)) for code, routes in found.items()}


def holders_by_permission() -> dict[str, list[Post]]:
    """Permission -> posts, patients and devices that hold it."""
    found: dict[str, list[Post]] = {}
    for post in [*posts.POSTS.values(), posts.PATIENT, *posts.DEVICES.values()]:
        for code in post.permissions:
            found.setdefault(code, []).append(post)
    return found


def _emitted() -> dict[str, list[type[Event]]]:
    """Function -> the event types it tells."""
    found: dict[str, list[type[Event]]] = {}
    for kind in sorted(Event.types.values(), key=_type):
        if _is_ours(kind):
            found.setdefault(kind.event_source.removeprefix("/"), []).append(kind)
    return found


def _is_ours(kind: type) -> bool:
    """Whether the product declares it; tests declare events and problems of their own."""
    return kind.__module__.split(".")[0] in OURS


def _type(kind: type[Event]) -> str:
    return kind.event_type


def _short(kind: type[Event]) -> str:
    return kind.event_type.removeprefix(PREFIX)


# -- how it is written


def _json(document: Any, *, in_order: bool = False) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=not in_order) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = [_row(head), _row(["---"] * len(head))]
    return lines + [_row(row) for row in rows]


def _row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _page(lines: Sequence[str]) -> str:
    return "\n".join(["<!-- Written by `his generate`; do not edit. -->", "", *lines]) + "\n"


FILES: dict[Path, Callable[[], str]] = {
    REFERENCE / "openapi.json": openapi,
    REFERENCE / "asyncapi.json": asyncapi,
    REFERENCE / "modules.md": modules,
    REFERENCE / "errors.md": errors,
    REFERENCE / "permissions.md": permissions,
    REFERENCE / "events.md": events,
    REFERENCE / "connections.md": connections,
    Path("functions") / "operations" / "maintenance" / "declared.json": declared,
    Path("docs") / "cases.md": cases.document,
}
"""Path in the repository -> what makes its content, beside the manifests of the cluster."""


@cache
def contents() -> dict[Path, str]:
    """Every generated file and what it must hold: made once, a process's declarations do not change."""
    load_everything()
    return {path: make() for path, make in FILES.items()} | manifests.files() | observability.files()
