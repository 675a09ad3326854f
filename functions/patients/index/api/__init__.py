"""HTTP routes of the patient index."""

from functions.patients.index.api import (
    access,
    care,
    checks,
    exchange,
    legacy,
    own,
    people,
    prints,
    statistics,
    stewardship,
)
from functions.patients.index.api.routing import router

__all__ = [
    "access",
    "care",
    "checks",
    "exchange",
    "legacy",
    "own",
    "people",
    "prints",
    "router",
    "statistics",
    "stewardship",
]
