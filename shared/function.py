"""A function app: one module, declared once.

    app = FunctionApp("outpatient/registration", module=1, title="门急诊挂号收费", router=api.router,
                      on={SessionStopped: service.refund_stopped_session},
                      scaling=Scaling(warm=1, peak=20, concurrency=16))

`minute` names what ends by itself (a hold, an unpaid settlement): it is called about every minute for each campus.

From the declaration come the routes, the event deliveries, OpenAPI and AsyncAPI, Knative Services and Triggers, the
roles of the realm and the connection budget.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute, iter_route_contexts

from events.clock import minute_of
from events.envelope import Event
from shared.steps import Steps
from shared.tx import Tx

Onwards = Callable[[Steps], None]
"""Work of a handler that goes on after its commit, outside any transaction."""
Handler = Callable[..., Onwards | None]


@dataclass(frozen=True, slots=True)
class Scaling:
    """Instances kept warm, most instances at the peak, requests at once in one instance (at most its pool)."""

    warm: int = 0
    peak: int = 5
    concurrency: int = 5


@dataclass(frozen=True, slots=True)
class Trust:
    """What a function may have that others may not. Where an installation lacks it, the function says what it can't do.

    `secrets`: settings of its own, by the name of the secret in the cluster. `keys`: the secret whose files lie in its
    HIS_SECRETS_DIR. `outside`: it calls systems outside the data centre.
    """

    secrets: tuple[str, ...] = ()
    keys: str = ""
    outside: bool = False


@dataclass(frozen=True, slots=True)
class DeclaredRoute:
    """One route and who may call it."""

    method: str
    path: str
    permission: str
    kind: str
    summary: str


class FunctionApp:
    """The declaration of one function."""

    def __init__(
        self,
        name: str,
        *,
        module: int | str,
        title: str,
        router: APIRouter,
        on: Mapping[type[Event], Handler] | None = None,
        minute: Callable[[Tx], Onwards | None] | None = None,
        scaling: Scaling | None = None,
        trust: Trust | None = None,
    ) -> None:
        self.name = name
        self.module = module
        self.title = title
        self.router = router
        self.on: dict[type[Event], Handler] = dict(on or {})
        if minute is not None:
            self.on[minute_of(name, minute.__module__)] = lambda tx, event: minute(tx)
        self.each_minute = minute
        self.scaling = scaling or Scaling()
        self.trust = trust or Trust()
        self.handlers: dict[str, tuple[type[Event], Handler]] = {
            event.event_type: (event, handler) for event, handler in self.on.items()
        }

    @property
    def service_name(self) -> str:
        """Name in Kubernetes: `outpatient-registration`."""
        return self.name.replace("/", "-").replace("_", "-")

    @property
    def prefix(self) -> str:
        """Where its routes live."""
        return f"/api/{self.name}"

    def routes(self) -> list[DeclaredRoute]:
        """Its routes with their permissions, in the order of declaration."""
        found = []
        for context in iter_route_contexts(self.router.routes):
            route = context.original_route
            if isinstance(route, APIRoute):
                edge: Any = route.endpoint.edge  # type: ignore[attr-defined]
                summary = (route.endpoint.__doc__ or "").strip().split("\n")[0]
                for method in sorted(route.methods or ()):
                    path = self.prefix + (context.path or "")
                    found.append(DeclaredRoute(method, path, edge.permission, edge.kind, summary))
        return found

    def permissions(self) -> set[str]:
        """Permissions its routes ask for: they become roles of the realm."""
        return {route.permission for route in self.routes() if route.permission}
