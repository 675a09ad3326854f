"""Which functions share an instance: each one alone, or by the table infra/k8s/groups.toml."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.settings import REPOSITORY

if TYPE_CHECKING:
    from shared.function import FunctionApp

TABLE = Path("infra") / "k8s" / "groups.toml"


class GroupError(Exception):
    """The table and the declarations disagree; the text says how."""


@dataclass(frozen=True, slots=True)
class Group:
    """One Knative Service: the function apps it runs and how it scales."""

    name: str
    title: str
    apps: tuple[FunctionApp, ...]
    warm: int
    peak: int
    concurrency: int
    memory: int
    """Megabytes an instance may grow to."""

    @property
    def functions(self) -> str:
        """What HIS_FUNCTIONS says."""
        return ",".join(app.name for app in self.apps)

    @property
    def connections(self) -> int:
        """Connections to PostgreSQL at the peak."""
        return self.peak * self.concurrency


def single(apps: Sequence[FunctionApp]) -> list[Group]:
    """Every function by itself, as it declares."""
    return [
        Group(
            name=app.service_name,
            title=app.title,
            apps=(app,),
            warm=app.scaling.warm,
            peak=app.scaling.peak,
            concurrency=app.scaling.concurrency,
            memory=512,
        )
        for app in apps
    ]


def groups(apps: Sequence[FunctionApp], root: Path = REPOSITORY) -> list[Group]:
    """The groups of the table; an area the table does not name is a group of its own, so every function runs somewhere.

    Raises GroupError for a member that is no function and no area, or stands in two groups.
    """
    table: dict[str, Any] = tomllib.loads((root / TABLE).read_text(encoding="utf-8"))
    home: dict[str, str] = {}
    for group, entry in table.items():
        for member in entry["members"]:
            if member in home:
                raise GroupError(f"{TABLE}: {member} stands in {home[member]} and in {group}")
            home[member] = group
    areas = {_area(app) for app in apps}
    if unknown := sorted(home.keys() - areas - {app.name for app in apps}):
        raise GroupError(f"{TABLE}: no such function or area: {', '.join(unknown)}")
    members: dict[str, list[FunctionApp]] = {}
    for app in apps:
        members.setdefault(home.get(app.name) or home.get(_area(app)) or _area(app), []).append(app)
    return [_group(name, table.get(name, {}), members[name]) for name in sorted(members)]


def _area(app: FunctionApp) -> str:
    return app.name.split("/")[0]


def _group(name: str, entry: dict[str, Any], apps: list[FunctionApp]) -> Group:
    """A group carries the sum of its functions' peaks; its instances answer more at once, so there are fewer."""
    concurrency = int(entry.get("concurrency", max(app.scaling.concurrency for app in apps)))
    demand = sum(app.scaling.peak * app.scaling.concurrency for app in apps)
    return Group(
        name=name.replace("_", "-"),
        title=entry.get("title", "、".join(app.title for app in apps)),
        apps=tuple(apps),
        warm=int(entry.get("warm", max(app.scaling.warm for app in apps))),
        peak=int(entry.get("peak", math.ceil(demand / concurrency))),
        concurrency=concurrency,
        memory=int(entry.get("memory", 768)),
    )
