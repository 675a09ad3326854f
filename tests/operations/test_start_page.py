"""The start page: complete, self-contained, and silent about log-ins to anybody but this machine."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from functions import registry
from functions.organisation.structure import service as organisation
from infra.his.generate import load_everything
from shared import start_page
from shared.application import build
from shared.identity.posts import POSTS
from shared.runtime import Runtime
from shared.start_page import PAGES, Traffic, is_loopback, pages
from tests.support.campuses import founder, head
from tests.support.hospital import Hospital, cloned_hospital

LOOPBACK = ("127.0.0.1", 50000)
OURS = [file for address, file in pages().items() if "node_modules" not in file.parts]


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([registry.app("organisation/structure")]) as one:
        with one.tx("hq") as tx:
            organisation.bootstrap(tx, head(founders=[founder("10001", "consortium_admin")]))
        yield one


def served(hospital: Hospital, **changes: object) -> FastAPI:
    """The host as a laptop runs it."""
    settings = hospital.settings.model_copy(update={"start_page": True, "demo_password": "Demo-0000", **changes})
    runtime = Runtime(settings, database=hospital.runtime.database, verifier=hospital.verifier, clock=hospital.clock)
    return build([registry.app("organisation/structure"), registry.app("operations/maintenance")], runtime)


@pytest.fixture
def browser(hospital: Hospital) -> TestClient:
    return TestClient(served(hospital), base_url="http://127.0.0.1:8000", client=LOOPBACK)


# -- pages


def test_every_page_is_served_with_a_policy_that_loads_nothing_from_elsewhere(browser: TestClient) -> None:
    for address in (
        "/",
        "/start/main.js",
        "/start/style.css",
        "/start/mark.svg",
        "/reference/",
        "/reference/reference.js",
    ):
        answer = browser.get(address)
        assert answer.status_code == 200, address
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_pages_hold_no_inline_script_and_no_foreign_address(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org)", text), "nothing comes from another machine"
    if file.suffix == ".html":
        assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|<style|style=|javascript:", text)


@pytest.mark.parametrize("file", [file for file in OURS if file.suffix in {".html", ".js"}], ids=lambda file: file.name)
def test_what_pages_refer_to_is_served(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    wanted = set(re.findall(r'(?:src|href)="(/[^"]*)"', text)) | set(re.findall(r'from "(\.?/[^"]+)"', text))
    known = pages().keys() | {"/openapi.json", "/metrics", "/readyz"}
    folder = "/reference" if file.parent.name == "reference" else "/start"
    assert {re.sub(r"^\.", folder, address) for address in wanted} <= known


def test_without_a_start_page_nothing_of_it_is_served(hospital: Hospital) -> None:
    plain = TestClient(build([registry.app("organisation/structure")], hospital.runtime))
    for address in ("/", "/start/state.json", "/start/logins.json", "/reference/"):
        assert plain.get(address).status_code == 404


def test_every_event_has_a_chinese_name() -> None:
    from events.clock import MinutePassed
    from events.envelope import PREFIX, Event

    load_everything()
    labels = (PAGES / "labels.js").read_text(encoding="utf-8")
    named = set(re.findall(r'^  "([a-z_.]+)": "[^"]+",$', labels, re.MULTILINE))
    declared = {
        re.sub(r"\.v\d+$", "", kind.event_type.removeprefix(PREFIX))
        for kind in Event.types.values()
        if kind.__module__.startswith("events.") and not issubclass(kind, MinutePassed)
    }
    assert declared - named == set(), "add their names to clients/start/labels.js"


def test_every_area_has_a_chinese_name() -> None:
    labels = (PAGES / "labels.js").read_text(encoding="utf-8")
    assert {name.split("/")[0] for name in registry.MODULES} <= set(re.findall(r"(\w+): \"", labels))


def test_the_lock_file_names_packages_and_no_address() -> None:
    lock = (PAGES / "package-lock.json").read_text(encoding="utf-8")
    assert "swagger-ui-dist" in lock
    assert "http" not in lock


# -- what runs


def test_the_state_names_modules_campuses_and_services(browser: TestClient) -> None:
    browser.get("/api/organisation/structure/campuses")
    body = browser.get("/start/state.json").json()
    assert [campus["short_name"] for campus in body["campuses"]] == ["总院"]
    modules = {module["name"]: module for module in body["modules"]}
    assert modules["organisation/structure"]["calls"] == 1
    assert modules["organisation/structure"]["failures"] == 0
    assert modules["operations/maintenance"]["calls"] == 0
    services = {service["code"]: service for service in body["services"]}
    assert services["database"]["ready"]
    assert body["identity"]["client"] == "his-web"


def test_a_service_that_does_not_answer_says_what_to_do(hospital: Hospital) -> None:
    api = served(hospital, keycloak_url="http://127.0.0.1:9", s3_endpoint="127.0.0.1:9")
    services = {service["code"]: service for service in TestClient(api).get("/start/state.json").json()["services"]}
    for code in ("identity", "storage"):
        assert not services[code]["ready"]
        assert "make up" in services[code]["way_out"]


def test_a_function_s_failures_are_counted(hospital: Hospital) -> None:
    api = served(hospital)
    client = TestClient(api, raise_server_exceptions=False)

    def broken(request: Request) -> None:
        raise RuntimeError

    api.add_route("/api/operations/maintenance/broken", broken)
    client.get("/api/operations/maintenance/broken")
    client.get("/api/unknown/function")
    found = {module["name"]: module for module in client.get("/start/state.json").json()["modules"]}
    assert (found["operations/maintenance"]["calls"], found["operations/maintenance"]["failures"]) == (1, 1)
    assert found["organisation/structure"]["calls"] == 0


def test_speed_is_that_of_the_slowest_but_one_in_twenty() -> None:
    traffic = Traffic()
    assert traffic.p95() is None
    traffic.durations.extend([0.010] * 95 + [2.0] * 5)
    assert traffic.p95() == 10
    traffic.durations.append(2.0)
    assert traffic.p95() == 2000


# -- who may log in


def test_this_machine_learns_the_demonstration_s_log_ins(browser: TestClient) -> None:
    body = browser.get("/start/logins.json").json()
    assert body["password"] == "Demo-0000"
    [one] = body["people"]
    assert one["campus"] == "hq"
    assert one["posts"] == [{"code": "consortium_admin", "title": POSTS["consortium_admin"].title}]


def test_nobody_else_learns_them(hospital: Hospital, browser: TestClient) -> None:
    api = served(hospital)
    elsewhere = TestClient(api, base_url="http://127.0.0.1:8000", client=("10.1.2.3", 50000))
    renamed = TestClient(api, base_url="http://his.example:8000", client=LOOPBACK)
    real = TestClient(served(hospital, demo_password=""), base_url="http://127.0.0.1:8000", client=LOOPBACK)
    answers = [
        elsewhere.get("/start/logins.json"),
        renamed.get("/start/logins.json"),
        real.get("/start/logins.json"),
        browser.get("/start/logins.json", headers={"x-forwarded-for": "10.1.2.3"}),
        browser.get("/start/logins.json", headers={"forwarded": "for=10.1.2.3"}),
    ]
    for answer in answers:
        assert answer.status_code == 404
        assert "Demo-0000" not in answer.text


@pytest.mark.parametrize(
    ("client", "host", "good"),
    [
        ("127.0.0.1", "127.0.0.1:8000", True),
        ("127.0.0.1", "localhost", True),
        ("::1", "[::1]:8000", True),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "127.0.0.1.example", False),
        ("10.0.0.1", "127.0.0.1", False),
        ("", "localhost", False),
    ],
)
def test_loopback(client: str, host: str, good: bool) -> None:
    scope = {"type": "http", "headers": [(b"host", host.encode())], "client": (client, 1) if client else None}
    assert is_loopback(Request(scope)) is good


def test_the_reference_says_how_to_install_what_is_missing(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(start_page, "SWAGGER", tmp_path)
    answer = TestClient(served(hospital)).get("/reference/swagger-ui-bundle.js")
    assert answer.status_code == 404
    assert "npm ci --prefix clients/start" in answer.json()["detail"]
