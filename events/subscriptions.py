"""Who receives what: read from the declarations of the function apps, by relay, broker and generators."""

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
