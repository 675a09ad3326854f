"""Every route against every kind of caller. A refusal writes nothing and comes before the body is read.

anonymous, a token of a stranger, a patient, a device, staff of the other campus, staff here without the permission,
staff here with it. The last must get past the gate: any answer but 401 and 403 for the permission.
"""

import uuid

import pytest

from functions import registry
from shared.function import DeclaredRoute
from shared.identity.callers import DEVICES, PATIENT
from shared.identity.posts import POSTS
from tests.support import tokens
from tests.support.hospital import Hospital

ROUTES = [route for app in registry.all_apps() for route in app.routes() if route.kind != "callback"]
"""Every route somebody signs on for. A callback asks for no token; its own tests prove that a signature opens it."""
NOWHERE = "00000000-0000-7000-8000-000000000000"


def address(route: DeclaredRoute) -> str:
    """The path with something that fits in place of its parameters."""
    parts = []
    for part in route.path.split("/"):
        if not part.startswith("{"):
            parts.append(part)
        elif part in {"{code}", "{key}", "{post}", "{subscriber}"}:
            parts.append("hq" if part == "{code}" else "none")
        else:
            parts.append(NOWHERE)
    return "/".join(parts)


def ask(hospital: Hospital, route: DeclaredRoute, token: str | None, campus: str = "hq") -> tuple[int, str]:
    headers = {"x-campus": campus, "idempotency-key": str(uuid.uuid4())}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    answer = hospital.client.request(
        route.method, address(route), headers=headers, json=None if route.method == "GET" else {}
    )
    is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    return answer.status_code, answer.json()["code"] if is_problem else ""


def holder(permission: str) -> str | None:
    """A post that carries a permission."""
    return next((post.code for post in POSTS.values() if permission in post.permissions), None)


def device(kind: str, campus: str) -> str:
    return tokens.sign({"sub": str(uuid.uuid4()), "device": kind, "campus": campus})


def by_devices(permission: str) -> list[str]:
    """Kinds of device that carry a permission."""
    return [code.partition(":")[2] for code, kind in DEVICES.items() if permission in kind.permissions]


def stranger(permission: str) -> str:
    """A post that does not."""
    return next(post.code for post in POSTS.values() if permission not in post.permissions and post.permissions)


def staff(hospital: Hospital, *posts: str, campus: str) -> str:
    return hospital.caller(*posts, campus=campus).token


@pytest.mark.case("42", 3)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_callers(hospital: Hospital, route: DeclaredRoute) -> None:
    before = hospital.census()
    assert ask(hospital, route, None) == (401, "token_missing")
    assert ask(hospital, route, "not.a.token") == (401, "token_invalid")
    forged = tokens.staff_token({"hq": list(POSTS)}, subject="x", name="x", staff_id=uuid.uuid4())
    assert ask(hospital, route, forged[:-4] + ("aaaa" if not forged.endswith("aaaa") else "bbbb"))[0] == 401
    patient = tokens.sign({"sub": str(uuid.uuid4()), "name": "患者", "patient_ids": [str(uuid.uuid4())]})
    own = route.permission.endswith(".self")
    if route.permission not in PATIENT.permissions and not own:
        assert ask(hospital, route, patient) == (403, "permission_denied")
    assert ask(hospital, route, device("bridge", "mch"))[0] == 403
    right = holder(route.permission)
    if right is not None and not own:
        elsewhere = staff(hospital, right, campus="mch")
        assert ask(hospital, route, elsewhere) == (403, "acting_campus")
    if not own:
        without = staff(hospital, stranger(route.permission), campus="hq")
        assert ask(hospital, route, without) == (403, "permission_denied")
    assert hospital.census() == before
    if own:
        return
    entitled = [staff(hospital, right, campus="hq")] if right is not None else []
    entitled += [device(kind, "hq") for kind in by_devices(route.permission)]
    entitled += [patient] if route.permission in PATIENT.permissions else []
    assert entitled, f"nobody carries {route.permission}"
    for token in entitled:
        status, code = ask(hospital, route, token)
        assert status not in {401, 405} or code == "fresh_sign_on_required"
        assert code not in {"permission_denied", "acting_campus"}
        assert status < 500 or code == "service_unavailable", code


@pytest.mark.case("41", 12)
def test_every_route_has_a_permission_somebody_holds() -> None:
    assert [route.path for route in ROUTES if not route.permission] == []
    callers = [*POSTS.values(), *DEVICES.values(), PATIENT]
    held = set().union(*(one.permissions for one in callers)) | {
        permission for permission in (route.permission for route in ROUTES) if permission.endswith(".self")
    }
    assert {route.permission for route in ROUTES} <= held
