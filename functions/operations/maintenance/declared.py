"""What every function app of this release declares.

A process may serve this function alone, and importing seventy others to describe them would undo what makes functions
light. So the description is a file, `declared.json`, written by `his generate` from the declarations; the build fails
when it is stale.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

DECLARED = Path(__file__).with_name("declared.json")


@cache
def modules() -> tuple[dict[str, Any], ...]:
    """The function apps in building order, as `his generate` wrote them."""
    return tuple(json.loads(DECLARED.read_text(encoding="utf-8")))


@cache
def by_name() -> dict[str, dict[str, Any]]:
    """The same by name."""
    return {module["name"]: module for module in modules()}
