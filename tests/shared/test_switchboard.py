"""The switchboard: what a process is asked first is answered without unfolding every route there is."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from shared.application import build
from tests.support.hospital import Hospital, cloned_hospital


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital() as one:
        yield one


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_a_probe_goes_past_fastapi(hospital: Hospital, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    async def unfolded(self: FastAPI, *_: object) -> None:
        raise AssertionError("every route was unfolded for a probe")

    monkeypatch.setattr(FastAPI, "__call__", unfolded)
    assert hospital.client.get(path).status_code == 200


def test_events_are_led_to_their_function_at_once(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(FastAPI, "__call__")
    answer = hospital.client.options("/events", headers={"webhook-request-origin": "eventing.knative.dev"})
    assert answer.headers["webhook-allowed-origin"] == "eventing.knative.dev"
    refused = hospital.client.post("/events/payments/billing", content=b"{}")
    assert refused.json()["code"] == "not_a_cloud_event"


def test_a_method_nobody_serves_is_refused_as_ever(hospital: Hospital) -> None:
    refused = hospital.client.post("/readyz")
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")


def test_what_breaks_at_an_own_address_is_a_problem_that_says_nothing_inside(hospital: Hospital) -> None:
    async def broken(_: Request) -> Response:
        raise ValueError("a patient's name")

    api = build([], hospital.runtime)
    api.add_route("/broken", broken)
    answer = TestClient(api, raise_server_exceptions=False).get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "patient" not in answer.text
