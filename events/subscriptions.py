"""Who receives what: read from the declarations of the function apps, by relay, broker and generators."""

import json
import subprocess
import sys
from functools import cache


@cache
def subscriptions() -> dict[str, list[str]]:
    """Full event type -> names of the function apps that handle it, both in a stable order."""
    from functions.registry import all_apps

    found: dict[str, list[str]] = {}
    for app in all_apps():
        for kind in app.handlers:
            found.setdefault(kind, []).append(app.name)
    return {kind: sorted(found[kind]) for kind in sorted(found)}


def read_apart() -> dict[str, list[str]]:
    """The same, read by a process of its own: the worker needs the names, not the modules of every function."""
    child = subprocess.run([sys.executable, "-m", "events.subscriptions"], check=True, stdout=subprocess.PIPE)
    found: dict[str, list[str]] = json.loads(child.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(subscriptions()))
