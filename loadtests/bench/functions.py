"""What one function costs: from the start of its process to its first answers, and its memory after some work."""

from collections.abc import Callable
from typing import NamedTuple

from fastapi.routing import APIRoute, iter_route_contexts

from functions import registry
from infra.his.manifests.groups import groups
from loadtests.bench.ground import Ground
from loadtests.bench.hosts import HostProcess
from loadtests.bench.seeding import CAMPUS
from shared.command import PUBLIC, Edge
from shared.identity.posts import POSTS

REQUESTS = 50
_ANSWERS = {200, 422}
"""A list, or the refusal of one that wants to be narrowed: both read the token and ran the route."""


class FunctionCost(NamedTuple):
    """Seconds to readiness and to the first answer of its API, processor seconds spent by then, bytes after work.

    functions: how many function apps the process serves.
    """

    name: str
    functions: int
    ready: float
    ready_cpu: float
    answered: float
    answered_cpu: float
    resident: int
    proportional: int


def measure(ground: Ground, say: Callable[[str], None]) -> list[FunctionCost]:
    """Each function app alone in a fresh process, then the groups that production runs, then all of them in one."""
    processes = {name: [name] for name in registry.MODULES}
    processes |= {f"group {one.name}": one.functions.split(",") for one in groups(registry.all_apps())}
    processes["all"] = list(registry.MODULES)
    costs = []
    for name, members in processes.items():
        costs.append(_cost(ground, name, members))
        say(f"{name}: ready after {costs[-1].ready:.2f} s, {costs[-1].resident / 2**20:.0f} MB")
    return costs


def _cost(ground: Ground, name: str, members: list[str]) -> FunctionCost:
    questions = [_question(ground, member) for member in members]
    host = HostProcess(ground, ",".join(members))
    try:
        _, ready = host.first_answer("/readyz")
        ready_cpu = host.cpu_seconds()
        path, headers = questions[0]
        status, answered = host.first_answer(path, headers)
        answered_cpu = host.cpu_seconds()
        if status not in _ANSWERS:
            raise ValueError(f"GET {path}: {status}")
        for path, headers in questions:
            for _ in range(REQUESTS):
                host.ask(path, headers)
        return FunctionCost(name, len(members), ready, ready_cpu, answered, answered_cpu, *host.memory())
    finally:
        host.stop()


def _question(ground: Ground, name: str) -> tuple[str, dict[str, str]]:
    """A list of the function app and the headers of somebody who may read it."""
    path, permission = _a_list(name)
    token = ground.realm.token(f"bench {name}", {CAMPUS: [_holder(permission)]})
    return path, {"authorization": f"Bearer {token}", "x-campus": CAMPUS}


def _a_list(name: str) -> tuple[str, str]:
    """A question of the function app that needs no parameter, and the permission it asks for."""
    app = registry.app(name)
    for context in iter_route_contexts(app.router.routes):
        route, path = context.original_route, context.path or ""
        if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()) or "{" in path:
            continue
        edge: Edge = route.endpoint.edge  # type: ignore[attr-defined]
        needs = any(parameter.field_info.is_required() for parameter in route.dependant.query_params)
        if not needs and not edge.permission.endswith(".self"):  # one's own page: staff of a post may be refused it
            return app.prefix + path, edge.permission
    raise LookupError(f"{name}: no list to ask for")


def _holder(permission: str) -> str:
    """A post of staff with a permission."""
    return next(
        code
        for code, post in POSTS.items()
        if (permission == PUBLIC or permission in post.permissions) and not code.startswith("device")
    )
