"""Programs of other makers: one login opens them all, one logout ends them all, and none has a way in of its own."""

import threading
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from tests.platform.beyond import SSO, Listener, programs_told, written_down
from tests.platform.conftest import BASE, ok, refused
from tests.platform.realm import World

pytestmark = pytest.mark.usefixtures("listener")


@pytest.fixture
def told() -> Iterator[tuple[str, list[dict[str, Any]], threading.Semaphore]]:
    with programs_told() as one:
        yield one


@pytest.mark.case("42", 2)
def test_one_login_opens_six_programs_and_one_logout_ends_them_all(
    world: World, secrets: set[str], told: tuple[str, list[dict[str, Any]], threading.Semaphore]
) -> None:
    address, heard, arrived = told
    programs = []
    for place in range(6):
        body = {
            "code": f"pacs-{place}",
            "title": f"影像系统{place}",
            "owner": "影像科",
            "shared_data": "工号、姓名",
            "redirect_uris": [f"http://127.0.0.1:9{place}00/"],
            "backchannel_logout_url": f"{address}/{place}",
            "valid_to": world.consortium.moment(days=30),
        }
        program = ok(world.consortium.system.post(f"{SSO}/partners", body))
        secrets.add(program["secret"])
        programs.append((program["client_id"], body["redirect_uris"][0], program["secret"]))
    person = world.person("registrar")
    browser = world.browser()
    tokens = browser.sign_on(world.username(person))
    secrets.update({tokens["access_token"], tokens["refresh_token"]})
    for client_id, redirect, secret in programs:
        answer, verifier = browser.authorise(client_id, redirect, prompt="none")
        theirs = browser.tokens(answer, verifier, client_id, redirect, client_secret=secret)
        secrets.update({theirs["access_token"], theirs["id_token"]})
        claims = jwt.decode(theirs["id_token"], options={"verify_signature": False})
        assert (claims["preferred_username"], claims["name"]) == (world.username(person), "覃小兰")
        assert "posts" not in claims
        refused(world.caller(theirs["access_token"]).get(f"{BASE}/my/rights"), 401, "token_invalid")
    me = world.caller(tokens["access_token"])
    assert ok(me.post(f"{SSO}/my/sign-out")) == {"sessions": 1, "told": True}
    assert all(arrived.acquire(timeout=5) for _ in programs)
    assert {one["sid"] for one in heard} == {world.verify(tokens["access_token"]).session_id}
    assert {one["aud"] for one in heard} == {client_id for client_id, _, _ in programs}
    world.see_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")
    for client_id, redirect, _ in programs:
        answer, _ = browser.authorise(client_id, redirect, prompt="none")
        assert "error=login_required" in answer.headers["location"]


def test_a_partner_has_an_end_and_no_direct_way_in(world: World, secrets: set[str]) -> None:
    body = {
        "code": "lis",
        "title": "检验系统",
        "owner": "检验科",
        "shared_data": "工号、姓名",
        "redirect_uris": ["http://127.0.0.1:9999/"],
        "valid_to": world.consortium.moment(days=400),
    }
    refused(world.consortium.system.post(f"{SSO}/partners", body), 422, "invalid")
    made = ok(world.consortium.system.post(f"{SSO}/partners", {**body, "valid_to": world.consortium.moment(days=300)}))
    secrets.add(made["secret"])
    client = world.admin.get_client(world.admin.get_client_id(made["client_id"]))
    doors = ("directAccessGrantsEnabled", "implicitFlowEnabled", "publicClient", "serviceAccountsEnabled")
    assert [door for door in doors if client[door]] == []
    assert world.reconcile()["outcome"] == "clean"
    assert world.hospital.events("realm_drift_found") == []  # what was registered is no handiwork
    ok(world.consortium.system.post(f"{SSO}/partners/{made['partner_id']}/end"))
    world.reconcile()
    assert world.admin.get_client(world.admin.get_client_id(made["client_id"]))["enabled"] is False


def test_no_secret_of_a_program_is_written_down(world: World, secrets: set[str], listener: Listener) -> None:
    """Runs last: whatever was done above was done with these secrets."""
    assert len(secrets) > 12
    assert written_down(world, secrets, listener) == []
