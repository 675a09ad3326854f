"""Generated files are fresh, and declarations agree: routes, permissions, posts, connections."""

from pathlib import Path

import pytest

from functions.registry import all_apps
from infra.his import generate
from shared.command import PUBLIC
from shared.identity import posts

FOR_LATER: dict[str, str] = {}
"""Permissions without a route yet -> the module that will ask for them."""

TICKETS = ("validate", "serviceValidate", "proxyValidate", "p3/serviceValidate", "p3/proxyValidate", "proxy")
FOR_EVERYBODY = {
    "/api/payments/gateway/notifications/{channel}/{merchant_id}",
    *(f"/api/platform/sso/cas/{step}" for step in ("login", "back", "logout", "signed-out", *TICKETS)),
    "/api/platform/sso/password",
    *(f"/api/platform/sso/password/{step}" for step in ("back", "by-key", "key")),
}
"""Paths without a permission: whoever calls them is believed by a signature or a ticket, or is a browser on its way to
the realm's login page."""


def test_generated_files_are_fresh() -> None:
    assert generate.stale() == [], "run `his generate` and commit the result"


def test_a_changed_and_a_missing_file_are_stale_and_only_those(tmp_path: Path) -> None:
    assert set(generate.write(tmp_path)) == set(generate.contents())
    assert generate.stale(tmp_path) == []
    assert generate.write(tmp_path) == []
    changed, missing = generate.REFERENCE / "events.md", generate.REFERENCE / "openapi.json"
    (tmp_path / changed).write_text("something else", encoding="utf-8")
    (tmp_path / missing).unlink()
    assert set(generate.stale(tmp_path)) == {changed, missing}


def test_nothing_generated_depends_on_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate.write(tmp_path)
    for name in ("HIS_KEYCLOAK_URL", "HIS_KEYCLOAK_REALM", "HIS_HOST_URL", "HIS_STATE_DIR"):
        monkeypatch.setenv(name, "http://elsewhere.example")
    monkeypatch.setenv("HIS_POOL_SIZE", "77")
    generate.contents.cache_clear()
    assert generate.stale(tmp_path) == []


def test_every_route_asks_for_a_declared_permission_that_somebody_holds() -> None:
    asked = generate.routes_by_permission()
    holders = generate.holders_by_permission()
    everybody = {route.path for route in asked.pop(PUBLIC, [])}
    assert everybody == FOR_EVERYBODY
    assert asked.keys() - posts.PERMISSIONS.keys() == set(), "declare them in shared/identity/posts.py"
    assert asked.keys() - holders.keys() == set(), "no post holds them: nobody could call these routes"


def test_every_permission_opens_a_route_or_says_which_module_will() -> None:
    without = posts.PERMISSIONS.keys() - generate.routes_by_permission().keys()
    assert without == FOR_LATER.keys()


def test_a_route_s_permission_is_of_its_area() -> None:
    """A route asks for a permission of its own module or, where duties are separated, of its area."""
    for permission, routes in generate.routes_by_permission().items():
        for route in routes:
            area = route.path.split("/")[2]
            assert permission in (PUBLIC,) or permission.split(".")[0] == area, f"{route.path}: {permission}"


def test_an_instance_answers_no_more_at_once_than_its_pool_holds() -> None:
    wide = {app.name for app in all_apps() if app.scaling.concurrency > generate.ANYWHERE.pool_size}
    assert wide == set()


def test_every_route_has_a_line_of_intent() -> None:
    silent = [route.path for app in all_apps() for route in app.routes() if not route.summary]
    assert silent == []
