"""What differs between installations in generated files: the table infra/k8s/overlays.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from shared.settings import REPOSITORY

TABLE = Path("infra") / "k8s" / "overlays.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """One installation."""

    name: str
    services: Literal["functions", "groups"]
    """Whether every function is a service of its own, or every group."""
    origins: list[str] = field(default_factory=list)
    """Web pages of other addresses that may call (CORS); pages of the gateway itself always may."""
    plain_http: bool = False
    """Answer without TLS too, instead of pointing to HTTPS."""
    identity: str = ""
    """Host and port of Keycloak, where the gateway passes sign-on through; empty where it has an address of its own."""
    requests_per_second: int = 50
    """Of one caller's address; a workstation needs two or three."""
    burst: int = 100
    body_bytes: int = 1_048_576
    """Largest body of an API call."""


def overlays(root: Path = REPOSITORY) -> list[Overlay]:
    """Every overlay of the table."""
    table = tomllib.loads((root / TABLE).read_text(encoding="utf-8"))
    return [Overlay(name=name, **entry) for name, entry in table.items()]
