"""What every answer says around its body: nothing about the server, nothing a browser may keep or guess at."""

import httpx
import pytest

from functions import registry
from shared.identity.posts import POSTS
from tests.contracts.test_callers import ROUTES, address
from tests.support.hospital import Caller, Hospital
from tests.support.processes import HostProcess, key_server

READS = [route for route in ROUTES if route.method == "GET"]
TALKATIVE = {"server", "x-powered-by", "via", "x-aspnet-version", "x-runtime"}
FOREIGN = {"access-control-allow-origin", "access-control-allow-credentials"}


@pytest.fixture(scope="module")
def everybody(hospital: Hospital) -> Caller:
    return hospital.caller(*POSTS)


@pytest.fixture(scope="module")
def answers(hospital: Hospital, everybody: Caller) -> dict[str, httpx.Response]:
    """One answer of every route that reads, and the refusals every route has in common."""
    found = {f"GET {route.path}": everybody.get(address(route)) for route in READS}
    some = READS[0].path
    found["no token"] = hospital.client.get(some, headers={"x-campus": "hq"})
    found["a wrong token"] = hospital.client.get(
        some, headers={"x-campus": "hq", "authorization": "Bearer not.a.token", "origin": "https://evil.example"}
    )
    found["no campus"] = hospital.client.get(some, headers={"authorization": f"Bearer {everybody.token}"})
    found["no such place"] = everybody.get("/api/nowhere/at/all")
    found["no such method"] = hospital.client.delete(some, headers=everybody.headers())
    found["an unreadable body"] = hospital.client.post(
        next(route.path for route in ROUTES if route.method == "POST" and "{" not in route.path),
        content=b"{",
        headers={**everybody.headers(), "content-type": "application/json"},
    )
    return found


def test_there_are_answers_of_both_kinds(answers: dict[str, httpx.Response]) -> None:
    statuses = {answer.status_code for answer in answers.values()}
    assert {200, 400, 401, 404, 405} <= statuses
    assert len(answers) > 60


def test_no_answer_names_the_server_or_opens_itself_to_other_pages(answers: dict[str, httpx.Response]) -> None:
    wrong = {name: answer.headers for name, answer in answers.items() if (TALKATIVE | FOREIGN) & answer.headers.keys()}
    assert wrong == {}


def test_no_answer_sets_a_cookie(answers: dict[str, httpx.Response]) -> None:
    """Tokens travel in a header only, so that no other page can ride on a session (CSRF)."""
    assert [name for name, answer in answers.items() if "set-cookie" in answer.headers] == []


def test_every_answer_says_what_it_is(answers: dict[str, httpx.Response]) -> None:
    kinds = {
        "application/json",
        "application/pdf",
        "application/problem+json",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }
    for name, answer in answers.items():
        kind = answer.headers.get("content-type", "").split(";")[0]
        assert kind in kinds or (not answer.content and answer.status_code == 204), f"{name}: {kind}"
        assert (kind == "application/problem+json") == (answer.status_code >= 400), name


def test_no_browser_guesses_at_an_answer(answers: dict[str, httpx.Response]) -> None:
    assert [name for name, answer in answers.items() if answer.headers.get("x-content-type-options") != "nosniff"] == []


def test_no_browser_keeps_an_answer(answers: dict[str, httpx.Response]) -> None:
    """A shared workstation must not show the last patient to the next user who presses "back"."""
    assert [name for name, answer in answers.items() if answer.headers.get("cache-control") != "no-store"] == []


def test_the_process_itself_adds_no_banner(hospital: Hospital) -> None:
    """Over a real socket: what uvicorn and the framework would add is seen here only."""
    with key_server() as keys:
        host = HostProcess(hospital.settings, keys)
        host.start()
        try:
            for path, status in (("/healthz", 200), (READS[0].path, 401), ("/no/such/place", 404)):
                answer = httpx.get(host.address + path, headers={"x-campus": "hq"})
                assert answer.status_code == status
                assert not (TALKATIVE & answer.headers.keys()), f"{path}: {answer.headers}"
        finally:
            host.stop()


def test_every_function_s_reads_were_asked(answers: dict[str, httpx.Response]) -> None:
    reading = {app.prefix for app in registry.all_apps() if any(route.method == "GET" for route in app.routes())}
    assert {
        "/".join(name.removeprefix("GET ").split("/")[:4]) for name in answers if name.startswith("GET ")
    } == reading
